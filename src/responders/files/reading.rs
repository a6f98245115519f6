//! Reading a small file whole: on the loop only if its pages are in memory, on a helper thread
//! whether or not.
//!
//! Relies on `preadv2` with `RWF_NOWAIT`, which reads nothing that the disk would have to be asked
//! for. Where there is no such call, nothing is read on the loop.
//! Read next: `entry.rs`, which asks for it.

use std::fs::File;

use rustix::io::{Errno, Result, retry_on_intr};

use super::beneath::Patience;
#[cfg(target_os = "linux")]
use super::file_system::is_memory;
use super::find::Obstacle;
use super::opened::Refusal;

/// The first `len` bytes of the file, or as many as there are.
pub(super) fn read_whole(
    file: &File,
    len: u64,
    patience: Patience,
) -> std::result::Result<Vec<u8>, Obstacle> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        let room = &mut bytes[filled..];
        let read = match patience {
            Patience::AtOnce => read_at_once(file, room, filled as u64),
            Patience::Patient => {
                retry_on_intr(|| rustix::io::pread(file, &mut *room, filled as u64))
            }
        };
        match read {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(Errno::AGAIN) if patience == Patience::AtOnce => return Err(Obstacle::Waits),
            Err(error) => return Err(Refusal::from(error).into()),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// EAGAIN where the disk would have to be waited for.
#[cfg(target_os = "linux")]
fn read_at_once(file: &File, room: &mut [u8], offset: u64) -> Result<usize> {
    use std::io::IoSliceMut;

    use rustix::io::{ReadWriteFlags, preadv2};

    let read = retry_on_intr(|| {
        preadv2(file, &mut [IoSliceMut::new(&mut *room)], offset, ReadWriteFlags::NOWAIT)
    });
    match read {
        // A file system that cannot tell is asked by a helper; but for those that are memory.
        Err(Errno::OPNOTSUPP) if is_memory(file) => {
            retry_on_intr(|| rustix::io::pread(file, &mut *room, offset))
        }
        Err(Errno::OPNOTSUPP) => Err(Errno::AGAIN),
        read => read,
    }
}

#[cfg(not(target_os = "linux"))]
fn read_at_once(_: &File, _: &mut [u8], _: u64) -> Result<usize> {
    Err(Errno::AGAIN)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::super::scratch::Folder;
    use super::{Obstacle, Patience, read_whole};

    const LEN: u64 = 1 << 20;
    const PAGE: u64 = 4096;

    #[test]
    fn no_more_is_read_than_there_is() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        std::fs::write(&path, "hello").unwrap();
        let file = File::open(path).unwrap();
        for (len, expected) in [(0, ""), (3, "hel"), (5, "hello"), (100, "hello")] {
            assert_eq!(read_whole(&file, len, Patience::Patient).unwrap(), expected.as_bytes());
        }
    }

    /// What lies in memory and nowhere else is read on the loop, whether or not the kernel can tell
    /// that it would not wait.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_nowhere_but_in_memory_is_never_waited_for() {
        const TMPFS: i64 = 0x0102_1994;
        let path = format!("/dev/shm/oneloop-reading-{}", std::process::id());
        if let Err(error) = std::fs::create_dir(&path) {
            return eprintln!("not tested: {path}: {error}");
        }
        let folder = Folder::of(path.into());
        let path = folder.path().join("f");
        std::fs::write(&path, "in memory").unwrap();
        let file = File::open(path).unwrap();
        if rustix::fs::fstatfs(&file).unwrap().f_type != TMPFS {
            return eprintln!("not tested: there is no tmpfs at /dev/shm");
        }
        assert!(super::is_memory(&file));
        assert_eq!(read_whole(&file, 9, Patience::AtOnce).unwrap(), b"in memory");
    }

    /// `/proc` cannot say whether a read would wait, and is no file system in memory for all that
    /// is known of it.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_tell_is_left_to_helpers() {
        let file = File::open("/proc/self/status").unwrap();
        assert!(!super::is_memory(&file));
        assert_eq!(read_whole(&file, 4, Patience::AtOnce), Err(Obstacle::Waits));
        assert_eq!(read_whole(&file, 4, Patience::Patient).unwrap(), b"Name");
    }

    /// A file of which only the beginning is in memory is not taken for a shorter one.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_in_memory_in_part_is_left_to_helpers() {
        use rustix::fs::{Advice, fadvise};

        let folder = Folder::new();
        let path = folder.path().join("f");
        std::fs::write(&path, vec![b'x'; LEN as usize]).unwrap();
        let file = File::open(path).unwrap();
        // Only what is on the disk can be let go; then a page is read, and none ahead of it.
        file.sync_all().unwrap();
        for advice in [Advice::DontNeed, Advice::Random] {
            fadvise(&file, 0, None, advice).unwrap();
        }
        assert_eq!(read_whole(&file, PAGE, Patience::Patient).unwrap().len() as u64, PAGE);
        assert_eq!(read_whole(&file, PAGE, Patience::AtOnce).unwrap().len() as u64, PAGE);
        match read_whole(&file, LEN, Patience::AtOnce).map(|bytes| bytes.len() as u64) {
            Ok(LEN) => eprintln!("not tested: this file system keeps it all in memory"),
            other => assert_eq!(other, Err(Obstacle::Waits)),
        }
        assert_eq!(read_whole(&file, LEN, Patience::Patient).unwrap().len() as u64, LEN);
    }
}
