//! One run: everything that can be drawn is drawn by a seed, the loop turns until nothing can
//! happen any more or it is stopped, and then the accounts are settled.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use oneloop::config::{COPIED_BODY, Config, KIB, Limits, RECEIVE_BUFFER, SEND_BUFFER};
use oneloop::connection::{CloseReason, Moment};
use oneloop::event_loop::{EventLoop, Flow, Service};

use super::asks::BODY_LIMIT;
use super::clients::Client;
use super::diary::Entry;
use super::dice::Dice;
use super::faults::Faults;
use super::house::House;
use super::nature::{Errand, Nature, Shared};
use super::oracles::{Life, Watcher};
use super::reader::Shortage;
use super::scripts::Mix;
use super::socket::{End, Kernel, Socket};
use super::world::World;

/// No run takes more turns than this.
const TURNS: usize = 500_000;
/// What one connection can make the server hold, in bytes: an inbox, an outbox with the piece of a
/// source or a copied body at its end, and a body of its own, whose vector may have room for as
/// much again.
const HELD_BY_ONE: usize = RECEIVE_BUFFER + SEND_BUFFER + COPIED_BODY + 24 * KIB + 2 * BODY_LIMIT;

/// A loop over either kernel.
pub(crate) trait Driven {
    fn turn(&mut self) -> io::Result<Flow>;
    fn open(&self) -> usize;
    fn held(&self) -> usize;
}

impl<const LINUX: bool> Driven for EventLoop<World<LINUX>, Watcher> {
    fn turn(&mut self) -> io::Result<Flow> {
        Self::turn(self)
    }

    fn open(&self) -> usize {
        Self::open(self)
    }

    fn held(&self) -> usize {
        Self::held(self)
    }
}

/// What the loop is granted, and what it grants.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    pub(crate) config: Config,
    pub(crate) capacity: usize,
}

impl Default for Terms {
    fn default() -> Self {
        let mut limits = Limits::default();
        limits.body_bytes = BODY_LIMIT as u64;
        Self { limits, config: Config::default(), capacity: 1_000 }
    }
}

/// The loop, in that world.
pub(crate) fn event_loop(nature: &Shared, terms: &Terms) -> Box<dyn Driven> {
    match nature.borrow().kernel {
        Kernel::Contract => Box::new(event_loop_on::<false>(nature, terms)),
        Kernel::Linux => Box::new(event_loop_on::<true>(nature, terms)),
    }
}

fn event_loop_on<const LINUX: bool>(
    nature: &Shared,
    terms: &Terms,
) -> EventLoop<World<LINUX>, Watcher> {
    let Terms { limits, config, capacity } = terms.clone();
    let responder = Box::new(House::new(Rc::clone(nature)));
    EventLoop::new(
        World(Rc::clone(nature)),
        vec![Service { responder, limits }],
        vec![0; nature.borrow().listening.len()],
        config,
        capacity,
        Watcher(Rc::clone(nature)),
    )
}

/// What came of a run.
pub(crate) struct Outcome {
    /// What was wrong, if anything was.
    pub(crate) trouble: Option<String>,
    pub(crate) turns: usize,
    /// The reasons for which connections were closed.
    pub(crate) fates: BTreeSet<String>,
    nature: Shared,
}

impl Outcome {
    /// The end of what happened.
    pub(crate) fn tail(&self, most: usize) -> String {
        self.nature.borrow().diary.tail(most)
    }

    /// Everything that happened.
    pub(crate) fn entries(&self) -> Vec<(Moment, Entry)> {
        self.nature.borrow().diary.entries().to_vec()
    }
}

/// Runs the world of that seed to its end.
pub(crate) fn run(kernel: Kernel, seed: u64) -> Outcome {
    let (nature, terms) = draw(kernel, seed);
    let mut turns = 0;
    let played = catch_unwind(AssertUnwindSafe(|| play(&nature, &terms, &mut turns)));
    let trouble = played.unwrap_or_else(|panic| Err(words(&*panic))).err();
    let lives = &nature.borrow().oracles.lives;
    let fates = lives.iter().filter_map(|life| life.fate).map(|fate| format!("{fate:?}")).collect();
    Outcome { trouble, turns, fates, nature: Rc::clone(&nature) }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a panic: {}", text.unwrap_or("without words"))
}

