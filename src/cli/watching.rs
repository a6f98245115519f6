//! What is written down of a run: `--trace` and its own options; and `oneloop explain`, which reads
//! it.
//!
//! The doc comments of the fields are what `--help` prints.
//! Read next: `values.rs`, what a single value may be.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgMatches, Args};
use oneloop::observers::TraceFilter;

use super::typed;
use super::values::{connection, size, trace_filter};

/// The least that a trace is given, in bytes: some fifty requests.
const LEAST_TRACE: u64 = 64 * 1024;

const WATCHING: &str = "Watching";

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogTarget {
    Stdout,
    File(PathBuf),
}

impl From<OsString> for LogTarget {
    fn from(file: OsString) -> Self {
        if file.is_empty() || file == "-" { Self::Stdout } else { Self::File(file.into()) }
    }
}

/// How the report at the end is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A trace that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) file: PathBuf,
    /// The most that it may have.
    pub(crate) bytes: u64,
    pub(crate) filter: TraceFilter,
}

/// What of a trace is told.
#[derive(Debug)]
pub(crate) struct Explain {
    pub(crate) file: PathBuf,
    /// Whose life; `None`: a list.
    pub(crate) connection: Option<Connection>,
    pub(crate) detail: Detail,
}

/// A connection of a trace, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection(pub(crate) u32);

/// How much of a life is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Of many requests that are alike some.
    Shortened,
    All,
}

#[derive(Args, Debug)]
pub(super) struct Tracing {
    /// Write every step of the loop to FILE, as a trace that Perfetto opens
    ///
    /// FILE is emptied first; keep it out of what is served. It has the loop's waits, events,
    /// system calls with their results, phases, deadlines and ends, on a track for the loop and one
    /// for each connection; no target, header or body. It is for looking closely, and costs time:
    /// see `oneloop explain` for reading it as text. Where the file does not keep up, steps are
    /// dropped, counted, and that is said.
    #[arg(long, global = true, env = "ONELOOP_TRACE", value_name = "FILE", help_heading = WATCHING)]
    pub(super) trace: Option<PathBuf>,

    /// The most that the trace may take; then it ends
    #[arg(long, global = true, env = "ONELOOP_TRACE_BYTES", default_value = "256MiB")]
    #[arg(value_parser = size::<u64>(LEAST_TRACE, u64::MAX), value_name = "SIZE")]
    #[arg(help_heading = WATCHING)]
    pub(super) trace_bytes: u64,

    /// Trace connections of one client, client=IP, or every Nth, sample=N
    ///
    /// What the loop itself does is always traced.
    #[arg(long, global = true, env = "ONELOOP_TRACE_FILTER", value_parser = trace_filter)]
    #[arg(value_name = "FILTER", help_heading = WATCHING)]
    pub(super) trace_filter: Option<TraceFilter>,
}

impl Tracing {
    /// The trace that is to be written, if one is.
    pub(super) fn trace(self, matches: &ArgMatches) -> Result<Option<Trace>, String> {
        let Some(file) = self.trace else {
            for id in ["trace_bytes", "trace_filter"] {
                if typed(Some(matches), id) {
                    let option = super::serving::as_typed(id);
                    return Err(format!(
                        "{option} was given without --trace; add that, or leave it out"
                    ));
                }
            }
            return Ok(None);
        };
        let filter = self.trace_filter.unwrap_or_default();
        Ok(Some(Trace { file, bytes: self.trace_bytes, filter }))
    }
}

/// Tell what a trace says: its connections, or the life of one
///
/// Lists the connections of a trace, or tells the life of one of them step by step: when, which
/// system call with what result, what it means, and which source file decided it.
#[derive(Args, Debug)]
pub(super) struct Explaining {
    /// The file that --trace has written
    pub(super) file: PathBuf,

    /// The connection, as c17
    #[arg(value_parser = connection)]
    pub(super) connection: Option<Connection>,

    /// Tell all requests, also where many are alike
    #[arg(long, env = "ONELOOP_ALL", value_parser = FalseyValueParser::new())]
    pub(super) all: bool,
}

impl Explaining {
    pub(super) fn asked(self) -> Explain {
        let Self { file, connection, all } = self;
        let detail = if all { Detail::All } else { Detail::Shortened };
        Explain { file, connection, detail }
    }
}

