//! Preconditions on files (RFC 9110 §13), where the tables of `src/wire/conditional.rs` end: when
//! they are evaluated at all, and what 304 carries.

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use oneloop::Files;

use super::talk::{Folder, Reply, Server};

/// `a.txt`, last modified on 2000-01-01, and a folder with a file.
fn files() -> (Folder, Server) {
    const IN_2000: Duration = Duration::from_secs(946_684_800);
    let folder = Folder::with(&[("a.txt", "hello"), ("sub/b.txt", "b")]);
    let file = File::options().write(true).open(folder.path().join("a.txt")).expect("a file");
    file.set_modified(UNIX_EPOCH + IN_2000).expect("a time");
    let path = folder.path().to_owned();
    let server = Server::of(move || Files::new(path).expect("a folder"));
    (folder, server)
}

/// RFC 9110 §5.6.7: 94 was 1994, whatever is nearer. Read as 2094, the file would not have changed
/// since.
#[test]
fn a_year_of_two_digits_lies_in_the_past() {
    let (_folder, files) = files();
    for (date, status) in [
        ("Sunday, 06-Nov-94 08:49:37 GMT", 200),
        ("Friday, 31-Dec-99 23:59:59 GMT", 200),
        ("Wednesday, 01-Jan-20 00:00:00 GMT", 304),
    ] {
        let reply = files.get("GET", "/a.txt", &format!("If-Modified-Since: {date}\r\n"));
        assert_eq!(reply.status, status, "{date}");
    }
}

/// The one that lies before the file's would be 412.
#[test]
fn what_is_no_date_is_no_precondition() {
    let (_folder, files) = files();
    for (value, status) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 412),
        ("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("Sun, 06 Nov 1994", 200),
        ("1994-11-06T08:49:37Z", 200),
        ("0", 200),
        ("", 200),
    ] {
        let reply = files.get("GET", "/a.txt", &format!("If-Unmodified-Since: {value}\r\n"));
        assert_eq!(reply.status, status, "{value}");
    }
}

/// RFC 9110 §13.2.1: what would be no success is no precondition's business, and neither is a
/// method that selects nothing.
#[test]
fn redirects_and_failures_come_before_preconditions() {
    let (_folder, files) = files();
    let early = "Sun, 06 Nov 1994 08:49:37 GMT";
    for lines in [
        "If-None-Match: *\r\n".to_owned(),
        "If-Match: *\r\n".to_owned(),
        "If-Match: \"x\"\r\n".to_owned(),
        format!("If-Unmodified-Since: {early}\r\n"),
        "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n".to_owned(),
    ] {
        for (method, target, status) in [
            ("GET", "/none", 404),
            ("HEAD", "/none", 404),
            ("GET", "/sub", 301),
            ("PUT", "/a.txt", 405),
            ("DELETE", "/a.txt", 405),
            ("BREW", "/a.txt", 501),
            ("OPTIONS", "/a.txt", 204),
            ("OPTIONS", "*", 204),
            ("TRACE", "/a.txt", 405),
        ] {
            let reply = files.get(method, target, &lines);
            assert_eq!(reply.status, status, "{method} {target} {lines}");
        }
    }
}

/// RFC 9110 §15.4.5: of these fields 304 has those that 200 has, with the same values.
#[test]
fn not_modified_has_the_fields_that_count() {
    let (_folder, files) = files();
    let whole = files.get("GET", "/a.txt", "");
    let lines = format!("If-None-Match: {}\r\n", whole.field("etag"));
    for method in ["GET", "HEAD"] {
        let same = files.get(method, "/a.txt", &lines);
        assert_eq!((same.status, same.content.as_str()), (304, ""), "{method}");
        assert_eq!(same.field("date").len(), 29, "{method}");
        for name in ["ETag", "Cache-Control", "Expires", "Content-Location", "Vary"] {
            assert_eq!(same.field(name), whole.field(name), "{method} {name}");
        }
        assert_ne!(same.field("etag"), "", "{method}");
    }
}

/// RFC 9110 §8.8.2.1: the file is looked at every second.
#[test]
fn a_file_that_was_written_again_is_another() {
    let (folder, files) = files();
    let before = files.get("GET", "/a.txt", "");
    assert_eq!(before.field("last-modified"), "Sat, 01 Jan 2000 00:00:00 GMT");
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "other").expect("a file");
    let file = File::options().write(true).open(&path).expect("a file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(946_684_801)).expect("a time");
    // Each asks on a connection of its own, of which there are not so many to be had at once.
    const ASKED_AT_MOST: usize = 10_000;
    let mut answers = (0..ASKED_AT_MOST).map(|_| {
        std::thread::sleep(Duration::from_millis(1));
        files.get("GET", "/a.txt", "")
    });
    let is_after =
        |answer: &Reply| answer.field("last-modified") == "Sat, 01 Jan 2000 00:00:01 GMT";
    let after = answers.find(is_after).expect("the change is seen");
    assert_eq!(after.content, "other");
    assert_ne!(before.field("etag"), after.field("etag"));
}
