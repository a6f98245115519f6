//! One tenant of the slab: a stream, its machine, and what is known of its readiness.
//!
//! [`Slot::pump`] is the heart of the server: it takes a connection as far as it goes without
//! waiting. The order of its steps is back-pressure: while anything waits to be **written** nothing
//! is **answered**, and while anything can be answered nothing is **read**. So a client that does
//! not read is not read from, its own send buffer fills, and it costs no more than it already does.
//!
//! Read next: `desk.rs` (what a pump works with), `readiness.rs`, `mod.rs` (who calls it).

use std::io::ErrorKind;

use crate::connection::{
    Advance, Asked, CloseReason, Connection, Moment, Outgoing, Phase, Pull, Reply, guarded,
};
use crate::message::Caller as _;
use crate::observers::Observer;
use crate::wire::request::{Head, Scan};

use super::desk::{Budget, Desk, SlotCaller, Turn};
use super::key::Key;
use super::net::{Stream, Transfer};
use super::notes::Notes;
use super::readiness::Readiness;

/// One connection of the loop.
#[derive(Debug)]
pub struct Slot<S> {
    pub(super) stream: S,
    pub(super) connection: Connection,
    pub(super) readiness: Readiness,
    /// Whose listener it came from.
    pub(super) service: u8,
    /// Whether it is on this turn's list.
    pub(super) is_due: bool,
    /// Whether it waits for memory.
    pub(super) is_parked: bool,
    pub(super) generation: u32,
    /// When the agenda looks at it again.
    pub(super) armed: Moment,
    /// For observers that want to know of requests.
    pub(super) notes: Option<Box<Notes>>,
}

/// What an idle connection costs beside its kernel socket. Rare state is boxed, so that the slab
/// stays small.
const _: () = assert!(size_of::<Slot<super::mio::MioStream>>() <= 104);

/// How a pump ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It waits for an event, or for its deadline.
    Waiting,
    /// Its budget is spent: it goes on in the next turn.
    Unfinished,
    /// It would read, but too much memory is held already.
    Parked,
    /// It has its fate.
    Closed,
}

/// What comes next in a pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Write,
    Advance,
    Read,
    Stop(Verdict),
}

impl<S: Stream> Slot<S> {
    /// A connection that was just accepted.
    pub(super) const fn new(
        stream: S,
        connection: Connection,
        service: u8,
        generation: u32,
    ) -> Self {
        Self {
            stream,
            connection,
            readiness: Readiness::fresh(),
            service,
            is_due: false,
            is_parked: false,
            generation,
            armed: Moment::NEVER,
            notes: None,
        }
    }

    /// Its key, if it lives at that place of the slab.
    pub(super) const fn key(&self, at: usize) -> Key {
        Key { slot: at as u32, generation: self.generation }
    }

    /// Takes the connection as far as it goes without waiting, within a budget.
    pub(super) fn pump<O: Observer>(&mut self, desk: &mut Desk, turn: &mut Turn<'_, O>) -> Verdict {
        let mut budget = Budget::default();
        // Whether the machine may make something of what was received: not after it has said no,
        // until something else has happened.
        let mut may_advance = true;
        let verdict = loop {
            let phase = self.connection.phase();
            match self.next(desk, turn, budget, may_advance) {
                Next::Write => {
                    self.write(desk, turn, &mut budget);
                    may_advance = true;
                }
                Next::Advance => may_advance = self.advance(desk, turn),
                Next::Read => {
                    self.read(desk, turn, &mut budget);
                    may_advance = true;
                }
                Next::Stop(verdict) => break verdict,
            }
            self.tell_move(phase, turn);
        };
        let phase = self.connection.phase();
        self.leave(desk, turn);
        if verdict == Verdict::Waiting && self.readiness.is_gone() {
            // Both halves are closed, and no event will say so again.
            self.connection.broken(ErrorKind::ConnectionReset);
            return Verdict::Closed;
        }
        if verdict == Verdict::Waiting && self.readiness.is_read_closed() {
            self.connection.client_may_be_gone(&turn.terms);
        }
        self.tell_move(phase, turn);
        verdict
    }

    fn next<O>(&self, desk: &Desk, turn: &Turn<'_, O>, budget: Budget, may_advance: bool) -> Next {
        if self.connection.phase() == Phase::Closed {
            return Next::Stop(Verdict::Closed);
        }
        if self.has_to_write(desk, may_advance) {
            return match (self.readiness.may_write(), budget.may_write()) {
                (true, true) => Next::Write,
                (true, false) => Next::Stop(Verdict::Unfinished),
                (false, _) => Next::Stop(Verdict::Waiting),
            };
        }
        if may_advance {
            return Next::Advance;
        }
        if !self.connection.wants_input() || !self.readiness.may_read() {
            return Next::Stop(Verdict::Waiting);
        }
        if turn.is_memory_short && self.connection.is_between_requests() {
            return Next::Stop(Verdict::Parked);
        }
        if budget.may_read() { Next::Read } else { Next::Stop(Verdict::Unfinished) }
    }

