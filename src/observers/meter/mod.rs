//! A meter: what a loop does, in figures that anybody may read while it runs.
//!
//! The loop writes them and nobody else does, so that a count is a load, an addition and a store:
//! no lock, and no atomic addition that other CPUs would have to agree on. Whoever reads sees each
//! figure as it was a moment ago, and not all of them of the same moment.
//!
//! It costs a request two looks at the clock more (one for each wait and each batch of answers).
//! The stages of a request cost four, so they are taken of one read in [`SAMPLED`].
//!
//! Read next: `figures.rs`, what is read; `durations.rs`.

mod durations;
mod figures;
#[cfg(test)]
pub(super) mod rehearsal;
mod sampling;
mod shown;
mod steps;

pub use durations::Durations;
pub use figures::{Calls, Figures, OPEN_PHASES, Shares, Stage};
pub use shown::{Cell, MeterReader};
pub use steps::LastSteps;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::connection::{Moment, Phase};

use super::record::Recorder;
use super::{Call, Event, Observer, Outcome, Side, Who};
use sampling::{Followed, Sampler};
use shown::{Shown, Spent};

/// Meters one loop.
#[derive(Debug)]
pub struct Meter {
    shown: Arc<Shown>,
    /// What is known of each slot's tenant.
    tenants: Vec<Tenant>,
    /// When the last wait was over.
    woke: Moment,
    time: Spent,
    /// How it stood when the first connection came.
    before_load: Option<Spent>,
    /// Connections open now.
    open: u64,
    sampler: Sampler,
    recorder: Recorder,
}

/// What is known of a slot's tenant.
#[derive(Clone, Copy, Debug)]
struct Tenant {
    phase: Phase,
    /// The phase that is shown: most requests go through theirs within one turn, and nobody could
    /// see it.
    shown: Phase,
    side: Side,
    /// Answers given that have not left.
    unsent: u32,
    /// When the wait was over that brought the first byte of the oldest of these requests.
    oldest: Moment,
    /// The same of the request that comes next.
    next: Moment,
    /// The same of the last read.
    read: Moment,
    followed: Followed,
    /// When it was last.
    followed_at: Option<Moment>,
}

