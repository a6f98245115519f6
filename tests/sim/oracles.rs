//! Who looks over the server's shoulder. There are eight oracles, and what they say begins with
//! their number:
//!
//! 1. **Every byte.** What a client receives is what a reference would have answered it, which
//!    knows nothing of loops and windows (`asks.rs`, `reader.rs`), or what a file was within the
//!    second before it was asked for or since (`judging.rs`), and in the end nobody is owed anything
//!    (`accounts.rs`).
//! 2. **No stall.** The server does not wait while a connection could go on and no event will say
//!    so, nor while somebody stands at the door. This is what an edge-triggered loop gets wrong.
//! 3. **No spin.** It does not turn again and again without doing anything, nor ring for itself
//!    again and again, nor try again what has just blocked, nor stay in one turn for ever.
//! 4. **Fairness.** Whoever can be read from or written to is, within two turns, however much the
//!    others want; and nobody gets more out of one turn than a turn's budget.
//! 5. **Deadlines.** No wait goes past one, and one that has passed has fired by the end of the
//!    turn that saw it; a trickle puts none off. None fires before its time, or for somebody whose
//!    bytes are there.
//! 6. **Bounds.** There are no more connections than are allowed, each holds no more memory than
//!    one can make the server hold, and whoever waits for its client holds none; while too much is
//!    held in all, no new request is read. The agenda has but a few entries for each.
//! 7. **The books balance.** What was accepted is open or was closed, once and for a reason; every
//!    event for the dead was recognised as such; a connection is where it was told to be; in the
//!    end nothing is left, no slot, no socket, no file (`accounts.rs`).
//! 8. **Same seed, same world** (`simulation.rs`).
//!
//! The first is asked whenever bytes arrive and at the end, the second to the seventh whenever the
//! server begins to wait. They see no more of it than the calls it makes and what it tells its
//! observer: `watcher.rs` takes that down, and `life.rs` has what is known of one connection.

use std::collections::BTreeMap;
use std::time::Duration;

use oneloop::Limits;
use oneloop::config::{
    ACCEPT_PAUSE, ANSWERS_PER_TURN, READ_PER_TURN, RECEIVE_BUFFER, SENDFILE_CHUNK,
    STALLED_BEFORE_LEAVING, WRITTEN_PER_TURN,
};
use oneloop::connection::{Moment, Phase};

use super::life::Life;
use super::nature::Nature;

/// So many turns in a row may come to nothing; a bell and a memory that was short for a moment
/// account for one each.
const IDLE_TURNS: usize = 4;
/// So many times in a row, and once more for every connection, the server may wake at a time of its
/// own choosing and find nothing to do.
const IDLE_WAKES: usize = 64;
/// So many turns in a row may pass over a connection that could be read from, or written to.
const UNSERVED_TURNS: usize = 2;
/// The same where memory may be short in the middle of a turn and is not when it ends.
const UNSERVED_WHEN_SHORT: usize = 50;

/// What the agenda has at the most, beside so many entries for each of the most connections that
/// there have been: a deadline and one that it has superseded, a place in the next turn, a wait for
/// memory, and one for a helper.
const ENTRIES: usize = 128;
const ENTRIES_EACH: usize = 5;

/// What the server says that it has, when a turn has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stock {
    /// Bytes that are kept for connections.
    pub(crate) held: usize,
    /// Connections.
    pub(crate) slots: usize,
    /// Entries of the agenda.
    pub(crate) scheduled: usize,
}

