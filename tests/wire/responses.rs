//! Answers as they are written (RFC 9112 §4, §6): status line, Date, one length or none, and
//! whether the connection goes on. An answer laid out beforehand is the same answer, byte for byte.

use std::fs::File;
use std::sync::Arc;

use oneloop::connection::{Advance, Asked, Connection, Moment, Outgoing, Terms};
use oneloop::message::Date;
use oneloop::wire::request::Scan;
use oneloop::wire::response::{Delimiter, Persistence, delimiter_without_content, write_head};
use oneloop::{Answer, Body, FileRange, HeaderValue, Limits, Part, Response, StatusCode, header};

const DATE: &Date = b"Sun, 06 Nov 1994 08:49:37 GMT";

fn head(response: &Response, delimiter: Delimiter, persistence: Persistence) -> String {
    let mut out = b"before".to_vec();
    write_head(&mut out, response, delimiter, persistence, DATE);
    let text = String::from_utf8(out).expect("nothing but ASCII here");
    text.strip_prefix("before").expect("what was there stays").to_owned()
}

#[test]
fn the_parts_of_a_head() {
    let response = Response::new(StatusCode::PARTIAL_CONTENT, Body::Empty)
        .with_header(header::CONTENT_TYPE, HeaderValue::from_static("a/b"))
        .with_header(header::ETAG, HeaderValue::from_static("\"e\""))
        .with_header(header::SET_COOKIE, HeaderValue::from_static("a=b"))
        .with_header(header::SET_COOKIE, HeaderValue::from_static("c=d"));
    assert_eq!(
        head(&response, Delimiter::Length(12), Persistence::Closes),
        "HTTP/1.1 206 Partial Content\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Content-Type: a/b\r\n\
         ETag: \"e\"\r\n\
         Set-Cookie: a=b\r\n\
         Set-Cookie: c=d\r\n\
         Content-Length: 12\r\n\
         Connection: close\r\n\
         \r\n"
    );
}

/// RFC 9110 §8.8.2.1: a Last-Modified later than the Date is replaced by it.
#[test]
fn nothing_was_modified_in_the_future() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (given, said) in [
        ("Sun, 06 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:36 GMT"),
        (date, date),
        ("Sun, 06 Nov 1994 08:49:38 GMT", date),
        ("Thu, 01 Jan 2026 00:00:00 GMT", date),
        ("Sunday, 06-Nov-94 08:49:38 GMT", date),
        ("no date", "no date"),
    ] {
        let response = Response::new(StatusCode::OK, Body::Empty)
            .with_header(header::EXPIRES, HeaderValue::from_static(given))
            .with_header(header::LAST_MODIFIED, HeaderValue::from_static(given));
        let head = head(&response, Delimiter::Unsaid, Persistence::Persists);
        for line in [format!("Last-Modified: {said}\r\n"), format!("Expires: {given}\r\n")] {
            assert!(head.contains(&line), "{given}: {head}");
        }
        let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let prepared = answered(request, response.prepare().into(), false);
        let prepared = String::from_utf8(prepared).expect("ASCII");
        let lines = format!("Expires: {given}\r\nLast-Modified: {said}\r\n");
        assert!(prepared.contains(&lines), "{given}, prepared: {prepared}");
    }
}

/// RFC 9112 §4: the space stands even where no reason follows.
#[test]
fn status_lines() {
    for (status, line) in [
        (200, "HTTP/1.1 200 OK"),
        (404, "HTTP/1.1 404 Not Found"),
        (413, "HTTP/1.1 413 Content Too Large"),
        (422, "HTTP/1.1 422 Unprocessable Content"),
        (299, "HTTP/1.1 299 "),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        let head =
            head(&Response::new(status, Body::Empty), Delimiter::Unsaid, Persistence::Persists);
        assert_eq!(head.split("\r\n").next(), Some(line));
    }
}

/// RFC 9112 §6.2: "A sender MUST NOT send a Content-Length header field in any message that
/// contains a Transfer-Encoding header field"; and what is said of the connection is said once.
#[test]
fn never_two_lengths() {
    let delimiters = [
        (Delimiter::Unsaid, ""),
        (Delimiter::Length(0), "Content-Length: 0\r\n"),
        (Delimiter::Length(10), "Content-Length: 10\r\n"),
        (Delimiter::Length(u64::MAX), "Content-Length: 18446744073709551615\r\n"),
        (Delimiter::Chunked, "Transfer-Encoding: chunked\r\n"),
    ];
    let persistences = [
        (Persistence::Persists, ""),
        (Persistence::PersistsAsAsked, "Connection: keep-alive\r\n"),
        (Persistence::Closes, "Connection: close\r\n"),
    ];
    for (delimiter, length_line) in delimiters {
        for (persistence, line) in persistences {
            let head = head(&Response::new(StatusCode::OK, Body::Empty), delimiter, persistence);
            let before = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
            assert_eq!(head, format!("{before}{length_line}{line}\r\n"));
        }
    }
}

