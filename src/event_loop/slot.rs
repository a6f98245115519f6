//! One tenant of the slab: a stream, its machine, and what is known of its readiness.
//!
//! [`Slot::pump`] is the heart of the server: it takes a connection as far as it goes without
//! waiting. The order of its steps is back-pressure: while anything waits to be **written** nothing
//! is **answered**, and while anything can be answered nothing is **read**. So a client that does
//! not read is not read from, its own send buffer fills, and it costs no more than it already does.
//!
//! Read next: `desk.rs` (what a pump works with), `readiness.rs`, `mod.rs` (who calls it).

use std::io::ErrorKind;

use slab::Slab;

use crate::connection::{Advance, Asked, Connection, Moment, Outgoing, Phase, Reply, guarded};
use crate::message::{Caller as _, Done};
use crate::observers::{Call, Event, Observer};
use crate::wire::request::{Head, Scan};

use super::desk::{Budget, Desk, SlotCaller, Turn};
use super::key::Key;
use super::lists::Lists;
use super::mio::MioStream;
use super::net::{Stream, Transfer};
use super::notes::Said;
use super::readiness::Readiness;
use super::telling::moved;

/// One connection of the loop.
#[derive(Debug)]
pub struct Slot<S> {
    pub(super) stream: S,
    pub(super) connection: Connection,
    pub(super) readiness: Readiness,
    /// Whose listener it came from.
    pub(super) service: u8,
    pub(super) lists: Lists,
    pub(super) generation: u32,
    /// When the agenda looks at it again.
    pub(super) armed: Moment,
}

/// What an idle connection costs beside its kernel socket and its 16 bytes in the agenda: 64 bytes,
/// 8 of them the stream. Whatever is rare is boxed or lies beside the slab. (A debug build of mio
/// has two words more in a stream.)
const _: () = {
    const STREAM: usize = size_of::<MioStream>();
    assert!(size_of::<Slot<MioStream>>() - STREAM <= 56 && (STREAM == 8 || cfg!(debug_assertions)));
    // The slab tells empty slots from others by what no slot can contain.
    assert!(size_of::<Option<Slot<MioStream>>>() == size_of::<Slot<MioStream>>());
};

/// The slot that a key names, if it is still the tenant.
pub(super) fn tenant<S>(slots: &mut Slab<Slot<S>>, key: Key) -> Option<&mut Slot<S>> {
    slots.get_mut(key.slot as usize).filter(|slot| slot.generation == key.generation)
}

