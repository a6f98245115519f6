//! Answers as lines, by default of the Common Log Format with the seconds each took at the end:
//!
//! ```text
//! 127.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 12 0.000123
//! ```
//!
//! The loop never waits for a disk or a pipe: it gathers lines in memory and lays them, once a
//! turn, in a tray, from which a thread takes and writes them. The tray is the bound: where it is
//! full the loop goes on gathering for a while, and then drops lines and counts them, and says so
//! once a minute. A log with gaps that says so is better than a server that stands still.
//!
//! Several loops that log to one place have trays of their own and that thread in common, so that
//! no line is ever in the middle of another.
//!
//! Relies on: the date that every answer carries (there is no clock here), and one
//! `Event::TurnEnded` a turn.
//! Never: blocks in `on`, allocates once its buffers have grown, fails because the log does.
//! Read next: `writer.rs`, the thread; `format.rs` and `scribe.rs`, the lines.

mod format;
mod scribe;
mod writer;

pub use format::{LogFormat, LogFormatError};
pub use writer::Reopener;

use std::fmt;
use std::fs::File;
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};

use crate::config::{
    LOG_GATHERED, LOG_HANDED_OVER, LOG_HURRIED, LOG_LAST_WRITES, LOG_TOLD_AGAIN, LOG_WAITING,
};
use crate::message::Date;

use super::{Answered, Event, Observer, journal};
use scribe::Scribe;
use writer::{Desk, Out, Writer};

/// Writes a line for every answer.
#[derive(Debug)]
pub struct AccessLog {
    scribe: Scribe,
    batch: Batch,
    /// How long the text may become before it is tried to be handed over in the middle of a turn.
    try_at: usize,
    /// Which of the logs it is.
    number: usize,
    // Goes last: of several logs the last one waits for the writer.
    books: Arc<Books>,
}

/// Lines, each ended by LF, and how many there are.
#[derive(Debug, Default)]
struct Batch {
    text: Vec<u8>,
    lines: u64,
}

/// What all logs that one thread writes have in common.
#[derive(Debug)]
struct Books {
    desk: Arc<Desk>,
    writer: Thread,
    /// Closed by the writer when it has ended. Only looked at when there is no log left.
    ended: Mutex<Receiver<()>>,
    /// How many dropped lines have been told, and in which second of its day; or [`NEVER`].
    told: AtomicU64,
    told_at: AtomicU32,
}

/// No second of a day.
const NEVER: u32 = u32::MAX;
const DAY: u32 = 24 * 60 * 60;

impl AccessLog {
    /// A log on standard output.
    ///
    /// # Errors
    /// When no thread can be had for the writing.
    pub fn to_stdout() -> Result<Self, AccessLogError> {
        Self::one(Out::Stream(Box::new(io::stdout()))).map_err(AccessLogError::Thread)
    }

    /// A log at the end of the file at `path`, which is made if there is none.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread can be had for the writing.
    pub fn to_file(path: impl AsRef<Path>) -> Result<Self, AccessLogError> {
        Self::one(file(path.as_ref())?).map_err(AccessLogError::Thread)
    }

    /// As [`to_stdout`](Self::to_stdout), for each of so many loops. The lines of each are in the
    /// order of its answers; those of different loops come as they are handed over. Each has up to
    /// 2 MiB of lines that wait.
    ///
    /// # Errors
    /// As [`to_stdout`](Self::to_stdout).
    pub fn each_to_stdout(loops: NonZeroUsize) -> Result<Vec<Self>, AccessLogError> {
        Self::each(Out::Stream(Box::new(io::stdout())), loops).map_err(AccessLogError::Thread)
    }

    /// As [`to_file`](Self::to_file), for each of so many loops.
    ///
    /// # Errors
    /// As [`to_file`](Self::to_file).
    pub fn each_to_file(
        path: impl AsRef<Path>,
        loops: NonZeroUsize,
    ) -> Result<Vec<Self>, AccessLogError> {
        Self::each(file(path.as_ref())?, loops).map_err(AccessLogError::Thread)
    }

    /// The same log with lines of that format.
    #[must_use]
    pub fn with_format(mut self, format: LogFormat) -> Self {
        self.scribe = Scribe::new(format);
        self
    }

