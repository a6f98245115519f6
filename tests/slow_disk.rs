//! A disk that is slow, or does not answer at all, over real sockets and a real file system in user
//! space: whoever wants something else notices nothing of it.
//!
//! Where there can be no such file system it is said on standard error that nothing was run. What
//! is measured is printed and not asserted:
//!
//! ```text
//! cargo test --release --test slow_disk -- --nocapture
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fuse;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use oneloop::config::CACHE_TRUSTED;
use oneloop::{
    Address, Answer, Body, FileOptions, FileRange, Files, Handle, Limits, Mounts, Part, Request,
    Responder, Response, Server, SharedFile, StatusCode,
};

use fuse::{Disk, FILE_LEN, FIRST_SHORT, Kind, content};

const PATIENCE: Duration = Duration::from_secs(20);
/// How long a slow disk takes for each call.
const SLOW: Duration = Duration::from_millis(200);

/// A server that has `/hot` in memory, and the files `/0`, `/1` and so on of a disk; `/parts/0` is
/// the end of the first and its beginning.
struct Running {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    disk: Arc<Disk>,
}

impl Running {
    fn with(disk: &Arc<Disk>, files: usize) -> Self {
        let files: Vec<Arc<SharedFile>> =
            (0..files).map(|number| Arc::new(disk.open(number).into())).collect();
        Self::answering(disk, Limits::default(), move || {
            move |request: &Request<'_>| answer(&files, request.path())
        })
    }

    /// One that serves the disk by name, as `/disk/0` and so on, and beside it an ordinary folder,
    /// which holds `hot`.
    fn by_name(disk: &Arc<Disk>, limits: Limits) -> Self {
        let folder = Folder::new();
        std::fs::write(folder.0.join("hot"), "hot").unwrap();
        let root = disk.path();
        let server = Self::answering(disk, limits, move || {
            let mut options = FileOptions::default();
            options.mount = "/disk/".into();
            let cold = Files::with(root, options).unwrap();
            let hot = Hot { files: Files::new(&folder.0).unwrap(), _folder: folder };
            Mounts::new().at("/disk/", cold).at("/", hot)
        });
        // What lies beside it and does not is looked for by a helper, the first time.
        server.client().gets_hot();
        server
    }

