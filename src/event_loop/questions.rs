//! What can be asked of a loop between its turns, by tests and benches.

use std::fmt;

use super::EventLoop;
use super::net::Net;

impl<N: Net, O> EventLoop<N, O> {
    /// The network.
    pub const fn net(&self) -> &N {
        &self.net
    }

    /// The network, to change it.
    pub const fn net_mut(&mut self) -> &mut N {
        &mut self.net
    }

    /// How many connections there are.
    pub fn open(&self) -> usize {
        self.slots.len()
    }

    /// What all connections together keep unread and unsent, in bytes.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// How many entries the agenda has.
    pub fn scheduled(&self) -> usize {
        self.agenda.len()
    }
}

impl<N: Net + fmt::Debug, O> fmt::Debug for EventLoop<N, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("net", &self.net)
            .field("open", &self.slots.len())
            .finish_non_exhaustive()
    }
}
