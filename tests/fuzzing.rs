//! The fuzz targets without a fuzzer: every seed, and thousands of changes to them, on every test
//! run. So the targets cannot rot, and what a fuzzer once found stays found.
//!
//! A seed is a file of `tests/fuzz/seeds/TARGET/`; one that was a find has a name that says so, all
//! others were kept by `scripts/fuzz` because they reach something that no other does. No chance is
//! involved: a failure names its input, and comes again. Read first: `fuzz/lib.rs`.

#[path = "sim/dice.rs"]
#[allow(dead_code, reason = "the simulation throws them in more ways")]
mod dice;
#[path = "fuzz/lib.rs"]
mod fuzz;

use std::fs;
use std::path::Path;

use dice::Dice;

/// The seeds are there to be read by people and carried along in every clone, in bytes.
const ALL_SEEDS: usize = 200 * 1024;

/// Shows the input of a target that fails.
struct Input<'a>(&'a str, &'a [u8]);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("fuzz target {}: b\"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable seed")).collect()
}

/// Runs the target over its seeds, and over so many changed ones.
fn replay(target: &str, run: fn(&[u8]), changed: usize) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has seeds");
    for seed in &seeds {
        let input = Input(target, seed);
        run(input.1);
    }
    let mut dice = Dice::new(seeds.len() as u64);
    for round in 0..changed {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=dice.below(3) {
            change(&mut bytes, &seeds, &mut dice);
        }
        let input = Input(target, &bytes);
        run(input.1);
    }
}

/// One change, as a fuzzer makes them.
fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    /// Bytes that mean something to one reader or another.
    const TELLING: &[u8] = b"\r\n\0\t :/.%;,=\"*0129afAF\x1F\x7F\x80\xFF";
    /// The longest stretch that is moved or taken out at once.
    const STRETCH: usize = 40;
    let at = dice.below(bytes.len() + 1);
    let end = (at + dice.below(STRETCH)).min(bytes.len());
    match dice.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 if at < bytes.len() => bytes[at] = dice.one_of(TELLING),
        2 => bytes.insert(at, dice.one_of(TELLING)),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.truncate(at),
        5 => {
            let again = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, again));
        }
        _ => {
            let other = &seeds[dice.below(seeds.len())];
            let from = dice.below(other.len() + 1);
            let to = (from + dice.below(STRETCH)).min(other.len());
            drop(bytes.splice(at..at, other[from..to].iter().copied()));
        }
    }
}

#[test]
fn head() {
    replay("head", fuzz::head, 20_000);
}

#[test]
fn target() {
    replay("target", fuzz::target, 50_000);
}

#[test]
fn chunked() {
    replay("chunked", fuzz::chunked, 20_000);
}

#[test]
fn fields() {
    replay("fields", fuzz::fields, 8_000);
}

#[test]
fn connection() {
    replay("connection", fuzz::connection, 4_000);
}

const ALL: [&str; 5] = ["head", "target", "chunked", "fields", "connection"];

#[test]
fn the_seeds_stay_small() {
    let size: usize = ALL.iter().flat_map(|target| seeds(target)).map(|seed| seed.len()).sum();
    assert!(size <= ALL_SEEDS, "{size} bytes: run `scripts/fuzz --keep`, which keeps fewer");
}

/// The programs are built only when somebody fuzzes, so that they are there is seen to here.
#[test]
fn every_target_is_a_program_with_a_dictionary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| {
        fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let (manifest, script) = (read("tests/fuzz/Cargo.toml"), read("scripts/fuzz"));
    assert!(script.contains(&format!("all=({})", ALL.join(" "))), "scripts/fuzz names them all");
    assert_eq!(manifest.matches("[[bin]]").count(), ALL.len());
    for target in ALL {
        let bin = format!("name = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"");
        assert!(manifest.contains(&bin), "tests/fuzz/Cargo.toml has a [[bin]] of {target}");
        let program = read(&format!("tests/fuzz/fuzz_targets/{target}.rs"));
        assert!(program.contains(&format!("oneloop_fuzz::{target}(bytes)")), "{target}");
        let words = read(&format!("tests/fuzz/dictionaries/{target}.dict"));
        let is_word = |line: &str| line.starts_with('"') && line.ends_with('"') && line.len() > 2;
        assert!(words.lines().skip(1).all(is_word), "{target}: a word stands in quotes");
    }
}
