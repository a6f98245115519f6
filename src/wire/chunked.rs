//! Through a chunked body, piece by piece (RFC 9112 §7.1).
//!
//! The decoder holds no bytes: it says which stretch of what it was shown is data, and asks for
//! more where a line has not ended. So a line is only ever read whole, from the caller's buffer,
//! and the limits on lines bound what the caller must keep.
//!
//! Read next: `connection/exchange.rs`, which drives it.

use memchr::memchr;

use crate::config::{CHUNK_EXTENSIONS, CHUNK_LINE, TRAILER_BYTES, TRAILER_LINES};

use super::Fault;
use super::grammar::{hex_digit, is_token, is_token_byte, is_value_byte, trim};

/// CR and LF.
const LINE_END: usize = 2;

/// Where in a chunked body one stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoder {
    state: State,
    /// So many of the bytes that were shown last were looked at for the end of a line and have
    /// none.
    looked: u32,
    /// Bytes of chunk extensions so far.
    extensions: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At a line that says how long the next chunk is.
    #[default]
    Size,
    /// In a chunk, with so much of it to come.
    Data(u64),
    /// At the CRLF behind a chunk's data.
    DataEnd,
    /// In the trailer section: so many lines were seen, and the next begins there.
    Trailers { lines: u16, next: u32 },
}

/// What a [`Decoder`] makes of the bytes it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A line or a chunk has not ended; nothing was taken.
    Partial,
    /// The next so many bytes are framing. Where they announce a chunk, it is of that size.
    Framing(usize, u64),
    /// The next so many bytes are data.
    Data(usize),
    /// The next so many bytes are the trailer section with its blank line. The body has ended.
    End(usize),
}

impl Decoder {
    /// Says what comes next. `bytes` begin behind what was taken before, and may be more than they
    /// were.
    ///
    /// # Errors
    /// What RFC 9112 §7.1 or a limit has against them.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Piece, Fault> {
        match self.state {
            State::Size => self.size_line(bytes),
            State::Data(left) => Ok(self.data(bytes, left)),
            State::DataEnd => self.data_end(bytes),
            State::Trailers { lines, next } => self.trailers(bytes, lines, next as usize),
        }
    }

    fn size_line(&mut self, bytes: &[u8]) -> Result<Piece, Fault> {
        let seen = &bytes[..bytes.len().min(CHUNK_LINE + LINE_END)];
        let Some(end) = self.line_end(seen, 0)? else {
            let is_too_long = seen.len() == CHUNK_LINE + LINE_END;
            return if is_too_long { Err(Fault::ChunkExtension) } else { Ok(Piece::Partial) };
        };
        let digits = bytes[..end].iter().take_while(|&&byte| hex_digit(byte).is_some()).count();
        let (digits, extensions) = bytes[..end].split_at(digits);
        let size = chunk_size(digits)?;
        check_extensions(extensions)?;
        self.extensions += extensions.len() as u32;
        if self.extensions as usize > CHUNK_EXTENSIONS {
            return Err(Fault::ChunkExtension);
        }
        self.state =
            if size == 0 { State::Trailers { lines: 0, next: 0 } } else { State::Data(size) };
        Ok(Piece::Framing(end + 2, size))
    }

    fn data(&mut self, bytes: &[u8], left: u64) -> Piece {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        if here == 0 {
            return Piece::Partial;
        }
        let left = left - here as u64;
        self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
        Piece::Data(here)
    }

    fn data_end(&mut self, bytes: &[u8]) -> Result<Piece, Fault> {
        match bytes {
            [b'\r', b'\n', ..] => {
                self.state = State::Size;
                Ok(Piece::Framing(2, 0))
            }
            [] | [b'\r'] => Ok(Piece::Partial),
            _ => Err(Fault::ChunkEnd),
        }
    }

    /// The section is taken whole, so that it can be handed on as fields.
    fn trailers(&mut self, bytes: &[u8], mut lines: u16, mut next: usize) -> Result<Piece, Fault> {
        let seen = &bytes[..bytes.len().min(TRAILER_BYTES + LINE_END)];
        loop {
            let Some(end) = self.line_end(seen, next)? else {
                self.state = State::Trailers { lines, next: next as u32 };
                let is_too_long = seen.len() == TRAILER_BYTES + LINE_END;
                return if is_too_long { Err(Fault::TrailersTooLong) } else { Ok(Piece::Partial) };
            };
            if end == next {
                return Ok(Piece::End(end + 2));
            }
            check_field_line(&bytes[next..end])?;
            lines += 1;
            if usize::from(lines) > TRAILER_LINES {
                return Err(Fault::TrailersTooLong);
            }
            next = end + 2;
        }
    }

    /// Where the line ends that begins at `start`, if it does. An LF alone is refused; a CR alone
    /// is in no line's grammar.
    fn line_end(&mut self, bytes: &[u8], start: usize) -> Result<Option<usize>, Fault> {
        let from = start.max(self.looked as usize);
        let Some(found) = memchr(b'\n', &bytes[from..]) else {
            self.looked = bytes.len() as u32;
            return Ok(None);
        };
        self.looked = 0;
        let lf = from + found;
        if lf == start || bytes[lf - 1] != b'\r' {
            return Err(Fault::BareLineEnd);
        }
        Ok(Some(lf - 1))
    }
}

