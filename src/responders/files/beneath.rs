//! Confinement: from a relative path to a descriptor, by the symbolic links that the operator lets
//! be followed, and out of the root only where that is what was asked for.
//!
//! Relies on openat2(2) where the kernel has it (Linux 5.6) and lets us (some sandboxes do not).
//! Elsewhere the path is walked name by name, and links are resolved by hand. Both ways give the
//! same answers, and one table of cases tests both. Never builds an absolute path, so the root may
//! be moved, and never checks first and opens later.
//! Read next: `opened.rs`, which looks at what was opened.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};
use rustix::io::{Errno, Result, retry_on_intr};

#[cfg(target_os = "linux")]
use super::file_system;
use super::options::Symlinks;
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

/// A folder beneath which files are opened. Threads may share it: it holds a descriptor and two
/// choices, and nothing in it changes.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    symlinks: Symlinks,
    way: Way,
    /// Whether it never waits for a disk. Such a file system forgets at once which names are not
    /// there, so that asking for what is known would not do.
    #[cfg(target_os = "linux")]
    lies_in_memory: bool,
}

/// How a path is kept to what the links' policy allows. Decided once, when the root is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The kernel sees to it, and says so rather than wait for a disk, if asked (Linux 5.12).
    #[cfg(target_os = "linux")]
    KernelAtOnce,
    /// The kernel sees to it, but never says whether it is going to wait.
    #[cfg(target_os = "linux")]
    Kernel,
    /// By hand.
    Walk,
}

/// Whether there is time to wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// There is none: where the names or the links are not in memory, the error is EAGAIN. For the
    /// loop, which then has a helper thread open it patiently.
    ///
    /// On file systems that may ask another machine or process on each open (NFS, FUSE) it is so
    /// always.
    AtOnce,
    /// There is. For helper threads, and before the loop runs.
    Patient,
}

impl Root {
    /// Opens the root. Its own path may hold links whatever the policy: it comes from the operator.
    pub(super) fn at(path: &Path, symlinks: Symlinks) -> Result<Self> {
        let folder = retry_on_intr(|| openat(CWD, path, PASS, Mode::empty()))?;
        // Without the permission to search it, nothing in it could ever be opened; better said now.
        step(folder.as_fd(), b".", PASS)?;
        let way = Way::for_folder(folder.as_fd());
        #[cfg(target_os = "linux")]
        let lies_in_memory = file_system::is_memory(&folder);
        Ok(Self {
            folder,
            symlinks,
            way,
            #[cfg(target_os = "linux")]
            lies_in_memory,
        })
    }

    /// Opens what a relative path leads to for reading: of whatever kind it is, but nothing that
    /// the policy keeps from it. The empty path is the root.
    ///
    /// Where it would lead out, the error is EXDEV, and ELOOP where it runs in circles or meets a
    /// link and none is followed; clients are told the same of both. A path with `..` in it or a
    /// slash in front leads out whatever the policy: only links may do that, if they may. EAGAIN
    /// means for [`Patience::AtOnce`] that a patient one has to be asked, for whatever reason; it
    /// means for [`Patience::Patient`] that the file is in use in a way that passes.
    pub(super) fn open(&self, path: &[u8], patience: Patience) -> Result<OwnedFd> {
        // `Names` hold no such path. Where all links are followed, nothing else would refuse it.
        if path.starts_with(b"/") || path.split(|&byte| byte == b'/').any(|name| name == b"..") {
            return Err(Errno::XDEV);
        }
        match (self.way, patience) {
            #[cfg(target_os = "linux")]
            (Way::KernelAtOnce, Patience::AtOnce) => kernel::open_at_once(self, path),
            #[cfg(target_os = "linux")]
            (Way::KernelAtOnce | Way::Kernel, Patience::Patient) => kernel::open(self, path),
            (Way::Walk, Patience::Patient) => walk(self.folder.as_fd(), path, self.symlinks),
            // Nobody says whether this would wait, so it has to be taken for granted.
            (_, Patience::AtOnce) => Err(Errno::AGAIN),
        }
    }
}

impl Way {
    /// The kernel's way if it works on this folder. Where it does not (ENOSYS from an old kernel,
    /// EPERM from a sandbox), walking does.
    #[cfg(target_os = "linux")]
    fn for_folder(folder: BorrowedFd<'_>) -> Self {
        kernel::way(folder)
    }

