//! What a pump works with: the loop's two buffers, the terms of the turn, a budget. One of each
//! serves every connection, because only one is looked at at a time and none leaves anything
//! behind.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    ANSWERS_PER_TURN, LONG_TURN, READ_PER_TURN, RECEIVE_BUFFER, SEND_BUFFER, WRITTEN_PER_TURN,
};
use crate::connection::{Inbox, Moment, Terms};
use crate::message::{Bell, Caller, Job, Submitted, Wake};
use crate::responders::Responder;
use crate::wire::request::Scan;

use super::key::Key;
use super::net::Stream;
use super::notes::Ledger;

/// The loop's buffers.
pub struct Desk {
    /// Where reads go.
    pub(super) received: Box<[u8]>,
    /// What of it was not understood yet.
    pub(super) unread: Range<usize>,
    /// How far the head at its beginning was looked through.
    pub(super) scan: Scan,
    /// Where answers gather, so that many leave by one call.
    pub(super) out: Vec<u8>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            received: vec![0; RECEIVE_BUFFER].into_boxed_slice(),
            unread: 0..0,
            scan: Scan::default(),
            out: Vec::with_capacity(SEND_BUFFER),
        }
    }
}

impl Desk {
    /// Whether so much was gathered that it is sent before more is.
    pub(super) fn is_out_full(&self) -> bool {
        self.out.len() >= SEND_BUFFER
    }

    /// What was gathered has left. A source may have made a piece far larger than most.
    pub(super) fn clear_out(&mut self) {
        self.out.clear();
        if self.out.capacity() > 2 * SEND_BUFFER {
            self.out.shrink_to(SEND_BUFFER);
        }
    }

    /// What was read is of no use any more.
    pub(super) fn drop_unread(&mut self) {
        self.unread = 0..0;
        self.scan = Scan::default();
    }

    /// Moves what was not understood to a box of its own, if there is any.
    #[inline]
    pub(super) fn take_unread(&mut self) -> Option<Box<Inbox>> {
        if self.unread.is_empty() {
            self.scan = Scan::default();
            return None;
        }
        Some(self.box_unread())
    }

    fn box_unread(&mut self) -> Box<Inbox> {
        let rest = &self.received[self.unread.clone()];
        let inbox = Box::new(Inbox::holding(rest, self.scan));
        self.drop_unread();
        inbox
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("unread", &self.unread).finish_non_exhaustive()
    }
}

/// Whom a pump works for, and by what.
pub(super) struct Turn<'a, O> {
    pub(super) key: Key,
    pub(super) responder: &'a mut dyn Responder,
    pub(super) terms: Terms<'a>,
    pub(super) observer: &'a mut O,
    /// What is written down for the observer.
    pub(super) ledger: &'a mut Ledger,
    pub(super) bell: &'a Arc<dyn Bell>,
    /// The time to the nanosecond, for observers that want it. Everything else goes by the time of
    /// the turn.
    pub(super) clock: &'a dyn Fn() -> Moment,
    /// The time of the turn on the wall, in seconds since 1970.
    pub(super) unix_time: u64,
    /// [`Net::submit`](super::net::Net::submit).
    pub(super) submit: &'a dyn Fn(Job) -> Submitted,
    /// Whether there was no room for a job of this connection.
    pub(super) found_no_room: Cell<bool>,
    /// Whether all connections together hold as much memory as they may.
    pub(super) is_memory_short: bool,
    /// [`Net::SHORT_TRANSFER_DRAINS`](super::net::Net::SHORT_TRANSFER_DRAINS).
    pub(super) short_drains: bool,
}

impl<O> Turn<'_, O> {
    /// Whether the turn has lasted so long that the others should have theirs.
    pub(super) fn is_long(&self) -> bool {
        (self.clock)().since(self.terms.now) > LONG_TURN
    }
}

/// How much one connection may still do in this turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    to_read: usize,
    to_write: usize,
    to_answer: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { to_read: READ_PER_TURN, to_write: WRITTEN_PER_TURN, to_answer: ANSWERS_PER_TURN }
    }
}

impl Budget {
    pub(super) const fn read(&mut self, n: usize) {
        self.to_read = self.to_read.saturating_sub(n);
    }

    pub(super) const fn wrote(&mut self, n: usize) {
        self.to_write = self.to_write.saturating_sub(n);
    }

    /// One more answer; the last one in this turn, if the turn is seen to be long by now. That is
    /// looked at now and then only: asking the time would be felt in every small answer.
    pub(super) fn answered(&mut self, is_long: impl FnOnce() -> bool) {
        self.to_answer = self.to_answer.saturating_sub(1);
        let answers = ANSWERS_PER_TURN - self.to_answer;
        if matches!(answers, 2 | 8 | 32) && is_long() {
            self.to_answer = 0;
        }
    }

    pub(super) const fn may_answer(&self) -> bool {
        self.to_answer > 0
    }

    /// Nothing more is written in this turn.
    pub(super) const fn stop_writing(&mut self) {
        self.to_write = 0;
    }

    pub(super) const fn may_read(&self) -> bool {
        self.to_read > 0
    }

    pub(super) const fn may_write(&self) -> bool {
        self.to_write > 0
    }
}

/// What a responder can learn of the client beside the request: asked of the socket when it is
/// wanted.
pub(super) struct SlotCaller<'a, S> {
    pub(super) stream: &'a S,
    pub(super) key: Key,
    pub(super) bell: &'a Arc<dyn Bell>,
    pub(super) now: Moment,
    pub(super) unix_time: u64,
    pub(super) submit: &'a dyn Fn(Job) -> Submitted,
    pub(super) found_no_room: &'a Cell<bool>,
}

impl<S: Stream> Caller for SlotCaller<'_, S> {
    fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer()
    }

    fn connection(&self) -> u32 {
        self.key.generation
    }

    fn wake(&self) -> Wake {
        Wake::new(self.key.to_bits(), Arc::clone(self.bell))
    }

    fn now(&self) -> Duration {
        self.now.since(Moment::START)
    }

    fn unix_time(&self) -> u64 {
        self.unix_time
    }

    fn submit(&self, job: Job) -> Submitted {
        let submitted = (self.submit)(job);
        if submitted == Submitted::Full {
            self.found_no_room.set(true);
        }
        submitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many answers it is, where the turn is seen to be long from the `n`th on.
    fn answers(long_from: usize) -> usize {
        let mut budget = Budget::default();
        let mut given = 0;
        while budget.may_answer() {
            given += 1;
            budget.answered(|| given >= long_from);
        }
        given
    }

    #[test]
    fn a_long_turn_ends_a_burst_of_requests() {
        for (long_from, given) in [(1, 2), (2, 2), (3, 8), (8, 8), (9, 32), (33, 64), (100, 64)] {
            assert_eq!(answers(long_from), given, "long from {long_from} on");
        }
    }
}