/// `c17`
impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::{MORE, Refusal, Task, read};
    use super::*;

    fn trace(words: &[&str]) -> Option<Trace> {
        let words = ["oneloop"].iter().chain(words).map(OsString::from);
        match read(words) {
            Ok(Task::Serve(asked)) => asked.how.trace,
            other => panic!("{other:?}"),
        }
    }

    fn check_refused(words: &[&str], expected: &str) {
        let all = ["oneloop"].iter().chain(words).map(OsString::from);
        match read(all) {
            Err(Refusal::Usage(line)) => assert_eq!(line, format!("{expected}; {MORE}")),
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn a_trace_has_a_file_a_size_and_a_filter() {
        let bytes = oneloop::config::TRACE_BYTES;
        let file = || PathBuf::from("t.json");
        let all = Trace { file: file(), bytes, filter: TraceFilter::All };
        assert_eq!(trace(&[]), None);
        assert_eq!(trace(&["--trace", "t.json"]), Some(all.clone()));
        let client = TraceFilter::Client("::1".parse().unwrap());
        let sample = TraceFilter::Sample("7".parse().unwrap());
        for (word, filter) in [("client=::1", client), ("sample=7", sample)] {
            for words in [
                ["--trace=t.json", "--trace-filter", word, "respond"],
                ["respond", "--trace=t.json", "--trace-filter", word],
            ] {
                assert_eq!(trace(&words), Some(Trace { filter, ..all.clone() }));
            }
        }
        let small = trace(&["--trace=t.json", "--trace-bytes=1MiB"]);
        assert_eq!(small, Some(Trace { bytes: 1 << 20, ..all }));
    }

    #[test]
    fn what_is_wrong_about_a_trace_is_told() {
        for option in ["--trace-bytes=1MiB", "--trace-filter=sample=2"] {
            let name = option.split('=').next().unwrap();
            let expected = format!("{name} was given without --trace; add that, or leave it out");
            check_refused(&[option], &expected);
        }
        for value in ["", "all", "client", "client=x", "sample=0", "sample=-1", "clients=::1"] {
            let option = format!("--trace-filter={value}");
            let expected = format!(
                "invalid value '{value}' for '--trace-filter <FILTER>': \
                 write it as client=127.0.0.1 or sample=10"
            );
            check_refused(&["--trace=t", &option], &expected);
        }
        check_refused(
            &["--trace=t", "--trace-bytes=1KiB"],
            "invalid value '1KiB' for '--trace-bytes <SIZE>': give 64 KiB or more",
        );
    }

    #[test]
    fn explain_takes_a_file_and_a_connection() {
        for (words, expected) in [
            (&["explain", "t"][..], Some((None, Detail::Shortened))),
            (&["explain", "t", "c17"], Some((Some(17), Detail::Shortened))),
            (&["explain", "--all", "t", "c17"], Some((Some(17), Detail::All))),
            (&["explain", "t", "c17.r3"], Some((Some(17), Detail::Shortened))),
            (&["explain"], None),
            (&["explain", "t", "c0"], None),
            (&["explain", "t", "17"], None),
            (&["explain", "t", "c1.x"], None),
            (&["explain", "t", "w1.c1"], None),
        ] {
            let words = ["oneloop"].iter().chain(words).map(OsString::from);
            let asked = match read(words.clone()) {
                Ok(Task::Explain(asked)) => Some(asked),
                Err(Refusal::Usage(_)) => None,
                other => panic!("{other:?}"),
            };
            let found = asked.map(|asked| {
                let of = asked.connection.map(|Connection(number)| number);
                (of, asked.detail)
            });
            assert_eq!(found, expected, "{:?}", words.collect::<Vec<_>>());
        }
        check_refused(&["explain"], "the following required arguments were not provided: <FILE>");
        let both = |what| format!("both {what} and explain were given; leave one out");
        check_refused(&["-p80", "explain", "t"], &both("--port"));
        check_refused(&["explain", "t", "-v"], &both("--verbose"));
        check_refused(&["www", "explain", "t"], &both("'www'"));
        check_refused(&["--hidden", "explain", "t"], &both("--hidden"));
    }
}