/// What is known of everything together.
#[derive(Debug, Default)]
pub(crate) struct Oracles {
    pub(crate) lives: Vec<Life>,
    pub(crate) limits: Limits,
    pub(crate) grace: Duration,
    /// How many connections there may be.
    pub(crate) capacity: usize,
    /// What one connection can make the server hold, in bytes.
    pub(crate) held_by_one: usize,
    /// Whether more memory is held than is granted, so that nobody is read from between requests.
    pub(crate) is_memory_short: bool,
    /// What the server says that it holds, in bytes, and how many connections.
    pub(crate) held: usize,
    pub(crate) slots: usize,
    /// The most connections there have been, and how many entries the agenda has.
    most_slots: usize,
    scheduled: usize,
    /// Connections that the server has not dropped.
    pub(crate) open: usize,
    pub(crate) stale_told: usize,
    /// Counts everything that gets anybody anywhere.
    pub(crate) progress: u64,
    pub(crate) pauses: usize,
    /// When somebody was accepted the last time, or it was tried; and whether a connection was
    /// dropped since.
    pub(super) tried_to_accept: Moment,
    pub(super) has_room_since: bool,
    /// The generations of connections, and their numbers.
    pub(super) by_generation: BTreeMap<u32, usize>,
    pub(super) accepted: usize,
    pub(super) closed: usize,
    pub(super) stale_seen: usize,
    last_progress: u64,
    idle_turns: usize,
    pub(super) idle_wakes: usize,
    /// What `progress` was when the turn began, if nobody lets go of memory by its events alone.
    pub(super) turn_began_at: Option<u64>,
    /// Whether somebody was accepted in this turn, and whether it failed.
    pub(super) has_accepted: bool,
    pub(super) has_failed_to_accept: bool,
    pub(super) ends_by: Option<Moment>,
    /// Whether a second signal was told.
    pub(super) is_told_to_end: bool,
    pub(super) trouble: Option<String>,
}

impl Oracles {
    /// Whether nothing was wrong in itself of what was seen since this was last asked.
    pub(super) fn is_content(&mut self) -> Result<(), String> {
        self.trouble.take().map_or(Ok(()), Err)
    }

    fn books(&self) -> Result<(), String> {
        let Self { accepted, closed, open, slots, stale_told, stale_seen, .. } = self;
        if *open != accepted - closed || slots != open {
            let there = format!("but {open} sockets are open and {slots} slots taken");
            return Err(format!("(7) {accepted} accepted, {closed} closed, {there}"));
        }
        if stale_told != stale_seen {
            return Err(format!(
                "(7) {stale_told} stale events were told, {stale_seen} recognised"
            ));
        }
        Ok(())
    }

    fn bounds(&self, limit: Option<Duration>) -> Result<(), String> {
        let Self { slots, capacity, held, held_by_one, .. } = self;
        if slots > capacity {
            return Err(format!("(6) {slots} connections, where {capacity} are allowed"));
        }
        // Whoever goes on in the next turn holds what it has not come to in this one.
        let is_at_rest = limit != Some(Duration::ZERO);
        let holds = |life: &&Life| life.is_alive() && !(is_at_rest && life.is_empty_handed());
        let holders = self.lives.iter().filter(holds).count();
        if *held > holders * held_by_one {
            return Err(format!("(6) {holders} connections hold {held} bytes"));
        }
        if self.scheduled > ENTRIES + ENTRIES_EACH * self.most_slots {
            return Err(format!("(6) the agenda has {} entries", self.scheduled));
        }
        Ok(())
    }

    /// `rings`: the server has rung for itself, and so will not wait.
    fn spin(&mut self, limit: Option<Duration>, rings: bool) -> Result<(), String> {
        let came_to_nothing = self.progress == self.last_progress;
        let is_idle = (limit == Some(Duration::ZERO) || rings) && came_to_nothing;
        self.last_progress = self.progress;
        self.idle_turns = if is_idle { self.idle_turns + 1 } else { 0 };
        if self.idle_turns > IDLE_TURNS {
            return Err(format!("(3) spin: {IDLE_TURNS} turns without waiting came to nothing"));
        }
        let is_soon = limit.is_some_and(|limit| limit < ACCEPT_PAUSE / 2);
        self.idle_wakes = if is_soon && came_to_nothing { self.idle_wakes + 1 } else { 0 };
        if self.idle_wakes > IDLE_WAKES + 2 * self.lives.len() {
            return Err("(3) spin: it wakes again and again, and there is nothing to do".into());
        }
        Ok(())
    }

