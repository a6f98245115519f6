//! Closing files whose file system may take its time over it: FUSE waits until whoever serves it
//! has flushed the file. A thread of its own does that, one file after the other; it starts with
//! the first.
//!
//! Where there can be no such thread, whoever drops the file closes it.
//! Read next: `variant.rs`, which knows which files those are.

use std::fs::File;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// Has the file closed elsewhere. What waits there is bounded by the descriptors that there are.
pub(super) fn close_elsewhere(file: File) {
    static CLOSER: OnceLock<Option<Sender<File>>> = OnceLock::new();
    let closer = CLOSER.get_or_init(|| {
        let (sender, files) = channel();
        let close_all = move || files.into_iter().for_each(drop);
        let named = thread::Builder::new().name("oneloop-closer".into());
        named.spawn(close_all).ok().map(|_| sender)
    });
    if let Some(closer) = closer {
        // If it is there no more, the error holds the file and is dropped here.
        let _ = closer.send(file);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use super::close_elsewhere;
    use crate::message::SharedFile;

    /// The far end of a socket sees it.
    #[test]
    fn what_was_dropped_is_closed_all_the_same() {
        for _ in 0..3 {
            let (mut far, near) = UnixStream::pair().unwrap();
            let file = std::os::fd::OwnedFd::from(near).into();
            drop(SharedFile::closed_by(file, close_elsewhere));
            assert_eq!(far.read(&mut [0]).unwrap(), 0);
        }
    }
}
