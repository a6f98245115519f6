//! Writes the lines of an access log, and keeps clients from forging any.
//!
//! Whatever a client has said is escaped, so that it cannot end its line, its quotes or its JSON
//! string, nor steer a terminal, nor be read in two ways:
//!
//! - in text, every byte that is not printable ASCII, and `"` and `\`, as `\xHH`;
//! - in JSON the same but for `"`, which is `\"`, and for valid UTF-8, which is `\uHHHH`. So a
//!   parser gives what the client has said, with `\xHH` for what is no text, and a backslash
//!   begins nothing else.
//!
//! Never: a clock, an allocation once a line's room has grown.
//! Read next: `mod.rs`, which gathers the lines.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;

use crate::message::Date;

use super::super::Answered;
use super::format::{LogFormat, Notation, Piece, Token};

/// Writes lines. It remembers how what is the same in many of them was written.
#[derive(Debug)]
pub(super) struct Scribe {
    format: LogFormat,
    wants_fields: bool,
    /// Whoever asks has often asked last, too: their address is not formatted anew.
    client: Option<IpAddr>,
    client_text: String,
    /// Likewise, for a second.
    date: Date,
    time: [u8; 26],
    iso_time: [u8; 20],
}

impl Scribe {
    pub(super) fn new(format: LogFormat) -> Self {
        Self {
            wants_fields: format.has_fields(),
            format,
            client: None,
            client_text: String::new(),
            date: [0; 29],
            time: [0; 26],
            iso_time: [0; 20],
        }
    }

    /// Whether its lines have fields of the request.
    pub(super) const fn wants_fields(&self) -> bool {
        self.wants_fields
    }

    /// Appends the line of that answer.
    pub(super) fn append_line(&mut self, out: &mut Vec<u8>, answered: &Answered<'_>) {
        self.remember(answered);
        for piece in &self.format.pieces {
            match (piece, self.format.notation) {
                (Piece::Text(text), _) => out.extend_from_slice(text.as_bytes()),
                (Piece::Token(token), Notation::Plain) => self.append_plain(out, *token, answered),
                (Piece::Token(token), Notation::Json) => self.append_json(out, *token, answered),
            }
        }
        out.push(b'\n');
    }

    fn remember(&mut self, answered: &Answered<'_>) {
        // A client of `[::]` that came by IPv4 is written as what it is.
        let client = answered.peer.map(|peer| peer.ip().to_canonical());
        if client != self.client {
            self.client = client;
            self.client_text.clear();
            if let Some(ip) = client {
                // Writing to a String cannot fail.
                let _ = write!(self.client_text, "{ip}");
            }
        }
        if *answered.date != self.date {
            self.date = *answered.date;
            (self.time, self.iso_time) = (common_time(&self.date), iso_time(&self.date));
        }
    }

    fn append_plain(&self, out: &mut Vec<u8>, token: Token, answered: &Answered<'_>) {
        match self.word(token, answered) {
            Word::Ours(b"") | Word::Theirs(b"") => out.push(b'-'),
            Word::Ours(text) => out.extend_from_slice(text),
            Word::Theirs(bytes) => append_plain(out, bytes),
            Word::Number(number) => append_number(out, number),
            Word::Computed => append_computed(out, token, answered),
        }
    }

    fn append_json(&self, out: &mut Vec<u8>, token: Token, answered: &Answered<'_>) {
        let word = self.word(token, answered);
        match word {
            Word::Ours(b"") | Word::Theirs(b"") => return out.extend_from_slice(b"null"),
            Word::Number(number) => return append_number(out, number),
            _ => out.push(b'"'),
        }
        match word {
            Word::Ours(text) => out.extend_from_slice(text),
            Word::Theirs(bytes) => append_json(out, bytes),
            Word::Computed | Word::Number(_) => append_computed(out, token, answered),
        }
        out.push(b'"');
    }

    fn word<'a>(&'a self, token: Token, answered: &'a Answered<'_>) -> Word<'a> {
        match token {
            Token::Client => Word::Ours(self.client_text.as_bytes()),
            Token::Time => Word::Ours(&self.time),
            Token::IsoTime => Word::Ours(&self.iso_time),
            Token::Line => Word::Theirs(answered.line),
            Token::Method => Word::Theirs(parts(answered.line)[0]),
            Token::Target => Word::Theirs(parts(answered.line)[1]),
            Token::Version => Word::Theirs(parts(answered.line)[2]),
            Token::Status => Word::Number(answered.status.into()),
            Token::BytesOrDash if answered.bytes == 0 => Word::Ours(b""),
            Token::Bytes | Token::BytesOrDash => Word::Number(answered.bytes),
            Token::Micros => Word::Number(answered.took.as_micros().try_into().unwrap_or(u64::MAX)),
            Token::Connection => Word::Number(answered.id.connection.into()),
            Token::Request => Word::Number(answered.id.request.into()),
            Token::Close => {
                Word::Ours(answered.close.map_or("", |reason| reason.name()).as_bytes())
            }
            Token::Referer => Word::Theirs(answered.referer),
            Token::UserAgent => Word::Theirs(answered.user_agent),
            Token::Seconds | Token::Id => Word::Computed,
        }
    }
}

