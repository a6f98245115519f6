//! The report as text: headings and lines as oha has them, and wrk, so that both can be read side
//! by side. Below what they have too comes what only a server knows.

use std::fmt;
use std::time::Duration;

use crate::config::SAMPLED;

use super::super::meter::{Durations, Figures, Stage};
use super::super::step::Call;
use super::super::{Outside, grouped};
use super::verdict::Verdict;
use super::words::{Size, Time, counted};
use super::{PERCENTILES, SocketErrors, per, rate};

/// The columns of the longest bar, as oha has them.
const LONGEST_BAR: u64 = 32;
/// The histogram's lines end at these, times powers of ten, from a microsecond on.
const BAR_ENDS: [u64; 3] = [1, 2, 5];
/// The last of them, in microseconds; what took longer comes in one line more.
const LAST_BAR: u64 = 100_000_000;

/// The report of a run, as text of many lines.
#[must_use]
pub fn report(figures: &Figures, outside: &Outside) -> String {
    Text { figures, outside }.to_string()
}

struct Text<'a> {
    figures: &'a Figures,
    outside: &'a Outside,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary(f)?;
        if self.figures.latency.count() > 0 {
            self.latency(f)?;
            self.stages(f)?;
        }
        if !self.figures.statuses.is_empty() {
            self.statuses(f)?;
        }
        if self.figures.latency.count() > 0 {
            self.outstanding(f)?;
        }
        self.connections(f)?;
        self.calls(f)?;
        let verdict = Verdict::of(self.figures, self.outside).to_string();
        writeln!(f, "\nVerdict:")?;
        verdict.lines().try_for_each(|line| wrapped(f, line))
    }
}

impl Text<'_> {
    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { window, uptime, requests, latency, received, sent, .. } = self.figures;
        let slowest = latency.quantile(1.0).unwrap_or_default();
        let fastest = latency.quantile(0.0).unwrap_or_default();
        let a_second = |bytes: u64| Size(rate(bytes, *window));
        writeln!(f, "Summary, as the server saw it:")?;
        writeln!(f, "  Requests:     {}", grouped(*requests))?;
        let span = "with clients, from the first connection to the last answer";
        writeln!(f, "  Total:        {} {span}", Time(*window))?;
        writeln!(f, "                {} since the start", Time(*uptime))?;
        if latency.count() > 0 {
            writeln!(f, "  Slowest:      {}", Time(slowest))?;
            writeln!(f, "  Fastest:      {}", Time(fastest))?;
            writeln!(f, "  Average:      {}", Time(latency.mean()))?;
        }
        writeln!(f, "  Requests/sec: {:.2}", rate(*requests, *window))?;
        writeln!(f, "  Received:     {}, {}/sec", Size(*received as f64), a_second(*received))?;
        writeln!(f, "  Sent:         {}, {}/sec", Size(*sent as f64), a_second(*sent))
    }

    fn latency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latency = &self.figures.latency;
        writeln!(f, "\nResponse time histogram:")?;
        let bars = bars(latency);
        let most = bars.iter().map(|&(_, count)| count).max().unwrap_or(1).max(1);
        let width = grouped(most).to_string().len();
        for (end, count) in bars {
            let end = end.map_or_else(|| "longer".to_owned(), |end| Time(end).to_string());
            let bar = "■".repeat((count * LONGEST_BAR / most) as usize);
            let line = format!("  {end:>9} [{:>width$}] |{bar}", grouped(count));
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "\nResponse time distribution:")?;
        for percent in PERCENTILES {
            let time = latency.quantile(percent / 100.0).unwrap_or_default();
            writeln!(f, "  {percent:>5.2}% in {}", Time(time))?;
        }
        wrapped(
            f,
            "from the return of the wait that brought a request's first byte to its answer's last \
             byte handed to the kernel; what it waited in the kernel's queues before and after is \
             not in it",
        )
    }

    fn stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages = &self.figures.stages;
        let followed = stages[Stage::ALL.len() - 1].count();
        if followed == 0 {
            return Ok(());
        }
        writeln!(f, "\nStages of a request (50%, 99%):")?;
        for (stage, took) in Stage::ALL.into_iter().zip(stages) {
            let [half, most] = [0.5, 0.99].map(|share| took.quantile(share).unwrap_or_default());
            writeln!(f, "  {:<10} {:>9}  {:>9}", stage.name(), Time(half), Time(most))?;
        }
        let followed = counted(followed, "request");
        let chosen = format!("of {followed}: the first of one read in {SAMPLED}, or fewer");
        wrapped(f, &chosen)
    }

    fn statuses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { statuses, unsent, .. } = self.figures;
        writeln!(f, "\nStatus code distribution:")?;
        for (status, count) in statuses {
            writeln!(f, "  [{status}] {}", counted(*count, "response"))?;
        }
        if *unsent > 0 {
            let of_these = format!(
                "of these {} did not leave whole before the connection ended: a client that stops \
                 by the clock, as wrk does, drops what is under way",
                grouped(*unsent)
            );
            wrapped(f, &of_these)?;
        }
        Ok(())
    }

    fn outstanding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { requests, batches, deepest, .. } = self.figures;
        writeln!(f, "\nRequests outstanding per connection:")?;
        writeln!(f, "  {:.2} on average, {deepest} at the most", per(*requests, *batches))?;
        wrapped(
            f,
            "A client that asks only when it has its answer (a closed loop: wrk, ab, and oha and \
             h2load without a rate) asks less while the server stalls, so that few of its requests \
             meet the stall: coordinated omission. At a constant rate they do (oha -q N \
             --latency-correction, wrk2 -R N).",
        )
    }

    fn connections(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { accepted, peak, closed, pauses, .. } = self.figures;
        writeln!(f, "\nConnections:")?;
        writeln!(
            f,
            "  {} accepted, {} open at one time, {} open now",
            grouped(*accepted),
            grouped(*peak),
            grouped(self.figures.open())
        )?;
        for (reason, count) in closed {
            writeln!(f, "  [{reason}] {}", counted(*count, "connection"))?;
        }
        if *pauses > 0 {
            writeln!(f, "  accepting paused {}", counted(*pauses, "time"))?;
        }
        let errors = SocketErrors::of(self.figures, self.outside);
        if errors != SocketErrors::default() {
            let SocketErrors { connect, read, write, timeout } = errors;
            writeln!(
                f,
                "  Socket errors: connect {connect}, read {read}, write {write}, timeout {timeout}"
            )?;
            if read + write > 0 {
                wrapped(
                    f,
                    "a client that stops by the clock, as wrk does, resets the connections that it \
                     leaves, and does not count them itself",
                )?;
            }
        }
        if let Some(dropped) = self.outside.dropped {
            writeln!(f, "  Accept queue overflows: {}", grouped(dropped.overflows))?;
        }
        Ok(())
    }

    fn calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { requests, events, longest_turn, .. } = self.figures;
        let mut all = 0;
        writeln!(f, "\nSystem calls of the loop per request:")?;
        // With no request there is nothing that they could be of.
        let share = |made| match requests {
            0 => "-".to_owned(),
            requests => format!("{:.3}", per(made, *requests)),
        };
        for call in Call::ALL {
            let calls = self.figures.calls(call);
            if calls.made == 0 {
                continue;
            }
            all += calls.made;
            let [made, blocked, failed] = [calls.made, calls.blocked, calls.failed].map(grouped);
            let name = call.name();
            write!(f, "  {name:<10} {:>9}  {made}", share(calls.made))?;
            if calls.blocked > 0 {
                write!(f, ", {blocked} in vain")?;
            }
            if calls.failed > 0 {
                write!(f, ", {failed} failed")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "  all        {:>9}  {}", share(all), grouped(all))?;
        wrapped(f, "what a responder calls, to look for a file say, is not among them")?;
        let waits = self.figures.calls(Call::Wait).made;
        writeln!(f, "  {:.2} events per wake", per(*events, waits))?;
        writeln!(
            f,
            "  {} for the longest turn: meanwhile nobody else was served",
            Time(*longest_turn)
        )
    }
}

