//! What a machine does to a server that nobody means ill: its clock leaps, its disk is slow or
//! fails, its house is crowded, and it is told to stop at the worst moment. One scene each.

use std::time::Duration;

use oneloop::connection::CloseReason;
use oneloop::wire::Fault;

use super::asks::{Ask, Expected};
use super::faults::Mishap;
use super::nature::Errand;
use super::run::Terms;
use super::socket::{End, Kernel};
use super::stage::{Stage, WIDE, on_both_kernels};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Deadlines that have passed all at once fire all at once, and each for what it was meant for.
#[test]
fn when_the_clock_leaps_each_deadline_fires_once() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let [idle, begun] = [(); 2].map(|()| stage.connects());
        let full = stage.connects_through(WIDE, 1_000);
        stage.sends(begun, "GET /fixed HTTP/1.1\r\n");
        stage.asks(full, &[Ask::get("bytes", 40_000)]);
        stage.settles();
        stage.leaps(HOUR);
        stage.turns();
        stage.settles();
        assert_eq!(stage.fate(idle), Some(CloseReason::IdleTimeout));
        assert_eq!(stage.fate(full), Some(CloseReason::WriteTimeout));
        assert_eq!(stage.fate(begun), None, "its answer is given, and then it lingers");
        assert_eq!(stage.limit(), Some(5 * SECOND));
        stage.hears_exactly(begun, vec![Expected::of_fault(Fault::HeadTimeout)]);
        stage.leaps(HOUR);
        stage.turns();
        stage.settles();
        assert_eq!(stage.fate(begun), Some(CloseReason::Fault(Fault::HeadTimeout)));
        assert_eq!((stage.open(), stage.limit()), (0, None));
    });
}

/// Whose request is there is not too late, whatever the clock says.
#[test]
fn when_the_clock_leaps_who_has_asked_is_answered() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let [idle, begun] = [(); 2].map(|()| stage.connects());
        let ask = Ask::get("fixed", 0);
        let head = ask.head();
        stage.sends(begun, &head[..10]);
        stage.settles();
        stage.leaps(HOUR);
        stage.sends(begun, &head[10..]);
        stage.sends(idle, &head);
        for client in [idle, begun] {
            stage.hears_after_settling(client, std::slice::from_ref(&ask));
            assert_eq!(stage.fate(client), None);
        }
        assert_eq!(stage.limit(), Some(60 * SECOND), "they are idle as of now");
    });
}

/// The time of a turn is the time at which it began; what passes meanwhile is seen by the next one.
#[test]
fn when_the_clock_leaps_in_the_middle_of_a_turn_the_next_one_sees_it() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let [client, other] = [(); 2].map(|()| stage.connects());
        stage.settles();
        stage.nature.borrow_mut().faults[Mishap::LeapAtWork] = 1000;
        stage.asks(client, &[Ask::get("fixed", 0)]);
        stage.turns();
        stage.nature.borrow_mut().faults[Mishap::LeapAtWork] = 0;
        stage.leaps(HOUR);
        stage.settles();
        assert_eq!(stage.fate(other), Some(CloseReason::IdleTimeout));
        assert_eq!(stage.fate(client), Some(CloseReason::IdleTimeout));
    });
}

/// The other clock may be set to anything: it is read for the Date, and no deadline goes by it.
#[test]
fn the_wall_clock_dates_answers_and_nothing_else() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        for (offset, date) in [
            (0, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (-784_111_777, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_000_000_000, "Wed, 15 Jul 2026 10:36:17 GMT"),
        ] {
            stage.nature.borrow_mut().wall_offset = offset;
            stage.asks(client, &[Ask::get("fixed", 0)]);
            stage.settles();
            let answer = stage.socket(client, |socket| socket.take(usize::MAX));
            let answer = String::from_utf8(answer).expect("it is text");
            assert!(answer.contains(date), "{answer}");
            assert_eq!(stage.limit(), Some(60 * SECOND));
        }
    });
}

