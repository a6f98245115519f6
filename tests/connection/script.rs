//! A responder that does what the lines of a transcript tell it, one after the other.
//!
//! | line | answer |
//! |---|---|
//! | `200 hi` | a status and a body |
//! | `prepared 200 hi`, `shared 200 hi` | the same laid out beforehand; its bytes shared |
//! | `closing 200 hi` | the same with `Connection: close` |
//! | `file 3 10` | ten bytes of the fixture, from its fourth |
//! | `parts +ab 3,10 +cd` | bytes, ten bytes of the fixture, bytes |
//! | `source +ab later +cd end` | a source: a piece, *later*, a piece, the end |
//! | `source @20s +ab@500ms end` | nothing, and then a piece, each with the beat that follows |
//! | `source +ab~ +cd. +ef!` | a piece and in one pull *later*, the end, failure |
//! | `source … fail`, `… panic`, `… nothing` | a source that does not get to its end |
//! | `body` | the body, please; it is sent back, with its trailers |
//! | `body panics`, `body panics at its end` | a reader that does |
//! | `later`, `panic` | not yet; never |
//! | `id`, `told` | the request's name; its version, its host, and whether it has a body |
//!
//! When no line is left it says what it was asked: method, path, and `?` and the query.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use oneloop::{
    Answer, Body, BodyReader, Fields, FileRange, Part, Piece, Pulled, Request, Responder, Response,
    Source, StatusCode,
};

use super::text::{bytes, duration};

/// A responder that follows a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    lines: VecDeque<String>,
}

impl Script {
    /// One more line.
    pub(crate) fn says(&mut self, line: &str) {
        self.lines.push_back(line.to_owned());
    }

    /// Whether all of it was said.
    pub(crate) fn is_over(&self) -> bool {
        self.lines.is_empty()
    }
}

impl Responder for Script {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        let Some(line) = self.lines.pop_front() else { return echo(request).into() };
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "prepared" => plain(rest).prepare().into(),
            "closing" => plain(rest).with_close().into(),
            "shared" => shared(rest).into(),
            "file" => file(rest).into(),
            "parts" => parts(rest).into(),
            "source" => {
                Response::new(StatusCode::OK, Body::Source(Box::new(Steps::of(rest)))).into()
            }
            "body" => Answer::Body(Box::new(Reader::that(rest))),
            "later" => Answer::Later,
            "panic" => panic!("the script says so"),
            "id" => plain(&format!("200 {}", request.id())).into(),
            "told" => plain(&format!("200 {}", told(request))).into(),
            _ => plain(&line).into(),
        }
    }
}

fn echo(request: &Request<'_>) -> Response {
    let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
    let text = format!("{} {}{query}", request.method(), request.path());
    Response::new(StatusCode::OK, Body::Bytes(text.into_bytes()))
}

fn told(request: &Request<'_>) -> String {
    let host = request.host().unwrap_or("nowhere");
    let body = if request.has_body() { "a body" } else { "no body" };
    format!("{} {host} {body}", request.version())
}

fn status_and_body(line: &str) -> (StatusCode, Vec<u8>) {
    let (status, body) = line.split_once(' ').unwrap_or((line, ""));
    (status.parse().expect("a status"), bytes(body))
}

fn plain(line: &str) -> Response {
    let (status, body) = status_and_body(line);
    Response::new(status, if body.is_empty() { Body::Empty } else { Body::Bytes(body) })
}

fn shared(line: &str) -> Response {
    let (status, body) = status_and_body(line);
    Response::new(status, Body::Shared(body.into()))
}

fn file(line: &str) -> Response {
    let (offset, len) = line.split_once(' ').expect("`file OFFSET LENGTH`");
    Response::new(StatusCode::OK, Body::File(range(offset, len)))
}

/// A stretch of the fixture, which holds the alphabet.
fn range(offset: &str, len: &str) -> FileRange {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/alphabet.txt");
    let file = Arc::new(File::open(path).expect("the fixture is there").into());
    let (offset, len) = (offset.parse().expect("an offset"), len.parse().expect("a length"));
    FileRange { file, offset, len }
}

fn parts(line: &str) -> Response {
    let part = |word: &str| match (word.strip_prefix('+'), word.split_once(',')) {
        (Some(piece), _) => Part::Bytes(bytes(piece)),
        (None, Some((offset, len))) => Part::File(range(offset, len)),
        (None, None) => panic!("neither bytes nor a stretch: {word}"),
    };
    let parts = line.split_whitespace().map(part).collect();
    Response::new(StatusCode::OK, Body::Parts(parts))
}

/// A source that takes its steps one after the other.
struct Steps(VecDeque<String>);

impl Steps {
    fn of(line: &str) -> Self {
        Self(line.split_whitespace().map(str::to_owned).collect())
    }
}

impl Source for Steps {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        if self.0.front().is_some_and(|step| step == "nothing") {
            return Pulled::More;
        }
        let step = self.0.pop_front().expect("a source is not pulled beyond its end");
        if let Some((piece, beat)) = step.split_once('@') {
            into.extend_from_slice(&bytes(piece.strip_prefix('+').unwrap_or_default()));
            return Pulled::After(duration(beat));
        }
        let Some(piece) = step.strip_prefix('+') else {
            return match step.as_str() {
                "later" => Pulled::Later,
                "end" => Pulled::End,
                "fail" => Pulled::Failed,
                _ => panic!("the script says so"),
            };
        };
        let (piece, pulled) = match piece.strip_suffix(['~', '.', '!']) {
            Some(less) if piece.ends_with('~') => (less, Pulled::Later),
            Some(less) if piece.ends_with('!') => (less, Pulled::Failed),
            Some(less) => (less, Pulled::End),
            None => (piece, Pulled::More),
        };
        into.extend_from_slice(&bytes(piece));
        pulled
    }
}

/// Sends a body back, and behind a `|` its trailers.
struct Reader {
    content: Vec<u8>,
    panics: bool,
    panics_at_end: bool,
}

impl Reader {
    fn that(line: &str) -> Self {
        Self {
            content: Vec::new(),
            panics: line == "panics",
            panics_at_end: line == "panics at its end",
        }
    }
}

impl BodyReader for Reader {
    fn piece(&mut self, bytes: &[u8]) {
        assert!(!self.panics, "the script says so");
        assert!(!bytes.is_empty(), "a piece is never empty");
        self.content.extend_from_slice(bytes);
    }

    fn end(self: Box<Self>, trailers: Fields<'_>) -> Response {
        assert!(!self.panics_at_end, "the script says so");
        assert_eq!(
            trailers.is_empty(),
            trailers.iter().next().is_none(),
            "nothing else is in there"
        );
        let mut body = self.content;
        for (name, value) in trailers {
            body.extend([b"|", name.as_bytes(), b"=", value].concat());
        }
        Response::new(StatusCode::OK, Body::Bytes(body))
    }
}
