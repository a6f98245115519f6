//! What a connection is told of its sending: what the socket took, what it did not, and what a
//! source made. While anything waits here the connection is `Writing`, whatever it was about
//! before.
//!
//! Read next: `outbox.rs`, where it waits.

use super::business::Rest;
use super::outbox::{Outbox, Outgoing};
use super::pulling::Pull;
use super::{Afterwards, Business, CloseReason, Connection, Moment, Panicked, Phase, Terms, Why};
use crate::config::LINGER_IN_ALL;
use crate::message::Done;

/// What is to be done with a socket when the last answer has left by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Our half is to be shut; what still comes is read, for a while. Bytes that meet a closed
    /// socket would destroy the answer (RFC 9112 §9.6).
    Shut,
    /// The same; but the client has ended the connection with its request, and the answer is short
    /// and has left in one go. Where nothing is there to be read either, the socket may be closed
    /// at once. For a connection with one request that bought three system calls of eight.
    Close,
}

impl Connection {
    /// The socket took so many of the bytes that had been put back.
    pub fn sent(&mut self, n: usize, terms: &Terms<'_>) {
        if let Some(outbox) = self.outbox_mut() {
            outbox.sent(n);
        }
        self.progressed(terms);
    }

    /// The socket took so many bytes of the body.
    pub fn content_sent(&mut self, n: usize, terms: &Terms<'_>) {
        match &self.business {
            Business::WritingWhole { afterwards, prepared } if prepared.body_len() == n as u64 => {
                self.business = Business::Writing { afterwards: *afterwards, outbox: None };
            }
            _ => {
                if let Some(outbox) = self.outbox_mut() {
                    outbox.content_sent(n);
                }
            }
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
            Phase::Writing => {
                self.box_body();
                if let Business::Writing { outbox, afterwards } = &mut self.business {
                    outbox.get_or_insert_default().put_back(bytes);
                    if *afterwards == Afterwards::Close {
                        // The last answer waits for the client, in the kernel too.
                        *afterwards = Afterwards::Linger;
                    }
                }
                return;
            }
            Phase::Lingering | Phase::Closed => return,
        };
        let interrupted = std::mem::take(&mut self.business);
        let outbox = Outbox::interrupting(interrupted, bytes);
        self.begin_writing(afterwards, Rest::Waiting(Box::new(outbox)), terms);
    }

    /// Has the source of the body make its next piece, to the end of `out`.
    pub fn pull(&mut self, out: &mut Vec<u8>, terms: &Terms<'_>) -> Pull {
        let pulled = match self.outbox_mut() {
            Some(outbox) => outbox.pull(out, terms.now),
            None => Ok(Pull::Ended(0)),
        };
        match pulled {
            Ok(Pull::Waits) => {}
            // To say that there is more and to make nothing is no progress.
            Ok(Pull::Made(0)) if self.why != Why::Beat && self.deadline != Moment::NEVER => {}
            Ok(Pull::Made(_) | Pull::Ended(_)) => self.progressed(terms),
            Ok(Pull::Failed) => self.cut_body(CloseReason::SourceFailed, terms),
            Err(Panicked) => self.cut_body(CloseReason::Panicked, terms),
        }
        pulled.unwrap_or(Pull::Failed)
    }

    /// The body ends here, unfinished. What was made before it still leaves; that the last chunk
    /// never comes tells the client (RFC 9112 §8). Without chunks only a reset does.
    fn cut_body(&mut self, reason: CloseReason, terms: &Terms<'_>) {
        self.reason = reason;
        if let Business::Writing { afterwards, outbox } = &mut self.business {
            let is_cut = afterwards.is_cut_by_close();
            *afterwards = if is_cut { Afterwards::Reset } else { Afterwards::Linger };
            *outbox = None;
        }
        self.progressed(terms);
    }

