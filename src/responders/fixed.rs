//! One prepared answer for everything: the static responder.

use http::{Method, StatusCode};

use crate::message::{Answer, Prepared, Request, Response};

use super::Responder;

/// Gives every request the same answer, whatever its method and path; but for TRACE, which asks for
/// its own request back (RFC 9110 §9.3.8) and gets 501.
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
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        if *request.method() == Method::TRACE {
            return Response::status(StatusCode::NOT_IMPLEMENTED).into();
        }
        Answer::Prepared(self.answer.clone())
    }
}
