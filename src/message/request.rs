//! What a client asked for, borrowed from the bytes it sent.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::{Bell, Fields, Job, Submitted, Wake};

/// The minor version of HTTP/1 that a request is answered by (RFC 9112 §2.3). A higher minor is
/// served as 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0: one request a connection unless the client asks for keep-alive; no chunked coding.
    Http10,
    /// HTTP/1.1: persistent unless somebody says `Connection: close`.
    Http11,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        })
    }
}

/// Names one request, uniquely among those of the last 2^32 connections: the connection's serial
/// number and the request's number on it, written `c17.r3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId {
    /// The connection's serial number, from 1 in the order of accepting; of several loops each
    /// hands out every so many of them.
    pub connection: u32,
    /// The request's number on its connection, from 1.
    pub request: u32,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}.r{}", self.connection, self.request)
    }
}

/// What the loop knows of the client beside its bytes: asked for when wanted, never stored.
#[doc(hidden)]
pub trait Caller {
    /// The client's address; `None` on a Unix socket, or when the client has gone.
    fn peer(&self) -> Option<SocketAddr>;
    /// The connection's serial number.
    fn connection(&self) -> u32;
    /// A handle that calls the loop back to this connection.
    fn wake(&self) -> Wake;
    /// The time of this turn, since the loop began.
    fn now(&self) -> Duration;
    /// The time of this turn on the wall, in whole seconds since 1970: what the Date of an answer
    /// says.
    fn unix_time(&self) -> u64;
    /// Has a helper thread do this. The job rings a [`Wake`] itself if anybody waits for it. Where
    /// there is no room for it the loop asks again when there is some, as if a [`Wake`] was rung.
    fn submit(&self, job: Job) -> Submitted;
}

/// A client that is not there: no address, the first connection, a bell that nobody hears, a time
/// that stands still, and no helper: jobs are done at once. For tests and benches, which have no
/// socket.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Nobody {
    /// When nobody asks: after all files were made.
    const YEAR_2100: u64 = 4_102_444_800;
}

impl Caller for Nobody {
    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn connection(&self) -> u32 {
        1
    }

    fn wake(&self) -> Wake {
        Wake::new(0, Arc::new(Self))
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_time(&self) -> u64 {
        Self::YEAR_2100
    }

    fn submit(&self, job: Job) -> Submitted {
        job();
        Submitted::Taken
    }
}

impl Bell for Nobody {
    fn ring(&self, _: u64) {}
}

/// What the head of a request says. A [`Request`] borrows it: it is some 150 bytes, and to hand
/// them on from hand to hand would cost every request.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: Method,
    /// The path in normal form; `*` in asterisk form.
    pub path: Cow<'a, str>,
    /// What follows the first `?` of the target, as it came.
    pub query: Option<&'a str>,
    /// The host of an absolute target, and its port if it names one. It stands above the Host field
    /// (RFC 9112 §3.2.2).
    pub authority: Option<&'a str>,
    /// The version it is answered by.
    pub version: Version,
    /// The header fields.
    pub fields: Fields<'a>,
    /// Whether a body comes with it.
    pub has_body: bool,
}

/// One request: method, target, fields, and who sent it. It borrows the bytes it came in and ends
/// with the call that it is handed to; what is wanted later must be copied out.
pub struct Request<'a> {
    pub(crate) head: &'a RequestHead<'a>,
    pub(crate) number: u32,
    pub(crate) caller: &'a dyn Caller,
}

impl<'a> Request<'a> {
    /// The method. Unknown ones come through as they are, for the responder to refuse with 501 (RFC
    /// 9110 §9.1).
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.head.method
    }

    /// The path in normal form (RFC 3986 §6.2.2): it begins with `/`, dot segments are resolved,
    /// needless percent-encoding is undone, and what must be encoded stays so (`/a%20b`, `/a%2Fb`).
    /// It is plain ASCII and cannot lead above its root. `*` for `OPTIONS *` (RFC 9112 §3.2.4).
    #[must_use]
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// What follows the first `?`, as it was sent.
    #[must_use]
    pub const fn query(&self) -> Option<&'a str> {
        self.head.query
    }

    /// The host that was asked, with its port if one was named: of an absolute target, which stands
    /// above the Host field (RFC 9112 §3.2.2), else of that field. Only HTTP/1.0 may have none.
    #[must_use]
    pub fn host(&self) -> Option<&'a str> {
        let field = || std::str::from_utf8(self.header("host")?).ok();
        self.head.authority.or_else(field)
    }

    /// The version this request is answered by.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.head.version
    }

    /// The value of the first header field of that name, without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.head.fields.get(name)
    }

    /// All header fields.
    #[must_use]
    pub const fn headers(&self) -> Fields<'a> {
        self.head.fields
    }

    /// Whether a body comes with this request (a length above zero, or chunks).
    #[must_use]
    pub const fn has_body(&self) -> bool {
        self.head.has_body
    }

    /// The client's address; `None` on a Unix socket, or when the client has gone meanwhile. Costs
    /// a system call.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.caller.peer()
    }

    /// The name of this request in logs, and a key under which a responder can keep what it started
    /// for it.
    #[must_use]
    pub fn id(&self) -> RequestId {
        RequestId { connection: self.caller.connection(), request: self.number }
    }

    /// Has a helper thread do this; see [`Caller::submit`].
    #[doc(hidden)]
    #[must_use]
    pub fn submit(&self, job: Job) -> Submitted {
        self.caller.submit(job)
    }

    /// A handle that makes the loop ask again, for an answer of [`Later`](crate::Answer::Later) or
    /// a [`Source`](crate::Source).
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.caller.wake()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.head.method)
            .field("path", &self.head.path)
            .field("query", &self.head.query)
            .field("version", &self.head.version)
            .finish_non_exhaustive()
    }
}
