//! Who looks over the server's shoulder. Whenever it waits, all of this must be so:
//!
//! * **The books balance**: what was accepted is open or was closed, once and for a reason; every
//!   event for the dead was recognised as such; a connection is where it was told to be.
//! * **No stall**: it does not wait while a connection could go on and no event will say so. This
//!   is what an edge-triggered loop gets wrong.
//! * **No starving**: who can be read from is, however much the others want.
//! * **No spin**: it does not turn again and again without waiting or doing anything.
//! * **Deadlines**: it does not wait past one, and none has passed that it had the time to see.
//!
//! The deadlines are computed a second time here, by the phases that are told and the bytes that
//! move. What clients receive is `reader.rs`'s business; what must be so at the end is in `run.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use oneloop::Limits;
use oneloop::config::{ACCEPT_PAUSE, LINGER_IN_ALL, LINGER_SILENT, READ_PER_TURN, RECEIVE_BUFFER};
use oneloop::connection::{CloseReason, Moment, Phase};
use oneloop::event_loop::{Ready, Transfer};
use oneloop::observers::{Event, Observer};

use super::diary::Entry;
use super::nature::{Nature, Shared};

/// So many turns in a row may come to nothing; a bell and a memory that was short for a moment
/// account for one each.
const IDLE_TURNS: usize = 4;
/// So many turns in a row may pass over a connection that could be read from.
const UNSERVED_TURNS: usize = 2;

/// What is known of one connection.
#[derive(Debug)]
pub(crate) struct Life {
    /// Its phase, as it was told.
    phase: Phase,
    since: Moment,
    /// When the responder was asked, or the body begun; the time does not count in which something
    /// had to be written first.
    began: Moment,
    last_read: Moment,
    last_written: Moment,
    /// Whether the last attempt to write has left something over.
    has_unsent: bool,
    /// Whether it was ever answered from a source: whoever waits for a source is under no deadline.
    has_source: bool,
    /// Whether it was told that there is input, and has not been seen to be without.
    was_told: bool,
    pub(crate) is_accepted: bool,
    /// Whether it was told that the connection is gone.
    told_gone: bool,
    read_this_turn: usize,
    was_served: bool,
    unserved: usize,
    /// How many calls were made for it.
    pub(crate) calls: usize,
    pub(crate) fate: Option<CloseReason>,
    /// Status and length of the answers that have left as a whole.
    pub(crate) answered: Vec<(u16, u64)>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            phase: Phase::Idle,
            since: Moment::START,
            began: Moment::START,
            last_read: Moment::START,
            last_written: Moment::START,
            has_unsent: false,
            has_source: false,
            was_told: false,
            is_accepted: false,
            told_gone: false,
            read_this_turn: 0,
            was_served: false,
            unserved: 0,
            calls: 0,
            fate: None,
            answered: Vec::new(),
        }
    }
}

/// What is known of all of them.
#[derive(Debug, Default)]
pub(crate) struct Oracles {
    pub(crate) lives: Vec<Life>,
    pub(crate) limits: Limits,
    pub(crate) grace: Duration,
    /// Whether more memory is held than is granted, so that nobody is read from between requests.
    pub(crate) is_memory_short: bool,
    /// Connections that the server has not dropped.
    pub(crate) open: usize,
    pub(crate) stale_told: usize,
    /// Counts everything that gets anybody anywhere.
    pub(crate) progress: u64,
    pub(crate) pauses: usize,
    by_generation: BTreeMap<u32, usize>,
    accepted: usize,
    closed: usize,
    stale_seen: usize,
    last_progress: u64,
    idle_turns: usize,
    ends_by: Option<Moment>,
    trouble: Option<String>,
}

impl Life {
    fn is_alive(&self) -> bool {
        self.is_accepted && self.fate.is_none()
    }

    fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head | Phase::Body | Phase::Lingering)
    }

    fn is_between_requests(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head)
    }

    /// When something has to happen to it at the latest.
    fn due(&self, limits: &Limits) -> Moment {
        match self.phase {
            Phase::Idle => self.since.max(self.last_written).after(limits.idle_timeout),
            Phase::Head => self.since.after(limits.head_timeout),
            Phase::Answering => self.began.after(limits.answer_timeout),
            Phase::Body => self.began.after(limits.body_timeout),
            Phase::Writing if self.has_source => Moment::NEVER,
            Phase::Writing => self.since.max(self.last_written).after(limits.write_timeout),
            Phase::Lingering => {
                let silent = self.since.max(self.last_read).after(LINGER_SILENT);
                silent.min(self.since.after(LINGER_IN_ALL))
            }
            Phase::Closed => Moment::NEVER,
        }
    }
}

