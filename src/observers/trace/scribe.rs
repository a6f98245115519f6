//! Writes the lines of a trace: one event of Chrome's Trace Event Format each.
//!
//! | `ph` | what |
//! |---|---|
//! | `X` | a wait of the loop (`cat` `wait`) or a system call (`cat` `call`), with its duration |
//! | `X` | a phase that has ended (`cat` `phase`), around its calls, and what comes `to` follow it |
//! | `i` | a moment: accepted, ready, asked, given, sent, armed, expired, closed |
//! | `M` | names of processes and threads |
//!
//! `pid` is the loop's number, from 1; `tid` the connection's, and [`LOOP`] the loop itself. `ts`
//! and `dur` are in microseconds, with nanoseconds behind the point. All strings are ours, without
//! anything that JSON would escape.
//!
//! Never: allocates for a line once its room has grown.   Read next: `reading.rs`, the way back.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::Duration;

use crate::connection::{Moment, Phase, Why};

use super::super::record::{Record, Step};
use super::super::{Call, Outcome, Signs, errors};

/// The name of the first event, by which a trace is known to be ours.
pub(super) const MARK: &str = "oneloop_trace";

/// The track of a loop. It is not 0, which Perfetto takes for none, and lays on the track whose
/// number is the process's.
pub(super) const LOOP: u32 = u32::MAX;

/// The `tid` of a connection in a trace; of the loop itself, if that is asked for by 0.
#[must_use]
pub const fn track(connection: u32) -> u32 {
    if connection == 0 { LOOP } else { connection }
}

/// What it calls a [`Why`].
pub(super) const WAITS: [(Why, &str); 9] = [
    (Why::Idle, "idle"),
    (Why::Head, "head"),
    (Why::Body, "body"),
    (Why::Answer, "answer"),
    (Why::Write, "write"),
    (Why::Source, "source"),
    (Why::Beat, "beat"),
    (Why::Disk, "disk"),
    (Why::Linger, "linger"),
];

/// What it calls signs of readiness.
pub(super) const SIGNS: [(&str, Signs); 6] = {
    const NONE: Signs = Signs {
        readable: false,
        writable: false,
        read_closed: false,
        write_closed: false,
        error: false,
        urgent: false,
    };
    [
        ("readable", Signs { readable: true, ..NONE }),
        ("writable", Signs { writable: true, ..NONE }),
        ("read-closed", Signs { read_closed: true, ..NONE }),
        ("write-closed", Signs { write_closed: true, ..NONE }),
        ("error", Signs { error: true, ..NONE }),
        ("urgent", Signs { urgent: true, ..NONE }),
    ]
};

/// Writes lines. It knows in which phase everybody is.
///
/// A phase is written when it ends and not as two events: many last no time at all, and of a
/// beginning and an end at one time viewers may take the end first.
#[derive(Debug)]
pub(super) struct Scribe {
    /// For each loop, its connections that were met; in which phase they are and since when, where
    /// that is known.
    loops: Vec<HashMap<u32, Option<(Phase, Moment)>>>,
    latest: Moment,
}

impl Scribe {
    pub(super) fn for_loops(loops: usize) -> Self {
        Self { loops: vec![HashMap::new(); loops], latest: Moment::START }
    }

