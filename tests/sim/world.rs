//! A network for the loop that is none: the other side of the seam `event_loop/net.rs`. The loop
//! calls it as it calls `mio.rs`, and cannot tell the difference; but here time is a number,
//! sockets are queues, everything that happens is thrown with dice, and the kernel does all it may.
//!
//! What a kernel may do to you:
//!
//! * tell you of a thing once, and never again (`socket.rs` has the rules of both kernels);
//! * tell you twice, tell you of nothing, tell you of a connection that you closed, in whose place
//!   another one stands by now;
//! * wake you for no reason, late, with one event of a hundred, or with a hundred at once;
//! * move one byte where you gave it a thousand, or say *blocked* and mean *not now*;
//! * hand you a connection that is dead already, or none though one is there, or say that you have
//!   enough of them;
//! * let things happen between two of your calls;
//! * say that a file is on the disk still, and read it late, or never;
//! * keep you waiting for the disk, stop you for a minute, and set the clock ahead.
//!
//! What it may not do is lose a byte, or keep to itself that something became possible after it has
//! said *blocked*. This is all that a loop can build on, and enough.
//!
//! Read next: `nature.rs` and `calls.rs`, where the calls below arrive; `faults.rs`, which lists by
//! name what goes wrong.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use oneloop::FileRange;
use oneloop::connection::{Moment, Pages};
use oneloop::event_loop::{Accepted, Key, Net, Notice, Sent, Stream, Transfer, Wall};
use oneloop::message::{Bell, Job, Submitted};

use super::calls::Call;
use super::nature::Shared;

/// The network. `LINUX`: by which kernel's rules.
pub(crate) struct World<const LINUX: bool>(pub(crate) Shared);

/// The server's end of a simulated connection. Dropping it closes it.
pub(crate) struct Wire {
    nature: Shared,
    id: usize,
}

impl<const LINUX: bool> Net for World<LINUX> {
    type Stream = Wire;

    const SHORT_TRANSFER_DRAINS: bool = LINUX;

    fn wait(&mut self, limit: Option<Duration>, notices: &mut Vec<Notice>) -> io::Result<()> {
        // An oracle that was offended ends the loop by breaking its poll.
        self.0.borrow_mut().wait(limit, notices).map_err(io::Error::other)
    }

    fn now(&self) -> Moment {
        self.0.borrow().now
    }

    fn wall(&mut self, _: Moment) -> Wall {
        self.0.borrow_mut().looks_at_the_wall()
    }

    fn listeners(&self) -> usize {
        self.0.borrow().listeners()
    }

    fn is_somebody_waiting(&self, listener: usize) -> bool {
        self.0.borrow_mut().is_somebody_waiting(listener)
    }

    fn accept(&mut self, listener: usize) -> Accepted<Wire> {
        match self.0.borrow_mut().accept(listener) {
            Accepted::Stream(id, peer) => {
                Accepted::Stream(Wire { nature: Shared::clone(&self.0), id }, peer)
            }
            Accepted::Nobody => Accepted::Nobody,
            Accepted::Left => Accepted::Left,
            Accepted::NoDescriptors => Accepted::NoDescriptors,
            Accepted::Failed(kind) => Accepted::Failed(kind),
        }
    }

    fn close_listener(&mut self, listener: usize) {
        self.0.borrow_mut().close_listener(listener);
    }

    fn register(&mut self, wire: &mut Wire, key: Key) -> io::Result<()> {
        self.0.borrow_mut().register(wire.id, key)
    }

    fn bell(&self) -> Arc<dyn Bell> {
        self.0.borrow().bell()
    }

    fn rung(&mut self, keys: &mut Vec<Key>) -> bool {
        self.0.borrow_mut().rung(keys)
    }

    fn submit(&self, job: Job) -> Submitted {
        self.0.borrow_mut().submit(job)
    }

    fn room_for_jobs(&self) -> usize {
        self.0.borrow_mut().room_for_jobs()
    }
}

impl Stream for Wire {
    fn read(&mut self, room: &mut [u8]) -> Transfer {
        self.nature.borrow_mut().call(self.id, Call::Read(room))
    }

    fn write(&mut self, bytes: &[u8], more_follows: bool) -> Transfer {
        self.nature.borrow_mut().call(self.id, Call::Write([bytes, &[]], more_follows))
    }

    fn write_both(&mut self, first: &[u8], second: &[u8], more_follows: bool) -> Transfer {
        self.nature.borrow_mut().call(self.id, Call::Write([first, second], more_follows))
    }

    fn send_file(&mut self, range: &FileRange, pages: Pages) -> Sent {
        self.nature.borrow_mut().send_file(self.id, range, pages)
    }

    fn shut(&mut self) {
        self.nature.borrow_mut().shut(self.id);
    }

    fn reset(&mut self) {
        self.nature.borrow_mut().sockets[self.id].closes_by_reset = true;
    }

    fn may_end_reads_early(&self) -> bool {
        self.nature.borrow().sockets[self.id].ends_reads_early
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(([192, 0, 2, 1], 1024 + self.id as u16).into())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // While a failed run is unwound there is nothing left to be told.
        if let Ok(mut nature) = self.nature.try_borrow_mut() {
            nature.closed(self.id);
        }
    }
}