impl Oracles {
    // What is seen.

    pub(crate) fn registered(&mut self, id: usize, generation: u32, now: Moment) {
        self.by_generation.insert(generation, id);
        self.lives[id].is_accepted = true;
        self.lives[id].since = now;
    }

    pub(crate) fn told(&mut self, id: usize, ready: Ready) {
        self.lives[id].was_told |= ready.has(Ready::READABLE);
        let closed = Ready::READ_CLOSED.and(Ready::WRITE_CLOSED);
        self.lives[id].told_gone |= ready.has(Ready::GONE) || ready.has(closed);
    }

    pub(crate) fn read(&mut self, id: usize, got: Transfer, has_more: bool, now: Moment) {
        let life = &mut self.lives[id];
        life.calls += 1;
        life.was_served = true;
        if let Transfer::Moved(n) = got {
            life.last_read = now;
            life.read_this_turn += n;
            self.progress += 1;
        }
        life.was_told &= has_more && got != Transfer::Blocked;
    }

    pub(crate) fn wrote(&mut self, id: usize, got: Transfer, given: usize, now: Moment) {
        let life = &mut self.lives[id];
        life.calls += 1;
        life.was_served = true;
        life.has_unsent = got == Transfer::Blocked;
        if let Transfer::Moved(n) = got {
            life.has_unsent = n < given;
            life.last_written = now;
            self.progress += 1;
        }
    }

    pub(crate) fn stopping(&mut self, now: Moment) {
        self.ends_by.get_or_insert_with(|| now.after(self.grace));
    }

    pub(crate) const fn is_stopping(&self) -> bool {
        self.ends_by.is_some()
    }

    fn life(&mut self, generation: u32) -> Option<(usize, &mut Life)> {
        let id = self.by_generation.get(&generation).copied();
        if id.is_none() {
            self.complain(format!("told of connection {generation}, which never was"));
        }
        id.map(|id| (id, &mut self.lives[id]))
    }

    pub(super) fn complain(&mut self, what: String) {
        self.trouble.get_or_insert(what);
    }

    fn moved(&mut self, generation: u32, from: Phase, to: Phase, now: Moment) -> Option<Entry> {
        self.progress += 1;
        let (id, life) = self.life(generation)?;
        let was = std::mem::replace(&mut life.phase, to);
        let in_phase = now.since(life.since);
        life.since = now;
        life.began = if from == Phase::Writing { life.began.after(in_phase) } else { now };
        if was != from {
            self.complain(format!("c{id} is told to go from {from} to {to}, and was {was}"));
        }
        Some(Entry::Moves(id, from, to))
    }

    fn has_closed(&mut self, generation: u32, reason: CloseReason) -> Option<Entry> {
        self.progress += 1;
        self.closed += 1;
        let (id, life) = self.life(generation)?;
        if life.fate.replace(reason).is_some() {
            self.complain(format!("c{id} was closed twice"));
        }
        Some(Entry::Closes(id, reason))
    }

    // What must be so.

    fn books(&self) -> Result<(), String> {
        let Self { accepted, closed, open, stale_told, stale_seen, .. } = self;
        if *open != accepted - closed {
            return Err(format!("{accepted} accepted, {closed} closed, but {open} open"));
        }
        if stale_told != stale_seen {
            return Err(format!("{stale_told} stale events were told, {stale_seen} recognised"));
        }
        Ok(())
    }

    fn spin(&mut self, limit: Option<Duration>) -> Result<(), String> {
        let is_idle = limit == Some(Duration::ZERO) && self.progress == self.last_progress;
        self.last_progress = self.progress;
        self.idle_turns = if is_idle { self.idle_turns + 1 } else { 0 };
        if self.idle_turns > IDLE_TURNS {
            return Err(format!("spin: {IDLE_TURNS} turns without waiting came to nothing"));
        }
        Ok(())
    }