    fn answering<R: Responder + 'static>(
        disk: &Arc<Disk>,
        limits: Limits,
        responder: impl FnOnce() -> R + Send + 'static,
    ) -> Self {
        let (send, receive) = channel();
        let thread = thread::spawn(move || {
            let server = Server::bind("127.0.0.1:0").unwrap().with_limits(limits);
            let Some(Address::Tcp(address)) = server.addresses().first().cloned() else { panic!() };
            send.send((address, server.handle())).unwrap();
            server.observed_by(()).run(responder()).unwrap();
        });
        let (address, handle) = receive.recv().unwrap();
        Self { address, handle, thread: Some(thread), disk: Arc::clone(disk) }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(stream)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop();
        if thread::panicking() {
            // A loop that waits for the disk would be waited for here.
            for kind in [Kind::Names, Kind::Reads] {
                self.disk.takes(kind, Some(Duration::ZERO));
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A folder that is gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("oneloop-slow-disk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The files of an ordinary folder, for as long as they are served.
struct Hot {
    files: Files,
    _folder: Folder,
}

impl Responder for Hot {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        self.files.respond(request)
    }
}

fn answer(files: &[Arc<SharedFile>], path: &str) -> Response {
    if path == "/hot" {
        return Response::text("hot");
    }
    let number: usize = path.rsplit('/').next().unwrap().parse().unwrap();
    let range = |offset: usize, len: usize| FileRange {
        file: Arc::clone(&files[number]),
        offset: offset as u64,
        len: len as u64,
    };
    let body = if path.starts_with("/parts/") {
        let (end, beginning) = (range(FILE_LEN - 1000, 1000), range(0, 1000));
        Body::Parts(vec![Part::File(end), Part::Bytes(b"--".to_vec()), Part::File(beginning)])
    } else {
        Body::File(range(0, FILE_LEN))
    };
    Response::new(StatusCode::OK, body)
}

struct Client(TcpStream);

impl Client {
    fn asks(&mut self, path: &str) {
        // In one piece: Nagle's algorithm would hold back a second one.
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        self.0.write_all(request.as_bytes()).unwrap();
    }

    /// The body of the next answer, which is 200.
    fn hears(&mut self) -> Vec<u8> {
        let (status, body) = self.hears_any();
        assert_eq!(status, 200);
        body
    }

    /// Status and body of the next answer.
    fn hears_any(&mut self) -> (u16, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let (_, rest) = head.split_once("Content-Length: ").unwrap();
        let (length, _) = rest.split_once("\r\n").unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (head[9..12].parse().unwrap(), body)
    }

    #[expect(clippy::disallowed_methods, reason = "the server's time passes as well")]
    fn gets_hot_for(&mut self, time: Duration) {
        let began = Instant::now();
        while began.elapsed() <= time {
            self.gets_hot();
        }
    }

    fn gets_hot(&mut self) {
        self.asks("/hot");
        assert_eq!(self.hears(), b"hot");
    }
}

/// No read of the disk comes to an end before hundreds of others have been answered: a loop that
/// waited for it would never get there.
#[test]
fn while_a_disk_does_not_answer_everybody_else_is_answered() {
    let Some(disk) = Disk::new().map(Arc::new) else { return };
    let server = Running::with(&disk, 4);
    // More of them than there are helpers.
    let mut cold: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for (number, client) in cold.iter_mut().enumerate() {
        client.asks(&format!("/{number}"));
    }
    disk.wait_for_more(Kind::Reads, 0, PATIENCE);

    let mut hot = server.client();
    (0..500).for_each(|_| hot.gets_hot());
    (0..50).for_each(|_| server.client().gets_hot());

    disk.takes(Kind::Reads, Some(Duration::ZERO));
    for (number, client) in cold.iter_mut().enumerate() {
        assert!(client.hears() == content(number), "file {number}");
        // What was read is in memory.
        client.asks(&format!("/parts/{number}"));
        let (end, beginning) = (&content(number)[FILE_LEN - 1000..], &content(number)[..1000]);
        assert!(client.hears() == [end, b"--", beginning].concat(), "parts of file {number}");
        client.gets_hot();
    }
}

/// The same where the disk is served by name: while it finds and opens a file, while it reads it,
/// and when it is asked after a second whether the file is still the same.
#[test]
fn while_a_disk_does_not_find_a_file_everybody_else_is_answered() {
    let Some(disk) = Disk::new().map(Arc::new) else { return };
    let server = Running::by_name(&disk, Limits::default());
    let (mut hot, mut cold) = (server.client(), server.client());
    for (round, number) in [0, FIRST_SHORT, 0, FIRST_SHORT].into_iter().enumerate() {
        disk.takes(Kind::Names, None);
        disk.takes(Kind::Reads, None);
        let [names, reads] = [Kind::Names, Kind::Reads].map(|kind| disk.begun(kind));
        cold.asks(&format!("/disk/{number}"));
        disk.wait_for_more(Kind::Names, names, PATIENCE);
        (0..500).for_each(|_| hot.gets_hot());
        server.client().gets_hot();

        disk.takes(Kind::Names, Some(Duration::ZERO));
        if round < 2 {
            disk.wait_for_more(Kind::Reads, reads, PATIENCE);
            (0..500).for_each(|_| hot.gets_hot());
        }
        disk.takes(Kind::Reads, Some(Duration::ZERO));
        assert!(cold.hears() == content(number), "file {number} in round {round}");
        // What is known is not trusted for longer.
        hot.gets_hot_for(CACHE_TRUSTED);
    }
}

/// Whoever asks for a file of a disk that never answers is told so in time. Others notice nothing,
/// and when the disk is back, so is the file.
#[test]
fn a_disk_that_is_dead_is_503_for_whoever_asks_for_it() {
    let Some(disk) = Disk::new().map(Arc::new) else { return };
    let mut limits = Limits::default();
    limits.answer_timeout = Duration::from_millis(300);
    let server = Running::by_name(&disk, limits);
    let mut hot = server.client();
    disk.takes(Kind::Names, None);
    for _ in 0..2 {
        // More of them than there are helpers; two ask for the same.
        let mut cold: Vec<Client> = (0..5).map(|_| server.client()).collect();
        for (number, client) in cold.iter_mut().enumerate() {
            client.asks(&format!("/disk/{}", number / 2));
        }
        disk.wait_for_more(Kind::Names, 0, PATIENCE);
        for mut client in cold {
            hot.gets_hot();
            assert_eq!(client.hears_any().0, 503);
            assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "it is closed");
        }
        (0..500).for_each(|_| hot.gets_hot());
    }
    for kind in [Kind::Names, Kind::Reads] {
        disk.takes(kind, Some(Duration::ZERO));
    }
    for number in [0, FIRST_SHORT] {
        let mut client = server.client();
        client.asks(&format!("/disk/{number}"));
        assert!(client.hears() == content(number), "file {number}");
    }
}

/// A stop waits for the disk no longer than for anybody else, and a helper that reads from it does
/// not keep the process.
#[test]
fn a_disk_that_does_not_answer_does_not_keep_the_server() {
    let Some(disk) = Disk::new().map(Arc::new) else { return };
    let server = Running::with(&disk, 1);
    let mut cold = server.client();
    cold.asks("/0");
    disk.wait_for_more(Kind::Reads, 0, PATIENCE);
    // The client leaves in the middle: nothing is waited for any more.
    drop(cold);
    server.client().gets_hot();
    drop(server);
}

/// The latency at which 99 of a hundred answers have come, where nobody reads from the disk, and
/// where two clients do and each of its reads takes 200 ms.
#[test]
fn how_long_hot_clients_wait_is_printed() {
    let Some(disk) = Disk::new().map(Arc::new) else { return };
    disk.takes(Kind::Reads, Some(SLOW));
    let server = Running::with(&disk, 2);
    let mut hot = server.client();
    let alone = p99(&mut hot, |answers| answers >= 5_000);
    let cold = [0, 1].map(|number| {
        let mut client = server.client();
        client.asks(&format!("/{number}"));
        thread::spawn(move || client.hears() == content(number))
    });
    let beside = p99(&mut hot, |_| cold.iter().all(JoinHandle::is_finished));
    for client in cold {
        assert!(client.join().unwrap());
    }
    eprintln!("alone {alone}\nbeside a cold disk {beside}");
}

/// The same where the disk is served by name, and looking up and opening take as long as reading.
/// Nobody counts what is hot by the clock, only by how often the disk was asked meanwhile.
#[test]
fn how_long_hot_clients_wait_for_names_is_printed() {
    let Some(disk) = Disk::new().map(Arc::new) else { return };
    for kind in [Kind::Names, Kind::Reads] {
        disk.takes(kind, Some(SLOW));
    }
    let server = Running::by_name(&disk, Limits::default());
    let mut hot = server.client();
    let alone = p99(&mut hot, |answers| answers >= 5_000);
    let cold = [0, FIRST_SHORT].map(|number| {
        let mut client = server.client();
        client.asks(&format!("/disk/{number}"));
        thread::spawn(move || client.hears() == content(number))
    });
    let mut answers = 0;
    let beside = p99(&mut hot, |so_far| {
        answers = so_far;
        cold.iter().all(JoinHandle::is_finished)
    });
    for client in cold {
        assert!(client.join().unwrap());
    }
    let slow = disk.begun(Kind::Names) + disk.begun(Kind::Reads);
    eprintln!("alone {alone}\nbeside a cold disk that is served by name {beside}");
    eprintln!("{} hot answers for each of {slow} slow calls", answers / slow);
    assert!(answers > 20 * slow, "{answers} hot answers, {slow} slow calls");
}

/// Asks again and again until `is_enough` of so many answers.
#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn p99(client: &mut Client, mut is_enough: impl FnMut(usize) -> bool) -> String {
    let mut took = Vec::new();
    while !is_enough(took.len()) {
        let began = Instant::now();
        client.gets_hot();
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    format!("{} answers, median {:?}, p99 {:?}", took.len(), at(50), at(99))
}
