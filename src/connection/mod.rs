//! One connection as a machine. It has no socket and no clock: bytes, facts and the time are
//! arguments, answers are return values.
//!
//! Its methods are of four kinds. *Facts* are told in the past tense (`ended`, `broken`, `expired`,
//! `content_sent`). *Questions* change nothing (`phase`, `deadline`, `outgoing`, `wants_input`,
//! `fate`). [`advance`](Connection::advance) is the *work*: it looks at what was received and not
//! yet understood, and says what comes next. [`answer`](Connection::answer) is the one *command*.
//! **After any of them the questions are asked again, until nothing changes.**
//!
//! A whole conversation, of which the first request comes in two pieces and with it half of the
//! second:
//!
//! ```
//! use oneloop::connection::{Advance, Connection, Moment, Phase, Terms};
//! use oneloop::wire::request::Scan;
//! use oneloop::{Limits, Response};
//!
//! let limits = Limits::default();
//! let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
//! let terms = Terms { now: Moment::START, date, limits: &limits, is_last: false };
//! let mut connection = Connection::new(&terms);
//! let (mut scan, mut out) = (Scan::default(), Vec::new());
//!
//! // Half a head is no error: the machine waits for the rest, but not longer than ten seconds.
//! let mut input = b"GET / HTTP/1.1\r\nHo".to_vec();
//! assert!(matches!(connection.advance(&input, &mut scan, &mut out, &terms), Advance::Starved));
//! assert_eq!(connection.phase(), Phase::Head);
//!
//! // The rest, and something of the next. The machine asks for an answer, and gets one.
//! input.extend_from_slice(b"st: x\r\n\r\nGET /again");
//! let next = connection.advance(&input, &mut scan, &mut out, &terms);
//! let Advance::Ask(head) = next else { panic!() };
//! assert_eq!(head.request.path, "/");
//! let asked = oneloop::connection::Asked::of(&head, input.len());
//! let hi = Response::text("hi").into();
//! let reply = connection.answer(asked, hi, &mut out, &terms);
//! assert!(out.starts_with(b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov"));
//! assert!(out.ends_with(b"Content-Length: 2\r\n\r\nhi"));
//!
//! // What belonged to it is gone; the second request has begun.
//! input.drain(..reply.took);
//! scan = Scan::default();
//! assert!(matches!(connection.advance(&input, &mut scan, &mut out, &terms), Advance::Starved));
//! assert_eq!(connection.phase(), Phase::Head);
//!
//! // It never ends: the client closes in the middle of it.
//! connection.ended();
//! let fate = connection.fate().unwrap();
//! assert_eq!(fate.to_string(), "the client left in the middle of a request");
//! ```
//!
//! May import: message, wire, Limits.   Never: `std::net`, `std::io` but for the names of
//! errors, `std::fs`, log, responders, observers.
//! Read next: `phase.rs` (the drawing), `exchange.rs` (bodies), `outbox.rs` (what waits to leave);
//! then `event_loop/slot.rs`, which drives it.

mod advancing;
mod answering;
mod business;
mod deadline;
mod exchange;
mod fate;
mod guard;
mod inbox;
mod outbox;
mod phase;
mod pulling;
mod sending;

pub use advancing::Advance;
pub use answering::{Given, Reply};
pub use deadline::{Moment, Why};
pub use exchange::{Asked, Held};
pub use fate::CloseReason;
pub use guard::{Panicked, guarded};
pub use inbox::Inbox;
pub use outbox::{Outgoing, Pages};
pub use phase::Phase;
pub use pulling::Pull;
pub use sending::Farewell;

use std::time::Duration;

use crate::config::{LINGER_HURRIED, LINGER_SILENT, Limits, RECEIVE_BUFFER};
use crate::message::Date;
use crate::wire::Fault;
use crate::wire::request::begins_head_request;

use business::{Afterwards, Business};
use outbox::Outbox;

/// What a connection acts by: the time, and what it is granted. The time is the turn's.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Now.
    pub now: Moment,
    /// Now, as answers say it.
    pub date: &'a Date,
    /// What its listener grants it.
    pub limits: &'a Limits,
    /// Whether every answer is to be the last of its connection: the server stops, or has hardly
    /// room left.
    pub is_last: bool,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    phase: Phase,
    why: Why,
    /// What will have been the reason; it is the fate once the connection is closed.
    reason: CloseReason,
    requests: u32,
    deadline: Moment,
    inbox: Option<Box<Inbox>>,
    business: Business,
}

