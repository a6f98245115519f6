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
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use oneloop::connection::Moment;
use oneloop::event_loop::{Key, Notice, Ready, Transfer};
use oneloop::message::{Bell, RequestId};
use oneloop::{FileRange, Wake};

use super::bell::Ringer;
use super::clients::{Client, Scene};
use super::diary::{Act, Diary, Entry};
use super::dice::Dice;
use super::faults::Faults;
use super::listening::Listening;
use super::oracles::Oracles;
use super::reader::Shortage;
use super::scratch::unnamed;
use super::socket::{Kernel, Lie, Socket};

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

/// A call that moves bytes.
pub(crate) enum Call<'a> {
    Read(&'a mut [u8]),
    Write([&'a [u8]; 2], bool),
    SendFile(&'a FileRange),
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
    keys: Vec<Option<Key>>,
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

    // Events.

    /// Takes what is to be told, as many notices as one wait may bring.
    fn collect(&mut self, notices: &mut Vec<Notice>) {
        if self.bell.was_rung() {
            self.note(Entry::Rang);
            notices.push(Notice::Rung);
        }
        for listener in 0..self.listening.len() {
            if self.listening[listener].take_event(self.kernel) {
                self.note(Entry::ToldListener(listener));
                notices.push(Notice::Listener(listener));
            }
        }
        // They come in no order that one could build on.
        let first = self.dice.below(self.sockets.len().max(1));
        for at in 0..self.sockets.len() {
            let id = (first + at) % self.sockets.len();
            if notices.len() >= self.faults.batch {
                break;
            }
            if let (Some(key), Some(ready)) = (self.keys[id], self.sockets[id].take_event()) {
                self.tell(id, key, ready, notices);
            }
        }
    }

    fn tell(&mut self, id: usize, key: Key, ready: Ready, notices: &mut Vec<Notice>) {
        self.note(Entry::Told(id, ready));
        self.oracles.told(id, ready);
        notices.push(Notice::Ready(key, ready));
    }

    /// Adds events that mean nothing.
    fn lie_about_events(&mut self, notices: &mut Vec<Notice>) {
        let both = Ready::READABLE.and(Ready::WRITABLE);
        if self.dice.chance(self.faults.duplicate) && !notices.is_empty() {
            let again = notices[self.dice.below(notices.len())];
            notices.push(again);
        }
        let live: Vec<usize> = (0..self.keys.len()).filter(|id| self.keys[*id].is_some()).collect();
        if self.dice.chance(self.faults.spurious) && !live.is_empty() {
            let id = self.dice.one_of(&live);
            let ready = self.dice.one_of(&[Ready::READABLE, Ready::WRITABLE, both]);
            if let Some(key) = self.keys[id] {
                self.note(Entry::Told(id, ready));
                notices.push(Notice::Ready(key, ready));
            }
        }
        if let (Some(ready), Some(&key)) = (self.told_of_the_dead.take(), self.dead.last()) {
            self.tell_stale(key, ready, notices);
        }
        if self.dice.chance(self.faults.stale) && !self.dead.is_empty() {
            let key = self.dice.one_of(&self.dead);
            let closed = both.and(Ready::READ_CLOSED).and(Ready::WRITE_CLOSED);
            let ready = self.dice.one_of(&[both, closed, closed.and(Ready::GONE)]);
            self.tell_stale(key, ready, notices);
        }
        if self.dice.chance(self.faults.false_bell) {
            let keys: Vec<Key> = self.keys.iter().flatten().chain(&self.dead).copied().collect();
            if !keys.is_empty() {
                self.bell.ring(self.dice.one_of(&keys).to_bits());
            }
        }
    }

    /// Tells something of a connection that was closed.
    fn tell_stale(&mut self, key: Key, ready: Ready, notices: &mut Vec<Notice>) {
        self.note(Entry::ToldStale(key, ready));
        self.oracles.stale_told += 1;
        notices.push(Notice::Ready(key, ready));
    }

    // Connections, as the server sees them.

    pub(crate) fn register(&mut self, id: usize, key: Key) -> io::Result<()> {
        self.oracles.registered(id, key.generation, self.now);
        if self.dice.chance(self.faults.register_failed) {
            self.disturb(id);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.keys[id] = Some(key);
        self.sockets[id].register();
        Ok(())
    }

    pub(crate) fn call(&mut self, id: usize, call: Call<'_>) -> Transfer {
        self.meanwhile(id);
        let lie = self.lie(id, &call);
        let socket = &mut self.sockets[id];
        let (transfer, entry) = match call {
            Call::Read(room) => {
                let asked = room.len();
                let got = socket.read(room, lie);
                self.oracles.read(id, got, socket.is_readable(), self.now);
                (got, Entry::Reads { of: id, asked, got })
            }
            Call::Write(pieces, more_follows) => {
                let given = pieces[0].len() + pieces[1].len();
                let got = socket.write(pieces, more_follows, lie);
                self.oracles.wrote(id, got, given, self.now);
                (got, Entry::Writes { to: id, given, got })
            }
            Call::SendFile(range) => {
                let got = socket.send_file(range, lie);
                let given = usize::try_from(range.len).unwrap_or(usize::MAX);
                self.oracles.wrote(id, got, given, self.now);
                (got, Entry::SendsFile { to: id, given: range.len, got })
            }
        };
        self.note(entry);
        self.rouse(id);
        transfer
    }

    pub(crate) fn shut(&mut self, id: usize) {
        self.note(Entry::Shuts(id));
        self.sockets[id].shut();
        self.rouse(id);
    }

    pub(crate) fn closed(&mut self, id: usize) {
        self.note(Entry::Drops(id));
        self.sockets[id].server_closes();
        self.dead.extend(self.keys[id].take());
        self.oracles.open -= 1;
        self.rouse(id);
    }

    /// What the kernel says instead of the truth this time.
    fn lie(&mut self, id: usize, call: &Call<'_>) -> Lie {
        let is_linux = self.kernel == Kernel::Linux;
        let is_write = !matches!(call, Call::Read(_));
        let (short, len) = match call {
            Call::Read(_) if is_linux && !self.sockets[id].ends_reads_early => return Lie::NONE,
            Call::Read(room) => (self.faults.short_read, room.len()),
            Call::Write([first, second], _) => {
                (self.faults.short_write, first.len() + second.len())
            }
            Call::SendFile(range) => (self.faults.short_file, range.len as usize),
        };
        let may_say_blocked = is_write || !is_linux;
        let says_blocked = may_say_blocked && self.dice.chance(self.faults.blocked);
        let mut lie = Lie { says_blocked, ..Lie::NONE };
        if self.dice.chance(short) {
            // Often a good deal of it, sometimes a few bytes: otherwise nothing would ever be done.
            let least = self.dice.one_of(&[1, len / 4, len / 2]);
            lie.at_most = self.dice.within(least.max(1)..=len.max(1));
        }
        if is_linux && is_write && (lie.says_blocked || lie.at_most < len) {
            let wait = self.dice.micros(1..=2_000);
            self.after(wait, Errand::WriteSpace(id));
        }
        lie
    }

    /// The world does not stand still while the server works.
    fn meanwhile(&mut self, id: usize) {
        if self.dice.chance(self.faults.meanwhile) {
            self.with_client(id, |client, socket, scene| {
                client.push(socket, scene);
            });
        }
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

    fn with_client<T>(
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
