//! How long the body is (RFC 9112 §6.3), whether another request may follow (§9.3), and what is
//! expected (RFC 9110 §10.1.1). What can be read in two ways is refused: this is where servers get
//! smuggled through.

use oneloop::wire::Fault;
use oneloop::wire::framing::{BodyLength, Framing};

use super::reading::{cases, read_whole};

/// What the fields of a head say, whatever its version.
fn judge(version: &str, lines: &[u8]) -> Result<Framing, Fault> {
    let head = [b"POST / ", version.as_bytes(), b"\r\nHost: x\r\n", lines, b"\r\n"].concat();
    read_whole(&head).map(|seen| seen.framing)
}

fn check(version: &str, cases: &[(&str, &[u8], Result<BodyLength, Fault>)]) {
    for (what, lines, expected) in cases {
        let body = judge(version, lines).map(|framing| framing.body);
        assert_eq!(body, *expected, "{version}, {what}: {}", lines.escape_ascii());
    }
}

fn length(number: u64) -> Result<BodyLength, Fault> {
    Ok(BodyLength::Known(number))
}

#[test]
fn one_number_or_none() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        check(
            version,
            &[
                ("9112 §6.3: neither field", b"", length(0)),
                ("9110 §8.6: nought", b"Content-Length: 0\r\n", length(0)),
                ("9110 §8.6: a number", b"Content-Length: 42\r\n", length(42)),
                ("9110 §5.1: names have no case", b"content-LENGTH: 42\r\n", length(42)),
                ("9112 §5.1: OWS", b"Content-Length:\t 42 \t\r\n", length(42)),
                ("9110 §8.6: 1*DIGIT, so zeros may lead", b"Content-Length: 007\r\n", length(7)),
                ("9110 §8.6: and are decimal", b"Content-Length: 010\r\n", length(10)),
                (
                    "9110 §8.6: the largest",
                    b"Content-Length: 18446744073709551615\r\n",
                    length(u64::MAX),
                ),
                ("9110 §5.1: another name", b"Content-Lengths: 42\r\n", length(0)),
                ("9110 §5.1: another name", b"X-Content-Length: 42\r\n", length(0)),
            ],
        );
    }
}

/// RFC 9112 §6.3: "If a message is received without Transfer-Encoding and with an invalid
/// Content-Length header field, then the message framing is invalid".
#[test]
fn content_length_in_disguise() {
    let rows = [
        ("9110 §8.6: not empty", ""),
        ("9110 §8.6: no sign", "+5|-5|-0|$5"),
        ("9110 §8.6: one number", "5 5|5\t5|5,5|5, 5|5,|,5|,|5;5"),
        ("9110 §8.6: DIGIT", "0x5|0o5|5_0|5x|x5|5.0|5e0|'5'|\"5\"|(5)|chunked|\u{665}|\u{b2}"),
        ("9110 §5.5: other white space is content", "\u{a0}5|5\u{a0}|\u{85}5|\u{2003}5"),
        ("9112 §6.3: no overflow", "18446744073709551616|99999999999999999999"),
        ("9112 §6.3: no overflow", "340282366920938463463374607431768211461"),
    ];
    for (rfc, value) in cases(&rows) {
        let line = format!("Content-Length: {value}\r\n");
        for version in ["HTTP/1.0", "HTTP/1.1"] {
            check(version, &[(rfc, line.as_bytes(), Err(Fault::ContentLength))]);
        }
    }
    for value in [&b"\xa05"[..], b"5\xa0", b"\x855", b"\xb2"] {
        let line = [b"Content-Length: ", value, b"\r\n"].concat();
        check("HTTP/1.1", &[("9110 §5.5: obs-text", &line, Err(Fault::ContentLength))]);
    }
    // Control bytes are in no field value at all (RFC 9110 §5.5).
    for value in [&b"\x0b5"[..], b"5\x0c", b"5\x7f", b"\x085"] {
        let line = [b"Content-Length: ", value, b"\r\n"].concat();
        check("HTTP/1.1", &[("9110 §5.5", &line, Err(Fault::FieldLine))]);
    }
    for line in
        [&b"Content-Length : 5\r\n"[..], b"Content-Length\t: 5\r\n", b"Content Length: 5\r\n"]
    {
        check("HTTP/1.1", &[("9112 §5.1", line, Err(Fault::FieldLine))]);
    }
}

#[test]
fn content_length_twice() {
    for lines in [
        &b"Content-Length: 5\r\nContent-Length: 6\r\n"[..],
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\ncontent-length: 6\r\n",
        b"Content-Length: 0\r\nA: b\r\nContent-Length: 40\r\n",
        b"Content-Length:\r\nContent-Length: 40\r\n",
    ] {
        check("HTTP/1.1", &[("9112 §6.3: twice", lines, Err(Fault::ContentLength))]);
    }
}

