//! What another implementation reads at the end of a conversation, held against how the connection
//! stands: what was begun and never ended must have a reason, and a last answer must have said so.
//!
//! A conversation may end anywhere, also in the middle of an answer, when that is where its test
//! ends; then what came must be a valid beginning.

use oneloop::connection::{Asked, CloseReason, Connection, Phase};
use oneloop::{Responder, Version};

use super::driver::Driver;
use super::second_opinion::{self, Answer, End, read};

impl<R: Responder> Driver<R> {
    /// Ends the conversation and has its answers read.
    pub(crate) fn read_back(&mut self) -> Vec<Answer> {
        let (phase, is_shut) = (self.connection.phase(), self.socket.is_shut);
        let has_ended = is_shut || phase == Phase::Closed;
        let end = if has_ended { End::Shut } else { End::Open };
        let bytes = &self.socket.reached;
        let answers = match read(&self.asked, bytes, end) {
            Ok(answers) => answers,
            Err(why) => panic!("a second opinion: {why}\n{}", bytes.escape_ascii()),
        };
        if phase == Phase::Lingering {
            // A lingering connection keeps the reason to itself until it is closed.
            self.connection.close(CloseReason::ClientDone);
        }
        let torn = answers.iter().filter(|answer| !answer.is_whole).count();
        let fate = self.connection.fate();
        let is_complete = match phase {
            Phase::Idle => true,
            Phase::Lingering | Phase::Closed => fate.is_some_and(|fate| !may_tear(fate)),
            _ => false,
        };
        if is_complete {
            assert_eq!(answers.len(), self.asked.len(), "every request is answered: {fate:?}");
            assert_eq!(torn, 0, "every answer is whole: {fate:?}");
        }
        let says_close = answers.last().is_some_and(|last| last.is_whole && last.says_close());
        assert!(has_ended || !says_close, "the last answer has left, and we do not shut our half");
        assert!(!is_shut || says_close || torn > 0, "we shut our half without a word");
        answers
    }
}

/// Whether an answer that has begun may never end for that reason.
const fn may_tear(reason: CloseReason) -> bool {
    match reason {
        // Between requests, or after the last answer.
        CloseReason::ClientDone
        | CloseReason::Answered
        | CloseReason::IdleTimeout
        | CloseReason::MadeRoom
        | CloseReason::Stopped
        | CloseReason::AnswerTimeout
        | CloseReason::Fault(_) => false,
        _ => true,
    }
}

/// Remembers a request the first time that one speaks of it.
pub(crate) fn note(
    asked: &mut Vec<second_opinion::Asked>,
    connection: &Connection,
    request: second_opinion::Asked,
) {
    if connection.requests() as usize > asked.len() {
        asked.push(request);
    }
}

pub(crate) const fn understood(asked: Asked) -> second_opinion::Asked {
    let Asked { is_head, version, expects_continue, .. } = asked;
    second_opinion::Asked { is_head, version, expects_continue }
}

/// A request whose head was refused, or never ended. Its client knows what it had meant to ask for;
/// up to four empty lines before it are passed over.
pub(crate) fn refused(bytes: &[u8]) -> second_opinion::Asked {
    let line = (0..4).fold(bytes, |rest, _| rest.strip_prefix(b"\r\n").unwrap_or(rest));
    let is_head = line.starts_with(b"HEAD ");
    second_opinion::Asked { is_head, version: Version::Http11, expects_continue: false }
}
