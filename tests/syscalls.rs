//! System calls a request, counted by strace: the one figure of speed that is exact on any machine.
//!
//! The program is run twice, for a thousand requests and for eleven thousand, each on one
//! keep-alive connection. What the second run makes more is what ten thousand requests cost:
//! `epoll_wait`, `recvfrom`, `sendto` and nothing else, and none of them fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use harness::{Program, Scratch, connect, text};

/// `oneloop respond wazzzzap` as strace's child.
fn traced(summary: &Path) -> Program {
    let strace = ["-c", "-f", "-o", text(summary)];
    let program = [env!("CARGO_BIN_EXE_oneloop"), "respond", "wazzzzap", "--port", "0"];
    Program::spawn(Command::new("strace").args(strace).args(program).stdout(Stdio::piped()))
}

/// Ends strace's child, and so strace; calls and failed calls, by name.
fn counted(strace: Program, summary: &Path) -> BTreeMap<String, (u64, u64)> {
    let pid = strace.child.id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let traced = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
    // The signal interrupts a wait if there is one. It is to be so each time, and not as it happens.
    let status = format!("/proc/{}/status", children.trim());
    let is_waiting = || std::fs::read_to_string(&status).unwrap().contains("State:\tS");
    assert!((0..10_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        is_waiting()
    }));
    kill_process(traced, Signal::TERM).unwrap();
    assert!(strace.end().status.success());
    std::fs::read_to_string(summary).unwrap().lines().filter_map(row).collect()
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

fn trace(folder: &Scratch, requests: usize) -> BTreeMap<String, (u64, u64)> {
    let summary = folder.at(&format!("{requests}"));
    let program = traced(&summary);
    let mut client = connect(program.port("answering 200 with 8 bytes"));
    let mut answer = [0; 4096];
    for _ in 0..requests {
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let n = client.read(&mut answer).unwrap();
        assert!(answer[..n].ends_with(b"wazzzzap"), "an answer leaves by one call");
    }
    drop(client);
    counted(program, &summary)
}

#[test]
fn a_keep_alive_request_costs_three_system_calls_and_none_fails() {
    let folder = Scratch::new("syscalls");
    let (few, many) = (trace(&folder, 1_000), trace(&folder, 11_000));
    let mut spent = BTreeMap::new();
    for (name, (calls, failed)) in many {
        let (calls_before, failed_before) = few.get(&name).copied().unwrap_or_default();
        // How the client's coming and going falls into turns is up to the kernel: a wait more or less,
        // and an accept that finds nobody. Nothing that is done for a request may fail once.
        let may_differ = if name == "accept4" { 2 } else { 0 };
        assert!(failed <= failed_before + may_differ, "{name} fails more with more requests");
        if calls > calls_before + 10 {
            spent.insert(name, (calls - calls_before + 50) / 100 * 100);
        }
    }
    let expected = ["epoll_wait", "recvfrom", "sendto"].map(|name| (name.to_owned(), 10_000));
    assert_eq!(spent, BTreeMap::from(expected));
}
