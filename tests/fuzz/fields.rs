//! Field values that mean something: preconditions, entity tags, dates, lists, and through
//! `ranges.rs` and `wishes.rs` ranges and what a client would rather have.
//!
//! The fields come through the parser of heads, as they do in a server, so none of them is anything
//! that could not come. One function here for each reader of fields in `wire`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use oneloop::message::Fields;
use oneloop::wire::conditional::{Validators, Verdict, evaluate};
use oneloop::wire::grammar::{list, trim};
use oneloop::wire::request::{Found, Scan, parse};
use oneloop::wire::response::{Delimiter, Persistence, write_head};
use oneloop::{Body, HeaderValue, Limits, Request, Response, StatusCode, header};

use super::driver::{DATE, Driver};
use super::plan::split;
use super::ranges::{check_ranges, length};
use super::wishes::check_wishes;

/// 1994-11-06 08:49:37, and half a second.
const MODIFIED: Duration = Duration::from_millis(784_111_777_500);

/// Byte 0: the method; 1: the entity tag; 2: when the content was modified, and four times how long
/// it is. The rest are lines of fields.
pub fn fields(input: &[u8]) {
    let (plan, rest) = split::<3>(input);
    let head = [b"GET / HTTP/1.1\r\nHost: x\r\n", rest, b"\r\n\r\n"].concat();
    let mut scan = Scan::default();
    let limits = Limits::default();
    let Ok(Found::Whole(len)) = scan.resume(&head, &limits) else { return };
    let Ok(head) = parse(&head, &scan, len) else { return };
    for (name, value) in head.request.fields {
        check_walk(head.request.fields, name);
        check_list(value);
        check_date(value);
    }
    let method = [Method::GET, Method::HEAD, Method::PUT][usize::from(plan[0] % 3)].clone();
    let current = validators(plan[1], plan[2]);
    check_preconditions(&method, head.request.fields, &current);
    check_ranges(&method, head.request.fields, &current, length(plan[2] / 4));
    check_wishes(head.request.fields);
}

fn validators(etag: u8, modified: u8) -> Validators {
    const TAGS: [&str; 5] = ["\"a\"", "W/\"a\"", "\"\"", "\"a,b\"", "W/\"W/\""];
    let etag = TAGS.get(usize::from(etag % 6)).map(|&tag| tag.to_owned());
    let modified = match modified % 4 {
        0 => None,
        1 => Some(UNIX_EPOCH + MODIFIED),
        2 => Some(UNIX_EPOCH),
        _ => UNIX_EPOCH.checked_sub(MODIFIED),
    };
    Validators { etag, modified }
}

/// What is walked and what is asked for by its name are the same.
fn check_walk(fields: Fields<'_>, name: &str) {
    let walked = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v);
    assert!(fields.all(&name.to_ascii_uppercase()).eq(walked), "{name}");
    assert_eq!(fields.get(&name.to_ascii_lowercase()), fields.all(name).next(), "{name}");
}

/// RFC 9110 §5.6.1: the elements are what lies between the commas, and nothing else of it is lost.
fn check_list(value: &[u8]) {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    for element in list(value) {
        assert!(!element.is_empty() && !element.contains(&b','), "{}", value.escape_ascii());
        assert!(!element.first().is_some_and(is_blank) && !element.last().is_some_and(is_blank));
    }
    let kept: usize = list(value).map(<[u8]>::len).sum();
    let blanks = |part: &[u8]| part.len() - trim(part).len();
    let lost: usize = value.split(|&byte| byte == b',').map(|part| blanks(part) + 1).sum();
    assert_eq!(kept + lost, value.len() + 1, "{}", value.escape_ascii());
}