/// Hexadecimal digits, one at least. A size that no file can have is no size.
fn chunk_size(digits: &[u8]) -> Result<u64, Fault> {
    const LARGEST: u64 = i64::MAX as u64;
    if digits.is_empty() {
        return Err(Fault::ChunkSize);
    }
    digits.iter().try_fold(0_u64, |size, &digit| {
        let digit = u64::from(hex_digit(digit).ok_or(Fault::ChunkSize)?);
        let size = size.checked_mul(16).ok_or(Fault::ChunkSize)? + digit;
        if size > LARGEST { Err(Fault::ChunkSize) } else { Ok(size) }
    })
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` (RFC 9112 §7.1.1). None means
/// anything here, but a line that is read differently elsewhere must not pass.
fn check_extensions(bytes: &[u8]) -> Result<(), Fault> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some(extension) = trim_start(rest).strip_prefix(b";") else {
            // What follows the digits is neither an extension nor nothing, so it belongs to the
            // size.
            return Err(if rest.len() == bytes.len() {
                Fault::ChunkSize
            } else {
                Fault::ChunkExtension
            });
        };
        rest = after_token(trim_start(extension))?;
        if let Some(value) = trim_start(rest).strip_prefix(b"=") {
            let value = trim_start(value);
            rest = match value.strip_prefix(b"\"") {
                Some(quoted) => after_quoted(quoted)?,
                None => after_token(value)?,
            };
        }
    }
    Ok(())
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    &bytes[blank..]
}

fn after_token(bytes: &[u8]) -> Result<&[u8], Fault> {
    match bytes.iter().take_while(|&&byte| is_token_byte(byte)).count() {
        0 => Err(Fault::ChunkExtension),
        len => Ok(&bytes[len..]),
    }
}

/// Behind the closing quote (RFC 9110 §5.6.4).
fn after_quoted(mut bytes: &[u8]) -> Result<&[u8], Fault> {
    loop {
        bytes = match bytes {
            [b'"', rest @ ..] => return Ok(rest),
            [b'\\', escaped, rest @ ..] if is_value_byte(*escaped) => rest,
            [b'\\', ..] | [] => return Err(Fault::ChunkExtension),
            [byte, rest @ ..] if is_value_byte(*byte) => rest,
            _ => return Err(Fault::ChunkExtension),
        };
    }
}

/// `name ":" value`, not folded, no space before the colon (RFC 9112 §5).
fn check_field_line(line: &[u8]) -> Result<(), Fault> {
    let colon = memchr(b':', line).ok_or(Fault::Trailer)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_field = is_token(name) && trim(value).iter().all(|&byte| is_value_byte(byte));
    if is_field { Ok(()) } else { Err(Fault::Trailer) }
}
