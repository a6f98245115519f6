//! The helpers of the simulated server: two of them, who take their time, and a queue with room for
//! so many jobs. What they do is done at once, when the time that it takes is over.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use oneloop::config::HELPERS;
use oneloop::message::{Job, Submitted};

use super::diary::Entry;
use super::faults::Mishap;
use super::nature::{Errand, Nature};

/// Where all jobs together take longer, somebody may wait for theirs for too long.
const MUCH_HELP: Duration = Duration::from_secs(20);

/// What there is for the helpers to do.
#[derive(Default)]
pub(crate) struct Helping {
    /// With each the connection whose file it reads, if it does that.
    waiting: VecDeque<(Option<usize>, Job)>,
    /// To which connection a file was to be sent that is not in memory: the next job is to read it.
    pub(super) is_for: Option<usize>,
    /// How many helpers are at work.
    busy: usize,
    /// How long they have been, or will be.
    worked: Duration,
    is_room_wanted: bool,
    /// How long a dead disk is dead, where it is not drawn.
    pub(crate) dead: Option<Duration>,
    /// Whether there was no room for the last job.
    pub(crate) was_full: bool,
    /// The connections whose job found no room, until they are asked again.
    pub(crate) refused: BTreeSet<u32>,
}

impl Nature {
    pub(crate) fn submit(&mut self, job: Job) -> Submitted {
        let client = self.helping.is_for.take();
        self.helping.was_full = self.room_for_jobs() == 0;
        if self.helping.was_full {
            let key = client.and_then(|id| self.keys[id]);
            self.helping.refused.extend(key.map(|key| key.generation));
            self.struck(Mishap::NoRoomForJobs);
            self.note(Entry::Submits(Submitted::Full));
            return Submitted::Full;
        }
        self.note(Entry::Submits(Submitted::Taken));
        self.oracles.progress += 1;
        if let Some(id) = client {
            self.oracles.lives[id].is_being_read();
        }
        self.helping.waiting.push_back((client, job));
        self.help();
        Submitted::Taken
    }

    pub(crate) fn room_for_jobs(&mut self) -> usize {
        let room = self.faults.jobs - self.helping.waiting.len();
        self.helping.is_room_wanted |= room == 0;
        room
    }

    /// Who is free takes up a job.
    fn help(&mut self) {
        while self.helping.busy < HELPERS
            && let Some((client, job)) = self.helping.waiting.pop_front()
        {
            self.helping.busy += 1;
            let time = self.job_time();
            self.helping.worked += time;
            self.shortage.of_time |= self.helping.worked > MUCH_HELP;
            self.after(time, Errand::Helped(client, job));
            if std::mem::take(&mut self.helping.is_room_wanted) {
                self.bell.tell_of_room();
            }
        }
    }

    fn job_time(&mut self) -> Duration {
        if self.strikes(Mishap::DeadDisk) {
            let time = self.dice.millis(20_000..=100_000);
            return self.helping.dead.unwrap_or(time);
        }
        let longest = self.faults.job.as_micros() as usize;
        self.dice.micros(0..=longest)
    }

    /// The time that a job takes is over.
    pub(super) fn helped(&mut self, client: Option<usize>, job: Job) {
        self.note(Entry::Helped);
        self.helping.busy -= 1;
        self.oracles.progress += 1;
        if let Some(id) = client {
            self.oracles.lives[id].was_read();
        }
        job();
        self.help();
    }

    /// Whoever found no room for a job is asked again as soon as there is some.
    pub(super) fn forgotten(&self) -> Result<(), String> {
        let Self { helping, oracles, .. } = self;
        let waits = |generation: &&u32| {
            let life = oracles.by_generation.get(generation).map(|id| &oracles.lives[*id]);
            life.is_some_and(|life| life.is_alive() && life.waits_for_helper())
        };
        let Some(generation) = helping.refused.iter().find(waits) else { return Ok(()) };
        if helping.waiting.len() < self.faults.jobs && !self.bell.is_rung() {
            return Err(format!("(2) stall: there is room for a job of c{generation}"));
        }
        if helping.waiting.len() == self.faults.jobs && !helping.is_room_wanted {
            return Err(format!("(2) stall: nobody will say when there is room for c{generation}"));
        }
        Ok(())
    }
}
