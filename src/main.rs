//! The program: arguments to configuration to [`Server::run`]. It is made of the library's public
//! pieces and nothing else.
//!
//! Whatever goes wrong is one line on standard error: what, on what; what to do. Neither a closed
//! standard output nor a closed standard error stops it.
//!
//! Relies on: `cli.rs` for what was asked. Read next: `cli.rs`, then `lib.rs`.

#![forbid(unsafe_code)]

mod cli;
mod sandbox;
mod site;

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;

use http::header::CONTENT_TYPE;
use log::{Level, LevelFilter, warn};
use oneloop::observers::{AccessLog, AccessLogError, Journal};
use oneloop::{
    Address, BindError, Body, Fixed, Listener, Prepared, Responder, Response, Server, Stopped,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use cli::{Asked, Bind, How, LogTarget, Refusal, Reply, ReplyBody, Verbosity, What};
use sandbox::{Confinement, SandboxError};
use site::{Responders, SiteError};

/// Could not start.
const NOT_STARTED: u8 = 1;
/// Wrong usage.
const MISUSED: u8 = 2;
/// Ended by a signal: this and its number, as shells count.
const SIGNALLED: i32 = 128;
/// Where port 0 was asked for on several addresses, the one that the kernel chose for the first may
/// be taken on another: so many others are tried.
const PORT_TRIES: u32 = 16;

fn main() -> ExitCode {
    match cli::read(std::env::args_os()) {
        Ok(asked) => match serve(asked) {
            Ok(stopped) => ended(stopped),
            Err(error) => {
                complain(&error);
                ExitCode::from(NOT_STARTED)
            }
        },
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

fn serve(asked: Asked) -> Result<Stopped, StartError> {
    let Asked { what, how } = asked;
    log_to_stderr(how.verbosity);
    raise_descriptor_limit();
    match what {
        What::Serve(site) => {
            let responders = site::open(&site)?;
            let what = format!("serving {}", site::described(&site));
            let confinement = Some(Confinement { to: site.paths(), sandbox: site.sandbox });
            match responders {
                Responders::One(files) => run(*files, &what, how, confinement),
                Responders::Several(mounts) => run(mounts, &what, how, confinement),
            }
        }
        What::Respond(reply) => {
            let answer = prepared(reply)?;
            let (status, length) = (answer.status_code().as_u16(), answer.body_len());
            let unit = if length == 1 { "byte" } else { "bytes" };
            let what = format!("answering {status} with {length} {unit}");
            run(Fixed::new(answer), &what, how, None)
        }
    }
}

fn run(
    responder: impl Responder + 'static,
    what: &str,
    how: How,
    confinement: Option<Confinement>,
) -> Result<Stopped, StartError> {
    let access_log = match how.access_log {
        None => None,
        Some(LogTarget::Stdout) => Some(AccessLog::to_stdout()?),
        Some(LogTarget::File(path)) => Some(AccessLog::to_file(path)?),
    };
    let server = listen(&addresses(&how.binds, how.port)?, how.port, how.backlog)?
        .with_limits(how.limits)
        .with_config(how.config)
        .stop_on_signals()
        .map_err(StartError::Loop)?;
    if let Some(confinement) = confinement {
        confinement.enter(&how.binds)?;
    }
    if how.verbosity != Verbosity::Quiet {
        say(&start_line(what, &server.addresses()));
    }
    // Two loops are compiled: one that does not know of an access log, and one that does.
    match access_log {
        None => server.run(responder),
        Some(access_log) => {
            let dropped = access_log.dropped_lines();
            let stopped = server.observed_by((Journal, access_log)).run(responder);
            let missing = dropped.load(Relaxed);
            if missing > 0 {
                warn!(
                    "lines missing in the access log: {missing}; is its disk full, its reader slow?"
                );
            }
            stopped
        }
    }
    .map_err(StartError::Loop)
}

/// Lays the answer of `oneloop respond` out.
fn prepared(reply: Reply) -> Result<Prepared, StartError> {
    let body = match reply.body {
        ReplyBody::Empty => Body::Empty,
        ReplyBody::Typed(bytes) => Body::Bytes(bytes),
        ReplyBody::File(path) => {
            let bytes = read_regular(&path);
            Body::Bytes(bytes.map_err(|source| StartError::BodyFile { path, source })?)
        }
    };
    let mut response = Response::new(reply.status, body);
    if !response.body().is_empty() {
        response = response.with_header(CONTENT_TYPE, reply.content_type);
    }
    for (name, value) in reply.fields {
        response = match name {
            CONTENT_TYPE => response.with_header_replaced(name, value),
            _ => response.with_header(name, value),
        };
    }
    Ok(response.prepare())
}

/// A FIFO or a device might have no end.
fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    std::fs::read(path)
}

/// The addresses that the binds stand for, each once.
fn addresses(binds: &[Bind], port: u16) -> Result<Vec<Address>, StartError> {
    let mut addresses = Vec::new();
    for bind in binds {
        match bind {
            Bind::Ip(ip) => addresses.push(Address::from((*ip, port))),
            Bind::Unix(path) => addresses.push(Address::Unix(path.clone())),
            Bind::Host(host) => {
                let found = lookup(host, port);
                let host = host.clone();
                addresses.extend(found.map_err(|source| StartError::Host { host, source })?);
            }
        }
    }
    let mut seen = HashSet::new();
    // `[::]` takes IPv4 too, so that 0.0.0.0 beside it is the same once more.
    if addresses.contains(&Address::from((Ipv6Addr::UNSPECIFIED, port))) {
        seen.insert(Address::from((Ipv4Addr::UNSPECIFIED, port)));
    }
    addresses.retain(|address| seen.insert(address.clone()));
    Ok(addresses)
}

/// What a host name stands for; to stand for nothing is an error.
fn lookup(host: &str, port: u16) -> io::Result<Vec<Address>> {
    let found: Vec<_> = (host, port).to_socket_addrs()?.map(Address::from).collect();
    if found.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(found) }
}

/// Listens on every address. Where any port will do, all take the one that the kernel chooses for
/// the first.
fn listen(addresses: &[Address], port: u16, backlog: u32) -> Result<Server, StartError> {
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    let listeners = loop {
        tries -= 1;
        match bind_all(addresses, backlog) {
            Err(BindError::InUse(Address::Tcp(_))) if tries > 0 => {}
            bound => break bound?,
        }
    };
    let mut listeners = listeners.into_iter();
    let first = listeners.next().expect("every bind stands for at least one address");
    let server = Server::on(first).map_err(StartError::Loop)?;
    listeners.try_fold(server, Server::also_on).map_err(StartError::Loop)
}

fn bind_all(addresses: &[Address], backlog: u32) -> Result<Vec<Listener>, BindError> {
    let mut chosen = 0;
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let mut address = address.clone();
        if let Address::Tcp(tcp) = &mut address
            && tcp.port() == 0
        {
            tcp.set_port(chosen);
        }
        let listener = Listener::bind(&address, backlog)?;
        if let Address::Tcp(real) = listener.address() {
            chosen = real.port();
        }
        listeners.push(listener);
    }
    Ok(listeners)
}

