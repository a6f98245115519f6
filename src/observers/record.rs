//! One step of one connection, or of the loop, in 24 bytes: what a tracer gathers and what the last
//! steps of a connection are kept as.
//!
//! ```text
//! word 0   when, in nanoseconds since the loop began
//! word 1   a wait's or a grant's length in nanoseconds; of a call the bytes, and the most of them
//! word 2   which step │ three bytes more │ 32 bits more: a duration, a number
//!          8 bits       8    8    8        32
//! ```
//!
//! Never: a clock, an allocation, anything that a client has said.
//! Read next: `words.rs`, what each of them means.

use std::time::Duration;

use crate::connection::{CloseReason, Moment, Phase, Why};

use super::errors::{code, kind};
use super::{Call, Event, Outcome, Signs, Who};

/// One step of a connection, or of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it happened, or began. Steps that have no time of their own have that of the one that
    /// was told before.
    pub at: Moment,
    /// How long it took: of a call up to 4.29 s, which none takes.
    pub took: Duration,
    /// What it was.
    pub step: Step,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A connection began, and that responder answers it; see [`Event::Accepted`].
    Accepted {
        /// Which responder.
        service: u8,
    },
    /// It went from one phase to another.
    Moved {
        /// Where it was.
        from: Phase,
        /// Where it is.
        to: Phase,
    },
    /// It ended.
    Closed {
        /// Why.
        reason: CloseReason,
        /// How many requests it had made.
        requests: u32,
    },
    /// The loop waited.
    Waited {
        /// The longest that it would have waited, in whole milliseconds as the system call has it,
        /// and 49 days at the most; `None`: for ever.
        limit: Option<Duration>,
        /// How many events there were.
        events: u16,
    },
    /// The poll said something about it.
    Ready(Signs),
    /// A system call was made for it. Numbers are 4 GiB at the most.
    Called {
        /// Which.
        call: Call,
        /// What came of it.
        outcome: Outcome,
    },
    /// A head was whole, and the responder was asked.
    Asked {
        /// The request's number on the connection, from 1.
        request: u32,
    },
    /// An answer was given.
    Given {
        /// Its status.
        status: u16,
    },
    /// All answers that were given have left.
    Sent,
    /// It waits.
    Armed {
        /// For what.
        why: Why,
        /// For how long at the most; `None`: for ever.
        wait: Option<Duration>,
    },
    /// It had waited so long.
    Expired {
        /// For what.
        why: Why,
    },
}

/// Makes records of events. It knows the time of the last event that had one, for those that come
/// without.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorder {
    latest: Moment,
}

impl Recorder {
    /// One that begins at that time.
    #[must_use]
    pub const fn since(latest: Moment) -> Self {
        Self { latest }
    }

    /// The latest time that was told.
    #[must_use]
    pub const fn latest(&self) -> Moment {
        self.latest
    }

    /// The record of an event, and whose it is; `None` of events that are no steps.
    pub fn record(&mut self, event: &Event<'_>) -> Option<(Who, Record)> {
        let (who, step) = match *event {
            Event::Waited { from, until, limit, events } => {
                self.latest = until;
                let (limit, events) = (limit.map(whole_millis), clamp16(events));
                let step = Step::Waited { limit, events };
                return Some((Who::LOOP, Record { at: from, took: until.since(from), step }));
            }
            Event::Called { who, call, outcome, from, until } => {
                self.latest = until;
                let step = Step::Called { call, outcome: clamped(outcome) };
                let took = until.since(from).min(LONGEST_CALL);
                return Some((who, Record { at: from, took, step }));
            }
            Event::Asked { who, request, at } => {
                self.latest = at;
                (who, Step::Asked { request })
            }
            Event::Given { who, status, at } => {
                self.latest = at;
                (who, Step::Given { status })
            }
            Event::Sent { who, at } => {
                self.latest = at;
                (who, Step::Sent)
            }
            Event::Armed { who, why, until } => {
                let wait = (until != Moment::NEVER).then(|| until.since(self.latest));
                (who, Step::Armed { why, wait })
            }
            Event::Accepted { who, service, .. } => (who, Step::Accepted { service }),
            Event::Moved { who, from, to } => (who, Step::Moved { from, to }),
            Event::Closed { who, reason, requests } => (who, Step::Closed { reason, requests }),
            Event::Ready { who, signs } => (who, Step::Ready(signs)),
            Event::Expired { who, why } => (who, Step::Expired { why }),
            Event::Answered(_)
            | Event::Stale
            | Event::AcceptPaused(_)
            | Event::TurnEnded { .. }
            | Event::Stopping(_)
            | Event::CutOff(_) => return None,
        };
        Some((who, Record { at: self.latest, took: Duration::ZERO, step }))
    }
}