#[test]
fn chunked_and_nothing_else() {
    check(
        "HTTP/1.1",
        &[
            ("9112 §7.1: chunked", b"Transfer-Encoding: chunked\r\n", Ok(BodyLength::Chunked)),
            (
                "9112 §7: codings have no case",
                b"Transfer-Encoding: cHuNkEd\r\n",
                Ok(BodyLength::Chunked),
            ),
            (
                "9110 §5.1: nor have names",
                b"TRANSFER-encoding: chunked\r\n",
                Ok(BodyLength::Chunked),
            ),
            ("9112 §5.1: OWS", b"Transfer-Encoding:\t chunked \t\r\n", Ok(BodyLength::Chunked)),
            ("9112 §5.1: none", b"Transfer-Encoding:chunked\r\n", Ok(BodyLength::Chunked)),
            ("9110 §5.1: another name", b"Transfer-Encodings: chunked\r\n", length(0)),
            ("9110 §5.1: another name", b"X-Transfer-Encoding: chunked\r\n", length(0)),
            ("9110 §5.1: an underscore", b"Transfer_Encoding: chunked\r\n", length(0)),
        ],
    );
}

/// RFC 9112 §6.1: "A server that receives a request message with a transfer coding it does not
/// understand SHOULD respond with 501".
#[test]
fn codings_we_lack() {
    let rows = [
        (
            "9112 §6.1",
            "gzip, chunked|gzip,chunked|deflate ,\tchunked|identity, Chunked|a,b,c,chunked",
        ),
        ("9112 §7: with parameters", "a;b=c, chunked|gzip ; q=1,chunked"),
    ];
    for (rfc, value) in cases(&rows) {
        let line = format!("Transfer-Encoding: {value}\r\n");
        check("HTTP/1.1", &[(rfc, line.as_bytes(), Err(Fault::CodingNotImplemented))]);
    }
}

/// RFC 9112 §6.3: "If a Transfer-Encoding header field is present in a request and the chunked
/// transfer coding is not the final encoding, the message body length cannot be determined
/// reliably; the server MUST respond with the 400 (Bad Request) status code".
#[test]
fn transfer_encoding_in_disguise() {
    let rows = [
        ("9112 §6.3: chunked is not last", "gzip|identity|chunked, gzip|chunked, identity"),
        (
            "9112 §6.1: nor more than once",
            "chunked, chunked|chunked,chunked|gzip, chunked, chunked",
        ),
        ("9112 §6.1: another coding", "xchunked|chunkedx|ch,unked|chunked\u{ff}|\u{a0}chunked"),
        ("9112 §6.1: an empty one", "|, chunked|,chunked|chunked,|chunked, ,|gzip,,chunked"),
        (
            "9112 §7: parameters chunked has none of",
            "chunked;q=1|a, chunked; b=c|chunked;q=1, chunked",
        ),
        (
            "9112 §7: a token",
            "\"chunked\"|'chunked'|chu nked|gzip chunked|chunked/|chunked:|(chunked)",
        ),
        ("9112 §7: a token", "=chunked|ch\u{e4}nked"),
    ];
    for (rfc, value) in cases(&rows) {
        let line = format!("Transfer-Encoding: {value}\r\n");
        check("HTTP/1.1", &[(rfc, line.as_bytes(), Err(Fault::TransferEncoding))]);
    }
    for value in [&b"chunked\xff"[..], b"\xa0chunked", b"ch\x96nked"] {
        let line = [b"Transfer-Encoding: ", value, b"\r\n"].concat();
        check("HTTP/1.1", &[("9110 §5.5: obs-text", &line, Err(Fault::TransferEncoding))]);
    }
    for value in [&b"\x0bchunked"[..], b"chunked\x0c", b"\x7fchunked"] {
        let line = [b"Transfer-Encoding: ", value, b"\r\n"].concat();
        check("HTTP/1.1", &[("9110 §5.5", &line, Err(Fault::FieldLine))]);
    }
    for line in [
        &b"Transfer-Encoding : chunked\r\n"[..],
        b"Transfer-Encoding\t: chunked\r\n",
        b"Transfer Encoding: chunked\r\n",
        b"Transfer-Encoding x: chunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding chunked\r\n",
    ] {
        check("HTTP/1.1", &[("9112 §5", line, Err(Fault::FieldLine))]);
    }
}

#[test]
fn transfer_encoding_twice() {
    for (first, second) in
        [("chunked", "chunked"), ("gzip", "chunked"), ("chunked", "identity"), ("", "chunked")]
    {
        let lines = format!("Transfer-Encoding: {first}\r\nTransfer-Encoding: {second}\r\n");
        check("HTTP/1.1", &[("9112 §6.1: twice", lines.as_bytes(), Err(Fault::TransferEncoding))]);
    }
}

