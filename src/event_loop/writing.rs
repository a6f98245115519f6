//! The writing half of a slot: what was put back first, then what was gathered in this turn, and
//! behind it content: bytes in the same call, a file by sendfile, a source piece by piece.
//!
//! It always tries; only *blocked* and a short write make it wait for an event (`readiness.rs`),
//! and a file that is not in memory for a helper (`warming.rs`).

use std::io::ErrorKind;
use std::sync::Arc;

use crate::config::WARMED_AT_ONCE;
use crate::connection::{CloseReason, Farewell, Outgoing, Phase, Pull};
use crate::message::{Done, FileRange, Submitted, Wake};
use crate::observers::{Call, Observer, Outcome};

use super::desk::{Budget, Desk, Turn};
use super::net::{Sent, Stream, Transfer};
use super::send_file::sent_at_once;
use super::slot::Slot;
use super::telling::moved;
use super::warming::{asks_page, warm};

impl<S: Stream> Slot<S> {
    pub(super) fn write<O: Observer>(
        &mut self,
        desk: &mut Desk,
        turn: &mut Turn<'_, O>,
        budget: &mut Budget,
    ) {
        if self.connection.phase() != Phase::Writing {
            return self.write_answers(desk, turn, budget);
        }
        match self.connection.outgoing() {
            Outgoing::Unsent(_) => self.write_unsent(turn, budget),
            Outgoing::File(..) if desk.out.is_empty() => self.write_file(turn, budget),
            Outgoing::Source if !desk.is_out_full() => self.pull(desk, turn, budget),
            _ => self.write_made(desk, turn, budget),
        }
        if !desk.out.is_empty() || self.connection.phase() == Phase::Closed {
            return;
        }
        match self.connection.outgoing() {
            Outgoing::Nothing => {
                let farewell = self.connection.all_sent(&turn.terms);
                if self.connection.phase() != Phase::Closed {
                    self.tell_answered(turn);
                }
                if let Some(farewell) = farewell {
                    self.part(farewell, turn);
                    desk.drop_unread();
                }
            }
            Outgoing::Waiting => self.connection.source_paused(&turn.terms),
            _ => {}
        }
    }

    /// Answers that are whole, and another request may follow: that is nearly all there ever is to
    /// write. To ask for nothing else then bought 70 instructions.
    fn write_answers<O: Observer>(
        &mut self,
        desk: &mut Desk,
        turn: &mut Turn<'_, O>,
        budget: &mut Budget,
    ) {
        let made = desk.out.len();
        let from = turn.moment();
        let transfer = self.stream.write(&desk.out, false);
        turn.tell_call(Call::Send, moved(transfer, made), from);
        self.readiness.wrote(transfer, made, turn.short_drains);
        if self.made_left(transfer, desk, turn, budget) == Some(made) {
            self.tell_answered(turn);
        }
    }

    /// What was gathered has left, or as much of it as the socket took; the rest is put back. How
    /// many bytes were taken, content behind it included; none of it matters where the connection
    /// has its fate.
    #[inline]
    fn made_left<O>(
        &mut self,
        transfer: Transfer,
        desk: &mut Desk,
        turn: &Turn<'_, O>,
        budget: &mut Budget,
    ) -> Option<usize> {
        let moved = self.moved(transfer).unwrap_or_default();
        if self.connection.phase() == Phase::Closed {
            return None;
        }
        budget.wrote(moved);
        if moved < desk.out.len() {
            self.connection.put_back(&desk.out[moved..], &turn.terms);
        }
        desk.clear_out();
        Some(moved)
    }

    /// The last answer has left.
    fn part<O: Observer>(&mut self, farewell: Farewell, turn: &mut Turn<'_, O>) {
        match farewell {
            Farewell::Close if !self.readiness.may_read() => {
                self.connection.close(CloseReason::Answered);
            }
            Farewell::Close | Farewell::Shut => {
                let from = turn.moment();
                self.stream.shut();
                turn.tell_call(Call::Shut, Outcome::Done, from);
            }
        }
    }

    /// What the socket did not take before, and nothing else.
    fn write_unsent<O: Observer>(&mut self, turn: &mut Turn<'_, O>, budget: &mut Budget) {
        let Outgoing::Unsent(bytes) = self.connection.outgoing() else { return };
        let given = bytes.len();
        let from = turn.moment();
        let transfer = self.stream.write(bytes, false);
        turn.tell_call(Call::Send, moved(transfer, given), from);
        self.readiness.wrote(transfer, given, turn.short_drains);
        if let Some(n) = self.moved(transfer) {
            budget.wrote(n);
            self.connection.sent(n, &turn.terms);
        }
    }