    #[cfg(not(target_os = "linux"))]
    const fn for_folder(_: BorrowedFd<'_>) -> Self {
        Self::Walk
    }
}

/// The kernel's way: one system call, and no race that it does not see.
#[cfg(target_os = "linux")]
mod kernel {
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{Errno, Result, retry_on_intr};

    use super::super::file_system;
    use super::{PASS, READ, Root, Symlinks, Way, walk};
    use crate::config::OPEN_ATTEMPTS;

    /// What of openat2(2) works on this folder.
    pub(super) fn way(folder: BorrowedFd<'_>) -> Way {
        let confined = resolve_flags(Symlinks::Inside);
        if resolve(folder, b"", PASS, confined).is_err() {
            return Way::Walk;
        }
        // A kernel that does not know the flag says EINVAL. EAGAIN is an answer of one that does.
        match resolve(folder, b"", PASS, confined | ResolveFlags::CACHED) {
            Ok(_) | Err(Errno::AGAIN) if file_system::opens_by_itself(folder) => Way::KernelAtOnce,
            _ => Way::Kernel,
        }
    }

    pub(super) fn open_at_once(root: &Root, path: &[u8]) -> Result<OwnedFd> {
        // What is mounted beneath the root may be a file system of another kind.
        let mut confined = resolve_flags(root.symlinks) | ResolveFlags::NO_XDEV;
        if !root.lies_in_memory {
            confined |= ResolveFlags::CACHED;
        }
        match resolve(root.folder.as_fd(), path, READ, confined) {
            Err(Errno::XDEV) => Err(Errno::AGAIN),
            opened => opened,
        }
    }

    /// Anything that is renamed anywhere makes the kernel unsure of a `..` in a link. Where it does
    /// not become sure, because somebody renames all the time, the path is walked; whoever does
    /// that is not to take a file away from everybody else. A file that is leased stays in use.
    pub(super) fn open(root: &Root, path: &[u8]) -> Result<OwnedFd> {
        let confined = resolve_flags(root.symlinks);
        for _ in 0..OPEN_ATTEMPTS {
            match resolve(root.folder.as_fd(), path, READ, confined) {
                Err(Errno::AGAIN) => {}
                done => return done,
            }
        }
        match root.symlinks {
            Symlinks::Deny | Symlinks::Inside => walk(root.folder.as_fd(), path, root.symlinks),
            // No `..` is questioned where all links are followed.
            Symlinks::All => Err(Errno::AGAIN),
        }
    }

    /// Magic links (`/proc/self/root`, `/proc/self/fd/3`) are never followed: they lead past every
    /// path that an operator could have meant.
    const fn resolve_flags(symlinks: Symlinks) -> ResolveFlags {
        match symlinks {
            Symlinks::Deny => ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS),
            Symlinks::Inside => ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS),
            Symlinks::All => ResolveFlags::NO_MAGICLINKS,
        }
    }

    fn resolve(
        folder: BorrowedFd<'_>,
        path: &[u8],
        flags: OFlags,
        confined: ResolveFlags,
    ) -> Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        retry_on_intr(|| openat2(folder, path, flags, Mode::empty(), confined))
    }
}

/// A path that is being walked. No step follows a link, so none can be tricked out of the folder it
/// starts from; a link's target is put in its place and walked in the same manner. At most three
/// descriptors are held, however deep the path.
struct Walk<'r> {
    root: BorrowedFd<'r>,
    symlinks: Symlinks,
    here: OwnedFd,
    /// The real folders between the root and here.
    behind: Vec<Vec<u8>>,
    /// The names still to walk, the next one last.
    ahead: Vec<Vec<u8>>,
    links: usize,
}

