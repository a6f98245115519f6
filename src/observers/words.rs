//! Steps in words, for who studies what an event loop does: one sentence each, and the file that
//! decided it.
//!
//! Plain text without markup, the same on a terminal and on a page. It says nothing that a client
//! has said.
//!
//! Read next: `record.rs`, what a step is; `event_loop/readiness.rs`, whose rules these words tell.

use std::fmt;
use std::time::Duration;

use crate::connection::{Phase, Why};

use super::record::{Record, Step};
use super::{Call, Outcome, Signs};

/// A step in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// One sentence, without a full stop.
    pub text: String,
    /// The source file that decided it, beneath `src/`.
    pub file: &'static str,
}

/// Tells the steps of one connection in their order: what some of them mean depends on what was
/// before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Teller {
    /// The poll has said that the client shut its half, or that there is urgent data.
    may_be_more: bool,
    /// A page of a file was not in memory.
    is_cold: bool,
}

impl Record {
    /// It in words, where nothing is known of what was before; see [`Teller`].
    #[must_use]
    pub fn told(self) -> Told {
        Teller::default().tell(self.step)
    }
}

impl Teller {
    /// The next step in words.
    pub fn tell(&mut self, step: Step) -> Told {
        let (file, text) = match step {
            Step::Accepted { service: 0 } => ("event_loop/accept.rs", "accepted".into()),
            Step::Accepted { service } => {
                ("event_loop/accept.rs", format!("accepted, at listener {service} of the others"))
            }
            Step::Moved { from, to } => moved(from, to),
            Step::Closed { reason, .. } => ("connection/fate.rs", format!("closed: {reason}")),
            Step::Waited { limit, events } => ("event_loop/agenda.rs", waited(limit, events)),
            Step::Ready(signs) => {
                self.may_be_more |= signs.read_closed || signs.error || signs.urgent;
                ("event_loop/readiness.rs", ready(signs))
            }
            Step::Called { call, outcome } => self.called(call, outcome),
            Step::Asked { request } => {
                let request = grouped(request.into());
                ("event_loop/slot.rs", format!("request {request} goes to the responder"))
            }
            Step::Given { status } => ("connection/answering.rs", format!("answered {status}")),
            Step::Sent => ("event_loop/writing.rs", "all that was answered has left".into()),
            Step::Armed { why, wait } => ("connection/deadline.rs", armed(why, wait)),
            Step::Expired { why } => {
                ("event_loop/agenda.rs", format!("its time is over: {}", missed(why)))
            }
        };
        Told { text, file }
    }

    fn called(&mut self, call: Call, outcome: Outcome) -> (&'static str, String) {
        const READINESS: &str = "event_loop/readiness.rs";
        const CLEARED: &str = "a short read, so the socket is drained; the next byte is a new edge";
        let name = spoken(call);
        let what = match (call, outcome) {
            (Call::Receive, Outcome::Moved { n, of }) if n < of && self.may_be_more => {
                "a short read, but its end or urgent data was told: more may be there".into()
            }
            (Call::Receive, Outcome::Moved { n, of }) if n < of => CLEARED.into(),
            (Call::Receive, Outcome::Moved { .. }) => {
                "as much as there was room for, so there may be more".into()
            }
            (Call::Receive, Outcome::Blocked) => {
                return (READINESS, format!("{name}: blocked (EAGAIN): nothing is there; {TOLD}"));
            }
            (Call::Receive, Outcome::Ended) => {
                return (READINESS, format!("{name} 0 bytes: the client has shut its half"));
            }
            (Call::Send | Call::SendBoth, Outcome::Moved { n, of }) if n < of => {
                format!("a short write, so the socket is full; {ROOM}")
            }
            (Call::Send, Outcome::Moved { .. }) => "all left".into(),
            (Call::SendBoth, Outcome::Moved { .. }) => {
                "all left, from two places by one call".into()
            }
            (Call::SendFile, Outcome::Moved { n, of }) if n < of => {
                "less than asked, which of a file says nothing: it is tried again".into()
            }
            (Call::SendFile, Outcome::Moved { .. }) => "from the file to the socket".into(),
            (Call::SendFile, Outcome::Ended) => {
                let file = "event_loop/send_file.rs";
                return (file, format!("{name}: the file ended before what was promised of it"));
            }
            (Call::Send | Call::SendBoth | Call::SendFile, Outcome::Blocked) => {
                let text = format!("{name}: blocked (EAGAIN): the socket is full; {ROOM}");
                return (READINESS, text);
            }
            _ => return self.called_otherwise(call, outcome),
        };
        let Outcome::Moved { n, of } = outcome else { return self.called_otherwise(call, outcome) };
        let (n, of) = (grouped(n as u64), grouped(of as u64));
        (READINESS, format!("{name} {n} of {of} bytes: {what}"))
    }

