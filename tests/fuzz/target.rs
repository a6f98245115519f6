//! A request target: its path comes out in normal form, or not at all, and leads nowhere else.
//!
//! RFC 3986 is written down here a second time: the percent-encoding of §6.2.2.2 and the algorithm
//! of §5.2.4, step by step as it stands there.

use http::Method;
use oneloop::wire::Fault;
use oneloop::wire::target::{Target, is_authority, parse};

use super::plan::split;

/// Byte 0: the method.
pub fn target(input: &[u8]) {
    let (plan, rest) = split::<1>(input);
    let Ok(raw) = std::str::from_utf8(rest) else { return };
    let method = match plan[0] % 4 {
        0 => Method::GET,
        1 => Method::OPTIONS,
        2 => Method::POST,
        _ => Method::CONNECT,
    };
    let read = parse(&method, raw);
    match &read {
        Ok(read) => check_read(&method, raw, read),
        Err(Fault::Target | Fault::HostInvalid | Fault::AboveRoot) => {}
        Err(Fault::Connect) => assert_eq!(method, Method::CONNECT),
        Err(Fault::Misdirected) => assert_eq!(raw[..8].to_ascii_lowercase(), "https://"),
        Err(other) => panic!("{other:?} for {raw:?}"),
    }
    check_by_the_book(&method, raw, &read);
    check_host(rest);
}

fn check_read(method: &Method, raw: &str, read: &Target<'_>) {
    let path = &*read.path;
    assert_ne!(*method, Method::CONNECT);
    if path == "*" {
        assert_eq!(*method, Method::OPTIONS, "{raw:?}");
        return;
    }
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()), "{raw:?}");
    assert!(!path.contains(['?', '#', '\\', '"', '<', '>']), "{raw:?}");
    for segment in path.split('/') {
        let name = decoded(segment);
        assert!(name != b"." && name != b"..", "{raw:?} leads elsewhere: {path}");
        assert!(!name.iter().any(u8::is_ascii_control), "{raw:?} has a control: {path}");
        // What is decoded is decoded once: the name that was asked for is the name that is there.
        let encoded: String = name.iter().map(|&byte| encoded(byte)).collect();
        assert_eq!(encoded, encoded_as_needed(segment), "{raw:?}");
    }
    let again = parse(method, path).expect("a normal form is a path");
    assert_eq!(again.path, path, "a normal form is its own");
    if let Some(authority) = read.authority {
        assert!(raw.contains(authority) && is_authority(authority.as_bytes()), "{raw:?}");
    }
    if let Some(query) = read.query {
        assert!(raw.ends_with(&format!("?{query}")), "a query is as it came: {raw:?}");
    }
}

/// The octets that a segment stands for.
fn decoded(segment: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next().expect("two digits")).to_digit(16);
        octets.push(match byte {
            b'%' => {
                let (high, low) = (digit().expect("hexadecimal"), digit().expect("hexadecimal"));
                u8::try_from(high * 16 + low).expect("two digits")
            }
            plain => plain,
        });
    }
    octets
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn encoded(byte: u8) -> String {
    if is_unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// A segment in normal form, with what may stand as it is encoded as well.
fn encoded_as_needed(segment: &str) -> String {
    let one = |byte: u8| if byte == b'%' { "%".to_owned() } else { encoded(byte) };
    segment.bytes().map(one).collect()
}

/// Origin form, of which the whole outcome can be foretold (RFC 9112 §3.2.1, RFC 3986 §3.3).
fn check_by_the_book(method: &Method, raw: &str, read: &Result<Target<'_>, Fault>) {
    if *method == Method::CONNECT || !raw.starts_with('/') {
        return;
    }
    let (path, query) = raw.split_once('?').map_or((raw, ""), |(path, query)| (path, query));
    let is_query_byte = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>".contains(&byte);
    let normal = normal_encoding(path).filter(|_| query.bytes().all(is_query_byte));
    let expected = normal.ok_or(Fault::Target).and_then(|path| remove_dot_segments(&path));
    let seen = read.as_ref().map(|read| read.path.to_string()).map_err(|fault| *fault);
    assert_eq!(seen, expected, "{raw:?}");
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2; nothing where it is no path, or has a control in it.
fn normal_encoding(path: &str) -> Option<String> {
    let is_path_byte = |byte| is_unreserved(byte) || b"/!$&'()*+,;=:@".contains(&byte);
    let mut made = String::new();
    let mut rest = path;
    while let Some(first) = rest.bytes().next() {
        if first == b'%' {
            let digits = rest.get(1..3)?;
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let octet = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
            if octet.is_ascii_control() {
                return None;
            }
            made.push_str(&encoded(octet));
            rest = &rest[3..];
        } else if is_path_byte(first) {
            made.push(char::from(first));
            rest = &rest[1..];
        } else {
            return None;
        }
    }
    Some(made)
}

/// RFC 3986 §5.2.4, but that to climb above the root is refused. Steps A and D are for paths that
/// begin without a slash.
fn remove_dot_segments(path: &str) -> Result<String, Fault> {
    let (mut input, mut output) = (path.to_owned(), String::new());
    while !input.is_empty() {
        if input.starts_with("/./") {
            input = input[2..].to_owned();
        } else if input == "/." {
            input = "/".to_owned();
        } else if input.starts_with("/../") || input == "/.." {
            input = if input == "/.." { "/".to_owned() } else { input[3..].to_owned() };
            let parent = output.rfind('/').ok_or(Fault::AboveRoot)?;
            output.truncate(parent);
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.push_str(&input[..end]);
            input = input[end..].to_owned();
        }
    }
    Ok(output)
}

/// A host with an optional port has nothing in it that would end it, or hide another one.
fn check_host(bytes: &[u8]) {
    if !is_authority(bytes) {
        return;
    }
    let shown = bytes.escape_ascii();
    assert!(!bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic), "{shown}");
    assert!(!bytes.iter().any(|byte| b"@/?#\\\"<>".contains(byte)), "{shown}");
    let text = std::str::from_utf8(bytes).expect("ASCII");
    let behind = text.rsplit_once(']').map_or(text, |(_, behind)| behind);
    if let Some((_, port)) = behind.split_once(':') {
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        assert!(is_port && (port.is_empty() || port.parse::<u16>().is_ok()), "{shown}");
    }
}
