//! The admin listener of the program, end to end: what it tells, to whom, and for how long.

#![allow(clippy::unwrap_used, reason = "a step that fails ends its test, in the helpers as well")]

mod harness;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use oneloop::config::{ATTENDED_MOST, PAGES_MOST};
use rustix::process::Signal;
use serde_json::Value;

use harness::*;

/// The program answering `x`, and its admin listener.
struct Shown {
    program: Program,
    port: u16,
    admin: u16,
}

impl Shown {
    fn start(options: &[&str]) -> Self {
        let program = Program::start(&[&["respond", "x", "-p0", "--admin", "0"], options].concat());
        let several = options.contains(&"-w2");
        let what = "answering 200 with 1 byte";
        let port = program.port(&format!("{what}{}", if several { " by 2 workers" } else { "" }));
        let admin = program.port("showing");
        Self { program, port, admin }
    }

    fn status(&self) -> Value {
        let (head, body) = look(self.admin, "/status");
        assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
        serde_json::from_slice(&body).unwrap()
    }

    /// The status, once that is so.
    fn status_when(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        assert!(eventually(|| is_so(&self.status())), "{}", self.status());
        self.status()
    }

    /// What is told of that connection, and its steps in words. Which slot it is in depends on who
    /// was let in first.
    fn life_of(&self, client: &str) -> (Value, Vec<String>) {
        // On one connection, so that none of them takes the slot of who has left.
        let mut admin = connect(self.admin);
        let mut lives = (0..16).filter_map(|slot| {
            write!(admin, "GET /slot?slot={slot} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let head = head_of(&mut admin);
            let (_, length) = head.split_once("Content-Length: ").unwrap();
            let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
            admin.read_exact(&mut body).unwrap();
            serde_json::from_slice::<Value>(&body).ok()
        });
        let told = lives.find(|told| told["client"] == client).unwrap();
        let steps = told["steps"].as_array().unwrap().iter();
        let steps = steps.map(|step| step["text"].as_str().unwrap().to_owned()).collect();
        (told, steps)
    }
}

/// One request, whose whole answer is read; the connection stays.
fn ask_once(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    assert_eq!(until(stream, b"\r\n\r\nx").lines().next(), Some("HTTP/1.1 200 OK"));
}

/// One request to the admin listener; the head and the body of the answer.
fn look(admin: u16, path: &str) -> (String, Vec<u8>) {
    let mut stream = connect(admin);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).unwrap(), body)
}

