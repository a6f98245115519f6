//! What the program serves: the folders and files that were named, opened and put together.
//!
//! Relies on: `cli.rs` having refused what contradicts itself. What there is to be told, an
//! application without its page, is told here; what keeps it from starting is an error.
//! Read next: `main.rs`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use log::warn;
use oneloop::files::{Cors, Missing};
use oneloop::{FileOptions, Files, FilesError, Mounts};

use super::cli::{Mount, Site};

/// What answers requests.
#[derive(Debug)]
pub(crate) enum Responders {
    /// A folder or file at `/`, and nothing else.
    One(Box<Files>),
    Several(Mounts),
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

/// Opens all that is served.
pub(crate) fn open(site: &Site) -> Result<Responders, SiteError> {
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
    if let [mount] = site.mounts.as_slice()
        && mount.at == "/"
    {
        return Ok(Responders::One(Box::new(files(site, mount)?)));
    }
    let mut mounts = Mounts::new();
    for mount in &site.mounts {
        mounts = mounts.at(&mount.at, files(site, mount)?);
    }
    let cors = site.options.cors.iter().flat_map(Cors::fields);
    for (name, value) in cors.chain(site.options.headers.iter().cloned()) {
        mounts = mounts.with_header(name, value);
    }
    Ok(Responders::Several(mounts))
}

fn files(site: &Site, mount: &Mount) -> Result<Files, SiteError> {
    Files::with(&mount.path, options(site, mount)).map_err(SiteError::Files)
}

/// How one of the mounts is served: as all are, with its share of the cache.
fn options(site: &Site, mount: &Mount) -> FileOptions {
    let mut options = site.options.clone();
    options.mount.clone_from(&mount.at);
    options.cached_bytes /= site.mounts.len();
    options.cached_files /= site.mounts.len();
    options
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
    fn mounts_share_one_cache() {
        let site = site(&[("/", "www"), ("/docs/", "manual")]);
        let (all, mount) = (FileOptions::default(), &site.mounts[1]);
        let share = options(&site, mount);
        assert_eq!(share.mount, "/docs/");
        assert_eq!(share.cached_bytes * 2, all.cached_bytes);
        assert_eq!(share.cached_files * 2, all.cached_files);
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
