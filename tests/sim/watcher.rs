//! What the oracles see: the calls that the server makes, and what it tells its observer. It is
//! taken down here, and what is wrong in itself is remembered until the server waits the next time.

use std::time::Duration;

use oneloop::Pulled;
use oneloop::connection::{CloseReason, Moment, Phase};
use oneloop::event_loop::{Notice, Ready, Transfer};
use oneloop::observers::{Event, Observer};

use super::diary::Entry;
use super::life::Life;
use super::nature::Shared;
use super::oracles::Oracles;
use super::socket::Socket;

/// No turn makes more calls for one connection.
const CALLS_PER_TURN: usize = 50_000;

impl Oracles {
    // What is seen.

    pub(super) fn complain(&mut self, what: String) {
        self.trouble.get_or_insert(what);
    }

    fn life(&mut self, generation: u32) -> Option<(usize, &mut Life)> {
        let id = self.by_generation.get(&generation).copied();
        if id.is_none() {
            self.complain(format!("(7) told of connection {generation}, which never was"));
        }
        id.map(|id| (id, &mut self.lives[id]))
    }

    /// The server has come back from waiting so long at the most, with these notices.
    pub(super) fn turn_begins(&mut self, now: Moment, limit: Option<Duration>, notices: &[Notice]) {
        for life in self.lives.iter_mut().filter(|life| life.is_alive()) {
            life.turn_begins(now, &self.limits);
        }
        for notice in notices {
            match notice {
                Notice::Ready(key, ready) => {
                    if let Some(&id) = self.by_generation.get(&key.generation) {
                        self.lives[id].hears(*ready, now);
                    }
                }
                Notice::Signal(_) => self.stopping(now),
                _ => {}
            }
        }
        // Whoever is gone, or is rung for, may let go of memory without a call; so may who goes on
        // with what came in the turn before.
        let may_let_go = |notice: &Notice| match notice {
            Notice::Ready(_, ready) => ready.has(Ready::GONE) || ready.has(Ready::WRITE_CLOSED),
            Notice::Rung => true,
            _ => false,
        };
        let is_quiet = !notices.iter().any(may_let_go) && limit != Some(Duration::ZERO);
        self.turn_began_at = is_quiet.then_some(self.progress);
        self.idle_wakes = if notices.is_empty() { self.idle_wakes } else { 0 };
    }

    pub(super) fn tries_to_accept(&mut self, now: Moment) {
        self.tried_to_accept = now;
        self.has_room_since = false;
    }

    pub(super) fn dropped(&mut self) {
        self.open -= 1;
        self.has_room_since = true;
    }

    pub(super) fn registered(&mut self, id: usize, generation: u32, now: Moment) {
        self.by_generation.insert(generation, id);
        self.lives[id].begins(now);
    }

    pub(super) fn read(&mut self, id: usize, got: Transfer, has_more: bool, now: Moment) {
        // Whatever was done before in the turn may have made room.
        let is_first = Some(self.progress) == self.turn_began_at;
        if is_first && self.is_memory_short && self.lives[id].is_between_requests() {
            self.complain(format!("(6) c{id} is read from, though too much is held already"));
        }
        self.progress += u64::from(matches!(got, Transfer::Moved(_)));
        // Whoever stops looks once more whether something is there.
        if !self.lives[id].read(got, has_more, now) && !self.is_stopping() {
            self.complain(format!(
                "(3) c{id} is read again, and nothing was told since it blocked"
            ));
        }
        self.called(id);
    }

    pub(super) fn wrote(&mut self, id: usize, got: Transfer, given: usize, now: Moment) {
        self.progress += u64::from(matches!(got, Transfer::Moved(_)));
        if !self.lives[id].wrote(got, given, now) {
            let what = "is written to again, and nothing was told since it blocked";
            self.complain(format!("(3) c{id} {what}"));
        }
        self.called(id);
    }

    fn called(&mut self, id: usize) {
        let life = &mut self.lives[id];
        life.calls += 1;
        life.of_turn.calls += 1;
        // Nobody would come to look otherwise.
        assert!(life.of_turn.calls <= CALLS_PER_TURN, "(3) spin: c{id} is called again and again");
    }

    pub(super) fn stopping(&mut self, now: Moment) {
        if self.ends_by.is_none() {
            self.ends_by = Some(now.after(self.grace));
            self.lives.iter_mut().for_each(|life| life.hurried = Some(now));
        }
    }

    pub(crate) const fn is_stopping(&self) -> bool {
        self.ends_by.is_some()
    }

    // What is told.

    fn number(&self, generation: u32) -> Option<usize> {
        self.by_generation.get(&generation).copied()
    }

