//! Time, and what becomes of it. It passes while the server waits, and a little while it works, all
//! of that at once; a slow disk takes its share in the middle of a turn; and now and then the clock
//! leaps, by seconds or by hours.
//!
//! A wait runs the world on, errand by errand, until there is something to tell or the limit is
//! reached. Where there is no limit and nothing will ever happen any more, the simulation is over.
//!
//! There are two clocks. `now` never goes back, and by it deadlines are kept; the one on the wall
//! can be set to anything, and is read for nothing but the Date of answers.

use std::time::{Duration, UNIX_EPOCH};

use oneloop::connection::Moment;
use oneloop::event_loop::{Notice, Wall};

use super::diary::Entry;
use super::faults::Mishap;
use super::nature::{Errand, Nature, Waited};

/// What the clock on the wall shows in the beginning: Sun, 06 Nov 1994 08:49:37 GMT.
pub(crate) const WALL_BEGINS: u64 = 784_111_777;
/// How far it is set, at the most: ten years.
const WALL_SET_BY: usize = 315_360_000;
/// A turn that takes longer may cost somebody their deadline who is not to blame.
const LONG_TURN: Duration = Duration::from_secs(1);
/// So may a disk that takes longer than this in all, where many wait for their turn.
const MUCH_DISK: Duration = Duration::from_secs(4);

impl Nature {
    pub(crate) fn after(&mut self, wait: Duration, errand: Errand) {
        self.errand_number += 1;
        self.errands.insert((self.now.after(wait), self.errand_number), errand);
    }

    /// The one call that waits.
    pub(crate) fn wait(
        &mut self,
        limit: Option<Duration>,
        notices: &mut Vec<Notice>,
    ) -> Result<(), String> {
        self.note(Entry::Waits(limit));
        self.look(limit)?;
        self.shortage.of_time |= self.now.since(self.seen) > LONG_TURN;
        let since = self.now;
        let mut until = limit.map_or(Moment::NEVER, |limit| self.now.after(limit));
        if let Some(moment) = self.by_hand {
            until = until.min(moment);
        } else {
            let worked = self.faults.slowness.as_micros() as usize;
            self.now = self.now.after(self.dice.micros(0..=worked));
            self.disturb_clocks()?;
        }
        if limit != Some(Duration::ZERO) && self.strikes(Mishap::Interrupted) {
            until = until.min(self.now.after(self.dice.micros(0..=1_000)));
        }
        self.is_waiting = true;
        self.run_until(until, notices)?;
        self.is_waiting = false;
        self.lie_about_events(notices);
        self.was_rung_falsely = self.bell.is_rung();
        self.note(Entry::Woken { notices: notices.len() });
        self.waited = Waited { since, limit, notices: notices.len() };
        self.seen = self.now;
        self.oracles.turn_begins(self.seen, limit, notices);
        self.shortage.of_room |= self.oracles.is_stopping();
        Ok(())
    }

    /// Runs the world on until there is something to tell.
    fn run_until(&mut self, until: Moment, notices: &mut Vec<Notice>) -> Result<(), String> {
        loop {
            self.run_errands()?;
            self.collect(notices);
            let next = self.errands.keys().next().map_or(Moment::NEVER, |(when, _)| *when);
            if !notices.is_empty() {
                return Ok(());
            }
            if next.min(until) == Moment::NEVER {
                self.is_over = true;
                return Ok(());
            }
            if until <= self.now {
                return Ok(());
            }
            self.now = next.min(until).max(self.now);
        }
    }

    /// Runs the world on until nothing will ever happen any more.
    pub(crate) fn run_out(&mut self) -> Result<(), String> {
        while let Some((when, _)) = self.errands.keys().next() {
            self.now = self.now.max(*when);
            self.run_errands()?;
        }
        Ok(())
    }

