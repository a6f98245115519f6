//! The ground floor by its tables: what bytes mean, and which of them are refused, each case with
//! the section that says so.
//!
//! Every reader is tested whole, byte by byte, cut in two anywhere, and with junk behind it that
//! must make no difference. Where a sweep is possible (all bytes, all short strings) the test
//! sweeps, and holds the reader against the grammar written down a second time. Read first:
//! `wire/reading.rs`.

#[path = "wire/reading.rs"]
mod reading;

#[path = "wire/any_cut.rs"]
mod any_cut;
#[path = "wire/chunks.rs"]
mod chunks;
#[path = "wire/fields.rs"]
mod fields;
#[path = "wire/framing.rs"]
mod framing;
#[path = "wire/hosts.rs"]
mod hosts;
#[path = "wire/request_line.rs"]
mod request_line;
#[path = "wire/responses.rs"]
mod responses;
#[path = "wire/targets.rs"]
mod targets;
