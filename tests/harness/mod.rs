//! The program, started and stopped for tests, and a client of it. No process outlives its test.
//!
//! A test waits for a line, for bytes or for an end, and gives up after [`PATIENCE`].

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a step that fails ends its test")]

pub(crate) mod strace;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Far beyond what anything here takes; a wait that reaches it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program, not yet started, with nothing in its environment that could steer it.
pub(crate) fn oneloop(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneloop"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ONELOOP_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.args(args);
    command
}

/// The program, running. Killed when this is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) out: Option<Receiver<String>>,
    pub(crate) err: Receiver<String>,
}

/// How it ended, and what it had said that nobody had read before.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(oneloop(args).stdout(Stdio::piped()))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().map(lines);
        let err = lines(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Its next line on standard output.
    pub(crate) fn said(&self) -> String {
        self.out.as_ref().unwrap().recv_timeout(PATIENCE).expect("a line on stdout")
    }

    /// Its next line on standard error.
    pub(crate) fn complained(&self) -> String {
        self.err.recv_timeout(PATIENCE).expect("a line on stderr")
    }

    /// The port in the start line, which must say that `what` is done on 127.0.0.1.
    pub(crate) fn port(&self, what: &str) -> u16 {
        port_in(&self.said(), what)
    }

    /// The same where that line is on standard error.
    pub(crate) fn port_beside(&self, what: &str) -> u16 {
        port_in(&self.complained(), what)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits until it has ended by itself: both streams are at their end then.
    pub(crate) fn end(mut self) -> Ended {
        let rest = |stream: &Receiver<String>| {
            let mut lines = Vec::new();
            loop {
                match stream.recv_timeout(PATIENCE) {
                    Ok(line) => lines.push(line),
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return lines,
                    Err(_) => panic!("the program did not end; it said {lines:?}"),
                }
            }
        };
        let out = self.out.as_ref().map(rest).unwrap_or_default();
        let err = rest(&self.err);
        Ended { status: self.child.wait().unwrap(), out, err }
    }
}

fn port_in(line: &str, what: &str) -> u16 {
    let address = line.strip_prefix(&format!("oneloop: {what} on http://127.0.0.1:"));
    let port = address.and_then(|rest| rest.strip_suffix('/')).and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("not the start line of {what}: {line}"))
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream, as they come.
pub(crate) fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (line, lines) = channel();
    thread::spawn(move || {
        for text in BufReader::new(stream).lines().map_while(Result::ok) {
            if line.send(text).is_err() {
                return;
            }
        }
    });
    lines
}

/// Runs `command` to its end, which must be an error told in exactly one line that holds all of `expected`.
pub(crate) fn check_fails(command: &mut Command, code: i32, expected: &[&str]) {
    let ended = Program::spawn(command.stdout(Stdio::piped())).end();
    assert_eq!(ended.err.len(), 1, "{command:?} said {:?}", ended.err);
    let line = &ended.err[0];
    assert!(line.starts_with("oneloop: ") && line.contains("; "), "{command:?} said {line}");
    for part in expected {
        assert!(line.contains(part), "{command:?} said {line}, without {part}");
    }
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert_eq!(ended.status.code(), Some(code), "{command:?} said {line}");
    assert!(ended.out.is_empty(), "{command:?} said {:?}", ended.out);
}

/// A folder of a test's own, gone at its end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oneloop-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The path of a file with those bytes; the folders above it are made.
    pub(crate) fn with(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), bytes).unwrap();
        self.at(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Whether it becomes so; for what can only be looked at again and again.
pub(crate) fn eventually(is_so: impl Fn() -> bool) -> bool {
    (0..PATIENCE.as_millis()).any(|_| {
        is_so() || {
            thread::sleep(Duration::from_millis(1));
            false
        }
    })
}

// The client.

pub(crate) fn connect(port: u16) -> TcpStream {
    patient(TcpStream::connect(("127.0.0.1", port)).unwrap())
}

pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// One request on a connection of its own; the head and the body of the answer.
pub(crate) fn ask(mut stream: impl Read + Write, method: &str, path: &str) -> (String, Vec<u8>) {
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).unwrap(), body)
}

pub(crate) fn get(port: u16, path: &str) -> (String, Vec<u8>) {
    ask(connect(port), "GET", path)
}

pub(crate) fn check_body(port: u16, path: &str, expected: &str) {
    let (head, body) = get(port, path);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(String::from_utf8_lossy(&body), expected);
}

/// A connection that has had one answer and is kept.
pub(crate) fn idle(port: u16) -> TcpStream {
    let mut stream = connect(port);
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    head_of(&mut stream);
    stream
}

/// Reads the head of an answer and nothing of its body.
pub(crate) fn head_of(stream: &mut TcpStream) -> String {
    until(stream, b"\r\n\r\n")
}

/// Reads up to and with `end`, byte by byte so that nothing of what follows is taken.
pub(crate) fn until(stream: &mut impl Read, end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

/// Connects as soon as the program listens there: the way to know it of one that says nothing.
pub(crate) fn connect_unix(path: &Path) -> UnixStream {
    for _ in 0..PATIENCE.as_millis() {
        if let Ok(stream) = UnixStream::connect(path) {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            return stream;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("nobody listens on {}", path.display());
}
