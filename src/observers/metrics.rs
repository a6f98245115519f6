//! Figures in the text format that Prometheus reads (version 0.0.4).
//!
//! Names are as its conventions have them: base units, `_total` for what only grows. No label takes
//! a value that a client could choose, so that the number of series is bounded.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::connection::Phase;

use super::Outside;
use super::meter::{Durations, Figures, Stage};
use super::report::Seconds;
use super::step::Call;

/// The media type that goes with it.
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where the buckets of a histogram end, in microseconds: from what a request from memory takes to
/// what nobody waits for, three or four for each power of ten.
const BUCKETS: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// For the stages of a request, which take less: from a microsecond on.
const STAGE_BUCKETS: [u64; 13] =
    [1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 100_000, 1_000_000, 5_000_000, 10_000_000];

/// All that is known, as Prometheus reads it.
#[must_use]
pub fn metrics(figures: &Figures, outside: &Outside) -> String {
    let mut page = Page::default();
    page.build();
    page.requests(figures);
    page.connections(figures);
    page.the_loop(figures);
    page.outside(outside);
    page.0
}

/// What is written so far.
#[derive(Default)]
struct Page(String);

/// A label and its value, as `name="value"`. No value has what would have to be escaped.
type Label<'a> = (&'a str, &'a dyn Display);

impl Page {
    fn build(&mut self) {
        self.about("build_info", "gauge", "The version that runs; always 1.");
        self.value("build_info", &[("version", &env!("CARGO_PKG_VERSION"))], 1);
    }

    fn requests(&mut self, figures: &Figures) {
        self.counter("requests", "Requests whose answers have left whole.", figures.requests);
        self.about("responses_total", "counter", "Answers given, by status.");
        for (status, count) in &figures.statuses {
            self.value("responses_total", &[("status", status)], count);
        }
        self.counter(
            "responses_cut_off",
            "Answers given that did not leave whole before their connection ended.",
            figures.unsent,
        );
        self.counter("received_bytes", "Bytes received.", figures.received);
        self.counter("sent_bytes", "Bytes sent, heads and framing included.", figures.sent);
        self.about(
            "request_duration_seconds",
            "histogram",
            "From the return of the wait that brought a request's first byte to its answer's last \
             byte handed to the kernel.",
        );
        self.histogram("request_duration_seconds", &BUCKETS, None, &figures.latency);
        self.about(
            "request_stage_seconds",
            "histogram",
            "What a sample of requests spent in each stage.",
        );
        for (stage, took) in Stage::ALL.into_iter().zip(&figures.stages) {
            let label: Label<'_> = ("stage", &stage.name());
            self.histogram("request_stage_seconds", &STAGE_BUCKETS, Some(label), took);
        }
    }

    fn connections(&mut self, figures: &Figures) {
        self.about("connections", "gauge", "Connections open now, by what they wait for.");
        for (phase, count) in Phase::ALL.into_iter().zip(figures.phases) {
            self.value("connections", &[("phase", &phase.name())], count);
        }
        self.about("connections_peak", "gauge", "The most connections open at one time.");
        self.value("connections_peak", &[], figures.peak);
        self.counter("connections_accepted", "Connections accepted.", figures.accepted);
        self.about("connections_closed_total", "counter", "Connections ended, by the reason.");
        for (reason, count) in &figures.closed {
            self.value("connections_closed_total", &[("reason", reason)], count);
        }
        self.counter("accept_pauses", "How often accepting paused.", figures.pauses);
    }

