//! One file as an answer: which variant, then preconditions, then ranges, and then the bytes.
//!
//! In the order of RFC 9110 §13.2.2. The whole content, and that it is unmodified, are laid out
//! already; what is asked for less often is made here.
//! Relies on `entry.rs`. Never opens or reads anything.
//! Read next: `validators.rs`, and `wire/ranges.rs`.

use std::sync::Arc;

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::compress;
use super::entry::Entry;
use super::parts;
use super::site::Site;
use super::variant::{Parts, Variant};
use crate::message::{Answer, Body, FileRange, Request, Response, Shapes, SharedFile};
use crate::wire::conditional::{self, Verdict};
use crate::wire::negotiate::{Coding, Codings};
use crate::wire::ranges::{self, Selection, Span};

/// What a request for a file comes to.
#[derive(Debug)]
pub(super) enum Choice {
    /// This answer.
    Ready(Answer),
    /// What is made of the file by that coding.
    Compressed(Coding),
}

/// What may make another answer of a variant than all of it (RFC 9110 §13.1, §14.2).
const CONDITIONS: Shapes = Shapes::of_all(&[
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "Range",
]);

/// The same, and what may make another variant of the file suit the client (RFC 9110 §12.5.3).
const WISHES: Shapes = CONDITIONS.and(Shapes::of_all(&["Accept-Encoding"]));

/// Whether the answer is all of the file as it is, whatever file it is. One word tells it, before
/// anything is asked of the file: that bought 190 of 2,120 instructions of a pipelined request.
#[inline]
pub(super) fn is_plain(request: &Request<'_>) -> bool {
    !request.headers().may_have_any(WISHES)
}

/// What GET or HEAD for this file comes to.
pub(super) fn choose(site: &Site, request: &Request<'_>, entry: &Entry) -> Choice {
    let codings = codings(request, entry);
    match made(request, entry, codings) {
        None => Choice::Ready(answer_by(site, request, entry, codings)),
        Some(coding) => Choice::Compressed(coding),
    }
}

/// The answer to GET or HEAD that is had of this file as it is.
pub(super) fn answer(site: &Site, request: &Request<'_>, entry: &Entry) -> Answer {
    answer_by(site, request, entry, codings(request, entry))
}

/// What the client accepts, where it has a choice.
fn codings(request: &Request<'_>, entry: &Entry) -> Codings {
    if entry.has_choice() { Codings::of(request.headers()) } else { Codings::UNSAID }
}

/// The coding to compress by on the fly, where the client would rather have that than what lies
/// there.
fn made(request: &Request<'_>, entry: &Entry, codings: Codings) -> Option<Coding> {
    if !entry.is_compressible {
        return None;
    }
    let quality = match entry.suited(codings) {
        // Of what is made there are no parts, so who wants parts gets what is there.
        Some(_) if request.header("range").is_some() => return None,
        Some(suited) if suited.coding != Coding::Identity => return None,
        Some(_) => codings.quality(Coding::Identity),
        None => 0,
    };
    compress::coding(codings, quality)
}

fn answer_by(site: &Site, request: &Request<'_>, entry: &Entry, codings: Codings) -> Answer {
    match entry.suited(codings) {
        Some(variant) => answer_with(site, request, entry, variant),
        // It wants it in none of the codings that there are (RFC 9110 §12.5.3).
        None => refused(site, entry, Response::status(StatusCode::NOT_ACCEPTABLE)),
    }
}

/// The answer that is this variant, or what preconditions and ranges make of it.
pub(super) fn answer_with(
    site: &Site,
    request: &Request<'_>,
    entry: &Entry,
    variant: &Variant,
) -> Answer {
    let (method, fields) = (request.method(), request.headers());
    // Where the answer would be another than 200, there are no preconditions (RFC 9110 §13.2.1).
    // Most requests have none either.
    if !fields.may_have_any(CONDITIONS) || entry.role.status() != StatusCode::OK {
        return variant.whole.clone().into();
    }
    match conditional::evaluate(method, fields, &variant.validators) {
        Verdict::Proceed => {}
        Verdict::NotModified => return variant.unmodified.clone().into(),
        Verdict::PreconditionFailed => {
            return refused(site, entry, Response::status(StatusCode::PRECONDITION_FAILED));
        }
    }
    if variant.parts == Parts::Refused {
        return variant.whole.clone().into();
    }
    match ranges::select(method, fields, &variant.validators, variant.len()) {
        Selection::Whole => variant.whole.clone().into(),
        Selection::One(span) => part(site, entry, variant, span).into(),
        Selection::Several(spans) => several(site, entry, variant, &spans).into(),
        Selection::Unsatisfiable => {
            let range = value(ranges::unsatisfied(variant.len()));
            let response = Response::status(StatusCode::RANGE_NOT_SATISFIABLE);
            refused(site, entry, response.with_header(header::CONTENT_RANGE, range))
        }
    }
}

