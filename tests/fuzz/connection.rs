//! A whole connection: whatever a client sends, and however it comes and goes, the same answers
//! leave, and another implementation can read them.
//!
//! Each input is held as a conversation twice over. *Calmly*: the bytes come, in several ways, and
//! then the client goes; all ways must come to the same. *Wildly*: time passes, the client stalls,
//! wakes are rung, somebody leaves; then there is no foretelling what comes out, but it must be
//! answers, and in the end, when nothing happens any more, everything must have had its time.

use std::sync::Once;
use std::time::Duration;
use std::{fmt, panic};

use arbitrary::Unstructured;
use oneloop::Limits;
use oneloop::connection::{CloseReason, Outgoing, Phase};

use super::driver::{Driver, Leaving};
use super::plan::{cuts, split, stretched};
use super::requests;
use super::script::Script;
use super::second_opinion::Answer;

/// What the responder may be told to say.
const LINES: [&str; 28] = [
    "200 hi",
    "204",
    "304",
    "205",
    "prepared 200 hi",
    "prepared 304 hi",
    "closing 200 hi",
    "404 {x*20000}",
    "shared 200 {x*20000}",
    "prepared 200 {x*70000}",
    "source +ab +cd end",
    "source +ab later +cd end",
    "source +ab~ +cd.",
    "source +a +b!",
    "source later later +{x*5000} +{y*70000} end",
    "source fail",
    "body",
    "later",
    "id",
    "told",
    "panic",
    "body panics",
    "body panics at its end",
    "source +ab panic",
    "source +ab nothing",
    "shared 200 hi",
    "source @1ms +ab@5s +cd end",
    "source +{x*70000}@20s @20s @20s @20s later +ab.",
];
/// Up to this length the client's bytes come one by one too.
const SENT_BY_BYTE: usize = 1500;
/// Longer than anything is granted.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// What a plan says beside the bytes.
struct Plan {
    script: Script,
    limits: Limits,
    cuts: Vec<usize>,
    per_write: usize,
    deeds: [u8; 20],
}

/// Byte 0: how the rest is meant; 1: the limits; 2 to 6: what the responder says, counted from one;
/// 7 to 12: where the bytes are cut; 13: how many are taken at once; 14 to 33: what happens
/// meanwhile, in pairs.
pub fn connection(input: &[u8]) {
    let_scripts_panic();
    let (block, rest) = split::<34>(input);
    let bytes = match block[0] % 4 {
        0 => rest.to_vec(),
        1 => stretched(rest, true),
        _ => requests::draw(&mut Unstructured::new(rest)),
    };
    let mut script = Script::default();
    for &which in block[2..7].iter().take_while(|&&which| which != 0) {
        script.says(LINES[usize::from(which - 1) % LINES.len()]);
    }
    let per_write = match block[13] {
        0 => usize::MAX,
        n => usize::from(n),
    };
    let deeds = block[14..].try_into().expect("ten pairs");
    let cuts = cuts(&block[7..13], bytes.len());
    let plan = Plan { script, limits: limits(block[1]), cuts, per_write, deeds };
    hold_calmly(&plan, &bytes);
    hold_wildly(&plan, &bytes);
}

/// A fuzzer takes every panic for a find, even one that is caught. Those that a script asks for are
/// none.
fn let_scripts_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let otherwise = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let said = panic.payload().downcast_ref::<&str>();
            if said.is_none_or(|said| *said != "the script says so") {
                otherwise(panic);
            }
        }));
    });
}

fn limits(which: u8) -> Limits {
    let mut limits = Limits::default();
    match which % 4 {
        1 => (limits.head_bytes, limits.target_bytes, limits.header_lines) = (80, 20, 3),
        2 => limits.requests = 2.try_into().ok(),
        3 => limits.body_bytes = 100,
        _ => {}
    }
    limits
}

/// What a conversation comes to.
struct Outcome {
    answers: Vec<Answer>,
    bytes: Vec<u8>,
    /// A client waits for `100 Continue`, which is not sent where its body has come already.
    may_be_continued: bool,
    phase: Phase,
    fate: Option<CloseReason>,
    requests: u32,
}

impl Outcome {
    fn is_same(&self, other: &Self) -> bool {
        let has_same_bytes = self.bytes == other.bytes;
        (self.phase, self.fate, self.requests) == (other.phase, other.fate, other.requests)
            && self.answers == other.answers
            && (has_same_bytes || self.may_be_continued)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, fate, requests, .. } = self;
        write!(f, "{requests} requests, {phase}, {fate:?}: {}", self.bytes.escape_ascii())
    }
}

