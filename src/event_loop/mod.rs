//! The loop: the only floor that waits, and it waits in one place.
//!
//! A [`turn`](EventLoop::turn) is the whole of it: wait → note what the events say → accept → pump
//! who is due → expire who is late → bury who has ended → where memory is short, relieve. It relies
//! on the poll being edge-triggered, and on *blocked* being true. What follows from that is in
//! `readiness.rs`.
//!
//! It never waits while somebody is unfinished, never longer than to the nearest deadline, and when
//! there is nothing to do it makes no system call at all.
//!
//! May import: every floor.   Never: parsing of any kind.
//! Read next: `slot.rs` (`pump`, the heart), `readiness.rs` (the rules), `agenda.rs` (how long to
//! wait), `accept.rs`, `mio.rs` (how little mio is asked).

mod accept;
mod agenda;
mod bind_error;
mod burying;
mod clock;
mod desk;
mod helpers;
mod key;
mod listener;
mod lists;
mod mio;
mod net;
mod notes;
mod outcome;
mod questions;
mod queueing;
mod readiness;
mod relief;
mod send_file;
mod server;
mod service;
mod signals;
mod slot;
mod stopping;
mod telling;
mod warming;
mod workers;
mod writing;

pub use bind_error::BindError;
pub use desk::Desk;
pub use key::Key;
pub use listener::{Address, Listener};
pub use net::{Accepted, Net, Notice, Ready, Sent, Stream, Transfer, Wall};
pub use server::{Handle, Server, Stopped};
pub use service::{Service, Stays};
pub use slot::{Slot, Verdict};
pub use stopping::Flow;
pub use workers::Workers;

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use slab::Slab;

use crate::config::{CONNECTIONS_UNASKED, Config};
use crate::connection::{CloseReason, Moment, Phase, Terms};
use crate::message::Bell;
use crate::observers::{Event, Observer};

use accept::Reception;
use agenda::Agenda;
use desk::Turn;
use key::Generations;
use notes::Ledger;
use slot::tenant;
use stopping::Stop;

/// One event loop over a network.
pub struct EventLoop<N: Net, O> {
    net: N,
    slots: Slab<Slot<N::Stream>>,
    services: Vec<Service>,
    /// For each listener, whose it is.
    service_of: Vec<u8>,
    observer: O,
    ledger: Ledger,
    config: Config,
    /// Connections at one time.
    capacity: usize,
    /// Of those that there are, how many are not in that: of services that stay to the end.
    attended: usize,
    /// How many slots have been written to since memory was last given back.
    crowd: usize,
    generations: Generations,
    reception: Reception,
    agenda: Agenda,
    desk: Desk,
    bell: Arc<dyn Bell>,
    /// The time of this turn; read once.
    now: Moment,
    wall: Wall,
    /// What all connections together keep unread and unsent, in bytes.
    held: usize,
    /// Where that is too much, when it is looked next who could be closed.
    relief_at: Moment,
    stop: Stop,
    cut_off: usize,
    // Of one turn, and here only to be used again.
    notices: Vec<Notice>,
    due: Vec<Key>,
    ended: Vec<Key>,
}

