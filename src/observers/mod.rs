//! Those who watch. They see every floor and change nothing: an event is lent to them, and what
//! they return goes nowhere.
//!
//! An observer says by constants what is costly to provide; the loop is compiled for the observers
//! it has, so one that is not there costs nothing.
//!
//! May import: message, connection's Phase, CloseReason and Moment; log (`journal.rs` only).
//! Never: event_loop, anything mutable.
//! Read next: `journal.rs`, `access_log/mod.rs`, `tally.rs`.

mod accept_queue;
mod access_log;
mod errors;
mod journal;
mod meter;
mod metrics;
mod outside;
mod record;
mod report;
mod run_queue;
mod step;
mod tally;
mod trace;
mod words;

pub use accept_queue::Drops;
pub use access_log::{AccessLog, AccessLogError, LogFormat, LogFormatError, Reopener};
pub use errors::name as error_name;
pub use journal::Journal;
pub use meter::{
    Calls, Cell, Durations, Figures, LastSteps, Meter, MeterReader, OPEN_PHASES, Shares, Stage,
};
pub use metrics::{METRICS_TYPE, metrics};
pub use outside::{Outside, Surroundings};
pub use record::{Record, Recorder, Step};
pub use report::{report, report_json};
pub use step::{Call, Outcome, Side, Signs, Who};
pub use tally::Tally;
pub use trace::{TraceError, TraceFilter, TraceLine, Tracer, track};
pub use words::{Teller, Told, grouped, span};

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::connection::{CloseReason, Moment, Phase, Why};
use crate::message::{Date, RequestId};

/// Watches a loop.
pub trait Observer {
    /// Whether [`Event::Answered`] is wanted. Only then are request lines kept and the clock read
    /// once more for each request.
    const REQUESTS: bool = false;

    /// Whether [`Answered::referer`] and [`Answered::user_agent`] are wanted, too. Only then are
    /// they kept. Asked with every request.
    fn wants_fields(&self) -> bool {
        false
    }

    /// Whether the steps are wanted: [`Event::Waited`] and those that say so. Only then are they
    /// told, and the clock read once more for each batch of answers.
    const STEPS: bool = false;

    /// Whether the steps of that connection are to be told with their exact times, for which the
    /// clock is read before and after each. Else they have the time at which the turn began. Asked
    /// with every step.
    fn wants_times(&self, who: Who) -> bool {
        let _ = who;
        false
    }

    /// Something happened.
    fn on(&mut self, event: &Event<'_>);
}

/// Everything that a loop tells.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection was accepted.
    Accepted {
        /// Its name.
        who: Who,
        /// The responder that answers it: 0 is the one that the server runs, others are those that
        /// were [listened for](crate::Server::listen) besides, in their order.
        service: u8,
        /// What it came for.
        side: Side,
        /// The client's address; `None` on a Unix socket.
        peer: Option<SocketAddr>,
    },
    /// A connection went from one phase to another.
    Moved {
        /// The connection.
        who: Who,
        /// Where it was.
        from: Phase,
        /// Where it is.
        to: Phase,
    },
    /// An answer has left, or was cut off. Only for observers that want
    /// [`REQUESTS`](Observer::REQUESTS).
    Answered(&'a Answered<'a>),
    /// A connection ended.
    Closed {
        /// The connection.
        who: Who,
        /// Why it ended.
        reason: CloseReason,
        /// How many requests it made.
        requests: u32,
    },
    /// An event came for a connection that had ended earlier in the same batch, and was dropped.
    Stale,
    /// No connection can be accepted for now. Told once a minute at the most.
    AcceptPaused(AcceptPause),
    /// A turn ended: what was gathered in it can be handed on.
    TurnEnded {
        /// How many events it began with.
        events: usize,
    },
    /// The loop has waited for something to happen. For observers of [`STEPS`](Observer::STEPS).
    Waited {
        /// When it began to, all its work being done.
        from: Moment,
        /// When the wait was over.
        until: Moment,
        /// The longest that it would have waited; `None`: for ever.
        limit: Option<Duration>,
        /// How many events there were.
        events: usize,
    },
    /// The poll said that about a connection. For observers of [`STEPS`](Observer::STEPS).
    Ready {
        /// The connection.
        who: Who,
        /// What it said.
        signs: Signs,
    },
    /// A system call was made. For observers of [`STEPS`](Observer::STEPS).
    Called {
        /// For whom.
        who: Who,
        /// Which.
        call: Call,
        /// What came of it.
        outcome: Outcome,
        /// When it began.
        from: Moment,
        /// When it had ended.
        until: Moment,
    },
    /// A head was whole, and the responder is asked. For observers of [`STEPS`](Observer::STEPS).
    Asked {
        /// The connection.
        who: Who,
        /// The request's number on it, from 1. One that was answered *later* is asked again.
        request: u32,
        /// When.
        at: Moment,
    },
    /// An answer was given, and waits to leave. For observers of [`STEPS`](Observer::STEPS).
    Given {
        /// The connection.
        who: Who,
        /// The answer's status.
        status: u16,
        /// When.
        at: Moment,
    },
    /// All answers that were given have left. For observers of [`STEPS`](Observer::STEPS).
    Sent {
        /// The connection.
        who: Who,
        /// When, always exactly.
        at: Moment,
    },
    /// A connection waits, and for how long at the most. For observers of
    /// [`STEPS`](Observer::STEPS).
    Armed {
        /// The connection.
        who: Who,
        /// For what.
        why: Why,
        /// Until then; [`Moment::NEVER`] where nothing limits it.
        until: Moment,
    },
    /// It had waited so long. For observers of [`STEPS`](Observer::STEPS).
    Expired {
        /// The connection.
        who: Who,
        /// For what.
        why: Why,
    },
    /// An orderly stop began, and waits for that many connections to finish a request or its
    /// answer.
    Stopping(usize),
    /// The grace time of an orderly stop ran out with that many answers not given to their end.
    CutOff(usize),
}

