//! One run: everything that can be drawn is drawn by a seed, the loop turns until nothing can
//! happen any more or it is stopped, and then the accounts are settled.
//!
//! Read next: `accounts.rs`, what must be so in the end.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use oneloop::config::{COPIED_BODY, Config, KIB, Limits, RECEIVE_BUFFER, SEND_BUFFER};
use oneloop::connection::Moment;
use oneloop::event_loop::{EventLoop, Flow, Service, Stays};

use super::accounts::{no_file_is_left, nothing_is_left, settle};
use super::asks::BODY_LIMIT;
use super::clients::Client;
use super::diary::Entry;
use super::dice::Dice;
use super::faults::{Faults, Mishap};
use super::house::House;
use super::kinds::{Mix, visitor};
use super::nature::{Errand, Nature, Shared};
use super::oracles::Stock;
use super::shelf::Shelf;
use super::socket::{Kernel, Socket};
use super::watcher::Watcher;
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
    fn stock(&self) -> Stock;
}

impl<const LINUX: bool> Driven for EventLoop<World<LINUX>, Watcher> {
    fn turn(&mut self) -> io::Result<Flow> {
        Self::turn(self)
    }

    fn stock(&self) -> Stock {
        Stock { held: self.held(), slots: self.open(), scheduled: self.scheduled() }
    }
}

/// What the loop is granted, and what it grants.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    pub(crate) config: Config,
    pub(crate) capacity: usize,
}

impl Terms {
    /// From now on the oracles go by them.
    pub(crate) fn binds(&self, nature: &mut Nature) {
        nature.oracles.limits = self.limits.clone();
        nature.oracles.grace = self.config.grace;
        nature.oracles.capacity = self.capacity;
        nature.oracles.held_by_one = HELD_BY_ONE;
        nature.shortage.of_memory = self.config.held_bytes < Config::default().held_bytes;
    }
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
        vec![Service { responder, limits, stays: Stays::UntilStop }],
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
    /// What has gone wrong, and how often.
    pub(crate) mishaps: BTreeMap<Mishap, usize>,
    /// What kinds of clients came, and how many of each.
    pub(crate) manners: BTreeMap<&'static str, usize>,
    /// What kinds of answers about files were given, and how many of each.
    pub(crate) told: BTreeMap<&'static str, usize>,
    world: String,
    nature: Shared,
}

impl Outcome {
    /// What world it was, in words.
    pub(crate) fn world(&self) -> &str {
        &self.world
    }

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
    let world = describe(&nature.borrow(), &terms);
    let mut turns = 0;
    let played = catch_unwind(AssertUnwindSafe(|| play(&nature, &terms, &mut turns)));
    let trouble = played.unwrap_or_else(|panic| Err(words(&*panic))).err();
    let now = nature.borrow();
    let fates = now.oracles.lives.iter().filter_map(|life| life.fate);
    let mut manners = BTreeMap::new();
    for client in now.clients.iter().flatten() {
        *manners.entry(client.manner).or_default() += 1;
    }
    Outcome {
        trouble,
        turns,
        fates: fates.map(|fate| format!("{fate:?}")).collect(),
        mishaps: now.mishaps.clone(),
        manners,
        told: now.shelf.as_ref().map_or_else(BTreeMap::new, |shelf| shelf.told.clone()),
        world,
        nature: Rc::clone(&nature),
    }
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
    let terms = draw_terms(&mut nature, &mut dice);
    nature.shelf = Some(Shelf::draw(&mut dice));
    nature.draw_changes(&mut dice);
    draw_stop(&mut nature, &mut dice);
    for listening in &mut nature.listening {
        listening.cannot_tell = dice.chance(300);
    }
    let mix = Mix::draw(&mut dice);
    let spread = dice.one_of(&[1, 1_000, 20_000]);
    for _ in 0..dice.within(1..=12) {
        let (client, windows) = mix.client(kernel, &mut dice);
        let id = comes(&mut nature, client, windows, &mut dice);
        let (wait, listener) = (dice.millis(0..=spread), dice.below(listeners));
        nature.after(wait, Errand::Connect { client: id, listener });
    }
    // So many that no turn accepts them all.
    if dice.chance(80) {
        let when = dice.millis(0..=spread);
        let listener = dice.below(listeners);
        for _ in 0..dice.one_of(&[65, 100, 300, 400]) {
            let client = visitor(&mut dice);
            let id = comes(&mut nature, client, [1_000, 4_000], &mut dice);
            let listener = if dice.chance(900) { listener } else { dice.below(listeners) };
            nature.after(when, Errand::Connect { client: id, listener });
        }
    }
    nature.dice = dice;
    (Rc::new(RefCell::new(nature)), terms)
}

