//! How much content is in memory: cached, or only being sent still.
//!
//! What the cache lets go lives on as long as answers are sent from it, and counts until then. So
//! slow clients cannot make the memory grow by asking for one thing after the other, and nor can
//! those who ask and leave.
//! Never asks how much memory there is: the bound is a number. Read next: `cache.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::CONTENT_ALIVE;
use crate::message::{Laid, Prepared};

/// The memory that content takes. Helper threads count in it too.
#[derive(Debug)]
pub(super) struct Memory {
    used: Arc<AtomicUsize>,
    most: usize,
}

impl Memory {
    /// Beside a cache of so many bytes.
    pub(super) fn beside(cached: usize) -> Self {
        let most = cached.saturating_mul(2).saturating_add(CONTENT_ALIVE);
        Self { used: Arc::default(), most }
    }

    /// How much is in use, in bytes.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether something of that length may come into memory, in bytes.
    pub(super) fn has_room(&self, len: u64) -> bool {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.used().saturating_add(len) <= self.most
    }

    /// What was laid out counts from now on, until the last answer from it has left.
    pub(super) fn count(&self, laid: Laid) -> Prepared {
        laid.counted_in(&self.used).into()
    }
}
