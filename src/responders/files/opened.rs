//! What was opened: a regular file, a folder, or something that is turned away, and how that is
//! said.
//!
//! Relies on looking at the descriptor and not at the path, which may lead to something else by
//! now. Never reads.
//!
//! What is turned away has been opened by then: a writer that waits at a FIFO is let go, and a
//! device's driver is called, though neither makes anybody wait. To look first at an `O_PATH`
//! descriptor, and to open for reading after that, would take two more system calls for each file,
//! and would be no safer: what has that name may change between the two. Whoever can put a FIFO or
//! a device into the folder is the operator, or somebody who is trusted as much.
//!
//! Read next: `content.rs` for a file, `listing/` for a folder.

use std::fs::{File, Metadata};
use std::os::fd::OwnedFd;

use http::header::HeaderValue;
use http::{StatusCode, header};
use rustix::io::Errno;

use crate::message::Response;

/// What can be served.
#[derive(Debug)]
pub(super) enum Opened {
    /// A regular file.
    File(OpenedFile),
    /// A folder.
    Folder(OwnedFd),
}

/// An open regular file and what it was when it was opened.
#[derive(Debug)]
pub(super) struct OpenedFile {
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

/// Why nothing is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing is there that a client may know of: 404.
    Missing,
    /// It is there, but this process may not read it: 403.
    Forbidden,
    /// There is no descriptor left for it, or it is in use in a way that passes: 503, and come
    /// again.
    Busy,
    /// The file system failed: 500.
    Broken,
}

impl Opened {
    /// Looks at what was opened. FIFOs, sockets and devices are treated as if they were not there.
    pub(super) fn look(descriptor: OwnedFd) -> Result<Self, Refusal> {
        let file = File::from(descriptor);
        let metadata = file.metadata().map_err(|error| Refusal::from_io(&error))?;
        if metadata.is_file() {
            Ok(Self::File(OpenedFile { file, metadata }))
        } else if metadata.is_dir() {
            Ok(Self::Folder(file.into()))
        } else {
            Err(Refusal::Missing)
        }
    }
}

impl Refusal {
    pub(super) fn from_io(error: &std::io::Error) -> Self {
        Errno::from_io_error(error).map_or(Self::Broken, Self::from)
    }

    /// The answer that says so.
    pub(super) fn response(self) -> Response {
        match self {
            Self::Missing => Response::status(StatusCode::NOT_FOUND),
            Self::Forbidden => Response::status(StatusCode::FORBIDDEN),
            Self::Busy => Response::status(StatusCode::SERVICE_UNAVAILABLE)
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
            Self::Broken => Response::status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        match error {
            // A path that leads nowhere, in circles or out of the root, or that this file system
            // could not hold; then what is there but cannot be opened: a socket, a device without a
            // driver.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NAMETOOLONG
            | Errno::ILSEQ
            | Errno::NXIO
            | Errno::NODEV
            | Errno::OPNOTSUPP => Self::Missing,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            // EAGAIN: a lease that somebody else holds.
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Self::Busy,
            _ => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::io::Errno;

    use super::super::beneath::{Patience, Root};
    use super::super::options::Symlinks;
    use super::super::scratch::Folder;
    use super::{Opened, Refusal};

    /// None of these makes the test hang, either.
    #[test]
    fn only_files_and_folders_are_served() {
        let folder = Folder::new();
        let path = folder.path();
        std::fs::create_dir(path.join("folder")).unwrap();
        std::fs::write(path.join("file"), "12345").unwrap();
        let made = std::process::Command::new("mkfifo").arg(path.join("fifo")).status().unwrap();
        assert!(made.success());
        let _socket = UnixListener::bind(path.join("socket")).unwrap();
        symlink("/dev/null", path.join("device")).unwrap();
        symlink("/dev/tty", path.join("terminal")).unwrap();
        symlink("fifo", path.join("to-fifo")).unwrap();
        let root = Root::at(path, Symlinks::All).unwrap();
        for (name, expected) in [
            ("file", Ok("a file of 5 bytes".to_owned())),
            ("folder", Ok("a folder".to_owned())),
            ("fifo", Err(Refusal::Missing)),
            ("to-fifo", Err(Refusal::Missing)),
            ("socket", Err(Refusal::Missing)),
            ("device", Err(Refusal::Missing)),
            ("terminal", Err(Refusal::Missing)),
        ] {
            let opened = root.open(name.as_bytes(), Patience::Patient).map_err(Refusal::from);
            let kind = opened.and_then(Opened::look).map(|opened| match opened {
                Opened::File(file) => format!("a file of {} bytes", file.metadata.len()),
                Opened::Folder(_) => "a folder".to_owned(),
            });
            assert_eq!(kind, expected, "{name}");
        }
    }

    #[test]
    fn each_errno_has_its_status() {
        for (error, status) in [
            (Errno::NOENT, 404),
            (Errno::NOTDIR, 404),
            (Errno::LOOP, 404),
            (Errno::XDEV, 404),
            (Errno::NAMETOOLONG, 404),
            (Errno::NXIO, 404),
            (Errno::ACCESS, 403),
            (Errno::MFILE, 503),
            (Errno::NFILE, 503),
            (Errno::AGAIN, 503),
            (Errno::IO, 500),
            (Errno::INVAL, 500),
        ] {
            assert_eq!(Refusal::from(error).response().status_code(), status, "{error}");
        }
    }

    #[test]
    fn busy_says_when_to_come_again() {
        let busy = Refusal::Busy.response();
        assert!(busy.headers().iter().any(|(n, v)| n == "retry-after" && v == "1"));
    }
}
