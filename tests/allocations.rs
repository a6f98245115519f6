//! Invariant 7, counted: an idle connection owns no buffer, a keep-alive request that is answered
//! from a prepared answer or a cached file allocates nothing, and a body without end lives in
//! constant memory.
//!
//! The machine is driven as `event_loop/slot.rs` drives it, by two buffers that belong to the loop
//! and serve every connection. allocation-counter counts what this thread allocates meanwhile.

use allocation_counter::measure;
use oneloop::config::{COPIED_BODY, KIB, MIB, SEND_BUFFER, SENDFILE_CHUNK};
use oneloop::connection::{
    Advance, Asked, Connection, Inbox, Moment, Outgoing, Phase, Pull, Terms,
};
use oneloop::message::Nobody;
use oneloop::wire::request::Scan;
use oneloop::{
    Answer, Body, BodyReader, CloseReason, Fields, Files, Fixed, Limits, Piece, Pulled, Request,
    Responder, Response, Source, StatusCode,
};

/// A request as browsers make them: small, with a few fields.
const GET: &[u8] = b"GET /index.html?a=b HTTP/1.1\r\nHost: localhost:8080\r\n\
    User-Agent: test\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n";

/// What a browser sends beside its target and host: fourteen fields.
const BROWSER: &str = "Connection: keep-alive\r\nCache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;\
    q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n\
    Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n";

/// What is constant memory: a few buffers, and far less than any body here.
const CONSTANT: u64 = 256 * KIB as u64;

/// The loop's side of one connection.
struct Desk {
    connection: Connection,
    limits: Limits,
    out: Vec<u8>,
    /// How many bytes have left.
    sent: u64,
}

impl Desk {
    fn new(limits: Limits) -> Self {
        let connection = Connection::new(&terms(&limits));
        Self { connection, limits, out: Vec::with_capacity(2 * SEND_BUFFER), sent: 0 }
    }

    /// A turn: these bytes have arrived, and the socket takes all that there is to send.
    fn turn(&mut self, received: &[u8], responder: &mut impl Responder) {
        self.receive(received, responder);
        self.send();
    }

    /// Makes what can be made of these bytes.
    fn receive(&mut self, received: &[u8], responder: &mut impl Responder) {
        let Self { connection, limits, out, .. } = self;
        let terms = terms(limits);
        let mut inbox = connection.take_inbox();
        if let Some(inbox) = &mut inbox {
            inbox.received(received);
        }
        let (mut start, mut scan) = (0, Scan::default());
        loop {
            let (input, scan) = match &mut inbox {
                Some(inbox) => inbox.open(),
                None => (&received[start..], &mut scan),
            };
            let took = match connection.advance(input, scan, out, &terms) {
                Advance::Starved => break,
                Advance::Took(took, _) => took,
                Advance::Ask(head) => {
                    let asked = Asked::of(&head, input.len());
                    let request = head.to_request(connection.requests(), &Nobody);
                    let answer = responder.respond(&request);
                    connection.answer(asked, answer, out, &terms).took
                }
            };
            if took > 0 {
                *scan = Scan::default();
            }
            match &mut inbox {
                Some(inbox) => inbox.took(took),
                None => start += took,
            }
        }
        let rest = &received[start..];
        let inbox = match inbox {
            None if !rest.is_empty() => Some(Box::new(Inbox::holding(rest, scan))),
            inbox => inbox,
        };
        if let Some(inbox) = inbox {
            connection.keep(inbox);
        }
    }

    /// Sends what there is, and what a source makes, until nothing is left.
    fn send(&mut self) {
        let Self { connection, limits, out, sent } = self;
        let terms = terms(limits);
        loop {
            match connection.outgoing() {
                Outgoing::Nothing if out.is_empty() => break,
                Outgoing::Source if out.len() < SEND_BUFFER => {
                    let pulled = connection.pull(out, &terms);
                    assert!(matches!(pulled, Pull::Made(_) | Pull::Ended(_)));
                    continue;
                }
                Outgoing::Unsent(bytes) => {
                    let n = bytes.len();
                    *sent += n as u64;
                    connection.sent(n, &terms);
                    continue;
                }
                Outgoing::Content(content) => {
                    let n = content.len();
                    *sent += n as u64;
                    connection.content_sent(n, &terms);
                }
                Outgoing::File(range, _) => {
                    let len = range.len.min(SENDFILE_CHUNK as u64);
                    *sent += len;
                    connection.content_sent(len as usize, &terms);
                }
                Outgoing::Nothing | Outgoing::Source => {}
                Outgoing::Part(_) | Outgoing::Waiting | Outgoing::Warming => {
                    panic!("none of these here")
                }
            }
            *sent += out.len() as u64;
            out.clear();
        }
        let _ = connection.all_sent(&terms);
    }