    /// How many lines have been dropped so far, because the writing did not keep up or failed. The
    /// number goes on living, and counting, when the log has gone to its server. It is that of all
    /// logs that were made together.
    #[must_use]
    pub fn dropped_lines(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.books.desk.dropped)
    }

    /// What has the file opened anew, when it has been renamed: of all logs that were made
    /// together.
    #[must_use]
    pub fn reopener(&self) -> Reopener {
        Reopener { desk: Arc::clone(&self.books.desk), writer: self.books.writer.clone() }
    }

    fn one(out: Out) -> io::Result<Self> {
        let logs = Self::each(out, NonZeroUsize::MIN)?;
        logs.into_iter().next().ok_or_else(|| io::ErrorKind::Other.into())
    }

    fn each(out: Out, loops: NonZeroUsize) -> io::Result<Vec<Self>> {
        let (alive, ended) = sync_channel(0);
        let trays = (0..loops.get()).map(|_| Mutex::default()).collect();
        let desk = Arc::new(Desk { trays, ..Desk::default() });
        let (on_desk, hand) = (Arc::clone(&desk), Batch::default());
        let writer = Writer { out, desk: on_desk, hand, is_torn: false, _alive: alive };
        let thread = thread::Builder::new().name("access log".into());
        let books = Arc::new(Books {
            desk,
            writer: thread.spawn(move || writer.run())?.thread().clone(),
            ended: Mutex::new(ended),
            told: AtomicU64::new(0),
            told_at: AtomicU32::new(NEVER),
        });
        let log = |number| Self {
            scribe: Scribe::new(LogFormat::default()),
            batch: Batch::default(),
            try_at: LOG_HANDED_OVER,
            number,
            books: Arc::clone(&books),
        };
        Ok((0..loops.get()).map(log).collect())
    }

    fn gather(&mut self, answered: &Answered<'_>) {
        if self.batch.text.is_empty() {
            self.books.tell_dropped(answered.date);
        }
        if self.batch.text.len() >= LOG_GATHERED {
            self.books.desk.dropped.fetch_add(1, Relaxed);
            self.books.tell_dropped(answered.date);
            return;
        }
        self.scribe.append_line(&mut self.batch.text, answered);
        self.batch.lines += 1;
        if self.batch.text.len() >= self.try_at {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        self.lay_down(LOG_WAITING);
    }

    /// Lays what is gathered in the tray, if that has no more than `most` then.
    fn lay_down(&mut self, most: usize) {
        let Self { batch, books, .. } = self;
        if batch.lines == 0 {
            return;
        }
        let mut tray = books.desk.tray(self.number);
        if tray.text.len() + batch.text.len() > most && tray.lines > 0 {
            self.try_at = batch.text.len() + LOG_HANDED_OVER;
            return;
        }
        books.desk.waiting.fetch_add(batch.lines, Relaxed);
        if tray.lines == 0 {
            mem::swap(&mut *tray, batch);
        } else {
            tray.text.append(&mut batch.text);
            tray.lines += mem::take(&mut batch.lines);
        }
        let is_much = tray.text.len() >= LOG_HURRIED;
        drop(tray);
        self.try_at = LOG_HANDED_OVER;
        if is_much {
            // It may rest, or wait.
            books.writer.unpark();
        } else {
            books.desk.wake(&books.writer);
        }
    }
}

impl Observer for AccessLog {
    const REQUESTS: bool = true;

    fn wants_fields(&self) -> bool {
        self.scribe.wants_fields()
    }

    #[inline]
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Answered(answered) => self.gather(answered),
            Event::TurnEnded { .. } => self.hand_over(),
            _ => {}
        }
    }
}

/// Hands over what is left, whether or not there is room: it comes to no more.
impl Drop for AccessLog {
    fn drop(&mut self) {
        self.lay_down(usize::MAX);
    }
}

impl Books {
    /// Says how many lines have been dropped, where that are more than were told, and nothing was
    /// for a while.
    fn tell_dropped(&self, date: &Date) {
        let dropped = self.desk.dropped.load(Relaxed);
        if dropped > self.told.load(Relaxed) {
            self.tell(dropped, second_of_day(date));
        }
    }

