//! The real network: sockets of the kernel, polled by mio.
//!
//! The only file that imports mio. What it relies on is what
//! `mio::Poll` documents: edge-triggered events, spurious ones now and then, none for what was not
//! drained; `readiness.rs` has the rules.
//!
//! A connection is registered once, for everything, and never again: not reading is just not
//! reading. Dropping its socket takes it off the poll.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IoSlice, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use rustix::event::{PollFd, PollFlags};
use rustix::net::SendAncillaryBuffer;

use crate::config::EVENTS_PER_WAIT;
use crate::connection::{Moment, Pages};
use crate::message::{Bell, FileRange, Job, Submitted};

use super::clock::Clock;
use super::helpers::Helpers;
use super::key::Key;
use super::listener::{Address, Listener, Socket, SocketFile};
use super::net::{Accepted, Net, Notice, Ready, Sent, Stream, Transfer, Wall};
use super::outcome::{not_accepted, transfer};
use super::send_file::{MORE, NO_SIGNAL, send_file};
use super::signals::Signals;

/// Tokens of what is no connection: their generation is 0, and this is their slot.
const BELL: usize = 0;
const SIGNALS: usize = 1;
const LISTENERS: usize = 8;

/// A stream is told about in every direction. Urgent data is told apart on Linux only.
fn interests() -> Interest {
    let both = Interest::READABLE | Interest::WRITABLE;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return both | Interest::PRIORITY;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return both;
}

/// Sockets, polled by mio.
#[derive(Debug)]
pub(super) struct MioNet {
    poll: Poll,
    events: Events,
    /// By their numbers, those that were not closed.
    listeners: Vec<Option<Listening>>,
    bells: Arc<Bells>,
    helpers: Helpers,
    signals: Option<Signals>,
    clock: Clock,
}

#[derive(Debug)]
struct Listening {
    address: Address,
    // Goes before the socket; see `listener.rs`.
    _file: Option<SocketFile>,
    socket: ListeningSocket,
}

#[derive(Debug)]
enum ListeningSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection's socket.
#[derive(Debug)]
pub(super) enum MioStream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl MioNet {
    /// A poll with nothing in it.
    ///
    /// # Errors
    /// Where the process has no descriptors left for it.
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token(BELL))?;
        let (rung, stop, signal) = Default::default();
        let bells = Bells { rung, stop, signal, waker };
        let bells = Arc::new(bells);
        let tell_of_room = Arc::clone(&bells);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            listeners: Vec::new(),
            bells,
            helpers: Helpers::new(move || tell_of_room.wake()),
            signals: None,
            clock: Clock::start(),
        })
    }

    /// Accepts from this listener too.
    ///
    /// # Errors
    /// Where the poll takes no more.
    pub(super) fn listen(&mut self, listener: Listener) -> io::Result<()> {
        let (address, socket, file) = listener.into_parts();
        let mut socket = match socket {
            Socket::Tcp(listener) => ListeningSocket::Tcp(TcpListener::from_std(listener)),
            Socket::Unix(listener) => ListeningSocket::Unix(UnixListener::from_std(listener)),
        };
        let token = Token(LISTENERS + self.listeners.len());
        self.poll.registry().register(socket.source(), token, Interest::READABLE)?;
        self.listeners.push(Some(Listening { address, _file: file, socket }));
        Ok(())
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.listeners.iter().flatten().map(|listening| &listening.address)
    }

    /// Takes SIGINT and SIGTERM as notices from now on.
    ///
    /// # Errors
    /// Where the process has no descriptors left for it.
    pub(super) fn take_signals(&mut self) -> io::Result<()> {
        let signals = Signals::listen()?;
        for (number, descriptor) in signals.descriptors().enumerate() {
            let token = Token(SIGNALS + number);
            self.poll.registry().register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
        }
        self.signals = Some(signals);
        Ok(())
    }

    /// What other threads ask for a stop by.
    #[must_use]
    pub(super) fn bells(&self) -> Arc<Bells> {
        Arc::clone(&self.bells)
    }
}

impl Net for MioNet {
    type Stream = MioStream;

