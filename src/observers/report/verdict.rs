//! What the limit of a run was: the client, the loop, or a queue in the kernel.
//!
//! A loop works or waits, and how much of which says who could have done more. Its working time is
//! time as clocks on the wall have it, so where others ran on its CPU too, the CPU's own tells.
//!
//! Read next: `config.rs`, the thresholds and why they are what they are.

use std::fmt;

use crate::config::{
    BUSY_BELOW, CPU_LACKED_ABOVE, CPU_SHARED_BELOW, JUDGED_REQUESTS, JUDGED_TIME, WAITED_ABOVE,
    WAITED_BESIDES, WITH_RESPONDERS,
};

use super::super::meter::{Figures, Shares};
use super::super::{Outside, grouped};
use super::with_responders;
use super::words::{Percent, Time, counted};

/// What a run was limited by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// There is too little to tell.
    Unknown,
    /// The client: it could have asked more.
    Client,
    /// What the responders waited for: a disk, a thread, the rest of a body.
    Responder,
    /// The machine: others had the CPU, the client perhaps.
    Cpu,
    /// The server: its loops had no time left.
    Server,
    /// One of its loops had no time left, and others had.
    OneLoop,
    /// Neither clearly.
    Neither,
}

/// What the limit was, and what else is to be known of it.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    figures: &'a Figures,
    outside: &'a Outside,
    pub(super) limit: Limit,
    /// The share of the time with clients that the loops waited.
    pub(super) waiting: f64,
}

impl Limit {
    /// Its name in one word, which stays what it is.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Client => "client",
            Self::Responder => "responder",
            Self::Cpu => "cpu",
            Self::Server => "server",
            Self::OneLoop => "one-loop",
            Self::Neither => "neither",
        }
    }
}

impl<'a> Verdict<'a> {
    pub(super) fn of(figures: &'a Figures, outside: &'a Outside) -> Self {
        let waiting = |shares: Shares| shares.waiting().unwrap_or(1.0);
        let (all, busiest) = (waiting(figures.load), waiting(figures.busiest));
        let lacked = lacked_cpu(figures, outside);
        let limit = match () {
            () if figures.requests < JUDGED_REQUESTS || figures.window < JUDGED_TIME => {
                Limit::Unknown
            }
            () if all <= BUSY_BELOW => Limit::Server,
            () if busiest <= BUSY_BELOW => Limit::OneLoop,
            () if all < WAITED_ABOVE => Limit::Neither,
            () if lacked >= CPU_LACKED_ABOVE && all - lacked < WAITED_BESIDES * (1.0 - lacked) => {
                Limit::Cpu
            }
            () if with_responders(figures) >= WITH_RESPONDERS => Limit::Responder,
            () => Limit::Client,
        };
        Self { figures, outside, limit, waiting: all }
    }

    /// The share of its work that the loop had a CPU for, from 0 to 1, where that is told. Other
    /// threads of the process have a CPU, too.
    pub(super) fn cpu_share(&self) -> Option<f64> {
        let (worked, cpu) = (self.figures.time.worked, self.outside.cpu?);
        let share = || (cpu.as_secs_f64() / worked.as_secs_f64()).min(1.0);
        (!worked.is_zero()).then(share)
    }

    /// How often a full accept queue dropped somebody, where that is told.
    pub(super) fn overflows(&self) -> Option<u64> {
        Some(self.outside.dropped?.overflows)
    }

    fn loops(&self) -> String {
        match self.figures.loops {
            0 | 1 => "the loop".to_owned(),
            loops => format!("the {loops} loops"),
        }
    }

    /// What the limit was, in one sentence.
    fn sentence(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (loops, figures) = (self.loops(), self.figures);
        let (waited, busy) = (Percent(self.waiting), Percent(1.0 - self.waiting));
        match self.limit {
            Limit::Unknown => {
                let requests = counted(figures.requests, "request");
                let (window, least) = (Time(figures.window), Time(JUDGED_TIME));
                write!(
                    f,
                    "too little to judge: {requests} in {window}; it takes {} in {least}",
                    grouped(JUDGED_REQUESTS)
                )
            }
            Limit::Client => {
                write!(f, "{loops} waited {waited} of the time: the client was the limit")?;
                // The kernel tells it of the thread that asks, which runs one loop at the most.
                match figures.loops {
                    0 | 1 => Ok(()),
                    _ => f.write_str(", or that there were too few CPUs for both"),
                }
            }
            Limit::Responder => write!(
                f,
                "{loops} waited {waited} of the time, with {:.1} requests at a time under way in \
                 responders: what these waited for (a disk, a thread, the rest of a body) was the \
                 limit",
                with_responders(figures)
            ),
            Limit::Cpu => write!(
                f,
                "{loops} waited {waited} of the time, and not for its client alone: {} of the time \
                 it had something to do but no CPU, as other programs, the client perhaps, ran \
                 there; give each its own (taskset), or run the client elsewhere, to learn which \
                 is the limit",
                Percent(lacked_cpu(figures, self.outside))
            ),
            Limit::Server if figures.loops > 1 => write!(
                f,
                "{loops} were busy {busy}: this is the server's limit on {} cores",
                figures.loops
            ),
            Limit::Server => write!(
                f,
                "{loops} was busy {busy}: this is the server's limit on one core (for more of \
                 them: --workers)"
            ),
            Limit::OneLoop => {
                let one = Percent(1.0 - figures.busiest.waiting().unwrap_or_default());
                write!(
                    f,
                    "one of {loops} was busy {one}, and all together {busy}: its connections were \
                     the limit; more of them spread better"
                )
            }
            Limit::Neither => write!(
                f,
                "{loops} waited {waited} of the time: neither the server nor the client was \
                 clearly the limit; more connections, or another client beside it, would tell"
            ),
        }
    }
}

