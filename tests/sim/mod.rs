//! A world for the loop to live in, in which everything goes wrong that can, by seed.
//!
//! ```text
//!  run.rs, stage.rs            a run by seed; a world moved by hand
//!        │
//!  EventLoop ──▶ world.rs ──▶ nature.rs, time.rs, calls.rs, events.rs, listening.rs, socket.rs,
//!        │                       │  ▲       helpers.rs
//!        │                       │  ▲       what a kernel does, and may do (faults.rs)
//!  house.rs                      │  │
//!  (the responder)               │  └── clients.rs, kinds.rs, scripts.rs, asks.rs, reader.rs,
//!        │                       │      wishes.rs; judging.rs (files of shelf.rs)
//!        │                       │            what clients do, and must be told
//!        └─▶ watcher.rs ──▶ oracles.rs, life.rs, accounts.rs
//!                          what must be so whenever the server waits, and in the end
//! ```
//!
//! Read in this order: `world.rs`, `faults.rs`, `socket.rs`, `oracles.rs`, `run.rs`; then the
//! scenes, in which each thing that can go wrong has a name: `beats.rs`, `bugs.rs`, `hardships.rs`,
//! `manners.rs`, `memory.rs`.

mod accounts;
mod asks;
mod bell;
mod calls;
mod clients;
mod diary;
mod dice;
mod events;
mod far_end;
pub(crate) mod faults;
mod helpers;
mod house;
mod judging;
mod kinds;
mod life;
mod listening;
mod nature;
mod oracles;
mod reader;
pub(crate) mod run;
mod scratch;
mod scripts;
mod shelf;
pub(crate) mod socket;
mod stage;
mod time;
mod watcher;
mod way;
mod wishes;
mod world;

mod beats;
mod bugs;
mod hardships;
mod manners;
mod memory;