    fn moved(
        &mut self,
        generation: u32,
        from: Phase,
        to: Phase,
        has_input: bool,
        now: Moment,
    ) -> Option<Entry> {
        self.progress += 1;
        let limits = self.limits.clone();
        let (id, life) = self.life(generation)?;
        let was = life.moves(to, has_input, &limits, now);
        if was != from {
            self.complain(format!("(7) c{id} is told to go from {from} to {to}, and was {was}"));
        }
        Some(Entry::Moves(id, from, to))
    }

    /// `is_excused`: the server is short of something for which it may close whom it likes.
    fn has_closed(
        &mut self,
        generation: u32,
        reason: CloseReason,
        [is_readable, has_input]: [bool; 2],
        is_excused: bool,
        now: Moment,
    ) -> Option<Entry> {
        self.progress += 1;
        self.closed += 1;
        let limits = self.limits.clone();
        let is_unheard = is_readable && self.ends_by == Some(now.after(self.grace));
        let (id, life) = self.life(generation)?;
        if life.phase != Phase::Closed {
            life.moves(Phase::Closed, has_input, &limits, now);
        }
        let had_its_time = life.had_its_time(reason);
        let was_free_to_go = life.was_free_to_go(reason, is_unheard, now);
        let was_cut_short = life.was_cut_short();
        if life.fate.replace(reason).is_some() {
            self.complain(format!("(7) c{id} was closed twice"));
        }
        if reason == CloseReason::CutOff && self.ends_by.is_none_or(|end| end > now) {
            self.complain(format!("(5) c{id} was cut off before the grace time was over"));
        }
        if let Err(what) = was_free_to_go {
            self.complain(format!("(5) c{id} was closed for {reason:?} {what}"));
        }
        if let Err(what) = had_its_time
            && !is_excused
        {
            self.complain(format!("(5) c{id} was closed for {reason:?} {what}"));
        }
        if was_cut_short && !is_excused && !self.is_stopping() {
            self.complain(format!("(5) c{id} lingered, and was closed before its time was up"));
        }
        Some(Entry::Closes(id, reason))
    }

    fn answered(&mut self, generation: u32, what: (u16, u64), is_whole: bool) -> Option<Entry> {
        let (id, life) = self.life(generation)?;
        if is_whole {
            life.answered.push(what);
        }
        Some(Entry::Answered { client: id, status: what.0, bytes: what.1, is_whole })
    }

    pub(super) fn has_source(&mut self, generation: u32, now: Moment) {
        if let Some((_, life)) = self.life(generation) {
            life.has_source(now);
        }
    }

    /// That source was pulled, and made so many bytes.
    pub(super) fn pulled(&mut self, generation: u32, said: Pulled, made: usize, now: Moment) {
        // Whoever only waits for its beat again has not kept the loop turning for nothing.
        self.progress += 1;
        if let Some((id, life)) = self.life(generation)
            && !life.pulled(said, made, now)
        {
            self.complain(format!("(5) the source of c{id} is pulled, and has asked for no such"));
        }
    }

    /// The bell was rung for that connection, and the server has heard it.
    pub(super) fn rung(&mut self, generation: u32) {
        if let Some(&id) = self.by_generation.get(&generation) {
            self.lives[id].rung();
        }
    }
}

/// The observer of the simulated loop.
pub(crate) struct Watcher(pub(crate) Shared);

impl Observer for Watcher {
    const REQUESTS: bool = true;

    fn on(&mut self, event: &Event<'_>) {
        let nature = &mut *self.0.borrow_mut();
        let now = nature.seen;
        let shortage = nature.shortage;
        let is_readable = |oracles: &Oracles, connection| {
            oracles.number(connection).is_some_and(|id| nature.sockets[id].is_readable())
        };
        // What was not told yet may have come a moment ago; and who is short of memory does not
        // read what is there.
        let has_input = |oracles: &Oracles, connection| {
            let socket = oracles.number(connection).map(|id| &nature.sockets[id]);
            let is_told = |socket: &Socket| socket.is_readable() && !socket.owes_event();
            socket.is_some_and(is_told) && !shortage.of_memory
        };
        let oracles = &mut nature.oracles;
        let entry = match *event {
            Event::Accepted { .. } => {
                oracles.accepted += 1;
                None
            }
            Event::Moved { who, from, to } => {
                let connection = who.connection;
                let has_input = has_input(oracles, connection);
                oracles.moved(connection, from, to, has_input, now)
            }
            Event::Closed { who, reason, .. } => {
                let connection = who.connection;
                let is_excused = shortage.of_room || shortage.of_descriptors;
                let input = [is_readable(oracles, connection), has_input(oracles, connection)];
                oracles.has_closed(connection, reason, input, is_excused, now)
            }
            Event::Answered(answered) => {
                let (status, bytes) = (answered.status, answered.bytes);
                oracles.answered(answered.id.connection, (status, bytes), answered.whole)
            }
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