    #[cold]
    fn tell(&self, dropped: u64, now: u32) {
        let at = self.told_at.load(Relaxed);
        let since = (now + DAY).saturating_sub(at) % DAY;
        if at != NEVER && u64::from(since) < LOG_TOLD_AGAIN.as_secs() {
            return;
        }
        // Of several loops one tells it.
        if self.told_at.compare_exchange(at, now, Relaxed, Relaxed).is_ok() {
            self.told.store(dropped, Relaxed);
            journal::access_log_drops(dropped);
        }
    }
}

/// When the last log has handed over what was left, the writer gets a moment to write it.
impl Drop for Books {
    fn drop(&mut self) {
        let Self { desk, writer, .. } = self;
        desk.is_over.store(true, SeqCst);
        writer.unpark();
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(LOG_LAST_WRITES);
        // Lines that it has not come to.
        desk.dropped.fetch_add(desk.waiting.swap(0, Relaxed), Relaxed);
    }
}

/// `Sun, 22 Nov 2026 14:00:00 GMT` as seconds.
fn second_of_day(date: &Date) -> u32 {
    let number = |at| u32::from(date[at] & 15) * 10 + u32::from(date[at + 1] & 15);
    (number(17) * 60 + number(20)) * 60 + number(23)
}

fn file(path: &Path) -> Result<Out, AccessLogError> {
    match opened(path) {
        Ok(file) => Ok(Out::File { file, path: path.into() }),
        Err(source) => Err(AccessLogError::Open { path: path.into(), source }),
    }
}

/// For appending; it is made if there is none.
fn opened(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Why there can be no access log. Displayed as one line: what failed, on what, what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum AccessLogError {
    /// The file could not be opened for appending.
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No thread could be had to write it.
    Thread(io::Error),
}

impl fmt::Display for AccessLogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, source } => write!(
                f,
                "cannot write the access log {}: {source}; name a file in a folder that you may \
                 write to",
                path.display()
            ),
            Self::Thread(source) => write!(
                f,
                "no thread for the access log: {source}; raise the limit (ulimit -u) or do without \
                 the log"
            ),
        }
    }
}

