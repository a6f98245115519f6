//! How the loop behaves towards those who do nothing wrong: whom it waits for, whom it makes room
//! for, and how it stops.

use std::time::Duration;

use oneloop::connection::CloseReason;
use oneloop::event_loop::{Flow, Stopped};

use super::asks::{Ask, Expected, Framing, Upload};
use super::diary::Entry;
use super::nature::Errand;
use super::reader::{Reader, Shortage};
use super::run::Terms;
use super::socket::End;
use super::stage::{Stage, WIDE, on_both_kernels};

const SECOND: Duration = Duration::from_secs(1);
const NEVER: Option<Duration> = None;

/// There is no tick: with nobody there it waits for ever, and with somebody there until that one's
/// deadline.
#[test]
fn an_idle_loop_waits_without_limit_or_until_the_nearest_deadline() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        stage.settles();
        assert_eq!(stage.limit(), NEVER);

        let client = stage.connects();
        stage.asks(client, &[Ask::get("fixed", 0)]);
        stage.hears_after_settling(client, &[Ask::get("fixed", 0)]);
        assert_eq!(stage.limit(), Some(60 * SECOND));
        let calls = stage.calls(client);
        stage.passes(60 * SECOND - Duration::from_nanos(1));
        assert_eq!((stage.calls(client), stage.fate(client)), (calls, None));
        stage.passes(Duration::from_nanos(1));
        assert_eq!(stage.fate(client), Some(CloseReason::IdleTimeout));
        assert_eq!(stage.limit(), NEVER);
    });
}

/// A part that others follow is announced so, and leaves with the head and with what follows; the
/// last one is not held back.
#[test]
fn the_parts_of_a_body_leave_together() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        let ask = Ask::get("parts", 10_000);
        stage.asks(client, std::slice::from_ref(&ask));
        stage.hears_after_settling(client, &[ask]);
        let nature = stage.nature.borrow();
        let wrote = nature.diary.entries().iter().filter_map(|(_, entry)| match entry {
            Entry::Writes { more, .. } => Some(if *more { "and more" } else { "the last" }),
            Entry::SendsFile { .. } => Some("a file"),
            _ => None,
        });
        let wrote: Vec<&str> = wrote.collect();
        assert_eq!(wrote, ["and more", "a file", "and more", "a file", "the last"]);
    });
}

/// Nobody who was let in is turned away, nor whoever stands in the queue.
#[test]
fn a_stop_lets_waiting_and_half_answered_clients_finish() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (idle, half) = (stage.connects(), stage.connects_through(WIDE, 1_000));
        let long = Ask::get("bytes", 40_000);
        stage.asks(half, std::slice::from_ref(&long));
        stage.settles();
        let waiting = stage.connects();
        stage.asks(waiting, &[Ask::get("fixed", 0)]);
        stage.nature.borrow_mut().after(Duration::ZERO, Errand::Stop);
        stage.turns();
        assert_eq!(stage.fate(idle), Some(CloseReason::Stopped));

        stage.hears(waiting, &[Ask::get("fixed", 0)]);
        stage.hears(half, &[long]);
        for client in [waiting, half] {
            stage.socket(client, |socket| socket.client_closes());
        }
        let mut flow = stage.turns();
        while flow == Flow::GoesOn {
            flow = stage.turns();
        }
        assert_eq!(flow, Flow::Ended(Stopped { cut_off: 0, signal: None }));
        assert_eq!((stage.open(), stage.held()), (0, 0));
    });
}

/// But nobody can keep the server from stopping.
#[test]
fn a_stop_ends_with_the_grace_time() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects_through(WIDE, 1_000);
        stage.asks(client, &[Ask::get("bytes", 40_000)]);
        stage.settles();
        stage.nature.borrow_mut().after(Duration::ZERO, Errand::Stop);
        stage.passes(9 * SECOND);
        assert_eq!(stage.limit(), Some(SECOND));
        assert_eq!(stage.fate(client), None);
        stage.passes(SECOND);
        assert_eq!(stage.fate(client), Some(CloseReason::CutOff));
        assert_eq!(stage.open(), 0);
    });
}

