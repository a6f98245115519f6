//! Answers as lines of the Common Log Format, with the seconds each took at the end:
//!
//! ```text
//! 127.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 12 0.000123
//! ```
//!
//! The loop never waits for a disk or a pipe: it gathers lines in memory and hands them, once a
//! turn, to a thread that writes them. The two share a fixed number of buffers, and that number is
//! the bound: where none is free the loop goes on gathering for a while, and then drops lines and
//! counts them. A log with gaps that says so is better than a server that stands still.
//!
//! Several loops that log to one place have buffers of their own and that thread in common, so that
//! no line is ever in the middle of another.
//!
//! Nothing in a request can forge a line: whatever is not plain printable ASCII is escaped.
//!
//! Relies on: the date that every answer carries (there is no clock here), and one
//! `Event::TurnEnded` a turn.
//! Never: blocks in `on`, allocates once its buffers have grown, fails because the log does.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::config::{LOG_BUFFERS, LOG_GATHERED, LOG_HANDED_OVER, LOG_LAST_WRITES};
use crate::message::Date;

use super::{Answered, Event, Observer};

/// Writes a line for every answer.
#[derive(Debug)]
pub struct AccessLog {
    batch: Batch,
    /// To the writer: at most [`LOG_BUFFERS`] batches exist, so this never blocks. `None` once the
    /// log is being closed.
    full: Option<SyncSender<Batch>>,
    /// From the writer: batches to be filled again.
    empty: Receiver<Batch>,
    // Goes last: of several logs the last one waits for the writer.
    books: Arc<Books>,
}

/// Lines, each ended by LF, and how many there are.
#[derive(Debug, Default)]
struct Batch {
    text: Vec<u8>,
    lines: u64,
    /// Which of the logs gathered them.
    log: usize,
}

/// What all logs that one thread writes have in common.
#[derive(Debug)]
struct Books {
    /// Closed by the writer when it has ended. Only looked at when there is one log left.
    ended: Mutex<Receiver<()>>,
    /// Lines that were handed over and are neither written nor dropped yet.
    waiting: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

impl AccessLog {
    /// A log on standard output.
    ///
    /// # Errors
    /// When no thread can be had for the writing.
    pub fn to_stdout() -> Result<Self, AccessLogError> {
        Self::one(io::stdout()).map_err(AccessLogError::Thread)
    }

    /// A log at the end of the file at `path`, which is made if there is none.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread can be had for the writing.
    pub fn to_file(path: impl AsRef<Path>) -> Result<Self, AccessLogError> {
        Self::one(opened(path.as_ref())?).map_err(AccessLogError::Thread)
    }

    /// As [`to_stdout`](Self::to_stdout), for each of so many loops. The lines of each are in the
    /// order of its answers; those of different loops come as they are handed over. Each has up to
    /// 2 MiB of lines that wait.
    ///
    /// # Errors
    /// As [`to_stdout`](Self::to_stdout).
    pub fn each_to_stdout(loops: NonZeroUsize) -> Result<Vec<Self>, AccessLogError> {
        Self::each(io::stdout(), loops).map_err(AccessLogError::Thread)
    }

    /// As [`to_file`](Self::to_file), for each of so many loops.
    ///
    /// # Errors
    /// As [`to_file`](Self::to_file).
    pub fn each_to_file(
        path: impl AsRef<Path>,
        loops: NonZeroUsize,
    ) -> Result<Vec<Self>, AccessLogError> {
        Self::each(opened(path.as_ref())?, loops).map_err(AccessLogError::Thread)
    }

    /// How many lines have been dropped so far, because the writing did not keep up or failed. The
    /// number goes on living, and counting, when the log has gone to its server. It is that of all
    /// logs that were made together.
    #[must_use]
    pub fn dropped_lines(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.books.dropped)
    }

    fn one(out: impl Write + Send + 'static) -> io::Result<Self> {
        let logs = Self::each(out, NonZeroUsize::MIN)?;
        logs.into_iter().next().ok_or_else(|| ErrorKind::Other.into())
    }

    fn each(out: impl Write + Send + 'static, loops: NonZeroUsize) -> io::Result<Vec<Self>> {
        let (full, filled) = sync_channel(LOG_BUFFERS.saturating_mul(loops.get()));
        let (alive, ended) = sync_channel(0);
        let (waiting, dropped) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let books = Books {
            ended: Mutex::new(ended),
            waiting: Arc::clone(&waiting),
            dropped: Arc::clone(&dropped),
        };
        let books = Arc::new(books);
        let (mut logs, mut emptied) = (Vec::new(), Vec::new());
        for log in 0..loops.get() {
            let (give_back, empty) = sync_channel(LOG_BUFFERS);
            let batch = || Batch { log, ..Batch::default() };
            // The loop holds one more than those that wait for it here.
            for _ in 1..LOG_BUFFERS {
                let _ = give_back.try_send(batch());
            }
            emptied.push(give_back);
            let (full, books) = (Some(full.clone()), Arc::clone(&books));
            logs.push(Self { batch: batch(), full, empty, books });
        }
        let writer = Writer { out, filled, emptied, waiting, dropped, _alive: alive };
        thread::Builder::new().name("access log".into()).spawn(move || writer.run())?;
        Ok(logs)
    }

