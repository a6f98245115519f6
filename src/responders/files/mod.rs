//! A folder of files, or a single file.
//!
//! What a request for a file goes through, each step in a file of its own: what is known of its
//! path is looked up (`cache.rs`); where nothing is, or it was seen more than a second ago, the
//! path becomes names (`names.rs`), the names are found beneath the root (`find.rs`, `beneath.rs`),
//! and what was found is made into an entry (`entry.rs`); of which the right variant and part is
//! answered (`content.rs`). Where the disk would have to be waited for, a helper thread goes the
//! same way (`errands.rs`). This file is the order in which they are asked.
//!
//! Relies on the kernel for confinement, on the loop for sending and for helpers. Never writes,
//! never follows a link that it may not, never waits for a disk.
//! Read next: `cache.rs`, `find.rs`.

mod beneath;
mod cache;
mod caching;
mod closing;
mod compress;
mod content;
mod cors;
mod entry;
mod errands;
mod error;
mod error_pages;
mod file_system;
mod find;
mod listing;
mod media;
mod memory;
mod names;
mod opened;
mod options;
mod outcome;
mod parts;
mod reading;
#[cfg(test)]
pub(super) mod scratch;
mod site;
mod validators;
mod variant;

pub use self::caching::CacheRule;
pub use self::cors::Cors;
pub use self::error::FilesError;
pub use self::options::{
    Charset, Compress, FileOptions, Hidden, Listing, Missing, OptionError, Paths, Symlinks,
};

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use self::beneath::Patience;
use self::cache::{Cache, Known};
use self::content::Choice;
use self::entry::{Entry, Look};
use self::errands::{Errands, Standing};
use self::find::{Found, Obstacle};
use self::names::Names;
use self::opened::Refusal;
use self::outcome::Outcome;
use self::site::Site;
use self::validators::Settled;
use super::Responder;
use crate::config::{LISTING_ROOM, Limits};
use crate::message::{Answer, Request, Response};
use crate::wire::negotiate::Coding;

/// Serves the files in a folder, or a single file, by GET and HEAD.
///
/// - A folder is answered with its `index.html`, or else with a listing; asked for without its
///   slash, with 301 to where the slash is.
/// - Nothing outside the folder is served: `..` and symbolic links lead as far as its edge and then
///   to 404. Relative links that stay inside are followed; absolute ones are not, wherever they
///   lead.
/// - Names that begin with a dot are not there, `.well-known` excepted, and neither are FIFOs,
///   sockets and devices.
/// - Preconditions and ranges are judged by an entity tag, made of time, size and coding, and by
///   the date (RFC 9110 §13, §14). What was written within the last second has a weak one.
/// - What lies beside a file as `.zst`, `.br` or `.gz` is sent in its place to who accepts that.
/// - A single file is there as `/` and as `/its-name`.
///
/// What is asked for often is kept in memory or open, within the budgets of [`FileOptions`], and
/// looked at again once a second. What would have to wait for a disk is done by a helper thread.
///
/// ```no_run
/// use oneloop::Files;
///
/// let files = Files::new("/srv/www")?;
/// # Ok::<(), oneloop::FilesError>(())
/// ```
#[derive(Debug)]
pub struct Files {
    site: Arc<Site>,
    cache: Cache,
    errands: Errands,
}

