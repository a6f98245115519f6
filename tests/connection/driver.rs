//! Drives one connection as `event_loop/slot.rs` does, step for step, with a socket that is a few
//! bytes and a clock that is a number.
//!
//! Relies on nothing but what the machine offers in public, so what is shown here is shown of the
//! machine. After every pump it holds the machine against what must be true at any time, and in the
//! end another implementation reads what was sent. Read next: `script.rs` (the responder),
//! `transcript.rs` (how a test is written), `read_back.rs` (what the other one is asked).

use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use oneloop::config::SEND_BUFFER;
use oneloop::connection::{
    Advance, Asked, CloseReason, Connection, Farewell, Inbox, Moment, Outgoing, Pages, Phase, Pull,
    Reply, Terms, Why, guarded,
};
use oneloop::message::{Date, Done, Nobody};
use oneloop::wire::request::Scan;
use oneloop::{Limits, Responder};

use super::read_back::{note, refused, understood};
use super::second_opinion;

/// The date of every answer.
pub(crate) const DATE: &Date = b"Sun, 06 Nov 1994 08:49:37 GMT";

/// What an attempt to move bytes has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    Moved(usize),
    Blocked,
    Ended,
    Broken(ErrorKind),
}

/// How the client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It shuts its half.
    Ended,
    /// It resets the connection.
    Reset,
}

/// The network, and the client at its other end.
#[derive(Debug)]
pub(crate) struct Socket {
    /// What the client has sent and nobody has read.
    arrived: Vec<u8>,
    pub(crate) leaving: Option<Leaving>,
    /// All that has reached the client.
    pub(crate) reached: Vec<u8>,
    /// How much of it the test has looked at.
    seen: usize,
    /// How many bytes more the client takes.
    pub(crate) window: usize,
    /// How many bytes one call takes at the most.
    per_write: usize,
    /// Readiness: blocked and short writes clear it, an event sets it.
    is_writable: bool,
    pub(crate) is_shut: bool,
    /// An event has said that both halves are closed.
    is_gone: bool,
}

/// The disk, and who reads from it so that nobody else has to wait for it.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Nothing is in memory.
    pub(crate) is_cold: bool,
    /// No helper is to be had.
    pub(crate) is_crowded: bool,
    /// The last helper's work.
    pub(crate) job: Done,
}

/// How much a helper reads at a time, in bytes.
const CHUNK: u64 = 10;

impl Socket {
    /// What has reached the client since this was asked last.
    pub(crate) fn unseen(&mut self) -> &[u8] {
        let before = std::mem::replace(&mut self.seen, self.reached.len());
        &self.reached[before..]
    }

    fn read(&mut self, room: usize, into: &mut Vec<u8>) -> Transfer {
        if self.leaving == Some(Leaving::Reset) {
            return Transfer::Broken(ErrorKind::ConnectionReset);
        }
        if self.arrived.is_empty() {
            return if self.leaving.is_some() { Transfer::Ended } else { Transfer::Blocked };
        }
        let n = self.arrived.len().min(room);
        into.clear();
        into.extend(self.arrived.drain(..n));
        Transfer::Moved(n)
    }

    fn may_read(&self) -> bool {
        !self.arrived.is_empty() || self.leaving.is_some()
    }

    fn write(&mut self, first: &[u8], second: &[u8]) -> Transfer {
        assert!(!self.is_shut, "nothing is written once our half is shut");
        if self.leaving == Some(Leaving::Reset) {
            return Transfer::Broken(ErrorKind::ConnectionReset);
        }
        let given = first.len() + second.len();
        assert!(given > 0, "an empty write proves nothing");
        let n = given.min(self.per_write).min(self.window);
        self.window -= n;
        self.reached.extend(first.iter().chain(second).take(n));
        self.is_writable = n == given;
        if n == 0 { Transfer::Blocked } else { Transfer::Moved(n) }
    }
}

/// The loop's buffers.
#[derive(Debug, Default)]
struct Desk {
    received: Vec<u8>,
    unread: Range<usize>,
    scan: Scan,
    out: Vec<u8>,
    /// Nothing more is written in this turn.
    is_written_out: bool,
}

impl Desk {
    fn take_unread(&mut self) -> Option<Box<Inbox>> {
        let rest = &self.received[self.unread.clone()];
        let inbox = (!rest.is_empty()).then(|| Box::new(Inbox::holding(rest, self.scan)));
        self.drop_unread();
        inbox
    }

