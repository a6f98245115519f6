//! Confinement: from a relative path to a descriptor, and never out of the root, whatever symbolic
//! links say.
//!
//! Relies on openat2(2) with `RESOLVE_BENEATH` where the kernel has it (Linux 5.6) and lets us
//! (some sandboxes do not). Elsewhere the path is walked name by name, and links are resolved by
//! hand. Both ways give the same answers, and one table of cases tests both. Never builds an
//! absolute path, so the root may be moved, and never checks first and opens later.
//! Read next: `opened.rs`, which looks at what was opened.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};
use rustix::io::{Errno, Result, retry_on_intr};

use crate::config::SYMLINKS;

/// How a file is opened that is going to be read. A FIFO must not make us wait for its writer
/// (`NONBLOCK`), nor a terminal become ours (`NOCTTY`); both are turned away after a look at them.
pub(super) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// How a folder is opened that is only passed through. With `O_PATH` it needs to be searchable, not
/// readable.
#[cfg(target_os = "linux")]
pub(super) const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
pub(super) const PASS: OFlags = READ.union(OFlags::DIRECTORY);

/// A folder beneath which files are opened.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    way: Way,
}

/// How a path is kept beneath the root. Decided once, when the root is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The kernel sees to it.
    #[cfg(target_os = "linux")]
    Kernel,
    /// By hand.
    Walk,
}

impl Root {
    /// Opens the root. Its own path may hold links: it comes from the operator.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let folder = retry_on_intr(|| openat(CWD, path, PASS, Mode::empty()))?;
        // Without the permission to search it, nothing in it could ever be opened; better said now.
        step(folder.as_fd(), b".", PASS)?;
        let way = Way::for_folder(folder.as_fd());
        Ok(Self { folder, way })
    }

    /// Opens what a relative path leads to for reading: of whatever kind it is, but beneath the
    /// root. The empty path is the root.
    ///
    /// Where it would lead out, the error is EXDEV, and ELOOP where it runs in circles.
    pub(super) fn open(&self, path: &[u8]) -> Result<OwnedFd> {
        match self.way {
            #[cfg(target_os = "linux")]
            Way::Kernel => resolve_in_kernel(self.folder.as_fd(), path, READ),
            Way::Walk => walk(self.folder.as_fd(), path),
        }
    }
}

impl Way {
    /// The kernel's way if it works on this folder. Where it does not (ENOSYS from an old kernel,
    /// EPERM from a sandbox), walking does.
    #[cfg(target_os = "linux")]
    fn for_folder(folder: BorrowedFd<'_>) -> Self {
        resolve_in_kernel(folder, b"", PASS).map_or(Self::Walk, |_| Self::Kernel)
    }

    #[cfg(not(target_os = "linux"))]
    const fn for_folder(_: BorrowedFd<'_>) -> Self {
        Self::Walk
    }
}

#[cfg(target_os = "linux")]
fn resolve_in_kernel(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};

    let confined = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let path = if path.is_empty() { b"." } else { path };
    for _ in 0..crate::config::OPEN_ATTEMPTS {
        match retry_on_intr(|| openat2(root, path, flags, Mode::empty(), confined)) {
            Err(Errno::AGAIN) => {}
            done => return done,
        }
    }
    Err(Errno::AGAIN)
}

/// A path that is being walked. No step follows a link, so none can be tricked out of the folder it
/// starts from; a link's target is put in its place and walked in the same manner. At most three
/// descriptors are held, however deep the path.
struct Walk<'r> {
    root: BorrowedFd<'r>,
    here: OwnedFd,
    /// The real folders between the root and here.
    behind: Vec<Vec<u8>>,
    /// The names still to walk, the next one last.
    ahead: Vec<Vec<u8>>,
    links: usize,
}

