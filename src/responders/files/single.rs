//! One file that the operator named.
//!
//! Relies on the operator having meant it: its name may begin with a dot, and if it is a link, that
//! is followed wherever it leads, each time anew. Never takes a path from a client to the file
//! system.
//! Read next: `opened.rs`.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, openat};
use rustix::io::{Errno, Result, retry_on_intr};

use super::beneath::{PASS, READ};
use super::names::{Form, Names};

/// A file, by its name in its folder: the name may be given to another file while the server runs,
/// and that is then served.
#[derive(Debug)]
pub(super) struct Single {
    folder: OwnedFd,
    name: Vec<u8>,
}

impl Single {
    /// Opens the folder of the file, and the file once, to see that it can be read.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or(Errno::NOENT)?.as_bytes().to_vec();
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = retry_on_intr(|| openat(CWD, folder, PASS, Mode::empty()))?;
        let single = Self { folder, name };
        single.open()?;
        Ok(single)
    }

    /// The file's name.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether it is this file that is asked for: by `/` or by its name.
    pub(super) fn is_asked_for(&self, names: &Names) -> bool {
        names.is_root() || (names.form() == Form::File && names.as_bytes() == self.name)
    }

    /// Opens the file for reading.
    pub(super) fn open(&self) -> Result<OwnedFd> {
        retry_on_intr(|| openat(&self.folder, &self.name[..], READ, Mode::empty()))
    }
}
