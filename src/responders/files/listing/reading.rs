//! What is in a folder that a client may open.
//!
//! Relies on the folder being open; its entries are read and looked at through that descriptor, and
//! links are opened beneath the root, so nothing is told of that a request could not have.
//! Never reads more entries than it is told to.
//! Read next: `order.rs`.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, statat};
use rustix::io::Result;

use super::super::beneath::Patience;
use super::super::names;

use super::{Place, order};

/// Bytes that a name's key may have more than the name before more memory is asked for: two for
/// each number in it.
const NUMBERS_FORESEEN: usize = 4;

/// What is in a folder, as it was read.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    pub(super) extent: Extent,
}

/// Whether this is everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Cut,
}

/// One name and what it stands for.
#[derive(Debug)]
pub(super) struct Entry {
    /// The name, and behind it what it is sorted by: one piece of memory for both, because there
    /// are ten thousand of them.
    text: Vec<u8>,
    name_len: usize,
    pub(super) kind: Kind,
    /// Whole seconds since 1970; nothing for what is older than that.
    pub(super) modified: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File { size: u64 },
}

/// How many there are, and the bytes of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) folders: usize,
    pub(super) files: usize,
    pub(super) size: u64,
}

impl Contents {
    /// Reads at most `limit` entries of the folder.
    pub(super) fn read(place: &Place<'_>, folder: OwnedFd, limit: usize) -> Result<Self> {
        let mut folder = Dir::new(folder)?;
        let mut contents = Self { entries: Vec::new(), extent: Extent::Whole };
        let mut seen = 0;
        while let Some(entry) = folder.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if seen == limit {
                contents.extent = Extent::Cut;
                break;
            }
            seen += 1;
            if names::is_served(name.to_bytes(), place.hidden) {
                contents.entries.extend(Entry::look(place, folder.fd()?, name));
            }
        }
        Ok(contents)
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for entry in &self.entries {
            match entry.kind {
                Kind::Folder => totals.folders += 1,
                Kind::File { size } => {
                    totals.files += 1;
                    totals.size = totals.size.saturating_add(size);
                }
            }
        }
        totals
    }
}

impl Entry {
    /// Looks at what has that name in the folder. Nothing for what a request could not have: a link
    /// that leads out of the root or nowhere, a FIFO and the like, or what is gone by now.
    fn look(place: &Place<'_>, folder: BorrowedFd<'_>, name: &CStr) -> Option<Self> {
        let mut stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if FileType::from_raw_mode(stat.st_mode).is_symlink() {
            stat = fstat(
                place.root.open(&place.names.child(name.to_bytes()), Patience::Patient).ok()?,
            )
            .ok()?;
        }
        Self::from_stat(name.to_bytes(), &stat)
    }

    fn from_stat(name: &[u8], stat: &Stat) -> Option<Self> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Folder,
            FileType::RegularFile => Kind::File { size: u64::try_from(stat.st_size).unwrap_or(0) },
            _ => return None,
        };
        let modified = u64::try_from(stat.st_mtime).ok();
        Some(Self::new(name, kind, modified))
    }

    pub(super) fn new(name: &[u8], kind: Kind, modified: Option<u64>) -> Self {
        let mut text = Vec::with_capacity(2 * name.len() + NUMBERS_FORESEEN);
        text.extend_from_slice(name);
        order::add_key(&mut text, name);
        Self { text, name_len: name.len(), kind, modified }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.text[..self.name_len]
    }

    /// The name as bytes that compare as people sort.
    pub(super) fn key(&self) -> &[u8] {
        &self.text[self.name_len..]
    }
}

impl Kind {
    /// In bytes; a folder has none that would say anything.
    pub(super) const fn size(self) -> Option<u64> {
        match self {
            Self::Folder => None,
            Self::File { size } => Some(size),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir, write};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::super::beneath::{Patience, Root};
    use super::super::super::names::Names;
    use super::super::super::options::{Hidden, Symlinks};
    use super::super::super::scratch::Folder;
    use super::super::Place;
    use super::super::order::Order;
    use super::{Contents, Extent, Kind, Totals};

    fn read(folder: &Folder, path: &str, hidden: Hidden, limit: usize) -> Contents {
        let root = Root::at(&folder.path().join("root"), Symlinks::Inside).unwrap();
        let names = Names::parse(path).unwrap();
        let place = Place { root: &root, names: &names, mount: "/", hidden };
        let opened = root.open(names.as_bytes(), Patience::Patient).unwrap();
        let mut contents = Contents::read(&place, opened, limit).unwrap();
        Order::default().sort(&mut contents.entries);
        contents
    }

    fn names(contents: &Contents) -> Vec<&str> {
        contents.entries.iter().map(|entry| str::from_utf8(entry.name()).unwrap()).collect()
    }

    #[test]
    fn what_no_request_could_have_is_not_listed() {
        let folder = Folder::new();
        let root = folder.path().join("root");
        create_dir(&root).unwrap();
        write(folder.path().join("secret"), "").unwrap();
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
        let contents = read(&folder, "/", Hidden::Refused, 100);
        assert_eq!(names(&contents), [".well-known", "link-to-folder", "link", "seen"]);
        let contents = read(&folder, "/", Hidden::Served, 100);
        let with_hidden = [".git", ".well-known", "link-to-folder", ".env", "link", "seen"];
        assert_eq!(names(&contents), with_hidden);
    }

    #[test]
    fn a_link_shows_what_it_leads_to() {
        let folder = Folder::new();
        let sub = folder.path().join("root/sub");
        std::fs::create_dir_all(&sub).unwrap();
        write(sub.join("x"), "12345").unwrap();
        symlink("x", sub.join("y")).unwrap();
        symlink("../sub", sub.join("z")).unwrap();
        let contents = read(&folder, "/sub/", Hidden::Refused, 100);
        let kinds: Vec<_> = contents.entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(names(&contents), ["z", "x", "y"]);
        assert_eq!(kinds, [Kind::Folder, Kind::File { size: 5 }, Kind::File { size: 5 }]);
    }

    #[test]
    fn a_time_before_1970_is_not_told() {
        let folder = Folder::new();
        create_dir(folder.path().join("root")).unwrap();
        for (name, time) in [
            ("a", UNIX_EPOCH - Duration::from_millis(1500)),
            ("b", UNIX_EPOCH),
            ("c", UNIX_EPOCH + Duration::from_millis(1999)),
        ] {
            File::create(folder.path().join("root").join(name))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        let contents = read(&folder, "/", Hidden::Refused, 100);
        let times: Vec<_> = contents.entries.iter().map(|entry| entry.modified).collect();
        assert_eq!(times, [None, Some(0), Some(1)]);
    }

    #[test]
    fn no_more_is_read_than_was_said_and_what_was_is_counted() {
        let folder = Folder::new();
        let root = folder.path().join("root");
        create_dir(&root).unwrap();
        for name in ["a", "b", "c"] {
            write(root.join(name), "123").unwrap();
        }
        create_dir(root.join("d")).unwrap();
        write(root.join(".hidden"), "").unwrap();
        for (limit, extent) in [(0, Extent::Cut), (4, Extent::Cut), (5, Extent::Whole)] {
            let contents = read(&folder, "/", Hidden::Served, limit);
            assert_eq!(contents.entries.len(), limit);
            assert_eq!(contents.extent, extent);
        }
        // What is not shown has been seen all the same.
        assert_eq!(read(&folder, "/", Hidden::Refused, 4).extent, Extent::Cut);
        let totals = read(&folder, "/", Hidden::Refused, 5).totals();
        assert_eq!(totals, Totals { folders: 1, files: 3, size: 9 });
    }
}
