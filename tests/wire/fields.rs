//! Field lines (RFC 9112 §5): `name ":" OWS value OWS`, and nothing that could be read otherwise.

use oneloop::Limits;
use oneloop::wire::Fault;
use oneloop::wire::request::{Found, Scan, parse};

use super::reading::read_whole;

type Lines<'a> = Result<&'a [(&'a str, &'a [u8])], Fault>;

/// Reads lines as they stand behind Host.
fn check(cases: &[(&str, &[u8], Lines<'_>)]) {
    for (what, lines, expected) in cases {
        let head = [b"GET / HTTP/1.1\r\nHost: x\r\n", *lines, b"\r\n"].concat();
        let seen = read_whole(&head).map(|seen| seen.fields);
        match (&seen, expected) {
            (Ok(fields), Ok(expected)) => {
                let read: Vec<(&str, &[u8])> =
                    fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
                assert_eq!(read[1..], **expected, "{what}: {}", lines.escape_ascii());
            }
            _ => assert_eq!(
                seen.as_ref().err(),
                expected.as_ref().err(),
                "{what}: {}",
                lines.escape_ascii()
            ),
        }
    }
}

#[test]
fn well_formed_lines() {
    check(&[
        ("9112 §5: none", b"", Ok(&[])),
        ("9112 §5: one", b"A: b\r\n", Ok(&[("A", b"b")])),
        ("9112 §5.1: no space is needed", b"A:b\r\n", Ok(&[("A", b"b")])),
        ("9112 §5.1: OWS around a value", b"A: \t b c \t\r\n", Ok(&[("A", b"b c")])),
        ("9110 §5.5: an empty value", b"A:\r\nB: \t\r\n", Ok(&[("A", b""), ("B", b"")])),
        ("9110 §5.3: order is kept", b"A: 1\r\na: 2\r\n", Ok(&[("A", b"1"), ("a", b"2")])),
        ("9110 §5.5: colons in a value", b"A: b:c::\r\n", Ok(&[("A", b"b:c::")])),
        (
            "9110 §5.5: obs-text is opaque",
            b"A: \xff\x80\xc3\xa4\r\n",
            Ok(&[("A", b"\xff\x80\xc3\xa4")]),
        ),
        ("9110 §5.5: other white space is content", b"A: \xa0\r\n", Ok(&[("A", b"\xa0")])),
        ("9110 §5.1: an underscore", b"A_B: c\r\n", Ok(&[("A_B", b"c")])),
    ]);
}

#[test]
fn lines_that_are_none() {
    let fault: Lines<'_> = Err(Fault::FieldLine);
    check(&[
        ("9112 §5: no colon", b"A\r\n", fault),
        ("9112 §5: no colon but a value", b"Content-Length 5\r\n", fault),
        ("9112 §5: no name", b": b\r\n", fault),
        ("9112 §5: a colon alone", b":\r\n", fault),
        // "A server MUST reject, with a response status code of 400, any received request message
        // that contains whitespace between a header field name and colon."
        ("9112 §5.1: a space before the colon", b"A : b\r\n", fault),
        ("9112 §5.1: a tab before the colon", b"A\t: b\r\n", fault),
        ("9112 §5.1: NBSP before the colon", b"A\xa0: b\r\n", fault),
        ("9112 §5.2: a folded line", b"A: b\r\n c\r\n", fault),
        ("9112 §5.2: folded with a tab", b"A: b\r\n\tc\r\n", fault),
        ("9112 §5.2: a fold of blanks", b"A: b\r\n \r\n", fault),
        ("9112 §5.2: a fold that looks like a field", b"A: b\r\n C: d\r\n", fault),
        ("9112 §5: a name across two lines", b"Transfer-\r\nEncoding: chunked\r\n", fault),
    ]);
}

/// RFC 9112 §2.2: white space between the request line and the first field.
#[test]
fn white_space_before_the_first_field() {
    for lines in [" Host: x\r\n", "\tHost: x\r\n", " \r\nHost: x\r\n", " A: b\r\nHost: x\r\n"] {
        let head = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        assert_eq!(read_whole(head.as_bytes()).err(), Some(Fault::FieldLine), "{lines:?}");
    }
}

/// Every byte in a name: token bytes (RFC 9110 §5.6.2), and no others.
#[test]
fn every_byte_in_a_name() {
    const TOKEN: &[u8] =
        b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for byte in (0..=255_u8).filter(|byte| !b"\r\n\0:".contains(byte)) {
        for name in [[b'X', byte, b'A'], [byte, b'X', b'A'], [b'X', b'A', byte]] {
            let line = [&name[..], b": b\r\n"].concat();
            let head = [b"GET / HTTP/1.1\r\nHost: x\r\n", &line[..], b"\r\n"].concat();
            let expected = (!TOKEN.contains(&byte)).then_some(Fault::FieldLine);
            assert_eq!(read_whole(&head).err(), expected, "{}", line.escape_ascii());
        }
    }
}

/// Every byte in a value: visible ones, SP, HTAB, and obs-text (RFC 9110 §5.5).
#[test]
fn every_byte_in_a_value() {
    for byte in 0..=255_u8 {
        let expected = match byte {
            0 | b'\r' | b'\n' => Some(Fault::BareLineEnd),
            b'\t' | b' '..=b'~' | 0x80.. => None,
            _ => Some(Fault::FieldLine),
        };
        for value in [[b'o', byte, b'e'], [byte, b'n', b'e'], [b'o', b'n', byte]] {
            let head = [b"GET / HTTP/1.1\r\nHost: x\r\nA:", &value[..], b"\r\n\r\n"].concat();
            assert_eq!(read_whole(&head).err(), expected, "{}", value.escape_ascii());
        }
    }
}

/// A minor version that is answered as 1.1 (RFC 9110 §2.5) is not read with other eyes.
#[test]
fn on_every_version() {
    for version in ["1.0", "1.1", "1.2", "1.9"] {
        let head =
            |line: &str| format!("GET / HTTP/{version}\r\nHost: x\r\n{line}\r\n\r\n").into_bytes();
        assert_eq!(read_whole(&head("A : b")).err(), Some(Fault::FieldLine), "{version}");
        assert_eq!(read_whole(&head("Content-Length: x")).err(), Some(Fault::ContentLength));
        let seen = read_whole(&head("A: b")).expect("a head");
        assert_eq!(seen.line, format!("GET / HTTP/{version}").as_bytes());
        assert_eq!(seen.fields[1], ("A".to_owned(), b"b".to_vec()));
    }
}

/// No field lines are no fields, which HTTP/1.0 allows.
#[test]
fn none_at_all() {
    let bytes = b"GET / HTTP/1.0\r\n\r\n";
    let mut scan = Scan::default();
    assert_eq!(scan.resume(bytes, &Limits::default()), Ok(Found::Whole(bytes.len())));
    let head = parse(bytes, &scan, bytes.len()).expect("a head");
    assert!(head.request.fields.is_empty());
    assert_eq!(head.request.fields.iter().next(), None);
}