fn walk(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd> {
    let here = step(root, b".", PASS)?;
    let ahead = names_reversed(path).collect();
    let mut walk = Walk { root, here, behind: Vec::new(), ahead, links: 0 };
    while let Some(name) = walk.ahead.pop() {
        match &name[..] {
            b"" | b"." => {}
            b".." => walk.ascend()?,
            _ if walk.ahead.is_empty() => match step(walk.here.as_fd(), &name, READ) {
                Ok(opened) => return Ok(opened),
                Err(refused) => walk.follow(&name, refused)?,
            },
            // More is ahead, be it only the empty name after a last slash, so this has to be a
            // folder.
            _ => match step(walk.here.as_fd(), &name, PASS) {
                Ok(folder) => walk.descend(name, folder),
                Err(refused) => walk.follow(&name, refused)?,
            },
        }
    }
    step(walk.here.as_fd(), b".", READ)
}

impl Walk<'_> {
    fn descend(&mut self, name: Vec<u8>, folder: OwnedFd) {
        self.behind.push(name);
        self.here = folder;
    }

    /// Goes to the parent, from the root downwards again: to open `..` would lead out if the folder
    /// was moved meanwhile.
    fn ascend(&mut self) -> Result<()> {
        self.behind.pop().ok_or(Errno::XDEV)?;
        self.here = step(self.root, b".", PASS)?;
        for name in &self.behind {
            self.here = step(self.here.as_fd(), name, PASS)?;
        }
        Ok(())
    }

    /// Puts the target of the link `name` in front of what is ahead. Systems differ in the error
    /// they refuse a link with, so whatever was refused is tried as one. An absolute target leads
    /// out, wherever it points.
    fn follow(&mut self, name: &[u8], refused: Errno) -> Result<()> {
        let Ok(target) = readlinkat(&self.here, name, Vec::new()) else { return Err(refused) };
        self.links += 1;
        if self.links > SYMLINKS {
            return Err(Errno::LOOP);
        }
        let target = target.as_bytes();
        if target.starts_with(b"/") {
            return Err(Errno::XDEV);
        }
        self.ahead.extend(names_reversed(target));
        Ok(())
    }
}

/// Opens one name in a folder, unless it is a link.
fn step(folder: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
    retry_on_intr(|| openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty()))
}

