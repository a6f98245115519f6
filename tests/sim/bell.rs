//! What other threads ring. There are none here, but the loop cannot know that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use oneloop::event_loop::Key;
use oneloop::message::Bell;

#[derive(Debug, Default)]
pub(crate) struct Ringer {
    keys: Mutex<Vec<u64>>,
    is_rung: AtomicBool,
    stop: AtomicBool,
}

impl Ringer {
    pub(crate) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.is_rung.store(true, Ordering::Relaxed);
    }

    /// A helper says that there is room for jobs.
    pub(crate) fn tell_of_room(&self) {
        self.is_rung.store(true, Ordering::Relaxed);
    }

    /// Whether it was rung, and nobody was told.
    pub(crate) fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::Relaxed)
    }

    /// Whether it was rung since this was last asked.
    pub(crate) fn was_rung(&self) -> bool {
        self.is_rung.swap(false, Ordering::Relaxed)
    }

    /// Takes the keys it was rung with, and whether a stop was asked for.
    pub(crate) fn take(&self, into: &mut Vec<Key>) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        into.extend(keys.drain(..).map(Key::from_bits));
        self.stop.load(Ordering::Relaxed)
    }
}

impl Bell for Ringer {
    fn ring(&self, key: u64) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key);
        self.is_rung.store(true, Ordering::Relaxed);
    }
}