    /// Calls that move nothing.
    fn called_otherwise(&mut self, call: Call, outcome: Outcome) -> (&'static str, String) {
        let name = spoken(call);
        let (file, done) = match call {
            Call::Wait => ("event_loop/mio.rs", "somebody is ready"),
            Call::Accept => ("event_loop/accept.rs", "a client that waited has its connection"),
            Call::Register => (
                "event_loop/mio.rs",
                "told from now on, once an edge: bytes to read, room to write",
            ),
            Call::Receive | Call::Send | Call::SendBoth => ("event_loop/mio.rs", "done"),
            Call::AskPage => ("event_loop/warming.rs", "the page is in memory: nobody will wait"),
            Call::SendFile => ("event_loop/send_file.rs", "done"),
            Call::Shut => {
                ("event_loop/writing.rs", "our half is shut: the client sees the end of the answer")
            }
            Call::SetOption if self.is_cold => {
                ("event_loop/writing.rs", "what was held back to leave with more leaves now")
            }
            Call::SetOption => {
                ("event_loop/burying.rs", "the close will be a reset: the answer is not whole")
            }
            Call::Poll => ("event_loop/accept.rs", "does anybody wait who needs the room?"),
            Call::Close => ("event_loop/burying.rs", "the socket is given back"),
        };
        self.is_cold = matches!((call, outcome), (Call::AskPage, Outcome::Blocked));
        let what = match (call, outcome) {
            (Call::AskPage, Outcome::Blocked) => "not in memory (EAGAIN): a helper thread reads it",
            (Call::Accept, Outcome::Blocked) => "blocked (EAGAIN): nobody else waits",
            (_, Outcome::Done | Outcome::Moved { .. }) => done,
            (_, Outcome::Blocked) => "blocked (EAGAIN)",
            (_, Outcome::Ended) => "there is nothing more",
            (_, Outcome::Failed(kind)) => return (file, format!("{name} failed: {kind}")),
        };
        (file, format!("{name}: {what}"))
    }
}

const TOLD: &str = "a readable event will tell";
const ROOM: &str = "a writable event will tell when it has room";

/// What a programmer calls it: the name in C, where strace shows another.
const fn spoken(call: Call) -> &'static str {
    match call {
        Call::Receive => "recv",
        Call::Send => "send",
        other => other.name(),
    }
}

fn moved(from: Phase, to: Phase) -> (&'static str, String) {
    let (file, why) = match (from, to) {
        (_, Phase::Head) => ("connection/advancing.rs", "the first bytes of a request are there"),
        (Phase::Writing, Phase::Answering | Phase::Body) => ("connection/sending.rs", BACK),
        (_, Phase::Answering) => ("connection/advancing.rs", "the head is complete"),
        (_, Phase::Body) => ("connection/answering.rs", "the responder wants the body"),
        (_, Phase::Writing) => ("connection/sending.rs", "what is to leave comes before all else"),
        (Phase::Writing, Phase::Idle) => {
            ("connection/sending.rs", "all has left; it may ask again")
        }
        (_, Phase::Idle) => ("connection/answering.rs", "the answer is whole; it may ask again"),
        (_, Phase::Lingering) => {
            ("connection/sending.rs", "the last answer has left; what still comes is thrown away")
        }
        (_, Phase::Closed) => ("connection/mod.rs", "it has its reason to end"),
    };
    (file, format!("{from} → {to}: {why}"))
}

