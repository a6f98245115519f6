//! How a conversation is written down, and how it is held: four times, with the client's bytes
//! whole and one by one, and with a socket that takes all of an answer and one byte at a time.
//!
//! ```text
//! % requests 2                 the terms: before everything else
//! > GET / HTTP/1.1             what the client sends; a line ends with CR LF,
//! > Host: x                    unless it ends with a backslash
//! >
//! ! 200 hi                     what the responder will say, see `script.rs`; before it is asked
//! < HTTP/1.1 200 OK            all that has come back since; behind a status line stands the Date,
//! < Content-Length: 2          which is not written here
//! <
//! < hi\
//! <# 400 What was wrong.       a whole last answer in short: status and text
//! @ 10s                        time passes
//! ~ blocked                    the client takes nothing any more; `~ takes 5`; `~ takes all`
//! ~ half-close                 the client shuts its half; `~ reset`; `~ resets unseen`: no event
//! ~ wake                       a wake is rung; `~ turn`: the loop comes round
//! ~ cold                       no file is in memory any more; `~ hot`: all are
//! ~ crowded                    no helper is to be had; `~ uncrowded`
//! ~ warmed                     a helper has read ten bytes of a file, and rings
//! ~ winding down               every answer is to be the last; `~ cut off`: the loop closes it
//! # 1                          how many requests it has made
//! = idle                       the phase; or in the end, in words, the fate
//! ```
//!
//! What came back must be said before anything else happens, and it must be all of it.

use oneloop::connection::Phase;
use oneloop::{CloseReason, Limits, StatusCode};

use super::driver::{DATE, Driver, Leaving};
use super::script::Script;
use super::text::{bytes, duration};

/// How a conversation is held.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// How many bytes the client sends at once.
    per_read: usize,
    /// How many bytes the socket takes at once.
    per_write: usize,
}

/// Holds the conversation in all four manners.
pub(crate) fn converse(transcript: &str) {
    hold(transcript, &[1, usize::MAX]);
}

/// Holds the conversation with the client's bytes whole, where it matters what arrives together.
pub(crate) fn converse_whole(transcript: &str) {
    hold(transcript, &[usize::MAX]);
}

fn hold(transcript: &str, pieces: &[usize]) {
    for &per_read in pieces {
        for per_write in [1, usize::MAX] {
            let manner = Manner { per_read, per_write };
            let mut conversation = Conversation::new(transcript, manner);
            conversation.run(transcript);
        }
    }
}

struct Conversation {
    driver: Driver<Script>,
    manner: Manner,
    /// Where in the transcript it is, for who reads that it failed.
    at: usize,
}

impl Conversation {
    fn new(transcript: &str, manner: Manner) -> Self {
        let mut script = Script::default();
        for line in marked(transcript, '!') {
            script.says(line);
        }
        let mut limits = Limits::default();
        for line in marked(transcript, '%') {
            set(&mut limits, line);
        }
        Self { driver: Driver::new(script, limits, manner.per_write), manner, at: 0 }
    }

    fn run(&mut self, transcript: &str) {
        let lines: Vec<&str> = transcript.lines().map(str::trim_start).collect();
        let mark = |line: &str| line.chars().next();
        let mut is_settled = false;
        while self.at < lines.len() {
            let line = lines[self.at];
            let like_it = |other: &&&str| mark(other) == mark(line);
            let together = match mark(line) {
                Some('>' | '<') => lines[self.at..].iter().take_while(like_it).count(),
                _ => 1,
            };
            let block = &lines[self.at..self.at + together];
            self.at += together;
            match mark(line) {
                None | Some('!' | '%') => continue,
                Some('<') => self.came_back(block),
                Some('>') => self.sends(block),
                Some('@') => self.happens(|driver| driver.pass(duration(&line[1..]))),
                Some('~') => self.meanwhile(line[1..].trim()),
                Some('=') => self.stands(line[1..].trim()),
                Some('#') => self.has_made(line[1..].trim()),
                Some(other) => panic!("no line begins with {other:?}"),
            }
            is_settled = mark(line) == Some('=');
        }
        assert!(is_settled, "a transcript says last how it ended");
        assert!(
            self.driver.responder.is_over(),
            "not all of the script was said\n{}",
            self.place()
        );
        self.driver.read_back();
    }

    fn place(&self) -> String {
        format!("in {:?}, before line {} of the transcript", self.manner, self.at + 1)
    }

    /// Nothing may have come back that was not said.
    fn happens(&mut self, what: impl FnOnce(&mut Driver<Script>)) {
        self.expect(b"");
        what(&mut self.driver);
    }

    fn sends(&mut self, block: &[&str]) {
        let sent: Vec<u8> = block.iter().flat_map(|line| line_bytes(&line[1..])).collect();
        let per_read = self.manner.per_read;
        self.happens(|driver| {
            for piece in sent.chunks(per_read.min(sent.len())) {
                driver.receive(piece);
            }
        });
    }

