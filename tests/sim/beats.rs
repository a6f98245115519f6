//! How the loop treats sources that say when they are to be pulled again. That they are, no earlier
//! and no later, the oracles see; the scenes here are about what else comes in between.

use std::time::Duration;

use oneloop::connection::CloseReason;

use super::asks::{Ask, Expected};
use super::house::MUTE;
use super::nature::Errand;
use super::reader::{Reader, Shortage};
use super::run::Terms;
use super::socket::Kernel;
use super::stage::{Stage, WIDE, on_both_kernels};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
/// More than two entries in the agenda for one connection are swept out, but not before there are
/// so many.
const UNSWEPT: usize = 2 + 64;

/// It waits until the beat at the longest, makes no call when it comes, and has no more entries for
/// it however often that was. When the client is gone there is nothing to wait for.
#[test]
fn a_beat_is_one_deadline_and_no_call() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        stage.asks(client, &[Ask::get("mute", 1_000)]);
        stage.settles();
        let (calls, entries) = (stage.calls(client), stage.scheduled());
        for _ in 0..500 {
            assert!(stage.limit().is_some_and(|limit| limit <= MUTE));
            stage.passes(MUTE);
            assert_eq!(stage.calls(client), calls);
            assert!(stage.scheduled() <= entries);
        }
        stage.socket(client, |socket| socket.client_resets(false));
        // Who waits for neither room nor input need not be told.
        if kernel == Kernel::Linux {
            stage.passes(60 * SECOND);
            assert_eq!((stage.open(), stage.limit()), (0, None));
        }
    });
}

/// A beat that comes before the deadline of what waited for a slow client leaves that one's entry
/// behind. They do not pile up.
#[test]
fn superseded_deadlines_of_slow_clients_do_not_pile_up() {
    on_both_kernels(|kernel| {
        let mut terms = Terms::default();
        terms.limits.write_timeout = 3600 * SECOND;
        let mut stage = Stage::with(kernel, terms);
        let client = stage.connects_through(WIDE, 200);
        let ask = Ask::get("beats", 120_000);
        let mut reader = Reader::new(vec![Expected::to(&ask)]);
        stage.asks(client, &[ask]);
        let mut most = 0;
        for _ in 0..2_000 {
            stage.passes(SECOND);
            let bytes = stage.socket(client, |socket| socket.take(usize::MAX));
            reader.received(&bytes, Shortage::default()).expect("the source is sent as it is");
            most = most.max(stage.scheduled());
        }
        assert!(reader.is_content() && reader.whole == 1, "all of it has come");
        assert!(most <= UNSWEPT, "{most} entries");
    });
}

/// An event in the turn in which the beat is due does not put it off, and least of all one that
/// says that the client has shut its half. Found by this simulation.
#[test]
fn a_half_close_in_the_moment_of_the_beat() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        stage.asks(client, &[Ask::get("mute", 0)]);
        stage.settles();
        stage.passes(MUTE - MILLI);
        stage.socket(client, |socket| {
            socket.tells_closed = true;
            socket.client_shuts();
        });
        stage.leaps(MILLI);
        stage.turns();
        stage.settles();
        assert_eq!(stage.limit(), Some(MUTE));
    });
}

/// A beat does not make a stop last: the grace time runs out for its source as for others.
#[test]
fn an_orderly_stop_does_not_wait_for_beats() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        stage.asks(client, &[Ask::get("mute", 1_000)]);
        stage.settles();
        stage.nature.borrow_mut().after(Duration::ZERO, Errand::Stop);
        stage.passes(10 * SECOND - MILLI);
        assert_eq!(stage.fate(client), None);
        stage.passes(MILLI);
        assert_eq!(stage.fate(client), Some(CloseReason::CutOff));
    });
}
