//! From bytes to the head of a request: incomplete, whole, or refused.
//!
//! In two steps. [`Scan`] looks for the blank line that ends a head; it remembers how far it has
//! looked, so that a head that trickles in costs linear time, and refuses early what can be refused
//! early. [`parse`] then reads the whole head, once.
//!
//! The field lines are parsed by httparse, which is lenient in places: it takes a bare LF for a
//! line end. What it would let through is refused by the scan, which looks at every line end. The
//! request line is taken apart here, once: the scan has to judge it before the head is whole.
//!
//! The only file that imports httparse.   Read next: `framing.rs`, `target.rs`.

use http::Method;
use httparse::{EMPTY_HEADER, Header};
use memchr::{memchr, memchr3};

use crate::config::Limits;
use crate::message::{Caller, Fields, Request, Shapes, Version};

use super::Fault;
use super::framing::{Framing, Gathered};
use super::grammar::is_token_byte;
use super::target::{self, Target};

/// The longest method that is told from noise; the longest registered one has 17 letters.
const METHOD_BYTES: usize = 32;
/// How many empty lines before a request line are passed over. RFC 9112 §2.2 asks for one at least.
const BLANK_LINES: u8 = 4;
/// The length of a version.
const VERSION_BYTES: usize = "HTTP/1.1".len();

/// How far the search for the end of a head has come. It begins as the default, and belongs to the
/// bytes of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// All before this was looked at.
    looked: u32,
    /// Where the line begins that was not yet seen to end.
    line: u32,
    request_line: Option<RequestLine>,
    field_lines: u16,
    blank_lines: u8,
}

/// Where the parts of a request line are. It ends within the receive buffer, whose offsets are
/// below 2^16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequestLine {
    start: u16,
    /// Length of the method.
    method: u8,
    /// Length of the target.
    target: u16,
    version: Version,
}

/// What a [`Scan`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The head has not ended yet. That is no error.
    Partial,
    /// The head is whole, and so many bytes long, empty lines before it and the blank line after it
    /// included.
    Whole(usize),
}

impl Scan {
    /// Looks on, from where it was, in the bytes of one request; they begin where they began before
    /// and may be more now.
    ///
    /// # Errors
    /// The first thing that is wrong with the lines that are there.
    pub fn resume(&mut self, bytes: &[u8], limits: &Limits) -> Result<Found, Fault> {
        while let Some(found) = line_end(&bytes[self.looked as usize..]) {
            let at = self.looked as usize + found;
            match (bytes[at], bytes.get(at + 1)) {
                (b'\r', Some(b'\n')) => {}
                (b'\r', None) => {
                    self.looked = at as u32;
                    return self.partial(bytes, limits);
                }
                _ => return Err(self.bare(bytes, at, limits)),
            }
            if let Found::Whole(len) = self.line_ended(bytes, at, limits)? {
                return Ok(Found::Whole(len));
            }
        }
        self.looked = bytes.len() as u32;
        self.partial(bytes, limits)
    }

    /// Takes in the line that ends at `at`.
    fn line_ended(&mut self, bytes: &[u8], at: usize, limits: &Limits) -> Result<Found, Fault> {
        let (start, next) = (self.line as usize, at + 2);
        if next > limits.head_bytes {
            return self.partial(bytes, limits);
        }
        let is_blank = start == at;
        (self.line, self.looked) = (next as u32, next as u32);
        if self.request_line.is_none() {
            if is_blank {
                self.blank_lines += 1;
                let too_many = self.blank_lines > BLANK_LINES;
                return if too_many { Err(Fault::BlankLines) } else { Ok(Found::Partial) };
            }
            self.request_line = Some(read_request_line(&bytes[start..at], start as u16, limits)?);
            return Ok(Found::Partial);
        }
        if is_blank {
            return Ok(Found::Whole(next));
        }
        self.field_lines += 1;
        if usize::from(self.field_lines) > limits.header_lines {
            return Err(Fault::TooManyFields);
        }
        Ok(Found::Partial)
    }

