//! What is done with bytes that nobody chose: one function for each target, which takes any bytes
//! and panics where a promise is broken.
//!
//! Nothing here knows a fuzzer. `fuzz_targets/` hands these functions to libFuzzer, and
//! `tests/fuzzing.rs` compiles this file once more, as a module, and replays the seeds on every
//! test run. A promise is never "it does not crash" alone: each target holds what it fuzzes against
//! the grammar written down a second time, or against the same bytes arriving in another way.
//!
//! | target | its promise |
//! |---|---|
//! | `head` | the same however it arrives; what is accepted is what RFC 9112 describes |
//! | `target` | a normal form that is one, and that leads nowhere else |
//! | `chunked` | the same however it arrives, and the same to a naive decoder |
//! | `fields` | preconditions, ranges, wishes, lists and dates mean what RFC 9110 says |
//! | `connection` | the same answers however bytes come and go, and another client reads them |
//!
//! Read next: `plan.rs` (how bytes become instructions), then any target.

#![allow(dead_code, reason = "not all of what the tests share is used here")]
#![allow(unreachable_pub, reason = "as a module of tests/fuzzing.rs it has nobody outside")]

mod chunked;
mod connection;
mod fields;
mod head;
mod plan;
mod ranges;
mod requests;
mod target;
mod wishes;

#[path = "../connection/driver.rs"]
mod driver;
#[path = "../connection/read_back.rs"]
mod read_back;
#[path = "../wire/reading.rs"]
mod reading;
#[path = "../connection/script.rs"]
mod script;
#[path = "../second_opinion/mod.rs"]
mod second_opinion;
#[path = "../connection/text.rs"]
mod text;

pub use chunked::chunked;
pub use connection::connection;
pub use fields::fields;
pub use head::head;
pub use target::target;