/// Nor can a responder say one of them: the fields are the connection's own.
#[test]
fn fields_that_are_not_the_responders() {
    for name in Response::RESERVED {
        let said = std::panic::catch_unwind(|| {
            Response::text("x").with_header(name.clone(), HeaderValue::from_static("x"))
        });
        assert!(said.is_err(), "{name}");
        let said = std::panic::catch_unwind(|| {
            Response::text("x").with_header_replaced(name.clone(), HeaderValue::from_static("x"))
        });
        assert!(said.is_err(), "{name}");
    }
}

#[test]
fn which_statuses_have_no_content() {
    for number in 200..=999 {
        let status = StatusCode::from_u16(number).expect("a status");
        let expected = match number {
            // RFC 9110 §6.4.1, RFC 9112 §6.3: the status says it.
            204 | 304 => Some(Delimiter::Unsaid),
            // RFC 9110 §15.3.6: it has to be said.
            205 => Some(Delimiter::Length(0)),
            _ => None,
        };
        assert_eq!(delimiter_without_content(status), expected, "{number}");
    }
}

/// RFC 9110 §15.2: a 1xx status comes before the answer and is none, so nobody can give one; nor one
/// that is none at all (§15).
#[test]
fn interim_statuses_are_no_answers() {
    for number in [100, 101, 103, 199, 600, 999] {
        let status = StatusCode::from_u16(number).expect("a status");
        let made = std::panic::catch_unwind(|| Response::new(status, Body::Empty));
        assert!(made.is_err(), "{number}");
        let made = std::panic::catch_unwind(|| Response::status(status));
        assert!(made.is_err(), "{number}");
        let made = std::panic::catch_unwind(|| Response::text("x").with_status(status));
        assert!(made.is_err(), "{number}");
    }
}

/// All that leaves for one answer to one request.
fn answered(request: &str, answer: Answer, is_last: bool) -> Vec<u8> {
    let limits = Limits::default();
    let terms = Terms { now: Moment::START, date: DATE, limits: &limits, is_last };
    let mut connection = Connection::new(&terms);
    let (mut scan, mut out) = (Scan::default(), Vec::new());
    let input = request.as_bytes();
    let Advance::Ask(head) = connection.advance(input, &mut scan, &mut out, &terms) else {
        panic!("{request} is no request");
    };
    connection.answer(Asked::of(&head, input.len()), answer, &mut out, &terms);
    if let Outgoing::Content(content) = connection.outgoing() {
        out.extend_from_slice(content);
    }
    out
}

/// A prepared answer is the answer it was made of, whatever is asked and however it goes on.
#[test]
fn prepared_is_the_same() {
    let requests = [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Connection: close\r\n"),
        ("GET / HTTP/1.0\r\n\r\n", "Connection: close\r\n"),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n"),
        ("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", ""),
        ("HEAD / HTTP/1.0\r\n\r\n", "Connection: close\r\n"),
    ];
    let statuses = [200, 204, 205, 206, 304, 404, 418, 299];
    let lengths = [0, 1, 100, 16 * 1024, 16 * 1024 + 1, 100_000];
    for (request, line) in requests {
        for status in statuses {
            for length in lengths {
                for (is_last, closes) in [(false, false), (true, false), (false, true)] {
                    let made = || made(status, length, closes);
                    let given = answered(request, made().into(), is_last);
                    let prepared = answered(request, made().prepare().into(), is_last);
                    let what = format!("{request:?} {status} {length} {is_last} {closes}");
                    assert!(given == prepared, "{what}");
                    let line = if is_last || closes { "Connection: close\r\n" } else { line };
                    check_answer(&given, request, status, length, line, &what);
                }
            }
        }
    }
}

fn made(status: u16, length: usize, closes: bool) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let body = if length == 0 { Body::Empty } else { Body::Bytes(vec![b'x'; length]) };
    let response = Response::new(status, body)
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if closes { response.with_close() } else { response }
}

