//! The time as answers tell it, and how a connection ends whose time has run out.
//!
//! This is the one file here that asks the time.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::{Duration, SystemTime};

use oneloop::{Files, Limits};

use super::talk::{Folder, Server, echo};

#[expect(clippy::disallowed_methods, reason = "the server's Date is held against the time")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// RFC 9110 §6.6.1, §5.6.7: the second in which it was made, in the one form that may be sent; and a
/// second later, when the server has idled meanwhile, the one of then.
#[test]
fn the_date_is_now() {
    let mut limits = Limits::default();
    limits.idle_timeout = Duration::from_millis(1100);
    let server = Server::with(limits, || echo);
    for _ in 0..2 {
        let before = whole_seconds(now());
        let date = server.get("GET", "/", "").field("date").to_owned();
        let after = whole_seconds(now());
        let time = httpdate::parse_http_date(&date).expect("a date");
        assert_eq!(httpdate::fmt_http_date(time), date, "in the preferred form");
        let said = whole_seconds(time);
        assert!((before..=after).contains(&said), "{date}: {before}, {said}, {after}");
        // So long does it take that nobody asks.
        let nothing = server.client().read(&mut [0]).expect("the server closes");
        assert_eq!(nothing, 0);
    }
}

fn whole_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
}

/// RFC 9110 §8.8.2.1: a file of tomorrow is said to be of now, in 200 and in 304.
#[test]
fn nothing_was_modified_after_it_was_sent() {
    let folder = Folder::with(&[("a.txt", "hello")]);
    let file = File::options().write(true).open(folder.path().join("a.txt")).expect("a file");
    file.set_modified(now() + Duration::from_secs(86_400)).expect("a time");
    let path = folder.path().to_owned();
    let files = Server::of(move || Files::new(path).expect("a folder"));
    for (method, lines, status) in [
        ("GET", "", 200),
        ("HEAD", "", 200),
        ("GET", "If-None-Match: *\r\n", 304),
        ("HEAD", "If-None-Match: *\r\n", 304),
    ] {
        let reply = files.get(method, "/a.txt", lines);
        assert_eq!(reply.status, status, "{method} {lines}");
        assert_eq!(reply.field("last-modified"), reply.field("date"), "{method} {lines}");
    }
    let with_body = "HEAD /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx";
    let reply = files.ask(with_body);
    assert_eq!(reply.field("last-modified"), reply.field("date"), "laid out beforehand");
}

/// RFC 9112 §9.5: who idles too long sees an end, and no reset; behind an answer and without one.
#[test]
fn an_idle_connection_is_closed_gracefully() {
    let mut limits = Limits::default();
    limits.idle_timeout = Duration::from_millis(50);
    let server = Server::with(limits, || echo);
    for request in ["", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut client = server.client();
        client.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an end, and not a reset");
        assert_eq!(answer.is_empty(), request.is_empty());
        assert!(!answer.contains("Connection: close"), "it was not meant to be the last");
    }
}
