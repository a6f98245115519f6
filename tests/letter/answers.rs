//! Answers: which fields they carry, and what cannot be made to stand in them.

use oneloop::header::{HeaderName, LOCATION};
use oneloop::{
    Answer, Body, BodyReader, Fields, Files, HeaderValue, Limits, Request, Response, Routes,
    StatusCode,
};

use super::talk::{Folder, Once, Reply, Server, echo};

/// Answers by the number that is its path: `/404`.
fn numbered(request: &Request<'_>) -> Answer {
    let status: StatusCode = request.path()[1..].parse().expect("a status");
    Response::status(status).into()
}

/// Nobody has answered yet, and nobody will.
fn later(_: &Request<'_>) -> Answer {
    Answer::Later
}

fn files() -> (Folder, Server) {
    let files = [("a.txt", "hello"), ("a.txt.gz", "hi"), ("sub/b.txt", "b")];
    let folder = Folder::with(&files);
    let path = folder.path().to_owned();
    let server = Server::of(move || Files::new(path).expect("a folder"));
    (folder, server)
}

/// The fields that are sent, of all that an origin server may send (RFC 9110). Age, Via and Warning
/// are of caches and proxies; Server, Upgrade and Trailer would say what is not so.
const SENT: [&str; 16] = [
    "Date",
    "Content-Type",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "ETag",
    "Last-Modified",
    "Cache-Control",
    "Location",
    "Allow",
    "Retry-After",
    "X-Content-Type-Options",
    "Accept-Ranges",
    "Content-Range",
    "Content-Encoding",
    "Vary",
];

/// RFC 9110 §6.6.1: Date in all of them; §5.3: no field twice, for none of these is a list that
/// would be spread; §7.6.1: Connection says `close` or `keep-alive` and nothing else.
fn check(what: &str, text: &str) {
    let reply = Reply::of(text);
    let date = reply.field("date");
    assert_eq!((date.len(), &date[25..]), (29, " GMT"), "{what}: {text}");
    let mut names: Vec<&str> = reply.fields().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| SENT.contains(name)), "{what}: {names:?}");
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "{what}: {names:?}");
    assert!(["", "close", "keep-alive"].contains(&reply.field("connection")), "{what}: {text}");
}

