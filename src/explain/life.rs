//! The life of one connection, step by step, as text that stands beside strace's.
//!
//! ```text
//!        0.021 ms  recvfrom = 78      recv 78 of 65,536 bytes: a short read, …  (event_loop/…)
//! ```
//!
//! A life is told in stretches: one from each wait to the next, in it one for each request. Where
//! more than three in a row are alike but for their numbers and times, the first two and the last
//! are told, unless all was asked for.

use std::io::{self, Write};
use std::mem;

use oneloop::observers::{Call, Outcome, Record, Step, Teller, Told, TraceLine, grouped, span};
use oneloop::{Phase, observers};

use crate::cli::Detail;

/// How many of those that are alike are told before the others are counted.
const TOLD: usize = 2;

/// Lines that belong together.
#[derive(Clone, Debug, Default)]
struct Stretch {
    text: String,
    /// What they are but for numbers and times.
    likeness: String,
    /// The first and the last request in it.
    requests: Option<(u32, u32)>,
}

impl Stretch {
    fn add(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.likeness.push_str(&other.likeness);
        if let Some((first, last)) = other.requests {
            self.requests = Some((self.requests.map_or(first, |(first, _)| first), last));
        }
    }
}

/// Stretches one after the other, shortened where many are alike.
#[derive(Debug)]
struct Row {
    detail: Detail,
    likeness: String,
    /// How many alike there were.
    count: usize,
    /// The last of them, where it is not told yet, and those that were left out before it.
    last: Option<Stretch>,
    left_out: usize,
    requests: Option<(u32, u32)>,
}

impl Row {
    fn new(detail: Detail) -> Self {
        let (likeness, last) = (String::new(), None);
        Self { detail, likeness, count: 0, last, left_out: 0, requests: None }
    }

    /// What is to be told by now, another stretch being over.
    fn take(&mut self, stretch: Stretch) -> Stretch {
        if self.detail == Detail::All {
            return stretch;
        }
        let mut told = Stretch::default();
        if self.count == 0 || stretch.likeness != self.likeness {
            told = self.end();
            self.likeness.clone_from(&stretch.likeness);
        }
        self.count += 1;
        if self.count <= TOLD {
            told.add(&stretch);
        } else if let Some(before) = self.last.replace(stretch) {
            self.left_out += 1;
            if let Some((first, last)) = before.requests {
                self.requests = Some((self.requests.map_or(first, |(first, _)| first), last));
            }
        }
        told
    }

    /// What is left to be told.
    fn end(&mut self) -> Stretch {
        let mut told = Stretch::default();
        if let Some(last) = self.last.take() {
            let number = |n: u32| grouped(n.into()).to_string();
            if self.left_out > 0 {
                told.likeness.push('…');
                told.text = match self.requests {
                    Some((first, last)) if first != last => {
                        format!(
                            "{:>15}  … requests {} to {} go like this …\n",
                            "",
                            number(first),
                            number(last)
                        )
                    }
                    _ => {
                        let times = grouped(self.left_out as u64);
                        let s = if self.left_out == 1 { "" } else { "s" };
                        format!("{:>15}  … {times} time{s} more like this …\n", "")
                    }
                };
            }
            told.add(&last);
        }
        *self = Self::new(self.detail);
        told
    }
}

/// Tells a life while it is read.
pub(super) struct Life {
    connection: u32,
    worker: u32,
    teller: Teller,
    began: Option<u64>,
    /// When its last step was over.
    until: u64,
    /// The waits since then, and the last of them.
    waits: u64,
    wait: Option<Record>,
    is_closed: bool,
    stretch: Stretch,
    /// The requests of a turn.
    turn: Row,
    told: Stretch,
    turns: Row,
}

impl Life {
    pub(super) fn of(connection: u32, worker: u32, detail: Detail) -> Self {
        Self {
            connection,
            worker,
            teller: Teller::default(),
            began: None,
            until: 0,
            waits: 0,
            wait: None,
            is_closed: false,
            stretch: Stretch::default(),
            turn: Row::new(detail),
            told: Stretch::default(),
            turns: Row::new(detail),
        }
    }

