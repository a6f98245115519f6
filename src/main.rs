//! The program: arguments to configuration to [`oneloop::Workers`]. It is made of the library's
//! public pieces and nothing else.
//!
//! Whatever goes wrong is one line on standard error: what, on what; what to do. Neither a closed
//! standard output nor a closed standard error stops it.
//!
//! Relies on: `cli.rs` for what was asked. Read next: `cli.rs`, then `lib.rs`.

#![forbid(unsafe_code)]

mod cli;
mod explain;
mod listening;
mod sandbox;
mod site;
mod watching;

use std::error::Error;
use std::fmt;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;
use std::sync::{Mutex, PoisonError};
use std::thread;

use http::header::CONTENT_TYPE;
use log::{Level, LevelFilter};
use oneloop::{Address, BindError, Body, Fixed, Prepared, Responder, Response, Server, Stopped};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use cli::{Asked, Explain, How, Refusal, Reply, ReplyBody, ReportFormat, Task, Verbosity, What};
use explain::ExplainError;
use sandbox::{Confinement, SandboxError};
use site::{Opened, SiteError};
use watching::{WatchError, Watching};

/// Could not start.
const NOT_STARTED: u8 = 1;
/// Wrong usage.
const MISUSED: u8 = 2;
/// Ended by a signal: this and its number, as shells count.
const SIGNALLED: i32 = 128;

fn main() -> ExitCode {
    match cli::read(std::env::args_os()) {
        Ok(Task::Serve(asked)) => match serve(*asked) {
            Ok(stopped) => ended(stopped),
            Err(error) => {
                complain(&error);
                ExitCode::from(NOT_STARTED)
            }
        },
        Ok(Task::Explain(asked)) => explained(&asked),
        Err(Refusal::Answered(text)) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(Refusal::Usage(line)) => {
            complain(&line);
            ExitCode::from(MISUSED)
        }
    }
}

fn ended(stopped: Stopped) -> ExitCode {
    let Some(signal) = stopped.signal else { return ExitCode::SUCCESS };
    ExitCode::from(u8::try_from(SIGNALLED + signal).unwrap_or(u8::MAX))
}

/// Whoever reads it, as a pager, may have read enough before its end.
fn explained(asked: &Explain) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let told = explain::explain(asked, &mut out);
    match told.and_then(|()| out.flush().map_err(ExplainError::Out)) {
        Err(ExplainError::Out(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        Ok(()) => {}
        Err(error) => {
            complain(&error);
            return ExitCode::from(NOT_STARTED);
        }
    }
    ExitCode::SUCCESS
}

fn serve(asked: Asked) -> Result<Stopped, StartError> {
    let Asked { what, how } = asked;
    log_to_stderr(how.verbosity);
    raise_descriptor_limit();
    match what {
        What::Serve(site) => {
            let opened = site::open(&site, how.workers)?;
            let what = format!("serving {}", site::described(&site));
            let confinement = Some(Confinement { to: site.paths(), sandbox: site.sandbox });
            match opened {
                Opened::One(files) => run(files, |files| files, &what, how, confinement),
                Opened::Several(mounted) => run(mounted, site::mounts, &what, how, confinement),
            }
        }
        What::Respond(reply) => {
            let answers = prepared(reply, how.workers)?;
            let what = answers.first().map(described).unwrap_or_default();
            run(answers, Fixed::new, &what, how, None)
        }
    }
}

/// `answering 200 with 8 bytes`
fn described(answer: &Prepared) -> String {
    let (status, length) = (answer.status_code().as_u16(), answer.body_len());
    let unit = if length == 1 { "byte" } else { "bytes" };
    format!("answering {status} with {length} {unit}")
}

/// Serves until it is stopped. Each worker makes its responder of one of the `parts`.
fn run<P: Send, R: Responder + 'static>(
    parts: Vec<P>,
    responder: fn(P) -> R,
    what: &str,
    how: How,
    confinement: Option<Confinement>,
) -> Result<Stopped, StartError> {
    let workers = listening::listen(&how)?
        .with_config(how.config.clone())
        .stop_on_signals()
        .map_err(StartError::Loop)?;
    // A start that failed has emptied nothing.
    let watching = Watching::open(&how)?;
    if let Some(confinement) = confinement {
        confinement.enter(&listening::sockets(&how))?;
    }
    watching.reopen_on_signal(&how).map_err(StartError::Loop)?;
    if how.verbosity != Verbosity::Quiet {
        // Where a program reads the report, there is nothing else on standard output.
        let say = if how.report == Some(ReportFormat::Json) { remark } else { say };
        say(&start_line(what, how.workers, &workers.addresses()));
        if let Some(address) = watching.admin() {
            say(&start_line("showing", NonZeroUsize::MIN, slice::from_ref(address)));
        }
    }
    let (parts, limits) = (Mutex::new(parts), how.limits);
    let ready = |server: Server| (server.with_limits(limits.clone()), responder(next(&parts)));
    watching.run(workers, ready).map_err(StartError::Loop)
}

/// What one worker takes of what there is for each.
fn next<T>(all: &Mutex<Vec<T>>) -> T {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.pop().expect("there is one for each worker")
}

