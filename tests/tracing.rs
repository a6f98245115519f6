//! `--trace` and `oneloop explain`: what the trace says is what strace saw, in the same order; what
//! is written is what trace viewers read; and a life reads like these transcripts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "tracing/events.rs"]
mod events;
mod harness;
#[path = "tracing/lives.rs"]
mod lives;
#[path = "tracing/seen.rs"]
mod seen;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::Signal;

use events::{LOOP, check_valid, connections, events};
use harness::strace::Traced;
use harness::{Program, Scratch, check_fails, connect, eventually, get, oneloop, text};
use seen::{seen_by_strace, told_by_trace};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const CLOSING: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const CONTENT: &str = "wazzzzap";
const MIB: usize = 1 << 20;

/// Sends that, and reads so many answers that end in the content.
fn ask(client: &mut TcpStream, request: &[u8], answers: usize) {
    client.write_all(request).unwrap();
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while read.windows(CONTENT.len()).filter(|end| *end == CONTENT.as_bytes()).count() < answers {
        let n = client.read(&mut buffer).unwrap();
        assert!(n > 0, "it ended after {} bytes", read.len());
        read.extend_from_slice(&buffer[..n]);
    }
}

/// 1,000 requests: on kept connections, pipelined, and each on a connection of its own.
fn a_thousand_requests(port: u16) {
    let mut kept: Vec<_> = (0..5).map(|_| connect(port)).collect();
    for _ in 0..60 {
        kept.iter_mut().for_each(|client| ask(client, GET, 1));
    }
    for _ in 0..25 {
        kept.iter_mut().take(2).for_each(|client| ask(client, &GET.repeat(10), 10));
    }
    drop(kept);
    for _ in 0..200 {
        let mut client = connect(port);
        ask(&mut client, CLOSING, 1);
        assert_eq!(client.read(&mut [0; 16]).unwrap(), 0);
    }
}

/// The program, traced by itself and by strace.
fn start(folder: &Scratch, args: &[&str], what: &str) -> Traced {
    let trace = folder.at("trace.json");
    let args: Vec<_> = args.iter().copied().chain(["--trace", text(&trace)]).collect();
    Traced::start(folder, &args, what)
}

fn answering(folder: &Scratch) -> Traced {
    start(folder, &["respond", CONTENT], "answering 200 with 8 bytes")
}

/// Ends it, and compares what both have seen, call by call. How many calls there were.
fn check_calls(folder: &Scratch, traced: Traced) -> Vec<String> {
    let (pid, written) = (traced.pid.clone(), traced.written.clone());
    traced.stop();
    let seen = seen_by_strace(&fs::read_to_string(written).unwrap(), &pid);
    let trace = fs::read_to_string(folder.at("trace.json")).unwrap();
    let told = told_by_trace(&trace);
    let differ = seen.iter().zip(&told).position(|(seen, told)| seen != told);
    let around = differ.unwrap_or_else(|| seen.len().min(told.len()));
    let near = |all: &[String]| {
        all[around.saturating_sub(5).min(all.len())..(around + 5).min(all.len())].join("\n  ")
    };
    assert_eq!(
        (differ, seen.len()),
        (None, told.len()),
        "at {around}, strace:\n  {}\nthe trace:\n  {}",
        near(&seen),
        near(&told)
    );
    check_valid(&trace);
    told
}

fn count(calls: &[String], of: &str) -> usize {
    calls.iter().filter(|call| call.starts_with(of)).count()
}

#[test]
fn a_thousand_requests_make_the_calls_that_strace_sees() {
    let folder = Scratch::new("tracing-calls");
    let program = answering(&folder);
    a_thousand_requests(program.port);
    program.rests();
    let calls = check_calls(&folder, program);
    // Five connections of 60 requests, two of them with 25 times 10 more, and 200 of one.
    // Where a turn is long, as under strace, ten answers may leave in two.
    assert!((5 * 60 + 2 * 25 + 200..1000).contains(&count(&calls, "sendto = ")));
    assert_eq!(count(&calls, "close = 0"), 205);
    assert_eq!(count(&calls, "accept4 = "), 205 + count(&calls, "accept4 = -1 EAGAIN"));
    let trace = fs::read_to_string(folder.at("trace.json")).unwrap();
    let asked = events(&trace).iter().filter(|event| event["name"] == "asked").count();
    assert_eq!(asked, 1000);
}