impl Files {
    /// Opens a folder, or a single file, to serve it. A folder may be moved while it is served, and
    /// its content may change.
    ///
    /// # Errors
    /// [`FilesError`], where there is no such folder or file, it may not be read, or it is
    /// something else, such as a FIFO.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, FilesError> {
        Self::with(path, FileOptions::default())
    }

    /// As [`new`](Self::new), served as `options` say.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where an option makes no sense.
    pub fn with(path: impl AsRef<Path>, options: FileOptions) -> Result<Self, FilesError> {
        let path = path.as_ref();
        let cache = Cache::new(options.cached_bytes, options.cached_files.min(spare_descriptors()));
        let kind = fs::metadata(path).map_err(|error| FilesError::because(path, error))?;
        let site = if kind.is_dir() {
            Site::of_folder(path, options)?
        } else if kind.is_file() {
            Site::of_file(path, options)?
        } else {
            return Err(FilesError::NeitherFileNorFolder { path: path.into() });
        };
        Ok(Self { site: Arc::new(site), cache, errands: Errands::default() })
    }

    fn read(&mut self, request: &Request<'_>) -> Answer {
        let Some(path) = self.site.beneath_mount(request.path()) else {
            return self.site.dressed(Refusal::Missing.response()).into();
        };
        let now = request.caller.now();
        // Most files are known, and answered from where they lie in the cache. Nothing is cloned
        // and moved for it but the answer, one pointer; and what no path in the cache has is not
        // looked for.
        match self.cache.fresh(path, now) {
            Some(Known::File(entry)) if content::is_plain(request) => {
                return entry.original().whole.clone().into();
            }
            Some(Known::File(entry)) => match content::choose(&self.site, request, entry) {
                Choice::Ready(answer) => return answer,
                Choice::Compressed(coding) => {
                    let entry = Arc::clone(entry);
                    return self.compressed(&entry, coding, request);
                }
            },
            Some(_) => return self.listing(path, request),
            None => self.cache.sweep(now),
        }
        // One path for each file, so that relative links lead where they should, and nobody asks
        // for a file under a thousand names.
        if path.contains("//") {
            return match Names::parse(path) {
                Some(names) => self.elsewhere(self.site.with_mount(&names.link()), request.query()),
                None => self.site.dressed(Refusal::Missing.response()).into(),
            };
        }
        match self.look_up(path, request) {
            Standing::Back(Outcome::Known(Known::File(entry)), _) => self.file(&entry, request),
            Standing::Back(Outcome::Known(_), _) => self.listing(path, request),
            Standing::Back(Outcome::Elsewhere(path), _) => self.elsewhere(path, request.query()),
            Standing::Back(Outcome::Refused(refusal), _) => {
                self.site.dressed(refusal.response()).into()
            }
            Standing::Sent | Standing::NotSent => Answer::Later,
        }
    }

    /// What that path stands for, of which nothing is known or not lately.
    fn look_up(&mut self, path: &str, request: &Request<'_>) -> Standing {
        let standing = match self.errands.standing(path, request) {
            Standing::NotSent => self.look(path, request),
            standing => standing,
        };
        if let Standing::Back(outcome, seen_at) = &standing {
            self.learn(path, outcome, *seen_at);
        }
        standing
    }

    /// Looks at once; where that would have to wait, somebody is sent.
    fn look(&mut self, path: &str, request: &Request<'_>) -> Standing {
        let now = request.caller.unix_time();
        let look = self.site.look(Patience::AtOnce, now);
        let mut seen = self.look_at_once(path, look);
        if matches!(seen, Err(Obstacle::Refused(Refusal::Busy))) && self.cache.close_files() {
            seen = self.look_at_once(path, look);
        }
        match seen {
            Ok(outcome) => Standing::Back(outcome, request.caller.now()),
            Err(Obstacle::Refused(refusal)) => {
                Standing::Back(Outcome::Refused(refusal), request.caller.now())
            }
            Err(Obstacle::Waits) => {
                let (site, owned) = (Arc::clone(&self.site), path.to_owned());
                let known = self.cache.file(path).cloned();
                let work = move || {
                    let look = site.look(Patience::Patient, now);
                    let found = site.find(&owned, look.patience);
                    found.and_then(|found| site.seen(found, known.as_ref(), look)).into()
                };
                self.errands.send(path, request, work)
            }
        }
    }

    fn look_at_once(&self, path: &str, look: Look) -> Result<Outcome, Obstacle> {
        let found = self.site.find(path, look.patience)?;
        let known = match &found {
            Found::File(file) => {
                let name = file.name();
                self.cache.file(name.as_deref().unwrap_or(path))
            }
            _ => None,
        };
        self.site.seen(found, known, look)
    }

    /// Keeps what was seen at that time.
    fn learn(&mut self, path: &str, outcome: &Outcome, seen_at: Duration) {
        match outcome {
            Outcome::Known(known) => {
                let name = if let Known::File(entry) = known { entry.name() } else { None };
                if name.is_some() {
                    self.cache.forget(path);
                }
                self.cache.keep(name.as_deref().unwrap_or(path), known.clone(), seen_at);
            }
            Outcome::Refused(Refusal::Busy) => {
                self.cache.close_files();
            }
            Outcome::Elsewhere(_) | Outcome::Refused(_) => self.cache.forget(path),
        }
    }

    fn file(&mut self, entry: &Arc<Entry>, request: &Request<'_>) -> Answer {
        match content::choose(&self.site, request, entry) {
            Choice::Ready(answer) => answer,
            Choice::Compressed(coding) => self.compressed(entry, coding, request),
        }
    }

    /// The file in that coding, or as it is where that cannot be had.
    fn compressed(&mut self, entry: &Arc<Entry>, coding: Coding, request: &Request<'_>) -> Answer {
        match self.compress(entry, coding, request) {
            Standing::Back(Outcome::Known(Known::Compressed(_, Some(variant))), _) => {
                content::answer_with(&self.site, request, entry, &variant)
            }
            Standing::Back(..) => content::answer(&self.site, request, entry),
            Standing::Sent | Standing::NotSent => Answer::Later,
        }
    }

    /// The file in that coding: made once for every state of it, by a helper.
    fn compress(&mut self, entry: &Arc<Entry>, coding: Coding, request: &Request<'_>) -> Standing {
        // Many paths may lead to one file. None begins like this. What was made of it while it
        // could be written again without a trace is no longer good when it cannot.
        let name = format!("{} {:?} {}", coding.name(), entry.settled, entry.path());
        let identity = entry.original().identity;
        let now = request.caller.now();
        let known = match entry.settled {
            Settled::Yes => self.cache.ever(&name),
            Settled::No => self.cache.fresh(&name, now),
        };
        if let Some(known @ Known::Compressed(of, _)) = known
            && *of == identity
        {
            return Standing::Back(Outcome::Known(known.clone()), now);
        }
        // Two states of a file are two errands.
        let what = format!("{name} {identity:?}");
        let entry = Arc::clone(entry);
        let standing = self.errand(&what, entry.original().len(), request, move |site| {
            let made = entry.common(site).compressed(entry.original(), coding, entry.settled)?;
            Ok(Outcome::Known(Known::Compressed(identity, made.map(Arc::new))))
        });
        if let Standing::Back(Outcome::Known(known), seen_at) = &standing {
            self.cache.keep(&name, known.clone(), *seen_at);
        }
        standing
    }

    /// How the errand stands that makes something of up to so many bytes; sends somebody, if nobody
    /// was sent.
    fn errand(
        &mut self,
        what: &str,
        len: u64,
        request: &Request<'_>,
        work: impl FnOnce(&Site) -> Result<Outcome, Obstacle> + Send + 'static,
    ) -> Standing {
        match self.errands.standing(what, request) {
            Standing::NotSent if !self.site.memory.has_room(len) => {
                Standing::Back(Outcome::Refused(Refusal::Busy), request.caller.now())
            }
            Standing::NotSent => {
                let site = Arc::clone(&self.site);
                let work = move || {
                    // Many may have been sent while there was room.
                    let made = work(&site).into();
                    if site.memory.has_room(0) { made } else { Outcome::Refused(Refusal::Busy) }
                };
                self.errands.send(what, request, work)
            }
            standing => standing,
        }
    }

    /// A folder as a page. Each is made by a helper, for it takes long where there is much in it,
    /// and nobody could say beforehand whether the disk would have to be waited for.
    fn listing(&mut self, path: &str, request: &Request<'_>) -> Answer {
        if let Some(instead) = listing::instead(request) {
            return self.site.dressed(instead).into();
        }
        let ask = listing::Ask::of(request.query(), request.headers());
        let what = format!("{path}?{ask:?}");
        let now = request.caller.now();
        if let Some(Known::Listing(page)) = self.cache.fresh(&what, now) {
            return page.clone().into();
        }
        let (owned, unix_time) = (path.to_owned(), request.caller.unix_time());
        let list = move |site: &Site| site.list(&owned, ask, unix_time);
        match self.errand(&what, LISTING_ROOM, request, list) {
            Standing::Back(Outcome::Known(Known::Listing(page)), seen_at) => {
                self.cache.keep(&what, Known::Listing(page.clone()), seen_at);
                page.into()
            }
            // An index has come meanwhile.
            Standing::Back(Outcome::Known(Known::File(entry)), _) => self.file(&entry, request),
            Standing::Back(Outcome::Elsewhere(path), _) => self.elsewhere(path, request.query()),
            Standing::Back(Outcome::Refused(refusal), _) => {
                self.site.dressed(refusal.response()).into()
            }
            Standing::Back(Outcome::Known(Known::Folder | Known::Compressed(..)), _) => {
                unreachable!("a folder is listed, and nothing else is made")
            }
            Standing::Sent | Standing::NotSent => Answer::Later,
        }
    }

    /// 301 to where the same is to be had, with the query that came.
    fn elsewhere(&self, mut location: String, query: Option<&str>) -> Answer {
        if let Some(query) = query {
            location.push('?');
            location.push_str(query);
        }
        // What is sent must be something that could be asked for (RFC 9110 §2.3).
        let is_short = location.len() <= Limits::default().target_bytes;
        let response = match HeaderValue::try_from(location) {
            Ok(location) if is_short => Response::status(StatusCode::MOVED_PERMANENTLY)
                .with_header(header::LOCATION, location),
            _ => Refusal::Missing.response(),
        };
        self.site.dressed(response).into()
    }
}

/// Descriptors that cached files may take of those this process may open: half of what the server
/// leaves to files and the like, where there are few.
fn spare_descriptors() -> usize {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 8).unwrap_or(usize::MAX)
}

impl Responder for Files {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        match *request.method() {
            Method::GET | Method::HEAD => self.read(request),
            _ => self.site.unread(request).into(),
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
            ("/sub//..%2Fplain.txt", None),
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
            ("//sub//deep", "/sub/deep"),
            ("/to-sub", "/to-sub/"),
            ("//evil.example", "/evil.example"),
            ("//evil.example/", "/evil.example/"),
            ("///", "/"),
            ("//plain.txt?a//b", "/plain.txt?a//b"),
            ("/missing//..;/x", "/missing/..;/x"),
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
        for path in ["/", "/sub/", "/to-sub/", "/sub/deep/", "/index-is-folder/"] {
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
        let links: Vec<_> = page
            .split("<th scope=row><a href=\"")
            .skip(1)
            .filter_map(|s| s.split('"').next())
            .collect();
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
            for path in ["/", &by_name] {
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
