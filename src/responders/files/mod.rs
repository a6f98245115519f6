//! A folder of files, or a single file.
//!
//! One request in five steps, each in a file of its own: the path becomes names (`names.rs`), the
//! names are opened beneath the root (`beneath.rs`), what was opened is looked at (`opened.rs`),
//! and a file is answered with its content (`content.rs`), a folder with a listing (`listing.rs`).
//! This file decides which.
//!
//! Relies on the kernel for confinement and on the loop for sending. Never writes, never follows a
//! link out of the root, never waits for anything but the disk.
//! Read next: `names.rs`, `beneath.rs`.

mod beneath;
mod content;
mod listing;
mod media;
mod names;
mod opened;
#[cfg(test)]
mod scratch;
mod single;
mod validators;

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use self::beneath::Root;
use self::names::{Form, Names};
use self::opened::{Opened, Refusal};
use self::single::Single;
use super::Responder;
use crate::config::Limits;
use crate::message::{Answer, Request, Response};

const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The file that stands for its folder.
const INDEX: &[u8] = b"index.html";

/// Serves the files in a folder, or a single file, by GET and HEAD.
///
/// - A folder is answered with its `index.html`, or else with a listing; asked for without its
///   slash, with 301 to where the slash is.
/// - Nothing outside the folder is served: `..` and symbolic links lead as far as its edge and then
///   to 404. Relative links that stay inside are followed; absolute ones are not, wherever they
///   lead.
/// - Names that begin with a dot are not there, `.well-known` excepted, and neither are FIFOs,
///   sockets and devices.
/// - Preconditions are judged by a strong entity tag, made of time and size, and by the date (RFC
///   9110 §13).
/// - A single file is there as `/` and as `/its-name`.
///
/// ```no_run
/// use oneloop::Files;
///
/// let files = Files::new("/srv/www")?;
/// # Ok::<(), oneloop::FilesError>(())
/// ```
#[derive(Debug)]
pub struct Files {
    served: Served,
}

#[derive(Debug)]
enum Served {
    Folder(Root),
    File(Single),
}

impl Files {
    /// Opens a folder, or a single file, to serve it. A folder may be moved while it is served, and
    /// its content may change.
    ///
    /// # Errors
    /// [`FilesError`], where there is no such folder or file, it may not be read, or it is
    /// something else, such as a FIFO.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, FilesError> {
        let path = path.as_ref();
        let because = |error| FilesError::because(path, error);
        let kind = fs::metadata(path).map_err(because)?.file_type();
        let served = if kind.is_dir() {
            Root::at(path).map(Served::Folder)
        } else if kind.is_file() {
            Single::at(path).map(Served::File)
        } else {
            return Err(FilesError::NeitherFileNorFolder { path: path.into() });
        };
        served.map(|served| Self { served }).map_err(|error| because(error.into()))
    }

    fn find(&self, request: &Request<'_>) -> Result<Response, Refusal> {
        let names = Names::parse(request.path()).ok_or(Refusal::Missing)?;
        match &self.served {
            Served::Folder(_) if names.are_hidden() => Err(Refusal::Missing),
            Served::Folder(root) => match names.form() {
                Form::File => file_beneath(root, &names, request),
                Form::Folder => folder_beneath(root, &names, request),
            },
            Served::File(single) if single.is_asked_for(&names) => the_file(single, request),
            Served::File(_) => Err(Refusal::Missing),
        }
    }
}

impl Responder for Files {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        let response = match *request.method() {
            Method::GET | Method::HEAD => self.find(request).unwrap_or_else(Refusal::response),
            Method::OPTIONS => {
                Response::status(StatusCode::NO_CONTENT).with_header(header::ALLOW, ALLOW)
            }
            _ => Response::method_refused(request.method(), ALLOW),
        };
        response.into()
    }
}

/// A path without a slash at its end: a file, or a folder whose slash is missing.
fn file_beneath(root: &Root, names: &Names, request: &Request<'_>) -> Result<Response, Refusal> {
    match Opened::look(root.open(names.as_bytes())?)? {
        Opened::File(file) => content::answer(request, file, names.last()),
        Opened::Folder(_) => add_slash(names, request.query()),
    }
}

