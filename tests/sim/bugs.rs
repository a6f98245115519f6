//! Bugs that others had, one scene each, named after the bug. Where it was met stands with it.
//! (`DESIGN.md` has the list; what only pure functions can get wrong is tested elsewhere.)
//!
//! Every scene is played on both kernels, and ends with what the clients received.

use std::sync::Arc;
use std::time::Duration;

use oneloop::config::{ACCEPT_PAUSE, KIB};
use oneloop::connection::CloseReason;
use oneloop::event_loop::Ready;
use oneloop::wire::Fault;

use super::asks::{Ask, Expected, Upload, noise};
use super::faults::Mishap;
use super::run::Terms;
use super::scratch::unnamed;
use super::socket::Kernel;
use super::stage::{Stage, WIDE, on_both_kernels};

const SECOND: Duration = Duration::from_secs(1);

fn post(route: &'static str, body: &[u8]) -> Ask {
    Ask { method: "POST", upload: Upload::Plain(body.to_vec()), ..Ask::get(route, 0) }
}

/// hyper #3952: the window was full, room came, and nobody went on. hyper #3977: its fix asked
/// again and again.
#[test]
fn missed_write_wake_up_and_the_spin_its_fix_caused() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects_through(WIDE, 1_000);
        let ask = Ask::get("bytes", 40_000);
        stage.asks(client, std::slice::from_ref(&ask));
        stage.settles();

        let calls = stage.calls(client);
        assert_eq!(stage.settles(), 1, "a full window is nothing to do");
        assert_eq!(stage.calls(client), calls);

        stage.hears(client, &[ask]);
    });
}

/// hyper #4086: the client shuts its half in the middle of a body, and reading says "the end" as
/// often as one asks.
#[test]
fn busy_loop_on_half_close_with_an_open_body() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        let ask = post("count", b"0123456789");
        stage.sends(client, ask.head());
        stage.sends(client, "012");
        stage.settles();
        stage.socket(client, |socket| socket.client_shuts());
        assert!(stage.settles() <= 3);
        assert_eq!(stage.fate(client), Some(CloseReason::ClientLeft));
    });
}

/// The same while the answer is not ready, and while it does not leave: that the client has shut
/// its half is then no reason to do anything.
#[test]
fn busy_loop_on_half_close_before_the_answer() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (waits, is_slow) = (stage.connects(), stage.connects_through(WIDE, 1_000));
        let asks = [Ask::get("later", 7), Ask::get("file", 100_000)];
        stage.asks(waits, &asks[..1]);
        stage.asks(is_slow, &asks[1..]);
        for client in [waits, is_slow] {
            stage.socket(client, |socket| socket.client_shuts());
        }
        stage.settles();
        let calls = [waits, is_slow].map(|client| stage.calls(client));
        assert_eq!(stage.settles(), 1);
        assert_eq!([waits, is_slow].map(|client| stage.calls(client)), calls);

        stage.hears(is_slow, &asks[1..]);
        stage.passes(2 * SECOND);
        stage.hears(waits, &asks[..1]);
        assert_eq!(stage.fate(waits), Some(CloseReason::ClientDone));
        assert_eq!(stage.fate(is_slow), Some(CloseReason::ClientDone));
    });
}

/// hyper #4018: the last answer was still on its way to the socket when the socket was shut.
#[test]
fn unflushed_bytes_before_shutdown() {
    on_both_kernels(|kernel| {
        for route in ["bytes", "shared", "file", "source"] {
            let mut stage = Stage::on(kernel);
            let client = stage.connects_through(WIDE, 1_000);
            let ask = Ask { connection: "close", ..Ask::get(route, 50_000) };
            stage.asks(client, std::slice::from_ref(&ask));
            stage.hears_after_settling(client, &[ask]);
            stage.socket(client, |socket| socket.client_closes());
            stage.settles();
            assert_eq!(stage.fate(client), Some(CloseReason::Answered));
        }
    });
}

/// miri #5106, netty #6199: a request and the end behind it come as one event. The read is short,
/// and no other event will tell of the end.
#[test]
fn eof_behind_a_short_read() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        let ask = Ask::get("fixed", 0);
        stage.asks(client, std::slice::from_ref(&ask));
        stage.socket(client, |socket| socket.client_shuts());
        stage.settles();
        assert_eq!(stage.fate(client), Some(CloseReason::ClientDone));
        stage.hears(client, &[ask]);
    });
}

