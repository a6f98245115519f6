//! A folder as a page: what is in it that a client may open.
//!
//! Relies on the folder being open; its entries are read and looked at through that descriptor, and
//! links are opened beneath the root, so the page shows nothing that a request could not have.
//! Names are bytes: a link carries them exactly, the text as well as it can.
//! Read next: nothing; this is the last file of the floor.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{self, HeaderValue};
use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, statat};
use rustix::io::Result;

use super::beneath::Root;
use super::names::{self, Names};
use super::opened::Refusal;
use super::validators::{self, http_date};
use crate::config::LISTING_ENTRIES;
use crate::message::{Request, Response};
use crate::wire::conditional::Validators;

/// The answer to GET or HEAD for this open folder, which is called `names` beneath `root`. One
/// listing is not told from the next, so of preconditions only `*` can hold.
pub(super) fn answer(
    request: &Request<'_>,
    root: &Root,
    folder: OwnedFd,
    names: &Names,
) -> std::result::Result<Response, Refusal> {
    let answer = match validators::instead(request, &Validators { etag: None, modified: None }) {
        Some(answer) => answer,
        None => {
            let listing = Listing::read(root, folder, names, LISTING_ENTRIES)?;
            Response::html(Page { names, listing: &listing }.to_string())
                .with_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        }
    };
    Ok(answer.with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

/// What is in a folder, folders first, and then by name.
struct Listing {
    entries: Vec<Entry>,
    extent: Extent,
}

/// Whether a listing tells of everything.
#[derive(Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    Cut,
}

struct Entry {
    kind: Kind,
    name: Vec<u8>,
    modified: Option<SystemTime>,
}

enum Kind {
    Folder,
    File { size: u64 },
}

impl Listing {
    /// Reads at most `limit` entries of the folder.
    fn read(root: &Root, folder: OwnedFd, names: &Names, limit: usize) -> Result<Self> {
        let mut folder = Dir::new(folder)?;
        let mut listing = Self { entries: Vec::new(), extent: Extent::Whole };
        let mut seen = 0;
        while let Some(entry) = folder.read() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if seen == limit {
                listing.extent = Extent::Cut;
                break;
            }
            seen += 1;
            if names::is_served(name) {
                listing.entries.extend(Entry::look(root, folder.fd()?, names, name));
            }
        }
        listing.entries.sort_unstable_by(|a, b| a.rank().cmp(&b.rank()));
        Ok(listing)
    }
}

impl Entry {
    /// Looks at what has that name in the folder. Nothing for what a request could not have: a link
    /// that leads out of the root or nowhere, a FIFO and the like, or what is gone by now.
    fn look(root: &Root, folder: BorrowedFd<'_>, names: &Names, name: &[u8]) -> Option<Self> {
        let mut stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if FileType::from_raw_mode(stat.st_mode).is_symlink() {
            stat = fstat(root.open(&names.child(name)).ok()?).ok()?;
        }
        Self::from_stat(name, &stat)
    }

    fn from_stat(name: &[u8], stat: &Stat) -> Option<Self> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Folder,
            FileType::RegularFile => Kind::File { size: u64::try_from(stat.st_size).unwrap_or(0) },
            _ => return None,
        };
        let since = u64::try_from(stat.st_mtime).ok().map(Duration::from_secs);
        let modified = since.and_then(|since| UNIX_EPOCH.checked_add(since));
        Some(Self { kind, name: name.to_vec(), modified })
    }

    /// What entries are sorted by.
    const fn rank(&self) -> (bool, &Vec<u8>) {
        (matches!(self.kind, Kind::File { .. }), &self.name)
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.25rem;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse}
th,td{padding:.2rem .5rem;text-align:left;overflow-wrap:anywhere}
th+th,td+td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tr:hover td{background:#8882}
a{text-decoration:none}
a:hover{text-decoration:underline}";

/// The page itself.
struct Page<'a> {
    names: &'a Names,
    listing: &'a Listing,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.names.shown();
        let path = Escaped(&path);
        writeln!(f, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(f, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(f, "<title>Index of {path}</title>\n<style>\n{STYLE}\n</style>\n</head>")?;
        writeln!(f, "<body>\n<h1>Index of {path}</h1>\n<table>\n<thead>")?;
        writeln!(f, "<tr><th>Name</th><th>Size</th><th>Modified (UTC)</th></tr>")?;
        writeln!(f, "</thead>\n<tbody>")?;
        if !self.names.is_root() {
            writeln!(f, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>")?;
        }
        for entry in &self.listing.entries {
            writeln!(f, "{entry}")?;
        }
        writeln!(f, "</tbody>\n</table>")?;
        if self.listing.extent == Extent::Cut {
            writeln!(
                f,
                "<p>There is more here than the {LISTING_ENTRIES} entries that one page shows.</p>"
            )?;
        }
        writeln!(f, "</body>\n</html>")
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let href = names::encoded(&self.name);
        let text = String::from_utf8_lossy(&self.name);
        let text = Escaped(&text);
        let modified = self.modified.and_then(minute).unwrap_or_default();
        match self.kind {
            Kind::Folder => write!(f, "<tr><td><a href=\"{href}/\">{text}/</a></td><td></td>")?,
            Kind::File { size } => {
                write!(f, "<tr><td><a href=\"{href}\">{text}</a></td><td>{}</td>", Size(size))?;
            }
        }
        write!(f, "<td>{modified}</td></tr>")
    }
}

/// Text within HTML, also within quotes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(['&', '<', '>', '"', '\'']) {
            let plain = piece.trim_end_matches(['&', '<', '>', '"', '\'']);
            f.write_str(plain)?;
            f.write_str(match &piece[plain.len()..] {
                "&" => "&amp;",
                "<" => "&lt;",
                ">" => "&gt;",
                "\"" => "&quot;",
                "'" => "&#39;",
                _ => "",
            })?;
        }
        Ok(())
    }
}