/// Says that there are other variants, where there are: they might not have been refused.
fn refused(site: &Site, entry: &Entry, response: Response) -> Answer {
    let response = if entry.has_choice() {
        response.with_header(header::VARY, HeaderValue::from_static("Accept-Encoding"))
    } else {
        response
    };
    site.dressed(response).into()
}

/// 206 with one stretch of the content, and all the fields that 200 would have (RFC 9110 §15.3.7).
fn part(site: &Site, entry: &Entry, variant: &Variant, span: Span) -> Response {
    let body = match variant.whole.file() {
        None => Body::Bytes(bytes(variant.whole.body(), span).to_vec()),
        Some(range) => Body::File(stretch(&range.file, span)),
    };
    let range = value(ranges::content_range(span, variant.len()));
    let response = Response::new(StatusCode::PARTIAL_CONTENT, body);
    let response = response.with_header(header::CONTENT_RANGE, range);
    let common = entry.common(site);
    common.finished(response, common.fields(variant.coding, &variant.validators, variant.parts))
}

/// 206 whose body is made of parts, each with its own type and range (RFC 9110 §14.6).
fn several(site: &Site, entry: &Entry, variant: &Variant, spans: &[Span]) -> Response {
    let common = entry.common(site);
    let heads = parts::Heads::of(spans, variant.len(), &common.content_type);
    let body = match variant.whole.file() {
        None => Body::Bytes(heads.around(|span, out| {
            out.extend_from_slice(bytes(variant.whole.body(), span));
        })),
        Some(range) => Body::Parts(heads.between(|span| stretch(&range.file, span))),
    };
    let mut others = common.fields(variant.coding, &variant.validators, variant.parts);
    others.retain(|(name, _)| *name != header::CONTENT_TYPE);
    let response = Response::new(StatusCode::PARTIAL_CONTENT, body)
        .with_header(header::CONTENT_TYPE, value(heads.content_type()));
    common.finished(response, others)
}

fn bytes(content: &[u8], span: Span) -> &[u8] {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    &content[at(span.start)..at(span.start + span.len)]
}

fn stretch(file: &Arc<SharedFile>, span: Span) -> FileRange {
    FileRange { file: Arc::clone(file), offset: span.start, len: span.len }
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits and words may stand in a field")
}

#[cfg(test)]
mod tests {
    use std::fs::{File, write};
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::scratch::{Folder, ask, bytes, field};
    use super::super::{FileOptions, Files};
    use crate::config::FILE_READ_WHOLE;
    use crate::message::{Body, Part, Response};

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const TAG: &str = "\"2ebc98a1.0-5\"";

