//! What another implementation forgives and RFC 9110 and 9112 do not: the head of an answer, byte
//! by byte, and what its fields may not say.

use oneloop::Version;

use super::{Answer, Asked};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Checks an answer whose head is `head`, interim answers before it included. Says how many those
/// were.
pub(super) fn check(asked: &Asked, head: &[u8], answer: &Answer) -> Result<usize, String> {
    let (interim, head) = without_interim(head);
    check_begun_head(head)?;
    let may_be_continued = asked.expects_continue && asked.version == Version::Http11;
    if interim > usize::from(may_be_continued) {
        return Err(format!("{interim} times 100 Continue, which nobody waits for"));
    }
    let lines = lines_of(head).ok_or("the head does not end with an empty line")?;
    check_fields_read(&lines[1..], answer)?;
    check_date(answer)?;
    check_delimiter(asked, answer)?;
    check_connection(asked, answer)?;
    Ok(interim)
}

/// Checks as much of a head as there is.
pub(super) fn check_begun_head(bytes: &[u8]) -> Result<(), String> {
    let (_, head) = without_interim(bytes);
    if CONTINUE.starts_with(head) {
        return Ok(());
    }
    let mut lines = head.split_inclusive(|&byte| byte == b'\n');
    check_status_line(lines.next().unwrap_or_default())?;
    let mut is_over = false;
    for line in lines {
        if is_over {
            return Err(format!("a line behind the head: {}", line.escape_ascii()));
        }
        is_over = line == b"\r\n";
        if !is_over {
            check_field_line(line)?;
        }
    }
    Ok(())
}

fn without_interim(mut head: &[u8]) -> (usize, &[u8]) {
    let mut interim = 0;
    while let Some(rest) = head.strip_prefix(CONTINUE) {
        (interim, head) = (interim + 1, rest);
    }
    (interim, head)
}

/// The lines of a whole head without their ends, and without the empty one behind them.
fn lines_of(head: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines = Vec::new();
    for line in head.strip_suffix(b"\r\n")?.split_inclusive(|&byte| byte == b'\n') {
        lines.push(line.strip_suffix(b"\r\n")?);
    }
    Some(lines)
}

/// `HTTP/1.1 SP 3DIGIT SP [ reason-phrase ] CRLF`, or the beginning of it (RFC 9112 §4).
fn check_status_line(line: &[u8]) -> Result<(), String> {
    const SHORTEST: usize = "HTTP/1.1 200 ".len();
    let (text, is_whole) = text_of(line)?;
    let is_right = text.iter().enumerate().all(|(at, &byte)| match at {
        0..=8 => byte == b"HTTP/1.1 "[at],
        9 => matches!(byte, b'2'..=b'5'),
        10 | 11 => byte.is_ascii_digit(),
        12 => byte == b' ',
        _ => matches!(byte, b'\t' | b' '..=b'~'),
    });
    if is_right && (text.len() >= SHORTEST || !is_whole) {
        return Ok(());
    }
    Err(format!("no status line: {}", line.escape_ascii()))
}

/// `name ": " value CRLF`, or the beginning of it. The one space is our own custom, and there is no
/// white space elsewhere around the value (RFC 9112 §5).
fn check_field_line(line: &[u8]) -> Result<(), String> {
    let (text, is_whole) = text_of(line)?;
    let colon = text.iter().position(|&byte| byte == b':');
    let (name, value) = text.split_at(colon.unwrap_or(text.len()));
    let value = value.get(1..).unwrap_or_default();
    let is_name = !name.is_empty() && name.iter().all(|&byte| is_token_byte(byte));
    let is_value = value.iter().all(|&byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
    let is_spaced = value.first().is_none_or(|&byte| byte == b' ');
    let is_trimmed = value.trim_ascii().len() + 1 == value.len();
    if (is_name || text.is_empty()) && is_value && is_spaced && (is_trimmed || !is_whole) {
        return Ok(());
    }
    Err(format!("no field line: {}", line.escape_ascii()))
}

/// A line without its end, and whether it has one. An LF alone is none, and a CR stands only where
/// the LF is yet to come.
fn text_of(line: &[u8]) -> Result<(&[u8], bool), String> {
    let is_whole = line.ends_with(b"\n");
    let text = if is_whole {
        line.strip_suffix(b"\r\n").ok_or("an LF stands alone")?
    } else {
        line.strip_suffix(b"\r").unwrap_or(line)
    };
    if text.contains(&b'\r') {
        return Err(format!("a CR stands alone: {}", line.escape_ascii()));
    }
    Ok((text, is_whole))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The other implementation has read the fields that stand there.
fn check_fields_read(lines: &[&[u8]], answer: &Answer) -> Result<(), String> {
    let mut written: Vec<(String, Vec<u8>)> = Vec::new();
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':').ok_or("a line without a colon")?;
        let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
        written.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    let mut read = answer.fields.clone();
    written.sort();
    read.sort();
    if written == read {
        return Ok(());
    }
    Err(format!("hyper reads {read:?} where {written:?} is written"))
}

/// Exactly one, and in the one form that is generated (RFC 9110 §6.6.1, §5.6.7).
fn check_date(answer: &Answer) -> Result<(), String> {
    let dates: Vec<&[u8]> = answer.values("date").collect();
    let [date] = dates[..] else { return Err(format!("{} Date fields", dates.len())) };
    let text = String::from_utf8_lossy(date);
    let same = httpdate::parse_http_date(&text).map(httpdate::fmt_http_date);
    if same.is_ok_and(|same| same == text) { Ok(()) } else { Err(format!("no date: {text}")) }
}

/// How the end of the content is told (RFC 9112 §6, RFC 9110 §8.6).
fn check_delimiter(asked: &Asked, answer: &Answer) -> Result<(), String> {
    let lengths: Vec<&[u8]> = answer.values("content-length").collect();
    let codings: Vec<&[u8]> = answer.values("transfer-encoding").collect();
    if lengths.len() + codings.len() > 1 {
        return Err("more than one of Content-Length and Transfer-Encoding".into());
    }
    if codings.iter().any(|coding| *coding != b"chunked") {
        return Err("a transfer coding other than chunked".into());
    }
    if !codings.is_empty() && asked.version == Version::Http10 {
        return Err("Transfer-Encoding to an HTTP/1.0 client (RFC 9112 §6.1)".into());
    }
    let digits = lengths.first().copied().unwrap_or(b"0");
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("a Content-Length that is no number".into());
    }
    let is_said = !lengths.is_empty() || !codings.is_empty();
    let has_none = asked.is_head || matches!(answer.status, 204 | 304);
    if has_none && !(answer.body.is_empty() && answer.trailers.is_empty()) {
        return Err("content where there may be none (RFC 9112 §6.3)".into());
    }
    if answer.status == 204 && is_said {
        return Err("a 204 that speaks of its content (RFC 9110 §8.6, RFC 9112 §6.1)".into());
    }
    if !is_said && !has_none && !answer.says_close() {
        return Err("nobody can say where the content ends".into());
    }
    Ok(())
}

/// One option and one field at the most, and no word on what goes without saying.
fn check_connection(asked: &Asked, answer: &Answer) -> Result<(), String> {
    let said: Vec<&[u8]> = answer.values("connection").collect();
    let is_right = match said[..] {
        [] => asked.version == Version::Http11,
        [b"close"] => true,
        [b"keep-alive"] => asked.version == Version::Http10,
        _ => false,
    };
    if is_right { Ok(()) } else { Err(format!("Connection says {said:?} to {}", asked.version)) }
}
