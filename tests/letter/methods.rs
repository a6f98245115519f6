//! Methods (RFC 9110 §9): which are served, and what the others are told.

use oneloop::{Answer, Files, Fixed, Request, Response, Routes};

use super::talk::{Folder, Reply, Server, echo};

fn files() -> (Folder, Server) {
    let folder = Folder::with(&[("a.txt", "hello"), ("sub/b.txt", "b")]);
    let path = folder.path().to_owned();
    let server = Server::of(move || Files::new(path).expect("a folder"));
    (folder, server)
}

fn routes() -> Server {
    Server::of(|| {
        Routes::new()
            .get("/a.txt", |_: &Request<'_>| Response::text("hello"))
            .post("/b", |_: &Request<'_>| Answer::collect(Response::bytes))
    })
}

#[test]
fn get_and_head_are_served_by_all() {
    let (_folder, files) = files();
    let fixed = Server::of(|| Fixed::new(Response::text("hello").prepare()));
    for server in [files, routes(), fixed] {
        let get = server.get("GET", "/a.txt", "");
        assert_eq!((get.status, get.content.as_str()), (200, "hello"));
        let head = server.get("HEAD", "/a.txt", "");
        assert_eq!((head.status, head.content.as_str()), (200, ""));
    }
}

#[test]
fn unknown_is_501_and_not_allowed_is_405() {
    let (_folder, files) = files();
    for (server, allow) in [(files, "GET, HEAD, OPTIONS"), (routes(), "GET, HEAD, OPTIONS")] {
        for (method, status) in [
            ("POST", 405),
            ("PUT", 405),
            ("DELETE", 405),
            ("PATCH", 405),
            ("TRACE", 405),
            ("BREW", 501),
            ("PROPFIND", 501),
            ("GETS", 501),
        ] {
            let reply = server.get(method, "/a.txt", "");
            assert_eq!(reply.status, status, "{method}");
            assert_eq!(reply.field("allow"), allow, "{method}");
        }
    }
}

#[test]
fn the_case_of_a_method_matters() {
    let (_folder, files) = files();
    for server in [files, routes()] {
        for method in ["get", "Get", "gET", "head", "options"] {
            assert_eq!(server.get(method, "/a.txt", "").status, 501, "{method}");
        }
    }
}

/// Nothing of the request comes back, least of all what is secret.
#[test]
fn trace_shows_nothing() {
    let (_folder, files) = files();
    let fixed = Server::of(|| Fixed::new(Response::text("always").prepare()));
    for (server, status) in [(files, 405), (routes(), 405), (fixed, 501)] {
        let lines = "Cookie: secret\r\nAuthorization: Basic secret\r\nX-Name: secret\r\n";
        let reply = server.get("TRACE", "/a.txt", lines);
        assert_eq!(reply.status, status);
        assert!(!reply.head.contains("secret") && !reply.content.contains("secret"), "{reply:?}");
        assert!(!reply.head.contains("message/http"), "{reply:?}");
    }
}

/// Whatever is asked for, and whoever answers otherwise: 501, and no bytes pass.
#[test]
fn connect_never_makes_a_tunnel() {
    let (_folder, files) = files();
    let open = Server::of(|| echo);
    for server in [files, routes(), open] {
        for target in ["x:443", "x:", "x", "x:99999", "x:0", ":443", "[::1]:443", "/", "*"] {
            let connect = format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n");
            let said = server.say(format!("{connect}bytes for the other end"));
            let reply = Reply::of(&said.text);
            assert_eq!((reply.status, said.goes_on), (501, false), "{target}");
        }
    }
}

/// For a path what the path allows, for `*` what the server does; a list without empty elements.
#[test]
fn options_says_what_is_allowed() {
    let (_folder, files) = files();
    let read = "GET, HEAD, OPTIONS";
    let routes = routes();
    for (server, target, allow) in [
        (&files, "/a.txt", read),
        (&files, "*", read),
        (&files, "http://x", read),
        (&routes, "/a.txt", read),
        (&routes, "/b", "OPTIONS, POST"),
        (&routes, "*", "GET, HEAD, OPTIONS, POST"),
        (&routes, "http://x", "GET, HEAD, OPTIONS, POST"),
    ] {
        let reply = server.get("OPTIONS", target, "");
        assert_eq!((reply.status, reply.field("allow")), (204, allow), "{target}");
        assert!(reply.field("allow").split(", ").all(|method| !method.is_empty()), "{target}");
        assert_eq!(reply.content, "", "{target}");
    }
}

/// The framing of a request does not depend on its method (RFC 9112 §6), and content that has no
/// meaning changes nothing.
#[test]
fn content_means_nothing_to_a_method_without_a_use_for_it() {
    let (_folder, files) = files();
    for server in [files, routes()] {
        for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"] {
            let without = server.get(method, "/a.txt", "");
            let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
            let length = smuggled.len();
            for body in [
                format!("Content-Length: {length}\r\n\r\n{smuggled}"),
                format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{smuggled}\r\n0\r\n\r\n"),
            ] {
                let request = format!("{method} /a.txt HTTP/1.1\r\nHost: x\r\n{body}");
                let with = server.ask(request);
                assert_eq!((with.status, &with.content), (without.status, &without.content));
            }
        }
    }
}