fn hold_calmly(plan: &Plan, bytes: &[u8]) {
    let whole = calm(plan, bytes, [bytes.len()], usize::MAX);
    let cut = calm(plan, bytes, plan.cuts.iter().copied(), plan.per_write);
    assert_same(&whole, &cut, "cut, and taken by pieces", bytes);
    if bytes.len() <= SENT_BY_BYTE {
        let by_byte = calm(plan, bytes, 1..=bytes.len(), usize::MAX);
        assert_same(&whole, &by_byte, "byte by byte", bytes);
    }
}

fn assert_same(one: &Outcome, other: &Outcome, how: &str, bytes: &[u8]) {
    assert!(one.is_same(other), "{how}: {other}\nat once: {one}\nfor {}", bytes.escape_ascii());
}

/// The bytes come, the wakes are rung, and the client goes.
fn calm(
    plan: &Plan,
    bytes: &[u8],
    lengths: impl IntoIterator<Item = usize>,
    per_write: usize,
) -> Outcome {
    let mut driver = Driver::new(plan.script.clone(), plan.limits.clone(), per_write);
    let mut at = 0;
    for length in lengths {
        driver.receive(&bytes[at..length]);
        at = length;
    }
    // No script has more lines and steps that wait.
    for _ in 0..32 {
        driver.wake();
    }
    let mut phase = driver.connection.phase();
    if driver.connection.fate() == Some(CloseReason::Answered) {
        // Whether something was behind the client's last request depends on what had arrived.
        phase = Phase::Lingering;
    }
    let may_be_continued = driver.asked.iter().any(|asked| asked.expects_continue);
    let mut answers = driver.read_back();
    // Whether `100 Continue` was sent depends on what had arrived, and that is as it should be.
    answers.retain(|answer| answer.status != 0);
    answers.iter_mut().for_each(|answer| answer.interim = 0);
    driver.leave(Leaving::Ended);
    Outcome {
        answers,
        bytes: driver.socket.reached.clone(),
        may_be_continued,
        phase,
        fate: driver.connection.fate(),
        requests: driver.connection.requests(),
    }
}

fn hold_wildly(plan: &Plan, bytes: &[u8]) {
    let at_once = wild(plan, bytes, usize::MAX);
    if plan.per_write != usize::MAX {
        let by_pieces = wild(plan, bytes, plan.per_write);
        let shown = |(bytes, fate): &(Vec<u8>, _)| format!("{fate:?}: {}", bytes.escape_ascii());
        let (one, other) = (shown(&at_once), shown(&by_pieces));
        assert!(one == other, "by pieces: {other}\nat once: {one}\nfor {}", bytes.escape_ascii());
    }
}

/// The deeds of the plan, then what is left of the bytes, and then nothing for long.
fn wild(plan: &Plan, bytes: &[u8], per_write: usize) -> (Vec<u8>, Option<CloseReason>) {
    let mut driver = Driver::new(plan.script.clone(), plan.limits.clone(), per_write);
    let mut rest = bytes;
    for deed in plan.deeds.chunks_exact(2) {
        if driver.socket.leaving.is_none() && driver.connection.fate().is_none() {
            do_one(&mut driver, deed[0], deed[1], &mut rest);
        }
    }
    if driver.socket.leaving.is_none() {
        driver.receive(rest);
    }
    driver.pass(FOR_EVER);
    let is_waiting = matches!(driver.connection.outgoing(), Outgoing::Waiting);
    let fate = driver.connection.fate();
    assert!(fate.is_some() || is_waiting, "everything has its time: {:?}", driver.connection);
    driver.read_back();
    (driver.socket.reached, fate)
}

fn do_one(driver: &mut Driver<Script>, deed: u8, much: u8, rest: &mut &[u8]) {
    const TIMES: [u64; 8] = [1, 1000, 4999, 5000, 10_000, 30_000, 60_000, 61_000];
    let receive = |driver: &mut Driver<Script>, n: usize, rest: &mut &[u8]| {
        let (now, later) = rest.split_at(n.min(rest.len()));
        driver.receive(now);
        *rest = later;
    };
    match deed % 12 {
        0..=2 => receive(driver, usize::from(much), rest),
        3 => receive(driver, rest.len(), rest),
        4 | 5 => driver.pass(Duration::from_millis(TIMES[usize::from(much % 8)])),
        6 => {
            driver.socket.window = usize::from(much) * usize::from(much);
            driver.settle();
        }
        7 => {
            driver.socket.window = usize::MAX;
            driver.settle();
        }
        8 => driver.wake(),
        9 => driver.is_last = true,
        10 => driver.leave(Leaving::Ended),
        _ if much < 128 => driver.leave(Leaving::Reset),
        _ => driver.connection.close(CloseReason::CutOff),
    }
}
