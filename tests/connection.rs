//! The connection machine, as conversations: what was sent, what came back, how it ended.
//!
//! No socket and no clock: `driver.rs` moves the bytes as the event loop would, and time passes
//! where a transcript says so. Every conversation is held four times, whole and byte by byte in
//! either direction, and must come to the same; and what came back is read by another
//! implementation of HTTP (`second_opinion/mod.rs`), which must have no complaint. Read first: `connection/transcript.rs`, how one is
//! written; then any of the others.

#[path = "connection/driver.rs"]
mod driver;
#[path = "connection/read_back.rs"]
mod read_back;
#[path = "connection/script.rs"]
mod script;
#[path = "second_opinion/mod.rs"]
mod second_opinion;
#[path = "connection/text.rs"]
mod text;
#[path = "connection/transcript.rs"]
mod transcript;

#[path = "connection/beats.rs"]
mod beats;
#[path = "connection/bodies.rs"]
mod bodies;
#[path = "connection/cold_files.rs"]
mod cold_files;
#[path = "connection/deadlines.rs"]
mod deadlines;
#[path = "connection/faults.rs"]
mod faults;
#[path = "connection/keep_alive.rs"]
mod keep_alive;
#[path = "connection/parts.rs"]
mod parts;
#[path = "connection/small_scope.rs"]
mod small_scope;
#[path = "connection/sources.rs"]
mod sources;
