//! Events, counted.

use std::collections::HashMap;
use std::ops::AddAssign;

use crate::connection::CloseReason;

use super::{Event, Observer};

/// Counts what happened since the loop began. Those of several loops can be added up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections ended, by reason.
    pub closed: HashMap<CloseReason, u64>,
    /// Requests made on the connections that have ended.
    pub requests: u64,
    /// Events that came for connections already ended.
    pub stale: u64,
    /// How often accepting paused.
    pub pauses: u64,
}

impl Tally {
    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.accepted - self.closed.values().sum::<u64>()
    }
}

impl Observer for Tally {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Accepted { .. } => self.accepted += 1,
            Event::Closed { reason, requests, .. } => {
                *self.closed.entry(*reason).or_default() += 1;
                self.requests += u64::from(*requests);
            }
            Event::Stale => self.stale += 1,
            Event::AcceptPaused(_) => self.pauses += 1,
            _ => {}
        }
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.accepted += other.accepted;
        for (reason, count) in &other.closed {
            *self.closed.entry(*reason).or_default() += count;
        }
        self.requests += other.requests;
        self.stale += other.stale;
        self.pauses += other.pauses;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Side, Who};
    use super::*;

    #[test]
    fn tallies_of_several_loops_add_up() {
        let of = |events: &[Event<'_>]| {
            let mut tally = Tally::default();
            events.iter().for_each(|event| tally.on(event));
            tally
        };
        let closed = |reason| Event::Closed { who: Who::LOOP, reason, requests: 2 };
        let accepted = Event::Accepted { who: Who::LOOP, service: 0, side: Side::Main, peer: None };
        let left = CloseReason::Stopped;
        let mut all = of(&[accepted, accepted, closed(left), Event::Stale]);
        all += &of(&[accepted, closed(left)]);
        all += &of(&[accepted, closed(CloseReason::IdleTimeout)]);
        assert_eq!((all.accepted, all.requests, all.stale, all.open()), (4, 6, 1, 1));
        assert_eq!((all.closed[&left], all.closed[&CloseReason::IdleTimeout]), (2, 1));
    }
}
