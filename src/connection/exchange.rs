//! One request whose body is still coming: what it asked, how its body is framed, and where the
//! body goes.
//!
//! A body that the responder did not ask for is read too, so that the next request can be found
//! behind it; the answer is held until then. So an answer never leaves before its request has been
//! seen to be well formed, and answers and requests keep their order by themselves.

use http::StatusCode;

use crate::config::{Limits, SKIPPED_BODY};
use crate::message::{Body, BodyReader, Fields, Laid, Part, Prepared, Response, Version};
use crate::wire::Fault;
use crate::wire::chunked::{Decoder, Piece};
use crate::wire::framing::BodyLength;
use crate::wire::request::Head;
use crate::wire::response::Delimiter;

use super::deadline::Moment;
use super::guard::{Panicked, guarded};

/// What is remembered of a request when its bytes are gone.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// How many bytes its head took.
    pub head_len: usize,
    /// How long its body is.
    pub body: BodyLength,
    /// Whether the answer is to be without content (HEAD).
    pub is_head: bool,
    /// The version to answer by.
    pub version: Version,
    /// Whether the client means to send another request.
    pub keep_alive: bool,
    /// Whether bytes have come behind its head: of its body, or of the next request.
    pub is_followed: bool,
    /// Whether the client waits for `100 Continue`.
    pub expects_continue: bool,
}

impl Asked {
    /// What is to be remembered of that head. `received` is how much input there is, the head
    /// included.
    #[must_use]
    pub fn of(head: &Head<'_>, received: usize) -> Self {
        let framing = head.framing;
        Self {
            head_len: head.len,
            body: framing.body,
            is_head: head.request.method == http::Method::HEAD,
            version: head.request.version,
            keep_alive: framing.keep_alive,
            is_followed: received > head.len,
            expects_continue: framing.expects_continue,
        }
    }

    /// Whether nothing more is to come: the client asks for a close behind this request, as who
    /// speaks HTTP/1.0 does by saying nothing (RFC 9112 §9.3), and it ends with its head.
    pub(super) const fn ends_input(&self) -> bool {
        !self.keep_alive && self.body.is_none() && !self.is_followed
    }
}

/// An answer that is there and has not been written.
#[derive(Debug)]
pub enum Held {
    /// To be laid out.
    Response(Response),
    /// Laid out beforehand.
    Prepared(Prepared),
}

impl Held {
    /// How many bytes of content it has for itself.
    fn own_bytes(&self) -> usize {
        match self {
            Self::Response(Response { body: Body::Bytes(bytes), .. }) => bytes.capacity(),
            Self::Response(Response { body: Body::Parts(parts), .. }) => {
                parts.iter().map(Part::held).sum()
            }
            _ => 0,
        }
    }

    /// As the answer to HEAD: the head is laid out, and the body, a file perhaps, let go.
    pub(super) fn without_content(self, version: Version) -> Self {
        match self {
            Self::Response(response) => {
                let delimiter = Delimiter::of(&response, version);
                Self::Prepared(Laid::of(&response, delimiter, &[]).into())
            }
            Self::Prepared(prepared) => Self::Prepared(prepared.without_file()),
        }
    }

    /// Whether it can wait for a body to pass without costing more than that body may.
    pub(super) fn can_wait(&self) -> bool {
        match self {
            Self::Prepared(prepared) => prepared.file().is_none(),
            Self::Response(Response { body: Body::File(_) | Body::Source(_), .. }) => false,
            Self::Response(Response { body: Body::Parts(parts), .. })
                if parts.iter().any(|part| part.bytes().is_none()) =>
            {
                false
            }
            Self::Response(_) => self.own_bytes() as u64 <= SKIPPED_BODY,
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Response(response) => response.status_code(),
            Self::Prepared(prepared) => prepared.status_code(),
        }
    }
}

/// Where a body goes.
#[derive(Debug)]
pub(super) enum Sink {
    /// To whom asked for it.
    Reader(Box<dyn BodyReader>),
    /// Nowhere; the answer is held until it has passed.
    Skipped(Held),
}

/// A request whose body is still coming.
#[derive(Debug)]
pub(super) struct Exchange {
    /// What was asked.
    pub asked: Asked,
    /// Taken when the body is whole.
    sink: Option<Sink>,
    framing: Framing,
    /// Bytes of content so far.
    received: u64,
    /// When the body is to be whole.
    until: Moment,
    /// When reading had to wait for writing.
    stopped_at: Moment,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    /// So many bytes are to come.
    Length(u64),
    Chunked(Decoder),
}