impl Tenant {
    const NOBODY: Self = Self {
        phase: Phase::Closed,
        shown: Phase::Closed,
        side: Side::Aside,
        unsent: 0,
        oldest: Moment::START,
        next: Moment::START,
        read: Moment::START,
        followed: Followed::No,
        followed_at: None,
    };
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

impl Meter {
    /// A meter for one loop, which is yet to begin.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shown: Arc::new(Shown::new()),
            tenants: Vec::new(),
            woke: Moment::START,
            time: Spent::default(),
            before_load: None,
            open: 0,
            sampler: Sampler::new(),
            recorder: Recorder::default(),
        }
    }

    /// What reads it.
    #[must_use]
    pub fn reader(&self) -> MeterReader {
        MeterReader(Arc::clone(&self.shown))
    }

    fn waited(&mut self, from: Moment, until: Moment, events: usize) {
        let shown = &*self.shown;
        // What came before the first wait is how the program began, and no turn.
        if self.woke == Moment::START {
            self.woke = from;
        }
        let (worked, waited) = (from.nanos_since(self.woke), until.nanos_since(from));
        self.woke = until;
        self.recorder = Recorder::since(until);
        self.time.worked += worked;
        *(if self.open == 0 { &mut self.time.alone } else { &mut self.time.waited }) += waited;
        shown.time.set(self.time);
        shown.longest_turn.raise_to(worked);
        shown.calls[Call::Wait as usize].made.add(1);
        shown.events.add(events as u64);
        shown.uptime.set(until.to_nanos());
    }

    fn accepted(&mut self, who: Who, side: Side, peer: Option<SocketAddr>) {
        let at = who.slot as usize;
        if self.tenants.len() <= at {
            self.tenants.resize(at + 1, Tenant::NOBODY);
            self.shown.slots.set(at as u64 + 1);
        }
        let phase = Phase::Idle;
        let mut tenant = Tenant { phase, shown: phase, side, ..Tenant::NOBODY };
        if self.sampler.choose(None, self.woke) {
            (tenant.followed, tenant.followed_at) = (Followed::ForItself, Some(self.woke));
        }
        self.tenants[at] = tenant;
        self.shown.steps.moved_in(at, who.connection, peer);
        if side == Side::Aside {
            self.shown.aside.add(1);
            return self.shown.show(at, Cell::ASIDE);
        }
        self.before_load.get_or_insert(self.time);
        self.shown.accepted.add(1);
        self.shown.phases[Phase::Idle as usize].add(1);
        self.open += 1;
        self.shown.peak.raise_to(self.open);
        self.shown.show(at, Phase::Idle as u8);
    }

    fn moved(&mut self, who: Who, to: Phase, event: &Event<'_>) {
        let Some(tenant) = self.tenants.get_mut(who.slot as usize) else { return };
        // That it is closed is told with the reason.
        if to != Phase::Closed {
            tenant.phase = to;
        }
        let is_followed = tenant.followed != Followed::No;
        if matches!(to, Phase::Body | Phase::Writing | Phase::Lingering) {
            self.show(who);
        }
        if is_followed {
            self.keep_always(who, event);
        }
    }

    /// Shows the phase that a connection is in.
    fn show(&mut self, who: Who) {
        let at = who.slot as usize;
        let Some(tenant) = self.tenants.get_mut(at) else { return };
        if tenant.side == Side::Main && tenant.shown != tenant.phase {
            self.shown.phases[tenant.shown as usize].take(1);
            self.shown.phases[tenant.phase as usize].add(1);
            tenant.shown = tenant.phase;
            self.shown.show(at, tenant.phase as u8);
        }
    }

    fn closed(&mut self, who: Who, reason: &'static str) {
        let at = who.slot as usize;
        let Some(tenant) = self.tenants.get_mut(at) else { return };
        let tenant = std::mem::replace(tenant, Tenant::NOBODY);
        self.shown.show(at, Cell::EMPTY);
        if tenant.side == Side::Aside {
            return self.shown.aside.take(1);
        }
        self.open -= 1;
        self.shown.phases[tenant.shown as usize].take(1);
        self.shown.unsent.add(tenant.unsent.into());
        *self.shown.closed().entry(reason).or_default() += 1;
        self.sampler.left(who);
    }

    fn called(&mut self, who: Who, call: Call, outcome: Outcome, from: Moment) {
        let tenant = self.tenants.get_mut(who.slot as usize);
        let tenant = tenant.filter(|_| who != Who::LOOP);
        if tenant.as_ref().is_some_and(|tenant| tenant.side == Side::Aside) {
            return;
        }
        let shown = &*self.shown;
        let count = &shown.calls[call as usize];
        count.made.add(1);
        match outcome {
            Outcome::Moved { n, .. } => match call {
                Call::Receive => {
                    shown.received.add(n as u64);
                    if let Some(tenant) = tenant {
                        tenant.read = self.woke;
                        if tenant.phase == Phase::Idle {
                            tenant.next = self.woke;
                            if tenant.followed == Followed::ForAll {
                                self.sampler.read(who, from, self.woke);
                            }
                        }
                    }
                }
                _ => shown.sent.add(n as u64),
            },
            Outcome::Blocked => count.blocked.add(1),
            Outcome::Failed(_) => count.failed.add(1),
            Outcome::Done | Outcome::Ended => {}
        }
    }

    fn asked(&mut self, who: Who, at: Moment, event: &Event<'_>) {
        if self.is_followed(who) {
            self.stage(who, Stage::Head, at);
            self.keep_always(who, event);
        }
    }

    fn given(&mut self, who: Who, status: u16, at: Moment, event: &Event<'_>) {
        let Some(tenant) = self.main(who) else { return };
        if tenant.unsent == 0 {
            tenant.oldest = tenant.next;
        }
        tenant.unsent += 1;
        tenant.next = tenant.read;
        let is_followed = tenant.followed != Followed::No;
        if let Some(count) = self.shown.statuses.get(usize::from(status).wrapping_sub(100)) {
            count.add(1);
        }
        if is_followed {
            self.stage(who, Stage::Responder, at);
            self.keep_always(who, event);
        }
    }

    fn sent(&mut self, who: Who, at: Moment) {
        let Some(tenant) = self.main(who) else { return };
        let Tenant { unsent, oldest, read, .. } = *tenant;
        // What has left was no answer but the wish for a body.
        if unsent == 0 {
            return;
        }
        tenant.unsent = 0;
        self.stage(who, Stage::Writing, at);
        let shown = &*self.shown;
        shown.latency.took(at.nanos_since(oldest), 1);
        if unsent > 1 {
            shown.latency.took(at.nanos_since(read), unsent - 1);
        }
        shown.requests.add(unsent.into());
        shown.batches.add(1);
        shown.deepest.raise_to(unsent.into());
        let worked = self.time.worked + at.nanos_since(self.woke);
        let until_now = Spent { worked, ..self.time };
        shown.load.set(until_now.since(self.before_load.unwrap_or_default()));
    }

    /// Something of a connection is to be seen to.
    fn ready(&mut self, who: Who) {
        let Some(tenant) = self.tenants.get_mut(who.slot as usize) else { return };
        if tenant.phase == Phase::Idle && tenant.side == Side::Main {
            if self.sampler.draw() {
                tenant.followed = Followed::ForAll;
            } else if tenant.followed == Followed::No
                && self.sampler.choose(tenant.followed_at, self.woke)
            {
                tenant.followed = Followed::ForItself;
            }
        }
        if tenant.followed != Followed::No {
            tenant.followed_at = Some(self.woke);
        }
    }

    /// It waits. Who does in the middle of a request is followed from now on.
    fn armed(&mut self, who: Who, event: &Event<'_>) {
        let Some(tenant) = self.tenants.get_mut(who.slot as usize) else { return };
        if tenant.followed == Followed::No
            && tenant.phase != Phase::Idle
            && self.sampler.choose(None, self.woke)
        {
            (tenant.followed, tenant.followed_at) = (Followed::ForItself, Some(self.woke));
        }
        self.show(who);
        self.keep(who, event);
        let Some(tenant) = self.tenants.get_mut(who.slot as usize) else { return };
        // Who has asked nothing yet is followed until it has.
        if tenant.phase == Phase::Idle && tenant.read != Moment::START {
            tenant.followed = Followed::No;
        }
    }

    /// Keeps a step of somebody who is followed, for who looks at it.
    #[inline]
    fn keep(&mut self, who: Who, event: &Event<'_>) {
        if self.is_followed(who) {
            self.keep_always(who, event);
        }
    }

    #[cold]
    fn keep_always(&mut self, who: Who, event: &Event<'_>) {
        if let Some((_, record)) = self.recorder.record(event) {
            self.shown.steps.add(who.slot as usize, record);
        }
    }

    #[inline]
    fn is_followed(&self, who: Who) -> bool {
        let tenant = self.tenants.get(who.slot as usize).filter(|_| who != Who::LOOP);
        tenant.is_some_and(|tenant| tenant.followed != Followed::No)
    }

    fn stage(&mut self, who: Who, over: Stage, at: Moment) {
        let tenant = self.tenants.get(who.slot as usize);
        if tenant.is_some_and(|tenant| tenant.followed == Followed::ForAll) {
            self.sampler.over(who, over, at, &self.shown.stages);
        }
    }

    /// The tenant of that slot, where it came to be served.
    fn main(&mut self, who: Who) -> Option<&mut Tenant> {
        self.tenants.get_mut(who.slot as usize).filter(|tenant| tenant.side == Side::Main)
    }
}

