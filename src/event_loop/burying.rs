//! How connections leave the slab: each once, with its reason, and its socket closed with it.
//!
//! Whoever ends by itself in a turn is buried at the end of it; whoever is closed from outside, at
//! once. Keys that others still hold name nobody any more.
//!
//! Read next: `key.rs`, for what becomes of events that come too late.

use crate::config::{CONNECTIONS_UNASKED, SLOTS_KEPT};
use crate::connection::CloseReason;
use crate::observers::{Call, Event, Observer, Outcome};

use super::key::Key;
use super::net::{Net, Stream as _};
use super::slot::{Slot, tenant};
use super::stopping::Stop;
use super::{EventLoop, Stays};

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// Closes a connection from outside of it.
    pub(super) fn end(&mut self, key: Key, reason: CloseReason) {
        if let Some(slot) = tenant(&mut self.slots, key) {
            self.held -= slot.connection.held();
            slot.connection.close(reason);
            self.bury(key);
        }
    }

    /// Buries who has ended in this turn, and cuts off who is left when the grace time is over.
    pub(super) fn bury_ended(&mut self) {
        while let Some(key) = self.ended.pop() {
            self.bury(key);
        }
        if let Stop::Until(moment) = self.stop
            && moment <= self.now
        {
            self.cut_off();
        }
        // A crowd that has left leaves no memory behind, as far as the last one's slot allows.
        if self.crowd > 4 * self.slots.len() + SLOTS_KEPT {
            self.give_memory_back();
        }
    }

    /// Gives back the memory of slots that were used and are empty. The room for them is set aside
    /// anew, once nobody is left in the way.
    fn give_memory_back(&mut self) {
        self.slots.shrink_to_fit();
        self.crowd = self.slots.capacity();
        self.ledger.shrink_to(self.crowd);
        if self.crowd <= 4 * self.slots.len() + SLOTS_KEPT {
            let room = self.capacity.min(CONNECTIONS_UNASKED);
            self.slots.reserve_exact(room.saturating_sub(self.slots.len()));
        }
    }

    /// A connection that has its fate leaves the slab, and its socket is closed.
    pub(super) fn bury(&mut self, key: Key) {
        if self.tenant(key).is_none() {
            return;
        }
        let mut slot = self.slots.remove(key.slot as usize);
        if self.attended > 0 && self.stays(slot.service) == Stays::ToTheEnd {
            self.one_attended_less();
        }
        let who = key.who();
        if slot.connection.is_cut() {
            let from = self.moment(who);
            slot.stream.reset();
            self.tell_call(who, Call::SetOption, Outcome::Done, from);
        }
        if let Some(mut notes) = self.ledger.tear_out(key) {
            let close = slot.connection.fate();
            notes.tell(false, close, self.net.now(), &self.wall.date, &mut self.observer);
        }
        let Slot { stream, connection, .. } = slot;
        debug_assert_eq!(connection.held(), 0, "a closed connection holds nothing");
        let from = self.moment(who);
        drop(stream);
        self.tell_call(who, Call::Close, Outcome::Done, from);
        if let Some(reason) = connection.fate() {
            self.observer.on(&Event::Closed { who, reason, requests: connection.requests() });
        }
        self.reception.room_was_made();
    }
}
