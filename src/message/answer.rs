//! The three things a responder can say to a request.

use super::{Fields, Prepared, Response};

/// What a responder says to a request: here is the answer; let me have the body first; or ask me
/// again later.
#[derive(Debug)]
pub enum Answer {
    /// The answer. A body that came with the request is skipped.
    Response(Response),
    /// The answer, laid out beforehand: nothing is formatted and nothing allocated.
    Prepared(Prepared),
    /// The request's body is wanted: it is read into this, bounded by
    /// [`Limits::body_bytes`](crate::Limits::body_bytes) (413 beyond), and then the reader answers.
    /// `100 Continue` is sent where the client waits for it (RFC 9110 §10.1.1).
    Body(Box<dyn BodyReader>),
    /// Not yet: the loop comes back with the same request when its [`Wake`](crate::Wake) is rung,
    /// and may do so earlier, so a responder must bear being asked again. After
    /// [`Limits::answer_timeout`](crate::Limits::answer_timeout) the client gets 503.
    Later,
}

/// Takes in a request's body piece by piece and then answers. It owns what it needs from the
/// request, whose bytes are gone by then.
pub trait BodyReader {
    /// The next bytes of the body, as many as happened to arrive; never none. Transfer codings are
    /// undone.
    fn piece(&mut self, bytes: &[u8]);

    /// The body is whole. `trailers` holds the trailer fields of a chunked body (RFC 9112 §7.1.2),
    /// else nothing.
    fn end(self: Box<Self>, trailers: Fields<'_>) -> Response;
}

impl std::fmt::Debug for dyn BodyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BodyReader")
    }
}

impl Answer {
    /// Collects the whole body in memory, at most [`Limits::body_bytes`](crate::Limits::body_bytes)
    /// of it, and answers by `finish`.
    ///
    /// ```
    /// use oneloop::{Answer, Request, Response};
    ///
    /// fn echo(_: &Request<'_>) -> Answer {
    ///     Answer::collect(|body| Response::bytes(body))
    /// }
    /// ```
    pub fn collect(finish: impl FnOnce(Vec<u8>) -> Response + 'static) -> Self {
        Self::Body(Box::new(Collect { bytes: Vec::new(), finish }))
    }
}

struct Collect<F> {
    bytes: Vec<u8>,
    finish: F,
}

impl<F: FnOnce(Vec<u8>) -> Response> BodyReader for Collect<F> {
    fn piece(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn end(self: Box<Self>, _: Fields<'_>) -> Response {
        (self.finish)(self.bytes)
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

impl From<Prepared> for Answer {
    fn from(prepared: Prepared) -> Self {
        Self::Prepared(prepared)
    }
}
