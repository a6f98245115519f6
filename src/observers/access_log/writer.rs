//! The other side of an access log: a thread that writes what it is given, and may wait for that as
//! long as it takes.
//!
//! Each log has a tray, which the loop lays lines in and the writer takes them from; the lock on it
//! is held no longer than that takes. After each round the writer rests for a moment, so that under
//! load one wake of it, and one write, are for many turns of the loop. It waits where all trays are
//! empty, and then it costs an idle server no system call.
//!
//! A file is opened anew when that is asked for: between two writes, so that no line is lost,
//! doubled or torn by it. Where a write fails in the middle of a line, what is out of it is taken
//! back.
//!
//! Relies on: `mod.rs` for what is in the trays.   Never: keeps the loop waiting for a write.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use crate::config::LOG_REST;

use super::super::journal;
use super::{Batch, opened};

/// What the loops and the writer have in common.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// One for each log.
    pub(super) trays: Vec<Mutex<Batch>>,
    /// Whether the writer waits until it is woken.
    pub(super) is_waiting: AtomicBool,
    pub(super) is_reopening_asked: AtomicBool,
    /// Whether there is no log any more.
    pub(super) is_over: AtomicBool,
    /// Lines that were handed over and are neither written nor dropped yet.
    pub(super) waiting: AtomicU64,
    pub(super) dropped: Arc<AtomicU64>,
}

impl Desk {
    pub(super) fn tray(&self, log: usize) -> MutexGuard<'_, Batch> {
        self.trays[log].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was laid on the desk. A writer that rests finds it soon by itself.
    pub(super) fn wake(&self, writer: &Thread) {
        if self.is_waiting.swap(false, SeqCst) {
            writer.unpark();
        }
    }

    fn is_clear(&self) -> bool {
        let is_empty = |log| self.tray(log).lines == 0;
        (0..self.trays.len()).all(is_empty)
            && !self.is_reopening_asked.load(SeqCst)
            && !self.is_over.load(SeqCst)
    }
}

/// Has an access log's file opened anew: for who has renamed it, to begin another. It can be sent
/// to other threads, and outlives the log.
#[derive(Clone, Debug)]
pub struct Reopener {
    pub(super) desk: Arc<Desk>,
    pub(super) writer: Thread,
}

impl Reopener {
    /// Asks for it, and waits for nothing. The thread that writes the log does it within moments,
    /// also when there is no line to write; until then lines go to the file that was there. Where
    /// the file cannot be opened that goes on, with a warning. A log on standard output stays
    /// there.
    pub fn reopen(&self) {
        self.desk.is_reopening_asked.store(true, SeqCst);
        self.desk.wake(&self.writer);
    }
}

/// Where lines go.
pub(super) enum Out {
    File { file: File, path: PathBuf },
    Stream(Box<dyn Write + Send>),
}

/// A write failed.
struct Failed {
    /// So many lines were written before.
    lines: u64,
    is_torn: bool,
}

impl Out {
    fn write(&mut self, text: &[u8]) -> Result<(), Failed> {
        match self {
            Self::Stream(stream) => {
                // How far it came is not known.
                let written = stream.write_all(text).and_then(|()| stream.flush());
                written.map_err(|_| Failed { lines: 0, is_torn: true })
            }
            Self::File { file, .. } => append(file, text),
        }
    }

    /// Opens a file anew; streams stay what they are.
    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File { file, path } = self {
            *file = opened(path)?;
        }
        Ok(())
    }
}

/// Writes whole lines at the end of a file, or as many as there is room for.
fn append(file: &mut File, text: &[u8]) -> Result<(), Failed> {
    let mut written = 0;
    while written < text.len() {
        match file.write(&text[written..]) {
            Ok(n) if n > 0 => written += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => {
                let is_end = |&byte: &u8| byte == b'\n';
                let whole = text[..written].iter().rposition(is_end).map_or(0, |last| last + 1);
                let lines = text[..whole].iter().filter(|byte| is_end(byte)).count() as u64;
                let torn = (written - whole) as u64;
                let is_torn = torn > 0 && take_back(file, torn).is_err();
                return Err(Failed { lines, is_torn });
            }
        }
    }
    Ok(())
}

/// Cuts so many bytes off the end of a file.
fn take_back(file: &File, bytes: u64) -> io::Result<()> {
    let len = file.metadata()?.len();
    file.set_len(len.checked_sub(bytes).ok_or(ErrorKind::InvalidInput)?)
}

pub(super) struct Writer {
    pub(super) out: Out,
    pub(super) desk: Arc<Desk>,
    /// Empty; changed for what lies in a tray.
    pub(super) hand: Batch,
    /// Whether half a line is out and cannot be taken back, so that no other may follow it.
    pub(super) is_torn: bool,
    /// Nothing is ever sent: that it is dropped says that the thread has ended.
    pub(super) _alive: SyncSender<()>,
}

impl Writer {
    pub(super) fn run(mut self) {
        loop {
            // Asked before the trays are looked into: what was laid there last is written.
            let is_over = self.desk.is_over.load(SeqCst);
            if self.desk.is_reopening_asked.swap(false, SeqCst) {
                self.reopen();
            }
            let has_written = self.write_all();
            match (has_written, is_over) {
                (false, true) => return,
                (true, true) => {}
                (true, false) => thread::park_timeout(LOG_REST),
                (false, false) => self.wait(),
            }
        }
    }

    /// Until it is woken. Whoever lays something on the desk after it was seen to be clear sees
    /// that the writer waits.
    fn wait(&self) {
        self.desk.is_waiting.store(true, SeqCst);
        if self.desk.is_clear() {
            thread::park();
        }
        self.desk.is_waiting.store(false, SeqCst);
    }

    /// Writes what lies in the trays, if anything does.
    fn write_all(&mut self) -> bool {
        let mut has_written = false;
        for log in 0..self.desk.trays.len() {
            mem::swap(&mut *self.desk.tray(log), &mut self.hand);
            if self.hand.lines > 0 {
                has_written = true;
                self.write();
            }
        }
        has_written
    }

    fn write(&mut self) {
        let Batch { text, lines } = &mut self.hand;
        let mut missing = 0;
        if self.is_torn {
            missing = *lines;
        } else if let Err(failed) = self.out.write(text) {
            self.is_torn = failed.is_torn;
            missing = *lines - failed.lines;
        }
        self.desk.dropped.fetch_add(missing, Relaxed);
        self.desk.waiting.fetch_sub(*lines, Relaxed);
        text.clear();
        *lines = 0;
    }

    fn reopen(&mut self) {
        match self.out.reopen() {
            // A stream that is torn stays so.
            Ok(()) => self.is_torn = self.is_torn && matches!(self.out, Out::Stream(_)),
            Err(source) => {
                if let Out::File { path, .. } = &self.out {
                    journal::access_log_not_reopened(path, &source);
                }
            }
        }
    }
}
