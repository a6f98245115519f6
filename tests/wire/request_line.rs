//! The request line (RFC 9112 §3): method, target and version, and one space between them.

use oneloop::wire::Fault;
use oneloop::{Limits, Version};

use super::reading::{cases, read, read_whole};

const V10: Version = Version::Http10;
const V11: Version = Version::Http11;

/// Why, the line, and its method, path and version or what is wrong with it.
type Case<'a> = (&'a str, &'a [u8], Result<(&'a str, &'a str, Version), Fault>);

/// Reads a line as that of a whole head.
fn check(cases: &[Case<'_>]) {
    for (what, line, expected) in cases {
        let head = [line, &b"\r\nHost: x\r\n\r\n"[..]].concat();
        let seen = read_whole(&head);
        let read = seen.as_ref().map(|s| (s.method.as_str(), s.path.as_str(), s.version));
        assert_eq!(read.map_err(|&fault| fault), *expected, "{what}: {}", line.escape_ascii());
        if let Ok(seen) = &seen {
            assert!(line.ends_with(&seen.line), "{what}: the line as it came");
        }
    }
}

#[test]
fn well_formed_lines() {
    let every_token_byte = b"!#$%&'*+-.^_`|~059azAZ / HTTP/1.1";
    check(&[
        ("9112 §3: the usual", b"GET /a HTTP/1.1", Ok(("GET", "/a", V11))),
        ("9112 §2.3: 1.0", b"GET /a HTTP/1.0", Ok(("GET", "/a", V10))),
        ("9110 §2.5: a higher minor is 1.1", b"GET / HTTP/1.2", Ok(("GET", "/", V11))),
        ("9110 §2.5: the highest minor", b"GET / HTTP/1.9", Ok(("GET", "/", V11))),
        ("9110 §9.1: methods are case-sensitive", b"get / HTTP/1.1", Ok(("get", "/", V11))),
        ("9110 §9.1: one letter more", b"GETT / HTTP/1.1", Ok(("GETT", "/", V11))),
        ("9110 §9.1: one letter", b"G / HTTP/1.1", Ok(("G", "/", V11))),
        ("9110 §9.1: unknown", b"M-SEARCH / HTTP/1.1", Ok(("M-SEARCH", "/", V11))),
        (
            "9110 §5.6.2: every token byte",
            every_token_byte,
            Ok(("!#$%&'*+-.^_`|~059azAZ", "/", V11)),
        ),
        ("9112 §2.2: an empty line before it", b"\r\nGET / HTTP/1.1", Ok(("GET", "/", V11))),
        ("9112 §2.2: four", b"\r\n\r\n\r\n\r\nGET / HTTP/1.1", Ok(("GET", "/", V11))),
    ]);
}

#[test]
fn spaces() {
    check(&[
        ("9112 §3: two before the target", b"GET  / HTTP/1.1", Err(Fault::RequestLine)),
        ("9112 §3: two before the version", b"GET /  HTTP/1.1", Err(Fault::Version)),
        ("9112 §3: one behind the version", b"GET / HTTP/1.1 ", Err(Fault::Version)),
        ("9112 §3: a fourth word", b"GET / HTTP/1.1 x", Err(Fault::Version)),
        ("9112 §3: a space in the target", b"GET /a b HTTP/1.1", Err(Fault::Version)),
        ("9112 §3: one before the method", b" GET / HTTP/1.1", Err(Fault::NotHttp)),
        ("9112 §3: a tab before the method", b"\tGET / HTTP/1.1", Err(Fault::NotHttp)),
        ("9112 §3: a tab behind the method", b"GET\t/ HTTP/1.1", Err(Fault::NotHttp)),
        ("9112 §3: a tab before the version", b"GET /\tHTTP/1.1", Err(Fault::RequestLine)),
        ("9112 §3: a tab in the target", b"GET /\t HTTP/1.1", Err(Fault::Target)),
        ("9112 §3: FF behind the method", b"GET\x0c/ HTTP/1.1", Err(Fault::NotHttp)),
        ("9112 §3: VT before the version", b"GET /\x0bHTTP/1.1", Err(Fault::RequestLine)),
        ("9112 §3: NBSP behind the method", b"GET\xa0/ HTTP/1.1", Err(Fault::NotHttp)),
        ("9112 §3: no spaces", b"GET/HTTP/1.1", Err(Fault::NotHttp)),
        ("9112 §3: no target", b"GET HTTP/1.1", Err(Fault::RequestLine)),
        ("9112 §3: method and a space", b"GET ", Err(Fault::RequestLine)),
        ("9112 §3: method alone", b"GET", Err(Fault::RequestLine)),
        ("9112 §3: no method", b"/a HTTP/1.1", Err(Fault::NotHttp)),
    ]);
}

#[test]
fn methods_that_are_none() {
    // RFC 9110 §5.6.2: what is in no token.
    let delimiters = b"\"(),/:;<=>?@[\\]{}";
    let controls = (1..=0x1f).chain([0x7f]).filter(|byte| !b"\r\n".contains(byte));
    let others = delimiters.iter().copied().chain(controls).chain(0x80..=0xff);
    for byte in others {
        let line = [b"G", &[byte][..], b"T / HTTP/1.1"].concat();
        check(&[("9110 §5.6.2: a byte no method may hold", &line, Err(Fault::NotHttp))]);
    }
}

#[test]
fn versions() {
    let rows = [
        ("9112 §2.3: one DIGIT, a dot, one DIGIT", "HTTP/1|HTTP/1.|HTTP/.1|HTTP/01.1|HTTP/1.01"),
        (
            "9112 §2.3: and nothing more",
            "HTTP/1.1.1|HTTP/1.257|HTTP/a.b|HTTP/-1.1|HTTP/1.+1|HTTP/ 1.1",
        ),
        ("9112 §2.3: in upper case", "http/1.1|Http/1.1"),
        ("9112 §2.3: HTTP", "HTTPS/1.1|HTP/1.1|ICE/1.0|RTSP/1.0|HTTP\\1.1|HTTP/1,1|HTTP/1.\u{b2}"),
    ];
    for (rfc, version) in cases(&rows) {
        check(&[(rfc, format!("GET / {version}").as_bytes(), Err(Fault::Version))]);
    }
    for major in ["2.0", "3.0", "9.9", "0.9", "0.0", "2.1"] {
        let line = format!("GET / HTTP/{major}");
        let expected = Err(Fault::VersionNotServed);
        check(&[("9110 §15.6.6: another major", line.as_bytes(), expected)]);
    }
}

/// What is judged of what is there, whole or not. `None`: more must come.
fn check_begun(cases: &[(&str, &[u8], Option<Fault>)]) {
    let limits = Limits::default();
    for (what, bytes, expected) in cases {
        let read = read(bytes, &limits);
        assert_eq!(read.as_ref().err(), expected.as_ref(), "{what}: {}", bytes.escape_ascii());
        assert!(!matches!(read, Ok(Some(_))), "{what}: not whole");
    }
}

#[test]
fn what_begins_no_request_is_told_at_once() {
    check_begun(&[
        ("nothing", b"", None),
        ("9112 §2.2: an unfinished request is waited for", b"G", None),
        ("9112 §2.2: method and space", b"GET ", None),
        ("9112 §2.2: all but the LF", b"GET / HTTP/1.1\r", None),
        ("9112 §2.2: one of two line ends", b"GET / HTTP/1.1\r\nHost: x\r\n", None),
        ("9112 §2.2: one and a half", b"GET / HTTP/1.1\r\nHost: x\r\n\r", None),
        ("9112 §2.2: an empty line is none yet", b"\r\n", None),
        ("9112 §2.2: half an empty line", b"\r", None),
        ("9112 §2.2: four empty lines", b"\r\n\r\n\r\n\r\n", None),
        ("9112 §2.2: five are too many", b"\r\n\r\n\r\n\r\n\r\n", Some(Fault::BlankLines)),
        ("9112 §3: a TLS hello", b"\x16\x03\x01", Some(Fault::NotHttp)),
        ("9112 §3: noise", b"\xde\xad", Some(Fault::NotHttp)),
        ("9112 §3: a space", b" ", Some(Fault::NotHttp)),
        ("9112 §3: an SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n", Some(Fault::RequestLine)),
        ("9112 §3: SMTP", b"EHLO localhost\r\n", Some(Fault::RequestLine)),
        ("9112 §3: a response", b"HTTP/1.1 200 OK\r\n", Some(Fault::NotHttp)),
        ("9112 §3: JSON", b"{\"id\":1}", Some(Fault::NotHttp)),
        ("9113 §3.4: the HTTP/2 preface", b"PRI * HTTP/2.0\r\n", Some(Fault::VersionNotServed)),
        ("9112 §2.3: HTTP/0.9", b"GET /\r\n", Some(Fault::RequestLine)),
        ("9112 §2.3: HTTP/0.9 and a space", b"GET / \r\n", Some(Fault::Version)),
    ]);
}

#[test]
fn line_ends() {
    check_begun(&[
        ("9112 §2.2: a bare LF", b"GET / HTTP/1.1\n", Some(Fault::BareLineEnd)),
        ("9112 §2.2: LF in a field", b"GET / HTTP/1.1\r\nHost: x\n", Some(Fault::BareLineEnd)),
        (
            "9112 §2.2: LF for a blank line",
            b"GET / HTTP/1.1\r\nHost: x\r\n\n",
            Some(Fault::BareLineEnd),
        ),
        ("9112 §2.2: a bare CR", b"GET / HTTP/1.1\rHost", Some(Fault::BareLineEnd)),
        ("9112 §2.2: CR CR LF", b"GET / HTTP/1.1\r\r\n", Some(Fault::BareLineEnd)),
        ("9112 §2.2: CR in the target", b"GET /a\rb", Some(Fault::BareLineEnd)),
        (
            "9112 §2.2: CR for the blank line",
            b"GET / HTTP/1.1\r\nHost: x\r\n\rX",
            Some(Fault::BareLineEnd),
        ),
        ("9110 §5.5: NUL in a value", b"GET / HTTP/1.1\r\nHost: x\0", Some(Fault::BareLineEnd)),
        ("9112 §3.2: NUL in the target", b"GET /\0", Some(Fault::BareLineEnd)),
        ("9112 §2.2: LF before the request line", b"\nGET", Some(Fault::BareLineEnd)),
        ("9112 §2.2: CR before the request line", b"\rGET", Some(Fault::BareLineEnd)),
        ("9112 §2.2: LF behind an empty line", b"\r\n\nGET", Some(Fault::BareLineEnd)),
        ("9112 §2.2: NUL before the request line", b"\0", Some(Fault::BareLineEnd)),
        ("9112 §2.2: NUL in the method", b"G\0", Some(Fault::BareLineEnd)),
    ]);
}

#[test]
fn methods_of_every_length() {
    let longest = [&[b'M'; 32][..], b" / HTTP/1.1"].concat();
    check(&[("9112 §3: 32 letters", &longest, Ok((&"M".repeat(32), "/", V11)))]);
    let longer = [&[b'M'; 33][..], b" / HTTP/1.1"].concat();
    check(&[("9112 §3: 33 letters: 501", &longer, Err(Fault::MethodTooLong))]);
    check_begun(&[
        ("9112 §3: 32 letters, unfinished", &[b'M'; 32], None),
        ("9112 §3: 33 letters, unfinished", &[b'M'; 33], Some(Fault::MethodTooLong)),
    ]);
}

/// Under limits so small that their edges can be seen.
fn small() -> Limits {
    let mut limits = Limits::default();
    (limits.target_bytes, limits.head_bytes, limits.header_lines) = (16, 64, 3);
    limits
}

#[test]
fn targets_of_every_length() {
    // RFC 9112 §3: "MUST respond with a 414 (URI Too Long) status code".
    let at_limit = b"GET /123456789abcdef HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(read(at_limit, &small()).map(|seen| seen.expect("whole").path.len()), Ok(16));
    let beyond = b"GET /123456789abcdefg HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(read(beyond, &small()), Err(Fault::TargetTooLong));
    let endless = b"GET /123456789abcdefghijklmnopqrstuvwxyz";
    assert_eq!(read(endless, &small()), Err(Fault::TargetTooLong));
    // It is the version here that is too long, and the status must not say otherwise.
    let version = b"GET / HTTP/1.1aaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    assert_eq!(read(version, &small()), Err(Fault::Version));
}

#[test]
fn heads_of_every_length() {
    // RFC 6585 §5: 431 where all fields together are too long.
    let fill = |n: usize| format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "v".repeat(n));
    assert_eq!(fill(32).len(), 64);
    assert!(read(fill(32).as_bytes(), &small()).is_ok_and(|seen| seen.is_some()));
    assert_eq!(read(fill(33).as_bytes(), &small()), Err(Fault::HeadTooLong));
    let endless = &fill(100).into_bytes()[..80];
    assert_eq!(read(endless, &small()), Err(Fault::HeadTooLong));
    // A head that fills its room and has not ended will not end in it.
    assert_eq!(read(&fill(33).into_bytes()[..64], &small()), Err(Fault::HeadTooLong));
    assert_eq!(read(&fill(32).into_bytes()[..63], &small()), Ok(None));
}