    /// What the next line says of it.
    pub(super) fn take(&mut self, line: TraceLine, out: &mut impl Write) -> io::Result<()> {
        let is_under_way = self.began.is_some() && !self.is_closed;
        match line {
            TraceLine::Step { worker, connection, record } if worker == self.worker => {
                if connection == self.connection {
                    return self.step(record, out);
                }
                if let Step::Waited { .. } = record.step
                    && is_under_way
                {
                    self.waits += 1;
                    self.wait = Some(record);
                }
            }
            TraceLine::Missing { worker, steps } if worker == self.worker && is_under_way => {
                let steps = grouped(steps);
                self.remark(&format!("— {steps} steps of the loop are missing here —"));
            }
            TraceLine::Full if is_under_way => self.remark("— the trace was full —"),
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, record: Record, out: &mut impl Write) -> io::Result<()> {
        let at = record.nanos();
        let began = *self.began.get_or_insert(at);
        if let Some(wait) = self.wait.take() {
            self.end_turn(out)?;
            self.waited(wait, began);
        }
        if let Step::Moved { to: Phase::Head, .. } = record.step {
            self.end_stretch();
        }
        if let Step::Asked { request } = record.step {
            let first = self.stretch.requests.map_or(request, |(first, _)| first);
            self.stretch.requests = Some((first, request));
        }
        self.is_closed |= matches!(record.step, Step::Closed { .. });
        let Told { text, file } = self.teller.tell(record.step);
        let call = called(record.step);
        // The words name the call where they stand alone; here it stands beside them.
        let name = call.split(' ').next().unwrap_or_default();
        let text =
            text.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
        let since = millis(at.saturating_sub(began));
        self.stretch.text.push_str(&format!("{since:>12} ms  {call:<20} {text}  ({file})\n"));
        self.stretch.likeness.push_str(&likeness(record.step));
        self.until = ended(record);
        Ok(())
    }

    /// The loop has waited since the last step, perhaps for others as well.
    fn waited(&mut self, wait: Record, began: u64) {
        let Step::Waited { events, .. } = wait.step else { return };
        let waited = ended(wait).saturating_sub(self.until);
        let waited = span(std::time::Duration::from_nanos(waited));
        let since = millis(self.until.saturating_sub(began));
        let call = format!("epoll_wait = {events}");
        let others = match mem::take(&mut self.waits) - 1 {
            0 => String::new(),
            1 => ", and the loop woke once for others".into(),
            times => format!(", and the loop woke {} times for others", grouped(times)),
        };
        let line = format!("{since:>12} ms  {call:<20} — waits {waited}{others} —\n");
        self.stretch.text.push_str(&line);
        self.stretch.likeness.push('—');
    }

    fn remark(&mut self, text: &str) {
        self.stretch.text.push_str(&format!("{:>15}  {text}\n", ""));
        self.stretch.likeness.push_str(text);
    }

    /// What belongs to one request is over.
    fn end_stretch(&mut self) {
        let told = self.turn.take(mem::take(&mut self.stretch));
        self.told.add(&told);
    }

    fn end_turn(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.end_stretch();
        let rest = self.turn.end();
        self.told.add(&rest);
        let told = self.turns.take(mem::take(&mut self.told));
        out.write_all(told.text.as_bytes())
    }

    /// The trace is over.
    pub(super) fn end(mut self, out: &mut impl Write) -> io::Result<()> {
        self.end_turn(out)?;
        out.write_all(self.turns.end().text.as_bytes())?;
        if self.is_closed {
            return Ok(());
        }
        writeln!(out, "{:>15}  — the trace ends before the connection does —", "")
    }
}

/// `recvfrom = 78`, as strace has it; nothing where no call was made.
fn called(step: Step) -> String {
    let Step::Called { call, outcome } = step else { return String::new() };
    let name = call.name();
    match outcome {
        Outcome::Moved { n, .. } => format!("{name} = {n}"),
        Outcome::Blocked => format!("{name} = -1 EAGAIN"),
        Outcome::Ended => format!("{name} = 0"),
        Outcome::Failed(kind) => format!("{name} = -1 {}", observers::error_name(kind)),
        Outcome::Done if matches!(call, Call::Register | Call::Close) => format!("{name} = 0"),
        Outcome::Done => name.to_owned(),
    }
}

/// The step but for its numbers and times.
fn likeness(step: Step) -> String {
    match step {
        Step::Asked { .. } => "asked;".into(),
        Step::Armed { why, .. } => format!("{why:?};"),
        Step::Called { call, outcome: Outcome::Moved { n, of } } => {
            format!("{call:?}{};", if n < of { "<" } else { "=" })
        }
        other => format!("{other:?};"),
    }
}

/// When it was over. A file may say anything.
pub(super) fn ended(record: Record) -> u64 {
    let took = u64::try_from(record.took.as_nanos()).unwrap_or(u64::MAX);
    record.nanos().saturating_add(took)
}

/// Nanoseconds as milliseconds, to the microsecond.
pub(super) fn millis(nanos: u64) -> String {
    let micros = nanos / 1000;
    format!("{}.{:03}", grouped(micros / 1000), micros % 1000)
}
