//! Why a folder or a file cannot be served: said at the start, in one line.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::options::OptionError;

/// Why a folder or file cannot be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum FilesError {
    /// There is none of that name.
    Missing {
        /// What was to be served.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// This process may not read it.
    Forbidden {
        /// What was to be served.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a FIFO, a socket or a device.
    NeitherFileNorFolder {
        /// What was to be served.
        path: PathBuf,
    },
    /// It could not be opened for another reason.
    Unopened {
        /// What was to be served.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// How it is to be served makes no sense.
    Options(OptionError),
}

impl FilesError {
    pub(super) fn because(path: &Path, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Self::Missing { path, source }
            }
            io::ErrorKind::PermissionDenied => Self::Forbidden { path, source },
            _ => Self::Unopened { path, source },
        }
    }
}

impl From<OptionError> for FilesError {
    fn from(error: OptionError) -> Self {
        Self::Options(error)
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path, .. } => {
                write!(f, "cannot serve {path:?}: there is no such file or folder; check the path")
            }
            Self::Forbidden { path, .. } => write!(
                f,
                "cannot serve {path:?}: permission denied; \
                 let this user read the file, or read and enter the folder"
            ),
            Self::NeitherFileNorFolder { path } => {
                write!(f, "cannot serve {path:?}: it is neither a file nor a folder; name one")
            }
            Self::Unopened { path, source } => {
                write!(f, "cannot serve {path:?}: {source}; check the file system and the limits")
            }
            Self::Options(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FilesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Missing { source, .. }
            | Self::Forbidden { source, .. }
            | Self::Unopened { source, .. } => Some(source),
            Self::NeitherFileNorFolder { .. } => None,
            Self::Options(error) => error.source(),
        }
    }
}