    /// The socket has taken what was made, and so much of the body behind it.
    fn send_with(&mut self, body: usize) {
        self.connection.content_sent(body, &terms(&self.limits));
        self.sent += (self.out.len() + body) as u64;
        self.out.clear();
    }

    /// The socket has taken nothing of what was made.
    fn put_back(&mut self) {
        self.connection.put_back(&self.out, &terms(&self.limits));
        self.out.clear();
    }
}

fn terms(limits: &Limits) -> Terms<'_> {
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    Terms { now: Moment::START, date, limits, is_last: false }
}

/// How many allocations a thousand turns of those bytes cost, after a few to warm up.
fn allocations_of_a_thousand_turns(received: &[u8], answer: Response) -> u64 {
    allocations_by(received, Fixed::new(answer.prepare()))
}

fn allocations_by(received: &[u8], mut responder: impl Responder) -> u64 {
    let mut desk = Desk::new(Limits::default());
    for _ in 0..3 {
        desk.turn(received, &mut responder);
    }
    let sent = desk.sent;
    let info = measure(|| {
        for _ in 0..1000 {
            desk.turn(received, &mut responder);
        }
    });
    assert_eq!(desk.connection.phase(), Phase::Idle);
    assert_eq!(desk.sent - sent, sent / 3 * 1000, "every turn sends the same");
    info.count_total
}

#[test]
fn a_request_answered_from_a_prepared_answer_allocates_nothing() {
    assert_eq!(allocations_of_a_thousand_turns(GET, Response::text("wazzzzap")), 0);
    let sixteen_kib = Response::bytes(vec![b'x'; 16 * KIB]);
    assert_eq!(allocations_of_a_thousand_turns(GET, sixteen_kib), 0);
    assert_eq!(allocations_of_a_thousand_turns(GET, Response::status(StatusCode::NO_CONTENT)), 0);
    // One that is not copied, and that the socket takes in one go.
    assert_eq!(allocations_of_a_thousand_turns(GET, Response::bytes(vec![b'x'; MIB])), 0);
}

#[test]
fn nor_does_one_of_a_browser_s() {
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{BROWSER}\r\n");
    assert_eq!(allocations_of_a_thousand_turns(request.as_bytes(), Response::text("hi")), 0);
}

#[test]
fn nor_do_sixteen_pipelined_ones() {
    assert_eq!(allocations_of_a_thousand_turns(&GET.repeat(16), Response::text("wazzzzap")), 0);
}

#[test]
fn nor_does_head_nor_http_1_0() {
    for request in [
        &b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://x/a%20b HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        assert_eq!(allocations_of_a_thousand_turns(request, Response::text("hi")), 0);
    }
}

/// Nor does a request whose many fields are more than most send.
#[test]
fn nor_does_a_request_of_a_hundred_fields() {
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(99));
    assert_eq!(allocations_of_a_thousand_turns(request.as_bytes(), Response::text("hi")), 0);
}