/// The lines of a histogram, from the first that is not empty to the last: up to when (`None`:
/// however long), and how many.
fn bars(latency: &Durations) -> Vec<(Option<Duration>, u64)> {
    let mut bars = Vec::new();
    let mut before = 0;
    let mut power = 1;
    while power <= LAST_BAR {
        for end in BAR_ENDS.map(|end| Duration::from_micros(end * power)) {
            let within = latency.within(end);
            bars.push((Some(end), within - before));
            before = within;
        }
        power *= 10;
    }
    bars.push((None, latency.count() - before));
    let is_filled = |&(_, count): &(_, u64)| count > 0;
    let first = bars.iter().position(is_filled).unwrap_or(bars.len());
    let behind = bars.iter().rposition(is_filled).map_or(first, |last| last + 1);
    bars.drain(first..behind).collect()
}

/// A sentence, indented and broken as one reads it on a screen.
fn wrapped(f: &mut fmt::Formatter<'_>, sentence: &str) -> fmt::Result {
    const WIDTH: usize = 96;
    let mut line = String::new();
    for word in sentence.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "  {line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(f, "  {line}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{a_run, its_outside};
    use super::*;

    #[test]
    fn a_report_reads_like_this() {
        let found = report(&a_run(), &its_outside());
        assert_eq!(found, include_str!("example.txt"), "{found}");
    }

    #[test]
    fn what_there_is_nothing_of_is_left_out() {
        let found = report(&Figures::default(), &Outside::default());
        let headings = found.lines().filter(|line| !line.starts_with(' ') && !line.is_empty());
        let expected = [
            "Summary, as the server saw it:",
            "Connections:",
            "System calls of the loop per request:",
            "Verdict:",
        ];
        assert_eq!(headings.collect::<Vec<_>>(), expected, "{found}");
        for absent in ["Slowest", "Socket errors", "overflows", "NaN", "inf"] {
            assert!(!found.contains(absent), "{absent} in {found}");
        }
    }

    #[test]
    fn bars_are_all_there_is_and_nothing_around_it() {
        let ms = Duration::from_millis;
        for (times, expected) in [
            (&[][..], vec![]),
            (&[ms(1)], vec![(Some(ms(2)), 1)]),
            (
                &[ms(1), ms(15), ms(3)],
                vec![(Some(ms(2)), 1), (Some(ms(5)), 1), (Some(ms(10)), 0), (Some(ms(20)), 1)],
            ),
            (
                &[ms(80_000), ms(900_000)],
                vec![
                    (Some(ms(100_000)), 1),
                    (Some(ms(200_000)), 0),
                    (Some(ms(500_000)), 0),
                    (None, 1),
                ],
            ),
        ] {
            assert_eq!(bars(&Durations::of(times)), expected);
        }
    }
}
