//! A line of a trace, read again: what `scribe.rs` has written, as the step that it was.
//!
//! Never: takes anything for a step that it does not know whole.

use std::time::Duration;

use serde_json::Value;

use crate::connection::{CloseReason, Moment, Phase, Why};

use super::super::record::{Record, Step};
use super::super::{Call, Outcome, Signs, errors};
use super::scribe::{LOOP, MARK, SIGNS, WAITS};

/// What a line of a trace says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceLine {
    /// A trace of ours begins.
    Mark,
    /// A step of a connection, or of the loop.
    Step {
        /// Which loop's, from 0.
        worker: u32,
        /// Which connection's; 0 is the loop itself.
        connection: u32,
        /// What it was.
        record: Record,
    },
    /// So many steps of a loop are missing here.
    Missing {
        /// Which loop's, from 0.
        worker: u32,
        /// How many.
        steps: u64,
    },
    /// The trace had as many bytes as it may, and ends.
    Full,
    /// A bracket, a name, a phase that came before the end: nothing that would have to be told.
    Else,
}

impl TraceLine {
    /// What the line says; `None` where it is none of a trace's.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let line = line.trim_end().trim_end_matches(',');
        if matches!(line, "" | "[" | "]") {
            return Some(Self::Else);
        }
        let event: Value = serde_json::from_str(line).ok()?;
        let number = |key: &str| event[key].as_u64();
        let (name, ph) = (event["name"].as_str()?, event["ph"].as_str()?);
        let worker = number("pid")?.checked_sub(1)?.try_into().ok()?;
        let connection = number("tid")?.try_into().ok()?;
        let connection = if connection == LOOP { 0 } else { connection };
        let args = &event["args"];
        let (took, step) = match (ph, event["cat"].as_str()) {
            ("M", _) if name == MARK => return Some(Self::Mark),
            ("M", _) => return Some(Self::Else),
            ("i", None) if name == "full" => return Some(Self::Full),
            ("i", None) if name == "missing" => {
                return Some(Self::Missing { worker, steps: args["steps"].as_u64()? });
            }
            ("X", Some("phase")) => {
                let (from, to) = (phase(name)?, phase(args["to"].as_str()?)?);
                if to == Phase::Closed {
                    // What comes next says more.
                    return Some(Self::Else);
                }
                let until = nanos(&event["ts"])?.saturating_add(nanos(&event["dur"])?);
                let at = Moment::START.after(Duration::from_nanos(until));
                let record = Record { at, took: Duration::ZERO, step: Step::Moved { from, to } };
                return Some(Self::Step { worker, connection, record });
            }
            ("X", Some("wait")) => (nanos(&event["dur"])?, waited(args)?),
            ("X", Some("call")) => (nanos(&event["dur"])?, called(name, args)?),
            ("i", Some("step")) => (0, moment(name, args)?),
            _ => return None,
        };
        let at = Moment::START.after(Duration::from_nanos(nanos(&event["ts"])?));
        let record = Record { at, took: Duration::from_nanos(took), step };
        Some(Self::Step { worker, connection, record })
    }
}

/// Microseconds with three digits behind the point, as nanoseconds. A double holds three weeks
/// of them exactly.
fn nanos(value: &Value) -> Option<u64> {
    let micros = value.as_f64()?;
    (micros >= 0.0).then_some((micros * 1000.0).round() as u64)
}

fn phase(name: &str) -> Option<Phase> {
    Phase::ALL.into_iter().find(|phase| phase.name() == name)
}

fn why(args: &Value) -> Option<Why> {
    let word = args["for"].as_str()?;
    WAITS.iter().find(|(_, name)| *name == word).map(|(why, _)| *why)
}

fn waited(args: &Value) -> Option<Step> {
    let events = args["events"].as_u64()?.try_into().ok()?;
    let limit = args["limit_ms"].as_i64()?;
    Some(Step::Waited { limit: limit.try_into().ok().map(Duration::from_millis), events })
}

fn called(name: &str, args: &Value) -> Option<Step> {
    let call = Call::ALL.into_iter().find(|call| call.name() == name)?;
    let number = |key: &str| args[key].as_u64().and_then(|number| usize::try_from(number).ok());
    let outcome = match (args["err"].as_str(), number("ret"), number("of")) {
        (Some("EAGAIN"), ..) => Outcome::Blocked,
        (Some(error), ..) => Outcome::Failed(errors::named(error)),
        (None, Some(n), Some(of)) => Outcome::Moved { n, of },
        (None, Some(_), None) if !matches!(call, Call::Register | Call::Close) => Outcome::Ended,
        (None, ..) => Outcome::Done,
    };
    Some(Step::Called { call, outcome })
}

