//! How connections begin: a queue before the door, told of by an edge like everything else, and all
//! that can happen in between.

use std::collections::VecDeque;
use std::io::ErrorKind;

use oneloop::event_loop::{Accepted, Key};

use super::diary::Entry;
use super::faults::Mishap;
use super::nature::Nature;
use super::socket::Kernel;

/// One listener.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    pub(crate) queue: VecDeque<usize>,
    /// Contract: it was told, and *nobody* has not been met since. It is silent.
    told: bool,
    /// Linux: somebody came since the last event.
    edge: bool,
    is_closed: bool,
    /// Whether it was tried to accept from it in this turn, and in how many turns in a row it was
    /// not.
    pub(super) was_tried: bool,
    pub(super) passed_over: usize,
    /// Whether it can be told that nobody waits, other than by accepting.
    pub(crate) cannot_tell: bool,
}

impl Listening {
    pub(crate) fn owes_event(&self, kernel: Kernel) -> bool {
        match kernel {
            Kernel::Linux => self.edge,
            Kernel::Contract => !self.told && !self.queue.is_empty(),
        }
    }

    pub(crate) fn take_event(&mut self, kernel: Kernel) -> bool {
        let owes = self.owes_event(kernel);
        self.told |= owes;
        self.edge = false;
        owes
    }
}

impl Nature {
    pub(crate) fn listeners(&self) -> usize {
        self.listening.len()
    }

    /// A client comes to the door. It may send before it is let in.
    pub(crate) fn connect(&mut self, id: usize, listener: usize) -> Result<(), String> {
        self.is_connecting(id);
        let listening = &mut self.listening[listener];
        if listening.is_closed {
            self.turn_away(id);
        } else {
            listening.queue.push_back(id);
            listening.edge = true;
        }
        self.act(id)
    }

    pub(crate) fn is_somebody_waiting(&mut self, listener: usize) -> bool {
        self.oracles.tries_to_accept(self.seen);
        self.oracles.has_failed_to_accept = true;
        let listening = &mut self.listening[listener];
        let answer = listening.cannot_tell || !listening.queue.is_empty();
        // Who was told that nobody waits is told again when somebody does.
        listening.told &= answer;
        answer
    }

    pub(crate) fn accept(&mut self, listener: usize) -> Accepted<usize> {
        self.oracles.tries_to_accept(self.seen);
        self.listening[listener].was_tried = true;
        let accepted = self.try_accept(listener);
        self.oracles.has_accepted |= matches!(accepted, Accepted::Stream(..));
        self.oracles.has_failed_to_accept |=
            matches!(accepted, Accepted::NoDescriptors | Accepted::Failed(_));
        self.note(match &accepted {
            Accepted::Stream(id, _) => Entry::Accepts(*id),
            Accepted::Nobody => Entry::AcceptsNot("nobody waits"),
            Accepted::Left => Entry::AcceptsNot("who came has left, or it was interrupted"),
            Accepted::NoDescriptors => Entry::AcceptsNot("no descriptor is left"),
            Accepted::Failed(_) => Entry::AcceptsNot("it failed"),
        });
        accepted
    }

    fn try_accept(&mut self, listener: usize) -> Accepted<usize> {
        let Some(&first) = self.listening[listener].queue.front() else {
            self.listening[listener].told = false;
            return Accepted::Nobody;
        };
        if self.oracles.open >= self.descriptors {
            self.struck(Mishap::NoDescriptors);
            return Accepted::NoDescriptors;
        }
        if self.strikes(Mishap::NoDescriptorsBriefly) {
            return Accepted::NoDescriptors;
        }
        if self.strikes(Mishap::AcceptFailed) {
            return Accepted::Failed(ErrorKind::Other);
        }
        if self.strikes(Mishap::AcceptInterrupted) {
            return Accepted::Left;
        }
        if self.strikes(Mishap::Nobody) {
            self.listening[listener].told = false;
            return Accepted::Nobody;
        }
        self.listening[listener].queue.pop_front();
        self.oracles.progress += 1;
        if self.strikes(Mishap::Left) {
            self.turn_away(first);
            return Accepted::Left;
        }
        self.oracles.open += 1;
        Accepted::Stream(first, None)
    }

    /// Who still waits is reset.
    pub(crate) fn close_listener(&mut self, listener: usize) {
        let Some(listening) = self.listening.get_mut(listener) else { return };
        listening.is_closed = true;
        listening.edge = false;
        let waiting = std::mem::take(&mut listening.queue);
        if !waiting.is_empty() && self.oracles.tried_to_accept != self.seen {
            self.oracles
                .complain("(1) who waits at the door is turned away, and was not let in".into());
        }
        for id in waiting {
            self.turn_away(id);
        }
    }

    fn turn_away(&mut self, id: usize) {
        self.disturb(id);
        self.sockets[id].refuse();
        self.rouse(id);
    }

    pub(crate) fn rung(&mut self, keys: &mut Vec<Key>) -> bool {
        let stop = self.bell.take(keys);
        keys.iter().for_each(|key| self.oracles.rung(key.generation));
        if stop {
            self.shortage.of_room = true;
            self.oracles.stopping(self.seen);
        }
        stop
    }
}