    /// All that was made has left, and the source of the body has nothing yet. That is no stall of
    /// the client's, so no deadline runs until the source's wake is rung, but for the source's own:
    /// when it is to be pulled again, and when it has been silent too long for a client that may
    /// have gone.
    pub fn source_paused(&mut self, terms: &Terms<'_>) {
        let Some(making) = self.outbox().and_then(Outbox::making) else { return };
        let (beat, silent_until) = (making.beat, making.silent_until);
        if silent_until <= beat {
            self.wait_until(Why::Source, silent_until);
        } else if beat <= terms.now {
            // It passed while the client took its time.
            self.beat(terms);
        } else {
            self.wait_until(Why::Beat, beat);
        }
    }

    /// It is time to pull the source again, and for the client to take what it makes.
    pub(super) fn beat(&mut self, terms: &Terms<'_>) {
        self.woken();
        self.wait(Why::Write, terms.limits.write_timeout, terms);
    }

    /// What is to be sent next of a file is not in memory, and sending it would keep everybody
    /// waiting for the disk. A helper reads so many bytes of it, and then that is done; without a
    /// helper it is asked again when a wake is rung. That is no stall of the client's, but nor can
    /// it last for ever: a disk may be dead.
    pub fn warming(&mut self, helper: Option<(u64, Done)>, terms: &Terms<'_>) {
        if let Some(outbox) = self.outbox_mut() {
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
        self.outbox().and_then(Outbox::awaited_job)
    }

    /// Whether it may still want a helper, having found none: a responder said *later*, or a file
    /// is not in memory.
    #[must_use]
    pub fn may_want_helper(&self) -> bool {
        matches!(self.business, Business::Postponed { .. })
            || self.outbox().is_some_and(Outbox::may_want_helper)
    }

    /// The helper has done it: what it has read is to be sent now.
    pub fn warmed(&mut self) {
        if let Some(outbox) = self.outbox_mut() {
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
    /// a source that waits has a limit, the one of idle connections. Only what it makes gives it
    /// more time; to be pulled, and to have nothing, does not.
    pub fn client_shut(&mut self, terms: &Terms<'_>) {
        if !matches!(self.outgoing(), Outgoing::Waiting) {
            return;
        }
        let Some(making) = self.outbox_mut().and_then(Outbox::making_mut) else { return };
        let until = terms.now.after(terms.limits.idle_timeout).min(making.silent_until);
        making.silent_until = until;
        // The beat may be nearer, or due by now: who looks at deadlines sees to it.
        if until <= self.deadline {
            self.wait_until(Why::Source, until);
        }
    }

    /// Everything that was made has left. Says what is to be done with the socket, where that was
    /// the last of it.
    #[must_use]
    pub fn all_sent(&mut self, terms: &Terms<'_>) -> Option<Farewell> {
        let Business::Writing { afterwards, outbox } = &mut self.business else { return None };
        let afterwards = *afterwards;
        if afterwards == Afterwards::Reset {
            self.close(self.reason);
            return None;
        }
        self.business = outbox.take().map_or(Business::None, |outbox| outbox.interrupted);
        let limits = terms.limits;
        match afterwards {
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
            Afterwards::Linger
            | Afterwards::LingerIfWhole
            | Afterwards::Close
            | Afterwards::Reset => {
                self.move_to(Phase::Lingering);
                self.business = Business::LingerUntil(terms.now.after(LINGER_IN_ALL));
                self.inbox = None;
                self.linger_on(terms);
                let may_close = afterwards == Afterwards::Close;
                return Some(if may_close { Farewell::Close } else { Farewell::Shut });
            }
        }
        None
    }

    pub(super) fn begin_writing(&mut self, afterwards: Afterwards, rest: Rest, terms: &Terms<'_>) {
        self.move_to(Phase::Writing);
        self.business = match rest {
            Rest::Nothing => Business::Writing { afterwards, outbox: None },
            Rest::BodyOf(prepared) => Business::WritingWhole { afterwards, prepared },
            Rest::Waiting(outbox) => Business::Writing { afterwards, outbox: Some(outbox) },
        };
        self.wait(Why::Write, terms.limits.write_timeout, terms);
    }

    /// The client took something, so it has not stalled.
    fn progressed(&mut self, terms: &Terms<'_>) {
        if self.phase == Phase::Writing {
            self.wait(Why::Write, terms.limits.write_timeout, terms);
        }
    }
}
