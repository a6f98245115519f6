//! Bytes and their meaning. Pure functions: no clock, no socket, no memory between calls.
//!
//! Whatever must be remembered from one arrival of bytes to the next (how far a head was scanned,
//! where in a chunked body one stands) is a value that the caller keeps and hands in again. Given
//! the same bytes the answers are the same.
//!
//! May import: message, httparse (`request.rs` only), small codec crates.   Never: a clock, io
//! traits, sockets.
//! Read next: `framing.rs` (where servers get smuggled through), then `request.rs`.

pub mod chunked;
pub mod conditional;
mod fault;
pub mod framing;
pub mod grammar;
pub mod negotiate;
pub mod ranges;
pub mod request;
pub mod response;
mod scan;
pub mod target;

pub use fault::Fault;
