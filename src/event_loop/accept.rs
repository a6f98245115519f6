//! How connections come in: within a budget, up to a number, and what is done when there is no
//! room.
//!
//! A listener is edge-triggered like everything else: it is told once that somebody waits, and then
//! it is for us to remember until nobody does. When all connections are taken, or there is no
//! descriptor for another, the one that has been idle longest is closed to make room. Only when
//! none is idle does accepting pause; whoever waits does so in the kernel's queue, and is taken in
//! when a connection ends.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::{
    ACCEPT_PAUSE, ACCEPTS_PER_TURN, ATTENDED_MOST, IDLE_BEFORE_LEAVING, LINGER_SILENT,
    PAUSE_TOLD_AGAIN,
};
use crate::connection::{CloseReason, Connection, Moment, Phase, Terms};
use crate::observers::{AcceptPause, Call, Event, Observer, Outcome, Side, Who};

use super::key::Key;
use super::net::{Accepted, Net};
use super::slot::{Slot, tenant};
use super::telling::done;
use super::{EventLoop, Service, Stays};

/// What is known of the listeners, and of the room behind them.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// For each listener, whether somebody may be waiting.
    waiting: Vec<bool>,
    /// Accepting pauses until then, or until a connection ends.
    paused_until: Option<Moment>,
    /// The pause that was told last, and when.
    told: Option<(AcceptPause, Moment)>,
    /// At which listener the next turn begins, so that none starves behind another.
    first: usize,
    /// Those who had been idle longest when it was last looked, the longest last. Finding them
    /// costs a look at every slot, so several are found at once.
    longest_idle: Vec<(Duration, Moment, Key)>,
}

/// How many of those who have been idle longest are found by one look at every slot.
const FOUND_AT_ONCE: usize = 256;

impl Reception {
    /// Somebody may wait at every listener.
    pub(super) fn open(listeners: usize) -> Self {
        Self { waiting: vec![true; listeners], ..Self::default() }
    }

    /// Somebody waits at that listener.
    pub(super) fn somebody_came(&mut self, listener: usize) {
        if let Some(waiting) = self.waiting.get_mut(listener) {
            *waiting = true;
        }
    }

    /// A connection has ended, so there is room.
    pub(super) fn room_was_made(&mut self) {
        self.paused_until = None;
    }

    /// Nobody is accepted there any more.
    pub(super) fn close(&mut self, listener: usize) {
        self.waiting[listener] = false;
        self.paused_until = None;
        self.longest_idle = Vec::new();
    }

    /// Whether accepting goes on in the next turn without being told to by an event.
    pub(super) fn is_unfinished(&self) -> bool {
        self.paused_until.is_none() && self.waiting.contains(&true)
    }

