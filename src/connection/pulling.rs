//! A body that a source makes while it leaves: how its pieces are framed, when it is pulled, and
//! how long it may have nothing.
//!
//! A source is pulled when all that was made before has left, unless it has said that it has
//! nothing for now: then when its wake is rung, or when its beat comes. It has no clock; the beat
//! counts from the turn in which it was pulled.
//!
//! Read next: `sending.rs`, which makes a deadline of the beat.

use crate::config::SHORTEST_BEAT;
use crate::message::{Piece, Pulled, Source};
use crate::wire::response::{CHUNK_LINE, LAST_CHUNK, write_chunk_size};

use super::deadline::Moment;
use super::guard::{Panicked, guarded};

/// A source, and how it stands with it.
#[derive(Debug)]
pub(super) struct Making {
    source: Box<dyn Source>,
    pub(super) framing: SourceFraming,
    /// Whether it has nothing for now.
    pub(super) is_waiting: bool,
    /// When it is pulled again without being rung for; [`Moment::NEVER`] if it is not.
    pub(super) beat: Moment,
    /// Until when it may make nothing; [`Moment::NEVER`] while the client's half is open.
    pub(super) silent_until: Moment,
}

/// How the pieces of a source are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceFraming {
    /// As chunks (HTTP/1.1).
    Chunked,
    /// Not at all: the close is the end (HTTP/1.0).
    UntilClose,
}

/// What pulling a source came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// So many bytes of content were made; there may be more.
    Made(usize),
    /// So many bytes of content were made, and that was all.
    Ended(usize),
    /// Nothing until its wake is rung, or its beat comes.
    Waits,
    /// It will not be finished.
    Failed,
}

impl Making {
    pub(super) const fn of(source: Box<dyn Source>, framing: SourceFraming) -> Self {
        let (beat, silent_until) = (Moment::NEVER, Moment::NEVER);
        Self { source, framing, is_waiting: false, beat, silent_until }
    }

    /// Has the source make its next piece, framed, behind what is in `out`.
    pub(super) fn pull(&mut self, out: &mut Vec<u8>, now: Moment) -> Result<Pull, Panicked> {
        let chunk = out.len();
        if self.framing == SourceFraming::Chunked {
            out.extend_from_slice(CHUNK_LINE);
        }
        let start = out.len();
        let pulled = match guarded(|| self.source.pull(&mut Piece::at_end_of(out))) {
            Ok(pulled) => pulled,
            Err(panicked) => {
                // Nobody knows how much of its piece is there.
                out.truncate(chunk);
                return Err(panicked);
            }
        };
        let made = out.len() - start;
        match (self.framing, made) {
            (_, 0) => out.truncate(chunk),
            (SourceFraming::Chunked, _) => {
                write_chunk_size(&mut out[chunk..start], made);
                out.extend_from_slice(b"\r\n");
            }
            (SourceFraming::UntilClose, _) => {}
        }
        if made > 0 {
            self.silent_until = Moment::NEVER;
        }
        Ok(match pulled {
            Pulled::More => Pull::Made(made),
            Pulled::Later => self.waits(made, Moment::NEVER),
            Pulled::After(beat) => self.waits(made, now.after(beat.max(SHORTEST_BEAT))),
            Pulled::End => {
                if self.framing == SourceFraming::Chunked {
                    out.extend_from_slice(LAST_CHUNK);
                }
                Pull::Ended(made)
            }
            Pulled::Failed => Pull::Failed,
        })
    }

    /// It has nothing behind these bytes until then, if it is not rung for.
    const fn waits(&mut self, made: usize, beat: Moment) -> Pull {
        (self.is_waiting, self.beat) = (true, beat);
        if made == 0 { Pull::Waits } else { Pull::Made(made) }
    }
}
