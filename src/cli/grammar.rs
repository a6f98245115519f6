//! The grammar of the command line, as clap derives it: every word that may be typed, its default,
//! its variable and its help.
//!
//! The doc comments here are what `--help` prints. Read next: `values.rs`, what a single value may
//! be.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{FalseyValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use http::{HeaderName, HeaderValue, StatusCode};
use oneloop::Address;
use oneloop::config::RECEIVE_BUFFER;
use oneloop::observers::LogFormat;

use super::serving::Serving;
use super::values::{
    Bind, PerLine, admin, bind, duration, field, field_value, host, log_format, number, per_line,
    report, size, status, workers,
};
use super::watching::{Explaining, Tracing};
use super::{LogTarget, ReportFormat};

/// The shortest head that is worth calling one, in bytes; a browser's is a good 500.
const LEAST_HEAD: u64 = 256;
/// The shortest target limit: a path of some depth.
const LEAST_TARGET: u64 = 16;
/// More field lines than this and one request costs more than it can be worth.
const MOST_HEADERS: u64 = 10_000;
/// The shortest timeout: what is shorter is a mistake in the unit.
const LEAST_WAIT: Duration = Duration::from_millis(1);
/// The longest timeout: a client that may take longer need not be limited by us.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The largest that `listen` and the loop count to.
const MOST: u64 = i32::MAX as u64;

/// The grammar. The environment is explained once at the end of the help, not at every option.
pub(super) fn command() -> clap::Command {
    let mut command = CommandLine::command()
        .mut_args(|arg| arg.hide_env(true))
        .mut_subcommands(|command| command.mut_args(|arg| arg.hide_env(true)));
    // What is for serving is handed on to every subcommand when they are built.
    command.build();
    command.mut_subcommand("explain", |explain| {
        explain.mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
    })
}

const USAGE: &str = "oneloop [OPTIONS] [PATH]\n       \
                     oneloop [OPTIONS] respond [OPTIONS] [BODY]\n       \
                     oneloop explain [--all] FILE [CONNECTION]";

const SHORT_END: &str =
    "Every option is also an environment variable: --max-head is ONELOOP_MAX_HEAD.";

/// Lines of at most 96 columns, which clap does not break.
const LONG_END: &str = "\
Examples:
  oneloop                              the current folder on http://127.0.0.1:8080/
  oneloop www -b 0.0.0.0 -p 80         a site, for everybody
  oneloop -b unix:/run/site.sock www   behind another server, on a Unix socket
  oneloop respond wazzzzap             the same text for every request
  oneloop respond -s 301 -H 'Location: https://example.org/'
  oneloop --access-log=/var/log/site.log --max-connections 20000 www
  oneloop www --trace run.json         what the loop does, for ui.perfetto.dev
  oneloop explain run.json c1          the same of one connection, in words
  oneloop dist --spa --cache 'assets/**=1y,immutable'
  oneloop www --mount /docs=manual/html --error-page 404=sorry.html --cors --compress

Environment:
  Every option is also a variable: --max-head is ONELOOP_MAX_HEAD. What is typed wins.
  Those of repeatable options take one value a line, an empty ONELOOP_ACCESS_LOG means stdout,
  ONELOOP_VERBOSE=2 is -vv. RUST_LOG overrides -q and -v for the diagnostics.

Exit codes:
  0        ended well: stopped by Ctrl-C or SIGTERM, even if the grace time ran out
  1        could not start
  2        wrong usage
  128 + n  ended at once by a second signal n";

/// An HTTP/1.1 server on one event loop: serves a folder or a file, or gives every request the same
/// answer.
#[derive(Debug, Parser)]
#[command(name = "oneloop", version, override_usage = USAGE, max_term_width = 100)]
#[command(disable_help_subcommand = true, after_help = SHORT_END, after_long_help = LONG_END)]
pub(super) struct CommandLine {
    /// The folder or file to serve [default: . unless there is a --mount]
    ///
    /// A folder named `respond` is `./respond`, one named `explain` likewise. A file is served
    /// alone, at / and by its name; options for folders are refused then.
    pub(super) path: Option<PathBuf>,

    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) serving: Serving,

    #[command(flatten)]
    pub(super) options: Options,

    #[command(flatten)]
    pub(super) tracing: Tracing,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Respond(Respond),
    Explain(Explaining),
}

