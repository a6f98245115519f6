//! A server to talk to, and the talk: bytes go in, and everything that comes back is read to the
//! end.
//!
//! Whether a connection goes on is seen by asking once more: [`Server::say`] ends what it sends
//! with a request of its own, for [`LAST`], which says `close`. Where the connection has gone on,
//! its answer comes last; where it was closed, nobody has read it. Nothing sleeps.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use oneloop::{
    Answer, Body, Handle, Limits, Listener, Piece, Pulled, Request, Responder, Response, Source,
    StatusCode,
};

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a test reads at most, in bytes: an answer that is far too long fails the test, and not the
/// machine.
const MOST: u64 = 64 << 20;

/// The path that is asked for behind everything else, and its content.
const LAST: &str = "/and-the-last";

/// A server in a thread of its own, stopped when the test ends.
pub(crate) struct Server {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// The responder is made where it lives: it need not be `Send`.
    pub(crate) fn of<R: Responder + 'static>(make: impl FnOnce() -> R + Send + 'static) -> Self {
        Self::with(Limits::default(), make)
    }

    pub(crate) fn with<R: Responder + 'static>(
        limits: Limits,
        make: impl FnOnce() -> R + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback");
        let address = listener.local_addr().expect("it has an address");
        let (send, receive) = channel();
        let thread = thread::spawn(move || {
            let listener = Listener::try_from(listener).expect("a listener");
            let server = oneloop::Server::on(listener).expect("a server");
            send.send(server.handle()).expect("the test waits for it");
            server.with_limits(limits).run(Until(make())).expect("it runs until it is stopped");
        });
        let handle = receive.recv().expect("a server that has begun");
        Self { address, handle, thread: Some(thread) }
    }

    pub(crate) fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).expect("a connection");
        client.set_read_timeout(Some(PATIENCE)).expect("a limit");
        client
    }

    /// Sends this and then the request for [`LAST`].
    pub(crate) fn say(&self, bytes: impl AsRef<[u8]>) -> Said {
        let last = format!("GET {LAST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut client = self.client();
        client.write_all(bytes.as_ref()).expect("the server reads");
        client.write_all(last.as_bytes()).expect("the server reads");
        let mut all = Vec::new();
        client.take(MOST).read_to_end(&mut all).expect("the server closes in the end");
        let mut text = String::from_utf8(all).expect("nothing but text is asked for here");
        let goes_on = text.ends_with(LAST);
        if goes_on {
            text.truncate(text.rfind("HTTP/1.1 200 OK").expect("the last answer has a head"));
        }
        Said { text, goes_on }
    }

    /// The answer to a request behind which the connection goes on.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let said = self.say(&request);
        assert!(said.goes_on, "{}\n{}", request.as_ref().escape_ascii(), said.text);
        Reply::of(&said.text)
    }

    /// The answer to a request without content.
    pub(crate) fn get(&self, method: &str, target: &str, lines: &str) -> Reply {
        self.ask(format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A responder, but for [`LAST`].
struct Until<R>(R);

impl<R: Responder> Responder for Until<R> {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        if request.path() == LAST { Response::text(LAST).into() } else { self.0.respond(request) }
    }
}

/// What came back.
pub(crate) struct Said {
    /// All of it, but for the answer to the request for [`LAST`].
    pub(crate) text: String,
    /// Whether that was answered.
    pub(crate) goes_on: bool,
}

/// One answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Status line and fields, each with its line end.
    pub(crate) head: String,
    pub(crate) content: String,
}

impl Reply {
    pub(crate) fn of(text: &str) -> Self {
        let (head, content) = text.split_once("\r\n\r\n").expect("a head has its blank line");
        let begins = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        let others = content.split("HTTP/1.1 ").skip(1).filter(|rest| begins(rest)).count();
        assert_eq!(others, 0, "one answer, not more: {text}");
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|head| head.get(..3));
        let status = status.and_then(|digits| digits.parse().ok()).expect("a status line");
        Self { status, head: format!("{head}\r\n"), content: content.to_owned() }
    }

    /// Name and value of every field.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head
            .split_terminator("\r\n")
            .skip(1)
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no field line: {line:?}")))
    }

    /// The value of a field, or nothing.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// Says what it was asked. `/body` asks for the body and sends it back, `/source` is of a length
/// that nobody knows.
pub(crate) fn echo(request: &Request<'_>) -> Answer {
    match request.path() {
        "/body" => Answer::collect(Response::bytes),
        "/source" => Response::new(StatusCode::OK, Body::Source(Box::new(Once))).into(),
        path => {
            let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
            let host = request.host().unwrap_or("nowhere");
            Response::text(format!("{} {path}{query} on {host}", request.method())).into()
        }
    }
}

/// One piece of content.
pub(crate) struct Once;

impl Source for Once {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        into.extend_from_slice(b"once");
        Pulled::End
    }
}

/// A folder of a test's own, gone at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// With these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oneloop-letter-{}-{count}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
