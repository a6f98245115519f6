//! One simulated connection as its kernel sees it: two queues of bytes with finite windows, two
//! halves that can be shut, and the rules by which the server is told.
//!
//! There are two kernels, and a loop has to be right on both.
//!
//! * The **contract** kernel does what `mio::Poll` promises and nothing more. It tells of a
//!   direction once, and is then silent about it until the program has tried and met *blocked*;
//!   then it tells exactly once more, when it is possible again. In between it may move fewer bytes
//!   than it could, or say *blocked* though it could move some. Whoever forgets one event, or stops
//!   before *blocked*, waits here for ever.
//! * The **Linux** kernel tells more: every arrival is a new edge, and so is room in a window that
//!   had been found full; an edge tells everything that is true at that moment. In exchange a read
//!   that is short has emptied the queue, or stands at an urgent mark, and a short write has filled
//!   the window. Whoever relies on that must know where it does not hold: behind a short read there
//!   may be the end, which was told already (netty #6199).
//!
//! The client's side of the connection is in `far_end.rs`, as an honest TCP would show it. One
//! thing of it matters to servers: who closes while bytes are unread, or is sent bytes after having
//! closed, resets the connection, and then **the client loses what it has not read**. This is why
//! servers linger.
//!
//! Read next: `nature.rs`, which has many of these; `calls.rs`, which decides when they lie.

use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;

use oneloop::FileRange;
use oneloop::config::SENDFILE_CHUNK;
use oneloop::event_loop::{Ready, Transfer};

use super::way::Way;

/// By whose rules the server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    Contract,
    Linux,
}

/// What the kernel says instead of the truth, where its rules allow it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lie {
    pub(crate) says_blocked: bool,
    pub(crate) at_most: usize,
}

impl Lie {
    pub(crate) const NONE: Self = Self { says_blocked: false, at_most: usize::MAX };
}

/// How a connection has ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server has shut its half, and everything before that was read.
    Eof,
    /// The server's host has reset the connection.
    Reset,
}

#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) kernel: Kernel,
    pub(super) to_server: Way,
    pub(super) to_client: Way,
    /// Bytes at the end of `to_client` that the kernel keeps back because more was announced
    /// (`MSG_MORE`).
    pub(super) corked: usize,
    /// How many bytes are before the urgent mark, if there is one. The urgent byte itself is not
    /// among them.
    pub(super) urgent: Option<usize>,
    is_registered: bool,
    pub(super) reset_by_client: bool,
    pub(super) reset_by_server: bool,
    /// The client has closed both halves: whatever is sent to it now is answered by a reset.
    pub(super) client_closed: bool,
    pub(super) server_closed: bool,
    /// Whether the server has asked for its close to be a reset.
    pub(crate) closes_by_reset: bool,
    /// Contract: the direction was told, and *blocked* has not been met since. It is silent.
    told_read: bool,
    told_write: bool,
    /// Linux: something has happened since the last event.
    pub(super) edge: bool,
    /// Linux: the window was found full, so that room in it is worth an edge.
    pub(super) found_full: bool,
    /// Whether the contract kernel says what it knows of closed halves; it need not.
    pub(crate) tells_closed: bool,
    /// Whether it then leaves it at that, and does not say that it is readable too.
    pub(crate) tells_closed_alone: bool,
    /// Whether it is a Unix socket: on Linux a read of one ends behind a message that passes
    /// descriptors, though more is queued.
    pub(crate) ends_reads_early: bool,
}

impl Socket {
    pub(crate) fn new(kernel: Kernel, receive_window: usize, send_window: usize) -> Self {
        Self {
            kernel,
            to_server: Way::new(receive_window),
            to_client: Way::new(send_window),
            corked: 0,
            urgent: None,
            is_registered: false,
            reset_by_client: false,
            reset_by_server: false,
            client_closed: false,
            server_closed: false,
            closes_by_reset: false,
            told_read: false,
            told_write: false,
            edge: false,
            found_full: false,
            tells_closed: true,
            tells_closed_alone: false,
            ends_reads_early: false,
        }
    }

    // Events.

