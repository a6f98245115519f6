//! For tests: a folder of their own, gone when they are done, and a way to ask for what is in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use http::Method;

use crate::message::{Answer, Body, Fields, Nobody, Request, Response, Version};
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

/// Asks a responder for `target`, which is a path and perhaps a query, with these field lines, each
/// ended by CRLF.
pub(super) fn ask(
    responder: &mut dyn Responder,
    method: &str,
    target: &str,
    lines: &str,
) -> Response {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let request = Request {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        path: path.into(),
        query,
        authority: None,
        version: Version::Http11,
        fields: Fields::from_checked_lines(lines.as_bytes()),
        has_body: false,
        number: 1,
        caller: &Nobody,
    };
    match responder.respond(&request) {
        Answer::Response(response) => response,
        other => panic!("not an answer at once: {other:?}"),
    }
}

/// The value of a field, or nothing.
pub(super) fn field<'r>(response: &'r Response, name: &str) -> &'r str {
    let found = response.headers().iter().find(|(n, _)| n == name);
    found.map_or("", |(_, value)| value.to_str().unwrap())
}

/// The bytes of a body that is in memory.
pub(super) fn bytes(response: &Response) -> &[u8] {
    match response.body() {
        Body::Empty => b"",
        Body::Bytes(bytes) => bytes,
        other => panic!("not in memory: {other:?}"),
    }
}