/// Give every request the same answer
///
/// Gives every request the same answer, whatever its method and path. All options of oneloop may
/// stand before or after `respond`; what stands after it replaces what stands before.
#[derive(Args, Debug)]
#[command(after_help = SHORT_END)]
pub(super) struct Respond {
    /// The body of the answer [default: none]
    pub(super) body: Option<OsString>,

    /// The status, from 200 to 599
    #[arg(short, long, env = "ONELOOP_STATUS", default_value = "200", value_parser = status)]
    #[arg(help_heading = "Answer")]
    pub(super) status: StatusCode,

    /// Take the body from this file, read once at the start
    #[arg(long, env = "ONELOOP_BODY_FILE", value_name = "FILE", help_heading = "Answer")]
    pub(super) body_file: Option<PathBuf>,

    /// The media type of the body
    #[arg(long, env = "ONELOOP_CONTENT_TYPE", default_value = "text/plain; charset=utf-8")]
    #[arg(value_parser = field_value, value_name = "TYPE", help_heading = "Answer")]
    pub(super) content_type: HeaderValue,
}

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The TCP port; 0 takes a free one
    ///
    /// Several binds share it, also when it is 0.
    #[arg(short, long, global = true, env = "ONELOOP_PORT", default_value = "8080")]
    #[arg(value_parser = number::<u16>(0, 65535), help_heading = "Listening")]
    pub(super) port: u16,

    /// Where to listen: an IP address, a host name or unix:PATH; repeatable
    ///
    /// A host name stands for every address it resolves to. `::` takes IPv4 clients too. The file
    /// of a Unix socket is removed at the end; one left behind by a server that is gone is
    /// replaced.
    #[arg(short, long, global = true, env = "ONELOOP_BIND", default_value = "127.0.0.1")]
    #[arg(value_parser = per_line(bind), value_name = "ADDRESS", help_heading = "Listening")]
    pub(super) bind: Vec<PerLine<Bind>>,

    /// Clients that may wait to be accepted
    ///
    /// Linux caps it at net.core.somaxconn.
    #[arg(long, global = true, env = "ONELOOP_BACKLOG", default_value = "4096")]
    #[arg(value_parser = number::<u32>(1, MOST), value_name = "N", help_heading = "Listening")]
    pub(super) backlog: u32,

    /// Loops, each on a thread of its own; auto: one for each CPU
    ///
    /// On Linux the kernel deals TCP connections out by their addresses and ports, not by who has
    /// less to do. All other options are for the whole program: connections, memory and the like
    /// are divided among the workers.
    #[arg(short, long, global = true, env = "ONELOOP_WORKERS", default_value = "1")]
    #[arg(value_parser = workers, value_name = "N", help_heading = "Listening")]
    pub(super) workers: NonZeroUsize,

    /// A header field for every answer, as 'Name: value'; repeatable
    ///
    /// With files it takes the place of the server's own, but for those that only a file can know,
    /// which are refused; a Content-Type is given by --type. With `respond` a Content-Type given
    /// here wins over --content-type.
    #[arg(short = 'H', long, global = true, env = "ONELOOP_HEADER", value_parser = per_line(field))]
    #[arg(value_name = "FIELD", help_heading = "Answer")]
    pub(super) header: Vec<PerLine<(HeaderName, HeaderValue)>>,

    /// Say nothing but errors, not even what is served
    #[arg(short, long, global = true, env = "ONELOOP_QUIET")]
    #[arg(value_parser = FalseyValueParser::new())]
    #[arg(help_heading = "Output")]
    pub(super) quiet: bool,

    /// Say how each connection ended; -vv also each change of its phase
    #[arg(short, long, global = true, env = "ONELOOP_VERBOSE", action = ArgAction::Count)]
    #[arg(help_heading = "Output")]
    pub(super) verbose: u8,

    /// Log every answer to FILE, or without FILE to stdout
    ///
    /// The server never waits for its log: where it does not keep up, lines are dropped, counted,
    /// and that is said. On SIGUSR1 FILE is opened anew, so that it can be renamed before.
    #[arg(long, global = true, env = "ONELOOP_ACCESS_LOG", value_name = "FILE")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "")]
    #[arg(value_parser = OsStringValueParser::new().map(LogTarget::from), help_heading = "Output")]
    pub(super) access_log: Option<LogTarget>,

    /// Lines of the access log: clf, combined, json, or a template as '{client} {status}'
    ///
    /// `clf` is the Common Log Format with the seconds each answer took at the end, `combined` has
    /// Referer and User-Agent in their place, `json` is one object a line. A template is text with
    /// {client}, {time}, {iso-time}, {line}, {method}, {target}, {version}, {status}, {bytes},
    /// {micros}, {seconds}, {id} (c17.r3), {connection}, {request}, {close} (why the connection
    /// ends with this answer), {referer} and {user-agent}; a brace itself is written twice. What a
    /// client said is escaped, what is not there is -.
    #[arg(long, global = true, env = "ONELOOP_LOG_FORMAT", default_value = "clf")]
    #[arg(value_parser = log_format, value_name = "FORMAT", help_heading = "Output")]
    pub(super) log_format: LogFormat,

    /// Report on the run when it ends: the server's own figures, and what the limit was
    ///
    /// On stdout, laid out as oha and wrk lay out theirs, so that both can be read side by side:
    /// the rate, latencies as the server saw them, why connections ended, system calls for each
    /// request, and whether the client or the server was the limit. `json` is one line for
    /// programs; what else is said goes to stderr then. With it requests take a few per cent more
    /// CPU.
    #[arg(long, global = true, env = "ONELOOP_REPORT", value_name = "FORMAT")]
    #[arg(value_parser = report)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    #[arg(help_heading = WATCHING)]
    pub(super) report: Option<ReportFormat>,

    /// Show what the server does at this address: a live page, /metrics, /report, /ready
    ///
    /// And /status, which is JSON, and /health. ADDRESS is a port of 127.0.0.1, an IP address with
    /// a port, or unix:PATH. Whoever reaches it can read it: no header and no body is shown, but
    /// who is connected and how much is asked for. It is answered by the first worker's loop, on 32
    /// connections of its own, and stays until that loop has stopped. With it requests take a few
    /// per cent more CPU.
    #[arg(long, global = true, env = "ONELOOP_ADMIN", value_name = "ADDRESS")]
    #[arg(value_parser = admin, help_heading = WATCHING)]
    pub(super) admin: Option<Address>,

    /// A host name that --admin answers to, beside IP addresses and localhost; repeatable
    ///
    /// Others are refused, so that no page in a browser can read it under a name of its own.
    #[arg(long, global = true, env = "ONELOOP_ADMIN_HOST", value_parser = per_line(host))]
    #[arg(value_name = "NAME", help_heading = WATCHING)]
    pub(super) admin_host: Vec<PerLine<String>>,

    /// Request line and header fields together; 431 beyond
    #[arg(long, global = true, env = "ONELOOP_MAX_HEAD", default_value = "16KiB")]
    #[arg(value_parser = size::<usize>(LEAST_HEAD, RECEIVE_BUFFER as u64))]
    #[arg(value_name = "SIZE", help_heading = LIMITS)]
    pub(super) max_head: usize,

    /// Header fields of a request; 431 beyond
    #[arg(long, global = true, env = "ONELOOP_MAX_HEADERS", default_value = "100")]
    #[arg(value_parser = number::<usize>(1, MOST_HEADERS), value_name = "N", help_heading = LIMITS)]
    pub(super) max_headers: usize,

    /// Path and query of a request; 414 beyond; not above --max-head
    #[arg(long, global = true, env = "ONELOOP_MAX_TARGET", default_value = "8KiB")]
    #[arg(value_parser = size::<usize>(LEAST_TARGET, RECEIVE_BUFFER as u64))]
    #[arg(value_name = "SIZE", help_heading = LIMITS)]
    pub(super) max_target: usize,

    /// Body of a request, where one is wanted; 413 beyond
    #[arg(long, global = true, env = "ONELOOP_MAX_BODY", default_value = "1MiB")]
    #[arg(value_parser = size::<u64>(0, u64::MAX), value_name = "SIZE", help_heading = LIMITS)]
    pub(super) max_body: u64,

    /// Requests on one connection [default: no limit]
    #[arg(long, global = true, env = "ONELOOP_MAX_REQUESTS", value_name = "N")]
    #[arg(value_parser = number::<u32>(1, u32::MAX as u64), help_heading = LIMITS)]
    pub(super) max_requests: Option<u32>,

    /// Connections at one time [default: as open files allow, 100,000 at most]
    ///
    /// When all are taken, the one that has been idle longest makes room for the next.
    #[arg(long, global = true, env = "ONELOOP_MAX_CONNECTIONS", value_name = "N")]
    #[arg(value_parser = number::<usize>(1, MOST), help_heading = LIMITS)]
    pub(super) max_connections: Option<usize>,

    /// For the head of a request, from its first byte; then 408
    #[arg(long, global = true, env = "ONELOOP_HEAD_TIMEOUT", default_value = "10s")]
    #[arg(value_parser = duration(LEAST_WAIT, LONGEST_WAIT))]
    #[arg(value_name = "TIME", help_heading = TIMEOUTS)]
    pub(super) head_timeout: Duration,

    /// For the body of a request, from the end of its head; then 408
    #[arg(long, global = true, env = "ONELOOP_BODY_TIMEOUT", default_value = "60s")]
    #[arg(value_parser = duration(LEAST_WAIT, LONGEST_WAIT))]
    #[arg(value_name = "TIME", help_heading = TIMEOUTS)]
    pub(super) body_timeout: Duration,

    /// Between requests; then the connection is closed
    #[arg(long, global = true, env = "ONELOOP_IDLE_TIMEOUT", default_value = "60s")]
    #[arg(value_parser = duration(LEAST_WAIT, LONGEST_WAIT))]
    #[arg(value_name = "TIME", help_heading = TIMEOUTS)]
    pub(super) idle_timeout: Duration,

    /// For a client to take at least a byte of its answer; then the connection is closed
    #[arg(long, global = true, env = "ONELOOP_WRITE_TIMEOUT", default_value = "30s")]
    #[arg(value_parser = duration(LEAST_WAIT, LONGEST_WAIT))]
    #[arg(value_name = "TIME", help_heading = TIMEOUTS)]
    pub(super) write_timeout: Duration,

    /// For an answer that is not ready at once; then 503
    #[arg(long, global = true, env = "ONELOOP_ANSWER_TIMEOUT", default_value = "30s")]
    #[arg(value_parser = duration(LEAST_WAIT, LONGEST_WAIT))]
    #[arg(value_name = "TIME", help_heading = TIMEOUTS)]
    pub(super) answer_timeout: Duration,

    /// How long a stop waits for answers on their way; 0s cuts them off
    #[arg(long, global = true, env = "ONELOOP_GRACE", default_value = "10s")]
    #[arg(value_parser = duration(Duration::ZERO, LONGEST_WAIT))]
    #[arg(value_name = "TIME", help_heading = TIMEOUTS)]
    pub(super) grace: Duration,
}

const WATCHING: &str = "Watching";
const LIMITS: &str = "Limits (SIZE is 16KiB, 1MiB, 4096)";
const TIMEOUTS: &str = "Timeouts (TIME is 10s, 500ms, 1m 30s)";
