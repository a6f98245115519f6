//! What the program serves: the folders and files that were named, opened and put together.
//!
//! Relies on: `cli.rs` having refused what contradicts itself. What there is to be told, an
//! application without its page, is told here; what keeps it from starting is an error.
//! Read next: `main.rs`.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use log::warn;
use oneloop::files::{Cors, Missing};
use oneloop::{FileOptions, Files, FilesError, Mounts};
use rustix::process::{Resource, getrlimit};

use super::cli::{Mount, Site};

/// What answers requests, once for each worker: all of it is open before the first of them starts.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A folder or file at `/`, and nothing else.
    One(Vec<Files>),
    Several(Vec<Mounted>),
}

/// What there is at which path, and what is added to every answer.
#[derive(Debug)]
pub(crate) struct Mounted {
    at: Vec<(String, Files)>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// Why it cannot be served.
#[derive(Debug)]
pub(crate) enum SiteError {
    Files(FilesError),
    /// An option makes no sense, because this is no folder.
    NoFolder {
        option: String,
        path: PathBuf,
    },
}

/// Opens all that is served, for each worker.
pub(crate) fn open(site: &Site, workers: NonZeroUsize) -> Result<Opened, SiteError> {
    let is_folder = |mount: &Mount| mount.path.is_dir();
    if let Some(option) = &site.for_folders
        && !site.mounts.iter().any(is_folder)
        && let Some(file) = site.mounts.iter().find(|mount| mount.path.is_file())
    {
        return Err(SiteError::NoFolder { option: option.clone(), path: file.path.clone() });
    }
    for mount in site.mounts.iter().filter(|mount| is_folder(mount)) {
        warn_of_missing_app(&mount.path, &site.options);
    }
    let opened = |mount: &Mount| {
        Files::with(&mount.path, options(site, mount, workers)).map_err(SiteError::Files)
    };
    let workers = 0..workers.get();
    if let [mount] = site.mounts.as_slice()
        && mount.at == "/"
    {
        return workers.map(|_| opened(mount)).collect::<Result<_, _>>().map(Opened::One);
    }
    let mounted = |_| {
        let at = site.mounts.iter().map(|mount| Ok((mount.at.clone(), opened(mount)?)));
        let cors = site.options.cors.iter().flat_map(Cors::fields);
        let fields = cors.chain(site.options.headers.iter().cloned()).collect();
        Ok(Mounted { at: at.collect::<Result<_, _>>()?, fields })
    };
    workers.map(mounted).collect::<Result<_, _>>().map(Opened::Several)
}

/// The responder of one worker.
pub(crate) fn mounts(mounted: Mounted) -> Mounts {
    let Mounted { at, fields } = mounted;
    let mounts = at.into_iter().fold(Mounts::new(), |mounts, (at, files)| mounts.at(&at, files));
    fields.into_iter().fold(mounts, |mounts, (name, value)| mounts.with_header(name, value))
}

/// How one of the mounts is served by one of the workers: as all are, with its share of the cache.
fn options(site: &Site, mount: &Mount, workers: NonZeroUsize) -> FileOptions {
    let mut options = site.options.clone();
    options.mount.clone_from(&mount.at);
    let shares = site.mounts.len().saturating_mul(workers.get());
    options.cached_bytes /= shares;
    options.cached_files = options.cached_files.min(spare_descriptors()) / shares;
    options
}

/// Descriptors that all cached files together may take: an eighth of those there are, as of one
/// [`Files`].
fn spare_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 8).unwrap_or(usize::MAX)
}

/// It may be built while it is served, so that this is no error.
fn warn_of_missing_app(folder: &Path, options: &FileOptions) {
    let has_index = options.index.iter().any(|name| folder.join(name).is_file());
    if options.missing == Missing::App && !has_index {
        let (folder, names) = (folder.display(), options.index.join(" or "));
        warn!("there is no {names} in {folder} for --spa; what is missing is 404 until there is");
    }
}

/// `www, manual/html at /docs/`
pub(crate) fn described(site: &Site) -> String {
    let mut text = String::new();
    for (index, Mount { at, path }) in site.mounts.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{}", path.display());
        if at != "/" {
            let _ = write!(text, " at {at}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::cli::Sandbox;
    use super::*;

    fn site(mounts: &[(&str, &str)]) -> Site {
        let mount = |&(at, path): &(&str, &str)| Mount { at: at.into(), path: path.into() };
        Site {
            mounts: mounts.iter().map(mount).collect(),
            options: FileOptions::default(),
            for_folders: None,
            sandbox: Sandbox::Off,
        }
    }

    #[test]
    fn mounts_and_workers_share_one_cache() {
        let site = site(&[("/", "www"), ("/docs/", "manual")]);
        let (all, mount) = (FileOptions::default(), &site.mounts[1]);
        for workers in [1, 4] {
            let share = options(&site, mount, NonZeroUsize::new(workers).unwrap());
            assert_eq!(share.mount, "/docs/");
            assert_eq!(share.cached_bytes * 2 * workers, all.cached_bytes);
            assert_eq!(share.cached_files * 2 * workers, all.cached_files);
        }
    }

    #[test]
    fn what_is_served_is_told_with_its_prefix() {
        for (mounts, expected) in [
            (&[("/", "www")][..], "www"),
            (&[("/docs/", "manual")], "manual at /docs/"),
            (&[("/", "www"), ("/a/", "b"), ("/c/", "d")], "www, b at /a/, d at /c/"),
        ] {
            assert_eq!(described(&site(mounts)), expected);
        }
    }
}
