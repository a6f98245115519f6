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
//! No thread, no socket, no clock, no sleep. Read next: `sim/mod.rs`.

mod sim;

use std::collections::BTreeSet;

use sim::run::run;
use sim::socket::Kernel;

/// How many seeds are played when nobody says how many.
const SEEDS: u64 = 256;
/// The ways to end that occur in so many seeds. A world in which one of them never comes about
/// shows nothing of it.
const ENDS: [&str; 14] = [
    "AnswerTimeout",
    "Answered",
    "Broken(ConnectionReset)",
    "ClientDone",
    "ClientLeft",
    "CutOff",
    "Fault(BodyTimeout)",
    "Fault(HeadTimeout)",
    "IdleTimeout",
    "MadeRoom",
    "Panicked",
    "Stalled",
    "Stopped",
    "WriteTimeout",
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
        eprintln!("seed {seed} on {kernel:?}:\n{}", outcome.tail(usize::MAX));
        assert!(outcome.trouble.is_none(), "seed {seed} on {kernel:?}: {:?}", outcome.trouble);
        return;
    }
    let seeds = number("ONELOOP_SIM_SEEDS").unwrap_or(SEEDS);
    let (mut turns, mut fates) = (0, BTreeSet::new());
    for seed in 0..seeds {
        let outcome = run(kernel, seed);
        if let Some(trouble) = &outcome.trouble {
            let tail = outcome.tail(TAIL);
            panic!("seed {seed} on {kernel:?}: {trouble}\n{tail}\nONELOOP_SIM_SEED={seed}");
        }
        turns += outcome.turns;
        fates.extend(outcome.fates);
    }
    let missing = ENDS.iter().find(|end| seeds >= SEEDS && !fates.contains(**end));
    assert_eq!(missing, None, "no connection ended so on {kernel:?}");
    eprintln!("{seeds} seeds on {kernel:?}: {turns} turns, {} ways to end", fates.len());
}

#[test]
fn seeds_on_the_contract_kernel() {
    play(Kernel::Contract);
}

#[test]
fn seeds_on_the_linux_kernel() {
    play(Kernel::Linux);
}

/// A bug that is met must be met again by its seed.
#[test]
fn the_same_seed_is_the_same_world() {
    for kernel in [Kernel::Contract, Kernel::Linux] {
        for seed in 1_000..1_016 {
            assert_eq!(run(kernel, seed).entries(), run(kernel, seed).entries());
        }
    }
}
