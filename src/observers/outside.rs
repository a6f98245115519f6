//! What a loop cannot know of itself, and its process and kernel can tell.
//!
//! Time on a CPU is no time of day: nothing is decided by it, and it is asked for when somebody
//! wants a report. It is read of `/proc/self/stat` (proc_pid_stat(5)), in hundredths of a second.
//!
//! Read next: `accept_queue.rs`, `run_queue.rs`; `report/verdict.rs`, which makes something of it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use crate::config::KERNEL_TEXT;

use super::accept_queue::{AcceptQueue, Drops};
use super::run_queue::RunQueue;

/// Where to look for what loops cannot know. Any thread may.
#[derive(Debug)]
pub struct Surroundings {
    accept_queue: Option<AcceptQueue>,
    run_queue: Option<RunQueue>,
    stat: Option<File>,
}

const STAT: &str = "/proc/self/stat";
/// In what the kernel counts time for users, on every machine that Rust and this crate run on.
const TICK: Duration = Duration::from_millis(10);

/// What is known beside a loop's own figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outside {
    /// What full accept queues have dropped; `None` where the kernel does not tell.
    pub dropped: Option<Drops>,
    /// For how long the process, all its threads together, had a CPU.
    pub cpu: Option<Duration>,
    /// For how long the thread that runs the loop had something to do and no CPU, as others ran
    /// there. Of several loops it says nothing.
    pub lacked_cpu: Option<Duration>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self::new()
    }
}

impl Surroundings {
    /// Opens what is to be looked at later, and counts from now on. To be called on the thread that
    /// is to run the loop, if it is one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            accept_queue: AcceptQueue::open(),
            run_queue: RunQueue::open(),
            stat: File::open(STAT).ok(),
        }
    }

    /// What is to be seen now.
    #[must_use]
    pub fn look(&self) -> Outside {
        Outside {
            dropped: self.accept_queue.as_ref().and_then(AcceptQueue::drops),
            cpu: self.stat.as_ref().and_then(told).as_deref().and_then(cpu),
            lacked_cpu: self.run_queue.as_ref().and_then(RunQueue::waited),
        }
    }
}

/// What a file of the kernel tells now, from its beginning, whoever else reads it meanwhile; `None`
/// where it tells nothing any more.
pub(super) fn told(file: &File) -> Option<String> {
    let mut text = vec![0; KERNEL_TEXT];
    let mut len = 0;
    loop {
        match file.read_at(&mut text[len..], len as u64).ok()? {
            0 => break,
            more => len += more,
        }
    }
    text.truncate(len);
    String::from_utf8(text).ok()
}

/// User and system time of a process, its 14th and 15th figure. Its name, the second, may hold
/// anything, but is in brackets.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut figures = behind_name.split_whitespace().skip(11).map(str::parse::<u32>);
    let [user, system] = [figures.next()?.ok()?, figures.next()?.ok()?];
    TICK.checked_mul(user.checked_add(system)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_14th_and_the_15th_figure_are_the_time_on_a_cpu() {
        for (stat, expected) in [
            ("7 (a) R 1 7 7 0 -1 4194304 1 0 0 0 120 30 0 0 20 0 1", Some(1_500)),
            ("7 (a) 9 9) R 1 7 7 0 -1 4194304 1 0 0 0 1 0 0", Some(10)),
            ("7 (a) R 1 7 7 0 -1 4194304 1 0 0 0 120", None),
            ("7 (a) R 1 7 7 0 -1 4194304 1 0 0 0 x 30", None),
            ("", None),
        ] {
            assert_eq!(cpu(stat), expected.map(Duration::from_millis), "{stat:?}");
        }
    }

    #[test]
    fn the_process_has_had_a_cpu() {
        let surroundings = Surroundings::new();
        let before = surroundings.look().cpu.unwrap();
        // Until the clock, which may be coarse, has moved.
        while surroundings.look().cpu.unwrap() == before {}
    }
}