const BACK: &str = "all has left; it goes on with what it was about";

fn ready(signs: Signs) -> String {
    let Signs { readable, writable, read_closed, write_closed, error, urgent } = signs;
    let words = [
        (readable, "readable"),
        (writable, "writable"),
        (read_closed, "the client has shut its half"),
        (write_closed, "nothing can be written any more"),
        (error, "broken"),
        (urgent, "urgent data"),
    ];
    let said: Vec<_> = words.iter().filter(|(is_so, _)| *is_so).map(|(_, word)| *word).collect();
    if said.is_empty() { "an event that says nothing".into() } else { said.join(", ") }
}

fn waited(limit: Option<Duration>, events: u16) -> String {
    let came = match events {
        0 => "nothing came".into(),
        1 => "1 event".to_owned(),
        events => format!("{} events", grouped(events.into())),
    };
    match limit {
        None => format!("epoll_wait, with no limit: {came}"),
        Some(Duration::ZERO) => format!("epoll_wait, only looking, as work is left: {came}"),
        Some(limit) => format!("epoll_wait, until the next deadline in {}: {came}", span(limit)),
    }
}

fn armed(why: Why, wait: Option<Duration>) -> String {
    let what = match why {
        Why::Idle => "idle: waits for the next request",
        Why::Head => "waits for the rest of the head",
        Why::Body => "waits for the rest of the body",
        Why::Answer => "waits for the responder, which said later",
        Why::Write => "waits until the client takes more",
        Why::Source => "waits for the source of the body",
        Why::Beat => "waits for the next beat of the body's source",
        Why::Disk => "waits for a helper that reads the disk",
        Why::Linger => "lingers: waits for the client to close",
    };
    match wait {
        Some(wait) => format!("{what}, {} at most", span(wait)),
        None => what.to_owned(),
    }
}

const fn missed(why: Why) -> &'static str {
    match why {
        Why::Idle => "no request came",
        Why::Head => "the head did not end in time",
        Why::Body => "the body did not end in time",
        Why::Answer => "the responder did not answer in time",
        Why::Write => "the client took nothing of its answer",
        Why::Source => "the source of the body was silent",
        Why::Beat => "the source of the body is pulled again",
        Why::Disk => "the disk did not give what is to be sent",
        Why::Linger => "the client did not close",
    }
}