#[test]
fn the_fields_of_every_answer() {
    let server = Server::of(|| numbered);
    for status in (200..=599).filter(|&status| StatusCode::from_u16(status).is_ok()) {
        for method in ["GET", "HEAD", "POST"] {
            let request = format!("{method} /{status} HTTP/1.1\r\nHost: x\r\n\r\n");
            check(&request, &server.say(request.as_str()).text);
        }
    }
    let (_folder, files) = files();
    for request in [
        "GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: x\r\nIf-Match: \"x\"\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,2-2\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=9-\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
        "GET /sub/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /sub HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
        "PUT /a.txt HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "(noise)",
    ] {
        check(request, &files.say(request).text);
    }
    let mut hasty = Limits::default();
    hasty.answer_timeout = std::time::Duration::from_millis(1);
    let never = Server::with(hasty, || later);
    check("later", &never.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n").text);
    let broken = Server::of(|| |_: &Request<'_>| -> Answer { panic!("this test is about it") });
    check("panic", &broken.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n").text);
    let open = Server::of(|| echo);
    check("source", &open.say("GET /source HTTP/1.1\r\nHost: x\r\n\r\n").text);
}

/// Whatever a client sends or a responder wants to say, a line of an answer ends where it should:
/// there is no value and no name that holds CR, LF or NUL, and what is encoded stays so.
#[test]
fn a_line_of_an_answer_cannot_be_broken() {
    for byte in (0..=0x1f).chain([0x7f]).filter(|&byte| byte != b'\t') {
        for value in [[b'a', byte, b'b'], [byte, b'a', b'b'], [b'a', b'b', byte]] {
            assert!(HeaderValue::from_bytes(&value).is_err(), "{}", value.escape_ascii());
            assert!(HeaderName::from_bytes(&value).is_err(), "{}", value.escape_ascii());
        }
    }
    let (_folder, files) = files();
    for query in ["%0d%0aSet-Cookie:%20a=b", "%0D%0A%0D%0AHTTP/1.1%20200%20OK", "%00", "%0a%20"] {
        let reply = files.get("GET", &format!("/sub?{query}"), "");
        assert_eq!(
            (reply.status, reply.field(LOCATION.as_str())),
            (301, &*format!("/sub/?{query}"))
        );
        assert_eq!(reply.field("set-cookie"), "");
    }
}

/// RFC 9112 §6.1: no Transfer-Encoding, even where the content is of no known length.
#[test]
fn a_status_without_content_has_no_coding_either() {
    let server = Server::of(|| {
        |request: &Request<'_>| {
            let status: StatusCode = request.path()[1..].parse().expect("a status");
            Response::new(status, Body::Source(Box::new(Once)))
        }
    });
    for (status, length) in [(204, ""), (304, ""), (205, "0")] {
        for method in ["GET", "HEAD"] {
            let reply = server.get(method, &format!("/{status}"), "");
            assert_eq!((reply.status, reply.content.as_str()), (status, ""), "{method}");
            assert_eq!(reply.field("transfer-encoding"), "", "{method} {status}");
            assert_eq!(reply.field("content-length"), length, "{method} {status}");
        }
    }
}

/// RFC 9110 §9.3.2, §8.6: the head is that of GET, its length included.
#[test]
fn head_has_the_fields_that_get_has() {
    let (_folder, files) = files();
    let open = Server::of(|| echo);
    let routes = Server::of(|| {
        Routes::new()
            .get("/a.txt", |_: &Request<'_>| Response::html("<p>").with_status(StatusCode::CREATED))
    });
    for (server, target, lines) in [
        (&files, "/a.txt", ""),
        (&files, "/sub", ""),
        (&files, "/sub/", ""),
        (&files, "/none", ""),
        (&files, "/a.txt", "If-None-Match: *\r\n"),
        (&files, "/a.txt", "If-Match: \"x\"\r\n"),
        (&open, "/source", ""),
        (&routes, "/a.txt", ""),
    ] {
        let get = server.get("GET", target, lines);
        let head = server.get("HEAD", target, lines);
        let fields = |reply: &Reply| -> Vec<(String, String)> {
            let without = reply.fields().filter(|(name, _)| *name != "Date");
            without.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        assert_eq!((head.status, fields(&head)), (get.status, fields(&get)), "{target} {lines}");
        assert_eq!(head.content, "", "{target}");
        let length = get.field("content-length");
        assert!(length.is_empty() || length == get.content.len().to_string(), "{target}");
    }
}

/// Reads a body, and fails over it.
struct Clumsy;

impl BodyReader for Clumsy {
    fn piece(&mut self, _: &[u8]) {}

    fn end(self: Box<Self>, _: Fields<'_>) -> Response {
        panic!("this test is about it")
    }
}

/// RFC 9110 §15.5, §15.6: an error has content that says which it is, in text.
#[test]
fn an_error_explains_itself() {
    let (_folder, files) = files();
    let mut hasty = Limits::default();
    hasty.answer_timeout = std::time::Duration::from_millis(1);
    let never = Server::with(hasty, || later);
    let clumsy = Server::of(|| |_: &Request<'_>| Answer::Body(Box::new(Clumsy)));
    for (server, method, target, lines, content) in [
        (&files, "GET", "/none", "", "404 Not Found\n"),
        (&files, "PUT", "/a.txt", "", "405 Method Not Allowed\n"),
        (&files, "BREW", "/a.txt", "", "501 Not Implemented\n"),
        (&files, "GET", "/a.txt", "If-Match: \"x\"\r\n", "412 Precondition Failed\n"),
        (&never, "GET", "/", "", "503 Service Unavailable\n"),
        (&clumsy, "GET", "/", "", "500 Internal Server Error\n"),
    ] {
        let said = server.say(format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"));
        let reply = Reply::of(&said.text);
        assert_eq!(reply.content, content, "{method} {target}");
        assert!(content.starts_with(&reply.status.to_string()), "{method} {target}");
        assert_eq!(reply.field("content-type"), "text/plain; charset=utf-8");
    }
}