/// Whether the slot that a key names is still its tenant.
pub(super) fn is_tenant<S>(slots: &Slab<Slot<S>>, key: Key) -> bool {
    slots.get(key.slot as usize).is_some_and(|slot| slot.generation == key.generation)
}

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
            lists: Lists::NONE,
            generation,
            armed: Moment::NEVER,
        }
    }

    /// Its key, if it lives at that place of the slab.
    pub(super) const fn key(&self, at: usize) -> Key {
        Key { slot: at as u32, generation: self.generation }
    }

    /// Whether it can be closed to make room: it waits for its client, and nothing of the client's
    /// is there already.
    pub(super) const fn may_leave(&self) -> bool {
        self.connection.is_waiting_for_client() && !self.readiness.may_read()
    }

    /// A wake was rung for it, by whom it does not say.
    pub(super) fn woken(&mut self) {
        if self.connection.awaited_job().is_some_and(Done::is_so) {
            self.connection.warmed();
        }
        self.connection.woken();
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
                Next::Advance => {
                    may_advance = self.advance(desk, turn, &mut budget);
                    continue;
                }
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
        if matches!(verdict, Verdict::Waiting | Verdict::Parked) && self.readiness.is_gone() {
            // Both halves are closed, and no event will say so again.
            self.connection.broken(ErrorKind::ConnectionReset);
            return Verdict::Closed;
        }
        if verdict == Verdict::Waiting && self.readiness.is_read_closed() {
            self.connection.client_shut(&turn.terms);
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
        // While a source waits there is nothing to answer, so that nothing is unfinished either.
        if may_advance && self.connection.phase() != Phase::Writing {
            return match (budget.may_answer(), desk.out.is_empty()) {
                (true, _) => Next::Advance,
                // What was answered leaves before the others have their turn.
                (false, false) if self.readiness.may_write() => Next::Write,
                (false, _) => Next::Stop(Verdict::Unfinished),
            };
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
        // Asked in every step of a pump; nearly always there is nothing but what is on the desk.
        if self.connection.phase() != Phase::Writing {
            return desk.is_out_full() || (!may_advance && !desk.out.is_empty());
        }
        match self.connection.outgoing() {
            Outgoing::Waiting | Outgoing::Warming => !desk.out.is_empty(),
            _ => true,
        }
    }

    // Answer.

    /// Has the machine look at what was received and not yet understood. Whether it made something
    /// of it.
    fn advance<O: Observer>(
        &mut self,
        desk: &mut Desk,
        turn: &mut Turn<'_, O>,
        budget: &mut Budget,
    ) -> bool {
        let mut phase = self.connection.phase();
        let mut inbox = self.connection.take_inbox();
        let Desk { received, unread, scan, out } = desk;
        let (input, scan) = match &mut inbox {
            Some(inbox) => inbox.open(),
            None => (&received[unread.clone()], scan),
        };
        let reply = match self.connection.advance(input, scan, out, &turn.terms) {
            Advance::Starved => None,
            // By reference: the head is not moved again.
            Advance::Ask(ref head) => {
                self.tell_head(phase, turn);
                phase = Phase::Answering;
                let reply = self.ask(head, input.len(), out, turn);
                budget.answered(|| turn.is_long());
                Some(reply)
            }
            Advance::Took(took, given) => Some(Reply { took, given }),
        };
        if let Some(Reply { took, given }) = reply {
            if O::REQUESTS || O::STEPS {
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
        self.tell_move(phase, turn);
        reply.is_some()
    }

    fn ask<O: Observer>(
        &mut self,
        head: &Head<'_>,
        received: usize,
        out: &mut Vec<u8>,
        turn: &mut Turn<'_, O>,
    ) -> Reply {
        let asked = Asked::of(head, received);
        let caller = SlotCaller {
            stream: &self.stream,
            key: turn.key,
            bell: turn.bell,
            now: turn.terms.now,
            unix_time: turn.unix_time,
            submit: turn.submit,
            found_no_room: &turn.found_no_room,
        };
        let request = head.to_request(self.connection.requests(), &caller);
        if O::REQUESTS {
            let said = Said::by(&request, head.line, turn.observer.wants_fields());
            let notes = turn.ledger.write(turn.key, || caller.peer());
            notes.asked(request.id(), said, (turn.clock)());
        }
        if O::STEPS {
            let (who, request, at) = (turn.key.who(), self.connection.requests(), turn.moment());
            turn.observer.on(&Event::Asked { who, request, at });
        }
        match guarded(|| turn.responder.respond(&request)) {
            Ok(answer) => self.connection.answer(asked, answer, out, &turn.terms),
            Err(_) => self.connection.responder_panicked(asked, out, &turn.terms),
        }
    }

    // Read.

    fn read<O: Observer>(&mut self, desk: &mut Desk, turn: &mut Turn<'_, O>, budget: &mut Budget) {
        // What is left of an earlier read makes way, so that the two stretches are one again.
        if let Some(inbox) = desk.take_unread() {
            self.connection.keep(inbox);
        }
        let room = &mut desk.received[..self.connection.room()];
        let asked = room.len();
        debug_assert!(asked > 0, "a head that fills the inbox is refused before it does");
        let from = turn.moment();
        let transfer = self.stream.read(room);
        turn.tell_call(Call::Receive, moved(transfer, asked), from);
        let short_drains = turn.short_drains && !self.stream.may_end_reads_early();
        self.readiness.read(transfer, asked, short_drains);
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
        turn.tell_expired(self.connection.awaits());
        let given = self.connection.expired(&mut desk.out, &turn.terms);
        if O::REQUESTS || O::STEPS {
            self.note_given(given, b"", turn);
        }
        self.tell_move(phase, turn);
    }

    /// Nothing stays on the desk: what was received waits in the inbox, what was made in the
    /// outbox.
    fn leave<O>(&mut self, desk: &mut Desk, turn: &Turn<'_, O>) {
        if self.connection.phase() == Phase::Closed {
            desk.clear_out();
            desk.drop_unread();
            return;
        }
        if !desk.out.is_empty() {
            self.connection.put_back(&desk.out, &turn.terms);
            desk.clear_out();
        }
        if let Some(inbox) = desk.take_unread() {
            self.connection.keep(inbox);
        }
    }
}