    fn drop_unread(&mut self) {
        (self.unread, self.scan) = (0..0, Scan::default());
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Write,
    Advance,
    Read,
    Stop,
}

/// One connection, its client, and who answers.
pub(crate) struct Driver<R> {
    pub(crate) connection: Connection,
    pub(crate) socket: Socket,
    pub(crate) disk: Disk,
    pub(crate) responder: R,
    pub(crate) is_last: bool,
    /// What the client has asked for so far, for whoever reads the answers.
    pub(crate) asked: Vec<second_opinion::Asked>,
    now: Moment,
    limits: Limits,
    desk: Desk,
}

impl<R: Responder> Driver<R> {
    /// A connection that was just made, to a client that takes at most `per_write` bytes at a time.
    pub(crate) fn new(responder: R, limits: Limits, per_write: usize) -> Self {
        let terms = Terms { now: Moment::START, date: DATE, limits: &limits, is_last: false };
        Self {
            connection: Connection::new(&terms),
            socket: Socket {
                arrived: Vec::new(),
                leaving: None,
                reached: Vec::new(),
                seen: 0,
                window: usize::MAX,
                per_write,
                is_writable: true,
                is_shut: false,
                is_gone: false,
            },
            disk: Disk::default(),
            responder,
            is_last: false,
            asked: Vec::new(),
            now: Moment::START,
            limits,
            desk: Desk::default(),
        }
    }

    // What happens.

    /// The client sends this, and the loop sees to it.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.socket.arrived.extend_from_slice(bytes);
        self.settle();
    }

    /// The client leaves.
    pub(crate) fn leave(&mut self, how: Leaving) {
        self.socket.leaving = Some(how);
        self.socket.is_writable = true;
        self.socket.is_gone = how == Leaving::Reset;
        self.settle();
    }

    /// A wake is rung.
    pub(crate) fn wake(&mut self) {
        if self.connection.awaited_job().is_some_and(Done::is_so) {
            self.connection.warmed();
        }
        self.connection.woken();
        self.settle();
    }

    /// Time passes; deadlines on the way are kept to the nanosecond, as the agenda does.
    pub(crate) fn pass(&mut self, time: std::time::Duration) {
        let until = self.now.after(time);
        while self.connection.deadline() <= until {
            let due = self.connection.deadline();
            self.now = due.max(self.now);
            let terms = terms(self.now, &self.limits, self.is_last);
            let inbox = self.connection.take_inbox();
            let begun = inbox.as_ref().map_or(&[][..], |inbox| inbox.bytes());
            let refused = refused(begun);
            inbox.into_iter().for_each(|inbox| self.connection.keep(inbox));
            self.connection.expired(&mut self.desk.out, &terms);
            note(&mut self.asked, &self.connection, refused);
            self.settle();
            let is_later = self.connection.deadline() > due;
            assert!(is_later, "a deadline that has passed is not due again: {:?}", self.connection);
        }
        self.now = until;
    }

    /// Pumps until only the world can make a difference, with an event whenever the client has
    /// taken what it was given.
    pub(crate) fn settle(&mut self) {
        loop {
            self.pump();
            let may_write_again = !self.socket.is_writable && self.socket.window > 0;
            if !may_write_again || self.connection.phase() == Phase::Closed {
                return;
            }
            self.socket.is_writable = true;
        }
    }

    // The pump, as in slot.rs.

    fn pump(&mut self) {
        self.desk.is_written_out = false;
        let mut may_advance = true;
        loop {
            match self.next(may_advance) {
                Next::Write => {
                    self.write();
                    may_advance = true;
                }
                Next::Advance => may_advance = self.advance(),
                Next::Read => {
                    self.read();
                    may_advance = true;
                }
                Next::Stop => break,
            }
        }
        self.clear_desk();
        if self.socket.is_gone && self.connection.phase() != Phase::Closed {
            self.connection.broken(ErrorKind::ConnectionReset);
        }
        if self.socket.leaving == Some(Leaving::Ended) {
            self.connection.client_shut(&terms(self.now, &self.limits, self.is_last));
        }
        self.check_what_is_always_true();
    }