/// The longest call that a record can tell.
const LONGEST_CALL: Duration = Duration::from_nanos(u32::MAX as u64);
/// A wait without a limit, in place of one.
const FOR_EVER: u64 = u64::MAX;
/// The same in milliseconds.
const FOR_EVER_MILLIS: u32 = u32::MAX;

// Which step a record is of.
const ACCEPTED: u8 = 1;
const MOVED: u8 = 2;
const CLOSED: u8 = 3;
const WAITED: u8 = 4;
const READY: u8 = 5;
const CALLED: u8 = 6;
const ASKED: u8 = 7;
const GIVEN: u8 = 8;
const SENT: u8 = 9;
const ARMED: u8 = 10;
const EXPIRED: u8 = 11;

// What came of a call.
const DONE: u8 = 0;
const BYTES_MOVED: u8 = 1;
const BLOCKED: u8 = 2;
const ENDED: u8 = 3;
const FAILED: u8 = 4;

/// A record's words, taken apart.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    at: u64,
    amount: u64,
    step: u8,
    bytes: [u8; 3],
    number: u32,
}

impl Record {
    /// When it happened, or began, in nanoseconds since the loop began.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.at.to_nanos()
    }

    /// It in 24 bytes.
    #[must_use]
    pub fn to_words(self) -> [u64; 3] {
        let Parts { at, amount, step, bytes: [a, b, c], number } = self.parts();
        let bytes = u32::from_le_bytes([step, a, b, c]);
        [at, amount, u64::from(bytes) | u64::from(number) << u32::BITS]
    }

    fn parts(self) -> Parts {
        let plain = Parts { at: self.at.to_nanos(), ..Parts::default() };
        match self.step {
            Step::Accepted { service } => Parts { step: ACCEPTED, bytes: [service, 0, 0], ..plain },
            Step::Moved { from, to } => {
                Parts { step: MOVED, bytes: [from as u8, to as u8, 0], ..plain }
            }
            Step::Closed { reason, requests } => {
                let kind = if let CloseReason::Broken(kind) = reason { code(kind) } else { 0 };
                let bytes = [reason.code(), kind, 0];
                Parts { step: CLOSED, bytes, number: requests, ..plain }
            }
            Step::Waited { limit, events } => {
                let [low, high] = events.to_le_bytes();
                let limit = limit.map(|limit| limit.as_millis().try_into().unwrap_or(u32::MAX - 1));
                Parts {
                    step: WAITED,
                    bytes: [low, high, 0],
                    amount: nanos(self.took),
                    number: limit.unwrap_or(FOR_EVER_MILLIS),
                    ..plain
                }
            }
            Step::Ready(signs) => Parts { step: READY, bytes: [bits(signs), 0, 0], ..plain },
            Step::Called { call, outcome } => {
                let (came, kind, amount) = match outcome {
                    Outcome::Done => (DONE, 0, 0),
                    Outcome::Moved { n, of } => {
                        let most = u64::from(clamp32(of)) << u32::BITS;
                        (BYTES_MOVED, 0, most | u64::from(clamp32(n)))
                    }
                    Outcome::Blocked => (BLOCKED, 0, 0),
                    Outcome::Ended => (ENDED, 0, 0),
                    Outcome::Failed(kind) => (FAILED, code(kind), 0),
                };
                let number = nanos(self.took).try_into().unwrap_or(u32::MAX);
                Parts { step: CALLED, bytes: [call as u8, came, kind], amount, number, ..plain }
            }
            Step::Asked { request } => Parts { step: ASKED, number: request, ..plain },
            Step::Given { status } => Parts { step: GIVEN, number: status.into(), ..plain },
            Step::Sent => Parts { step: SENT, ..plain },
            Step::Armed { why, wait } => {
                let amount = wait.map_or(FOR_EVER, nanos);
                Parts { step: ARMED, bytes: [why as u8, 0, 0], amount, ..plain }
            }
            Step::Expired { why } => Parts { step: EXPIRED, bytes: [why as u8, 0, 0], ..plain },
        }
    }

    /// The record of these words; `None` where they are those of none.
    #[must_use]
    pub fn from_words([at, amount, rest]: [u64; 3]) -> Option<Self> {
        let number = (rest >> u32::BITS) as u32;
        let [step, a, b, c] = (rest as u32).to_le_bytes();
        let mut took = Duration::ZERO;
        let step = match step {
            ACCEPTED => Step::Accepted { service: a },
            MOVED => Step::Moved { from: nth(&Phase::ALL, a)?, to: nth(&Phase::ALL, b)? },
            CLOSED => {
                Step::Closed { reason: CloseReason::from_code(a, kind(b))?, requests: number }
            }
            WAITED => {
                took = Duration::from_nanos(amount);
                let limit = Duration::from_millis(number.into());
                let limit = (number != FOR_EVER_MILLIS).then_some(limit);
                Step::Waited { limit, events: u16::from_le_bytes([a, b]) }
            }
            READY => Step::Ready(signs(a)),
            CALLED => {
                took = Duration::from_nanos(number.into());
                let outcome = match b {
                    DONE => Outcome::Done,
                    BYTES_MOVED => {
                        let of = (amount >> u32::BITS) as usize;
                        Outcome::Moved { n: amount as u32 as usize, of }
                    }
                    BLOCKED => Outcome::Blocked,
                    ENDED => Outcome::Ended,
                    FAILED => Outcome::Failed(kind(c)),
                    _ => return None,
                };
                Step::Called { call: nth(&Call::ALL, a)?, outcome }
            }
            ASKED => Step::Asked { request: number },
            GIVEN => Step::Given { status: number.try_into().ok()? },
            SENT => Step::Sent,
            ARMED => {
                let wait = (amount != FOR_EVER).then(|| Duration::from_nanos(amount));
                Step::Armed { why: nth(&Why::ALL, a)?, wait }
            }
            EXPIRED => Step::Expired { why: nth(&Why::ALL, a)? },
            _ => return None,
        };
        Some(Self { at: Moment::from_nanos(at), took, step })
    }
}

