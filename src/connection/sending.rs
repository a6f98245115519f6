//! What a connection is told of its sending: what the socket took, what it did not, and what a
//! source made. While anything waits here the connection is `Writing`, whatever it was about
//! before.
//!
//! Read next: `outbox.rs`, where it waits.

use super::outbox::Pull;
use super::{Afterwards, Business, CloseReason, Connection, Moment, Panicked, Phase, Terms, Why};
use crate::config::LINGER_IN_ALL;
use crate::message::Done;

impl Connection {
    /// The socket took so many of the bytes that had been put back.
    pub fn sent(&mut self, n: usize, terms: &Terms<'_>) {
        if let Some(outbox) = &mut self.outbox {
            outbox.sent(n);
        }
        self.progressed(terms);
    }

    /// The socket took so many bytes of the body.
    pub fn content_sent(&mut self, n: usize, terms: &Terms<'_>) {
        if let Some(outbox) = &mut self.outbox {
            outbox.content_sent(n);
        }
        self.progressed(terms);
    }

    /// The socket did not take the end of what was made: it waits here, and nothing else is done
    /// before it has left.
    pub fn put_back(&mut self, bytes: &[u8], terms: &Terms<'_>) {
        let afterwards = match self.phase {
            Phase::Idle | Phase::Head => Afterwards::Idle,
            Phase::Answering => Afterwards::Answering,
            Phase::Body => {
                if let Business::Exchange(exchange) = &mut self.business {
                    exchange.stop_clock(terms.now);
                }
                Afterwards::Body
            }
            Phase::Writing => self.afterwards,
            Phase::Lingering | Phase::Closed => return,
        };
        self.outbox.get_or_insert_default().put_back(bytes);
        if self.phase != Phase::Writing {
            self.begin_writing(afterwards, terms);
        }
    }

    /// Has the source of the body make its next piece, to the end of `out`.
    pub fn pull(&mut self, out: &mut Vec<u8>, terms: &Terms<'_>) -> Pull {
        let pulled = match &mut self.outbox {
            Some(outbox) => outbox.pull(out),
            None => Ok(Pull::Ended(0)),
        };
        match pulled {
            Ok(Pull::Waits) => {}
            // To say that there is more and to make nothing is no progress.
            Ok(Pull::Made(0)) if self.deadline != Moment::NEVER => {}
            Ok(Pull::Made(_) | Pull::Ended(_)) => self.progressed(terms),
            Ok(Pull::Failed) => self.cut_body(CloseReason::SourceFailed, terms),
            Err(Panicked) => self.cut_body(CloseReason::Panicked, terms),
        }
        pulled.unwrap_or(Pull::Failed)
    }

    /// The body ends here, unfinished. What was made before it still leaves; that the last chunk
    /// never comes tells the client (RFC 9112 §8). Without chunks only a reset does.
    fn cut_body(&mut self, reason: CloseReason, terms: &Terms<'_>) {
        self.outbox = None;
        self.reason = reason;
        self.afterwards = if self.is_cut { Afterwards::Reset } else { Afterwards::Linger };
        self.progressed(terms);
    }

    /// All that was made has left, and the source of the body has nothing yet. That is no stall of
    /// the client's, so no deadline runs until the source's wake is rung.
    pub fn source_paused(&mut self) {
        self.deadline = Moment::NEVER;
    }

    /// What is to be sent next of a file is not in memory, and sending it would keep everybody
    /// waiting for the disk. A helper reads so many bytes of it, and then that is done; without a
    /// helper it is asked again when a wake is rung. That is no stall of the client's, but nor can
    /// it last for ever: a disk may be dead.
    pub fn warming(&mut self, helper: Option<(u64, Done)>, terms: &Terms<'_>) {
        if let Some(outbox) = &mut self.outbox {
            outbox.warming(helper);
        }
        // Without a helper before: the first deadline holds.
        if self.why != Why::Disk {
            self.wait(Why::Disk, terms.limits.answer_timeout, terms);
        }
    }

    /// The helper's work that it waits for, if it does.
    #[must_use]
    pub fn awaited_job(&self) -> Option<&Done> {
        self.outbox.as_ref().and_then(|outbox| outbox.awaited_job())
    }

    /// Whether it may still want a helper, having found none: a responder said *later*, or a file
    /// is not in memory.
    #[must_use]
    pub fn may_want_helper(&self) -> bool {
        matches!(self.business, Business::Postponed { .. })
            || self.outbox.as_ref().is_some_and(|outbox| outbox.wants_helper())
    }

    /// The helper has done it: what it has read is to be sent now.
    pub fn warmed(&mut self) {
        if let Some(outbox) = &mut self.outbox {
            outbox.warmed();
        }
    }

    /// What was to be sent of a file was in memory. If it waits still, then for the client.
    pub fn was_hot(&mut self, terms: &Terms<'_>) {
        if self.why == Why::Disk {
            self.wait(Why::Write, terms.limits.write_timeout, terms);
        }
    }

    /// The client's half is closed, so it may have gone, and nobody would ever say so. From now on
    /// a source that waits has a limit, the one of idle connections.
    pub fn client_shut(&mut self, terms: &Terms<'_>) {
        if self.deadline == Moment::NEVER && self.phase == Phase::Writing {
            self.wait(Why::Source, terms.limits.idle_timeout, terms);
        }
    }

    /// Everything that was made has left. Says whether our half of the connection is to be shut
    /// now.
    #[must_use]
    pub fn all_sent(&mut self, terms: &Terms<'_>) -> bool {
        self.outbox = None;
        if self.phase != Phase::Writing {
            return false;
        }
        let limits = terms.limits;
        match self.afterwards {
            Afterwards::Idle => {
                self.move_to(Phase::Idle);
                self.wait(Why::Idle, limits.idle_timeout, terms);
            }
            Afterwards::Body => {
                self.move_to(Phase::Body);
                if let Business::Exchange(exchange) = &mut self.business {
                    exchange.start_clock(terms.now);
                    let until = exchange.until();
                    self.wait_until(Why::Body, until);
                }
            }
            Afterwards::Answering => {
                self.move_to(Phase::Answering);
                if let Business::Postponed { until, .. } = self.business {
                    self.wait_until(Why::Answer, until);
                }
            }
            Afterwards::Linger | Afterwards::Close => {
                self.is_cut = false;
                self.move_to(Phase::Lingering);
                self.business = Business::LingerUntil(terms.now.after(LINGER_IN_ALL));
                self.inbox = None;
                self.linger_on(terms);
                return true;
            }
            Afterwards::Reset => self.close(self.reason),
        }
        false
    }

    /// Whether it may end now, though it lingers: the client has said that it would send nothing
    /// more, and it had not when it was last looked. Lingering is there for the bytes that would
    /// meet a closed socket and destroy the answer (RFC 9112 §9.6). For a connection with one
    /// request it bought three system calls of eight.
    #[must_use]
    pub fn may_close(&self) -> bool {
        self.phase == Phase::Lingering && self.afterwards == Afterwards::Close
    }

    pub(super) fn begin_writing(&mut self, afterwards: Afterwards, terms: &Terms<'_>) {
        self.move_to(Phase::Writing);
        self.afterwards = afterwards;
        self.wait(Why::Write, terms.limits.write_timeout, terms);
    }

    /// The client took something, so it has not stalled.
    fn progressed(&mut self, terms: &Terms<'_>) {
        if self.phase == Phase::Writing {
            self.wait(Why::Write, terms.limits.write_timeout, terms);
        }
    }
}
