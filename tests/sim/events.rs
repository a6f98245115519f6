//! What a wait brings: the events that are owed, as many as fit, and some that mean nothing.

use oneloop::event_loop::{Key, Notice, Ready};
use oneloop::message::Bell as _;

use super::diary::Entry;
use super::nature::Nature;

impl Nature {
    /// Takes what is to be told, as many notices as one wait may bring.
    pub(super) fn collect(&mut self, notices: &mut Vec<Notice>) {
        if self.bell.was_rung() {
            self.note(Entry::Rang);
            notices.push(Notice::Rung);
        }
        for listener in 0..self.listening.len() {
            if self.listening[listener].take_event(self.kernel) {
                self.note(Entry::ToldListener(listener));
                notices.push(Notice::Listener(listener));
            }
        }
        // They come in no order that one could build on.
        let first = self.dice.below(self.sockets.len().max(1));
        for at in 0..self.sockets.len() {
            let id = (first + at) % self.sockets.len();
            if notices.len() >= self.faults.batch {
                break;
            }
            if let (Some(key), Some(ready)) = (self.keys[id], self.sockets[id].take_event()) {
                self.tell(id, key, ready, notices);
            }
        }
    }

    fn tell(&mut self, id: usize, key: Key, ready: Ready, notices: &mut Vec<Notice>) {
        self.note(Entry::Told(id, ready));
        self.oracles.told(id, ready);
        notices.push(Notice::Ready(key, ready));
    }

    /// Adds events that mean nothing.
    pub(super) fn lie_about_events(&mut self, notices: &mut Vec<Notice>) {
        let both = Ready::READABLE.and(Ready::WRITABLE);
        if self.dice.chance(self.faults.duplicate) && !notices.is_empty() {
            let again = notices[self.dice.below(notices.len())];
            notices.push(again);
        }
        let live: Vec<usize> = (0..self.keys.len()).filter(|id| self.keys[*id].is_some()).collect();
        if self.dice.chance(self.faults.spurious) && !live.is_empty() {
            let id = self.dice.one_of(&live);
            let ready = self.dice.one_of(&[Ready::READABLE, Ready::WRITABLE, both]);
            if let Some(key) = self.keys[id] {
                self.note(Entry::Told(id, ready));
                notices.push(Notice::Ready(key, ready));
            }
        }
        if let (Some(ready), Some(&key)) = (self.told_of_the_dead.take(), self.dead.last()) {
            self.tell_stale(key, ready, notices);
        }
        if self.dice.chance(self.faults.stale) && !self.dead.is_empty() {
            let key = self.dice.one_of(&self.dead);
            let closed = both.and(Ready::READ_CLOSED).and(Ready::WRITE_CLOSED);
            let ready = self.dice.one_of(&[both, closed, closed.and(Ready::GONE)]);
            self.tell_stale(key, ready, notices);
        }
        if self.dice.chance(self.faults.false_bell) {
            let keys: Vec<Key> = self.keys.iter().flatten().chain(&self.dead).copied().collect();
            if !keys.is_empty() {
                self.bell.ring(self.dice.one_of(&keys).to_bits());
            }
        }
    }

    /// Tells something of a connection that was closed.
    fn tell_stale(&mut self, key: Key, ready: Ready, notices: &mut Vec<Notice>) {
        self.note(Entry::ToldStale(key, ready));
        self.oracles.stale_told += 1;
        notices.push(Notice::Ready(key, ready));
    }
}