fn walk(root: BorrowedFd<'_>, path: &[u8], symlinks: Symlinks) -> Result<OwnedFd> {
    if symlinks == Symlinks::All {
        // There is nothing to keep it to. Magic links are followed like others, as this system's
        // calls have no word against them.
        let path = if path.is_empty() { b"." } else { path };
        return retry_on_intr(|| openat(root, path, READ, Mode::empty()));
    }
    let here = step(root, b".", PASS)?;
    let ahead = names_reversed(path).collect();
    let mut walk = Walk { root, symlinks, here, behind: Vec::new(), ahead, links: 0 };
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
        if self.symlinks == Symlinks::Deny {
            return Err(Errno::LOOP);
        }
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
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::io::Errno;

    use super::super::options::Symlinks;
    use super::super::scratch::Folder;
    use super::{Patience, Root, Way};
    use crate::config::SYMLINKS;

    const POLICIES: [Symlinks; 3] = [Symlinks::Deny, Symlinks::Inside, Symlinks::All];

    /// The root by each way that works here: the one it chose, and walking.
    fn roots(path: &Path, symlinks: Symlinks) -> [Root; 2] {
        let mut roots = [Root::at(path, symlinks).unwrap(), Root::at(path, symlinks).unwrap()];
        roots[1].way = Way::Walk;
        roots
    }

    /// `outer/root` with files, folders and links of all kinds in it; beside it `outer/secret`, and
    /// `outer/root-of-another`, whose name begins as the root's does.
    fn build(outer: &Path) {
        let root = outer.join("root");
        create_dir_all(root.join("sub/deep")).unwrap();
        create_dir(outer.join("root-of-another")).unwrap();
        write(outer.join("secret"), "secret").unwrap();
        write(outer.join("root-of-another/secret"), "secret").unwrap();
        write(root.join("plain"), "plain").unwrap();
        write(root.join("sub/nested"), "nested").unwrap();
        write(root.join("sub/deep/deepest"), "deepest").unwrap();
        let absolute = |name| root.join(name).to_str().unwrap().to_owned();
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
            ("dotdot-of-a-file", "plain/../plain"),
            ("dotdot-of-nothing", "nothing/../plain"),
            ("out", "../secret"),
            ("out-and-in", "../root/plain"),
            ("out-to-another", "../root-of-another"),
            ("sub/out", "../../secret"),
            ("out-folder", ".."),
            ("loop", "loop"),
            ("ping", "pong"),
            ("pong", "ping"),
            ("dangling", "nothing"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        for (name, target) in [
            ("absolute", absolute("plain")),
            ("absolute-folder", absolute("sub")),
            ("absolute-out", absolute("../secret")),
            ("absolute-dangling", absolute("nothing")),
            ("absolute-root", "/".into()),
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
    type Outcome = Result<&'static str, Errno>;

    const LOOP: Outcome = Err(Errno::LOOP);
    const OUT: Outcome = Err(Errno::XDEV);
    const MISSING: Outcome = Err(Errno::NOENT);
    const NO_FOLDER: Outcome = Err(Errno::NOTDIR);

    /// A path, and its outcome where symbolic links are denied, followed inside, and all followed.
    #[rustfmt::skip]
    const CASES: &[(&str, Outcome, Outcome, Outcome)] = &[
        // No links.
        ("",                       Ok(FOLDER),    Ok(FOLDER),    Ok(FOLDER)),
        (".",                      Ok(FOLDER),    Ok(FOLDER),    Ok(FOLDER)),
        ("plain",                  Ok("plain"),   Ok("plain"),   Ok("plain")),
        ("./plain",                Ok("plain"),   Ok("plain"),   Ok("plain")),
        ("sub",                    Ok(FOLDER),    Ok(FOLDER),    Ok(FOLDER)),
        ("sub/",                   Ok(FOLDER),    Ok(FOLDER),    Ok(FOLDER)),
        ("sub//nested",            Ok("nested"),  Ok("nested"),  Ok("nested")),
        ("sub/nested",             Ok("nested"),  Ok("nested"),  Ok("nested")),
        ("sub/deep/deepest",       Ok("deepest"), Ok("deepest"), Ok("deepest")),
        ("missing",                MISSING,       MISSING,       MISSING),
        ("missing/plain",          MISSING,       MISSING,       MISSING),
        ("sub/missing",            MISSING,       MISSING,       MISSING),
        ("plain/",                 NO_FOLDER,     NO_FOLDER,     NO_FOLDER),
        ("plain/.",                NO_FOLDER,     NO_FOLDER,     NO_FOLDER),
        ("plain/nested",           NO_FOLDER,     NO_FOLDER,     NO_FOLDER),
        // A path that leads out by itself.
        ("..",                     OUT,           OUT,           OUT),
        ("../secret",              OUT,           OUT,           OUT),
        ("sub/../plain",           OUT,           OUT,           OUT),
        ("sub/../../secret",       OUT,           OUT,           OUT),
        ("/",                      OUT,           OUT,           OUT),
        ("/plain",                 OUT,           OUT,           OUT),
        ("/etc/passwd",            OUT,           OUT,           OUT),
        // Links that stay inside.
        ("to-plain",               LOOP,          Ok("plain"),   Ok("plain")),
        ("to-plain/",              LOOP,          NO_FOLDER,     NO_FOLDER),
        ("to-plain/nested",        LOOP,          NO_FOLDER,     NO_FOLDER),
        ("to-plain-slash",         LOOP,          NO_FOLDER,     NO_FOLDER),
        ("to-nested",              LOOP,          Ok("nested"),  Ok("nested")),
        ("to-sub",                 LOOP,          Ok(FOLDER),    Ok(FOLDER)),
        ("to-sub/",                LOOP,          Ok(FOLDER),    Ok(FOLDER)),
        ("to-sub/nested",          LOOP,          Ok("nested"),  Ok("nested")),
        ("to-sub/missing",         LOOP,          MISSING,       MISSING),
        ("to-sub/deep/deepest",    LOOP,          Ok("deepest"), Ok("deepest")),
        ("to-sub-slash",           LOOP,          Ok(FOLDER),    Ok(FOLDER)),
        ("to-sub-slash/nested",    LOOP,          Ok("nested"),  Ok("nested")),
        ("to-link",                LOOP,          Ok("plain"),   Ok("plain")),
        ("through-link",           LOOP,          Ok("nested"),  Ok("nested")),
        ("sub/up",                 LOOP,          Ok("plain"),   Ok("plain")),
        ("to-sub/up",              LOOP,          Ok("plain"),   Ok("plain")),
        ("sub/deep/up",            LOOP,          Ok("deepest"), Ok("deepest")),
        ("sub/deep/to-sub/nested", LOOP,          Ok("nested"),  Ok("nested")),
        ("to-root/to-root/plain",  LOOP,          Ok("plain"),   Ok("plain")),
        ("to-root",                LOOP,          Ok(FOLDER),    Ok(FOLDER)),
        ("dotdot-inside",          LOOP,          Ok("nested"),  Ok("nested")),
        ("dotdot-of-a-file",       LOOP,          NO_FOLDER,     NO_FOLDER),
        ("dotdot-of-nothing",      LOOP,          MISSING,       MISSING),
        // Links that lead out, be it only to come back.
        ("out",                    LOOP,          OUT,           Ok("secret")),
        ("out/",                   LOOP,          OUT,           NO_FOLDER),
        ("out-and-in",             LOOP,          OUT,           Ok("plain")),
        ("out-to-another",         LOOP,          OUT,           Ok(FOLDER)),
        ("out-to-another/secret",  LOOP,          OUT,           Ok("secret")),
        ("sub/out",                LOOP,          OUT,           Ok("secret")),
        ("to-sub/out",             LOOP,          OUT,           Ok("secret")),
        ("out-folder",             LOOP,          OUT,           Ok(FOLDER)),
        ("out-folder/secret",      LOOP,          OUT,           Ok("secret")),
        ("absolute",               LOOP,          OUT,           Ok("plain")),
        ("absolute-folder/nested", LOOP,          OUT,           Ok("nested")),
        ("absolute-folder/up",     LOOP,          OUT,           Ok("plain")),
        ("absolute-out",           LOOP,          OUT,           Ok("secret")),
        ("absolute-dangling",      LOOP,          OUT,           MISSING),
        ("absolute-root",          LOOP,          OUT,           Ok(FOLDER)),
        // Links that lead nowhere.
        ("loop",                   LOOP,          LOOP,          LOOP),
        ("loop/plain",             LOOP,          LOOP,          LOOP),
        ("ping",                   LOOP,          LOOP,          LOOP),
        ("dangling",               LOOP,          MISSING,       MISSING),
        ("dangling/plain",         LOOP,          MISSING,       MISSING),
    ];

    /// What was opened, as the table has it.
    fn seen(opened: OwnedFd) -> String {
        let mut file = File::from(opened);
        if file.metadata().unwrap().is_dir() {
            return FOLDER.to_owned();
        }
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        content
    }

    fn check(root: &Root, path: &str, expected: Outcome) {
        let outcome = root.open(path.as_bytes(), Patience::Patient).map(seen);
        let expected = expected.map(str::to_owned);
        assert_eq!(outcome, expected, "`{path}` by {:?} with {:?}", root.way, root.symlinks);
        // At once it is the same, or nothing is said.
        let outcome = root.open(path.as_bytes(), Patience::AtOnce).map(seen);
        assert!(outcome == expected || outcome == Err(Errno::AGAIN), "`{path}`: {outcome:?}");
    }

    #[test]
    fn both_ways_give_the_same_answers() {
        let outer = Folder::new();
        build(outer.path());
        for (path, deny, inside, all) in CASES {
            for (symlinks, expected) in POLICIES.into_iter().zip([deny, inside, all]) {
                for root in roots(&outer.path().join("root"), symlinks) {
                    check(&root, path, *expected);
                }
            }
        }
    }

    /// One of `0..n`, by a generator that fits in a line (Knuth, MMIX).
    fn below(n: usize, state: &mut u64) -> usize {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize % n
    }

    /// A path of up to five names, most of which lead somewhere.
    fn any_path(names: &[&str], state: &mut u64) -> String {
        let names = (0..=below(5, state)).map(|_| names[below(names.len(), state)]);
        names.collect::<Vec<_>>().join("/")
    }

    /// Folders, files and links as they come, and what lies outside is always the secret.
    fn build_any(outer: &Path, state: &mut u64) {
        let root = outer.join("root");
        create_dir_all(root.join("a/b/c")).unwrap();
        for name in ["a", "b", "c", "secret"] {
            write(outer.join(name), "secret").unwrap();
        }
        let slash = root.to_str().unwrap();
        for folder in ["", "a", "b", "c", "a/b", "a/b/c", "a/b/c/d", "b/a"] {
            for name in ["a", "b", "c", "d"] {
                let path = root.join(folder).join(name);
                let target = any_path(&["a", "b", "c", "d", "..", "..", ".", "", "root"], state);
                // What is there already, or has no folder to be in, stays as it is.
                let _ = match below(8, state) {
                    0 => create_dir(path),
                    1 => write(&path, format!("{folder}/{name}")),
                    2 => symlink(format!("{slash}/{target}"), path),
                    3 => Ok(()),
                    _ if target.is_empty() => Ok(()),
                    _ => symlink(target, path),
                };
            }
        }
    }

    /// The kernel is the one to agree with, so this says nothing where it is not asked.
    #[test]
    fn both_ways_agree_on_any_tree() {
        const TREES: usize = 40;
        const PATHS: usize = 100;
        let mut state = 1;
        let mut opened = [0; 3];
        for tree in 0..TREES {
            let outer = Folder::new();
            build_any(outer.path(), &mut state);
            for (at, symlinks) in POLICIES.into_iter().enumerate() {
                let roots = roots(&outer.path().join("root"), symlinks);
                for _ in 0..PATHS {
                    let folder = ["", "a/", "a/b/", "a/b/c/"][below(4, &mut state)];
                    let name = any_path(&["a", "b", "c", "d", ".", ""], &mut state);
                    let path = format!("{folder}{name}");
                    let [kernel, walk] = roots
                        .each_ref()
                        .map(|root| root.open(path.as_bytes(), Patience::Patient).map(seen));
                    assert_eq!(kernel, walk, "`{path}` with {symlinks:?} in tree {tree}");
                    let is_out = symlinks != Symlinks::All && kernel.as_deref() == Ok("secret");
                    assert!(!is_out, "`{path}` with {symlinks:?} in tree {tree} led out");
                    opened[at] += usize::from(kernel.is_ok());
                }
            }
        }
        let few = TREES * PATHS / 20;
        assert!(opened.iter().all(|&opened| opened > few), "few lead anywhere: {opened:?}");
    }

    /// By hand it is the limit of Linux everywhere; where all links are followed it is the
    /// system's.
    #[test]
    fn so_many_links_are_followed_and_no_more() {
        let outer = Folder::new();
        build(outer.path());
        for symlinks in [Symlinks::Inside, Symlinks::All] {
            for root in roots(&outer.path().join("root"), symlinks) {
                if symlinks == Symlinks::Inside || cfg!(target_os = "linux") {
                    check(&root, &format!("chain-{SYMLINKS}"), Ok("plain"));
                    check(&root, &format!("chain-{}", SYMLINKS + 1), LOOP);
                }
            }
        }
    }

    #[test]
    fn names_that_no_file_system_holds_are_refused_alike() {
        let outer = Folder::new();
        for symlinks in POLICIES {
            for root in roots(outer.path(), symlinks) {
                let refused = root.open(&[b'a'; 300], Patience::Patient).map(drop);
                assert_eq!(refused, Err(Errno::NAMETOOLONG), "{:?}", root.way);
            }
        }
    }

    #[test]
    fn a_root_that_is_moved_stays_the_root() {
        let outer = Folder::new();
        let (here, there) = (outer.path().join("here"), outer.path().join("there"));
        create_dir(&here).unwrap();
        write(here.join("plain"), "plain").unwrap();
        for symlinks in POLICIES {
            for root in roots(&here, symlinks) {
                rename(&here, &there).unwrap();
                let file = File::from(root.open(b"plain", Patience::Patient).unwrap());
                let same = there.join("plain").metadata().unwrap();
                assert_eq!(file.metadata().unwrap().ino(), same.ino(), "{:?}", root.way);
                rename(&there, &here).unwrap();
            }
        }
    }

    #[test]
    fn a_deep_path_is_walked_like_a_shallow_one() {
        let outer = Folder::new();
        let deep = vec!["d"; 200].join("/");
        create_dir_all(outer.path().join(&deep)).unwrap();
        symlink("..", outer.path().join(&deep).join("up")).unwrap();
        let through = format!("{deep}/up/d/up/d/up");
        for symlinks in [Symlinks::Inside, Symlinks::All] {
            for root in roots(outer.path(), symlinks) {
                check(&root, &through, Ok(FOLDER));
            }
        }
    }

    /// Opens `path` in `root` again and again while two names take turns, and fails at the first
    /// sight of the secret.
    fn race(root: &Path, path: &str, turns: [(&Path, &Path); 2]) {
        const OPENED: usize = 20_000;
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for (from, to) in turns {
                        rename(from, to).unwrap();
                    }
                    for (from, to) in turns.into_iter().rev() {
                        rename(to, from).unwrap();
                    }
                }
            });
            let roots = [Symlinks::Deny, Symlinks::Inside].map(|symlinks| roots(root, symlinks));
            let caught = (0..OPENED / 4).flat_map(|_| roots.as_flattened()).find(|root| {
                let opened = root.open(path.as_bytes(), Patience::Patient);
                opened.is_ok_and(|opened| seen(opened) == "secret")
            });
            let caught = caught.map(|root| (root.way, root.symlinks));
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(caught, None, "`{path}` led out");
        });
    }

    #[test]
    fn a_folder_that_becomes_a_link_meanwhile_does_not_lead_out() {
        let outer = Folder::new();
        let root = outer.path().join("root");
        for (folder, content) in [("root/folder", "plain"), ("outside", "secret")] {
            create_dir_all(outer.path().join(folder)).unwrap();
            write(outer.path().join(folder).join("file"), content).unwrap();
        }
        symlink("../outside", root.join("link")).unwrap();
        let [folder, link, aside] = ["folder", "link", "aside"].map(|name| root.join(name));
        race(&root, "folder/file", [(&folder, &aside), (&link, &folder)]);
    }

    #[test]
    fn a_file_that_becomes_a_link_meanwhile_does_not_lead_out() {
        let outer = Folder::new();
        let root = outer.path().join("root");
        create_dir(&root).unwrap();
        write(root.join("file"), "plain").unwrap();
        write(outer.path().join("secret"), "secret").unwrap();
        symlink("../secret", root.join("link")).unwrap();
        let [file, link, aside] = ["file", "link", "aside"].map(|name| root.join(name));
        race(&root, "file", [(&file, &aside), (&link, &file)]);
    }

    /// The parent of a folder that was moved out of the root is outside.
    #[test]
    fn a_folder_that_is_moved_out_meanwhile_does_not_lead_out() {
        let outer = Folder::new();
        let root = outer.path().join("root");
        create_dir_all(root.join("sub/moved")).unwrap();
        write(root.join("sub/file"), "plain").unwrap();
        write(outer.path().join("file"), "secret").unwrap();
        symlink("../file", root.join("sub/moved/up")).unwrap();
        let (moved, outside) = (root.join("sub/moved"), outer.path().join("moved"));
        let (file, aside) = (root.join("sub/file"), root.join("sub/aside"));
        race(&root, "sub/moved/up", [(&moved, &outside), (&file, &aside)]);
    }

    /// Where this machine has openat2, it is used.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_way_is_decided_by_what_works() {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

        let outer = Folder::new();
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let open = |how| openat2(CWD, c".", flags, Mode::empty(), how);
        let cached = open(ResolveFlags::BENEATH | ResolveFlags::CACHED).map(drop);
        let expected = match open(ResolveFlags::BENEATH) {
            Ok(_) if cached == Err(Errno::INVAL) => Way::Kernel,
            Ok(_) => Way::KernelAtOnce,
            Err(_) => Way::Walk,
        };
        for symlinks in POLICIES {
            assert_eq!(Root::at(outer.path(), symlinks).unwrap().way, expected);
        }
    }

    /// Renames anywhere in the system, though nothing of it concerns the path.
    #[test]
    fn a_link_is_followed_however_busily_others_rename() {
        const OPENED: usize = 2_000;
        let (outer, elsewhere) = (Folder::new(), Folder::new());
        build(outer.path());
        let [here, there] = ["here", "there"].map(|name| elsewhere.path().join(name));
        write(&here, "").unwrap();
        let root = Root::at(&outer.path().join("root"), Symlinks::Inside).unwrap();
        let is_over = AtomicBool::new(false);
        let missed = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    rename(&here, &there).unwrap();
                    rename(&there, &here).unwrap();
                }
            });
            // Many times up and down, so that something is renamed meanwhile.
            let path = format!("sub/{}up", "deep/to-sub/".repeat(30));
            let missed =
                (0..OPENED).find_map(|_| root.open(path.as_bytes(), Patience::Patient).err());
            is_over.store(true, Ordering::Relaxed);
            missed
        });
        assert_eq!(missed, None);
    }

    /// A name that nobody asked for yet has to be looked up, unless all names are in memory. One
    /// that was is there, though it may be pushed out at any time.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_not_in_memory_is_not_opened_at_once() {
        let outer = Folder::new();
        write(outer.path().join("plain"), "plain").unwrap();
        for symlinks in POLICIES {
            for root in roots(outer.path(), symlinks) {
                let unheard = format!("unheard-of-{symlinks:?}-{:?}", root.way);
                let at_once = root.open(unheard.as_bytes(), Patience::AtOnce).map(drop);
                let is_told = root.way == Way::KernelAtOnce && root.lies_in_memory;
                let expected = if is_told { Errno::NOENT } else { Errno::AGAIN };
                assert_eq!(at_once, Err(expected), "{unheard}");
                let at_once = (0..100).any(|_| {
                    root.open(b"plain", Patience::Patient).unwrap();
                    root.open(b"plain", Patience::AtOnce).is_ok()
                });
                assert_eq!(at_once, root.way == Way::KernelAtOnce, "{:?}", root.way);
            }
        }
    }

    /// The kernel of a time between the two flags: it confines, and it may always wait.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_kernel_that_never_says_whether_it_waits_is_asked_patiently() {
        let outer = Folder::new();
        write(outer.path().join("plain"), "plain").unwrap();
        let mut root = Root::at(outer.path(), Symlinks::Inside).unwrap();
        if root.way == Way::KernelAtOnce {
            root.way = Way::Kernel;
        }
        check(&root, "plain", Ok("plain"));
        assert_eq!(root.open(b"plain", Patience::AtOnce).map(drop), Err(Errno::AGAIN));
    }

    /// The kernel alone can tell a magic link from others.
    #[cfg(target_os = "linux")]
    #[test]
    fn magic_links_are_never_followed_by_the_kernel() {
        let outer = Folder::new();
        write(outer.path().join("plain"), "plain").unwrap();
        for (name, target) in [("root", "/proc/self/root/etc"), ("exe", "/proc/self/exe")] {
            symlink(target, outer.path().join(name)).unwrap();
            let root = Root::at(outer.path(), Symlinks::All).unwrap();
            if root.way != Way::Walk && Path::new("/proc/self/exe").exists() {
                let refused = root.open(name.as_bytes(), Patience::Patient).map(drop);
                assert_eq!(refused, Err(Errno::LOOP), "{target}");
            }
        }
    }

    /// Helper threads open beneath the same root.
    #[test]
    fn threads_may_share_a_root() {
        const fn is_shared<T: Send + Sync>() {}
        const { is_shared::<Root>() };
    }
}
