//! System calls a request, counted by strace: the one figure of speed that is exact on any machine.
//!
//! The program runs under strace, which writes down every call as it ends. What a client does is
//! done a few times first; then whatever is written between two moments at which the program waits
//! belongs to the requests made meanwhile. `scripts/counts` prints more of these figures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustix::process::Signal;

use harness::strace::{Calls, Traced};
use harness::{Scratch, connect, text};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const CLOSING: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const CONTENT: &str = "wazzzzap";
const REQUESTS: usize = 2_000;
/// How many requests are pipelined.
const DEEP: usize = 16;

fn answering(folder: &Scratch) -> Traced {
    Traced::start(folder, &["respond", CONTENT], "answering 200 with 8 bytes")
}

/// Sends that, and reads so many answers of the same length, of which the last ends in the content.
fn ask(client: &mut TcpStream, request: &[u8], answers: usize, length: usize) {
    client.write_all(request).unwrap();
    let mut read = vec![0; answers * length];
    client.read_exact(&mut read).unwrap();
    assert!(read.ends_with(CONTENT.as_bytes()));
}

/// How long one answer is.
fn length(client: &mut TcpStream) -> usize {
    client.write_all(GET).unwrap();
    let mut answer = [0; 4096];
    let n = client.read(&mut answer).unwrap();
    assert!(answer[..n].ends_with(CONTENT.as_bytes()), "an answer leaves by one call");
    n
}

/// Each of those calls so often.
fn each(names: &[&str], times: usize) -> BTreeMap<String, usize> {
    names.iter().map(|name| ((*name).to_owned(), times)).collect()
}

/// All requests, so many at a time, on one connection: three calls for each time.
fn check_steady(program: &Traced, at_a_time: usize) -> Calls {
    let mut client = connect(program.port);
    let length = length(&mut client);
    let batch = GET.repeat(at_a_time);
    let mut stretch = || {
        program.calls(|| {
            for _ in 0..REQUESTS / at_a_time {
                ask(&mut client, &batch, at_a_time, length);
            }
        })
    };
    let asked = ["openat2 EAGAIN", "preadv2 EAGAIN"];
    let mut calls = stretch();
    // Where the kernel cannot say at once what a file is, as while somebody else changes a directory,
    // a helper asks it, and the loop waits once more. That is rare, and not what is counted here.
    for _ in 0..10 {
        if asked.iter().any(|call| calls.failed.contains_key(*call)) {
            calls = stretch();
        }
    }
    let expected = each(&["epoll_wait", "recvfrom", "sendto"], REQUESTS / at_a_time);
    let of_a_request: BTreeMap<_, _> =
        calls.made.iter().filter(|(name, _)| expected.contains_key(*name)).collect();
    assert_eq!(of_a_request, expected.iter().collect(), "{calls:?}");
    let failed =
        calls.failed.keys().filter(|call| expected.contains_key(call.split_once(' ').unwrap().0));
    assert_eq!(failed.count(), 0, "{calls:?}");
    calls
}

#[test]
fn a_keep_alive_request_costs_three_system_calls_and_none_fails() {
    let folder = Scratch::new("syscalls");
    let program = answering(&folder);
    let calls = check_steady(&program, 1);
    assert_eq!((calls.made.len(), calls.failed.len()), (3, 0), "{calls:?}");
    program.stop();
}

/// Sixteen that come together leave together: three calls for all of them.
#[test]
fn sixteen_pipelined_requests_cost_three_system_calls_together() {
    let folder = Scratch::new("syscalls-pipelined");
    let program = answering(&folder);
    let calls = check_steady(&program, DEEP);
    assert_eq!((calls.made.len(), calls.failed.len()), (3, 0), "{calls:?}");
    program.stop();
}

