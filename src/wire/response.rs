//! From an answer to bytes: status line, fields, and how the content is delimited.
//!
//! The three fields that speak of the message rather than of its content are written here and
//! nowhere else: Date, Content-Length or Transfer-Encoding, and Connection. So no answer can carry
//! two lengths, or a length that is not its own.

use std::time::SystemTime;

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderName, StatusCode};
use memchr::memmem;

use crate::message::{Body, Date, Laid, Part, Prepared, Response, Version, reason};

/// What an interim answer looks like that asks for the body (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// What ends a chunked body that has no trailers (RFC 9112 §7.1).
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Room for the line that opens a chunk: eight digits, so that it can be filled in when the chunk
/// is there.
pub const CHUNK_LINE: &[u8; 10] = b"00000000\r\n";

/// How the end of the content is told (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// By the status or the close: no field says it.
    Unsaid,
    /// `Content-Length`
    Length(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
}

impl Delimiter {
    /// The one of that answer to a request of that version.
    #[must_use]
    pub fn of(response: &Response, version: Version) -> Self {
        match (delimiter_without_content(response.status), response.body.len()) {
            (Some(delimiter), _) => delimiter,
            (None, Some(length)) => Self::Length(length),
            (None, None) if version == Version::Http11 => Self::Chunked,
            (None, None) => Self::Unsaid,
        }
    }
}

/// What the answer says of the connection (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing: it persists, which is what HTTP/1.1 takes for granted.
    Persists,
    /// `Connection: keep-alive`, for an HTTP/1.0 client that asked.
    PersistsAsAsked,
    /// `Connection: close`
    Closes,
}

impl Persistence {
    const fn line(self) -> &'static [u8] {
        match self {
            Self::Persists => b"",
            Self::PersistsAsAsked => b"Connection: keep-alive\r\n",
            Self::Closes => b"Connection: close\r\n",
        }
    }
}

/// Writes a whole head.
pub fn write_head(
    out: &mut Vec<u8>,
    response: &Response,
    delimiter: Delimiter,
    persistence: Persistence,
    date: &Date,
) {
    write_status_and_date(out, response.status, date);
    let fields = response.fields.iter().map(|(name, value)| (name, value.as_bytes()));
    write_fields(out, fields.map(|field| not_in_the_future(field, date)), delimiter);
    out.extend_from_slice(persistence.line());
    out.extend_from_slice(b"\r\n");
}

/// Status line and Date, whose place is therefore the same in every answer of one status.
fn write_status_and_date(out: &mut Vec<u8>, status: StatusCode, date: &Date) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    // The space stands even where no reason follows (RFC 9112 §4).
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\nDate: ");
    out.extend_from_slice(date);
    out.extend_from_slice(b"\r\n");
}

/// A Last-Modified later than the Date of the answer is replaced by it (RFC 9110 §8.8.2.1).
fn not_in_the_future<'a>(
    (name, value): (&'a HeaderName, &'a [u8]),
    date: &'a Date,
) -> (&'a HeaderName, &'a [u8]) {
    (name, if *name == LAST_MODIFIED && is_later(value, date) { date } else { value })
}

fn is_later(value: &[u8], date: &Date) -> bool {
    value != date && read_date(value) > read_date(date)
}

fn read_date(text: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()
}