fn names_reversed(path: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    path.rsplit(|&byte| byte == b'/').map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir, create_dir_all, rename, write};
    use std::io::Read;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    use rustix::io::Errno;

    use super::super::scratch::Folder;
    use super::{Root, Way};
    use crate::config::SYMLINKS;

    /// The root by each way that works here: the one it chose, and walking.
    fn roots(path: &Path) -> [Root; 2] {
        let mut roots = [Root::at(path).unwrap(), Root::at(path).unwrap()];
        roots[1].way = Way::Walk;
        roots
    }

    /// `outer/root` with files, folders and links of all kinds in it, and `outer/secret` beside it.
    fn build(outer: &Path) {
        let root = outer.join("root");
        create_dir_all(root.join("sub/deep")).unwrap();
        write(outer.join("secret"), "secret").unwrap();
        write(root.join("plain"), "plain").unwrap();
        write(root.join("sub/nested"), "nested").unwrap();
        write(root.join("sub/deep/deepest"), "deepest").unwrap();
        let absolute = root.join("plain");
        for (name, target) in [
            ("to-plain", "plain"),
            ("to-nested", "./sub//nested"),
            ("to-sub", "sub"),
            ("to-sub-slash", "sub/"),
            ("to-plain-slash", "plain/"),
            ("to-link", "to-plain"),
            ("through-link", "to-sub/nested"),
            ("sub/up", "../plain"),
            ("sub/deep/up", "../../to-sub/deep/deepest"),
            ("sub/deep/to-sub", ".."),
            ("to-root", "."),
            ("dotdot-inside", "to-deep/../nested"),
            ("to-deep", "sub/deep"),
            ("out", "../secret"),
            ("out-and-in", "../root/plain"),
            ("sub/out", "../../secret"),
            ("out-folder", ".."),
            ("absolute", absolute.to_str().unwrap()),
            ("absolute-out", "/etc/passwd"),
            ("loop", "loop"),
            ("ping", "pong"),
            ("pong", "ping"),
            ("dangling", "nothing"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        symlink("plain", root.join("chain-1")).unwrap();
        for length in 2..=SYMLINKS + 1 {
            symlink(format!("chain-{}", length - 1), root.join(format!("chain-{length}"))).unwrap();
        }
    }

    const FOLDER: &str = "(a folder)";

    /// What a path leads to: the content of a file, a folder, or a refusal.
    const CASES: &[(&str, Result<&str, Errno>)] = &[
        ("", Ok(FOLDER)),
        (".", Ok(FOLDER)),
        ("plain", Ok("plain")),
        ("sub", Ok(FOLDER)),
        ("sub/", Ok(FOLDER)),
        ("sub/nested", Ok("nested")),
        ("sub/deep/deepest", Ok("deepest")),
        ("to-plain", Ok("plain")),
        ("to-nested", Ok("nested")),
        ("to-sub", Ok(FOLDER)),
        ("to-sub/nested", Ok("nested")),
        ("to-sub/deep/deepest", Ok("deepest")),
        ("to-sub-slash", Ok(FOLDER)),
        ("to-sub-slash/nested", Ok("nested")),
        ("to-plain-slash", Err(Errno::NOTDIR)),
        ("to-link", Ok("plain")),
        ("through-link", Ok("nested")),
        ("sub/up", Ok("plain")),
        ("to-sub/up", Ok("plain")),
        ("sub/deep/up", Ok("deepest")),
        ("sub/deep/to-sub/nested", Ok("nested")),
        ("to-root/to-root/plain", Ok("plain")),
        ("to-root", Ok(FOLDER)),
        ("dotdot-inside", Ok("nested")),
        ("out", Err(Errno::XDEV)),
        ("out-and-in", Err(Errno::XDEV)),
        ("sub/out", Err(Errno::XDEV)),
        ("to-sub/out", Err(Errno::XDEV)),
        ("out-folder", Err(Errno::XDEV)),
        ("out-folder/secret", Err(Errno::XDEV)),
        ("absolute", Err(Errno::XDEV)),
        ("absolute-out", Err(Errno::XDEV)),
        ("..", Err(Errno::XDEV)),
        ("../secret", Err(Errno::XDEV)),
        ("sub/../../secret", Err(Errno::XDEV)),
        ("loop", Err(Errno::LOOP)),
        ("loop/plain", Err(Errno::LOOP)),
        ("ping", Err(Errno::LOOP)),
        ("chain-40", Ok("plain")),
        ("chain-41", Err(Errno::LOOP)),
        ("dangling", Err(Errno::NOENT)),
        ("dangling/plain", Err(Errno::NOENT)),
        ("missing", Err(Errno::NOENT)),
        ("missing/plain", Err(Errno::NOENT)),
        ("sub/missing", Err(Errno::NOENT)),
        ("plain/", Err(Errno::NOTDIR)),
        ("plain/nested", Err(Errno::NOTDIR)),
        ("to-plain/nested", Err(Errno::NOTDIR)),
    ];

    #[test]
    fn both_ways_give_the_same_answers() {
        let outer = Folder::new();
        build(outer.path());
        for (path, expected) in CASES {
            for root in roots(&outer.path().join("root")) {
                let outcome = root.open(path.as_bytes()).map(|opened| {
                    let mut file = File::from(opened);
                    if file.metadata().unwrap().is_dir() {
                        return FOLDER.to_owned();
                    }
                    let mut content = String::new();
                    file.read_to_string(&mut content).unwrap();
                    content
                });
                assert_eq!(outcome, expected.map(str::to_owned), "`{path}` by {:?}", root.way);
            }
        }
    }

    #[test]
    fn names_that_no_file_system_holds_are_refused_alike() {
        let outer = Folder::new();
        for root in roots(outer.path()) {
            let refused = root.open(&[b'a'; 300]).map(drop);
            assert_eq!(refused, Err(Errno::NAMETOOLONG), "{:?}", root.way);
        }
    }

    #[test]
    fn a_root_that_is_moved_stays_the_root() {
        let outer = Folder::new();
        let (here, there) = (outer.path().join("here"), outer.path().join("there"));
        create_dir(&here).unwrap();
        write(here.join("plain"), "plain").unwrap();
        for root in roots(&here) {
            rename(&here, &there).unwrap();
            let file = File::from(root.open(b"plain").unwrap());
            let same = there.join("plain").metadata().unwrap();
            assert_eq!(file.metadata().unwrap().ino(), same.ino(), "{:?}", root.way);
            rename(&there, &here).unwrap();
        }
    }

    #[test]
    fn a_deep_path_is_walked_like_a_shallow_one() {
        let outer = Folder::new();
        let deep = vec!["d"; 200].join("/");
        create_dir_all(outer.path().join(&deep)).unwrap();
        symlink("..", outer.path().join(&deep).join("up")).unwrap();
        let through = format!("{deep}/up/d/up/d/up");
        for root in roots(outer.path()) {
            assert_eq!(root.open(through.as_bytes()).map(drop), Ok(()), "{:?}", root.way);
        }
    }

    /// Where this machine has openat2, it is used.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_way_is_decided_by_what_works() {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

        let outer = Folder::new();
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let works = openat2(CWD, c".", flags, Mode::empty(), ResolveFlags::BENEATH).is_ok();
        let expected = if works { Way::Kernel } else { Way::Walk };
        assert_eq!(Root::at(outer.path()).unwrap().way, expected);
    }
}
