//! A world moved by hand: nothing happens in it but what a test does, line by line. The oracles
//! watch here too.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use oneloop::connection::CloseReason;
use oneloop::event_loop::{Flow, Ready};

use super::asks::{Ask, Expected};
use super::life::Life;
use super::nature::{Errand, Nature, Shared, Waited};
use super::reader::{Reader, Shortage};
use super::run::{Driven, Terms, event_loop};
use super::socket::{Kernel, Socket};

/// More turns in a row than anything takes that comes to rest.
const TURNS: usize = 10_000;
/// A window in which everything fits that is not meant to fill it.
pub(crate) const WIDE: usize = 1 << 20;

/// Plays a scene on each kernel.
pub(crate) fn on_both_kernels(scene: impl Fn(Kernel)) {
    scene(Kernel::Contract);
    scene(Kernel::Linux);
}

pub(crate) struct Stage {
    pub(crate) nature: Shared,
    event_loop: Box<dyn Driven>,
    terms: Terms,
}

impl Stage {
    pub(crate) fn on(kernel: Kernel) -> Self {
        Self::with(kernel, Terms::default())
    }

    pub(crate) fn with(kernel: Kernel, terms: Terms) -> Self {
        let mut nature = Nature::new(kernel, 0, 1);
        nature.by_hand = Some(nature.now);
        terms.binds(&mut nature);
        let nature = Rc::new(RefCell::new(nature));
        let event_loop = event_loop(&nature, &terms);
        Self { nature, event_loop, terms }
    }

    // What clients do.

    pub(crate) fn connects(&mut self) -> usize {
        self.connects_through(WIDE, WIDE)
    }

    pub(crate) fn connects_through(&mut self, receive_window: usize, send_window: usize) -> usize {
        let mut nature = self.nature.borrow_mut();
        let socket = Socket::new(nature.kernel, receive_window, send_window);
        let client = nature.add(socket, None);
        nature.after(Duration::ZERO, Errand::Connect { client, listener: 0 });
        client
    }

    /// Sends all of these bytes; how many of them the window took.
    pub(crate) fn sends(&mut self, client: usize, bytes: impl AsRef<[u8]>) -> usize {
        self.socket(client, |socket| socket.push(bytes.as_ref()))
    }

    pub(crate) fn asks(&mut self, client: usize, asks: &[Ask]) {
        for ask in asks {
            for bytes in [ask.head(), ask.body()] {
                assert_eq!(self.sends(client, &bytes), bytes.len(), "the window is too small");
            }
        }
    }

    /// Does something with a client's end of its connection.
    pub(crate) fn socket<T>(&mut self, client: usize, what: impl FnOnce(&mut Socket) -> T) -> T {
        what(&mut self.nature.borrow_mut().sockets[client])
    }

    /// Lets the server come to rest, and then [`hears`](Self::hears).
    pub(crate) fn hears_after_settling(&mut self, client: usize, asks: &[Ask]) {
        self.settles();
        self.hears(client, asks);
    }

    /// Reads until nothing more comes, which must be the answers to `asks` and nothing else.
    pub(crate) fn hears(&mut self, client: usize, asks: &[Ask]) {
        self.hears_exactly(client, asks.iter().map(Expected::to).collect());
    }

    pub(crate) fn hears_exactly(&mut self, client: usize, expected: Vec<Expected>) {
        let mut reader = Reader::new(expected);
        // A server that stops, or has hardly room left, makes every answer the last.
        let shortage = Shortage { of_room: true, ..Shortage::default() };
        loop {
            let bytes = self.socket(client, |socket| socket.take(usize::MAX));
            if bytes.is_empty() {
                break;
            }
            if let Err(what) = reader.received(&bytes, shortage) {
                self.fail(&format!("client {client}: {what}"));
            }
            self.settles();
        }
        if !reader.is_content() || !reader.is_between_answers() {
            self.fail(&format!("client {client} got {} answers and no more", reader.whole));
        }
    }

    // What the server does.

    pub(crate) fn turns(&mut self) -> Flow {
        let flow = match self.event_loop.turn() {
            Ok(flow) => flow,
            Err(error) => self.fail(&error.to_string()),
        };
        let stock = self.event_loop.stock();
        let mut nature = self.nature.borrow_mut();
        nature.takes_stock(stock, self.terms.config.held_bytes);
        // A turn may take its time.
        nature.by_hand = nature.by_hand.max(Some(nature.now));
        flow
    }

    /// The clock leaps.
    pub(crate) fn leaps(&mut self, time: Duration) {
        let mut nature = self.nature.borrow_mut();
        nature.leaps(time);
        nature.by_hand = Some(nature.now);
    }

    /// Turns until the server is at rest: it would wait, and nothing is there to wake it. How often
    /// that was.
    pub(crate) fn settles(&mut self) -> usize {
        for turn in 1..=TURNS {
            if let Flow::Ended(_) = self.turns() {
                return turn;
            }
            let nature = self.nature.borrow();
            let Waited { since, limit, notices } = nature.waited;
            let is_at_rest = limit != Some(Duration::ZERO) && notices == 0;
            if is_at_rest && nature.by_hand == Some(since) {
                return turn;
            }
        }
        self.fail("it does not come to rest")
    }

    /// Lets time pass, for the server and for whatever is going to happen.
    pub(crate) fn passes(&mut self, time: Duration) {
        let end = self.nature.borrow().now.after(time);
        self.nature.borrow_mut().by_hand = Some(end);
        self.settles();
    }

    // What there is to see.

    /// How long the server would wait, being at rest.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.nature.borrow().waited.limit
    }

    pub(crate) fn fate(&self, client: usize) -> Option<CloseReason> {
        self.life(client, |life| life.fate)
    }

    /// How many calls the server has made for that client.
    pub(crate) fn calls(&self, client: usize) -> usize {
        self.life(client, |life| life.calls)
    }

    fn life<T>(&self, client: usize, what: impl FnOnce(&Life) -> T) -> T {
        what(&self.nature.borrow().oracles.lives[client])
    }

    pub(crate) fn open(&self) -> usize {
        self.event_loop.stock().slots
    }

    pub(crate) fn held(&self) -> usize {
        self.event_loop.stock().held
    }

    pub(crate) fn scheduled(&self) -> usize {
        self.event_loop.stock().scheduled
    }

    /// Tells the server something of a connection that it has closed, in one batch with whatever
    /// else there is to tell.
    pub(crate) fn tells_of_the_dead(&mut self, ready: Ready) {
        self.nature.borrow_mut().told_of_the_dead = Some(ready);
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let nature = self.nature.borrow();
        panic!("{what}, on {:?}\n{}", nature.kernel, nature.diary.tail(60));
    }
}
