//! From a request to an answer. A responder may open files; it never sees a socket.
//!
//! To write one, write a function or a closure from `&Request<'_>` to a
//! [`Response`](crate::Response), or implement [`Responder`] where there is state to name. A
//! responder belongs to one loop: it needs neither `Send` nor `Sync`, and it must not wait, because
//! everybody waits with it. Work that takes time goes to a thread of the responder's own, which
//! rings the request's [`Wake`](crate::Wake) when it is done.
//!
//! May import: message, wire, std::fs, rustix.   Never: connection, event_loop, sockets.
//! Read next: `fixed.rs` (the smallest one), `routes.rs`, `files/mod.rs`.

mod files;
mod fixed;
mod mounts;
mod routes;

pub use files::{
    CacheRule, Charset, Compress, Cors, FileOptions, Files, FilesError, Hidden, Listing, Missing,
    OptionError, Paths, Symlinks,
};
pub use fixed::Fixed;
pub use mounts::Mounts;
pub use routes::Routes;

use crate::message::{Answer, Request};

/// Answers requests.
///
/// ```
/// use oneloop::{Request, Response};
///
/// // A function is a responder, and so is a closure.
/// fn hello(request: &Request<'_>) -> Response {
///     Response::text(format!("You asked for {}\n", request.path()))
/// }
/// # fn is_responder(_: impl oneloop::Responder) {}
/// # is_responder(hello);
/// # is_responder(|_: &Request<'_>| Response::text("wazzzzap"));
/// ```
pub trait Responder {
    /// Says what a request gets. Called on the loop, so it must not wait. A panic in it costs this
    /// one connection a 500.
    fn respond(&mut self, request: &Request<'_>) -> Answer;
}

impl<F, A> Responder for F
where
    F: FnMut(&Request<'_>) -> A,
    A: Into<Answer>,
{
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        self(request).into()
    }
}
