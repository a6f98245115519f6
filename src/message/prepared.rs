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
///
/// All of it lies behind one count of references, so that giving it once more costs one atomic
/// step up and one down, and moving it eight bytes.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) laid: Arc<Laid>,
}

/// What was laid out.
#[derive(Debug)]
pub(crate) struct Laid {
    /// The head, its blank line, and the body.
    pub(crate) block: Box<[u8]>,
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
    pub(crate) _counted: Option<Counted>,
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
    pub fn status_code(&self) -> StatusCode {
        self.laid.status
    }

    /// The length of the body in bytes.
    #[must_use]
    pub fn body_len(&self) -> u64 {
        self.file().map_or_else(|| self.body().len() as u64, |range| range.len)
    }

    /// Whether the connection ends with it.
    pub(crate) fn closes(&self) -> bool {
        self.laid.closes
    }

    /// The head, of which the Date is to be filled in.
    pub(crate) fn head(&self) -> &[u8] {
        &self.laid.block[..self.laid.head_len]
    }

    /// The body, as far as it is in memory.
    pub(crate) fn body(&self) -> &[u8] {
        &self.laid.block[self.laid.head_len..]
    }

    /// The body, where it is in a file.
    pub(crate) fn file(&self) -> Option<&FileRange> {
        self.laid.file.as_ref()
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.laid.block.len()
    }

    /// The same without a body that is in a file, which is let go.
    pub(crate) fn without_file(self) -> Self {
        if self.laid.file.is_none() {
            return self;
        }
        let Laid { date_at, modified_at, head_len, status, closes, .. } = *self.laid;
        let block = self.head().into();
        Laid { block, date_at, modified_at, head_len, file: None, status, closes, _counted: None }
            .into()
    }
}

impl Laid {
    /// The same, counted as long as it or what shares it lives.
    pub(crate) fn counted_in(self, used: &Arc<AtomicUsize>) -> Self {
        let bytes = self.block.len();
        used.fetch_add(bytes, Ordering::Relaxed);
        Self { _counted: Some(Counted { used: Arc::clone(used), bytes }), ..self }
    }

    /// The same, where it is known that its Last-Modified is in the past: that need not be looked
    /// at each time it is sent.
    pub(crate) fn with_past_date(self) -> Self {
        Self { modified_at: None, ..self }
    }
}

impl From<Laid> for Prepared {
    fn from(laid: Laid) -> Self {
        Self { laid: Arc::new(laid) }
    }
}
