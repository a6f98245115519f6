//! One regular file as an answer: preconditions first, then the head, then the bytes.
//!
//! Relies on the file having been opened beneath the root and looked at. Never opens anything, and
//! holds no more of a large file in memory than its descriptor. What comes between a file and its
//! answer (ranges, encoded siblings, a cache) belongs here.
//! Read next: `validators.rs`, `media.rs`.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use super::opened::{OpenedFile, Refusal};
use super::{media, validators};
use crate::config::FILE_READ_WHOLE;
use crate::message::{Body, FileRange, Request, Response};

/// The answer to GET or HEAD for this file, called `name`.
pub(super) fn answer(
    request: &Request<'_>,
    opened: OpenedFile,
    name: &[u8],
) -> Result<Response, Refusal> {
    let current = validators::of(&opened.metadata);
    if let Some(answer) = validators::instead(request, &current) {
        return Ok(answer);
    }
    let promised = opened.metadata.len();
    let body = body(request.method(), opened.file, promised)?;
    let is_whole = body.len() == Some(promised);
    let response = Response::new(StatusCode::OK, body)
        .with_header(header::CONTENT_TYPE, media::content_type(name))
        .with_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A file that shrank while it was read is neither what it was nor what it will be: no validator
    // may vouch for it.
    Ok(if is_whole { validators::put_on(response, &current) } else { response })
}

/// The first `len` bytes of the file; for HEAD only their number, so nothing is read.
fn body(method: &Method, file: File, len: u64) -> Result<Body, Refusal> {
    if *method == Method::HEAD || len > FILE_READ_WHOLE {
        return Ok(Body::File(FileRange { file: Arc::new(file), offset: 0, len }));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    file.take(len).read_to_end(&mut bytes).map_err(|error| Refusal::from_io(&error))?;
    Ok(Body::Bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, write};
    use std::time::{Duration, UNIX_EPOCH};

    use http::Method;

    use super::super::Files;
    use super::super::scratch::{Folder, ask, bytes, field};
    use super::body;
    use crate::config::FILE_READ_WHOLE;
    use crate::message::Body;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const TAG: &str = "\"2ebc98a1.0-5\"";

    /// A folder with `f.txt`, five bytes, last modified at [`DATE`].
    fn folder() -> (Folder, Files) {
        let folder = Folder::new();
        let path = folder.path().join("f.txt");
        write(&path, "hello").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777)).unwrap();
        let files = Files::new(folder.path()).unwrap();
        (folder, files)
    }

    #[test]
    fn a_small_file_is_answered_from_memory() {
        let (_folder, mut files) = folder();
        let response = ask(&mut files, "GET", "/f.txt", "");
        assert_eq!(response.status_code(), 200);
        assert_eq!(bytes(&response), b"hello");
        let fields: Vec<_> =
            response.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        let expected = [
            ("content-type", "text/plain; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("etag", TAG),
            ("last-modified", DATE),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn preconditions_are_judged_before_the_content_is_read() {
        let (_folder, mut files) = folder();
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        for (lines, status) in [
            (format!("If-None-Match: {TAG}\r\n"), 304),
            (format!("If-None-Match: W/{TAG}\r\n"), 304),
            ("If-None-Match: \"x\"\r\n".into(), 200),
            (format!("If-Modified-Since: {DATE}\r\n"), 304),
            (format!("If-Modified-Since: {before}\r\n"), 200),
            (format!("If-Match: {TAG}\r\n"), 200),
            ("If-Match: \"x\"\r\n".into(), 412),
            (format!("If-Unmodified-Since: {before}\r\n"), 412),
        ] {
            for method in ["GET", "HEAD"] {
                let response = ask(&mut files, method, "/f.txt", &lines);
                assert_eq!(response.status_code(), status, "{method} {lines}");
                let tag = if status == 412 { "" } else { TAG };
                assert_eq!(field(&response, "etag"), tag, "{method} {lines}");
            }
        }
    }

    #[test]
    fn not_modified_has_the_validators_and_nothing_else() {
        let (_folder, mut files) = folder();
        let response = ask(&mut files, "GET", "/f.txt", "If-None-Match: *\r\n");
        let names: Vec<_> = response.headers().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["etag", "last-modified"]);
        assert!(matches!(response.body(), Body::Empty));
    }

    #[test]
    fn above_64_kib_a_file_is_sent_from_where_it_lies() {
        let folder = Folder::new();
        let mut files = Files::new(folder.path()).unwrap();
        let file = File::create(folder.path().join("f")).unwrap();
        file.set_len(FILE_READ_WHOLE).unwrap();
        assert_eq!(bytes(&ask(&mut files, "GET", "/f", "")).len() as u64, FILE_READ_WHOLE);
        file.set_len(FILE_READ_WHOLE + 1).unwrap();
        match ask(&mut files, "GET", "/f", "").body() {
            Body::File(range) => assert_eq!((range.offset, range.len), (0, FILE_READ_WHOLE + 1)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn head_tells_the_length_and_reads_nothing() {
        let (_folder, mut files) = folder();
        let response = ask(&mut files, "HEAD", "/f.txt", "");
        assert_eq!(response.status_code(), 200);
        assert_eq!(response.body().len(), Some(5));
        assert!(matches!(response.body(), Body::File(_)));
        assert_eq!(field(&response, "etag"), TAG);
    }

    #[test]
    fn an_empty_file_is_an_empty_body() {
        let folder = Folder::new();
        write(folder.path().join("f"), "").unwrap();
        let response = ask(&mut Files::new(folder.path()).unwrap(), "GET", "/f", "");
        assert_eq!((response.status_code().as_u16(), bytes(&response)), (200, &b""[..]));
    }

    #[test]
    fn a_file_that_changed_its_length_meanwhile_is_as_long_as_what_was_read() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        write(&path, "hello").unwrap();
        for (promised, expected) in [(3, 3), (5, 5), (9, 5)] {
            let body = body(&Method::GET, File::open(&path).unwrap(), promised).unwrap();
            assert_eq!(body.len(), Some(expected), "{promised}");
        }
    }
}