    /// Of epoll and kqueue this is known (epoll(7), question 9); mio promises it of none.
    const SHORT_TRANSFER_DRAINS: bool = cfg!(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd",
    ));

    fn wait(&mut self, limit: Option<Duration>, notices: &mut Vec<Notice>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, limit) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in &self.events {
            let Token(token) = event.token();
            let key = Key::from_bits(token as u64);
            if key.generation != 0 {
                let ready = Ready::READABLE
                    .when(event.is_readable())
                    .and(Ready::WRITABLE.when(event.is_writable()))
                    .and(Ready::READ_CLOSED.when(event.is_read_closed()))
                    .and(Ready::WRITE_CLOSED.when(event.is_write_closed()))
                    .and(Ready::GONE.when(event.is_error()))
                    .and(Ready::URGENT.when(event.is_priority()));
                notices.push(Notice::Ready(key, ready));
            } else if token >= LISTENERS {
                notices.push(Notice::Listener(token - LISTENERS));
            } else if token == BELL {
                notices.push(Notice::Rung);
                notices.extend(self.bells.signal().map(Notice::Signal));
            } else if let Some(signals) = &mut self.signals {
                let (signal, count) = signals.take(token - SIGNALS);
                notices.extend(std::iter::repeat_n(Notice::Signal(signal), count));
            }
        }
        Ok(())
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn wall(&mut self, now: Moment) -> Wall {
        self.clock.wall(now)
    }

    fn listeners(&self) -> usize {
        self.listeners.len()
    }

    fn accept(&mut self, listener: usize) -> Accepted<MioStream> {
        let Some(Some(listening)) = self.listeners.get(listener) else { return Accepted::Nobody };
        let accepted = match &listening.socket {
            ListeningSocket::Tcp(listener) => {
                listener.accept().map(|(stream, peer)| (MioStream::Tcp(stream), Some(peer)))
            }
            ListeningSocket::Unix(listener) => {
                listener.accept().map(|(stream, _)| (MioStream::Unix(stream), None))
            }
        };
        match accepted {
            Ok((stream, peer)) => Accepted::Stream(stream, peer),
            Err(error) => not_accepted(&error),
        }
    }

    fn is_somebody_waiting(&self, listener: usize) -> bool {
        let Some(Some(listening)) = self.listeners.get(listener) else { return false };
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut polled = [PollFd::from_borrowed_fd(listening.socket.descriptor(), PollFlags::IN)];
        rustix::event::poll(&mut polled, Some(&at_once)) != Ok(0)
    }

    fn close_listener(&mut self, listener: usize) {
        drop(self.listeners.get_mut(listener).and_then(Option::take));
    }

    fn register(&mut self, stream: &mut MioStream, key: Key) -> io::Result<()> {
        let token = Token(key.to_bits() as usize);
        stream.register(self.poll.registry(), token)
    }

    fn bell(&self) -> Arc<dyn Bell> {
        self.bells()
    }

    fn rung(&mut self, keys: &mut Vec<Key>) -> bool {
        let mut rung = self.bells.rung.lock().unwrap_or_else(PoisonError::into_inner);
        keys.extend(std::mem::take(&mut *rung).into_iter().map(Key::from_bits));
        self.bells.stop.load(Ordering::Acquire)
    }

    fn submit(&self, job: Job) -> Submitted {
        self.helpers.submit(job)
    }

    fn room_for_jobs(&self) -> usize {
        self.helpers.room()
    }
}

impl ListeningSocket {
    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(listener) => listener,
            Self::Unix(listener) => listener,
        }
    }
}

impl MioStream {
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => registry.register(stream, token, interests()),
            Self::Unix(stream) => registry.register(stream, token, interests()),
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Stream for MioStream {
    fn read(&mut self, room: &mut [u8]) -> Transfer {
        let moved = transfer(|| match self {
            Self::Tcp(stream) => stream.read(room),
            Self::Unix(stream) => stream.read(room),
        });
        if moved == Transfer::Moved(0) { Transfer::Ended } else { moved }
    }

    fn write(&mut self, bytes: &[u8], more_follows: bool) -> Transfer {
        if more_follows {
            return transfer(|| Ok(rustix::net::send(self.descriptor(), bytes, MORE)?));
        }
        // std writes by send(2), without SIGPIPE.
        transfer(|| match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        })
    }

    fn write_both(&mut self, first: &[u8], second: &[u8], more_follows: bool) -> Transfer {
        let flags = if more_follows { MORE } else { NO_SIGNAL };
        let both = [IoSlice::new(first), IoSlice::new(second)];
        let mut nothing_else = SendAncillaryBuffer::default();
        transfer(|| Ok(rustix::net::sendmsg(self.descriptor(), &both, &mut nothing_else, flags)?))
    }

    fn send_file(&mut self, range: &FileRange, pages: Pages) -> Sent {
        send_file(self.descriptor(), range, pages)
    }

    fn push(&mut self) -> bool {
        let Self::Tcp(stream) = self else { return false };
        // tcp(7): setting this option flushes. Whoever has gone is found by the next call.
        let _ = rustix::net::sockopt::set_tcp_nodelay(stream, true);
        true
    }

    /// A read of a Unix socket ends behind a message that passes descriptors, though more is
    /// queued.
    fn may_end_reads_early(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    fn shut(&mut self) {
        // It can only fail where the client has gone already.
        let _ = rustix::net::shutdown(self.descriptor(), rustix::net::Shutdown::Write);
    }

    fn reset(&mut self) {
        // A Unix socket has no reset; there it changes nothing.
        let at_once = Some(Duration::ZERO);
        let _ = rustix::net::sockopt::set_socket_linger(self.descriptor(), at_once);
    }

    fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

/// What other threads ring; the loop hears it as [`Notice::Rung`].
#[derive(Debug)]
pub(super) struct Bells {
    /// Each once, however often it is rung before the loop comes round.
    rung: Mutex<BTreeSet<u64>>,
    stop: AtomicBool,
    /// The signal that came when a stop had been asked for already; else 0.
    signal: AtomicI32,
    waker: Waker,
}

impl Bells {
    /// Asks for an orderly stop.
    pub(super) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Passes a signal on, for a loop that takes none itself: the first asks for an orderly stop,
    /// and one that comes when a stop was asked for ends the loop.
    pub(super) fn signalled(&self, signal: i32) {
        if self.stop.swap(true, Ordering::AcqRel) {
            self.signal.store(signal, Ordering::Release);
        }
        self.wake();
    }

    fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::Acquire)).filter(|&signal| signal != 0)
    }

    fn wake(&self) {
        // A waker fails only where its counter is full, and then the loop is about to wake already.
        let _ = self.waker.wake();
    }
}

impl Bell for Bells {
    fn ring(&self, key: u64) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        self.wake();
    }
}
