//! What is written down of each request for observers that want to know: made when a request is
//! asked, finished when its answer has left. They lie beside the slab and not in it: without such
//! an observer there are none, and they cost nobody a byte.

use std::net::SocketAddr;
use std::ops::Range;

use crate::config::{LOG_FIELD, LOG_LINE, NOTES_KEPT, NOTES_ROOM};
use crate::connection::{CloseReason, Given, Moment};
use crate::message::{Date, Request, RequestId};
use crate::observers::{Answered, Event, Observer};

use super::desk::Turn;
use super::key::Key;
use super::net::Stream;
use super::slot::Slot;

/// The notes on all connections.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By slot, as far as any was ever written to.
    pages: Vec<Page>,
    /// Nobody's, with the room they have had: for who asks next, so that a request's notes are not
    /// allocated.
    #[expect(clippy::vec_box, reason = "a page has its notes boxed, and is given these")]
    blank: Vec<Box<Notes>>,
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Page {
    /// Whose it is.
    generation: u32,
    /// Who it is, once it was asked for. That this is not with every request bought one system
    /// call of four.
    peer: Option<Option<SocketAddr>>,
    notes: Option<Box<Notes>>,
}

impl Ledger {
    /// The notes on that connection, if there are any.
    pub(super) fn read(&mut self, key: Key) -> Option<&mut Notes> {
        let page = self.pages.get_mut(key.slot as usize)?;
        page.notes.as_deref_mut().filter(|_| page.generation == key.generation)
    }

    /// The notes on that connection, to be written to; `peer` says who it is.
    pub(super) fn write(
        &mut self,
        key: Key,
        peer: impl FnOnce() -> Option<SocketAddr>,
    ) -> &mut Notes {
        let at = key.slot as usize;
        if self.pages.len() <= at {
            self.pages.resize_with(at + 1, Page::default);
        }
        let page = &mut self.pages[at];
        if page.generation != key.generation {
            *page = Page { generation: key.generation, ..Page::default() };
        }
        page.notes.get_or_insert_with(|| {
            let mut notes = self.blank.pop().unwrap_or_default();
            notes.peer = *page.peer.get_or_insert_with(peer);
            notes
        })
    }

    /// The notes on that connection are over: its slot may have another tenant.
    pub(super) fn tear_out(&mut self, key: Key) -> Option<Box<Notes>> {
        let page = self.pages.get_mut(key.slot as usize)?;
        page.notes.take_if(|_| page.generation == key.generation)
    }

    /// Those notes are told, and their connection is idle: it owns nothing.
    fn wipe(&mut self, key: Key) {
        if let Some(mut notes) = self.tear_out(key)
            && self.blank.len() < NOTES_KEPT
        {
            notes.shrink();
            self.blank.push(notes);
        }
    }

    /// There are so many slots and no more.
    pub(super) fn shrink_to(&mut self, slots: usize) {
        self.pages.truncate(slots);
        self.pages.shrink_to_fit();
        self.blank = Vec::new();
    }
}

/// Notes on the requests of one connection that are not over.
#[derive(Debug, Default)]
pub(super) struct Notes {
    peer: Option<SocketAddr>,
    /// The one that has been asked and not answered.
    asked: Option<Note>,
    /// Those whose answers have been given and may not have left.
    given: Vec<Note>,
    /// What they said, one after the other.
    text: Vec<u8>,
}

#[derive(Debug)]
struct Note {
    id: RequestId,
    /// Where in the text its line begins; behind it are the two fields.
    at: usize,
    line: u16,
    referer: u16,
    user_agent: u16,
    status: u16,
    bytes: u64,
    began: Moment,
}

const _: () = assert!(LOG_LINE <= u16::MAX as usize);
const _: () = assert!(LOG_FIELD <= u16::MAX as usize);

impl Note {
    /// Where line, referer and user agent stand in the text.
    fn places(&self) -> [Range<usize>; 3] {
        let mut at = self.at;
        [self.line, self.referer, self.user_agent].map(|len| {
            let from = at;
            at += usize::from(len);
            from..at
        })
    }
}

/// What a request said, as far as it is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) line: &'a [u8],
    pub(super) referer: &'a [u8],
    pub(super) user_agent: &'a [u8],
}

impl<'a> Said<'a> {
    /// What that request said, whose line is this one; of its fields only what is wanted.
    pub(super) fn by(request: &Request<'a>, line: &'a [u8], wants_fields: bool) -> Self {
        if !wants_fields {
            return Self { line, ..Self::default() };
        }
        let field = |name| request.header(name).unwrap_or_default();
        Self { line, referer: field("referer"), user_agent: field("user-agent") }
    }
}

