//! What a connection is waiting for, and which way it may go from there.
//!
//! ```text
//!        first byte       head whole          body wanted
//!  Idle ───────────▶ Head ──────────▶ Answering ─────────▶ Body
//!   ▲                                     │                  │
//!   └─────────────────────────────────────┴──────────────────┘ answered
//!
//!  Idle, Head, Answering, Body ──▶ Writing ──▶ back, when all has left
//!                     bytes wait      │
//!                                     └──────▶ Lingering, when the last answer has left
//!
//!  from everywhere ──▶ Closed
//! ```
//!
//! The same as a list, which a test holds against [`Phase::may_become`]:
//!
//! ```text
//! Idle      ─▶ Head Writing
//! Head      ─▶ Answering Writing
//! Answering ─▶ Idle Body Writing
//! Body      ─▶ Idle Writing
//! Writing   ─▶ Idle Answering Body Lingering
//! Lingering ─▶
//! ```
//!
//! `Writing` is entered whenever the socket did not take what it was given, whatever the connection
//! was about, and left for what it was about before: bytes that wait come before everything else.
//! That is the whole of back-pressure.
//!
//! Read next: `mod.rs`, whose `move_to` is the one function that writes a phase.

use std::fmt;

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// For the first byte of a request.
    Idle,
    /// For the rest of a request's head.
    Head,
    /// For the responder, which has been asked.
    Answering,
    /// For the rest of a request's body.
    Body,
    /// For the socket to take what is to be sent.
    Writing,
    /// For the client to close, after the last answer has left and our half is shut.
    Lingering,
    /// For nothing: it has its [`CloseReason`](super::CloseReason).
    Closed,
}

impl Phase {
    /// All of them, in the order of a request's life.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Head,
        Self::Answering,
        Self::Body,
        Self::Writing,
        Self::Lingering,
        Self::Closed,
    ];

    /// Whether there is an edge from this phase to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use Phase::{Answering, Body, Closed, Head, Idle, Lingering, Writing};
        match self {
            Idle => matches!(next, Head | Writing | Closed),
            Head => matches!(next, Answering | Writing | Closed),
            Answering => matches!(next, Idle | Body | Writing | Closed),
            Body => matches!(next, Idle | Writing | Closed),
            Writing => matches!(next, Idle | Answering | Body | Lingering | Closed),
            Lingering => matches!(next, Closed),
            Closed => false,
        }
    }

    /// Its name, as logs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Answering => "answering",
            Self::Body => "body",
            Self::Writing => "writing",
            Self::Lingering => "lingering",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Phase;

    #[test]
    fn the_list_in_the_documentation_is_the_table() {
        let mut rows = 0;
        for line in include_str!("phase.rs").lines() {
            let Some((from, to)) = line.strip_prefix("//! ").and_then(|l| l.split_once(" ─▶"))
            else {
                continue;
            };
            let named = |name: &str| Phase::ALL.into_iter().find(|p| format!("{p:?}") == name);
            let Some(from) = named(from.trim()) else { continue };
            let drawn: Vec<Phase> = to.split_whitespace().filter_map(named).collect();
            assert_eq!(drawn.len(), to.split_whitespace().count(), "an unknown name in {line}");
            for next in Phase::ALL {
                let expected = drawn.contains(&next) || next == Phase::Closed;
                assert_eq!(from.may_become(next), expected, "{from:?} to {next:?}");
            }
            rows += 1;
        }
        assert_eq!(rows, Phase::ALL.len() - 1, "every phase but Closed has its line");
        assert!(Phase::ALL.into_iter().all(|next| !Phase::Closed.may_become(next)));
    }
}
