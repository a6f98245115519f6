//! The access log of the program, end to end: each format, rotation under load, what is lost where
//! nobody reads, and hostile clients.

#![allow(clippy::unwrap_used, reason = "a step that fails ends its test, in the helpers as well")]

mod harness;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use harness::*;

/// The program answering `x`, with its log in that file.
fn logging(log: &Path, options: &[&str]) -> (Program, u16) {
    let option = format!("--access-log={}", text(log));
    let program = Program::start(&[&["respond", "x", "-p0", &option], options].concat());
    let several = options.contains(&"-w2");
    let what = "answering 200 with 1 byte";
    let port = program.port(&format!("{what}{}", if several { " by 2 workers" } else { "" }));
    (program, port)
}

/// Sends this, and reads all there is to be had.
fn say(port: u16, bytes: &[u8]) -> String {
    let mut stream = connect(port);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

const ASKED: &[u8] =
    b"GET /a?b HTTP/1.1\r\nHost: test\r\nReferer: http://a/\"\r\nCookie: secret\r\n\
    User-Agent: agent/1 (x)\r\nAuthorization: Basic secret\r\nConnection: close\r\n\r\n";

/// Everything but the time and what it took.
#[test]
fn each_format_has_its_lines() {
    for (format, expected) in [
        ("clf", r#"127.0.0.1 - - [T] "GET /a?b HTTP/1.1" 200 1 S"#),
        (
            "combined",
            r#"127.0.0.1 - - [T] "GET /a?b HTTP/1.1" 200 1 "http://a/\x22" "agent/1 (x)""#,
        ),
        (
            "json",
            "{\"time\":\"T\",\"id\":\"c1.r1\",\"connection\":1,\"request\":1,\
             \"client\":\"127.0.0.1\",\"method\":\"GET\",\"target\":\"/a?b\",\
             \"version\":\"HTTP/1.1\",\"status\":200,\"bytes\":1,\"micros\":N,\
             \"close\":\"answered\",\"referer\":\"http://a/\\\"\",\"user_agent\":\"agent/1 (x)\"}",
        ),
        (
            "{{{id}}} {client} {method}|{target}|{version}|{line} {status} {bytes} {connection} \
             {request} {close} {referer} {user-agent}",
            "{c1.r1} 127.0.0.1 GET|/a?b|HTTP/1.1|GET /a?b HTTP/1.1 200 1 1 1 answered \
             http://a/\\x22 agent/1 (x)",
        ),
    ] {
        let folder = Scratch::new("formats");
        let log = folder.at("log");
        let (program, port) = logging(&log, &["--log-format", format]);
        assert!(say(port, ASKED).ends_with("\r\n\r\nx"));
        let ended = program.stop();
        assert!(ended.err.is_empty(), "{:?}", ended.err);
        let written = fs::read_to_string(&log).unwrap();
        let mut line = written.strip_suffix('\n').expect(&written).to_owned();
        // What differs from run to run.
        for (from, to, by) in [
            ("[", "]", "[T]"),
            ("\"time\":\"", "\"", "\"time\":\"T\""),
            ("\"micros\":", ",", "\"micros\":N,"),
            (" 200 1 0.", "", " 200 1 S"),
        ] {
            let Some(at) = line.find(from) else { continue };
            let begins = at + from.len();
            let len = line[begins..].find(to).filter(|_| !to.is_empty());
            let ends = len.map_or(line.len(), |len| begins + len + to.len());
            line.replace_range(at..ends, by);
        }
        assert_eq!(line, expected, "{format}");
        assert!(!written.contains("secret"));
    }
}

/// The variable does it too; and without a log it is nobody's mistake.
#[test]
fn the_format_may_come_from_the_environment() {
    let program = Program::spawn(
        oneloop(&["respond", "x", "-p0", "--access-log"])
            .env("ONELOOP_LOG_FORMAT", "{status} {target}")
            .stdout(Stdio::piped()),
    );
    get(program.port("answering 200 with 1 byte"), "/a");
    assert_eq!(program.said(), "200 /a");
    drop(program);
    let program = Program::spawn(
        oneloop(&["respond", "x", "-p0"]).env("ONELOOP_LOG_FORMAT", "json").stdout(Stdio::piped()),
    );
    check_body(program.port("answering 200 with 1 byte"), "/", "x");
}

#[test]
fn a_format_that_is_none_is_told_at_once() {
    let check = |args: &[&str], expected: &[&str]| check_fails(&mut oneloop(args), 2, expected);
    let wrong = ["--access-log", "--log-format", "{status} {statsu}"];
    check(&wrong, &["--log-format", "'{status} {statsu}'", "no {statsu}", "{user-agent}"]);
    check(&["--log-format", "json"], &["--log-format", "without --access-log; add that"]);
    check(&["--log-format", "json", "respond"], &["--log-format", "without --access-log"]);
    let mut command = oneloop(&["--access-log"]);
    let from = "(from ONELOOP_LOG_FORMAT)";
    check_fails(command.env("ONELOOP_LOG_FORMAT", "jsno"), 2, &["'jsno'", from, "clf, combined"]);
}

/// Whatever a client sends: every line is JSON, there is one for each answer, and each has the
/// reason for which its connection ends with it, if it does.
#[test]
fn every_line_parses_whatever_clients_send() {
    let folder = Scratch::new("hostile");
    let log = folder.at("log");
    let (program, port) = logging(&log, &["--log-format=json"]);
    let mut hostile: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"GET /\"},{\"status\":200 HTTP/1.1\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\nHost: x\n\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_vec(),
        [b"GET /".as_slice(), &[b'x'; 20_000], b" HTTP/1.1\r\n\r\n"].concat(),
    ];
    for byte in 0..=u8::MAX {
        let head = |line: &[u8], field: &[u8]| {
            let rest = b" HTTP/1.1\r\nHost: test\r\nReferer: a";
            let agent = [b"b\r\nUser-Agent: a".as_slice(), field, b"b\r\n\r\n"].concat();
            [b"GET /a".as_slice(), line, rest, field, &agent].concat()
        };
        hostile.push(head(&[byte], b""));
        hostile.push(head(b"", &[byte]));
    }
    let mut answers = 0;
    for bytes in &hostile {
        answers += say(port, bytes).matches("\r\nDate: ").count();
    }
    let keep = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    let pipelined = [keep.as_slice(), keep, ASKED].concat();
    assert_eq!(say(port, &pipelined).matches("HTTP/1.1 200").count(), 3);
    assert!(program.stop().err.is_empty());

    let lines: Vec<Value> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(lines.len(), answers + 3);
    let (hostile, pipelined) = lines.split_at(answers);
    let keys: Vec<_> = lines[0].as_object().unwrap().keys().collect();
    for line in hostile {
        assert!(line.as_object().unwrap().keys().eq(keys.iter().copied()));
        let is_refused = line["status"].as_u64().unwrap() >= 400;
        assert_eq!(line["close"] == "fault", is_refused, "{line}");
    }
    assert!(hostile.iter().filter(|line| line["status"] == 200).count() > 200);
    let reasons: Vec<_> = pipelined.iter().map(|line| line["close"].as_str()).collect();
    assert_eq!(reasons, [None, None, Some("answered")]);
    let agents: Vec<_> = pipelined.iter().map(|line| line["user_agent"].as_str()).collect();
    assert_eq!(agents, [None, None, Some("agent/1 (x)")]);
    let ids: Vec<_> = pipelined.iter().map(|line| line["request"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3]);
}

/// An answer that was cut off has the reason too, and a field is kept in part where it is long.
#[test]
fn a_cut_answer_says_why_and_long_fields_are_cut() {
    let folder = Scratch::new("cut");
    let (log, body) = (folder.at("log"), folder.with("body", vec![b'x'; 64 << 20]));
    let option = format!("--access-log={}", text(&log));
    let args = ["respond", "--body-file", text(&body), "-p0", &option, "--log-format=json"];
    let program = Program::start(&args);
    let port = program.port("answering 200 with 67108864 bytes");
    let mut client = connect(port);
    let agent = "a".repeat(3000);
    write!(client, "GET / HTTP/1.1\r\nHost: test\r\nUser-Agent: {agent}\r\n\r\n").unwrap();
    head_of(&mut client);
    drop(client);
    assert!(eventually(|| fs::read_to_string(&log).unwrap().ends_with('\n')));
    program.stop();
    let line: Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!((&line["status"], &line["close"]), (&200.into(), &"broken".into()));
    assert!(line["bytes"].as_u64().unwrap() < 64 << 20, "{line}");
    assert_eq!(line["user_agent"], "a".repeat(1024));
}

/// The log is renamed and the program told so, again and again, while clients ask: every request
/// has its line in one of the files, once, and every line is whole.
#[test]
fn rotation_under_load_loses_and_doubles_no_line() {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 320;
    const DEPTH: usize = 16;
    for options in
        [&["--log-format={id} {target} end"][..], &["--log-format={id} {target} end", "-w2"]]
    {
        let folder = Scratch::new("rotation");
        let log = folder.at("log");
        let (program, port) = logging(&log, options);
        let ask = |client: usize| {
            let mut stream = connect(port);
            for round in 0..ROUNDS {
                let mut requests = Vec::new();
                for at in 0..DEPTH {
                    let number = round * DEPTH + at;
                    let target = format!("/{client}/{number}");
                    write!(requests, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
                }
                stream.write_all(&requests).unwrap();
                (0..DEPTH).for_each(|_| drop(until(&mut stream, b"\r\n\r\nx")));
            }
        };
        let mut rotated: Vec<PathBuf> = Vec::new();
        std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..CLIENTS).map(|client| scope.spawn(move || ask(client))).collect();
            while !clients.iter().all(|client| client.is_finished()) {
                let old = folder.at(&format!("log.{}", rotated.len()));
                fs::rename(&log, &old).unwrap();
                rotated.push(old);
                program.signal(Signal::USR1);
                assert!(eventually(|| log.exists()), "it is made though no line may come");
            }
        });
        let ended = program.stop();
        assert!(ended.status.success() && ended.err.is_empty(), "{:?}", ended.err);
        let with_lines = rotated.iter().filter(|old| fs::metadata(old).unwrap().len() > 0).count();
        assert!(with_lines > 1, "{with_lines} of {} files", rotated.len());

        let (mut targets, mut ids, mut lines) = (BTreeSet::new(), BTreeSet::new(), 0);
        for file in rotated.iter().chain([&log]) {
            let written = fs::read_to_string(file).unwrap();
            assert!(written.is_empty() || written.ends_with('\n'), "half a line");
            for line in written.lines() {
                let parts: Vec<_> = line.split(' ').collect();
                let [id, target, "end"] = parts.as_slice() else { panic!("{line}") };
                // The number of a request on its connection is told by what it asked for.
                let number: usize = target.rsplit('/').next().unwrap().parse().unwrap();
                let request: usize = id.split(".r").nth(1).unwrap().parse().unwrap();
                assert_eq!(request, number + 1, "{line}");
                // Of several workers, too, no two give the same.
                assert!(ids.insert((*id).to_owned()), "{line}");
                lines += 1;
                targets.insert((*target).to_owned());
            }
        }
        assert_eq!((lines, targets.len()), (CLIENTS * ROUNDS * DEPTH, lines), "{options:?}");
    }
}