    /// Whether writing comes next: something waits from before, or enough was gathered, or nothing
    /// more can be added to it.
    fn has_to_write(&self, desk: &Desk, may_advance: bool) -> bool {
        match self.connection.outgoing() {
            Outgoing::Waiting => !desk.out.is_empty(),
            Outgoing::Nothing if self.connection.phase() == Phase::Writing => true,
            Outgoing::Nothing => desk.is_out_full() || (!may_advance && !desk.out.is_empty()),
            _ => true,
        }
    }

    // Write.

    fn write<O: Observer>(&mut self, desk: &mut Desk, turn: &mut Turn<'_, O>, budget: &mut Budget) {
        match self.connection.outgoing() {
            Outgoing::Unsent(_) => self.write_unsent(turn, budget),
            Outgoing::File(_) if desk.out.is_empty() => self.write_file(turn, budget),
            Outgoing::Source if !desk.is_out_full() => self.pull(desk, turn, budget),
            _ => self.write_made(desk, turn, budget),
        }
        if !desk.out.is_empty() || self.connection.phase() == Phase::Closed {
            return;
        }
        match self.connection.outgoing() {
            Outgoing::Nothing => {
                if self.connection.all_sent(&turn.terms) {
                    self.stream.shut();
                    desk.drop_unread();
                }
                self.tell_answered(true, turn);
            }
            Outgoing::Waiting => self.connection.waits_for_source(),
            _ => {}
        }
    }

    /// What the socket did not take before, and nothing else.
    fn write_unsent<O>(&mut self, turn: &Turn<'_, O>, budget: &mut Budget) {
        let Outgoing::Unsent(bytes) = self.connection.outgoing() else { return };
        let given = bytes.len();
        let transfer = self.stream.write(bytes, false);
        self.readiness.wrote(transfer, given, turn.short_drains);
        if let Some(n) = self.moved(transfer) {
            budget.wrote(n);
            self.connection.sent(n, &turn.terms);
        }
    }

    /// What was gathered, and in the same call the content behind it, where that is bytes.
    fn write_made<O>(&mut self, desk: &mut Desk, turn: &Turn<'_, O>, budget: &mut Budget) {
        let made = desk.out.len();
        let (transfer, given) = match self.connection.outgoing() {
            Outgoing::Content(content) if made == 0 => {
                (self.stream.write(content, false), content.len())
            }
            Outgoing::Content(content) => {
                (self.stream.write_both(&desk.out, content), made + content.len())
            }
            Outgoing::File(_) => (self.stream.write(&desk.out, true), made),
            _ if made == 0 => return,
            _ => (self.stream.write(&desk.out, false), made),
        };
        self.readiness.wrote(transfer, given, turn.short_drains);
        let moved = self.moved(transfer).unwrap_or_default();
        if self.connection.phase() == Phase::Closed {
            return;
        }
        budget.wrote(moved);
        if moved < made {
            self.connection.put_back(&desk.out[moved..], &turn.terms);
        }
        desk.out.clear();
        self.content_left(moved.saturating_sub(made), turn);
    }

    fn write_file<O>(&mut self, turn: &Turn<'_, O>, budget: &mut Budget) {
        let Outgoing::File(range) = self.connection.outgoing() else { return };
        let transfer = self.stream.send_file(range);
        self.readiness.sent_file(transfer);
        if transfer == Transfer::Ended {
            return self.connection.close(CloseReason::FileShrank);
        }
        let moved = self.moved(transfer).unwrap_or_default();
        budget.wrote(moved);
        self.content_left(moved, turn);
    }

    fn pull<O>(&mut self, desk: &mut Desk, turn: &Turn<'_, O>, budget: &mut Budget) {
        match self.connection.pull(&mut desk.out, &turn.terms) {
            // One that makes nothing and says that there is more would keep the loop to itself.
            Pull::Made(0) => budget.stop_writing(),
            Pull::Made(n) | Pull::Ended(n) => self.note_content(n),
            Pull::Waits | Pull::Failed => {}
        }
    }

    fn content_left<O>(&mut self, n: usize, turn: &Turn<'_, O>) {
        if n > 0 {
            self.connection.content_sent(n, &turn.terms);
            self.note_content(n);
        }
    }

