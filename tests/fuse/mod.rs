//! A disk that is as slow as a test wants: a file system in user space, read-only, whose files are
//! noise, and whose names take as long to be looked up as the test wants. It speaks as much of the
//! kernel's protocol (`fuse(4)`, `linux/fuse.h`) as finding and reading a file takes, which is less
//! code than any crate for it would be to build.
//!
//! It is mounted nowhere: it hangs on a descriptor (`fsmount(2)`), so that nothing is left behind
//! however the test ends.

#![allow(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};

/// How long each file is, in bytes: several chunks of sendfile, and not a whole number of pages.
pub(crate) const FILE_LEN: usize = (1 << 20) + 77;
/// The same of those of the numbers from here on: short enough to be kept in memory.
pub(crate) const SHORT_LEN: usize = 5_000;
pub(crate) const FIRST_SHORT: usize = 1_000;

/// What the kernel asks for.
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;
/// The root's number; those of the files follow.
const ROOT: u64 = 1;
/// The version of the protocol that is spoken here.
const VERSION: [u32; 2] = [7, 35];
const HEADER: usize = 40;
const NO_SUCH_FILE: i32 = 2;
const NO_SUCH_CALL: i32 = 38;
/// A close waits for nobody: a process that is killed could not answer itself.
const NO_FLUSH: u32 = 1 << 5;

/// A disk with files of the numbers from 0.
pub(crate) struct Disk {
    mount: OwnedFd,
    pace: Arc<Pace>,
}

/// How fast it reads.
#[derive(Default)]
struct Pace {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct State {
    reads: Work,
    names: Work,
}

/// Calls of one kind.
#[derive(Clone, Copy, Default)]
struct Work {
    /// How long each takes; without it none comes to an end.
    takes: Option<Duration>,
    /// How many have begun.
    begun: usize,
}

/// What a disk is asked to do that may take its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Reads,
    /// To look up a name, and to open a file.
    Names,
}

impl State {
    fn of(&mut self, kind: Kind) -> &mut Work {
        match kind {
            Kind::Reads => &mut self.reads,
            Kind::Names => &mut self.names,
        }
    }
}

impl Disk {
    /// A disk that finds files at once, and whose reads do not come to an end before
    /// [`takes`](Self::takes) says so.
    /// Where there can be none it is said why.
    pub(crate) fn new() -> Option<Self> {
        match Self::try_new() {
            Ok(disk) => Some(disk),
            Err(error) => {
                eprintln!("not run: there can be no file system in user space here: {error}");
                None
            }
        }
    }

    fn try_new() -> io::Result<Self> {
        let kernel = File::options().read(true).write(true).open("/dev/fuse")?;
        let system = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in [
            ("fd", kernel.as_raw_fd().to_string()),
            ("rootmode", "40000".to_owned()),
            ("user_id", "0".to_owned()),
            ("group_id", "0".to_owned()),
        ] {
            fsconfig_set_string(&system, key, value)?;
        }
        fsconfig_create(&system)?;
        let flags = MountAttrFlags::MOUNT_ATTR_RDONLY;
        let mount = fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
        let pace = Arc::<Pace>::default();
        pace.takes(Kind::Names, Some(Duration::ZERO));
        let (kernel, serves) = (Arc::new(kernel), Arc::clone(&pace));
        // It ends when the last file is closed.
        thread::spawn(move || while serve_one(&kernel, &serves).is_ok() {});
        Ok(Self { mount, pace })
    }

    /// Opens the file of that number.
    pub(crate) fn open(&self, number: usize) -> File {
        openat(&self.mount, number.to_string(), OFlags::RDONLY, Mode::empty()).unwrap().into()
    }

    /// The path of its root, for as long as there is the disk.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.mount.as_raw_fd()).into()
    }

    /// From now on each call of that kind takes that long; without a time none comes to an end.
    pub(crate) fn takes(&self, kind: Kind, time: Option<Duration>) {
        self.pace.takes(kind, time);
    }

    /// How many calls of that kind have begun, in all.
    pub(crate) fn begun(&self, kind: Kind) -> usize {
        self.pace.state.lock().unwrap().of(kind).begun
    }

    /// Waits until more than so many calls of that kind have begun, in all.
    pub(crate) fn wait_for_more(&self, kind: Kind, than: usize, patience: Duration) {
        let state = self.pace.state.lock().unwrap();
        let are_few = |state: &mut State| state.of(kind).begun <= than;
        let waited = self.pace.changed.wait_timeout_while(state, patience, are_few).unwrap().1;
        assert!(!waited.timed_out(), "nobody asks the disk: {kind:?}");
    }
}

/// Whoever still waits is not kept.
impl Drop for Disk {
    fn drop(&mut self) {
        for kind in [Kind::Names, Kind::Reads] {
            self.takes(kind, Some(Duration::ZERO));
        }
    }
}

/// What the file of that number holds.
pub(crate) fn content(number: usize) -> Vec<u8> {
    (0..length(number)).map(|at| byte(number, at)).collect()
}

/// How long it is.
const fn length(number: usize) -> usize {
    if number < FIRST_SHORT { FILE_LEN } else { SHORT_LEN }
}