/// Files leave by sendfile or by sendmsg, and clients that do not read make sockets full.
#[test]
fn files_make_the_calls_that_strace_sees() {
    let folder = Scratch::new("tracing-files");
    folder.with("www/large", vec![b'x'; 40 * MIB]);
    folder.with("www/small", vec![b'x'; 100 * 1024]);
    folder.with("www/index.html", CONTENT);
    let www = folder.at("www");
    let program = start(&folder, &[text(&www)], &format!("serving {}", www.display()));
    for _ in 0..3 {
        assert_eq!(get(program.port, "/small").1.len(), 100 * 1024);
        assert_eq!(get(program.port, "/").1, CONTENT.as_bytes());
    }
    let mut client = connect(program.port);
    client.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    program.rests();
    let mut read = Vec::new();
    client.read_to_end(&mut read).unwrap();
    assert!(read.len() > 40 * MIB);
    program.rests();
    let calls = check_calls(&folder, program);
    for call in
        ["sendfile = 1048576", "sendfile = -1 EAGAIN", "preadv2", "sendmsg = 1", "close = 0"]
    {
        assert!(count(&calls, call) > 0, "{call}");
    }
}

/// Half of what is sent is not HTTP, some leave in the middle, and one resets.
#[test]
fn what_goes_wrong_makes_the_calls_that_strace_sees() {
    let folder = Scratch::new("tracing-faults");
    let program = answering(&folder);
    for bytes in [&b"\x16\x03\x01 nonsense\r\n\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", b"GET /", b""] {
        let mut client = connect(program.port);
        client.write_all(bytes).unwrap();
        program.rests();
    }
    let reset = connect(program.port);
    let now = Some(std::time::Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(&reset, now).unwrap();
    program.rests();
    drop(reset);
    program.rests();
    let calls = check_calls(&folder, program);
    for call in ["shutdown", "recvfrom = 0", "recvfrom = -1 ECONNRESET"] {
        assert!(count(&calls, call) > 0, "{call}: {calls:?}");
    }
}

/// Of the trace of a program that runs, what it is to say by now.
fn wait_for(trace: &Path, what: &str) {
    assert!(eventually(|| fs::read_to_string(trace).unwrap().contains(what)), "{what}");
}

/// Starts it, does that, and ends it; the trace.
fn traced(folder: &Scratch, args: &[&str], does: impl FnOnce(u16)) -> String {
    let trace = folder.at("trace.json");
    let mut all = vec!["respond", CONTENT, "-p0", "--trace", text(&trace)];
    all.extend(args);
    let program = Program::start(&all);
    let workers = if args.contains(&"-w2") { " by 2 workers" } else { "" };
    does(program.port(&format!("answering 200 with 8 bytes{workers}")));
    let ended = program.stop();
    assert_eq!((ended.status.code(), ended.err), (Some(0), vec![]));
    let trace = fs::read_to_string(trace).unwrap();
    check_valid(&trace);
    trace
}

#[test]
fn nothing_that_a_client_says_is_in_a_trace_and_it_is_its_owners() {
    let folder = Scratch::new("tracing-private");
    let trace = traced(&folder, &["--access-log"], |port| {
        let mut client = connect(port);
        let body = "POST /hush HTTP/1.1\r\nHost: hush\r\nCookie: hush\r\n\
                    Content-Length: 4\r\n\r\nhush";
        ask(&mut client, body.as_bytes(), 1);
    });
    assert!(!trace.contains("hush") && !trace.contains(CONTENT));
    let mode = fs::metadata(folder.at("trace.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_filter_picks_connections() {
    let folder = Scratch::new("tracing-filter");
    for (filter, picked) in [
        ("sample=1", vec![1, 2, 3, 4, 5]),
        ("sample=2", vec![1, 3, 5]),
        ("sample=9", vec![1]),
        ("client=127.0.0.1", vec![1, 2, 3, 4, 5]),
        ("client=127.0.0.2", vec![]),
    ] {
        let trace = traced(&folder, &["--trace-filter", filter], |port| {
            (0..5).for_each(|_| assert_eq!(get(port, "/").1, CONTENT.as_bytes()));
        });
        assert_eq!(connections(&trace), picked, "{filter}");
        assert!(trace.contains("\"epoll_wait\""), "the loop itself always is");
    }
}

#[test]
fn each_worker_is_a_process_of_the_trace() {
    let folder = Scratch::new("tracing-workers");
    let trace = traced(&folder, &["-w2"], |port| {
        (0..64).for_each(|_| assert_eq!(get(port, "/").1, CONTENT.as_bytes()));
    });
    for worker in [1, 2] {
        let of_it = |event: &&serde_json::Value| event["pid"] == worker && event["tid"] != LOOP;
        assert!(events(&trace).iter().filter(of_it).count() > 0, "worker {worker}");
    }
    let file = folder.at("trace.json");
    let listed = Program::start(&["explain", text(&file)]).end();
    // The second worker's connections have the even numbers.
    for name in ["c1", "c2"] {
        let is_its = |line: &String| line.starts_with(&format!("{name} "));
        assert!(listed.out.iter().any(is_its), "{name}: {:?}", listed.out);
    }
    let told = Program::start(&["explain", text(&file), "c2"]).end();
    assert!(told.out.len() > 5 && told.status.success());
}

#[test]
fn a_trace_ends_where_it_has_its_size() {
    let folder = Scratch::new("tracing-full");
    let trace = folder.at("trace.json");
    let args = ["respond", CONTENT, "-p0", "--trace", text(&trace), "--trace-bytes", "64KiB"];
    let program = Program::start(&args);
    let mut client = connect(program.port("answering 200 with 8 bytes"));
    (0..200).for_each(|_| ask(&mut client, GET, 1));
    let said = program.complained();
    assert!(said.contains("the trace ends here") && said.contains("--trace-bytes"), "{said}");
    // And it goes on.
    (0..200).for_each(|_| ask(&mut client, GET, 1));
    assert_eq!(program.stop().err, Vec::<String>::new());
    let text_of = fs::read_to_string(&trace).unwrap();
    assert!((60 * 1024..64 * 1024).contains(&text_of.len()), "{}", text_of.len());
    let events = events(&text_of);
    assert_eq!(events.last().unwrap()["name"], "full");
    let told = Program::start(&["explain", text(&trace), "c1"]).end().out;
    assert!(told.iter().any(|line| line.contains("— the trace was full —")), "{told:?}");
}

/// On a disk without room.
#[cfg(target_os = "linux")]
#[test]
fn a_trace_that_cannot_be_written_ends_and_the_server_goes_on() {
    let program = Program::start(&["respond", CONTENT, "-p0", "--trace", "/dev/full"]);
    let port = program.port("answering 200 with 8 bytes");
    let said = program.complained();
    assert!(said.contains("the trace ends here: it cannot be written"), "{said}");
    assert_eq!(get(port, "/").1, CONTENT.as_bytes());
    assert_eq!(program.stop().err, Vec::<String>::new());
}

#[test]
fn the_trace_of_a_server_that_was_killed_can_be_read() {
    let folder = Scratch::new("tracing-killed");
    let trace = folder.at("trace.json");
    let program = Program::start(&["respond", CONTENT, "-p0", "--trace", text(&trace)]);
    let mut client = connect(program.port("answering 200 with 8 bytes"));
    ask(&mut client, GET, 1);
    // Though the loop waits from then on, it comes to the file at once.
    wait_for(&trace, r#""armed""#);
    program.signal(Signal::KILL);
    assert!(!program.end().status.success());
    let mut written = fs::read_to_string(&trace).unwrap();
    assert!(!written.trim_end().ends_with(']'));
    assert!(!events(&format!("{written}\n]")).is_empty());
    written.push_str(",\n{\"ph\":\"i\",\"na");
    fs::write(&trace, written).unwrap();
    let told = Program::start(&["explain", text(&trace), "c1"]).end();
    assert!(told.status.success(), "{:?}", told.err);
    let last = told.out.last().unwrap();
    assert!(last.ends_with("— the trace ends before the connection does —"), "{last}");
}

/// What was written last has no line break behind it, and is whole.
#[test]
fn who_is_not_in_the_trace_of_a_killed_server_is_not_told_of() {
    let folder = Scratch::new("tracing-nobody");
    let trace = folder.at("trace.json");
    traced(&folder, &[], |port| drop(get(port, "/")));
    let written = fs::read_to_string(&trace).unwrap();
    let (written, _) = written.rsplit_once("\n{\"ph\":\"X\",\"name\":\"epoll_wait\"").unwrap();
    fs::write(&trace, written.trim_end_matches(',')).unwrap();
    let args = ["explain", text(&trace), "c9"];
    check_fails(&mut oneloop(&args), 1, &["no connection c9", "lists them"]);
}

#[test]
fn a_trace_that_is_being_written_is_nobody_elses() {
    let folder = Scratch::new("tracing-taken");
    let trace = folder.at("trace.json");
    let written = traced(&folder, &[], |port| {
        assert_eq!(get(port, "/").1, CONTENT.as_bytes());
        let args = ["respond", "-p0", "--trace", text(&trace)];
        let expected = ["cannot write the trace", "another process writes it", text(&trace)];
        check_fails(&mut oneloop(&args), 1, &expected);
        assert_eq!(get(port, "/").1, CONTENT.as_bytes());
    });
    assert_eq!(connections(&written), [1, 2]);
    // Later it is emptied and written anew.
    assert_eq!(connections(&traced(&folder, &[], |port| drop(get(port, "/")))), [1]);
}

/// However long a call and its result are, a gap is behind them.
#[test]
fn what_a_call_means_stands_apart_from_it() {
    let folder = Scratch::new("tracing-apart");
    traced(&folder, &[], |port| {
        let reset = connect(port);
        let now = Some(std::time::Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&reset, now).unwrap();
        wait_for(&folder.at("trace.json"), r#""armed""#);
        drop(reset);
        wait_for(&folder.at("trace.json"), r#""name":"closed""#);
    });
    let told = Program::start(&["explain", text(&folder.at("trace.json")), "c1"]).end().out;
    let expected = " ms  recvfrom = -1 ECONNRESET recv failed: connection reset  (";
    assert!(told.iter().any(|line| line.contains(expected)), "{}", told.join("\n"));
}

/// A file that looks like a trace may have any numbers.
#[test]
fn numbers_beyond_all_bounds_are_the_largest_that_there_are() {
    let folder = Scratch::new("tracing-numbers");
    let mark = r#"{"ph":"M","name":"oneloop_trace","pid":1,"tid":1,"ts":0,"args":{}}"#;
    let at = r#""pid":1,"tid":1,"ts":1e300,"dur":1e300"#;
    let read = format!(
        r#"{{"ph":"X","name":"recvfrom",{at},"cat":"call","args":{{"ret":{0},"of":{0}}}}}"#,
        u64::MAX
    );
    let moved = format!(r#"{{"ph":"X","name":"idle",{at},"cat":"phase","args":{{"to":"head"}}}}"#);
    let args = format!(r#"{{"events":1,"limit_ms":{}}}"#, i64::MAX);
    let of_loop = at.replacen(r#""tid":1"#, &format!(r#""tid":{LOOP}"#), 1);
    let waited =
        format!(r#"{{"ph":"X","name":"epoll_wait",{of_loop},"cat":"wait","args":{args}}}"#);
    let missing = format!(
        r#"{{"ph":"i","name":"missing","pid":1,"tid":{LOOP},"ts":1,"args":{{"steps":{}}}}}"#,
        u64::MAX
    );
    let lines = [mark, &read, &waited, &read, &missing, &missing, &moved];
    let file = folder.with("trace.json", format!("[\n{}\n]\n", lines.join(",\n")));
    for of in [&[][..], &["c1"]] {
        let told = Program::start(&[&["explain", text(&file)], of].concat()).end();
        assert!(told.status.success() && told.out.len() > 3, "{of:?}: {:?}", told.err);
    }
}

#[test]
fn what_keeps_a_trace_from_being_written_or_told_is_one_line() {
    let folder = Scratch::new("tracing-errors");
    let none = folder.at("none/trace.json");
    let args = ["respond", "-p0", "--trace", text(&none)];
    check_fails(&mut oneloop(&args), 1, &["cannot write the trace", text(&none)]);
    check_fails(&mut oneloop(&["explain", text(&none)]), 1, &["cannot read", text(&none)]);
    check_fails(&mut oneloop(&["explain", text(&folder.0)]), 1, &["is no trace"]);
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("bracket", b"[\n"),
        ("other", b"[\n{\"ph\":\"M\",\"name\":\"x\",\"pid\":1,\"tid\":1}\n]"),
        ("binary", b"\xff\xfe\0\n\0"),
        ("endless", &[b'x'; 1 << 16]),
    ] {
        let file = folder.with(name, bytes);
        check_fails(&mut oneloop(&["explain", text(&file)]), 1, &["is no trace", text(&file)]);
    }
    let args = ["respond", "-p0", "--trace-filter", "sample=2"];
    check_fails(&mut oneloop(&args), 2, &["--trace-filter", "without --trace"]);
    traced(&folder, &[], |port| drop(get(port, "/")));
    let trace = folder.at("trace.json");
    let args = ["explain", text(&trace), "c9"];
    check_fails(&mut oneloop(&args), 1, &["no connection c9", "lists them"]);
    // A line that is none, and not the last.
    let mut written = fs::read_to_string(&trace).unwrap();
    written.insert_str(written.rfind("\n]").unwrap(), ",\nnonsense");
    fs::write(&trace, written).unwrap();
    check_fails(&mut oneloop(&["explain", text(&trace)]), 1, &["is no trace", "(line "]);
}