    fn gather(&mut self, answered: &Answered<'_>) {
        if self.batch.text.len() >= LOG_GATHERED {
            self.books.dropped.fetch_add(1, Relaxed);
            return;
        }
        append_line(&mut self.batch.text, answered);
        self.batch.lines += 1;
        if self.batch.text.len() >= LOG_HANDED_OVER {
            self.hand_over();
        }
    }

    /// Gives the writer what is gathered, if there is another buffer to gather in.
    fn hand_over(&mut self) {
        if self.batch.lines == 0 {
            return;
        }
        if let Ok(next) = self.empty.try_recv() {
            let batch = mem::replace(&mut self.batch, next);
            self.send(batch);
        }
    }

    fn send(&self, batch: Batch) {
        let lines = batch.lines;
        self.books.waiting.fetch_add(lines, Relaxed);
        let sent = self.full.as_ref().is_some_and(|full| full.try_send(batch).is_ok());
        if !sent {
            // The writer is gone: only a panic in it can do that.
            self.books.waiting.fetch_sub(lines, Relaxed);
            self.books.dropped.fetch_add(lines, Relaxed);
        }
    }
}

impl Observer for AccessLog {
    const REQUESTS: bool = true;

    #[inline]
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Answered(answered) => self.gather(answered),
            Event::TurnEnded { .. } => self.hand_over(),
            _ => {}
        }
    }
}

/// Hands over what is left.
impl Drop for AccessLog {
    fn drop(&mut self) {
        let last = mem::take(&mut self.batch);
        if last.lines > 0 {
            self.send(last);
        }
        self.full = None;
    }
}

/// When the last log has handed over what was left, the writer gets a moment to write it.
impl Drop for Books {
    fn drop(&mut self) {
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(LOG_LAST_WRITES) == Err(RecvTimeoutError::Timeout) {
            self.dropped.fetch_add(self.waiting.swap(0, Relaxed), Relaxed);
        }
    }
}

/// For appending; it is made if there is none.
fn opened(path: &Path) -> Result<File, AccessLogError> {
    let opened = File::options().append(true).create(true).open(path);
    opened.map_err(|source| AccessLogError::Open { path: path.into(), source })
}

/// The other side: a thread that writes what it is given, and may wait for that as long as it
/// takes.
struct Writer<W> {
    out: W,
    filled: Receiver<Batch>,
    /// To each of the logs.
    emptied: Vec<SyncSender<Batch>>,
    waiting: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    /// Nothing is ever sent: that it is dropped says that the thread has ended.
    _alive: SyncSender<()>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut working = true;
        while let Ok(mut batch) = self.filled.recv() {
            // After a failure (disk full, reader gone) the log is over: half a line may be out, and
            // more would follow it.
            working =
                working && self.out.write_all(&batch.text).and_then(|()| self.out.flush()).is_ok();
            if !working {
                self.dropped.fetch_add(batch.lines, Relaxed);
            }
            self.waiting.fetch_sub(batch.lines, Relaxed);
            batch.text.clear();
            batch.lines = 0;
            // It always fits; only a log that is being closed takes nothing back.
            let _ = self.emptied[batch.log].try_send(batch);
        }
    }
}

fn append_line(out: &mut Vec<u8>, answered: &Answered<'_>) {
    append_host(out, answered.peer);
    out.extend_from_slice(b" - - [");
    append_date(out, answered.date);
    out.extend_from_slice(b"] \"");
    append_request_line(out, answered.line);
    let (seconds, micros) = (answered.took.as_secs(), answered.took.subsec_micros());
    let status = answered.status;
    // Writing to a Vec cannot fail.
    let _ = match answered.bytes {
        0 => writeln!(out, "\" {status} - {seconds}.{micros:06}"),
        bytes => writeln!(out, "\" {status} {bytes} {seconds}.{micros:06}"),
    };
}

fn append_host(out: &mut Vec<u8>, peer: Option<SocketAddr>) {
    // A client of `[::]` that came by IPv4 is written as what it is.
    let _ = match peer.map(|peer| peer.ip().to_canonical()) {
        Some(IpAddr::V4(ip)) => write!(out, "{ip}"),
        Some(IpAddr::V6(ip)) => write!(out, "{ip}"),
        None => write!(out, "-"),
    };
}

