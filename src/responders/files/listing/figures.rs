//! Sizes, dates and counts, written for people and for programs.
//!
//! Relies on httpdate for the calendar, which is asked once for each day that is met: most files of
//! a folder share theirs with others. Never knows what time it is.
//! Read next: `page.rs`, `json.rs`.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use super::super::validators::http_date;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The days met so far, as `1994-11-06`, by their number since 1970; nothing for one that HTTP has
/// no date for.
#[derive(Debug, Default)]
pub(super) struct Days(HashMap<u64, Option<String>>);

impl Days {
    /// The moment that is so many seconds after the beginning of 1970.
    pub(super) fn moment(&mut self, seconds: u64) -> Option<Moment<'_>> {
        let number = seconds / DAY;
        let day = self.0.entry(number).or_insert_with(|| day(number)).as_deref()?;
        Some(Moment { day, second: seconds % DAY })
    }
}

/// A day as numbers, taken from the HTTP date, which has the same parts in another order.
fn day(number: u64) -> Option<String> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let date = http_date(UNIX_EPOCH.checked_add(Duration::from_secs(number * DAY))?)?;
    let (day, month, year) = (&date[5..7], &date[8..11], &date[12..16]);
    let month = MONTHS.find(month)? / 3 + 1;
    Some(format!("{year}-{month:02}-{day}"))
}

/// A second of a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'d> {
    day: &'d str,
    second: u64,
}

impl Moment<'_> {
    /// Adds `1994-11-06 08:49`, which sorts and reads the same everywhere.
    pub(super) fn put_minute(self, out: &mut String) {
        out.push_str(self.day);
        out.push(' ');
        put_two(out, self.second / HOUR);
        out.push(':');
        put_two(out, self.second % HOUR / MINUTE);
    }

    /// `1994-11-06T08:49:37Z` (RFC 3339).
    pub(super) fn timestamp(self) -> String {
        let Self { day, second } = self;
        let (hour, minute) = (second / HOUR, second % HOUR / MINUTE);
        format!("{day}T{hour:02}:{minute:02}:{:02}Z", second % MINUTE)
    }
}

fn put_two(out: &mut String, number: u64) {
    put_digit(out, number / 10);
    put_digit(out, number);
}

/// The last digit of a number.
fn put_digit(out: &mut String, number: u64) {
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// A number of bytes for people: `17 B`, `1.5 KiB`. Rounded down, so that it never reads `1024.0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let Some(power) = self.0.checked_ilog2().map(|bits| bits / 10).filter(|&power| power > 0)
        else {
            return write!(f, "{} B", self.0);
        };
        let unit = 1_u64 << (10 * power);
        let (whole, tenth) = (self.0 / unit, self.0 % unit * 10 / unit);
        write!(f, "{whole}.{tenth} {}", UNITS[power as usize - 1])
    }
}

/// A count for people: `10,000`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (0, rest) => write!(f, "{rest}"),
            (thousands, rest) => write!(f, "{},{rest:03}", Self(thousands)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Days, Size};

    #[test]
    fn sizes_are_in_people_s_units() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (1024 * 1024, "1.0 MiB"),
            (5_000_000_000, "4.6 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected);
        }
    }

    #[test]
    fn counts_are_in_groups_of_three() {
        for (count, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (10_000, "10,000"),
            (12_000_034, "12,000,034"),
        ] {
            assert_eq!(Count(count).to_string(), expected);
        }
    }

    /// All of them of one memory of days, so that a day met again is the same day.
    #[test]
    fn dates_are_numbers_that_sort() {
        let mut days = Days::default();
        for (seconds, minute, timestamp) in [
            (0, "1970-01-01 00:00", "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29 12:34", "2000-02-29T12:34:56Z"),
            (1_704_067_199, "2023-12-31 23:59", "2023-12-31T23:59:59Z"),
            (1_704_067_200, "2024-01-01 00:00", "2024-01-01T00:00:00Z"),
            (1_704_067_199 - 86_399, "2023-12-31 00:00", "2023-12-31T00:00:00Z"),
            (253_402_300_799, "9999-12-31 23:59", "9999-12-31T23:59:59Z"),
        ] {
            let moment = days.moment(seconds).unwrap();
            let mut out = String::new();
            moment.put_minute(&mut out);
            assert_eq!((&out[..], &moment.timestamp()[..]), (minute, timestamp));
        }
        for seconds in [253_402_300_800, u64::MAX] {
            assert!(days.moment(seconds).is_none());
        }
    }
}
