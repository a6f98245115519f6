//! The figures as JSON: what `/status` says, and with the slots what the page gets with every beat.
//!
//! Counts are since the beginning and times in seconds, so that whoever wants a rate takes two of
//! them from each other.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::{CELLS_SHOWN, LATENCY_BARS, LATENCY_BARS_A_DECADE, LATENCY_LEAST};
use crate::connection::Phase;
use crate::observers::{Call, Cell, Durations, OPEN_PHASES, Stage};

use super::Seen;

/// All of them.
pub(super) fn of(seen: &Seen) -> Value {
    let (figures, outside) = (seen.figures(), seen.surroundings.look());
    let phases = Phase::ALL.iter().zip(figures.phases).map(|(phase, n)| (phase.name(), json!(n)));
    let calls = Call::ALL.iter().map(|&call| {
        let calls = figures.calls(call);
        let counts = json!({
            "made": calls.made, "blocked": calls.blocked, "failed": calls.failed,
        });
        (call.name(), counts)
    });
    let stages = Stage::ALL.iter().zip(&figures.stages);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "workers": figures.loops,
        "uptime": seconds(figures.uptime),
        "state": if figures.is_stopping { "stopping" } else { "serving" },
        "requests": figures.requests,
        "statuses": object(figures.statuses.iter().map(|(s, n)| (s.to_string(), json!(n)))),
        "unsent": figures.unsent,
        "received": figures.received,
        "sent": figures.sent,
        "connections": {
            "open": figures.open(),
            "peak": figures.peak,
            "accepted": figures.accepted,
            "aside": figures.aside,
            "phases": object(phases),
            "closed": object(figures.closed.iter().map(|(&reason, n)| (reason, json!(n)))),
        },
        "loop": {
            "wakes": figures.calls(Call::Wait).made,
            "events": figures.events,
            "worked": seconds(figures.time.worked),
            "waited": seconds(figures.time.waited),
            "alone": seconds(figures.time.alone),
            "longest_turn": seconds(figures.longest_turn),
        },
        "calls": object(calls),
        "latency": durations(&figures.latency),
        "stages": object(stages.map(|(stage, took)| (stage.name(), durations(took)))),
        "histogram": bars(&figures.latency),
        "accept_queue": { "overflows": outside.dropped.map(|drops| drops.overflows) },
    })
}

/// The same with what is in each slot. Of many slots several are told together.
pub(super) fn with_cells(seen: &Seen) -> Value {
    let slots: Vec<Vec<Cell>> = seen.meters.iter().map(|meter| meter.cells().collect()).collect();
    let all: usize = slots.iter().map(Vec::len).sum();
    let each = all.div_ceil(CELLS_SHOWN).max(1);
    let told = slots.iter().map(|cells| {
        if each == 1 {
            return Value::String(cells.iter().map(|&cell| letter(cell)).collect());
        }
        cells.chunks(each).map(|cells| json!(counts(cells))).collect()
    });
    let cells = json!({ "each": each, "workers": told.collect::<Vec<_>>() });
    let mut status = of(seen);
    status["cells"] = cells;
    status
}

/// `.` is nobody, `s` the scope's own.
fn letter(cell: Cell) -> char {
    match cell {
        Cell::In(Phase::Idle) => 'i',
        Cell::In(Phase::Head) => 'h',
        Cell::In(Phase::Answering) => 'a',
        Cell::In(Phase::Body) => 'b',
        Cell::In(Phase::Writing) => 'w',
        Cell::In(Phase::Lingering) => 'l',
        Cell::In(Phase::Closed) | Cell::Empty => '.',
        Cell::Aside => 's',
    }
}

/// How many of these slots are empty, in each phase, and the scope's own.
fn counts(cells: &[Cell]) -> [u32; OPEN_PHASES + 2] {
    let mut counts = [0; OPEN_PHASES + 2];
    for cell in cells {
        let at = match cell {
            Cell::Empty | Cell::In(Phase::Closed) => 0,
            Cell::In(phase) => 1 + *phase as usize,
            Cell::Aside => 1 + OPEN_PHASES,
        };
        counts[at] += 1;
    }
    counts
}

fn durations(took: &Durations) -> Value {
    let quantiles = took.quantiles([0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0]);
    let [p50, p75, p90, p95, p99, p999, max] =
        quantiles.map(|quantile| seconds(quantile.unwrap_or_default()));
    json!({
        "count": took.count(),
        "mean": seconds(took.mean()),
        "p50": p50,
        "p75": p75,
        "p90": p90,
        "p95": p95,
        "p99": p99,
        "p999": p999,
        "max": max,
    })
}

/// The histogram in bars of equal width on a logarithmic scale: up to how many seconds, and how
/// many. Their bounds never move, so that what was counted before can be taken from it.
fn bars(took: &Durations) -> Value {
    let upper = |at: usize| LATENCY_LEAST * 10_f64.powf(at as f64 / LATENCY_BARS_A_DECADE);
    let mut counts = [0; LATENCY_BARS];
    for (_, to, count) in took.buckets() {
        let at = (0..LATENCY_BARS).find(|&at| to.as_secs_f64() <= upper(at));
        counts[at.unwrap_or(LATENCY_BARS - 1)] += count;
    }
    counts.iter().enumerate().map(|(at, count)| json!([upper(at), count])).collect()
}

/// To the nanosecond.
fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn object<K: Into<String>>(entries: impl Iterator<Item = (K, Value)>) -> Value {
    Value::Object(entries.map(|(key, value)| (key.into(), value)).collect::<Map<_, _>>())
}
