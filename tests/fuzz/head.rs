//! The head of a request: the same however it arrives, within its limits, and what is accepted is
//! what RFC 9112 describes, which is written down here a second time, as naively as possible.

use http::Method;
use oneloop::wire::framing::{BodyLength, Framing};
use oneloop::wire::request::{Found, Head, Scan, parse};
use oneloop::{Limits, Version};

use super::plan::{cuts, split, stretched};
use super::reading::{Seen, read_by};

/// Up to this length a head is read byte by byte too.
const READ_BY_BYTE: usize = 2000;

/// Bytes 0: stretched or not; 1: the limits; 2 to 7: where the bytes are cut.
pub fn head(input: &[u8]) {
    let (plan, rest) = split::<8>(input);
    let bytes = stretched(rest, plan[0] & 1 == 1);
    let limits = limits(plan[1]);
    let at_once = read_by(&bytes, &limits, [bytes.len()]);
    let cuts = cuts(&plan[2..], bytes.len());
    let cut = read_by(&bytes, &limits, cuts.iter().copied());
    assert_eq!(cut, at_once, "cut at {cuts:?}: {}", bytes.escape_ascii());
    if bytes.len() <= READ_BY_BYTE {
        let by_byte = read_by(&bytes, &limits, 1..=bytes.len());
        assert_eq!(by_byte, at_once, "byte by byte: {}", bytes.escape_ascii());
    }
    let Ok(Some(seen)) = at_once else { return };
    let with_junk = [&bytes[..seen.len], b"\n \0junk"].concat();
    let again = read_by(&with_junk, &limits, [with_junk.len()]);
    assert_eq!(again, Ok(Some(seen.clone())), "what stands behind a head makes no difference");

    let mut scan = Scan::default();
    let Ok(Found::Whole(len)) = scan.resume(&bytes, &limits) else { unreachable!("it was whole") };
    let head = parse(&bytes, &scan, len).expect("it was read before");
    assert_eq!(Seen::from(head.clone()), seen, "searched for its end first, it is the same head");
    check_limits(&head, &limits);
    check_by_the_book(&bytes[..len], &head);
    check_printed_again(&head, &seen);
}

fn limits(which: u8) -> Limits {
    let mut limits = Limits::default();
    (limits.head_bytes, limits.target_bytes, limits.header_lines) = match which % 4 {
        0 => return limits,
        1 => (64, 16, 3),
        2 => (256, 300, 10),
        _ => (64 * 1024, 64 * 1024, 1000),
    };
    limits
}

fn check_limits(head: &Head<'_>, limits: &Limits) {
    assert!(head.len <= limits.head_bytes, "{} bytes", head.len);
    assert!(head.request.fields.iter().count() <= limits.header_lines, "too many fields");
    let target = head.line.split(|&byte| byte == b' ').nth(1).map_or(0, <[u8]>::len);
    assert!(target <= limits.target_bytes, "a target of {target} bytes");
}

/// RFC 9112 §2 to §6, for a head that was accepted.
fn check_by_the_book(bytes: &[u8], head: &Head<'_>) {
    let text = bytes.escape_ascii();
    let mut bytes = bytes;
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    let mut lines = lines(bytes);
    assert_eq!(lines.pop(), Some(&b""[..]), "an empty line ends it: {text}");
    let line = lines.remove(0);
    assert_eq!(line, head.line, "{text}");
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    assert_eq!(words.len(), 3, "method, target and version: {text}");
    assert!(is_token(words[0]) && words[0] == head.request.method.as_str().as_bytes(), "{text}");
    assert!(words[1].iter().all(u8::is_ascii_graphic), "{text}");
    let version = if words[2] == b"HTTP/1.0" { Version::Http10 } else { Version::Http11 };
    assert!(words[2].starts_with(b"HTTP/1.") && version == head.request.version, "{text}");

    let fields: Vec<(String, &[u8])> = lines.iter().map(|line| field(line)).collect();
    let seen: Vec<(String, &[u8])> = head
        .request
        .fields
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    assert_eq!(seen, fields, "{text}");
    assert_eq!(head.framing, framing(&fields, head.request.version), "{text}");
}

/// Each ends with CR LF, and neither stands anywhere else; nor does NUL.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("CR LF");
        assert!(!text.contains(&b'\r') && !text.contains(&0), "{}", text.escape_ascii());
        lines.push(text);
    }
    lines
}

fn is_token(bytes: &[u8]) -> bool {
    let is_special = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !bytes.is_empty() && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || is_special(byte))
}

/// `name ":" OWS value OWS`
fn field(line: &[u8]) -> (String, &[u8]) {
    let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    assert!(is_token(name), "{}", line.escape_ascii());
    let is_value_byte = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7F);
    assert!(value.iter().all(is_value_byte), "{}", line.escape_ascii());
    (String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_ascii())
}

/// The table of `framing.rs`: all that may be accepted, and what it then means.
fn framing(fields: &[(String, &[u8])], version: Version) -> Framing {
    let all = |name: &str| -> Vec<&[u8]> {
        fields.iter().filter(|(n, _)| n == name).map(|(_, value)| *value).collect()
    };
    let words = |name: &str| -> Vec<String> {
        let values = all(name).into_iter().map(String::from_utf8_lossy);
        let words = values.flat_map(|value| {
            let words = value.split(',').map(|word| word.trim().to_ascii_lowercase());
            words.collect::<Vec<String>>()
        });
        words.collect()
    };
    let hosts = all("host").len();
    assert!(hosts == 1 || (hosts == 0 && version == Version::Http10), "{hosts} times Host");
    let body = match (&all("transfer-encoding")[..], &all("content-length")[..]) {
        ([], []) => BodyLength::Known(0),
        ([], [length]) => {
            let length = std::str::from_utf8(length).expect("digits");
            assert!(length.bytes().all(|byte| byte.is_ascii_digit()), "{length}");
            BodyLength::Known(length.parse().expect("a number"))
        }
        ([coding], []) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked") && version == Version::Http11);
            BodyLength::Chunked
        }
        other => panic!("this can be read in two ways: {other:?}"),
    };
    let connection = words("connection");
    let says = |word: &str| connection.iter().any(|said| said == word);
    let is_11 = version == Version::Http11;
    let keep_alive = !says("close") && (is_11 || says("keep-alive"));
    let expects_continue = is_11 && words("expect").iter().any(|word| word == "100-continue");
    Framing { body, keep_alive, expects_continue }
}

/// Printed from its pieces, it is read as the same.
fn check_printed_again(head: &Head<'_>, seen: &Seen) {
    let target = &head.request;
    let mut printed = format!("{} ", head.request.method).into_bytes();
    if let Some(authority) = target.authority {
        printed.extend([b"http://", authority.as_bytes()].concat());
    }
    let is_server = head.request.method == Method::OPTIONS && target.path == "*";
    if !(is_server && target.authority.is_some()) {
        printed.extend(target.path.bytes());
    }
    if let Some(query) = target.query {
        printed.extend([b"?", query.as_bytes()].concat());
    }
    printed.extend(format!(" {}\r\n", head.request.version).bytes());
    for (name, value) in head.request.fields {
        printed.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    printed.extend(b"\r\n");
    // It may be a little longer: an empty path is a slash, and each value has its space.
    let mut roomy = limits(3);
    roomy.head_bytes *= 2;
    let again = read_by(&printed, &roomy, [printed.len()]).expect("it is a head").expect("a whole");
    let expected = Seen { len: again.len, line: again.line.clone(), ..seen.clone() };
    assert_eq!(again, expected, "printed as {}", printed.escape_ascii());
}
