//! A file as it is answered: its content in every coding that it is there in, each with its
//! validators and its head laid out. Made when a file is first asked for, and kept as long as the
//! file is the same.
//!
//! Relies on `find.rs` for what was opened. Never opens anything itself.
//! Read next: `variant.rs`, one of its codings, and `content.rs`, which picks one and answers.

use std::fmt;
use std::sync::Arc;

use super::beneath::Patience;
use super::find::{FoundFile, Obstacle, Role};
use super::site::Site;
use super::validators::{self, Settled};
use super::variant::{Common, Identity, Variant};
use crate::config::ALLOCATION;
use crate::wire::negotiate::{Coding, Codings};

/// A file as it is answered.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) role: Role,
    /// Its path beneath the root.
    path: Box<[u8]>,
    /// The file itself, and then what lies beside it.
    variants: Box<[Variant]>,
    /// Whether it can be told from what it will be when it is next written.
    pub(super) settled: Settled,
    pub(super) is_compressible: bool,
}

/// What a file is looked at by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) patience: Patience,
    /// Seconds since 1970.
    pub(super) now: u64,
    /// What is no longer than this is read into memory, in bytes.
    pub(super) read_up_to: u64,
}

impl Entry {
    /// That file; or what is known of it, if it is the same still.
    pub(super) fn of(
        site: &Site,
        found: Box<FoundFile>,
        known: Option<&Arc<Self>>,
        look: Look,
    ) -> Result<Arc<Self>, Obstacle> {
        if let Some(known) = known
            && known.settled == Settled::Yes
            && known.is_of(&found)
        {
            return Ok(Arc::clone(known));
        }
        let FoundFile { role, path, file, siblings } = *found;
        let len = file.metadata.len();
        let is_compressible = Common::is_compressible(site, role, &path, len);
        let has_choice = is_compressible || !siblings.is_empty();
        let common = Common::of(site, role, &path, has_choice);
        let mut settled = Settled::Yes;
        let mut variants = Vec::with_capacity(1 + siblings.len());
        for (coding, file) in [(Coding::Identity, file)].into_iter().chain(siblings) {
            if validators::is_settled(&file.metadata, look.now) == Settled::No {
                settled = Settled::No;
            }
            variants.push(common.variant(coding, file, look)?);
        }
        let (path, variants) = (path.into_boxed_slice(), variants.into_boxed_slice());
        Ok(Arc::new(Self { role, path, variants, settled, is_compressible }))
    }

    fn is_of(&self, found: &FoundFile) -> bool {
        let FoundFile { role, path, file, siblings } = found;
        let [original, others @ ..] = &self.variants[..] else { return false };
        (*role, &path[..]) == (self.role, &self.path[..])
            && original.identity == Identity::of(&file.metadata)
            && others.len() == siblings.len()
            && others.iter().zip(siblings).all(|(variant, (coding, file))| {
                variant.coding == *coding && variant.identity == Identity::of(&file.metadata)
            })
    }

