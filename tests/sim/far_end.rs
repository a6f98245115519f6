//! The client's end of a simulated connection: what it can do with it, and what it sees of it.

use super::socket::{End, Kernel, Socket};

impl Socket {
    /// Sends as many of these bytes as the window takes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        if self.server_closed {
            self.reset_the_client();
            return bytes.len();
        }
        let n = bytes.len().min(self.to_server.room());
        self.to_server.bytes.extend(&bytes[..n]);
        self.edge |= n > 0;
        n
    }

    /// Sends one urgent byte. Only Linux is modelled so; the byte itself never shows up among the
    /// others.
    pub(crate) fn push_urgent(&mut self) {
        if self.kernel == Kernel::Linux && self.urgent.is_none() && !self.server_closed {
            self.urgent = Some(self.to_server.bytes.len());
            self.edge = true;
        }
    }

    /// Reads what has come, at most so many bytes.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most.min(self.to_client.bytes.len() - self.corked)];
        self.to_client.take(&mut bytes);
        if self.found_full && self.has_much_room() {
            self.found_full = false;
            self.edge = true;
        }
        bytes
    }

    /// How many bytes the client could read now.
    pub(crate) fn takeable(&self) -> usize {
        self.to_client.bytes.len() - self.corked
    }

    pub(crate) fn end(&self) -> Option<End> {
        if self.reset_by_server {
            return Some(End::Reset);
        }
        (self.to_client.is_shut && self.to_client.bytes.is_empty()).then_some(End::Eof)
    }

    /// Whether the server has shut its half.
    pub(crate) fn is_shut(&self) -> bool {
        self.to_client.is_shut
    }

    pub(crate) fn client_shuts(&mut self) {
        self.to_server.is_shut = true;
        self.edge = true;
    }

    /// Closes both halves. Who has not read everything resets the connection by that.
    pub(crate) fn client_closes(&mut self) {
        if self.to_client.bytes.is_empty() {
            self.client_closed = true;
            self.client_shuts();
        } else {
            self.client_resets(false);
        }
    }

    /// Resets the connection. What had arrived before may be lost by that, or may not.
    pub(crate) fn client_resets(&mut self, loses_bytes: bool) {
        self.reset_by_client = true;
        self.client_closed = true;
        self.to_client.bytes.clear();
        self.corked = 0;
        if loses_bytes {
            self.to_server.bytes.clear();
            self.urgent = None;
        }
        self.edge = true;
    }
}