    fn the_loop(&mut self, figures: &Figures) {
        self.about("loops", "gauge", "Event loops, each with a thread of its own.");
        self.value("loops", &[], figures.loops);
        self.about("uptime_seconds", "gauge", "How long the server has been running.");
        self.value("uptime_seconds", &[], Seconds(figures.uptime));
        self.about("syscalls_total", "counter", "System calls, by what came of them.");
        for call in Call::ALL {
            let calls = figures.calls(call);
            // They are read one after the other while the loop writes on.
            let done = calls.made.saturating_sub(calls.blocked + calls.failed);
            for (result, count) in
                [("done", done), ("blocked", calls.blocked), ("failed", calls.failed)]
            {
                let labels: [Label<'_>; 2] = [("call", &call.name()), ("result", &result)];
                self.value("syscalls_total", &labels, count);
            }
        }
        let wakeups = figures.calls(Call::Wait).made;
        self.counter("wakeups", "How often a loop has waited and woken.", wakeups);
        self.counter("events", "Events that woke the loops.", figures.events);
        self.about(
            "loop_seconds_total",
            "counter",
            "What the loops spent their time on: working, waiting with clients, or alone.",
        );
        let time = figures.time;
        for (state, time) in
            [("working", time.worked), ("waiting", time.waited), ("alone", time.alone)]
        {
            self.value("loop_seconds_total", &[("state", &state)], Seconds(time));
        }
        self.about(
            "longest_turn_seconds",
            "gauge",
            "The longest turn of a loop: meanwhile nobody else was served.",
        );
        self.value("longest_turn_seconds", &[], Seconds(figures.longest_turn));
    }

    fn outside(&mut self, outside: &Outside) {
        if let Some(dropped) = outside.dropped {
            self.counter(
                "accept_queue_overflows",
                "Connections dropped by full accept queues of the whole network namespace.",
                dropped.overflows,
            );
            self.counter(
                "accept_queue_drops",
                "Connections dropped by listeners of the whole network namespace.",
                dropped.drops,
            );
        }
        if let Some(cpu) = outside.cpu {
            // The name that Prometheus' own clients have for it.
            let name = "process_cpu_seconds_total";
            let help = "For how long the process had a CPU.";
            let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} counter");
            let _ = writeln!(self.0, "{name} {}", Seconds(cpu));
        }
    }

    fn about(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP oneloop_{name} {help}\n# TYPE oneloop_{name} {kind}");
    }