fn nth<T: Copy>(all: &[T], at: u8) -> Option<T> {
    all.get(usize::from(at)).copied()
}

/// What a record of the outcome can keep of it.
fn clamped(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Moved { n, of } => {
            Outcome::Moved { n: clamp32(n) as usize, of: clamp32(of) as usize }
        }
        other => other,
    }
}

/// The system call counts whole milliseconds, and would rather wait too long than not long enough.
fn whole_millis(limit: Duration) -> Duration {
    let millis = nanos(limit).div_ceil(1_000_000).min((FOR_EVER_MILLIS - 1).into());
    Duration::from_millis(millis)
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(FOR_EVER - 1)
}

fn clamp32(n: usize) -> u32 {
    n.try_into().unwrap_or(u32::MAX)
}

fn clamp16(n: usize) -> u16 {
    n.try_into().unwrap_or(u16::MAX)
}

fn bits(signs: Signs) -> u8 {
    let Signs { readable, writable, read_closed, write_closed, error, urgent } = signs;
    let all = [readable, writable, read_closed, write_closed, error, urgent];
    all.into_iter().enumerate().fold(0, |bits, (at, is_so)| bits | u8::from(is_so) << at)
}

fn signs(bits: u8) -> Signs {
    let is_so = |at: u8| bits >> at & 1 == 1;
    Signs {
        readable: is_so(0),
        writable: is_so(1),
        read_closed: is_so(2),
        write_closed: is_so(3),
        error: is_so(4),
        urgent: is_so(5),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::ErrorKind;

    use super::*;

    /// One of each kind, for tests: those that differ in what they say.
    pub(in super::super) fn samples() -> Vec<Step> {
        let mut steps = vec![
            Step::Accepted { service: 3 },
            Step::Closed { reason: CloseReason::Answered, requests: u32::MAX },
            Step::Closed { reason: CloseReason::Broken(ErrorKind::TimedOut), requests: 1 },
            Step::Waited { limit: None, events: 1024 },
            Step::Waited { limit: Some(Duration::ZERO), events: 0 },
            Step::Waited { limit: Some(Duration::from_millis(59_123)), events: 1 },
            Step::Asked { request: 70_000 },
            Step::Given { status: 503 },
            Step::Sent,
        ];
        for from in Phase::ALL {
            let edges = Phase::ALL.into_iter().filter(|to| from.may_become(*to));
            steps.extend(edges.map(|to| Step::Moved { from, to }));
        }
        for why in Why::ALL {
            steps.push(Step::Expired { why });
            for wait in [None, Some(Duration::ZERO), Some(Duration::from_nanos(59_000_000_001))] {
                steps.push(Step::Armed { why, wait });
            }
        }
        steps.extend((0..64).map(|bits| Step::Ready(signs(bits))));
        for call in Call::ALL {
            for outcome in [
                Outcome::Done,
                Outcome::Moved { n: 78, of: 65_536 },
                Outcome::Moved { n: 1_048_576, of: 1_048_576 },
                Outcome::Blocked,
                Outcome::Ended,
                Outcome::Failed(ErrorKind::ConnectionReset),
            ] {
                steps.push(Step::Called { call, outcome });
            }
        }
        steps
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        for step in samples() {
            let took = match step {
                Step::Waited { .. } => Duration::from_secs(100_000),
                Step::Called { .. } => LONGEST_CALL,
                _ => Duration::ZERO,
            };
            let record = Record { at: Moment::from_nanos(1 << 63 | 5), took, step };
            assert_eq!(Record::from_words(record.to_words()), Some(record));
        }
        for nonsense in [0, 12, 2 | 7 << 8, 3 | 200 << 8, 6 | 12 << 8, 6 | 5 << 16, 10 | 9 << 8] {
            assert_eq!(Record::from_words([0, 0, nonsense]), None, "{nonsense:#x}");
        }
    }

    /// Micros since the start.
    fn at(micros: u64) -> Moment {
        Moment::START.after(Duration::from_micros(micros))
    }

    const WHO: Who = Who { connection: 17, slot: 3 };

    /// Whose, when and for how long in micros, and what.
    type Kept = (Who, u64, u64, Step);

    /// What comes of these events in their order.
    fn check_recorded(told: &[(Event<'_>, Option<Kept>)]) {
        let mut recorder = Recorder::default();
        for (event, expected) in told {
            let expected = expected.map(|(who, began, took, step)| {
                (who, Record { at: at(began), took: Duration::from_micros(took), step })
            });
            assert_eq!(recorder.record(event), expected, "{event:?}");
        }
    }

    #[test]
    fn calls_and_waits_have_their_times_and_as_much_of_their_numbers_as_there_is_room_for() {
        let limit = Some(Duration::from_nanos(1_000_001));
        let waited = Event::Waited { from: at(1), until: at(5), limit, events: 2 };
        let whole = Step::Waited { limit: Some(Duration::from_millis(2)), events: 2 };
        let outcome = |of| Outcome::Moved { n: 1, of };
        let (call, from, until) = (Call::Receive, at(6), at(8));
        let called = Event::Called { who: WHO, call, outcome: outcome(usize::MAX), from, until };
        let most = Step::Called { call, outcome: outcome(u32::MAX as usize) };
        check_recorded(&[
            (waited, Some((Who::LOOP, 1, 4, whole))),
            (called, Some((WHO, 6, 2, most))),
        ]);
    }

    #[test]
    fn an_event_without_a_time_has_that_of_the_last() {
        let who = WHO;
        let some = |micros, step| Some((WHO, micros, 0, step));
        let (from, to, signs) = (Phase::Idle, Phase::Head, Signs::default());
        let (idle, reason) = (Why::Idle, CloseReason::ClientDone);
        let armed = |wait| Step::Armed { why: idle, wait };
        check_recorded(&[
            (Event::Ready { who, signs }, some(0, Step::Ready(signs))),
            (Event::Asked { who, request: 1, at: at(9) }, some(9, Step::Asked { request: 1 })),
            (Event::Moved { who, from, to }, some(9, Step::Moved { from, to })),
            (Event::Given { who, status: 200, at: at(10) }, some(10, Step::Given { status: 200 })),
            (Event::Sent { who, at: at(12) }, some(12, Step::Sent)),
            (
                Event::Armed { who, why: idle, until: at(20) },
                some(12, armed(Some(Duration::from_micros(8)))),
            ),
            (Event::Armed { who, why: idle, until: Moment::NEVER }, some(12, armed(None))),
            (Event::Expired { who, why: idle }, some(12, Step::Expired { why: idle })),
            (
                Event::Closed { who, reason, requests: 1 },
                some(12, Step::Closed { reason, requests: 1 }),
            ),
            (
                Event::Accepted { who, service: 1, side: crate::observers::Side::Main, peer: None },
                some(12, Step::Accepted { service: 1 }),
            ),
            (Event::TurnEnded { events: 2 }, None),
            (Event::Stale, None),
        ]);
    }
}
