//! The other side of a trace: a thread that writes what it is given as lines, and may wait for that
//! as long as it takes.
//!
//! Each loop has a tray, which it lays steps in and the writer takes them from; the lock on it is
//! held no longer than that takes. After each round the writer rests for a moment, so that under
//! load one wake of it is for many turns of the loop. What is written is in the file at once, so
//! that a server that is killed leaves a trace that can be read: viewers do not insist on the `]`.
//!
//! Relies on: `scribe.rs` for the lines.
//! Never: keeps a loop waiting, writes more than is granted.

use std::fs::File;
use std::io::{self, Write as _};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use crate::config::{TRACE_LINE, TRACE_REST, TRACE_WAITING, TRACE_WRITTEN};

use super::super::journal;
use super::super::record::Record;
use super::scribe::Scribe;

/// One step of a connection, packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) connection: u32,
    pub(super) words: [u64; 3],
}

/// What a loop has laid down.
#[derive(Debug, Default)]
pub(super) struct Tray {
    entries: Vec<Entry>,
    /// How many were dropped after those, for want of room.
    dropped: u64,
}

/// What the loops and the writer have in common.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// One for each loop.
    pub(super) trays: Vec<Mutex<Tray>>,
    /// Whether the writer waits until it is woken.
    pub(super) is_waiting: AtomicBool,
    /// Whether nothing more is recorded: the file is full, or cannot be written.
    pub(super) is_full: AtomicBool,
    /// Whether there is no loop any more.
    pub(super) is_over: AtomicBool,
    /// Steps that were dropped so far.
    pub(super) dropped: AtomicU64,
}

impl Desk {
    fn tray(&self, number: usize) -> MutexGuard<'_, Tray> {
        self.trays[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lays the batch down and leaves it empty, or drops it where there is no room. Whether there
    /// is something new.
    pub(super) fn lay_down(&self, number: usize, batch: &mut Vec<Entry>) -> bool {
        let mut tray = self.tray(number);
        // What comes after a gap would be told before it.
        if tray.dropped > 0 || tray.entries.len() + batch.len() > TRACE_WAITING {
            tray.dropped += batch.len() as u64;
            self.dropped.fetch_add(batch.len() as u64, Relaxed);
            batch.clear();
            return false;
        }
        if tray.entries.is_empty() {
            mem::swap(&mut tray.entries, batch);
        } else {
            tray.entries.append(batch);
        }
        true
    }

    /// Something was laid on the desk. A writer that rests finds it soon by itself.
    pub(super) fn wake(&self, writer: &Thread) {
        if self.is_waiting.swap(false, SeqCst) {
            writer.unpark();
        }
    }

    fn is_clear(&self) -> bool {
        let is_empty = |number| self.tray(number).entries.is_empty();
        (0..self.trays.len()).all(is_empty) && !self.is_over.load(SeqCst)
    }
}

pub(super) struct Writer {
    file: File,
    desk: Arc<Desk>,
    /// Empty; changed for what lies in a tray.
    hand: Tray,
    scribe: Scribe,
    /// Lines that are not written yet.
    text: Vec<u8>,
    /// How many bytes are left of those that were granted.
    left: u64,
    granted: u64,
    /// Nothing is ever sent: that it is dropped says that the thread has ended.
    _alive: SyncSender<()>,
}

impl Writer {
    pub(super) fn new(file: File, desk: Arc<Desk>, granted: u64, alive: SyncSender<()>) -> Self {
        let (hand, text) = (Tray::default(), Vec::with_capacity(TRACE_WRITTEN));
        let scribe = Scribe::for_loops(desk.trays.len());
        Self { file, desk, hand, scribe, text, left: granted, granted, _alive: alive }
    }

    pub(super) fn run(mut self) {
        if let Err(error) = self.write_all() {
            self.desk.is_full.store(true, Relaxed);
            journal::trace_fails(&error);
        }
    }

