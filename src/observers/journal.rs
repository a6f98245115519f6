//! Events as lines of the `log` crate: the only file of the library that imports it.
//!
//! What an operator must know is a warning or information; how each connection ended is `debug`
//! (the program's `-v`), every change of phase is `trace`.

use std::io;
use std::path::Path;

use log::Level::Trace;
use log::{debug, info, log_enabled, trace, warn};

use super::{AcceptPause, Event, Observer};

/// Writes events through `log`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Journal;

impl Observer for Journal {
    /// What comes with every request is told from the rest where it happens: a call for each of
    /// four events a request was 80 instructions.
    #[inline]
    fn on(&mut self, event: &Event<'_>) {
        match *event {
            Event::Moved { .. } if log_enabled!(Trace) => tell(event),
            Event::Closed { .. }
            | Event::AcceptPaused(_)
            | Event::Stopping(_)
            | Event::CutOff(_) => tell(event),
            _ => {}
        }
    }
}

fn tell(event: &Event<'_>) {
    match *event {
        Event::Moved { who, from, to } => trace!("{who}: {from} to {to}"),
        Event::Closed { who, reason, requests } => {
            let s = if requests == 1 { "" } else { "s" };
            debug!("{who}: closed after {requests} request{s}: {reason}");
        }
        Event::AcceptPaused(pause) => paused(pause),
        Event::Stopping(0) => debug!("stopping"),
        Event::Stopping(busy) => {
            info!(
                "stopping when {busy} connection{} done",
                if busy == 1 { " is" } else { "s are" }
            );
        }
        Event::CutOff(1) => warn!("the grace time ran out: 1 connection was cut off"),
        Event::CutOff(cut) => warn!("the grace time ran out: {cut} connections were cut off"),
        _ => {}
    }
}

#[cold]
fn paused(pause: AcceptPause) {
    match pause {
        AcceptPause::FullHouse => {
            warn!(
                "every connection is taken and none is idle: clients wait in the accept queue; \
                 more can be allowed (--max-connections)"
            );
        }
        AcceptPause::NoDescriptors => {
            warn!(
                "out of file descriptors: clients wait in the accept queue; raise the limit \
                 (ulimit -n) or lower --max-connections"
            );
        }
        AcceptPause::Failed(kind) => warn!("accepting failed ({kind}); trying again shortly"),
    }
}

/// An access log has dropped so many lines since it began.
pub(super) fn access_log_drops(lines: u64) {
    warn!("lines missing in the access log so far: {lines}; is its disk full, its reader slow?");
}

/// The file of an access log could not be opened anew.
pub(super) fn access_log_not_reopened(path: &Path, source: &io::Error) {
    warn!(
        "cannot open the access log {} anew: {source}; it goes on in the file that was there; name \
         a file in a folder that may be written to",
        path.display()
    );
}

/// A trace has dropped so many steps in all.
pub(super) fn trace_drops(steps: u64) {
    warn!(
        "steps missing in the trace: {steps}; is its disk slow? Fewer connections can be traced \
         (--trace-filter sample=10)"
    );
}

/// A trace has as many bytes as it may.
pub(super) fn trace_is_full(bytes: u64) {
    warn!(
        "the trace ends here: it has its {bytes} bytes; more can be granted (--trace-bytes), or \
         fewer connections traced (--trace-filter)"
    );
}

/// The file of a trace could not be written.
pub(super) fn trace_fails(source: &io::Error) {
    warn!("the trace ends here: it cannot be written: {source}; is its disk full?");
}