/// `Sun, 22 Nov 2026 14:00:00 GMT` as `22/Nov/2026:14:00:00 +0000`.
fn append_date(out: &mut Vec<u8>, date: &Date) {
    for (part, then) in [(5..7, "/"), (8..11, "/"), (12..16, ":"), (17..25, " +0000")] {
        out.extend_from_slice(&date[part]);
        out.extend_from_slice(then.as_bytes());
    }
}

/// The line as it came, with every byte that could end it, end its quotes, steer a terminal or be
/// read in two ways as `\xHH`.
fn append_request_line(out: &mut Vec<u8>, line: &[u8]) {
    if line.is_empty() {
        out.push(b'-');
    }
    for &byte in line {
        match byte {
            b'"' | b'\\' | ..b' ' | 0x7F.. => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(&digits);
            }
            plain => out.push(plain),
        }
    }
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
            date: DATE,
        }
    }

    fn check(answered: &Answered<'_>, expected: &str) {
        let mut line = Vec::new();
        append_line(&mut line, answered);
        assert_eq!(String::from_utf8(line).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn a_line_is_the_common_log_format_and_the_seconds() {
        let plain = answered(b"GET / HTTP/1.1");
        check(
            &plain,
            r#"127.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 12 0.000123"#,
        );
        check(
            &Answered { peer: None, ..plain },
            r#"- - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 12 0.000123"#,
        );
        check(
            &Answered { peer: "[2001:db8::1]:9".parse().ok(), took: Duration::MAX, ..plain },
            "2001:db8::1 - - [22/Nov/2026:14:00:00 +0000] \"GET / HTTP/1.1\" 200 12 \
             18446744073709551615.999999",
        );
        check(
            &Answered { peer: "[::ffff:192.0.2.7]:9".parse().ok(), ..plain },
            r#"192.0.2.7 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 12 0.000123"#,
        );
        check(
            &Answered { line: b"", status: 408, bytes: 0, ..plain },
            r#"127.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "-" 408 - 0.000123"#,
        );
    }

    #[test]
    fn a_request_line_cannot_forge_a_log_line() {
        let check = |line: &[u8], expected: &str| {
            let mut written = Vec::new();
            append_request_line(&mut written, line);
            assert_eq!(String::from_utf8(written).unwrap(), expected);
        };
        check(b"GET /\"x\\ HTTP/1.1", r"GET /\x22x\x5C HTTP/1.1");
        check(b"GET /\r\n1.2.3.4 - - \x1B[2J\t\x00", r"GET /\x0D\x0A1.2.3.4 - - \x1B[2J\x09\x00");
        check("GET /é\x7F".as_bytes(), r"GET /\xC3\xA9\x7F");
        check(b"~ !", "~ !");
        for byte in 0..=u8::MAX {
            let mut written = Vec::new();
            append_request_line(&mut written, &[byte]);
            assert!(written.iter().all(|b| (b' '..=b'~').contains(b) && *b != b'"'), "{byte:#x}");
        }
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
        let log = AccessLog::one(Told { may: allowed, begun, written }).unwrap();
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
        // The writer holds one buffer and stands still; these turns take the others, and the last
        // of them keeps its line.
        (1..LOG_BUFFERS).for_each(|_| turn(&mut log, 1));
        assert_eq!(log.batch.lines, 1);
        let room = (LOG_GATHERED - log.batch.text.len()).div_ceil(log.batch.text.len());
        turn(&mut log, room);
        assert_eq!(dropped.load(Relaxed), 0, "until here everything has room");
        turn(&mut log, 7);
        assert_eq!(dropped.load(Relaxed), 7);

        ear.allow();
        drop(log);
        let written: usize = ear
            .written
            .try_iter()
            .map(|text| text.iter().filter(|&&byte| byte == b'\n').count())
            .sum();
        assert_eq!(written, LOG_BUFFERS + room, "what had room is written after all");
        assert_eq!(dropped.load(Relaxed), 7);
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
        let mut log = AccessLog::one(FullOnce(false)).unwrap();
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
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(text.starts_with("before\n127.0.0.1 - - [") && text.lines().count() == 3, "{text}");
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
        for round in 0..4 * LOG_BUFFERS {
            let measured = allocation_counter::measure(|| turn(&mut log, 10));
            // Each buffer grows once.
            if round >= 2 * LOG_BUFFERS {
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
        let mut logs = AccessLog::each(out, NonZeroUsize::new(LOOPS).unwrap()).unwrap();
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
        let mut logs = AccessLog::each(out, NonZeroUsize::new(2).unwrap()).unwrap();
        let dropped = logs[1].dropped_lines();
        logs.iter_mut().for_each(|log| turn(log, 5));
        drop(logs);
        drop(may);
        assert_eq!(dropped.load(Relaxed), 10);
    }
}