/// In the sandbox too; and where the file cannot be made, the one that was there goes on.
#[test]
fn a_log_is_reopened_in_the_sandbox_and_kept_where_it_cannot_be() {
    let folder = Scratch::new("reopen");
    folder.with("site/a", "a");
    fs::create_dir(folder.at("logs")).unwrap();
    let (site, log) = (folder.at("site"), folder.at("logs/log"));
    let option = format!("--access-log={}", text(&log));
    let args = [text(&site), "-p0", "--sandbox", &option, "--log-format={target}"];
    let program = Program::start(&args);
    let port = program.port(&format!("serving {}", text(&site)));
    get(port, "/1");
    assert!(eventually(|| fs::read_to_string(&log).unwrap() == "/1\n"));
    fs::rename(&log, folder.at("logs/old")).unwrap();
    program.signal(Signal::USR1);
    assert!(eventually(|| log.exists()));
    get(port, "/2");
    assert!(eventually(|| fs::read_to_string(&log).unwrap() == "/2\n"));

    fs::rename(folder.at("logs"), folder.at("gone")).unwrap();
    program.signal(Signal::USR1);
    let warning = loop {
        let line = program.complained();
        if !line.contains("this kernel") {
            break line;
        }
    };
    let begins = format!("oneloop: warning: cannot open the access log {} anew: ", text(&log));
    assert!(warning.starts_with(&begins) && warning.contains("; name a file"), "{warning}");
    get(port, "/3");
    let ended = program.stop();
    assert!(ended.status.success() && ended.err.is_empty(), "{:?}", ended.err);
    assert_eq!(fs::read_to_string(folder.at("gone/log")).unwrap(), "/2\n/3\n");
    assert_eq!(fs::read_to_string(folder.at("gone/old")).unwrap(), "/1\n");
}