impl std::error::Error for AccessLogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Thread(source) => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{read_to_string, remove_file, rename};
    use std::io::{ErrorKind, Write};
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::message::RequestId;

    const DATE: &Date = b"Sun, 22 Nov 2026 14:00:00 GMT";
    /// Longer than any of these tests; a wait that reaches it has failed.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn answered(line: &[u8]) -> Answered<'_> {
        Answered {
            id: RequestId { connection: 1, request: 1 },
            peer: Some(([127, 0, 0, 1], 54321).into()),
            line,
            status: 200,
            bytes: 12,
            took: Duration::from_micros(123),
            whole: true,
            close: None,
            referer: b"",
            user_agent: b"",
            date: DATE,
        }
    }

    fn stream(out: impl Write + Send + 'static) -> Out {
        Out::Stream(Box::new(out))
    }

    /// Tells what is written, and begins no write before it may.
    struct Told {
        may: Receiver<()>,
        begun: Sender<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.may.recv();
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The test's end of a [`Told`].
    struct Ear {
        may: Option<Sender<()>>,
        begun: Receiver<()>,
        written: Receiver<Vec<u8>>,
    }

    fn told() -> (AccessLog, Ear) {
        let ((may, allowed), (begun, begins), (written, writes)) =
            (channel(), channel(), channel());
        let log = AccessLog::one(stream(Told { may: allowed, begun, written })).unwrap();
        (log, Ear { may: Some(may), begun: begins, written: writes })
    }

    impl Ear {
        /// From now on nothing blocks.
        fn allow(&mut self) {
            self.may = None;
        }

        fn lines(&self) -> usize {
            let written = self.written.recv_timeout(PATIENCE).unwrap();
            written.iter().filter(|&&byte| byte == b'\n').count()
        }
    }

    fn turn(log: &mut AccessLog, requests: usize) {
        for _ in 0..requests {
            log.on(&Event::Answered(&answered(b"GET / HTTP/1.1")));
        }
        log.on(&Event::TurnEnded { events: 1 });
    }

    #[test]
    fn lines_are_written_when_their_turn_ends() {
        let (mut log, mut ear) = told();
        ear.allow();
        turn(&mut log, 3);
        assert_eq!(ear.lines(), 3);
        turn(&mut log, 0);
        turn(&mut log, 1);
        assert_eq!(ear.lines(), 1);
        assert_eq!(log.dropped_lines().load(Relaxed), 0);
    }

    /// However often: no turn has to follow for the lines of the last to be written.
    #[test]
    fn no_line_waits_for_another_turn() {
        let (mut log, mut ear) = told();
        ear.allow();
        let mut written = 0;
        for turns in 1..200 {
            (0..turns).for_each(|_| turn(&mut log, 1));
            let goal = written + turns;
            while written < goal {
                written += ear.lines();
            }
            assert_eq!(written, goal);
        }
    }

    #[test]
    fn a_long_turn_is_written_in_the_middle() {
        let (mut log, mut ear) = told();
        ear.allow();
        let long = vec![b'x'; LOG_HANDED_OVER];
        log.on(&Event::Answered(&answered(&long)));
        assert_eq!(ear.lines(), 1);
    }

    #[test]
    fn what_is_gathered_is_written_at_the_end() {
        let (mut log, mut ear) = told();
        ear.allow();
        log.on(&Event::Answered(&answered(b"GET / HTTP/1.1")));
        let dropped = log.dropped_lines();
        drop(log);
        assert_eq!(ear.written.try_iter().count(), 1, "written before the log is gone");
        assert_eq!(dropped.load(Relaxed), 0);
    }

    #[test]
    fn a_writer_that_blocks_makes_the_log_drop_and_count_lines() {
        let (mut log, mut ear) = told();
        let dropped = log.dropped_lines();
        turn(&mut log, 1);
        ear.begun.recv_timeout(PATIENCE).unwrap();
        // The writer has a line in hand and stands still; so much finds room here.
        let mut accepted = 1;
        while dropped.load(Relaxed) == 0 {
            turn(&mut log, 100);
            accepted += 100;
        }
        accepted -= dropped.load(Relaxed) as usize;
        let len = log.batch.text.len() / log.batch.lines as usize;
        let room = (LOG_WAITING + LOG_GATHERED) / len;
        assert!((room - 100..=room + 2).contains(&accepted), "{accepted} of {room}");
        let before = dropped.load(Relaxed);
        turn(&mut log, 7);
        assert_eq!(dropped.load(Relaxed), before + 7);

        ear.allow();
        drop(log);
        let written: usize = ear
            .written
            .try_iter()
            .map(|text| text.iter().filter(|&&byte| byte == b'\n').count())
            .sum();
        assert_eq!(written, accepted, "what had room is written after all");
        assert_eq!(dropped.load(Relaxed), before + 7);
    }

    #[test]
    fn a_writer_that_never_comes_back_does_not_hold_up_the_end() {
        let (mut log, ear) = told();
        let dropped = log.dropped_lines();
        turn(&mut log, 2);
        ear.begun.recv_timeout(PATIENCE).unwrap();
        log.on(&Event::Answered(&answered(b"GET / HTTP/1.1")));
        drop(log);
        assert_eq!(dropped.load(Relaxed), 3);
        drop(ear);
    }

    /// A disk that is full once, and then no more.
    struct FullOnce(bool);

    impl Write for FullOnce {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if mem::replace(&mut self.0, true) {
                return Ok(bytes.len());
            }
            Err(ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn after_a_failed_write_every_line_is_dropped_and_counted() {
        let mut log = AccessLog::one(stream(FullOnce(false))).unwrap();
        let dropped = log.dropped_lines();
        (0..5).for_each(|_| turn(&mut log, 2));
        drop(log);
        assert_eq!(dropped.load(Relaxed), 10);
    }

    #[test]
    fn a_file_is_appended_to() {
        let path = std::env::temp_dir().join(format!("oneloop-access-{}", std::process::id()));
        std::fs::write(&path, "before\n").unwrap();
        let mut log = AccessLog::to_file(&path).unwrap();
        turn(&mut log, 2);
        drop(log);
        let text = read_to_string(&path).unwrap();
        remove_file(&path).unwrap();
        assert!(text.starts_with("before\n127.0.0.1 - - [") && text.lines().count() == 3, "{text}");
    }

    /// Every line is in one of the two files, whole and once, though nobody waits for the other.
    #[test]
    fn a_file_is_opened_anew_when_it_was_renamed() {
        let path = std::env::temp_dir().join(format!("oneloop-renamed-{}", std::process::id()));
        let old = path.with_extension("1");
        let mut log = AccessLog::to_file(&path).unwrap();
        let reopener = log.reopener();
        turn(&mut log, 2);
        rename(&path, &old).unwrap();
        thread::spawn(move || reopener.clone().reopen()).join().unwrap();
        // Without a line.
        while !path.exists() {
            thread::yield_now();
        }
        turn(&mut log, 3);
        log.reopener().reopen();
        let late = log.reopener();
        drop(log);
        late.reopen();
        let lines = [&old, &path].map(|path| {
            let text = read_to_string(path).unwrap();
            remove_file(path).unwrap();
            text.lines().count()
        });
        assert_eq!(lines.iter().sum::<usize>(), 5, "{lines:?}");
        assert!(lines[1] >= 3, "{lines:?}");
    }

    #[test]
    fn lines_dropped_are_told_once_a_minute() {
        let (log, _ear) = told();
        let at = |time: &str| format!("Sun, 22 Nov 2026 {time} GMT").into_bytes();
        let mut told = 0;
        for (time, drops, is_told) in [
            ("23:58:59", 0, false),
            ("23:59:00", 1, true),
            ("23:59:00", 0, false),
            ("23:59:59", 1, false),
            ("00:00:00", 0, true),
            ("00:00:59", 1, false),
            ("12:00:00", 0, true),
            ("13:00:00", 0, false),
        ] {
            log.books.desk.dropped.fetch_add(drops, Relaxed);
            log.books.tell_dropped(&at(time).try_into().unwrap());
            assert_eq!(log.books.told.load(Relaxed) > told, is_told, "{time}");
            told = log.books.told.load(Relaxed);
        }
        assert_eq!(told, 3);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_one_line() {
        let error = AccessLog::to_file("/nonexistent/log").unwrap_err().to_string();
        assert!(error.starts_with("cannot write the access log /nonexistent/log: "), "{error}");
        assert!(!error.contains('\n') && error.contains("; name a file"), "{error}");
    }

    #[test]
    fn a_log_that_keeps_up_allocates_nothing() {
        let (mut log, mut ear) = told();
        ear.allow();
        let mut allocations = 0;
        for round in 0..16 {
            let measured = allocation_counter::measure(|| turn(&mut log, 10));
            // Each of the three buffers grows once.
            if round >= 8 {
                allocations += measured.count_total;
            }
            assert_eq!(ear.lines(), 10);
        }
        assert_eq!(allocations, 0);
    }

    /// Several logs, one thread: what each hands over is written whole, and the last to end waits
    /// for all of it.
    #[test]
    fn the_logs_of_several_loops_are_written_by_one_thread() {
        const LOOPS: usize = 4;
        let ((may, allowed), (begun, begins), (written, writes)) =
            (channel(), channel(), channel());
        let out = Told { may: allowed, begun, written };
        let mut logs = AccessLog::each(stream(out), NonZeroUsize::new(LOOPS).unwrap()).unwrap();
        let dropped = logs[0].dropped_lines();
        for log in &mut logs {
            turn(log, 2);
            turn(log, 1);
        }
        begins.recv_timeout(PATIENCE).unwrap();
        // Ending one while others go on waits for nothing, though nothing can be written yet.
        let mut last = logs.pop().unwrap();
        drop(logs);
        turn(&mut last, 3);
        drop(may);
        drop(last);
        let lines = |text: Vec<u8>| text.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(writes.try_iter().map(lines).sum::<usize>(), LOOPS * 3 + 3);
        assert_eq!(dropped.load(Relaxed), 0);
    }

    #[test]
    fn what_several_logs_drop_is_added_up() {
        let (may, allowed) = channel();
        let out = Told { may: allowed, begun: channel().0, written: channel().0 };
        let mut logs = AccessLog::each(stream(out), NonZeroUsize::new(2).unwrap()).unwrap();
        let dropped = logs[1].dropped_lines();
        logs.iter_mut().for_each(|log| turn(log, 5));
        drop(logs);
        drop(may);
        assert_eq!(dropped.load(Relaxed), 10);
    }
}
