//! What the server and its clients share: time, the sockets between them, what is going to happen
//! when, and the dice.
//!
//! Read next: `time.rs` (how it passes), `socket.rs` (one connection), `listening.rs` (how they
//! begin), `oracles.rs` (who looks at every wait).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use oneloop::connection::Moment;
use oneloop::event_loop::{Key, Ready, Transfer};
use oneloop::message::{Bell, Date, Job, RequestId};
use oneloop::{SharedFile, Wake};

use super::bell::Ringer;
use super::clients::{Client, Scene};
use super::diary::{Act, Diary, Entry};
use super::dice::Dice;
use super::faults::{Faults, Mishap};
use super::helpers::Helping;
use super::listening::Listening;
use super::oracles::Oracles;
use super::reader::Shortage;
use super::scratch::{noise_file, unnamed};
use super::shelf::{Change, Shelf};
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
    /// A helper has done this; for what is sent to that connection, perhaps.
    Helped(Option<usize>, Job),
    /// The kernel has memory again for what that connection sends.
    WriteSpace(usize),
    /// The network breaks that connection.
    Break(usize),
    /// Somebody changes a file on the shelf.
    Change(Change),
    /// Somebody asks the server to stop.
    Stop,
    /// The same by a signal; a second one ends it at once.
    Signal,
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
    /// The time that the server saw when its turn began, and goes by.
    pub(crate) seen: Moment,
    pub(super) is_waiting: bool,
    /// How long the disk has kept the server waiting.
    pub(super) waited_for_disk: Duration,
    /// How far the clock on the wall is off, in seconds.
    pub(crate) wall_offset: i64,
    /// The dates that the server was given, each with what the wall clock showed.
    pub(crate) dates: Vec<(u64, Date)>,
    pub(crate) dice: Dice,
    pub(crate) faults: Faults,
    /// How often each has made a difference.
    pub(crate) mishaps: BTreeMap<Mishap, usize>,
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
    /// Requests whose answer is a helper's, and whether it has made it.
    pub(crate) jobs: BTreeMap<RequestId, Arc<AtomicBool>>,
    pub(crate) helping: Helping,
    /// A file of noise. Whoever sends it holds it, and lets go of it in the end.
    pub(crate) noise: Arc<SharedFile>,
    /// To which connections a file was sent that cannot be read any more, and what the call says.
    pub(super) bad_files: BTreeMap<usize, Transfer>,
    /// A file that a test can change while it is sent.
    pub(crate) scratch: Arc<SharedFile>,
    /// Files that are served by name, where there are any.
    pub(crate) shelf: Option<Shelf>,
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
    /// Whether it is rung when a turn begins: for nothing, and the next wait tells of it.
    pub(super) was_rung_falsely: bool,
    pub(super) keys: Vec<Option<Key>>,
    /// Signals that have come and were not told.
    pub(super) signals: usize,
    /// When each client looks next.
    pub(super) acts_at: Vec<Moment>,
    pub(super) dead: Vec<Key>,
    pub(super) errands: BTreeMap<(Moment, u64), Errand>,
    pub(super) errand_number: u64,
}

impl Nature {
    pub(crate) fn new(kernel: Kernel, seed: u64, listeners: usize) -> Self {
        Self {
            kernel,
            now: Moment::START,
            seen: Moment::START,
            is_waiting: false,
            waited_for_disk: Duration::ZERO,
            wall_offset: 0,
            dates: Vec::new(),
            dice: Dice::new(seed),
            faults: Faults::NONE,
            mishaps: BTreeMap::new(),
            sockets: Vec::new(),
            clients: Vec::new(),
            listening: (0..listeners).map(|_| Listening::default()).collect(),
            descriptors: usize::MAX,
            diary: Diary::default(),
            oracles: Oracles::default(),
            begun: BTreeSet::new(),
            finished: BTreeSet::new(),
            jobs: BTreeMap::new(),
            helping: Helping::default(),
            noise: noise_file(),
            bad_files: BTreeMap::new(),
            scratch: Arc::new(unnamed(b"").into()),
            shelf: None,
            is_over: false,
            by_hand: None,
            shortage: Shortage::default(),
            waited: Waited::default(),
            told_of_the_dead: None,
            bell: Arc::default(),
            was_rung_falsely: false,
            keys: Vec::new(),
            signals: 0,
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

    // Mishaps.

    /// Whether that happens this time. Where it does, it makes a difference.
    pub(super) fn strikes(&mut self, mishap: Mishap) -> bool {
        let strikes = self.dice.chance(self.faults[mishap]);
        if strikes {
            self.struck(mishap);
        }
        strikes
    }

    /// It has happened, and made a difference.
    pub(super) fn struck(&mut self, mishap: Mishap) {
        *self.mishaps.entry(mishap).or_default() += 1;
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
            client.act(socket, scene).map_err(|what| format!("(1) client {id} ({manner}): {what}"))
        });
        if let Some(Some(moment)) = next.transpose()? {
            self.act_at(id, moment);
        }
        self.judges(id)
    }

    pub(super) fn with_client<T>(
        &mut self,
        id: usize,
        what: impl FnOnce(&mut Client, &mut Socket, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        // Of a turn that has begun the server knows the time already.
        let dated = if self.is_waiting { self.now } else { self.seen };
        let is_set = self.faults[Mishap::WallClockSet] > 0;
        let wall = (!is_set).then(|| [dated, self.now].map(|at| self.wall(at)));
        let Self { now, dice, shortage, sockets, clients, faults, .. } = self;
        let client = clients[id].as_mut()?;
        let urgent = faults[Mishap::Urgent];
        let acts = Vec::new();
        let mut scene = Scene { now: *now, dice, shortage: *shortage, urgent, wall, acts };
        let result = what(client, &mut sockets[id], &mut scene);
        for act in scene.acts {
            match act {
                Act::Shuts => self.struck(Mishap::HalfClose),
                Act::Resets => self.struck(Mishap::Reset),
                _ => {}
            }
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

    /// The network breaks a connection, if it is one still.
    pub(super) fn breaks(&mut self, id: usize) {
        let Some(client) = &mut self.clients[id] else { return };
        if !self.oracles.lives[id].is_accepted || !client.loses_its_connection() {
            return;
        }
        self.struck(Mishap::Broken);
        self.note(Entry::Breaks(id));
        let loses_bytes = self.dice.chance(500);
        self.sockets[id].client_resets(loses_bytes);
    }

    pub(super) fn is_connecting(&mut self, id: usize) {
        self.note(Entry::Client(id, Act::Connects));
    }
}
