//! What the server and its clients share: time, the sockets between them, what is going to happen
//! when, and the dice.
//!
//! Time passes only while the server waits (and a little while it works, all of it at once). A wait
//! runs the world on, errand by errand, until there is something to tell or the limit is reached.
//! Where there is no limit and nothing will ever happen any more, the simulation is over.
//!
//! Read next: `socket.rs` (one connection), `listening.rs` (how they begin), `oracles.rs` (who
//! looks at every wait).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use oneloop::Wake;
use oneloop::connection::Moment;
use oneloop::event_loop::{Key, Notice, Ready};
use oneloop::message::{Bell, RequestId};

use super::bell::Ringer;
use super::clients::{Client, Scene};
use super::diary::{Act, Diary, Entry};
use super::dice::Dice;
use super::faults::Faults;
use super::listening::Listening;
use super::oracles::Oracles;
use super::reader::Shortage;
use super::scratch::unnamed;
use super::socket::{Kernel, Socket};

pub(crate) type Shared = Rc<RefCell<Nature>>;

/// Something that is going to happen.
pub(crate) enum Errand {
    /// A client connects to that listener.
    Connect { client: usize, listener: usize },
    /// A client looks whether it has something to do.
    Act(usize),
    /// What a responder had begun for that request is done.
    Finish(RequestId, Wake),
    /// A bell is rung.
    Ring(Wake),
    /// The kernel has memory again for what that connection sends.
    WriteSpace(usize),
    /// Somebody asks the server to stop.
    Stop,
}

/// How the server waited the last time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waited {
    pub(crate) since: Moment,
    pub(crate) limit: Option<Duration>,
    pub(crate) notices: usize,
}

pub(crate) struct Nature {
    pub(crate) kernel: Kernel,
    pub(crate) now: Moment,
    pub(crate) dice: Dice,
    pub(crate) faults: Faults,
    /// A client's socket has its number.
    pub(crate) sockets: Vec<Socket>,
    /// Without its client a socket is moved by hand.
    pub(crate) clients: Vec<Option<Client>>,
    pub(crate) listening: Vec<Listening>,
    /// How many connections there are descriptors for.
    pub(crate) descriptors: usize,
    pub(crate) diary: Diary,
    pub(crate) oracles: Oracles,
    /// Requests whose answer is begun, and those whose answer is ready.
    pub(crate) begun: BTreeSet<RequestId>,
    pub(crate) finished: BTreeSet<RequestId>,
    /// A file that a test can change while it is sent.
    pub(crate) scratch: Arc<File>,
    /// Whether nothing will ever happen any more.
    pub(crate) is_over: bool,
    /// Where time is moved by hand: how far it may go.
    pub(crate) by_hand: Option<Moment>,
    /// What the server is short of, or may be.
    pub(crate) shortage: Shortage,
    pub(crate) waited: Waited,
    /// What is told next of the connection that was closed last.
    pub(crate) told_of_the_dead: Option<Ready>,
    pub(super) bell: Arc<Ringer>,
    pub(super) keys: Vec<Option<Key>>,
    /// When each client looks next.
    acts_at: Vec<Moment>,
    pub(super) dead: Vec<Key>,
    errands: BTreeMap<(Moment, u64), Errand>,
    errand_number: u64,
}

impl Nature {
    pub(crate) fn new(kernel: Kernel, seed: u64, listeners: usize) -> Self {
        Self {
            kernel,
            now: Moment::START,
            dice: Dice::new(seed),
            faults: Faults::NONE,
            sockets: Vec::new(),
            clients: Vec::new(),
            listening: (0..listeners).map(|_| Listening::default()).collect(),
            descriptors: usize::MAX,
            diary: Diary::default(),
            oracles: Oracles::default(),
            begun: BTreeSet::new(),
            finished: BTreeSet::new(),
            scratch: Arc::new(unnamed(b"")),
            is_over: false,
            by_hand: None,
            shortage: Shortage::default(),
            waited: Waited::default(),
            told_of_the_dead: None,
            bell: Arc::default(),
            keys: Vec::new(),
            acts_at: Vec::new(),
            dead: Vec::new(),
            errands: BTreeMap::new(),
            errand_number: 0,
        }
    }

    /// One more connection to be, and its number.
    pub(crate) fn add(&mut self, socket: Socket, client: Option<Client>) -> usize {
        self.sockets.push(socket);
        self.clients.push(client);
        self.keys.push(None);
        self.acts_at.push(Moment::NEVER);
        self.oracles.lives.push(Default::default());
        self.sockets.len() - 1
    }

    pub(crate) fn note(&mut self, entry: Entry) {
        self.diary.note(self.now, entry);
    }

    // Time.

