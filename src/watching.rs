//! What watches the loops: the access log, the trace, the meters, and the admin listener and the
//! report at the end that tell what they read.
//!
//! The loop is compiled once for each set of observers that should not pay for another: what was
//! not asked for costs nothing. Who traces pays for all.
//!
//! Relies on: `cli.rs` for what was asked. Read next: `main.rs`.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use log::warn;
use oneloop::observers::{
    AccessLog, AccessLogError, Figures, Journal, Meter, MeterReader, Reopener, Surroundings,
    TraceError, Tracer, report, report_json,
};
use oneloop::{Address, Admin, BindError, Limits, Listener, Responder, Server, Stopped, Workers};
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;

use super::cli::{How, LogTarget, ReportFormat};

/// How many may wait to be let in by the admin listener: a browser and a scraper are no crowd.
const ADMIN_BACKLOG: u32 = 64;

/// What watches the loops.
pub(crate) struct Watching {
    // For each loop.
    logs: Option<Vec<AccessLog>>,
    traces: Option<Vec<Tracer>>,
    meters: Option<Vec<Meter>>,
    /// Where there are meters. Opened before the process confines itself.
    surroundings: Option<Arc<Surroundings>>,
    /// On the first loop.
    admin: Option<Listener>,
    admin_hosts: Vec<String>,
    report: Option<ReportFormat>,
}

impl Watching {
    /// Opens what was asked for.
    pub(crate) fn open(how: &How) -> Result<Self, WatchError> {
        let admin = how.admin.as_ref().map(|address| Listener::bind(address, ADMIN_BACKLOG));
        let is_metered = how.admin.is_some() || how.report.is_some();
        let meters = || (0..how.workers.get()).map(|_| Meter::new()).collect();
        Ok(Self {
            logs: access_logs(how)?,
            traces: traces(how)?,
            meters: is_metered.then(meters),
            surroundings: is_metered.then(|| Arc::new(Surroundings::new())),
            admin: admin.transpose()?,
            admin_hosts: how.admin_hosts.clone(),
            report: how.report,
        })
    }

    /// Where the admin listener is.
    pub(crate) fn admin(&self) -> Option<&Address> {
        self.admin.as_ref().map(Listener::address)
    }

    /// From now on SIGUSR1 has the file of the access log opened anew, and ends nobody.
    pub(crate) fn reopen_on_signal(&self, how: &How) -> io::Result<()> {
        match (&self.logs, &how.access_log) {
            (Some(logs), Some(LogTarget::File(_))) => {
                logs.first().map(AccessLog::reopener).map_or(Ok(()), reopen_on_signal)
            }
            _ => Ok(()),
        }
    }

    /// Serves until it is stopped; `ready` gives each worker its responder.
    pub(crate) fn run<R: Responder + 'static>(
        self,
        workers: Workers,
        ready: impl Fn(Server) -> (Server, R) + Sync,
    ) -> io::Result<Stopped> {
        let Self { logs, traces, meters, surroundings, admin, admin_hosts, report } = self;
        let dropped = logs.iter().flatten().next().map(AccessLog::dropped_lines);
        let readers = meters.iter().flatten().map(Meter::reader).collect::<Vec<_>>();
        let (logs, traces, meters) = (Each::of(logs), Each::of(traces), Each::of(meters));
        let admin = Each::of(admin.map(|admin| vec![admin]));
        let stopped = workers.run(|worker, server| {
            let (mut server, responder) = ready(server);
            if let (Some(listener), Some(around)) = (admin.take(worker), &surroundings) {
                let admin = Admin::within(readers.clone(), Arc::clone(around));
                let admin = admin_hosts.iter().fold(admin, Admin::with_host);
                server = server.attended_on(listener, admin, Limits::default())?;
            }
            match (logs.take(worker), meters.take(worker), traces.take(worker)) {
                (None, None, None) => server.run(responder),
                (Some(log), None, None) => server.observed_by((Journal, log)).run(responder),
                (None, Some(meter), None) => server.observed_by((Journal, meter)).run(responder),
                (Some(log), Some(meter), None) => {
                    server.observed_by((Journal, (log, meter))).run(responder)
                }
                (log, meter, Some(trace)) => {
                    server.observed_by((Journal, ((log, meter), trace))).run(responder)
                }
            }
        });
        let missing = dropped.map_or(0, |dropped| dropped.load(Relaxed));
        if missing > 0 {
            warn!("lines missing in the access log: {missing}; is its disk full, its reader slow?");
        }
        if let (Ok(_), Some(format), Some(around)) = (&stopped, report, &surroundings) {
            let written = super::write(&told(&readers, around, format));
            if let Err(error) = written.or_else(unless_closed) {
                warn!("the report could not be written: {error}; give a standard output");
            }
        }
        stopped
    }
}

/// Who has closed standard output does not want to know.
fn unless_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// What the meters have read, in the end.
fn told(readers: &[MeterReader], around: &Surroundings, format: ReportFormat) -> String {
    let mut all = Figures::default();
    readers.iter().for_each(|reader| all += &reader.read());
    match format {
        ReportFormat::Text => report(&all, &around.look()),
        ReportFormat::Json => format!("{}\n", report_json(&all, &around.look())),
    }
}

/// The access log that was asked for, for each worker.
fn access_logs(how: &How) -> Result<Option<Vec<AccessLog>>, AccessLogError> {
    let logs = match &how.access_log {
        None => return Ok(None),
        Some(LogTarget::Stdout) => AccessLog::each_to_stdout(how.workers)?,
        Some(LogTarget::File(path)) => AccessLog::each_to_file(path, how.workers)?,
    };
    let with_format = |log: AccessLog| log.with_format(how.log_format.clone());
    Ok(Some(logs.into_iter().map(with_format).collect()))
}

/// The trace that was asked for, for each worker.
fn traces(how: &How) -> Result<Option<Vec<Tracer>>, TraceError> {
    let Some(trace) = &how.trace else { return Ok(None) };
    let traces = Tracer::each_to_file(&trace.file, how.workers, trace.bytes)?;
    Ok(Some(traces.into_iter().map(|one| one.with_filter(trace.filter)).collect()))
}

/// A thread waits for the signal, which costs nothing until it comes.
fn reopen_on_signal(log: Reopener) -> io::Result<()> {
    let mut signals = Signals::new([SIGUSR1])?;
    let wait = move || signals.forever().for_each(|_| log.reopen());
    thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}

/// What there is for each worker, by its number, if it was asked for.
struct Each<T>(Mutex<Vec<Option<T>>>);

impl<T> Each<T> {
    fn of(all: Option<Vec<T>>) -> Self {
        Self(Mutex::new(all.into_iter().flatten().map(Some).collect()))
    }

    fn take(&self, worker: usize) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(worker)?.take()
    }
}

/// Why nobody can watch. Displayed as one line: what, on what; what to do.
#[derive(Debug)]
pub(crate) enum WatchError {
    Log(AccessLogError),
    Trace(TraceError),
    Admin(BindError),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Trace(error) => error.fmt(f),
            Self::Admin(error) => write!(f, "--admin: {error}"),
        }
    }
}

impl Error for WatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Log(error) => error,
            Self::Trace(error) => error,
            Self::Admin(error) => error,
        })
    }
}

impl From<AccessLogError> for WatchError {
    fn from(error: AccessLogError) -> Self {
        Self::Log(error)
    }
}

impl From<TraceError> for WatchError {
    fn from(error: TraceError) -> Self {
        Self::Trace(error)
    }
}

impl From<BindError> for WatchError {
    fn from(error: BindError) -> Self {
        Self::Admin(error)
    }
}
