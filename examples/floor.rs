//! The floor that `scripts/bench` measures against: an edge-triggered loop that does no HTTP at all.
//!
//! It counts blank lines in what it reads and answers each with the same bytes. It parses nothing,
//! has no deadlines and no limits, writes without looking whether all of it was taken, and dies of
//! what a server must survive. Whatever a server spends beyond this is its own.
//!
//! `cargo run --release --example floor 8390`

use std::collections::HashMap;
use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const BLANK_LINE: &[u8] = b"\r\n\r\n";
const LISTENER: Token = Token(usize::MAX);

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(8390), |port| port.parse())?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut clients: Slab<TcpStream> = Slab::new();
    let mut received = vec![0; 64 * 1024];
    // One write for as many answers as are due; made once for every number of them.
    let mut answers: HashMap<usize, Vec<u8>> = HashMap::new();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut clients)?;
                continue;
            }
            let Token(key) = event.token();
            if !event.is_readable() || !clients.contains(key) {
                continue;
            }
            let due = match clients[key].read(&mut received) {
                Ok(0) => None,
                Ok(n) => Some(memchr::memmem::find_iter(&received[..n], BLANK_LINE).count()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
                Err(_) => None,
            };
            match due {
                Some(0) => {}
                Some(due) => {
                    let bytes = answers.entry(due).or_insert_with(|| ANSWER.repeat(due));
                    // A load that this is measured by reads what it gets.
                    let _ = clients[key].write(bytes);
                }
                None => drop(clients.remove(key)),
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    clients: &mut Slab<TcpStream>,
) -> Result<(), Box<dyn Error>> {
    loop {
        match listener.accept() {
            Ok((mut client, _)) => {
                client.set_nodelay(true)?;
                let both = Interest::READABLE | Interest::WRITABLE;
                let entry = clients.vacant_entry();
                poll.registry().register(&mut client, Token(entry.key()), both)?;
                entry.insert(client);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
