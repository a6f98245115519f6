//! What waits to leave one connection, where it outlives the turn it was made in: bytes that the
//! socket did not take, and behind them at most one unfinished body, which may be of several parts.
//!
//! While anything waits here the connection neither answers nor reads, so no second body can come
//! behind the first, and what a client can make us keep is the rest of one send buffer, or one
//! head. A file is named and not held; a source makes the next piece when the last has left
//! (`pulling.rs`).

use std::sync::Arc;

use crate::message::{Body, Done, FileRange, Part, Prepared};

use super::Business;
use super::deadline::Moment;
use super::guard::Panicked;
use super::pulling::{Making, Pull, SourceFraming};

/// What waits to leave.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Bytes that the socket did not take; those before `sent` it took later.
    unsent: Vec<u8>,
    sent: usize,
    content: Option<Content>,
    behind: Behind,
    /// What goes on when all of it has left.
    pub(super) interrupted: Business,
}

/// The parts of a body that follow on the one that is leaving.
#[derive(Debug, Default)]
struct Behind {
    parts: std::vec::IntoIter<Part>,
    /// How much memory they hold, in bytes.
    held: usize,
}

impl Behind {
    /// Those of these parts that are not empty.
    fn of(mut parts: Vec<Part>) -> Self {
        parts.retain(|part| !part.is_empty());
        let held = parts.iter().map(Part::held).sum();
        Self { parts: parts.into_iter(), held }
    }

    /// The next of them.
    fn take(&mut self) -> Option<Content> {
        let Some(part) = self.parts.next() else {
            *self = Self::default();
            return None;
        };
        self.held -= part.held();
        Some(match part {
            Part::Bytes(bytes) => Content::Bytes { bytes, sent: 0 },
            Part::File(range) => Content::file(range),
        })
    }

    fn is_empty(&self) -> bool {
        self.parts.as_slice().is_empty()
    }
}

/// The unfinished body of the answer whose head went before.
#[derive(Debug)]
enum Content {
    Bytes { bytes: Vec<u8>, sent: usize },
    Shared { bytes: Arc<[u8]>, sent: usize },
    Prepared { prepared: Prepared, sent: usize },
    File { range: FileRange, warmth: Warmth },
    Source(Making),
}

impl Content {
    const fn file(range: FileRange) -> Self {
        Self::File { range, warmth: Warmth::Unknown }
    }
}

/// How it stands with the beginning of a stretch of a file.
#[derive(Debug)]
enum Warmth {
    /// It is to be asked whether it is in memory.
    Unknown,
    /// It is not, and no helper was to be had.
    NoHelper,
    /// A helper reads so many bytes of it.
    Warming(u64, Done),
    /// A helper has read so many bytes of it.
    Warmed(u64),
}

/// What is known of the beginning of a stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// The disk may have to be waited for.
    Unknown,
    /// So many bytes were read a moment ago, and are sent without asking again.
    Warmed(u64),
}

