//! What is known of one connection by watching it from outside: the phases that are told, the calls
//! that are made for it, and the time by which something has to happen, computed a second time.
//!
//! All of it goes by the time that the server saw at the beginning of its turn.

use std::time::Duration;

use oneloop::config::{
    LINGER_HURRIED, LINGER_IN_ALL, LINGER_SILENT, READ_PER_TURN, SHORTEST_BEAT,
    STALLED_BEFORE_LEAVING,
};
use oneloop::connection::{CloseReason, Moment, Pages, Phase};
use oneloop::event_loop::{Ready, Transfer};
use oneloop::{Limits, Pulled};

/// What is known of one connection.
#[derive(Debug)]
pub(crate) struct Life {
    /// Its phase, as it was told.
    pub(super) phase: Phase,
    since: Moment,
    /// When the responder was asked, or the body begun. While something has to be written first,
    /// the time of a body does not count; the time of a responder does.
    began: Moment,
    last_read: Moment,
    last_written: Moment,
    /// Whether the last attempt to write has left something over.
    pub(super) has_unsent: bool,
    /// The source of the answer that is being written, if it has one.
    source: Option<Drawn>,
    /// What is to be sent of a file is not in memory.
    disk: Option<DiskWait>,
    /// When it was, after having been waited for.
    hot_since: Moment,
    /// How much of what a helper has read is to be sent without asking again.
    warm: u64,
    /// When the server began to stop, after which nobody lingers for long.
    pub(super) hurried: Option<Moment>,
    /// When the server was told that the client's half is shut.
    told_shut: Option<Moment>,
    /// Whether it was told that there is input, and has not been seen to be without.
    pub(super) was_told: bool,
    /// The same of room for output.
    pub(super) was_told_room: bool,
    /// Whether it has blocked in that direction, and nothing was told since.
    read_blocked: bool,
    write_blocked: bool,
    pub(crate) is_accepted: bool,
    /// Whether it was told that the connection is gone.
    pub(super) told_gone: bool,
    /// Whether a call has met the end or an error.
    has_met_end: bool,
    /// How it came to write its last answer, and how it came to be closed.
    began_writing: Left,
    was_closed: Left,
    /// Whether its deadline has passed when this turn began.
    pub(super) is_late: bool,
    pub(super) of_turn: Work,
    pub(super) unread_turns: usize,
    pub(super) unwritten_turns: usize,
    /// How many calls were made for it.
    pub(crate) calls: usize,
    pub(crate) fate: Option<CloseReason>,
    /// Status and length of the answers that have left as a whole.
    pub(crate) answered: Vec<(u16, u64)>,
}

/// What was done for a connection in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Work {
    pub(super) calls: usize,
    pub(super) asked: usize,
    pub(super) bytes_read: usize,
    pub(super) bytes_written: usize,
    pub(super) was_read: bool,
    pub(super) was_written: bool,
}

/// How a source was pulled the last time.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    at: Moment,
    /// When it has made something the last time.
    made_at: Moment,
    /// If it had nothing more for now: when it is to be pulled again, unless the bell is rung.
    waits_until: Option<Moment>,
    /// Whether the bell was, since.
    was_rung: bool,
}

/// A wait for the disk.
#[derive(Clone, Copy, Debug)]
struct DiskWait {
    since: Moment,
    helper: Helper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Helper {
    /// There is none yet.
    None,
    /// It reads.
    Reads,
    /// It has read, and has rung.
    HasRead,
}

/// How it stood with a connection when it left a phase.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    from: Option<Phase>,
    /// Whether its time was up.
    was_due: bool,
    /// Whether what it waited for was there, and was told.
    had_input: bool,
    since: Moment,
    /// When its head or body began.
    began: Moment,
    /// When its client has taken something the last time.
    progress: Moment,
}

impl Left {
    /// For how long its client had kept it waiting.
    fn stalled(&self, now: Moment) -> Duration {
        match self.from {
            Some(Phase::Writing) => now.since(self.progress),
            Some(Phase::Head | Phase::Body) if !self.had_input => now.since(self.began),
            _ => Duration::ZERO,
        }
    }
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
            source: None,
            disk: None,
            hot_since: Moment::START,
            warm: 0,
            hurried: None,
            told_shut: None,
            was_told: false,
            was_told_room: false,
            read_blocked: false,
            write_blocked: false,
            is_accepted: false,
            told_gone: false,
            has_met_end: false,
            began_writing: Left::default(),
            was_closed: Left::default(),
            is_late: false,
            of_turn: Work::default(),
            unread_turns: 0,
            unwritten_turns: 0,
            calls: 0,
            fate: None,
            answered: Vec::new(),
        }
    }
}

