//! An answer laid out beforehand: one block of bytes, head and body, and where in it the Date
//! stands.

use std::sync::Arc;

use http::StatusCode;

/// An answer made once and given many times; cloning it copies no bytes. Made by
/// [`Response::prepare`](crate::Response::prepare).
///
/// The block never changes. It is copied to where it is sent from, and the Date is written into
/// that copy; of a body above 16 KiB only the head is copied.
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
    pub(crate) status: StatusCode,
    pub(crate) closes: bool,
}

impl Prepared {
    /// The status.
    #[must_use]
    pub const fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The length of the body in bytes.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.block.len() - self.head_len
    }
}