/// Why accepting pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptPause {
    /// As many connections as are allowed, and none of them idle.
    FullHouse,
    /// The process or the system is out of file descriptors, and no connection was idle.
    NoDescriptors,
    /// Accepting failed in another way; it is tried again after a while.
    Failed(std::io::ErrorKind),
}

/// One answer that has left, or as much of it as did.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Answered<'a> {
    /// Whose it is.
    pub id: RequestId,
    /// The client's address; `None` on a Unix socket, or when it could not be told any more.
    pub peer: Option<SocketAddr>,
    /// The request line as it came, without its line end; empty where none came.
    pub line: &'a [u8],
    /// The status given.
    pub status: u16,
    /// Bytes of body that were handed to the kernel (RFC 9112 §6: framing is not counted).
    pub bytes: u64,
    /// From the end of the request's head to the last byte handed to the kernel.
    pub took: Duration,
    /// Whether all of the answer was handed over.
    pub whole: bool,
    /// Why the connection ends with this answer; `None` where it goes on.
    pub close: Option<CloseReason>,
    /// The `Referer` of the request, or the first KiB of it; empty where there is none, and where
    /// no observer [wants](Observer::wants_fields) it.
    pub referer: &'a [u8],
    /// Its `User-Agent`, likewise.
    pub user_agent: &'a [u8],
    /// The date as answers carry it now.
    pub date: &'a Date,
}

/// Watches nothing.
impl Observer for () {
    fn on(&mut self, _: &Event<'_>) {}
}

/// Two observers, one after the other.
impl<A: Observer, B: Observer> Observer for (A, B) {
    const REQUESTS: bool = A::REQUESTS || B::REQUESTS;
    const STEPS: bool = A::STEPS || B::STEPS;

    fn wants_times(&self, who: Who) -> bool {
        self.0.wants_times(who) || self.1.wants_times(who)
    }

    fn wants_fields(&self) -> bool {
        self.0.wants_fields() || self.1.wants_fields()
    }

    fn on(&mut self, event: &Event<'_>) {
        self.0.on(event);
        self.1.on(event);
    }
}

/// One that may not be there: which, is known when the loop begins.
impl<O: Observer> Observer for Option<O> {
    const REQUESTS: bool = O::REQUESTS;
    const STEPS: bool = O::STEPS;

    fn wants_fields(&self) -> bool {
        self.as_ref().is_some_and(O::wants_fields)
    }

    fn wants_times(&self, who: Who) -> bool {
        self.as_ref().is_some_and(|observer| observer.wants_times(who))
    }

    fn on(&mut self, event: &Event<'_>) {
        if let Some(observer) = self {
            observer.on(event);
        }
    }
}

/// Shared, so that what it saw can be read when the loop has ended.
impl<O: Observer> Observer for std::rc::Rc<std::cell::RefCell<O>> {
    const REQUESTS: bool = O::REQUESTS;
    const STEPS: bool = O::STEPS;

    fn wants_fields(&self) -> bool {
        self.borrow().wants_fields()
    }

    fn wants_times(&self, who: Who) -> bool {
        self.borrow().wants_times(who)
    }

    fn on(&mut self, event: &Event<'_>) {
        self.borrow_mut().on(event);
    }
}

/// Shared with other threads, so that what it saw can be read while the loop runs: of several loops
/// each has its own, and who reads adds up. Costs the loop an uncontended lock an event.
impl<O: Observer> Observer for Arc<Mutex<O>> {
    const REQUESTS: bool = O::REQUESTS;
    const STEPS: bool = O::STEPS;

    fn wants_fields(&self) -> bool {
        self.lock().unwrap_or_else(PoisonError::into_inner).wants_fields()
    }

    fn wants_times(&self, who: Who) -> bool {
        self.lock().unwrap_or_else(PoisonError::into_inner).wants_times(who)
    }

    fn on(&mut self, event: &Event<'_>) {
        self.lock().unwrap_or_else(PoisonError::into_inner).on(event);
    }
}