/// What a token stands for. What is empty is not there.
#[derive(Clone, Copy, Debug)]
enum Word<'a> {
    /// It holds nothing that would have to be escaped.
    Ours(&'a [u8]),
    /// It may hold anything.
    Theirs(&'a [u8]),
    Number(u64),
    /// Made where it is written.
    Computed,
}

fn append_computed(out: &mut Vec<u8>, token: Token, answered: &Answered<'_>) {
    if token == Token::Id {
        out.push(b'c');
        append_number(out, answered.id.connection.into());
        out.extend_from_slice(b".r");
        append_number(out, answered.id.request.into());
    } else {
        append_number(out, answered.took.as_secs());
        // Seven digits, the first of which makes way for the point.
        let at = out.len();
        append_number(out, 1_000_000 + u64::from(answered.took.subsec_micros()));
        out[at] = b'.';
    }
}

/// Method, target and version: what stands before the first space, between them, and behind the
/// last. A line that is none has fewer, and nothing of it is lost.
fn parts(line: &[u8]) -> [&[u8]; 3] {
    let Some(first) = line.iter().position(|&byte| byte == b' ') else { return [line, b"", b""] };
    let (method, rest) = (&line[..first], &line[first + 1..]);
    match rest.iter().rposition(|&byte| byte == b' ') {
        Some(last) => [method, &rest[..last], &rest[last + 1..]],
        None => [method, rest, b""],
    }
}

fn append_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// `Sun, 22 Nov 2026 14:00:00 GMT` as `22/Nov/2026:14:00:00 +0000`.
fn common_time(date: &Date) -> [u8; 26] {
    let mut time = *b"DD/Mon/YYYY:HH:MM:SS +0000";
    for (from, to) in [(5..7, 0..2), (8..11, 3..6), (12..16, 7..11), (17..25, 12..20)] {
        time[to].copy_from_slice(&date[from]);
    }
    time
}

/// The same as `2026-11-22T14:00:00Z`.
fn iso_time(date: &Date) -> [u8; 20] {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = MONTHS.chunks(3).position(|name| *name == date[8..11]).unwrap_or_default() + 1;
    let mut time = *b"YYYY-MM-DDTHH:MM:SSZ";
    for (from, to) in [(12..16, 0..4), (5..7, 8..10), (17..25, 11..19)] {
        time[to].copy_from_slice(&date[from]);
    }
    time[5] = b'0' + (month / 10) as u8;
    time[6] = b'0' + (month % 10) as u8;
    time
}

/// Whether a byte is itself in every notation.
const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        is_plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    is_plain
};

/// How many bytes at its beginning are themselves in every notation: nearly always all.
fn plain_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| !IS_PLAIN[usize::from(byte)]).unwrap_or(bytes.len())
}

fn append_plain(out: &mut Vec<u8>, mut bytes: &[u8]) {
    loop {
        let (plain, rest) = bytes.split_at(plain_len(bytes));
        out.extend_from_slice(plain);
        let Some((&byte, rest)) = rest.split_first() else { return };
        append_hex(out, "\\x", byte);
        bytes = rest;
    }
}

fn append_json(out: &mut Vec<u8>, mut bytes: &[u8]) {
    loop {
        let (plain, rest) = bytes.split_at(plain_len(bytes));
        out.extend_from_slice(plain);
        let Some(&byte) = rest.first() else { return };
        let mut taken = 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            ..0x80 => append_hex(out, "\\\\x", byte),
            _ => match first_char(rest) {
                Some(c) => {
                    taken = c.len_utf8();
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to a Vec cannot fail.
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                None => append_hex(out, "\\\\x", byte),
            },
        }
        bytes = &rest[taken..];
    }
}

