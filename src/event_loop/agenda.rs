//! What the loop has still to do, and so how long it may wait: not at all while a connection is
//! unfinished, else until the nearest deadline, else for as long as it takes. There is no periodic
//! tick; a server with nothing to do makes no system call.
//!
//! Deadlines move with every request, the heap does not. A slot holds its true deadline and when it
//! is next looked at (`armed`); the heap has one live entry for it, due no later than the true
//! deadline. An entry that comes up early goes back at the true one. So a request costs one store,
//! and a connection is looked at about once per deadline.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::config::SLOTS_KEPT;
use crate::connection::Moment;

use super::key::Key;

/// What is still to be done.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    deadlines: BinaryHeap<Reverse<(Moment, Key)>>,
    /// Who goes on in the next turn without being told to by an event.
    unfinished: Vec<Key>,
    /// Who would read if less memory were held.
    parked: Vec<Key>,
    /// Who has a job and found no room for it, the longest first.
    wanting: VecDeque<Key>,
}

/// So few entries that mean nothing any more are not worth looking for.
const NOT_WORTH_IT: usize = 64;

impl Agenda {
    /// One that can hold the deadlines of so many without being copied.
    pub(super) fn with_room_for(slots: usize) -> Self {
        Self { deadlines: BinaryHeap::with_capacity(slots), ..Self::default() }
    }

    /// This slot ran out of its budget, not out of work.
    pub(super) fn unfinished(&mut self, key: Key) {
        self.unfinished.push(key);
    }

    /// This slot would read, but too much memory is held.
    pub(super) fn park(&mut self, key: Key) {
        self.parked.push(key);
    }

    /// Whether somebody waits for memory.
    #[must_use]
    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Forgets who waited for memory and has ended meanwhile; `is_live` knows.
    pub(super) fn sweep_parked(&mut self, is_live: impl Fn(Key) -> bool) {
        self.parked.retain(|&key| is_live(key));
    }

    /// How many entries there are, of all kinds.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.deadlines.len() + self.unfinished.len() + self.parked.len() + self.wanting.len()
    }

    /// Memory is there again: so many of those who were parked go on, the first first. Who has
    /// ended meanwhile is forgotten; `is_live` knows.
    pub(super) fn unpark(&mut self, most: usize, is_live: impl Fn(Key) -> bool) {
        let mut living = 0;
        let last = self.parked.iter().position(|&key| {
            living += usize::from(is_live(key));
            living == most
        });
        let end = last.map_or(self.parked.len(), |last| last + 1);
        self.unfinished.extend(self.parked.drain(..end).filter(|&key| is_live(key)));
    }

    /// There was no room for a job of this slot's.
    pub(super) fn want_helper(&mut self, key: Key) {
        self.wanting.push_back(key);
    }

    /// Whether somebody waits for room.
    #[must_use]
    pub(super) fn has_wanting(&self) -> bool {
        !self.wanting.is_empty()
    }

    /// Who has waited longest for room; whether it has ended meanwhile, its slot knows.
    pub(super) fn take_wanting(&mut self) -> Option<Key> {
        self.wanting.pop_front()
    }

    /// Forgets who waited for room and has ended meanwhile, when there are too many of them: more
    /// than one for each of `slots`. `is_live` knows them.
    pub(super) fn sweep_wanting(&mut self, slots: usize, is_live: impl Fn(Key) -> bool) {
        if self.wanting.len() > slots + NOT_WORTH_IT {
            self.wanting.retain(|&key| is_live(key));
        }
    }

    /// Who is unfinished, for this turn.
    pub(super) fn take_unfinished(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.unfinished)
    }

    /// Whether somebody is unfinished.
    #[must_use]
    pub(super) fn has_unfinished(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Looks at this slot again at `when`. `armed` is when it would be looked at anyway.
    #[inline]
    pub(super) fn arm(&mut self, key: Key, armed: &mut Moment, when: Moment) {
        if when < *armed {
            *armed = when;
            self.deadlines.push(Reverse((when, key)));
        }
    }

    /// The next entry that is due, taken off the heap. Whether it still means anything, its slot
    /// knows.
    pub(super) fn take_due(&mut self, now: Moment) -> Option<(Moment, Key)> {
        let Reverse((when, _)) = self.deadlines.peek()?;
        if *when > now {
            return None;
        }
        self.deadlines.pop().map(|Reverse(entry)| entry)
    }

    /// Drops superseded entries when there are too many of them: more than two for each of `slots`.
    /// `is_live` knows them.
    pub(super) fn sweep(&mut self, slots: usize, is_live: impl Fn(Moment, Key) -> bool) {
        if self.deadlines.len() > 2 * slots + NOT_WORTH_IT {
            let before = self.deadlines.len();
            self.deadlines.retain(|Reverse((when, key))| is_live(*when, *key));
            // A crowd that has left gives its memory back. Less than a crowd is soon there again.
            if before > 4 * self.deadlines.len() + SLOTS_KEPT {
                self.deadlines.shrink_to(2 * self.deadlines.len());
            }
        }
    }

    /// How long may be waited from `now` on; `others` are deadlines that are no connection's.
    #[must_use]
    pub(super) fn wait_limit(&self, now: Moment, others: Moment) -> Option<Duration> {
        if self.has_unfinished() {
            return Some(Duration::ZERO);
        }
        let nearest = self.deadlines.peek().map_or(Moment::NEVER, |Reverse((when, _))| *when);
        let nearest = nearest.min(others);
        (nearest != Moment::NEVER).then(|| nearest.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { slot: 0, generation: 1 };

    fn at(seconds: u64) -> Moment {
        Moment::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn with_nothing_to_do_one_waits_for_ever() {
        assert_eq!(Agenda::default().wait_limit(at(0), Moment::NEVER), None);
    }

    #[test]
    fn nobody_waits_while_somebody_is_unfinished() {
        let mut agenda = Agenda::default();
        agenda.arm(KEY, &mut Moment::NEVER.clone(), at(9));
        agenda.unfinished(KEY);
        assert_eq!(agenda.wait_limit(at(0), Moment::NEVER), Some(Duration::ZERO));
        agenda.take_unfinished();
        assert_eq!(agenda.wait_limit(at(0), Moment::NEVER), Some(Duration::from_secs(9)));
        assert_eq!(agenda.wait_limit(at(0), at(4)), Some(Duration::from_secs(4)));
    }

    #[test]
    fn a_deadline_that_moves_away_costs_nothing() {
        let mut agenda = Agenda::default();
        let mut armed = Moment::NEVER;
        agenda.arm(KEY, &mut armed, at(5));
        for later in 6..1000 {
            agenda.arm(KEY, &mut armed, at(later));
        }
        assert_eq!((agenda.deadlines.len(), armed), (1, at(5)));
    }

    #[test]
    fn a_deadline_that_moves_nearer_is_met_first_and_the_other_swept() {
        let mut agenda = Agenda::default();
        let mut armed = Moment::NEVER;
        for nearer in (0..1000).rev() {
            agenda.arm(KEY, &mut armed, at(nearer));
        }
        agenda.sweep(1, |when, key| when == armed && key == KEY);
        assert_eq!(agenda.deadlines.len(), 1);
        assert_eq!(agenda.take_due(at(0)), Some((at(0), KEY)));
        assert_eq!(agenda.take_due(at(9999)), None);
    }
}
