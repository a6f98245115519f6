//! Each option for serving files, from the command line to the answer.
//!
//! Each test starts the real binary on a folder of its own, as `tests/program.rs` does. What an
//! option changes is asked for twice: with it and without it.

#![allow(clippy::unwrap_used, reason = "a step that fails ends its test, in the helpers as well")]

mod harness;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;

use harness::*;

/// A folder that is served with some options.
struct Site {
    port: u16,
    _program: Program,
}

/// Serves `folder` with these options.
fn serve(folder: &Scratch, options: &[&str]) -> Site {
    let root = folder.at("root");
    fs::create_dir_all(&root).unwrap();
    let program = Program::start(&[&[text(&root), "-p0"], options].concat());
    let line = program.said();
    let port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    Site { port, _program: program }
}

/// An answer, taken apart.
struct Got {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Got {
    /// The values of a field, with `|` between them; empty where there is none.
    fn field(&self, name: &str) -> String {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let values = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.collect::<Vec<_>>().join("|")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Site {
    /// One request with these field lines, each ended by CRLF.
    fn ask(&self, method: &str, target: &str, lines: &str) -> Got {
        let mut stream = connect(self.port);
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{lines}\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
        let body = answer.split_off(end);
        let head = String::from_utf8(answer).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Got { status, head, body }
    }

    fn get(&self, target: &str) -> Got {
        self.ask("GET", target, "")
    }

    /// What GET gets: its status, and where it is redirected to or else its body.
    #[track_caller]
    fn check(&self, target: &str, status: u16, expected: &str) {
        let got = self.get(target);
        let said =
            if (300..400).contains(&status) { got.field("location") } else { got.text().into() };
        assert_eq!((got.status, said.as_str()), (status, expected), "{target}: {}", got.head);
    }
}

const NOT_FOUND: &str = "404 Not Found\n";

#[test]
fn index_names_the_file_that_stands_for_its_folder() {
    let folder = Scratch::new("index");
    for (name, content) in [
        ("root/both/index.html", "html"),
        ("root/both/start.htm", "start"),
        ("root/one/start.htm", "start alone"),
        ("root/two/main.htm", "main"),
    ] {
        folder.with(name, content);
    }
    let site = serve(&folder, &["--no-listing"]);
    site.check("/both/", 200, "html");
    site.check("/one/", 404, NOT_FOUND);
    let site = serve(&folder, &["--no-listing", "--index", "start.htm", "--index", "main.htm"]);
    site.check("/both/", 200, "start");
    site.check("/one/", 200, "start alone");
    site.check("/two/", 200, "main");
    site.check("/both/index.html", 200, "html");
}

#[test]
fn clean_urls_leave_the_extension_out() {
    let folder = Scratch::new("clean");
    for (name, content) in [
        ("root/index.html", "front"),
        ("root/a b.html", "a"),
        ("root/c", "c itself"),
        ("root/c.html", "c"),
        ("root/sub/index.html", "sub"),
        ("root/sub.html", "sub.html"),
        ("root/note.txt", "note"),
    ] {
        folder.with(name, content);
    }
    let site = serve(&folder, &[]);
    site.check("/a%20b", 404, NOT_FOUND);
    site.check("/a%20b.html", 200, "a");
    site.check("/sub/index.html", 200, "sub");
    let site = serve(&folder, &["--clean-urls"]);
    site.check("/", 200, "front");
    site.check("/a%20b", 200, "a");
    site.check("/a%20b.html?q=1", 301, "/a%20b?q=1");
    site.check("/sub/", 200, "sub");
    site.check("/sub/index.html", 301, "/sub/");
    site.check("/index.html?q", 301, "/?q");
    site.check("/c", 200, "c itself");
    site.check("/note.txt", 200, "note");
    site.check("/note", 404, NOT_FOUND);
    site.check("/none.html", 404, NOT_FOUND);
    assert_eq!(site.get("/a%20b").field("content-type"), "text/html; charset=utf-8");
    // A redirection never leads to another server.
    for target in ["//evil.example/index.html", "//evil.example.html"] {
        let location = site.get(target).field("location");
        assert!(!location.starts_with("//"), "{target} leads to {location}");
    }
}

#[test]
fn spa_answers_with_the_root_s_index() {
    let folder = Scratch::new("spa");
    folder.with("root/index.html", "app");
    folder.with("root/a.js", "script");
    folder.with("root/sub/b.txt", "b");
    let site = serve(&folder, &[]);
    site.check("/route", 404, NOT_FOUND);
    let site = serve(&folder, &["--spa", "--no-listing"]);
    for route in ["/", "/route", "/deep/route", "/deep/route/", "/route?q=1", "/user/@me"] {
        site.check(route, 200, "app");
    }
    site.check("/a.js", 200, "script");
    site.check("/sub/b.txt", 200, "b");
    for missing in ["/b.js", "/assets/x.0a1b.css", "/sub/c.txt"] {
        site.check(missing, 404, NOT_FOUND);
    }
    let got = site.get("/route");
    assert_eq!(got.field("content-type"), "text/html; charset=utf-8");
    let again = site.ask("GET", "/other", &format!("If-None-Match: {}\r\n", got.field("etag")));
    assert_eq!(again.status, 304);
}

#[test]
fn not_found_answers_with_the_nearest_page() {
    let folder = Scratch::new("nearest");
    folder.with("root/404.html", "of the root");
    folder.with("root/de/404.html", "auf deutsch");
    folder.with("root/de/sub/a.txt", "a");
    let site = serve(&folder, &[]);
    site.check("/none", 404, NOT_FOUND);
    let site = serve(&folder, &["--not-found"]);
    site.check("/none", 404, "of the root");
    site.check("/no/such/folder/", 404, "of the root");
    site.check("/de/none", 404, "auf deutsch");
    site.check("/de/sub/none.txt", 404, "auf deutsch");
    site.check("/de/none/deep/er", 404, "auf deutsch");
    site.check("/de/sub/a.txt", 200, "a");
    let got = site.get("/none");
    assert_eq!(got.field("content-type"), "text/html; charset=utf-8");
    // What is not there has not stayed the same either, and no part of it is wanted.
    for line in ["If-None-Match: *\r\n", "Range: bytes=0-1\r\n"] {
        let got = site.ask("GET", "/none", line);
        assert_eq!((got.status, got.text()), (404, "of the root"), "{line}");
    }
    assert!(site.ask("HEAD", "/none", "").body.is_empty());
}

#[test]
fn an_error_page_is_sent_with_its_status() {
    let folder = Scratch::new("pages");
    folder.with("root/a.txt", "a");
    let page = format!("404={}", text(&folder.with("gone.html", "<p>gone")));
    let other = format!("405={}", text(&folder.with("no.txt", "no")));
    let site = serve(&folder, &["--error-page", &page, "--error-page", &other]);
    site.check("/none", 404, "<p>gone");
    assert_eq!(site.get("/none").field("content-type"), "text/html; charset=utf-8");
    let got = site.ask("DELETE", "/a.txt", "");
    assert_eq!((got.status, got.text()), (405, "no"));
    assert_eq!(got.field("allow"), "GET, HEAD, OPTIONS");
    assert!(site.ask("HEAD", "/none", "").body.is_empty());
    site.check("/a.txt", 200, "a");
    // It was read at the start.
    fs::remove_file(folder.at("gone.html")).unwrap();
    site.check("/none", 404, "<p>gone");

    let none = format!("404={}", text(&folder.at("none")));
    let root = folder.at("root");
    for (page, expected) in [(none, "404"), (format!("404={}", text(&root)), "not a regular file")]
    {
        let args = [text(&root), "-p0", "--error-page", &page];
        check_fails(&mut oneloop(&args), 1, &[expected]);
    }
}

#[test]
fn symlinks_are_followed_as_far_as_was_asked_for() {
    let folder = Scratch::new("links");
    folder.with("root/sub/a.txt", "a");
    let out = folder.with("out/secret", "secret");
    let root = folder.at("root");
    symlink("sub/a.txt", root.join("inside")).unwrap();
    symlink("../out/secret", root.join("relative")).unwrap();
    symlink(out, root.join("absolute")).unwrap();
    symlink("../out", root.join("folder")).unwrap();
    for (which, [inside, relative, absolute, within]) in [
        ("deny", [404, 404, 404, 404]),
        ("inside", [200, 404, 404, 404]),
        ("all", [200, 200, 200, 200]),
    ] {
        let site = serve(&folder, &["--symlinks", which]);
        for (target, status) in [
            ("/inside", inside),
            ("/relative", relative),
            ("/absolute", absolute),
            ("/folder/secret", within),
            ("/sub/a.txt", 200),
        ] {
            assert_eq!(site.get(target).status, status, "{which}: {target}");
        }
    }
}

#[test]
fn hidden_names_are_served_when_that_was_asked_for() {
    let folder = Scratch::new("hidden");
    folder.with("root/.env", "key");
    folder.with("root/.git/config", "config");
    folder.with("root/.well-known/acme", "acme");
    for (options, status) in [(&[][..], 404), (&["--hidden"], 200)] {
        let site = serve(&folder, options);
        for target in ["/.env", "/.git/config", "/.git/"] {
            assert_eq!(site.get(target).status, status, "{options:?}: {target}");
        }
        assert_eq!(site.get("/.well-known/acme").status, 200);
        assert_eq!(site.get("/").text().contains(".env"), status == 200, "{options:?}");
    }
}

#[test]
fn no_listing_answers_404_for_a_folder() {
    let folder = Scratch::new("listing");
    folder.with("root/sub/a.txt", "a");
    let site = serve(&folder, &[]);
    assert!(site.get("/sub/").text().contains("a.txt"));
    let site = serve(&folder, &["--no-listing"]);
    site.check("/sub/", 404, NOT_FOUND);
    site.check("/", 404, NOT_FOUND);
    site.check("/sub/a.txt", 200, "a");
}

#[test]
fn types_and_charset_are_as_was_asked_for() {
    let folder = Scratch::new("types");
    for name in ["a.glb", "a.log", "a.html", "a.css"] {
        folder.with(&format!("root/{name}"), "x");
    }
    let types = ["--type", "log=text/x-log", "--type", ".HTML=text/html; charset=latin1"];
    for (options, expected) in [
        (
            &[][..],
            [
                "model/gltf-binary",
                "text/plain; charset=utf-8",
                "text/html; charset=utf-8",
                "text/css; charset=utf-8",
            ],
        ),
        (
            &types,
            [
                "model/gltf-binary",
                "text/x-log; charset=utf-8",
                "text/html; charset=latin1",
                "text/css; charset=utf-8",
            ],
        ),
        (&["--no-charset"], ["model/gltf-binary", "text/plain", "text/html", "text/css"]),
    ] {
        let site = serve(&folder, options);
        for (name, expected) in ["a.glb", "a.log", "a.html", "a.css"].iter().zip(expected) {
            let got = site.get(&format!("/{name}"));
            assert_eq!(got.field("content-type"), expected, "{options:?}: {name}");
            assert_eq!(got.field("x-content-type-options"), "nosniff", "{options:?}: {name}");
        }
    }
}

#[test]
fn compress_makes_text_smaller_for_who_understands_it() {
    let folder = Scratch::new("compress");
    let content = "wazzzzap ".repeat(1000);
    folder.with("root/a.txt", &content);
    folder.with("root/a.png", &content);
    folder.with("root/tiny.txt", "tiny");
    let accept = "Accept-Encoding: gzip\r\n";
    let plain = serve(&folder, &[]);
    assert_eq!(plain.ask("GET", "/a.txt", accept).field("content-encoding"), "");
    let site = serve(&folder, &["--compress"]);
    let got = site.ask("GET", "/a.txt", accept);
    assert_eq!((got.status, got.field("content-encoding").as_str()), (200, "gzip"));
    assert!(got.body.len() < content.len() / 10 && got.body.starts_with(&[0x1F, 0x8B]));
    assert!(got.field("vary").to_lowercase().contains("accept-encoding"), "{}", got.head);
    assert_eq!(got.field("content-type"), "text/plain; charset=utf-8");
    let whole = site.get("/a.txt");
    assert_eq!(whole.text(), content);
    assert!(whole.field("vary").to_lowercase().contains("accept-encoding"), "{}", whole.head);
    assert_ne!(got.field("etag"), whole.field("etag"));
    let again = format!("{accept}If-None-Match: {}\r\n", got.field("etag"));
    assert_eq!(site.ask("GET", "/a.txt", &again).status, 304);
    for target in ["/a.png", "/tiny.txt"] {
        assert_eq!(site.ask("GET", target, accept).field("content-encoding"), "", "{target}");
    }
}

#[test]
fn cors_is_said_with_every_answer() {
    let folder = Scratch::new("cors");
    folder.with("root/sub/a.txt", "a");
    let cross = "Origin: https://b.example\r\n";
    let site = serve(&folder, &[]);
    let preflight = format!("{cross}Access-Control-Request-Method: GET\r\n");
    for (method, lines) in [("GET", cross), ("OPTIONS", &preflight)] {
        let head = site.ask(method, "/sub/a.txt", lines).head.to_lowercase();
        assert!(!head.contains("access-control"), "{head}");
    }
    for (option, origin) in [("--cors", "*"), ("--cors=https://a.example", "https://a.example")] {
        let site = serve(&folder, &[option]);
        let tag = site.get("/sub/a.txt").field("etag");
        for (method, target, lines, status) in [
            ("GET", "/sub/a.txt", cross.to_owned(), 200),
            ("GET", "/sub/a.txt", String::new(), 200),
            ("HEAD", "/sub/a.txt", cross.to_owned(), 200),
            ("GET", "/sub/a.txt", format!("{cross}If-None-Match: {tag}\r\n"), 304),
            ("GET", "/sub/a.txt", format!("{cross}If-Match: \"x\"\r\n"), 412),
            ("GET", "/sub/a.txt", format!("{cross}Range: bytes=0-0\r\n"), 206),
            ("GET", "/sub/a.txt", format!("{cross}Range: bytes=9-\r\n"), 416),
            ("GET", "/sub", cross.to_owned(), 301),
            ("GET", "/sub/", cross.to_owned(), 200),
            ("GET", "/none", cross.to_owned(), 404),
            ("POST", "/sub/a.txt", cross.to_owned(), 405),
            ("OPTIONS", "/sub/a.txt", cross.to_owned(), 204),
        ] {
            let got = site.ask(method, target, &lines);
            assert_eq!(got.status, status, "{method} {target} {lines}");
            let said = got.field("access-control-allow-origin");
            assert_eq!(said, origin, "{method} {target} {lines}");
            assert_eq!(got.field("access-control-expose-headers"), "*", "{method} {target}");
            assert!(!got.field("vary").to_lowercase().contains("origin"), "{}", got.head);
        }
        let asks = format!(
            "{cross}Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: range\r\n"
        );
        for target in ["/sub/a.txt", "/none"] {
            let got = site.ask("OPTIONS", target, &asks);
            assert_eq!(got.status, 204, "{target}");
            for (name, value) in [
                ("access-control-allow-origin", origin),
                ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                ("access-control-allow-headers", "*, Authorization"),
                ("access-control-max-age", "86400"),
            ] {
                assert_eq!(got.field(name), value, "{target}: {name}");
            }
        }
    }
}

#[test]
fn cache_control_goes_by_name() {
    let folder = Scratch::new("cache");
    for name in ["index.html", "assets/a.css", "assets/b/c.js", "a.css", "a.pdf"] {
        folder.with(&format!("root/{name}"), "x");
    }
    const ASKED_AGAIN: &str = "max-age=0, s-maxage=1";
    const AN_HOUR: &str = "max-age=3600, immutable";
    let rules = ["--cache", "assets/**=1h,immutable", "--cache", "*.css=1m", "--cache=*.pdf=off"];
    for (options, expected) in
        [(&[][..], [ASKED_AGAIN; 5]), (&rules, [ASKED_AGAIN, AN_HOUR, AN_HOUR, "max-age=60", ""])]
    {
        let site = serve(&folder, options);
        let targets = ["/", "/assets/a.css", "/assets/b/c.js", "/a.css", "/a.pdf"];
        for (target, expected) in targets.iter().zip(expected) {
            let got = site.get(target);
            assert_eq!(got.field("cache-control"), expected, "{options:?}: {target}");
            // What a 304 must repeat (RFC 9110 §15.4.5).
            let again = format!("If-None-Match: {}\r\n", got.field("etag"));
            let again = site.ask("GET", target, &again);
            assert_eq!(again.status, 304, "{options:?}: {target}");
            assert_eq!(again.field("cache-control"), expected, "{options:?}: {target}");
        }
    }
}

/// What a rule says of a page holds for who asks for it by its name, and not for what is missing:
/// that may be there a moment later.
#[test]
fn what_is_missing_is_not_cached_as_long_as_its_page() {
    const ASKED_AGAIN: &str = "max-age=0, s-maxage=1";
    const AN_HOUR: &str = "max-age=3600, immutable";
    let folder = Scratch::new("missing-cache");
    folder.with("root/404.html", "not here");
    let site = serve(&folder, &["--not-found", "--cache=*.html=1h,immutable"]);
    for (target, status, expected) in
        [("/none", 404, ASKED_AGAIN), ("/none.html", 404, ASKED_AGAIN), ("/404.html", 200, AN_HOUR)]
    {
        let got = site.get(target);
        assert_eq!((got.status, got.text()), (status, "not here"), "{target}");
        assert_eq!(got.field("cache-control"), expected, "{target}");
    }
}

#[test]
fn header_fields_are_on_every_answer_in_place_of_our_own() {
    let folder = Scratch::new("headers");
    folder.with("root/sub/a.txt", "a");
    let site = serve(
        &folder,
        &["-H", "Cache-Control: no-store", "-H", "X-A: 1", "-H", "X-A: 2", "-H", "Vary: Cookie"],
    );
    let tag = site.get("/sub/a.txt").field("etag");
    for (method, target, lines, status) in [
        ("GET", "/sub/a.txt", "", 200),
        ("GET", "/sub/a.txt", &format!("If-None-Match: {tag}\r\n"), 304),
        ("GET", "/sub", "", 301),
        ("GET", "/sub/", "", 200),
        ("GET", "/none", "", 404),
        ("PUT", "/none", "", 405),
    ] {
        let got = site.ask(method, target, lines);
        assert_eq!(got.status, status, "{method} {target}");
        assert_eq!(got.field("x-a"), "1|2", "{method} {target}");
        assert_eq!(got.field("cache-control"), "no-store", "{method} {target}");
        assert!(got.field("vary").contains("Cookie"), "{method} {target}: {}", got.head);
    }
}

#[test]
fn a_mount_is_a_site_of_its_own() {
    let folder = Scratch::new("mounted");
    for (name, content) in [
        ("root/index.html", "front"),
        ("root/docs/a.txt", "under the mount"),
        ("manual/index.html", "manual"),
        ("manual/a.txt", "of the manual"),
        ("manual/sub/b.html", "b"),
        ("manual/404.html", "no such page in the manual"),
        ("secret", "secret"),
    ] {
        folder.with(name, content);
    }
    let mount = format!("/docs={}", text(&folder.at("manual")));
    let site = serve(&folder, &["--mount", &mount, "--clean-urls", "--not-found"]);
    site.check("/", 200, "front");
    site.check("/docs/", 200, "manual");
    site.check("/docs", 301, "/docs/");
    site.check("/docs?q", 301, "/docs/?q");
    site.check("/docs/a.txt", 200, "of the manual");
    site.check("/docs/sub", 301, "/docs/sub/");
    site.check("/docs/sub/b", 200, "b");
    site.check("/docs/sub/b.html?q", 301, "/docs/sub/b?q");
    site.check("/docs/index.html", 301, "/docs/");
    site.check("/docs/none", 404, "no such page in the manual");
    site.check("/none", 404, NOT_FOUND);
    assert_eq!(site.get("/docsx").status, 404);
    let listing = site.get("/docs/sub/");
    let leads_up = ["href=\"../\"", "href=\"/docs/\""].iter().any(|up| listing.text().contains(up));
    assert!(leads_up && !listing.text().contains("href=\"/\""), "{}", listing.text());
    for target in ["/docs/../secret", "/docs/..%2Fsecret", "/docs/sub/../../../secret"] {
        assert_ne!(site.get(target).text(), "secret", "{target}");
    }
}

#[test]
fn without_a_cache_what_changes_is_served_at_once() {
    let folder = Scratch::new("uncached");
    let (small, large) = ("s".repeat(100), "l".repeat(1 << 20));
    for options in [&["--cache-bytes=0", "--cache-files=0"][..], &["--cache-bytes=0"]] {
        folder.with("root/small.txt", &small);
        let site = serve(&folder, options);
        site.check("/small.txt", 200, &small);
        folder.with("root/small.txt", small.to_uppercase());
        site.check("/small.txt", 200, &small.to_uppercase());
    }
    folder.with("root/large.txt", &large);
    let site = serve(&folder, &["--cache-files=0"]);
    site.check("/large.txt", 200, &large);
    fs::rename(folder.with("root/new.txt", large.to_uppercase()), folder.at("root/large.txt"))
        .unwrap();
    site.check("/large.txt", 200, &large.to_uppercase());
}

/// More than there is of anything.
#[test]
fn a_cache_without_bounds_is_a_cache() {
    let folder = Scratch::new("unbounded");
    folder.with("root/a.txt", "a");
    for bytes in ["8EiB", &u64::MAX.to_string()] {
        let site = serve(&folder, &["--cache-bytes", bytes]);
        for _ in ["read", "kept"] {
            site.check("/a.txt", 200, "a");
            assert!(site.get("/").text().contains("a.txt"), "a listing finds room: {bytes}");
        }
    }
}

#[test]
fn a_single_file_takes_what_is_not_for_folders() {
    let folder = Scratch::new("alone");
    let file = folder.with("a.log", "x".repeat(2000));
    let options =
        ["--type", "log=text/x-log", "--cors", "--cache=*=1m", "--compress", "-H", "X-A: 1"];
    let program = Program::start(&[&[text(&file), "-p0"], &options[..]].concat());
    let port = program.port(&format!("serving {}", text(&file)));
    let site = Site { port, _program: program };
    for target in ["/", "/a.log"] {
        let got = site.ask("GET", target, "Accept-Encoding: gzip\r\n");
        for (name, value) in [
            ("content-type", "text/x-log; charset=utf-8"),
            ("access-control-allow-origin", "*"),
            ("cache-control", "max-age=60"),
            ("content-encoding", "gzip"),
            ("x-a", "1"),
        ] {
            assert_eq!(got.field(name), value, "{target}: {name}");
        }
    }
    let got = site.get("/other");
    assert_eq!((got.status, got.field("x-a").as_str()), (404, "1"));
}
