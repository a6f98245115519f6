//! What is done when all connections together hold more than is granted, and somebody else has to
//! wait for that.
//!
//! Nobody's request is read then, so without this a few clients who ask for much and take nothing
//! of it would hold up everybody until their write timeout. Those who have kept us waiting longest,
//! and for [`STALLED_BEFORE_LEAVING`] at least, are closed until half of what is granted is free,
//! so that more than one of those who wait is served. A client that takes its answer, however
//! slowly, stays.
//!
//! Read next: `accept.rs`, which makes room for connections in the same way.

use std::time::Duration;

use crate::config::STALLED_BEFORE_LEAVING;
use crate::connection::{CloseReason, Moment};
use crate::observers::Observer;

use super::EventLoop;
use super::key::Key;
use super::net::Net;

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// Sees to it that who waits for memory gets some.
    #[cold]
    pub(super) fn relieve(&mut self) {
        if self.is_memory_short() && self.relief_at <= self.now {
            let slots = &self.slots;
            self.agenda.sweep_parked(|key| {
                slots.get(key.slot as usize).is_some_and(|slot| slot.generation == key.generation)
            });
            if self.agenda.has_parked() {
                self.close_stalled();
            }
            self.relief_at = self.now.after(STALLED_BEFORE_LEAVING);
        }
        if !self.is_memory_short() {
            self.agenda.unpark();
        }
    }

    /// When it is to be looked again; never, if nobody waits for memory.
    pub(super) fn relief_deadline(&self) -> Moment {
        if self.agenda.has_parked() { self.relief_at } else { Moment::NEVER }
    }

    /// Looks at every slot, and closes the longest stalled first.
    fn close_stalled(&mut self) {
        let mut stalled: Vec<(Duration, Key)> = Vec::new();
        for (at, slot) in &self.slots {
            let limits = &self.services[usize::from(slot.service)].limits;
            let for_long = slot.connection.stalled(self.now, limits);
            if for_long >= STALLED_BEFORE_LEAVING && slot.connection.held() > 0 {
                stalled.push((for_long, slot.key(at)));
            }
        }
        stalled.sort_unstable();
        while self.held > self.config.held_bytes / 2
            && let Some((_, key)) = stalled.pop()
        {
            self.end(key, CloseReason::Stalled);
        }
    }

    pub(super) fn is_memory_short(&self) -> bool {
        self.held > self.config.held_bytes
    }
}
