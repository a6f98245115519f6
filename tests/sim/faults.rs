//! How often the world does what it may, per thousand times. Each run draws its own: in some a
//! fault never happens, in some it happens all the time. A bug that needs one fault and the absence
//! of another is found by this and not by a moderate mixture ("swarm testing", Groce et al. 2012).

use std::time::Duration;

use super::dice::Dice;
use super::socket::Kernel;

/// What the world may do, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// A read that moves less than it could. On Linux only where that may be (Unix sockets).
    pub(crate) short_read: usize,
    /// A write that moves less than the window takes; on Linux it means that memory is short, and
    /// that the window counts as full until there is more.
    pub(crate) short_write: usize,
    /// A sendfile that moves less than it could, which says nothing about the window (a signal, a
    /// page boundary).
    pub(crate) short_file: usize,
    /// *Blocked*, though bytes could be moved; an event follows. On Linux only when writing.
    pub(crate) blocked: usize,
    /// Nobody waits to be accepted, though somebody does; an event follows. Contract only.
    pub(crate) nobody: usize,
    /// An event for nothing.
    pub(crate) spurious: usize,
    /// An event told twice.
    pub(crate) duplicate: usize,
    /// An event for a connection that was closed.
    pub(crate) stale: usize,
    /// A bell rung for nothing.
    pub(crate) false_bell: usize,
    /// A wait that ends before its time, with nothing.
    pub(crate) interrupted: usize,
    /// Who waited to be accepted has left.
    pub(crate) left: usize,
    /// Accepting fails.
    pub(crate) accept_failed: usize,
    /// The poll takes no more.
    pub(crate) register_failed: usize,
    /// Something arrives between two calls of one turn.
    pub(crate) meanwhile: usize,
    /// How many events one wait brings at the most.
    pub(crate) batch: usize,
    /// How long the server takes for a turn, at the most.
    pub(crate) slowness: Duration,
    /// How long bytes travel, at the most.
    pub(crate) latency: Duration,
}

impl Faults {
    /// A world without any.
    pub(crate) const NONE: Self = Self {
        short_read: 0,
        short_write: 0,
        short_file: 0,
        blocked: 0,
        nobody: 0,
        spurious: 0,
        duplicate: 0,
        stale: 0,
        false_bell: 0,
        interrupted: 0,
        left: 0,
        accept_failed: 0,
        register_failed: 0,
        meanwhile: 0,
        batch: usize::MAX,
        slowness: Duration::from_micros(20),
        latency: Duration::from_micros(200),
    };

    pub(crate) fn draw(kernel: Kernel, dice: &mut Dice) -> Self {
        let is_contract = kernel == Kernel::Contract;
        let mut often = |most: usize| match dice.below(4) {
            0 | 1 => 0,
            2 => dice.within(1..=most / 4),
            _ => dice.within(most / 4..=most),
        };
        Self {
            short_read: often(1000),
            short_write: often(800),
            short_file: often(1000),
            blocked: often(500),
            nobody: if is_contract { often(500) } else { 0 },
            spurious: often(500),
            duplicate: often(500),
            stale: often(800),
            false_bell: often(200),
            interrupted: often(300),
            left: often(100),
            accept_failed: often(300),
            register_failed: often(40),
            meanwhile: often(500),
            batch: dice.one_of(&[1, 2, 4, 1024]),
            slowness: dice.one_of(&[1, 20, 20, 1000, 5000].map(Duration::from_micros)),
            latency: dice.one_of(&[1, 100, 100, 5000].map(Duration::from_micros)),
        }
    }
}
