//! A chunked body: the same however it arrives, and the same to a decoder that was written from the
//! grammar of RFC 9112 §7.1 and reads it whole, line by line.

use oneloop::config::{CHUNK_EXTENSIONS, CHUNK_LINE, TRAILER_BYTES, TRAILER_LINES};
use oneloop::message::Fields;
use oneloop::wire::Fault;
use oneloop::wire::chunked::{Decoder, Piece};

use super::plan::{cuts, split, stretched};

/// Up to this length a body is decoded byte by byte too.
const DECODED_BY_BYTE: usize = 2000;

/// A whole body, and how many bytes it was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Body {
    data: Vec<u8>,
    trailers: Vec<u8>,
    len: usize,
}

/// Byte 0: stretched or not; 1 to 6: where the bytes are cut.
pub fn chunked(input: &[u8]) {
    let (plan, rest) = split::<7>(input);
    let bytes = stretched(rest, plan[0] & 1 == 1);
    let at_once = decode_by(&bytes, [bytes.len()]);
    let cuts = cuts(&plan[1..], bytes.len());
    let cut = decode_by(&bytes, cuts.iter().copied());
    assert_eq!(cut, at_once, "cut at {cuts:?}: {}", bytes.escape_ascii());
    if bytes.len() <= DECODED_BY_BYTE {
        let by_byte = decode_by(&bytes, 1..=bytes.len());
        assert_eq!(by_byte, at_once, "byte by byte: {}", bytes.escape_ascii());
    }
    let naive = naive(&bytes);
    let expected = at_once.clone().map_err(|_| Refused);
    assert_eq!(expected, naive, "{at_once:?}: {}", bytes.escape_ascii());
    if let Ok(Some(body)) = at_once {
        check_trailers(&body.trailers);
        let with_junk = [&bytes[..body.len], b"\r\n0\r\n"].concat();
        assert_eq!(decode_by(&with_junk, [with_junk.len()]), Ok(Some(body)), "junk behind it");
    }
}

/// Decodes with what is there growing to each of `lengths`, as far as that goes.
fn decode_by(
    bytes: &[u8],
    lengths: impl IntoIterator<Item = usize>,
) -> Result<Option<Body>, Fault> {
    let mut decoder = Decoder::default();
    let (mut at, mut data, mut announced) = (0, Vec::new(), 0);
    for length in lengths {
        loop {
            match decoder.next(&bytes[at..length])? {
                Piece::Partial => break,
                Piece::Framing(n, size) => {
                    at += n;
                    announced += size;
                }
                Piece::Data(n) => {
                    assert!(n > 0, "a piece is never empty");
                    data.extend_from_slice(&bytes[at..at + n]);
                    at += n;
                }
                Piece::End(n) => {
                    assert_eq!(data.len() as u64, announced, "all that was announced has come");
                    let trailers = bytes[at..at + n - 2].to_vec();
                    return Ok(Some(Body { data, trailers, len: at + n }));
                }
            }
            assert!(at <= length, "no more is taken than there is");
        }
    }
    Ok(None)
}

/// The lines can be walked as fields, and none is lost on the way.
fn check_trailers(lines: &[u8]) {
    let fields = Fields::from_checked_lines(lines);
    let count = lines.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(fields.iter().count(), count, "{}", lines.escape_ascii());
    for (name, value) in fields {
        assert!(!name.is_empty() && name.bytes().all(is_token_byte), "{name:?}");
        assert!(value.iter().all(|&byte| is_text(byte)), "{}", value.escape_ascii());
    }
}

// The naive decoder.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused;

/// Reads from the beginning every time, all that is there; nothing where it has not ended.
fn naive(bytes: &[u8]) -> Result<Option<Body>, Refused> {
    let (mut rest, mut data, mut extensions) = (bytes, Vec::new(), 0);
    loop {
        let Some((line, behind)) = line(rest, CHUNK_LINE)? else { return Ok(None) };
        let (size, extension_bytes) = size_line(line)?;
        extensions += extension_bytes;
        if extensions > CHUNK_EXTENSIONS {
            return Err(Refused);
        }
        rest = behind;
        if size == 0 {
            break;
        }
        let here = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        data.extend_from_slice(&rest[..here]);
        rest = &rest[here..];
        if (here as u64) < size || b"\r\n".starts_with(rest) && rest.len() < 2 {
            return Ok(None);
        }
        rest = rest.strip_prefix(b"\r\n").ok_or(Refused)?;
    }
    let section = rest;
    for lines in 0_usize.. {
        let taken = section.len() - rest.len();
        let Some((line, behind)) = line(rest, TRAILER_BYTES - taken)? else { return Ok(None) };
        if line.is_empty() {
            let trailers = section[..taken].to_vec();
            return Ok(Some(Body { data, trailers, len: bytes.len() - behind.len() }));
        }
        if lines == TRAILER_LINES || !is_field_line(line) {
            return Err(Refused);
        }
        rest = behind;
    }
    Err(Refused)
}

/// A line without its CR LF, and what is behind it.
type Line<'a> = (&'a [u8], &'a [u8]);

/// The line at the beginning, of up to so many bytes, if it has ended.
fn line(bytes: &[u8], longest: usize) -> Result<Option<Line<'_>>, Refused> {
    let room = longest + 2;
    let Some(lf) = bytes.iter().take(room).position(|&byte| byte == b'\n') else {
        return if bytes.len() < room { Ok(None) } else { Err(Refused) };
    };
    let text = bytes[..lf].strip_suffix(b"\r").ok_or(Refused)?;
    Ok(Some((text, &bytes[lf + 1..])))
}

/// `1*HEXDIG [ chunk-ext ]`: the size, and how long the extensions are.
fn size_line(line: &[u8]) -> Result<(u64, usize), Refused> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, extensions) = line.split_at(digits);
    let text = std::str::from_utf8(digits).map_err(|_| Refused)?;
    let significant = text.trim_start_matches('0');
    let size = match significant {
        "" if text.is_empty() => return Err(Refused),
        "" => 0,
        _ => i64::from_str_radix(significant, 16).map_err(|_| Refused)?.unsigned_abs(),
    };
    if are_extensions(extensions) { Ok((size, extensions.len())) } else { Err(Refused) }
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`, by cutting one behind the other
/// off the front.
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(name) = bws(rest).strip_prefix(b";").map(bws) else { return false };
        let len = name.iter().take_while(|&&byte| is_token_byte(byte)).count();
        if len == 0 {
            return false;
        }
        rest = &name[len..];
        let Some(value) = bws(rest).strip_prefix(b"=").map(bws) else { continue };
        let len = match value.first() {
            Some(b'"') => quoted_string(value),
            _ => value.iter().take_while(|&&byte| is_token_byte(byte)).count(),
        };
        if len == 0 {
            return false;
        }
        rest = &value[len..];
    }
    true
}

/// How long a quoted string is that begins here (RFC 9110 §5.6.4); nothing where it is none.
fn quoted_string(bytes: &[u8]) -> usize {
    let mut is_escaped = false;
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if !is_text(byte) => return 0,
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    0
}

fn bws(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b' ' | b'\t', rest @ ..] => bws(rest),
        _ => bytes,
    }
}

fn is_field_line(line: &[u8]) -> bool {
    let mut parts = line.splitn(2, |&byte| byte == b':');
    let name = parts.next().unwrap_or_default();
    let is_name = !name.is_empty() && name.iter().all(|&byte| is_token_byte(byte));
    is_name && parts.next().is_some_and(|value| value.iter().all(|&byte| is_text(byte)))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}
