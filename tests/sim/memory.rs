//! How the loop behaves when all connections together hold more memory than is granted: who waits,
//! who goes, and who is forgotten.

use std::time::Duration;

use oneloop::config::Config;
use oneloop::connection::CloseReason;

use super::asks::Ask;
use super::run::Terms;
use super::stage::{Stage, WIDE, on_both_kernels};

const SECOND: Duration = Duration::from_secs(1);

fn short_of_memory(held_bytes: usize) -> Terms {
    let mut config = Config::default();
    config.held_bytes = held_bytes;
    Terms { config, ..Terms::default() }
}

/// Too much is held for one client: no other one is read from until some of it has left.
#[test]
fn a_memory_limit_parks_and_unparks() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, short_of_memory(20_000));
        let (greedy, modest) = (stage.connects_through(WIDE, 1_000), stage.connects());
        let long = Ask::get("bytes", 40_000);
        stage.asks(greedy, std::slice::from_ref(&long));
        stage.settles();
        assert!(stage.held() > 20_000);
        stage.asks(modest, &[Ask::get("fixed", 0)]);
        stage.settles();
        assert_eq!(stage.calls(modest), 0);
        assert_eq!(stage.settles(), 1, "whoever is parked is not looked at again and again");

        stage.hears(greedy, &[long]);
        stage.hears(modest, &[Ask::get("fixed", 0)]);
    });
}

/// Whoever has asked for much and takes nothing of it holds nobody up until its write timeout, and
/// leaves for nobody who does not wait.
#[test]
fn who_is_stalled_longest_leaves_when_memory_is_short() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, short_of_memory(50_000));
        let long = Ask::get("bytes", 40_000);
        let [first, slow, second] = [(); 3].map(|()| stage.connects_through(WIDE, 1_000));
        let modest = stage.connects();
        for client in [first, slow] {
            stage.asks(client, std::slice::from_ref(&long));
        }
        stage.passes(5 * SECOND);
        assert!(stage.held() > 50_000);
        assert_eq!([first, slow].map(|client| stage.fate(client)), [None, None]);

        stage.asks(modest, &[Ask::get("fixed", 0)]);
        stage.socket(slow, |socket| socket.take(1_000));
        stage.settles();
        assert_eq!(stage.fate(first), Some(CloseReason::Stalled));
        assert_eq!([slow, second, modest].map(|client| stage.fate(client)), [None, None, None]);
        stage.hears(modest, &[Ask::get("fixed", 0)]);
    });
}

/// Who never ends a head is stalled as well; the one who holds most leaves, and it is enough.
#[test]
fn who_owes_the_rest_of_a_request_leaves_when_memory_is_short() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, short_of_memory(5_000));
        let [small, large, tiny, modest] = [(); 4].map(|()| stage.connects());
        for (client, length) in [(small, 2_000), (large, 4_000), (tiny, 100)] {
            stage.sends(client, format!("GET /fixed HTTP/1.1\r\nA: {}", "a".repeat(length)));
            stage.settles();
        }
        stage.asks(modest, &[Ask::get("fixed", 0)]);
        stage.passes(SECOND - SECOND / 10);
        assert_eq!(stage.calls(modest), 0);
        stage.passes(SECOND / 5);
        assert_eq!(stage.fate(large), Some(CloseReason::Stalled));
        assert_eq!([small, tiny, modest].map(|client| stage.fate(client)), [None; 3]);
        stage.hears(modest, &[Ask::get("fixed", 0)]);
    });
}

/// A client that takes its answer, however slowly, is no reason to close anything.
#[test]
fn who_takes_its_answer_is_not_stalled_though_memory_is_short() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, short_of_memory(20_000));
        let (slow, modest) = (stage.connects_through(WIDE, 1_000), stage.connects());
        stage.asks(slow, &[Ask::get("bytes", 40_000)]);
        stage.settles();
        stage.asks(modest, &[Ask::get("fixed", 0)]);
        for _ in 0..10 {
            stage.passes(SECOND / 2);
            stage.socket(slow, |socket| socket.take(500));
            stage.settles();
        }
        assert_eq!((stage.fate(slow), stage.calls(modest)), (None, 0));
        // It stops taking any.
        stage.passes(SECOND - SECOND / 10);
        assert_eq!((stage.fate(slow), stage.calls(modest)), (None, 0));
        stage.passes(SECOND + SECOND / 10);
        assert_eq!(stage.fate(slow), Some(CloseReason::Stalled));
        stage.hears(modest, &[Ask::get("fixed", 0)]);
    });
}

/// Whoever goes before there is memory leaves nothing behind, however long the others wait for it.
#[test]
fn who_has_waited_for_memory_and_left_is_forgotten() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, short_of_memory(1_000));
        let slow = stage.connects_through(WIDE, 1_000);
        stage.asks(slow, &[Ask::get("bytes", 120_000)]);
        stage.settles();
        // The second crowd finds the first one gone, and sits where it sat.
        for crowd in 1..=2 {
            for _ in 0..20 {
                let client = stage.connects();
                stage.sends(client, "GET");
            }
            for _ in 0..80 {
                stage.passes(SECOND - SECOND / 10);
                stage.socket(slow, |socket| socket.take(500));
                stage.settles();
                let most = 2 * (stage.open() - 1) + 10;
                assert!(stage.scheduled() <= most, "{} of crowd {crowd}", stage.scheduled());
            }
            assert_eq!((stage.open(), stage.fate(slow)), (1, None));
        }
    });
}

/// The same where nobody lets go of the memory but a deadline; found by this simulation.
#[test]
fn memory_that_a_deadline_gives_back_unparks() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, short_of_memory(10));
        let (greedy, modest) = (stage.connects(), stage.connects());
        stage.sends(greedy, "GET /fixed HTTP/1.1\r\n");
        stage.settles();
        stage.asks(modest, &[Ask::get("fixed", 0)]);
        stage.settles();
        assert_eq!(stage.calls(modest), 0);
        stage.passes(10 * SECOND);
        stage.hears(modest, &[Ask::get("fixed", 0)]);
    });
}
