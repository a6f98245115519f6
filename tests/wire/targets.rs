//! The request target (RFC 9112 §3.2): its four forms, and the normal form of its path (RFC 3986
//! §6.2.2).

use std::borrow::Cow;

use oneloop::Method;
use oneloop::wire::Fault;
use oneloop::wire::target::parse;

use super::reading::read_whole;

type Taken<'a> = Result<(&'a str, Option<&'a str>), Fault>;

/// Takes a target apart, by itself and in a head.
fn check(method: &Method, cases: &[(&str, &str, Taken<'_>)]) {
    for (what, raw, expected) in cases {
        let target = parse(method, raw);
        let taken = target.as_ref().map(|t| (t.path.as_ref(), t.query)).map_err(|&fault| fault);
        assert_eq!(taken, *expected, "{what}: {raw}");
        let head = format!("{method} {raw} HTTP/1.1\r\nHost: x\r\n\r\n");
        let seen = read_whole(head.as_bytes());
        let seen = seen.as_ref().map(|seen| (seen.path.as_str(), seen.query.as_deref()));
        assert_eq!(seen.map_err(|&fault| fault), *expected, "{what}, in a head: {raw}");
    }
}

#[test]
fn origin_form() {
    check(
        &Method::GET,
        &[
            ("9112 §3.2.1: the root", "/", Ok(("/", None))),
            ("9112 §3.2.1: path and query", "/a/b?c=d", Ok(("/a/b", Some("c=d")))),
            ("9112 §3.2.1: an empty query is one", "/a?", Ok(("/a", Some("")))),
            ("3986 §3.4: the first ? begins it", "/a?b?c/../d", Ok(("/a", Some("b?c/../d")))),
            ("3986 §3.4: a query is not decoded", "/?%61%2e", Ok(("/", Some("%61%2e")))),
            ("3986 §3.3: parameters are of the name", "/a;v=1,2", Ok(("/a;v=1,2", None))),
            ("3986 §3.3: empty segments stay", "//a//b//", Ok(("//a//b//", None))),
            ("3986 §3.3: a URI in a path", "/http://x/", Ok(("/http://x/", None))),
            ("9112 §3.2: a fragment is never sent", "/a#b", Err(Fault::Target)),
            ("9112 §3.2: nor behind a query", "/a?b#c", Err(Fault::Target)),
        ],
    );
}

#[test]
fn absolute_form() {
    check(
        &Method::GET,
        &[
            ("9112 §3.2.2: as to a proxy", "http://x/a?b", Ok(("/a", Some("b")))),
            ("9110 §4.2.3: schemes have no case", "HTTP://X/a", Ok(("/a", None))),
            ("9110 §7.4: https, but not secured", "https://x/a", Err(Fault::Misdirected)),
            ("9110 §4.2.2: https without a host", "https:///a", Err(Fault::Misdirected)),
            ("9110 §7.4: in capitals", "HTTPS://x", Err(Fault::Misdirected)),
            ("9112 §3.2.2: it stands above Host", "http://other.example/", Ok(("/", None))),
            ("9110 §4.2.1: with a port", "http://x:80/a", Ok(("/a", None))),
            ("3986 §3.2.2: an address", "http://[::1]:8080/a", Ok(("/a", None))),
            ("9110 §4.2.3: an empty path is the root", "http://x", Ok(("/", None))),
            ("9110 §4.2.3: with a query", "http://x?q", Ok(("/", Some("q")))),
            ("3986 §6.2.2.3: normal form here too", "http://x/a/../%62", Ok(("/b", None))),
            ("9110 §4.2.1: an empty host", "http:///a", Err(Fault::HostInvalid)),
            ("9110 §4.2.4: user information", "http://u:p@x/a", Err(Fault::HostInvalid)),
            ("3986 §3.2.3: a port that is none", "http://x:80a/", Err(Fault::HostInvalid)),
            ("3986 §3.5: a fragment", "http://x#f", Err(Fault::HostInvalid)),
            ("3986 §3.4: a query that is none", "http://x?<", Err(Fault::Target)),
            ("3986 §3.5: a fragment behind a query", "http://x/?a#b", Err(Fault::Target)),
            ("9110 §7.4: another scheme", "ftp://x/a", Err(Fault::Target)),
            ("3986 §3: no scheme", "://x/a", Err(Fault::Target)),
            ("9112 §3.2: one slash", "http:/x/a", Err(Fault::Target)),
            ("9112 §3.2: relative", "a", Err(Fault::Target)),
            ("9112 §3.2: relative with dots", "../a", Err(Fault::Target)),
            ("9112 §3.2: a query alone", "?a", Err(Fault::Target)),
            ("9112 §3.2: one odd character", "!", Err(Fault::Target)),
        ],
    );
}

/// RFC 9112 §3.2.2: what stands above Host is kept, and nothing where there is none.
#[test]
fn authorities() {
    for (raw, authority) in [
        ("http://x:80/a", Some("x:80")),
        ("http://[::1]?q", Some("[::1]")),
        ("http://y", Some("y")),
        ("/http://x/", None),
        ("//x/a", None),
    ] {
        let target = parse(&Method::GET, raw).expect("a target");
        assert_eq!(target.authority, authority, "{raw}");
    }
}

#[test]
fn authority_form() {
    check(
        &Method::CONNECT,
        &[
            ("9110 §9.3.6: no proxy", "example.com:443", Err(Fault::Connect)),
            ("9112 §3.2.3: nor with a path", "/a", Err(Fault::Connect)),
        ],
    );
    check(
        &Method::GET,
        &[
            ("9112 §3.2.3: for CONNECT alone", "example.com:443", Err(Fault::Target)),
            ("9112 §3.2.3: nor an address", "[::1]:443", Err(Fault::Target)),
        ],
    );
}

#[test]
fn asterisk_form() {
    check(
        &Method::OPTIONS,
        &[
            ("9112 §3.2.4: the server itself", "*", Ok(("*", None))),
            ("9112 §3.2.4: the last proxy makes it so", "http://x", Ok(("*", None))),
            ("9110 §9.3.7: a path has options too", "/a", Ok(("/a", None))),
            ("9112 §3.2.4: nothing behind it", "*?a", Err(Fault::Target)),
            ("9112 §3.2.4: once", "**", Err(Fault::Target)),
        ],
    );
    check(&Method::GET, &[("9112 §3.2.4: for OPTIONS alone", "*", Err(Fault::Target))]);
}

#[test]
fn normal_form() {
    check(
        &Method::GET,
        &[
            ("3986 §6.2.2.2: %61 is a", "/%61", Ok(("/a", None))),
            (
                "3986 §6.2.2.2: so are all unreserved",
                "/%41%7A%30%2D%2E%5F%7E",
                Ok(("/Az0-._~", None)),
            ),
            ("3986 §6.2.2.2: %2F is no slash", "/a%2Fb", Ok(("/a%2Fb", None))),
            ("3986 §6.2.2.1: digits in upper case", "/a%2fb%c3%a4", Ok(("/a%2Fb%C3%A4", None))),
            ("3986 §2.2: sub-delimiters stay apart", "/!%21;%3B", Ok(("/!%21;%3B", None))),
            ("3986 §2.4: decoded once", "/%2561", Ok(("/%2561", None))),
            ("3986 §2.4: %25 stays", "/%252e%252e/", Ok(("/%252e%252e/", None))),
            ("3986 §2.1: one digit", "/a%4", Err(Fault::Target)),
            ("3986 §2.1: none", "/a%", Err(Fault::Target)),
            ("3986 §2.1: not a digit", "/%g0", Err(Fault::Target)),
            ("3986 §2.1: %% is nothing", "/%%20", Err(Fault::Target)),
            ("3986 §2.1: a sign", "/%+1", Err(Fault::Target)),
        ],
    );
}

#[test]
fn dot_segments() {
    check(
        &Method::GET,
        &[
            ("3986 §5.2.4: the example", "/a/b/c/./../../g", Ok(("/a/g", None))),
            ("3986 §5.2.4: one dot", "/./a", Ok(("/a", None))),
            ("3986 §5.2.4: one dot at the end", "/a/.", Ok(("/a/", None))),
            ("3986 §5.2.4: two at the end", "/a/b/..", Ok(("/a/", None))),
            ("3986 §5.2.4: to the root", "/a/..", Ok(("/", None))),
            ("3986 §5.2.4: an empty segment is one", "/a//../b", Ok(("/a/b", None))),
            ("3986 §6.2.2.3: %2e%2e", "/a/%2e%2E/b", Ok(("/b", None))),
            ("3986 §6.2.2.3: .%2e", "/a/.%2e/b", Ok(("/b", None))),
            ("3986 §3.3: three dots are a name", "/.../a", Ok(("/.../a", None))),
            ("3986 §3.3: so are hidden ones", "/.well-known/..a", Ok(("/.well-known/..a", None))),
            ("3986 §3.3: and dots with a parameter", "/..;/a", Ok(("/..;/a", None))),
            ("3986 §3.3: an encoded slash ends none", "/a/..%2F", Ok(("/a/..%2F", None))),
            ("9110 §17.3: above the root", "/..", Err(Fault::AboveRoot)),
            ("9110 §17.3: above it and back", "/../a", Err(Fault::AboveRoot)),
            ("9110 §17.3: from within", "/a/../../b", Err(Fault::AboveRoot)),
            ("9110 §17.3: encoded", "/%2e%2e/a", Err(Fault::AboveRoot)),
            ("9110 §17.3: half encoded", "/%2E./a", Err(Fault::AboveRoot)),
            ("9110 §17.3: behind one dot", "/./../a", Err(Fault::AboveRoot)),
            ("9110 §17.3: in absolute form", "http://x/../a", Err(Fault::AboveRoot)),
        ],
    );
}

/// RFC 3986 §3.3, the grammar a second time: `pchar` and the slash.
const PATH: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
/// What may stand in a query beside them: `?` by RFC 3986 §3.4, the rest because browsers send it.
const QUERY_TOO: &[u8] = b"?[]{}|\\^`%";

/// Every byte, raw, in a path and in a query.
#[test]
fn raw_bytes() {
    for byte in 0..=255_u8 {
        let line =
            |before: &[u8]| [b"GET ", before, &[byte], b"z HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        let ends_the_line = matches!(byte, 0 | b'\r' | b'\n' | b' ');
        // A percent sign needs its digits, and a ? ends the path.
        if !ends_the_line && !b"%?".contains(&byte) {
            let path = read_whole(&line(b"/a"));
            let expected = if PATH.contains(&byte) { None } else { Some(Fault::Target) };
            assert_eq!(path.err(), expected, "{byte:#x} in a path");
        }
        if !ends_the_line {
            let query = read_whole(&line(b"/?a"));
            let is_allowed = PATH.contains(&byte) || QUERY_TOO.contains(&byte);
            assert_eq!(query.err(), (!is_allowed).then_some(Fault::Target), "{byte:#x} in a query");
        }
    }
}

/// Raw UTF-8, and what only looks like it, is refused: it must be encoded (RFC 3986 §2).
#[test]
fn raw_text() {
    for raw in [
        "/ü".as_bytes(),
        b"/\xfc",
        b"/\xc0\xaf",
        b"/\xe2\x82",
        "/?ü".as_bytes(),
        "http://ü/".as_bytes(),
    ] {
        let head = [b"GET ", raw, b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        assert_eq!(read_whole(&head).err(), Some(Fault::Target), "{}", raw.escape_ascii());
    }
}

/// Every byte, encoded: unreserved ones are decoded, controls refused (they name nothing, and would
/// reach logs and fields), the rest stays as it is.
#[test]
fn encoded_bytes() {
    for byte in 0..=255_u8 {
        for raw in [format!("/a%{byte:02x}b"), format!("/a%{byte:02X}b")] {
            let expected = match byte {
                0..0x20 | 0x7f => Err(Fault::Target),
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    Ok(format!("/a{}b", char::from(byte)))
                }
                _ => Ok(format!("/a%{byte:02X}b")),
            };
            let path = parse(&Method::GET, &raw).map(|target| target.path.into_owned());
            assert_eq!(path, expected, "{raw}");
        }
    }
}

/// RFC 3986 §5.2.4, literally, on a path whose unreserved octets are decoded; `None` where it would
/// climb above its root, which the RFC lets pass and we do not.
fn remove_dot_segments(path: &str) -> Option<String> {
    let mut input = path.to_owned();
    let mut output = String::new();
    while !input.is_empty() {
        if input.starts_with("/./") {
            input.replace_range(..2, "");
        } else if input == "/." {
            "/".clone_into(&mut input);
        } else if input.starts_with("/../") || input == "/.." {
            output.truncate(output.rfind('/')?);
            input = format!("/{}", input.get(4..).unwrap_or_default());
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    Some(output)
}

/// All paths of up to seven of these pieces, against the RFC's own algorithm.
#[test]
fn every_short_path() {
    const PIECES: [&str; 6] = ["/", ".", "a", "%2e", "%2F", "%61"];
    let mut checked = 0;
    for number in 0..6_usize.pow(6) {
        let mut rest = number;
        let mut raw = String::from("/");
        while rest > 0 {
            raw.push_str(PIECES[rest % 6]);
            rest /= 6;
        }
        let decoded = raw.replace("%2e", ".").replace("%61", "a");
        let expected = remove_dot_segments(&decoded).ok_or(Fault::AboveRoot);
        let path = parse(&Method::GET, &raw).map(|target| target.path.into_owned());
        assert_eq!(path, expected, "{raw}");
        if let Ok(path) = &path {
            assert!(path.starts_with('/'), "{raw}: {path}");
            let again = parse(&Method::GET, path).expect("a normal form is one").path;
            assert_eq!(again, *path, "{raw}: the normal form of a normal form is itself");
        }
        checked += 1;
    }
    assert_eq!(checked, 46_656);
}

/// A path in normal form, as nearly all are, is borrowed and not copied.
#[test]
fn what_is_normal_is_borrowed() {
    for raw in ["/", "/index.html", "/a%20b/c.d;e", "/a%2Fb?c=d", "http://x/a", "//"] {
        let target = parse(&Method::GET, raw).expect("a target");
        assert!(matches!(target.path, Cow::Borrowed(_)), "{raw}");
    }
}
