//! A second opinion on what a server sends: hyper's client reads it, and then a stricter eye.
//!
//! The tests beside it compare answers with what their authors expected. Here nobody expects
//! anything: the bytes go to another implementation, which says what answers they are, where each
//! of them ends, or what it has against them. What hyper is lenient about is checked in
//! `strict.rs`, on the bytes themselves. So what an author of ours misunderstands does not stand
//! just because his test misunderstands it too.
//!
//! Relies on hyper for where a head, a chunked body and a body of known length end, and never on
//! our own framing. hyper asks one thing at a time and takes bytes that nobody asked for as an
//! error, so it must not be given more than one answer. That needs no knowledge of where the answer
//! ends: heads and chunked bodies end with an LF, so bytes up to the next LF are never too many; of
//! a body of known length hyper says itself how much is missing.
//!
//! No runtime and no thread: the client is polled by hand, and its socket is a few bytes.
//! Read next: `strict.rs`.

#![allow(dead_code, reason = "each test file uses a part of it")]

mod client;
mod strict;

use oneloop::Version;

use client::{Client, Step};

/// What a client asked for, as far as its answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// HEAD: the answer has no content.
    pub(crate) is_head: bool,
    pub(crate) version: Version,
    /// It waits for `100 Continue`.
    pub(crate) expects_continue: bool,
}

/// How the bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// More might come.
    Open,
    /// The server has shut its half.
    Shut,
}

/// An answer as the other implementation has read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With names in lower case.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    /// How often it was preceded by `100 Continue`.
    pub(crate) interim: usize,
    /// Whether it came to its end.
    pub(crate) is_whole: bool,
}

impl Answer {
    /// Whether it says that it is the last on its connection.
    pub(crate) fn says_close(&self) -> bool {
        self.values("connection").any(|value| value.eq_ignore_ascii_case(b"close"))
    }

    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}

/// Reads the answers to these requests, in their order; or says what is wrong with the bytes. The
/// last answer need not have come to its end, nor need all requests have been answered.
pub(crate) fn read(asked: &[Asked], bytes: &[u8], end: End) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::new();
    let mut client = Client::new();
    let mut rest = bytes;
    for asked in asked {
        if rest.is_empty() {
            break;
        }
        let at = bytes.len() - rest.len();
        let answer = read_one(&mut client, asked, &mut rest, end)
            .map_err(|why| format!("answer {} at byte {at}: {why}", answers.len() + 1))?;
        let is_last = answer.says_close() || !answer.is_whole;
        answers.push(answer);
        if is_last {
            break;
        }
    }
    if rest.is_empty() {
        return Ok(answers);
    }
    let shown = rest[..rest.len().min(80)].escape_ascii();
    Err(format!("after {} answers nothing may come, but: {shown}", answers.len()))
}

/// Reads one answer from the beginning of `rest`.
fn read_one(
    client: &mut Client,
    asked: &Asked,
    rest: &mut &[u8],
    end: End,
) -> Result<Answer, String> {
    let all = *rest;
    let mut step = client.ask(asked)?;
    let mut head_len = None;
    while step != Step::Whole {
        if rest.is_empty() {
            break;
        }
        let len = piece_len(&step, rest);
        step = client.receive(&rest[..len])?;
        *rest = &rest[len..];
        let taken = all.len() - rest.len();
        if step != Step::Head && head_len.is_none() {
            head_len = Some(taken);
        }
    }
    if step != Step::Whole && end == End::Shut {
        step = client.ended();
    }
    let Some(head_len) = head_len else {
        strict::check_begun_head(all)?;
        return Ok(Answer::default());
    };
    let mut answer = client.take_answer();
    answer.is_whole = step == Step::Whole;
    answer.interim = strict::check(asked, &all[..head_len], &answer)?;
    Ok(answer)
}

/// How many bytes can be given without giving any of the next answer.
fn piece_len(step: &Step, rest: &[u8]) -> usize {
    match step {
        Step::Body { missing: Some(missing) } => {
            usize::try_from(*missing).unwrap_or(usize::MAX).min(rest.len())
        }
        _ => rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |lf| lf + 1),
    }
}
