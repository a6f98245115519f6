//! Refusals: each has its status, says in a line of text what was wrong, and is the last answer of
//! its connection.

use oneloop::Limits;

use super::talk::{Reply, Server, echo};

/// What is sent, the status it gets, and what the text says among other words.
fn check(server: &Server, request: &[u8], status: u16, word: &str) {
    let what = request[..request.len().min(100)].escape_ascii().to_string();
    let said = server.say(request);
    assert!(!said.goes_on, "{what}: the connection was closed");
    let reply = Reply::of(&said.text);
    assert_eq!(reply.status, status, "{what}\n{}", said.text);
    assert_eq!(reply.field("connection"), "close", "{what}");
    assert_eq!(reply.field("content-type"), "text/plain; charset=utf-8", "{what}");
    assert_eq!(reply.field("content-length"), reply.content.len().to_string(), "{what}");
    assert!(reply.content.contains(word), "{what}: {} without {word}", reply.content);
    let (line, rest) = reply.content.split_once('\n').expect("a line");
    assert!(line.ends_with('.') && rest.is_empty(), "{what}: {}", reply.content);
}

#[test]
fn every_refusal_names_its_fault_and_is_the_last() {
    let server = Server::of(|| echo);
    for (request, status, word) in [
        // The request line and its target.
        (&b"\x16\x03\x01\x02\x00"[..], 400, "HTTP request"),
        (b"GET /\r\n", 400, "request line"),
        (b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "HTTP request"),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "request line"),
        (b"GET / HTTP/1.1 x\r\nHost: x\r\n\r\n", 400, "version"),
        (b"GET / http/1.1\r\nHost: x\r\n\r\n", 400, "version"),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400, "CR LF"),
        (b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "NUL"),
        (b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "empty lines"),
        (&[b'M'; 40], 501, "method"),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 501, "CONNECT"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, "HTTP/1.1"),
        (b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"),
        (b"GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"),
        (b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"),
        (b"GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"),
        (b"GET x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"),
        (b"GET /../a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "root"),
        (b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "host"),
        (b"GET https://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 421, "https"),
        // The fields.
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400, "host"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400, "field line"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400, "field line"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400, "field line"),
        (b"GET / HTTP/1.1\r\n A: b\r\nHost: x\r\n\r\n", 400, "field line"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400, "CR LF"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "100-continue"),
        // The body.
        (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "Content-Length"),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "chunked"),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "chunked"),
        (
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            400,
            "chunk size",
        ),
        (
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;\r\n",
            400,
            "extension",
        ),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nzz", 400, "CR LF"),
        (
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA\r\n",
            400,
            "trailer",
        ),
        (b"PUT /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", 413, "too long"),
    ] {
        check(&server, request, status, word);
    }
}

/// The same for what is longer than a limit.
#[test]
fn what_is_too_long_is_told_so() {
    let mut limits = Limits::default();
    (limits.target_bytes, limits.head_bytes, limits.header_lines) = (20, 300, 3);
    let server = Server::with(limits, || echo);
    let target = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(20));
    check(&server, target.as_bytes(), 414, "target is too long");
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(300));
    check(&server, head.as_bytes(), 431, "too long");
    let lines = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(3));
    check(&server, lines.as_bytes(), 431, "too many");
}