/// A FIFO that nobody reads: lines are dropped, that is said while it runs, and once more at the
/// end, with how many; what was written and what was not is all there was.
#[test]
fn a_fifo_that_nobody_reads_costs_lines_and_says_so() {
    const REQUESTS: usize = 800;
    let folder = Scratch::new("fifo");
    let fifo = folder.at("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Both ends, so that neither side waits for the other to open it.
    let both = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let mut reader = fs::File::open(&fifo).unwrap();
    let (program, port) = logging(&fifo, &["--log-format={line}"]);
    let request = format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "x".repeat(8000));
    let mut client = connect(port);
    for _ in 0..REQUESTS {
        client.write_all(request.as_bytes()).unwrap();
        until(&mut client, b"\r\n\r\nx");
    }
    let warning = program.complained();
    let says = "oneloop: warning: lines missing in the access log so far: ";
    assert!(warning.starts_with(says), "{warning}");
    drop(client);
    let ended = program.stop();
    let [end] = ended.err.as_slice() else { panic!("{:?}", ended.err) };
    let missing = end.strip_prefix("oneloop: warning: lines missing in the access log: ").unwrap();
    let missing: usize = missing.split_once("; ").unwrap().0.parse().unwrap();
    drop(both);
    let mut written = String::new();
    reader.read_to_string(&mut written).unwrap();
    let written = written.matches('\n').count();
    assert!(missing > 0 && missing + written >= REQUESTS, "{missing} and {written}");
}

