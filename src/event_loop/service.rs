//! What stands behind a listener.

use std::fmt;

use crate::config::Limits;
use crate::responders::Responder;

/// What answers behind a listener, and what its clients are granted.
pub struct Service {
    /// What answers.
    pub responder: Box<dyn Responder>,
    /// What is granted.
    pub limits: Limits,
    /// How long it is there.
    pub stays: Stays,
}

/// How long a service takes clients in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// Until the server is asked to stop; who is being answered then is waited for.
    UntilStop,
    /// For as long as others are waited for; nobody waits for its own clients.
    ToTheEnd,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("limits", &self.limits).finish_non_exhaustive()
    }
}
