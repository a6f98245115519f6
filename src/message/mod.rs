//! The vocabulary: what a client asked for and what it is to be told.
//!
//! Every floor speaks these words and none of them does anything by itself: no parsing, no socket,
//! no clock. Method, status and field names are those of the `http` crate, so that they mean here
//! what they mean everywhere.
//!
//! May import: std, http.   Never: any other floor.
//! Read next: `request.rs`, then `answer.rs` (the three things a responder can say).

mod answer;
mod body;
mod fields;
mod job;
mod prepared;
mod request;
mod response;
mod wake;

pub use answer::{Answer, BodyReader};
pub use body::{Body, FileRange, Part, Piece, Pulled, SharedFile, Source};
pub use fields::Fields;
pub(crate) use fields::Shapes;
pub use job::{Done, Job, Submitted};
pub(crate) use prepared::Laid;
pub use prepared::Prepared;
pub use request::{Caller, Nobody, Request, RequestHead, RequestId, Version};
pub use response::Response;
pub(crate) use response::reason;
pub use wake::{Bell, Wake};

/// The 29 bytes of an HTTP date, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
pub type Date = [u8; 29];