    pub(crate) fn after(&mut self, wait: Duration, errand: Errand) {
        self.errand_number += 1;
        self.errands.insert((self.now.after(wait), self.errand_number), errand);
    }

    /// The one call that waits.
    pub(crate) fn wait(
        &mut self,
        limit: Option<Duration>,
        notices: &mut Vec<Notice>,
    ) -> Result<(), String> {
        self.note(Entry::Waits(limit));
        self.look(limit)?;
        let since = self.now;
        let mut until = limit.map_or(Moment::NEVER, |limit| self.now.after(limit));
        if let Some(moment) = self.by_hand {
            until = until.min(moment);
        } else {
            let worked = self.faults.slowness.as_micros() as usize;
            self.now = self.now.after(self.dice.micros(0..=worked));
        }
        if limit != Some(Duration::ZERO) && self.dice.chance(self.faults.interrupted) {
            until = until.min(self.now.after(self.dice.micros(0..=1_000)));
        }
        self.run_until(until, notices)?;
        self.lie_about_events(notices);
        self.note(Entry::Woken { notices: notices.len() });
        self.waited = Waited { since, limit, notices: notices.len() };
        Ok(())
    }

    /// Runs the world on until there is something to tell.
    fn run_until(&mut self, until: Moment, notices: &mut Vec<Notice>) -> Result<(), String> {
        loop {
            self.run_errands()?;
            self.collect(notices);
            let next = self.errands.keys().next().map_or(Moment::NEVER, |(when, _)| *when);
            if !notices.is_empty() {
                return Ok(());
            }
            if next.min(until) == Moment::NEVER {
                self.is_over = true;
                return Ok(());
            }
            if until <= self.now {
                return Ok(());
            }
            self.now = next.min(until).max(self.now);
        }
    }

    /// Runs the world on until nothing will ever happen any more.
    pub(crate) fn run_out(&mut self) -> Result<(), String> {
        while let Some((when, _)) = self.errands.keys().next() {
            self.now = self.now.max(*when);
            self.run_errands()?;
        }
        Ok(())
    }

    fn run_errands(&mut self) -> Result<(), String> {
        while let Some(first) = self.errands.first_entry()
            && first.key().0 <= self.now
        {
            let when = first.key().0;
            match first.remove() {
                Errand::Connect { client, listener } => self.connect(client, listener)?,
                Errand::Act(client) if self.acts_at[client] == when => self.act(client)?,
                // It has looked earlier.
                Errand::Act(_) => {}
                Errand::Finish(request, wake) => {
                    self.finished.insert(request);
                    wake.wake();
                }
                Errand::Ring(wake) => wake.wake(),
                Errand::WriteSpace(id) => self.sockets[id].write_space(),
                Errand::Stop => self.bell.ask_to_stop(),
            }
        }
        Ok(())
    }

    pub(super) fn bell(&self) -> Arc<dyn Bell> {
        Arc::<Ringer>::clone(&self.bell)
    }

    // Clients.

    /// Something has changed for a client: it looks at it, a little later.
    pub(super) fn rouse(&mut self, id: usize) {
        if self.clients[id].is_some() {
            let latency = self.faults.latency.as_micros() as usize;
            let wait = self.dice.micros(0..=latency);
            self.act_at(id, self.now.after(wait));
        }
    }

    fn act_at(&mut self, id: usize, when: Moment) {
        if when < self.acts_at[id] {
            self.acts_at[id] = when;
            self.after(when.since(self.now), Errand::Act(id));
        }
    }

    pub(super) fn act(&mut self, id: usize) -> Result<(), String> {
        self.acts_at[id] = Moment::NEVER;
        let next = self.with_client(id, |client, socket, scene| {
            let manner = client.manner;
            client.act(socket, scene).map_err(|what| format!("client {id} ({manner}): {what}"))
        });
        if let Some(Some(moment)) = next.transpose()? {
            self.act_at(id, moment);
        }
        Ok(())
    }

    pub(super) fn with_client<T>(
        &mut self,
        id: usize,
        what: impl FnOnce(&mut Client, &mut Socket, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        let Self { now, dice, shortage, sockets, clients, .. } = self;
        let client = clients[id].as_mut()?;
        let mut scene = Scene { now: *now, dice, shortage: *shortage, acts: Vec::new() };
        let result = what(client, &mut sockets[id], &mut scene);
        for act in scene.acts {
            self.note(Entry::Client(id, act));
            self.oracles.progress += 1;
        }
        Some(result)
    }

    /// Something happened to a client that nobody is to blame for.
    pub(super) fn disturb(&mut self, id: usize) {
        if let Some(client) = &mut self.clients[id] {
            client.is_disturbed = true;
        }
    }

    pub(super) fn is_connecting(&mut self, id: usize) {
        self.note(Entry::Client(id, Act::Connects));
    }
}
