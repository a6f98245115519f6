//! The orderly stop: nobody who was let in is turned away, and nobody can make it last.
//!
//! Read next: `mod.rs`, which calls this when a bell or a signal asks for it.

use crate::connection::{CloseReason, Moment, Phase, Terms};
use crate::observers::{Event, Observer};

use super::key::Key;
use super::net::Net;
use super::slot::Slot;
use super::{EventLoop, Stays, Stopped};

/// How far an orderly stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nobody has asked for one.
    NotAsked,
    /// No more is accepted; what is being answered may take until then.
    Until(Moment),
}

/// Whether there is another turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// There is.
    GoesOn,
    /// There is not; this is how it ended.
    Ended(Stopped),
}

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// From now on: who waits is let in once more, and then nobody; every answer is the last of its
    /// connection; and who is idle, with nothing on its way, goes.
    pub(super) fn begin_stop(&mut self) {
        if self.is_stopping() {
            return;
        }
        self.stop = Stop::Until(self.now.after(self.config.grace));
        self.observer.on(&Event::Stopping(self.busy()));
        // Closing a listener resets whoever still waits in its queue.
        self.reception.room_was_made();
        for listener in 0..self.net.listeners() {
            self.reception.somebody_came(listener);
        }
        self.accept_at_most(self.capacity);
        for listener in 0..self.net.listeners() {
            if self.services[usize::from(self.service_of[listener])].stays == Stays::UntilStop {
                self.reception.close(listener);
                self.net.close_listener(listener);
            }
        }
        for (at, slot) in &mut self.slots {
            let phase = slot.connection.phase();
            if phase == Phase::Idle {
                slot.readiness.suspect_input();
            }
            if phase == Phase::Lingering {
                let limits = &self.services[usize::from(slot.service)].limits;
                let terms = Terms { now: self.now, date: &self.wall.date, limits, is_last: true };
                slot.connection.hurried(&terms);
            }
            // Whoever lingers has another deadline now, which the visit makes known to the agenda.
            let is_to_go = matches!(phase, Phase::Idle | Phase::Lingering);
            if is_to_go && slot.lists.enter_due() {
                self.due.push(slot.key(at));
            }
        }
    }

    /// The grace time ran out.
    pub(super) fn cut_off(&mut self) {
        self.cut_off = self.busy();
        if self.cut_off > 0 {
            self.observer.on(&Event::CutOff(self.cut_off));
        }
        self.end_all(CloseReason::CutOff);
    }

    /// Nobody is waited for any more.
    pub(super) fn end_all(&mut self, reason: CloseReason) {
        let keys: Vec<Key> = self.slots.iter().map(|(at, slot)| slot.key(at)).collect();
        for key in keys {
            self.end(key, reason);
        }
    }

    /// How many connections are in the middle of a request or of its answer.
    pub(super) fn busy(&self) -> usize {
        let is_busy = |phase| !matches!(phase, Phase::Idle | Phase::Lingering | Phase::Closed);
        let is_waited_for = |slot: &Slot<N::Stream>| self.is_waited_for(slot);
        let slots = self.slots.iter().filter(|(_, slot)| is_waited_for(slot));
        slots.filter(|(_, slot)| is_busy(slot.connection.phase())).count()
    }

    /// Whether a stop waits for that connection.
    fn is_waited_for(&self, slot: &Slot<N::Stream>) -> bool {
        self.stays(slot.service) == Stays::UntilStop
    }

    /// How long that service takes clients in.
    pub(super) fn stays(&self, service: u8) -> Stays {
        self.services[usize::from(service)].stays
    }

    /// Whether all that a stop waits for have left. Asked in a stop only: it looks at every slot.
    pub(super) fn nobody_is_waited_for(&self) -> bool {
        !self.slots.iter().any(|(_, slot)| self.is_waited_for(slot))
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop != Stop::NotAsked
    }
}