/// A path with a slash at its end: a folder, and its index if it has one.
fn folder_beneath(root: &Root, names: &Names, request: &Request<'_>) -> Result<Response, Refusal> {
    let index = root.open(&names.child(INDEX)).map_err(Refusal::from).and_then(Opened::look);
    match index {
        Ok(Opened::File(file)) => return content::answer(request, file, INDEX),
        Ok(Opened::Folder(_)) | Err(Refusal::Missing) => {}
        Err(refusal) => return Err(refusal),
    }
    match Opened::look(root.open(names.as_bytes())?)? {
        Opened::Folder(folder) => listing::answer(request, root, folder, names),
        Opened::File(_) => Err(Refusal::Missing),
    }
}

fn the_file(single: &Single, request: &Request<'_>) -> Result<Response, Refusal> {
    match Opened::look(single.open()?)? {
        Opened::File(file) => content::answer(request, file, single.name()),
        Opened::Folder(_) => Err(Refusal::Missing),
    }
}

/// 301 to the same path with a slash. Without it, the relative links of an index would lead one
/// folder too high.
fn add_slash(names: &Names, query: Option<&str>) -> Result<Response, Refusal> {
    let mut location = names.folder_link();
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    // What is sent must be something that could be asked for (RFC 9110 §2.3).
    if location.len() > Limits::default().target_bytes {
        return Err(Refusal::Missing);
    }
    let location = HeaderValue::try_from(location).map_err(|_| Refusal::Missing)?;
    Ok(Response::status(StatusCode::MOVED_PERMANENTLY).with_header(header::LOCATION, location))
}

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
}