    /// No line ends in what is left. What can be said of it already?
    fn partial(&self, bytes: &[u8], limits: &Limits) -> Result<Found, Fault> {
        let seen = &bytes[..bytes.len().min(limits.head_bytes)];
        if self.request_line.is_none() {
            judge_begun_request_line(&seen[self.line as usize..], limits)?;
        }
        // A head that has not ended at its limit ends behind it.
        if seen.len() == limits.head_bytes {
            return Err(Fault::HeadTooLong);
        }
        Ok(Found::Partial)
    }

    /// A CR, LF or NUL stands alone at `at`. What is wrong with the line before it comes first, so
    /// that the fault is the same however the bytes arrive.
    fn bare(&self, bytes: &[u8], at: usize, limits: &Limits) -> Fault {
        // That a CR stands alone shows only when the next byte is there.
        let before = if bytes[at] == b'\r' { at + 1 } else { at };
        self.partial(&bytes[..before], limits).err().unwrap_or(Fault::BareLineEnd)
    }
}

/// Where a line ends, or is broken. The blank line is seen without a search: 80 instructions.
#[inline]
fn line_end(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&b'\r') { Some(0) } else { memchr3(b'\r', b'\n', 0, bytes) }
}

/// Judges a request line that has not ended: bytes that begin no method and targets that are too
/// long are refused at once.
fn judge_begun_request_line(line: &[u8], limits: &Limits) -> Result<(), Fault> {
    // A CR may stand at the end: its LF is yet to come.
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(method) = method_end(line)? else { return Ok(()) };
    let rest = &line[method + 1..];
    if rest.len() <= limits.target_bytes {
        return Ok(());
    }
    match memchr(b' ', &rest[..=limits.target_bytes]) {
        None => Err(Fault::TargetTooLong),
        Some(0) => Err(Fault::RequestLine),
        Some(target) if rest.len() - target - 1 > VERSION_BYTES => Err(Fault::Version),
        Some(_) => Ok(()),
    }
}

/// Where the method ends, if it has.
fn method_end(line: &[u8]) -> Result<Option<usize>, Fault> {
    let first = &line[..line.len().min(METHOD_BYTES + 1)];
    match first.iter().position(|&byte| !is_token_byte(byte)) {
        Some(end) if end > 0 && first[end] == b' ' => Ok(Some(end)),
        Some(_) => Err(Fault::NotHttp),
        None if first.len() > METHOD_BYTES => Err(Fault::MethodTooLong),
        None => Ok(None),
    }
}

/// Takes a request line apart: method, target and version, and one space between them (RFC 9112
/// §3).
fn read_request_line(line: &[u8], start: u16, limits: &Limits) -> Result<RequestLine, Fault> {
    let method = method_end(line)?.ok_or(Fault::RequestLine)?;
    let rest = &line[method + 1..];
    let target = memchr(b' ', rest).unwrap_or(rest.len());
    if target > limits.target_bytes {
        return Err(Fault::TargetTooLong);
    }
    if target == 0 || target == rest.len() {
        return Err(Fault::RequestLine);
    }
    let version = read_version(&rest[target + 1..])?;
    Ok(RequestLine { start, method: method as u8, target: target as u16, version })
}

/// `HTTP/` and two digits (RFC 9112 §2.3). A higher minor version is answered as the highest we
/// know (RFC 9110 §2.5).
fn read_version(word: &[u8]) -> Result<Version, Fault> {
    match word {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            match (major, minor) {
                (b'1', b'0') => Ok(Version::Http10),
                (b'1', _) => Ok(Version::Http11),
                _ => Err(Fault::VersionNotServed),
            }
        }
        _ => Err(Fault::Version),
    }
}