    /// What only grows, and has no labels.
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let name = format!("{name}_total");
        self.about(&name, "counter", help);
        self.value(&name, &[], value);
    }

    fn value(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        let _ = write!(self.0, "oneloop_{name}");
        for (at, (label, of)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{of}\"", if at == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    fn histogram(&mut self, name: &str, ends: &[u64], of: Option<Label<'_>>, took: &Durations) {
        let bucket = format!("{name}_bucket");
        let labels = of.as_slice();
        // One walk for all ends: a loop answers nobody meanwhile.
        let (mut buckets, mut within) = (took.buckets().peekable(), 0);
        for end in ends.iter().copied().map(Duration::from_micros) {
            while let Some((.., count)) = buckets.next_if(|&(_, to, _)| to <= end) {
                within += count;
            }
            let end_label = Seconds(end);
            let labels = [labels, &[("le", &end_label)]].concat();
            self.value(&bucket, &labels, within);
        }
        let count = took.count();
        self.value(&bucket, &[labels, &[("le", &"+Inf")]].concat(), count);
        self.value(&format!("{name}_sum"), labels, Seconds(took.sum()));
        self.value(&format!("{name}_count"), labels, count);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::report::tests::{a_run, its_outside};
    use super::*;

    /// The samples of a page, by name and labels, and the kinds of their families. It is refused
    /// where Prometheus would refuse it, or complain.
    fn read(page: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
        let (mut samples, mut kinds) = (BTreeMap::new(), BTreeMap::new());
        let mut family = String::new();
        for line in page.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split_once(' ').unwrap().0.to_owned();
                continue;
            }
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, family, "its help comes first");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
                continue;
            }
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            let of = match kinds[&family].as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].as_slice(),
                _ => &[""],
            };
            let is_in_family = |end: &&str| bare.strip_suffix(*end) == Some(&family);
            assert!(of.iter().any(is_in_family), "{name} is not of {family}");
            let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(bare.chars().all(is_word), "{name}");
            let value: f64 = value.parse().unwrap();
            assert!(samples.insert(name.to_owned(), value).is_none(), "{name} twice");
        }
        (samples, kinds)
    }

    #[test]
    fn everything_that_is_known_is_there() {
        let page = metrics(&a_run(), &its_outside());
        let (samples, kinds) = read(&page);
        for (name, expected) in [
            ("oneloop_requests_total", 3.0),
            ("oneloop_responses_total{status=\"200\"}", 3.0),
            ("oneloop_responses_total{status=\"404\"}", 1.0),
            ("oneloop_responses_cut_off_total", 1.0),
            ("oneloop_received_bytes_total", 304.0),
            ("oneloop_sent_bytes_total", 2_348.0),
            ("oneloop_connections{phase=\"idle\"}", 0.0),
            ("oneloop_connections{phase=\"lingering\"}", 0.0),
            ("oneloop_connections_accepted_total", 2.0),
            ("oneloop_connections_closed_total{reason=\"broken\"}", 1.0),
            ("oneloop_syscalls_total{call=\"sendto\",result=\"done\"}", 2.0),
            ("oneloop_syscalls_total{call=\"sendto\",result=\"blocked\"}", 1.0),
            ("oneloop_syscalls_total{call=\"sendto\",result=\"failed\"}", 1.0),
            ("oneloop_wakeups_total", 4.0),
            ("oneloop_events_total", 5.0),
            ("oneloop_loop_seconds_total{state=\"working\"}", 0.000_239),
            ("oneloop_longest_turn_seconds", 0.0002),
            ("oneloop_request_duration_seconds_bucket{le=\"0.00005\"}", 2.0),
            ("oneloop_request_duration_seconds_bucket{le=\"0.0025\"}", 2.0),
            ("oneloop_request_duration_seconds_bucket{le=\"0.005\"}", 3.0),
            ("oneloop_request_duration_seconds_bucket{le=\"10\"}", 3.0),
            ("oneloop_request_duration_seconds_bucket{le=\"+Inf\"}", 3.0),
            ("oneloop_request_duration_seconds_count", 3.0),
            ("oneloop_request_stage_seconds_count{stage=\"writing\"}", 12.0),
            ("oneloop_accept_queue_overflows_total", 1_204.0),
            ("process_cpu_seconds_total", 0.001_25),
        ] {
            assert_eq!(samples.get(name), Some(&expected), "{name} in:\n{page}");
        }
        assert!(page.contains("oneloop_build_info{version=\"0."), "{page}");
        let families: BTreeSet<_> = kinds.keys().map(String::as_str).collect();
        let (empty, bare) = read(&metrics(&Figures::default(), &Outside::default()));
        let missing: Vec<_> =
            families.into_iter().filter(|name| !bare.contains_key(*name)).collect();
        // What this system does not tell is left out, and not zero.
        assert_eq!(
            missing,
            [
                "oneloop_accept_queue_drops_total",
                "oneloop_accept_queue_overflows_total",
                "process_cpu_seconds_total"
            ]
        );
        assert_eq!(empty["oneloop_requests_total"], 0.0);
    }

    #[test]
    fn buckets_only_grow() {
        let (samples, _) = read(&metrics(&a_run(), &its_outside()));
        for stage in ["", "to-be-read", "head", "responder", "writing"] {
            let (name, label) = match stage {
                "" => ("oneloop_request_duration_seconds", String::new()),
                stage => ("oneloop_request_stage_seconds", format!("stage=\"{stage}\",")),
            };
            let start = format!("{name}_bucket{{{label}le=\"");
            let mut buckets: Vec<(f64, f64)> = samples
                .iter()
                .filter_map(|(name, &count)| {
                    let end = name.strip_prefix(&start)?.strip_suffix("\"}")?;
                    Some((end.parse().unwrap(), count))
                })
                .collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.len() > 10, "{start}: {buckets:?}");
            assert!(buckets.is_sorted_by_key(|&(_, count)| count), "{buckets:?}");
            let label = label.trim_end_matches(',');
            let label = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
            let count = samples[&format!("{name}_count{label}")];
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)));
            assert!(samples[&format!("{name}_sum{label}")] > 0.0);
        }
    }
}
