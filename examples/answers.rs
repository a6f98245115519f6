//! Every kind of answer that a program can give, and none that `oneloop` alone does not: bodies that
//! are collected, made while they are sent, come later, or never. `scripts/clients` asks for them.
//!
//! It takes a free port and says which. Its waits are short, so that running out of them can be
//! watched: `cargo run --example answers`

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use oneloop::{
    Answer, Body, Limits, Piece, Pulled, Request, RequestId, Response, Routes, Server, Source,
    StatusCode,
};

/// How many lines `/lines` has.
const LINES: u32 = 2000;
/// How many of them are made at a time.
const LINES_A_PIECE: u32 = 50;
/// How long `/later` takes.
const LATER: Duration = Duration::from_millis(20);
/// How long a head, a body and an answer may take.
const WAIT: Duration = Duration::from_secs(2);
/// Above what is copied into the head's buffer, so that it is sent from where it lies.
const SHARED_BYTES: usize = 40_000;

/// Numbered lines, `last` of them; the end is whole or it is not.
struct Lines {
    next: u32,
    last: u32,
    end: fn() -> Pulled,
}

impl Lines {
    fn answer(last: u32, end: fn() -> Pulled) -> Response {
        Response::new(StatusCode::OK, Body::Source(Box::new(Self { next: 1, last, end })))
    }
}

impl Source for Lines {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        for number in self.next..=self.last.min(self.next + LINES_A_PIECE - 1) {
            // Writing into a piece never fails.
            let _ = writeln!(into, "line {number}");
        }
        self.next += LINES_A_PIECE;
        if self.next <= self.last { Pulled::More } else { (self.end)() }
    }
}

/// Answers when a thread has rung.
#[derive(Default)]
struct Later {
    rung: Arc<Mutex<HashMap<RequestId, bool>>>,
}

impl Later {
    fn answer(&self, request: &Request<'_>) -> Answer {
        let id = request.id();
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        match rung.get(&id) {
            Some(true) => {
                rung.remove(&id);
                return Response::text("later\n").into();
            }
            Some(false) => {}
            None => {
                rung.insert(id, false);
                let (rung, wake) = (Arc::clone(&self.rung), request.wake());
                thread::spawn(move || {
                    thread::sleep(LATER);
                    rung.lock().unwrap_or_else(PoisonError::into_inner).insert(id, true);
                    wake.wake();
                });
            }
        }
        Answer::Later
    }
}

fn shout(_: &Request<'_>) -> Answer {
    Answer::collect(|body| Response::bytes(body.to_ascii_uppercase()))
}

fn routes() -> Routes {
    let shared: Arc<[u8]> = vec![b'x'; SHARED_BYTES].into();
    let later = Later::default();
    let status = |code: u16| {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
        move |_: &Request<'_>| Response::status(status)
    };
    Routes::new()
        .post("/shout", shout)
        .get("/lines", |_: &Request<'_>| Lines::answer(LINES, || Pulled::End))
        .get("/nothing", |_: &Request<'_>| Lines::answer(0, || Pulled::End))
        .get("/cut", |_: &Request<'_>| Lines::answer(LINES_A_PIECE, || Pulled::Failed))
        .get("/shared", move |_: &Request<'_>| {
            Response::new(StatusCode::OK, Body::Shared(Arc::clone(&shared)))
        })
        .get("/later", move |request: &Request<'_>| later.answer(request))
        .get("/never", |_: &Request<'_>| Answer::Later)
        .get("/last", |_: &Request<'_>| Response::text("last\n").with_close())
        .get("/panic", |_: &Request<'_>| -> Response { panic!("as it was asked to") })
        .get("/204", status(204))
        .get("/205", status(205))
        .get("/299", status(299))
        .get("/304", status(304))
        .get("/500", status(500))
}

#[allow(clippy::print_stdout, reason = "a program may say where it is")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut limits = Limits::default();
    limits.head_timeout = WAIT;
    limits.body_timeout = WAIT;
    limits.answer_timeout = WAIT;
    let server = Server::bind("127.0.0.1:0")?.with_limits(limits).stop_on_signals()?;
    println!("answering on http://{}/", server.addresses()[0]);
    server.run(routes())?;
    Ok(())
}
