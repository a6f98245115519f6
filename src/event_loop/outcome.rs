//! What a system call has come to: its errors, as the closed lists of `net.rs`.
//!
//! Never: makes a call by itself.
//! Read next: `mio.rs`, which makes them.

use std::io::{self, ErrorKind};

use rustix::io::Errno;

use super::net::{Accepted, Transfer};

/// The outcome of a system call as one of four. Interrupted, it is made again.
pub(super) fn transfer(mut call: impl FnMut() -> io::Result<usize>) -> Transfer {
    loop {
        return match call() {
            Ok(n) => Transfer::Moved(n),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock => Transfer::Blocked,
                kind => Transfer::Broken(kind),
            },
        };
    }
}

/// accept(2) hands on errors of the connection it would have returned; those and interruption
/// concern nobody else.
pub(super) fn not_accepted<S>(error: &io::Error) -> Accepted<S> {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN) => Accepted::Nobody,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Accepted::NoDescriptors,
        Some(
            Errno::CONNABORTED
            | Errno::INTR
            | Errno::PROTO
            | Errno::PERM
            | Errno::NETDOWN
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP
            | Errno::NETUNREACH,
        ) => Accepted::Left,
        _ => Accepted::Failed(error.kind()),
    }
}
