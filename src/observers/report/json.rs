//! The report as JSON, for programs: every name and unit stays what it is. Times are in seconds,
//! and what is not known is `null`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::Outside;
use super::super::meter::{Durations, Figures, Shares, Stage};
use super::super::step::Call;
use super::verdict::Verdict;
use super::{PERCENTILES, SocketErrors, per, rate};

/// The report of a run as one JSON object, on one line. Times are in seconds, shares from 0 to 1,
/// and what is not known is `null`. `verdict.limit` is one of `client`, `server`, `one-loop` (of
/// several), `neither`, `responder` (what it waited for), `cpu` (others had it) and `unknown`.
#[must_use]
pub fn report_json(figures: &Figures, outside: &Outside) -> String {
    document(figures, outside).to_string()
}

fn document(figures: &Figures, outside: &Outside) -> Value {
    let Figures { window, requests, received, sent, .. } = figures;
    let waits = figures.calls(Call::Wait).made;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "loops": figures.loops,
        "uptime_seconds": figures.uptime.as_secs_f64(),
        "window_seconds": window.as_secs_f64(),
        "requests": requests,
        "requests_per_second": rate(*requests, *window),
        "unsent": figures.unsent,
        "received_bytes": received,
        "received_bytes_per_second": rate(*received, *window),
        "sent_bytes": sent,
        "sent_bytes_per_second": rate(*sent, *window),
        "latency": latency(&figures.latency),
        "stages": named(Stage::ALL.iter().zip(&figures.stages).map(|(stage, took)| {
            (stage.name(), quantiles(took))
        })),
        "statuses": named(figures.statuses.iter().map(|(status, &count)| (status, count.into()))),
        "connections": connections(figures, outside),
        "outstanding": {
            "mean": per(*requests, figures.batches),
            "most": figures.deepest,
        },
        "calls": calls(figures),
        "wakeups": waits,
        "events": figures.events,
        "events_per_wakeup": per(figures.events, waits),
        "longest_turn_seconds": figures.longest_turn.as_secs_f64(),
        "time": shares(figures.time),
        "load": shares(figures.load),
        "cpu_seconds": outside.cpu.map(|cpu| cpu.as_secs_f64()),
        "cpu_lacked_seconds": outside.lacked_cpu.map(|lacked| lacked.as_secs_f64()),
        "accept_queue": outside.dropped.map(|dropped| json!({
            "overflows": dropped.overflows,
            "drops": dropped.drops,
        })),
        "verdict": verdict(figures, outside),
    })
}

fn latency(latency: &Durations) -> Value {
    let bucket = |(_, to, count): (Duration, Duration, u64)| {
        let up_to = to.as_secs_f64();
        json!({ "up_to_seconds": up_to, "count": count })
    };
    let mut all = quantiles(latency);
    all["buckets"] = latency.buckets().map(bucket).collect();
    all
}

fn quantiles(took: &Durations) -> Value {
    let quantile = |share| took.quantile(share).map(|time| time.as_secs_f64());
    let percentile = |percent: f64| (percent.to_string(), json!(quantile(percent / 100.0)));
    json!({
        "count": took.count(),
        "mean_seconds": took.mean().as_secs_f64(),
        "min_seconds": quantile(0.0),
        "max_seconds": quantile(1.0),
        "percentiles_seconds": named(PERCENTILES.into_iter().map(percentile)),
    })
}

fn connections(figures: &Figures, outside: &Outside) -> Value {
    let SocketErrors { connect, read, write, timeout } = SocketErrors::of(figures, outside);
    json!({
        "accepted": figures.accepted,
        "peak": figures.peak,
        "open": figures.open(),
        "accepting_paused": figures.pauses,
        "closed": named(figures.closed.iter().map(|(reason, &count)| (reason, count.into()))),
        "errors": { "connect": connect, "read": read, "write": write, "timeout": timeout },
    })
}

fn calls(figures: &Figures) -> Value {
    named(Call::ALL.into_iter().map(|call| {
        let calls = figures.calls(call);
        let told = json!({
            "made": calls.made,
            "in_vain": calls.blocked,
            "failed": calls.failed,
            "per_request": per(calls.made, figures.requests),
        });
        (call.name(), told)
    }))
}

fn shares(shares: Shares) -> Value {
    json!({
        "working_seconds": shares.worked.as_secs_f64(),
        "waiting_seconds": shares.waited.as_secs_f64(),
        "alone_seconds": shares.alone.as_secs_f64(),
    })
}

fn verdict(figures: &Figures, outside: &Outside) -> Value {
    let verdict = Verdict::of(figures, outside);
    json!({
        "limit": verdict.limit.name(),
        "waiting": verdict.waiting,
        "cpu_share": verdict.cpu_share(),
        "accept_queue_overflows": verdict.overflows(),
        "text": verdict.to_string(),
    })
}