/// While the disk keeps the loop waiting, others ask, and their deadlines pass.
#[test]
fn a_slow_disk_delays_everybody_and_loses_nobody() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let [reader, begun, other] = [(); 3].map(|()| stage.connects());
        stage.sends(begun, "GET /fixed HTTP/1.1\r\n");
        stage.settles();
        {
            let mut nature = stage.nature.borrow_mut();
            nature.faults[Mishap::SlowDisk] = 1000;
            nature.faults.disk = 40 * SECOND;
        }
        let asks = [Ask::get("file", 40_000), Ask::get("file", 100)];
        stage.asks(reader, &asks);
        stage.asks(other, &[Ask::get("fixed", 0)]);
        stage.hears_after_settling(reader, &asks);
        stage.hears(other, &[Ask::get("fixed", 0)]);
        stage.leaps(10 * SECOND);
        stage.settles();
        stage.hears_exactly(begun, vec![Expected::of_fault(Fault::HeadTimeout)]);
    });
}

/// Whoever asks for what is in memory is answered as if nobody waited for the disk, and whoever waits
/// for it goes on the moment it was read.
#[test]
fn a_cold_file_delays_nobody_else() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (cold, hot) = ([(); 5].map(|()| stage.connects()), stage.connects());
        {
            let mut nature = stage.nature.borrow_mut();
            nature.faults[Mishap::ColdFile] = 1000;
            nature.faults.job = 2 * SECOND;
        }
        for client in cold {
            stage.asks(client, &[Ask::get("file", 40_000), Ask::get("parts", 40_000)]);
        }
        stage.settles();
        let began = stage.nature.borrow().now;
        for _ in 0..100 {
            stage.asks(hot, &[Ask::get("bytes", 40_000)]);
            stage.hears_after_settling(hot, &[Ask::get("bytes", 40_000)]);
        }
        assert!(stage.nature.borrow().now.since(began) < SECOND / 100, "they were delayed");
        assert_eq!(stage.settles(), 1, "that a helper reads is nothing to do");
        stage.passes(20 * SECOND);
        for client in cold {
            stage.hears(client, &[Ask::get("file", 40_000), Ask::get("parts", 40_000)]);
        }
    });
}

/// A disk that does not answer costs those who wait for it, and in time.
#[test]
fn a_dead_disk_is_not_waited_for_for_ever() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (cold, hot) = ([(); 5].map(|()| stage.connects()), stage.connects());
        {
            let mut nature = stage.nature.borrow_mut();
            nature.faults[Mishap::ColdFile] = 1000;
            nature.faults[Mishap::DeadDisk] = 1000;
            nature.faults.jobs = 1;
            nature.helping.dead = Some(100 * SECOND);
        }
        for client in cold {
            stage.asks(client, &[Ask::get("file", 40_000)]);
        }
        stage.passes(30 * SECOND - Duration::from_nanos(1));
        stage.asks(hot, &[Ask::get("fixed", 0)]);
        stage.hears_after_settling(hot, &[Ask::get("fixed", 0)]);
        assert_eq!(cold.map(|client| stage.fate(client)), [None; 5]);
        stage.passes(Duration::from_nanos(1));
        let fates = cold.map(|client| stage.fate(client));
        assert_eq!(fates, [Some(CloseReason::DiskTimeout); 5]);
        stage.passes(300 * SECOND);
        assert_eq!((stage.open(), stage.limit()), (0, None));
    });
}

/// One job may wait, two are at work, and ten are asked for: all are done, one after the other, and
/// whoever asks for nothing of the kind is answered at once.
#[test]
fn who_finds_no_room_for_a_job_is_asked_again() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        {
            let mut nature = stage.nature.borrow_mut();
            nature.faults.jobs = 1;
            nature.faults.job = 2 * SECOND;
        }
        let (clients, other) = ([(); 10].map(|()| stage.connects()), stage.connects());
        for client in clients {
            stage.asks(client, &[Ask::get("helped", client)]);
        }
        stage.settles();
        stage.asks(other, &[Ask::get("fixed", 0)]);
        stage.hears_after_settling(other, &[Ask::get("fixed", 0)]);
        let entries = stage.scheduled();
        assert_eq!(stage.settles(), 1, "that there is no room is nothing to do");
        assert!(entries >= clients.len() - 3, "{entries} entries");
        stage.passes(10 * SECOND);
        for client in clients {
            stage.hears(client, &[Ask::get("helped", client)]);
        }
    });
}