/// A disk that is full in the middle of a line: what is out of it is taken back, and once there is
/// another file the log goes on.
#[test]
fn a_full_disk_leaves_no_half_line() {
    const MOST: usize = 1024;
    let folder = Scratch::new("full");
    let log = folder.at("log");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let option = format!("--access-log={}", text(&log));
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_oneloop"), "respond", "x", "-p0", &option]);
    command.arg("--log-format={id} {target}").stdout(Stdio::piped());
    let program = Program::spawn(&mut command);
    let port = program.port("answering 200 with 1 byte");
    let mut client = connect(port);
    let target = "x".repeat(300);
    let ask = |client: &mut TcpStream, times: usize| {
        for _ in 0..times {
            write!(client, "GET /{target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
            until(client, b"\r\n\r\nx");
        }
    };
    ask(&mut client, 5);
    assert!(program.complained().contains("lines missing in the access log so far: "));
    fs::rename(&log, folder.at("old")).unwrap();
    program.signal(Signal::USR1);
    assert!(eventually(|| log.exists()));
    ask(&mut client, 1);
    assert!(eventually(|| fs::metadata(&log).unwrap().len() > 0));
    let ended = program.stop();
    let said = ended.err.last().unwrap().split_once("lines missing in the access log: ").unwrap();
    let missing: usize = said.1.split(';').next().unwrap().parse().unwrap();
    let lines = ["old", "log"].map(|name| {
        let written = fs::read_to_string(folder.at(name)).unwrap();
        assert!(written.len() <= MOST && written.ends_with('\n'), "{name}: {written}");
        assert!(written.lines().all(|line| line.ends_with(&target)), "{name}: {written}");
        written.lines().count()
    });
    // The first that found no room is told at once; one behind it may find the other file.
    assert_eq!((lines[0], lines[0] + lines[1] + missing), (3, 6));
    assert!((1..=2).contains(&lines[1]), "{lines:?}");
}

/// Without a file there is nothing to open, and the signal does what it always did.
#[test]
fn sigusr1_is_taken_only_where_there_is_a_file() {
    let program = Program::start(&["respond", "x", "-p0", "--access-log"]);
    program.port("answering 200 with 1 byte");
    program.signal(Signal::USR1);
    assert_eq!(program.end().status.code(), None);
}
