//! Where all chance in the simulation comes from: one number, the seed. The same seed throws the
//! same dice, so a bug that was met once can be met again.
//!
//! It is splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014),
//! because it fits in five lines.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A source of numbers that only looks like chance.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of `0..n`.
    pub(crate) const fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    pub(crate) fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// Whether it happened this time, where it happens so often in a thousand times.
    pub(crate) const fn chance(&mut self, per_mille: usize) -> bool {
        per_mille > 0 && self.below(1000) < per_mille
    }

    pub(crate) const fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    pub(crate) fn micros(&mut self, range: RangeInclusive<usize>) -> Duration {
        Duration::from_micros(self.within(range) as u64)
    }

    pub(crate) fn millis(&mut self, range: RangeInclusive<usize>) -> Duration {
        Duration::from_millis(self.within(range) as u64)
    }
}
