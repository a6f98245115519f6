//! Small conversations in every way there is: what the client sends is cut in every place, and in
//! pairs of places, and the socket takes any number of bytes at a time; and in the end, or in the
//! middle anywhere, the client shuts its half. What comes back is always the same, and so is what
//! the connection waits for, until when, and why it ends.
//!
//! What comes back of the conversation in one piece is read by another implementation too
//! (`read_back.rs`). There is one difference that is meant: `100 Continue` is said to whom the
//! server keeps waiting, and so depends on whether the body has begun to come.

use oneloop::connection::{Moment, Phase};
use oneloop::{CloseReason, Limits};

use super::driver::{Driver, Leaving};
use super::script::Script;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// How many bytes a socket takes at a time, where not every number is tried.
const SOME: [usize; 6] = [1, 2, 7, 20, 64, usize::MAX];

/// What there is to see of a conversation.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// What has come back, without the word to go on.
    answers: Vec<u8>,
    /// How often that word came.
    words: usize,
    requests: u32,
    phase: Phase,
    deadline: Moment,
    /// Why it ends when the client shuts its half.
    fate: Option<CloseReason>,
}

/// What is to be seen when this comes in those pieces, and so much is taken at a time.
fn conversation(script: &Script, pieces: &[&[u8]], per_write: usize) -> Seen {
    let mut driver = Driver::new(script.clone(), Limits::default(), per_write);
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        driver.receive(piece);
    }
    // Whoever was told *later* is asked again.
    driver.wake();
    let (mut phase, mut deadline) = (driver.connection.phase(), driver.connection.deadline());
    driver.leave(Leaving::Ended);
    let mut answers = std::mem::take(&mut driver.socket.reached);
    let mut words = 0;
    while let Some(at) = answers.windows(CONTINUE.len()).position(|bytes| bytes == CONTINUE) {
        answers.drain(at..at + CONTINUE.len());
        words += 1;
    }
    let (requests, fate) = (driver.connection.requests(), driver.connection.fate());
    let input = pieces.concat();
    let has = |words: &[u8]| input.windows(words.len()).any(|bytes| bytes == words);
    if phase == Phase::Lingering && (has(b"HTTP/1.0") || has(b"close")) {
        // Where nothing has come behind what the client said to be its last request, it ends at
        // once; whether something has is a matter of cuts.
        (phase, deadline) = (Phase::Closed, Moment::NEVER);
    }
    Seen { answers, words, requests, phase, deadline, fate }
}

/// Holds a conversation once, and has another implementation read what came back.
fn read_by_another(script: &Script, input: &[u8]) {
    let mut driver = Driver::new(script.clone(), Limits::default(), usize::MAX);
    driver.receive(input);
    driver.wake();
    driver.read_back();
}

/// A conversation that is held in every way.
struct Conversation<'a> {
    script: Script,
    input: &'a [u8],
    /// Where the client would be told to go on, if what it sends were cut there.
    waits_at: usize,
}

impl Conversation<'_> {
    /// Holds it in those pieces, and against how it is in one.
    fn holds(&self, whole: &Seen, pieces: &[&[u8]], per_write: usize) {
        let mut seen = conversation(&self.script, pieces, per_write);
        let mut at = 0;
        let mut waits = |piece: &&[u8]| {
            at += piece.len();
            at == self.waits_at
        };
        let words = usize::from(pieces.iter().any(&mut waits));
        let expected = if self.waits_at == 0 { 0 } else { words };
        assert_eq!(seen.words, expected, "words to go on, {}", ways(pieces, per_write));
        seen.words = whole.words;
        assert_eq!(seen, *whole, "{}", ways(pieces, per_write));
    }

    fn is_the_same_in_one_cut(&self, whole: &Seen, per_write: usize) {
        for cut in 0..=self.input.len() {
            let (first, second) = self.input.split_at(cut);
            self.holds(whole, &[first, second], per_write);
        }
    }

    fn is_the_same_in_two_cuts(&self, whole: &Seen, per_write: usize) {
        for cut in 0..=self.input.len() {
            let (first, rest) = self.input.split_at(cut);
            for cut in 1..rest.len() {
                let (second, third) = rest.split_at(cut);
                self.holds(whole, &[first, second, third], per_write);
            }
        }
    }

    fn is_the_same_byte_by_byte(&self, whole: &Seen, per_write: usize) {
        let bytes: Vec<&[u8]> = self.input.chunks(1).collect();
        self.holds(whole, &bytes, per_write);
    }

    /// The client goes no further than to some place, and shuts its half there.
    fn is_the_same_when_broken_off(&self) {
        for end in 0..self.input.len() {
            let input = &self.input[..end];
            let part = Conversation { script: self.script.clone(), input, ..*self };
            let whole = conversation(&part.script, &[input], usize::MAX);
            assert!(whole.fate.is_some(), "broken off at {end}, it stays");
            part.is_the_same_in_one_cut(&whole, usize::MAX);
            part.is_the_same_byte_by_byte(&whole, 1);
        }
    }
}

fn ways(pieces: &[&[u8]], per_write: usize) -> String {
    let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).collect();
    format!("in pieces of {lengths:?}, {per_write} bytes at a time")
}

/// Holds a conversation in every way: all places to cut it and all sizes of writes, all pairs of
/// places and some sizes. `ends` says what must have come back last, and what the connection waits
/// for then.
fn check(script: &[&str], input: &str, ends: (&str, Phase)) {
    check_word(script, input, 0, ends);
}

