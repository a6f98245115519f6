//! A world for the loop to live in, in which everything goes wrong that can, by seed.
//!
//! ```text
//!  run.rs, stage.rs            a run by seed; a world moved by hand
//!        │
//!  EventLoop ──▶ world.rs ──▶ nature.rs, calls.rs, events.rs, listening.rs, socket.rs
//!        │                       │  ▲       what a kernel does, and may do (faults.rs)
//!  house.rs                      │  │
//!  (the responder)               │  └── clients.rs, scripts.rs, asks.rs, reader.rs
//!        │                       │            what clients do, and must be told
//!        └──────────────▶ oracles.rs
//!                          what must be so whenever the server waits
//! ```
//!
//! Read in this order: `world.rs`, `socket.rs`, `oracles.rs`, `run.rs`; then `bugs.rs`, where each
//! thing that can go wrong has a name.

mod asks;
mod bell;
mod calls;
mod clients;
mod diary;
mod dice;
mod events;
mod faults;
mod house;
mod listening;
mod nature;
mod oracles;
mod reader;
pub(crate) mod run;
mod scratch;
mod scripts;
pub(crate) mod socket;
mod stage;
mod way;
mod world;

mod bugs;
mod manners;