    /// So much time passes for everybody, and the server has no part in it.
    fn passes(&mut self, time: Duration) -> Result<(), String> {
        let end = self.now.after(time);
        while let Some((when, _)) = self.errands.keys().next()
            && *when <= end
        {
            self.now = self.now.max(*when);
            self.run_errands()?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    fn run_errands(&mut self) -> Result<(), String> {
        while let Some(first) = self.errands.first_entry()
            && first.key().0 <= self.now
        {
            let when = first.key().0;
            match first.remove() {
                Errand::Connect { client, listener } => self.connect(client, listener)?,
                Errand::Act(client) if self.acts_at[client] == when => self.act(client)?,
                // It has looked earlier.
                Errand::Act(_) => {}
                Errand::Finish(request, wake) => {
                    self.note(Entry::Finishes(request));
                    self.finished.insert(request);
                    wake.wake();
                }
                Errand::Ring(wake) => wake.wake(),
                Errand::Helped(client, job) => self.helped(client, job),
                Errand::WriteSpace(id) => self.sockets[id].write_space(),
                Errand::Change(change) => self.changes(change),
                Errand::Break(id) => self.breaks(id),
                Errand::Stop => {
                    self.note(Entry::AsksToStop);
                    self.bell.ask_to_stop();
                }
                Errand::Signal => {
                    self.note(Entry::Signals);
                    self.signals += 1;
                }
            }
        }
        Ok(())
    }

    // The clocks.

    /// What can happen to the time while the server waits.
    fn disturb_clocks(&mut self) -> Result<(), String> {
        if self.strikes(Mishap::WallClockSet) {
            let by = self.dice.within(1..=WALL_SET_BY) as i64;
            self.wall_offset += if self.dice.chance(500) { by } else { -by };
            self.note(Entry::WallClockSet(self.wall_offset));
        }
        if self.strikes(Mishap::Leap) {
            let time = self.leap_length();
            self.leaps(time);
        }
        if self.strikes(Mishap::StandsStill) {
            let time = self.leap_length();
            self.note(Entry::StandsStill(time));
            self.shortage.of_time = true;
            self.passes(time)?;
        }
        Ok(())
    }

    /// Seconds, or minutes, or hours.
    fn leap_length(&mut self) -> Duration {
        let longest = self.dice.one_of(&[2_000, 20_000, 100_000, 10_000_000]);
        self.dice.millis(1..=longest)
    }

    /// The clock leaps ahead, and nothing happened in between: for whoever waited for something,
    /// that is late now.
    pub(crate) fn leaps(&mut self, time: Duration) {
        self.note(Entry::Leaps(time));
        self.shortage.of_time = true;
        self.now = self.now.after(time);
    }

    /// The clock may leap while the server is at work.
    pub(super) fn may_leap_at_work(&mut self) {
        if self.strikes(Mishap::LeapAtWork) {
            let time = self.leap_length();
            self.leaps(time);
        }
    }

    /// The server needs the disk, which may take its time. The world does not wait for it.
    pub(crate) fn uses_disk(&mut self) {
        if self.strikes(Mishap::SlowDisk) {
            let longest = self.faults.disk.as_micros() as usize;
            let time = self.dice.micros(0..=longest);
            self.note(Entry::SlowDisk(time));
            self.waited_for_disk += time;
            self.shortage.of_time |= self.waited_for_disk > MUCH_DISK;
            if let Err(what) = self.passes(time) {
                self.oracles.complain(what);
            }
        }
    }

    /// What the clock on the wall shows at that moment, in seconds.
    pub(super) fn wall(&self, at: Moment) -> u64 {
        let passed = at.since(Moment::START).as_secs();
        (WALL_BEGINS + passed).saturating_add_signed(self.wall_offset)
    }

    /// What it shows now, as answers say it too.
    pub(crate) fn looks_at_the_wall(&mut self) -> Wall {
        let wall = self.wall(self.now);
        if self.dates.last().is_none_or(|(at, _)| *at != wall) {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(wall));
            self.dates.push((wall, text.as_bytes().try_into().expect("a date has 29 bytes")));
        }
        Wall { date: self.dates[self.dates.len() - 1].1, unix_time: wall }
    }
}