    /// `seen` is the time of the turn that ends, by which it was kept.
    fn deadlines(&self, seen: Moment, limit: Option<Duration>) -> Result<(), String> {
        let wakes = limit.map_or(Moment::NEVER, |limit| seen.after(limit));
        let lives = self.lives.iter().enumerate().filter(|(_, life)| life.is_alive());
        for (id, life) in lives {
            let due = life.due(&self.limits);
            let phase = life.phase;
            if due <= seen {
                return Err(format!("(5) c{id} is {phase} still, though its deadline has passed"));
            }
            if wakes > due {
                return Err(format!("(5) waits past the deadline of c{id}, which is {phase}"));
            }
        }
        match self.ends_by {
            Some(end) if wakes > end => Err("(5) waits past the end of the grace time".into()),
            _ => Ok(()),
        }
    }
}

impl Nature {
    /// The server says what it has, where so many bytes are granted to it.
    pub(crate) fn takes_stock(&mut self, stock: Stock, granted: usize) {
        let Stock { held, slots, scheduled } = stock;
        let oracles = &mut self.oracles;
        (oracles.held, oracles.slots, oracles.scheduled) = (held, slots, scheduled);
        oracles.most_slots = oracles.most_slots.max(slots);
        oracles.is_memory_short = held > granted;
    }

    /// Looks at everything, as the server begins to wait.
    pub(super) fn look(&mut self, limit: Option<Duration>) -> Result<(), String> {
        self.oracles.is_content()?;
        self.oracles.books()?;
        self.oracles.bounds(limit)?;
        let rings = self.bell.is_rung() && !self.was_rung_falsely;
        self.oracles.spin(limit, rings)?;
        self.oracles.deadlines(self.seen, limit)?;
        self.starving()?;
        self.budgets()?;
        self.starving_door()?;
        if self.oracles.is_told_to_end {
            return Err("(5) a second signal has come, and it goes on".into());
        }
        if limit != Some(Duration::ZERO) {
            self.stalls()?;
            self.forgotten()?;
            self.door(limit)?;
            self.relief(limit)?;
        }
        Ok(())
    }

    fn stalls(&self) -> Result<(), String> {
        let lives = self.oracles.lives.iter().enumerate().filter(|(_, life)| life.is_alive());
        for (id, life) in lives {
            let socket = &self.sockets[id];
            let is_parked = self.oracles.is_memory_short && life.is_between_requests();
            if life.wants_input() && !is_parked && !socket.will_tell_of_input() {
                return Err(format!(
                    "(2) stall: c{id} could be read from, and no event will say so"
                ));
            }
            if life.told_gone && !is_parked {
                return Err(format!("(2) stall: c{id} is gone, was told to be, and is kept"));
            }
            if self.oracles.is_stopping() && life.phase == Phase::Idle && !self.shortage.of_memory {
                return Err(format!(
                    "(2) stall: c{id} is idle, and the server waits for it to stop"
                ));
            }
            if life.phase == Phase::Lingering && !socket.is_shut() {
                return Err(format!("(2) stall: c{id} was not told that nothing more comes"));
            }
            if life.has_been_read_for() && !self.bell.is_rung() {
                return Err(format!("(2) stall: a helper has read for c{id}, and nobody goes on"));
            }
            let waits_for_us = life.waits_for_source() || life.waits_for_disk();
            if life.phase == Phase::Writing && !life.has_unsent && !waits_for_us {
                return Err(format!("(2) stall: c{id} could be written to, and nobody has tried"));
            }
            if life.has_unsent && !socket.will_tell_of_room() {
                return Err(format!(
                    "(2) stall: c{id} could be written to, and no event will say so"
                ));
            }
        }
        Ok(())
    }

