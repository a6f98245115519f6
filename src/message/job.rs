//! Work that would make the loop wait, and so is done by a helper thread: what touches a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Something to be done elsewhere. It touches no socket, and hands its result over by itself.
pub type Job = Box<dyn FnOnce() + Send>;

/// Whether a job was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It will be done.
    Taken,
    /// Too many wait already, and it was dropped. Answer [`Later`](crate::Answer::Later): the loop
    /// asks again when there is room.
    Full,
}

/// Whether a job is over: shared by who does it and who waits for it.
#[derive(Clone, Debug, Default)]
pub struct Done(Arc<AtomicBool>);

impl Done {
    /// It is over.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_so(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
