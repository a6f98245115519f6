//! What an answer carries after its head. A body knows its length, or that nobody knows it; never a
//! socket.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

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
    /// Bytes and stretches of files, one after the other, as in several ranges of a large file (RFC
    /// 9110 §14.6). Its length is theirs together.
    Parts(Vec<Part>),
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
            Self::Parts(parts) => Some(parts.iter().map(Part::len).fold(0, u64::saturating_add)),
            Self::Source(_) => None,
        }
    }

    /// Whether the body is known to be of no length.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// One of several parts of a body.
#[derive(Debug)]
pub enum Part {
    /// Bytes that belong to this answer.
    Bytes(Vec<u8>),
    /// A stretch of an open file.
    File(FileRange),
}

impl Part {
    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.len,
        }
    }

    /// Whether it is of no length.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, where it is bytes.
    pub(crate) const fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes.as_slice()),
            Self::File(_) => None,
        }
    }

    /// How much memory it holds, in bytes; the file is somebody else's.
    pub(crate) const fn held(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.capacity() + size_of::<Self>(),
            Self::File(_) => size_of::<Self>(),
        }
    }
}

/// An open file that answers share. Its own position is neither used nor moved.
#[derive(Debug)]
pub struct SharedFile {
    /// Taken when this is dropped, if somebody else is to close it.
    file: Option<File>,
    closer: Option<fn(File)>,
    /// Whether it is known to lie in memory and nowhere else, so that no disk is ever waited for.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux is asked"))]
    pub(crate) is_memory: AtomicBool,
}

impl SharedFile {
    /// The file itself.
    #[must_use]
    pub const fn file(&self) -> &File {
        self.file.as_ref().expect("it is there until this is dropped")
    }

    /// The file, which is handed to `closer` in the end: where closing it may take its time.
    pub(crate) const fn closed_by(file: File, closer: fn(File)) -> Self {
        Self { file: Some(file), closer: Some(closer), is_memory: AtomicBool::new(false) }
    }
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        if let (Some(file), Some(closer)) = (self.file.take(), self.closer) {
            closer(file);
        }
    }
}

impl From<File> for SharedFile {
    fn from(file: File) -> Self {
        Self { file: Some(file), closer: None, is_memory: AtomicBool::new(false) }
    }
}

/// A stretch of an open file. Should the file turn out shorter when it is sent, the connection is
/// closed: its length was promised already.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file.
    pub file: Arc<SharedFile>,
    /// Where the stretch begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

/// Makes a body while it is being sent. It is pulled only while the client keeps up, so that a
/// stream without end lives in constant memory. It belongs to one loop and must not wait.
///
/// An event stream that needs neither a thread nor a bell: it says every fifteen seconds that it is
/// still there, so that nobody on the way takes the connection for dead.
///
/// ```
/// use std::time::Duration;
///
/// use oneloop::{Body, HeaderValue, Piece, Pulled, Request, Response, Routes, Source, StatusCode};
/// use oneloop::header::CONTENT_TYPE;
///
/// struct StillThere;
///
/// impl Source for StillThere {
///     fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
///         into.extend_from_slice(b": still there\n\n");
///         Pulled::After(Duration::from_secs(15))
///     }
/// }
///
/// let routes = Routes::new().get("/events", |_: &Request<'_>| {
///     let events = Response::new(StatusCode::OK, Body::Source(Box::new(StillThere)));
///     events.with_header(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
/// });
/// ```
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
    /// Nothing for now: come back when so much time has passed since this turn, or earlier if the
    /// request's [`Wake`](crate::Wake) is rung; it is then told anew how long to wait.
    ///
    /// What was made before leaves first, and while the client has not taken it the source is not
    /// pulled: a beat that passes meanwhile is made up for once, as soon as all has left. Less than
    /// [a millisecond](crate::config::SHORTEST_BEAT) is taken for a millisecond.
    ///
    /// A beat keeps nobody's time from running out. A client that takes nothing of what waits for
    /// it has its [`write_timeout`](crate::Limits::write_timeout); where it has shut its half, a
    /// source that makes nothing for an [`idle_timeout`](crate::Limits::idle_timeout), however
    /// often it is pulled, is given up; and an orderly stop waits no longer than its
    /// [`grace`](crate::config::Config::grace).
    After(Duration),
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
