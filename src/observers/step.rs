//! The words for what the loop does, step by step: who, which system call, what came of it.
//!
//! Read next: `mod.rs`, whose [`Event`](super::Event)s are made of them; `event_loop/telling.rs`,
//! which tells them.

use std::fmt;
use std::io::ErrorKind;

/// A connection as those who watch know it: by its serial number, and by its place in the slab,
/// which others have had before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Who {
    /// Its serial number; 0 is the loop itself.
    pub connection: u32,
    /// Which slot it lives in.
    pub slot: u32,
}

impl Who {
    /// The loop itself.
    pub const LOOP: Self = Self { connection: 0, slot: 0 };
}

/// `c17`, as logs write it; the loop itself is `loop`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.connection {
            0 => f.write_str("loop"),
            number => write!(f, "c{number}"),
        }
    }
}

/// What a connection came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// To be served.
    Main,
    /// To see how the server is: it came to a listener of
    /// [`Server::attended_on`](crate::Server::attended_on).
    Aside,
}

/// A system call that the loop makes, by the name that strace has for it on Linux.
///
/// Those that a responder makes (to open a file, to ask for a client's address) are its own and not
/// told one by one: they are what a request spends between [`Asked`](super::Event::Asked) and
/// [`Given`](super::Event::Given).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `epoll_wait`: what is ready?
    Wait,
    /// `accept4`: is somebody there?
    Accept,
    /// `epoll_ctl`: tell me about this socket from now on.
    Register,
    /// `recv`, which strace shows as `recvfrom`.
    Receive,
    /// `send`, which strace shows as `sendto`.
    Send,
    /// `sendmsg`: two stretches of memory by one call.
    SendBoth,
    /// `preadv2`: is this page of the file in memory?
    AskPage,
    /// `sendfile`: from a file to the socket, past our memory.
    SendFile,
    /// `shutdown`: nothing more will come from here.
    Shut,
    /// `setsockopt`: let the close be a reset; or, no more waiting for more to send.
    SetOption,
    /// `poll`: does somebody wait at that listener?
    Poll,
    /// `close`.
    Close,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Wait,
        Self::Accept,
        Self::Register,
        Self::Receive,
        Self::Send,
        Self::SendBoth,
        Self::AskPage,
        Self::SendFile,
        Self::Shut,
        Self::SetOption,
        Self::Poll,
        Self::Close,
    ];

    /// Its name, as strace writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "epoll_wait",
            Self::Accept => "accept4",
            Self::Register => "epoll_ctl",
            Self::Receive => "recvfrom",
            Self::Send => "sendto",
            Self::SendBoth => "sendmsg",
            Self::AskPage => "preadv2",
            Self::SendFile => "sendfile",
            Self::Shut => "shutdown",
            Self::SetOption => "setsockopt",
            Self::Poll => "poll",
            Self::Close => "close",
        }
    }
}

/// What came of a [`Call`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it was to do.
    Done,
    /// So many bytes were moved of those that could have been; of a wait, so many events of those
    /// that there was room for.
    Moved {
        /// Bytes, or events.
        n: usize,
        /// The most there could have been.
        of: usize,
    },
    /// Nothing for now: `EAGAIN`.
    Blocked,
    /// There is nothing more: the client has shut its half, or the file has ended.
    Ended,
    /// It failed.
    Failed(ErrorKind),
}

/// What an event of the poll said about a connection; several of them at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// There is something to be read, or the end, or an error.
    pub readable: bool,
    /// There is room to write, or an error.
    pub writable: bool,
    /// The client has shut its half.
    pub read_closed: bool,
    /// Nothing can be written any more.
    pub write_closed: bool,
    /// The connection is broken.
    pub error: bool,
    /// There is urgent data.
    pub urgent: bool,
}

impl Signs {
    /// Whether one of those was given.
    pub(super) const fn has_any_of(self, those: Self) -> bool {
        (self.readable && those.readable)
            || (self.writable && those.writable)
            || (self.read_closed && those.read_closed)
            || (self.write_closed && those.write_closed)
            || (self.error && those.error)
            || (self.urgent && those.urgent)
    }

    /// Those of both.
    pub(super) const fn and(self, those: Self) -> Self {
        Self {
            readable: self.readable || those.readable,
            writable: self.writable || those.writable,
            read_closed: self.read_closed || those.read_closed,
            write_closed: self.write_closed || those.write_closed,
            error: self.error || those.error,
            urgent: self.urgent || those.urgent,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_call_has_a_name_and_a_place_of_its_own() {
        let names: BTreeSet<_> = Call::ALL.iter().map(|call| call.name()).collect();
        assert_eq!(names.len(), Call::ALL.len());
        for (at, call) in Call::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, at, "{call:?}");
        }
    }

    #[test]
    fn connections_are_named_as_in_logs() {
        assert_eq!(Who { connection: 17, slot: 3 }.to_string(), "c17");
        assert_eq!(Who::LOOP.to_string(), "loop");
    }
}