/// Found by this simulation: being asked to hurry gave another second to who had less.
#[test]
fn a_stop_gives_nobody_more_time_to_linger() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        stage.sends(client, "\0");
        stage.passes(4 * SECOND + SECOND / 2);
        stage.nature.borrow_mut().after(Duration::ZERO, Errand::Stop);
        stage.settles();
        assert_eq!((stage.fate(client), stage.limit()), (None, Some(SECOND / 2)));
        stage.passes(SECOND / 2);
        assert!(matches!(stage.fate(client), Some(CloseReason::Fault(_))));
    });
}

#[test]
fn a_full_house_closes_who_has_been_idle_longest() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, Terms { capacity: 3, ..Terms::default() });
        let [a, b, c] = [(); 3].map(|()| {
            let client = stage.connects();
            stage.passes(SECOND / 4);
            client
        });
        stage.passes(SECOND);
        let newcomer = stage.connects();
        stage.asks(newcomer, &[Ask::get("fixed", 0)]);
        stage.hears_after_settling(newcomer, &[Ask::get("fixed", 0)]);
        assert_eq!(
            [a, b, c].map(|client| stage.fate(client)),
            [Some(CloseReason::MadeRoom), None, None]
        );
    });
}

/// Nobody who is in the middle of something leaves for somebody else: the door stays shut until
/// there is room.
#[test]
fn a_full_house_of_busy_clients_keeps_the_door_shut() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, Terms { capacity: 1, ..Terms::default() });
        let busy = stage.connects();
        stage.sends(busy, "GET /fixed HTTP/1.1\r\n");
        stage.settles();
        let newcomer = stage.connects();
        stage.asks(newcomer, &[Ask::get("fixed", 0)]);
        stage.passes(5 * SECOND);
        assert_eq!((stage.open(), stage.fate(busy)), (1, None));
        stage.socket(busy, |socket| socket.client_closes());
        stage.hears_after_settling(newcomer, &[Ask::get("fixed", 0)]);
    });
}

/// The bell is rung when the answer is ready; until then nobody is asked, and the requests behind
/// it wait.
#[test]
fn later_is_answered_when_the_bell_rings() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        let asks = [Ask::get("fixed", 0), Ask::get("later", 7), Ask::get("fixed", 0)];
        stage.asks(client, &asks);
        stage.hears_after_settling(client, &asks[..1]);
        stage.passes(2 * SECOND);
        stage.hears(client, &asks[1..]);
    });
}

#[test]
fn who_is_never_answered_gets_503() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        stage.asks(client, &[Ask::get("never", 0)]);
        stage.settles();
        assert_eq!(stage.limit(), Some(30 * SECOND));
        stage.passes(30 * SECOND);
        stage.hears(client, &[Ask::get("never", 0)]);
    });
}

#[test]
fn a_panicking_responder_costs_its_connection_a_500_only() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (client, other) = (stage.connects(), stage.connects());
        let asks = [Ask::get("fixed", 0), Ask::get("panic", 0)];
        stage.asks(client, &asks);
        stage.asks(other, &asks[..1]);
        stage.hears_after_settling(client, &asks);
        stage.hears(other, &asks[..1]);
        stage.socket(client, |socket| socket.client_closes());
        stage.settles();
        assert_eq!(stage.fate(client), Some(CloseReason::Panicked));
        stage.asks(other, &asks[..1]);
        stage.hears_after_settling(other, &asks[..1]);
    });
}

/// While a source has nothing to give nobody pulls it, and no deadline runs.
#[test]
fn a_source_that_says_later_is_resumed_by_its_wake() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        let ask = Ask::get("drip", 120_000);
        let mut reader = Reader::new(vec![Expected::to(&ask)]);
        stage.asks(client, &[ask]);
        for _ in 0..100 {
            stage.passes(3 * SECOND);
            let bytes = stage.socket(client, |socket| socket.take(usize::MAX));
            reader.received(&bytes, Shortage::default()).expect("the source is sent as it is");
        }
        assert!(reader.is_content());
    });
}