/// Every connection has one, so that another word here is another word for each of them.
const _: () = assert!(size_of::<Connection>() <= 40);

impl Connection {
    /// A connection that was just made.
    #[must_use]
    pub fn new(terms: &Terms<'_>) -> Self {
        Self {
            phase: Phase::Idle,
            why: Why::Idle,
            reason: CloseReason::ClientDone,
            requests: 0,
            deadline: terms.now.after(terms.limits.idle_timeout),
            inbox: None,
            business: Business::None,
        }
    }

    // Questions.

    /// What it is waiting for.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Why it ended, once it has.
    #[must_use]
    pub fn fate(&self) -> Option<CloseReason> {
        (self.phase == Phase::Closed).then_some(self.reason)
    }

    /// Why no request follows, once the last answer has left, or it has ended.
    #[must_use]
    pub fn ending(&self) -> Option<CloseReason> {
        matches!(self.phase, Phase::Lingering | Phase::Closed).then_some(self.reason)
    }

    /// Whether its end has to be a reset: an orderly close would make a whole body of an unfinished
    /// one (RFC 9112 §8).
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.phase == Phase::Closed && matches!(self.business, Business::Cut)
    }

    /// When [`expired`](Self::expired) is to be told, if nothing happens before; [`Moment::NEVER`]
    /// if it need not be.
    #[must_use]
    pub const fn deadline(&self) -> Moment {
        self.deadline
    }

    /// What that deadline is for.
    #[must_use]
    pub const fn awaits(&self) -> Why {
        self.why
    }

    /// How many requests it has made.
    #[must_use]
    pub const fn requests(&self) -> u32 {
        self.requests
    }

    /// Whether it has use for more bytes. That it has none is back-pressure: the client's window
    /// closes.
    #[must_use]
    pub const fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head | Phase::Body | Phase::Lingering)
    }

    /// Whether more bytes would be the beginning of a request, or more of its head: what is not
    /// taken in when memory is short.
    #[must_use]
    pub const fn is_between_requests(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head)
    }

    /// Whether it waits for nothing but its client: for another request, or for its close.
    #[must_use]
    pub const fn is_waiting_for_client(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Lingering)
    }

    /// For how long its client has kept it waiting: has taken nothing of what waits for it, or owes
    /// the rest of a head or of a body.
    #[must_use]
    pub fn stalled(&self, now: Moment, limits: &Limits) -> Duration {
        let granted = match self.why {
            Why::Write => limits.write_timeout,
            Why::Head => limits.head_timeout,
            Why::Body => limits.body_timeout,
            Why::Idle | Why::Answer | Why::Source | Why::Beat | Why::Disk | Why::Linger => {
                return Duration::ZERO;
            }
        };
        granted.saturating_sub(self.deadline.since(now))
    }

    /// How many bytes it can be given.
    #[must_use]
    pub fn room(&self) -> usize {
        self.inbox.as_ref().map_or(RECEIVE_BUFFER, |inbox| inbox.room())
    }

    /// How much memory it holds for what was received and not understood, or made and not sent; in
    /// bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.inbox.as_ref().map_or(0, |inbox| inbox.held())
            + match &self.business {
                Business::Exchange(exchange) => exchange.held(),
                Business::Writing { outbox: Some(outbox), .. } => outbox.held(),
                _ => 0,
            }
    }

    /// What waits to leave.
    #[must_use]
    pub fn outgoing(&self) -> Outgoing<'_> {
        match &self.business {
            Business::Writing { outbox: Some(outbox), .. } => outbox.next(),
            Business::WritingWhole { prepared, .. } => Outgoing::body_of(prepared),
            _ => Outgoing::Nothing,
        }
    }

    /// Its own store of bytes not yet understood, for as long as a turn looks at it;
    /// [`keep`](Self::keep) gives it back.
    pub fn take_inbox(&mut self) -> Option<Box<Inbox>> {
        self.inbox.take()
    }

    /// Keeps what a turn has left over.
    pub fn keep(&mut self, inbox: Box<Inbox>) {
        if self.phase != Phase::Closed && !inbox.bytes().is_empty() {
            self.inbox = Some(inbox);
        }
    }

    // Facts.

    /// The client has shut its half: no more bytes will come.
    pub fn ended(&mut self) {
        let between = self.phase == Phase::Idle;
        self.close(if between { CloseReason::ClientDone } else { CloseReason::ClientLeft });
    }

    /// The transport has failed.
    pub fn broken(&mut self, kind: std::io::ErrorKind) {
        self.close(CloseReason::Broken(kind));
    }

    /// The deadline has passed. What there is to say about it goes to the end of `out`.
    pub fn expired(&mut self, out: &mut Vec<u8>, terms: &Terms<'_>) -> Option<Given> {
        match self.why {
            Why::Idle => self.close(CloseReason::IdleTimeout),
            Why::Write => self.close(CloseReason::WriteTimeout),
            Why::Source => self.close(CloseReason::SourceTimeout),
            Why::Disk => self.close(CloseReason::DiskTimeout),
            Why::Linger => self.close(self.reason),
            Why::Beat => self.beat(terms),
            Why::Head => {
                self.requests += 1;
                let is_head =
                    self.inbox.as_ref().is_some_and(|inbox| begins_head_request(inbox.bytes()));
                return Some(self.refuse(Fault::HeadTimeout, is_head, out, terms));
            }
            Why::Body => {
                let is_head = match &self.business {
                    Business::Exchange(exchange) => exchange.asked.is_head,
                    _ => false,
                };
                return Some(self.refuse(Fault::BodyTimeout, is_head, out, terms));
            }
            Why::Answer => {
                let is_head = matches!(self.business, Business::Postponed { is_head: true, .. });
                return Some(self.answer_overdue(is_head, out, terms));
            }
        }
        None
    }

    /// The server stops: who lingers has less time from now on.
    pub fn hurried(&mut self, terms: &Terms<'_>) {
        if self.phase == Phase::Lingering {
            self.deadline = self.deadline.min(terms.now.after(LINGER_HURRIED));
        }
    }

    /// A wake was rung: whoever was not ready may be now.
    pub fn woken(&mut self) {
        match &mut self.business {
            Business::Postponed { was_rung, .. } => *was_rung = true,
            Business::Writing { outbox: Some(outbox), .. } => outbox.woken(),
            _ => {}
        }
    }

    /// It ends here, for that reason; unless it lingered: then the last answer has left, and why
    /// that was the last one is the reason, however the client hangs up.
    pub fn close(&mut self, reason: CloseReason) {
        if self.phase != Phase::Lingering {
            self.reason = reason;
        }
        self.move_to(Phase::Closed);
        self.deadline = Moment::NEVER;
        self.business = match self.business {
            Business::Cut => Business::Cut,
            Business::Writing { afterwards, .. } if afterwards.is_cut_by_close() => Business::Cut,
            _ => Business::None,
        };
        self.inbox = None;
    }

    // What the above is made of.

    /// The one function that writes `phase`.
    fn move_to(&mut self, next: Phase) {
        debug_assert!(self.phase.may_become(next), "no edge from {} to {next}", self.phase);
        self.phase = next;
    }

    fn outbox(&self) -> Option<&Outbox> {
        match &self.business {
            Business::Writing { outbox, .. } => outbox.as_deref(),
            _ => None,
        }
    }

    /// A body that was laid out does not leave in one go: it waits in an outbox.
    fn box_body(&mut self) {
        if let Business::WritingWhole { afterwards, prepared } = &mut self.business {
            let outbox = Some(Box::new(Outbox::holding_body_of(prepared.clone())));
            self.business = Business::Writing { afterwards: *afterwards, outbox };
        }
    }

    fn outbox_mut(&mut self) -> Option<&mut Outbox> {
        self.box_body();
        match &mut self.business {
            Business::Writing { outbox, .. } => outbox.as_deref_mut(),
            _ => None,
        }
    }

    fn wait(&mut self, why: Why, limit: Duration, terms: &Terms<'_>) {
        self.wait_until(why, terms.now.after(limit));
    }

    const fn wait_until(&mut self, why: Why, deadline: Moment) {
        self.why = why;
        self.deadline = deadline;
    }

    fn linger_on(&mut self, terms: &Terms<'_>) {
        let silent = if terms.is_last { LINGER_HURRIED } else { LINGER_SILENT };
        self.wait(Why::Linger, silent, terms);
        if let Business::LingerUntil(end) = self.business {
            self.deadline = self.deadline.min(end);
        }
    }
}