/// A request to the admin listener with a Host of one's own.
fn head_for(port: u16, line: &str, host: &str) -> String {
    let mut stream = connect(port);
    write!(stream, "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    head_of(&mut stream)
}

#[test]
fn figures_are_those_of_the_clients() {
    for options in [&[][..], &["-w2"]] {
        let shown = Shown::start(options);
        let mut streams: Vec<_> = (0..5).map(|_| connect(shown.port)).collect();
        for _ in 0..3 {
            streams.iter_mut().for_each(ask_once);
        }
        let pipelined = "GET / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(16);
        streams[0].write_all(pipelined.as_bytes()).unwrap();
        (0..16).for_each(|_| drop(until(&mut streams[0], b"\r\n\r\nx")));
        drop(streams.pop());
        let mut refused = connect(shown.port);
        refused.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        drop(head_of(&mut refused));

        let status = shown.status_when(|now| now["connections"]["open"] == 5);
        let expected = 5 * 3 + 16;
        assert_eq!(status["requests"], expected + 1, "{status}");
        assert_eq!(status["statuses"]["200"], expected);
        assert_eq!(status["statuses"]["400"], 1);
        assert_eq!(status["latency"]["count"], expected + 1);
        assert_eq!(status["unsent"], 0);
        let received = (expected * 30 + 18) as u64;
        assert_eq!(status["received"], received);
        let connections = &status["connections"];
        assert_eq!(connections["accepted"], 6);
        assert_eq!(connections["closed"]["client-done"], 1);
        assert_eq!(connections["phases"]["idle"], 4);
        assert_eq!(connections["phases"]["lingering"], 1);
        assert_eq!(status["calls"]["accept4"]["failed"], 0);
        let sent = status["calls"]["sendto"]["made"].as_u64().unwrap();
        assert!((17..=expected as u64 + 1).contains(&sent), "{sent}");
        assert_eq!(status["workers"], if options.is_empty() { 1 } else { 2 });
        assert_eq!(status["state"], "serving");
    }
}

#[test]
fn a_connection_is_told_step_by_step() {
    let shown = Shown::start(&[]);
    let mut stream = connect(shown.port);
    stream.write_all(b"GET / HT").unwrap();
    shown.status_when(|now| now["connections"]["phases"]["head"] == 1);
    stream.write_all(b"TP/1.1\r\nHost: test\r\n\r\nGET").unwrap();
    assert_eq!(until(&mut stream, b"\r\n\r\nx").lines().next(), Some("HTTP/1.1 200 OK"));
    shown.status_when(|now| now["requests"] == 1);
    let client = stream.local_addr().unwrap().to_string();
    let (told, steps) = shown.life_of(&client);
    assert_eq!(told["phase"], "head");
    let has = |part: &str| steps.iter().any(|step| step.contains(part));
    for part in [
        "accepted",
        "recv 8 of 65,536",
        "rest of the head",
        "recv 25 of 65,528",
        "request 1 goes",
        "answered 200",
    ] {
        assert!(has(part), "{part}: {steps:#?}");
    }
    // Times go up, and each step names a file that there is.
    let steps = told["steps"].as_array().unwrap();
    let times: Vec<_> = steps.iter().map(|step| step["at"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    for step in steps {
        let file = step["file"].as_str().unwrap();
        let path = format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::exists(&path).unwrap(), "{path}");
    }
    for query in ["slot=9999", "slot=0&worker=7", "slot=x", ""] {
        let (head, _) = look(shown.admin, &format!("/slot?{query}"));
        assert!(head.starts_with("HTTP/1.1 404 "), "{query}: {head}");
    }
}

/// Nothing that a client says is ever told: neither what is secret nor what is not.
#[test]
fn nothing_that_clients_say_is_told() {
    let shown = Shown::start(&[]);
    let mut stream = connect(shown.port);
    let secrets =
        ["GET", "hidden-path", "hidden-query", "hidden-auth", "hidden-cookie", "hidden-body"];
    write!(
        stream,
        "POST /hidden-path?hidden-query HTTP/1.1\r\nHost: test\r\nAuthorization: hidden-auth\r\n\
         Cookie: hidden-cookie\r\nContent-Length: 11\r\n\r\nhidden-body"
    )
    .unwrap();
    drop(until(&mut stream, b"\r\n\r\nx"));
    let mut all = String::new();
    let slots = (0..8).map(|slot| format!("/slot?slot={slot}"));
    let paths = ["/status", "/metrics", "/report", "/report?format=json"].map(str::to_owned);
    for path in paths.into_iter().chain(slots) {
        let (_, body) = look(shown.admin, &path);
        let _ = write!(all, "{}", String::from_utf8(body).unwrap());
    }
    for secret in &secrets[1..] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    assert!(all.contains("answered 200"), "{all}");
}

#[test]
fn the_page_lives_on_events() {
    let shown = Shown::start(&[]);
    let mut stream = connect(shown.port);
    ask_once(&mut stream);
    let mut page = connect(shown.admin);
    page.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let head = head_of(&mut page);
    assert!(head.contains("\r\nContent-Type: text/event-stream\r\n"), "{head}");
    let mut lines = BufReader::new(page).lines().map(Result::unwrap);
    let mut beat = || -> Value {
        let data = lines.by_ref().find_map(|line| Some(line.strip_prefix("data: ")?.to_owned()));
        serde_json::from_str(&data.unwrap()).unwrap()
    };
    let first = beat();
    assert_eq!(first["cells"]["workers"][0], "is");
    assert_eq!(first["requests"], 1);
    ask_once(&mut stream);
    assert!((0..100).any(|_| beat()["requests"] == 2));
}

/// Those who look on keep no more of the loop than a little, and not for longer than they do.
#[test]
fn no_more_pages_look_on_than_may() {
    let shown = Shown::start(&[]);
    let look_on = || {
        let mut page = connect(shown.admin);
        page.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let head = head_of(&mut page);
        head.starts_with("HTTP/1.1 200 ").then_some(page)
    };
    // To ask what it would be like is not to look on.
    (0..PAGES_MOST).for_each(|_| drop(head_for(shown.admin, "HEAD /events", "localhost")));
    let mut pages: Vec<_> = (0..PAGES_MOST).map(|_| look_on().unwrap()).collect();
    let (head, _) = look(shown.admin, "/events");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(look(shown.admin, "/status").0.starts_with("HTTP/1.1 200 "));
    drop(pages.pop());
    assert!(eventually(|| look_on().is_some()));
}

/// A crowd that looks on keeps nobody else waiting, and who is too many is let in when one leaves.
#[test]
fn a_crowd_of_those_who_look_on() {
    let shown = Shown::start(&[]);
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    };
    let mut crowd: Vec<_> = (0..=ATTENDED_MOST).map(|_| connect(shown.admin)).collect();
    crowd.iter_mut().for_each(ask);
    let mut streams: Vec<_> = (0..8).map(|_| connect(shown.port)).collect();
    streams.iter_mut().for_each(ask_once);
    let mut last = crowd.pop().unwrap();
    drop(crowd.pop());
    last.write_all(b"\r\n").unwrap();
    assert!(head_of(&mut last).starts_with("HTTP/1.1 200 "));
}

/// Who looks into a full house takes nobody's place, and needs none of theirs.
#[test]
fn a_full_house_is_looked_into() {
    let shown = Shown::start(&["--max-connections", "2"]);
    let pages: Vec<_> = (0..4)
        .map(|_| {
            let mut page = connect(shown.admin);
            page.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            assert!(head_of(&mut page).starts_with("HTTP/1.1 200 "));
            page
        })
        .collect();
    let mut busy = [connect(shown.port), connect(shown.port)];
    busy.iter_mut().for_each(|stream| stream.write_all(b"GET / HTTP/1.1\r\n").unwrap());
    shown.status_when(|now| now["connections"]["phases"]["head"] == 2);
    // Somebody waits to be let in, and accepting pauses.
    let mut third = connect(shown.port);
    assert!(look(shown.admin, "/health").0.starts_with("HTTP/1.1 200 "));
    assert!(eventually(|| {
        let (_, metrics) = look(shown.admin, "/metrics");
        !String::from_utf8(metrics).unwrap().contains("accept_pauses_total 0")
    }));
    assert!(look(shown.admin, "/health").0.starts_with("HTTP/1.1 200 "));
    assert_eq!(shown.status()["connections"]["open"], 2);
    busy[0].write_all(b"Host: test\r\nConnection: close\r\n\r\n").unwrap();
    drop(until(&mut busy[0], b"\r\n\r\nx"));
    drop(busy);
    ask_once(&mut third);
    drop(pages);
}

#[test]
fn others_pages_cannot_read_it() {
    let shown = Shown::start(&["--admin-host", "web-1.example"]);
    for (host, status) in [
        ("127.0.0.1:1", "200 OK"),
        ("localhost", "200 OK"),
        ("[::1]", "200 OK"),
        ("Web-1.example:9", "200 OK"),
        ("evil.example", "421 Misdirected Request"),
        ("web-1.example.evil", "421 Misdirected Request"),
    ] {
        for path in ["/", "/status", "/events", "/slot?slot=9", "/metrics", "/nowhere"] {
            let head = head_for(shown.admin, &format!("HEAD {path}"), host);
            let is_missing = ["/nowhere", "/slot?slot=9"].contains(&path) && status == "200 OK";
            let status = if is_missing { "404 Not Found" } else { status };
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{host} {path}: {head}");
        }
    }
    for path in ["/", "/scope.css", "/scope.js", "/status", "/events", "/metrics", "/report"] {
        let head = head_for(shown.admin, &format!("HEAD {path}"), "localhost");
        for field in [
            "Content-Security-Policy: default-src 'none';",
            "frame-ancestors 'none'",
            "X-Frame-Options: DENY",
            "X-Content-Type-Options: nosniff",
            "Cross-Origin-Resource-Policy: same-origin",
            "Cache-Control: no-store",
        ] {
            let field = field.to_lowercase();
            assert!(head.to_lowercase().contains(&field), "{path} without {field}: {head}");
        }
        assert!(!head.to_lowercase().contains("access-control"), "{head}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let head = head_for(shown.admin, &format!("{method} /status"), "localhost");
        assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("GET, HEAD"), "{head}");
    }
}

/// While a client is waited for, it says so; and who looks on is not waited for.
#[test]
fn it_is_there_while_the_server_stops() {
    let shown = Shown::start(&["--grace", "60s"]);
    let mut slow = connect(shown.port);
    slow.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut page = connect(shown.admin);
    page.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    drop(head_of(&mut page));
    shown.status_when(|now| now["connections"]["phases"]["head"] == 1);
    let ready = |port| look(port, "/ready").0;
    assert!(ready(shown.admin).starts_with("HTTP/1.1 200 "));
    shown.program.signal(Signal::TERM);
    assert!(eventually(|| ready(shown.admin).starts_with("HTTP/1.1 503 ")));
    assert!(look(shown.admin, "/health").0.starts_with("HTTP/1.1 200 "));
    assert_eq!(shown.status()["state"], "stopping");
    assert!(TcpStream::connect(("127.0.0.1", shown.port)).is_err(), "nobody else is let in");
    // The page is told, for as long as there is something to tell.
    drop(until(&mut page, b"\"state\":\"stopping\""));
    let idle = connect(shown.admin);
    slow.write_all(b"Host: test\r\n\r\n").unwrap();
    assert!(until(&mut slow, b"\r\n\r\nx").contains("Connection: close"));
    drop(slow);
    // Who looks on is not waited for.
    let ended = shown.program.end();
    assert!(ended.status.success(), "{:?}", ended.err);
    drop((idle, page));
}

#[test]
fn it_is_where_it_was_asked_for() {
    let folder = Scratch::new("admin");
    let socket = format!("unix:{}", text(&folder.at("admin.sock")));
    folder.with("www/index.html", "hello");
    // Confined, it still removes its socket's file.
    let program = Program::start(&[text(&folder.at("www")), "-p0", "--admin", &socket]);
    let line = program.said();
    assert!(line.starts_with("oneloop: serving "), "{line}");
    assert_eq!(program.said(), format!("oneloop: showing on {socket}"));
    let (head, _) = ask(connect_unix(&folder.at("admin.sock")), "GET", "/report");
    assert!(head.starts_with("HTTP/1.1 421 "), "{head}");
    let mut stream = connect_unix(&folder.at("admin.sock"));
    stream
        .write_all(b"GET /report HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut report = String::new();
    stream.read_to_string(&mut report).unwrap();
    // What the kernel counts can be read after the process has given up the rest of its access.
    assert!(report.starts_with("HTTP/1.1 200 ") && report.contains("ccept queue"), "{report}");
    assert!(program.stop().status.success());
    assert!(!folder.at("admin.sock").exists());

    // Where it was not asked for there is one listener, and the run says nothing of it.
    let program = Program::start(&["respond", "x", "-p0"]);
    let port = program.port("answering 200 with 1 byte");
    check_body(port, "/status", "x");
    let ended = program.stop();
    assert!(ended.out.is_empty() && ended.err.is_empty());
}

#[test]
fn mistakes_are_told_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (args, code, expected) in [
        (&["--admin", "nowhere"][..], 2, "give a port, an IP address with one"),
        (&["--admin", "127.0.0.1"], 2, "--admin <ADDRESS>"),
        (&["--admin", "unix:"], 2, "--admin <ADDRESS>"),
        (&["--admin-host", "a.example"], 2, "--admin-host was given without --admin"),
        (&["--admin", "0", "--admin-host", "a:1"], 2, "give a host name without a port"),
        (&["--admin", &taken], 1, &taken),
    ] {
        let args = [&["respond", "-p0"], args].concat();
        check_fails(&mut oneloop(&args), code, &[expected]);
    }
}
