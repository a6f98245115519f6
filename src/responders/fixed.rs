//! One prepared answer for everything: the static responder.

use crate::message::{Answer, Prepared, Request};

use super::Responder;

/// Gives every request the same answer, whatever its method and path.
#[derive(Clone, Debug)]
pub struct Fixed {
    answer: Prepared,
}

impl Fixed {
    /// A responder that always gives `answer`.
    #[must_use]
    pub const fn new(answer: Prepared) -> Self {
        Self { answer }
    }
}

impl Responder for Fixed {
    fn respond(&mut self, _: &Request<'_>) -> Answer {
        Answer::Prepared(self.answer.clone())
    }
}
