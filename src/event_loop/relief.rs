//! What is done when all connections together hold more than is granted, and somebody else has to
//! wait for that.
//!
//! Nobody's request is read then, so without this a few clients who ask for much and take nothing
//! of it, or many who never end what they have begun, would hold up everybody until their deadline.
//! Of those who have kept us waiting for [`STALLED_BEFORE_LEAVING`] the ones who hold most are
//! closed, until half of what is granted is free, so that not only one of those who wait is served.
//! A client that goes on taking its answer, however slowly, stays.
//!
//! Read next: `accept.rs`, which makes room for connections in the same way.

use crate::config::{HELD_BEFORE_LEAVING, STALLED_BEFORE_LEAVING, UNPARKED_PER_TURN};
use crate::connection::{CloseReason, Moment};
use crate::observers::Observer;

use super::EventLoop;
use super::key::Key;
use super::net::Net;
use super::slot::is_tenant;

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// Sees to it that who waits for memory gets some.
    #[cold]
    pub(super) fn relieve(&mut self) {
        if self.is_memory_short() && self.relief_at <= self.now {
            self.agenda.sweep_parked(|key| is_tenant(&self.slots, key));
            if self.agenda.has_parked() {
                self.close_stalled();
            }
            self.relief_at = self.now.after(STALLED_BEFORE_LEAVING);
        }
        if !self.is_memory_short() {
            self.agenda.unpark(UNPARKED_PER_TURN, |key| is_tenant(&self.slots, key));
        }
    }

    /// When it is to be looked again; never, if nobody waits for memory.
    pub(super) fn relief_deadline(&self) -> Moment {
        if self.agenda.has_parked() { self.relief_at } else { Moment::NEVER }
    }

    /// Looks at every slot, and closes whoever has stalled, who holds most first.
    fn close_stalled(&mut self) {
        let mut stalled: Vec<(usize, Key)> = Vec::new();
        for (at, slot) in &self.slots {
            let limits = &self.services[usize::from(slot.service)].limits;
            let for_long = slot.connection.stalled(self.now, limits);
            let held = slot.connection.held();
            // Whoever is parked waits for us.
            let may_leave = for_long >= STALLED_BEFORE_LEAVING && !slot.lists.is_parked();
            if may_leave && held >= HELD_BEFORE_LEAVING {
                stalled.push((held, slot.key(at)));
            }
        }
        stalled.sort_unstable();
        while self.held > self.config.held_bytes / 2
            && let Some((_, key)) = stalled.pop()
        {
            self.end(key, CloseReason::Stalled);
        }
    }

    /// Whether all connections together hold more than is granted.
    pub(super) fn is_memory_short(&self) -> bool {
        self.held > self.config.held_bytes
    }
}