fn start_line(what: &str, addresses: &[Address]) -> String {
    let places: Vec<_> = addresses
        .iter()
        .map(|address| match address {
            Address::Tcp(address) => format!("http://{address}/"),
            Address::Unix(_) => address.to_string(),
        })
        .collect();
    format!("{}\n", one_line(&format!("oneloop: {what} on {}", places.join(", "))))
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
            writeln!(out, "oneloop: {kind}{}", one_line(&record.args().to_string()))
        })
        .init();
}

/// Writes to standard output, which may be closed: then nobody wants to know.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
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
    AccessLog(AccessLogError),
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
            Self::AccessLog(error) => error.fmt(f),
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
            Self::AccessLog(error) => Some(error),
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

impl From<AccessLogError> for StartError {
    fn from(error: AccessLogError) -> Self {
        Self::AccessLog(error)
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

    fn check_addresses(binds: &[&str], expected: &[&str]) {
        let ip = |text: &&str| Bind::Ip(text.parse().unwrap());
        let found = addresses(&binds.iter().map(ip).collect::<Vec<_>>(), 80).unwrap();
        let found: Vec<_> = found.iter().map(Address::to_string).collect();
        assert_eq!(found, expected, "{binds:?}");
    }

    #[test]
    fn every_address_is_listened_on_once() {
        check_addresses(&["127.0.0.1", "::1", "127.0.0.1"], &["127.0.0.1:80", "[::1]:80"]);
        check_addresses(&["0.0.0.0"], &["0.0.0.0:80"]);
        check_addresses(&["0.0.0.0", "::"], &["[::]:80"]);
        check_addresses(&["::", "0.0.0.0"], &["[::]:80"]);
    }

    #[test]
    fn the_start_line_says_what_and_where() {
        let addresses = ["127.0.0.1:80", "[::1]:80", "unix:/a\nb"].map(|a| a.parse().unwrap());
        assert_eq!(
            start_line("serving .", &addresses),
            "oneloop: serving . on http://127.0.0.1:80/, http://[::1]:80/, unix:/a\\nb\n"
        );
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\r\n\t\u{1b}[1m\u{e9}"), "a\\r\\n\\t\\u{1b}[1m\u{e9}");
    }
}
