//! What a meter has read: plain figures, which can be added up over loops, taken from each other
//! over time, and told.
//!
//! Read next: `mod.rs`, where they come from.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use crate::connection::Phase;

use super::super::Call;
use super::durations::Durations;

/// Phases that a connection can be in while it is open, in the order of a request's life.
pub const OPEN_PHASES: usize = Phase::ALL.len() - 1;

/// What one loop did, or several together, from its beginning to now. Connections of an
/// [admin listener](crate::Server::attended_on) are in none of it but in `aside`, and in the loop's
/// own work.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// How many loops.
    pub loops: u32,
    /// Since the first of them began.
    pub uptime: Duration,
    /// Whether one was asked to stop.
    pub is_stopping: bool,
    /// Answers that have left whole: what a client counts as a request.
    pub requests: u64,
    /// Answers that were given, by status; those still on their way, and those that were cut off,
    /// are among them.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers that were given, and did not leave whole before their connection ended.
    pub unsent: u64,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent, heads and framing included.
    pub sent: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now, by phase, in the order of [`Phase::ALL`].
    pub phases: [u64; OPEN_PHASES],
    /// The most that were open at one time; of several loops, their peaks added up.
    pub peak: u64,
    /// Connections that have ended, by the [name](crate::CloseReason::name) of the reason.
    pub closed: BTreeMap<&'static str, u64>,
    /// Connections open that came to see how the server is.
    pub aside: u64,
    /// How often accepting paused.
    pub pauses: u64,
    /// System calls, by the place of the [`Call`] in [`Call::ALL`].
    pub calls: [Calls; Call::ALL.len()],
    /// Events that the waits have brought.
    pub events: u64,
    /// How the time went by.
    pub time: Shares,
    /// How it went by from the first connection to the last answer: while there was load.
    pub load: Shares,
    /// That with clients, waits included: what a rate is of. Of several loops, the longest.
    pub window: Duration,
    /// How the load went by in the loop that worked most; of one loop, the same as `load`.
    pub busiest: Shares,
    /// The longest turn: nobody else was served meanwhile.
    pub longest_turn: Duration,
    /// How often answers left together, by one write as a rule, and with how many requests behind
    /// them.
    pub batches: u64,
    /// The most requests that were answered together: how deep a client pipelined.
    pub deepest: u64,
    /// From the return of the wait that brought a request's first byte, to its answer's last byte
    /// handed to the kernel. One for each of `requests`.
    pub latency: Durations,
    /// The same in four stages, of one read in [`SAMPLED`](crate::config::SAMPLED), and of that
    /// the first request.
    pub stages: [Durations; Stage::ALL.len()],
}

/// How often a system call was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// In all.
    pub made: u64,
    /// Of these, with nothing to be had for now (`EAGAIN`).
    pub blocked: u64,
    /// Of these, with an error.
    pub failed: u64,
}

/// What a loop spent its time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// At work.
    pub worked: Duration,
    /// Waiting, with clients connected.
    pub waited: Duration,
    /// Waiting, with nobody connected.
    pub alone: Duration,
}

impl Shares {
    /// The time with clients.
    #[must_use]
    pub fn with_clients(&self) -> Duration {
        self.worked + self.waited
    }

    /// The share of the time with clients that was spent waiting, from 0 to 1; `None` where there
    /// was none.
    #[must_use]
    pub fn waiting(&self) -> Option<f64> {
        let both = self.with_clients();
        (!both.is_zero()).then(|| self.waited.as_secs_f64() / both.as_secs_f64())
    }

    /// How much more than it was `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            worked: self.worked.saturating_sub(before.worked),
            waited: self.waited.saturating_sub(before.waited),
            alone: self.alone.saturating_sub(before.alone),
        }
    }
}

/// The stages of a request, as the server sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// From the return of the wait to the read: others had their turn first.
    ToBeRead,
    /// From the read to the end of the head.
    Head,
    /// In the responder, the body it asked for included.
    Responder,
    /// From the answer to its last byte handed to the kernel.
    Writing,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::ToBeRead, Self::Head, Self::Responder, Self::Writing];

    /// Its name in one word, as metrics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToBeRead => "to-be-read",
            Self::Head => "head",
            Self::Responder => "responder",
            Self::Writing => "writing",
        }
    }
}

impl Figures {
    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.phases.iter().sum()
    }

    /// How often that call was made.
    #[must_use]
    pub const fn calls(&self, call: Call) -> Calls {
        self.calls[call as usize]
    }
}

impl AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        self.made += other.made;
        self.blocked += other.blocked;
        self.failed += other.failed;
    }
}

impl AddAssign for Shares {
    fn add_assign(&mut self, other: Self) {
        self.worked += other.worked;
        self.waited += other.waited;
        self.alone += other.alone;
    }
}

/// Another loop's, too.
impl AddAssign<&Self> for Figures {
    fn add_assign(&mut self, other: &Self) {
        self.loops += other.loops;
        self.uptime = self.uptime.max(other.uptime);
        self.is_stopping |= other.is_stopping;
        self.requests += other.requests;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.unsent += other.unsent;
        self.received += other.received;
        self.sent += other.sent;
        self.accepted += other.accepted;
        for (mine, theirs) in self.phases.iter_mut().zip(other.phases) {
            *mine += theirs;
        }
        self.peak += other.peak;
        for (reason, count) in &other.closed {
            *self.closed.entry(reason).or_default() += count;
        }
        self.aside += other.aside;
        self.pauses += other.pauses;
        for (mine, theirs) in self.calls.iter_mut().zip(other.calls) {
            *mine += theirs;
        }
        self.events += other.events;
        self.time += other.time;
        self.load += other.load;
        self.window = self.window.max(other.window);
        if other.busiest.worked > self.busiest.worked {
            self.busiest = other.busiest;
        }
        self.longest_turn = self.longest_turn.max(other.longest_turn);
        self.batches += other.batches;
        self.deepest = self.deepest.max(other.deepest);
        self.latency.add(&other.latency);
        for (mine, theirs) in self.stages.iter_mut().zip(&other.stages) {
            mine.add(theirs);
        }
    }
}