#[test]
fn so_many_lines_and_no_more() {
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a:\r\n".repeat(n));
    assert!(read(head(2).as_bytes(), &small()).is_ok_and(|seen| seen.is_some()));
    assert_eq!(read(head(3).as_bytes(), &small()), Err(Fault::TooManyFields));
    // By default a hundred.
    assert!(read(head(99).as_bytes(), &Limits::default()).is_ok_and(|seen| seen.is_some()));
    assert_eq!(read(head(100).as_bytes(), &Limits::default()), Err(Fault::TooManyFields));
    // More than are parsed on the stack.
    let mut generous = Limits::default();
    generous.header_lines = 1000;
    let seen = read(head(500).as_bytes(), &generous).map(|seen| seen.expect("whole").fields.len());
    assert_eq!(seen, Ok(501));
}

/// A head as long as may be granted, read byte by byte as all others are.
#[test]
fn the_longest_head_there_is() {
    let mut limits = Limits::default();
    limits.head_bytes = 64 * 1024;
    let rest = 64 * 1024 - "GET / HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n".len();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "v".repeat(rest));
    assert!(read(head.as_bytes(), &limits).is_ok_and(|seen| seen.is_some()));
}

/// RFC 9110 §15: the status that each fault is answered by.
#[test]
fn statuses() {
    let others = [
        (Fault::Misdirected, 421),
        (Fault::TargetTooLong, 414),
        (Fault::VersionNotServed, 505),
        (Fault::Connect, 501),
        (Fault::MethodTooLong, 501),
        (Fault::CodingNotImplemented, 501),
        (Fault::HeadTooLong, 431),
        (Fault::TooManyFields, 431),
        (Fault::TrailersTooLong, 431),
        (Fault::Expectation, 417),
        (Fault::BodyTooLong, 413),
        (Fault::HeadTimeout, 408),
        (Fault::BodyTimeout, 408),
    ];
    for (fault, status) in others {
        assert_eq!(fault.status().as_u16(), status, "{fault}");
        check_sentence(fault);
    }
    for fault in [
        Fault::NotHttp,
        Fault::BlankLines,
        Fault::BareLineEnd,
        Fault::RequestLine,
        Fault::Target,
        Fault::AboveRoot,
        Fault::Version,
        Fault::FieldLine,
        Fault::HostMissing,
        Fault::HostTwice,
        Fault::HostInvalid,
        Fault::ContentLength,
        Fault::LengthAndCoding,
        Fault::CodingOn10,
        Fault::TransferEncoding,
        Fault::ChunkSize,
        Fault::ChunkExtension,
        Fault::ChunkEnd,
        Fault::Trailer,
    ] {
        assert_eq!(fault.status().as_u16(), 400, "{fault}");
        check_sentence(fault);
    }
}

/// One line of plain text, which goes out as the body of the answer.
fn check_sentence(fault: Fault) {
    let sentence = fault.to_string();
    assert!(sentence.ends_with('.') && sentence.bytes().all(|byte| matches!(byte, b' '..=b'~')));
}