fn moment(name: &str, args: &Value) -> Option<Step> {
    let number = |key: &str| args[key].as_u64();
    Some(match name {
        "accepted" => Step::Accepted { service: number("listener")?.try_into().ok()? },
        "ready" => {
            let words: Vec<_> = args["signs"].as_str()?.split(' ').collect();
            let said = SIGNS.iter().filter(|(name, _)| words.contains(name));
            Step::Ready(said.fold(Signs::default(), |all, (_, sign)| all.and(*sign)))
        }
        "asked" => {
            let (_, request) = args["id"].as_str()?.split_once(".r")?;
            Step::Asked { request: request.parse().ok()? }
        }
        "given" => Step::Given { status: number("status")?.try_into().ok()? },
        "sent" => Step::Sent,
        "armed" => {
            let wait = args["ns"].as_i64()?.try_into().ok().map(Duration::from_nanos);
            Step::Armed { why: why(args)?, wait }
        }
        "expired" => Step::Expired { why: why(args)? },
        "closed" => {
            let requests = number("requests")?.try_into().ok()?;
            Step::Closed { reason: reason(args)?, requests }
        }
        _ => return None,
    })
}

/// The one that has that name and reads like that.
fn reason(args: &Value) -> Option<CloseReason> {
    let (name, says) = (args["why"].as_str()?, args["says"].as_str()?);
    let of_a_kind = |kind| (0..=u8::MAX).map_while(move |code| CloseReason::from_code(code, kind));
    let is_it = |reason: &CloseReason| reason.name() == name && reason.to_string() == says;
    errors::all().flat_map(of_a_kind).find(is_it)
}

#[cfg(test)]
mod tests {
    use super::super::super::record::tests::samples;
    use super::super::scribe::Scribe;
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        // Of a call that moves nothing, nothing is left to be moved.
        let is_real = |step: &Step| match step {
            Step::Called { call, outcome } => {
                *outcome != Outcome::Ended || !matches!(call, Call::Register | Call::Close)
            }
            _ => true,
        };
        for (at, step) in samples().into_iter().filter(is_real).enumerate() {
            let took = match step {
                Step::Waited { .. } | Step::Called { .. } => Duration::from_nanos(1_234_567_891),
                _ => Duration::ZERO,
            };
            let at = Moment::START.after(Duration::from_nanos(9_000_000_000_001 * at as u64));
            let record = Record { at, took, step };
            let mut text = Vec::new();
            let mut scribe = Scribe::for_loops(2);
            scribe.append_step(&mut text, 1, 17, record);
            let text = String::from_utf8(text).unwrap();
            assert!(text.len() < crate::config::TRACE_LINE as usize / 2, "{text}");
            let read: Vec<_> = text.lines().map(|line| TraceLine::read(line).unwrap()).collect();
            let said = read.into_iter().find(|line| *line != TraceLine::Else);
            let is_silent = matches!(step, Step::Moved { to: Phase::Closed, .. });
            let expected = TraceLine::Step { worker: 1, connection: 17, record };
            assert_eq!(said, (!is_silent).then_some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_step_is_told_apart() {
        let mut text = Vec::new();
        let mut scribe = Scribe::for_loops(1);
        scribe.append_beginning(&mut text);
        scribe.append_gap(&mut text, 0, 5);
        scribe.append_full(&mut text);
        scribe.append_end(&mut text);
        let text = String::from_utf8(text).unwrap();
        let said: Vec<_> = text.lines().filter_map(TraceLine::read).collect();
        let missing = TraceLine::Missing { worker: 0, steps: 5 };
        let nothing = TraceLine::Else;
        let mark = TraceLine::Mark;
        let (full, names) = (TraceLine::Full, [nothing; 3]);
        let expected = [&[nothing, mark][..], &names, &[missing, full, nothing]].concat();
        assert_eq!(said, expected, "{text}");
        assert!(serde_json::from_str::<Value>(&text).unwrap().is_array());
        for line in ["{", "null", "{}", r#"{"ph":"X","name":"x","pid":1,"tid":1,"ts":1}"#] {
            assert_eq!(TraceLine::read(line), None, "{line}");
        }
    }
}
