//! Why there is no listening on an address, in one line each.
//!
//! Words only: nothing here binds. Read next: `listener.rs`, which does.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use rustix::io::Errno;

use super::listener::{Address, UNIX};

/// Why a server could not listen. Displayed as one line: what is in the way, on what address, and
/// what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// Neither `IP:port` nor `unix:PATH`.
    Malformed(String),
    /// Somebody else listens there.
    InUse(Address),
    /// A port below 1024, or a folder in which no file may be made.
    NotPermitted(Address),
    /// An IP address that is not of this machine.
    NotHere(Address),
    /// The folder in which the socket file was to be made does not exist.
    NoFolder(PathBuf),
    /// Longer than a Unix socket's path can be: 107 bytes on Linux, 103 on macOS and the BSDs.
    PathTooLong(PathBuf),
    /// There is a file that is no socket. It was left alone.
    NotASocket(PathBuf),
    /// Anything else.
    Failed(Address, io::Error),
}

impl BindError {
    /// What that error of the system means for that address.
    pub(super) fn of(address: &Address, error: io::Error) -> Self {
        /// Ports below this one are privileged, unless the system says otherwise.
        const UNPRIVILEGED: u16 = 1024;
        let address = address.clone();
        match (error.kind(), &address) {
            (ErrorKind::AddrInUse, _) => Self::InUse(address),
            (ErrorKind::AddrNotAvailable, Address::Tcp(_)) => Self::NotHere(address),
            (ErrorKind::PermissionDenied, Address::Tcp(tcp)) if tcp.port() >= UNPRIVILEGED => {
                Self::Failed(address, error)
            }
            (ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem, _) => {
                Self::NotPermitted(address)
            }
            (ErrorKind::NotFound | ErrorKind::NotADirectory, Address::Unix(path)) => {
                Self::NoFolder(path.clone())
            }
            _ => Self::Failed(address, error),
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => {
                let text = text.escape_debug();
                write!(f, "'{text}' is no address; write IP:port, [IPv6]:port or unix:PATH")
            }
            Self::InUse(address @ Address::Tcp(_)) => {
                write!(f, "{address} is in use; stop the server that has it, or take another port")
            }
            Self::InUse(address @ Address::Unix(_)) => {
                write!(f, "{address} is in use; stop the server that has it, or take another path")
            }
            Self::NotPermitted(address @ Address::Tcp(_)) => write!(
                f,
                "no permission to listen on {address}; take a port above 1023, or grant \
                 CAP_NET_BIND_SERVICE"
            ),
            Self::NotPermitted(address @ Address::Unix(_)) => write!(
                f,
                "no permission to listen on {address}; take a path in a folder that you may write \
                 to"
            ),
            Self::NotHere(address) => write!(
                f,
                "{address} is no address of this machine; take one that is, or 0.0.0.0 or [::] for \
                 all"
            ),
            Self::NoFolder(path) => {
                write!(f, "there is no folder for {UNIX}{}; make it first", path.display())
            }
            Self::PathTooLong(path) => {
                write!(f, "{UNIX}{} is too long; take a path of 100 bytes or less", path.display())
            }
            Self::NotASocket(path) => write!(
                f,
                "{} is there and is no socket; remove it, or take another path",
                path.display()
            ),
            Self::Failed(address, error) if is_out_of_descriptors(error) => write!(
                f,
                "cannot listen on {address}: {error}; raise the limit (ulimit -n), or take fewer \
                 workers"
            ),
            Self::Failed(address, error) => {
                write!(f, "cannot listen on {address}: {error}; take another address")
            }
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::MFILE | Errno::NFILE))
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(_, error) => Some(error),
            _ => None,
        }
    }
}

/// An address that was none to begin with cannot be malformed; this lets `Server::bind` take those
/// that can and those that cannot.
impl From<Infallible> for BindError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