impl Life {
    pub(super) fn is_alive(&self) -> bool {
        self.is_accepted && self.fate.is_none()
    }

    pub(super) fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head | Phase::Body | Phase::Lingering)
    }

    pub(super) fn waits_for_source(&self) -> bool {
        self.source.is_some_and(|source| source.waits_until.is_some())
    }

    pub(super) fn waits_for_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Whether a helper has read what it waits for.
    pub(super) fn has_been_read_for(&self) -> bool {
        self.disk.is_some_and(|disk| disk.helper == Helper::HasRead)
    }

    /// Whether it may wait for room in the helpers' queue.
    pub(super) fn waits_for_helper(&self) -> bool {
        self.phase == Phase::Answering || self.disk.is_some_and(|disk| disk.helper == Helper::None)
    }

    pub(super) fn is_between_requests(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head)
    }

    /// Whether it waits for nothing but its client, and so owns no buffer.
    pub(super) fn is_empty_handed(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Lingering)
    }

    // What is seen.

    pub(super) fn begins(&mut self, now: Moment) {
        self.is_accepted = true;
        self.since = now;
    }

    /// A turn begins, with that event or without one.
    pub(super) fn turn_begins(&mut self, now: Moment, limits: &Limits) {
        self.is_late = self.due(limits) <= now;
        self.of_turn = Work::default();
    }

    /// Something became possible, and the server is told.
    pub(super) fn told(&mut self, ready: Ready) {
        self.was_told |= ready.has(Ready::READABLE) || ready.has(Ready::READ_CLOSED);
        self.was_told_room |= ready.has(Ready::WRITABLE);
        let closed = Ready::READ_CLOSED.and(Ready::WRITE_CLOSED);
        self.told_gone |= ready.has(Ready::GONE) || ready.has(closed);
    }

    /// The turn begins with this event, which may be a false one.
    pub(super) fn hears(&mut self, ready: Ready, now: Moment) {
        const READ: [Ready; 4] = [Ready::READABLE, Ready::READ_CLOSED, Ready::GONE, Ready::URGENT];
        const WRITE: [Ready; 3] = [Ready::WRITABLE, Ready::WRITE_CLOSED, Ready::GONE];
        self.read_blocked &= !READ.iter().any(|told| ready.has(*told));
        self.write_blocked &= !WRITE.iter().any(|told| ready.has(*told));
        if ready.has(Ready::READ_CLOSED) {
            self.told_shut.get_or_insert(now);
        }
    }

    /// A read was made. Whether that was worth trying, as far as the server could know.
    pub(super) fn read(&mut self, got: Transfer, has_more: bool, now: Moment) -> bool {
        let was_worth_it = !self.read_blocked;
        self.of_turn.was_read = true;
        self.has_met_end |= matches!(got, Transfer::Ended | Transfer::Broken(_));
        self.read_blocked = got == Transfer::Blocked;
        self.was_told &= has_more && got != Transfer::Blocked;
        if let Transfer::Moved(n) = got {
            self.last_read = now;
            self.of_turn.bytes_read += n;
        }
        was_worth_it
    }

    /// A write was made of so many bytes. Whether that was worth trying.
    pub(super) fn wrote(&mut self, got: Transfer, given: usize, now: Moment) -> bool {
        let was_worth_it = !self.write_blocked;
        if self.disk.take().is_some() {
            self.hot_since = now;
        }
        self.of_turn.was_written = true;
        self.was_told_room = false;
        self.has_met_end |= matches!(got, Transfer::Ended | Transfer::Broken(_));
        self.write_blocked = got == Transfer::Blocked;
        self.has_unsent = got == Transfer::Blocked;
        if let Transfer::Moved(n) = got {
            self.has_unsent = n < given;
            self.warm = self.warm.saturating_sub(n as u64);
            self.last_written = now;
            self.of_turn.bytes_written += n;
        }
        was_worth_it
    }

    /// A file is to be sent, of which that is known.
    pub(super) fn asks_for(&mut self, pages: Pages) -> Result<(), &'static str> {
        match (self.disk.map(|disk| disk.helper), pages) {
            (Some(Helper::Reads), _) => Err("cannot wait for the helper that reads for it"),
            (Some(Helper::HasRead), Pages::Unknown) => Err("asks for what was just read"),
            (Some(Helper::HasRead), Pages::Warmed(len)) => {
                self.warm = len;
                Ok(())
            }
            (_, Pages::Warmed(len)) if len != self.warm || len == 0 => Err("sends what is cold"),
            (_, Pages::Unknown) if self.warm > 0 => Err("asks for what was read and did not leave"),
            _ => Ok(()),
        }
    }

    /// It is not in memory.
    pub(super) fn is_cold(&mut self, now: Moment) {
        let since = self.disk.map_or(now, |disk| disk.since);
        self.disk = Some(DiskWait { since, helper: Helper::None });
        self.has_unsent = false;
        self.of_turn.was_written = true;
    }

    /// A helper is to read it.
    pub(super) fn is_being_read(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.helper = Helper::Reads;
        }
    }

    /// The helper has read it.
    pub(super) fn was_read(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.helper = Helper::HasRead;
        }
    }

    /// The answer that was just asked for comes from a source.
    pub(super) fn has_source(&mut self, now: Moment) {
        self.source = Some(Drawn { at: now, made_at: now, waits_until: None, was_rung: false });
    }

    /// Its source was pulled, and made so many bytes. Whether it was to be: one that has said how
    /// long it has nothing is left alone until then, unless the bell is rung.
    pub(super) fn pulled(&mut self, said: Pulled, made: usize, now: Moment) -> bool {
        let was_to_be =
            self.source.is_none_or(|s| s.was_rung || s.waits_until.is_none_or(|end| end <= now));
        let before = self.source.map_or(now, |source| source.made_at);
        let waits_until = match said {
            Pulled::Later => Some(Moment::NEVER),
            Pulled::After(beat) => Some(now.after(beat.max(SHORTEST_BEAT))),
            _ => None,
        };
        let made_at = if made > 0 { now } else { before };
        self.source = Some(Drawn { at: now, made_at, waits_until, was_rung: false });
        was_to_be
    }

    /// The bell was rung for it.
    pub(super) fn rung(&mut self) {
        if let Some(source) = &mut self.source {
            source.was_rung = true;
        }
    }

    /// It goes to that phase; where it was. `has_input`: something could be read.
    pub(super) fn moves(
        &mut self,
        to: Phase,
        has_input: bool,
        limits: &Limits,
        now: Moment,
    ) -> Phase {
        let from = std::mem::replace(&mut self.phase, to);
        let is_read_out = self.of_turn.bytes_read >= READ_PER_TURN;
        let wanted_input = matches!(from, Phase::Idle | Phase::Head | Phase::Body) && !is_read_out;
        let left = Left {
            from: Some(from),
            was_due: self.due_in(from, limits) <= now,
            had_input: wanted_input && self.was_told && has_input,
            since: self.since,
            began: self.began,
            progress: self.progress(),
        };
        match to {
            Phase::Writing => self.began_writing = left,
            Phase::Closed => self.was_closed = left,
            _ => {}
        }
        match (from, to) {
            (Phase::Writing, Phase::Body) => self.began = self.began.after(now.since(self.since)),
            (_, Phase::Writing) | (Phase::Writing, Phase::Answering) => {}
            _ => self.began = now,
        }
        if from == Phase::Writing {
            (self.source, self.disk, self.warm) = (None, None, 0);
        }
        self.of_turn.asked += usize::from(from == Phase::Head && to == Phase::Answering);
        self.since = now;
        from
    }

    // Deadlines.

    /// When something has to happen to it at the latest.
    pub(super) fn due(&self, limits: &Limits) -> Moment {
        self.due_in(self.phase, limits).min(self.beat())
    }

    /// When its source is to be pulled again, if all that it made has left.
    fn beat(&self) -> Moment {
        match self.source {
            Some(Drawn { waits_until: Some(_), was_rung: true, at, .. }) if !self.has_unsent => at,
            Some(Drawn { waits_until: Some(beat), .. }) if !self.has_unsent => beat,
            _ => Moment::NEVER,
        }
    }

    fn due_in(&self, phase: Phase, limits: &Limits) -> Moment {
        match phase {
            Phase::Idle => self.since.max(self.last_written).after(limits.idle_timeout),
            Phase::Head => self.since.after(limits.head_timeout),
            Phase::Answering => self.began.after(limits.answer_timeout),
            Phase::Body => self.began.after(limits.body_timeout),
            Phase::Writing => self.due_in_writing(limits),
            Phase::Lingering => {
                let last = self.since.max(self.last_read);
                let hurried = self.hurried.map(|stop| last.max(stop).after(LINGER_HURRIED));
                let silent = last.after(LINGER_SILENT).min(hurried.unwrap_or(Moment::NEVER));
                silent.min(self.since.after(LINGER_IN_ALL))
            }
            Phase::Closed => Moment::NEVER,
        }
    }

    /// The client has to take something; but while a source has nothing to give that is no stall of
    /// the client's, unless it has shut its half, and so may have gone.
    fn due_in_writing(&self, limits: &Limits) -> Moment {
        let progress = self.progress();
        if let Some(disk) = self.disk {
            return disk.since.after(limits.answer_timeout);
        }
        let Some(source) = self.source else { return progress.after(limits.write_timeout) };
        match self.told_shut {
            _ if self.has_unsent || source.waits_until.is_none() => {
                progress.after(limits.write_timeout)
            }
            Some(shut) => progress.max(shut).after(limits.idle_timeout),
            None => Moment::NEVER,
        }
    }

    /// When something has left, or was made, the last time.
    fn progress(&self) -> Moment {
        // To be pulled and to have nothing is no progress.
        let made = self.source.map_or(Moment::START, |source| match source.waits_until {
            Some(_) => source.made_at,
            None => source.at,
        });
        self.since.max(self.last_written).max(self.hot_since).max(made)
    }

    /// Whether a connection that was closed for that reason had the time that it is granted. A
    /// deadline that fires early, or twice, is one that was meant for something else.
    pub(super) fn had_its_time(&self, reason: CloseReason) -> Result<(), &'static str> {
        use CloseReason::{
            AnswerTimeout, DiskTimeout, Fault, IdleTimeout, SourceTimeout, WriteTimeout,
        };
        use oneloop::wire::Fault::{BodyTimeout, HeadTimeout};
        let (left, should_have_been) = match reason {
            IdleTimeout => (self.was_closed, Phase::Idle),
            WriteTimeout | SourceTimeout | DiskTimeout => (self.was_closed, Phase::Writing),
            AnswerTimeout => (self.began_writing, Phase::Answering),
            Fault(HeadTimeout) => (self.began_writing, Phase::Head),
            Fault(BodyTimeout) => (self.began_writing, Phase::Body),
            _ => return Ok(()),
        };
        if left.from != Some(should_have_been) || !left.was_due {
            return Err("before its time was up");
        }
        if left.had_input {
            return Err("though what it waited for was there, and was told");
        }
        Ok(())
    }

    /// Whether a connection that was closed because others needed its room, or because the server
    /// stops, was waiting for its client, and nothing of the client's was there. When a stop begins
    /// it is looked once more, even at what was not told yet: `is_unheard`.
    pub(super) fn was_free_to_go(
        &self,
        reason: CloseReason,
        is_unheard: bool,
        now: Moment,
    ) -> Result<(), &'static str> {
        match reason {
            CloseReason::MadeRoom | CloseReason::Stopped
                if self.was_closed.from != Some(Phase::Idle) =>
            {
                Err("in the middle of a request")
            }
            CloseReason::MadeRoom if self.was_closed.had_input => {
                Err("though its request was there, and was told")
            }
            CloseReason::Stopped
                if is_unheard
                    && !self.of_turn.was_read
                    && (self.was_closed.since < now || self.calls == 0) =>
            {
                Err("though its request was there, and nobody has looked")
            }
            CloseReason::Stalled if self.was_closed.stalled(now) < STALLED_BEFORE_LEAVING => {
                Err("though it has kept nobody waiting")
            }
            _ => Ok(()),
        }
    }

    /// Whether a connection that lingered was closed although its client had not, and might have
    /// sent still.
    pub(super) fn was_cut_short(&self) -> bool {
        let Left { from, was_due, .. } = self.was_closed;
        from == Some(Phase::Lingering) && !was_due && !self.has_met_end && !self.told_gone
    }
}