/// Nor does a small file that is known already, whole, in another coding, or unmodified.
#[test]
fn nor_does_one_for_a_cached_file() {
    let folder = std::env::temp_dir().join(format!("oneloop-allocations-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    for name in ["index.html", "index.html.br", "a.txt"] {
        std::fs::write(folder.join(name), name).expect("a file");
    }
    let browser = "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept: text/html, */*;q=0.8\r\n";
    for (line, fields) in [
        ("GET / HTTP/1.1", ""),
        ("GET /index.html?a=b HTTP/1.1", browser),
        ("GET / HTTP/1.1", BROWSER),
        ("HEAD /a.txt HTTP/1.1", browser),
        ("GET /a.txt HTTP/1.1", "If-None-Match: *\r\n"),
        ("GET /a.txt HTTP/1.1", "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT\r\n"),
    ] {
        let request = format!("{line}\r\nHost: x\r\n{fields}\r\n");
        for times in [1, 16] {
            let files = Files::new(&folder).expect("a folder");
            let allocations = allocations_by(request.repeat(times).as_bytes(), files);
            assert_eq!(allocations, 0, "{times} times {request}");
        }
    }
    std::fs::remove_dir_all(folder).expect("a folder of our own");
}

/// Nor does a long one that the socket takes in one go, from memory or from where it lies.
#[test]
fn nor_does_one_for_a_long_cached_file() {
    let folder =
        std::env::temp_dir().join(format!("oneloop-allocations-long-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let files = [("copied", COPIED_BODY), ("in_memory", 100 * KIB), ("on_disk", SENDFILE_CHUNK)];
    for (name, len) in files {
        std::fs::write(folder.join(name), vec![b'x'; len]).expect("a file");
        for method in ["GET", "HEAD"] {
            let request = format!("{method} /{name} HTTP/1.1\r\nHost: x\r\n\r\n");
            let files = Files::new(&folder).expect("a folder");
            assert_eq!(allocations_by(request.as_bytes(), files), 0, "{request}");
        }
    }
    std::fs::remove_dir_all(folder).expect("a folder of our own");
}

/// A body above 16 KiB is shared: where it does not leave in one go, what is allocated is where it
/// waits, behind its head if need be, and that is little.
#[test]
fn a_long_prepared_answer_costs_its_head() {
    type Stop = fn(&mut Desk);
    let stops: [Stop; 3] = [
        Desk::put_back,
        |desk| desk.send_with(1),
        |desk| {
            desk.send_with(MIB - 1);
        },
    ];
    for stop in stops {
        let mut desk = Desk::new(Limits::default());
        let mut responder = Fixed::new(Response::bytes(vec![b'x'; MIB]).prepare());
        desk.turn(GET, &mut responder);
        let answer = desk.sent;
        let info = measure(|| {
            desk.receive(GET, &mut responder);
            stop(&mut desk);
            desk.send();
        });
        assert!((1..512).contains(&info.bytes_max), "{info:?}");
        assert_eq!(info.bytes_current, 0, "{info:?}");
        assert_eq!(desk.sent, 2 * answer, "the answers have left");
    }
}

/// Holds what happens against the law: afterwards the connection is idle, owns nothing, and has
/// given back all it took.
fn owns_nothing_after(limits: Limits, conversation: impl FnOnce(&mut Desk)) {
    let mut desk = Desk::new(limits);
    let info = measure(|| conversation(&mut desk));
    assert_eq!(desk.connection.phase(), Phase::Idle);
    assert_eq!(desk.connection.held(), 0);
    assert_eq!(info.bytes_current, 0, "all is given back: {info:?}");
}

#[test]
fn an_idle_connection_owns_no_buffer() {
    let prepared = Response::text("hi").prepare();
    let fixed = || Fixed::new(prepared.clone());
    owns_nothing_after(Limits::default(), |desk| desk.turn(GET, &mut fixed()));
    // After a head that came in two pieces.
    owns_nothing_after(Limits::default(), |desk| {
        desk.turn(&GET[..20], &mut fixed());
        assert_ne!(desk.connection.held(), 0, "the first piece is kept");
        desk.turn(&GET[20..], &mut fixed());
    });
    // After a body, asked for or not, that came in pieces.
    let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n";
    for mut responder in [Counter { wants: true }, Counter { wants: false }] {
        owns_nothing_after(Limits::default(), |desk| {
            desk.turn(post, &mut responder);
            desk.turn(b"abc", &mut responder);
            // What the reader has is the reader's; an answer that waits for the body to pass is
            // kept.
            let kept = if responder.wants { 0 } else { 1 };
            assert_eq!(desk.connection.held(), kept);
            desk.turn(b"def", &mut responder);
        });
    }
    // After a write that was blocked.
    owns_nothing_after(Limits::default(), |desk| {
        desk.receive(GET, &mut fixed());
        desk.put_back();
        assert_ne!(desk.connection.held(), 0, "the answer waits");
        desk.send();
    });
}

/// Whatever it was about, a connection that is closed has given back all it took, though who closed
/// it may look at it for a while yet.
#[test]
fn a_closed_connection_owns_nothing() {
    let post = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc";
    for received in [&GET[..20], post] {
        let mut desk = Desk::new(Limits::default());
        let info = measure(|| {
            desk.turn(received, &mut Counter { wants: true });
            desk.connection.close(CloseReason::CutOff);
        });
        assert_eq!(desk.connection.held(), 0);
        assert_eq!(info.bytes_current, 0, "{info:?}");
    }
}

/// A head that comes byte by byte costs one inbox that grows a few times, and not once a byte; all of
/// it is given back.
#[test]
fn a_trickled_head_allocates_a_few_times() {
    let mut desk = Desk::new(Limits::default());
    let mut responder = Fixed::new(Response::text("hi").prepare());
    let info = measure(|| GET.iter().for_each(|byte| desk.turn(&[*byte], &mut responder)));
    assert_eq!(desk.connection.requests(), 1);
    assert!(info.count_total <= 8, "{info:?}");
    assert_eq!(info.bytes_current, 0, "{info:?}");
}

/// A client that sends half a head and nothing more costs that half.
#[test]
fn half_a_head_costs_half_a_head() {
    let mut desk = Desk::new(Limits::default());
    let mut responder = Fixed::new(Response::text("hi").prepare());
    let info = measure(|| desk.turn(&GET[..64], &mut responder));
    assert_eq!(desk.connection.held(), 64);
    assert!(info.bytes_current < 64 + 128, "{info:?}");
}

/// Counts a body if it wants it, and answers with the number.
#[derive(Clone, Copy)]
struct Counter {
    wants: bool,
}

impl Responder for Counter {
    fn respond(&mut self, _: &Request<'_>) -> Answer {
        if self.wants { Answer::Body(Box::new(Count(0))) } else { Response::text("0").into() }
    }
}

struct Count(u64);

impl BodyReader for Count {
    fn piece(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }

    fn end(self: Box<Self>, _: Fields<'_>) -> Response {
        Response::text(self.0.to_string())
    }
}

const LONG_BODY: usize = 20 * MIB;

/// Uploads a body in pieces, and says how much memory that took at the most.
fn upload(head: &str, piece: &[u8], pieces: usize, end: &[u8]) -> u64 {
    let mut limits = Limits::default();
    limits.body_bytes = LONG_BODY as u64;
    let mut desk = Desk::new(limits);
    let mut responder = Counter { wants: true };
    let info = measure(|| {
        desk.turn(head.as_bytes(), &mut responder);
        for _ in 0..pieces {
            desk.turn(piece, &mut responder);
            assert_eq!(desk.connection.phase(), Phase::Body);
        }
        desk.turn(end, &mut responder);
    });
    assert_eq!(desk.connection.phase(), Phase::Idle, "it was read and answered");
    info.bytes_max
}

#[test]
fn a_long_upload_lives_in_constant_memory() {
    let piece = vec![b'x'; 64 * KIB];
    let head = format!("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {LONG_BODY}\r\n\r\n");
    let pieces = LONG_BODY / piece.len();
    let most = upload(&head, &piece, pieces - 1, &piece);
    assert!(most < CONSTANT, "{most} bytes");
}

#[test]
fn a_long_chunked_upload_lives_in_constant_memory() {
    let piece = [b"8000\r\n", &vec![b'x'; 32 * KIB][..], b"\r\n"].concat();
    let head = "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    // Cut so that a size line is always in two.
    let (first, rest) = piece.split_at(3);
    let turned = [rest, first].concat();
    let end = [rest, b"0\r\n\r\n"].concat();
    let most = upload(&format!("{head}800"), &turned, LONG_BODY / (32 * KIB) - 1, &end);
    assert!(most < CONSTANT, "{most} bytes");
}

/// Makes so many pieces of 4 KiB.
struct Zeros(usize);

impl Source for Zeros {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        if self.0 == 0 {
            return Pulled::End;
        }
        self.0 -= 1;
        into.extend_from_slice(&[0; 4 * KIB]);
        Pulled::More
    }
}

#[test]
fn a_long_source_lives_in_constant_memory() {
    let pieces = 64 * MIB / (4 * KIB);
    let mut responder =
        |_: &Request<'_>| Response::new(StatusCode::OK, Body::Source(Box::new(Zeros(pieces))));
    let mut desk = Desk::new(Limits::default());
    let info = measure(|| desk.turn(GET, &mut responder));
    assert_eq!(desk.connection.phase(), Phase::Idle);
    assert!(desk.sent > 64 * MIB as u64, "all of it has left: {}", desk.sent);
    assert!(info.bytes_max < CONSTANT, "{info:?}");
    assert_eq!(info.bytes_current, 0, "{info:?}");
}

/// A hundred thousand idle connections cost a hundred thousand of these, so one is kept within a
/// cache line.
#[test]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() <= 64, "{} bytes", size_of::<Connection>());
}
