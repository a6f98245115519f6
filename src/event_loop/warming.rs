//! Whether a stretch of a file is in memory, and having a helper bring it there.
//!
//! sendfile waits for the disk like any read, and with it the loop would. So before a chunk is sent
//! one byte of its last page is asked for, on the condition that it is there (preadv2(2),
//! `RWF_NOWAIT`). If it is not, a helper reads the chunk through a small buffer of its own, and
//! then it leaves without being asked for again, so that it gets on even where memory is so short
//! that pages do not stay.
//!
//! Not every file system answers that question. What lies in memory anyway (tmpfs, ramfs) is there;
//! of the others (FUSE) each chunk is read by a helper each time. To remember what was read once
//! would not do: whoever opens such a file may throw its pages away for everybody. Where the system
//! has no such question at all (other than Linux) nobody is asked, and the loop waits for the disk.
//!
//! Read next: `send_file.rs`, `writing.rs`.

use std::os::unix::fs::FileExt as _;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::WARMING_BUFFER;
use crate::connection::Pages;
use crate::message::{Done, FileRange, Job, Wake};

/// Reads that stretch, so that it is in memory, and tells so, whatever comes of it: what cannot be
/// read will not be sent either, and that is for the loop to find.
pub(super) fn warm(range: FileRange, done: Done, wake: Wake) -> Job {
    Box::new(move || {
        let _told = Told { done, wake };
        let end = range.offset.saturating_add(range.len);
        let mut scratch = vec![0; WARMING_BUFFER];
        let mut at = range.offset;
        while at < end {
            let room = usize::try_from(end - at).unwrap_or(usize::MAX).min(WARMING_BUFFER);
            match range.file.file().read_at(&mut scratch[..room], at) {
                Ok(n) if n > 0 => at += n as u64,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return,
            }
        }
    })
}

/// Tells when it is dropped, so that whoever waits goes on even after a panic.
struct Told {
    done: Done,
    wake: Wake,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.done.set();
        self.wake.wake();
    }
}

/// Whether it is asked if that stretch is in memory before it is sent.
pub(super) fn asks_page(range: &FileRange, pages: Pages) -> bool {
    let is_in_memory = range.file.is_memory.load(Relaxed);
    cfg!(target_os = "linux") && pages == Pages::Unknown && !is_in_memory && range.len > 0
}

#[cfg(not(target_os = "linux"))]
pub(super) const fn is_cold(_: &crate::message::SharedFile, _: u64, _: u64) -> bool {
    false
}

#[cfg(target_os = "linux")]
pub(super) use asking::is_cold;

#[cfg(target_os = "linux")]
mod asking {
    use std::io::IoSliceMut;
    use std::sync::atomic::Ordering::Relaxed;

    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    use crate::message::SharedFile;

    /// `f_type` of file systems that are nothing but memory (statfs(2)).
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;

    /// What is known of a page.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Page {
        InMemory,
        OnDisk,
        /// The file system does not say.
        Untold,
    }

    /// Whether sending that stretch would have to wait for the disk, as far as its last page tells:
    /// files are read from their beginnings, and their pages forgotten in that order.
    pub(in super::super) fn is_cold(file: &SharedFile, start: u64, end: u64) -> bool {
        if file.is_memory.load(Relaxed) || start >= end {
            return false;
        }
        match page_before(file, end) {
            Page::InMemory => false,
            Page::OnDisk => true,
            Page::Untold => !is_memory(file),
        }
    }

    fn page_before(file: &SharedFile, end: u64) -> Page {
        let mut byte = [0];
        loop {
            let mut room = [IoSliceMut::new(&mut byte)];
            let last = end.saturating_sub(1);
            let read = preadv2(file.file(), &mut room, last, ReadWriteFlags::NOWAIT);
            return match read {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Page::OnDisk,
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => Page::Untold,
                // None read: the file has ended before. That, or what is wrong with it, is for
                // sendfile to say.
                Ok(_) | Err(_) => Page::InMemory,
            };
        }
    }

    /// Whether the file lies in memory and nowhere else. That it does is remembered.
    fn is_memory(file: &SharedFile) -> bool {
        let kind =
            rustix::fs::fstatfs(file.file()).map(|system| system.f_type as u64 & 0xffff_ffff);
        let is_memory = matches!(kind, Ok(TMPFS | RAMFS));
        file.is_memory.store(is_memory, Relaxed);
        is_memory
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::path::Path;
    use std::sync::Arc;

    use rustix::fs::{Advice, fadvise};

    use super::*;
    use crate::message::{Bell, SharedFile};

    const LEN: u64 = 1 << 20;

    struct Silent;

    impl Bell for Silent {
        fn ring(&self, _: u64) {}
    }

    /// A file of a mebibyte in that folder; it has no name any more.
    fn file(folder: &Path, name: &str) -> Arc<SharedFile> {
        let path = folder.join(format!("oneloop-warming-{name}-{}", std::process::id()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(&vec![7; LEN as usize]).unwrap();
        file.sync_all().unwrap();
        Arc::new(file.into())
    }

    fn warm_now(file: &Arc<SharedFile>, offset: u64, len: u64) {
        let (file, done) = (Arc::clone(file), Done::default());
        let job =
            warm(FileRange { file, offset, len }, done.clone(), Wake::new(0, Arc::new(Silent)));
        assert!(!done.is_so());
        job();
        assert!(done.is_so());
    }

    #[test]
    fn what_was_evicted_is_cold_until_it_was_read() {
        let file = file(&std::env::temp_dir(), "evicted");
        assert!(!is_cold(&file, 0, LEN), "it was just written");
        fadvise(file.file(), 0, None, Advice::DontNeed).unwrap();
        if !is_cold(&file, 0, LEN) {
            eprintln!("not run: the folder for temporary files lies in memory");
            return;
        }
        warm_now(&file, 0, LEN);
        assert!(!is_cold(&file, 0, LEN));
    }

    /// sendfile is to meet the end, and what is empty is nowhere.
    #[test]
    fn beyond_the_end_nothing_is_cold() {
        let file = file(&std::env::temp_dir(), "end");
        for (start, end) in [(LEN, LEN + 1), (0, 2 * LEN), (u64::MAX - 1, u64::MAX), (5, 5)] {
            assert!(!is_cold(&file, start, end), "{start}..{end}");
        }
        warm_now(&file, LEN - 1, 100);
    }

    #[test]
    fn a_file_in_memory_is_never_cold() {
        let folder = Path::new("/dev/shm");
        if !folder.is_dir() {
            eprintln!("not run: there is no /dev/shm");
            return;
        }
        let file = file(folder, "memory");
        assert!(!is_cold(&file, 0, LEN));
        warm_now(&file, 0, LEN);
        assert!(!is_cold(&file, 0, LEN));
    }
}
