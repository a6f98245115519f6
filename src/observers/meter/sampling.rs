//! Which requests are followed step by step, and how those that were chosen by lot fared.
//!
//! Exact times cost a look at the clock before and after each step, so that only some requests are
//! followed: one in [`SAMPLED`], for the stages, and of connections that were quiet a while those
//! that make somebody wonder, as many as [`FOLLOWED_MOST`] allows, for the page.

use crate::config::{FOLLOWED_AGAIN, FOLLOWED_MOST, FOLLOWED_WINDOW, SAMPLED, SAMPLES};
use crate::connection::Moment;

use super::super::Who;
use super::durations::Stopwatch;
use super::figures::Stage;

/// Whether a tenant's request is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    No,
    /// It was quiet before.
    ForItself,
    /// The lot fell on it.
    ForAll,
}

/// Chooses requests, and follows them.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Requests until the lot falls on one.
    left: u32,
    /// Of those that were quiet, how many have been chosen since that moment.
    chosen: (u32, Moment),
    /// Those that the lot fell on, the oldest first.
    samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    who: Who,
    stage: Stage,
    /// When that stage began.
    since: Moment,
    /// What those before it took, in nanoseconds.
    took: [u64; Stage::ALL.len()],
}

impl Sampler {
    pub(super) const fn new() -> Self {
        Self { left: SAMPLED, chosen: (0, Moment::START), samples: Vec::new() }
    }

    /// Whether the lot falls on the request that is about to be read.
    pub(super) const fn draw(&mut self) -> bool {
        self.left -= 1;
        if self.left == 0 {
            self.left = SAMPLED;
            return true;
        }
        false
    }

    /// Whether a connection is followed for itself, which was followed last at `before`, if ever.
    pub(super) fn choose(&mut self, before: Option<Moment>, now: Moment) -> bool {
        if before.is_some_and(|before| now.since(before) < FOLLOWED_AGAIN) {
            return false;
        }
        if now.since(self.chosen.1) >= FOLLOWED_WINDOW {
            self.chosen = (0, now);
        }
        self.chosen.0 = self.chosen.0.saturating_add(1);
        self.chosen.0 <= FOLLOWED_MOST
    }

    /// The request that the lot fell on is read at `from`, in a turn that began at `woke`.
    pub(super) fn read(&mut self, who: Who, from: Moment, woke: Moment) {
        if self.samples.len() >= SAMPLES {
            self.samples.remove(0);
        }
        let mut took = [0; Stage::ALL.len()];
        took[Stage::ToBeRead as usize] = from.nanos_since(woke);
        self.samples.push(Sample { who, stage: Stage::Head, since: from, took });
    }

    /// A stage of that request is over.
    pub(super) fn over(&mut self, who: Who, stage: Stage, at: Moment, stages: &[Stopwatch]) {
        self.samples.retain_mut(|sample| sample.who != who || !sample.over(stage, at, stages));
    }

    /// Somebody has left.
    pub(super) fn left(&mut self, who: Who) {
        self.samples.retain(|sample| sample.who != who);
    }
}

impl Sample {
    /// Whether that was its last stage; then they are told.
    fn over(&mut self, stage: Stage, at: Moment, stages: &[Stopwatch]) -> bool {
        if self.stage != stage {
            return false;
        }
        self.took[stage as usize] = at.nanos_since(self.since);
        self.since = at;
        let Some(&next) = Stage::ALL.get(stage as usize + 1) else {
            for (watch, took) in stages.iter().zip(self.took) {
                watch.took(took, 1);
            }
            return true;
        };
        self.stage = next;
        false
    }
}
