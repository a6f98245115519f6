//! What `oneloop explain` says of three lives, held against transcripts with their times masked.
//!
//! A change of words shows here; `UPDATE=1` writes the transcripts anew.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use super::harness::{Program, Scratch, connect, eventually, text};
use super::{CLOSING, GET, MIB, ask, wait_for};

fn explained(args: &[&str]) -> Vec<String> {
    let ended = Program::start(&[&["explain"], args].concat()).end();
    assert!(ended.status.success(), "{:?}", ended.err);
    ended.out
}

/// A number and its unit, as the time at a line's beginning or the length of a wait, as `#`.
fn masked(line: &str) -> String {
    let (time, rest) = line.split_at(line.len().min(15));
    let time = if time.trim().ends_with(" ms") { "           # ms" } else { time };
    let mut masked = time.to_owned();
    let mut rest = rest;
    while let Some((before, after)) = rest.split_once("— waits ") {
        let length = after.find([',', '—']).unwrap_or(after.len());
        masked.push_str(before);
        masked.push_str("— waits # ");
        rest = after[length..].trim_start();
    }
    masked + rest
}

#[track_caller]
fn check_life(name: &str, lines: &[String]) {
    let told: String = lines.iter().map(|line| masked(line) + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tracing").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &told).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(told, expected, "{name}; the words have changed, or what is done has");
}

/// The life of the one connection that is made while it runs with those options.
fn life(name: &str, args: &[&str], ends: &str, does: impl FnOnce(u16, &Path)) -> Vec<String> {
    let folder = Scratch::new(name);
    let trace = folder.at("trace.json");
    let program = Program::start(&[args, &["-p0", "--trace", text(&trace)]].concat());
    let line = program.said();
    let port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    does(port, &trace);
    wait_for(&trace, ends);
    assert!(program.stop().status.success());
    explained(&[text(&trace), "c1"])
}

/// How often it is said in the trace so far.
fn times(trace: &Path, what: &str) -> usize {
    fs::read_to_string(trace).unwrap().matches(what).count()
}

#[test]
fn the_life_of_a_kept_connection() {
    let args = ["respond", "wazzzzap"];
    let told = life("lives-kept", &args, r#""name":"closed""#, |port, trace| {
        let mut client = connect(port);
        assert!(eventually(|| times(trace, "\"armed\"") == 1));
        ask(&mut client, GET, 1);
        assert!(eventually(|| times(trace, "\"sent\"") == 1));
        ask(&mut client, &GET.repeat(3), 3);
        ask(&mut client, CLOSING, 1);
        assert_eq!(client.read(&mut [0; 16]).unwrap(), 0);
    });
    check_life("kept.txt", &told);
}

#[test]
fn the_life_of_a_slow_sender() {
    let args = ["respond", "wazzzzap"];
    let told = life("lives-slow", &args, r#""name":"closed""#, |port, trace| {
        let mut client = connect(port);
        for (at, piece) in ["GET / HT", "TP/1.1\r\nHost", ": x\r\n\r\n"].iter().enumerate() {
            assert!(eventually(|| times(trace, "\"armed\"") == at + 1));
            client.write_all(piece.as_bytes()).unwrap();
        }
        ask(&mut client, b"", 1);
    });
    check_life("slow.txt", &told);
}

#[test]
fn the_life_of_one_who_never_reads() {
    let folder = Scratch::new("lives-large");
    let large = folder.with("large", vec![b'x'; 64 * MIB]);
    let args = ["respond", "--body-file", text(&large), "--write-timeout=200ms"];
    let told = life("lives-never", &args, r#""name":"closed""#, |port, trace| {
        let mut client = connect(port);
        assert!(eventually(|| times(trace, "\"armed\"") == 1));
        client.write_all(GET).unwrap();
        assert!(eventually(|| times(trace, "\"name\":\"closed\"") == 1));
    });
    let told: Vec<_> = told.iter().map(|line| without_sizes(line)).collect();
    check_life("never.txt", &without_afterthoughts(told));
}

/// How much a socket takes is the kernel's business.
fn without_sizes(line: &str) -> String {
    let (time, rest) = line.split_at(line.len().min(15));
    let is_size =
        |word: &str| word.len() > 4 && word.bytes().all(|b| b.is_ascii_digit() || b == b',');
    let words = rest.split(' ').map(|word| if is_size(word) { "N" } else { word });
    let line = format!("{time}{}", words.collect::<Vec<_>>().join(" "));
    match line
        .split_once("takes more, ")
        .and_then(|(is, rest)| Some((is, rest.split_once(" at most")?)))
    {
        Some((is, (_, most))) => format!("{is}takes more, # at most{most}"),
        None => line,
    }
}

/// A kernel may find a little more room behind its first word: a wait, an event, a short write, and
/// another wait. How often is its business, too.
fn without_afterthoughts(mut lines: Vec<String>) -> Vec<String> {
    let has = |line: &String, what: &[&str]| what.iter().any(|what| line.contains(what));
    let is_one = |four: &[String]| {
        has(&four[0], &["epoll_wait = 1"])
            && has(&four[1], &[" writable"])
            && has(&four[2], &["a short write", "EAGAIN"])
            && has(&four[3], &["waits until the client takes more"])
    };
    while let Some(at) = lines.windows(4).position(is_one) {
        lines.drain(at..at + 4);
    }
    lines
}

/// Many requests that are alike are counted; with `--all` they are told.
#[test]
fn a_long_life_is_shortened() {
    let folder = Scratch::new("lives-long");
    let trace = folder.at("trace.json");
    let program = Program::start(&["respond", "wazzzzap", "-p0", "--trace", text(&trace)]);
    let mut client = connect(program.port("answering 200 with 8 bytes"));
    (0..500).for_each(|_| ask(&mut client, GET, 1));
    ask(&mut client, &GET.repeat(60), 60);
    drop(client);
    wait_for(&trace, r#""name":"closed""#);
    assert!(program.stop().status.success());
    let told = explained(&[text(&trace), "c1"]);
    let has = |what: &str| told.iter().any(|line| line.contains(what));
    assert!(told.len() < 150, "{}", told.join("\n"));
    assert!(has("… requests 3 to 499 go like this …"), "{}", told.join("\n"));
    assert!(has("… requests 503 to 558 go like this …"), "{}", told.join("\n"));
    let all = explained(&["--all", text(&trace), "c1"]);
    let asked = all.iter().filter(|line| line.contains("goes to the responder")).count();
    assert_eq!(asked, 560);
    let listed = explained(&[text(&trace)]);
    let row: Vec<_> = listed[1].split_whitespace().collect();
    let received = (560 * GET.len()).to_string();
    assert_eq!((row[0], row[3], row[4].replace(',', "")), ("c1", "560", received), "{listed:?}");
    assert!(listed[1].ends_with("the client closed it"), "{listed:?}");
}