    fn deadlines(&self, now: Moment, limit: Option<Duration>) -> Result<(), String> {
        let wakes = limit.map_or(Moment::NEVER, |limit| now.after(limit));
        let lives = self.lives.iter().enumerate().filter(|(_, life)| life.is_alive());
        for (id, life) in lives {
            let due = life.due(&self.limits);
            if due <= now {
                return Err(format!(
                    "c{id} is {} still, though its deadline has passed",
                    life.phase
                ));
            }
            if wakes > due {
                return Err(format!("waits past the deadline of c{id}, which is {}", life.phase));
            }
        }
        match self.ends_by {
            Some(end) if wakes > end => Err("waits past the end of the grace time".into()),
            _ => Ok(()),
        }
    }
}

impl Nature {
    /// Looks at everything, as the server begins to wait.
    pub(super) fn look(&mut self, limit: Option<Duration>) -> Result<(), String> {
        if let Some(trouble) = self.oracles.trouble.take() {
            return Err(trouble);
        }
        self.oracles.books()?;
        self.oracles.spin(limit)?;
        self.oracles.deadlines(self.now, limit)?;
        self.starving()?;
        if limit != Some(Duration::ZERO) {
            self.stalls()?;
            self.door(limit)?;
        }
        Ok(())
    }

    fn stalls(&self) -> Result<(), String> {
        let lives = self.oracles.lives.iter().enumerate().filter(|(_, life)| life.is_alive());
        for (id, life) in lives {
            let socket = &self.sockets[id];
            let is_parked = self.oracles.is_memory_short && life.is_between_requests();
            if life.wants_input() && !is_parked && !socket.will_tell_of_input() {
                return Err(format!("stall: c{id} could be read from, and no event will say so"));
            }
            if life.told_gone && !is_parked {
                return Err(format!("c{id} is gone, was told to be, and is kept"));
            }
            if life.has_unsent && !socket.will_tell_of_room() {
                return Err(format!("stall: c{id} could be written to, and no event will say so"));
            }
        }
        Ok(())
    }

    fn starving(&mut self) -> Result<(), String> {
        for (id, life) in self.oracles.lives.iter_mut().enumerate() {
            if life.read_this_turn >= READ_PER_TURN + RECEIVE_BUFFER {
                return Err(format!("c{id} was read {} bytes from at once", life.read_this_turn));
            }
            let is_parked = self.oracles.is_memory_short && life.is_between_requests();
            let is_ready = life.is_alive()
                && life.was_told
                && life.wants_input()
                && self.sockets[id].is_readable()
                && !self.sockets[id].owes_event();
            let is_unserved = is_ready && !is_parked && !life.was_served;
            life.unserved = if is_unserved { life.unserved + 1 } else { 0 };
            if life.unserved > UNSERVED_TURNS {
                return Err(format!("c{id} starves: it was passed over {} times", life.unserved));
            }
            life.read_this_turn = 0;
            life.was_served = false;
        }
        Ok(())
    }

    /// Whoever waits to be accepted is, or accepting pauses, and a pause ends by itself.
    fn door(&self, limit: Option<Duration>) -> Result<(), String> {
        for listening in &self.listening {
            let is_forgotten = !listening.queue.is_empty() && !listening.owes_event(self.kernel);
            if is_forgotten && limit.is_none_or(|limit| limit > ACCEPT_PAUSE) {
                return Err("stall: somebody waits to be accepted, and no event will say so".into());
            }
        }
        Ok(())
    }

    pub(crate) fn has_source(&mut self, generation: u32) {
        if let Some((_, life)) = self.oracles.life(generation) {
            life.has_source = true;
        }
    }
}

/// The observer of the simulated loop.
pub(crate) struct Watcher(pub(crate) Shared);

impl Observer for Watcher {
    const REQUESTS: bool = true;

    fn on(&mut self, event: &Event<'_>) {
        let nature = &mut *self.0.borrow_mut();
        let (oracles, now) = (&mut nature.oracles, nature.now);
        let entry = match *event {
            Event::Accepted(_) => {
                oracles.accepted += 1;
                None
            }
            Event::Moved { connection, from, to } => oracles.moved(connection, from, to, now),
            Event::Closed { connection, reason, .. } => oracles.has_closed(connection, reason),
            Event::Answered(answered) => oracles.life(answered.id.connection).map(|(id, life)| {
                if answered.whole {
                    life.answered.push((answered.status, answered.bytes));
                }
                Entry::Answered(id, answered.status, answered.bytes)
            }),
            Event::Stale => {
                oracles.stale_seen += 1;
                None
            }
            Event::AcceptPaused(_) => {
                oracles.pauses += 1;
                None
            }
            _ => None,
        };
        if let Some(entry) = entry {
            nature.note(entry);
        }
    }
}
