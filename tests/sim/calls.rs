//! What the server does with a connection: its calls arrive here, are answered by the socket, and
//! lied about where the kernel in question may lie.

use std::io::{self, ErrorKind};

use oneloop::FileRange;
use oneloop::connection::Pages;
use oneloop::event_loop::{Key, Sent, Transfer};

use super::diary::Entry;
use super::faults::Mishap;
use super::nature::{Errand, Nature};
use super::socket::{Kernel, Lie};

/// A call that moves bytes.
pub(crate) enum Call<'a> {
    Read(&'a mut [u8]),
    Write([&'a [u8]; 2], bool),
    SendFile(&'a FileRange),
}

impl Call<'_> {
    /// How many bytes it would move.
    fn asked(&self) -> usize {
        match self {
            Self::Read(room) => room.len(),
            Self::Write([first, second], _) => first.len() + second.len(),
            Self::SendFile(range) => usize::try_from(range.len).unwrap_or(usize::MAX),
        }
    }
}

impl Nature {
    pub(crate) fn register(&mut self, id: usize, key: Key) -> io::Result<()> {
        self.note(Entry::Numbers(id, key.generation));
        self.oracles.registered(id, key.generation, self.seen);
        if self.strikes(Mishap::RegisterFailed) {
            self.disturb(id);
            return Err(ErrorKind::OutOfMemory.into());
        }
        self.keys[id] = Some(key);
        self.sockets[id].register();
        Ok(())
    }

    pub(crate) fn call(&mut self, id: usize, call: Call<'_>) -> Transfer {
        self.meanwhile(id);
        if let Call::SendFile(_) = call
            && let Some(broken) = self.disk_fails(id)
        {
            let given = call.asked();
            self.oracles.wrote(id, broken, given, self.seen);
            self.note(Entry::SendsFile { to: id, given, got: broken });
            return broken;
        }
        let asked = call.asked();
        let could = match call {
            Call::Read(_) => self.sockets[id].readable(asked),
            Call::Write(..) | Call::SendFile(_) => self.sockets[id].writable(asked),
        };
        let lie = self.lie(id, &call, could);
        let socket = &mut self.sockets[id];
        let (transfer, entry) = match call {
            Call::Read(room) => {
                let got = socket.read(room, lie);
                self.oracles.read(id, got, socket.is_readable(), self.seen);
                if socket.stands_at_mark() {
                    self.struck(Mishap::Urgent);
                }
                (got, Entry::Reads { of: id, asked, got })
            }
            Call::Write(pieces, more_follows) => {
                let got = socket.write(pieces, more_follows, lie);
                self.oracles.wrote(id, got, asked, self.seen);
                (got, Entry::Writes { to: id, given: asked, more: more_follows, got })
            }
            Call::SendFile(range) => {
                let got = socket.send_file(range, lie);
                self.oracles.wrote(id, got, asked, self.seen);
                (got, Entry::SendsFile { to: id, given: asked, got })
            }
        };
        self.count_lie(&entry, could, transfer);
        self.note(entry);
        self.rouse(id);
        transfer
    }

    /// A file that is not in memory is not sent; nor is what a helper reads at that moment.
    pub(crate) fn send_file(&mut self, id: usize, range: &FileRange, pages: Pages) -> Sent {
        if let Some(key) = self.keys[id] {
            self.helping.refused.remove(&key.generation);
        }
        if let Err(what) = self.oracles.lives[id].asks_for(pages) {
            self.oracles.complain(format!("(3) c{id} {what}"));
        }
        if pages == Pages::Unknown && self.strikes(Mishap::ColdFile) {
            self.note(Entry::IsCold(id));
            self.oracles.lives[id].is_cold(self.seen);
            self.helping.is_for = Some(id);
            return Sent::Cold;
        }
        let len = if let Pages::Warmed(len) = pages { len.min(range.len) } else { range.len };
        let range = FileRange { len, ..range.clone() };
        Sent::Tried(self.call(id, Call::SendFile(&range)))
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
        self.oracles.dropped();
        self.rouse(id);
    }

    /// What the kernel says instead of the truth this time, which is that it could move so many
    /// bytes.
    fn lie(&mut self, id: usize, call: &Call<'_>, could: usize) -> Lie {
        let is_linux = self.kernel == Kernel::Linux;
        let is_write = !matches!(call, Call::Read(_));
        let short = match call {
            Call::Read(_) if is_linux && !self.sockets[id].ends_reads_early => return Lie::NONE,
            Call::Read(_) => Mishap::ShortRead,
            Call::Write(..) => Mishap::ShortWrite,
            Call::SendFile(_) => Mishap::ShortFile,
        };
        let may_say_blocked = is_write || !is_linux;
        let says_blocked = may_say_blocked && self.dice.chance(self.faults[Mishap::Blocked]);
        let mut lie = Lie { says_blocked, ..Lie::NONE };
        if could > 1 && self.dice.chance(self.faults[short]) {
            // Often a good deal of it, sometimes a few bytes: otherwise nothing would ever be done.
            let least = self.dice.one_of(&[1, could / 4, could / 2]);
            lie.at_most = self.dice.within(least.max(1)..=could - 1);
        }
        if is_linux && is_write && (lie.says_blocked || lie.at_most < could) {
            let wait = self.dice.micros(1..=2_000);
            self.after(wait, Errand::WriteSpace(id));
        }
        lie
    }

    /// Counts what was not the truth: so many bytes could have been moved.
    fn count_lie(&mut self, entry: &Entry, could: usize, told: Transfer) {
        match (told, entry) {
            (Transfer::Blocked, _) if could > 0 => self.struck(Mishap::Blocked),
            (Transfer::Moved(n), _) if n >= could => {}
            (Transfer::Moved(_), Entry::Reads { .. }) => self.struck(Mishap::ShortRead),
            (Transfer::Moved(_), Entry::Writes { .. }) => self.struck(Mishap::ShortWrite),
            (Transfer::Moved(_), Entry::SendsFile { .. }) => self.struck(Mishap::ShortFile),
            _ => {}
        }
    }

    /// The world does not stand still while the server works: the client may send, or do whatever
    /// it would have done next, the network may break, and the clock leap.
    fn meanwhile(&mut self, id: usize) {
        self.may_leap_at_work();
        if self.dice.chance(self.faults[Mishap::Broken]) {
            self.breaks(id);
        }
        if !self.strikes(Mishap::Meanwhile) {
            return;
        }
        if self.dice.chance(500) {
            self.with_client(id, |client, socket, scene| client.push(socket, scene));
        } else if let Err(what) = self.act(id) {
            self.oracles.complain(what);
        }
    }

    /// A file that is sent must be read first, which takes its time and can fail. What the call
    /// says then, if it has failed.
    fn disk_fails(&mut self, id: usize) -> Option<Transfer> {
        self.uses_disk();
        if let Some(as_before) = self.bad_files.get(&id) {
            return Some(*as_before);
        }
        let got = if self.strikes(Mishap::FileFailed) {
            Transfer::Broken(ErrorKind::Other)
        } else if self.strikes(Mishap::FileShrank) {
            Transfer::Ended
        } else {
            return None;
        };
        self.bad_files.insert(id, got);
        self.disturb(id);
        self.rouse(id);
        Some(got)
    }
}
