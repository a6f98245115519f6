//! What a wait brings: the events that are owed, as many as fit, and some that mean nothing.

use oneloop::event_loop::{Key, Notice, Ready};
use oneloop::message::Bell as _;

use super::diary::Entry;
use super::faults::Mishap;
use super::nature::Nature;
use super::socket::Socket;

/// SIGTERM.
const TERM: i32 = 15;

impl Nature {
    /// Takes what is to be told, as many notices as one wait may bring.
    pub(super) fn collect(&mut self, notices: &mut Vec<Notice>) {
        if self.bell.was_rung() {
            self.note(Entry::Rang);
            notices.push(Notice::Rung);
        }
        for _ in 0..std::mem::take(&mut self.signals) {
            if self.oracles.is_stopping() || notices.contains(&Notice::Signal(TERM)) {
                self.struck(Mishap::SecondSignal);
                self.oracles.is_told_to_end = true;
            }
            notices.push(Notice::Signal(TERM));
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
                if self.sockets.iter().any(Socket::owes_event) {
                    self.struck(Mishap::HeldBack);
                }
                break;
            }
            if let (Some(key), Some(ready)) = (self.keys[id], self.sockets[id].take_event()) {
                self.tell(id, key, ready, notices);
            }
        }
    }

    fn tell(&mut self, id: usize, key: Key, ready: Ready, notices: &mut Vec<Notice>) {
        self.note(Entry::Told(id, ready));
        self.oracles.lives[id].told(ready);
        notices.push(Notice::Ready(key, ready));
    }

    /// Adds events that mean nothing.
    pub(super) fn lie_about_events(&mut self, notices: &mut Vec<Notice>) {
        let both = Ready::READABLE.and(Ready::WRITABLE);
        if !notices.is_empty() && self.dice.chance(self.faults[Mishap::Duplicate]) {
            let again = notices[self.dice.below(notices.len())];
            // Signals are counted, and a second one has a meaning.
            if !matches!(again, Notice::Signal(_)) {
                self.struck(Mishap::Duplicate);
                notices.push(again);
            }
        }
        let live: Vec<usize> = (0..self.keys.len()).filter(|id| self.keys[*id].is_some()).collect();
        if !live.is_empty() && self.strikes(Mishap::Spurious) {
            let id = self.dice.one_of(&live);
            let ready = self.dice.one_of(&[Ready::READABLE, Ready::WRITABLE, both]);
            if let Some(key) = self.keys[id] {
                self.note(Entry::ToldFalsely(id, ready));
                notices.push(Notice::Ready(key, ready));
            }
        }
        if let (Some(ready), Some(&key)) = (self.told_of_the_dead.take(), self.dead.last()) {
            self.tell_stale(key, ready, notices);
        }
        if !self.dead.is_empty() && self.strikes(Mishap::Stale) {
            let key = self.dice.one_of(&self.dead);
            let closed = both.and(Ready::READ_CLOSED).and(Ready::WRITE_CLOSED);
            let ready = self.dice.one_of(&[both, closed, closed.and(Ready::GONE)]);
            self.tell_stale(key, ready, notices);
        }
        let keys: Vec<Key> = self.keys.iter().flatten().chain(&self.dead).copied().collect();
        if !keys.is_empty() && self.strikes(Mishap::FalseBell) {
            self.bell.ring(self.dice.one_of(&keys).to_bits());
        }
    }

    /// Tells something of a connection that was closed.
    fn tell_stale(&mut self, key: Key, ready: Ready, notices: &mut Vec<Notice>) {
        self.note(Entry::ToldStale(key, ready));
        self.oracles.stale_told += 1;
        notices.push(Notice::Ready(key, ready));
    }
}
