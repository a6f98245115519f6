//! What can go wrong, by name, and how often it does, per thousand times. Each run draws its own:
//! in some a fault never happens, in some it happens all the time. A bug that needs one fault and
//! the absence of another is found by this and not by a moderate mixture ("swarm testing", Groce et
//! al. 2012).
//!
//! A fault that never comes about shows nothing, so each is counted where it makes a difference,
//! and `simulation.rs` insists that every one of [`Mishap::ALL`] has.
//!
//! Of EINTR the loop sees little, because the seam hides it where the call is made (`mio.rs`): a
//! wait that was interrupted ends early with nothing ([`Mishap::Interrupted`]), an accept says that
//! who came has left, though they have not ([`Mishap::AcceptInterrupted`]), and a read, a write or
//! a sendfile is made again at once and never seen here. What a signal can do to a sendfile, stop
//! it in the middle, is [`Mishap::ShortFile`].

use std::fmt;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use oneloop::config::JOBS_QUEUED;

use super::dice::Dice;
use super::socket::Kernel;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mishap {
    /// A read moved less than it could. On Linux only where that may be (Unix sockets).
    ShortRead,
    /// A write moved less than the window takes; on Linux it means that memory is short, and that
    /// the window counts as full until there is more.
    ShortWrite,
    /// A sendfile moved less than it could, which says nothing about the window (a signal, a page
    /// boundary).
    ShortFile,
    /// *Blocked*, though bytes could be moved; an event follows. On Linux only when writing.
    Blocked,
    /// A read stopped at TCP's urgent mark, though more was behind it. Linux only.
    Urgent,
    /// An event for nothing.
    Spurious,
    /// An event told twice.
    Duplicate,
    /// An event for a connection that was closed.
    Stale,
    /// A bell rung for nothing.
    FalseBell,
    /// A wait that was interrupted: it ended before its time, with nothing.
    Interrupted,
    /// A wait brought fewer events than there were.
    HeldBack,
    /// Nobody waits to be accepted, though somebody does; an event follows. Contract only.
    Nobody,
    /// Who waited to be accepted has left (ECONNABORTED).
    Left,
    /// The same is said and is not so: accepting was interrupted.
    AcceptInterrupted,
    /// There are as many connections as descriptors (EMFILE).
    NoDescriptors,
    /// For a moment no connection can be had, however few there are (ENFILE, ENOBUFS, ENOMEM).
    NoDescriptorsBriefly,
    /// Accepting fails in another way.
    AcceptFailed,
    /// The poll takes no more.
    RegisterFailed,
    /// The network breaks a connection, at any moment.
    Broken,
    /// A client resets its connection.
    Reset,
    /// A client shuts its half.
    HalfClose,
    /// Something arrives between two calls of one turn.
    Meanwhile,
    /// The disk keeps the server waiting, in a responder or in a sendfile, and the world goes on.
    SlowDisk,
    /// A file that is to be sent is not in memory.
    ColdFile,
    /// There is no room for a job of the helpers'.
    NoRoomForJobs,
    /// A helper's job takes longer than anybody waits for it.
    DeadDisk,
    /// A file cannot be read any more (EIO).
    FileFailed,
    /// A file has become shorter than it was said to be.
    FileShrank,
    /// The clock leaps ahead while the server waits: the machine was suspended, the world with it.
    Leap,
    /// The same in the middle of a turn.
    LeapAtWork,
    /// The server alone stands still (SIGSTOP), and finds what has happened meanwhile all at once.
    StandsStill,
    /// The wall clock is set, ahead or back; deadlines go by the other one.
    WallClockSet,
    /// A second signal, which ends the server at once.
    SecondSignal,
}

impl Mishap {
    pub(crate) const ALL: [Self; 33] = [
        Self::ShortRead,
        Self::ShortWrite,
        Self::ShortFile,
        Self::Blocked,
        Self::Urgent,
        Self::Spurious,
        Self::Duplicate,
        Self::Stale,
        Self::FalseBell,
        Self::Interrupted,
        Self::HeldBack,
        Self::Nobody,
        Self::Left,
        Self::AcceptInterrupted,
        Self::NoDescriptors,
        Self::NoDescriptorsBriefly,
        Self::AcceptFailed,
        Self::RegisterFailed,
        Self::Broken,
        Self::Reset,
        Self::HalfClose,
        Self::Meanwhile,
        Self::SlowDisk,
        Self::ColdFile,
        Self::NoRoomForJobs,
        Self::DeadDisk,
        Self::FileFailed,
        Self::FileShrank,
        Self::Leap,
        Self::LeapAtWork,
        Self::StandsStill,
        Self::WallClockSet,
        Self::SecondSignal,
    ];

