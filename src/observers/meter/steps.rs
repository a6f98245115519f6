//! The last steps of each connection: for who looks at one.
//!
//! The loop writes them and any thread may read them, as the figures: a step is three words, and
//! how many were begun says afterwards which of those that were read were written over meanwhile (a
//! sequence lock, without anybody who waits).
//!
//! Read next: `record.rs`, what a step is; `sampling.rs`, which requests are followed.

use std::net::SocketAddr;
use std::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::config::{SLOTS_WITH_STEPS, STEPS_KEPT};

use super::super::record::Record;

/// The last steps, by slot.
#[derive(Debug)]
pub(super) struct Steps(Vec<OnceLock<Box<Ring>>>);

/// Those of one slot.
#[derive(Debug)]
struct Ring {
    tenant: Mutex<Tenant>,
    /// How many steps were begun to be written, of all tenants, and how many have been.
    begun: AtomicU64,
    written: AtomicU64,
    steps: [[AtomicU64; 3]; STEPS_KEPT],
}

#[derive(Clone, Copy, Debug, Default)]
struct Tenant {
    connection: u32,
    peer: Option<SocketAddr>,
    /// How many steps had been written when it came.
    before: u64,
}

/// What is known of one connection.
#[derive(Clone, Debug)]
pub struct LastSteps {
    /// Its serial number.
    pub connection: u32,
    /// Its client; `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// Its last steps, the oldest first; [`STEPS_KEPT`] at the most. Of a busy connection not every
    /// request is among them.
    pub steps: Vec<Record>,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self((0..SLOTS_WITH_STEPS).map(|_| OnceLock::new()).collect())
    }

    /// That slot has a new tenant.
    pub(super) fn moved_in(&self, slot: usize, connection: u32, peer: Option<SocketAddr>) {
        let Some(ring) = self.0.get(slot) else { return };
        let ring = ring.get_or_init(Ring::empty);
        *ring.tenant() = Tenant { connection, peer, before: ring.written.load(Relaxed) };
    }

    /// One more step of that slot's tenant. Only the loop that the slot is in may say so.
    pub(super) fn add(&self, slot: usize, record: Record) {
        let Some(ring) = self.0.get(slot).and_then(OnceLock::get) else { return };
        let at = ring.written.load(Relaxed);
        // Whoever sees a word of this step sees that it was begun.
        ring.begun.store(at + 1, Relaxed);
        fence(Release);
        let place = &ring.steps[at as usize % STEPS_KEPT];
        for (place, word) in place.iter().zip(record.to_words()) {
            place.store(word, Relaxed);
        }
        ring.written.store(at + 1, Release);
    }

    /// The last steps of who lives in that slot, or did last.
    pub(super) fn of(&self, slot: usize) -> Option<LastSteps> {
        let ring = self.0.get(slot)?.get()?;
        // Nobody else moves in while the steps are read, so that all of them are this one's.
        let tenant = ring.tenant();
        let Tenant { connection, peer, before } = *tenant;
        let end = ring.written.load(Acquire);
        let first = before.max(end.saturating_sub(STEPS_KEPT as u64));
        let read = |at| ring.steps[at as usize % STEPS_KEPT].each_ref().map(|w| w.load(Relaxed));
        let words: Vec<[u64; 3]> = (first..end).map(read).collect();
        fence(Acquire);
        drop(tenant);
        // The oldest may have been written over meanwhile.
        let whole_from = ring.begun.load(Relaxed).saturating_sub(STEPS_KEPT as u64);
        let lost = whole_from.saturating_sub(first) as usize;
        let whole = words.get(lost..).unwrap_or_default();
        let steps = whole.iter().filter_map(|&words| Record::from_words(words)).collect();
        Some(LastSteps { connection, peer, steps })
    }
}

impl Ring {
    fn empty() -> Box<Self> {
        let nothing = |_| std::array::from_fn(|_| AtomicU64::default());
        Box::new(Self {
            tenant: Mutex::default(),
            begun: AtomicU64::default(),
            written: AtomicU64::default(),
            steps: std::array::from_fn(nothing),
        })
    }

    fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::super::super::record::Step;
    use super::*;
    use crate::connection::Moment;

    fn step(number: u64) -> Record {
        let at = Moment::from_start(std::time::Duration::from_nanos(number));
        let request = number as u32;
        Record { at, took: std::time::Duration::ZERO, step: Step::Asked { request } }
    }

    #[test]
    fn the_last_steps_of_the_last_tenant_are_kept() {
        let steps = Steps::new();
        assert!(steps.of(3).is_none() && steps.of(SLOTS_WITH_STEPS).is_none());
        // Nobody lives there yet.
        steps.add(3, step(1));
        let peer = Some(([192, 0, 2, 1], 80).into());
        steps.moved_in(3, 7, peer);
        let last = steps.of(3).unwrap();
        assert_eq!((last.connection, last.peer, last.steps.len()), (7, peer, 0));
        (0..2).for_each(|number| steps.add(3, step(number)));
        assert_eq!(steps.of(3).unwrap().steps, [step(0), step(1)]);
        (2..200).for_each(|number| steps.add(3, step(number)));
        let kept: Vec<_> = (200 - STEPS_KEPT as u64..200).map(step).collect();
        assert_eq!(steps.of(3).unwrap().steps, kept);
        steps.moved_in(3, 8, None);
        assert!(steps.of(3).unwrap().steps.is_empty());
    }

    /// Whoever reads while the loop writes sees whole steps, in their order and without a gap.
    #[test]
    fn what_is_written_over_while_it_is_read_is_left_out() {
        const STEPS: u64 = 200_000;
        let steps = Arc::new(Steps::new());
        steps.moved_in(0, 1, None);
        let writer = Arc::clone(&steps);
        let writer = thread::spawn(move || (0..STEPS).for_each(|n| writer.add(0, step(n))));
        loop {
            let seen = steps.of(0).unwrap().steps;
            let first = seen.first().map_or(0, |first| first.at.since(Moment::START).as_nanos());
            for (nth, found) in (first as u64..).zip(&seen) {
                assert_eq!(*found, step(nth));
            }
            if seen.last() == Some(&step(STEPS - 1)) {
                break;
            }
        }
        writer.join().unwrap();
    }

    /// However fast tenants change, nobody is told to have taken another's steps.
    #[test]
    fn steps_are_those_of_the_tenant_that_is_named() {
        const LAST: u32 = 1_000_000;
        let steps = Arc::new(Steps::new());
        steps.moved_in(0, 1, None);
        let writer = Arc::clone(&steps);
        let writer = thread::spawn(move || {
            for connection in 1..=LAST {
                writer.moved_in(0, connection, None);
                (0..3).for_each(|_| writer.add(0, step(connection.into())));
            }
        });
        loop {
            let seen = steps.of(0).unwrap();
            assert!(seen.steps.iter().all(|found| *found == step(seen.connection.into())));
            if seen.connection == LAST {
                break;
            }
        }
        writer.join().unwrap();
    }
}