/// mio #219: an event for a connection that is closed, in whose slot another one lives by now.
/// Taken for the new one's it would say that this is gone.
#[test]
fn event_for_a_slot_closed_earlier_and_reused() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let first = stage.connects();
        stage.settles();
        stage.socket(first, |socket| socket.client_closes());
        stage.settles();
        assert_eq!((stage.fate(first), stage.open()), (Some(CloseReason::ClientDone), 0));

        let second = stage.connects();
        stage.settles();
        let gone = Ready::READABLE.and(Ready::WRITABLE).and(Ready::READ_CLOSED).and(Ready::GONE);
        stage.tells_of_the_dead(gone);
        stage.settles();
        assert_eq!(stage.fate(second), None);
        stage.asks(second, &[Ask::get("fixed", 0)]);
        stage.tells_of_the_dead(gone);
        stage.hears_after_settling(second, &[Ask::get("fixed", 0)]);
    });
}

/// The same within one turn: the house is full, whoever idles longest leaves for somebody new, and
/// the batch still holds an event of it.
#[test]
fn event_for_a_slot_closed_earlier_in_the_batch() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::with(kernel, Terms { capacity: 1, ..Terms::default() });
        let first = stage.connects();
        stage.passes(2 * SECOND);
        stage.socket(first, |socket| socket.client_shuts());
        let second = stage.connects();
        stage.asks(second, &[Ask::get("fixed", 0)]);
        stage.hears_after_settling(second, &[Ask::get("fixed", 0)]);
        let fate = stage.fate(first);
        assert!(matches!(fate, Some(CloseReason::MadeRoom | CloseReason::ClientDone)), "{fate:?}");
    });
}

/// darkhttpd: every byte that came put the deadline off.
#[test]
fn a_trickled_head_times_out_at_the_absolute_deadline() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        stage.settles();
        stage.sends(client, "GET /fixed HTTP/1.1\r\nX: ");
        for _ in 0..9 {
            stage.passes(SECOND);
            stage.sends(client, "x");
        }
        stage.passes(SECOND - Duration::from_nanos(1));
        stage.hears(client, &[]);
        stage.passes(Duration::from_nanos(1));
        stage.hears_exactly(client, vec![Expected::of_fault(Fault::HeadTimeout)]);
    });
}

/// darkhttpd: what was read behind the first request was thrown away.
#[test]
fn second_pipelined_request_glued_to_the_first_is_answered() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        let asks = [Ask::get("fixed", 0), Ask::get("bytes", 10), post("echo", b"x")];
        stage.asks(client, &asks);
        let half = Ask::get("nowhere", 0).head();
        stage.sends(client, &half[..20]);
        stage.hears_after_settling(client, &asks);
        stage.sends(client, &half[20..]);
        stage.hears_after_settling(client, &[Ask::get("nowhere", 0)]);
        // All that was gathered left by one write.
        let reads_and_writes = if kernel == Kernel::Linux { 2 + 2 } else { 3 + 3 };
        assert!(stage.calls(client) <= reads_and_writes, "{} calls", stage.calls(client));
    });
}

/// libuv #690: no descriptor is left, somebody waits, and accepting fails as often as one tries.
#[test]
fn accept_with_no_descriptors_does_not_spin_and_resumes() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        stage.nature.borrow_mut().descriptors = 1;
        let (first, second) = (stage.connects(), stage.connects());
        stage.sends(first, "GET /fixed");
        stage.asks(second, &[Ask::get("fixed", 0)]);
        assert!(stage.settles() <= 4);
        assert_eq!(stage.limit(), Some(ACCEPT_PAUSE));
        assert_eq!(stage.nature.borrow().oracles.pauses, 1);
        // It tries again by itself, and as soon as a connection is closed.
        stage.passes(ACCEPT_PAUSE);
        assert_eq!(stage.limit(), Some(ACCEPT_PAUSE));
        stage.socket(first, |socket| socket.client_closes());
        stage.hears_after_settling(second, &[Ask::get("fixed", 0)]);
    });
}

/// mio's example: an error of accept ended the server.
#[test]
fn accept_that_fails_is_tried_again() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        stage.settles();
        stage.nature.borrow_mut().faults[Mishap::AcceptFailed] = 1000;
        let client = stage.connects();
        stage.asks(client, &[Ask::get("fixed", 0)]);
        assert!(stage.settles() <= 3);
        stage.nature.borrow_mut().faults[Mishap::AcceptFailed] = 0;
        stage.passes(ACCEPT_PAUSE);
        stage.hears(client, &[Ask::get("fixed", 0)]);
    });
}