/// A number of bytes for people: `17 B`, `1.5 KiB`. Rounded down, so that it never reads `1024.0`.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let Some(power) = self.0.checked_ilog2().map(|bits| bits / 10).filter(|&power| power > 0)
        else {
            return write!(f, "{} B", self.0);
        };
        let unit = 1_u64 << (10 * power);
        let (whole, tenth) = (self.0 / unit, self.0 % unit * 10 / unit);
        write!(f, "{whole}.{tenth} {}", UNITS[power as usize - 1])
    }
}

/// `1994-11-06 08:49`, which sorts and reads the same everywhere; taken from the HTTP date, which
/// has the same parts in another order.
fn minute(time: SystemTime) -> Option<String> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let date = http_date(time)?;
    let (day, month, year, minute) = (&date[5..7], &date[8..11], &date[12..16], &date[17..22]);
    let month = MONTHS.find(month)? / 3 + 1;
    Some(format!("{year}-{month:02}-{day} {minute}"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs::{File, create_dir, write};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::beneath::Root;
    use super::super::names::Names;
    use super::super::scratch::Folder;
    use super::{Escaped, Extent, Listing, Page, Size, minute};

    fn list(folder: &Folder, path: &str, limit: usize) -> Listing {
        let root = Root::at(folder.path()).unwrap();
        let names = Names::parse(path).unwrap();
        let opened = root.open(names.as_bytes()).unwrap();
        Listing::read(&root, opened, &names, limit).unwrap()
    }

    fn page(folder: &Folder, path: &str) -> String {
        let names = Names::parse(path).unwrap();
        Page { names: &names, listing: &list(folder, path, 100) }.to_string()
    }

    /// The rows of a page, each without its markup around the link.
    fn rows(page: &str) -> Vec<&str> {
        page.lines().filter_map(|line| line.strip_prefix("<tr><td>")).collect()
    }

    #[test]
    fn folders_come_first_and_then_files_each_by_name() {
        let folder = Folder::new();
        for name in ["b", "a", "B"] {
            create_dir(folder.path().join(format!("folder-{name}"))).unwrap();
            write(folder.path().join(format!("file-{name}")), "").unwrap();
        }
        let names: Vec<_> = list(&folder, "/", 100).entries.into_iter().map(|e| e.name).collect();
        let expected: [&[u8]; 6] =
            [b"folder-B", b"folder-a", b"folder-b", b"file-B", b"file-a", b"file-b"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_row_has_link_size_and_date() {
        let folder = Folder::new();
        let file = File::create(folder.path().join("a.txt")).unwrap();
        file.set_len(1536).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777)).unwrap();
        let row = "<a href=\"a.txt\">a.txt</a></td><td>1.5 KiB</td><td>1994-11-06 08:49</td></tr>";
        assert_eq!(rows(&page(&folder, "/")), [row]);
    }

    #[test]
    fn only_where_there_is_a_parent_a_link_leads_to_it() {
        let folder = Folder::new();
        create_dir(folder.path().join("sub")).unwrap();
        assert_eq!(
            rows(&page(&folder, "/sub/")),
            ["<a href=\"../\">../</a></td><td></td><td></td></tr>"]
        );
        assert!(
            rows(&page(&folder, "/"))[0].starts_with("<a href=\"sub/\">sub/</a></td><td></td>")
        );
    }

    #[test]
    fn names_are_links_exactly_and_text_as_well_as_can_be() {
        for (name, link) in [
            (&b"a b"[..], "<a href=\"a%20b\">a b</a>"),
            (b"100%", "<a href=\"100%25\">100%</a>"),
            (b"%41", "<a href=\"%2541\">%41</a>"),
            (b"a;b", "<a href=\"a%3Bb\">a;b</a>"),
            (b"http:x", "<a href=\"http%3Ax\">http:x</a>"),
            (b"a?b#c", "<a href=\"a%3Fb%23c\">a?b#c</a>"),
            (b"\"'", "<a href=\"%22%27\">&quot;&#39;</a>"),
            (b"<b>&amp;", "<a href=\"%3Cb%3E%26amp%3B\">&lt;b&gt;&amp;amp;</a>"),
            ("ü".as_bytes(), "<a href=\"%C3%BC\">ü</a>"),
            (b"\xFFx", "<a href=\"%FFx\">\u{FFFD}x</a>"),
        ] {
            let folder = Folder::new();
            write(folder.path().join(OsStr::from_bytes(name)), "").unwrap();
            let page = page(&folder, "/");
            assert!(rows(&page)[0].starts_with(link), "{:?}", rows(&page));
        }
    }

    #[test]
    fn what_no_request_could_have_is_not_listed() {
        let outer = Folder::new();
        let root = outer.path().join("root");
        create_dir(&root).unwrap();
        write(outer.path().join("secret"), "").unwrap();
        for name in [".env", "new\nline", "seen"] {
            write(root.join(name), "").unwrap();
        }
        for name in [".git", ".well-known"] {
            create_dir(root.join(name)).unwrap();
        }
        for (name, target) in [
            ("link", "seen"),
            ("link-to-folder", "."),
            ("out", "../secret"),
            ("dangling", "nothing"),
            ("absolute", "/etc/passwd"),
            ("loop", "loop"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        let names = Names::parse("/").unwrap();
        let root = Root::at(&root).unwrap();
        let listing = Listing::read(&root, root.open(b"").unwrap(), &names, 100).unwrap();
        let names: Vec<_> = listing.entries.into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, [&b".well-known"[..], b"link-to-folder", b"link", b"seen"]);
    }

    #[test]
    fn a_link_shows_what_it_leads_to() {
        let folder = Folder::new();
        create_dir(folder.path().join("sub")).unwrap();
        write(folder.path().join("sub/x"), "12345").unwrap();
        symlink("x", folder.path().join("sub/y")).unwrap();
        let page = page(&folder, "/sub/");
        assert!(rows(&page)[2].starts_with("<a href=\"y\">y</a></td><td>5 B</td>"), "{page}");
    }

    #[test]
    fn a_folder_of_too_many_is_cut_and_says_so() {
        let folder = Folder::new();
        for name in ["a", "b", "c"] {
            write(folder.path().join(name), "").unwrap();
        }
        for (limit, shown, extent) in [(2, 2, Extent::Cut), (3, 3, Extent::Whole)] {
            let listing = list(&folder, "/", limit);
            assert_eq!(listing.entries.len(), shown);
            assert_eq!(listing.extent, extent);
            let page = Page { names: &Names::parse("/").unwrap(), listing: &listing }.to_string();
            assert_eq!(page.contains("There is more here"), extent == Extent::Cut);
        }
    }

    #[test]
    fn text_is_escaped_for_html() {
        for (text, expected) in
            [("", ""), ("a", "a"), ("<<&>>", "&lt;&lt;&amp;&gt;&gt;"), ("a\"b'c", "a&quot;b&#39;c")]
        {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }

    #[test]
    fn sizes_are_in_people_s_units() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (1024 * 1024, "1.0 MiB"),
            (5_000_000_000, "4.6 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected);
        }
    }

    #[test]
    fn dates_are_numbers_that_sort() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (951_827_696, "2000-02-29 12:34"),
            (1_704_067_199, "2023-12-31 23:59"),
        ] {
            assert_eq!(minute(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap(), expected);
        }
        assert_eq!(minute(UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