    fn meanwhile(&mut self, what: &str) {
        self.happens(|driver| match what {
            "blocked" => driver.socket.window = 0,
            "takes all" => {
                driver.socket.window = usize::MAX;
                driver.settle();
            }
            "half-close" => driver.leave(Leaving::Ended),
            "reset" => driver.leave(Leaving::Reset),
            "resets unseen" => driver.socket.leaving = Some(Leaving::Reset),
            "wake" => driver.wake(),
            "turn" => driver.settle(),
            "cold" => driver.disk.is_cold = true,
            "hot" => driver.disk.is_cold = false,
            "crowded" => driver.disk.is_crowded = true,
            "uncrowded" => driver.disk.is_crowded = false,
            "warmed" => {
                driver.disk.job.set();
                driver.wake();
            }
            "cut off" => driver.connection.close(CloseReason::CutOff),
            "winding down" => driver.is_last = true,
            _ => {
                let n = what.strip_prefix("takes ").and_then(|n| n.parse().ok());
                driver.socket.window = n.expect("~ takes N");
                driver.settle();
            }
        });
    }

    fn came_back(&mut self, block: &[&str]) {
        let expected: Vec<u8> = block.iter().flat_map(|line| answer_line(&line[1..])).collect();
        self.expect(&expected);
    }

    fn expect(&mut self, expected: &[u8]) {
        let reached = self.driver.socket.unseen().to_vec();
        if reached != expected {
            let same = reached.iter().zip(expected).take_while(|(a, b)| a == b).count();
            let (reached, expected) = (shown(&reached, same), shown(expected, same));
            panic!("{}\n--- came back:\n{reached}\n--- expected:\n{expected}", self.place());
        }
    }

    fn has_made(&self, requests: &str) {
        let made = self.driver.connection.requests().to_string();
        assert_eq!(made, requests, "requests, {}", self.place());
    }

    fn stands(&mut self, how: &str) {
        self.expect(b"");
        let phase = self.driver.connection.phase();
        let fate = self.driver.connection.fate().map(|reason| reason.to_string());
        let stands = fate.unwrap_or_else(|| phase.name().to_owned());
        assert_eq!(stands, how, "{}", self.place());
        let has_answered_last = self.driver.socket.is_shut;
        assert!(phase != Phase::Lingering || has_answered_last, "our half is shut first");
    }
}

fn marked(transcript: &str, mark: char) -> impl Iterator<Item = &str> {
    transcript.lines().filter_map(move |line| line.trim_start().strip_prefix(mark)).map(str::trim)
}

fn set(limits: &mut Limits, line: &str) {
    let (name, value) = line.split_once(' ').expect("% name value");
    let number = value.parse().expect("a number");
    match name {
        "requests" => limits.requests = u32::try_from(number).ok().and_then(|n| n.try_into().ok()),
        "max-body" => limits.body_bytes = number,
        "max-head" => limits.head_bytes = usize::try_from(number).expect("a length"),
        _ => panic!("no limit is called {name}"),
    }
}

/// A line of a transcript, behind its mark and one space.
fn line_bytes(line: &str) -> Vec<u8> {
    let line = line.strip_prefix(' ').unwrap_or(line);
    match line.strip_suffix('\\') {
        Some(unended) => bytes(unended),
        None => [&bytes(line), &b"\r\n"[..]].concat(),
    }
}

fn answer_line(line: &str) -> Vec<u8> {
    if let Some(short) = line.strip_prefix('#') {
        return last_answer(short.trim_start());
    }
    let mut bytes = line_bytes(line);
    let is_status_line = bytes.starts_with(b"HTTP/1.1 ") && !bytes.starts_with(b"HTTP/1.1 1");
    if is_status_line && bytes.ends_with(b"\r\n") {
        bytes.extend(date_line());
    }
    bytes
}

fn date_line() -> Vec<u8> {
    [&b"Date: "[..], DATE, b"\r\n"].concat()
}

/// How a fault is answered.
fn last_answer(short: &str) -> Vec<u8> {
    let (status, text) = short.split_once(' ').expect("<# STATUS TEXT");
    let status: StatusCode = status.parse().expect("a status");
    let reason = match status.as_u16() {
        // RFC 9110 §15.5.14; `http` has an older phrase.
        413 => "Content Too Large",
        _ => status.canonical_reason().expect("a reason"),
    };
    let head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16());
    let length = text.len() + 1;
    let fields = format!(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{text}\n"
    );
    [head.as_bytes(), &date_line(), fields.as_bytes()].concat()
}

/// Bytes as a person reads them, and of many only those around the first that differs.
fn shown(bytes: &[u8], differs_at: usize) -> String {
    let around = differs_at.saturating_sub(300)..bytes.len().min(differs_at + 300);
    bytes[around].escape_ascii().to_string().replace("\\r\\n", "\\r\\n\n")
}