/// Lays the answer of `oneloop respond` out, for each worker. Each has a copy of its own: whoever
/// sends it counts that, and with one counter for all their CPUs would wait for each other.
fn prepared(reply: Reply, workers: NonZeroUsize) -> Result<Vec<Prepared>, StartError> {
    let body = match reply.body {
        ReplyBody::Empty => Vec::new(),
        ReplyBody::Typed(bytes) => bytes,
        ReplyBody::File(path) => {
            read_regular(&path).map_err(|source| StartError::BodyFile { path, source })?
        }
    };
    let answer = || {
        let is_empty = body.is_empty();
        let body = if is_empty { Body::Empty } else { Body::Bytes(body.clone()) };
        let mut response = Response::new(reply.status, body);
        if !is_empty {
            response = response.with_header(CONTENT_TYPE, reply.content_type.clone());
        }
        for (name, value) in reply.fields.iter().cloned() {
            response = match name {
                CONTENT_TYPE => response.with_header_replaced(name, value),
                _ => response.with_header(name, value),
            };
        }
        response.prepare()
    };
    Ok((0..workers.get()).map(|_| answer()).collect())
}

/// A FIFO or a device might have no end.
fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    std::fs::read(path)
}

fn start_line(what: &str, workers: NonZeroUsize, addresses: &[Address]) -> String {
    let places: Vec<_> = addresses
        .iter()
        .map(|address| match address {
            Address::Tcp(address) => format!("http://{address}/"),
            Address::Unix(_) => address.to_string(),
        })
        .collect();
    let by = match workers.get() {
        1 => String::new(),
        several => format!(" by {several} workers"),
    };
    format!("{}\n", one_line(&format!("oneloop: {what}{by} on {}", places.join(", "))))
}

/// The more descriptors, the more connections. Where it cannot be raised, what there is must do.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Diagnostics, as `oneloop: warning: …`; where much is said, with the time before it.
fn log_to_stderr(verbosity: Verbosity) {
    env_logger::Builder::new()
        .filter_level(verbosity.level())
        .parse_default_env()
        .format(|out, record| {
            if log::max_level() > LevelFilter::Info {
                let time = out.timestamp_millis();
                write!(out, "{time} ")?;
            }
            let kind = match record.level() {
                Level::Error => "error: ",
                Level::Warn => "warning: ",
                Level::Info => "",
                Level::Debug => "debug: ",
                Level::Trace => "trace: ",
            };
            // Of several workers each says which it is.
            let current = thread::current();
            let worker = current.name().and_then(|name| name.strip_prefix("worker-"));
            let worker = worker.map(|number| format!("worker {number}: ")).unwrap_or_default();
            writeln!(out, "oneloop: {kind}{worker}{}", one_line(&record.args().to_string()))
        })
        .init();
}

/// Writes to standard output, which may be closed: then nobody wants to know.
fn say(text: &str) {
    let _ = write(text);
}

/// Writes to standard output.
fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Writes to standard error, which may be closed as well.
fn remark(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes the one line of an error to standard error.
fn complain(what: &impl fmt::Display) {
    let line = one_line(&what.to_string());
    let _ = writeln!(io::stderr(), "oneloop: {line}");
}

/// A file's name, or what was typed, may hold what would end the line or steer a terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Why the program could not start, or not go on. Displayed as one line: what, on what; what to do.
#[derive(Debug)]
enum StartError {
    Site(SiteError),
    BodyFile { path: PathBuf, source: io::Error },
    Watch(WatchError),
    Host { host: String, source: io::Error },
    Bind(BindError),
    Sandbox(SandboxError),
    Loop(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(SiteError::Files(error)) => error.fmt(f),
            Self::Site(SiteError::NoFolder { option, path }) => {
                let path = path.display();
                write!(f, "{option} is for folders, but {path} is a file; leave it out")
            }
            Self::BodyFile { path, source } => {
                let path = path.display();
                write!(f, "cannot read {path}: {source}; give --body-file a file that can be read")
            }
            Self::Watch(error) => error.fmt(f),
            Self::Host { host, source } => {
                write!(
                    f,
                    "cannot look up '{host}': {source}; give --bind an address of this machine"
                )
            }
            Self::Bind(error) => error.fmt(f),
            Self::Sandbox(error) => error.fmt(f),
            Self::Loop(error) => {
                write!(
                    f,
                    "the event loop failed: {error}; look whether open files run out (ulimit -n)"
                )
            }
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Site(SiteError::Files(error)) => Some(error),
            Self::Site(SiteError::NoFolder { .. }) => None,
            Self::Sandbox(error) => Some(error),
            Self::Watch(error) => Some(error),
            Self::Bind(error) => Some(error),
            Self::BodyFile { source, .. } | Self::Host { source, .. } | Self::Loop(source) => {
                Some(source)
            }
        }
    }
}

impl From<SiteError> for StartError {
    fn from(error: SiteError) -> Self {
        Self::Site(error)
    }
}

impl From<SandboxError> for StartError {
    fn from(error: SandboxError) -> Self {
        Self::Sandbox(error)
    }
}

impl From<WatchError> for StartError {
    fn from(error: WatchError) -> Self {
        Self::Watch(error)
    }
}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_line_says_what_and_where() {
        let addresses = ["127.0.0.1:80", "[::1]:80", "unix:/a\nb"].map(|a| a.parse().unwrap());
        for (workers, by) in [(1, ""), (2, " by 2 workers")] {
            assert_eq!(
                start_line("serving .", NonZeroUsize::new(workers).unwrap(), &addresses),
                format!(
                    "oneloop: serving .{by} on http://127.0.0.1:80/, http://[::1]:80/, \
                     unix:/a\\nb\n"
                )
            );
        }
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\r\n\t\u{1b}[1m\u{e9}"), "a\\r\\n\\t\\u{1b}[1m\u{e9}");
    }
}
