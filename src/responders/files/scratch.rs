//! For tests: a folder of their own, gone when they are done, and a way to ask for what is in it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use crate::config::CACHE_TRUSTED;
use crate::message::{
    Answer, Bell, Body, Caller, Fields, Job, Prepared, Request, RequestHead, Response, Submitted,
    Version, Wake,
};
use crate::responders::Responder;

/// An empty folder under the system's temporary one. It is removed, with all that is in it, when
/// this is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("oneloop-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// One that is there already.
    pub(super) const fn of(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed half-way may have left what cannot be removed; that is not what it
        // should be remembered for.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Who asks, and when; and the helper threads that there are none of: jobs are done at once, or
/// when the test says.
pub(super) struct Visitor {
    /// Since the loop began.
    pub(super) now: Cell<Duration>,
    /// Seconds since 1970.
    pub(super) unix_time: Cell<u64>,
    /// Jobs that wait for [`Visitor::help`]; without it they are done at once.
    jobs: RefCell<Option<Vec<Job>>>,
    /// Which of its requests it is.
    pub(super) number: Cell<u32>,
    /// How many may wait.
    pub(super) most_jobs: Cell<usize>,
    rung: Arc<AtomicU32>,
}

/// So long after every file that tests make that all of them are settled.
const SETTLED: u64 = 4_000_000_000;

impl Visitor {
    pub(super) fn new() -> Self {
        Self {
            now: Cell::new(Duration::ZERO),
            unix_time: Cell::new(SETTLED),
            jobs: RefCell::new(None),
            number: Cell::new(1),
            most_jobs: Cell::new(usize::MAX),
            rung: Arc::default(),
        }
    }

    /// One whose jobs wait.
    pub(super) fn with_slow_helpers() -> Self {
        Self { jobs: RefCell::new(Some(Vec::new())), ..Self::new() }
    }

    /// Time passes.
    pub(super) fn wait(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }

    /// All jobs are done that wait. How many clients are called back.
    pub(super) fn help(&self) -> u32 {
        let jobs = self.jobs.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default();
        jobs.into_iter().for_each(|job| job());
        self.rung.swap(0, Ordering::Relaxed)
    }

    /// How many jobs wait.
    pub(super) fn jobs(&self) -> usize {
        self.jobs.borrow().as_ref().map_or(0, Vec::len)
    }

    /// Asks for `target`, which is a path and perhaps a query, with these field lines, each ended
    /// by CRLF. Nothing where it is to be asked for again later.
    pub(super) fn ask(
        &self,
        responder: &mut dyn Responder,
        method: &str,
        target: &str,
        lines: &str,
    ) -> Option<Response> {
        match self.answer_to(responder, method, target, lines) {
            Answer::Response(response) => Some(response),
            Answer::Prepared(prepared) => Some(taken_apart(&prepared)),
            Answer::Later => None,
            Answer::Body(_) => panic!("no body is wanted of a request for a file"),
        }
    }

    /// The answer to GET as it is.
    pub(super) fn answer(&self, responder: &mut dyn Responder, target: &str) -> Answer {
        self.answer_to(responder, "GET", target, "")
    }

    fn answer_to(
        &self,
        responder: &mut dyn Responder,
        method: &str,
        target: &str,
        lines: &str,
    ) -> Answer {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let request = Request {
            head: &RequestHead {
                method: Method::from_bytes(method.as_bytes()).unwrap(),
                path: path.into(),
                query,
                authority: None,
                version: Version::Http11,
                fields: Fields::from_checked_lines(lines.as_bytes()),
                has_body: false,
            },
            number: self.number.get(),
            caller: self,
        };
        responder.respond(&request)
    }
}

impl Caller for Visitor {
    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn connection(&self) -> u32 {
        1
    }

    fn wake(&self) -> Wake {
        Wake::new(0, Arc::new(Rings(Arc::clone(&self.rung))))
    }

    fn now(&self) -> Duration {
        self.now.get()
    }

    fn unix_time(&self) -> u64 {
        self.unix_time.get()
    }

    fn submit(&self, job: Job) -> Submitted {
        let mut jobs = self.jobs.borrow_mut();
        match &mut *jobs {
            None => job(),
            Some(jobs) if jobs.len() >= self.most_jobs.get() => return Submitted::Full,
            Some(jobs) => jobs.push(job),
        }
        Submitted::Taken
    }
}

struct Rings(Arc<AtomicU32>);

impl Bell for Rings {
    fn ring(&self, _: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An answer that was laid out, as the answer that it was made of.
fn taken_apart(prepared: &Prepared) -> Response {
    let head = std::str::from_utf8(prepared.head()).unwrap();
    let body = match prepared.file() {
        None => Body::Bytes(prepared.body().to_vec()),
        Some(range) => Body::File(range.clone()),
    };
    let mut response = Response::new(prepared.status_code(), body);
    for line in head.lines().skip(1).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.parse().unwrap();
        if !Response::RESERVED.contains(&name) {
            response = response.with_header(name, HeaderValue::try_from(value).unwrap());
        }
    }
    response
}

/// Asks as [`Visitor::ask`] does, of what is looked at anew each time.
pub(in crate::responders) fn ask(
    responder: &mut dyn Responder,
    method: &str,
    target: &str,
    lines: &str,
) -> Response {
    thread_local!(static VISITOR: Visitor = Visitor::new());
    VISITOR.with(|visitor| {
        visitor.wait(2 * CACHE_TRUSTED);
        visitor.ask(responder, method, target, lines).expect("jobs are done at once")
    })
}

/// The value of a field, or nothing.
pub(in crate::responders) fn field<'r>(response: &'r Response, name: &str) -> &'r str {
    let found = response.headers().iter().find(|(n, _)| n == name);
    found.map_or("", |(_, value)| value.to_str().unwrap())
}

/// The bytes of a body that is in memory.
pub(in crate::responders) fn bytes(response: &Response) -> &[u8] {
    match response.body() {
        Body::Empty => b"",
        Body::Bytes(bytes) => bytes,
        Body::Shared(bytes) => bytes,
        other => panic!("not in memory: {other:?}"),
    }
}