/// The world of that seed.
fn draw(kernel: Kernel, seed: u64) -> (Shared, Terms) {
    let mut dice = Dice::new(seed);
    let listeners = dice.within(1..=3);
    let mut nature = Nature::new(kernel, seed, listeners);
    nature.faults = Faults::draw(kernel, &mut dice);
    let mut terms = Terms::default();
    if dice.chance(150) {
        terms.capacity = dice.within(1..=12);
        nature.shortage.of_room = true;
    }
    if dice.chance(150) {
        nature.descriptors = dice.within(2..=8);
        nature.shortage.of_descriptors = true;
    }
    if dice.chance(150) {
        terms.config.held_bytes = dice.one_of(&[0, 1_000, 50_000, 200_000]);
        nature.shortage.of_memory = true;
    }
    if dice.chance(250) {
        let wait = dice.millis(0..=20_000);
        nature.after(wait, Errand::Stop);
    }
    for listening in &mut nature.listening {
        listening.cannot_tell = dice.chance(300);
    }
    let mix = Mix::draw(&mut dice);
    let spread = dice.one_of(&[1, 1_000, 20_000]);
    for _ in 0..dice.within(1..=12) {
        let receive_window = dice.one_of(&[100, 1_000, 16_000, 64_000, 1_000_000]);
        let send_window = dice.one_of(&[500, 4_000, 16_000, 64_000, 3_000_000]);
        let client = mix.client(kernel, send_window, &mut dice);
        let mut socket = Socket::new(kernel, receive_window, send_window);
        socket.tells_closed = dice.chance(500);
        socket.ends_reads_early = dice.chance(200);
        let client = nature.add(socket, Some(client));
        let (wait, listener) = (dice.millis(0..=spread), dice.below(listeners));
        nature.after(wait, Errand::Connect { client, listener });
    }
    nature.oracles.limits = terms.limits.clone();
    nature.oracles.grace = terms.config.grace;
    nature.dice = dice;
    (Rc::new(RefCell::new(nature)), terms)
}

fn play(nature: &Shared, terms: &Terms, turns: &mut usize) -> Result<(), String> {
    let mut event_loop = event_loop(nature, terms);
    loop {
        *turns += 1;
        let flow = event_loop.turn().map_err(|error| error.to_string())?;
        let (held, open) = (event_loop.held(), event_loop.open());
        let mut now = nature.borrow_mut();
        now.oracles.is_memory_short = held > terms.config.held_bytes;
        if held > open * HELD_BY_ONE {
            return Err(format!("{open} connections hold {held} bytes"));
        }
        if let Flow::Ended(_) = flow {
            break;
        }
        if *turns > TURNS {
            return Err(format!("after {TURNS} turns it is not over"));
        }
        if std::mem::take(&mut now.is_over) {
            // Everybody should have been served by now, or have met a deadline.
            settle(&now)?;
            if open > 0 {
                return Err(format!("{open} connections stay for ever"));
            }
            now.after(Duration::ZERO, Errand::Stop);
        }
    }
    if (event_loop.open(), event_loop.held()) != (0, 0) {
        return Err("something is left after the end".into());
    }
    drop(event_loop);
    let mut nature = nature.borrow_mut();
    if nature.oracles.open > 0 {
        return Err(format!("{} sockets were never closed", nature.oracles.open));
    }
    // What is under way arrives also when the server is gone.
    nature.run_out()?;
    settle(&nature)
}

/// Whether everybody got what was due to them.
fn settle(nature: &Nature) -> Result<(), String> {
    for (id, (client, life)) in nature.clients.iter().zip(&nature.oracles.lives).enumerate() {
        let Some(client) = client else { continue };
        if !life.is_accepted && (client.is_disturbed || nature.oracles.is_stopping()) {
            continue;
        }
        let settled = settle_one(client, life, nature.shortage);
        settled.map_err(|what| {
            let (manner, fate) = (client.manner, life.fate);
            format!("client {id} ({manner}), which was closed for {fate:?}, {what}")
        })?;
    }
    Ok(())
}

fn settle_one(client: &Client, life: &Life, shortage: Shortage) -> Result<(), String> {
    use CloseReason::{
        AnswerTimeout, Answered, ClientDone, CutOff, Fault, IdleTimeout, MadeRoom, Panicked,
        Stalled, Stopped,
    };
    let is_orderly = matches!(
        life.fate,
        Some(
            ClientDone
                | Answered
                | IdleTimeout
                | MadeRoom
                | Stopped
                | Fault(_)
                | AnswerTimeout
                | Panicked
        )
    );
    if is_orderly && client.met == Some(End::Eof) && !client.reader.is_between_answers() {
        return Err("was left in the middle of an answer".into());
    }
    if !client.is_honest || client.is_disturbed || client.reader.was_timed_out {
        return Ok(());
    }
    if client.reader.is_content() {
        if !is_orderly && !shortage.of_room {
            return Err("did nothing for that".into());
        }
        if life.answered != client.wants {
            return Err(format!("was answered, it is said, {:?}", life.answered));
        }
        return Ok(());
    }
    // Some reasons are as good as an answer, where the server has them.
    let is_excused = match life.fate {
        Some(MadeRoom) => true,
        Some(IdleTimeout | Stalled) => shortage.of_memory,
        Some(Stopped | CutOff) => shortage.of_room,
        // Whoever lingers is not waited for any more, and if it sends still, it is reset.
        _ if client.met == Some(End::Reset) => shortage.of_room || shortage.of_descriptors,
        _ => shortage.of_room && client.reader.has_closed,
    };
    if is_excused {
        return Ok(());
    }
    let (whole, all) = (client.reader.whole, client.wants.len());
    Err(format!("got {whole} of {all} answers"))
}