    /// When a pause ends.
    pub(super) fn deadline(&self) -> Moment {
        self.paused_until.unwrap_or(Moment::NEVER)
    }
}

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// Accepts who waits, within the turn's budget.
    #[inline]
    pub(super) fn accept(&mut self) {
        if self.reception.paused_until.is_some() || self.reception.waiting.contains(&true) {
            self.accept_at_most(ACCEPTS_PER_TURN);
        }
    }

    pub(super) fn accept_at_most(&mut self, mut budget: usize) {
        if self.reception.paused_until.is_some_and(|until| until <= self.now) {
            self.reception.paused_until = None;
        }
        if self.reception.paused_until.is_some() {
            return;
        }
        let listeners = self.reception.waiting.len();
        self.reception.first = (self.reception.first + 1) % listeners.max(1);
        for nth in 0..listeners {
            let listener = (self.reception.first + nth) % listeners;
            while self.reception.waiting[listener] && budget > 0 {
                self.accept_one(listener);
                budget -= 1;
                // The others are tried once: there may be room behind them.
                if self.reception.paused_until.is_some() {
                    break;
                }
            }
        }
    }

    fn accept_one(&mut self, listener: usize) {
        if self.is_full(listener) && !self.make_room(listener, AcceptPause::FullHouse) {
            return;
        }
        let from = self.moment(Who::LOOP);
        let accepted = self.net.accept(listener);
        self.tell_accept(&accepted, from);
        match accepted {
            Accepted::Stream(stream, peer) => self.move_in(stream, peer, listener, from),
            Accepted::Nobody => self.reception.waiting[listener] = false,
            Accepted::Left => {}
            Accepted::NoDescriptors => {
                self.make_room(listener, AcceptPause::NoDescriptors);
            }
            Accepted::Failed(kind) => self.pause_accepting(AcceptPause::Failed(kind)),
        }
    }

    /// Whether who comes to that listener finds no room.
    fn is_full(&self, listener: usize) -> bool {
        // As a rule there is room, and nobody who looks on.
        if self.attended == 0 && self.slots.len() < self.capacity {
            return false;
        }
        match self.stays(self.service_of[listener]) {
            Stays::UntilStop => self.slots.len() - self.attended >= self.capacity,
            Stays::ToTheEnd => self.attended >= ATTENDED_MOST,
        }
    }

    /// Closes who has been idle longest, for somebody who waits; nobody leaves for nobody, and only
    /// trouble that somebody has is told. Whether there is room now.
    fn make_room(&mut self, listener: usize, trouble: AcceptPause) -> bool {
        let from = self.moment(Who::LOOP);
        let is_somebody_waiting = self.net.is_somebody_waiting(listener);
        self.tell_call(Who::LOOP, Call::Poll, Outcome::Done, from);
        if !is_somebody_waiting {
            self.reception.waiting[listener] = false;
            return false;
        }
        // Where descriptors are short anybody's will do.
        let stays = self.stays(self.service_of[listener]);
        let of = (trouble == AcceptPause::FullHouse).then_some(stays);
        let Some(idle) = self.longest_idle(of) else {
            if of == Some(Stays::ToTheEnd) {
                // It is tried again when one of them leaves, and nobody else waits for that.
                self.reception.waiting[listener] = false;
            } else {
                self.pause_accepting(trouble);
            }
            return false;
        };
        self.end(idle, CloseReason::MadeRoom);
        true
    }

    fn move_in(
        &mut self,
        mut stream: N::Stream,
        peer: Option<SocketAddr>,
        listener: usize,
        from: Moment,
    ) {
        let service = self.service_of[listener];
        let Service { limits, stays, .. } = &self.services[usize::from(service)];
        let terms = Terms { now: self.now, date: &self.wall.date, limits, is_last: false };
        let side = match stays {
            Stays::UntilStop => Side::Main,
            Stays::ToTheEnd => Side::Aside,
        };
        self.attended += usize::from(side == Side::Aside);
        let connection = Connection::new(&terms);
        let generation = self.generations.next();
        let at = self.slots.vacant_key();
        self.crowd = self.crowd.max(at + 1);
        let key = Key { slot: at as u32, generation };
        let who = key.who();
        self.observer.on(&Event::Accepted { who, service, side, peer });
        self.tell_call(who, Call::Accept, Outcome::Done, from);
        let from = self.moment(who);
        let registered = self.net.register(&mut stream, key);
        self.tell_call(who, Call::Register, done(&registered), from);
        self.slots.insert(Slot::new(stream, connection, service, generation));
        let slot = &mut self.slots[at];
        match registered {
            Ok(()) => self.agenda.arm(key, &mut slot.armed, slot.connection.deadline()),
            Err(error) => {
                slot.connection.broken(error.kind());
                self.bury(key);
            }
        }
    }

    /// Somebody who looked on has left; who else would may be waiting for that.
    pub(super) fn one_attended_less(&mut self) {
        if self.attended >= ATTENDED_MOST {
            for listener in 0..self.service_of.len() {
                if self.stays(self.service_of[listener]) == Stays::ToTheEnd {
                    self.reception.somebody_came(listener);
                }
            }
        }
        self.attended -= 1;
    }

    /// The one that has waited longest for its client, if any has for a while; where `of` is given,
    /// only of services that stay so long.
    fn longest_idle(&mut self, of: Option<Stays>) -> Option<Key> {
        loop {
            while let Some((_, deadline, key)) = self.reception.longest_idle.pop() {
                // Whoever has done something since has another deadline.
                let Some(idle) = tenant(&mut self.slots, key) else { continue };
                let is_one =
                    of.is_none_or(|of| of == self.services[usize::from(idle.service)].stays);
                if is_one && idle.may_leave() && idle.connection.deadline() == deadline {
                    return Some(key);
                }
            }
            self.find_longest_idle(of);
            if self.reception.longest_idle.is_empty() {
                return None;
            }
        }
    }

    /// Looks at every slot.
    fn find_longest_idle(&mut self, of: Option<Stays>) {
        let mut idle = std::mem::take(&mut self.reception.longest_idle);
        for (at, slot) in &self.slots {
            let connection = &slot.connection;
            let wait = match connection.phase() {
                Phase::Idle => self.services[usize::from(slot.service)].limits.idle_timeout,
                _ => LINGER_SILENT,
            };
            let waited = wait.saturating_sub(connection.deadline().since(self.now));
            let is_one = of.is_none_or(|of| of == self.stays(slot.service));
            if is_one && slot.may_leave() && waited >= IDLE_BEFORE_LEAVING {
                idle.push((waited, connection.deadline(), slot.key(at)));
            }
        }
        if idle.len() > FOUND_AT_ONCE {
            idle.select_nth_unstable_by(FOUND_AT_ONCE, |a, b| b.cmp(a));
            idle.truncate(FOUND_AT_ONCE);
        }
        idle.sort_unstable();
        self.reception.longest_idle = idle;
    }

    fn pause_accepting(&mut self, why: AcceptPause) {
        self.reception.paused_until = Some(self.now.after(ACCEPT_PAUSE));
        // Under pressure one pause follows on another; that is one thing to whoever reads the log.
        let told = self.reception.told;
        let is_new =
            told.is_none_or(|(last, at)| last != why || self.now.since(at) >= PAUSE_TOLD_AGAIN);
        if is_new {
            self.reception.told = Some((why, self.now));
            self.observer.on(&Event::AcceptPaused(why));
        }
    }
}