    /// Its path beneath the root, as text that tells it from all others.
    pub(super) fn path(&self) -> impl fmt::Display + '_ {
        self.path.escape_ascii()
    }

    /// What it is known by in place of the path that led to it, where many paths do.
    pub(super) fn name(&self) -> Option<String> {
        self.role.name(&self.path)
    }

    /// The file itself.
    pub(super) fn original(&self) -> &Variant {
        &self.variants[0]
    }

    /// The one that suits the client best: what it would rather have, and of equals the shortest.
    /// What is there only to be shorter and is not has no claim. Nothing where it wants none of
    /// them.
    pub(super) fn suited(&self, codings: Codings) -> Option<&Variant> {
        let [original, others @ ..] = &self.variants[..] else { return None };
        let rank = |variant: &Variant| (codings.quality(variant.coding), u64::MAX - variant.len());
        let shorter = others.iter().filter(|sibling| sibling.len() < original.len());
        let best = shorter.chain([original]).max_by_key(|variant| rank(variant))?;
        if codings.quality(best.coding) > 0 {
            return Some(best);
        }
        others.iter().find(|sibling| codings.quality(sibling.coding) > 0)
    }

    /// Whether what is sent depends on the codings that the client accepts.
    pub(super) fn has_choice(&self) -> bool {
        self.variants.len() > 1 || self.is_compressible
    }

    /// What its variants have in common.
    pub(super) fn common<'s>(&self, site: &'s Site) -> Common<'s> {
        Common::of(site, self.role, &self.path, self.has_choice())
    }

    /// What it costs to keep, in bytes of memory and in open files.
    pub(super) fn cost(&self) -> (usize, usize) {
        let costs = self.variants.iter().map(Variant::cost);
        let own = size_of::<Self>() + self.path.len() + 3 * ALLOCATION;
        costs.fold((own, 0), |(bytes, files), cost| (bytes + cost.0, files + cost.1))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, write};
    use std::path::Path;
    use std::sync::Arc;

    use super::super::FileOptions;
    use super::super::find::Found;
    use super::super::scratch::Folder;
    use super::{Entry, FoundFile, Identity, Look, Patience, Site};
    use crate::config::FILE_READ_WHOLE;

    /// So late that all files are settled.
    const NOW: u64 = 4_000_000_000;

    fn found(site: &Site) -> Box<FoundFile> {
        match site.find("/f", Patience::Patient) {
            Ok(Found::File(found)) => found,
            other => panic!("{other:?}"),
        }
    }

    fn entry(site: &Site, found: Box<FoundFile>, known: Option<&Arc<Entry>>) -> Arc<Entry> {
        let look = Look { patience: Patience::Patient, now: NOW, read_up_to: FILE_READ_WHOLE };
        Entry::of(site, found, known, look).unwrap()
    }

    fn has_validators(entry: &Entry) -> bool {
        let original = entry.original();
        let head = String::from_utf8(original.whole.head().to_vec()).unwrap();
        let says = head.contains("\r\nETag: ") || head.contains("\r\nLast-Modified: ");
        assert_eq!(says, original.validators.etag.is_some());
        assert_eq!(says, original.validators.modified.is_some());
        says
    }

    /// Nothing vouches for what came out of a file that was written between opening and reading,
    /// nor is that taken for what is there the next time.
    #[test]
    fn torn_content_has_no_validators_and_is_read_again() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        let site = Site::of_folder(folder.path(), FileOptions::default()).unwrap();
        type Change = fn(&Path);
        let changes: [(Change, &str); 4] = [
            (|_| {}, "before"),
            (|path| File::options().write(true).open(path).unwrap().set_len(3).unwrap(), "bef"),
            (|path| write(path, "six").unwrap(), "six"),
            // As much is read as there was to be.
            (|path| write(path, "before and after").unwrap(), "before"),
        ];
        for (number, (change, expected)) in changes.into_iter().enumerate() {
            write(&path, "before").unwrap();
            let opened = found(&site);
            let identity = Identity::of(&opened.file.metadata);
            // A clock that ticks seldom: nothing was written if the file says so.
            while number > 0 && Identity::now(&opened.file.file) == Some(identity) {
                change(&path);
            }
            let torn = entry(&site, opened, None);
            let content = torn.original().whole.body();
            assert_eq!(content, expected.as_bytes());
            assert_eq!(torn.original().len(), expected.len() as u64);
            assert_eq!(has_validators(&torn), number == 0, "{expected}");
            let next = entry(&site, found(&site), Some(&torn));
            assert!(has_validators(&next), "{expected}");
            assert_eq!(Arc::ptr_eq(&next, &torn), number == 0, "{expected}");
            let same = entry(&site, found(&site), Some(&next));
            assert!(Arc::ptr_eq(&same, &next));
        }
    }
}
