//! One direction of a connection: a queue of bytes with a finite window.

use std::collections::VecDeque;

/// Bytes under way in one direction.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) bytes: VecDeque<u8>,
    pub(crate) window: usize,
    pub(crate) is_shut: bool,
}

impl Way {
    pub(crate) fn new(window: usize) -> Self {
        Self { bytes: VecDeque::new(), window, is_shut: false }
    }

    pub(crate) fn room(&self) -> usize {
        self.window.saturating_sub(self.bytes.len())
    }

    pub(crate) fn take(&mut self, into: &mut [u8]) {
        let (front, back) = self.bytes.as_slices();
        let split = front.len().min(into.len());
        into[..split].copy_from_slice(&front[..split]);
        let rest = into.len() - split;
        into[split..].copy_from_slice(&back[..rest]);
        self.bytes.drain(..into.len());
    }
}
