//! What looking for a path came to: what it stands for, made ready to be answered.
//!
//! Relies on `find.rs` to find it, on `entry.rs` and `listing/` to make it ready. Whoever calls
//! this says by the patience how long it may take.
//! Read next: `errands.rs`, for when that is long.

use std::sync::Arc;

use super::beneath::Patience;
use super::cache::Known;
use super::entry::{Entry, Look};
use super::find::{Found, Obstacle};
use super::listing::{self, Ask, Place};
use super::names::Names;
use super::opened::Refusal;
use super::site::Site;
use crate::config::FILE_READ_WHOLE;

/// What looking for a path came to, at once or by a helper.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// Something that can be kept.
    Known(Known),
    /// Another path.
    Elsewhere(String),
    /// Nothing.
    Refused(Refusal),
}

impl From<Result<Self, Obstacle>> for Outcome {
    fn from(seen: Result<Self, Obstacle>) -> Self {
        seen.unwrap_or_else(|obstacle| match obstacle {
            Obstacle::Refused(refusal) => Self::Refused(refusal),
            // Who has patience is not told to wait.
            Obstacle::Waits => Self::Refused(Refusal::Busy),
        })
    }
}

impl Site {
    /// How a file is looked at, with that patience and at that time. Where too much is in memory,
    /// nothing is read.
    pub(super) fn look(&self, patience: Patience, now: u64) -> Look {
        let read_up_to = if self.memory.has_room(FILE_READ_WHOLE) { FILE_READ_WHOLE } else { 0 };
        Look { patience, now, read_up_to }
    }

    /// What was found, read if it is short and not known already.
    pub(super) fn seen(
        &self,
        found: Found,
        known: Option<&Arc<Entry>>,
        look: Look,
    ) -> Result<Outcome, Obstacle> {
        Ok(match found {
            Found::File(found) => Outcome::Known(Known::File(Entry::of(self, found, known, look)?)),
            Found::Folder(_) => Outcome::Known(Known::Folder),
            Found::Elsewhere(path) => Outcome::Elsewhere(path),
        })
    }

    /// The folder at that path as a page; or what is there by now in its place. The time is in
    /// seconds since 1970.
    pub(super) fn list(&self, path: &str, ask: Ask, now: u64) -> Result<Outcome, Obstacle> {
        match self.find(path, Patience::Patient)? {
            Found::Folder(folder) => {
                let names = Names::parse(path).ok_or(Refusal::Missing)?;
                let mount = &self.mount_shown;
                let hidden = self.options.hidden;
                let place = Place { root: &self.root, names: &names, mount, hidden };
                let page = listing::made(&place, folder, ask)?.response();
                let page = self.memory.count(self.options.finish(page).lay_out());
                Ok(Outcome::Known(Known::Listing(page)))
            }
            // It was a folder to be listed a moment ago.
            found => self.seen(found, None, self.look(Patience::Patient, now)),
        }
    }
}