/// Who has left is not asked, and takes no place in the queue.
#[test]
fn who_found_no_room_and_has_left_is_forgotten() {
    let mut stage = Stage::on(Kernel::Linux);
    {
        let mut nature = stage.nature.borrow_mut();
        nature.faults.jobs = 1;
        nature.faults[Mishap::DeadDisk] = 1000;
    }
    let stuck = [(); 3].map(|()| stage.connects());
    for client in stuck {
        stage.asks(client, &[Ask::get("helped", 0)]);
    }
    stage.settles();
    for _ in 0..1_000 {
        let client = stage.connects();
        stage.asks(client, &[Ask::get("helped", 0)]);
        stage.settles();
        stage.socket(client, |socket| socket.client_resets(false));
        stage.settles();
    }
    assert_eq!(stage.open(), stuck.len());
    assert!(stage.scheduled() < 200, "{} entries", stage.scheduled());
}

/// The head has promised what the disk does not give any more: that connection is closed, and
/// nobody else concerned.
#[test]
fn a_disk_that_fails_costs_one_connection() {
    on_both_kernels(|kernel| {
        for (mishap, fate) in [
            (Mishap::FileFailed, CloseReason::Broken(std::io::ErrorKind::Other)),
            (Mishap::FileShrank, CloseReason::FileShrank),
        ] {
            let mut stage = Stage::on(kernel);
            let [reader, other] = [(); 2].map(|()| stage.connects());
            stage.nature.borrow_mut().faults[mishap] = 1000;
            stage.asks(reader, &[Ask::get("file", 40_000)]);
            stage.asks(other, &[Ask::get("bytes", 40_000)]);
            stage.settles();
            assert_eq!(stage.fate(reader), Some(fate));
            stage.hears(other, &[Ask::get("bytes", 40_000)]);
        }
    });
}

/// Above nine tenths every answer is the last of its connection.
#[test]
fn a_crowded_house_asks_everybody_to_leave() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, Terms { capacity: 10, ..Terms::default() });
        let clients = [(); 10].map(|()| stage.connects());
        stage.settles();
        let ask = Ask::get("fixed", 0);
        stage.asks(clients[0], std::slice::from_ref(&ask));
        stage.settles();
        let last = Expected { is_last: true, ..Expected::to(&ask) };
        stage.hears_exactly(clients[0], vec![last]);
        stage.socket(clients[0], |socket| socket.client_closes());
        stage.settles();
        stage.asks(clients[1], std::slice::from_ref(&ask));
        stage.settles();
        let answer = stage.socket(clients[1], |socket| socket.take(usize::MAX));
        assert!(!answer.windows(6).any(|bytes| bytes == b"close\r"), "there is room again");
    });
}

/// Found by this simulation: a stop let in who waited, and made room for them by closing somebody
/// whose request stood behind the signal in the same batch of events.
#[test]
fn a_stop_hears_the_whole_batch_before_it_makes_room() {
    on_both_kernels(|kernel| {
        for is_signal in [false, true] {
            let mut stage = Stage::with(kernel, Terms { capacity: 1, ..Terms::default() });
            let first = stage.connects();
            stage.passes(2 * SECOND);
            let second = stage.connects();
            let ask = Ask::get("fixed", 0);
            stage.asks(first, std::slice::from_ref(&ask));
            stage.asks(second, std::slice::from_ref(&ask));
            let stop = if is_signal { Errand::Signal } else { Errand::Stop };
            stage.nature.borrow_mut().after(Duration::ZERO, stop);
            stage.turns();
            stage.hears(first, std::slice::from_ref(&ask));
        }
    });
}

/// Found by this simulation: of a body that only the close ends nothing more was to come from its
/// source, what it had made was not taken in time, and the close was an orderly one.
#[test]
fn a_body_that_only_the_close_ends_is_not_ended_by_a_timeout() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects_through(WIDE, 1_000);
        stage.asks(client, &[Ask { is_old: true, ..Ask::get("source", 2_000) }]);
        stage.passes(30 * SECOND);
        assert_eq!(stage.fate(client), Some(CloseReason::WriteTimeout));
        assert_eq!(stage.socket(client, |socket| socket.end()), Some(End::Reset));
    });
}
