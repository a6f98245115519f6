//! An HTTP/1.1 server on one event loop: a library to embed, and under `oneloop` on the command
//! line a static file server and a fixed responder made of it.
//!
//! One mio `Poll` registers the listeners and every client socket in a slab, drives each connection
//! through a non-blocking state machine, and never blocks on a slow one. There is no async runtime
//! and no hidden queue: what a request goes through stands in this crate, in the order in which it
//! happens. Two helper threads of each loop wait for the disk, where the loop would have to; they
//! start with the first file that is not in memory, and see no request and no socket. (A third
//! closes files where even that may take its time: on NFS and FUSE.)
//!
//! # A server in twenty lines
//!
//! ```no_run
//! use oneloop::{Answer, Request, Response, Routes, Server};
//!
//! fn home(request: &Request<'_>) -> Response {
//!     let agent = request.header("user-agent").unwrap_or(b"somebody");
//!     Response::text(format!("Hello, {}!\n", agent.escape_ascii()))
//! }
//!
//! fn shout(_: &Request<'_>) -> Answer {
//!     // The body, please: it is collected, and then answered.
//!     Answer::collect(|body| Response::bytes(body.to_ascii_uppercase()))
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let routes = Routes::new().get("/", home).post("/shout", shout);
//!     let server = Server::bind("127.0.0.1:8080")?.stop_on_signals()?;
//!     println!("http://{}/", server.addresses()[0]);
//!     server.run(routes)?;
//!     Ok(())
//! }
//! ```
//!
//! A [`Responder`] is a function from a [`Request`] to an [`Answer`], which is one of three: a
//! [`Response`] (or a [`Prepared`] one), *the body, please*, or *later*. It is called on the loop
//! and must not wait. [`Server`] binds and runs, [`Workers`] are several of them at one address,
//! each with a loop and a thread of its own; [`Limits`] and [`Config`] are every number obeyed,
//! [`observers`] watch, [`Admin`] shows what they saw.
//!
//! # The house
//!
//! ```text
//! event_loop/   TOP     the only floor that waits: readiness, budgets, deadlines, sockets
//! responders/   SECOND  from a request to an answer: fixed, routes, files
//! connection/   FIRST   one connection as a machine, without a socket and without a clock
//! wire/         GROUND  bytes and their meaning: heads, targets, framing, chunks
//! message       the vocabulary that all floors speak
//! observers/    the stairwell: sees every floor, changes nothing
//! admin/        a responder that tells what observers saw
//! ```
//!
//! | floor | may import | never |
//! |---|---|---|
//! | message | std, http | anything above it |
//! | wire | message, httparse, small codec crates | a clock, io traits, sockets |
//! | connection | message, wire, [`Limits`] | `std::net`, `std::io` but `ErrorKind`, `std::fs`, log, responders, observers |
//! | responders | message, wire, `std::fs`, rustix | connection, event_loop, sockets |
//! | observers | message, the connection's words for phases and reasons | event_loop, anything mutable |
//! | admin | message, responders, observers, the same words | event_loop, sockets |
//! | event_loop | every floor | httparse, parsing of any kind |
//!
//! `tests/laws.rs` reads the sources and refuses the rest. The floors are public so that tests
//! reach them, and hidden because only what this page shows is promised to stay.
//!
//! # Invariants
//!
//! 1. `wire` and `connection`: no clock, no socket, no log. Given the same facts they give the same
//!    answers.
//! 2. Only `move_to` writes a connection's phase; only edges in the table exist; a debug build
//!    asserts it.
//! 3. Only an event sets a readiness bit (a fresh connection starts writable, and a stop suspects
//!    one last request); only `readiness.rs` clears one.
//! 4. No wait is longer than the nearest deadline; no wait at all while a slot is unfinished. There
//!    is no periodic tick: an idle server makes no system call.
//! 5. No loop without a budget, no buffer without a limit; every limit is in [`config`].
//! 6. No client's act ends the process; every connection ends with exactly one reason; no error is
//!    a bare string.
//! 7. An idle connection owns no buffer. A keep-alive request answered from a prepared response or
//!    a cached file allocates nothing, unless its body does not leave in one go.
//! 8. Observers cannot change anything.
//! 9. There is no unsafe code.
//!
//! # Reading it
//!
//! In this order, an evening's worth: `connection/phase.rs` (what a connection waits for),
//! `connection/mod.rs` (its documentation is a whole conversation), `event_loop/slot.rs` (`pump`,
//! the heart), `event_loop/mod.rs` (`turn`, the loop), `event_loop/readiness.rs` (the rules of
//! edge-triggered polling), `event_loop/mio.rs` (how little mio is asked), `wire/framing.rs` (where
//! servers get smuggled through), `responders/files/mod.rs` (what a request for a file goes
//! through), `tests/sim/world.rs` (what a kernel may do to you). Then run `oneloop -vv` beside
//! `strace`.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod admin;
pub mod config;
#[doc(hidden)]
pub mod connection;
#[doc(hidden)]
pub mod event_loop;
#[doc(hidden)]
pub mod message;
pub mod observers;
#[doc(hidden)]
pub mod responders;
#[doc(hidden)]
pub mod wire;

/// What [`FileOptions`] are made of.
pub mod files {
    pub use crate::responders::{
        CacheRule, Charset, Compress, Cors, Hidden, Listing, Missing, OptionError, Paths, Symlinks,
    };
}

pub use admin::Admin;
pub use config::{Config, Limits};
pub use connection::{CloseReason, Phase};
pub use event_loop::{Address, BindError, Handle, Listener, Server, Stopped, Workers};
pub use http::{HeaderName, HeaderValue, Method, StatusCode, header};
pub use message::{
    Answer, Body, BodyReader, Fields, FileRange, Part, Piece, Prepared, Pulled, Request, RequestId,
    Response, SharedFile, Source, Version, Wake,
};
pub use responders::{FileOptions, Files, FilesError, Fixed, Mounts, Responder, Routes};
pub use wire::Fault;
