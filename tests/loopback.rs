//! The library over real sockets: what a program that embeds it sees, and what its clients see.
//!
//! Everything binds port 0 on the loopback. Nothing sleeps: who waits, waits for bytes, with a
//! limit that only a bug meets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use oneloop::connection::CloseReason;
use oneloop::message::Submitted;
use oneloop::observers::{Meter, Tally};
use oneloop::{
    Address, Answer, Body, BodyReader, Config, Fields, FileRange, Handle, Limits, Listener, Method,
    Piece, Pulled, Request, RequestId, Responder, Response, Routes, Server, Source, StatusCode,
    Stopped, Workers,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server in a thread of its own, stopped when the test ends.
struct Running {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<(Stopped, Tally)>>,
}

impl Running {
    /// The responder is made where it lives: it need not be `Send`.
    fn with<R: Responder + 'static>(
        limits: Limits,
        make: impl FnOnce() -> R + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, receive) = channel();
        let thread = thread::spawn(move || {
            let server = Server::on(Listener::try_from(listener).unwrap()).unwrap();
            send.send(server.handle()).unwrap();
            let tally = Rc::new(RefCell::new(Tally::default()));
            let server = server.with_limits(limits).observed_by(Rc::clone(&tally));
            let stopped = server.run(make()).unwrap();
            (stopped, Rc::into_inner(tally).unwrap().into_inner())
        });
        Self { address, handle: receive.recv().unwrap(), thread: Some(thread) }
    }

    fn answering<R: Responder + Send + 'static>(responder: R) -> Self {
        Self::with(Limits::default(), move || responder)
    }

    fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// Sends these bytes and says that no more will come; everything that comes back.
    fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut client = self.client();
        client.write_all(request.as_ref()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    }

    fn stop(mut self) -> (Stopped, Tally) {
        self.handle.stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn bodies(answers: &str) -> Vec<&str> {
    answers
        .split("HTTP/1.1 ")
        .filter_map(|answer| answer.split_once("\r\n\r\n"))
        .map(|(_, body)| body)
        .collect()
}

fn path_as_text(request: &Request<'_>) -> Response {
    Response::text(request.path())
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Running::answering(path_as_text);
    let paths: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    let requests: String = paths.iter().map(|path| get(path)).collect();
    assert_eq!(bodies(&server.ask(requests)), paths);
}

#[test]
fn a_client_that_says_nothing_holds_up_nobody() {
    let server = Running::answering(path_as_text);
    let silent: Vec<TcpStream> = (0..50).map(|_| server.client()).collect();
    let mut halfway = server.client();
    halfway.write_all(b"GET /late HTTP/1.1\r\nHo").unwrap();
    assert_eq!(bodies(&server.ask(get("/now"))), ["/now"]);
    halfway.write_all(b"st: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    halfway.read_to_string(&mut answer).unwrap();
    assert_eq!(bodies(&answer), ["/late"]);
    drop(silent);
}

#[test]
fn a_request_says_who_sent_it_and_what() {
    let server = Running::answering(|request: &Request<'_>| {
        let peer = request.peer().map(|peer| peer.ip().to_string()).unwrap_or_default();
        let agent = request.header("user-agent").unwrap_or(b"none").escape_ascii().to_string();
        Response::text(format!(
            "{} {} {:?} {} {agent} {peer} {}",
            request.method(),
            request.path(),
            request.query(),
            request.version(),
            request.id()
        ))
    });
    let answer = server.ask("PUT /a%2fb/./c?d=e HTTP/1.0\r\nUser-Agent: test\r\n\r\n");
    let expected = "PUT /a%2Fb/c Some(\"d=e\") HTTP/1.0 test 127.0.0.1 c1.r1";
    assert_eq!(bodies(&answer), [expected]);
}

#[test]
fn routes_answer_each_in_its_way() {
    let server = Running::with(Limits::default(), || {
        Routes::new()
            .get("/home", |_: &Request<'_>| Response::text("at home"))
            .get("/about", |_: &Request<'_>| Response::html("<p>about"))
            .route(Method::POST, "/echo", |_: &Request<'_>| Answer::collect(Response::bytes))
    });
    assert!(server.ask(get("/home")).ends_with("\r\n\r\nat home"));
    assert!(server.ask(get("/about")).contains("Content-Type: text/html; charset=utf-8"));
    assert!(server.ask(get("/nowhere")).starts_with("HTTP/1.1 404 "));
    let refused = server.ask("DELETE /home HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("\r\nAllow: "));
    let head = server.ask("HEAD /home HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.contains("Content-Length: 7") && head.ends_with("\r\n\r\n"));
    let echo = server.ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert!(echo.ends_with("\r\n\r\nhello"));
}

/// Counts a body, and keeps nothing of it.
struct Count(u64);

impl BodyReader for Count {
    fn piece(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }

    fn end(self: Box<Self>, trailers: Fields<'_>) -> Response {
        let trailer = trailers.get("x-sum").unwrap_or(b"none").escape_ascii().to_string();
        Response::text(format!("{} {trailer}", self.0))
    }
}

fn count(_: &Request<'_>) -> Answer {
    Answer::Body(Box::new(Count(0)))
}

#[test]
fn twenty_mebibytes_of_body_are_counted() {
    const LEN: usize = 20 << 20;
    let mut limits = Limits::default();
    limits.body_bytes = LEN as u64;
    let server = Running::with(limits, || count);
    let mut client = server.client();
    write!(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LEN}\r\n\r\n").unwrap();
    for _ in 0..LEN >> 16 {
        client.write_all(&[b'x'; 1 << 16]).unwrap();
    }
    // And once more in chunks, on the same connection, with a trailer.
    write!(client, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for _ in 0..LEN >> 16 {
        client.write_all(b"10000;x=y\r\n").unwrap();
        client.write_all(&[b'x'; 1 << 16]).unwrap();
        client.write_all(b"\r\n").unwrap();
    }
    client.write_all(b"0\r\nX-Sum: 7\r\n\r\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    assert_eq!(bodies(&answers), [format!("{LEN} none"), format!("{LEN} 7")]);
}

#[test]
fn a_refusal_reaches_a_client_that_sends_it_all_before_it_reads() {
    for _ in 0..20 {
        let server = Running::answering(count);
        let mut client = server.client();
        client
            .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20971520\r\n\r\n")
            .unwrap();
        for _ in 0..320 {
            client.write_all(&[b'x'; 1 << 16]).unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"));
    }
}

/// Bytes without end.
struct Endless;

impl Source for Endless {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        into.extend_from_slice(&[b'z'; 8192]);
        Pulled::More
    }
}

#[test]
fn a_stream_without_end_goes_on_until_the_client_leaves() {
    let server = Running::answering(|_: &Request<'_>| {
        Response::new(StatusCode::OK, Body::Source(Box::new(Endless)))
    });
    let mut client = server.client();
    client.write_all(get("/").as_bytes()).unwrap();
    let mut received = 0;
    let mut buffer = vec![0; 1 << 16];
    while received < 64 << 20 {
        received += client.read(&mut buffer).unwrap();
    }
    drop(client);
    // The others are served meanwhile and afterwards, and the books balance.
    let mut other = server.client();
    other.write_all(get("/").as_bytes()).unwrap();
    assert!(other.read(&mut buffer).unwrap() > 0);
    drop(other);
    let (_, tally) = server.stop();
    assert_eq!((tally.accepted, tally.open()), (2, 0));
}

/// A piece, and then that.
struct OneAnd(Pulled, bool);

impl Source for OneAnd {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        if std::mem::replace(&mut self.1, true) {
            return self.0;
        }
        into.extend_from_slice(b"one");
        Pulled::More
    }
}

/// RFC 9112 §8: a body that only the close ends is whole if the close is an orderly one. One that is
/// not whole must end by a reset, whoever ends it.
#[test]
fn an_unfinished_body_without_a_length_ends_by_a_reset() {
    let routes = || {
        let answer = |then| {
            move |_: &Request<'_>| {
                let source = OneAnd(then, false);
                Response::new(StatusCode::OK, Body::Source(Box::new(source)))
            }
        };
        Routes::new()
            .get("/whole", answer(Pulled::End))
            .get("/fails", answer(Pulled::Failed))
            .get("/waits", answer(Pulled::Later))
    };
    let mut limits = Limits::default();
    limits.idle_timeout = Duration::from_millis(50);
    let server = Running::with(limits, routes);
    let ask = |path| {
        let mut client = server.client();
        client.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        client
    };
    let mut answer = String::new();
    ask("/whole").read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\none"), "{answer}");
    let end = ask("/fails").read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);

    // One that has nothing more for too long, for a client whose half is closed.
    let mut waits = ask("/waits");
    waits.shutdown(Shutdown::Write).unwrap();
    let end = waits.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

/// Three events, each some time after the one before.
struct Events(u32);

impl Source for Events {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        self.0 += 1;
        into.extend_from_slice(format!("data: {}\n\n", self.0).as_bytes());
        if self.0 < 3 { Pulled::After(Duration::from_millis(5)) } else { Pulled::End }
    }
}

/// Nobody rings for it, and the client says no more; so only the loop's own waiting brings it on.
#[test]
fn an_event_stream_goes_on_by_itself() {
    let server = Running::answering(|_: &Request<'_>| {
        Response::new(StatusCode::OK, Body::Source(Box::new(Events(0))))
    });
    let mut client = server.client();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\ndata: 1\n\ndata: 2\n\ndata: 3\n\n"), "{answer}");
}

/// Answers from another thread: the first call of a request hands the work on, a later one finds it
/// done.
#[derive(Default)]
struct Elsewhere {
    done: Arc<Mutex<HashMap<RequestId, String>>>,
}

impl Responder for Elsewhere {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        if let Some(text) = self.done.lock().unwrap().remove(&request.id()) {
            return Response::text(text).into();
        }
        let (done, id, wake) = (Arc::clone(&self.done), request.id(), request.wake());
        let path = request.path().to_owned();
        thread::spawn(move || {
            done.lock().unwrap().insert(id, format!("{path}, from elsewhere"));
            wake.wake();
        });
        Answer::Later
    }
}

#[test]
fn an_answer_can_come_later_and_from_another_thread() {
    let server = Running::with(Limits::default(), Elsewhere::default);
    let answers = server.ask(get("/a") + &get("/b"));
    assert_eq!(bodies(&answers), ["/a, from elsewhere", "/b, from elsewhere"]);
}

#[test]
fn an_answer_that_never_comes_is_503() {
    let mut limits = Limits::default();
    limits.answer_timeout = Duration::from_millis(50);
    let server = Running::with(limits, || |_: &Request<'_>| Answer::Later);
    let answer = server.ask(get("/"));
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: "));
    let (_, tally) = server.stop();
    assert_eq!(tally.closed.get(&CloseReason::AnswerTimeout), Some(&1));
}

#[test]
fn a_panic_costs_its_own_connection_a_500() {
    let server = Running::answering(|request: &Request<'_>| {
        assert!(request.path() != "/panic", "the panic that this test is about");
        Response::text("fine")
    });
    let mut bystander = server.client();
    assert!(server.ask(get("/panic")).starts_with("HTTP/1.1 500 "));
    bystander.write_all(get("/").as_bytes()).unwrap();
    bystander.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    bystander.read_to_string(&mut answer).unwrap();
    assert_eq!(bodies(&answer), ["fine"]);
    let (_, tally) = server.stop();
    assert_eq!(tally.closed.get(&CloseReason::Panicked), Some(&1));
}

/// A file of that many bytes, whose name is gone already.
fn file_of(len: usize) -> FileRange {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("oneloop-loopback-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut file =
        std::fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let block: Vec<u8> = (0..=u8::MAX).collect();
    for _ in 0..len / block.len() {
        file.write_all(&block).unwrap();
    }
    FileRange { file: Arc::new(file.into()), offset: 0, len: len as u64 }
}

#[test]
fn a_stop_lets_a_slow_download_finish() {
    const LEN: usize = 8 << 20;
    let range = file_of(LEN);
    let server = Running::answering(move |_: &Request<'_>| {
        Response::new(StatusCode::OK, Body::File(range.clone()))
    });
    let mut clients: Vec<TcpStream> = (0..10).map(|_| server.client()).collect();
    let idle = server.client();
    let mut first = [0; 1];
    for client in &mut clients {
        client.write_all(get("/").as_bytes()).unwrap();
        client.read_exact(&mut first).unwrap();
    }
    server.handle.stop();
    // Idle ones go at once; those who are being answered get all of it.
    assert_eq!((&idle).read(&mut first).unwrap(), 0);
    for mut client in clients {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        let body = rest.len() - (rest.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4);
        assert_eq!(body, LEN);
        assert!((rest.len() - LEN..rest.len()).all(|at| rest[at] == (at + LEN - rest.len()) as u8));
    }
    let (stopped, tally) = server.stop();
    assert_eq!((stopped.cut_off, tally.open()), (0, 0));
    // Their heads had left before the stop, and could not say that they were the last.
    assert_eq!(tally.closed.get(&CloseReason::Stopped), Some(&11));
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_its_connection_and_nothing_else() {
    let range = file_of(32 << 20);
    let file = Arc::clone(&range.file);
    let server = Running::answering(move |_: &Request<'_>| {
        Response::new(StatusCode::OK, Body::File(range.clone()))
    });
    let mut client = server.client();
    client.write_all(get("/").as_bytes()).unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    file.file().set_len(0).unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.len() < 32 << 20);
    assert!(server.ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let (_, tally) = server.stop();
    assert_eq!(tally.closed.get(&CloseReason::FileShrank), Some(&1));
}

#[test]
fn a_client_that_resets_in_the_middle_of_its_answer_is_forgotten() {
    let server = Running::answering(|_: &Request<'_>| {
        Response::new(StatusCode::OK, Body::Source(Box::new(Endless)))
    });
    let mut client = server.client();
    client.write_all(get("/").as_bytes()).unwrap();
    client.read_exact(&mut [0; 1000]).unwrap();
    // Closing with bytes unread resets.
    drop(client);
    let (_, tally) = server.stop();
    let broken = |reason: &CloseReason| matches!(reason, CloseReason::Broken(_));
    assert_eq!(tally.closed.keys().filter(|reason| broken(reason)).count(), 1, "{tally:?}");
}

#[test]
fn each_listener_can_have_a_responder_and_limits_of_its_own() {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("oneloop-loopback-{}.sock", std::process::id()));
    let unix = Listener::bind(&Address::Unix(path.clone()), 16).unwrap();
    let (send, receive): (_, Receiver<(SocketAddr, Handle)>) = channel();
    let thread = thread::spawn(move || {
        let mut limits = Limits::default();
        limits.target_bytes = 8;
        let server = Server::bind("127.0.0.1:0").unwrap();
        let server =
            server.listen(unix, |_: &Request<'_>| Response::text("admin"), limits).unwrap();
        let Some(Address::Tcp(address)) = server.addresses().first().cloned() else { panic!() };
        send.send((address, server.handle())).unwrap();
        let meter = Meter::new();
        let reader = meter.reader();
        (server.observed_by(meter).run(path_as_text).unwrap(), reader.read())
    });
    let (address, handle) = receive.recv().unwrap();

    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(get("/longer-than-eight").as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(bodies(&answer), ["/longer-than-eight"]);

    for (target, expected) in [("/", "HTTP/1.1 200 "), ("/longer-than-eight", "HTTP/1.1 414 ")] {
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(get(target).as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(expected), "{answer}");
    }
    handle.stop();
    let (stopped, figures) = thread.join().unwrap();
    assert_eq!(stopped.cut_off, 0);
    // Both serve, so that both are in the figures.
    assert_eq!((figures.requests, figures.accepted, figures.aside), (3, 3, 0));
    assert_eq!(path.symlink_metadata().unwrap_err().kind(), ErrorKind::NotFound);
}

/// Has a helper do what must not be done on the loop: waiting, here for a word of the test.
struct Helped {
    gate: Arc<Mutex<Receiver<()>>>,
    made: HashMap<RequestId, Arc<Mutex<Option<String>>>>,
}

impl Responder for Helped {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        if request.path() == "/hot" {
            return Response::text("hot").into();
        }
        if let Some(made) = self.made.get(&request.id()) {
            let made = made.lock().unwrap().take();
            return made.map_or(Answer::Later, |text| Response::text(text).into());
        }
        let (made, gate, wake) = (Arc::default(), Arc::clone(&self.gate), request.wake());
        self.made.insert(request.id(), Arc::clone(&made));
        let job = move || {
            gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            *made.lock().unwrap() = thread::current().name().map(str::to_owned);
            wake.wake();
        };
        assert_eq!(request.submit(Box::new(job)), Submitted::Taken);
        Answer::Later
    }
}

#[test]
fn while_helpers_wait_the_loop_answers() {
    let (open, gate) = channel();
    let gate = Arc::new(Mutex::new(gate));
    let server = Running::answering(Helped { gate, made: HashMap::new() });
    // More than there are helpers.
    let mut cold: Vec<TcpStream> = (0..5).map(|_| server.client()).collect();
    for client in &mut cold {
        client.write_all(get("/cold").as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    for _ in 0..100 {
        assert_eq!(bodies(&server.ask(get("/hot"))), ["hot"]);
    }
    cold.iter().for_each(|_| open.send(()).unwrap());
    for client in &mut cold {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(bodies(&answer), ["oneloop-helper"]);
    }
}

#[test]
fn urgent_data_hides_nothing_that_is_behind_it() {
    let server = Running::answering(path_as_text);
    let mut client = server.client();
    client.write_all(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // The urgent byte is taken out of the stream; Linux ends a read where it was.
    rustix::net::send(&client, b"!", rustix::net::SendFlags::OOB).unwrap();
    client.write_all(b"GET /two HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    assert_eq!(bodies(&answers), ["/one", "/two"]);
}

// several loops

/// Workers in a thread, stopped when the test ends; each answers with its number.
struct Crew {
    address: Address,
    handle: Handle,
    thread: Option<JoinHandle<std::io::Result<Stopped>>>,
}

impl Crew {
    fn with<W>(workers: Workers, work: W) -> Self
    where
        W: Fn(usize, Server) -> std::io::Result<Stopped> + Sync + Send + 'static,
    {
        let (address, handle) = (workers.addresses()[0].clone(), workers.handle());
        let thread = Some(thread::spawn(move || workers.run(work)));
        Self { address, handle, thread }
    }

    fn of(workers: usize) -> Self {
        Self::with(local_workers(workers), |worker, server| {
            // A responder is made where it lives: it need not be `Send`.
            let number = Rc::new(worker);
            server.run(move |_: &Request<'_>| Response::text(number.to_string()))
        })
    }

    fn client(&self) -> TcpStream {
        let Address::Tcp(address) = self.address else { panic!("TCP was asked for") };
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// A client that is answered by another worker than the one given, and who that is; it stays
    /// connected. That all of so many come to the same is as likely as that many coins agree.
    fn client_of_other_than(&self, worker: &str) -> (TcpStream, String) {
        let mut clients = (0..1000).map(|_| self.client());
        let answered = clients.find_map(|mut client| {
            let number = ask_for_number(&mut client);
            (number != worker).then_some((client, number))
        });
        answered.expect("the kernel deals out to all")
    }

    fn end(&mut self) -> thread::Result<std::io::Result<Stopped>> {
        self.thread.take().unwrap().join()
    }

    fn stop(mut self) -> Stopped {
        self.handle.stop();
        self.end().unwrap().unwrap()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn local_workers(workers: usize) -> Workers {
    Workers::bind("127.0.0.1:0", NonZeroUsize::new(workers).unwrap()).unwrap()
}

fn ask_for_number(client: &mut (impl std::io::Read + std::io::Write)) -> String {
    client.write_all(get("/").as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).rev().skip(1).any(|four| four == b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    bodies(&String::from_utf8(answer).unwrap())[0].to_owned()
}

#[test]
fn every_worker_is_dealt_connections_and_keeps_them() {
    let crew = Crew::of(2);
    let (mut one, number) = crew.client_of_other_than("nobody");
    let (mut other, other_number) = crew.client_of_other_than(&number);
    let mut numbers = [number.as_str(), other_number.as_str()];
    for _ in 0..10 {
        assert_eq!([ask_for_number(&mut one), ask_for_number(&mut other)], numbers);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, ["0", "1"]);
    assert_eq!(crew.stop(), Stopped::default());
    assert_eq!([one, other].map(|mut client| client.read(&mut [0]).unwrap()), [0, 0]);
}

#[test]
fn workers_share_a_unix_socket_and_whoever_is_free_takes_the_next() {
    let path = std::env::temp_dir().join(format!("oneloop-workers-{}.sock", std::process::id()));
    let two = NonZeroUsize::new(2).unwrap();
    let workers = Workers::bind(Address::Unix(path.clone()), two).unwrap();
    let (open, gate) = channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let (arrived, arrival) = channel();
    let arrived = Mutex::new(arrived);
    let crew = Crew::with(workers, move |worker, server| {
        let (gate, arrived) = (Arc::clone(&gate), arrived.lock().unwrap().clone());
        server.run(move |request: &Request<'_>| {
            if request.path() == "/long" {
                // What a responder must not do: its loop serves nobody meanwhile.
                arrived.send(worker).unwrap();
                gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
            Response::text(worker.to_string())
        })
    });
    let mut stuck = UnixStream::connect(&path).unwrap();
    stuck.write_all(get("/long").as_bytes()).unwrap();
    let busy = arrival.recv_timeout(PATIENCE).unwrap();
    for _ in 0..20 {
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(ask_for_number(&mut client), (1 - busy).to_string());
    }
    open.send(()).unwrap();
    assert_eq!(crew.stop(), Stopped::default());
    assert!(!path.exists());
}

#[test]
fn what_workers_count_is_added_up() {
    const CLIENTS: u64 = 40;
    let mut config = Config::default();
    config.grace = Duration::from_millis(50);
    let tallies: [Arc<Mutex<Tally>>; 3] = Default::default();
    let theirs = tallies.clone();
    let (asked, asks) = channel();
    let asked = Mutex::new(asked);
    let workers = local_workers(3).with_config(config);
    let crew = Crew::with(workers, move |worker, server| {
        let asked = asked.lock().unwrap().clone();
        let server = server.observed_by(Arc::clone(&theirs[worker]));
        server.run(move |_: &Request<'_>| {
            asked.send(()).unwrap();
            Answer::Later
        })
    });
    let clients: Vec<_> = (0..CLIENTS).map(|_| crew.client()).collect();
    for mut client in &clients {
        client.write_all(get("/").as_bytes()).unwrap();
    }
    for _ in 0..CLIENTS {
        asks.recv_timeout(PATIENCE).unwrap();
    }
    // While they run, too.
    let read = || {
        let mut all = Tally::default();
        tallies.iter().for_each(|tally| all += &tally.lock().unwrap());
        all
    };
    assert_eq!((read().accepted, read().open()), (CLIENTS, CLIENTS));
    assert_eq!(crew.stop(), Stopped { cut_off: CLIENTS as usize, signal: None });
    assert_eq!((read().accepted, read().open()), (CLIENTS, 0));
    assert_eq!(read().closed.get(&CloseReason::CutOff), Some(&CLIENTS));
}

#[test]
fn who_ends_ends_all() {
    type End = fn() -> std::io::Result<Stopped>;
    let ends: [(End, &str); 3] = [
        (|| Ok(Stopped::default()), "Ok(Ok(0))"),
        (|| Err(std::io::Error::other("a broken poll")), "Ok(Err(a broken poll))"),
        (|| panic!("the panic that this test is about"), "the panic that this test is about"),
    ];
    for (end, expected) in ends {
        let mut crew = Crew::with(local_workers(3), move |worker, server| {
            if worker == 1 { end() } else { server.run(path_as_text) }
        });
        let ended = match crew.end() {
            Ok(Ok(stopped)) => format!("Ok(Ok({}))", stopped.cut_off),
            Ok(Err(error)) => format!("Ok(Err({error}))"),
            Err(panic) => (*panic.downcast_ref::<&str>().unwrap()).to_owned(),
        };
        assert_eq!(ended, expected);
    }
}

/// Nothing is started for one, and its server is as any other.
#[test]
fn a_worker_alone_works_where_it_is_asked_to() {
    let workers = local_workers(1);
    let (handle, here) = (workers.handle(), thread::current().id());
    let stopped = workers.run(|worker, server| {
        assert_eq!((worker, thread::current().id()), (0, here));
        handle.stop();
        server.run(path_as_text)
    });
    assert_eq!(stopped.unwrap(), Stopped::default());
}

#[test]
fn each_worker_needs_a_listener() {
    let each = |loops| {
        let address = Address::from(([127, 0, 0, 1], 0));
        Listener::bind_each(&address, 16, NonZeroUsize::new(loops).unwrap()).unwrap()
    };
    assert!(Workers::on(Vec::new()).is_err());
    assert!(local_workers(2).also_on(each(1)).is_err());
    assert_eq!(Workers::on(each(2)).unwrap().also_on(each(2)).unwrap().addresses().len(), 2);
}
