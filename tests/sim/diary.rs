//! What happened, in order: the calls that the server made, what the kernel answered, what the
//! clients did. A failed run prints the end of it, a replayed one all of it; and two runs by one
//! seed must have the same.

use std::fmt;
use std::time::Duration;

use oneloop::connection::{CloseReason, Moment, Phase};
use oneloop::event_loop::{Key, Ready, Transfer};

use super::socket::End;

/// One thing that happened. A client and its connection have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    // The server waits.
    Waits(Option<Duration>),
    Woken { notices: usize },
    Told(usize, Ready),
    ToldStale(Key, Ready),
    ToldListener(usize),
    Rang,
    // The server calls.
    Accepts(usize),
    AcceptsNot(&'static str),
    Reads { of: usize, asked: usize, got: Transfer },
    Writes { to: usize, given: usize, got: Transfer },
    SendsFile { to: usize, given: u64, got: Transfer },
    Shuts(usize),
    Drops(usize),
    // The server tells its observer.
    Moves(usize, Phase, Phase),
    Answered(usize, u16, u64),
    Closes(usize, CloseReason),
    // A client acts.
    Client(usize, Act),
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
            Self::Waits(None) => write!(f, "waits, without limit"),
            Self::Waits(Some(limit)) => write!(f, "waits, {limit:?} at the most"),
            Self::Woken { notices } => write!(f, "woken with {notices} notices"),
            Self::Told(client, ready) => write!(f, "  c{client} told {}", Spelt(*ready)),
            Self::ToldStale(key, ready) => {
                write!(f, "  nobody's {}.{} told {}", key.slot, key.generation, Spelt(*ready))
            }
            Self::ToldListener(listener) => write!(f, "  listener {listener} told"),
            Self::Rang => write!(f, "  rung"),
            Self::Accepts(client) => write!(f, "accept: c{client}"),
            Self::AcceptsNot(why) => write!(f, "accept: {why}"),
            Self::Reads { of, asked, got } => write!(f, "read c{of}, {asked}: {got:?}"),
            Self::Writes { to, given, got } => write!(f, "write c{to}, {given}: {got:?}"),
            Self::SendsFile { to, given, got } => write!(f, "sendfile c{to}, {given}: {got:?}"),
            Self::Shuts(client) => write!(f, "shutdown c{client}"),
            Self::Drops(client) => write!(f, "close c{client}"),
            Self::Moves(client, from, to) => write!(f, "  c{client} is {to}, was {from}"),
            Self::Answered(client, status, n) => {
                write!(f, "  c{client} answered by {status} and {n} bytes")
            }
            Self::Closes(client, reason) => write!(f, "  c{client} closed: {reason}"),
            Self::Client(client, act) => write!(f, "        client {client} {act:?}"),
        }
    }
}

struct Spelt(Ready);

impl fmt::Display for Spelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (ready, name) in [
            (Ready::READABLE, "readable "),
            (Ready::WRITABLE, "writable "),
            (Ready::READ_CLOSED, "read-closed "),
            (Ready::WRITE_CLOSED, "write-closed "),
            (Ready::GONE, "gone "),
            (Ready::URGENT, "urgent "),
        ] {
            if self.0.has(ready) {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}
