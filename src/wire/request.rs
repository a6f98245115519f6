//! From bytes to the head of a request: incomplete, whole, or refused.
//!
//! In two steps. [`Scan`] looks for the blank line that ends a head; it remembers how far it has
//! looked, so that a head that trickles in costs linear time, and refuses early what can be refused
//! early. [`parse`] then reads the whole head, once.
//!
//! The parser is httparse, which is lenient in places: it takes a bare LF for a line end, raw UTF-8
//! in targets, and gives one error for HTTP/1.2 and 2.0 alike. What it would let through is refused
//! by the scan, which looks at every line end, and by `target.rs`; the version is read here.
//!
//! The only file that imports httparse.   Read next: `framing.rs`, `target.rs`.

use std::mem::MaybeUninit;

use http::Method;
use memchr::{memchr, memchr3};

use crate::config::Limits;
use crate::message::{Caller, Fields, Request, Version};

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
/// Heads of up to this many field lines are parsed on the stack.
const FIELDS_ON_STACK: usize = 128;

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
        while let Some(found) = memchr3(b'\r', b'\n', 0, &bytes[self.looked as usize..]) {
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
    let framing = read_fields(head, line_len, scan.field_lines.into(), version)?;

    let method = Method::from_bytes(&head[..usize::from(method)]).map_err(|_| Fault::NotHttp)?;
    // httparse takes bytes above 0x7F in targets; no form of target may hold them (RFC 3986 §2).
    let raw = &head[target_at..version_at - 1];
    let raw = std::str::from_utf8(raw).ok().filter(|raw| raw.is_ascii()).ok_or(Fault::Target)?;
    let target = target::parse(&method, raw)?;
    let fields = Fields::from_checked_lines(&head[line_len + 2..head.len() - 2]);
    Ok(Head { len, line: &head[..line_len], method, target, version, fields, framing })
}

/// Has httparse check every line of a head, and gathers what the fields say.
fn read_fields(
    head: &[u8],
    line_len: usize,
    field_lines: usize,
    version: Version,
) -> Result<Framing, Fault> {
    if !matches!(head[line_len - 1], b'0' | b'1') {
        // httparse knows HTTP/1.0 and 1.1 only. What is served as 1.1 is read as 1.1: the one digit
        // is exchanged in a copy, which is rare enough.
        let mut as_11 = head.to_vec();
        as_11[line_len - 1] = b'1';
        return read_fields(&as_11, line_len, field_lines, version);
    }
    if field_lines <= FIELDS_ON_STACK {
        gather(head, &mut [const { MaybeUninit::uninit() }; FIELDS_ON_STACK], version)
    } else {
        gather(head, &mut vec![MaybeUninit::uninit(); field_lines], version)
    }
}

fn gather<'a>(
    head: &'a [u8],
    room: &mut [MaybeUninit<httparse::Header<'a>>],
    version: Version,
) -> Result<Framing, Fault> {
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, room) {
        // Where the two disagree on the end of the head, somebody else would disagree too.
        Ok(httparse::Status::Complete(len)) if len == head.len() => {}
        Err(httparse::Error::Token) => return Err(Fault::Target),
        _ => return Err(Fault::FieldLine),
    }
    let mut gathered = Gathered::default();
    for header in request.headers.iter() {
        gathered.field(header.name, header.value);
    }
    gathered.judge(version)
}
