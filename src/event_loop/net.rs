//! The seam between the loop and the world: what it needs of a network, as two traits.
//!
//! The real network is `mio.rs`. The other one is the tests' (`tests/sim`): it has a virtual clock,
//! lies as a kernel may lie, and does so by seed. The loop cannot tell them apart, so what is shown
//! with the one holds for the other.
//!
//! Every call returns a closed list of outcomes, and none of them waits, but for [`Net::wait`].

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::connection::{Moment, Pages};
use crate::message::{Bell, Date, FileRange, Job, Submitted};

use super::key::Key;

/// What became of an attempt to move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// So many bytes were moved, one at least.
    Moved(usize),
    /// None can be moved for now; an event will tell when.
    Blocked,
    /// There are no more: the client has shut its half, or the file has ended.
    Ended,
    /// It cannot be done any more.
    Broken(ErrorKind),
}

/// What became of an attempt to send a stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was tried. [`Transfer::Ended`] says that the file is shorter than that.
    Tried(Transfer),
    /// It was not tried, because the disk would have to be waited for. That says nothing about the
    /// connection.
    Cold,
}

/// What became of an attempt to accept.
#[derive(Debug)]
pub enum Accepted<S> {
    /// A connection, and the address of its client where it has one.
    Stream(S, Option<SocketAddr>),
    /// Nobody is waiting; an event will tell when somebody is.
    Nobody,
    /// Somebody waited and has left again; the next may be there.
    Left,
    /// There is no descriptor to be had. Somebody may be waiting, and no event will tell.
    NoDescriptors,
    /// It failed in another way. Somebody may be waiting, and no event will tell.
    Failed(ErrorKind),
}

/// What an event says about a connection; several of them at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready(u8);

impl Ready {
    /// Reading may move bytes, or meet the end or an error.
    pub const READABLE: Self = Self(1);
    /// Writing may move bytes, or meet an error.
    pub const WRITABLE: Self = Self(2);
    /// The client has shut its half: reading will come to the end, and no further event will say
    /// so.
    pub const READ_CLOSED: Self = Self(4);
    /// The connection is broken.
    pub const GONE: Self = Self(8);
    /// There is urgent data: reading stops at its mark, though more is behind it.
    pub const URGENT: Self = Self(16);
    /// Nothing can be written any more; of our own doing, perhaps.
    pub const WRITE_CLOSED: Self = Self(32);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This if it is so, else nothing.
    #[must_use]
    pub const fn when(self, is_so: bool) -> Self {
        if is_so { self } else { Self(0) }
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a wait has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something about a connection.
    Ready(Key, Ready),
    /// Somebody waits to be accepted by the listener of that number.
    Listener(usize),
    /// A bell was rung, or a stop asked for; or there is room for jobs again.
    Rung,
    /// A signal of that number arrived.
    Signal(i32),
}

/// The time on the wall, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall {
    /// As answers say it.
    pub date: Date,
    /// The same in seconds since 1970.
    pub unix_time: u64,
}

impl Wall {
    /// Before anybody has looked.
    pub(super) const UNKNOWN: Self = Self { date: [b' '; 29], unix_time: 0 };
}

/// A network.
pub trait Net {
    /// A connection.
    type Stream: Stream;

    /// Whether a transfer of fewer bytes than were asked for proves that no more can be moved,
    /// until an event says otherwise.
    const SHORT_TRANSFER_DRAINS: bool;

    /// Waits until something happens, but no longer than `limit` (without one: for as long as it
    /// takes), and puts what happened into `notices`.
    ///
    /// # Errors
    /// Those that leave the loop nothing to do but end; being interrupted is none.
    fn wait(&mut self, limit: Option<Duration>, notices: &mut Vec<Notice>) -> io::Result<()>;

    /// The time.
    fn now(&self) -> Moment;

    /// That time, on the wall.
    fn wall(&mut self, now: Moment) -> Wall;

    /// How many listeners there are; they are numbered from 0.
    fn listeners(&self) -> usize;

    /// Accepts one who waits at that listener.
    fn accept(&mut self, listener: usize) -> Accepted<Self::Stream>;

    /// Whether somebody waits at that listener; where it cannot be told, somebody does. That nobody
    /// does counts as [`Accepted::Nobody`]: an event will tell when somebody comes. Asked when
    /// nobody can be let in, so that room is made, and the trouble told, for those alone who are
    /// there.
    fn is_somebody_waiting(&self, listener: usize) -> bool {
        let _ = listener;
        true
    }

    /// Stops listening there. Who still waits is lost. The others keep their numbers.
    fn close_listener(&mut self, listener: usize);

    /// Has events tell about this connection from now on, in every direction, until it is dropped.
    ///
    /// # Errors
    /// Where the poll takes no more.
    fn register(&mut self, stream: &mut Self::Stream, key: Key) -> io::Result<()>;

    /// What other threads ring.
    fn bell(&self) -> Arc<dyn Bell>;

    /// Takes the keys that were rung for, and whether a stop was asked for.
    fn rung(&mut self, keys: &mut Vec<Key>) -> bool;

    /// Has a helper thread do this, if there is room for it.
    fn submit(&self, job: Job) -> Submitted;

    /// How many more jobs would be taken. Where that is none, [`Notice::Rung`] tells when some
    /// would be.
    fn room_for_jobs(&self) -> usize;
}

/// A connection's socket.
pub trait Stream {
    /// Moves bytes from the client, at most as many as there is room for.
    fn read(&mut self, room: &mut [u8]) -> Transfer;

    /// Moves bytes to the client. With `more_follows` the kernel may wait for them before it sends
    /// a packet.
    fn write(&mut self, bytes: &[u8], more_follows: bool) -> Transfer;

    /// Moves bytes to the client, the one stretch and then the other; `more_follows` as in
    /// [`write`](Self::write).
    fn write_both(&mut self, first: &[u8], second: &[u8], more_follows: bool) -> Transfer;

    /// Moves a stretch of a file to the client, from its beginning, and no more of it than is known
    /// to be in memory. Fewer bytes than asked for do not prove that the socket is full.
    fn send_file(&mut self, range: &FileRange, pages: Pages) -> Sent;

    /// Whether a read may end though more is there, at a place that only the kernel knows.
    fn may_end_reads_early(&self) -> bool {
        false
    }

    /// What was written is to leave now, though it was said that more follows. Whether that took a
    /// call.
    fn push(&mut self) -> bool {
        false
    }

    /// Tells the client that nothing more will come.
    fn shut(&mut self);

    /// Lets the close that follows be a reset, which tells the client that something is missing.
    fn reset(&mut self);

    /// The client's address, where it has one.
    fn peer(&self) -> Option<SocketAddr>;
}
