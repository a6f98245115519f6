//! Events, counted.

use std::collections::HashMap;

use crate::connection::CloseReason;

use super::{Event, Observer};

/// Counts what happened since the loop began.
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
            Event::Accepted(_) => self.accepted += 1,
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
