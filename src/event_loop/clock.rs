//! The time, from the two clocks of the machine. The only file that asks for it; everywhere else it
//! is an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::connection::Moment;

use super::net::Wall;

/// The two clocks: one that never goes back, for deadlines, and the one on the wall, for answers.
/// The second is read once a second.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    wall: Wall,
    /// When the wall is to be looked at again.
    stale_at: Moment,
}

#[expect(clippy::disallowed_methods, reason = "this is the file that asks the time")]
impl Clock {
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), wall: Wall::UNKNOWN, stale_at: Moment::START }
    }

    pub(super) fn now(&self) -> Moment {
        Moment::from_start(self.began.elapsed())
    }

    pub(super) fn wall(&mut self, now: Moment) -> Wall {
        if now >= self.stale_at {
            let wall = SystemTime::now();
            // A clock that stands before 1970 or after 9999 has no date that HTTP could say.
            let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            let since = since.min(Duration::from_secs(253_402_300_799));
            let text = httpdate::fmt_http_date(UNIX_EPOCH + since);
            self.wall.date.copy_from_slice(text.as_bytes());
            self.wall.unix_time = since.as_secs();
            let rest = 1_000_000_000 - since.subsec_nanos();
            self.stale_at = now.after(Duration::from_nanos(rest.into()));
        }
        self.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_are_those_of_the_date() {
        let mut clock = Clock::start();
        let Wall { date, unix_time } = clock.wall(clock.now());
        let date = httpdate::parse_http_date(std::str::from_utf8(&date).unwrap()).unwrap();
        assert_eq!(date, UNIX_EPOCH + Duration::from_secs(unix_time));
        assert!(unix_time > 1_700_000_000);
    }
}
