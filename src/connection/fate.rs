//! Why a connection ended. Every connection gets exactly one reason, and no error anywhere is a
//! bare string.

use std::fmt;
use std::io::ErrorKind;

use crate::wire::Fault;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    // As it should be.
    /// The client closed between requests.
    ClientDone,
    /// The last answer had been given: somebody had said `Connection: close`, or it was HTTP/1.0.
    Answered,
    /// Nothing was asked for as long as idling is granted.
    IdleTimeout,
    /// It was idle longest when all connections were taken and another came.
    MadeRoom,
    /// The server stopped.
    Stopped,

    // The client's doing.
    /// The client broke the protocol; it got the status that goes with it.
    Fault(Fault),
    /// The client closed in the middle of a request.
    ClientLeft,
    /// The client took nothing of its answer for as long as that is granted.
    WriteTimeout,
    /// The client had kept the server waiting, for its taking or for the rest of its request, and
    /// held much, when all together held too much and others had to wait for that.
    Stalled,
    /// The transport failed, most often because the client reset the connection.
    Broken(ErrorKind),

    // Ours.
    /// A responder did not come back in time after it had said *later*; the client got 503.
    AnswerTimeout,
    /// A responder, body reader or source panicked.
    Panicked,
    /// A source said that it could not finish its body.
    SourceFailed,
    /// A source had nothing for too long after the client had shut its half.
    SourceTimeout,
    /// The disk did not give in time what was to be sent of a file.
    DiskTimeout,
    /// A file was shorter than promised when it was sent.
    FileShrank,
    /// The grace time of an orderly stop ran out before the answer had left.
    CutOff,
    /// A second signal ended the server at once.
    EndedAtOnce,
}

impl CloseReason {
    /// Those that say no more than their name.
    const PLAIN: [Self; 16] = [
        Self::ClientDone,
        Self::Answered,
        Self::IdleTimeout,
        Self::MadeRoom,
        Self::Stopped,
        Self::ClientLeft,
        Self::WriteTimeout,
        Self::Stalled,
        Self::AnswerTimeout,
        Self::Panicked,
        Self::SourceFailed,
        Self::SourceTimeout,
        Self::DiskTimeout,
        Self::FileShrank,
        Self::CutOff,
        Self::EndedAtOnce,
    ];
    const BROKEN_CODE: u8 = Self::PLAIN.len() as u8;

    /// It as a byte, for those who pack it: of a transport that failed without how.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Broken(_) => Self::BROKEN_CODE,
            Self::Fault(fault) => Self::BROKEN_CODE + 1 + fault as u8,
            plain => {
                let at = Self::PLAIN.iter().position(|reason| *reason == plain);
                at.expect("every other reason is in the list") as u8
            }
        }
    }

    /// The reason of that code; where the transport failed, in that way.
    pub(crate) fn from_code(code: u8, kind: ErrorKind) -> Option<Self> {
        let code = usize::from(code);
        match code.checked_sub(Self::PLAIN.len()) {
            None => Self::PLAIN.get(code).copied(),
            Some(0) => Some(Self::Broken(kind)),
            Some(number) => Fault::ALL.get(number - 1).copied().map(Self::Fault),
        }
    }

    /// Its name in one word, as access logs write it. It stays what it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientDone => "client-done",
            Self::Answered => "answered",
            Self::IdleTimeout => "idle-timeout",
            Self::MadeRoom => "made-room",
            Self::Stopped => "stopped",
            Self::Fault(_) => "fault",
            Self::ClientLeft => "client-left",
            Self::WriteTimeout => "write-timeout",
            Self::Stalled => "stalled",
            Self::Broken(_) => "broken",
            Self::AnswerTimeout => "answer-timeout",
            Self::Panicked => "panicked",
            Self::SourceFailed => "source-failed",
            Self::SourceTimeout => "source-timeout",
            Self::DiskTimeout => "disk-timeout",
            Self::FileShrank => "file-shrank",
            Self::CutOff => "cut-off",
            Self::EndedAtOnce => "ended-at-once",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientDone => "the client closed it",
            Self::Answered => "the last answer was given",
            Self::IdleTimeout => "it was idle too long",
            Self::MadeRoom => "it was idle longest, and room was needed for another",
            Self::Stopped => "the server stops",
            Self::Fault(fault) => return write!(f, "{}: {fault}", fault.status().as_u16()),
            Self::ClientLeft => "the client left in the middle of a request",
            Self::WriteTimeout => "the client took nothing of its answer for too long",
            Self::Stalled => "it was stalled, and its memory was needed for others",
            Self::Broken(kind) => return write!(f, "the transport failed: {kind}"),
            Self::AnswerTimeout => "503: the responder did not answer in time",
            Self::Panicked => "500: the responder panicked",
            Self::SourceFailed => "the source of the body failed",
            Self::SourceTimeout => {
                "the source of the body was silent too long, and the client's half was closed"
            }
            Self::DiskTimeout => "the disk did not give the file in time",
            Self::FileShrank => "the file became shorter while it was sent",
            Self::CutOff => "the grace time ran out",
            Self::EndedAtOnce => "a second signal ended the server at once",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_line_of_its_own() {
        let reasons = [
            CloseReason::ClientDone,
            CloseReason::Answered,
            CloseReason::IdleTimeout,
            CloseReason::MadeRoom,
            CloseReason::Stopped,
            CloseReason::Fault(Fault::HostTwice),
            CloseReason::ClientLeft,
            CloseReason::WriteTimeout,
            CloseReason::Stalled,
            CloseReason::Broken(ErrorKind::ConnectionReset),
            CloseReason::AnswerTimeout,
            CloseReason::Panicked,
            CloseReason::SourceFailed,
            CloseReason::SourceTimeout,
            CloseReason::DiskTimeout,
            CloseReason::FileShrank,
            CloseReason::CutOff,
            CloseReason::EndedAtOnce,
        ];
        let lines: BTreeSet<String> = reasons.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), reasons.len());
        assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')), "{lines:?}");
        let names: BTreeSet<&str> = reasons.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), reasons.len());
        let is_word = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(names.iter().all(|name| is_word(name)), "{names:?}");
        let faults = Fault::ALL.into_iter().map(CloseReason::Fault);
        for reason in reasons.into_iter().chain(faults) {
            let back = CloseReason::from_code(reason.code(), ErrorKind::ConnectionReset);
            assert_eq!(back, Some(reason));
        }
        assert_eq!(CloseReason::from_code(u8::MAX, ErrorKind::Other), None);
    }
}
