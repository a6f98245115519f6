//! From a path to what it stands for: a file, a folder to be listed, or another path.
//!
//! Relies on `beneath.rs` for confinement. It opens and asks for metadata, and reads nothing. With
//! [`Patience::AtOnce`] it gives up where the disk would have to be waited for; a helper thread
//! then comes the same way with more patience.
//! Read next: `entry.rs`, which makes answers of a file.

use std::os::fd::OwnedFd;

use http::StatusCode;
use rustix::io::Errno;

use super::beneath::Patience;
use super::names::{Form, Names};
use super::opened::{Opened, OpenedFile, Refusal};
use super::options::{Listing, Missing, Paths};
use super::site::Site;
use crate::config::NEAREST_PAGE_LEVELS;
use crate::wire::negotiate::Coding;

/// What a path stands for.
#[derive(Debug)]
pub(super) enum Found {
    /// A file.
    File(Box<FoundFile>),
    /// Nothing but another path, where the same is to be had.
    Elsewhere(String),
    /// A folder, which is to be listed.
    Folder(OwnedFd),
}

/// A file that was found, and what lies beside it.
#[derive(Debug)]
pub(super) struct FoundFile {
    /// Whether it is what was asked for.
    pub(super) role: Role,
    /// Its path beneath the root, which its type is told from.
    pub(super) path: Vec<u8>,
    pub(super) file: OpenedFile,
    /// The same content in other codings, each a file of its own.
    pub(super) siblings: Vec<(Coding, OpenedFile)>,
}

/// What a file is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// What was asked for.
    Itself,
    /// What is shown where nothing is, with that status.
    StandIn(StatusCode),
}

impl FoundFile {
    /// What it is known by in place of the path that led to it, where many paths do.
    pub(super) fn name(&self) -> Option<String> {
        self.role.name(&self.path)
    }
}

impl Role {
    /// What a file in this role is known by, where that is not the path that led to it.
    pub(super) fn name(self, path: &[u8]) -> Option<String> {
        match self {
            Self::Itself => None,
            // No path begins like this.
            Self::StandIn(status) => Some(format!("{} {}", status.as_str(), path.escape_ascii())),
        }
    }

    /// The status that it is sent with.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Itself => StatusCode::OK,
            Self::StandIn(status) => status,
        }
    }
}

/// Why nothing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The disk would have to be waited for.
    Waits,
    /// It is not to be had.
    Refused(Refusal),
}

impl From<Refusal> for Obstacle {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The codings that a file may lie beside its original in, and how its name then ends.
const SIBLINGS: [(Coding, &[u8]); 3] =
    [(Coding::Zstd, b".zst"), (Coding::Brotli, b".br"), (Coding::Gzip, b".gz")];

/// The page of [`Missing::NearestPage`].
const NOT_FOUND_PAGE: &[u8] = b"404.html";

/// What a clean path leaves out.
const HTML: &[u8] = b".html";

impl Site {
    /// What that path stands for, which begins with a slash.
    pub(super) fn find(&self, path: &str, patience: Patience) -> Result<Found, Obstacle> {
        let names = Names::parse(path).ok_or(Refusal::Missing)?;
        let found = match &self.single {
            Some(name) if is_asked_for(name, &names) => self
                .regular(name, patience)
                .map(|file| file_found(Role::Itself, name.clone(), file, Vec::new())),
            Some(_) => Err(Refusal::Missing.into()),
            None if names.are_hidden(self.options.hidden) => Err(Refusal::Missing.into()),
            None => match names.form() {
                Form::File => self.file(&names, patience),
                Form::Folder => self.folder(&names, patience),
            },
        };
        match found {
            Err(Obstacle::Refused(Refusal::Missing)) if self.single.is_none() => {
                self.in_place_of_missing(&names, patience)
            }
            found => found,
        }
    }

    /// A path without a slash at its end: a file, or a folder whose slash is missing.
    fn file(&self, names: &Names, patience: Patience) -> Result<Found, Obstacle> {
        let opened = self.open(names.as_bytes(), patience);
        let is_clean = self.options.paths == Paths::Clean;
        match opened {
            Ok(Opened::File(file)) if is_clean => match self.cleaner(names, patience)? {
                Some(path) => Ok(self.elsewhere(&path)),
                None => self.with_siblings(names.as_bytes(), file, patience),
            },
            Ok(Opened::File(file)) => self.with_siblings(names.as_bytes(), file, patience),
            Ok(Opened::Folder(_)) | Err(Obstacle::Refused(Refusal::Missing)) if is_clean => {
                let page = [names.as_bytes(), HTML].concat();
                match self.regular(&page, patience) {
                    Ok(file) => self.with_siblings(&page, file, patience),
                    Err(Obstacle::Refused(Refusal::Missing)) if opened.is_ok() => {
                        Ok(self.elsewhere(&names.folder_link()))
                    }
                    Err(obstacle) => Err(obstacle),
                }
            }
            Ok(Opened::Folder(_)) => Ok(self.elsewhere(&names.folder_link())),
            Err(obstacle) => Err(obstacle),
        }
    }