/// A file that is in memory is answered like a fixed answer. It is looked at again once a second,
/// however often it is asked for, and nothing else is done for it.
#[test]
fn a_cached_file_costs_no_call_more_than_a_fixed_answer() {
    // Is it the same file, unchanged? Is there a compressed one beside it, by now? Then, because it
    // has just been written and the clock of its time is a coarse one: is it the same content?
    const LOOK: [(&str, usize); 4] = [("close", 1), ("openat2", 4), ("preadv2", 1), ("statx", 2)];
    // Thousands of requests take less, however slow the machine is.
    const SECONDS_AT_MOST: usize = 100;
    let folder = Scratch::new("syscalls-file");
    folder.with("www/index.html", CONTENT);
    let www = folder.at("www");
    let program = Traced::start(&folder, &[text(&www)], &format!("serving {}", www.display()));
    for at_a_time in [1, DEEP] {
        let calls = check_steady(&program, at_a_time);
        let looks = calls.made.get("close").copied().unwrap_or(0);
        assert!(looks < SECONDS_AT_MOST, "once a second, not once a request: {calls:?}");
        let steady = ["epoll_wait", "recvfrom", "sendto"];
        let mut others = calls.made.clone();
        others.retain(|name, _| !steady.contains(&name.as_str()));
        let expected: BTreeMap<_, _> = LOOK
            .iter()
            .filter(|_| looks > 0)
            .map(|&(name, times)| (name.to_owned(), times * looks))
            .collect();
        assert_eq!(others, expected);
    }
    program.stop();
}

/// What a connection costs that is opened for one request, where the server has accepted it before
/// the request comes: that, and not a call for the end, since the client has said that it is one.
#[test]
fn a_connection_for_one_request_costs_these_calls() {
    const CONNECTIONS: usize = 100;
    let folder = Scratch::new("syscalls-close");
    let program = answering(&folder);
    let one = || {
        let mut client = connect(program.port);
        program.rests();
        client.write_all(CLOSING).unwrap();
        closed_after_the_answer(&mut client);
        program.rests();
        drop(client);
        program.rests();
    };
    one();
    let calls = program.calls(|| (0..CONNECTIONS).for_each(|_| one()));
    let mut expected = each(&["epoll_ctl", "recvfrom", "sendto", "close"], CONNECTIONS);
    // The second says that nobody else waits.
    expected.insert("accept4".to_owned(), 2 * CONNECTIONS);
    // For who comes, for the room to write that a new connection has, and for the request.
    expected.insert("epoll_wait".to_owned(), 3 * CONNECTIONS);
    assert_eq!(without_memory(calls.made), expected);
    assert_eq!(calls.failed, each(&["accept4 EAGAIN"], CONNECTIONS));
    program.stop();
}

/// Those that come together share the waits and the call that says that nobody else does.
#[test]
fn connections_that_come_together_share_what_is_not_their_own() {
    const BATCHES: usize = 10;
    let folder = Scratch::new("syscalls-together");
    let program = answering(&folder);
    let together = || {
        program.signal(Signal::STOP);
        let mut clients: Vec<_> = (0..DEEP).map(|_| connect(program.port)).collect();
        clients.iter_mut().for_each(|client| client.write_all(CLOSING).unwrap());
        program.signal(Signal::CONT);
        clients.iter_mut().for_each(closed_after_the_answer);
        program.rests();
    };
    together();
    let mut calls = program.calls(|| (0..BATCHES).for_each(|_| together()));
    // Being stopped interrupts the wait, which is no doing of the server's.
    let interrupted = calls.failed.remove("epoll_wait EINTR").unwrap_or(0);
    *calls.made.get_mut("epoll_wait").unwrap() -= interrupted;
    let mut expected = each(&["epoll_ctl", "recvfrom", "sendto", "close"], DEEP * BATCHES);
    expected.insert("accept4".to_owned(), (DEEP + 1) * BATCHES);
    // For who comes, and for what they have sent.
    expected.insert("epoll_wait".to_owned(), 2 * BATCHES);
    assert_eq!(without_memory(calls.made), expected);
    assert_eq!(calls.failed, each(&["accept4 EAGAIN"], BATCHES));
    program.stop();
}

/// The calls but those of the allocator, of which there may be two in all: the room for deadlines is
/// given back at once when few are left of many, and grows by doubling.
fn without_memory(mut made: BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let memory = ["brk", "mmap", "mremap", "munmap"].map(|name| made.remove(name).unwrap_or(0));
    assert!(memory.iter().sum::<usize>() <= 2, "{memory:?}");
    made
}

fn closed_after_the_answer(client: &mut TcpStream) {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(CONTENT.as_bytes()));
}