    fn next(&self, may_advance: bool) -> Next {
        if self.connection.phase() == Phase::Closed {
            return Next::Stop;
        }
        if self.has_to_write(may_advance) {
            let may_write = self.socket.is_writable && !self.desk.is_written_out;
            return if may_write { Next::Write } else { Next::Stop };
        }
        if may_advance {
            return Next::Advance;
        }
        if self.connection.wants_input() && self.socket.may_read() {
            Next::Read
        } else {
            Next::Stop
        }
    }

    fn has_to_write(&self, may_advance: bool) -> bool {
        let out = &self.desk.out;
        match self.connection.outgoing() {
            Outgoing::Waiting | Outgoing::Warming => !out.is_empty(),
            Outgoing::Nothing if self.connection.phase() == Phase::Writing => true,
            Outgoing::Nothing => out.len() >= SEND_BUFFER || (!may_advance && !out.is_empty()),
            _ => true,
        }
    }

    fn write(&mut self) {
        match self.connection.outgoing() {
            Outgoing::Unsent(_) => self.write_unsent(),
            Outgoing::File(..) if self.desk.out.is_empty() => self.write_file(),
            Outgoing::Source if self.desk.out.len() < SEND_BUFFER => self.pull(),
            _ => self.write_made(),
        }
        if !self.desk.out.is_empty() || self.connection.phase() == Phase::Closed {
            return;
        }
        match self.connection.outgoing() {
            Outgoing::Nothing => {
                let terms = terms(self.now, &self.limits, self.is_last);
                match self.connection.all_sent(&terms) {
                    None => return,
                    Some(Farewell::Close) if !self.socket.may_read() => {
                        self.connection.close(CloseReason::Answered);
                    }
                    Some(Farewell::Close | Farewell::Shut) => self.socket.is_shut = true,
                }
                self.desk.drop_unread();
            }
            Outgoing::Waiting => {
                self.connection.source_paused(&terms(self.now, &self.limits, self.is_last));
            }
            _ => {}
        }
    }

    fn write_unsent(&mut self) {
        let Outgoing::Unsent(bytes) = self.connection.outgoing() else { return };
        let transfer = self.socket.write(bytes, &[]);
        if let Some(n) = self.moved(transfer) {
            let terms = terms(self.now, &self.limits, self.is_last);
            self.connection.sent(n, &terms);
        }
    }

    fn write_made(&mut self) {
        let out = &self.desk.out;
        let content = match self.connection.outgoing() {
            Outgoing::Content(content) | Outgoing::Part(content) => content,
            _ if out.is_empty() => return,
            _ => &[],
        };
        let made = out.len();
        let transfer = self.socket.write(out, content);
        let moved = self.moved(transfer).unwrap_or_default();
        if self.connection.phase() == Phase::Closed {
            return;
        }
        let terms = terms(self.now, &self.limits, self.is_last);
        if moved < made {
            self.connection.put_back(&self.desk.out[moved..], &terms);
        }
        self.desk.out.clear();
        if moved > made {
            self.connection.content_sent(moved - made, &terms);
        }
    }

    fn write_file(&mut self) {
        let Outgoing::File(range, pages) = self.connection.outgoing() else { return };
        let len = match pages {
            Pages::Unknown if self.disk.is_cold => {
                self.disk.job = Done::default();
                let helper = (range.len.min(CHUNK), self.disk.job.clone());
                let helper = (!self.disk.is_crowded).then_some(helper);
                let terms = terms(self.now, &self.limits, self.is_last);
                return self.connection.warming(helper, &terms);
            }
            Pages::Unknown => range.len,
            Pages::Warmed(len) => range.len.min(len),
        };
        let mut bytes = vec![0; usize::try_from(len).expect("a small file")];
        let there =
            range.file.file().read_at(&mut bytes, range.offset).expect("a file can be read");
        if there == 0 {
            return self.connection.close(CloseReason::FileShrank);
        }
        let transfer = self.socket.write(&bytes[..there], &[]);
        self.connection.was_hot(&terms(self.now, &self.limits, self.is_last));
        if let Some(n) = self.moved(transfer) {
            let terms = terms(self.now, &self.limits, self.is_last);
            self.connection.content_sent(n, &terms);
        }
    }

    fn pull(&mut self) {
        let terms = terms(self.now, &self.limits, self.is_last);
        let pulled = self.connection.pull(&mut self.desk.out, &terms);
        // One that makes nothing and says that there is more would keep the loop to itself.
        self.desk.is_written_out = pulled == Pull::Made(0);
    }