    /// A path with a slash at its end: a folder, and its index if it has one.
    fn folder(&self, names: &Names, patience: Patience) -> Result<Found, Obstacle> {
        for index in &self.options.index {
            let path = names.child(index.as_bytes());
            match self.regular(&path, patience) {
                Ok(file) => return self.with_siblings(&path, file, patience),
                Err(Obstacle::Refused(Refusal::Missing)) => {}
                Err(obstacle) => return Err(obstacle),
            }
        }
        match self.open(names.as_bytes(), patience) {
            Ok(Opened::Folder(folder)) if self.is_listing() => Ok(Found::Folder(folder)),
            // `/a/` where there is `/a.html`: what is meant is `/a`.
            Err(Obstacle::Refused(Refusal::Missing))
                if self.options.paths == Paths::Clean && !names.is_root() =>
            {
                self.regular(&[names.as_bytes(), HTML].concat(), patience)?;
                Ok(self.elsewhere(names.folder_link().trim_end_matches('/')))
            }
            Ok(_) => Err(Refusal::Missing.into()),
            Err(obstacle) => Err(obstacle),
        }
    }

    /// Whether folders without index are listed; those of an application are its own to show.
    fn is_listing(&self) -> bool {
        self.options.listing == Listing::Shown && self.options.missing != Missing::App
    }

    /// The clean path of a file that has one: of `a.html` it is `a`, unless that is another file;
    /// of an index its folder.
    fn cleaner(&self, names: &Names, patience: Patience) -> Result<Option<String>, Obstacle> {
        let Some(stem) = names.without_ending(HTML) else { return Ok(None) };
        let folder = names.parent();
        for index in &self.options.index {
            match self.regular(&folder.child(index.as_bytes()), patience) {
                Ok(_) if index.as_bytes() == names.last() => return Ok(Some(folder.link())),
                Ok(_) => break,
                Err(Obstacle::Refused(Refusal::Missing)) => {}
                Err(obstacle) => return Err(obstacle),
            }
        }
        match self.regular(stem.as_bytes(), patience) {
            Ok(_) => Ok(None),
            Err(Obstacle::Refused(Refusal::Missing)) => Ok(Some(stem.link())),
            Err(obstacle) => Err(obstacle),
        }
    }

    /// What is answered where there is nothing.
    fn in_place_of_missing(&self, names: &Names, patience: Patience) -> Result<Found, Obstacle> {
        match self.options.missing {
            Missing::Status => Err(Refusal::Missing.into()),
            Missing::App if looks_like_a_file(names.last()) => Err(Refusal::Missing.into()),
            Missing::App => {
                let indices = self.options.index.iter().map(|index| index.as_bytes().to_vec());
                self.first_of(indices, StatusCode::OK, patience)
            }
            Missing::NearestPage => {
                let folders = names.folders_around(NEAREST_PAGE_LEVELS);
                let visible = folders.filter(|folder| !folder.are_hidden(self.options.hidden));
                let pages = visible.map(|folder| folder.child(NOT_FOUND_PAGE));
                self.first_of(pages, StatusCode::NOT_FOUND, patience)
            }
        }
    }

    fn first_of(
        &self,
        paths: impl Iterator<Item = Vec<u8>>,
        status: StatusCode,
        patience: Patience,
    ) -> Result<Found, Obstacle> {
        let role = Role::StandIn(status);
        for path in paths {
            match self.regular(&path, patience) {
                Ok(file) => {
                    let siblings = self.siblings(&path, patience)?;
                    return Ok(file_found(role, path, file, siblings));
                }
                Err(Obstacle::Refused(Refusal::Missing)) => {}
                Err(obstacle) => return Err(obstacle),
            }
        }
        Err(Refusal::Missing.into())
    }

    fn with_siblings(
        &self,
        path: &[u8],
        file: OpenedFile,
        patience: Patience,
    ) -> Result<Found, Obstacle> {
        let siblings = self.siblings(path, patience)?;
        let path = path.to_vec();
        Ok(file_found(Role::Itself, path, file, siblings))
    }

