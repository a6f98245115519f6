//! The floor that `scripts/bench` measures against: the least that an edge-triggered loop does.
//!
//! It counts blank lines in what it reads and answers each with the same bytes, and that is all. It
//! parses nothing, has no deadlines and no limits, and ends where a server must go on. Whatever a
//! server spends beyond this is its own.
//!
//! `floor PORT BYTES` answers with so many bytes of memory, `floor PORT FILE` with a file by sendfile;
//! `close` behind either closes after each answer: `cargo run --release --example floor 8390 13`
//!
//! Relies on: mio, slab, rustix. Never: looks at a request. Read next: `src/event_loop/mod.rs`.

use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use memchr::memmem::Finder;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);
const BACKLOG: i32 = 4096;
const RECEIVED: usize = 64 * 1024;
const BLANK_LINE: &[u8] = b"\r\n\r\n";
/// As much of a blank line as one read may leave to the next.
const TAIL: usize = BLANK_LINE.len() - 1;
/// Answers of one write: wrk asks for sixteen at a time.
const COPIES: usize = 64;
/// Bytes of one write, unless a single answer is longer.
const COPIED: usize = 64 * 1024;

struct Client {
    stream: TcpStream,
    tail: [u8; TAIL],
    /// Bytes that it is still to get, of one answer or of several.
    owed: usize,
}

/// What every request gets.
struct Answer {
    head: Vec<u8>,
    content: Content,
    /// Of head and content.
    len: usize,
    then: Then,
}

enum Content {
    /// Whole answers, one behind the other, so that one write sends all that are due.
    Memory(Vec<u8>),
    File(File),
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Stay,
    Close,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let (port, what, then) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [port] => (port, "13", Then::Stay),
        [port, what] => (port, what, Then::Stay),
        [port, what, "close"] => (port, what, Then::Close),
        _ => return Err("usage: floor PORT [BYTES|FILE [close]]".into()),
    };
    let answer = Answer::new(what, then)?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port.parse()?)))?;
    rustix::net::listen(&listener, BACKLOG)?;
    // Whoever is accepted inherits it, which saves a call for each.
    rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut clients: Slab<Client> = Slab::new();
    let mut received = vec![0; TAIL + RECEIVED];
    let blank_line = Finder::new(BLANK_LINE);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut clients)?;
                continue;
            }
            let Token(key) = event.token();
            let Some(client) = clients.get_mut(key) else { continue };
            let mut then = Ok(Then::Stay);
            if event.is_readable() {
                then = client.read(&mut received, &blank_line, answer.len);
            }
            if client.owed > 0 && matches!(then, Ok(Then::Stay)) {
                then = client.write(&answer);
            }
            if !matches!(then, Ok(Then::Stay)) {
                clients.remove(key);
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, clients: &mut Slab<Client>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        let entry = clients.vacant_entry();
        poll.registry().register(&mut stream, Token(entry.key()), both)?;
        entry.insert(Client { stream, tail: [0; TAIL], owed: 0 });
    }
}

impl Client {
    /// Reads what is there, and owes an answer for each blank line in it.
    fn read(
        &mut self,
        received: &mut [u8],
        blank_line: &Finder<'_>,
        answer: usize,
    ) -> io::Result<Then> {
        loop {
            received[..TAIL].copy_from_slice(&self.tail);
            let len = match self.stream.read(&mut received[TAIL..]) {
                Ok(0) => return Ok(Then::Close),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Then::Stay),
                Err(error) => return Err(error),
            };
            self.owed += answer * blank_line.find_iter(&received[..TAIL + len]).count();
            self.tail.copy_from_slice(&received[len..TAIL + len]);
            // A short read has emptied the socket; the next bytes are an event.
            if len < RECEIVED {
                return Ok(Then::Stay);
            }
        }
    }

    /// Writes until nothing is owed or the socket is full; when it is not, that is an event.
    fn write(&mut self, answer: &Answer) -> io::Result<Then> {
        while self.owed > 0 {
            match answer.send(&mut self.stream, self.owed) {
                Ok(len) => self.owed -= len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Then::Stay),
                Err(error) => return Err(error),
            }
        }
        Ok(answer.then)
    }
}

impl Answer {
    fn new(what: &str, then: Then) -> io::Result<Self> {
        let (file, size) = match what.parse() {
            Ok(size) => (None, size),
            Err(_) => {
                let file = File::open(what)?;
                let size = file.metadata()?.len() as usize;
                (Some(file), size)
            }
        };
        let connection = if then == Then::Close { "Connection: close\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\n\
             Content-Type: text/plain\r\nContent-Length: {size}\r\n{connection}\r\n"
        )
        .into_bytes();
        let len = head.len() + size;
        let content = if let Some(file) = file {
            Content::File(file)
        } else {
            let one = [&*head, &b"x".repeat(size)].concat();
            Content::Memory(one.repeat((COPIED / len).clamp(1, COPIES)))
        };
        Ok(Self { head, content, len, then })
    }

    /// One call that sends what comes next when so many bytes are owed; how many were taken.
    fn send(&self, stream: &mut TcpStream, owed: usize) -> io::Result<usize> {
        // How much of the answer at hand has left.
        let from = (self.len - owed % self.len) % self.len;
        match &self.content {
            Content::Memory(copies) => stream.write(&copies[from..copies.len().min(from + owed)]),
            Content::File(file) => send_file(stream, &self.head, file, from, self.len),
        }
    }
}

/// The head with the word that more follows, so that it travels with the file's first bytes.
#[cfg(target_os = "linux")]
fn send_file(
    stream: &TcpStream,
    head: &[u8],
    file: &File,
    from: usize,
    len: usize,
) -> io::Result<usize> {
    use rustix::net::SendFlags;
    if let Some(rest) = head.get(from..).filter(|rest| !rest.is_empty()) {
        return Ok(rustix::net::send(stream, rest, SendFlags::MORE | SendFlags::NOSIGNAL)?);
    }
    let mut offset = (from - head.len()) as u64;
    match rustix::fs::sendfile(stream, file, Some(&mut offset), len - from)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        sent => Ok(sent),
    }
}

#[cfg(not(target_os = "linux"))]
fn send_file(_: &TcpStream, _: &[u8], _: &File, _: usize, _: usize) -> io::Result<usize> {
    Err(io::Error::new(ErrorKind::Unsupported, "files are sent on Linux only"))
}
