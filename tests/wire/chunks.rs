//! A chunked body (RFC 9112 §7.1): sizes, extensions, data, trailers, and their limits.

use oneloop::config::{CHUNK_EXTENSIONS, CHUNK_LINE, TRAILER_BYTES, TRAILER_LINES};
use oneloop::wire::Fault;
use oneloop::wire::chunked::{Decoder, Piece};

use super::reading::cases;

/// A whole body: its data, its trailer lines, and how many bytes all of it was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    data: Vec<u8>,
    trailers: Vec<u8>,
    len: usize,
}

/// Decodes with what is there growing to each of `lengths`, as far as that goes.
pub(crate) fn decode_by(
    bytes: &[u8],
    lengths: impl IntoIterator<Item = usize>,
) -> Result<Option<Body>, Fault> {
    let mut decoder = Decoder::default();
    let (mut at, mut data) = (0, Vec::new());
    for length in lengths {
        loop {
            match decoder.next(&bytes[at..length])? {
                Piece::Partial => break,
                Piece::Framing(n, _) => at += n,
                Piece::Data(n) => {
                    data.extend_from_slice(&bytes[at..at + n]);
                    at += n;
                }
                Piece::End(n) => {
                    let trailers = bytes[at..at + n - 2].to_vec();
                    return Ok(Some(Body { data, trailers, len: at + n }));
                }
            }
            assert!(at <= length, "no more is taken than there is");
        }
    }
    Ok(None)
}

/// Up to this length a body is cut in two places everywhere.
const CUT_EVERYWHERE: usize = 80;

/// Decodes at once, byte by byte, cut in two places everywhere, and with junk behind it.
fn decode(bytes: &[u8]) -> Result<Option<Body>, Fault> {
    let at_once = decode_by(bytes, [bytes.len()]);
    let by_byte = decode_by(bytes, 1..=bytes.len());
    assert_eq!(by_byte, at_once, "byte by byte: {}", shown(bytes));
    if bytes.len() <= CUT_EVERYWHERE {
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let cut = decode_by(bytes, [first, second, bytes.len()]);
                assert_eq!(cut, at_once, "cut at {first} and {second}: {}", shown(bytes));
            }
        }
    }
    if matches!(at_once, Ok(Some(_))) {
        for junk in [&b"\n"[..], b"\r\n", b"\0", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"] {
            let with_junk = [bytes, junk].concat();
            assert_eq!(decode_by(&with_junk, [with_junk.len()]), at_once, "junk behind it");
        }
    }
    at_once
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(200)].escape_ascii().to_string()
}

/// Why, the bytes, and the data of the whole body or what is wrong with it.
type Case<'a> = (&'a str, &'a [u8], Result<&'a [u8], Fault>);