impl Notes {
    /// A request was asked, which said that.
    pub(super) fn asked(&mut self, id: RequestId, said: Said<'_>, now: Moment) {
        // Asked again after *later*, it is the same request.
        if self.asked.as_ref().is_some_and(|note| note.id == id) {
            return;
        }
        let at = self.text.len();
        let [line, referer, user_agent] =
            [(said.line, LOG_LINE), (said.referer, LOG_FIELD), (said.user_agent, LOG_FIELD)].map(
                |(text, most)| {
                    let kept = &text[..text.len().min(most)];
                    self.text.extend_from_slice(kept);
                    kept.len() as u16
                },
            );
        let (status, bytes) = (0, 0);
        self.asked = Some(Note { id, at, line, referer, user_agent, status, bytes, began: now });
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

    /// All that was given has left, or with `is_whole` false the last of it has not. `close` is why
    /// nothing follows on the last, if nothing does.
    pub(super) fn tell<O: Observer>(
        &mut self,
        is_whole: bool,
        close: Option<CloseReason>,
        now: Moment,
        date: &Date,
        observer: &mut O,
    ) {
        let last = self.given.len().saturating_sub(1);
        for (at, note) in self.given.drain(..).enumerate() {
            let [line, referer, user_agent] = note.places().map(|place| &self.text[place]);
            observer.on(&Event::Answered(&Answered {
                id: note.id,
                peer: self.peer,
                line,
                status: note.status,
                bytes: note.bytes,
                took: now.since(note.began),
                whole: is_whole || at < last,
                close: close.filter(|_| at == last),
                referer,
                user_agent,
                date,
            }));
        }
        // Of what was said only the words of who has no answer yet are wanted still.
        let told = self.asked.as_ref().map_or(self.text.len(), |note| note.at);
        self.text.drain(..told);
        if let Some(note) = &mut self.asked {
            note.at = 0;
        }
    }

    /// Gives back what only few need.
    fn shrink(&mut self) {
        self.text.shrink_to(NOTES_ROOM);
        self.given.shrink_to(NOTES_ROOM / size_of::<Note>());
    }
}

/// What a slot tells, and what it writes down to be told.
impl<S: Stream> Slot<S> {
    /// An answer was given to what was asked; or, where nobody was asked, to the line that `input`
    /// begins with.
    pub(super) fn note_given<O: Observer>(
        &self,
        given: Option<Given>,
        input: &[u8],
        turn: &mut Turn<'_, O>,
    ) {
        let Some(given) = given else { return };
        turn.tell_given(given);
        if !O::REQUESTS {
            return;
        }
        let notes = turn.ledger.write(turn.key, || self.stream.peer());
        if !notes.is_asked() {
            let line = input.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            let (connection, request) = (self.generation, self.connection.requests());
            let id = RequestId { connection, request };
            notes.asked(id, Said { line, ..Said::default() }, (turn.clock)());
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
        turn.tell_sent();
        if O::REQUESTS
            && let Some(notes) = turn.ledger.read(turn.key)
        {
            let close = self.connection.ending();
            notes.tell(true, close, (turn.clock)(), turn.terms.date, turn.observer);
            if !notes.is_asked() {
                turn.ledger.wipe(turn.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use http::StatusCode;

    use super::*;

    /// The lines it is told, with what ends the connection.
    #[derive(Default)]
    struct Heard(Vec<(String, Option<CloseReason>)>);

    impl Observer for Heard {
        fn on(&mut self, event: &Event<'_>) {
            if let Event::Answered(answered) = event {
                let said = [answered.line, answered.referer, answered.user_agent];
                let text = said.map(String::from_utf8_lossy).join("|");
                self.0.push((text, answered.close));
            }
        }
    }

    /// A request that has no answer yet keeps what it said when those before it are told.
    #[test]
    fn what_was_said_stays_with_who_said_it() {
        let (mut notes, mut heard) = (Notes::default(), Heard::default());
        let date = b"Sun, 22 Nov 2026 14:00:00 GMT";
        let ask = |notes: &mut Notes, request, line: &str| {
            let id = RequestId { connection: 1, request };
            let said = Said { line: line.as_bytes(), referer: b"r", user_agent: line.as_bytes() };
            notes.asked(id, said, Moment::START);
        };
        let given = Given { status: StatusCode::OK, content: 0 };
        let why = Some(CloseReason::Answered);
        for (request, line) in [(1, "one"), (2, "two")] {
            ask(&mut notes, request, line);
            notes.given(given);
        }
        ask(&mut notes, 3, "three");
        notes.tell(true, why, Moment::START, date, &mut heard);
        ask(&mut notes, 3, "again");
        notes.given(given);
        ask(&mut notes, 4, &"x".repeat(LOG_LINE + 1));
        notes.given(given);
        notes.tell(true, None, Moment::START, date, &mut heard);
        assert!(notes.text.is_empty() && notes.given.is_empty());
        let long = format!("{}|r|{}", "x".repeat(LOG_LINE), "x".repeat(LOG_FIELD));
        let lines = ["one|r|one", "two|r|two", "three|r|three", &long];
        let expected: Vec<_> = lines.into_iter().zip([None, why, None, None]).collect();
        let heard: Vec<_> = heard.0.iter().map(|(line, why)| (line.as_str(), *why)).collect();
        assert_eq!(heard, expected);
    }

    #[test]
    fn a_connection_is_asked_once_who_it_is_and_owns_nothing_when_idle() {
        let (one, other) = (Key { slot: 1, generation: 1 }, Key { slot: 1, generation: 2 });
        let (mut ledger, asked) = (Ledger::default(), Cell::new(0));
        let mut ask = |key| {
            let peer = Some(([127, 0, 0, 1], asked.replace(asked.get() + 1)).into());
            let notes = ledger.write(key, || peer);
            let port = notes.peer.map(|peer: SocketAddr| peer.port());
            ledger.wipe(key);
            assert!(ledger.read(key).is_none() && ledger.blank.len() == 1);
            port
        };
        assert_eq!([one, one, other, other].map(&mut ask), [0, 0, 2, 2].map(Some));
    }

    #[test]
    fn nobody_reads_the_notes_on_who_had_the_slot_before() {
        let (before, after) = (Key { slot: 3, generation: 7 }, Key { slot: 3, generation: 8 });
        let mut ledger = Ledger::default();
        ledger.write(before, || None).content_sent(0);
        assert!(ledger.read(before).is_some());
        assert!(ledger.read(after).is_none() && ledger.tear_out(after).is_none());
        assert!(!ledger.write(after, || None).is_asked());
        assert!(ledger.read(before).is_none());
        ledger.shrink_to(3);
        assert!(ledger.read(after).is_none());
    }
}