    /// Takes the event that is owed to the server, if one is.
    pub(crate) fn take_event(&mut self) -> Option<Ready> {
        if !self.owes_event() {
            return None;
        }
        let ready = match self.kernel {
            Kernel::Linux => self.all_that_is_true(),
            Kernel::Contract => self.what_was_not_told(),
        };
        self.edge = false;
        let is_closed = ready.has(Ready::READ_CLOSED) || ready.has(Ready::GONE);
        self.told_read |= ready.has(Ready::READABLE) || is_closed;
        self.told_write |= ready.has(Ready::WRITABLE);
        // poll(2) asks for room: where there is none, it will be told (`SOCK_NOSPACE`).
        self.found_full |= !ready.has(Ready::WRITABLE);
        (ready != Ready::default()).then_some(ready)
    }

    /// Whether something will be told without anything else happening.
    pub(crate) fn owes_event(&self) -> bool {
        self.is_registered
            && match self.kernel {
                Kernel::Linux => self.edge,
                Kernel::Contract => self.what_was_not_told() != Ready::default(),
            }
    }

    fn what_was_not_told(&self) -> Ready {
        let read = !self.told_read && self.is_readable();
        let write = !self.told_write && self.is_writable();
        let says_more = self.tells_closed && read;
        let is_closed = self.to_server.is_shut || self.reset_by_client;
        Ready::READABLE
            .when(read && !(says_more && is_closed && self.tells_closed_alone))
            .and(Ready::WRITABLE.when(write))
            .and(Ready::READ_CLOSED.when(says_more && self.to_server.is_shut))
            .and(Ready::WRITE_CLOSED.when(says_more && self.to_client.is_shut))
            .and(Ready::GONE.when(says_more && self.reset_by_client))
    }

    fn all_that_is_true(&self) -> Ready {
        Ready::READABLE
            .when(self.is_readable())
            .and(Ready::WRITABLE.when(self.is_gone() || self.has_much_room()))
            .and(Ready::READ_CLOSED.when(self.to_server.is_shut || self.is_gone()))
            .and(Ready::WRITE_CLOSED.when(self.is_gone()))
            .and(Ready::GONE.when(self.reset_by_client))
            .and(Ready::URGENT.when(self.urgent.is_some()))
    }

    /// Whether reading would bring bytes, the end or an error.
    pub(crate) fn is_readable(&self) -> bool {
        !self.to_server.bytes.is_empty() || self.to_server.is_shut || self.reset_by_client
    }

    /// How many bytes a read into so much room would bring, if nothing were held back.
    pub(crate) fn readable(&self, room: usize) -> usize {
        self.to_server.bytes.len().min(room).min(self.urgent.unwrap_or(usize::MAX))
    }

    /// Whether the last read has come to the urgent mark, and more is behind it.
    pub(crate) fn stands_at_mark(&self) -> bool {
        self.urgent == Some(0) && !self.to_server.bytes.is_empty()
    }

    /// How many of so many bytes a write would move.
    pub(crate) fn writable(&self, given: usize) -> usize {
        self.to_client.room().min(given)
    }

    /// Whether the program would hear of input: what is there now, or what is to come.
    pub(crate) fn will_tell_of_input(&self) -> bool {
        match self.kernel {
            Kernel::Contract => !self.told_read,
            Kernel::Linux => self.edge || !self.is_readable(),
        }
    }

    /// Whether the program would hear of room in the window.
    pub(crate) fn will_tell_of_room(&self) -> bool {
        match self.kernel {
            Kernel::Contract => !self.told_write,
            Kernel::Linux => self.edge || self.found_full,
        }
    }

    /// Whether writing would move bytes or meet an error.
    pub(crate) fn is_writable(&self) -> bool {
        self.to_client.room() > 0 || self.is_gone()
    }

    /// Linux calls a socket writable when a third of its window is free (`sk_stream_is_writeable`).
    pub(super) fn has_much_room(&self) -> bool {
        self.to_client.room() * 3 >= self.to_client.window
    }

    /// Whether it is broken, or both halves are shut.
    fn is_gone(&self) -> bool {
        self.reset_by_client || (self.to_server.is_shut && self.to_client.is_shut)
    }

    pub(crate) fn register(&mut self) {
        self.is_registered = true;
        self.edge = true;
    }

