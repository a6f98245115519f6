//! What a socket can do, as far as it is known. Sticky bits: an event sets them, and trying clears
//! them.
//!
//! mio polls edge-triggered, so an event is told once, and whoever forgets it waits for ever. Here
//! are all the rules by which one may be forgotten:
//!
//! 1. *Blocked clears.* The kernel has said that it will tell again. This is what mio promises,
//!    everywhere (`mio::Poll`, "Draining readiness").
//! 2. *A short transfer clears*, where the kernel is epoll or kqueue (epoll(7), question 9): fewer
//!    bytes than asked for means that the buffer was emptied, or filled, and that the next byte is
//!    a new edge. It saves the read that would only say "blocked", for every request.
//! 3. …*unless the client's half was reported closed*: then the end is queued behind those bytes,
//!    and no edge will tell (netty #6199, miri #5106).
//! 4. …*unless urgent data was ever seen*: Linux ends a read at the urgent mark though more is
//!    there. For a like reason never *on a Unix socket*: a read ends behind descriptors that were
//!    passed.
//! 5. *A short sendfile clears nothing.* It may have stopped for a signal or at a page boundary
//!    (nginx, `ngx_linux_sendfile_chain.c`).
//! 6. *Closed, gone and urgent never clear.* They are true until the connection ends.
//!
//! Nothing else in the crate clears a bit.

use super::net::{Ready, Transfer};

/// What a socket can do, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness(u8);

const READ: u8 = 1;
const WRITE: u8 = 2;
const READ_CLOSED: u8 = 4;
const GONE: u8 = 8;
const URGENT: u8 = 16;
const WRITE_CLOSED: u8 = 32;

impl Readiness {
    /// Of a connection that was just made: the first write is tried, not waited for.
    #[must_use]
    pub(super) const fn fresh() -> Self {
        Self(WRITE)
    }

    /// An event has told this.
    pub(super) fn told(&mut self, ready: Ready) {
        for (told, bits) in [
            (Ready::READABLE, READ),
            (Ready::WRITABLE, WRITE),
            (Ready::READ_CLOSED, READ | READ_CLOSED),
            // Both are tried again, so that the next call meets the error.
            (Ready::GONE, READ | WRITE | GONE),
            (Ready::WRITE_CLOSED, WRITE | WRITE_CLOSED),
            (Ready::URGENT, READ | URGENT),
        ] {
            if ready.has(told) {
                self.0 |= bits;
            }
        }
    }

    /// The last attempt to read before the server stops: what arrived and was not told yet counts
    /// too.
    pub(super) fn suspect_input(&mut self) {
        self.0 |= READ;
    }

    /// Whether reading is worth trying.
    #[must_use]
    pub(super) const fn may_read(self) -> bool {
        self.0 & READ != 0
    }

    /// Whether writing is worth trying.
    #[must_use]
    pub(super) const fn may_write(self) -> bool {
        self.0 & WRITE != 0
    }

    /// Whether the client's half was reported closed.
    #[must_use]
    pub(super) const fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether the connection was reported broken, or closed in both directions.
    #[must_use]
    pub(super) const fn is_gone(self) -> bool {
        const BOTH: u8 = READ_CLOSED | WRITE_CLOSED;
        self.0 & GONE != 0 || self.0 & BOTH == BOTH
    }

    /// `asked` bytes were asked for, and this is what came of it.
    pub(super) fn read(&mut self, transfer: Transfer, asked: usize, short_drains: bool) {
        let is_short = matches!(transfer, Transfer::Moved(n) if n < asked);
        let may_be_more = self.0 & (READ_CLOSED | GONE | URGENT) != 0;
        if transfer == Transfer::Blocked || (is_short && short_drains && !may_be_more) {
            self.0 &= !READ;
        }
    }

    /// `given` bytes were given, and this is what came of it.
    pub(super) fn wrote(&mut self, transfer: Transfer, given: usize, short_drains: bool) {
        let is_short = matches!(transfer, Transfer::Moved(n) if n < given);
        if transfer == Transfer::Blocked || (is_short && short_drains) {
            self.0 &= !WRITE;
        }
    }

    /// A stretch of a file was given.
    pub(super) fn sent_file(&mut self, transfer: Transfer) {
        if transfer == Transfer::Blocked {
            self.0 &= !WRITE;
        }
    }
}
