//! A client's reading of answers: strict, and comparing as it goes. Every byte that comes is held
//! against the answer that must come, so that at any moment what a client has received is a
//! beginning of what it should receive in all; whoever is cut off has lost the end and nothing
//! else.

use std::collections::VecDeque;

use oneloop::wire::Fault;

use super::asks::{Ask, Expected, Framing};
use super::wishes::{Heard, Wish};

/// An answer without content, and without its length (RFC 9110 §8.6).
const NOT_MODIFIED: u16 = 304;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What the server may do to an honest client because it is short of something itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shortage {
    /// Of room, or of time before it stops: it may say of any answer that it is the last.
    pub(crate) of_room: bool,
    /// Of descriptors: it may close whoever keeps it waiting.
    pub(crate) of_descriptors: bool,
    /// Of memory: it may not read a head in time.
    pub(crate) of_memory: bool,
    /// Of time, because the clock leapt or a turn was long: anybody's may be up. Whether it was is
    /// for the fifth oracle to say.
    pub(crate) of_time: bool,
}

/// Reads the answers of one connection.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    expected: VecDeque<Expected>,
    state: State,
    /// Answers that came to their end.
    pub(crate) whole: usize,
    /// Whether an answer has said that it is the last.
    pub(crate) has_closed: bool,
    /// Whether the word to go on came for the answer that is to come.
    was_continued: bool,
    /// Whether it was told 408 or 503 without having been slow.
    pub(crate) was_timed_out: bool,
    /// The dates of the answers.
    pub(crate) dates: Vec<String>,
    /// What has come of the answer about a file, and those that are whole and were not judged.
    hearing: Option<Heard>,
    pub(crate) heard: Vec<Heard>,
}

#[derive(Debug)]
enum State {
    /// A head, so far.
    Head(Vec<u8>),
    /// A body, of which so many bytes have come.
    Body { framing: Framing, at: usize },
    /// In a line of a chunked body, so far; `at` as above.
    Line { kind: Line, line: Vec<u8>, at: usize },
    /// In a chunk.
    Chunk { left: usize, at: usize },
    /// Nothing more may come.
    Over,
    /// Whatever comes is accepted.
    Excused,
}

