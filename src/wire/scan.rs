//! The search for the end of a head that arrives in pieces: how far it has come, and what can be
//! said already. It looks at every byte once, however many pieces there are, and refuses at once
//! what no further byte can mend: a bare line end, a request line that is none, too much.
//!
//! Never parses a field line; that is for `request.rs`, when the head is whole.
//! Read next: `request.rs`.

use memchr::{memchr, memchr3};

use crate::config::Limits;
use crate::message::Version;

use super::Fault;
use super::grammar::is_token_byte;
use super::target::normal_len;

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
    pub(super) request_line: Option<RequestLine>,
    pub(super) field_lines: u16,
    blank_lines: u8,
}

/// Where the parts of a request line are. It ends within the receive buffer, whose offsets are
/// below 2^16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) start: u16,
    /// Length of the method.
    pub(super) method: u8,
    /// Length of the target.
    pub(super) target: u16,
    /// Whether the target was seen to be a path in normal form and nothing else.
    pub(super) is_normal: bool,
    pub(super) version: Version,
}

impl RequestLine {
    /// Where it ends.
    pub(super) fn end(self) -> usize {
        let start = usize::from(self.start) + usize::from(self.method) + 1;
        start + usize::from(self.target) + 1 + VERSION_BYTES
    }
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

/// Takes the request line at the beginning of `bytes` apart, if it and its CRLF are there and it is
/// like nearly all are; [`read_request_line`] says of the others what is wrong with them, if
/// anything is.
#[inline(always)]
pub(super) fn common_request_line(bytes: &[u8], limits: &Limits) -> Option<RequestLine> {
    let method = if bytes.starts_with(b"GET ") { 3 } else { method_end(bytes).ok()?? };
    let rest = &bytes[method + 1..];
    let normal = if rest.first() == Some(&b'/') { normal_len(rest) } else { 0 };
    let is_normal = normal > 0 && rest.get(normal) == Some(&b' ');
    let target = if is_normal {
        normal
    } else {
        // A control that ends it is no space, and a matter for the search of the line's end.
        rest.iter().position(|&byte| byte <= b' ').filter(|&end| rest[end] == b' ')?
    };
    let version = match rest[target + 1..].first_chunk()? {
        b"HTTP/1.1\r\n" => Version::Http11,
        b"HTTP/1.0\r\n" => Version::Http10,
        _ => return None,
    };
    let is_in_bounds = target > 0 && target <= limits.target_bytes;
    let (method, target) = (method as u8, target as u16);
    is_in_bounds.then_some(RequestLine { start: 0, method, target, is_normal, version })
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
    let (method, target) = (method as u8, target as u16);
    Ok(RequestLine { start, method, target, is_normal: false, version })
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
