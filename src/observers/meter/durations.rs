//! How long things took, as a histogram: written by one thread, read by any.
//!
//! Buckets are log-linear (as HdrHistogram's), so that a quantile is right within 1.6 % whether it
//! is of microseconds or of minutes. The crate `histogram` keeps them; this file gives them times.

use std::time::Duration;

use histogram::{AtomicHistogram, Bucket, Histogram};

/// 2^6 buckets for each power of two: each is 1.6 % wide.
const GROUPING_POWER: u8 = 6;
/// Up to 2^40 ns, 18 minutes; what takes longer counts as that.
const MAX_VALUE_POWER: u8 = 40;
const LONGEST: u64 = (1 << MAX_VALUE_POWER) - 1;

/// Durations, written by one thread.
#[derive(Debug)]
pub(super) struct Stopwatch(AtomicHistogram);

impl Stopwatch {
    pub(super) fn new() -> Self {
        let sound = "the powers are constants, and sound";
        Self(AtomicHistogram::new(GROUPING_POWER, MAX_VALUE_POWER).expect(sound))
    }

    /// So many things took that long, in nanoseconds.
    pub(super) fn took(&self, nanos: u64, times: u32) {
        // What is clamped is never out of range.
        let _ = self.0.add(nanos.min(LONGEST), times.into());
    }

    pub(super) fn read(&self) -> Durations {
        Durations(self.0.load())
    }
}

/// Durations that were counted: how many of them, and how they are distributed.
#[derive(Clone, Debug)]
pub struct Durations(Histogram);

impl Default for Durations {
    fn default() -> Self {
        Stopwatch::new().read()
    }
}

impl Durations {
    /// These.
    #[cfg(test)]
    pub(in super::super) fn of(times: &[Duration]) -> Self {
        let watch = Stopwatch::new();
        times.iter().for_each(|time| watch.took(time.as_nanos() as u64, 1));
        watch.read()
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.as_slice().iter().sum()
    }

    /// What that share of them, from 0 to 1, did not exceed, within 1.6 %, and for 0 what none fell
    /// below; `None` where there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let [found] = self.quantiles([share]);
        found
    }

    /// The same for several shares, which go up, in one walk.
    #[must_use]
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> [Option<Duration>; N] {
        let (count, mut seen) = (self.count(), 0);
        let mut buckets = self.0.iter().filter(|bucket| bucket.count() > 0);
        let mut bucket = buckets.next();
        shares.map(|share| {
            let wanted = (share.clamp(0.0, 1.0) * count as f64).ceil().max(1.0) as u64;
            while let Some(now) = &bucket
                && seen + now.count() < wanted
            {
                seen += now.count();
                bucket = buckets.next();
            }
            // Of a bucket the upper end, but where the least of all is asked for.
            let end = |bucket: &Bucket| if share > 0.0 { bucket.end() } else { bucket.start() };
            bucket.as_ref().map(|bucket| Duration::from_nanos(end(bucket)))
        })
    }

    /// All of them added up, within 0.8 %.
    #[must_use]
    pub fn sum(&self) -> Duration {
        let nanos = self.buckets().map(|(from, to, count)| {
            let middle = (from.as_nanos() + to.as_nanos()) / 2;
            middle.saturating_mul(count.into())
        });
        Duration::from_nanos(u64::try_from(nanos.sum::<u128>()).unwrap_or(u64::MAX))
    }

    /// What one of them took on average, within 0.8 %; nothing where there are none.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let nanos = self.sum().as_nanos() / u128::from(self.count()).max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many took no longer than that, as far as the buckets tell: within 1.6 %.
    #[must_use]
    pub fn within(&self, time: Duration) -> u64 {
        let is_within = |&(_, to, _): &(Duration, Duration, u64)| to <= time;
        self.buckets().take_while(is_within).map(|(.., count)| count).sum()
    }

    /// The buckets that are not empty: from, to (both within it), and how many.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, Duration, u64)> + '_ {
        let filled = self.0.iter().filter(|bucket| bucket.count() > 0);
        filled.map(|bucket| {
            let [from, to] = [bucket.start(), bucket.end()].map(Duration::from_nanos);
            (from, to, bucket.count())
        })
    }

    /// Those of another loop, too.
    pub(in super::super) fn add(&mut self, other: &Self) {
        if let Ok(both) = self.0.wrapping_add(&other.0) {
            self.0 = both;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_their_bucket() {
        let watch = Stopwatch::new();
        for micros in 1..=1_000 {
            watch.took(micros * 1_000, 1);
        }
        let seen = watch.read();
        assert_eq!(seen.count(), 1_000);
        let shares = [0.0, 0.5, 0.5, 0.9, 0.99, 1.0];
        let all = seen.quantiles(shares);
        for ((share, found), micros) in
            shares.into_iter().zip(all).zip([1, 500, 500, 900, 990, 1_000])
        {
            assert_eq!(found, seen.quantile(share), "{share}");
            let found = found.unwrap().as_nanos() as f64 / 1_000.0;
            assert!((found / micros as f64 - 1.0).abs() < 0.016, "{share}: {found}");
        }
        assert!((seen.mean().as_nanos() as f64 / 500_500.0 - 1.0).abs() < 0.008);
        assert_eq!(seen.within(Duration::from_secs(1)), 1_000);
        assert!(seen.within(Duration::from_micros(500)).abs_diff(500) <= 8);
    }

    #[test]
    fn nothing_has_no_quantile_and_the_longest_is_no_more() {
        assert_eq!(Durations::default().quantile(0.5), None);
        assert_eq!(Durations::default().mean(), Duration::ZERO);
        let watch = Stopwatch::new();
        watch.took(u64::MAX, 2);
        let mut seen = watch.read();
        seen.add(&watch.read());
        assert_eq!(seen.count(), 4);
        assert_eq!(seen.quantile(0.5), Some(Duration::from_nanos(LONGEST)));
    }
}