    fn starving(&mut self) -> Result<(), String> {
        let most = if self.shortage.of_memory { UNSERVED_WHEN_SHORT } else { UNSERVED_TURNS };
        for (id, life) in self.oracles.lives.iter_mut().enumerate() {
            let socket = &self.sockets[id];
            let waits_for_event = !life.is_alive() || socket.owes_event();
            let is_parked = self.oracles.is_memory_short && life.is_between_requests();
            let could_read = life.was_told && life.wants_input() && socket.is_readable();
            // Who is answered what it asked before is not read from meanwhile.
            let was_served = life.of_turn.was_read || life.of_turn.was_written;
            let is_unread = could_read && !waits_for_event && !is_parked && !was_served;
            life.unread_turns = if is_unread { life.unread_turns + 1 } else { 0 };
            let could_write = life.was_told_room && life.has_unsent && socket.is_writable();
            let is_unwritten = could_write && !waits_for_event && !life.of_turn.was_written;
            life.unwritten_turns = if is_unwritten { life.unwritten_turns + 1 } else { 0 };
            let turns = life.unread_turns.max(life.unwritten_turns);
            if turns > most {
                return Err(format!("(4) c{id} starves: it was passed over {turns} times"));
            }
        }
        Ok(())
    }

    fn budgets(&self) -> Result<(), String> {
        for (id, life) in self.oracles.lives.iter().enumerate() {
            // Whoever is late is looked at twice: for its event, and for its deadline.
            let times = 1 + usize::from(life.is_late);
            let work = life.of_turn;
            if work.bytes_read >= times * (READ_PER_TURN + RECEIVE_BUFFER) {
                return Err(format!("(4) {} bytes of c{id} were read in a turn", work.bytes_read));
            }
            if work.bytes_written >= times * (WRITTEN_PER_TURN + SENDFILE_CHUNK) {
                let n = work.bytes_written;
                return Err(format!("(4) {n} bytes were written to c{id} in a turn"));
            }
            if work.asked > times * ANSWERS_PER_TURN {
                return Err(format!("(4) {} requests of c{id} in a turn", work.asked));
            }
        }
        Ok(())
    }

    /// While somebody waits for memory it is looked again every second who has kept it for long.
    fn relief(&self, limit: Option<Duration>) -> Result<(), String> {
        let waits_for_memory = |(id, life): (usize, &Life)| {
            let socket = &self.sockets[id];
            let has_input = life.was_told && socket.is_readable() && !socket.owes_event();
            life.is_alive() && life.is_between_requests() && has_input
        };
        let somebody_waits = self.oracles.is_memory_short
            && self.oracles.lives.iter().enumerate().any(waits_for_memory);
        if somebody_waits && limit.is_none_or(|limit| limit > STALLED_BEFORE_LEAVING) {
            return Err("(2) stall: somebody waits for memory, and nobody looks for any".into());
        }
        Ok(())
    }

    /// No listener is passed over for the others', unless accepting fails.
    fn starving_door(&mut self) -> Result<(), String> {
        let (kernel, most) = (self.kernel, self.listening.len());
        let has_accepted = self.oracles.has_accepted && !self.oracles.has_failed_to_accept;
        for listening in &mut self.listening {
            let waits = !listening.queue.is_empty() && !listening.owes_event(kernel);
            if !waits || listening.was_tried {
                listening.passed_over = 0;
            } else if has_accepted {
                listening.passed_over += 1;
            }
            listening.was_tried = false;
            if listening.passed_over > most {
                return Err("(4) a listener starves: only others are accepted from".into());
            }
        }
        (self.oracles.has_accepted, self.oracles.has_failed_to_accept) = (false, false);
        Ok(())
    }

    /// Whoever waits to be accepted is, or accepting pauses; and a pause ends when a connection
    /// does, or else by itself.
    fn door(&self, limit: Option<Duration>) -> Result<(), String> {
        let pause_ends = self.oracles.tried_to_accept.after(ACCEPT_PAUSE);
        let wakes = limit.map_or(Moment::NEVER, |limit| self.seen.after(limit));
        for listening in &self.listening {
            let is_forgotten = !listening.queue.is_empty() && !listening.owes_event(self.kernel);
            if is_forgotten && wakes > pause_ends {
                return Err("(2) stall: somebody waits to be accepted, and nothing says so".into());
            }
            if is_forgotten && self.oracles.has_room_since {
                return Err("(2) stall: there is room, and somebody waits to be accepted".into());
            }
        }
        Ok(())
    }
}
