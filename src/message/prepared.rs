//! An answer laid out beforehand: one block of bytes, head and body, and where in it the Date
//! stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;

use super::FileRange;

/// An answer made once and given many times; cloning it copies no bytes. Made by
/// [`Response::prepare`](crate::Response::prepare).
///
/// The block never changes. It is copied to where it is sent from, and the Date is written into
/// that copy; of a body above 16 KiB only the head is copied. A body that is a file stays where it
/// is.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The head, its blank line, and the body.
    pub(crate) block: Arc<[u8]>,
    /// Where in the block the 29 bytes of the Date begin.
    pub(crate) date_at: usize,
    /// Where the 29 bytes of a Last-Modified begin, if there is one.
    pub(crate) modified_at: Option<usize>,
    /// Where the body begins.
    pub(crate) head_len: usize,
    /// The body, where it is not in the block but in a file.
    pub(crate) file: Option<FileRange>,
    pub(crate) status: StatusCode,
    pub(crate) closes: bool,
    /// Where it is counted that the block is in memory.
    pub(crate) counted: Option<Arc<Counted>>,
}

/// So many bytes count as used, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Prepared {
    /// The status.
    #[must_use]
    pub const fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The length of the body in bytes.
    #[must_use]
    pub fn body_len(&self) -> u64 {
        let in_memory = self.block.len() - self.head_len;
        self.file.as_ref().map_or(in_memory as u64, |range| range.len)
    }

    /// The head, of which the Date is to be filled in.
    #[cfg(test)]
    pub(crate) fn head(&self) -> &[u8] {
        &self.block[..self.head_len]
    }

    /// The body, as far as it is in memory.
    pub(crate) fn body(&self) -> &[u8] {
        &self.block[self.head_len..]
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.block.len()
    }

    /// The same, counted as long as it or a copy of it lives.
    pub(crate) fn counted_in(self, used: &Arc<AtomicUsize>) -> Self {
        let bytes = self.len();
        used.fetch_add(bytes, Ordering::Relaxed);
        let counted = Counted { used: Arc::clone(used), bytes };
        Self { counted: Some(Arc::new(counted)), ..self }
    }

    /// The same, where it is known that its Last-Modified is in the past: that need not be looked
    /// at each time it is sent.
    pub(crate) fn with_past_date(self) -> Self {
        Self { modified_at: None, ..self }
    }
}
