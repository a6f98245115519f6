//! Versions (RFC 9110 §2.5, §6.2; RFC 9112 §2.3): whose requests are served, and as what.

use super::talk::{Reply, Server, echo};

#[test]
fn every_answer_says_http_1_1() {
    let server = Server::of(|| echo);
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /source HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.9\r\nHost: x\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n",
        "GET /\r\n",
        "(noise)",
    ] {
        let text = server.say(request).text;
        assert!(text.starts_with("HTTP/1.1 "), "{request:?}: {text}");
    }
}

/// Not only its line is read: what 1.1 has and 1.0 has not is there for it.
#[test]
fn a_higher_minor_version_is_served_as_1_1() {
    let server = Server::of(|| echo);
    for minor in 2..=9 {
        let get = |target: &str| format!("GET {target} HTTP/1.{minor}\r\nHost: x\r\n\r\n");
        assert_eq!(server.ask(get("/a")).content, "GET /a on x");
        let source = server.ask(get("/source"));
        assert_eq!(source.field("transfer-encoding"), "chunked");
        let put = format!(
            "PUT /body HTTP/1.{minor}\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nhi\r\n0\r\n\r\n"
        );
        assert_eq!(server.ask(put).content, "hi");
        let hostless = server.say(format!("GET / HTTP/1.{minor}\r\n\r\n"));
        assert!(!hostless.goes_on && hostless.text.starts_with("HTTP/1.1 400 "));
    }
}

/// The preface of HTTP/2 is a request of another major version like any (RFC 9113 §3.4).
#[test]
fn another_major_version_is_refused_in_words() {
    let server = Server::of(|| echo);
    for request in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    ] {
        let said = server.say(request);
        let reply = Reply::of(&said.text);
        assert_eq!((reply.status, said.goes_on), (505, false), "{request:?}");
        assert_eq!(reply.content, "Only HTTP/1.0 and HTTP/1.1 are served.\n", "{request:?}");
    }
}

/// RFC 9110 §4.1 for the target, RFC 9112 §3 for the line: by default, with room to spare.
#[test]
fn a_request_line_of_8000_octets_is_read() {
    let server = Server::of(|| echo);
    for target in ["/".to_owned() + &"a".repeat(7999), "/?".to_owned() + &"a".repeat(7998)] {
        assert_eq!(target.len(), 8000);
        let reply = server.get("GET", &target, "");
        assert_eq!(reply.content, format!("GET {target} on x"));
    }
}
