//! What was received and not yet understood, where it outlives the turn it came in.
//!
//! Most requests never come here: they are read where the loop's receive buffer lies. Only an
//! unfinished tail, or what cannot be answered yet, is moved here. The box is sized by what came
//! and given back when it is empty, so an idle connection has none.
//!
//! Bounded by: [`RECEIVE_BUFFER`](crate::config::RECEIVE_BUFFER), because nothing is read while
//! there is no room left below it.

use crate::config::RECEIVE_BUFFER;
use crate::wire::request::Scan;

/// It grows by this at least, in bytes, so that a head that trickles in is not copied for every
/// byte.
const GROWTH: usize = 256;

/// Bytes received and not yet understood.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// All before this was understood.
    start: usize,
    /// How far the head at `start` was looked through.
    pub(crate) scan: Scan,
}

impl Inbox {
    /// Holds what is left of a receive buffer, of which `scan` has looked through the beginning.
    #[must_use]
    pub fn holding(bytes: &[u8], scan: Scan) -> Self {
        Self { bytes: bytes.to_vec(), start: 0, scan }
    }

    /// What it holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// What it holds, and how far that was looked through.
    pub fn open(&mut self) -> (&[u8], &mut Scan) {
        (&self.bytes[self.start..], &mut self.scan)
    }

    /// How much more it may be given, in bytes.
    #[must_use]
    pub fn room(&self) -> usize {
        RECEIVE_BUFFER - self.bytes().len()
    }

    /// How much memory it holds, in bytes.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// More came.
    pub fn received(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.room());
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
            self.bytes.reserve_exact(bytes.len().max(GROWTH));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The first `n` bytes were understood.
    pub fn took(&mut self, n: usize) {
        self.start += n;
        debug_assert!(self.start <= self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::Inbox;
    use crate::config::RECEIVE_BUFFER;
    use crate::wire::request::Scan;

    #[test]
    fn what_is_taken_leaves_and_what_comes_follows() {
        let mut inbox = Inbox::holding(b"abcdef", Scan::default());
        inbox.took(4);
        inbox.received(b"gh");
        assert_eq!(inbox.bytes(), b"efgh");
        inbox.took(4);
        assert!(inbox.bytes().is_empty());
    }

    #[test]
    fn a_trickle_is_not_copied_for_every_byte() {
        let mut inbox = Inbox::holding(b"", Scan::default());
        let mut moves = 0;
        for _ in 0..16 * 1024 {
            let before = inbox.held();
            inbox.received(b"x");
            moves += usize::from(inbox.held() != before);
        }
        assert!(moves <= 64, "{moves} moves for 16 KiB");
        assert_eq!(inbox.room(), RECEIVE_BUFFER - 16 * 1024);
    }

    #[test]
    fn it_holds_what_came_and_little_more() {
        assert_eq!(Inbox::holding(&[0; 90], Scan::default()).held(), 90);
    }
}
