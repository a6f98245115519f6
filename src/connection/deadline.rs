//! When a wait ends without what was waited for, and why. Time is an argument here: a [`Moment`]
//! comes from whoever owns the clock.

use std::time::Duration;

/// A point in time, in nanoseconds since the loop began. It is handed in; nothing on this floor
/// asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// When the loop began.
    pub const START: Self = Self(0);
    /// Later than every deadline.
    pub const NEVER: Self = Self(u64::MAX);

    /// That long after the loop began; 584 years at the most.
    #[must_use]
    pub fn from_start(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// That long after this; never beyond [`NEVER`](Self::NEVER).
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long ago `earlier` was; nothing where it is yet to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// As [`since`](Self::since), in nanoseconds, for those who count by the request: a Duration is
    /// made by a division.
    pub(crate) const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same in nanoseconds since the loop began, for those who pack it.
    pub(crate) const fn to_nanos(self) -> u64 {
        self.0
    }

    /// And back.
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }
}

/// What a deadline is for, and so what happens when it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// A request's first byte: close.
    Idle,
    /// The end of its head: 408.
    Head,
    /// The end of its body: 408.
    Body,
    /// A responder that said *later*: 503.
    Answer,
    /// Progress in writing: close.
    Write,
    /// A source that waits, once the client's half is shut: close. There is no such deadline
    /// before.
    Source,
    /// A source that has said when it is to be pulled again: that is done.
    Beat,
    /// A helper that reads from the disk what is to be sent next: close.
    Disk,
    /// The client's close: close.
    Linger,
}

impl Why {
    /// All of them, in the order in which they are declared.
    pub(crate) const ALL: [Self; 9] = [
        Self::Idle,
        Self::Head,
        Self::Body,
        Self::Answer,
        Self::Write,
        Self::Source,
        Self::Beat,
        Self::Disk,
        Self::Linger,
    ];
}

#[cfg(test)]
mod tests {
    use super::{Moment, Why};
    use std::time::Duration;

    #[test]
    fn every_wait_is_at_its_place_in_the_list() {
        for (at, why) in Why::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, at, "{why:?}");
        }
    }

    #[test]
    fn moments_saturate_at_both_ends() {
        assert_eq!(Moment::NEVER.after(Duration::from_secs(1)), Moment::NEVER);
        assert_eq!(Moment::START.after(Duration::MAX), Moment::NEVER);
        assert_eq!(Moment::START.since(Moment::NEVER), Duration::ZERO);
        let later = Moment::START.after(Duration::from_millis(3));
        assert_eq!(later.since(Moment::START), Duration::from_millis(3));
    }
}