    /// How many bytes went to the socket. Where it is broken the connection has its fate.
    fn moved(&mut self, transfer: Transfer) -> Option<usize> {
        match transfer {
            Transfer::Moved(n) => return Some(n),
            Transfer::Blocked => {}
            Transfer::Ended => self.connection.broken(ErrorKind::WriteZero),
            Transfer::Broken(kind) => self.connection.broken(kind),
        }
        None
    }

    // Answer.

    /// Has the machine look at what was received and not yet understood. Whether it made something
    /// of it.
    fn advance<O: Observer>(&mut self, desk: &mut Desk, turn: &mut Turn<'_, O>) -> bool {
        let mut inbox = self.connection.take_inbox();
        let Desk { received, unread, scan, out } = desk;
        let (input, scan) = match &mut inbox {
            Some(inbox) => inbox.open(),
            None => (&received[unread.clone()], scan),
        };
        let reply = match self.connection.advance(input, scan, out, &turn.terms) {
            Advance::Starved => None,
            Advance::Ask(head) => Some(self.ask(head, input.len(), out, turn)),
            Advance::Took(took, given) => Some(Reply { took, given }),
        };
        if let Some(Reply { took, given }) = reply {
            if O::REQUESTS {
                self.note_given(given, input, turn);
            }
            if took > 0 {
                *scan = Scan::default();
            }
            match &mut inbox {
                Some(inbox) => inbox.took(took),
                None => unread.start += took,
            }
        }
        if let Some(inbox) = inbox {
            self.connection.keep(inbox);
        }
        reply.is_some()
    }

    fn ask<O: Observer>(
        &mut self,
        head: Head<'_>,
        received: usize,
        out: &mut Vec<u8>,
        turn: &mut Turn<'_, O>,
    ) -> Reply {
        let asked = Asked::of(&head);
        let caller = SlotCaller { stream: &self.stream, key: turn.key, bell: turn.bell };
        let line = head.line;
        let request = head.into_request(self.connection.requests(), &caller);
        if O::REQUESTS {
            let notes = self.notes.get_or_insert_default();
            notes.asked(request.id(), caller.peer(), line, (turn.clock)());
        }
        match guarded(|| turn.responder.respond(&request)) {
            Ok(answer) => self.connection.answer(asked, answer, received, out, &turn.terms),
            Err(_) => self.connection.responder_panicked(asked, out, &turn.terms),
        }
    }

    // Read.

    fn read<O>(&mut self, desk: &mut Desk, turn: &Turn<'_, O>, budget: &mut Budget) {
        // What is left of an earlier read makes way, so that the two stretches are one again.
        if let Some(inbox) = desk.take_unread() {
            self.connection.keep(inbox);
        }
        let room = &mut desk.received[..self.connection.room()];
        let asked = room.len();
        debug_assert!(asked > 0, "a head that fills the inbox is refused before it does");
        let transfer = self.stream.read(room);
        self.readiness.read(transfer, asked, turn.short_drains);
        match transfer {
            Transfer::Moved(n) => {
                budget.read(n);
                match self.connection.take_inbox() {
                    Some(mut inbox) => {
                        inbox.received(&desk.received[..n]);
                        self.connection.keep(inbox);
                    }
                    None => desk.unread = 0..n,
                }
            }
            Transfer::Blocked => {}
            Transfer::Ended => self.connection.ended(),
            Transfer::Broken(kind) => self.connection.broken(kind),
        }
    }

    // And the rest.

    /// The deadline has passed. What there is to say about it is gathered for the pump that
    /// follows.
    pub(super) fn expire<O: Observer>(&mut self, desk: &mut Desk, turn: &mut Turn<'_, O>) {
        let phase = self.connection.phase();
        let given = self.connection.expired(&mut desk.out, &turn.terms);
        if O::REQUESTS {
            self.note_given(given, b"", turn);
        }
        self.tell_move(phase, turn);
    }

    /// Nothing stays on the desk: what was received waits in the inbox, what was made in the
    /// outbox.
    fn leave<O: Observer>(&mut self, desk: &mut Desk, turn: &mut Turn<'_, O>) {
        if self.connection.phase() == Phase::Closed {
            desk.out.clear();
            desk.drop_unread();
            return self.tell_answered(false, turn);
        }
        if !desk.out.is_empty() {
            self.connection.put_back(&desk.out, &turn.terms);
            desk.out.clear();
        }
        if let Some(inbox) = desk.take_unread() {
            self.connection.keep(inbox);
        }
    }
}