impl<N: Net, O: Observer> EventLoop<N, O> {
    /// A loop over `net`, whose listeners belong to the services of the numbers in `service_of`. At
    /// most `capacity` connections are served at one time.
    pub fn new(
        net: N,
        services: Vec<Service>,
        service_of: Vec<u8>,
        config: Config,
        capacity: usize,
        observer: O,
    ) -> Self {
        let bell = net.bell();
        let now = net.now();
        // All the room there will be: what was never written to costs addresses and no memory. With
        // vectors that grow, copies that were left behind cost each of 8,000 connections 28 bytes.
        let room = capacity.clamp(1, CONNECTIONS_UNASKED);
        Self {
            reception: Reception::open(net.listeners()),
            net,
            slots: Slab::with_capacity(room),
            services,
            service_of,
            observer,
            ledger: Ledger::default(),
            config,
            capacity: capacity.max(1),
            attended: 0,
            crowd: 0,
            generations: Generations::of(0, 1),
            agenda: Agenda::with_room_for(room),
            desk: Desk::default(),
            bell,
            now,
            wall: Wall::UNKNOWN,
            held: 0,
            relief_at: Moment::START,
            stop: Stop::NotAsked,
            cut_off: 0,
            notices: Vec::new(),
            due: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// The same as one of several loops, that one from 0: each numbers connections by itself, and
    /// no two have the same.
    pub(super) fn numbered(mut self, (this, loops): (usize, usize)) -> Self {
        self.generations = Generations::of(this, loops);
        self
    }

    /// Turns until it ends.
    ///
    /// # Errors
    /// Those of [`Net::wait`]: the poll itself is broken.
    pub fn run(&mut self) -> io::Result<Stopped> {
        loop {
            if let Flow::Ended(stopped) = self.turn()? {
                return Ok(stopped);
            }
        }
    }

    /// One turn.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn turn(&mut self) -> io::Result<Flow> {
        self.wait()?;
        if let Some(signal) = self.note() {
            let cut_off = self.busy();
            self.end_all(CloseReason::EndedAtOnce);
            return Ok(Flow::Ended(Stopped { cut_off, signal: Some(signal) }));
        }
        self.accept();
        self.pump_due();
        self.expire();
        self.bury_ended();
        if self.agenda.has_parked() {
            self.relieve();
        }
        self.observer.on(&Event::TurnEnded { events: self.notices.len() });
        Ok(match self.stop {
            Stop::Until(_) if self.nobody_is_waited_for() => {
                self.end_all(CloseReason::Stopped);
                Flow::Ended(Stopped { cut_off: self.cut_off, signal: None })
            }
            _ => Flow::GoesOn,
        })
    }

    fn wait(&mut self) -> io::Result<()> {
        let stop = if let Stop::Until(moment) = self.stop { moment } else { Moment::NEVER };
        let limit = if self.reception.is_unfinished() || self.has_room_for_who_waits() {
            Some(std::time::Duration::ZERO)
        } else {
            let others = self.reception.deadline().min(self.relief_deadline()).min(stop);
            self.agenda.wait_limit(self.now, others)
        };
        self.notices.clear();
        let from = if O::STEPS { self.net.now() } else { self.now };
        self.net.wait(limit, &mut self.notices)?;
        self.now = self.net.now();
        self.wall = self.net.wall(self.now);
        self.tell_wait(from, limit);
        Ok(())
    }

    /// Takes down what the events say; nothing is done yet. A signal that comes when a stop was
    /// asked for already ends the loop.
    fn note(&mut self) -> Option<i32> {
        for key in self.agenda.take_unfinished() {
            if let Some(slot) = self.summon(key) {
                slot.lists.leave_parked();
            }
        }
        // A stop lets people in and may make room for them, so everybody is heard first.
        let mut is_to_stop = false;
        for at in 0..self.notices.len() {
            match self.notices[at] {
                Notice::Ready(key, ready) => match self.summon(key) {
                    Some(slot) => {
                        slot.readiness.told(ready);
                        self.tell_ready(key, ready);
                    }
                    None => self.observer.on(&Event::Stale),
                },
                Notice::Listener(number) => self.reception.somebody_came(number),
                Notice::Rung => is_to_stop |= self.answer_bell(),
                Notice::Signal(signal) if is_to_stop || self.is_stopping() => return Some(signal),
                Notice::Signal(_) => is_to_stop = true,
            }
        }
        self.offer_room();
        if is_to_stop {
            self.begin_stop();
        }
        None
    }

    /// Whether a stop was asked for.
    fn answer_bell(&mut self) -> bool {
        let mut keys = Vec::new();
        let stop_was_asked = self.net.rung(&mut keys);
        for key in keys {
            // The connection may have ended meanwhile, and its slot have another tenant.
            if let Some(slot) = self.summon(key) {
                slot.woken();
            }
        }
        stop_was_asked
    }

    /// Puts a slot on this turn's list, once.
    fn summon(&mut self, key: Key) -> Option<&mut Slot<N::Stream>> {
        let slot = tenant(&mut self.slots, key)?;
        if slot.lists.enter_due() {
            self.due.push(key);
        }
        Some(slot)
    }

    fn pump_due(&mut self) {
        for at in 0..self.due.len() {
            let key = self.due[at];
            if let Some(slot) = self.tenant(key) {
                slot.lists.leave_due();
                self.visit(key, Visit::Pump);
            }
        }
        self.due.clear();
    }

    /// Tells those whose deadline has passed.
    fn expire(&mut self) {
        while let Some((when, key)) = self.agenda.take_due(self.now) {
            let now = self.now;
            let Some(slot) = self.tenant(key) else { continue };
            if slot.armed != when {
                // Superseded: a nearer one was armed after it.
                continue;
            }
            slot.armed = Moment::NEVER;
            let deadline = slot.connection.deadline();
            if deadline <= now {
                self.visit(key, Visit::Expire);
            } else {
                self.arm(key);
            }
        }
        let slots = &self.slots;
        self.agenda.sweep(slots.len(), |when, key| {
            let tenant = slots.get(key.slot as usize);
            tenant.is_some_and(|slot| slot.generation == key.generation && slot.armed == when)
        });
    }

    /// Pumps one slot, and sees to what comes of it.
    fn visit(&mut self, key: Key, visit: Visit) {
        // Above nine tenths whoever is done leaves, so that the others find room.
        let is_crowded = self.slots.len() - self.attended > self.capacity - self.capacity / 10;
        let is_last = self.is_stopping() || is_crowded;
        let is_memory_short = self.is_memory_short();
        let Some(slot) = self.slots.get_mut(key.slot as usize) else { return };
        let service = &mut self.services[usize::from(slot.service)];
        let net = &self.net;
        let mut turn = Turn {
            key,
            responder: &mut *service.responder,
            terms: Terms { now: self.now, date: &self.wall.date, limits: &service.limits, is_last },
            unix_time: self.wall.unix_time,
            observer: &mut self.observer,
            ledger: &mut self.ledger,
            bell: &self.bell,
            clock: &|| net.now(),
            submit: &|job| net.submit(job),
            found_no_room: Cell::new(false),
            is_memory_short,
            short_drains: N::SHORT_TRANSFER_DRAINS,
        };
        let held_before = slot.connection.held();
        if visit == Visit::Expire {
            slot.expire(&mut self.desk, &mut turn);
        }
        let verdict = slot.pump(&mut self.desk, &mut turn);
        self.held = self.held + slot.connection.held() - held_before;
        let found_no_room = turn.found_no_room.get();
        match verdict {
            // Nothing was on its way to it.
            Verdict::Waiting
                if self.stop != Stop::NotAsked
                    && slot.connection.phase() == Phase::Idle
                    && (service.stays == Stays::UntilStop || slot.connection.requests() > 0) =>
            {
                self.end(key, CloseReason::Stopped);
            }
            Verdict::Waiting => {
                self.agenda.arm(key, &mut slot.armed, slot.connection.deadline());
                self.tell_armed(key);
            }
            Verdict::Unfinished => {
                self.arm(key);
                self.agenda.unfinished(key);
            }
            Verdict::Parked => {
                if slot.lists.enter_parked() {
                    self.agenda.park(key);
                }
                self.arm(key);
            }
            Verdict::Closed => self.ended.push(key),
        }
        if found_no_room {
            self.queue_for_helper(key);
        }
    }

    fn arm(&mut self, key: Key) {
        if let Some(slot) = self.slots.get_mut(key.slot as usize) {
            self.agenda.arm(key, &mut slot.armed, slot.connection.deadline());
        }
    }

    fn tenant(&mut self, key: Key) -> Option<&mut Slot<N::Stream>> {
        tenant(&mut self.slots, key)
    }
}

/// What a slot is visited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visit {
    /// An event, a bell, or what was unfinished.
    Pump,
    /// Its deadline.
    Expire,
}
