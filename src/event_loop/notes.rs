//! What is written down of each request for observers that want to know: made when a request is
//! asked, finished when its answer has left. Without such an observer there are none, and no slot
//! has room for more than a null pointer.

use std::net::SocketAddr;

use crate::connection::{Given, Moment};
use crate::message::{Date, RequestId};
use crate::observers::{Answered, Event, Observer};

/// The longest request line that is kept, in bytes.
const LINE: usize = 8 * 1024;

/// Notes on the requests of one connection that are not over.
#[derive(Debug, Default)]
pub(super) struct Notes {
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