const fn byte(number: usize, at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16) ^ (number * 37)) as u8
}

/// One call of the kernel's.
fn serve_one(kernel: &Arc<File>, pace: &Arc<Pace>) -> io::Result<()> {
    let mut call = vec![0; 1 << 17];
    let len = (&**kernel).read(&mut call)?;
    let call = &call[..len];
    let opcode = u32::from_ne_bytes(call[4..8].try_into().unwrap());
    let unique = u64_at(call, 8);
    let node = u64_at(call, 16);
    let body = &call[HEADER..];
    match opcode {
        FORGET | BATCH_FORGET | INTERRUPT => Ok(()),
        INIT => reply(kernel, unique, 0, &init()),
        LOOKUP => {
            let entry = entry(body);
            later(kernel, pace, Kind::Names, move |kernel| match entry {
                Some(entry) => reply(kernel, unique, 0, &entry),
                None => reply(kernel, unique, -NO_SUCH_FILE, &[]),
            })
        }
        GETATTR => {
            let answer = [&1u64.to_ne_bytes()[..], &[0; 8], &attributes(node)].concat();
            reply(kernel, unique, 0, &answer)
        }
        OPEN => {
            let handle_and_flags = [0, 0, NO_FLUSH, 0].map(u32::to_ne_bytes).concat();
            later(kernel, pace, Kind::Names, move |kernel| {
                reply(kernel, unique, 0, &handle_and_flags)
            })
        }
        READ => {
            let (offset, size) = (u64_at(body, 8) as usize, u64_at(body, 16) as u32 as usize);
            later(kernel, pace, Kind::Reads, move |kernel| {
                let number = (node - ROOT - 1) as usize;
                let end = (offset + size).min(length(number));
                let bytes: Vec<u8> = (offset.min(end)..end).map(|at| byte(number, at)).collect();
                reply(kernel, unique, 0, &bytes)
            })
        }
        FLUSH | RELEASE => reply(kernel, unique, 0, &[]),
        _ => reply(kernel, unique, -NO_SUCH_CALL, &[]),
    }
}

/// Answers when it is time.
fn later(
    kernel: &Arc<File>,
    pace: &Arc<Pace>,
    kind: Kind,
    answer: impl FnOnce(&File) -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let (kernel, pace) = (Arc::clone(kernel), Arc::clone(pace));
    thread::spawn(move || {
        pace.keep(kind);
        answer(&kernel)
    });
    Ok(())
}

impl Pace {
    fn takes(&self, kind: Kind, time: Option<Duration>) {
        self.state.lock().unwrap().of(kind).takes = time;
        self.changed.notify_all();
    }

    /// Takes as long as a call of that kind does.
    fn keep(&self, kind: Kind) {
        let mut state = self.state.lock().unwrap();
        state.of(kind).begun += 1;
        self.changed.notify_all();
        let is_stuck = |state: &mut State| state.of(kind).takes.is_none();
        let mut state = self.changed.wait_while(state, is_stuck).unwrap();
        let takes = state.of(kind).takes.unwrap_or_default();
        drop(state);
        // The one sleep: the slowness itself.
        thread::sleep(takes);
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// One write is one answer. That nobody waits for it any more is no error.
fn reply(mut kernel: &File, unique: u64, error: i32, answer: &[u8]) -> io::Result<()> {
    let len = (16 + answer.len()) as u32;
    let header = [&len.to_ne_bytes()[..], &error.to_ne_bytes(), &unique.to_ne_bytes()].concat();
    match kernel.write_all(&[&header, answer].concat()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `fuse_init_out`: the version, how much is read ahead and written at once, and nothing special.
fn init() -> [u8; 64] {
    let mut answer = [0; 64];
    let words = [VERSION[0], VERSION[1], 1 << 17, 0, 0, 4096, 1];
    for (at, word) in words.into_iter().enumerate() {
        answer[4 * at..][..4].copy_from_slice(&word.to_ne_bytes());
    }
    answer
}

/// `fuse_entry_out` of the file whose name is that number; other names there are none.
fn entry(name: &[u8]) -> Option<Vec<u8>> {
    let name = std::str::from_utf8(name).unwrap().trim_end_matches('\0');
    let node = ROOT + 1 + name.parse::<u64>().ok()?;
    let numbers = [node, 0, 1, 1, 0].map(u64::to_ne_bytes).concat();
    Some([numbers, attributes(node)].concat())
}

/// The same by the file's number in the file system.
const fn len_of(node: u64) -> u64 {
    length((node - ROOT - 1) as usize) as u64
}

/// `fuse_attr`.
fn attributes(node: u64) -> Vec<u8> {
    let (mode, len) = if node == ROOT { (0o040_555, 0) } else { (0o100_444, len_of(node)) };
    let numbers = [node, len, 0, 0, 0, 0].map(u64::to_ne_bytes).concat();
    let words = [0u32, 0, 0, mode, 1, 0, 0, 0, 4096, 0].map(u32::to_ne_bytes).concat();
    [numbers, words].concat()
}
