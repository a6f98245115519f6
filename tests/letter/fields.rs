//! Fields that this server has no use for: they change nothing.

use super::talk::{Reply, Server, echo};

/// What is sent besides Host, and the answer without its Date.
fn answer(server: &Server, target: &str, lines: &str) -> String {
    let reply = server.get("GET", target, lines);
    let date = reply.field("date").to_owned();
    reply.head.replace(&date, "") + &reply.content
}

#[test]
fn what_is_not_known_changes_nothing() {
    let server = Server::of(|| echo);
    for target in ["/a", "/source"] {
        let plain = answer(&server, target, "");
        for lines in [
            // RFC 9110 §5.1: names that nobody has heard of, or that are reserved.
            "X-Unheard-Of: 1\r\n!#$%&'*+-.^_`|~: 1\r\nClose: 1\r\n",
            // §7.6.1: options without their field, fields without their option.
            "Connection: x-option\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n",
            "Max-Forwards: 0\r\nVia: 1.0 fred\r\n",
            // §10.1.2, §10.1.3: who asks, and from where.
            "From: somebody@example.org\r\nReferer: http://elsewhere/\r\nUser-Agent: x/1\r\n",
            "Authorization: Basic eDp5\r\nCookie: a=b\r\nOrigin: http://elsewhere\r\n",
            // RFC 9112 §7.4: chunked is acceptable in any case, and no coding too.
            "TE: trailers, deflate;q=0.5\r\nConnection: TE\r\n",
            "TE:\r\n",
            // §12.5: what is not negotiated.
            "Accept: image/*;q=0\r\nAccept-Charset: x\r\nAccept-Language: tlh\r\n",
            "Accept-Encoding: gzip, br\r\n",
            "Accept-Encoding: identity;q=0\r\n",
            "Accept-Encoding:\r\n",
            // §8.7, §14.4, §8.3: what speaks of content that is not there, or not to be changed.
            "Content-Location: /elsewhere\r\nContent-Range: bytes 0-1/2\r\nContent-Type: a/b\r\n",
            "Content-Encoding: gzip\r\nContent-Language: tlh\r\n",
            // Doubled where it may stand once; nobody reads it.
            "Accept: a/b\r\nAccept: c/d\r\nFrom: a\r\nFrom: b\r\nUser-Agent: a\r\nUser-Agent: b\r\n",
        ] {
            assert_eq!(answer(&server, target, lines), plain, "{lines}");
        }
    }
}

/// RFC 9110 §7.8: a server may go on as it is, and on HTTP/1.0 it must.
#[test]
fn upgrade_is_disregarded() {
    let server = Server::of(|| echo);
    let plain = answer(&server, "/a", "");
    for lines in [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: upgrade\r\nUpgrade: TLS/1.3, HTTP/3.0, IRC/6.9\r\n",
        "Upgrade: HTTP/1.1\r\n",
        "Connection: Upgrade\r\n",
    ] {
        assert_eq!(answer(&server, "/a", lines), plain, "{lines}");
        let options = server.get("OPTIONS", "/a", lines);
        assert_eq!((options.status, options.field("upgrade")), (200, ""), "{lines}");
        let on_10 = |lines: &str| {
            let said = server.say(format!("GET /a HTTP/1.0\r\nHost: x\r\n{lines}\r\n"));
            assert!(!said.goes_on, "{lines}");
            let at = said.text.find("Date: ").expect("a date");
            said.text[..at].to_owned() + &said.text[at + "Date: ".len() + 29..]
        };
        assert_eq!(on_10(lines), on_10(""), "{lines}");
    }
    let expects = "PUT /body HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(server.ask(expects).content, "hi");
}

/// RFC 9110 §6.5.1: what comes behind the body speaks too late of the message.
#[test]
fn trailers_stay_apart_from_the_head() {
    let server = Server::of(|| echo);
    for trailers in [
        "Connection: close\r\n",
        "Content-Length: 1\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Host: elsewhere\r\nHost: y\r\n",
        "Expect: wonders\r\n",
        "X-Unheard-Of: 1\r\nTrailer: X\r\n",
    ] {
        for (target, content) in [("/a", "PUT /a on x"), ("/body", "hi")] {
            let reply = server.ask(format!(
                "PUT {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                 2\r\nhi\r\n0\r\n{trailers}\r\n"
            ));
            assert_eq!((reply.status, reply.content.as_str()), (200, content), "{trailers}");
            assert_eq!(reply.field("connection"), "", "{trailers}");
        }
    }
}

/// RFC 9110 §3.3: who came before on this connection is somebody else.
#[test]
fn a_request_is_understood_by_itself() {
    let server = Server::of(|| echo);
    let plain = answer(&server, "/a", "");
    for before in [
        "GET /b HTTP/1.1\r\nHost: other\r\nAuthorization: Basic eDp5\r\nCookie: a=b\r\n\r\n",
        "GET http://other/b?c HTTP/1.1\r\nHost: y\r\nFrom: somebody\r\nUser-Agent: x/1\r\n\r\n",
        "GET /b HTTP/1.0\r\nHost: other\r\nConnection: keep-alive\r\n\r\n",
        "HEAD /b HTTP/1.1\r\nHost: other\r\nExpect: 100-continue\r\nTE: trailers\r\n\r\n",
        "PUT /body HTTP/1.1\r\nHost: other\r\nContent-Length: 2\r\n\r\nhi",
        "OPTIONS * HTTP/1.1\r\nHost: other\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ] {
        let said = server.say(format!("{before}GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(said.goes_on, "{before}");
        let second = said.text.rfind("HTTP/1.1 200 OK").expect("a second answer");
        let second = Reply::of(&said.text[second..]);
        assert_eq!(second.head.replace(second.field("date"), "") + &second.content, plain);
    }
}