    /// Whether that kernel does it at all.
    pub(crate) fn is_done_by(self, kernel: Kernel) -> bool {
        match self {
            Self::Nobody => kernel == Kernel::Contract,
            Self::Urgent => kernel == Kernel::Linux,
            _ => true,
        }
    }
}

/// How often each happens, per thousand times that it could.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    per_mille: [usize; Mishap::ALL.len()],
    /// How many events one wait brings at the most.
    pub(crate) batch: usize,
    /// How long the server takes for a turn, at the most.
    pub(crate) slowness: Duration,
    /// How long bytes travel, at the most.
    pub(crate) latency: Duration,
    /// How long a slow disk takes, at the most.
    pub(crate) disk: Duration,
    /// How long a helper takes for a job, at the most.
    pub(crate) job: Duration,
    /// How many jobs may wait for a helper.
    pub(crate) jobs: usize,
}

impl Faults {
    /// A world without any.
    pub(crate) const NONE: Self = Self {
        per_mille: [0; Mishap::ALL.len()],
        batch: usize::MAX,
        slowness: Duration::from_micros(20),
        latency: Duration::from_micros(200),
        disk: Duration::from_millis(50),
        job: Duration::from_millis(20),
        jobs: JOBS_QUEUED,
    };

    pub(crate) fn draw(kernel: Kernel, dice: &mut Dice) -> Self {
        let mut faults = Self {
            batch: dice.one_of(&[1, 2, 4, 1024]),
            slowness: dice.one_of(&[1, 20, 20, 1000, 5000].map(Duration::from_micros)),
            latency: dice.one_of(&[1, 100, 100, 5000].map(Duration::from_micros)),
            disk: dice.one_of(&[1, 50, 50, 300, 2000].map(Duration::from_millis)),
            job: dice.one_of(&[1, 20, 20, 200].map(Duration::from_millis)),
            jobs: dice.one_of(&[1, 2, 16, JOBS_QUEUED]),
            ..Self::NONE
        };
        for (mishap, most) in OFTEN {
            faults[mishap] = match dice.below(4) {
                0 | 1 => 0,
                2 => dice.within(1..=most.div_ceil(4)),
                _ => dice.within(most.div_ceil(4)..=most),
            };
        }
        for (mishap, most) in RARELY {
            faults[mishap] = if dice.chance(200) { dice.within(1..=most) } else { 0 };
        }
        for mishap in Mishap::ALL {
            if !mishap.is_done_by(kernel) {
                faults[mishap] = 0;
            }
        }
        faults
    }
}

/// What may happen often, and how often at the most.
const OFTEN: [(Mishap, usize); 15] = [
    (Mishap::ShortRead, 1000),
    (Mishap::ShortWrite, 800),
    (Mishap::ShortFile, 1000),
    (Mishap::Blocked, 500),
    (Mishap::Urgent, 300),
    (Mishap::Spurious, 500),
    (Mishap::Duplicate, 500),
    (Mishap::Stale, 800),
    (Mishap::FalseBell, 200),
    (Mishap::Interrupted, 300),
    (Mishap::Nobody, 500),
    (Mishap::AcceptInterrupted, 300),
    (Mishap::AcceptFailed, 300),
    (Mishap::Meanwhile, 500),
    (Mishap::ColdFile, 1000),
];

/// What excuses the server of much, or clients of everything: if it were not rare, nobody would be
/// owed anything.
const RARELY: [(Mishap, usize); 12] = [
    (Mishap::Left, 100),
    (Mishap::NoDescriptorsBriefly, 200),
    (Mishap::RegisterFailed, 80),
    (Mishap::Broken, 10),
    (Mishap::SlowDisk, 300),
    (Mishap::DeadDisk, 300),
    (Mishap::FileFailed, 250),
    (Mishap::FileShrank, 250),
    (Mishap::Leap, 10),
    (Mishap::LeapAtWork, 5),
    (Mishap::StandsStill, 10),
    (Mishap::WallClockSet, 50),
];

impl Index<Mishap> for Faults {
    type Output = usize;

    fn index(&self, mishap: Mishap) -> &usize {
        &self.per_mille[mishap as usize]
    }
}

impl IndexMut<Mishap> for Faults {
    fn index_mut(&mut self, mishap: Mishap) -> &mut usize {
        &mut self.per_mille[mishap as usize]
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, slowness, latency, disk, job, jobs, .. } = self;
        for mishap in Mishap::ALL.into_iter().filter(|mishap| self[*mishap] > 0) {
            write!(f, "{mishap:?} {}, ", self[mishap])?;
        }
        write!(
            f,
            "batches of {batch}, turns of {slowness:?}, ways of {latency:?}, disk {disk:?}, "
        )?;
        write!(f, "{jobs} jobs of {job:?}")
    }
}