/// RFC 9112 §6.1: "A server MAY reject a request that contains both Content-Length and
/// Transfer-Encoding", and every disguise of the one beside the other is rejected too.
#[test]
fn both() {
    for coding in ["chunked", "gzip", "xchunked", ", chunked", "identity", ""] {
        for length in ["5", "0", "", "+5"] {
            for lines in [
                format!("Content-Length: {length}\r\nTransfer-Encoding: {coding}\r\n"),
                format!("Transfer-Encoding: {coding}\r\nContent-Length: {length}\r\n"),
            ] {
                for version in ["HTTP/1.0", "HTTP/1.1"] {
                    check(version, &[("9112 §6.3", lines.as_bytes(), Err(Fault::LengthAndCoding))]);
                }
            }
        }
    }
}

/// RFC 9112 §6.1: "A server or client that receives an HTTP/1.0 message containing a
/// Transfer-Encoding header field MUST treat the message as if the framing is faulty".
#[test]
fn transfer_encoding_on_http_1_0() {
    for coding in ["chunked", "gzip, chunked", "identity", ""] {
        let line = format!("Transfer-Encoding: {coding}\r\n");
        check("HTTP/1.0", &[("9112 §6.1", line.as_bytes(), Err(Fault::CodingOn10))]);
    }
}

#[test]
fn connection() {
    // RFC 9112 §9.3, RFC 9110 §7.6.1: a list of case-insensitive tokens.
    let cases: [(&str, bool, bool); 15] = [
        ("", false, true),
        ("Connection: close\r\n", false, false),
        ("Connection: CLOSE\r\n", false, false),
        ("connection:close\r\n", false, false),
        ("Connection: keep-alive\r\n", true, true),
        ("Connection: Keep-Alive\r\n", true, true),
        ("Connection: keep-alive, close\r\n", false, false),
        ("Connection: close, keep-alive\r\n", false, false),
        ("Connection: a,close ,b\r\n", false, false),
        ("Connection: , ,close,\r\n", false, false),
        ("Connection: a\r\nConnection: close\r\n", false, false),
        ("Connection: keep-alive\r\nConnection: x\r\n", true, true),
        ("Connection: closed, x-close, clo se\r\n", false, true),
        ("Connection:\r\n", false, true),
        ("Proxy-Connection: close\r\nKeep-Alive: timeout=5\r\n", false, true),
    ];
    for (lines, on_10, on_11) in cases {
        let persists = |version| judge(version, lines.as_bytes()).map(|framing| framing.keep_alive);
        assert_eq!(persists("HTTP/1.0"), Ok(on_10), "1.0 {lines:?}");
        assert_eq!(persists("HTTP/1.1"), Ok(on_11), "1.1 {lines:?}");
    }
}

#[test]
fn expect() {
    // RFC 9110 §10.1.1: case-insensitive; any other gets 417; an HTTP/1.0 client's is ignored.
    let cases: [(&str, Result<bool, Fault>); 9] = [
        ("", Ok(false)),
        ("Expect: 100-continue\r\n", Ok(true)),
        ("expect: 100-CONTINUE\r\n", Ok(true)),
        ("Expect: 100-continue, 100-continue\r\n", Ok(true)),
        ("Expect:\r\n", Ok(false)),
        ("Expect: 100-continued\r\n", Err(Fault::Expectation)),
        ("Expect: 100-continue, wonders\r\n", Err(Fault::Expectation)),
        ("Expect: 100-continue\r\nExpect: wonders\r\n", Err(Fault::Expectation)),
        ("Expect: 100-continue;q=1\r\n", Err(Fault::Expectation)),
    ];
    for (lines, expected) in cases {
        let expects =
            |version| judge(version, lines.as_bytes()).map(|framing| framing.expects_continue);
        assert_eq!(expects("HTTP/1.1"), expected, "1.1 {lines:?}");
        assert_eq!(expects("HTTP/1.0"), Ok(false), "1.0 {lines:?}");
    }
}

/// Every byte beside `chunked` and beside a length: none but SP and HTAB leaves the meaning, and
/// none turns a line into another (RFC 9112 §6.1).
#[test]
fn every_byte_beside_a_value() {
    for byte in 0..=255_u8 {
        let is_blank = matches!(byte, b' ' | b'\t');
        let chunked: [&[u8]; 2] = [
            &[byte, b'c', b'h', b'u', b'n', b'k', b'e', b'd'],
            &[b'c', b'h', b'u', b'n', b'k', b'e', b'd', byte],
        ];
        for value in chunked {
            let line = [b"Transfer-Encoding:", value, b"\r\n"].concat();
            assert_eq!(judge("HTTP/1.1", &line).is_ok(), is_blank, "{}", line.escape_ascii());
        }
        for value in [[byte, b'4', b'0'], [b'4', byte, b'0'], [b'4', b'0', byte]] {
            let line = [b"Content-Length:", &value[..], b"\r\n"].concat();
            let is_within = value[1] == byte;
            let expected = byte.is_ascii_digit() || (is_blank && !is_within);
            assert_eq!(judge("HTTP/1.1", &line).is_ok(), expected, "{}", line.escape_ascii());
        }
    }
}