    /// A file of that content, last modified at [`DATE`].
    fn put(path: &Path, content: &[u8]) {
        write(path, content).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777)).unwrap();
    }

    /// A folder with `f.txt`, five bytes, last modified at [`DATE`].
    fn folder() -> (Folder, Files) {
        let folder = Folder::new();
        put(&folder.path().join("f.txt"), b"hello");
        let files = Files::new(folder.path()).unwrap();
        (folder, files)
    }

    fn fields(response: &Response) -> Vec<(&str, &str)> {
        response.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect()
    }

    #[test]
    fn a_small_file_is_answered_from_memory() {
        let (_folder, mut files) = folder();
        let response = ask(&mut files, "GET", "/f.txt", "");
        assert_eq!(response.status_code(), 200);
        assert_eq!(bytes(&response), b"hello");
        let expected = [
            ("content-type", "text/plain; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "max-age=0, s-maxage=1"),
            ("accept-ranges", "bytes"),
            ("etag", TAG),
            ("last-modified", DATE),
        ];
        assert_eq!(fields(&response), expected);
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
    fn not_modified_has_the_validators_and_what_caches_go_by() {
        let (_folder, mut files) = folder();
        let response = ask(&mut files, "GET", "/f.txt", "If-None-Match: *\r\n");
        let names: Vec<_> = response.headers().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cache-control", "etag", "last-modified"]);
        assert_eq!(bytes(&response), b"");
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
    fn an_empty_file_is_an_empty_body() {
        let folder = Folder::new();
        write(folder.path().join("f"), "").unwrap();
        let response = ask(&mut Files::new(folder.path()).unwrap(), "GET", "/f", "");
        assert_eq!((response.status_code().as_u16(), bytes(&response)), (200, &b""[..]));
    }

    /// RFC 9110 §15.3.7: 206 has what 200 would have, and says which part it is.
    #[test]
    fn a_part_of_a_file_has_the_fields_of_the_whole() {
        let (_folder, mut files) = folder();
        let whole = ask(&mut files, "GET", "/f.txt", "");
        let part = ask(&mut files, "GET", "/f.txt", "Range: bytes=1-3\r\n");
        assert_eq!((part.status_code().as_u16(), bytes(&part)), (206, &b"ell"[..]));
        assert_eq!(field(&part, "content-range"), "bytes 1-3/5");
        let others: Vec<_> =
            fields(&part).into_iter().filter(|(name, _)| *name != "content-range").collect();
        assert_eq!(others, fields(&whole));
    }

    #[test]
    fn a_range_that_is_not_there_is_refused_with_the_length() {
        let (_folder, mut files) = folder();
        let refused = ask(&mut files, "GET", "/f.txt", "Range: bytes=5-\r\n");
        assert_eq!(refused.status_code(), 416);
        assert_eq!(field(&refused, "content-range"), "bytes */5");
    }

    /// The parts of a multipart body: what it says of each, and its content.
    fn parts(response: &Response, body: &[u8]) -> Vec<(String, String)> {
        let content_type = field(response, "content-type");
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let body = body.strip_prefix(&format!("--{boundary}\r\n")).unwrap();
        let body = body.strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap();
        let between = format!("\r\n--{boundary}\r\n");
        let halves = body.split(&between).map(|part| part.split_once("\r\n\r\n").unwrap());
        halves.map(|(head, content)| (head.into(), content.into())).collect()
    }

    #[test]
    fn several_parts_are_each_told_apart() {
        let (_folder, mut files) = folder();
        let several = ask(&mut files, "GET", "/f.txt", "Range: bytes=4-,0-1\r\n");
        assert_eq!(several.status_code(), 206);
        assert_eq!(field(&several, "content-range"), "");
        let head = |range| {
            format!("Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/5")
        };
        let expected = [(head("4-4"), "o".to_owned()), (head("0-1"), "he".into())];
        assert_eq!(parts(&several, bytes(&several)), expected);
        let again = ask(&mut files, "GET", "/f.txt", "Range: bytes=4-,0-1\r\n");
        let boundaries = [&several, &again].map(|response| field(response, "content-type"));
        assert_ne!(boundaries[0], boundaries[1], "a boundary that is known can be written");
    }

    /// Beyond 4 GiB, and without a byte of it in memory.
    #[test]
    fn ranges_of_a_large_file_are_stretches_of_it() {
        const LEN: u64 = 5 << 30;
        let folder = Folder::new();
        let file = File::create(folder.path().join("large.bin")).unwrap();
        file.set_len(LEN).unwrap();
        let mut files = Files::new(folder.path()).unwrap();
        let one = ask(&mut files, "GET", "/large.bin", "Range: bytes=-7\r\n");
        assert_eq!(field(&one, "content-range"), format!("bytes {}-{}/{LEN}", LEN - 7, LEN - 1));
        let Body::File(range) = one.body() else { panic!("{:?}", one.body()) };
        assert_eq!((range.offset, range.len), (LEN - 7, 7));

        let several = format!("Range: bytes=1-2,{}-\r\n", LEN - 3);
        let several = ask(&mut files, "GET", "/large.bin", &several);
        let Body::Parts(parts) = several.body() else { panic!("{:?}", several.body()) };
        let stretches: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::File(range) => Some((range.offset, range.len)),
                Part::Bytes(_) => None,
            })
            .collect();
        assert_eq!(stretches, [(1, 2), (LEN - 3, 3)]);
        let heads: Vec<u8> = parts
            .iter()
            .flat_map(|part| match part {
                Part::File(_) => b"",
                Part::Bytes(bytes) => &bytes[..],
            })
            .copied()
            .collect();
        assert_eq!(super::tests::parts(&several, &heads).len(), 2);
    }

    /// `f.js` with siblings that say what they are.
    fn with_siblings() -> (Folder, Files) {
        let folder = Folder::new();
        for (name, content) in [
            ("f.js", &b"the file itself"[..]),
            ("f.js.gz", b"by gzip"),
            ("f.js.br", b"brotli"),
            ("f.js.zst", b"as zstd, which here came out longer"),
        ] {
            put(&folder.path().join(name), content);
        }
        let files = Files::new(folder.path()).unwrap();
        (folder, files)
    }

    #[test]
    fn the_best_of_the_codings_that_a_client_accepts_is_sent() {
        let (_folder, mut files) = with_siblings();
        for (accepted, coding, content) in [
            (None, "", "the file itself"),
            (Some(""), "", "the file itself"),
            (Some("identity"), "", "the file itself"),
            (Some("gzip"), "gzip", "by gzip"),
            (Some("x-gzip"), "gzip", "by gzip"),
            (Some("gzip, deflate, br, zstd"), "br", "brotli"),
            (Some("br;q=0.5, gzip"), "gzip", "by gzip"),
            (Some("br;q=0, *"), "gzip", "by gzip"),
            (Some("deflate"), "", "the file itself"),
            (Some("zstd"), "", "the file itself"),
            (Some("zstd, identity;q=0"), "zstd", "as zstd, which here came out longer"),
            (Some("gzip;q=0.1, identity"), "", "the file itself"),
        ] {
            let line = accepted.map(|value| format!("Accept-Encoding: {value}\r\n"));
            let response = ask(&mut files, "GET", "/f.js", &line.unwrap_or_default());
            assert_eq!(response.status_code(), 200, "{accepted:?}");
            assert_eq!(field(&response, "content-encoding"), coding, "{accepted:?}");
            assert_eq!(bytes(&response), content.as_bytes(), "{accepted:?}");
            assert_eq!(field(&response, "vary"), "Accept-Encoding", "{accepted:?}");
            let content_type = field(&response, "content-type");
            assert_eq!(content_type, "text/javascript; charset=utf-8", "{accepted:?}");
        }
        let refused = ask(&mut files, "GET", "/f.js", "Accept-Encoding: *;q=0\r\n");
        assert_eq!(refused.status_code(), 406);
        assert_eq!(field(&refused, "vary"), "Accept-Encoding");
    }

    /// Whoever is refused by one of the variants might not be by another (RFC 9110 §12.5.5).
    #[test]
    fn refusals_vary_with_what_they_refuse() {
        let (folder, mut files) = with_siblings();
        put(&folder.path().join("alone.js"), b"nothing lies beside it");
        for (path, vary) in [("/f.js", "Accept-Encoding"), ("/alone.js", "")] {
            for (lines, status) in [
                ("If-Match: \"x\"\r\n", 412),
                ("If-Unmodified-Since: Sat, 05 Nov 1994 00:00:00 GMT\r\n", 412),
                ("Range: bytes=100-\r\n", 416),
            ] {
                for accepted in ["", "Accept-Encoding: gzip\r\n"] {
                    let lines = format!("{lines}{accepted}");
                    let response = ask(&mut files, "GET", path, &lines);
                    assert_eq!(response.status_code(), status, "{path} {lines}");
                    assert_eq!(field(&response, "vary"), vary, "{path} {lines}");
                }
            }
        }
    }

    /// What is asked for by its own name is a file like any other.
    #[test]
    fn a_sibling_is_also_itself() {
        let (_folder, mut files) = with_siblings();
        let response = ask(&mut files, "GET", "/f.js.gz", "Accept-Encoding: gzip\r\n");
        assert_eq!(field(&response, "content-encoding"), "");
        assert_eq!(field(&response, "content-type"), "application/gzip");
        assert_eq!(field(&response, "vary"), "");
    }

    /// Each coding has its own tag and its own ranges, and a tag of one never lets parts of another
    /// through.
    #[test]
    fn codings_are_never_mixed() {
        let (_folder, mut files) = with_siblings();
        let lines = ["", "Accept-Encoding: gzip\r\n", "Accept-Encoding: br\r\n"];
        let tags =
            lines.map(|lines| field(&ask(&mut files, "GET", "/f.js", lines), "etag").to_owned());
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[2] != tags[0], "{tags:?}");
        for (accepts, line) in lines.iter().enumerate() {
            for (holds, tag) in tags.iter().enumerate() {
                let same = accepts == holds;
                let asked = format!("{line}If-None-Match: {tag}\r\n");
                let status = ask(&mut files, "GET", "/f.js", &asked).status_code();
                assert_eq!(status, if same { 304 } else { 200 }, "{asked}");
                let asked = format!("{line}If-Range: {tag}\r\nRange: bytes=1-2\r\n");
                let response = ask(&mut files, "GET", "/f.js", &asked);
                assert_eq!(response.status_code(), if same { 206 } else { 200 }, "{asked}");
                let len = ["the file itself", "by gzip", "brotli"][accepts].len();
                let range = if same { format!("bytes 1-2/{len}") } else { String::new() };
                assert_eq!(field(&response, "content-range"), range, "{asked}");
            }
        }
    }

    /// A page that stands in for another has a status that no precondition belongs to.
    #[test]
    fn a_page_in_place_of_an_error_is_sent_whole_and_unconditionally() {
        let folder = Folder::new();
        put(&folder.path().join("404.html"), b"not here");
        let missing = super::super::Missing::NearestPage;
        let options = FileOptions { missing, ..FileOptions::default() };
        let mut files = Files::with(folder.path(), options).unwrap();
        for lines in ["", "If-None-Match: *\r\n", "Range: bytes=0-0\r\n"] {
            let response = ask(&mut files, "GET", "/missing", lines);
            assert_eq!(response.status_code(), 404, "{lines}");
            assert_eq!(bytes(&response), b"not here", "{lines}");
            for name in ["etag", "last-modified", "accept-ranges"] {
                assert_eq!(field(&response, name), "", "{lines}");
            }
        }
    }
}
