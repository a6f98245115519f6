//! Every step of a run, in a file that trace viewers open: Chrome's JSON array format, a process
//! for each loop, in it a track for the loop and one for each connection.
//!
//! ```text
//! {"ph":"X","name":"recvfrom","pid":1,"tid":17,"ts":8150.001,"dur":2.104,"cat":"call",…},
//! {"ph":"X","name":"idle","pid":1,"tid":17,"ts":8123.456,"dur":28.649,"cat":"phase",…},
//! ```
//!
//! The loop packs each step into a few words and lays them, once a turn, in a tray, from which a
//! thread takes and writes them. The tray is the bound in memory: where it is full the loop drops
//! what it has gathered and counts it, and the file says where. The bound on the disk is given;
//! when it is reached the file is closed well, and from then on nothing is recorded any more.
//!
//! Neither targets nor headers nor bodies are in a trace. Its times are those of each loop: they
//! begin when it does.
//!
//! Relies on: one `Event::TurnEnded` a turn.   Never: blocks in `on`, or fails because the trace
//! does.   Read next: `writer.rs`, the thread; `scribe.rs`, the lines; `reading.rs`, and back.

mod reading;
mod scribe;
mod writer;

pub use reading::TraceLine;
pub use scribe::track;

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::mem;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};

use crate::config::{TRACE_BYTES, TRACE_HANDED_OVER, TRACE_LAST_WRITES};

use super::record::{Record, Recorder};
use super::{Event, Observer, Who, journal};
use writer::{Desk, Entry, Writer};

/// Which connections are traced. The loop's own waits always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceFilter {
    /// All.
    #[default]
    All,
    /// Those from that address.
    Client(IpAddr),
    /// The first and then every so manieth.
    Sample(NonZeroU32),
}

/// Writes every step of a loop to a file.
#[derive(Debug)]
pub struct Tracer {
    recorder: Recorder,
    batch: Vec<Entry>,
    filter: TraceFilter,
    /// Where clients are picked by their address: of each slot, whether its tenant was.
    picked: Vec<bool>,
    /// Which of the traces it is.
    number: usize,
    // Goes last: of several traces the last one waits for the writer.
    books: Arc<Books>,
}

/// What all traces that one thread writes have in common.
#[derive(Debug)]
struct Books {
    desk: Arc<Desk>,
    writer: Thread,
    /// Closed by the writer when it has ended. Only looked at when there is no trace left.
    ended: Mutex<Receiver<()>>,
}

impl Tracer {
    /// A trace in the file at `path`, which is made for its owner's eyes alone, or emptied; of
    /// 256 MiB at the most.
    ///
    /// # Errors
    /// When the file cannot be opened or another process writes a trace to it, or no thread can be
    /// had for the writing.
    pub fn to_file(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let traces = Self::each_to_file(path, NonZeroUsize::MIN, TRACE_BYTES)?;
        let one = traces.into_iter().next();
        one.ok_or_else(|| TraceError::Thread(io::ErrorKind::Other.into()))
    }

    /// As [`to_file`](Self::to_file), for each of so many loops, and of so many bytes at the most.
    /// In the file the first loop is process 1.
    ///
    /// # Errors
    /// As [`to_file`](Self::to_file).
    pub fn each_to_file(
        path: impl AsRef<Path>,
        loops: NonZeroUsize,
        bytes: u64,
    ) -> Result<Vec<Self>, TraceError> {
        let path = path.as_ref();
        let file =
            emptied(path).map_err(|source| TraceError::Open { path: path.into(), source })?;
        let (alive, ended) = sync_channel(0);
        let trays = (0..loops.get()).map(|_| Mutex::default()).collect();
        let desk = Arc::new(Desk { trays, ..Desk::default() });
        let writer = Writer::new(file, Arc::clone(&desk), bytes, alive);
        let thread = thread::Builder::new().name("trace".into()).spawn(move || writer.run());
        let writer = thread.map_err(TraceError::Thread)?.thread().clone();
        let books = Arc::new(Books { desk, writer, ended: Mutex::new(ended) });
        let trace = |number| Self {
            recorder: Recorder::default(),
            batch: Vec::new(),
            filter: TraceFilter::All,
            picked: Vec::new(),
            number,
            books: Arc::clone(&books),
        };
        Ok((0..loops.get()).map(trace).collect())
    }

