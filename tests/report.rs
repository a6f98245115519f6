//! The report at the end of a run, of the program, end to end: what clients did stands in it, and a
//! program can read it.

#![allow(clippy::unwrap_used, reason = "a step that fails ends its test, in the helpers as well")]

mod harness;

use std::io::{Read, Write};
use std::net::Shutdown;

use rustix::process::Signal;
use serde_json::{Value, json};

use harness::*;

const WHAT: &str = "answering 200 with 8 bytes";

/// Sends all of that on one connection, and reads until its end.
fn ask_all(port: u16, bytes: &[u8]) {
    let mut stream = connect(port);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

fn requests(count: usize) -> Vec<u8> {
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count)
}

fn parsed(lines: &[String]) -> Value {
    let [line] = lines else { panic!("not one line: {lines:?}") };
    serde_json::from_str(line).unwrap()
}

#[test]
fn every_request_stands_in_the_report() {
    for (workers, what) in [("-w1", WHAT.to_owned()), ("-w2", format!("{WHAT} by 2 workers"))] {
        let args = ["respond", "wazzzzap", "-p0", "--report=json", workers];
        let program = Program::start(&args);
        // All that is on standard output is the report.
        let port = program.port_beside(&what);
        for count in [1, 3, 16] {
            ask_all(port, &requests(count));
        }
        ask_all(port, b"nonsense\r\n\r\n");
        // One begins a head, and never ends it.
        let mut left = connect(port);
        left.write_all(b"GET /").unwrap();
        left.shutdown(Shutdown::Write).unwrap();
        left.read_to_end(&mut Vec::new()).unwrap();
        let open = connect(port);
        get(port, "/");
        program.signal(Signal::INT);
        let ended = program.end();
        drop(open);
        assert_eq!(ended.status.code(), Some(0));
        let report = parsed(&ended.out);
        for (path, expected) in [
            ("/requests", json!(22)),
            ("/statuses", json!({ "200": 21, "400": 1 })),
            ("/unsent", json!(0)),
            ("/latency/count", json!(22)),
            ("/outstanding/most", json!(16)),
            ("/connections/accepted", json!(7)),
            ("/connections/open", json!(0)),
            ("/connections/closed/stopped", json!(1)),
            ("/connections/closed/client-left", json!(1)),
            ("/connections/errors/read", json!(1)),
            ("/loops", json!(if workers == "-w1" { 1 } else { 2 })),
            ("/calls/accept4/failed", json!(0)),
            ("/verdict/limit", json!("unknown")),
        ] {
            assert_eq!(report.pointer(path), Some(&expected), "{workers}, {path}: {report:#}");
        }
        assert_eq!(report["received_bytes"], json!(requests(20).len() + 12 + 5 + get_size()));
        // In hundredths, of which so short a run may have had none.
        assert!(report["cpu_seconds"].is_f64(), "{report:#}");
        if cfg!(target_os = "linux") {
            assert!(report["accept_queue"]["overflows"].is_u64(), "{report:#}");
        }
    }
}

/// What the harness' own request takes.
fn get_size() -> usize {
    "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".len()
}

#[test]
fn the_report_is_text_unless_it_is_to_be_json() {
    let by_variable = ("ONELOOP_REPORT", "text");
    for (option, variable) in
        [(Some("--report"), None), (Some("--report=text"), None), (None, Some(by_variable))]
    {
        let mut command = oneloop(&["respond", "wazzzzap", "-p0"]);
        command.args(option).envs(variable).stdout(std::process::Stdio::piped());
        let program = Program::spawn(&mut command);
        get(program.port(WHAT), "/");
        let ended = program.stop();
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(ended.out[0], "Summary, as the server saw it:");
        let said = |line: &str| ended.out.iter().any(|found| found.trim() == line);
        assert!(said("Requests:     1") && said("[200] 1 response"), "{:?}", ended.out);
        let last = ended.out.last().unwrap();
        assert!(last.contains("too little to judge: 1 request in "), "{last}");
    }
}

#[test]
fn who_asks_for_no_report_gets_none() {
    let program = Program::start(&["respond", "wazzzzap", "-p0"]);
    get(program.port(WHAT), "/");
    let ended = program.stop();
    assert_eq!((ended.out, ended.err), (vec![], vec![]));
}

#[test]
fn a_folder_has_its_report_too_and_the_log_goes_before_it() {
    let folder = Scratch::new("report");
    folder.with("a", "wazzzzap");
    let root = folder.at("");
    let args = [text(&root), "-p0", "--report=json", "--access-log", "--sandbox"];
    let program = Program::start(&args);
    let port = program.port_beside(&format!("serving {}", text(&root)));
    get(port, "/a");
    get(port, "/b");
    let ended = program.stop();
    let (report, log) = ended.out.split_last().unwrap();
    assert_eq!(log.len(), 2, "{log:?}");
    let report = parsed(std::slice::from_ref(report));
    assert_eq!(report["statuses"], json!({ "200": 1, "404": 1 }));
    if cfg!(target_os = "linux") {
        assert!(report["accept_queue"]["drops"].is_u64(), "the sandbox does not hide it");
    }
}

#[test]
fn another_format_is_refused() {
    let expected = ["--report", "xml", "give text or json"];
    check_fails(&mut oneloop(&["respond", "--report=xml"]), 2, &expected);
}
