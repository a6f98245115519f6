//! The work of a connection: from what was received and not yet understood to what comes next.
//!
//! One function for each phase that has a use for input. None of them waits, and each makes one
//! step: whoever calls asks again, so that between any two steps the loop may look at its budget.
//!
//! Read next: `answering.rs`, for what happens when the answer is there.

use crate::wire::Fault;
use crate::wire::request::{self, Head, Scan, begins_head_request};

use super::exchange::{Asked, Taken};
use super::{Business, Connection, Given, Phase, Terms, Why};

/// What comes next, as [`Connection::advance`] sees it.
#[derive(Debug)]
pub enum Advance<'a> {
    /// Nothing can be made of the input before more comes, or before something else happens.
    Starved,
    /// So many bytes of input were used up, and perhaps an answer was given; look again.
    Took(usize, Option<Given>),
    /// A request's head is whole: find an answer and hand it to [`Connection::answer`].
    Ask(Head<'a>),
}

impl Connection {
    /// Looks at `input`, which is what was received and not yet understood, and says what comes
    /// next. `scan` belongs to the input and is new where a request begins. Whatever it has to say
    /// to the client goes to the end of `out`.
    #[inline(always)]
    pub fn advance<'a>(
        &mut self,
        input: &'a [u8],
        scan: &mut Scan,
        out: &mut Vec<u8>,
        terms: &Terms<'_>,
    ) -> Advance<'a> {
        match (self.phase, &mut self.business) {
            (Phase::Idle | Phase::Head, _) => self.advance_head(input, scan, out, terms),
            (Phase::Answering, Business::Postponed { was_rung: was_rung @ true, .. }) => {
                *was_rung = false;
                self.ask_again(input, out, terms)
            }
            (Phase::Body, Business::Exchange(exchange)) => {
                let taken = exchange.take(input, terms.limits);
                self.body_taken(taken, out, terms)
            }
            (Phase::Lingering, _) if !input.is_empty() => {
                self.linger_on(terms);
                Advance::Took(input.len(), None)
            }
            _ => Advance::Starved,
        }
    }

    #[inline(always)]
    fn advance_head<'a>(
        &mut self,
        input: &'a [u8],
        scan: &mut Scan,
        out: &mut Vec<u8>,
        terms: &Terms<'_>,
    ) -> Advance<'a> {
        if input.is_empty() {
            return Advance::Starved;
        }
        let has_begun = self.phase == Phase::Head;
        if !has_begun {
            self.move_to(Phase::Head);
        }
        let head = request::read(input, scan, terms.limits);
        if !matches!(head, Ok(None)) {
            self.requests += 1;
        }
        match head {
            Ok(None) => {
                // From the first byte, and no trickle makes it later.
                if !has_begun {
                    self.wait(Why::Head, terms.limits.head_timeout, terms);
                }
                Advance::Starved
            }
            Ok(Some(head)) => {
                self.move_to(Phase::Answering);
                Advance::Ask(head)
            }
            // The method of a head that was refused is only guessed at, so that an answer to HEAD
            // has no content even then.
            Err(fault) => {
                let is_head = begins_head_request(input);
                Advance::Took(0, Some(self.refuse(fault, is_head, out, terms)))
            }
        }
    }

    /// The head was parsed before and has stayed where it was.
    fn ask_again<'a>(
        &mut self,
        input: &'a [u8],
        out: &mut Vec<u8>,
        terms: &Terms<'_>,
    ) -> Advance<'a> {
        let head = request::read(input, &mut Scan::default(), terms.limits)
            .and_then(|head| head.ok_or(Fault::RequestLine));
        debug_assert!(head.is_ok(), "what was a head once is one still");
        match head {
            Ok(head) => Advance::Ask(head),
            Err(fault) => Advance::Took(0, Some(self.refuse(fault, false, out, terms))),
        }
    }

    fn body_taken<'a>(
        &mut self,
        taken: Taken,
        out: &mut Vec<u8>,
        terms: &Terms<'_>,
    ) -> Advance<'a> {
        match taken {
            Taken::Partial => return Advance::Starved,
            Taken::Some(n) => return Advance::Took(n, None),
            Taken::Whole(..) | Taken::TooMuchToSkip | Taken::Refused(_) | Taken::Panicked => {}
        }
        let Business::Exchange(exchange) = std::mem::replace(&mut self.business, Business::None)
        else {
            return Advance::Starved;
        };
        let asked = exchange.asked;
        let (n, given) = match (taken, exchange.into_held()) {
            (Taken::Whole(n, held), _) => (n, self.give(asked, held, out, terms)),
            (Taken::TooMuchToSkip, Some(held)) => {
                (0, self.give(Asked { keep_alive: false, ..asked }, held, out, terms))
            }
            (Taken::Refused(fault), _) => (0, self.refuse(fault, asked.is_head, out, terms)),
            _ => (0, self.panicked(asked.is_head, out, terms)),
        };
        Advance::Took(n, Some(given))
    }
}
