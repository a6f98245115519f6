//! Content compressed on the fly, where it does not lie there compressed: by a helper thread, once
//! for every state of a file.
//!
//! Relies on `flate2` and `brotli`. The compressor may be another one tomorrow, so the entity tag
//! of what it made is a weak one, and there are no ranges of it.
//! Read next: `entry.rs`.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::config::{BROTLI_QUALITY, BROTLI_WINDOW};
use crate::wire::negotiate::{Coding, Codings};

/// Those that there are, the better one first.
const CODINGS: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

/// The coding to compress with for this client, where it would rather have one than what has
/// `quality` already.
pub(super) fn coding(codings: Codings, quality: u16) -> Option<Coding> {
    let best = CODINGS.into_iter().rev().max_by_key(|&coding| codings.quality(coding))?;
    let wanted = codings.quality(best);
    (wanted > 0 && wanted >= quality).then_some(best)
}

/// The content in that coding; nothing where it is none of [`CODINGS`], or not shorter.
pub(super) fn compressed(content: &[u8], coding: Coding) -> Option<Vec<u8>> {
    let made = match coding {
        Coding::Gzip => gzip(content),
        Coding::Brotli => brotli(content),
        Coding::Identity | Coding::Zstd => return None,
    };
    made.ok().filter(|made| made.len() < content.len())
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 2), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut made = Vec::with_capacity(content.len() / 2);
    brotli::CompressorReader::new(content, content.len(), BROTLI_QUALITY, BROTLI_WINDOW)
        .read_to_end(&mut made)?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, hard_link, read, write};
    use std::io::Read as _;

    use super::super::scratch::{Folder, Visitor, ask, bytes, field};
    use super::super::{Compress, FileOptions, Files, Missing};
    use super::{Coding, compressed};
    use crate::config::{CACHE_TRUSTED, COMPRESSED_FROM, COMPRESSED_UP_TO, FILE_READ_WHOLE};
    use crate::message::Response;

    fn undone(coding: Coding, content: &[u8]) -> Vec<u8> {
        let mut undone = Vec::new();
        match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(content).read_to_end(&mut undone),
            Coding::Brotli => brotli::Decompressor::new(content, 4096).read_to_end(&mut undone),
            Coding::Identity | Coding::Zstd => unreachable!("neither is made"),
        }
        .unwrap();
        undone
    }

    #[test]
    fn content_comes_back_as_it_was() {
        let content = "the same and the same again, ".repeat(1000).into_bytes();
        for coding in [Coding::Gzip, Coding::Brotli] {
            let made = compressed(&content, coding).unwrap();
            assert!(made.len() * 10 < content.len(), "{coding:?}");
            assert_eq!(undone(coding, &made), content, "{coding:?}");
            assert_eq!(compressed(b"", coding), None, "it came out longer");
        }
        assert_eq!(compressed(&content, Coding::Zstd), None);
    }

    fn on_the_fly(folder: &Folder) -> Files {
        let options = FileOptions { compress: Compress::OnTheFly, ..FileOptions::default() };
        Files::with(folder.path(), options).unwrap()
    }

    #[test]
    fn what_is_worth_it_is_compressed_for_who_accepts_it() {
        let folder = Folder::new();
        let text = |len: u64| "words ".repeat(len as usize / 6 + 1)[..len as usize].to_owned();
        for (name, len) in [
            ("a.txt", COMPRESSED_FROM),
            ("large.txt", 200_000),
            ("short.txt", COMPRESSED_FROM - 1),
            ("huge.txt", COMPRESSED_UP_TO + 1),
            ("a.png", 2000),
            ("beside.txt", 2000),
        ] {
            write(folder.path().join(name), text(len)).unwrap();
        }
        write(folder.path().join("beside.txt.gz"), "made before").unwrap();
        let mut files = on_the_fly(&folder);
        let both = "Accept-Encoding: gzip, br\r\n";
        for (name, lines, coding, varies) in [
            ("a.txt", both, "br", true),
            ("a.txt", "Accept-Encoding: gzip\r\n", "gzip", true),
            ("a.txt", "Accept-Encoding: gzip;q=1, br;q=0.9\r\n", "gzip", true),
            ("a.txt", "Accept-Encoding: gzip;q=0.5, identity\r\n", "", true),
            ("a.txt", "Accept-Encoding: zstd\r\n", "", true),
            ("a.txt", "", "", true),
            ("a.txt", "Accept-Encoding: gzip\r\nRange: bytes=0-5\r\n", "", true),
            ("a.txt", "Accept-Encoding: gzip, *;q=0\r\nRange: bytes=0-5\r\n", "gzip", true),
            ("large.txt", both, "br", true),
            ("short.txt", both, "", false),
            ("huge.txt", both, "", false),
            ("a.png", both, "", false),
            ("beside.txt", "Accept-Encoding: gzip\r\n", "gzip", true),
        ] {
            let said = format!("{name} {lines}");
            let response = ask(&mut files, "GET", &format!("/{name}"), lines);
            assert_eq!(field(&response, "content-encoding"), coding, "{said}");
            let vary = if varies { "Accept-Encoding" } else { "" };
            assert_eq!(field(&response, "vary"), vary, "{said}");
            let made_before = name == "beside.txt";
            let is_made = !coding.is_empty() && !made_before;
            let tag = field(&response, "etag");
            assert_eq!(tag.starts_with("W/"), is_made, "{said}");
            let ranges = if is_made { "" } else { "bytes" };
            assert_eq!(field(&response, "accept-ranges"), ranges, "{said}");
            if is_made {
                let coding = if coding == "br" { Coding::Brotli } else { Coding::Gzip };
                let content = read(folder.path().join(name)).unwrap();
                assert_eq!(undone(coding, bytes(&response)), content, "{said}");
                let again = format!("{lines}If-None-Match: {tag}\r\n");
                let status = ask(&mut files, "GET", &format!("/{name}"), &again).status_code();
                assert_eq!(status, 304, "{said}");
            }
        }
    }

    /// Made once for every state of a file, by one helper for all who want it.
    #[test]
    fn it_is_made_once_and_anew_when_the_file_changes() {
        let folder = Folder::new();
        let path = folder.path().join("a.txt");
        write(&path, "one ".repeat(1000)).unwrap();
        let (mut files, visitor) = (on_the_fly(&folder), Visitor::with_slow_helpers());
        let lines = "Accept-Encoding: gzip\r\n";
        let mut helped = 0;
        for word in ["one ", "two "] {
            let response = loop {
                match visitor.ask(&mut files, "GET", "/a.txt", lines) {
                    Some(response) => break response,
                    None => helped += usize::from(visitor.help() > 0),
                }
            };
            assert_eq!(undone(Coding::Gzip, bytes(&response)), word.repeat(1000).as_bytes());
            visitor.wait(std::time::Duration::from_millis(999));
            assert!(visitor.ask(&mut files, "GET", "/a.txt", lines).is_some(), "it is kept");
            write(&path, "two ".repeat(1000)).unwrap();
            visitor.wait(std::time::Duration::from_millis(1));
        }
        assert!((2..=4).contains(&helped), "{helped}");
    }

    /// Asks for gzip as the request of that number.
    fn gzip(files: &mut Files, visitor: &Visitor, number: u32, path: &str) -> Option<Response> {
        visitor.number.set(number);
        visitor.ask(files, "GET", path, "Accept-Encoding: gzip\r\n")
    }

    /// Looks at the file, so that only what is compressed is left to helpers.
    fn know(files: &mut Files, visitor: &Visitor, path: &str) {
        while visitor.ask(files, "GET", path, "").is_none() {
            visitor.help();
        }
    }

    /// Two names of one file: they have their content in common, and nothing else.
    #[test]
    fn each_path_gets_what_was_made_for_it() {
        let folder = Folder::new();
        write(folder.path().join("a.txt"), "one ".repeat(1000)).unwrap();
        hard_link(folder.path().join("a.txt"), folder.path().join("b.html")).unwrap();
        let (mut files, visitor) = (on_the_fly(&folder), Visitor::with_slow_helpers());
        let cases = [("/a.txt", "text/plain"), ("/b.html", "text/html")];
        for (path, _) in cases {
            know(&mut files, &visitor, path);
            assert!(gzip(&mut files, &visitor, 1, path).is_none());
        }
        visitor.help();
        for _ in ["fetched", "kept"] {
            for (path, expected) in cases {
                let response = gzip(&mut files, &visitor, 1, path).expect("it is made");
                let content_type = field(&response, "content-type");
                assert_eq!(content_type, format!("{expected}; charset=utf-8"), "{path}");
            }
        }
    }

    /// Somebody who has waited for the old state gets the new one, once it is there.
    #[test]
    fn what_was_made_of_another_state_is_sent_to_nobody() {
        let folder = Folder::new();
        let path = folder.path().join("a.txt");
        let (mut files, visitor) = (on_the_fly(&folder), Visitor::with_slow_helpers());
        write(&path, "one ".repeat(1000)).unwrap();
        know(&mut files, &visitor, "/a.txt");
        for number in [1, 2] {
            assert!(gzip(&mut files, &visitor, number, "/a.txt").is_none());
        }
        write(&path, "another ".repeat(1000)).unwrap();
        visitor.wait(CACHE_TRUSTED);
        visitor.help();
        for number in [1, 2] {
            let response = loop {
                match gzip(&mut files, &visitor, number, "/a.txt") {
                    Some(response) => break response,
                    None => assert!(visitor.help() > 0),
                }
            };
            let content = "another ".repeat(1000).into_bytes();
            assert_eq!(undone(Coding::Gzip, bytes(&response)), content, "{number}");
        }
    }

    /// A page that stands in for all that is missing is compressed once, and not for each of them.
    #[test]
    fn many_paths_to_one_page_are_compressed_once() {
        let folder = Folder::new();
        write(folder.path().join("index.html"), "app ".repeat(1000)).unwrap();
        let mut options = FileOptions { compress: Compress::OnTheFly, ..FileOptions::default() };
        options.missing = Missing::App;
        let mut files = Files::with(folder.path(), options).unwrap();
        let visitor = Visitor::with_slow_helpers();
        for path in ["/view", "/another", "/yet/another"] {
            know(&mut files, &visitor, path);
        }
        assert!(gzip(&mut files, &visitor, 1, "/view").is_none());
        assert!(gzip(&mut files, &visitor, 2, "/another").is_none());
        assert_eq!(visitor.jobs(), 1);
        visitor.help();
        for path in ["/view", "/another", "/yet/another"] {
            assert!(gzip(&mut files, &visitor, 3, path).is_some(), "{path}");
        }
        assert_eq!(visitor.jobs(), 0);
    }

    /// What became shorter while it waited for a helper is not sent as if it were whole.
    #[test]
    fn a_large_file_that_changed_meanwhile_is_not_compressed() {
        let folder = Folder::new();
        let path = folder.path().join("a.txt");
        let content = "one ".repeat(usize::try_from(FILE_READ_WHOLE).unwrap());
        write(&path, &content).unwrap();
        let (mut files, visitor) = (on_the_fly(&folder), Visitor::with_slow_helpers());
        know(&mut files, &visitor, "/a.txt");
        assert!(gzip(&mut files, &visitor, 1, "/a.txt").is_none());
        File::options().write(true).open(&path).unwrap().set_len(COMPRESSED_FROM).unwrap();
        visitor.help();
        let response = gzip(&mut files, &visitor, 1, "/a.txt").expect("it is there as it is");
        assert_eq!(field(&response, "content-encoding"), "");
    }
}