/// The lines of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// The length of a chunk.
    Length,
    /// Behind its data; empty.
    DataEnd,
    /// The trailer section; empty.
    Trailers,
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Reader {
    pub(crate) fn new(expected: Vec<Expected>) -> Self {
        Self { expected: expected.into(), ..Self::default() }
    }

    /// Status and length of all that must come.
    pub(crate) fn wants(&self) -> Vec<(u16, u64)> {
        let len = |expected: &Expected| if expected.is_head { 0 } else { expected.body.len() };
        self.expected.iter().map(|expected| (expected.status, len(expected) as u64)).collect()
    }

    /// Whether everything has come that should.
    pub(crate) fn is_content(&self) -> bool {
        self.expected.is_empty()
    }

    /// What of files is still to come, if anything of them is.
    pub(crate) fn wishes(&self) -> impl Iterator<Item = Wish> {
        self.expected.iter().filter_map(|expected| expected.wish)
    }

    /// Whether what has come ends where an answer ends.
    pub(crate) fn is_between_answers(&self) -> bool {
        match &self.state {
            State::Head(head) => head.is_empty(),
            State::Over | State::Excused => true,
            _ => false,
        }
    }

    /// Whether the body of the request of that number may be sent.
    pub(crate) fn may_send_body_of(&self, number: usize) -> bool {
        self.whole > number || (self.whole == number && self.was_continued)
    }

    /// Takes in what came.
    pub(crate) fn received(&mut self, mut bytes: &[u8], shortage: Shortage) -> Result<(), String> {
        while !bytes.is_empty() {
            let took = self.step(bytes, shortage)?;
            bytes = &bytes[took..];
        }
        Ok(())
    }

    /// The server has shut its half.
    pub(crate) fn ended(&mut self) -> Result<(), String> {
        if let State::Body { framing: Framing::UntilClose, at } = self.state {
            // Whatever has come by then counts as all of it.
            let length = self.expected.front().map_or(0, |expected| expected.body.len());
            if at != length {
                return Err(format!("answer {} ends at {at} of {length} bytes", self.whole));
            }
            self.answer_ended();
        }
        Ok(())
    }

    fn step(&mut self, bytes: &[u8], shortage: Shortage) -> Result<usize, String> {
        match &mut self.state {
            State::Excused => Ok(bytes.len()),
            State::Over => Err(format!("{} bytes after the last answer", bytes.len())),
            State::Head(head) => {
                let took = through_blank_line(head, bytes);
                if head.ends_with(b"\r\n\r\n") {
                    let head = std::mem::take(head);
                    self.head_ended(&head, shortage)?;
                }
                Ok(took)
            }
            State::Body { framing, at } => {
                let (framing, at) = (*framing, *at);
                let took = self.content(bytes, at)?;
                self.state = State::Body { framing, at: at + took };
                if framing == Framing::Length {
                    self.answer_ended_at(at + took);
                }
                Ok(took)
            }
            State::Line { kind, line, at } => {
                line.push(bytes[0]);
                if line.ends_with(b"\r\n") {
                    let (kind, line, at) = (*kind, std::mem::take(line), *at);
                    self.line_ended(kind, &line[..line.len() - 2], at)?;
                }
                Ok(1)
            }
            State::Chunk { left, at } => {
                let (left, at) = (*left, *at);
                let took = self.content(&bytes[..left.min(bytes.len())], at)?;
                let (left, at) = (left - took, at + took);
                self.state = if left > 0 {
                    State::Chunk { left, at }
                } else {
                    State::Line { kind: Line::DataEnd, line: Vec::new(), at }
                };
                Ok(took)
            }
        }
    }

    /// Holds bytes against the content that must come; how many of them are content.
    fn content(&mut self, bytes: &[u8], at: usize) -> Result<usize, String> {
        let body = self.expected.front().map_or(&[][..], |expected| &expected.body[at..]);
        let n = bytes.len().min(body.len());
        if n == 0 {
            return Err(format!("content of answer {} beyond its end", self.whole));
        }
        if let Some(hearing) = &mut self.hearing {
            hearing.body.extend_from_slice(&bytes[..n]);
            return Ok(n);
        }
        if bytes[..n] != body[..n] {
            return Err(format!("wrong bytes in answer {} at {at}..{}", self.whole, at + n));
        }
        Ok(n)
    }

    fn line_ended(&mut self, kind: Line, line: &[u8], at: usize) -> Result<(), String> {
        let is_whole = self.expected.front().is_some_and(|expected| at == expected.body.len());
        if kind != Line::Length {
            if !line.is_empty() {
                return Err(format!("'{}' instead of a blank line", line.escape_ascii()));
            }
            match kind {
                Line::Trailers => self.answer_ended(),
                _ => self.state = State::Line { kind: Line::Length, line: Vec::new(), at },
            }
            return Ok(());
        }
        let digits = String::from_utf8_lossy(line).into_owned();
        let length = usize::from_str_radix(&digits, 16);
        self.state = match length.map_err(|_| format!("'{digits}' is no length of a chunk"))? {
            0 if is_whole => State::Line { kind: Line::Trailers, line: Vec::new(), at },
            0 => return Err(format!("the last chunk of answer {} came at {at}", self.whole)),
            left => State::Chunk { left, at },
        };
        Ok(())
    }

    fn head_ended(&mut self, head: &[u8], shortage: Shortage) -> Result<(), String> {
        if self.is_late_answer(head, shortage) {
            // Whether it is about the head or the body, or has content, the client cannot know.
            (self.was_timed_out, self.has_closed) = (true, true);
            self.state = State::Excused;
            return Ok(());
        }
        if let Some(expected) = self.expected.front_mut()
            && let Some(wish) = expected.wish
        {
            let head = String::from_utf8_lossy(head).into_owned();
            (expected.status, expected.body) = foretold(&head);
            let (number, is_head, status) = (self.whole, expected.is_head, expected.status);
            self.hearing = Some(Heard { number, wish, is_head, status, head, body: Vec::new() });
        }
        let Some(expected) = self.expected.front() else {
            return Err(format!("an answer that nobody asked for: {}", head.escape_ascii()));
        };
        if head == CONTINUE && expected.may_continue && !self.was_continued {
            self.was_continued = true;
            return Ok(());
        }
        let (closes, date) = check_head(head, expected).map_err(|what| {
            format!("{what} in the head of answer {}: {}", self.whole, head.escape_ascii())
        })?;
        self.dates.push(date);
        if closes != expected.is_last && !(closes && shortage.of_room) {
            return Err(format!("answer {} says close: {closes}", self.whole));
        }
        self.has_closed = closes;
        match expected.framing {
            _ if expected.is_head => self.answer_ended(),
            Framing::Chunked => {
                self.state = State::Line { kind: Line::Length, line: Vec::new(), at: 0 };
            }
            framing => {
                self.state = State::Body { framing, at: 0 };
                if framing == Framing::Length {
                    self.answer_ended_at(0);
                }
            }
        }
        Ok(())
    }

    /// Whether another answer came instead, by which the server says that it was too late, and
    /// whether it may say so.
    fn is_late_answer(&self, head: &[u8], shortage: Shortage) -> bool {
        let on_head = Expected::of_fault(Fault::HeadTimeout);
        let on_body = Expected::of_fault(Fault::BodyTimeout);
        let never = Expected::to(&Ask::get("never", 0));
        let is = |late: &Expected| check_head(head, late).is_ok();
        let may_be_late = shortage.of_memory || shortage.of_time;
        let is_due = self.expected.front().is_some_and(is) && !is(&on_head);
        !is_due
            && ((may_be_late && (is(&on_head) || is(&on_body))) || (shortage.of_time && is(&never)))
    }

    fn answer_ended_at(&mut self, at: usize) {
        if self.expected.front().is_some_and(|expected| at == expected.body.len()) {
            self.answer_ended();
        }
    }

    fn answer_ended(&mut self) {
        self.expected.pop_front();
        self.heard.extend(self.hearing.take());
        self.whole += 1;
        self.was_continued = false;
        self.state = if self.has_closed { State::Over } else { State::default() };
    }
}