/// The length that is said is the length that comes; HEAD is told it and gets nothing (RFC 9110
/// §8.6), and some statuses have neither (§6.4.1). What is said of the connection stands last.
fn check_answer(answer: &[u8], request: &str, status: u16, length: usize, line: &str, what: &str) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a blank line") + 4;
    let head = String::from_utf8_lossy(&answer[..end]);
    assert!(head.ends_with(&format!("\r\n{line}\r\n")), "{what}: {head}");
    let said = head.split("\r\n").filter_map(|line| line.strip_prefix("Content-Length: "));
    let said: Vec<usize> = said.map(|number| number.parse().expect("a number")).collect();
    let expected = match status {
        204 | 304 => vec![],
        // RFC 9110 §15.3.6: "MUST NOT generate content in a 205 response".
        205 => vec![0],
        _ => vec![length],
    };
    assert_eq!(said, expected, "{what}");
    let is_head = request.starts_with("HEAD");
    let comes = if is_head { 0 } else { expected.first().copied().unwrap_or_default() };
    assert_eq!(answer.len() - end, comes, "{what}");
    let others = usize::from(head.contains("Transfer-Encoding"));
    assert_eq!(
        others + head.matches("Connection: ").count(),
        usize::from(!line.is_empty()),
        "{what}"
    );
}

/// Bytes that are shared can be laid out too; what is not there yet cannot.
#[test]
fn what_can_be_prepared() {
    let shared = Response::new(StatusCode::OK, Body::Shared(b"hi"[..].into()));
    let answer = answered("GET / HTTP/1.1\r\nHost: x\r\n\r\n", shared.prepare().into(), false);
    assert!(answer.ends_with(b"Content-Length: 2\r\n\r\nhi"));

    let parts = Body::Parts(["h", "", "i"].map(|part| Part::Bytes(part.into())).into());
    let prepared = Response::new(StatusCode::OK, parts).prepare();
    assert_eq!(answered("GET / HTTP/1.1\r\nHost: x\r\n\r\n", prepared.into(), false), answer);

    let prepared = std::panic::catch_unwind(|| {
        let file = Arc::new(File::open("/dev/null").expect("it is everywhere").into());
        let part = Part::File(FileRange { file, offset: 0, len: 1 });
        Response::new(StatusCode::OK, Body::Parts(vec![part])).prepare()
    });
    let said = prepared.expect_err("a panic");
    assert_eq!(
        said.downcast_ref(),
        Some(&"only an answer whose bytes are there can be prepared"),
        "and not that there is no file"
    );
}

/// Each time it is given a prepared answer carries the date of that time (RFC 9110 §6.6.1), and
/// what was laid out is not changed by it.
#[test]
fn prepared_has_the_date_of_its_time() {
    let prepared = Response::text("hi").prepare();
    let limits = Limits::default();
    for date in [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Mon, 07 Nov 1994 08:49:37 GMT"] {
        let terms = Terms { now: Moment::START, date, limits: &limits, is_last: false };
        let mut connection = Connection::new(&terms);
        // It goes behind what was gathered before.
        let (mut scan, mut out) = (Scan::default(), b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
        let input = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let Advance::Ask(head) = connection.advance(input, &mut scan, &mut out, &terms) else {
            panic!()
        };
        connection.answer(Asked::of(&head, input.len()), prepared.clone().into(), &mut out, &terms);
        let text = String::from_utf8(out).expect("ASCII");
        let dates: Vec<&str> =
            text.split("\r\n").filter(|line| line.starts_with("Date: ")).collect();
        assert_eq!(dates, [format!("Date: {}", String::from_utf8_lossy(date))]);
        assert!(text.starts_with("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nDate: "));
    }
}

/// RFC 9110 §15.5.6: 405 says what is allowed; §9.1: 501 where the method is none that HTTP knows.
#[test]
fn refused_methods() {
    for (method, status) in [("GET", 405), ("PATCH", 405), ("get", 501), ("BREW", 501)] {
        let method = method.parse().expect("a method");
        let response = Response::method_refused(&method, HeaderValue::from_static("GET, HEAD"));
        assert_eq!(response.status_code(), status, "{method}");
        assert!(
            response.headers().contains(&(header::ALLOW, HeaderValue::from_static("GET, HEAD")))
        );
    }
}

/// RFC 9110 §15.3.6: 205 has no content; it says so by a length of nought.
#[test]
fn answers_that_are_their_status() {
    for (status, body) in [(404, "404 Not Found\n"), (204, ""), (205, ""), (304, "")] {
        let status = StatusCode::from_u16(status).expect("a status");
        let response = Response::status(status);
        let is_body = match response.body() {
            Body::Empty => body.is_empty(),
            Body::Bytes(bytes) => bytes == body.as_bytes(),
            _ => false,
        };
        assert!(is_body, "{status}");
    }
}
