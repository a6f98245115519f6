//! What happened, in order: the calls that the server made, what the kernel answered, what the
//! clients did, and what went wrong. A failed run prints the end of it, a replayed one all of it;
//! and two runs by one seed must have the same.
//!
//! It reads like this. What stands at the margin is the server's doing, indented below it what it
//! is told and what it tells, and to the right what others do:
//!
//! ```text
//!   0.662000                    client 4 connects
//!   0.662000    event: listener 0 has somebody
//!   0.662000  wakes, 1 notice
//!   0.662000  accept: client 4
//!   0.662000  accept: nobody waits
//!   0.662000  waits, 60s at the most
//!   0.662216    event: client 4 is readable, writable
//!   0.662216  wakes, 1 notice
//!   0.662216  read from 4, room for 65536: 7 bytes
//!   0.662216    4: idle ─▶ head
//! ```

use std::fmt;
use std::time::Duration;

use oneloop::connection::{CloseReason, Moment, Phase};
use oneloop::event_loop::{Key, Ready, Transfer};
use oneloop::message::RequestId;
use oneloop::message::Submitted;

use super::socket::End;

/// One thing that happened. A client and its connection have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    // The server waits.
    Waits(Option<Duration>),
    Woken {
        notices: usize,
    },
    Told(usize, Ready),
    ToldFalsely(usize, Ready),
    ToldStale(Key, Ready),
    ToldListener(usize),
    Rang,
    // The server calls.
    Accepts(usize),
    Numbers(usize, u32),
    AcceptsNot(&'static str),
    Reads {
        of: usize,
        asked: usize,
        got: Transfer,
    },
    /// A file that is to be sent there is not in memory.
    IsCold(usize),
    /// A job, for the helpers; and one that is done.
    Submits(Submitted),
    Helped,
    /// With `more` it is said that more follows.
    Writes {
        to: usize,
        given: usize,
        more: bool,
        got: Transfer,
    },
    SendsFile {
        to: usize,
        given: usize,
        got: Transfer,
    },
    Shuts(usize),
    Drops(usize),
    // The server tells its observer.
    Moves(usize, Phase, Phase),
    Answered {
        client: usize,
        status: u16,
        bytes: u64,
        is_whole: bool,
    },
    Closes(usize, CloseReason),
    // The world goes on.
    Client(usize, Act),
    Finishes(RequestId),
    AsksToStop,
    Signals,
    Breaks(usize),
    /// A file is that long now, or gone.
    Changes(&'static str, Option<usize>),
    SlowDisk(Duration),
    Leaps(Duration),
    StandsStill(Duration),
    WallClockSet(i64),
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Connects,
    Sends(usize),
    SendsUrgent,
    Takes(usize),
    Shuts,
    Closes,
    Resets,
    Vanishes,
    Meets(End),
}

#[derive(Debug, Default)]
pub(crate) struct Diary {
    entries: Vec<(Moment, Entry)>,
}

impl Diary {
    pub(crate) fn note(&mut self, now: Moment, entry: Entry) {
        self.entries.push((now, entry));
    }

    pub(crate) fn entries(&self) -> &[(Moment, Entry)] {
        &self.entries
    }

    /// The last so many entries as lines.
    pub(crate) fn tail(&self, most: usize) -> String {
        let left_out = self.entries.len().saturating_sub(most);
        let mut text = match left_out {
            0 => String::new(),
            n => format!("     … {n} entries before\n"),
        };
        for (at, entry) in &self.entries[left_out..] {
            let at = at.since(Moment::START).as_secs_f64();
            text.push_str(&format!("{at:>14.6}  {entry}\n"));
        }
        text
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits(None) => write!(f, "waits, for as long as it takes"),
            Self::Waits(Some(Duration::ZERO)) => write!(f, "looks for events, and does not wait"),
            Self::Waits(Some(limit)) => write!(f, "waits, {limit:?} at the most"),
            Self::Woken { notices: 1 } => write!(f, "wakes, 1 notice"),
            Self::Woken { notices } => write!(f, "wakes, {notices} notices"),
            Self::Told(client, ready) => write!(f, "  event: client {client} is {}", Spelt(*ready)),
            Self::ToldFalsely(client, ready) => {
                write!(f, "  event: client {client} is {}, for no reason", Spelt(*ready))
            }
            Self::ToldStale(Key { slot, generation }, ready) => {
                let ready = Spelt(*ready);
                write!(f, "  event: slot {slot}, generation {generation}, long closed, is {ready}")
            }
            Self::ToldListener(listener) => write!(f, "  event: listener {listener} has somebody"),
            Self::Rang => write!(f, "  event: the bell was rung"),
            Self::Accepts(client) => write!(f, "accept: client {client}"),
            Self::Numbers(client, number) => write!(f, "  {client}: is c{number} to the server"),
            Self::AcceptsNot(why) => write!(f, "accept: {why}"),
            Self::Reads { of, asked, got } => {
                write!(f, "read from {of}, room for {asked}: {}", Moved(*got))
            }
            Self::IsCold(to) => write!(f, "sendfile to {to}: it is not in memory"),
            Self::Submits(Submitted::Taken) => write!(f, "submit a job"),
            Self::Submits(Submitted::Full) => write!(f, "submit a job: there is no room"),
            Self::Helped => write!(f, "  a helper has done a job"),
            Self::Writes { to, given, more, got } => {
                let follows = if *more { " and more" } else { "" };
                write!(f, "write to {to}, {given} bytes{follows}: {}", Moved(*got))
            }
            Self::SendsFile { to, given, got } => {
                write!(f, "sendfile to {to}, {given} bytes: {}", Moved(*got))
            }
            Self::Shuts(client) => write!(f, "shutdown of our half to {client}"),
            Self::Drops(client) => write!(f, "close {client}"),
            Self::Moves(client, from, to) => write!(f, "  {client}: {from} ─▶ {to}"),
            Self::Answered { client, status, bytes, is_whole } => {
                let cut = if *is_whole { "" } else { ", cut off" };
                write!(f, "  {client}: answered by {status} with {bytes} bytes{cut}")
            }
            Self::Closes(client, reason) => write!(f, "  {client}: closed, because {reason}"),
            other => write!(f, "{:18}{}", "", Elsewhere(other)),
        }
    }
}

