//! From bytes to the head of a request: incomplete, whole, or refused.
//!
//! [`read`] does it, in one of two ways. The lines of a head that is there whole, with nothing
//! wrong with any of them, are read in one pass. Every other goes two steps: [`Scan`] looks for the
//! blank line that ends a head; it remembers how far it has looked, so that a head that trickles in
//! costs linear time, and refuses early what can be refused early. [`parse`] then reads the whole
//! head, once. The tests hold the two ways against each other, by sending everything whole and byte
//! by byte.
//!
//! The field lines are parsed by httparse, which is lenient in places: it takes a bare LF for a
//! line end. What it would let through is refused by the scan, which looks at every line end. The
//! request line is taken apart here, once: the scan has to judge it before the head is whole.
//!
//! The only file that imports httparse.   Read next: `scan.rs`, `framing.rs`, `target.rs`.

use http::Method;
use httparse::{EMPTY_HEADER, Header};

use crate::config::Limits;
use crate::message::{Caller, Fields, Request, RequestHead, Shapes, Version};

pub use super::scan::{Found, Scan, begins_head_request};

use super::Fault;
use super::framing::{Framing, Gathered};
use super::scan::{RequestLine, common_request_line};
use super::target::{self, Target};

/// Most heads have no more field lines than this; browsers send fifteen or so.
const COMMON_FIELDS: usize = 20;
/// Room for so many is found on the stack.
const MANY_FIELDS: usize = 128;

/// Reads the head at the beginning of `bytes`; none yet, if it is not there whole. `scan` belongs
/// to these bytes, and is new where they are.
///
/// It is inlined, and what it is made of too, to where the connection asks: that a head of 160
/// bytes is not moved from hand to hand bought a short request 130 of 2,540 instructions.
///
/// # Errors
/// The first thing that RFC 9112 has against it, or the limits have.
#[inline(always)]
pub fn read<'a>(
    bytes: &'a [u8],
    scan: &mut Scan,
    limits: &Limits,
) -> Result<Option<Head<'a>>, Fault> {
    let at_once = if *scan == Scan::default() { read_at_once(bytes, limits) } else { None };
    let checked = match at_once {
        Some(checked) => checked,
        None => match scan.resume(bytes, limits)? {
            Found::Partial => return Ok(None),
            Found::Whole(len) => check(bytes, scan, len)?,
        },
    };
    Head::of(bytes, &checked).map(Some)
}

/// The lines of a head, each of them seen to be one.
struct Checked<'a> {
    /// Of how many bytes.
    len: usize,
    request_line: RequestLine,
    framing: Framing,
    fields: Fields<'a>,
}

/// The lines of the head at the beginning of `bytes`, if they are all there, as many as is common,
/// and right. Where they are not, the other way says why. That no line is searched for its end
/// first bought a quarter of what a browser's request cost.
#[inline(always)]
fn read_at_once<'a>(bytes: &'a [u8], limits: &Limits) -> Option<Checked<'a>> {
    let request_line = common_request_line(bytes, limits)?;
    let lines_at = request_line.end() + 2;
    let lines = &bytes[lines_at..];
    let mut room = [EMPTY_HEADER; COMMON_FIELDS];
    let Ok(httparse::Status::Complete((fields_len, headers))) =
        httparse::parse_headers(lines, &mut room)
    else {
        return None;
    };
    let len = lines_at + fields_len;
    let lines = &lines[..fields_len];
    // httparse takes a bare LF for a line end.
    let is_strict =
        headers.iter().all(|header| ends_by_crlf(lines, header.value)) && lines.ends_with(b"\r\n");
    if !is_strict || len > limits.head_bytes || headers.len() > limits.header_lines {
        return None;
    }
    let (framing, fields) = gather(lines, headers, request_line.version).ok()?;
    Some(Checked { len, request_line, framing, fields })
}

/// Whether a line ends with this value, which lies among `lines`, and CRLF. An address tells where.
#[inline]
fn ends_by_crlf(lines: &[u8], value: &[u8]) -> bool {
    let end = (value.as_ptr().addr() + value.len()).wrapping_sub(lines.as_ptr().addr());
    lines.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"))
}

