//! The program when there is not enough of something: everybody is served in the end, one line is
//! logged, nothing spins and nothing dies.

#![allow(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod harness;

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use harness::{Program, Scratch, connect, text, until};

/// `oneloop respond wazzzzap`, which may open so many files.
fn with_open_files(limit: u32) -> Program {
    limited(limit, "respond wazzzzap")
}

/// oneloop, asked for that, which may open so many files.
fn limited(limit: u32, asked: &str) -> Program {
    let program = env!("CARGO_BIN_EXE_oneloop");
    let script = format!("ulimit -n {limit} && exec {program} {asked} --port 0");
    Program::spawn(Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()))
}

/// One request, answered; the connection is kept if the server keeps it.
fn served(mut client: TcpStream) -> TcpStream {
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let answer = until(&mut client, b"wazzzzap");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    client
}

/// So many clients at once, each of which keeps its connection until all have been served. All have
/// connected before the first of them asks, so that there are too many however slow the machine is.
fn serve(port: u16, clients: usize) -> Vec<TcpStream> {
    let clients: Vec<_> = (0..clients).map(|_| connect(port)).collect();
    let threads: Vec<_> =
        clients.into_iter().map(|client| thread::spawn(move || served(client))).collect();
    threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
}

/// Whether the program logged that one line and nothing else.
fn check_one_warning(program: Program, expected: &str) {
    let ended = program.stop();
    assert_eq!(ended.err.len(), 1, "{:?}", ended.err);
    assert!(ended.err[0].starts_with("oneloop: warning: "), "{:?}", ended.err);
    assert!(ended.err[0].contains(expected), "{:?}", ended.err);
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn two_hundred_clients_are_served_with_sixty_four_descriptors() {
    let program = with_open_files(64);
    let port = program.port("answering 200 with 8 bytes");
    let clients = serve(port, 200);
    drop(clients);
    check_one_warning(program, "every connection is taken");
}

/// Connections are not granted what the workers need for themselves.
#[test]
fn workers_leave_descriptors_for_files() {
    let folder = Scratch::new("exhaustion");
    folder.with("www/f", "wazzzzap");
    let www = folder.at("www");
    let program = limited(64, &format!("{} --workers 4", text(&www)));
    let port = program.port(&format!("serving {} by 4 workers", www.display()));
    for _ in 0..40 {
        let mut client = connect(port);
        client.write_all(b"GET /f HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let answer = until(&mut client, b"\r\n\r\nwazzzzap");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    assert_eq!(program.stop().status.code(), Some(0));

    let ended = limited(64, "respond wazzzzap --workers 8").end();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.err.len(), 1, "{:?}", ended.err);
    assert!(ended.err[0].contains("raise the limit (ulimit -n) or take fewer"), "{:?}", ended.err);
}

#[test]
fn descriptors_taken_away_while_it_runs_stop_nobody() {
    let program = with_open_files(1024);
    let port = program.port("answering 200 with 8 bytes");
    let kept = serve(port, 30);
    let limit = Rlimit { current: Some(20), maximum: Some(20) };
    prlimit(Some(Pid::from_child(&program.child)), Resource::Nofile, limit).unwrap();
    // No further descriptor can be had before half of the kept connections have made room.
    let more = serve(port, 30);
    drop((kept, more));
    check_one_warning(program, "out of file descriptors");
}
