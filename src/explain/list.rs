//! The connections of a trace as a table: when each began, how long it lasted, what it asked and
//! moved, and why it ended.
//!
//! Read next: `life.rs`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use oneloop::CloseReason;
use oneloop::observers::{Call, Outcome, Step, TraceLine, grouped};

use super::super::one_line;
use super::life::{ended, millis};

/// So many are listed; of those beyond only the number is told.
const LISTED: usize = 100;

/// What is known of a connection.
#[derive(Debug, Default)]
struct Row {
    /// In nanoseconds since its loop began.
    began: Option<u64>,
    ended: u64,
    requests: u32,
    received: u64,
    sent: u64,
    closed: Option<CloseReason>,
}

/// All connections, by their numbers.
#[derive(Debug, Default)]
pub(super) struct List {
    rows: BTreeMap<u32, Row>,
    missing: u64,
    is_full: bool,
}

impl List {
    pub(super) fn take(&mut self, line: TraceLine) {
        match line {
            TraceLine::Missing { steps, .. } => self.missing = self.missing.saturating_add(steps),
            TraceLine::Full => self.is_full = true,
            TraceLine::Step { connection: connection @ 1.., record, .. } => {
                let row = self.rows.entry(connection).or_default();
                let at = record.nanos();
                row.began.get_or_insert(at);
                row.ended = ended(record);
                row.take(record.step);
            }
            _ => {}
        }
    }

    pub(super) fn write(&self, file: &Path, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            writeln!(out, "no connection")?;
        } else {
            writeln!(
                out,
                "{:<12}{:>16}{:>16}{:>10}{:>16}{:>16}  closed because",
                "connection", "began, ms", "lasted, ms", "requests", "received", "sent"
            )?;
        }
        for (connection, row) in self.rows.iter().take(LISTED) {
            row.write(&format!("c{connection}"), out)?;
        }
        let others = self.rows.len().saturating_sub(LISTED);
        if others > 0 {
            writeln!(out, "and {} more", grouped(others as u64))?;
        }
        if self.missing > 0 {
            writeln!(out, "missing steps: {}", grouped(self.missing))?;
        }
        if self.is_full {
            writeln!(out, "the trace was full before the server had ended")?;
        }
        if let Some(first) = self.rows.keys().next() {
            let file = one_line(&file.display().to_string());
            writeln!(out, "\nthe life of one of them: oneloop explain {file} c{first}")?;
        }
        Ok(())
    }
}

impl Row {
    fn take(&mut self, step: Step) {
        match step {
            Step::Asked { request } => self.requests = request,
            Step::Closed { reason, .. } => self.closed = Some(reason),
            Step::Called { call, outcome: Outcome::Moved { n, .. } } => match call {
                Call::Receive => self.received = self.received.saturating_add(n as u64),
                Call::Send | Call::SendBoth | Call::SendFile => {
                    self.sent = self.sent.saturating_add(n as u64);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn write(&self, name: &str, out: &mut impl Write) -> io::Result<()> {
        let began = self.began.unwrap_or_default();
        let why = self.closed.map_or_else(|| "still open".to_owned(), |why| why.to_string());
        writeln!(
            out,
            "{name:<12}{:>16}{:>16}{:>10}{:>16}{:>16}  {why}",
            millis(began),
            millis(self.ended.saturating_sub(began)),
            grouped(self.requests.into()).to_string(),
            grouped(self.received).to_string(),
            grouped(self.sent).to_string(),
        )
    }
}
