//! Requests that two readers would end at two places (RFC 9112 §6.3, §11.2). Each is followed by
//! what one of the two would take for a request: it is never answered, because the connection ends
//! with the refusal.

use super::talk::{Reply, Server, echo};

/// A head with these lines, and behind it what is not to be found.
fn check(server: &Server, version: &str, lines: &[u8], status: u16) {
    let head = [b"POST / ", version.as_bytes(), b"\r\nHost: x\r\n", lines, b"\r\n"].concat();
    for body in ["", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"] {
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        let said = server.say([&head, body.as_bytes(), smuggled.as_bytes()].concat());
        let what = format!("{version} {} {body:?}\n{}", lines.escape_ascii(), said.text);
        assert!(!said.goes_on, "{what}");
        let reply = Reply::of(&said.text);
        assert_eq!((reply.status, reply.field("connection")), (status, "close"), "{what}");
        assert!(!said.text.contains("/smuggled"), "{what}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_and_closed() {
    let server = Server::of(|| echo);
    // Lengths.
    for value in ["5, 5", "5,6", "+5", "-5", "0x5", "5 5", "5;5", "5.0", "\"5\"", "x", ""] {
        let line = format!("Content-Length: {value}\r\n");
        check(&server, "HTTP/1.1", line.as_bytes(), 400);
    }
    for value in ["18446744073709551616", "99999999999999999999999999"] {
        let line = format!("Content-Length: {value}\r\n");
        check(&server, "HTTP/1.1", line.as_bytes(), 400);
    }
    for lines in [
        &b"Content-Length: 5\r\nContent-Length: 6\r\n"[..],
        b"Content-Length: 0\r\ncontent-length: 5\r\n",
        b"Content-Length : 5\r\n",
        b"Content-Length\x0b: 5\r\n",
        b"Content-Length:\x0b5\r\n",
        // Both, in either order.
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        // Codings in disguise.
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding\t: chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding: \x0cchunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked\xff\r\n",
        b"Transfer-Encoding: \"chunked\"\r\n",
        b"Transfer-Encoding: 'chunked'\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: , chunked\r\n",
        b"Transfer-Encoding: chunked;a=b\r\n",
        b"Transfer-Encoding: gzip;a=b\r\n",
        b"Transfer-Encoding:\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: chunked\nContent-Length: 5\r\n",
    ] {
        check(&server, "HTTP/1.1", lines, 400);
    }
    check(&server, "HTTP/1.1", b"Transfer-Encoding: gzip, chunked\r\n", 501);
}

#[test]
fn transfer_encoding_on_http_1_0_is_refused_and_closed() {
    let server = Server::of(|| echo);
    for lines in [
        &b"Transfer-Encoding: chunked\r\n"[..],
        b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: keep-alive\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
    ] {
        check(&server, "HTTP/1.0", lines, 400);
    }
}
