//! What the loop and its slots tell those who watch, step by step.
//!
//! Nothing of it is there where nobody watches: whether anybody does is a constant of the observer,
//! and the loop is compiled for it.
//!
//! Read next: `observers/mod.rs`, the list of events; `notes.rs`, what is told of whole requests.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::connection::{Given, Moment, Phase, Why};
use crate::observers::{Call, Event, Observer, Outcome, Signs, Who};

use super::EventLoop;
use super::desk::Turn;
use super::key::Key;
use super::net::{Accepted, Net, Ready, Sent, Stream, Transfer};
use super::slot::Slot;

impl Key {
    /// Its name for those who watch.
    pub(super) const fn who(self) -> Who {
        Who { connection: self.generation, slot: self.slot }
    }
}

/// That came of moving `of` bytes.
pub(super) const fn moved(transfer: Transfer, of: usize) -> Outcome {
    match transfer {
        Transfer::Moved(n) => Outcome::Moved { n, of },
        Transfer::Blocked => Outcome::Blocked,
        Transfer::Ended => Outcome::Ended,
        Transfer::Broken(kind) => Outcome::Failed(kind),
    }
}

/// That came of a call that moves nothing.
pub(super) fn done(result: &io::Result<()>) -> Outcome {
    result.as_ref().map_or_else(|error| Outcome::Failed(error.kind()), |()| Outcome::Done)
}

impl Ready {
    const fn signs(self) -> Signs {
        Signs {
            readable: self.has(Self::READABLE),
            writable: self.has(Self::WRITABLE),
            read_closed: self.has(Self::READ_CLOSED),
            write_closed: self.has(Self::WRITE_CLOSED),
            error: self.has(Self::GONE),
            urgent: self.has(Self::URGENT),
        }
    }
}

impl<O: Observer> Turn<'_, O> {
    /// When a step begins or ends, as exactly as it is wanted.
    pub(super) fn moment(&self) -> Moment {
        let is_wanted = O::STEPS && self.observer.wants_times(self.key.who());
        if is_wanted { (self.clock)() } else { self.terms.now }
    }

    pub(super) fn tell_call(&mut self, call: Call, outcome: Outcome, from: Moment) {
        if O::STEPS {
            let (who, until) = (self.key.who(), self.moment());
            self.observer.on(&Event::Called { who, call, outcome, from, until });
        }
    }

    /// It was asked whether a page is in memory. Where it was, sendfile came next without a look at
    /// the clock between them, and has the time of both.
    pub(super) fn tell_asked_page(&mut self, sent: Sent, from: Moment) {
        if O::STEPS {
            let (outcome, until) = match sent {
                Sent::Cold => (Outcome::Blocked, self.moment()),
                Sent::Tried(_) => (Outcome::Done, from),
            };
            let (who, call) = (self.key.who(), Call::AskPage);
            self.observer.on(&Event::Called { who, call, outcome, from, until });
        }
    }

    pub(super) fn tell_given(&mut self, given: Given) {
        if O::STEPS {
            let (who, at) = (self.key.who(), self.moment());
            self.observer.on(&Event::Given { who, status: given.status.as_u16(), at });
        }
    }

    pub(super) fn tell_sent(&mut self) {
        if O::STEPS {
            let (who, at) = (self.key.who(), (self.clock)());
            self.observer.on(&Event::Sent { who, at });
        }
    }

    pub(super) fn tell_expired(&mut self, why: Why) {
        if O::STEPS {
            let who = self.key.who();
            self.observer.on(&Event::Expired { who, why });
        }
    }
}

impl<S: Stream> Slot<S> {
    pub(super) fn tell_move<O: Observer>(&self, from: Phase, turn: &mut Turn<'_, O>) {
        let to = self.connection.phase();
        if to != from {
            turn.observer.on(&Event::Moved { who: turn.key.who(), from, to });
        }
    }

    /// A head was whole, and the responder is asked: the machine went there from `from` in one
    /// step.
    pub(super) fn tell_head<O: Observer>(&self, from: Phase, turn: &mut Turn<'_, O>) {
        let who = turn.key.who();
        if from == Phase::Idle {
            turn.observer.on(&Event::Moved { who, from, to: Phase::Head });
        }
        if from != Phase::Answering {
            let (from, to) = (Phase::Head, Phase::Answering);
            turn.observer.on(&Event::Moved { who, from, to });
        }
    }
}

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// As [`Turn::moment`].
    pub(super) fn moment(&self, who: Who) -> Moment {
        let is_wanted = O::STEPS && self.observer.wants_times(who);
        if is_wanted { self.net.now() } else { self.now }
    }

    pub(super) fn tell_call(&mut self, who: Who, call: Call, outcome: Outcome, from: Moment) {
        if O::STEPS {
            let until = self.moment(who);
            self.observer.on(&Event::Called { who, call, outcome, from, until });
        }
    }

    /// The loop has waited since then, and its time is that of the wait's end.
    pub(super) fn tell_wait(&mut self, from: Moment, limit: Option<Duration>) {
        if O::STEPS {
            let (until, events) = (self.now, self.notices.len());
            self.observer.on(&Event::Waited { from, until, limit, events });
        }
    }

    pub(super) fn tell_ready(&mut self, key: Key, ready: Ready) {
        if O::STEPS {
            self.observer.on(&Event::Ready { who: key.who(), signs: ready.signs() });
        }
    }

    /// What came of an attempt to accept, where it was no connection.
    pub(super) fn tell_accept<S>(&mut self, accepted: &Accepted<S>, from: Moment) {
        let outcome = match accepted {
            Accepted::Stream(..) => return,
            Accepted::Nobody => Outcome::Blocked,
            Accepted::Left => Outcome::Failed(ErrorKind::ConnectionAborted),
            Accepted::NoDescriptors => Outcome::Failed(ErrorKind::QuotaExceeded),
            Accepted::Failed(kind) => Outcome::Failed(*kind),
        };
        self.tell_call(Who::LOOP, Call::Accept, outcome, from);
    }

    /// It waits now.
    pub(super) fn tell_armed(&mut self, key: Key) {
        if O::STEPS
            && let Some(slot) = self.slots.get(key.slot as usize)
        {
            let (why, until) = (slot.connection.awaits(), slot.connection.deadline());
            self.observer.on(&Event::Armed { who: key.who(), why, until });
        }
    }
}
