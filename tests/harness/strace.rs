//! The program as strace's child: what it calls is written down, call by call.
//!
//! Read next: `../syscalls.rs`, which counts calls; `../tracing.rs`, which compares them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, Program, Scratch, text};

/// Calls that ended meanwhile, by name; of those that failed, by name and error.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) made: BTreeMap<String, usize>,
    pub(crate) failed: BTreeMap<String, usize>,
}

/// The program as strace's child.
pub(crate) struct Traced {
    /// Until it is ended.
    strace: Option<Program>,
    pub(crate) pid: String,
    pub(crate) port: u16,
    pub(crate) written: PathBuf,
}

impl Traced {
    pub(crate) fn start(folder: &Scratch, args: &[&str], what: &str) -> Self {
        let written = folder.at("calls");
        let strace = ["-f", "-qq", "-o", text(&written), env!("CARGO_BIN_EXE_oneloop")];
        let mut command = Command::new("strace");
        command.args(strace).args(args).args(["--port", "0"]).stdout(Stdio::piped());
        let strace = Program::spawn(&mut command);
        let port = strace.port(what);
        let pid = strace.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        Self { strace: Some(strace), pid: children.trim().to_owned(), port, written }
    }

    /// Waits until the loop waits: all that has come is dealt with.
    pub(crate) fn rests(&self) {
        let status = format!("/proc/{0}/task/{0}/status", self.pid);
        let is_asleep = || fs::read_to_string(&status).unwrap().contains("State:\tS");
        // What has begun is written, too: the last that the loop began is a wait that has not ended.
        let is_waiting = || {
            let written = fs::read_to_string(&self.written).unwrap();
            let last = written.lines().rfind(|line| line.starts_with(&self.pid));
            last.is_some_and(|line| !line.contains(" = ") && name(line) == Some("epoll_wait"))
        };
        assert!((0..PATIENCE.as_millis()).any(|_| {
            let waits = is_waiting() && is_asleep() && is_waiting();
            thread::sleep(Duration::from_millis(u64::from(!waits)));
            waits
        }));
    }

    /// How much has been written when the loop waits. Its wait has not ended, so it is not in it.
    pub(crate) fn ended(&self) -> usize {
        self.rests();
        fs::read(&self.written).unwrap().iter().rposition(|&byte| byte == b'\n').unwrap() + 1
    }

    /// The calls that are made while that is done.
    pub(crate) fn calls(&self, mut does: impl FnMut()) -> Calls {
        let before = self.ended();
        does();
        let after = self.ended();
        let mut calls = Calls::default();
        let written = fs::read_to_string(&self.written).unwrap();
        // A build with debug assertions asks, before it closes a descriptor, whether it is open.
        let ended = written[before..after].lines().filter_map(call);
        for (name, error) in ended.filter(|(name, _)| name != "fcntl") {
            if let Some(error) = error {
                *calls.failed.entry(format!("{name} {error}")).or_default() += 1;
            }
            *calls.made.entry(name).or_default() += 1;
        }
        calls
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid.parse().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Ends strace's child, and so strace.
    pub(crate) fn stop(mut self) {
        self.rests();
        self.signal(Signal::TERM);
        let strace = self.strace.take().unwrap();
        assert!(strace.end().status.success());
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // A test has failed. strace's child would outlive strace, which has not been waited for yet,
        // so that the number is still the child's.
        if self.strace.is_some() {
            self.signal(Signal::KILL);
        }
    }
}

/// The call of a line `PID name(arguments) = result [ERROR (why)]`, or of the end of one that another
/// thread's came between: `PID <... name resumed>arguments) = result`.
pub(crate) fn name(line: &str) -> Option<&str> {
    let call = line.split_once(char::is_whitespace)?.1.trim_start();
    let name = match call.strip_prefix("<... ") {
        Some(resumed) => resumed.split_once(" resumed>")?.0,
        None => call.split_once('(')?.0,
    };
    // The kernel of aarch64 has no other, and a C library may prefer it.
    Some(if name == "epoll_pwait" { "epoll_wait" } else { name })
}

/// A call that has ended: its name, and its error.
pub(crate) fn call(line: &str) -> Option<(String, Option<&str>)> {
    let (start, result) = line.rsplit_once(" = ")?;
    let error = result.strip_prefix("-1 ").map(|error| error.split(' ').next().unwrap());
    Some((name(start)?.to_owned(), error))
}
