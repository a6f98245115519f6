//! What is written down of each request for observers that want to know: made when a request is
//! asked, finished when its answer has left. They lie beside the slab and not in it: without such
//! an observer there are none, and they cost nobody a byte.

use std::net::SocketAddr;

use crate::connection::{Given, Moment, Phase};
use crate::message::{Date, RequestId};
use crate::observers::{Answered, Event, Observer};

use super::desk::Turn;
use super::key::Key;
use super::net::Stream;
use super::slot::Slot;

/// The longest request line that is kept, in bytes.
const LINE: usize = 8 * 1024;

/// The notes on all connections.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By slot, as far as any was ever written to.
    pages: Vec<Option<Box<Notes>>>,
}

impl Ledger {
    /// The notes on that connection, if there are any.
    pub(super) fn read(&mut self, key: Key) -> Option<&mut Notes> {
        let notes = self.pages.get_mut(key.slot as usize)?.as_deref_mut();
        notes.filter(|notes| notes.generation == key.generation)
    }

    /// The notes on that connection, to be written to.
    pub(super) fn write(&mut self, key: Key) -> &mut Notes {
        let at = key.slot as usize;
        if self.pages.len() <= at {
            self.pages.resize_with(at + 1, || None);
        }
        if self.read(key).is_none() {
            self.pages[at] =
                Some(Box::new(Notes { generation: key.generation, ..Notes::default() }));
        }
        self.pages[at].get_or_insert_default()
    }

    /// The notes on that connection are over: its slot may have another tenant.
    pub(super) fn tear_out(&mut self, key: Key) -> Option<Box<Notes>> {
        self.pages.get_mut(key.slot as usize)?.take_if(|notes| notes.generation == key.generation)
    }

    /// There are so many slots and no more.
    pub(super) fn shrink_to(&mut self, slots: usize) {
        self.pages.truncate(slots);
        self.pages.shrink_to_fit();
    }
}

/// Notes on the requests of one connection that are not over.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Whose they are.
    generation: u32,
    /// The one that has been asked and not answered.
    asked: Option<Note>,
    /// Those whose answers have been given and may not have left.
    given: Vec<Note>,
}

#[derive(Debug)]
struct Note {
    id: RequestId,
    peer: Option<SocketAddr>,
    line: Box<[u8]>,
    began: Moment,
    status: u16,
    bytes: u64,
}

impl Notes {
    /// A request was asked, with that line.
    pub(super) fn asked(
        &mut self,
        id: RequestId,
        peer: Option<SocketAddr>,
        line: &[u8],
        now: Moment,
    ) {
        // Asked again after *later*, it is the same request.
        if self.asked.as_ref().is_some_and(|note| note.id == id) {
            return;
        }
        let line = line[..line.len().min(LINE)].into();
        self.asked = Some(Note { id, peer, line, began: now, status: 0, bytes: 0 });
    }

    /// Whether a request was asked that has no answer yet.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// What was asked has its answer.
    pub(super) fn given(&mut self, given: Given) {
        if let Some(mut note) = self.asked.take() {
            note.status = given.status.as_u16();
            note.bytes = given.content;
            self.given.push(note);
        }
    }

    /// So many more bytes of content have left; only the last answer has any behind its head.
    pub(super) fn content_sent(&mut self, n: usize) {
        if let Some(note) = self.given.last_mut() {
            note.bytes += n as u64;
        }
    }

    /// All that was given has left, or with `is_whole` false the last of it has not.
    pub(super) fn tell<O: Observer>(
        &mut self,
        is_whole: bool,
        now: Moment,
        date: &Date,
        observer: &mut O,
    ) {
        let last = self.given.len().saturating_sub(1);
        for (at, note) in self.given.drain(..).enumerate() {
            observer.on(&Event::Answered(&Answered {
                id: note.id,
                peer: note.peer,
                line: &note.line,
                status: note.status,
                bytes: note.bytes,
                took: now.since(note.began),
                whole: is_whole || at < last,
                date,
            }));
        }
    }
}

/// What a slot tells, and what it writes down to be told.
impl<S: Stream> Slot<S> {
    pub(super) fn tell_move<O: Observer>(&self, from: Phase, turn: &mut Turn<'_, O>) {
        let to = self.connection.phase();
        if to != from {
            turn.observer.on(&Event::Moved { connection: self.generation, from, to });
        }
    }

    /// A head was whole, and the responder is asked: the machine went there from `from` in one
    /// step.
    pub(super) fn tell_asked<O: Observer>(&self, from: Phase, turn: &mut Turn<'_, O>) {
        let connection = self.generation;
        if from == Phase::Idle {
            turn.observer.on(&Event::Moved { connection, from, to: Phase::Head });
        }
        if from != Phase::Answering {
            let (from, to) = (Phase::Head, Phase::Answering);
            turn.observer.on(&Event::Moved { connection, from, to });
        }
    }

    /// An answer was given to what was asked; or, where nobody was asked, to the line that `input`
    /// begins with.
    pub(super) fn note_given<O>(&self, given: Option<Given>, input: &[u8], turn: &mut Turn<'_, O>) {
        let Some(given) = given else { return };
        let notes = turn.ledger.write(turn.key);
        if !notes.is_asked() {
            let line = input.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            let (connection, request) = (self.generation, self.connection.requests());
            let id = RequestId { connection, request };
            notes.asked(id, self.stream.peer(), line, (turn.clock)());
        }
        notes.given(given);
    }

    pub(super) fn note_content<O>(&self, n: usize, turn: &mut Turn<'_, O>) {
        if let Some(notes) = turn.ledger.read(turn.key) {
            notes.content_sent(n);
        }
    }

    /// All that was given has left.
    pub(super) fn tell_answered<O: Observer>(&self, turn: &mut Turn<'_, O>) {
        if O::REQUESTS
            && let Some(notes) = turn.ledger.read(turn.key)
        {
            notes.tell(true, (turn.clock)(), turn.terms.date, turn.observer);
            // An idle connection owns nothing.
            if !notes.is_asked() {
                turn.ledger.tear_out(turn.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Ledger};

    #[test]
    fn nobody_reads_the_notes_on_who_had_the_slot_before() {
        let (before, after) = (Key { slot: 3, generation: 7 }, Key { slot: 3, generation: 8 });
        let mut ledger = Ledger::default();
        ledger.write(before).content_sent(0);
        assert!(ledger.read(before).is_some());
        assert!(ledger.read(after).is_none() && ledger.tear_out(after).is_none());
        assert!(!ledger.write(after).is_asked());
        assert!(ledger.read(before).is_none());
        ledger.shrink_to(3);
        assert!(ledger.read(after).is_none());
    }
}