/// What is to leave next.
#[derive(Debug)]
pub enum Outgoing<'a> {
    /// Nothing waits here.
    Nothing,
    /// These bytes, before anything that is made now.
    Unsent(&'a [u8]),
    /// These bytes of a body, behind whatever was made in this turn.
    Content(&'a [u8]),
    /// The same, and more of the body follows.
    Part(&'a [u8]),
    /// This stretch of a file, behind whatever was made in this turn.
    File(&'a FileRange, Pages),
    /// What a source has to give: pull.
    Source,
    /// Nothing until a source's wake is rung, or its beat comes.
    Waiting,
    /// Nothing until a helper has read what comes next of a file.
    Warming,
}

impl<'a> Outgoing<'a> {
    /// The body of an answer that was laid out, of which nothing has left.
    pub(super) fn body_of(prepared: &'a Prepared) -> Self {
        match prepared.file() {
            Some(range) => Self::File(range, Pages::Unknown),
            None => Self::Content(prepared.body()),
        }
    }
}

impl Outbox {
    /// Holds the body of an answer.
    #[must_use]
    pub(super) fn holding(body: Body, framing: SourceFraming) -> Self {
        let mut behind = Behind::default();
        let content = match body {
            Body::Empty => None,
            Body::Bytes(bytes) => Some(Content::Bytes { bytes, sent: 0 }),
            Body::Shared(bytes) => Some(Content::Shared { bytes, sent: 0 }),
            Body::File(range) => Some(Content::file(range)),
            Body::Parts(parts) => {
                behind = Behind::of(parts);
                behind.take()
            }
            Body::Source(source) => Some(Content::Source(Making::of(source, framing))),
        };
        Self { content, behind, ..Self::default() }
    }

    /// Holds the body of an answer that was laid out.
    #[must_use]
    pub(super) fn holding_body_of(prepared: Prepared) -> Self {
        let content = match prepared.file() {
            Some(range) => Content::file(range.clone()),
            None => Content::Prepared { prepared, sent: 0 },
        };
        Self { content: Some(content), ..Self::default() }
    }

    /// Holds bytes that the socket did not take, and what could not go on for that.
    #[must_use]
    pub(super) fn interrupting(interrupted: Business, bytes: &[u8]) -> Self {
        Self { unsent: bytes.to_vec(), interrupted, ..Self::default() }
    }

    /// What is to leave next.
    #[must_use]
    pub(super) fn next(&self) -> Outgoing<'_> {
        if self.sent < self.unsent.len() {
            return Outgoing::Unsent(&self.unsent[self.sent..]);
        }
        match &self.content {
            None => Outgoing::Nothing,
            Some(Content::Bytes { bytes, sent }) if !self.behind.is_empty() => {
                Outgoing::Part(&bytes[*sent..])
            }
            Some(Content::Bytes { bytes, sent }) => Outgoing::Content(&bytes[*sent..]),
            Some(Content::Shared { bytes, sent }) => Outgoing::Content(&bytes[*sent..]),
            Some(Content::Prepared { prepared, sent }) => {
                Outgoing::Content(&prepared.body()[*sent..])
            }
            Some(Content::File { range, warmth }) => match warmth {
                Warmth::Unknown => Outgoing::File(range, Pages::Unknown),
                Warmth::Warmed(len) => Outgoing::File(range, Pages::Warmed(*len)),
                Warmth::NoHelper | Warmth::Warming(..) => Outgoing::Warming,
            },
            Some(Content::Source(making)) if making.is_waiting => Outgoing::Waiting,
            Some(Content::Source(_)) => Outgoing::Source,
        }
    }

    /// The socket did not take these bytes; they go before the body.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        debug_assert!(self.sent == self.unsent.len(), "nothing is made while bytes wait");
        self.unsent = bytes.to_vec();
        self.sent = 0;
    }

    /// The socket took so many of the bytes that had been put back.
    pub(super) fn sent(&mut self, n: usize) {
        self.sent += n;
        debug_assert!(self.sent <= self.unsent.len());
        if self.sent == self.unsent.len() {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
    }

    /// The socket took so many bytes of the body.
    pub(super) fn content_sent(&mut self, n: usize) {
        let is_whole = match &mut self.content {
            Some(Content::Bytes { bytes, sent }) => {
                *sent += n;
                *sent == bytes.len()
            }
            Some(Content::Shared { bytes, sent }) => {
                *sent += n;
                *sent == bytes.len()
            }
            Some(Content::Prepared { prepared, sent }) => {
                *sent += n;
                *sent == prepared.body().len()
            }
            Some(Content::File { range, warmth }) => {
                range.offset += n as u64;
                range.len -= n as u64;
                *warmth = match warmth {
                    Warmth::Warmed(len) if *len > n as u64 => Warmth::Warmed(*len - n as u64),
                    _ => Warmth::Unknown,
                };
                range.len == 0
            }
            Some(Content::Source(_)) | None => false,
        };
        if is_whole {
            self.content = self.behind.take();
        }
    }

    /// Has the source make its next piece, framed, behind what is in `out`.
    pub(super) fn pull(&mut self, out: &mut Vec<u8>, now: Moment) -> Result<Pull, Panicked> {
        let Some(making) = self.making_mut() else { return Ok(Pull::Ended(0)) };
        let pulled = making.pull(out, now);
        if matches!(pulled, Ok(Pull::Ended(_))) {
            self.content = None;
        }
        pulled
    }

    /// The source of the body, and how it stands with it.
    #[must_use]
    pub(super) const fn making(&self) -> Option<&Making> {
        match &self.content {
            Some(Content::Source(making)) => Some(making),
            _ => None,
        }
    }

    pub(super) const fn making_mut(&mut self) -> Option<&mut Making> {
        match &mut self.content {
            Some(Content::Source(making)) => Some(making),
            _ => None,
        }
    }

    /// Whether it holds the rest of a body whose end only the close can tell.
    #[must_use]
    pub(super) const fn ends_by_close(&self) -> bool {
        match self.making() {
            Some(making) => matches!(making.framing, SourceFraming::UntilClose),
            None => false,
        }
    }

    /// A wake was rung: a source is pulled again, and a helper asked for again. Whether one has
    /// done its work is another matter.
    pub(super) fn woken(&mut self) {
        if let Business::Postponed { was_rung, .. } = &mut self.interrupted {
            *was_rung = true;
        }
        match &mut self.content {
            Some(Content::Source(making)) => making.is_waiting = false,
            Some(Content::File { warmth: warmth @ Warmth::NoHelper, .. }) => {
                *warmth = Warmth::Unknown;
            }
            _ => {}
        }
    }

    /// What comes next of a file is not in memory. A helper reads so many bytes of it; without one
    /// it is asked again later.
    pub(super) fn warming(&mut self, helper: Option<(u64, Done)>) {
        if let Some(Content::File { warmth, .. }) = &mut self.content {
            *warmth = helper.map_or(Warmth::NoHelper, |(len, done)| Warmth::Warming(len, done));
        }
    }

    /// Whether a helper is to be had first, or may be asked for when all has left.
    pub(super) const fn may_want_helper(&self) -> bool {
        matches!(&self.content, Some(Content::File { warmth: Warmth::NoHelper, .. }))
            || matches!(self.interrupted, Business::Postponed { .. })
    }

    /// The helper's work, if it is waited for.
    pub(super) const fn awaited_job(&self) -> Option<&Done> {
        match &self.content {
            Some(Content::File { warmth: Warmth::Warming(_, done), .. }) => Some(done),
            _ => None,
        }
    }

    /// The helper has done it.
    pub(super) fn warmed(&mut self) {
        if let Some(Content::File { warmth, .. }) = &mut self.content
            && let Warmth::Warming(len, _) = warmth
        {
            *warmth = Warmth::Warmed(*len);
        }
    }

    /// How much memory of its own it holds, in bytes; what is shared or in a file is not counted.
    #[must_use]
    pub(super) fn held(&self) -> usize {
        let content = match &self.content {
            Some(Content::Bytes { bytes, .. }) => bytes.capacity(),
            _ => 0,
        };
        let interrupted = match &self.interrupted {
            Business::Exchange(exchange) => exchange.held(),
            _ => 0,
        };
        self.unsent.capacity() + content + self.behind.held + interrupted
    }
}
