//! The last steps of one connection: what the page shows where a slot is clicked.

use http::StatusCode;
use serde_json::{Value, json};

use crate::connection::Moment;
use crate::message::{Request, Response};
use crate::observers::{Cell, MeterReader, Teller};

use super::json;

/// `/slot?worker=0&slot=17`
pub(super) fn answer(meters: &[MeterReader], request: &Request<'_>) -> Response {
    let number = |name| {
        let pairs = request.query().unwrap_or_default().split('&');
        let mut values = pairs.filter_map(|pair| pair.split_once('='));
        values.find(|(found, _)| *found == name)?.1.parse::<usize>().ok()
    };
    let meter = meters.get(number("worker").unwrap_or(0));
    let Some((meter, slot)) = meter.zip(number("slot")) else { return nobody() };
    let Some(tenant) = meter.steps(slot) else { return nobody() };
    let mut teller = Teller::default();
    let steps = tenant.steps.iter().map(|record| {
        let told = teller.tell(record.step);
        json!({
            "at": record.at.since(Moment::START).as_secs_f64(),
            "took": record.took.as_secs_f64(),
            "text": told.text,
            "file": told.file,
        })
    });
    let phase = match meter.cell(slot) {
        Cell::Empty => "gone",
        Cell::In(phase) => phase.name(),
        Cell::Aside => "aside",
    };
    let told = json!({
        "connection": format!("c{}", tenant.connection),
        "slot": slot,
        "client": tenant.peer.map(|peer| peer.to_string()),
        "phase": phase,
        "steps": steps.collect::<Value>(),
    });
    json(&told.to_string())
}

fn nobody() -> Response {
    Response::status(StatusCode::NOT_FOUND)
}
