//! How another thread tells the loop that a postponed answer is ready.

use std::fmt;
use std::sync::Arc;

/// What a [`Wake`] rings: the loop side of it. A loop gives one to each request it hands out.
#[doc(hidden)]
pub trait Bell: Send + Sync {
    /// Asks the loop to come back to the connection known by `key`.
    fn ring(&self, key: u64);
}

/// Calls the loop back to one connection; from any thread, as often as one likes.
///
/// A responder that answers [`Later`](crate::Answer::Later), or a [`Source`](crate::Source) that
/// has nothing to give yet, keeps one of these and lets whoever does the work ring it. A ring for a
/// connection that has ended meanwhile does nothing.
#[derive(Clone)]
pub struct Wake {
    key: u64,
    bell: Arc<dyn Bell>,
}

impl Wake {
    /// A handle that rings `bell` with `key`.
    #[doc(hidden)]
    #[must_use]
    pub fn new(key: u64, bell: Arc<dyn Bell>) -> Self {
        Self { key, bell }
    }

    /// Asks the loop to come back. Returns at once; the loop acts on its next turn.
    pub fn wake(&self) {
        self.bell.ring(self.key);
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").field("key", &self.key).finish_non_exhaustive()
    }
}