    /// The opening bracket, and the names of the loops.
    pub(super) fn append_beginning(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[\n");
        text(out, format_args!(r#"{{"ph":"M","name":"{MARK}","pid":1,"tid":{LOOP},"ts":0,"#));
        text(out, format_args!(r#""args":{{"version":"{}"}}}}"#, env!("CARGO_PKG_VERSION")));
        for number in 0..self.loops.len() {
            let named = format_args!("worker {number}");
            name(out, "process_name", number, 0, named);
            name(out, "thread_name", number, 0, format_args!("loop"));
            // Above the connections.
            Place { number, connection: 0, at: Moment::START }.event(out, "M", "thread_sort_index");
            text(out, format_args!(r#","args":{{"sort_index":-1}}}}"#));
        }
    }

    /// The line of one step, or its lines.
    pub(super) fn append_step(
        &mut self,
        out: &mut Vec<u8>,
        number: usize,
        connection: u32,
        record: Record,
    ) {
        let Record { at, took, step } = record;
        self.latest = self.latest.max(at);
        let place = Place { number, connection, at };
        self.introduce(out, place);
        match step {
            Step::Accepted { service } => {
                place.moment(out, "accepted", format_args!(r#""listener":{service}"#));
                self.loops[number].insert(connection, Some((Phase::Idle, at)));
            }
            Step::Moved { from, to } => self.moved(out, place, from, to),
            Step::Closed { reason, requests } => {
                if let Some(Some((phase, _))) = self.loops[number].get(&connection) {
                    self.moved(out, place, *phase, Phase::Closed);
                }
                let why = reason.name();
                let args = format_args!(r#""why":"{why}","says":"{reason}","requests":{requests}"#);
                place.moment(out, "closed", args);
                self.loops[number].remove(&connection);
            }
            Step::Waited { limit, events } => {
                place.slice(out, "epoll_wait", "wait", took);
                match limit {
                    Some(limit) => text(out, format_args!(r#""limit_ms":{}"#, limit.as_millis())),
                    None => text(out, format_args!(r#""limit_ms":-1"#)),
                }
                text(out, format_args!(r#","events":{events}}}}}"#));
            }
            Step::Called { call, outcome } => {
                place.slice(out, call.name(), "call", took);
                append_outcome(out, call, outcome);
            }
            Step::Ready(signs) => place.ready(out, signs),
            Step::Asked { request } => {
                place.moment(out, "asked", format_args!(r#""id":"c{connection}.r{request}""#));
            }
            Step::Given { status } => {
                place.moment(out, "given", format_args!(r#""status":{status}"#));
            }
            Step::Sent => place.moment(out, "sent", format_args!("")),
            Step::Armed { why, wait } => {
                let why = word(why);
                match wait {
                    Some(wait) => place.moment(
                        out,
                        "armed",
                        format_args!(r#""for":"{why}","ns":{}"#, wait.as_nanos()),
                    ),
                    None => place.moment(out, "armed", format_args!(r#""for":"{why}","ns":-1"#)),
                }
            }
            Step::Expired { why } => {
                place.moment(out, "expired", format_args!(r#""for":"{}""#, word(why)));
            }
        }
    }

    /// So many steps of a loop are not here.
    pub(super) fn append_gap(&mut self, out: &mut Vec<u8>, number: usize, steps: u64) {
        // Who has ended meanwhile will not be met again.
        self.loops[number].clear();
        let place = Place { number, connection: 0, at: self.latest };
        place.event(out, "i", "missing");
        text(out, format_args!(r#","s":"g","args":{{"steps":{steps}}}}}"#));
    }

    /// Nothing more is here.
    pub(super) fn append_full(&self, out: &mut Vec<u8>) {
        let place = Place { number: 0, connection: 0, at: self.latest };
        place.event(out, "i", "full");
        text(out, format_args!(r#","s":"g","args":{{}}}}"#));
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn append_end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]\n");
    }

    /// Names a connection's track when it is first met.
    fn introduce(&mut self, out: &mut Vec<u8>, place: Place) {
        let Place { number, connection, .. } = place;
        if connection != 0 && !self.loops[number].contains_key(&connection) {
            self.loops[number].insert(connection, None);
            let named = format_args!("c{connection}");
            name(out, "thread_name", number, connection, named);
        }
    }

    /// A phase is over. Where steps are missing it is not known since when it was.
    fn moved(&mut self, out: &mut Vec<u8>, place: Place, from: Phase, to: Phase) {
        let next = (to != Phase::Closed).then_some((to, place.at));
        let open = self.loops[place.number].insert(place.connection, next).flatten();
        let since = open.filter(|(phase, _)| *phase == from).map_or(place.at, |(_, since)| since);
        let took = place.at.since(since);
        Place { at: since, ..place }.slice(out, from.name(), "phase", took);
        text(out, format_args!(r#""to":"{to}"}}}}"#));
    }
}

/// Where and when an event is.
#[derive(Clone, Copy, Debug)]
struct Place {
    number: usize,
    connection: u32,
    at: Moment,
}

impl Place {
    /// The beginning of a line, up to its time.
    fn event(self, out: &mut Vec<u8>, ph: &str, name: &str) {
        for part in [",\n{\"ph\":\"", ph, "\",\"name\":\"", name, "\",\"pid\":"] {
            out.extend_from_slice(part.as_bytes());
        }
        append_number(out, self.number as u64 + 1);
        out.extend_from_slice(b",\"tid\":");
        append_number(out, track(self.connection).into());
        out.extend_from_slice(b",\"ts\":");
        append_micros(out, self.at.to_nanos());
    }

    /// The beginning of something with a duration, up to its first argument.
    fn slice(self, out: &mut Vec<u8>, name: &str, category: &str, took: Duration) {
        self.event(out, "X", name);
        out.extend_from_slice(b",\"dur\":");
        append_micros(out, took.as_nanos().try_into().unwrap_or(u64::MAX));
        out.extend_from_slice(b",\"cat\":\"");
        out.extend_from_slice(category.as_bytes());
        out.extend_from_slice(b"\",\"args\":{");
    }

    fn moment(self, out: &mut Vec<u8>, name: &str, args: std::fmt::Arguments<'_>) {
        self.event(out, "i", name);
        text(out, format_args!(r#","s":"t","cat":"step","args":{{{args}}}}}"#));
    }

    fn ready(self, out: &mut Vec<u8>, signs: Signs) {
        self.event(out, "i", "ready");
        out.extend_from_slice(br#","s":"t","cat":"step","args":{"signs":""#);
        let mut gap = "";
        for (name, sign) in SIGNS {
            if signs.has_any_of(sign) {
                out.extend_from_slice(gap.as_bytes());
                out.extend_from_slice(name.as_bytes());
                gap = " ";
            }
        }
        out.extend_from_slice(br#""}}"#);
    }
}

/// The arguments of a call, and its end: `ret` and `err` as strace has them, where that is known.
fn append_outcome(out: &mut Vec<u8>, call: Call, outcome: Outcome) {
    match outcome {
        Outcome::Moved { n, of } => {
            out.extend_from_slice(b"\"ret\":");
            append_number(out, n as u64);
            out.extend_from_slice(b",\"of\":");
            append_number(out, of as u64);
        }
        Outcome::Blocked => out.extend_from_slice(br#""err":"EAGAIN""#),
        Outcome::Failed(kind) => text(out, format_args!(r#""err":"{}""#, errors::name(kind))),
        Outcome::Ended => out.extend_from_slice(br#""ret":0"#),
        Outcome::Done if matches!(call, Call::Register | Call::Close) => {
            out.extend_from_slice(br#""ret":0"#);
        }
        Outcome::Done => {}
    }
    out.extend_from_slice(b"}}");
}

fn word(why: Why) -> &'static str {
    WAITS[why as usize].1
}

fn name(
    out: &mut Vec<u8>,
    what: &str,
    number: usize,
    connection: u32,
    named: std::fmt::Arguments<'_>,
) {
    Place { number, connection, at: Moment::START }.event(out, "M", what);
    text(out, format_args!(r#","args":{{"name":"{named}"}}}}"#));
}

/// Writing to a Vec cannot fail.
fn text(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn append_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Nanoseconds as microseconds with three digits behind the point.
fn append_micros(out: &mut Vec<u8>, nanos: u64) {
    append_number(out, nanos / 1000);
    // Four digits, the first of which makes way for the point.
    let at = out.len();
    append_number(out, 1000 + nanos % 1000);
    out[at] = b'.';
}
