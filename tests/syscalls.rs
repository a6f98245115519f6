//! System calls a request, counted by strace: the one figure of speed that is exact on any machine.
//!
//! The program is run twice, for a thousand requests and for eleven thousand, each on one
//! keep-alive connection. What the second run makes more is what ten thousand requests cost:
//! `epoll_wait`, `recvfrom`, `sendto` and nothing else, and none of them fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// strace with the program as its child. strace hands a SIGTERM on and then ends with it.
struct Traced {
    strace: Child,
    summary: PathBuf,
    address: String,
}

impl Traced {
    fn start(summary: &Path) -> Self {
        let mut strace = Command::new("strace")
            .args(["-c", "-f", "-o"])
            .arg(summary)
            .arg(env!("CARGO_BIN_EXE_oneloop"))
            .args(["respond", "wazzzzap", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("strace is there; scripts/test installs it");
        let mut line = String::new();
        BufReader::new(strace.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, address) = line.trim_end().rsplit_once("http://").expect("the start line");
        let address = address.trim_end_matches('/').to_owned();
        Self { strace, summary: summary.to_owned(), address }
    }

    /// Calls and failed calls, by name.
    fn stop(mut self) -> BTreeMap<String, (u64, u64)> {
        let tracee =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.strace.id()));
        let tracee = tracee.unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(tracee).unwrap(), Signal::TERM).unwrap();
        assert!(self.strace.wait().unwrap().success());
        let summary = std::fs::read_to_string(&self.summary).unwrap();
        std::fs::remove_file(&self.summary).unwrap();
        summary.lines().filter_map(row).collect()
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// `% time, seconds, usecs/call, calls, [errors,] syscall`
fn row(line: &str) -> Option<(String, (u64, u64))> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, calls) = (words.last()?, words.get(3)?.parse().ok()?);
    if *name == "total" {
        return None;
    }
    let failed = if words.len() == 6 { words[4].parse().ok()? } else { 0 };
    Some(((*name).to_owned(), (calls, failed)))
}

fn trace(requests: usize) -> BTreeMap<String, (u64, u64)> {
    let file = format!("oneloop-syscalls-{}-{requests}", std::process::id());
    let traced = Traced::start(&std::env::temp_dir().join(file));
    let mut client = TcpStream::connect(&traced.address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0; 4096];
    for _ in 0..requests {
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let n = client.read(&mut answer).unwrap();
        assert!(answer[..n].ends_with(b"wazzzzap"), "an answer leaves by one call");
    }
    drop(client);
    traced.stop()
}

#[test]
fn a_keep_alive_request_costs_three_system_calls_and_none_fails() {
    let (few, many) = (trace(1_000), trace(11_000));
    let mut spent = BTreeMap::new();
    for (name, (calls, failed)) in many {
        let (calls_before, failed_before) = few.get(&name).copied().unwrap_or_default();
        assert_eq!(failed, failed_before, "{name} fails more often with more requests");
        // How the client's coming and going falls into turns is up to the kernel: a wait or two.
        if calls > calls_before + 10 {
            spent.insert(name, (calls - calls_before + 50) / 100 * 100);
        }
    }
    let expected = ["epoll_wait", "recvfrom", "sendto"].map(|name| (name.to_owned(), 10_000));
    assert_eq!(spent, BTreeMap::from(expected));
}