/// may_minihttp: whoever asked much and read nothing had all the answers piled up for it.
#[test]
fn answers_do_not_pile_up_while_the_client_does_not_read() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects_through(16_000, 1_000);
        let asks = vec![Ask::get("bytes", 10_000); 400];
        let mut unsent: Vec<u8> = asks.iter().flat_map(Ask::head).collect();
        loop {
            let n = stage.sends(client, &unsent);
            stage.settles();
            if n == 0 {
                break;
            }
            unsent.drain(..n);
        }
        assert!(stage.held() < 256 * KIB, "{} bytes are held", stage.held());
        let calls = stage.calls(client);
        stage.settles();
        assert_eq!(stage.calls(client), calls, "nothing is read either");
    });
}

/// mio #45: while one client floods the server, the others wait.
#[test]
fn one_flooding_client_does_not_starve_another() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (flood, other) = (stage.connects(), stage.connects());
        let asks = vec![Ask::get("fixed", 0); 10_000];
        stage.asks(flood, &asks);
        stage.turns();
        stage.turns();
        stage.asks(other, &[Ask::get("fixed", 0)]);
        stage.turns();
        stage.hears(other, &[Ask::get("fixed", 0)]);
        stage.hears(flood, &asks);
    });
}

/// The same by a body that nobody wants: it is read and thrown away, a turn's worth at a time.
#[test]
fn a_discarded_flood_does_not_starve_another() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let (flood, other) = (stage.connects_through(4 * WIDE, WIDE), stage.connects());
        stage.sends(flood, "GARBAGE\r\n\r\n");
        for _ in 0..7 {
            stage.sends(flood, noise());
        }
        stage.asks(other, &[Ask::get("fixed", 0)]);
        stage.turns();
        stage.turns();
        stage.hears(other, &[Ask::get("fixed", 0)]);
        stage.settles();
        stage.hears_exactly(flood, vec![Expected::of_fault(Fault::RequestLine)]);
    });
}

/// lighttpd lingers because of this: the answer to what was refused is lost when the socket is
/// closed with bytes unread.
#[test]
fn error_answer_is_not_lost_to_a_reset() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        let client = stage.connects();
        let ask = post("echo", &noise()[..500_001]);
        stage.asks(client, std::slice::from_ref(&ask));
        stage.settles();
        stage.sends(client, noise());
        stage.settles();
        stage.hears(client, &[ask]);
        assert_eq!(stage.fate(client), None, "it waits for the client to hang up");
        stage.socket(client, |socket| socket.client_closes());
        stage.settles();
        assert_eq!(stage.fate(client), Some(CloseReason::Fault(Fault::BodyTooLong)));
    });
}

/// nginx, `ngx_linux_sendfile_chain.c`: a short sendfile says nothing of the window.
#[test]
fn a_short_sendfile_is_gone_on_with() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        stage.nature.borrow_mut().faults[Mishap::ShortFile] = 1000;
        let client = stage.connects();
        stage.asks(client, &[Ask::get("file", 120_000)]);
        stage.hears_after_settling(client, &[Ask::get("file", 120_000)]);
    });
}

/// The length was promised already, so the client must see that something is missing; nobody else
/// is concerned.
#[test]
fn a_file_truncated_while_it_is_sent_ends_that_connection_only() {
    on_both_kernels(|kernel| {
        let mut stage = Stage::on(kernel);
        stage.nature.borrow_mut().scratch = Arc::new(unnamed(&noise()[..100_000]).into());
        let (client, other) = (stage.connects_through(WIDE, 10_000), stage.connects());
        stage.sends(client, "GET /scratch/100000 HTTP/1.1\r\nHost: sim\r\n\r\n");
        stage.settles();
        stage.nature.borrow().scratch.file().set_len(30_000).expect("a file of our own can be cut");
        let mut came = 0;
        while stage.fate(client).is_none() {
            came += stage.socket(client, |socket| socket.take(usize::MAX)).len();
            stage.settles();
        }
        assert_eq!(stage.fate(client), Some(CloseReason::FileShrank));
        assert!((10_000..30_500).contains(&came), "{came} bytes came");
        stage.asks(other, &[Ask::get("fixed", 0)]);
        stage.hears_after_settling(other, &[Ask::get("fixed", 0)]);
    });
}

/// Linux ends a read at TCP's urgent mark, though more is behind it and no edge will tell of that.
#[test]
fn bytes_behind_an_urgent_mark_are_read() {
    let mut stage = Stage::on(Kernel::Linux);
    let client = stage.connects();
    let ask = Ask::get("fixed", 0);
    let head = ask.head();
    stage.sends(client, &head[..10]);
    stage.socket(client, |socket| socket.push_urgent());
    stage.sends(client, &head[10..]);
    stage.hears_after_settling(client, &[ask]);
}
