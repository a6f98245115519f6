//! Counts, sizes and times as people read them.

use std::fmt;
use std::time::Duration;

use super::super::grouped;

/// So many of something: `1 connection`, `2 connections`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Bytes: `98.21 MiB`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) f64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut size = self.0;
        let mut units = ["B", "KiB", "MiB", "GiB"].into_iter();
        let mut unit = units.next().unwrap_or_default();
        for next in units {
            if size < 1024.0 {
                break;
            }
            (size, unit) = (size / 1024.0, next);
        }
        if unit == "B" { write!(f, "{size:.0} B") } else { write!(f, "{size:.2} {unit}") }
    }
}

/// A time, with two decimals, in the unit that suits it: `78.00µs`, as wrk writes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_secs_f64() * 1e6;
        // What would be rounded up to a thousand is one of the next unit.
        f.pad(&match micros {
            ..999.995 => format!("{micros:.2}µs"),
            ..999_995.0 => format!("{:.2}ms", micros / 1e3),
            _ => format!("{:.2}s", micros / 1e6),
        })
    }
}

/// A time in seconds, as a plain number that loses nothing: `0.000078`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Seconds(pub(in super::super) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos());
        f.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A share, from 0 to 1, as whole percents: `63 %`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percent(pub(super) f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.0 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_people_s_units() {
        assert_eq!(counted(1, "connection"), "1 connection");
        assert_eq!(counted(1_204, "connection"), "1,204 connections");
        for (size, expected) in [
            (0.0, "0 B"),
            (1_023.0, "1023 B"),
            (1_536.0, "1.50 KiB"),
            (5.0 * 1024.0 * 1024.0, "5.00 MiB"),
            (5_000.0 * 1024.0 * 1024.0 * 1024.0, "5000.00 GiB"),
        ] {
            assert_eq!(Size(size).to_string(), expected);
        }
        assert_eq!(Percent(0.634).to_string(), "63 %");
    }

    #[test]
    fn times_are_as_wrk_writes_them() {
        for (nanos, time, seconds) in [
            (0, "0.00µs", "0"),
            (78, "0.08µs", "0.000000078"),
            (78_000, "78.00µs", "0.000078"),
            (999_994, "999.99µs", "0.000999994"),
            (999_996, "1.00ms", "0.000999996"),
            (3_980_000, "3.98ms", "0.00398"),
            (999_996_000, "1.00s", "0.999996"),
            (1_000_000_000, "1.00s", "1"),
            (90_500_000_000, "90.50s", "90.5"),
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(Time(duration).to_string(), time);
            assert_eq!(Seconds(duration).to_string(), seconds);
        }
        assert_eq!(format!("[{:>9}]", Time(Duration::from_micros(78))), "[  78.00µs]");
    }
}
