//! The loop in a simulated world: a kernel that does all it may, clients that do all they can, a
//! clock that is a number, and one seed for everything.
//!
//! Every test run plays a number of seeds on each of two kernels (`sim/socket.rs` tells them
//! apart). More of them, or one of them again with everything that happened:
//!
//! ```text
//! ONELOOP_SIM_SEEDS=10000 cargo test --test simulation
//! ONELOOP_SIM_SEED=17 cargo test --test simulation seeds -- --nocapture
//! ```
//!
//! No thread, no socket, no clock, no sleep; but real files, which are served and changed. Read next: `sim/mod.rs`.

mod sim;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sim::faults::Mishap;
use sim::run::{Outcome, run};
use sim::socket::Kernel;

/// How many seeds are played when nobody says how many.
const SEEDS: u64 = 256;
/// The ways to end that occur in so many seeds. A world in which one of them never comes about
/// shows nothing of it.
const ENDS: [&str; 21] = [
    "AnswerTimeout",
    "Answered",
    "Broken(ConnectionReset)",
    "Broken(Other)",
    "Broken(OutOfMemory)",
    "ClientDone",
    "ClientLeft",
    "CutOff",
    "DiskTimeout",
    "EndedAtOnce",
    "Fault(BodyTimeout)",
    "Fault(HeadTimeout)",
    "FileShrank",
    "IdleTimeout",
    "MadeRoom",
    "Panicked",
    "SourceFailed",
    "SourceTimeout",
    "Stalled",
    "Stopped",
    "WriteTimeout",
];
/// The kinds of clients that come in so many seeds.
const MANNERS: [&str; 19] = [
    "body trickler",
    "deaf",
    "dozer",
    "early shutter",
    "flooder",
    "garbler",
    "glutton",
    "head trickler",
    "honest",
    "nuisance",
    "one of a crowd",
    "queuer",
    "regular",
    "resetter",
    "silent",
    "slow reader",
    "unlucky",
    "vanisher",
    "watcher",
];
/// The kinds of answers about files that are given in so many seeds.
const TOLD: [&str; 11] = [
    "a part",
    "compressed",
    "elsewhere",
    "head",
    "in another coding",
    "listing",
    "missing",
    "several parts",
    "unmodified",
    "unsatisfiable",
    "whole",
];
/// How much of what happened is printed with a failure.
const TAIL: usize = 80;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

fn play(kernel: Kernel) {
    if let Some(seed) = number("ONELOOP_SIM_SEED") {
        let outcome = run(kernel, seed);
        eprintln!("Seed {seed} on {kernel:?}.\n{}", outcome.world());
        eprintln!("{}", outcome.tail(usize::MAX));
        assert!(outcome.trouble.is_none(), "seed {seed} on {kernel:?}: {:?}", outcome.trouble);
        return;
    }
    let seeds = number("ONELOOP_SIM_SEEDS").unwrap_or(SEEDS);
    let mut seen = Seen::default();
    for seed in 0..seeds {
        let outcome = run(kernel, seed);
        if let Some(trouble) = &outcome.trouble {
            let (world, tail) = (outcome.world(), outcome.tail(TAIL));
            panic!("seed {seed} on {kernel:?}: {trouble}\n{world}{tail}\nONELOOP_SIM_SEED={seed}");
        }
        seen.add(outcome);
    }
    eprintln!("{seeds} seeds on {kernel:?}: {seen}");
    if seeds >= SEEDS {
        seen.is_enough(kernel);
    }
}

/// What has come about in all runs together.
#[derive(Default)]
struct Seen {
    turns: usize,
    fates: BTreeSet<String>,
    mishaps: BTreeMap<Mishap, usize>,
    manners: BTreeMap<&'static str, usize>,
    told: BTreeMap<&'static str, usize>,
}

impl Seen {
    fn add(&mut self, outcome: Outcome) {
        self.turns += outcome.turns;
        self.fates.extend(outcome.fates);
        for (mishap, n) in outcome.mishaps {
            *self.mishaps.entry(mishap).or_default() += n;
        }
        for (manner, n) in outcome.manners {
            *self.manners.entry(manner).or_default() += n;
        }
        for (told, n) in outcome.told {
            *self.told.entry(told).or_default() += n;
        }
    }

    /// What never came about was not tried.
    fn is_enough(&self, kernel: Kernel) {
        let told_to_nobody = if kernel == Kernel::Linux { "" } else { "SourceTimeout" };
        let mut ends = ENDS.iter().filter(|end| **end != told_to_nobody);
        let end = ends.find(|end| !self.fates.contains(**end));
        assert_eq!(end, None, "no connection ended so on {kernel:?}");
        let manner = MANNERS.iter().find(|manner| !self.manners.contains_key(**manner));
        assert_eq!(manner, None, "no such client came on {kernel:?}");
        let told = TOLD.iter().find(|told| !self.told.contains_key(**told));
        assert_eq!(told, None, "no such answer about a file was given on {kernel:?}");
        let could = Mishap::ALL.into_iter().filter(|mishap| mishap.is_done_by(kernel));
        let never: Vec<Mishap> = could.filter(|m| !self.mishaps.contains_key(m)).collect();
        assert_eq!(never, [], "these never happened on {kernel:?}");
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} turns, {} ways to end", self.turns, self.fates.len())?;
        write!(f, "\n  clients: {:?}", self.manners)?;
        write!(f, "\n  of files: {:?}", self.told)?;
        write!(f, "\n  mishaps: {:?}", self.mishaps)
    }
}

#[test]
fn seeds_on_the_contract_kernel() {
    play(Kernel::Contract);
}

#[test]
fn seeds_on_the_linux_kernel() {
    play(Kernel::Linux);
}

/// The eighth oracle: a bug that is met must be met again by its seed.
#[test]
fn the_same_seed_is_the_same_world() {
    for kernel in [Kernel::Contract, Kernel::Linux] {
        for seed in 1_000..1_016 {
            assert_eq!(run(kernel, seed).entries(), run(kernel, seed).entries());
        }
    }
}