impl Observer for Meter {
    const STEPS: bool = true;

    /// The loop's own steps belong to whoever is accepted by them.
    fn wants_times(&self, who: Who) -> bool {
        who == Who::LOOP || self.is_followed(who)
    }

    fn on(&mut self, event: &Event<'_>) {
        match *event {
            Event::Waited { from, until, events, .. } => self.waited(from, until, events),
            Event::Accepted { who, side, peer, .. } => {
                self.accepted(who, side, peer);
                self.keep_always(who, event);
            }
            Event::Ready { who, .. } => {
                self.ready(who);
                self.keep(who, event);
            }
            Event::Called { who, call, outcome, from, .. } => {
                self.called(who, call, outcome, from);
                self.keep(who, event);
            }
            Event::Asked { who, at, .. } => self.asked(who, at, event),
            Event::Given { who, status, at } => self.given(who, status, at, event),
            Event::Sent { who, at } => {
                self.sent(who, at);
                self.keep(who, event);
            }
            Event::Moved { who, to, .. } => self.moved(who, to, event),
            Event::Armed { who, .. } => self.armed(who, event),
            Event::Expired { who, .. } => self.keep(who, event),
            Event::Closed { who, reason, .. } => {
                self.keep_always(who, event);
                self.closed(who, reason.name());
            }
            Event::AcceptPaused(_) => self.shown.pauses.add(1),
            Event::Stopping(_) => self.shown.is_stopping.store(true, Relaxed),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::Duration;

    use super::rehearsal::{play, rehearsed};
    use super::*;
    use crate::config::SAMPLED;

    /// What was counted of requests: how many, in how many batches, the deepest, bytes in and out,
    /// and what each took in ns.
    fn requests(figures: &Figures) -> String {
        let Figures { requests, batches, deepest, received, sent, latency, .. } = figures;
        let mut told = format!("{requests} in {batches}, {deepest}; {received} {sent};");
        for (_, to, count) in latency.buckets() {
            let _ = write!(told, " {count}x{}", to.as_nanos());
        }
        assert_eq!(latency.count(), *requests, "{told}");
        told
    }

    #[test]
    fn what_requests_took() {
        let cases: Vec<_> = include_str!("requests.txt").split("\n# ").skip(1).collect();
        assert_eq!(cases.len(), 11);
        for case in cases {
            let (what, rest) = case.split_once('\n').unwrap();
            let (script, expected) = rest.split_once("= ").unwrap();
            assert_eq!(requests(&rehearsed(script)), expected.trim(), "{what}");
        }
    }

    #[test]
    fn connections_are_where_they_are_and_ended_as_they_did() {
        let mut meter = Meter::new();
        let reader = meter.reader();
        for (script, phases, aside, peak, accepted, unsent, cells) in [
            ("c0 comes", [1, 0, 0, 0, 0, 0], 0, 1, 1, 0, "idle"),
            // A phase that does not outlast the turn is not shown.
            ("c2 comes\nc0 phase head", [2, 0, 0, 0, 0, 0], 0, 2, 2, 0, "idle . idle"),
            ("c0 armed", [1, 1, 0, 0, 0, 0], 0, 2, 2, 0, "head . idle"),
            ("c1 comes aside", [1, 1, 0, 0, 0, 0], 1, 2, 2, 0, "head aside idle"),
            ("c1 phase head\nc1 closed", [1, 1, 0, 0, 0, 0], 0, 2, 2, 0, "head . idle"),
            ("c0 given 200\nc0 phase writing", [1, 0, 0, 0, 1, 0], 0, 2, 2, 0, "writing . idle"),
            ("c0 closed broken", [1, 0, 0, 0, 0, 0], 0, 2, 2, 1, ". . idle"),
            ("c0 comes", [2, 0, 0, 0, 0, 0], 0, 2, 3, 1, "idle . idle"),
            ("c0 phase closed\nc0 closed", [1, 0, 0, 0, 0, 0], 0, 2, 3, 1, ". . idle"),
            ("c2 closed", [0; 6], 0, 2, 3, 1, ". . ."),
        ] {
            play(&mut meter, script);
            let figures = reader.read();
            assert_eq!(figures.phases, phases, "{script}");
            assert_eq!(figures.open(), phases.iter().sum::<u64>(), "{script}");
            let Figures { aside: a, peak: p, accepted: n, unsent: u, .. } = figures;
            assert_eq!((a, p, n, u), (aside, peak, accepted, unsent), "{script}");
            let shown = reader.cells().map(|cell| match cell {
                Cell::Empty => ".",
                Cell::In(phase) => phase.name(),
                Cell::Aside => "aside",
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), cells, "{script}");
        }
        let closed: Vec<_> = reader.read().closed.into_iter().collect();
        assert_eq!(closed, [("broken", 1), ("client-done", 2)]);
    }

    #[test]
    fn calls_are_counted_by_what_came_of_them() {
        let figures = rehearsed(
            "wait 0 10 3
             c1 comes
             c1 done accept4
             c0 blocked accept4
             c1 reads 78
             c1 blocked recvfrom
             c1 failed recvfrom
             c1 writes 5
             c1 done close
             c2 comes aside
             c2 reads 78
             c2 done close
             wait 20 30 0",
        );
        for (call, made, blocked, failed) in [
            (Call::Wait, 2, 0, 0),
            (Call::Accept, 2, 1, 0),
            (Call::Receive, 3, 1, 1),
            (Call::Send, 1, 0, 0),
            (Call::SendFile, 0, 0, 0),
            (Call::Close, 1, 0, 0),
        ] {
            assert_eq!(figures.calls(call), Calls { made, blocked, failed }, "{call:?}");
        }
        assert_eq!((figures.events, figures.received, figures.sent), (3, 78, 5));
    }

    #[test]
    fn time_is_work_or_a_wait_with_clients_or_alone() {
        for (what, script, time, load, longest) in [
            ("what was before the first wait is no turn", "wait 50 80 0", [0, 0, 30], [0; 3], 0),
            (
                "alone, then with a client, then alone again",
                "wait 0 10 1
                 c1 comes
                 wait 15 40 1
                 c1 reads 78
                 c1 given 200
                 c1 sent 46
                 wait 47 60 1
                 c1 closed
                 wait 61 100 0",
                [13, 38, 49],
                // To the last answer, and no further.
                [11, 25, 0],
                7,
            ),
            (
                "between two that came, nobody was there",
                "wait 0 10 1
                 c1 comes
                 wait 11 20 1
                 c1 reads 78
                 c1 given 200
                 c1 sent 21
                 c1 closed
                 wait 22 80 1
                 c2 comes
                 c2 reads 78
                 c2 given 200
                 c2 sent 83",
                [3, 9, 68],
                [6, 9, 58],
                2,
            ),
            (
                "one who watches by the admin listener is nobody",
                "wait 0 10 1
                 c1 comes aside
                 wait 11 20 0",
                [1, 0, 19],
                [0; 3],
                1,
            ),
        ] {
            let figures = rehearsed(script);
            let nanos = |shares: Shares| {
                [shares.worked, shares.waited, shares.alone].map(|time| time.as_nanos() as u64)
            };
            assert_eq!(nanos(figures.time), time, "{what}");
            assert_eq!(nanos(figures.load), load, "{what}");
            assert_eq!(figures.busiest, figures.load, "{what}");
            assert_eq!(figures.window.as_nanos() as u64, load[0] + load[1], "{what}");
            assert_eq!(figures.longest_turn.as_nanos() as u64, longest, "{what}");
        }
    }

    #[test]
    fn one_request_in_so_many_is_followed_through_its_stages() {
        let mut meter = Meter::new();
        play(&mut meter, "wait 0 10 1\nc1 comes");
        for at in 1..=2 * u64::from(SAMPLED) {
            let now = at * 100;
            play(&mut meter, &format!("wait {now} {now} 1\nc1 ready"));
            let is_followed = meter.wants_times(Who { connection: 1, slot: 1 });
            // As the loop does: exact times for whom they are wanted.
            let [asked, given] = if is_followed { [now + 3, now + 8] } else { [now, now] };
            let sent = now + 20;
            let rest = format!(
                "c1 reads 78\nc1 asked {asked}\nc1 given 200 {given}\nc1 sent {sent}\nc1 armed"
            );
            play(&mut meter, &rest);
        }
        let figures = meter.reader().read();
        assert_eq!(figures.requests, 2 * u64::from(SAMPLED));
        for (stage, nanos) in Stage::ALL.into_iter().zip([0, 3, 5, 12]) {
            let took: Vec<_> = figures.stages[stage as usize].buckets().collect();
            let expected = Duration::from_nanos(nanos);
            assert_eq!(took, [(expected, expected, 2)], "{stage:?}");
        }
        assert!(!meter.wants_times(Who { connection: 1, slot: 1 }));
        assert!(meter.wants_times(Who::LOOP));
    }

    #[test]
    fn several_loops_add_up() {
        let busy = rehearsed(
            "wait 0 10 1
             c1 comes
             c1 reads 78
             c1 given 200
             c1 given 404
             c1 writes 90
             c1 sent 40
             c1 closed
             wait 50 60 0",
        );
        let idle = rehearsed(
            "wait 0 10 1
             c1 comes
             wait 12 112 1
             c1 reads 8
             c1 given 200
             c1 sent 115",
        );
        let mut all = Figures::default();
        all += &idle;
        all += &busy;
        assert_eq!((all.loops, all.requests, all.batches, all.deepest), (2, 3, 2, 2));
        assert_eq!((all.received, all.sent, all.accepted, all.open()), (86, 90, 2, 1));
        assert_eq!(all.statuses.into_iter().collect::<Vec<_>>(), [(200, 2), (404, 1)]);
        assert_eq!((all.latency.count(), all.peak), (3, 2));
        assert_eq!((all.busiest, all.window), (busy.load, idle.window));
        assert_eq!((all.longest_turn, all.uptime), (busy.longest_turn, idle.uptime));
        assert_eq!(all.calls[Call::Receive as usize].made, 2);
    }
}