/// Whether these bytes, which may have been refused or may not be all, begin a HEAD request: even
/// then the answer is to be without content (RFC 9110 §9.3.2). Only what no fault can stand before
/// counts, so that the answer is the same however the bytes arrive.
#[must_use]
pub fn begins_head_request(bytes: &[u8]) -> bool {
    let mut line = bytes;
    for _ in 0..BLANK_LINES {
        line = line.strip_prefix(b"\r\n").unwrap_or(line);
    }
    line.starts_with(b"HEAD ")
}

/// The whole head of a request.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// How many bytes it took, empty lines before it and the blank line after it included.
    pub len: usize,
    /// The request line as it came, without its line end.
    pub line: &'a [u8],
    /// The method.
    pub method: Method,
    /// The target, taken apart.
    pub target: Target<'a>,
    /// The version it is answered by.
    pub version: Version,
    /// The header fields.
    pub fields: Fields<'a>,
    /// What they say about the message.
    pub framing: Framing,
}

impl<'a> Head<'a> {
    /// As a responder sees it: the `number`th request of a connection, from `caller`.
    #[must_use]
    pub fn into_request(self, number: u32, caller: &'a dyn Caller) -> Request<'a> {
        Request {
            method: self.method,
            path: self.target.path,
            query: self.target.query,
            authority: self.target.authority,
            version: self.version,
            fields: self.fields,
            has_body: !self.framing.body.is_none(),
            number,
            caller,
        }
    }
}

/// Reads the head of `len` bytes that `scan` has found at the beginning of `bytes`.
///
/// # Errors
/// The first thing that RFC 9112 has against it.
pub fn parse<'a>(bytes: &'a [u8], scan: &Scan, len: usize) -> Result<Head<'a>, Fault> {
    let RequestLine { start, method, target, version } =
        scan.request_line.ok_or(Fault::RequestLine)?;
    let head = &bytes[usize::from(start)..len];
    let target_at = usize::from(method) + 1;
    let version_at = target_at + usize::from(target) + 1;
    let line_len = version_at + VERSION_BYTES;
    // Each line and its CRLF, and the blank line.
    let lines = &head[line_len + 2..];
    let (framing, fields) = read_fields(lines, scan.field_lines.into(), version)?;

    let method = Method::from_bytes(&head[..usize::from(method)]).map_err(|_| Fault::NotHttp)?;
    let raw = std::str::from_utf8(&head[target_at..version_at - 1]).map_err(|_| Fault::Target)?;
    let target = target::parse(&method, raw)?;
    Ok(Head { len, line: &head[..line_len], method, target, version, fields, framing })
}

/// Has httparse check every field line, and gathers what they say. It wants room for each, and room
/// is cheap where it is small, and on the stack.
fn read_fields(
    lines: &[u8],
    count: usize,
    version: Version,
) -> Result<(Framing, Fields<'_>), Fault> {
    match count {
        0..=8 => gather(lines, &mut [EMPTY_HEADER; 8], version),
        9..=32 => gather(lines, &mut [EMPTY_HEADER; 32], version),
        33..=128 => gather(lines, &mut [EMPTY_HEADER; 128], version),
        _ => gather(lines, &mut vec![EMPTY_HEADER; count], version),
    }
}

fn gather<'a>(
    lines: &'a [u8],
    room: &mut [Header<'a>],
    version: Version,
) -> Result<(Framing, Fields<'a>), Fault> {
    let headers = match httparse::parse_headers(lines, room) {
        // Where the two disagree on the end of the head, somebody else would disagree too.
        Ok(httparse::Status::Complete((len, headers))) if len == lines.len() => headers,
        _ => return Err(Fault::FieldLine),
    };
    let mut gathered = Gathered::default();
    let mut shapes = Shapes::default();
    for header in headers {
        gathered.field(header.name, header.value);
        shapes.add(header.name);
    }
    let fields = Fields::of_shapes(&lines[..lines.len() - 2], shapes);
    Ok((gathered.judge(version)?, fields))
}