/// What the server is granted, and what it is short of.
fn draw_terms(nature: &mut Nature, dice: &mut Dice) -> Terms {
    let mut terms = Terms::default();
    if dice.chance(150) {
        terms.capacity = dice.within(1..=12);
        nature.shortage.of_room = true;
    }
    if dice.chance(150) {
        nature.descriptors = dice.within(2..=8);
        nature.shortage.of_descriptors = true;
    }
    nature.shortage.of_descriptors |= nature.faults[Mishap::NoDescriptorsBriefly] > 0;
    if dice.chance(150) {
        terms.config.held_bytes = dice.one_of(&[0, 1_000, 50_000, 200_000]);
    }
    terms.binds(nature);
    terms
}

/// How the server is stopped before everybody has left, if it is.
fn draw_stop(nature: &mut Nature, dice: &mut Dice) {
    if !dice.chance(300) {
        return;
    }
    let wait = dice.millis(0..=20_000);
    if dice.chance(500) {
        nature.after(wait, Errand::Stop);
    } else {
        nature.after(wait, Errand::Signal);
    }
    if dice.chance(300) {
        let wait = wait + dice.millis(0..=12_000);
        nature.after(wait, Errand::Signal);
    }
}

/// A client that is going to come, and its number.
fn comes(
    nature: &mut Nature,
    client: Client,
    [receive_window, send_window]: [usize; 2],
    dice: &mut Dice,
) -> usize {
    let mut socket = Socket::new(nature.kernel, receive_window, send_window);
    socket.tells_closed = dice.chance(500);
    socket.tells_closed_alone = dice.chance(500);
    socket.ends_reads_early = dice.chance(200);
    let id = nature.add(socket, Some(client));
    if dice.chance(10 * nature.faults[Mishap::Broken]) {
        let wait = dice.millis(0..=30_000);
        nature.after(wait, Errand::Break(id));
    }
    id
}

/// For whoever replays it.
fn describe(nature: &Nature, terms: &Terms) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "Per thousand times: {}.", nature.faults);
    let _ = writeln!(
        text,
        "{} connections at the most, {} descriptors, {} bytes held, {} listeners.",
        terms.capacity,
        nature.descriptors,
        terms.config.held_bytes,
        nature.listening.len()
    );
    for (id, client) in nature.clients.iter().enumerate() {
        let Some(client) = client else { continue };
        let _ = writeln!(text, "Client {id} ({}) {}", client.manner, client.plan());
    }
    text
}

fn play(nature: &Shared, terms: &Terms, turns: &mut usize) -> Result<(), String> {
    let mut event_loop = event_loop(nature, terms);
    loop {
        *turns += 1;
        let flow = event_loop.turn().map_err(|error| error.to_string())?;
        let mut now = nature.borrow_mut();
        let stock = event_loop.stock();
        now.takes_stock(stock, terms.config.held_bytes);
        if let Flow::Ended(_) = flow {
            break;
        }
        if *turns > TURNS {
            return Err(format!("(3) spin: after {TURNS} turns it is not over"));
        }
        if std::mem::take(&mut now.is_over) {
            // Everybody should have been served by now, or have met a deadline.
            settle(&now)?;
            if stock.slots > 0 {
                return Err(format!("(2) {} connections stay for ever", stock.slots));
            }
            now.after(Duration::ZERO, Errand::Stop);
        }
    }
    nature.borrow_mut().oracles.is_content()?;
    nothing_is_left(nature, &*event_loop)?;
    drop(event_loop);
    let mut nature = nature.borrow_mut();
    // What is under way arrives also when the server is gone.
    nature.run_out()?;
    no_file_is_left(&nature)?;
    nature.oracles.is_content()?;
    settle(&nature)
}
