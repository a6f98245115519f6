//! Parts of files, and files that are there in several codings (RFC 9110 §8.4, §12.5.3, §14), where
//! the tables of `src/wire/ranges.rs` and `src/wire/negotiate.rs` end: what is sent, and which
//! fields say so.
//!
//! Whatever is sent as a part is held against the whole that has the same entity tag: its bytes,
//! its coding and its fields must be of that one.

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use oneloop::Files;

use super::talk::{Folder, Reply, Server};

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";
/// 2000-01-01, so long ago that the validators are strong.
const IN_2000: Duration = Duration::from_secs(946_684_800);
const IN_2000_AS_DATE: &str = "Sat, 01 Jan 2000 00:00:00 GMT";
/// 2100-01-01: nobody can say that a file will not change until then.
const IN_2100: Duration = Duration::from_secs(4_102_444_800);
const GIB: u64 = 1 << 30;

/// A folder with these files, all of them last modified at that time.
fn modified_at(since_1970: Duration, files: &[(&str, &str)]) -> (Folder, Server) {
    let folder = Folder::with(files);
    for (name, _) in files {
        let file = File::options().write(true).open(folder.path().join(name)).expect("a file");
        file.set_modified(UNIX_EPOCH + since_1970).expect("a time");
    }
    let server = serving(&folder);
    (folder, server)
}

fn serving(folder: &Folder) -> Server {
    let path = folder.path().to_owned();
    Server::of(move || Files::new(path).expect("a folder"))
}

fn alphabet() -> (Folder, Server) {
    modified_at(IN_2000, &[("a.txt", ALPHABET), ("empty.txt", "")])
}