/// The whole head of a request.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// How many bytes it took, empty lines before it and the blank line after it included.
    pub len: usize,
    /// The request line as it came, without its line end.
    pub line: &'a [u8],
    /// What it says to a responder.
    pub request: RequestHead<'a>,
    /// What it says about the message.
    pub framing: Framing,
}

impl<'a> Head<'a> {
    /// The one at the beginning of these bytes.
    #[inline(always)]
    fn of(bytes: &'a [u8], checked: &Checked<'a>) -> Result<Self, Fault> {
        let Checked { len, request_line, framing, fields } = *checked;
        let RequestLine { start, method, target, is_normal, version } = request_line;
        let line = &bytes[usize::from(start)..request_line.end()];
        let (method, rest) = line.split_at(usize::from(method));
        let method = match method {
            b"GET" => Method::GET,
            method => Method::from_bytes(method).map_err(|_| Fault::NotHttp)?,
        };
        let raw = &rest[1..][..usize::from(target)];
        let raw = std::str::from_utf8(raw).map_err(|_| Fault::Target)?;
        // By far the most, and known by now: what is asked for is gone over once.
        let target = if is_normal && method != Method::CONNECT {
            Target::of_normal_path(raw)
        } else {
            target::parse(&method, raw)?
        };
        let Target { path, query, authority } = target;
        let has_body = !framing.body.is_none();
        let request = RequestHead { method, path, query, authority, version, fields, has_body };
        Ok(Self { len, line, request, framing })
    }

    /// As a responder sees it: the `number`th request of a connection, from `caller`.
    #[must_use]
    pub const fn to_request(&'a self, number: u32, caller: &'a dyn Caller) -> Request<'a> {
        Request { head: &self.request, number, caller }
    }
}

/// Reads the head of `len` bytes that `scan` has found at the beginning of `bytes`.
///
/// # Errors
/// The first thing that RFC 9112 has against it.
pub fn parse<'a>(bytes: &'a [u8], scan: &Scan, len: usize) -> Result<Head<'a>, Fault> {
    Head::of(bytes, &check(bytes, scan, len)?)
}

fn check<'a>(bytes: &'a [u8], scan: &Scan, len: usize) -> Result<Checked<'a>, Fault> {
    let request_line = scan.request_line.ok_or(Fault::RequestLine)?;
    // Each line and its CRLF, and the blank line.
    let lines = &bytes[request_line.end() + 2..len];
    let count = usize::from(scan.field_lines);
    let (framing, fields) = read_fields(lines, count, request_line.version)?;
    Ok(Checked { len, request_line, framing, fields })
}

/// Has httparse check every field line, and gathers what they say. It wants room for each, and room
/// is cheap where it is small, and on the stack.
fn read_fields(
    lines: &[u8],
    count: usize,
    version: Version,
) -> Result<(Framing, Fields<'_>), Fault> {
    if count <= COMMON_FIELDS {
        read_into(lines, &mut [EMPTY_HEADER; COMMON_FIELDS], version)
    } else if count <= MANY_FIELDS {
        read_into(lines, &mut [EMPTY_HEADER; MANY_FIELDS], version)
    } else {
        read_into(lines, &mut vec![EMPTY_HEADER; count], version)
    }
}

fn read_into<'a>(
    lines: &'a [u8],
    room: &mut [Header<'a>],
    version: Version,
) -> Result<(Framing, Fields<'a>), Fault> {
    match httparse::parse_headers(lines, room) {
        // Where the two disagree on the end of the head, somebody else would disagree too.
        Ok(httparse::Status::Complete((len, headers))) if len == lines.len() => {
            gather(lines, headers, version)
        }
        _ => Err(Fault::FieldLine),
    }
}

/// Gathers what the fields say. `lines` are theirs, and the blank line.
#[inline(always)]
fn gather<'a>(
    lines: &'a [u8],
    headers: &[Header<'a>],
    version: Version,
) -> Result<(Framing, Fields<'a>), Fault> {
    let mut gathered = Gathered::default();
    let mut shapes = Shapes::default();
    for header in headers {
        gathered.field(header.name, header.value);
        shapes.add(header.name);
    }
    let fields = Fields::of_shapes(&lines[..lines.len() - 2], shapes);
    Ok((gathered.judge(version)?, fields))
}