/// A date that is read is written as one that is read as the same; and no answer says that its
/// content was modified after it was sent (RFC 9110 §8.8.2.1), laid out beforehand or not.
fn check_date(value: &[u8]) {
    let date = read_date(value);
    if let Some(date) = date {
        let written = httpdate::fmt_http_date(date);
        assert_eq!(read_date(written.as_bytes()), Some(date), "{}", value.escape_ascii());
    }
    let Ok(field) = HeaderValue::from_bytes(value) else { return };
    let response = || {
        let response = Response::new(StatusCode::OK, Body::Empty);
        response.with_header(header::LAST_MODIFIED, field.clone())
    };
    let mut out = Vec::new();
    write_head(&mut out, &response(), Delimiter::Length(0), Persistence::Persists, DATE);
    let expected = if date > read_date(DATE) { DATE } else { value };
    assert_eq!(last_modified(&out), expected, "{}", value.escape_ascii());
    if date.is_some() {
        let prepared = response().prepare();
        let mut driver =
            Driver::new(|_: &Request<'_>| prepared.clone(), Limits::default(), 1 << 16);
        driver.receive(b"GET / HTTP/1.0\r\n\r\n");
        let said = read_date(last_modified(&driver.socket.reached));
        assert_eq!(said, date.min(read_date(DATE)), "{}", value.escape_ascii());
        driver.read_back();
    }
}

fn read_date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

fn last_modified(answer: &[u8]) -> &[u8] {
    let mut lines = answer.split(|&byte| byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(b"Last-Modified: ")).expect("it is there");
    &line[..line.len() - 1]
}

/// Where all fields are what RFC 9110 §13.1 describes, the verdict is the one of §13.2.2, step by
/// step; where one is not, there must be a verdict, and the same for GET and HEAD.
fn check_preconditions(method: &Method, fields: Fields<'_>, current: &Validators) {
    let verdict = evaluate(method, fields, current);
    if matches!(*method, Method::GET | Method::HEAD) {
        assert_eq!(evaluate(&Method::GET, fields, current), verdict);
        assert_eq!(evaluate(&Method::HEAD, fields, current), verdict);
    }
    if let Some(expected) = by_the_book(method, fields, current) {
        let shown: Vec<_> = fields.iter().map(|(n, v)| (n, v.escape_ascii().to_string())).collect();
        assert_eq!(verdict, expected, "{method} {current:?} {shown:?}");
    }
}

/// The verdict; nothing where a field is malformed.
fn by_the_book(method: &Method, fields: Fields<'_>, current: &Validators) -> Option<Verdict> {
    use Verdict::{NotModified, PreconditionFailed, Proceed};
    let reads = *method == Method::GET || *method == Method::HEAD;
    let is_there = |name: &str| fields.get(name).is_some();
    if is_there("if-match") {
        let tags = tags(fields, "if-match")?;
        let own = own(current);
        let is_own = |tag: &Tag| own.as_ref().is_some_and(|own| tag.opaque == own.opaque);
        let is_weak = own.as_ref().is_some_and(|own| own.is_weak);
        let matches = |tag: &Tag| is_own(tag) && !is_weak && !tag.is_weak;
        if !tags.as_ref().is_none_or(|tags| tags.iter().any(matches)) {
            return Some(PreconditionFailed);
        }
    } else if let Some(date) = date(fields, "if-unmodified-since")
        && modified(current).is_some_and(|modified| modified > date)
    {
        return Some(PreconditionFailed);
    }
    if is_there("if-none-match") {
        let tags = tags(fields, "if-none-match")?;
        let own = own(current);
        let matches = |tag: &Tag| own.as_ref().is_some_and(|own| tag.opaque == own.opaque);
        if tags.as_ref().is_none_or(|tags| tags.iter().any(matches)) {
            let verdict = if reads { NotModified } else { PreconditionFailed };
            return Some(verdict);
        }
    } else if reads
        && let Some(date) = date(fields, "if-modified-since")
        && modified(current).is_some_and(|modified| modified <= date)
    {
        return Some(NotModified);
    }
    Some(Proceed)
}

pub(crate) struct Tag {
    pub(crate) is_weak: bool,
    pub(crate) opaque: Vec<u8>,
}

pub(crate) fn own(current: &Validators) -> Option<Tag> {
    let (tag, rest) = tag(current.etag.as_ref()?.as_bytes()).expect("our own tags are tags");
    assert!(rest.is_empty());
    Some(tag)
}

/// `[ "W/" ] DQUOTE *etagc DQUOTE`, and what is behind it.
pub(crate) fn tag(bytes: &[u8]) -> Option<(Tag, &[u8])> {
    let (is_weak, quoted) = match bytes.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, bytes),
    };
    let inside = quoted.strip_prefix(b"\"")?;
    let end = inside.iter().position(|&byte| byte == b'"')?;
    let is_etag_byte = |byte: &u8| matches!(byte, b'!'..=b'~' | 0x80..);
    let opaque = inside[..end].to_vec();
    opaque.iter().all(is_etag_byte).then_some((Tag { is_weak, opaque }, &inside[end + 1..]))
}

/// The tags of all fields of that name; `Some(None)` for `*`, nothing where one is malformed.
fn tags(fields: Fields<'_>, name: &str) -> Option<Option<Vec<Tag>>> {
    let values: Vec<&[u8]> = fields.all(name).collect();
    if values == [b"*"] {
        return Some(None);
    }
    let joined = values.join(&b", "[..]);
    let mut tags = Vec::new();
    let mut rest = &joined[..];
    loop {
        rest = without(rest, b" \t,");
        if rest.is_empty() {
            return Some(Some(tags));
        }
        let (one, behind) = tag(rest)?;
        tags.push(one);
        rest = without(behind, b" \t");
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
}

fn without<'a>(bytes: &'a [u8], these: &[u8]) -> &'a [u8] {
    let end = bytes.iter().position(|byte| !these.contains(byte)).unwrap_or(bytes.len());
    &bytes[end..]
}

/// The one date of that name, in whole seconds.
pub(crate) fn date(fields: Fields<'_>, name: &str) -> Option<u64> {
    let values: Vec<&[u8]> = fields.all(name).collect();
    let [value] = values[..] else { return None };
    let date = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    Some(seconds(date))
}

pub(crate) fn modified(current: &Validators) -> Option<u64> {
    current.modified.map(seconds)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
