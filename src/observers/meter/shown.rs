//! What others see of a meter: figures that its loop alone writes, and any thread may read.
//!
//! Read next: `mod.rs`, who writes them; `figures.rs`, what is read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::CELLS;
use crate::connection::Phase;

use super::super::Call;
use super::durations::Stopwatch;
use super::figures::{Calls, Figures, OPEN_PHASES, Shares, Stage};
use super::steps::{LastSteps, Steps};

/// Statuses from 100 to 599.
const STATUSES: usize = 500;

/// A number that one thread writes and any may read.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    pub(super) fn take(&self, n: u64) {
        self.set(self.get().saturating_sub(n));
    }

    pub(super) fn raise_to(&self, n: u64) {
        if n > self.get() {
            self.set(n);
        }
    }

    pub(super) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(super) fn time(&self) -> Duration {
        Duration::from_nanos(self.get())
    }
}

#[derive(Debug, Default)]
pub(super) struct CallCount {
    pub(super) made: Count,
    pub(super) blocked: Count,
    pub(super) failed: Count,
}

/// [`Shares`] in nanoseconds, as the loop counts them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) worked: u64,
    pub(super) waited: u64,
    pub(super) alone: u64,
}

impl Spent {
    /// How much more than it was `before`.
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            worked: self.worked - before.worked,
            waited: self.waited - before.waited,
            alone: self.alone - before.alone,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct ShareCount {
    pub(super) worked: Count,
    pub(super) waited: Count,
    pub(super) alone: Count,
}

impl ShareCount {
    pub(super) fn set(&self, spent: Spent) {
        self.worked.set(spent.worked);
        self.waited.set(spent.waited);
        self.alone.set(spent.alone);
    }

    pub(super) fn read(&self) -> Shares {
        let Self { worked, waited, alone } = self;
        Shares { worked: worked.time(), waited: waited.time(), alone: alone.time() }
    }
}

/// What others see of a meter.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) uptime: Count,
    pub(super) is_stopping: AtomicBool,
    pub(super) requests: Count,
    pub(super) statuses: Vec<Count>,
    pub(super) unsent: Count,
    pub(super) received: Count,
    pub(super) sent: Count,
    pub(super) accepted: Count,
    pub(super) phases: [Count; OPEN_PHASES],
    pub(super) peak: Count,
    pub(super) closed: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) aside: Count,
    pub(super) pauses: Count,
    pub(super) calls: [CallCount; Call::ALL.len()],
    pub(super) events: Count,
    pub(super) time: ShareCount,
    pub(super) load: ShareCount,
    pub(super) longest_turn: Count,
    pub(super) batches: Count,
    pub(super) deepest: Count,
    pub(super) latency: Stopwatch,
    pub(super) stages: [Stopwatch; Stage::ALL.len()],
    /// What is in each slot: a [`Cell`].
    pub(super) cells: Vec<AtomicU8>,
    /// How many slots were ever used.
    pub(super) slots: Count,
    pub(super) steps: Steps,
}

/// What is in a slot, as those who look on see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nobody.
    Empty,
    /// A connection in that phase.
    In(Phase),
    /// A connection of the admin listener.
    Aside,
}

impl Cell {
    pub(super) const ASIDE: u8 = Phase::ALL.len() as u8;
    pub(super) const EMPTY: u8 = Phase::Closed as u8;

    pub(super) fn of(byte: u8) -> Self {
        match Phase::ALL.get(usize::from(byte)) {
            Some(Phase::Closed) => Self::Empty,
            Some(&phase) => Self::In(phase),
            None => Self::Aside,
        }
    }
}

/// Reads a [`Meter`](super::Meter), from any thread, also when its loop has ended.
#[derive(Clone, Debug)]
pub struct MeterReader(pub(super) Arc<Shown>);

impl Shown {
    pub(super) fn new() -> Self {
        let new = |_| AtomicU8::new(Cell::EMPTY);
        Self {
            uptime: Count::default(),
            is_stopping: AtomicBool::default(),
            requests: Count::default(),
            statuses: (0..STATUSES).map(|_| Count::default()).collect(),
            unsent: Count::default(),
            received: Count::default(),
            sent: Count::default(),
            accepted: Count::default(),
            phases: Default::default(),
            peak: Count::default(),
            closed: Mutex::default(),
            aside: Count::default(),
            pauses: Count::default(),
            calls: Default::default(),
            events: Count::default(),
            time: ShareCount::default(),
            load: ShareCount::default(),
            longest_turn: Count::default(),
            batches: Count::default(),
            deepest: Count::default(),
            latency: Stopwatch::new(),
            stages: std::array::from_fn(|_| Stopwatch::new()),
            cells: (0..CELLS).map(new).collect(),
            slots: Count::default(),
            steps: Steps::new(),
        }
    }

    pub(super) fn show(&self, slot: usize, cell: u8) {
        if let Some(shown) = self.cells.get(slot) {
            shown.store(cell, Relaxed);
        }
    }

    pub(super) fn closed(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MeterReader {
    /// What the loop has done so far.
    #[must_use]
    pub fn read(&self) -> Figures {
        let shown = &*self.0;
        let statuses = (100..).zip(&shown.statuses);
        let calls = |count: &CallCount| Calls {
            made: count.made.get(),
            blocked: count.blocked.get(),
            failed: count.failed.get(),
        };
        let load = shown.load.read();
        Figures {
            loops: 1,
            uptime: shown.uptime.time(),
            is_stopping: shown.is_stopping.load(Relaxed),
            requests: shown.requests.get(),
            statuses: statuses
                .map(|(status, count)| (status, count.get()))
                .filter(|&(_, count)| count > 0)
                .collect(),
            unsent: shown.unsent.get(),
            received: shown.received.get(),
            sent: shown.sent.get(),
            accepted: shown.accepted.get(),
            phases: shown.phases.each_ref().map(Count::get),
            peak: shown.peak.get(),
            closed: shown.closed().clone(),
            aside: shown.aside.get(),
            pauses: shown.pauses.get(),
            calls: shown.calls.each_ref().map(calls),
            events: shown.events.get(),
            time: shown.time.read(),
            load,
            window: load.with_clients(),
            busiest: load,
            longest_turn: shown.longest_turn.time(),
            batches: shown.batches.get(),
            deepest: shown.deepest.get(),
            latency: shown.latency.read(),
            stages: shown.stages.each_ref().map(Stopwatch::read),
        }
    }

    /// Whether the loop was asked to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Relaxed)
    }

    /// The last steps of the connection in that slot, or of the last one that was; of the first
    /// [`SLOTS_WITH_STEPS`](crate::config::SLOTS_WITH_STEPS) slots only.
    #[must_use]
    pub fn steps(&self, slot: usize) -> Option<LastSteps> {
        self.0.steps.of(slot)
    }

    /// What is in that slot.
    #[must_use]
    pub fn cell(&self, slot: usize) -> Cell {
        self.0.cells.get(slot).map_or(Cell::Empty, |cell| Cell::of(cell.load(Relaxed)))
    }

    /// What is in each slot that was ever used; at most the first [`CELLS`] of them.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        let used = usize::try_from(self.0.slots.get()).unwrap_or(usize::MAX);
        self.0.cells.iter().take(used).map(|cell| Cell::of(cell.load(Relaxed)))
    }
}