/// What became of a stretch of input.
#[derive(Debug)]
pub(super) enum Taken {
    /// Nothing of it can be used before more comes.
    Partial,
    /// So many bytes were used; there is more to come.
    Some(usize),
    /// So many bytes were used, and the body is whole: this is the answer.
    Whole(usize, Held),
    /// More comes than may be skipped: the held answer is to be given, and the connection closed.
    TooMuchToSkip,
    /// The body is refused.
    Refused(Fault),
    /// The reader panicked.
    Panicked,
}

impl From<Panicked> for Taken {
    fn from(_: Panicked) -> Self {
        Self::Panicked
    }
}

impl Exchange {
    /// A body begins, of which nothing was taken yet.
    #[must_use]
    pub(super) fn begin(asked: Asked, sink: Sink, until: Moment) -> Self {
        let framing = match asked.body {
            BodyLength::Known(length) => Framing::Length(length),
            BodyLength::Chunked => Framing::Chunked(Decoder::default()),
        };
        Self { asked, sink: Some(sink), framing, received: 0, until, stopped_at: Moment::NEVER }
    }

    /// When the body is to be whole.
    pub(super) const fn until(&self) -> Moment {
        self.until
    }

    /// From now on nothing is read, because earlier answers have to leave first.
    pub(super) const fn stop_clock(&mut self, now: Moment) {
        self.stopped_at = now;
    }

    /// The body is read again; the time between does not count.
    pub(super) fn start_clock(&mut self, now: Moment) {
        self.until = self.until.after(now.since(self.stopped_at));
    }

    /// How much memory the answer holds that waits for the body to pass, in bytes.
    pub(super) fn held(&self) -> usize {
        match &self.sink {
            Some(Sink::Skipped(held)) => held.own_bytes(),
            _ => 0,
        }
    }

    /// Takes what it can of `input`: one stretch of content or of framing.
    pub(super) fn take(&mut self, input: &[u8], limits: &Limits) -> Taken {
        match &mut self.framing {
            Framing::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= here as u64;
                let is_whole = *left == 0;
                self.length_taken(&input[..here], is_whole)
            }
            Framing::Chunked(decoder) => match decoder.next(input) {
                Ok(piece) => self.piece_taken(piece, input, limits),
                Err(fault) => Taken::Refused(fault),
            },
        }
    }

    fn length_taken(&mut self, bytes: &[u8], is_whole: bool) -> Taken {
        if let Err(panicked) = self.content(bytes) {
            return panicked.into();
        }
        match (bytes.len(), is_whole) {
            (n, true) => self.whole(n, Fields::default()),
            (0, false) => Taken::Partial,
            (n, false) => Taken::Some(n),
        }
    }

    fn piece_taken(&mut self, piece: Piece, input: &[u8], limits: &Limits) -> Taken {
        match piece {
            Piece::Partial => Taken::Partial,
            Piece::Framing(n, announced) => self.announced(n, announced, limits),
            Piece::Data(n) => match self.content(&input[..n]) {
                Ok(()) => Taken::Some(n),
                Err(panicked) => panicked.into(),
            },
            // The section without its blank line.
            Piece::End(n) => self.whole(n, Fields::from_checked_lines(&input[..n - 2])),
        }
    }

    /// A chunk is judged by what it announces, so that what is too long is refused before it is
    /// sent.
    fn announced(&self, n: usize, chunk: u64, limits: &Limits) -> Taken {
        let length = self.received.saturating_add(chunk);
        match self.sink {
            Some(Sink::Reader(_)) if length > limits.body_bytes => {
                Taken::Refused(Fault::BodyTooLong)
            }
            Some(Sink::Skipped(_)) if length > SKIPPED_BODY => Taken::TooMuchToSkip,
            _ => Taken::Some(n),
        }
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), Panicked> {
        self.received += bytes.len() as u64;
        match &mut self.sink {
            Some(Sink::Reader(reader)) if !bytes.is_empty() => guarded(|| reader.piece(bytes)),
            _ => Ok(()),
        }
    }

    fn whole(&mut self, n: usize, trailers: Fields<'_>) -> Taken {
        match self.sink.take() {
            Some(Sink::Skipped(held)) => Taken::Whole(n, held),
            Some(Sink::Reader(reader)) => match guarded(|| reader.end(trailers)) {
                Ok(response) => Taken::Whole(n, Held::Response(response)),
                Err(panicked) => panicked.into(),
            },
            None => Taken::Partial,
        }
    }

    /// The answer that was held for a body that turned out too long to skip.
    pub(super) fn into_held(self) -> Option<Held> {
        match self.sink {
            Some(Sink::Skipped(held)) => Some(held),
            Some(Sink::Reader(_)) | None => None,
        }
    }
}