    /// Linux: there is room again after a lie about it.
    pub(crate) fn write_space(&mut self) {
        self.edge |= self.found_full;
    }

    // The server's side.

    pub(crate) fn read(&mut self, room: &mut [u8], lie: Lie) -> Transfer {
        if self.urgent == Some(0) {
            // The mark is passed by a read that begins at it.
            self.urgent = None;
        }
        let queued = self.to_server.bytes.len();
        if queued == 0 && self.reset_by_client {
            return Transfer::Broken(ErrorKind::ConnectionReset);
        }
        if queued == 0 && self.to_server.is_shut {
            return Transfer::Ended;
        }
        // A connection that is gone may bring bytes, the end or an error, but it cannot block.
        if queued == 0 || (lie.says_blocked && !self.is_gone()) {
            self.told_read = false;
            return Transfer::Blocked;
        }
        let before_mark = self.urgent.unwrap_or(usize::MAX);
        let n = room.len().min(queued).min(before_mark).min(lie.at_most);
        self.to_server.take(&mut room[..n]);
        if let Some(mark) = &mut self.urgent {
            *mark -= n;
        }
        Transfer::Moved(n)
    }

    pub(crate) fn write(&mut self, pieces: [&[u8]; 2], more_follows: bool, lie: Lie) -> Transfer {
        if let Some(broken) = self.unwritable() {
            return broken;
        }
        let asked = pieces[0].len() + pieces[1].len();
        let room = self.to_client.room();
        if room == 0 || lie.says_blocked {
            return self.write_blocked();
        }
        let n = asked.min(room).min(lie.at_most);
        let first = n.min(pieces[0].len());
        self.leave(&pieces[0][..first]);
        self.leave(&pieces[1][..n - first]);
        // What is kept back leaves with the next bytes, or when the window is full.
        self.corked = if more_follows && n == asked { self.corked + n } else { 0 };
        self.found_full |= n < asked;
        Transfer::Moved(n)
    }

    pub(crate) fn send_file(&mut self, range: &FileRange, lie: Lie) -> Transfer {
        if let Some(broken) = self.unwritable() {
            return broken;
        }
        let room = self.to_client.room();
        let asked = usize::try_from(range.len).unwrap_or(usize::MAX).min(SENDFILE_CHUNK);
        let mut bytes = vec![0; asked.min(room.max(1)).min(lie.at_most)];
        // The file is looked at first: sendfile(2) on one that has ended gives 0 whatever the
        // socket says.
        let n = range.file.file().read_at(&mut bytes, range.offset).expect("the file can be read");
        if n == 0 {
            return Transfer::Ended;
        }
        if room == 0 || lie.says_blocked {
            return self.write_blocked();
        }
        self.leave(&bytes[..n]);
        self.corked = 0;
        Transfer::Moved(n)
    }

    fn unwritable(&self) -> Option<Transfer> {
        let broken = self.reset_by_client || self.to_client.is_shut;
        broken.then_some(Transfer::Broken(ErrorKind::BrokenPipe))
    }

    fn write_blocked(&mut self) -> Transfer {
        self.corked = 0;
        self.told_write = false;
        self.found_full = true;
        Transfer::Blocked
    }

    fn leave(&mut self, bytes: &[u8]) {
        if self.client_closed {
            self.reset_by_client = true;
            self.edge = true;
        } else {
            self.to_client.bytes.extend(bytes);
        }
    }

    pub(crate) fn shut(&mut self) {
        self.corked = 0;
        self.to_client.is_shut = true;
        self.edge |= self.to_server.is_shut;
    }

    /// The server has dropped the socket.
    pub(crate) fn server_closes(&mut self) {
        self.corked = 0;
        self.is_registered = false;
        self.server_closed = true;
        self.to_client.is_shut = true;
        if self.closes_by_reset || !self.to_server.bytes.is_empty() {
            self.reset_the_client();
        }
    }

    /// Nobody has accepted the connection, and nobody will.
    pub(crate) fn refuse(&mut self) {
        self.server_closed = true;
        self.reset_the_client();
    }

    pub(super) fn reset_the_client(&mut self) {
        self.reset_by_server = true;
        self.to_client.bytes.clear();
    }
}