#[test]
fn one_range() {
    let (_folder, files) = alphabet();
    assert_eq!(files.get("GET", "/a.txt", "").field("accept-ranges"), "bytes");
    for (range, content_range, content) in [
        ("bytes=0-4", "bytes 0-4/26", "abcde"),
        ("bytes=25-25", "bytes 25-25/26", "z"),
        ("bytes=23-", "bytes 23-25/26", "xyz"),
        ("bytes=23-99", "bytes 23-25/26", "xyz"),
        ("bytes=-3", "bytes 23-25/26", "xyz"),
        ("bytes=-99", "bytes 0-25/26", ALPHABET),
        ("bytes=0-", "bytes 0-25/26", ALPHABET),
        ("BYTES=0-0", "bytes 0-0/26", "a"),
        ("bytes=23-18446744073709551616", "bytes 23-25/26", "xyz"),
        ("bytes=-99999999999999999999999999999999999999999", "bytes 0-25/26", ALPHABET),
        // Of several, what is there, and what they are together.
        ("bytes=99-,0-4", "bytes 0-4/26", "abcde"),
        ("bytes=3-4,0-3", "bytes 0-4/26", "abcde"),
    ] {
        let part = files.get("GET", "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!((part.status, part.content.as_str()), (206, content), "{range}");
        assert_eq!(part.field("content-range"), content_range, "{range}");
        assert_eq!(part.field("content-length"), content.len().to_string(), "{range}");
    }
}

#[test]
fn no_range_that_is_there() {
    let (_folder, files) = alphabet();
    for range in ["bytes=26-", "bytes=-0", "bytes=99-100,26-", "bytes=18446744073709551616-"] {
        let refused = files.get("GET", "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!(refused.status, 416, "{range}");
        assert_eq!(refused.field("content-range"), "bytes */26", "{range}");
        assert!(!refused.content.contains(ALPHABET), "{range}");
    }
}

/// RFC 9110 §14.2: the whole, as if Range were not there; and never Content-Range beside 200.
#[test]
fn ranges_that_are_disregarded() {
    let (_folder, files) = alphabet();
    let many = format!("bytes={}", "0-0,2-2,".repeat(500));
    for range in [
        "bytes=4-0",
        "bytes=abc",
        "bytes 0-4",
        "bytes=",
        "bytes=0-1,x",
        "lines=0-4",
        "octets=0-4",
        "bytes=0-4\r\nRange: bytes=0-4",
        &many,
    ] {
        let whole = files.get("GET", "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!((whole.status, whole.content.as_str()), (200, ALPHABET), "{range}");
        assert_eq!(whole.field("content-range"), "", "{range}");
    }
    for range in ["bytes=0-4", "bytes=99-", "bytes=0-0,2-2"] {
        let lines = format!("Range: {range}\r\n");
        let head = files.get("HEAD", "/a.txt", &lines);
        assert_eq!((head.status, head.field("content-length")), (200, "26"), "{range}");
        assert_eq!(head.field("content-range"), "", "{range}");
        assert_eq!(files.get("GET", "/none", &lines).status, 404, "{range}");
        assert_eq!(files.get("PUT", "/a.txt", &lines).status, 405, "{range}");
        // There is no part of nothing.
        let empty = files.get("GET", "/empty.txt", &lines);
        assert_eq!((empty.status, empty.field("content-length")), (200, "0"), "{range}");
    }
}

/// One of several parts.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    content_range: &'a str,
    content_type: &'a str,
    content: &'a str,
}

/// Reads `multipart/byteranges` by its grammar (RFC 9110 §14.6, RFC 2046 §5.1).
fn parts(reply: &Reply) -> Vec<Part<'_>> {
    let boundary = reply.field("content-type").strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.unwrap_or_else(|| panic!("several parts: {}", reply.head));
    let is_boundary_byte = |b: u8| b.is_ascii_alphanumeric() || b"'+_-.".contains(&b);
    assert!((1..=70).contains(&boundary.len()) && boundary.bytes().all(is_boundary_byte));
    let delimiter = format!("\r\n--{boundary}");
    // What is before the first delimiter, and its CRLF, may be left out.
    let content = reply.content.strip_prefix("\r\n").unwrap_or(&reply.content);
    let mut rest = content.strip_prefix(&delimiter[2..]).expect("it begins with a delimiter");
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix("\r\n") {
        let (head, content) = part.split_once("\r\n\r\n").expect("a part has a blank line");
        let (content, behind) = content.split_once(&delimiter).expect("a delimiter ends a part");
        let mut fields: Vec<_> = head.split("\r\n").map(|line| line.split_once(": ")).collect();
        fields.sort_unstable();
        let [Some((range, content_range)), Some((kind, content_type))] = fields[..] else {
            panic!("a part has two fields: {head}")
        };
        assert!(range.eq_ignore_ascii_case("content-range"), "{head}");
        assert!(kind.eq_ignore_ascii_case("content-type"), "{head}");
        parts.push(Part { content_range, content_type, content });
        rest = behind;
    }
    assert!(["--", "--\r\n"].contains(&rest), "the last delimiter ends it: {rest:?}");
    parts
}

#[test]
fn several_ranges() {
    let (_folder, files) = alphabet();
    let whole = files.get("GET", "/a.txt", "");
    for (range, expected) in [
        ("bytes=0-1,5-6", vec![("bytes 0-1/26", "ab"), ("bytes 5-6/26", "fg")]),
        ("bytes=5-6,0-1", vec![("bytes 5-6/26", "fg"), ("bytes 0-1/26", "ab")]),
        ("bytes=0-0 , ,-1", vec![("bytes 0-0/26", "a"), ("bytes 25-25/26", "z")]),
        ("bytes=24-,99-,0-1", vec![("bytes 24-25/26", "yz"), ("bytes 0-1/26", "ab")]),
        ("bytes=20-21,0-2,1-3", vec![("bytes 20-21/26", "uv"), ("bytes 0-3/26", "abcd")]),
    ] {
        let reply = files.get("GET", "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!((reply.status, reply.field("content-range")), (206, ""), "{range}");
        assert_eq!(reply.field("content-length"), reply.content.len().to_string(), "{range}");
        assert_eq!(reply.field("etag"), whole.field("etag"), "{range}");
        let content_type = whole.field("content-type");
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(content_range, content)| Part { content_range, content_type, content })
            .collect();
        assert_eq!(parts(&reply), expected, "{range}");
    }
}

/// RFC 9110 §17.15: nobody gets much more than the whole by asking for it in many ways.
#[test]
fn many_ranges_are_hardly_more_than_the_whole() {
    const LONG: usize = 100_000;
    let (_folder, files) = modified_at(IN_2000, &[("long.txt", &"x".repeat(LONG))]);
    let every = |step: usize, count: usize| {
        let ranges: Vec<_> = (0..count).map(|n| format!("{}-{0}", n * step)).collect();
        format!("bytes={}", ranges.join(","))
    };
    for range in [
        format!("bytes={}", "0-,".repeat(1_000)),
        format!("bytes={}", "0-,".repeat(60)),
        format!("bytes={}", "-99999,".repeat(9)),
        every(2, 1_000),
        every(2, 60),
    ] {
        let reply = files.get("GET", "/long.txt", &format!("Range: {range}\r\n"));
        assert!(reply.content.len() <= LONG + 1_000, "{}: {range}", reply.content.len());
    }
    let reply = files.get("GET", "/long.txt", &format!("Range: {}\r\n", every(1_500, 60)));
    assert_eq!(parts(&reply).len(), 60);
}

/// RFC 9110 §15.3.7: of these fields 206 has those that 200 has, with the same values.
#[test]
fn a_part_has_the_fields_of_the_whole() {
    let (_folder, files) = modified_at(IN_2000, &[("a.txt", ALPHABET), ("a.txt.gz", "as gzip")]);
    let whole = files.get("GET", "/a.txt", "");
    for range in ["bytes=0-4", "bytes=0-1,5-6"] {
        let reply = files.get("GET", "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.field("date").len(), 29, "{range}");
        for (name, value) in whole.fields() {
            let is_of_the_part = ["date", "content-length", "content-type"]
                .iter()
                .any(|own| name.eq_ignore_ascii_case(own));
            assert!(is_of_the_part || reply.field(name) == value, "{range}: {name}");
        }
        assert_ne!(reply.field("etag"), "", "{range}");
        assert_ne!(reply.field("last-modified"), "", "{range}");
        assert_eq!(reply.field("vary"), "Accept-Encoding", "{range}");
    }
    let one = files.get("GET", "/a.txt", "Range: bytes=0-4\r\n");
    assert_eq!(one.field("content-type"), whole.field("content-type"));
}

#[test]
fn if_range_says_of_which_state() {
    let (folder, files) = alphabet();
    let etag = files.get("GET", "/a.txt", "").field("etag").to_owned();
    assert!(etag.starts_with('"'), "{etag} is a strong one");
    let check = |if_range: &str, range: &str, status: u16| {
        let lines = format!("Range: {range}\r\nIf-Range: {if_range}\r\n");
        let reply = files.get("GET", "/a.txt", &lines);
        assert_eq!(reply.status, status, "{if_range} {range}");
        if status == 200 {
            assert_eq!(reply.content.len(), ALPHABET.len(), "{if_range} {range}");
        }
    };
    for (if_range, status) in [
        (etag.as_str(), 206),
        (IN_2000_AS_DATE, 206),
        (&format!("W/{etag}"), 200),
        ("\"other\"", 200),
        (&format!("\"other\", {etag}"), 200),
        ("Sat, 01 Jan 2000 00:00:01 GMT", 200),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 200),
        ("garbage", 200),
        ("*", 200),
    ] {
        check(if_range, "bytes=0-4", status);
        check(if_range, "bytes=0-1,5-6", status);
    }
    check(&etag, "bytes=99-", 416);
    check("\"other\"", "bytes=99-", 200);
    assert_eq!(files.get("GET", "/a.txt", &format!("If-Range: {etag}\r\n")).status, 200);

    let path = folder.path().join("a.txt");
    std::fs::write(&path, ALPHABET.to_uppercase()).expect("a file");
    let file = File::options().write(true).open(&path).expect("a file");
    file.set_modified(UNIX_EPOCH + IN_2000 + Duration::from_secs(9)).expect("a time");
    // Whoever has not seen the file before sees it as it is.
    let again = serving(&folder);
    for if_range in [&etag, IN_2000_AS_DATE] {
        let lines = format!("Range: bytes=0-4\r\nIf-Range: {if_range}\r\n");
        let reply = again.get("GET", "/a.txt", &lines);
        assert_eq!((reply.status, reply.content), (200, ALPHABET.to_uppercase()), "{if_range}");
    }
}

/// RFC 9110 §13.2.2: what If-Match and If-None-Match say comes before what Range asks for.
#[test]
fn other_preconditions_come_before_ranges() {
    let (_folder, files) = alphabet();
    let etag = files.get("GET", "/a.txt", "").field("etag").to_owned();
    for range in ["bytes=0-4", "bytes=99-", "bytes=0-1,5-6"] {
        for (line, status) in [
            (format!("If-None-Match: {etag}"), 304),
            (format!("If-Modified-Since: {IN_2000_AS_DATE}"), 304),
            ("If-Match: \"other\"".to_owned(), 412),
            ("If-Unmodified-Since: Fri, 31 Dec 1999 23:59:59 GMT".to_owned(), 412),
            (format!("If-Match: \"other\"\r\nIf-Range: {etag}"), 412),
            (format!("If-None-Match: {etag}\r\nIf-Range: \"other\""), 304),
        ] {
            let reply = files.get("GET", "/a.txt", &format!("Range: {range}\r\n{line}\r\n"));
            assert_eq!(reply.status, status, "{line} {range}");
            assert_eq!(reply.field("content-range"), "", "{line} {range}");
        }
        let lines = format!("Range: {range}\r\nIf-Match: {etag}\r\nIf-None-Match: \"other\"\r\n");
        let status = if range == "bytes=99-" { 416 } else { 206 };
        assert_eq!(files.get("GET", "/a.txt", &lines).status, status, "{range}");
    }
}

#[test]
fn parts_beyond_four_gib() {
    let (folder, files) = alphabet();
    let sparse = File::create(folder.path().join("sparse.bin")).expect("a file");
    sparse.set_len(5 * GIB).expect("a file system with large files");
    let head = files.get("HEAD", "/sparse.bin", "");
    assert_eq!(head.field("content-length"), "5368709120");
    for (range, content_range, len) in [
        ("bytes=-1", "bytes 5368709119-5368709119/5368709120", 1),
        ("bytes=5368709110-", "bytes 5368709110-5368709119/5368709120", 10),
        ("bytes=4294967294-4294967297", "bytes 4294967294-4294967297/5368709120", 4),
    ] {
        let part = files.get("GET", "/sparse.bin", &format!("Range: {range}\r\n"));
        assert_eq!((part.status, part.field("content-range")), (206, content_range), "{range}");
        assert_eq!(part.content, "\0".repeat(len), "{range}");
    }
    let several = files.get("GET", "/sparse.bin", "Range: bytes=4294967296-4294967297,-1\r\n");
    let contents: Vec<_> = parts(&several).iter().map(|part| part.content).collect();
    assert_eq!(contents, ["\0\0", "\0"]);
}

/// `a.txt` in four codings, the shorter the better, and `b.txt` in one that is of no use.
fn coded() -> (Folder, Server) {
    modified_at(
        IN_2000,
        &[
            ("a.txt", ALPHABET),
            ("a.txt.gz", "made by gzip, so to say"),
            ("a.txt.br", "made by brotli"),
            ("a.txt.zst", "zstandard"),
            ("b.txt", "short"),
            ("b.txt.gz", "longer than that"),
        ],
    )
}

#[test]
fn the_coding_that_is_wanted_most_and_then_the_shortest() {
    let (_folder, files) = coded();
    for (accepted, coding, content) in [
        (None, "", ALPHABET),
        (Some(""), "", ALPHABET),
        (Some("identity"), "", ALPHABET),
        (Some("deflate, compress"), "", ALPHABET),
        (Some("gzip"), "gzip", "made by gzip, so to say"),
        (Some("GZIP"), "gzip", "made by gzip, so to say"),
        (Some("x-gzip"), "gzip", "made by gzip, so to say"),
        (Some("br"), "br", "made by brotli"),
        (Some("zstd"), "zstd", "zstandard"),
        (Some("gzip, deflate, br"), "br", "made by brotli"),
        (Some("gzip, deflate, br, zstd"), "zstd", "zstandard"),
        (Some("*"), "zstd", "zstandard"),
        (Some("gzip, br;q=0.9, zstd;q=0.9"), "gzip", "made by gzip, so to say"),
        (Some("gzip;q=0.5, br;q=0.6, zstd;q=0"), "br", "made by brotli"),
        (Some("gzip;q=0, *"), "zstd", "zstandard"),
        (Some("gzip;q=0.1"), "gzip", "made by gzip, so to say"),
        (Some("identity, gzip;q=0.5"), "", ALPHABET),
        (Some("gzip;q=0.5, *;q=0"), "gzip", "made by gzip, so to say"),
        (Some("br;q=0.5\r\nAccept-Encoding: gzip"), "gzip", "made by gzip, so to say"),
    ] {
        let line = accepted.map(|accepted| format!("Accept-Encoding: {accepted}\r\n"));
        let line = line.unwrap_or_default();
        let reply = files.get("GET", "/a.txt", &line);
        assert_eq!((reply.status, reply.content.as_str()), (200, content), "{accepted:?}");
        assert_eq!(reply.field("content-encoding"), coding, "{accepted:?}");
        assert_eq!(reply.field("content-length"), content.len().to_string(), "{accepted:?}");
        assert!(reply.field("content-type").starts_with("text/plain"), "{accepted:?}");
        assert_eq!(reply.field("vary"), "Accept-Encoding", "{accepted:?}");
        let head = files.get("HEAD", "/a.txt", &line);
        for name in ["Content-Encoding", "Content-Length", "ETag", "Vary", "Content-Type"] {
            assert_eq!(head.field(name), reply.field(name), "{accepted:?} {name}");
        }
    }
    // What is no better is not sent, where the client wants both alike.
    let reply = files.get("GET", "/b.txt", "Accept-Encoding: gzip, identity\r\n");
    assert_eq!((reply.field("content-encoding"), reply.content.as_str()), ("", "short"));
    // A coded file that is asked for by its own name is a file like others.
    let reply = files.get("GET", "/a.txt.gz", "Accept-Encoding: gzip\r\n");
    assert_eq!((reply.status, reply.field("content-encoding")), (200, ""));
    assert_eq!(reply.content, "made by gzip, so to say");
}

/// RFC 9110 §8.8.3.3: what differs in a byte has another strong tag.
#[test]
fn every_coding_has_a_tag_of_its_own() {
    let (_folder, files) = coded();
    let ask = |coding: &str, lines: &str| {
        files.get("GET", "/a.txt", &format!("Accept-Encoding: {coding}\r\n{lines}"))
    };
    let codings = ["identity", "gzip", "br", "zstd"];
    let tags = codings.map(|coding| ask(coding, "").field("etag").to_owned());
    for (one, coding) in codings.iter().enumerate() {
        for (other, tag) in tags.iter().enumerate() {
            let reply = ask(coding, &format!("If-None-Match: {tag}\r\n"));
            assert_eq!(reply.status, if one == other { 304 } else { 200 }, "{coding} {tag}");
            assert_eq!(reply.field("vary"), "Accept-Encoding", "{coding} {tag}");
            assert_eq!(reply.field("etag"), tags[one], "{coding} {tag}");
            let reply = ask(coding, &format!("If-Match: {tag}\r\n"));
            assert_eq!(reply.status, if one == other { 200 } else { 412 }, "{coding} {tag}");
        }
    }
}

/// RFC 9110 §14.2: ranges are of the representation that was selected, and of no other.
#[test]
fn a_part_is_of_the_coding_that_it_says() {
    let (_folder, files) = coded();
    let codings = ["identity", "gzip", "br", "zstd"];
    let ask = |coding: &str, lines: &str| {
        files.get("GET", "/a.txt", &format!("Accept-Encoding: {coding}\r\n{lines}"))
    };
    let wholes = codings.map(|coding| ask(coding, ""));
    let is_of_its_whole = |reply: &Reply| {
        let whole = wholes.iter().find(|whole| whole.field("etag") == reply.field("etag"));
        let whole = whole.unwrap_or_else(|| panic!("a part of what? {}", reply.head));
        let len = whole.content.len();
        assert_eq!(reply.field("content-range"), format!("bytes 2-6/{len}"), "{}", reply.head);
        assert_eq!(reply.content, whole.content[2..7], "{}", reply.head);
        whole.field("content-encoding").to_owned()
    };
    for (coding, whole) in codings.iter().zip(&wholes) {
        let part = ask(coding, "Range: bytes=2-6\r\n");
        assert_eq!(part.status, 206, "{coding}");
        assert_eq!(is_of_its_whole(&part), part.field("content-encoding"), "{coding}");
        assert_eq!(part.field("vary"), "Accept-Encoding", "{coding}");
        for other in &wholes {
            let etag = other.field("etag");
            let reply = ask(coding, &format!("Range: bytes=2-6\r\nIf-Range: {etag}\r\n"));
            if reply.status == 206 {
                is_of_its_whole(&reply);
                assert_eq!(reply.field("etag"), etag, "{coding}");
            } else {
                assert_eq!((reply.status, &reply.content), (200, &whole.content), "{coding}");
            }
        }
    }
}

/// RFC 9110 §8.8.1: within the second in which it was modified, a file may change once more and
/// have the same time and size.
#[test]
fn what_may_still_change_unseen_has_a_weak_tag() {
    let (_folder, files) = modified_at(IN_2100, &[("new.txt", ALPHABET)]);
    let whole = files.get("GET", "/new.txt", "");
    let etag = whole.field("etag");
    assert!(etag.starts_with("W/\""), "{etag}");
    let date = whole.field("last-modified");
    for (line, status) in [
        (format!("If-None-Match: {etag}"), 304),
        (format!("If-Match: {etag}"), 412),
        ("If-Match: *".to_owned(), 200),
        ("Range: bytes=0-4".to_owned(), 206),
        (format!("Range: bytes=0-4\r\nIf-Range: {etag}"), 200),
        (format!("Range: bytes=0-4\r\nIf-Range: {}", &etag[2..]), 200),
        (format!("Range: bytes=0-4\r\nIf-Range: {date}"), 200),
    ] {
        let reply = files.get("GET", "/new.txt", &format!("{line}\r\n"));
        assert_eq!(reply.status, status, "{line}");
    }
    let (_folder, files) = alphabet();
    assert!(files.get("GET", "/a.txt", "").field("etag").starts_with('"'));
}