/// The share of the time with clients in which the loop had something to do and no CPU; of several
/// loops that is not known.
fn lacked_cpu(figures: &Figures, outside: &Outside) -> f64 {
    let lacked = outside.lacked_cpu.filter(|_| figures.loops == 1).unwrap_or_default();
    if figures.window.is_zero() { 0.0 } else { lacked.as_secs_f64() / figures.window.as_secs_f64() }
}

/// A line for each thing to be known.
impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence(f)?;
        let is_about_work = matches!(self.limit, Limit::Server | Limit::OneLoop | Limit::Neither);
        let is_shared = |share: &f64| is_about_work && *share <= CPU_SHARED_BELOW;
        if let Some(share) = self.cpu_share().filter(is_shared) {
            write!(
                f,
                "\nit had a CPU for {} of its work only: other programs, the client perhaps, ran \
                 there too, or a disk kept it waiting; alone it would do more",
                Percent(share)
            )?;
        }
        let lacked = lacked_cpu(self.figures, self.outside);
        if self.limit == Limit::Client && lacked >= CPU_LACKED_ABOVE {
            let lacked = Percent(lacked);
            write!(
                f,
                "\n{lacked} of the time it had something to do but no CPU: other programs ran \
                 there too"
            )?;
        }
        if let Some(overflows) = self.overflows().filter(|&overflows| overflows > 0) {
            let were = if overflows == 1 { "was" } else { "were" };
            let its = if overflows == 1 { "its client" } else { "their clients" };
            write!(
                f,
                "\n{} {were} dropped by a full accept queue: {its} tried again a second or more \
                 later; raise --backlog and net.core.somaxconn (the counter is the whole network \
                 namespace's, and who is dropped twice counts twice)",
                counted(overflows, "connection")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::Drops;
    use super::super::super::meter::{Durations, Stage};
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What is said of so many requests by loops that worked and waited for so many milliseconds.
    fn said(requests: u64, loops: &[(u64, u64)], outside: Outside) -> (Limit, String) {
        let mut figures = Figures::default();
        for &(worked, waited) in loops {
            let load = Shares { worked: ms(worked), waited: ms(waited), alone: ms(5_000) };
            figures += &Figures {
                loops: 1,
                load,
                busiest: load,
                window: load.with_clients(),
                time: load,
                ..Figures::default()
            };
        }
        figures.requests = requests;
        let verdict = Verdict::of(&figures, &outside);
        (verdict.limit, verdict.to_string())
    }

    #[test]
    fn what_the_limit_was() {
        let client = "the client was the limit";
        let neither = "neither the server nor the client was clearly the limit";
        for (requests, loops, limit, expected) in [
            (0, &[][..], Limit::Unknown, "too little to judge: 0 requests in 0.00µs; it takes 100"),
            (1, &[(9, 1)], Limit::Unknown, "too little to judge: 1 request in 10.00ms"),
            (99, &[(990, 10)], Limit::Unknown, "99 requests in 1.00s; it takes 100 in 100.00ms"),
            (5_000, &[(98, 1)], Limit::Unknown, "5,000 requests in 99.00ms"),
            (100, &[(98, 2)], Limit::Server, "the loop was busy 98 %: this is the server's limit"),
            (100, &[(990, 10)], Limit::Server, "limit on one core (for more of them: --workers)"),
            (100, &[(900, 100)], Limit::Server, "the loop was busy 90 %"),
            (100, &[(899, 101)], Limit::Neither, neither),
            (100, &[(751, 249)], Limit::Neither, "the loop waited 25 % of the time: neither"),
            (100, &[(750, 250)], Limit::Client, client),
            (100, &[(37, 63)], Limit::Client, "the loop waited 63 % of the time: the client was"),
            (100, &[(98, 2), (96, 4)], Limit::Server, "the 2 loops were busy 97 %"),
            (100, &[(98, 2), (96, 4)], Limit::Server, "the server's limit on 2 cores"),
            (100, &[(98, 2), (1, 99)], Limit::OneLoop, "one of the 2 loops was busy 98 %, and all"),
            (100, &[(1, 99), (98, 2)], Limit::OneLoop, "all together 50 %: its connections were"),
            // Who was there for a moment only, and worked all of it, was not the limit.
            (100, &[(1, 0), (30, 70)], Limit::Client, "the 2 loops waited 69 % of the time"),
        ] {
            let (found, text) = said(requests, loops, Outside::default());
            assert_eq!(found, limit, "{loops:?}: {text}");
            assert!(text.contains(expected) && !text.contains('\n'), "{loops:?}: {text}");
        }
    }

    #[test]
    fn a_wait_for_responders_is_no_wait_for_clients() {
        for (micros, limit) in [
            (0, Limit::Client),
            // They answer at once, and are what the loop worked at.
            (100, Limit::Client),
            // 0.4 and 0.6 at a time while it waited.
            (460, Limit::Client),
            (640, Limit::Responder),
            (9_100, Limit::Responder),
        ] {
            let load = Shares { worked: ms(100), waited: ms(900), alone: ms(0) };
            let mut figures = Figures {
                loops: 1,
                requests: 1_000,
                load,
                busiest: load,
                window: load.with_clients(),
                ..Figures::default()
            };
            let took = Duration::from_micros(micros);
            figures.stages[Stage::Responder as usize] = Durations::of(&[took]);
            let outside = Outside::default();
            let verdict = Verdict::of(&figures, &outside);
            assert_eq!(verdict.limit, limit, "{micros} µs: {verdict}");
            if micros == 9_100 {
                let text = verdict.to_string();
                assert!(text.contains("with 10.0 requests at a time under way"), "{text}");
            }
        }
    }

    #[test]
    fn a_loop_that_lacked_a_cpu_did_not_wait_for_its_client() {
        for (loops, lacked, limit) in [
            (&[(430, 570)][..], Some(370), Limit::Cpu),
            (&[(430, 570)], Some(200), Limit::Cpu),
            (&[(430, 570)], Some(199), Limit::Client),
            // Besides it waited, and for whom but its client?
            (&[(100, 900)], Some(400), Limit::Client),
            (&[(280, 720)], Some(300), Limit::Client),
            (&[(281, 719)], Some(300), Limit::Cpu),
            (&[(430, 570)], None, Limit::Client),
            // It was the limit all the same, and how much of a CPU it had is told beside that.
            (&[(950, 50)], Some(370), Limit::Server),
            (&[(800, 200)], Some(370), Limit::Neither),
            // It is that of one thread, and nobody knows of which.
            (&[(430, 570), (430, 570)], Some(370), Limit::Client),
        ] {
            let outside = Outside { lacked_cpu: lacked.map(ms), ..Outside::default() };
            let (found, text) = said(100, loops, outside);
            assert_eq!(found, limit, "{loops:?}, {lacked:?}: {text}");
            // Beside another limit it is told where it is no small share.
            let is_told = limit == Limit::Cpu || limit == Limit::Client && lacked >= Some(300);
            let told = "had something to do but no CPU";
            assert_eq!(text.contains(told), is_told && loops.len() == 1, "{text}");
        }
    }

    #[test]
    fn a_cpu_that_was_shared_is_told_where_it_matters() {
        for (loops, cpu, expected) in [
            (&[(990, 10)][..], None, None),
            (&[(1_000, 0)], Some(850), Some("it had a CPU for 85 % of its work only")),
            (&[(1_000, 0)], Some(851), None),
            (&[(990, 10)], Some(1_000), None),
            (&[(990, 10), (990, 10)], Some(990), Some("50 %")),
            (&[(800, 200)], Some(400), Some("50 %")),
            (&[(100, 900)], Some(50), None),
            (&[], Some(50), None),
        ] {
            let (_, text) = said(100, loops, Outside { cpu: cpu.map(ms), ..Outside::default() });
            let found = text.lines().nth(1);
            assert_eq!(found.is_some(), expected.is_some(), "{loops:?}, {cpu:?}: {text}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{text}");
        }
    }

    #[test]
    fn a_full_accept_queue_is_told_beside_any_limit() {
        for (overflows, expected) in [
            (0, None),
            (1, Some("1 connection was dropped by a full accept queue: its client tried again")),
            (1_204, Some("1,204 connections were dropped by a full accept queue: their clients")),
        ] {
            let drops = Drops { overflows, drops: overflows + 7 };
            for requests in [0, 100] {
                let outside = Outside { dropped: Some(drops), ..Outside::default() };
                let (_, text) = said(requests, &[(500, 500)], outside);
                let found = text.lines().nth(1);
                assert_eq!(found.is_some(), expected.is_some(), "{text}");
                assert!(found.unwrap_or_default().starts_with(expected.unwrap_or_default()));
                let advice = "raise --backlog and net.core.somaxconn";
                assert_eq!(text.contains(advice), expected.is_some(), "{text}");
            }
        }
    }
}