    fn moved(&mut self, transfer: Transfer) -> Option<usize> {
        match transfer {
            Transfer::Moved(n) => return Some(n),
            Transfer::Blocked => {}
            Transfer::Ended => self.connection.broken(ErrorKind::WriteZero),
            Transfer::Broken(kind) => self.connection.broken(kind),
        }
        None
    }

    fn advance(&mut self) -> bool {
        let terms = terms(self.now, &self.limits, self.is_last);
        let Desk { received, unread, scan, out, .. } = &mut self.desk;
        let mut inbox = self.connection.take_inbox();
        let (input, scan) = match &mut inbox {
            Some(inbox) => inbox.open(),
            None => (&received[unread.clone()], scan),
        };
        let took = match self.connection.advance(input, scan, out, &terms) {
            Advance::Starved => None,
            Advance::Took(took, _) => {
                note(&mut self.asked, &self.connection, refused(input));
                Some(took)
            }
            Advance::Ask(head) => {
                let asked = Asked::of(&head, input.len());
                note(&mut self.asked, &self.connection, understood(asked));
                let request = head.to_request(self.connection.requests(), &Nobody);
                let reply = match guarded(|| self.responder.respond(&request)) {
                    Ok(answer) => self.connection.answer(asked, answer, out, &terms),
                    Err(_) => self.connection.responder_panicked(asked, out, &terms),
                };
                let Reply { took, .. } = reply;
                Some(took)
            }
        };
        if let Some(took) = took {
            assert!(took <= input.len(), "no more is taken than there is");
            if took > 0 {
                *scan = Scan::default();
            }
            match &mut inbox {
                Some(inbox) => inbox.took(took),
                None => unread.start += took,
            }
        }
        if let Some(inbox) = inbox {
            self.connection.keep(inbox);
        }
        took.is_some()
    }

    fn read(&mut self) {
        if let Some(inbox) = self.desk.take_unread() {
            self.connection.keep(inbox);
        }
        let room = self.connection.room();
        assert!(room > 0, "who wants input has room for it: {:?}", self.connection.phase());
        match self.socket.read(room, &mut self.desk.received) {
            Transfer::Moved(n) => match self.connection.take_inbox() {
                Some(mut inbox) => {
                    inbox.received(&self.desk.received[..n]);
                    self.connection.keep(inbox);
                }
                None => self.desk.unread = 0..n,
            },
            Transfer::Blocked => {}
            Transfer::Ended => self.connection.ended(),
            Transfer::Broken(kind) => self.connection.broken(kind),
        }
    }

    /// Nothing stays on the desk.
    fn clear_desk(&mut self) {
        if self.connection.phase() == Phase::Closed {
            self.desk.out.clear();
            self.desk.drop_unread();
            return;
        }
        if !self.desk.out.is_empty() {
            let terms = terms(self.now, &self.limits, self.is_last);
            self.connection.put_back(&self.desk.out, &terms);
            self.desk.out.clear();
        }
        if let Some(inbox) = self.desk.take_unread() {
            self.connection.keep(inbox);
        }
    }

    // Laws.

    /// What must be true of a connection whenever nobody works on it.
    fn check_what_is_always_true(&self) {
        let connection = &self.connection;
        let phase = connection.phase();
        let is_closed = phase == Phase::Closed;
        assert_eq!(connection.fate().is_some(), is_closed, "a fate, and only when closed");
        let waits_for_source = matches!(connection.outgoing(), Outgoing::Waiting);
        // A client that has shut its half may have gone, and then nobody would ever say so.
        let may_wait_for_ever = is_closed || (waits_for_source && self.socket.leaving.is_none());
        let has_deadline = connection.deadline() != Moment::NEVER;
        let has_beat = waits_for_source && connection.awaits() == Why::Beat;
        let has_to_have = !may_wait_for_ever || has_beat;
        assert_eq!(has_deadline, has_to_have, "everything has its time: {connection:?}");
        let is_nothing = matches!(connection.outgoing(), Outgoing::Nothing);
        assert!(phase == Phase::Writing || is_nothing, "what waits is being written");
        if is_closed || matches!(phase, Phase::Idle | Phase::Lingering) {
            assert_eq!(connection.held(), 0, "{phase}, it owns no buffer");
        }
    }
}

fn terms(now: Moment, limits: &Limits, is_last: bool) -> Terms<'_> {
    Terms { now, date: DATE, limits, is_last }
}