    /// What was gathered, and in the same call the content behind it, where that is bytes.
    fn write_made<O: Observer>(
        &mut self,
        desk: &mut Desk,
        turn: &mut Turn<'_, O>,
        budget: &mut Budget,
    ) {
        let made = desk.out.len();
        let outgoing = self.connection.outgoing();
        let more_follows = matches!(outgoing, Outgoing::Part(_) | Outgoing::File(..));
        let from = turn.moment();
        let (call, transfer, given) = match outgoing {
            Outgoing::Content(content) | Outgoing::Part(content) if made == 0 => {
                (Call::Send, self.stream.write(content, more_follows), content.len())
            }
            Outgoing::Content(content) | Outgoing::Part(content) => {
                let transfer = self.stream.write_both(&desk.out, content, more_follows);
                (Call::SendBoth, transfer, made + content.len())
            }
            Outgoing::File(..) => (Call::Send, self.stream.write(&desk.out, more_follows), made),
            _ if made == 0 => return,
            _ => (Call::Send, self.stream.write(&desk.out, false), made),
        };
        turn.tell_call(call, moved(transfer, given), from);
        self.readiness.wrote(transfer, given, turn.short_drains);
        if let Some(moved) = self.made_left(transfer, desk, turn, budget) {
            self.content_left(moved.saturating_sub(made), turn);
        }
    }

    fn write_file<O: Observer>(&mut self, turn: &mut Turn<'_, O>, budget: &mut Budget) {
        let Outgoing::File(range, pages) = self.connection.outgoing() else { return };
        let (is_asked, most) = (asks_page(range, pages), sent_at_once(range, pages));
        let from = turn.moment();
        let sent = self.stream.send_file(range, pages);
        if is_asked {
            turn.tell_asked_page(sent, from);
        }
        let Sent::Tried(transfer) = sent else {
            // What went before said that more follows, and that will take a while.
            let from = turn.moment();
            if self.stream.push() {
                turn.tell_call(Call::SetOption, Outcome::Done, from);
            }
            return self.have_warmed(turn);
        };
        turn.tell_call(Call::SendFile, moved(transfer, most as usize), from);
        self.readiness.sent_file(transfer);
        self.connection.was_hot(&turn.terms);
        if transfer == Transfer::Ended {
            return self.connection.close(CloseReason::FileShrank);
        }
        let moved = self.moved(transfer).unwrap_or_default();
        budget.wrote(moved);
        self.content_left(moved, turn);
    }

    /// Has a helper read what comes next of the file.
    fn have_warmed<O>(&mut self, turn: &Turn<'_, O>) {
        let Outgoing::File(range, _) = self.connection.outgoing() else { return };
        let len = range.len.min(WARMED_AT_ONCE as u64);
        let chunk = FileRange { len, ..range.clone() };
        let (done, wake) = (Done::default(), Wake::new(turn.key.to_bits(), Arc::clone(turn.bell)));
        let helper = match (turn.submit)(warm(chunk, done.clone(), wake)) {
            Submitted::Taken => Some((len, done)),
            Submitted::Full => {
                turn.found_no_room.set(true);
                None
            }
        };
        self.connection.warming(helper, &turn.terms);
    }

    fn pull<O>(&mut self, desk: &mut Desk, turn: &mut Turn<'_, O>, budget: &mut Budget) {
        match self.connection.pull(&mut desk.out, &turn.terms) {
            // One that makes nothing and says that there is more would keep the loop to itself.
            Pull::Made(0) => budget.stop_writing(),
            Pull::Made(n) | Pull::Ended(n) => self.note_content(n, turn),
            Pull::Waits | Pull::Failed => {}
        }
    }

    fn content_left<O>(&mut self, n: usize, turn: &mut Turn<'_, O>) {
        if n > 0 {
            self.connection.content_sent(n, &turn.terms);
            self.note_content(n, turn);
        }
    }

    /// How many bytes went to the socket. Where it is broken the connection has its fate.
    fn moved(&mut self, transfer: Transfer) -> Option<usize> {
        match transfer {
            Transfer::Moved(n) => return Some(n),
            Transfer::Blocked => {}
            Transfer::Ended => self.connection.broken(ErrorKind::WriteZero),
            Transfer::Broken(kind) => self.connection.broken(kind),
        }
        None
    }
}