    /// The same of those connections only.
    #[must_use]
    pub fn with_filter(mut self, filter: TraceFilter) -> Self {
        self.filter = filter;
        self
    }

    fn is_full(&self) -> bool {
        self.books.desk.is_full.load(Relaxed)
    }

    fn is_traced(&self, who: Who) -> bool {
        match self.filter {
            _ if who == Who::LOOP => true,
            TraceFilter::All => true,
            TraceFilter::Client(_) => self.picked.get(who.slot as usize) == Some(&true),
            TraceFilter::Sample(n) => who.connection % n == 1 % n,
        }
    }

    /// Whether the tenant of that slot is one of those that are looked for.
    fn pick(&mut self, event: &Event<'_>) {
        if let (TraceFilter::Client(ip), Event::Accepted { who, peer, .. }) = (self.filter, event) {
            let slot = who.slot as usize;
            if self.picked.len() <= slot {
                self.picked.resize(slot + 1, false);
            }
            // A client of `[::]` that came by IPv4 is what it is.
            let peer = peer.map(|peer| peer.ip().to_canonical());
            self.picked[slot] = peer == Some(ip.to_canonical());
        }
    }

    fn gather(&mut self, who: Who, record: Record) {
        self.batch.push(Entry { connection: who.connection, words: record.to_words() });
        if self.batch.len() >= TRACE_HANDED_OVER {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let Self { batch, books, .. } = self;
        if !batch.is_empty() && books.desk.lay_down(self.number, batch) {
            books.desk.wake(&books.writer);
        }
    }
}

/// The file at `path` without what was in it. One that another process still writes stays as it is:
/// of two writers neither would leave a trace.
fn emptied(path: &Path) -> io::Result<File> {
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // A device has nothing to be emptied of, and may be anybody's.
    if file.metadata()?.is_file() {
        // Where a file system knows no locks, there is none.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(io::Error::other("another process writes it"));
        }
        file.set_len(0)?;
    }
    Ok(file)
}

impl Observer for Tracer {
    const STEPS: bool = true;

    fn wants_times(&self, who: Who) -> bool {
        !self.is_full() && self.is_traced(who)
    }

    #[inline]
    fn on(&mut self, event: &Event<'_>) {
        if self.is_full() {
            return;
        }
        self.pick(event);
        if let Event::TurnEnded { .. } = event {
            self.hand_over();
        } else if let Some((who, record)) = self.recorder.record(event)
            && self.is_traced(who)
        {
            self.gather(who, record);
        }
    }
}

/// Hands over what is left.
impl Drop for Tracer {
    fn drop(&mut self) {
        self.hand_over();
        mem::take(&mut self.batch);
    }
}

/// When the last trace has handed over what was left, the writer gets a moment to write it.
impl Drop for Books {
    fn drop(&mut self) {
        let Self { desk, writer, .. } = self;
        desk.is_over.store(true, SeqCst);
        writer.unpark();
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(TRACE_LAST_WRITES);
        let dropped = desk.dropped.load(Relaxed);
        if dropped > 0 {
            journal::trace_drops(dropped);
        }
    }
}

/// Why there can be no trace. Displayed as one line: what failed, on what, what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceError {
    /// The file could not be opened for writing.
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No thread could be had to write it.
    Thread(io::Error),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, source } => write!(
                f,
                "cannot write the trace {}: {source}; name another file, in a folder that you may \
                 write to",
                path.display()
            ),
            Self::Thread(source) => write!(
                f,
                "no thread for the trace: {source}; raise the limit (ulimit -u) or do without it"
            ),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Thread(source) => Some(source),
        }
    }
}