    /// What lies beside a file that is not itself what lies beside another.
    fn siblings(
        &self,
        path: &[u8],
        patience: Patience,
    ) -> Result<Vec<(Coding, OpenedFile)>, Obstacle> {
        let mut siblings = Vec::new();
        if SIBLINGS.iter().any(|(_, ending)| path.ends_with(ending)) {
            return Ok(siblings);
        }
        for (coding, ending) in SIBLINGS {
            match self.regular(&[path, ending].concat(), patience) {
                Ok(file) => siblings.push((coding, file)),
                // It may be there, and be had in a moment.
                Err(obstacle @ (Obstacle::Waits | Obstacle::Refused(Refusal::Busy))) => {
                    return Err(obstacle);
                }
                // The file itself can still be had.
                Err(Obstacle::Refused(_)) => {}
            }
        }
        Ok(siblings)
    }

    fn regular(&self, path: &[u8], patience: Patience) -> Result<OpenedFile, Obstacle> {
        match self.open(path, patience)? {
            Opened::File(file) => Ok(file),
            Opened::Folder(_) => Err(Refusal::Missing.into()),
        }
    }

    fn open(&self, path: &[u8], patience: Patience) -> Result<Opened, Obstacle> {
        match self.root.open(path, patience) {
            Ok(opened) => Ok(Opened::look(opened)?),
            Err(Errno::AGAIN) if patience == Patience::AtOnce => Err(Obstacle::Waits),
            Err(error) => Err(Refusal::from(error).into()),
        }
    }