impl FilesError {
    fn because(path: &Path, source: io::Error) -> Self {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::ffi::OsStr;
    use std::fs::{Permissions, create_dir, create_dir_all, set_permissions, write};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::scratch::{Folder, ask, bytes, field};
    use super::{Files, FilesError, Limits};

    /// `outer/root` to be served, and `outer/secret` beside it.
    fn site() -> (Folder, Files) {
        let outer = Folder::new();
        let root = outer.path().join("root");
        for folder in
            ["sub/deep", "with-index", "index-is-folder/index.html", ".git", ".well-known"]
        {
            create_dir_all(root.join(folder)).unwrap();
        }
        write(outer.path().join("secret"), "secret").unwrap();
        for name in [
            "plain.txt",
            "a b%;'<.txt",
            "sub/nested.txt",
            "with-index/index.html",
            ".env",
            ".git/config",
            ".well-known/security.txt",
            "ümlaut",
        ] {
            write(root.join(name), name).unwrap();
        }
        write(root.join(OsStr::from_bytes(b"\xFF\xFE")), "bytes").unwrap();
        for (name, target) in [
            ("inside", "plain.txt"),
            ("to-sub", "sub"),
            ("out", "../secret"),
            ("out-folder", ".."),
            ("absolute", "/etc/passwd"),
            ("loop", "loop"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        let files = Files::new(root).unwrap();
        (outer, files)
    }

    #[test]
    fn a_path_leads_to_its_file_or_to_404() {
        let (_outer, mut files) = site();
        for (path, expected) in [
            ("/plain.txt", Some("plain.txt")),
            ("//plain.txt", Some("plain.txt")),
            ("/sub//nested.txt", Some("sub/nested.txt")),
            ("/a%20b%25%3B%27%3C.txt", Some("a b%;'<.txt")),
            ("/%C3%BCmlaut", Some("ümlaut")),
            ("/%FF%FE", Some("bytes")),
            ("/inside", Some("plain.txt")),
            ("/to-sub/nested.txt", Some("sub/nested.txt")),
            ("/with-index/", Some("with-index/index.html")),
            ("/with-index/index.html", Some("with-index/index.html")),
            ("/.well-known/security.txt", Some(".well-known/security.txt")),
            ("/plain.txt/", None),
            ("/plain.txt/x", None),
            ("/missing", None),
            ("/missing/", None),
            ("/PLAIN.TXT", None),
            ("/.env", None),
            ("/.git/config", None),
            ("/.git/", None),
            ("/.git", None),
            ("/../secret", None),
            ("/sub/../plain.txt", None),
            ("/%2e%2e/secret", None),
            ("/..%2Fsecret", None),
            ("/sub%2Fnested.txt", None),
            ("/plain.txt%00", None),
            ("/out", None),
            ("/out-folder", None),
            ("/out-folder/", None),
            ("/out-folder/secret", None),
            ("/absolute", None),
            ("/loop", None),
        ] {
            let response = ask(&mut files, "GET", path, "");
            let (status, content) = match expected {
                Some(content) => (200, content),
                None => (404, "404 Not Found\n"),
            };
            assert_eq!(response.status_code(), status, "{path}");
            assert_eq!(bytes(&response), content.as_bytes(), "{path}");
        }
        let long = format!("/{}", "a".repeat(300));
        assert_eq!(ask(&mut files, "GET", &long, "").status_code(), 404);
        let deep = "/a".repeat(4000);
        assert_eq!(ask(&mut files, "GET", &deep, "").status_code(), 404);
    }

    #[test]
    fn a_folder_without_its_slash_is_redirected_and_never_to_another_server() {
        let (outer, mut files) = site();
        create_dir(outer.path().join("root/evil.example")).unwrap();
        create_dir(outer.path().join("root/\\evil")).unwrap();
        create_dir(outer.path().join("root/a b:c")).unwrap();
        for (target, location) in [
            ("/sub", "/sub/"),
            ("/sub?x=1&y=/", "/sub/?x=1&y=/"),
            ("/sub?", "/sub/?"),
            ("/sub/deep", "/sub/deep/"),
            ("//sub//deep", "/sub/deep/"),
            ("/to-sub", "/to-sub/"),
            ("//evil.example", "/evil.example/"),
            ("/%5Cevil", "/%5Cevil/"),
            ("/a%20b:c", "/a%20b:c/"),
        ] {
            for method in ["GET", "HEAD"] {
                let response = ask(&mut files, method, target, "");
                assert_eq!(response.status_code(), 301, "{target}");
                assert_eq!(field(&response, "location"), location, "{target}");
            }
        }
    }

    /// RFC 9110 §2.3: nobody is sent where nobody can ask for.
    #[test]
    fn a_redirect_is_no_longer_than_a_target_may_be() {
        let (_outer, mut files) = site();
        let longest = Limits::default().target_bytes;
        for (spare, status) in [(1, 301), (0, 404)] {
            let query = "q".repeat(longest - "/sub?".len() - spare);
            let response = ask(&mut files, "GET", &format!("/sub?{query}"), "");
            assert_eq!(response.status_code(), status);
            assert!(field(&response, "location").len() <= longest);
        }
    }

    #[test]
    fn a_folder_without_index_is_listed() {
        let (_outer, mut files) = site();
        for path in ["/", "/sub/", "/to-sub/", "/sub/deep/", "/index-is-folder/", "//sub//"] {
            let response = ask(&mut files, "GET", path, "");
            assert_eq!(response.status_code(), 200, "{path}");
            assert_eq!(field(&response, "content-type"), "text/html; charset=utf-8");
            assert_eq!(field(&response, "cache-control"), "no-cache");
            let page = String::from_utf8(bytes(&response).to_vec()).unwrap();
            assert!(page.contains("<title>Index of /"), "{path}");
        }
    }

    /// A listing exists, and is not told from the next: `*` holds, and no tag does (RFC 9110
    /// §13.1.1, §13.1.2).
    #[test]
    fn preconditions_on_a_listing() {
        let (_outer, mut files) = site();
        for (line, status) in [
            ("If-Match: *\r\n", 200),
            ("If-Match: \"x\"\r\n", 412),
            ("If-None-Match: *\r\n", 304),
            ("If-None-Match: \"x\"\r\n", 200),
            ("If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT\r\n", 200),
            ("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 200),
        ] {
            let answer = ask(&mut files, "GET", "/sub/", line);
            assert_eq!(answer.status_code(), status, "{line}");
            // RFC 9110 §15.4.5: what 200 would have said of caching.
            assert_eq!(field(&answer, "cache-control"), "no-cache", "{line}");
        }
    }

    #[test]
    fn every_link_of_a_listing_leads_somewhere() {
        let (_outer, mut files) = site();
        let page = String::from_utf8(bytes(&ask(&mut files, "GET", "/", "")).to_vec()).unwrap();
        let links: Vec<_> =
            page.split("href=\"").skip(1).filter_map(|s| s.split('"').next()).collect();
        assert_eq!(links.len(), 10, "{links:?}");
        for link in links {
            let status = ask(&mut files, "GET", &format!("/{link}"), "").status_code();
            assert_eq!(status, 200, "{link}");
        }
    }

    #[test]
    fn other_methods_are_refused_with_what_is_allowed() {
        let (_outer, mut files) = site();
        for (method, path, status) in [
            ("OPTIONS", "/plain.txt", 204),
            ("OPTIONS", "*", 204),
            ("POST", "/plain.txt", 405),
            ("DELETE", "/missing", 405),
            ("BREW", "/plain.txt", 501),
        ] {
            let response = ask(&mut files, method, path, "");
            assert_eq!(response.status_code(), status, "{method}");
            assert_eq!(field(&response, "allow"), "GET, HEAD, OPTIONS", "{method}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_not_there_and_blocks_nobody() {
        let (outer, mut files) = site();
        let root = outer.path().join("root");
        let fifo = std::process::Command::new("mkfifo").arg(root.join("fifo")).status().unwrap();
        assert!(fifo.success());
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        for path in ["/fifo", "/fifo/", "/socket"] {
            assert_eq!(ask(&mut files, "GET", path, "").status_code(), 404, "{path}");
        }
        assert_eq!(ask(&mut Files::new("/dev").unwrap(), "GET", "/null", "").status_code(), 404);
    }

    #[test]
    fn a_single_file_is_there_as_the_root_and_by_its_name() {
        let (outer, _) = site();
        let root = outer.path().join("root");
        for (name, content) in [("plain.txt", "plain.txt"), (".env", ".env"), ("out", "secret")] {
            let mut files = Files::new(root.join(name)).unwrap();
            let by_name = format!("/{name}");
            for path in ["/", "//", &by_name] {
                let response = ask(&mut files, "GET", path, "");
                assert_eq!(response.status_code(), 200, "{name} {path}");
                assert_eq!(bytes(&response), content.as_bytes(), "{name} {path}");
            }
            for path in ["/sub/nested.txt", "/inside", "/sub/", "/..", "/x", &format!("/{name}/")] {
                assert_eq!(ask(&mut files, "GET", path, "").status_code(), 404, "{name} {path}");
            }
        }
        let mut files = Files::new(root.join("plain.txt")).unwrap();
        let response = ask(&mut files, "GET", "/", "");
        assert_eq!(field(&response, "content-type"), "text/plain; charset=utf-8");
    }

    #[test]
    fn a_single_file_that_is_replaced_is_served_anew() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        write(&path, "old").unwrap();
        let mut files = Files::new(&path).unwrap();
        assert_eq!(bytes(&ask(&mut files, "GET", "/", "")), b"old");
        write(folder.path().join("new"), "new").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(bytes(&ask(&mut files, "GET", "/", "")), b"new");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(ask(&mut files, "GET", "/", "").status_code(), 404);
    }

    /// Root may read everything, so there is nothing to see for it.
    #[test]
    fn what_may_not_be_read_is_forbidden() {
        let (outer, mut files) = site();
        let root = outer.path().join("root");
        set_permissions(root.join("plain.txt"), Permissions::from_mode(0o000)).unwrap();
        set_permissions(root.join("sub"), Permissions::from_mode(0o000)).unwrap();
        if rustix::process::geteuid().is_root() {
            return;
        }
        for path in ["/plain.txt", "/inside", "/sub/", "/sub/nested.txt", "/to-sub/"] {
            assert_eq!(ask(&mut files, "GET", path, "").status_code(), 403, "{path}");
        }
        for name in ["plain.txt", "sub", "sub/nested.txt"] {
            let refused = Files::new(root.join(name)).unwrap_err();
            assert!(matches!(refused, FilesError::Forbidden { .. }), "{refused:?}");
        }
        set_permissions(root.join("sub"), Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn what_cannot_be_served_is_said_in_one_line() {
        let folder = Folder::new();
        let path = folder.path();
        write(path.join("f"), "").unwrap();
        let _socket = UnixListener::bind(path.join("socket")).unwrap();
        for (name, expected, has_source) in [
            ("missing", "there is no such file or folder; check the path", true),
            ("f/x", "there is no such file or folder; check the path", true),
            ("socket", "it is neither a file nor a folder; name one", false),
        ] {
            let path = path.join(name);
            let refused = Files::new(&path).unwrap_err();
            assert_eq!(refused.to_string(), format!("cannot serve {path:?}: {expected}"));
            assert_eq!(refused.source().is_some(), has_source);
        }
    }
}