    /// Until there is no loop any more, or no room.
    fn write_all(&mut self) -> io::Result<()> {
        self.scribe.append_beginning(&mut self.text);
        self.write()?;
        loop {
            // Asked before the trays are looked into: what was laid there last is written.
            let is_over = self.desk.is_over.load(SeqCst);
            let has_written = self.write_round()?;
            if self.desk.is_full.load(Relaxed) {
                return Ok(());
            }
            match (has_written, is_over) {
                (false, true) => return self.end(),
                (true, true) => {}
                (true, false) => thread::park_timeout(TRACE_REST),
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
    fn write_round(&mut self) -> io::Result<bool> {
        let mut has_written = false;
        for number in 0..self.desk.trays.len() {
            mem::swap(&mut *self.desk.tray(number), &mut self.hand);
            has_written |= !self.hand.entries.is_empty();
            self.write_hand(number)?;
        }
        Ok(has_written)
    }

    fn write_hand(&mut self, number: usize) -> io::Result<()> {
        for at in 0..self.hand.entries.len() {
            let Entry { connection, words } = self.hand.entries[at];
            if let Some(record) = Record::from_words(words) {
                self.scribe.append_step(&mut self.text, number, connection, record);
            }
            if self.text.len() as u64 + TRACE_LINE > self.left {
                return self.is_full();
            }
            if self.text.len() >= TRACE_WRITTEN {
                self.write()?;
            }
        }
        self.hand.entries.clear();
        let dropped = mem::take(&mut self.hand.dropped);
        if dropped > 0 {
            self.scribe.append_gap(&mut self.text, number, dropped);
        }
        self.write()
    }

    /// There is no room for another line and the end.
    fn is_full(&mut self) -> io::Result<()> {
        self.desk.is_full.store(true, Relaxed);
        journal::trace_is_full(self.granted);
        self.scribe.append_full(&mut self.text);
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.scribe.append_end(&mut self.text);
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.text)?;
        self.left = self.left.saturating_sub(self.text.len() as u64);
        self.text.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::super::super::record::Step;
    use super::super::TraceLine;
    use super::*;
    use crate::connection::Moment;

    fn entries(count: usize) -> Vec<Entry> {
        let record =
            Record { at: Moment::START, took: std::time::Duration::ZERO, step: Step::Sent };
        vec![Entry { connection: 1, words: record.to_words() }; count]
    }

    #[test]
    fn what_has_no_room_is_dropped_and_counted_where_it_is_missing() {
        let path = std::env::temp_dir().join(format!("oneloop-trace-{}", std::process::id()));
        let desk = Arc::new(Desk { trays: vec![Mutex::default()], ..Desk::default() });
        let file = File::create(&path).unwrap();
        let mut writer = Writer::new(file, Arc::clone(&desk), u64::MAX, sync_channel(0).0);
        assert!(desk.lay_down(0, &mut entries(TRACE_WAITING - 1)));
        for (count, is_taken, dropped) in [(2, false, 2), (1, false, 3)] {
            let mut batch = entries(count);
            assert_eq!(desk.lay_down(0, &mut batch), is_taken);
            assert_eq!((batch.len(), desk.dropped.load(Relaxed)), (0, dropped));
        }
        assert!(writer.write_round().unwrap());
        // From then on there is room again.
        assert!(desk.lay_down(0, &mut entries(1)));
        assert!(writer.write_round().unwrap() && !writer.write_round().unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let said: Vec<_> = text.lines().filter_map(TraceLine::read).collect();
        let gap = said.iter().position(|line| *line == TraceLine::Missing { worker: 0, steps: 3 });
        let is_step = |line: &&TraceLine| matches!(line, TraceLine::Step { .. });
        let (before, after) = said.split_at(gap.unwrap());
        let counts = [before, after].map(|lines| lines.iter().filter(is_step).count());
        assert_eq!(counts, [TRACE_WAITING - 1, 1]);
    }
}
