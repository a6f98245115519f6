//! What belongs to a phase beside its deadline. A connection is in one phase at a time, so that all
//! of it shares two words of the slot; what is larger is in a box.
//!
//! Read next: `phase.rs`, for the phases themselves.

use super::deadline::Moment;
use super::exchange::Exchange;
use super::outbox::Outbox;
use crate::message::Prepared;

/// What is done when all that waits has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// The next request.
    Idle,
    /// The responder is asked again.
    Answering,
    /// The rest of the body.
    Body,
    /// That was the last: our half is shut, and then we linger.
    Linger,
    /// That was the last, and nothing more is to come: lingering is for who breaks that promise.
    Close,
    /// As `Linger`; but only our close tells where that ends, so that nothing but a reset may come
    /// before all of it has left.
    LingerIfWhole,
    /// That was the last, and is not whole: only a reset tells.
    Reset,
}

impl Afterwards {
    /// Whether an end before all has left has to be a reset.
    pub(super) const fn is_cut_by_close(self) -> bool {
        matches!(self, Self::LingerIfWhole | Self::Reset)
    }
}

/// What follows on the bytes that lie on the loop's desk.
#[derive(Debug)]
pub(super) enum Rest {
    Nothing,
    /// The body of an answer that was laid out.
    BodyOf(Prepared),
    Waiting(Box<Outbox>),
}

/// What belongs to a phase beside its deadline. One phase at a time, so that they share 16 bytes;
/// what writing has interrupted waits in its outbox.
#[derive(Debug, Default)]
pub(super) enum Business {
    #[default]
    None,
    /// A body is coming.
    Exchange(Box<Exchange>),
    /// A responder said *later*, and has until then. `was_rung`: it is to be asked again.
    Postponed { was_rung: bool, is_head: bool, until: Moment },
    /// Something is to leave. There is no outbox while all of it lies on the loop's desk.
    Writing { afterwards: Afterwards, outbox: Option<Box<Outbox>> },
    /// A body that was laid out is to leave, and nothing of it has. Where the socket takes it in
    /// one go there is never an outbox, which bought its allocation and 350 instructions.
    WritingWhole { afterwards: Afterwards, prepared: Prepared },
    /// Lingering ends then, whatever comes.
    LingerUntil(Moment),
    /// It has ended within a body whose end only the close can tell.
    Cut,
}