/// The same where the client may have to be told to go on.
fn check_word(script: &[&str], input: &str, waits_at: usize, ends: (&str, Phase)) {
    let input = input.as_bytes();
    let mut said = Script::default();
    for line in script {
        said.says(line);
    }
    read_by_another(&said, input);
    let whole = conversation(&said, &[input], usize::MAX);
    assert!(whole.answers.ends_with(ends.0.as_bytes()), "{}", whole.answers.escape_ascii());
    assert_eq!(whole.phase, ends.1);
    let conversation = Conversation { script: said, input, waits_at };
    for per_write in 1..=whole.answers.len() + CONTINUE.len() {
        conversation.is_the_same_in_one_cut(&whole, per_write);
        conversation.is_the_same_byte_by_byte(&whole, per_write);
    }
    let is_short = input.len() < 20;
    let sizes = if is_short { (1..=whole.answers.len()).collect() } else { SOME.to_vec() };
    for per_write in sizes {
        conversation.is_the_same_in_two_cuts(&whole, per_write);
    }
    conversation.is_the_same_when_broken_off();
}

const GET: &str = "GET / HTTP/1.1\r\nHost:x\r\n\r\n";

/// Where the first head of `input` ends.
fn head(input: &str) -> usize {
    input.find("\r\n\r\n").expect("a head ends") + 4
}

#[test]
fn the_shortest_request() {
    check(&["200 hi"], "GET / HTTP/1.0\r\n\r\n", ("\r\n\r\nhi", Phase::Closed));
}

#[test]
fn a_fault_after_pipelined_requests() {
    let input = format!("GET / HTTP/1.1\r\nHost:\tx\r\n\r\n{GET}A@GET");
    check(&["204", "200 hi"], &input, ("begin an HTTP request.\n", Phase::Lingering));
}

#[test]
fn a_request_without_a_host() {
    let input = format!("GET / HTTP/1.1\r\n\r\n{GET}");
    check(&[], &input, (" Host field.\n", Phase::Lingering));
}

#[test]
fn head_and_then_get() {
    let input = format!("HEAD / HTTP/1.1\r\nHost:x\r\n\r\n{GET}");
    check(&["200 hello", "shared 200 hi"], &input, ("\r\n\r\nhi", Phase::Idle));
}

#[test]
fn keep_alive_as_in_1996() {
    let input = "G / HTTP/1.0\r\nConnection:keep-alive\r\n\r\nG / HTTP/1.0\r\n\r\nG / HTTP/1.0";
    check(&["prepared 200 a", "200 b"], input, ("\r\n\r\nb", Phase::Closed));
}

#[test]
fn the_last_request_and_one_behind_it() {
    let input = format!("G / HTTP/1.1\r\nHost:x\r\nConnection:close\r\n\r\n{GET}");
    check(&["200 last"], &input, ("\r\n\r\nlast", Phase::Closed));
}

#[test]
fn a_body_of_known_length_and_a_request_behind_it() {
    let input = format!("P / HTTP/1.1\r\nHost:x\r\nContent-Length:3\r\n\r\nabc{GET}");
    check(&["body", "200 hi"], &input, ("\r\n\r\nhi", Phase::Idle));
}

#[test]
fn a_body_in_chunks_with_extensions_and_trailers() {
    let input = "P / HTTP/1.1\r\nHost:x\r\nTransfer-Encoding:chunked\r\n\r\n\
                 1;a=\"q\"\r\nz\r\n0;b\r\nA:b\r\n\r\n";
    check(&["body"], input, ("\r\n\r\nz|A=b", Phase::Idle));
}

#[test]
fn a_body_in_chunks_that_breaks_off_with_a_fault() {
    let input = "P / HTTP/1.1\r\nHost:x\r\nTransfer-Encoding:chunked\r\n\r\n1\r\nzz\r\n0\r\n\r\n";
    check(&["body"], input, (".\n", Phase::Lingering));
}

#[test]
fn a_body_that_nobody_asked_for() {
    let input = format!("P / HTTP/1.1\r\nHost:x\r\nContent-Length:3\r\n\r\nabc{GET}");
    check(&["200 first", "200 hi"], &input, ("\r\n\r\nhi", Phase::Idle));
}

#[test]
fn a_body_in_chunks_that_nobody_asked_for() {
    let input = format!(
        "P / HTTP/1.1\r\nHost:x\r\nTransfer-Encoding:chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n{GET}"
    );
    check(&["200 first", "204"], &input, ("\r\n\r\n", Phase::Idle));
}

#[test]
fn a_client_that_may_wait_for_a_word_and_is_asked() {
    let input = "P / HTTP/1.1\r\nHost:x\r\nExpect:100-continue\r\nContent-Length:3\r\n\r\nabc";
    check_word(&["body"], input, head(input), ("\r\n\r\nabc", Phase::Idle));
}

#[test]
fn a_client_that_may_wait_for_a_word_and_is_not_asked() {
    let input = "P / HTTP/1.1\r\nHost:x\r\nExpect:100-continue\r\nContent-Length:3\r\n\r\nabc";
    check(&["200 no"], input, ("\r\n\r\nno", Phase::Lingering));
}

#[test]
fn a_file_and_a_request_behind_it() {
    let input = format!("{GET}{GET}");
    check(&["file 3 10", "204"], &input, ("\r\n\r\n", Phase::Idle));
}

#[test]
fn parts_and_a_request_behind_them() {
    let input = format!("{GET}{GET}");
    check(&["parts +ab 3,4 +c 0,2 +d", "204"], &input, ("\r\n\r\n", Phase::Idle));
}

#[test]
fn a_source_behind_an_answer() {
    let input = format!("{GET}{GET}");
    check(&["204", "source +a +b."], &input, ("\r\n00000001\r\nb\r\n0\r\n\r\n", Phase::Idle));
}

#[test]
fn an_answer_that_comes_later() {
    let input = format!("{GET}{GET}");
    check(&["later", "200 first", "200 hi"], &input, ("\r\n\r\nhi", Phase::Idle));
}