    /// The same is to be had there, at a path beneath the mount.
    fn elsewhere(&self, path: &str) -> Found {
        Found::Elsewhere(self.with_mount(path))
    }
}

/// Whether the single file of that name is what is asked for: by `/` or by its name.
fn is_asked_for(name: &[u8], names: &Names) -> bool {
    names.is_root() || (names.form() == Form::File && names.as_bytes() == name)
}

fn file_found(
    role: Role,
    path: Vec<u8>,
    file: OpenedFile,
    siblings: Vec<(Coding, OpenedFile)>,
) -> Found {
    Found::File(Box::new(FoundFile { role, path, file, siblings }))
}

/// Whether a name is one that an application would hardly make a view of: it has an extension.
fn looks_like_a_file(name: &[u8]) -> bool {
    name.contains(&b'.')
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;

    use super::super::scratch::{Folder, ask, bytes, field};
    use super::super::{FileOptions, Files, Hidden, Listing, Missing, Paths, Symlinks};

    /// A folder with files of these names, each of which holds its name.
    fn folder(names: &[&str]) -> Folder {
        let folder = Folder::new();
        for name in names {
            let path = folder.path().join(name);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(path, name).unwrap();
        }
        folder
    }

    /// What each path gets: a file's name, another path with its slash in front, or a status.
    fn check(folder: &Folder, change: impl Fn(&mut FileOptions), cases: &[(&str, &str)]) {
        let mut options = FileOptions::default();
        change(&mut options);
        let mut files = Files::with(folder.path(), options).unwrap();
        for (path, expected) in cases {
            for method in ["GET", "HEAD"] {
                let response = ask(&mut files, method, path, "");
                let status = response.status_code().as_u16();
                let found = match status {
                    301 => field(&response, "location").to_owned(),
                    200 => String::from_utf8(bytes(&response).to_vec()).unwrap(),
                    404 if !bytes(&response).starts_with(b"404 ") => {
                        format!("404 {}", String::from_utf8_lossy(bytes(&response)))
                    }
                    status => status.to_string(),
                };
                assert_eq!(found, *expected, "{method} {path}");
            }
        }
    }

    #[test]
    fn the_first_index_that_is_there_stands_for_its_folder() {
        let folder = folder(&["a/index.htm", "b/index.htm", "b/start", "c/other"]);
        create_dir_all(folder.path().join("a/start")).unwrap();
        let change = |options: &mut FileOptions| {
            options.index = vec!["start".into(), "index.htm".into()];
            options.listing = Listing::Refused;
        };
        check(&folder, change, &[("/a/", "a/index.htm"), ("/b/", "b/start"), ("/c/", "404")]);
    }

    #[test]
    fn a_clean_path_stands_for_its_page_and_the_page_s_own_path_leads_there() {
        let folder = folder(&[
            "index.html",
            "about.html",
            "both",
            "both.html",
            "docs/index.html",
            "docs/a b.html",
            "twice.html",
            "twice/index.html",
            "x.txt",
            ".html",
        ]);
        let change = |options: &mut FileOptions| options.paths = Paths::Clean;
        check(
            &folder,
            change,
            &[
                ("/", "index.html"),
                ("/index.html", "/"),
                ("/about", "about.html"),
                ("/about.html", "/about"),
                ("/about.html?x=/&y", "/about?x=/&y"),
                ("/about/", "/about"),
                ("/both", "both"),
                ("/both.html", "both.html"),
                ("/docs", "/docs/"),
                ("/docs/", "docs/index.html"),
                ("/docs/index.html", "/docs/"),
                ("/docs/a%20b", "docs/a b.html"),
                ("/docs/a%20b.html", "/docs/a%20b"),
                ("//docs//a%20b.html", "/docs/a%20b.html"),
                ("/twice", "twice.html"),
                ("/twice/", "twice/index.html"),
                ("/x", "404"),
                ("/x.txt", "x.txt"),
                ("/missing", "404"),
                ("/missing/", "404"),
                ("/missing.html", "404"),
                ("/.html", "404"),
            ],
        );
    }

    /// Of two indices one stands for the folder, and the other is a page like any other.
    #[test]
    fn no_page_is_out_of_reach_by_its_clean_path() {
        let folder = folder(&["a.html", "b.html", "..html", "...html"]);
        let change = |options: &mut FileOptions| {
            options.index = vec!["missing.html".into(), "a.html".into(), "b.html".into()];
            (options.paths, options.hidden) = (Paths::Clean, Hidden::Served);
        };
        check(
            &folder,
            change,
            &[
                ("/", "a.html"),
                ("/a.html", "/"),
                ("/b.html", "/b"),
                ("/b", "b.html"),
                ("/..html", "..html"),
                ("/...html", "...html"),
            ],
        );
    }

    #[test]
    fn without_clean_paths_a_file_has_its_own() {
        let folder = folder(&["index.html", "about.html"]);
        let cases =
            [("/about", "404"), ("/about.html", "about.html"), ("/index.html", "index.html")];
        check(&folder, |_| {}, &cases);
    }

    #[test]
    fn an_application_is_shown_for_what_is_not_there_but_for_what_looks_like_a_file() {
        let folder = folder(&["index.html", "app.js", "sub/x.txt", ".git/config"]);
        let change = |options: &mut FileOptions| options.missing = Missing::App;
        check(
            &folder,
            change,
            &[
                ("/", "index.html"),
                ("/view", "index.html"),
                ("/view/of/42", "index.html"),
                ("/view/", "index.html"),
                ("/sub/", "index.html"),
                ("/app.js", "app.js"),
                ("/app.12345.js", "404"),
                ("/missing.png", "404"),
                ("/.git/config", "index.html"),
                ("/.env", "404"),
            ],
        );
        let without_index = Folder::new();
        check(&without_index, change, &[("/view", "404")]);
    }

    #[test]
    fn the_nearest_page_is_sent_for_what_is_not_there() {
        let folder = folder(&["404.html", "docs/404.html", "docs/a/x", ".git/404.html"]);
        let change = |options: &mut FileOptions| {
            options.missing = Missing::NearestPage;
            options.listing = Listing::Refused;
        };
        let deep = format!("/docs{}", "/d".repeat(3000));
        check(
            &folder,
            change,
            &[
                ("/x", "404 404.html"),
                ("/", "404 404.html"),
                ("/docs/x", "404 docs/404.html"),
                ("/docs/", "404 docs/404.html"),
                ("/docs/b/c/", "404 docs/404.html"),
                ("/docs/a/y", "404 docs/404.html"),
                ("/docs/404.html", "docs/404.html"),
                ("/.git/x", "404 404.html"),
                (&deep, "404 404.html"),
            ],
        );
    }

    #[test]
    fn a_mount_is_what_paths_begin_with() {
        let folder = folder(&["a", "sub/b"]);
        let change = |options: &mut FileOptions| options.mount = "/files/of mine/".into();
        check(
            &folder,
            change,
            &[
                ("/files/of%20mine/a", "a"),
                ("/files/of%20mine/sub?q", "/files/of%20mine/sub/?q"),
                ("/files/of%20mine//sub", "/files/of%20mine/sub"),
                ("/files/of%20minea", "404"),
                ("/files/of%20mine", "404"),
                ("/a", "404"),
                ("/", "404"),
            ],
        );
    }

    #[test]
    fn hidden_names_and_links_are_served_where_that_is_asked_for() {
        let outer = folder(&["outside", "root/.env", "root/a", "root/.well-known/x"]);
        let root = Folder::of(outer.path().join("root"));
        symlink("a", root.path().join("link")).unwrap();
        symlink("../outside", root.path().join("out")).unwrap();
        let refused = [("/.env", "404"), ("/.well-known/x", "root/.well-known/x")];
        check(&root, |_| {}, &refused);
        check(&root, |options| options.hidden = Hidden::Served, &[("/.env", "root/.env")]);
        for (symlinks, link, out) in [
            (Symlinks::Deny, "404", "404"),
            (Symlinks::Inside, "root/a", "404"),
            (Symlinks::All, "root/a", "outside"),
        ] {
            let cases = [("/link", link), ("/out", out)];
            check(&root, |options| options.symlinks = symlinks, &cases);
        }
        std::mem::forget(root);
    }
}