fn write_fields<'a>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'a HeaderName, &'a [u8])>,
    delimiter: Delimiter,
) {
    for (name, value) in fields {
        write_name(out, name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    match delimiter {
        Delimiter::Unsaid => {}
        Delimiter::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Delimiter::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}

/// Fills the size of a chunk in where [`CHUNK_LINE`] left room for it; leading zeros are allowed.
pub fn write_chunk_size(line: &mut [u8], mut size: usize) {
    for digit in line.iter_mut().take(CHUNK_LINE.len() - 2).rev() {
        *digit = b"0123456789abcdef"[size % 16];
        size /= 16;
    }
}

/// In the spelling people are used to, `Content-Type`; the `http` crate keeps names in lower case,
/// and either is the same name.
fn write_name(out: &mut Vec<u8>, name: &HeaderName) {
    if *name == ETAG {
        return out.extend_from_slice(b"ETag");
    }
    let mut begins_word = true;
    for &byte in name.as_str().as_bytes() {
        out.push(if begins_word { byte.to_ascii_uppercase() } else { byte });
        begins_word = byte == b'-';
    }
}

/// How an answer is delimited whose status allows it no content, whatever its body is
/// (RFC 9110 §6.4.1, and §15.3.6 for 205).
#[must_use]
pub const fn delimiter_without_content(status: StatusCode) -> Option<Delimiter> {
    match status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Some(Delimiter::Unsaid),
        StatusCode::RESET_CONTENT => Some(Delimiter::Length(0)),
        _ => None,
    }
}

impl Response {
    /// Lays this answer out once, for being given many times.
    ///
    /// # Panics
    /// Where the body is a source, or made of parts of which one is in a file; those cannot be laid
    /// out.
    #[must_use]
    pub fn prepare(self) -> Prepared {
        self.lay_out().into()
    }

    /// The same, where more is to be said of it before it is shared.
    pub(crate) fn lay_out(self) -> Laid {
        let together: Option<Vec<u8>>;
        let body: Option<&[u8]> = match &self.body {
            Body::Empty | Body::File(_) => Some(&[]),
            Body::Bytes(bytes) => Some(bytes),
            Body::Shared(bytes) => Some(bytes),
            Body::Parts(parts) => {
                let bytes: Option<Vec<&[u8]>> = parts.iter().map(Part::bytes).collect();
                together = bytes.map(|bytes| bytes.concat());
                together.as_deref()
            }
            Body::Source(_) => None,
        };
        let Some(body) = body else {
            panic!("only an answer whose bytes are there can be prepared");
        };
        if let Some(delimiter) = delimiter_without_content(self.status) {
            return Laid::of(&self, delimiter, &[]);
        }
        let file = if let Body::File(range) = &self.body { Some(range.clone()) } else { None };
        let length = file.as_ref().map_or(body.len() as u64, |range| range.len);
        let laid = Laid::of(&self, Delimiter::Length(length), body);
        Laid { file: file.filter(|range| range.len > 0), ..laid }
    }
}

/// Its Last-Modified in the form that is as long as a Date, so that a Date can take its place.
fn modified(response: &Response) -> Option<String> {
    let (_, value) = response.fields.iter().find(|(name, _)| *name == LAST_MODIFIED)?;
    read_date(value.as_bytes()).map(httpdate::fmt_http_date)
}

impl Laid {
    /// The head of that answer, and that body.
    pub(crate) fn of(response: &Response, delimiter: Delimiter, body: &[u8]) -> Self {
        /// Most heads are shorter.
        const HEAD: usize = 512;
        let mut block = Vec::with_capacity(HEAD + body.len());
        write_status_and_date(&mut block, response.status, &[b' '; 29]);
        let date_at = block.len() - 29 - 2;
        let modified = modified(response);
        let fields = response.fields.iter().map(|(name, value)| match &modified {
            Some(modified) if *name == LAST_MODIFIED => (name, modified.as_bytes()),
            _ => (name, value.as_bytes()),
        });
        write_fields(&mut block, fields, delimiter);
        let modified_at = modified.and_then(|_| {
            let line = b"\r\nLast-Modified: ";
            memmem::find(&block, line).map(|at| at + line.len())
        });
        block.extend_from_slice(b"\r\n");
        let head_len = block.len();
        block.extend_from_slice(body);
        let (status, closes) = (response.status, response.closes);
        Self {
            block: block.into_boxed_slice(),
            date_at,
            modified_at,
            head_len,
            file: None,
            status,
            closes,
            _counted: None,
        }
    }
}

impl Prepared {
    /// Writes this answer, of its body only what is up to `body_len` bytes.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        body_len: usize,
        persistence: Persistence,
        date: &Date,
    ) {
        let Laid { block, date_at, modified_at, head_len, .. } = &*self.laid;
        let start = out.len();
        let end = head_len + body_len;
        match persistence.line() {
            [] => out.extend_from_slice(&block[..end]),
            line => {
                let blank_line = head_len - 2;
                out.extend_from_slice(&block[..blank_line]);
                out.extend_from_slice(line);
                out.extend_from_slice(&block[blank_line..end]);
            }
        }
        out[start + date_at..][..date.len()].copy_from_slice(date);
        if let Some(at) = *modified_at {
            let modified = &mut out[start + at..][..date.len()];
            if is_later(modified, date) {
                modified.copy_from_slice(date);
            }
        }
    }
}
