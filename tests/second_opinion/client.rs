//! hyper's client on a socket that is a few bytes, polled by hand.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{HeaderMap, Request, Response, Version};

use super::{Answer, Asked};

/// Where in an answer the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The head has not ended.
    Head,
    /// The body has not ended, of which so many bytes are missing, where that can be known.
    Body { missing: Option<u64> },
    /// All of it has come.
    Whole,
}

type Reply = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>>>>;

/// One connection of another implementation.
pub(super) struct Client {
    wire: Rc<RefCell<Wire>>,
    sender: SendRequest<String>,
    /// Nothing, once it has come to its end.
    connection: Option<Connection<End, String>>,
    reply: Option<Reply>,
    body: Option<Incoming>,
    answer: Answer,
}

impl Client {
    pub(super) fn new() -> Self {
        let wire = Rc::new(RefCell::new(Wire::default()));
        let connecting = pin!(handshake(End(Rc::clone(&wire))));
        let Poll::Ready(Ok((sender, connection))) = connecting.poll(&mut nobody_waits()) else {
            panic!("nothing is sent before the first request, so there is nothing to wait for");
        };
        let connection = Some(connection);
        Self { wire, sender, connection, reply: None, body: None, answer: Answer::default() }
    }

    /// Sends a request, for the answer that is to come.
    pub(super) fn ask(&mut self, asked: &Asked) -> Result<Step, String> {
        let version = match asked.version {
            oneloop::Version::Http10 => Version::HTTP_10,
            oneloop::Version::Http11 => Version::HTTP_11,
        };
        let request = Request::builder()
            .method(if asked.is_head { "HEAD" } else { "GET" })
            .uri("/")
            .version(version)
            .header("Host", "x")
            .body(String::new())
            .map_err(|error| error.to_string())?;
        self.poll_connection()?;
        let Poll::Ready(Ok(())) = self.sender.poll_ready(&mut nobody_waits()) else {
            return Err("hyper takes the connection for closed".into());
        };
        (self.answer, self.body) = (Answer::default(), None);
        self.reply = Some(Box::pin(self.sender.send_request(request)));
        self.settle()
    }

    /// These bytes come.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Step, String> {
        self.wire.borrow_mut().bytes.extend_from_slice(bytes);
        let step = self.settle()?;
        let wire = self.wire.borrow();
        if wire.at < wire.bytes.len() {
            return Err("hyper wants no more of it".into());
        }
        Ok(step)
    }

    /// No more bytes come. An answer that has not ended is no complaint here: who asked knows
    /// whether it may be cut off.
    pub(super) fn ended(&mut self) -> Step {
        self.wire.borrow_mut().is_ended = true;
        self.settle().unwrap_or(Step::Body { missing: None })
    }

    pub(super) fn take_answer(&mut self) -> Answer {
        std::mem::take(&mut self.answer)
    }

    /// Polls until nothing moves any more.
    fn settle(&mut self) -> Result<Step, String> {
        loop {
            self.poll_connection()?;
            let has_begun = self.poll_reply()?;
            let has_moved = self.poll_body()?;
            if !has_begun && !has_moved {
                break;
            }
        }
        Ok(match (&self.reply, &self.body) {
            (Some(_), _) => Step::Head,
            (None, Some(body)) => Step::Body { missing: body.size_hint().exact() },
            (None, None) => Step::Whole,
        })
    }

    fn poll_connection(&mut self) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        match Pin::new(connection).poll(&mut nobody_waits()) {
            Poll::Pending => Ok(()),
            Poll::Ready(end) => {
                self.connection = None;
                end.map_err(|error| shown(&error))
            }
        }
    }

    /// Whether the head of the answer is there now.
    fn poll_reply(&mut self) -> Result<bool, String> {
        let Some(reply) = &mut self.reply else { return Ok(false) };
        let Poll::Ready(response) = reply.as_mut().poll(&mut nobody_waits()) else {
            return Ok(false);
        };
        let (head, body) = response.map_err(|error| shown(&error))?.into_parts();
        self.reply = None;
        self.answer.status = head.status.as_u16();
        self.answer.fields = listed(&head.headers);
        self.body = Some(body);
        Ok(true)
    }

    /// Whether some of the body was there, or its end.
    fn poll_body(&mut self) -> Result<bool, String> {
        let mut has_moved = false;
        while let Some(body) = &mut self.body {
            match Pin::new(body).poll_frame(&mut nobody_waits()) {
                Poll::Pending => break,
                Poll::Ready(None) => self.body = None,
                Poll::Ready(Some(frame)) => self.take(frame.map_err(|error| shown(&error))?),
            }
            has_moved = true;
        }
        Ok(has_moved)
    }

    fn take(&mut self, frame: Frame<hyper::body::Bytes>) {
        match frame.into_data() {
            Ok(data) => self.answer.body.extend_from_slice(&data),
            Err(frame) => {
                self.answer.trailers =
                    frame.into_trailers().map(|trailers| listed(&trailers)).unwrap_or_default();
            }
        }
    }
}

fn nobody_waits() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn listed(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

/// What hyper complains about, with what lies beneath it.
fn shown(error: &hyper::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// What lies between the server and the client.
#[derive(Default)]
struct Wire {
    bytes: Vec<u8>,
    /// All before this was read.
    at: usize,
    is_ended: bool,
}

/// The client's end of it. What the client writes is lost: it was answered already.
struct End(Rc<RefCell<Wire>>);

impl Read for End {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.0.borrow_mut();
        let n = into.remaining().min(wire.bytes.len() - wire.at);
        if n == 0 {
            return if wire.is_ended { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        into.put_slice(&wire.bytes[wire.at..wire.at + n]);
        wire.at += n;
        if wire.at == wire.bytes.len() {
            (wire.bytes, wire.at) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
