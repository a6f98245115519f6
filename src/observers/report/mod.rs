//! The report at the end of a run: what a load generator's own has, as the server saw it, so that
//! both can be read side by side, and what no client can know: what the limit was.
//!
//! Figures in, text out: nothing here looks at anything else.
//!
//! Read next: `verdict.rs`, what the limit was; `text.rs`; `json.rs`.

mod json;
mod text;
mod verdict;
mod words;

pub use json::report_json;
pub use text::report;

pub(super) use words::Seconds;

use std::time::Duration;

use super::Outside;
use super::meter::{Figures, Stage};
use super::step::Call;

/// Shares of requests whose latency is told, in percent.
const PERCENTILES: [f64; 6] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9];

/// What went wrong, in the words that wrk has for it: as far as they have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SocketErrors {
    /// Dropped by a full accept queue; accepting failed.
    connect: u64,
    /// A read failed, or found the end in the middle of a request.
    read: u64,
    /// A write failed.
    write: u64,
    /// The client, a responder or the disk took too long.
    timeout: u64,
}

impl SocketErrors {
    fn of(figures: &Figures, outside: &Outside) -> Self {
        let failed = |call| figures.calls(call).failed;
        let closed = |names: &[&str]| -> u64 {
            names.iter().filter_map(|name| figures.closed.get(name)).sum()
        };
        let timeouts =
            ["write-timeout", "answer-timeout", "source-timeout", "disk-timeout"].as_slice();
        // The client is told of these two by a status.
        let told = figures.statuses.get(&408).copied().unwrap_or_default();
        let dropped = outside.dropped.map_or(0, |dropped| dropped.overflows);
        Self {
            connect: dropped + failed(Call::Accept),
            read: failed(Call::Receive) + closed(&["client-left"]),
            write: failed(Call::Send) + failed(Call::SendBoth) + failed(Call::SendFile),
            timeout: closed(timeouts) + told,
        }
    }
}

/// So many for each of so many; nothing where there are none.
fn per(of: u64, each: u64) -> f64 {
    if each == 0 { 0.0 } else { of as f64 / each as f64 }
}

/// So many a second.
fn rate(of: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { of as f64 / time.as_secs_f64() }
}

/// How many requests were with their responders at a time while the loop waited, on average. One
/// that answers at once is never: the loop works meanwhile.
fn with_responders(figures: &Figures) -> f64 {
    let followed = figures.stages[Stage::Responder as usize].mean();
    let all = followed.as_secs_f64() * figures.requests as f64;
    let beside_work = (all - figures.load.worked.as_secs_f64()).max(0.0);
    let waited = figures.load.waited.as_secs_f64();
    if waited > 0.0 { beside_work / waited } else { 0.0 }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Drops;
    use super::super::meter::rehearsal::rehearsed;
    use super::*;

    /// A small run, in which a bit of everything happens.
    pub(in super::super) fn a_run() -> Figures {
        let mut figures = rehearsed(
            "wait 0 1000 2
             c1 comes
             c1 done accept4
             c1 done epoll_ctl
             c1 ready
             c1 reads 156
             c1 asked 1000
             c1 given 200 1000
             c1 given 404 1000
             c1 writes 300
             c1 sent 21000
             c2 comes
             c2 done accept4
             wait 30000 200000 1
             c2 ready
             c2 reads 78
             c2 asked 200000
             c2 given 200 200000
             c2 blocked sendto
             c2 phase writing
             wait 210000 3000000 1
             c2 writes 2048
             c2 sent 3100000
             c2 phase idle
             c2 reads 70
             c2 given 200 3100000
             c2 failed sendto
             c2 closed broken
             wait 3200000 4000000 1
             c1 closed",
        );
        // None of so few is followed: what they all took, once, twice, three times and four times.
        for (at, stage) in figures.stages.iter_mut().enumerate() {
            *stage = figures.latency.clone();
            for _ in 0..at {
                stage.add(&figures.latency);
            }
        }
        figures
    }

    pub(in super::super) fn its_outside() -> Outside {
        let dropped = Some(Drops { overflows: 1_204, drops: 1_300 });
        let [cpu, lacked_cpu] = [1_250, 40].map(|micros| Some(Duration::from_micros(micros)));
        Outside { dropped, cpu, lacked_cpu }
    }

    #[test]
    fn errors_have_wrks_words() {
        let mut figures = Figures::default();
        figures.closed.extend([
            ("client-done", 1),
            ("client-left", 2),
            ("broken", 3),
            ("write-timeout", 4),
            ("answer-timeout", 5),
            ("idle-timeout", 6),
        ]);
        figures.statuses.extend([(200, 10), (408, 20)]);
        for (call, failed) in
            [(Call::Receive, 100), (Call::Send, 200), (Call::SendFile, 300), (Call::Accept, 400)]
        {
            figures.calls[call as usize].failed = failed;
        }
        let drops = Drops { overflows: 1_000, drops: 5_000 };
        let outside = Outside { dropped: Some(drops), ..Outside::default() };
        let expected = SocketErrors { connect: 1_400, read: 102, write: 500, timeout: 29 };
        assert_eq!(SocketErrors::of(&figures, &outside), expected);
        assert_eq!(SocketErrors::of(&figures, &Outside::default()).connect, 400);
    }
}
