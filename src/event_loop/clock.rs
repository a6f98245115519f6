//! The time, from the two clocks of the machine. The only file that asks for it; everywhere else it
//! is an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::connection::Moment;
use crate::message::Date;

/// The two clocks: one that never goes back, for deadlines, and the one on the wall, for answers.
/// The second is read once a second.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    date: Date,
    /// When the date is to be made again.
    stale_at: Moment,
}

#[expect(clippy::disallowed_methods, reason = "this is the file that asks the time")]
impl Clock {
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), date: [b' '; 29], stale_at: Moment::START }
    }

    pub(super) fn now(&self) -> Moment {
        Moment::from_start(self.began.elapsed())
    }

    pub(super) fn date(&mut self, now: Moment) -> Date {
        if now >= self.stale_at {
            let wall = SystemTime::now();
            // A clock that stands before 1970 or after 9999 has no date that HTTP could say.
            let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            let since = since.min(Duration::from_secs(253_402_300_799));
            let text = httpdate::fmt_http_date(UNIX_EPOCH + since);
            self.date.copy_from_slice(text.as_bytes());
            let rest = 1_000_000_000 - since.subsec_nanos();
            self.stale_at = now.after(Duration::from_nanos(rest.into()));
        }
        self.date
    }
}