/// `65,536`
#[must_use]
pub fn grouped(number: u64) -> impl fmt::Display {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `60 s`, `59.3 s`, `1.5 ms`: as exactly as one cares to know.
#[must_use]
pub fn span(duration: Duration) -> impl fmt::Display {
    const SECOND: u64 = 1_000_000;
    const MILLI: u64 = 1_000;
    // Rounded, so that a grant that began a moment ago is what it was.
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (unit, name) = match micros {
        0..MILLI => return format!("{micros} µs"),
        MILLI..SECOND => (MILLI, "ms"),
        _ => (SECOND, "s"),
    };
    let tenths = (micros.saturating_mul(10).saturating_add(unit / 2)) / unit;
    let whole = grouped(tenths / 10);
    match tenths % 10 {
        0 => format!("{whole} {name}"),
        tenth => format!("{whole}.{tenth} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::record::tests::samples;
    use super::*;

    #[test]
    fn every_step_has_words_of_its_own_and_a_file_that_is_there() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut said = BTreeMap::new();
        for step in samples() {
            let Told { text, file } = Teller::default().tell(step);
            assert!(src.join(file).is_file(), "src/{file}, of {text}");
            assert!(!text.contains('\n') && !text.ends_with('.') && text.len() < 140, "{text}");
            let others = said.insert(text.clone(), step);
            let is_unlike = |other: &Step| !matches!(other, Step::Called { .. }) && *other != step;
            assert!(!others.as_ref().is_some_and(is_unlike), "{others:?} and {step:?}: {text}");
        }
    }

    fn called(call: Call, outcome: Outcome) -> Step {
        Step::Called { call, outcome }
    }

    fn bytes(n: usize, of: usize) -> Outcome {
        Outcome::Moved { n, of }
    }

    /// How the last of them reads.
    fn check(steps: &[Step], expected: &str) {
        let mut teller = Teller::default();
        let told = steps.iter().map(|step| teller.tell(*step)).last();
        assert_eq!(told.map(|told| told.text).as_deref(), Some(expected));
    }

    #[test]
    fn what_a_read_means_depends_on_what_was_told_before() {
        let readable = Signs { readable: true, ..Signs::default() };
        let shut = Step::Ready(Signs { read_closed: true, ..readable });
        let short = called(Call::Receive, bytes(78, 65_536));
        check(&[Step::Ready(readable)], "readable");
        check(&[shut], "readable, the client has shut its half");
        check(
            &[short],
            "recv 78 of 65,536 bytes: a short read, so the socket is drained; \
             the next byte is a new edge",
        );
        check(
            &[shut, short],
            "recv 78 of 65,536 bytes: a short read, but its end or urgent data was told: \
             more may be there",
        );
        check(
            &[called(Call::Receive, bytes(65_536, 65_536))],
            "recv 65,536 of 65,536 bytes: as much as there was room for, so there may be more",
        );
        check(
            &[called(Call::Receive, Outcome::Ended)],
            "recv 0 bytes: the client has shut its half",
        );
        let reset = Outcome::Failed(std::io::ErrorKind::ConnectionReset);
        check(&[called(Call::Receive, reset)], "recv failed: connection reset");
    }

    #[test]
    fn other_steps_read_like_this() {
        check(&[Step::Asked { request: 1 }], "request 1 goes to the responder");
        check(&[Step::Given { status: 200 }], "answered 200");
        check(&[called(Call::Send, bytes(143, 143))], "send 143 of 143 bytes: all left");
        check(
            &[called(Call::Send, Outcome::Blocked)],
            "send: blocked (EAGAIN): the socket is full; \
             a writable event will tell when it has room",
        );
        let option = called(Call::SetOption, Outcome::Done);
        check(
            &[called(Call::AskPage, Outcome::Blocked), option],
            "setsockopt: what was held back to leave with more leaves now",
        );
        check(&[option], "setsockopt: the close will be a reset: the answer is not whole");
        let wait = Some(Duration::from_nanos(59_999_990_000));
        check(
            &[Step::Armed { why: Why::Idle, wait }],
            "idle: waits for the next request, 60 s at most",
        );
        check(
            &[Step::Waited { limit: Some(Duration::from_millis(2500)), events: 1 }],
            "epoll_wait, until the next deadline in 2.5 s: 1 event",
        );
        check(
            &[Step::Moved { from: Phase::Head, to: Phase::Answering }],
            "head → answering: the head is complete",
        );
    }

    #[test]
    fn numbers_are_grouped_and_times_rounded() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (65_536, "65,536"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number).to_string(), expected);
        }
        for (micros, expected) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_500, "1.5 ms"),
            (12_345, "12.3 ms"),
            (999_999, "1,000 ms"),
            (60_000_000, "60 s"),
            (59_999_990, "60 s"),
            (3_600_000_000, "3,600 s"),
        ] {
            assert_eq!(span(Duration::from_micros(micros)).to_string(), expected);
        }
    }
}