fn named<N: ToString>(all: impl Iterator<Item = (N, Value)>) -> Value {
    Value::Object(all.map(|(name, value)| (name.to_string(), value)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::super::super::Drops;
    use super::super::tests::{a_run, its_outside};
    use super::*;

    fn parsed(figures: &Figures, outside: &Outside) -> Value {
        let text = report_json(figures, outside);
        assert!(!text.contains('\n'), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_program_finds_everything_by_its_name() {
        let report = parsed(&a_run(), &its_outside());
        for (path, expected) in [
            ("/version", json!(env!("CARGO_PKG_VERSION"))),
            ("/loops", json!(1)),
            ("/uptime_seconds", json!(0.004)),
            ("/window_seconds", json!(0.003_099)),
            ("/requests", json!(3)),
            ("/requests_per_second", json!(3.0 / 0.003_099)),
            ("/unsent", json!(1)),
            ("/received_bytes", json!(304)),
            ("/sent_bytes", json!(2_348)),
            ("/latency/count", json!(3)),
            ("/stages/to-be-read/count", json!(3)),
            ("/stages/writing/count", json!(12)),
            ("/statuses", json!({ "200": 3, "404": 1 })),
            ("/connections/accepted", json!(2)),
            ("/connections/peak", json!(2)),
            ("/connections/open", json!(0)),
            ("/connections/accepting_paused", json!(0)),
            ("/connections/closed", json!({ "broken": 1, "client-done": 1 })),
            ("/connections/errors/connect", json!(1_204)),
            ("/connections/errors/write", json!(1)),
            ("/outstanding", json!({ "mean": 1.5, "most": 2 })),
            ("/calls/sendto/made", json!(4)),
            ("/calls/sendto/in_vain", json!(1)),
            ("/calls/sendto/failed", json!(1)),
            ("/calls/recvfrom/per_request", json!(1.0)),
            ("/wakeups", json!(4)),
            ("/events", json!(5)),
            ("/events_per_wakeup", json!(1.25)),
            ("/longest_turn_seconds", json!(0.0002)),
            ("/time/working_seconds", json!(0.000_239)),
            ("/load/waiting_seconds", json!(0.002_96)),
            ("/time/alone_seconds", json!(0.000_001)),
            ("/cpu_seconds", json!(0.001_25)),
            ("/cpu_lacked_seconds", json!(0.000_04)),
            ("/accept_queue", json!({ "overflows": 1_204, "drops": 1_300 })),
            ("/verdict/limit", json!("unknown")),
            ("/verdict/accept_queue_overflows", json!(1_204)),
            // All its threads together had one for longer than the loop worked.
            ("/verdict/cpu_share", json!(1.0)),
        ] {
            assert_eq!(report.pointer(path), Some(&expected), "{path}: {report:#}");
        }
        let seconds = |path| report.pointer(path).and_then(Value::as_f64).unwrap();
        for (path, expected) in [
            ("/latency/percentiles_seconds/50", 20e-6),
            ("/latency/percentiles_seconds/99.9", 2.9e-3),
            ("/latency/min_seconds", 20e-6),
            ("/latency/max_seconds", 2.9e-3),
            ("/latency/mean_seconds", 980e-6),
            ("/latency/buckets/1/up_to_seconds", 2.9e-3),
        ] {
            let found = seconds(path);
            assert!((found / expected - 1.0).abs() < 0.016, "{path}: {found}");
        }
    }

    #[test]
    fn what_is_known_is_not_null_be_it_of_no_weight() {
        let outside = Outside { dropped: Some(Drops::default()), ..its_outside() };
        let mut figures = a_run();
        figures.time.worked = Duration::from_micros(1_300);
        let report = parsed(&figures, &outside);
        assert_eq!(report["verdict"]["accept_queue_overflows"], json!(0));
        assert_eq!(report["verdict"]["cpu_share"], json!(1_250e-6 / 1_300e-6));
    }

    #[test]
    fn nothing_is_zero_or_null() {
        let report = parsed(&Figures::default(), &Outside::default());
        for (path, expected) in [
            ("/requests", json!(0)),
            ("/requests_per_second", json!(0.0)),
            ("/latency/max_seconds", Value::Null),
            ("/latency/buckets", json!([])),
            ("/statuses", json!({})),
            ("/outstanding/mean", json!(0.0)),
            ("/events_per_wakeup", json!(0.0)),
            ("/cpu_seconds", Value::Null),
            ("/cpu_lacked_seconds", Value::Null),
            ("/accept_queue", Value::Null),
            ("/verdict/cpu_share", Value::Null),
            ("/verdict/accept_queue_overflows", Value::Null),
        ] {
            assert_eq!(report.pointer(path), Some(&expected), "{path}: {report:#}");
        }
    }
}