/// The character that these bytes begin with, where they begin with one.
fn first_char(bytes: &[u8]) -> Option<char> {
    let longest = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(longest) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&longest[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next()
}

fn append_hex(out: &mut Vec<u8>, before: &str, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::connection::CloseReason;
    use crate::message::RequestId;

    const DATE: &Date = b"Sun, 22 Nov 2026 14:00:00 GMT";

    fn answered(line: &[u8]) -> Answered<'_> {
        Answered {
            id: RequestId { connection: 17, request: 3 },
            peer: Some(([127, 0, 0, 1], 54321).into()),
            line,
            status: 200,
            bytes: 12,
            took: Duration::from_micros(1_000_123),
            whole: true,
            close: None,
            referer: b"",
            user_agent: b"",
            date: DATE,
        }
    }

    fn line(format: &str, answered: &Answered<'_>) -> String {
        let mut out = Vec::new();
        Scribe::new(format.parse().unwrap()).append_line(&mut out, answered);
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn check(format: &str, answered: &Answered<'_>, expected: &str) {
        assert_eq!(line(format, answered), format!("{expected}\n"), "{format}");
    }

    #[test]
    fn a_line_is_the_common_log_format_and_the_seconds() {
        let plain = answered(b"GET / HTTP/1.1");
        let head = "- - [22/Nov/2026:14:00:00 +0000]";
        check("clf", &plain, &format!(r#"127.0.0.1 {head} "GET / HTTP/1.1" 200 12 1.000123"#));
        let unknown = Answered { peer: None, ..plain };
        check("clf", &unknown, &format!(r#"- {head} "GET / HTTP/1.1" 200 12 1.000123"#));
        let six = "[2001:db8::1]:9".parse().ok();
        let long = Answered { peer: six, took: Duration::MAX, ..plain };
        let took = "18446744073709551615.999999";
        check("clf", &long, &format!(r#"2001:db8::1 {head} "GET / HTTP/1.1" 200 12 {took}"#));
        let four = Answered { peer: "[::ffff:192.0.2.7]:9".parse().ok(), ..plain };
        check("clf", &four, &format!(r#"192.0.2.7 {head} "GET / HTTP/1.1" 200 12 1.000123"#));
        let none = Answered { line: b"", status: 408, bytes: 0, took: Duration::ZERO, ..plain };
        check("clf", &none, &format!(r#"127.0.0.1 {head} "-" 408 - 0.000000"#));
    }

    #[test]
    fn a_combined_line_has_two_fields_and_nothing_behind_them() {
        let head = r#"127.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200"#;
        let plain = answered(b"GET / HTTP/1.1");
        check("combined", &plain, &format!(r#"{head} 12 "-" "-""#));
        let full = Answered { bytes: 0, referer: b"http://a/", user_agent: b"x \"y\"", ..plain };
        check("combined", &full, &format!(r#"{head} - "http://a/" "x \x22y\x22""#));
    }

    #[test]
    fn a_json_line_has_the_same_keys_in_the_same_order() {
        let plain = answered(b"GET / HTTP/1.1");
        check(
            "json",
            &plain,
            "{\"time\":\"2026-11-22T14:00:00Z\",\"id\":\"c17.r3\",\"connection\":17,\"request\":3,\
             \"client\":\"127.0.0.1\",\"method\":\"GET\",\"target\":\"/\",\"version\":\"HTTP/1.1\",\
             \"status\":200,\"bytes\":12,\"micros\":1000123,\"close\":null,\"referer\":null,\
             \"user_agent\":null}",
        );
        let bare = Answered {
            peer: None,
            line: b"",
            status: 408,
            bytes: 0,
            close: Some(CloseReason::Answered),
            referer: b"http://a/?\"",
            user_agent: "\u{1F980} é\\".as_bytes(),
            ..plain
        };
        check(
            "json",
            &bare,
            "{\"time\":\"2026-11-22T14:00:00Z\",\"id\":\"c17.r3\",\"connection\":17,\"request\":3,\
             \"client\":null,\"method\":null,\"target\":null,\"version\":null,\
             \"status\":408,\"bytes\":0,\"micros\":1000123,\"close\":\"answered\",\
             \"referer\":\"http://a/?\\\"\",\"user_agent\":\"\\ud83e\\udd80 \\u00e9\\\\x5C\"}",
        );
    }

    #[test]
    fn a_template_has_every_token() {
        let said = Answered {
            close: Some(CloseReason::IdleTimeout),
            referer: b"r",
            user_agent: b"u",
            ..answered(b"GET /a b HTTP/1.1")
        };
        for (template, expected) in [
            ("{client}", "127.0.0.1"),
            ("{time}", "22/Nov/2026:14:00:00 +0000"),
            ("{iso-time}", "2026-11-22T14:00:00Z"),
            ("{line}", "GET /a b HTTP/1.1"),
            ("{method}|{target}|{version}", "GET|/a b|HTTP/1.1"),
            ("{status} {bytes}", "200 12"),
            ("{micros} {seconds}", "1000123 1.000123"),
            ("{id} {connection} {request}", "c17.r3 17 3"),
            ("{close}", "idle-timeout"),
            ("\"{referer}\"\t{user-agent}é", "\"r\"\tué"),
            ("{{{status}}}", "{200}"),
            ("{{status}} {status}{{", "{status} 200{"),
        ] {
            check(template, &said, expected);
        }
        let silent = Answered { peer: None, bytes: 0, ..answered(b"") };
        let all = "{client}{line}{method}{target}{version}{close}{referer}{user-agent}{bytes}";
        check(all, &silent, "--------0");
    }

    #[test]
    fn a_request_line_is_three_parts_or_fewer() {
        for (line, method, target, version) in [
            ("GET /", "GET", "/", "-"),
            ("GET", "GET", "-", "-"),
            (" ", "-", "-", "-"),
            ("GET  /", "GET", "-", "/"),
            ("a b c d", "a", "b c", "d"),
        ] {
            let expected = format!("{method} {target} {version}");
            check("{method} {target} {version}", &answered(line.as_bytes()), &expected);
        }
    }

    #[test]
    fn every_month_has_its_number() {
        for (at, month) in "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(' ').enumerate()
        {
            let date = format!("Sun, 07 {month} 2026 23:59:58 GMT");
            let date: Date = date.as_bytes().try_into().unwrap();
            let said = Answered { date: &date, ..answered(b"") };
            check("{iso-time}", &said, &format!("2026-{:02}-07T23:59:58Z", at + 1));
            check("{time}", &said, &format!("07/{month}/2026:23:59:58 +0000"));
        }
    }

    /// Of one client and date then of another: what is remembered is not told of somebody else.
    #[test]
    fn what_is_remembered_is_forgotten_when_it_changes() {
        let mut scribe = Scribe::new("{client} {iso-time}".parse().unwrap());
        let (one, mut out) = (answered(b""), Vec::new());
        let later = b"Sun, 22 Nov 2026 14:00:01 GMT";
        let other = Answered { peer: Some(([10, 0, 0, 1], 1).into()), date: later, ..one };
        for answered in [&one, &other, &Answered { peer: None, ..one }, &one] {
            scribe.append_line(&mut out, answered);
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "127.0.0.1 2026-11-22T14:00:00Z\n10.0.0.1 2026-11-22T14:00:01Z\n\
             - 2026-11-22T14:00:00Z\n127.0.0.1 2026-11-22T14:00:00Z\n"
        );
    }

    /// Every byte, alone and between others, in every place that a client has.
    #[test]
    fn no_byte_forges_a_line() {
        for byte in 0..=u8::MAX {
            for bytes in [&[byte][..], b"a\"", &[b'a', byte, b'b'], &[byte, 0xC3, 0xA9, byte]] {
                let line = [b"GET /", bytes, b" HTTP/1.1"].concat();
                let said = Answered { referer: bytes, user_agent: bytes, ..answered(&line) };
                for format in ["clf", "combined", "json", "{line}{target}{referer}{user-agent}"] {
                    let written = self::line(format, &said);
                    let (text, end) = written.split_at(written.len() - 1);
                    assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{byte:#x} {text}");
                    assert_eq!(end, "\n");
                    let quotes = [("clf", 2), ("combined", 6)].into_iter().find(|q| q.0 == format);
                    assert!(quotes.is_none_or(|q| text.matches('"').count() == q.1), "{text}");
                    if format == "json" {
                        check_parsed(text, bytes);
                    }
                }
            }
        }
    }

    /// That a parser makes of it what was said.
    fn check_parsed(text: &str, said: &[u8]) {
        let parsed: Value = serde_json::from_str(text).unwrap();
        let mut expected = String::new();
        for chunk in said.utf8_chunks() {
            for c in chunk.valid().chars() {
                let is_plain = c >= '\u{80}' || (c == ' ' || c.is_ascii_graphic()) && c != '\\';
                if is_plain { expected.push(c) } else { expected += &format!("\\x{:02X}", c as u8) }
            }
            chunk.invalid().iter().for_each(|byte| expected += &format!("\\x{byte:02X}"));
        }
        assert_eq!(parsed["referer"], json!(expected));
        assert_eq!(parsed["user_agent"], json!(expected));
        assert_eq!(parsed["target"], json!(format!("/{expected}")));
    }
}
