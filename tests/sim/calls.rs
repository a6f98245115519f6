//! What the server does with a connection: its calls arrive here, are answered by the socket, and
//! lied about where the kernel in question may lie.

use std::io;

use oneloop::FileRange;
use oneloop::event_loop::{Key, Transfer};

use super::diary::Entry;
use super::nature::{Errand, Nature};
use super::socket::{Kernel, Lie};

/// A call that moves bytes.
pub(crate) enum Call<'a> {
    Read(&'a mut [u8]),
    Write([&'a [u8]; 2], bool),
    SendFile(&'a FileRange),
}

impl Nature {
    pub(crate) fn register(&mut self, id: usize, key: Key) -> io::Result<()> {
        self.oracles.registered(id, key.generation, self.now);
        if self.dice.chance(self.faults.register_failed) {
            self.disturb(id);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.keys[id] = Some(key);
        self.sockets[id].register();
        Ok(())
    }

    pub(crate) fn call(&mut self, id: usize, call: Call<'_>) -> Transfer {
        self.meanwhile(id);
        let lie = self.lie(id, &call);
        let socket = &mut self.sockets[id];
        let (transfer, entry) = match call {
            Call::Read(room) => {
                let asked = room.len();
                let got = socket.read(room, lie);
                self.oracles.read(id, got, socket.is_readable(), self.now);
                (got, Entry::Reads { of: id, asked, got })
            }
            Call::Write(pieces, more_follows) => {
                let given = pieces[0].len() + pieces[1].len();
                let got = socket.write(pieces, more_follows, lie);
                self.oracles.wrote(id, got, given, self.now);
                (got, Entry::Writes { to: id, given, got })
            }
            Call::SendFile(range) => {
                let got = socket.send_file(range, lie);
                let given = usize::try_from(range.len).unwrap_or(usize::MAX);
                self.oracles.wrote(id, got, given, self.now);
                (got, Entry::SendsFile { to: id, given: range.len, got })
            }
        };
        self.note(entry);
        self.rouse(id);
        transfer
    }

    pub(crate) fn shut(&mut self, id: usize) {
        self.note(Entry::Shuts(id));
        self.sockets[id].shut();
        self.rouse(id);
    }

    pub(crate) fn closed(&mut self, id: usize) {
        self.note(Entry::Drops(id));
        self.sockets[id].server_closes();
        self.dead.extend(self.keys[id].take());
        self.oracles.open -= 1;
        self.rouse(id);
    }

    /// What the kernel says instead of the truth this time.
    fn lie(&mut self, id: usize, call: &Call<'_>) -> Lie {
        let is_linux = self.kernel == Kernel::Linux;
        let is_write = !matches!(call, Call::Read(_));
        let (short, len) = match call {
            Call::Read(_) if is_linux && !self.sockets[id].ends_reads_early => return Lie::NONE,
            Call::Read(room) => (self.faults.short_read, room.len()),
            Call::Write([first, second], _) => {
                (self.faults.short_write, first.len() + second.len())
            }
            Call::SendFile(range) => (self.faults.short_file, range.len as usize),
        };
        let may_say_blocked = is_write || !is_linux;
        let says_blocked = may_say_blocked && self.dice.chance(self.faults.blocked);
        let mut lie = Lie { says_blocked, ..Lie::NONE };
        if self.dice.chance(short) {
            // Often a good deal of it, sometimes a few bytes: otherwise nothing would ever be done.
            let least = self.dice.one_of(&[1, len / 4, len / 2]);
            lie.at_most = self.dice.within(least.max(1)..=len.max(1));
        }
        if is_linux && is_write && (lie.says_blocked || lie.at_most < len) {
            let wait = self.dice.micros(1..=2_000);
            self.after(wait, Errand::WriteSpace(id));
        }
        lie
    }

    /// The world does not stand still while the server works: the client may send, or do whatever
    /// it would have done next.
    fn meanwhile(&mut self, id: usize) {
        if !self.dice.chance(self.faults.meanwhile) {
            return;
        }
        if self.dice.chance(500) {
            self.with_client(id, |client, socket, scene| client.push(socket, scene));
        } else if let Err(what) = self.act(id) {
            self.oracles.complain(what);
        }
    }
}
