//! What a target means, as naively as possible: decoded, split, resolved name by name.
//!
//! It is asked about targets that were understood, with nothing changing meanwhile, so it may build
//! absolute paths and check before it reads. It shares nothing with what it judges.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use oneloop::responders::{Hidden, Symlinks};

/// What a target means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meant<'t> {
    /// The file that is really there, links resolved.
    File(PathBuf),
    Listing,
    /// To this path, decoded, with this query.
    Redirect {
        path: Vec<u8>,
        query: Option<&'t [u8]>,
    },
    Nothing,
}

pub(crate) struct Model {
    root: PathBuf,
    symlinks: Symlinks,
    hidden: Hidden,
}

impl Model {
    pub(crate) fn new(root: &Path, symlinks: Symlinks, hidden: Hidden) -> Self {
        let root = root.canonicalize().expect("a folder");
        Self { root, symlinks, hidden }
    }

    pub(crate) fn meant<'t>(&self, target: &'t [u8]) -> Meant<'t> {
        let (path, query) = path_and_query(target);
        let Some(Names { names, ends_with_slash, has_gaps }) = names(path) else {
            return Meant::Nothing;
        };
        let with_slash = || [b"/", &names.join(&b'/')[..], b"/"].concat();
        if has_gaps {
            let mut path = with_slash();
            if names.is_empty() || !ends_with_slash {
                path.pop();
            }
            return Meant::Redirect { path, query };
        }
        let is_hidden = |name: &Vec<u8>| name.starts_with(b".") && name != b".well-known";
        if self.hidden == Hidden::Refused && names.iter().any(is_hidden) {
            return Meant::Nothing;
        }
        match self.follow(&names) {
            Some(path) if path.is_file() && !ends_with_slash => Meant::File(path),
            Some(path) if path.is_dir() && !ends_with_slash => {
                Meant::Redirect { path: with_slash(), query }
            }
            Some(path) if path.is_dir() => {
                let index = [names, vec![b"index.html".to_vec()]].concat();
                let index = self.follow(&index).filter(|index| index.is_file());
                index.map_or(Meant::Listing, Meant::File)
            }
            _ => Meant::Nothing,
        }
    }

    /// What is sent for a file: its content, or that of the file beside it which has it coded.
    pub(crate) fn content(&self, path: &Path, coding: Option<&[u8]>) -> Option<Vec<u8>> {
        let extension = match coding {
            None => return fs::read(path).ok(),
            Some(b"gzip") => ".gz",
            Some(b"br") => ".br",
            Some(b"zstd") => ".zst",
            Some(_) => return None,
        };
        let within = path.strip_prefix(&self.root).ok()?.as_os_str().as_bytes();
        let sibling = [within, extension.as_bytes()].concat();
        let names: Vec<_> = sibling.split(|&byte| byte == b'/').map(<[u8]>::to_vec).collect();
        fs::read(self.follow(&names)?).ok()
    }

    /// Where names lead from the root, one by one, or nothing where they may not.
    fn follow(&self, names: &[Vec<u8>]) -> Option<PathBuf> {
        let mut here = self.root.clone();
        let mut ahead: Vec<Vec<u8>> = names.iter().rev().cloned().collect();
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            if !here.is_dir() {
                return None;
            }
            match &name[..] {
                b"" | b"." => continue,
                b".." if self.symlinks != Symlinks::All && here == self.root => return None,
                b".." => {
                    here.pop();
                    continue;
                }
                _ => here.push(OsStr::from_bytes(&name)),
            }
            if !here.symlink_metadata().ok()?.is_symlink() {
                continue;
            }
            links += 1;
            let target = here.read_link().ok()?;
            let is_absolute = target.is_absolute();
            let may = match self.symlinks {
                Symlinks::Deny => false,
                Symlinks::Inside => !is_absolute,
                Symlinks::All => true,
            };
            if !may || links > 40 {
                return None;
            }
            here.pop();
            if is_absolute {
                here = PathBuf::from("/");
            }
            let target = target.as_os_str().as_bytes();
            ahead.extend(target.rsplit(|&byte| byte == b'/').map(<[u8]>::to_vec));
        }
        // What a slash stands behind is a folder; that is seen to above, by the empty name.
        here.symlink_metadata().ok()?;
        Some(here)
    }
}

/// Without scheme and host, and what follows the first question mark.
fn path_and_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = target.splitn(2, |&byte| byte == b'?');
    let (mut path, query) = (parts.next().unwrap_or_default(), parts.next());
    if !path.starts_with(b"/") {
        let slashes = path.windows(3).position(|three| three == b"://");
        path = slashes.map_or(path, |at| &path[at + 3..]);
        let slash = path.iter().position(|&byte| byte == b'/');
        path = slash.map_or(b"/", |slash| &path[slash..]);
    }
    (path, query)
}

/// A path taken apart.
struct Names {
    names: Vec<Vec<u8>>,
    ends_with_slash: bool,
    /// Whether there are slashes with no name between them.
    has_gaps: bool,
}

fn names(path: &[u8]) -> Option<Names> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let segments: Vec<Vec<u8>> = path[1..].split(|&byte| byte == b'/').map(decoded).collect();
    for segment in &segments {
        match &segment[..] {
            b"." => {}
            b".." => drop(names.pop()?),
            // An empty segment is one that `..` takes back.
            _ => names.push(segment.clone()),
        }
    }
    let last = segments.last()?;
    let ends_with_slash = matches!(&last[..], b"" | b"." | b"..");
    let empty = names.iter().filter(|name| name.is_empty()).count();
    let has_gaps = empty > usize::from(last.is_empty());
    names.retain(|name| !name.is_empty());
    let is_none = |name: &Vec<u8>| name.iter().any(|&byte| byte == b'/' || byte == 0);
    (!names.iter().any(is_none)).then_some(Names { names, ends_with_slash, has_gaps })
}

/// With its percent-encoding undone, once.
pub(crate) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let [first, more @ ..] = rest {
        let digits = if *first == b'%' { more.get(..2) } else { None };
        let octet = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match octet.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                decoded.push(octet);
                rest = &more[2..];
            }
            None => {
                decoded.push(*first);
                rest = more;
            }
        }
    }
    decoded
}