/// What the server has no part in.
struct Elsewhere<'a>(&'a Entry);

impl fmt::Display for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Entry::Client(client, act) => write!(f, "client {client} {act}"),
            Entry::Finishes(request) => write!(f, "what request {request} waits for is done"),
            Entry::AsksToStop => write!(f, "the server is asked to stop"),
            Entry::Signals => write!(f, "a signal is sent to the server"),
            Entry::Breaks(client) => write!(f, "the network breaks the connection of {client}"),
            Entry::Changes(name, None) => write!(f, "{name} is removed"),
            Entry::Changes(name, Some(len)) => write!(f, "{name} is written, {len} bytes"),
            Entry::SlowDisk(time) => write!(f, "the disk takes {time:?}"),
            Entry::Leaps(time) => write!(f, "the clock leaps ahead by {time:?}"),
            Entry::StandsStill(time) => write!(f, "the server stands still for {time:?}"),
            Entry::WallClockSet(by) => write!(f, "the wall clock is set, and is {by} s off"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connects => write!(f, "connects"),
            Self::Sends(n) => write!(f, "sends {n} bytes"),
            Self::SendsUrgent => write!(f, "sends an urgent byte"),
            Self::Takes(n) => write!(f, "takes {n} bytes"),
            Self::Shuts => write!(f, "shuts its half"),
            Self::Closes => write!(f, "closes"),
            Self::Resets => write!(f, "resets the connection"),
            Self::Vanishes => write!(f, "vanishes"),
            Self::Meets(End::Eof) => write!(f, "comes to the end of what was sent, and closes"),
            Self::Meets(End::Reset) => write!(f, "finds the connection reset"),
        }
    }
}

/// What came of a call.
struct Moved(Transfer);

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Transfer::Moved(n) => write!(f, "{n} bytes"),
            Transfer::Blocked => write!(f, "blocked"),
            Transfer::Ended => write!(f, "the end"),
            Transfer::Broken(kind) => write!(f, "{kind}"),
        }
    }
}

struct Spelt(Ready);

impl fmt::Display for Spelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (ready, name) in [
            (Ready::READABLE, "readable"),
            (Ready::WRITABLE, "writable"),
            (Ready::READ_CLOSED, "closed for reading"),
            (Ready::WRITE_CLOSED, "closed for writing"),
            (Ready::GONE, "broken"),
            (Ready::URGENT, "urgent"),
        ] {
            if self.0.has(ready) {
                write!(f, "{comma}{name}")?;
                comma = ", ";
            }
        }
        Ok(())
    }
}
