//! What an answer carries after its head. A body knows its length, or that nobody knows it; never a
//! socket.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

/// The content of a [`Response`](crate::Response).
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Body {
    /// No content: `Content-Length: 0`, except where the status allows none at all (204, 304).
    #[default]
    Empty,
    /// Bytes that belong to this answer.
    Bytes(Vec<u8>),
    /// Bytes that many answers share; above 16 KiB they are sent from where they lie.
    Shared(Arc<[u8]>),
    /// A stretch of an open file. It is sent by the kernel where it can (sendfile), and passes
    /// through no buffer of ours.
    File(FileRange),
    /// Content that is made while it is sent, of unknown length: chunked on HTTP/1.1, ended by the
    /// close on 1.0 (RFC 9112 §6.3).
    Source(Box<dyn Source>),
}

impl Body {
    /// The length in bytes, where it is known.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Shared(bytes) => Some(bytes.len() as u64),
            Self::File(range) => Some(range.len),
            Self::Source(_) => None,
        }
    }

    /// Whether the body is known to be of no length.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// A stretch of an open file. Should the file turn out shorter when it is sent, the connection is
/// closed: its length was promised already.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file; its own position is neither used nor moved.
    pub file: Arc<File>,
    /// Where the stretch begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

/// Makes a body while it is being sent. It is pulled only while the client keeps up, so that a
/// stream without end lives in constant memory. It belongs to one loop and must not wait.
pub trait Source {
    /// Appends the next piece to `into`; a few KiB at a time serve well.
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled;
}

/// Where a [`Source`] puts its next piece: it can be added to, and what is before it is out of
/// reach.
#[derive(Debug)]
pub struct Piece<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Piece<'a> {
    /// A piece that begins at the end of `out`.
    #[doc(hidden)]
    pub const fn at_end_of(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Adds these bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// How long the piece is so far, in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// So that a piece can be written with `write!`; it never fails.
impl fmt::Write for Piece<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// What a [`Source`] says when it is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// There may be more: pull again when the client has taken this.
    More,
    /// Nothing for now: come back when the request's [`Wake`](crate::Wake) is rung.
    Later,
    /// That was all.
    End,
    /// It cannot be finished. The connection is closed without the last chunk, so that the client
    /// sees that the body is not whole (RFC 9112 §8). On HTTP/1.0, where the close is the end of
    /// any body of unknown length, it is reset (but for Unix sockets, which have no reset).
    Failed,
}

impl fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
