//! The events of a trace, and what Chrome's Trace Event Format asks of them, by phase:
//! every event has `ph`, `name`, `pid`, `tid` and `ts`; `X` a `dur`; `i` a scope `s`; `M` a name in
//! its `args`. On its own track, what begins within something ends within it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The track of a loop.
pub(crate) const LOOP: u64 = u32::MAX as u64;

pub(crate) fn events(trace: &str) -> Vec<Value> {
    serde_json::from_str(trace).unwrap_or_else(|error| panic!("{error}"))
}

/// The numbers of the connections that are in it.
pub(crate) fn connections(trace: &str) -> Vec<u64> {
    let tids = events(trace).into_iter().map(|event| event["tid"].as_u64().unwrap());
    tids.filter(|tid| *tid != LOOP).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Nanoseconds, exactly.
fn nanos(value: &Value) -> u64 {
    let text = value.to_string();
    let (micros, rest) = text.split_once('.').unwrap_or((&text, "0"));
    let rest: u64 = format!("{rest:0<3}").parse().unwrap();
    micros.parse::<u64>().unwrap() * 1000 + rest
}

/// What happened on a track: from when to when, and what.
type Track = Vec<(u64, u64, String)>;

/// Whether a trace that was ended in an orderly way is what viewers ask for.
pub(crate) fn check_valid(trace: &str) {
    let mut lines = trace.lines();
    assert_eq!((lines.next(), lines.next_back()), (Some("["), Some("]")));
    let mut tracks: BTreeMap<(u64, u64), Track> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for line in lines {
        let event: Value = serde_json::from_str(line.trim_end_matches(',')).unwrap();
        let number = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key} in {line}"));
        let place = (number("pid"), number("tid"));
        let (ph, name) = (event["ph"].as_str().unwrap(), event["name"].as_str().unwrap());
        assert!(event["ts"].is_number(), "{line}");
        if ph == "M" {
            assert!(event["args"].is_object(), "{line}");
            named.extend((name == "thread_name").then_some(place));
            continue;
        }
        assert!(named.contains(&place), "a track without a name: {line}");
        let from = nanos(&event["ts"]);
        let until = match ph {
            "X" => from + nanos(&event["dur"]),
            "i" => from,
            _ => panic!("what is {line}?"),
        };
        assert!(ph == "X" || ["t", "g"].contains(&event["s"].as_str().unwrap()), "{line}");
        let track = tracks.entry(place).or_default();
        // Everything is written when it is over.
        let before = track.last().map_or(0, |(_, until, _)| *until);
        assert!(until >= before, "a step back in time: {line}");
        track.push((from, until, name.to_owned()));
    }
    for (place, track) in tracks {
        check_nesting(place, track);
    }
}

/// Whether everything lies in what it began in.
fn check_nesting(place: (u64, u64), mut track: Track) {
    track.sort_by_key(|(from, until, _)| (*from, std::cmp::Reverse(*until)));
    let mut open: Track = Vec::new();
    for (from, until, name) in track {
        open.retain(|(_, end, _)| *end > from);
        let around = open.last();
        assert!(around.is_none_or(|(_, end, _)| until <= *end), "{place:?}: {name} and {around:?}");
        // Calls lie in phases; and a page was asked for in the time of its sendfile.
        let depth = usize::from(place.1 != LOOP) + usize::from(name == "preadv2");
        assert!(open.len() <= depth, "{place:?}: {name} in {open:?}");
        open.push((from, until, name));
    }
}