fn check(cases: &[Case<'_>]) {
    for (what, bytes, expected) in cases {
        let body = decode(bytes);
        match expected {
            Ok(data) => {
                let body = body.expect(what).unwrap_or_else(|| panic!("{what}: it has not ended"));
                assert_eq!(body.data, *data, "{what}: {}", shown(bytes));
                assert_eq!(body.len, bytes.len(), "{what}: all of it");
            }
            Err(fault) => assert_eq!(body, Err(*fault), "{what}: {}", shown(bytes)),
        }
    }
}

#[test]
fn sizes() {
    check(&[
        ("9112 §7.1: no chunk", b"0\r\n\r\n", Ok(b"")),
        ("9112 §7.1: one", b"5\r\nhello\r\n0\r\n\r\n", Ok(b"hello")),
        ("9112 §7.1: two", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", Ok(b"hello")),
        ("9112 §7.1: hexadecimal", b"A\r\n0123456789\r\n0\r\n\r\n", Ok(b"0123456789")),
        ("9112 §7.1: in either case", b"a\r\n0123456789\r\n0\r\n\r\n", Ok(b"0123456789")),
        ("9112 §7.1: zeros may lead", b"0002\r\nhe\r\n0\r\n\r\n", Ok(b"he")),
        ("9112 §7.1: the last of many zeros", b"0000000000000000000000000\r\n\r\n", Ok(b"")),
        ("9112 §7.1: data are any bytes", b"4\r\n\0\r\n\xff\r\n0\r\n\r\n", Ok(b"\0\r\n\xff")),
        ("9112 §7.1: data like framing", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", Ok(b"0\r\n\r\n")),
    ]);
}

#[test]
fn sizes_that_are_none() {
    let rows = [
        ("9112 §7.1: a digit at least", "| |x|g"),
        ("9112 §7.1: HEXDIG and nothing else", "-1|+5|0x5|5h|h5|5,5|5.0|1_0|\"5\"|\u{665}|5 5"),
        ("9112 §7.1: no white space around it", " 5|\t5|5 |5\t|5 \t"),
        ("9112 §7.1: no overflow", "8000000000000000|ffffffffffffffff|10000000000000000"),
        ("9112 §7.1: no overflow", "00000000000000008000000000000000|ffffffffffffffffffffffff0"),
    ];
    for (rfc, line) in cases(&rows) {
        let bytes = format!("{line}\r\nhello\r\n0\r\n\r\n");
        check(&[(rfc, bytes.as_bytes(), Err(Fault::ChunkSize))]);
    }
}

/// RFC 9112 §7.1: "a recipient MUST anticipate potentially large hexadecimal numerals and prevent
/// parsing errors due to integer conversion overflows".
#[test]
fn the_largest_size() {
    let mut decoder = Decoder::default();
    let line = b"7fffffffffffffff\r\n";
    assert_eq!(decoder.next(line), Ok(Piece::Framing(line.len(), i64::MAX as u64)));
    assert_eq!(decoder.next(b"data"), Ok(Piece::Data(4)));
    assert_eq!(decode(b"8000000000000000\r\n"), Err(Fault::ChunkSize));
}

#[test]
fn extensions() {
    let body = |extension: &str| format!("5{extension}\r\nhello\r\n0{extension}\r\n\r\n");
    let means_nothing = [
        ("9112 §7.1.1: names and values", ";a|;a=b|;a;b|;a=b;c=d|;!#$%&'*+-.^_`~=0"),
        ("9112 §7.1.1: BWS", "; a=b| ;a|\t; a =\tb ; c"),
        ("9110 §5.6.4: quoted", ";a=\"b\"|;a=\"\"|;a=\"b;c=d\"|;a=\"b\";c|;a=\" \t\u{e4}\""),
        ("9110 §5.6.4: quoted pairs", ";a=\"\\\"\"|;a=\"\\\\\"|;a=\"\\b\\;\""),
    ];
    for (rfc, extension) in cases(&means_nothing) {
        check(&[(rfc, body(extension).as_bytes(), Ok(b"hello"))]);
    }
    let is_none = [
        ("9112 §7.1.1: a name", ";|; |;;|;a;|;=b|;\u{e4}|;a,b|;a:b|;a b"),
        ("9112 §7.1.1: a value", ";a=|;a==b|;a=b=c|;a=b c|;a=b |;a=b\"|;a=\u{e4}"),
        ("9110 §5.6.4: both quotes", ";a=\"b|;a=\"|;a=\"b\"c|;a=\"\\|;a=\"\\\""),
        ("9110 §5.6.4: qdtext", ";a=\"\u{7}\"|;a=\"\u{7f}\"|;a=\"\\\u{1}\""),
    ];
    for (rfc, extension) in cases(&is_none) {
        check(&[(rfc, body(extension).as_bytes(), Err(Fault::ChunkExtension))]);
    }
}

/// RFC 9112 §2.2, §7.1: CR LF ends a line, and neither may stand alone. What a lenient reader makes
/// of these has smuggled requests.
#[test]
fn line_ends() {
    check(&[
        ("9112 §7.1: LF behind a size", b"5\nhello\r\n0\r\n\r\n", Err(Fault::BareLineEnd)),
        (
            "9112 §7.1.1: LF in an extension",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            Err(Fault::BareLineEnd),
        ),
        ("9112 §7.1.1: LF in quotes", b"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", Err(Fault::BareLineEnd)),
        ("9112 §7.1: CR behind a size", b"5\rhello\r\n0\r\n\r\n", Err(Fault::ChunkSize)),
        ("9112 §7.1: CR CR LF behind a size", b"5\r\r\nhello\r\n0\r\n\r\n", Err(Fault::ChunkSize)),
        (
            "9112 §7.1.1: CR in an extension",
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            Err(Fault::ChunkExtension),
        ),
        (
            "9112 §7.1.1: CR in quotes",
            b"5;a=\"\r\"\r\nhello\r\n0\r\n\r\n",
            Err(Fault::ChunkExtension),
        ),
        (
            "9110 §5.5: NUL in an extension",
            b"5;a=\0\r\nhello\r\n0\r\n\r\n",
            Err(Fault::ChunkExtension),
        ),
        ("9112 §7.1: LF behind data", b"5\r\nhello\n0\r\n\r\n", Err(Fault::ChunkEnd)),
        ("9112 §7.1: nothing behind data", b"5\r\nhello0\r\n\r\n", Err(Fault::ChunkEnd)),
        ("9112 §7.1: CR behind data", b"5\r\nhello\r0\r\n\r\n", Err(Fault::ChunkEnd)),
        ("9112 §7.1: CR CR behind data", b"5\r\nhello\r\r\n0\r\n\r\n", Err(Fault::ChunkEnd)),
        ("9112 §7.1: more data than said", b"4\r\nhello\r\n0\r\n\r\n", Err(Fault::ChunkEnd)),
        ("9112 §7.1: less data than said", b"6\r\nhello\r\n0\r\n\r\n", Err(Fault::ChunkEnd)),
        (
            "9112 §7.1: two line ends behind data",
            b"5\r\nhello\r\n\r\n0\r\n\r\n",
            Err(Fault::ChunkSize),
        ),
        ("9112 §7.1: LF for the last line", b"0\r\n\n", Err(Fault::BareLineEnd)),
        ("9112 §7.1: LF LF", b"0\n\n", Err(Fault::BareLineEnd)),
        ("9112 §7.1: LF alone", b"\n", Err(Fault::BareLineEnd)),
        ("9112 §7.1: something for the last line", b"0\r\nX\r\n\r\n", Err(Fault::Trailer)),
    ]);
}

/// A body that has not ended is waited for.
#[test]
fn what_is_not_whole() {
    let whole = b"5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n";
    for len in 0..whole.len() {
        assert_eq!(decode(&whole[..len]), Ok(None), "{}", shown(&whole[..len]));
    }
}

#[test]
fn trailers() {
    let body = |lines: &str| format!("1\r\nz\r\n0\r\n{lines}\r\n").into_bytes();
    let fields =
        [("9112 §5: field lines", "|A: b\r\n|A:b\r\nA: \t c \r\nX-Empty:\r\n|A: \u{e4}\r\n")];
    for (rfc, lines) in cases(&fields) {
        let read = decode(&body(lines)).expect("a body").expect("a whole one");
        assert_eq!((&*read.data, &*read.trailers), (&b"z"[..], lines.as_bytes()), "{rfc}");
    }
    let rows = [
        ("9112 §5: name, colon, value", "A\r\n|: b\r\n"),
        ("9112 §5.1: no space before the colon", "A : b\r\n| A: b\r\n"),
        ("9112 §5.2: not folded", "A: b\r\n c\r\n|A: b\r\n\tc: d\r\n"),
        ("9110 §5.1: a token for a name", "A B: c\r\n|A\0: b\r\n|\u{e4}: b\r\n|\r: b\r\n"),
        ("9110 §5.5: no control in a value", "A: \0\r\n|A: \u{7f}\r\n|A: b\r\r\n|A: \rb\r\n"),
    ];
    for (rfc, lines) in cases(&rows) {
        assert_eq!(decode(&body(lines)), Err(Fault::Trailer), "{rfc}: {lines:?}");
    }
    assert_eq!(decode(&body("A: b\nC: d\r\n")), Err(Fault::BareLineEnd), "9112 §2.2");
}

/// A size line of a certain length, its CR LF not counted.
fn size_line(len: usize) -> Vec<u8> {
    [&b"1;a="[..], &vec![b'x'; len - 4], b"\r\n"].concat()
}

#[test]
fn the_longest_size_line() {
    let longest = [&size_line(CHUNK_LINE)[..], b"z\r\n0\r\n\r\n"].concat();
    check(&[("9112 §7.1.1: as long as may be", &longest, Ok(b"z"))]);
    let longer = size_line(CHUNK_LINE + 1);
    check(&[("9112 §7.1.1: a byte more", &longer, Err(Fault::ChunkExtension))]);
    let endless = vec![b'0'; CHUNK_LINE + 2];
    check(&[("9112 §7.1: a line without end", &endless, Err(Fault::ChunkExtension))]);
}

/// RFC 9112 §7.1.1: "A server ought to limit the total length of chunk extensions received".
#[test]
fn all_extensions_together() {
    let extension = CHUNK_LINE - 1;
    let chunk = [&size_line(extension + 1)[..], b"z\r\n"].concat();
    let most = CHUNK_EXTENSIONS / extension;
    let rest = CHUNK_EXTENSIONS % extension;
    assert!(rest > 3, "there is room for a short one");
    let end = |rest: usize| format!("0;a={}\r\n\r\n", "x".repeat(rest - 3)).into_bytes();
    let as_many = [chunk.repeat(most), end(rest)].concat();
    check(&[("9112 §7.1.1: as many as may be", &as_many, Ok(&vec![b'z'; most]))]);
    let more = [chunk.repeat(most), end(rest + 1)].concat();
    check(&[("9112 §7.1.1: a byte more", &more, Err(Fault::ChunkExtension))]);
}

/// RFC 6585 §5, for trailers as for fields.
#[test]
fn the_longest_trailers() {
    let of = |len: usize| [&b"0\r\nA:"[..], &vec![b'x'; len - 4], b"\r\n\r\n"].concat();
    check(&[
        ("6585 §5: as long as may be", &of(TRAILER_BYTES), Ok(b"")),
        ("6585 §5: a byte more", &of(TRAILER_BYTES + 1), Err(Fault::TrailersTooLong)),
        (
            "6585 §5: without end",
            &of(TRAILER_BYTES + 10)[..TRAILER_BYTES + 8],
            Err(Fault::TrailersTooLong),
        ),
    ]);
    let lines = |n: usize| [&b"0\r\n"[..], &b"a:\r\n".repeat(n), b"\r\n"].concat();
    check(&[
        ("6585 §5: as many as may be", &lines(TRAILER_LINES), Ok(b"")),
        ("6585 §5: one more", &lines(TRAILER_LINES + 1), Err(Fault::TrailersTooLong)),
    ]);
}

/// A line that is too long is that, whatever is wrong with what lies beyond.
#[test]
fn what_lies_beyond_a_limit_makes_no_difference() {
    let line = [&vec![b'0'; CHUNK_LINE + 10][..], b"\n"].concat();
    check(&[("9112 §7.1.1: a size line", &line, Err(Fault::ChunkExtension))]);
    let trailers = [&b"0\r\nA:"[..], &vec![b'x'; TRAILER_BYTES], b"\n"].concat();
    check(&[("6585 §5: trailers", &trailers, Err(Fault::TrailersTooLong))]);
}

/// Every byte where a size is expected, and behind one.
#[test]
fn every_byte_in_a_size() {
    for byte in 0..=255_u8 {
        let is_digit = byte.is_ascii_hexdigit();
        let first = decode(&[byte, b'0', b'\r', b'\n']);
        let second = decode(&[b'0', byte, b'\r', b'\n']);
        if is_digit {
            assert_eq!((first, second), (Ok(None), Ok(None)), "{byte:#x}");
        } else {
            let fault = if byte == b'\n' { Fault::BareLineEnd } else { Fault::ChunkSize };
            let behind = if byte == b';' { Fault::ChunkExtension } else { fault };
            assert_eq!((first, second), (Err(fault), Err(behind)), "{byte:#x}");
        }
    }
}
