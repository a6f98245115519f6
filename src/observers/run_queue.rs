//! What the kernel knows of a thread that had something to do and waited for a CPU: the thread
//! itself saw the time go by, and nothing else.
//!
//! Relies on `schedstat` of Linux's `/proc`: nanoseconds on a CPU, nanoseconds in the run queue,
//! and how often. It is opened early, as `accept_queue.rs` opens its file.
//!
//! Read next: `outside.rs`.

use std::fs::File;
use std::time::Duration;

use super::outside::told;

const SCHEDSTAT: &str = "/proc/thread-self/schedstat";

/// Tells how long the thread that opened it has waited for a CPU since then.
#[derive(Debug)]
pub(super) struct RunQueue {
    file: File,
    before: Duration,
}

impl RunQueue {
    /// `None` where the kernel does not tell.
    pub(super) fn open() -> Option<Self> {
        let file = File::open(SCHEDSTAT).ok()?;
        let before = found(&told(&file)?)?;
        Some(Self { file, before })
    }

    /// `None` where the kernel tells no longer: the thread has ended.
    pub(super) fn waited(&self) -> Option<Duration> {
        Some(found(&told(&self.file)?)?.saturating_sub(self.before))
    }
}

fn found(text: &str) -> Option<Duration> {
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_is_the_wait() {
        let waits = |nanos| Some(Duration::from_nanos(nanos));
        for (text, expected) in [
            ("474175418 371308086 9329\n", waits(371_308_086)),
            ("1 0 1", waits(0)),
            ("1 x 1", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(found(text), expected, "{text:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_that_of_the_thread_that_opened_it() {
        let queue = std::thread::spawn(|| {
            let queue = RunQueue::open().expect("Linux tells");
            assert!(queue.waited().is_some());
            queue
        });
        assert_eq!(queue.join().unwrap().waited(), None, "it has ended");
    }
}
