//! What tells one state of a file from the next: its entity tag and its date (RFC 9110 §8.8).
//!
//! Relies on the file system giving a changed file another time of modification or another size.
//! Never reads the content.
//! Read next: `wire/conditional.rs`, which judges by them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::message::{Request, Response};
use crate::wire::conditional::{self, Validators, Verdict};

/// The first second of the year 10000, which an HTTP date has no digits for.
const TOO_LATE: u64 = 253_402_300_800;

/// The validators of a file. A date in the future stays as it is: whoever writes the answer, and
/// knows the time, replaces it (RFC 9110 §8.8.2.1).
pub(super) fn of(metadata: &Metadata) -> Validators {
    // A negative time comes out as a large number, which serves as well.
    let (seconds, nanos, size) = (metadata.mtime(), metadata.mtime_nsec(), metadata.len());
    let etag = Some(format!("\"{seconds:x}.{nanos:x}-{size:x}\""));
    let modified = metadata.modified().ok().filter(|&time| http_date(time).is_some());
    Validators { etag, modified }
}

/// The answer that the preconditions of a request ask for in place of the content, if they do.
pub(super) fn instead(request: &Request<'_>, current: &Validators) -> Option<Response> {
    match conditional::evaluate(request.method(), request.headers(), current) {
        Verdict::Proceed => None,
        Verdict::NotModified => Some(put_on(Response::status(StatusCode::NOT_MODIFIED), current)),
        Verdict::PreconditionFailed => Some(Response::status(StatusCode::PRECONDITION_FAILED)),
    }
}

/// The response with the fields that carry them.
pub(super) fn put_on(response: Response, validators: &Validators) -> Response {
    let response = match &validators.etag {
        Some(etag) => {
            let etag = HeaderValue::try_from(etag).expect("a tag of digits may stand in a field");
            response.with_header(header::ETAG, etag)
        }
        None => response,
    };
    match validators.modified.and_then(http_date) {
        Some(date) => {
            let date = HeaderValue::try_from(date).expect("a date may stand in a field");
            response.with_header(header::LAST_MODIFIED, date)
        }
        None => response,
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; nothing for a time before 1970 or after 9999, which cannot be
/// written so.
pub(super) fn http_date(time: SystemTime) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    (since.as_secs() < TOO_LATE).then(|| httpdate::fmt_http_date(time))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use http::StatusCode;

    use super::super::scratch::Folder;
    use super::{TOO_LATE, http_date, of, put_on};
    use crate::message::Response;

    #[test]
    fn the_tag_changes_with_time_and_size() {
        let folder = Folder::new();
        let file = File::create(folder.path().join("f")).unwrap();
        let tag = |nanos: u64, size: u64| {
            file.set_len(size).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_nanos(nanos)).unwrap();
            of(&file.metadata().unwrap()).etag.unwrap()
        };
        assert_eq!(tag(0x1234 * 1_000_000_000 + 0xab, 0xcd), "\"1234.ab-cd\"");
        assert_eq!(tag(0x1234 * 1_000_000_000 + 0xac, 0xcd), "\"1234.ac-cd\"");
        assert_eq!(tag(0x1234 * 1_000_000_000 + 0xac, 0), "\"1234.ac-0\"");
    }

    #[test]
    fn a_time_that_cannot_be_written_as_a_date_is_left_out() {
        let folder = Folder::new();
        let file = File::create(folder.path().join("f")).unwrap();
        file.set_modified(UNIX_EPOCH - Duration::from_secs(1)).unwrap();
        let validators = of(&file.metadata().unwrap());
        assert_eq!(validators.modified, None);
        let response = put_on(Response::status(StatusCode::OK), &validators);
        assert!(response.headers().iter().all(|(name, _)| name != "last-modified"));
    }

    #[test]
    fn dates_reach_from_1970_to_9999() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (time, expected) in [
            (UNIX_EPOCH, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (at(784_111_777), Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (at(TOO_LATE - 1), Some("Fri, 31 Dec 9999 23:59:59 GMT")),
            (at(TOO_LATE), None),
            (SystemTime::UNIX_EPOCH - Duration::from_nanos(1), None),
        ] {
            assert_eq!(http_date(time).as_deref(), expected);
        }
    }
}