/// A body is not read while an earlier answer leaves; that this takes long is not its client's
/// delay. Found by this simulation.
#[test]
fn the_deadline_of_a_body_stands_still_while_the_server_does_not_read() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects_through(WIDE, 1_000);
        let upload = Upload::Plain(b"0123456789".to_vec());
        let asks = [
            Ask::get("bytes", 14_000),
            Ask::get("fixed", 0),
            Ask { method: "POST", upload, ..Ask::get("count", 0) },
        ];
        for ask in &asks {
            stage.sends(client, ask.head());
        }
        let mut reader = Reader::new(asks.iter().map(Expected::to).collect());
        // Slowly, but steadily: it takes 75 seconds, and sixty are granted to a body.
        for _ in 0..30 {
            stage.passes(5 * SECOND);
            let bytes = stage.socket(client, |socket| socket.take(usize::MAX));
            reader.received(&bytes, Shortage::default()).expect("no answer is late");
            if reader.whole == 2 && stage.fate(client).is_none() {
                stage.sends(client, asks[2].body());
            }
        }
        assert_eq!(reader.whole, 3);
    });
}

/// What it made before leaves; that the end never comes tells the client that this is not all (RFC
/// 9112 §8).
#[test]
fn a_source_that_fails_cuts_its_answer_and_no_other() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (client, other) = (stage.connects(), stage.connects());
        stage.asks(client, &[Ask::get("fails", 50_000)]);
        stage.asks(other, &[Ask::get("source", 50_000)]);
        stage.settles();
        let bytes = stage.socket(client, |socket| socket.take(usize::MAX));
        let expected =
            Expected { framing: Framing::Chunked, ..Expected::to(&Ask::get("fails", 50_001)) };
        let mut reader = Reader::new(vec![expected]);
        reader.received(&bytes, Shortage::default()).expect("what was made is sent");
        assert!(!reader.is_between_answers());
        assert_eq!(stage.socket(client, |socket| socket.end()), Some(End::Eof));
        stage.passes(5 * SECOND);
        assert_eq!(stage.fate(client), Some(CloseReason::SourceFailed));
        stage.hears(other, &[Ask::get("source", 50_000)]);
    });
}

/// RFC 9112 §8: without chunks an orderly close would make a whole body of it.
#[test]
fn a_source_that_fails_on_http_1_0_ends_by_a_reset() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let [fails, whole] = [(); 2].map(|()| stage.connects());
        for (client, route) in [(fails, "fails"), (whole, "source")] {
            stage.asks(client, &[Ask { is_old: true, ..Ask::get(route, 5_000) }]);
        }
        stage.settles();
        assert_eq!(stage.fate(fails), Some(CloseReason::SourceFailed));
        assert_eq!(stage.socket(fails, |socket| socket.end()), Some(End::Reset));
        assert!(stage.socket(whole, |socket| socket.take(usize::MAX)).len() > 5_000);
        assert_eq!(stage.socket(whole, |socket| socket.end()), Some(End::Eof));
    });
}

/// The same where the source has come to its end, and what it made has not all left.
#[test]
fn a_body_that_only_the_close_ends_is_cut_by_a_reset_to_its_last_byte() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects_through(WIDE, 1_000);
        stage.asks(client, &[Ask { is_old: true, ..Ask::get("source", 5_000) }]);
        stage.passes(30 * SECOND);
        assert_eq!(stage.fate(client), Some(CloseReason::WriteTimeout));
        assert_eq!(stage.socket(client, |socket| socket.end()), Some(End::Reset));
    });
}

/// Also where the turn's budget ends, and not the window: an observer can follow every connection
/// from phase to phase, and what was made for one client does not lie about for the next.
#[test]
fn a_budget_that_ends_is_told_and_leaves_nothing_behind() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (greedy, modest) = (stage.connects_through(WIDE, 4 * WIDE), stage.connects());
        stage.settles();
        let mut asks = vec![Ask::get("shared", 120_000); 9];
        asks.push(Ask::get("fixed", 0));
        stage.asks(greedy, &asks);
        stage.asks(modest, &asks[9..]);
        stage.hears_after_settling(modest, &asks[9..]);
        stage.hears(greedy, &asks);
    });
}