/// Appends bytes to a head up to its blank line; how many.
fn through_blank_line(head: &mut Vec<u8>, bytes: &[u8]) -> usize {
    for (at, &byte) in bytes.iter().enumerate() {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            return at + 1;
        }
    }
    bytes.len()
}

/// Status and length of an answer about a file, by its head: what it holds is judged when it is
/// whole.
fn foretold(head: &str) -> (u16, Vec<u8>) {
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    (status, vec![0; length])
}

/// Holds a head against what must come. Whether it says that the connection is closed, and its
/// date.
fn check_head(head: &[u8], expected: &Expected) -> Result<(bool, String), String> {
    let head = std::str::from_utf8(head).map_err(|_| "bytes that are no text".to_owned())?;
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with(&format!("HTTP/1.1 {} ", expected.status)) {
        return Err(format!("another status than {}", expected.status));
    }
    let mut fields: Vec<(&str, &str)> = Vec::new();
    for line in lines {
        let field = line.split_once(": ").ok_or_else(|| format!("no field: '{line}'"))?;
        if fields.iter().any(|(name, _)| *name == field.0) {
            return Err(format!("a second {}", field.0));
        }
        fields.push(field);
    }
    let value = |wanted| fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let date = value("Date").ok_or("no date")?.to_owned();
    let has_length = expected.framing == Framing::Length && expected.status != NOT_MODIFIED;
    let length = has_length.then(|| expected.body.len().to_string());
    if value("Content-Length") != length.as_deref() {
        return Err(format!("another length than {length:?}"));
    }
    let coding = (expected.framing == Framing::Chunked).then_some("chunked");
    if value("Transfer-Encoding") != coding {
        return Err(format!("another coding than {coding:?}"));
    }
    match value("Connection") {
        None | Some("keep-alive") => Ok((false, date)),
        Some("close") => Ok((true, date)),
        Some(other) => Err(format!("'{other}'")),
    }
}
