//! What is served, and how: all that the loop and the helper threads share of a folder, and none of
//! it ever changes.
//!
//! Never opens what a client asks for. Read next: `find.rs`, which does.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::beneath::{Patience, Root};
use super::cors;
use super::error::FilesError;
use super::error_pages::ErrorPages;
use super::memory::Memory;
use super::options::{FileOptions, Symlinks};
use crate::message::{Request, Response};

const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// A folder or a file, and how it is served.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) root: Root,
    /// The one file of the root that is served, by its name, where it is not all of them.
    pub(super) single: Option<Vec<u8>>,
    pub(super) options: FileOptions,
    /// What stands before every path, in the form of a request's path; without a slash at its end.
    mount: String,
    /// The same as text for people, with a slash at both ends.
    pub(super) mount_shown: String,
    pages: ErrorPages,
    /// What all that is cached and sent of it takes.
    pub(super) memory: Memory,
}

impl Site {
    /// A folder.
    pub(super) fn of_folder(path: &Path, options: FileOptions) -> Result<Self, FilesError> {
        let root = Root::at(path, options.symlinks);
        let root = root.map_err(|error| FilesError::because(path, error.into()))?;
        Self::new(root, None, options)
    }

    /// A single file. The operator named it: its name may begin with a dot, and if it is a link,
    /// that is followed wherever it leads, each time anew. The name may be given to another file
    /// while the server runs, and that is then served.
    pub(super) fn of_file(path: &Path, options: FileOptions) -> Result<Self, FilesError> {
        let because = |error: rustix::io::Errno| FilesError::because(path, error.into());
        let name = path.file_name().ok_or_else(|| because(rustix::io::Errno::NOENT))?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let root = Root::at(folder, Symlinks::All).map_err(because)?;
        let name = name.as_bytes().to_vec();
        root.open(&name, Patience::Patient).map_err(because)?;
        Self::new(root, Some(name), options)
    }

    fn new(root: Root, single: Option<Vec<u8>>, options: FileOptions) -> Result<Self, FilesError> {
        options.check()?;
        let mut mount = options.prefix()?;
        let mount_shown = percent_decode_str(&mount).decode_utf8_lossy().into_owned();
        mount.pop();
        let pages = ErrorPages::read(&options)?;
        let memory = Memory::beside(options.cached_bytes);
        Ok(Self { root, single, options, mount, mount_shown, pages, memory })
    }

    /// The path beneath the mount, if that is where it leads; it begins with a slash.
    pub(super) fn beneath_mount<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.mount).filter(|rest| rest.starts_with('/'))
    }

    /// That path beneath the mount as clients ask for it.
    pub(super) fn with_mount(&self, path: &str) -> String {
        [&self.mount, path].concat()
    }

    /// The answer to a method that reads nothing.
    pub(super) fn unread(&self, request: &Request<'_>) -> Response {
        if *request.method() != Method::OPTIONS {
            return self.dressed(Response::method_refused(request.method(), ALLOW));
        }
        let preflight = self.options.cors.as_ref().and_then(|_| cors::preflight(request));
        let allowed = || Response::status(StatusCode::NO_CONTENT).with_header(header::ALLOW, ALLOW);
        self.options.finish(preflight.unwrap_or_else(allowed))
    }

    /// The answer with the fields that all of them have, and with the page of its status, if there
    /// is one.
    pub(super) fn dressed(&self, response: Response) -> Response {
        let nosniff = HeaderValue::from_static("nosniff");
        let response = response.with_header_replaced(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        self.options.finish(self.pages.dress(response))
    }
}
