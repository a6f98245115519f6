//! What a client would rather have, read a second time by the grammar alone (RFC 9110 §12).
//!
//! Called by the target `fields`. Accept-Encoding is judged always; Accept where all of it is what
//! RFC 9110 describes, and else only by what must hold for anything.

use oneloop::message::Fields;
use oneloop::wire::grammar::is_token;
use oneloop::wire::negotiate::{Coding, Codings, media};

/// What could be sent: as it is written, and then type, subtype and parameters.
type Offer = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const OFFERED: [Offer; 4] = [
    ("text/html", "text", "html", &[]),
    ("application/json", "application", "json", &[]),
    ("text/plain; charset=utf-8", "text", "plain", &[("charset", "utf-8")]),
    ("a/b;c=d;e=\"f g\"", "a", "b", &[("c", "d"), ("e", "f g")]),
];

pub(crate) fn check_wishes(fields: Fields<'_>) {
    check_codings(fields);
    check_media(fields);
}

fn check_codings(fields: Fields<'_>) {
    let codings = Codings::of(fields);
    let lines: Vec<&[u8]> = fields.all("accept-encoding").collect();
    let all = lines.join(&b","[..]);
    let members: Vec<(String, u16)> = all.split(|&byte| byte == b',').filter_map(weighed).collect();
    let find = |name: &str| members.iter().find(|(n, _)| n == name).map(|(_, weight)| *weight);
    for coding in Coding::ALL {
        let name = coding.name();
        let said = match coding {
            Coding::Gzip => {
                let names = ["gzip", "x-gzip"];
                let member = members.iter().find(|(n, _)| names.contains(&n.as_str()));
                member.map(|(_, weight)| *weight)
            }
            _ => find(name),
        };
        let unsaid = u16::from(coding == Coding::Identity);
        let expected = said.or_else(|| find("*")).unwrap_or(unsaid);
        assert_eq!(codings.quality(coding), expected, "{name}: {}", all.escape_ascii());
    }
}

/// `token [ OWS ";" OWS "q=" qvalue ]`, the name in lower case.
fn weighed(member: &[u8]) -> Option<(String, u16)> {
    let member = std::str::from_utf8(member).ok()?.trim_matches([' ', '\t']);
    let (name, weight) = match member.split_once(';') {
        None => (member, 1000),
        Some((name, weight)) => {
            let weight = weight.trim_start_matches([' ', '\t']);
            let (q, value) = weight.split_at_checked(2)?;
            let q_is_there = q.eq_ignore_ascii_case("q=");
            (name.trim_end_matches([' ', '\t']), q_is_there.then(|| qvalue(value))??)
        }
    };
    is_token(name.as_bytes()).then(|| (name.to_ascii_lowercase(), weight))
}

/// `( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )`, in thousandths.
fn qvalue(value: &str) -> Option<u16> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let is_written_so = ["0", "1"].contains(&whole)
        && decimals.len() <= 3
        && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u16 =
        is_written_so.then(|| format!("{whole}{decimals:0<3}").parse().ok())??;
    (thousandths <= 1000).then_some(thousandths)
}

fn check_media(fields: Fields<'_>) {
    let offered = OFFERED.map(|(written, ..)| written);
    let chosen = media(fields, &offered);
    assert_eq!(media(fields, &[]), None);
    assert!(chosen.is_none_or(|chosen| offered.contains(&chosen)));
    // What was chosen is wanted more than what comes before it, and no less than the others.
    if let Some(chosen) = chosen {
        assert_eq!(media(fields, &[chosen]), Some(chosen));
        for other in offered {
            assert_eq!(media(fields, &[chosen, other]), Some(chosen));
        }
    } else {
        assert!(offered.iter().all(|one| media(fields, &[one]).is_none()));
    }
    let lines: Option<Vec<Vec<Range>>> = fields.all("accept").map(accept).collect();
    let Some(lines) = lines else { return };
    let ranges = lines.concat();
    let expected = if ranges.is_empty() { Some(offered[0]) } else { by_the_book(&ranges) };
    assert_eq!(chosen, expected, "{ranges:?}");
}

fn by_the_book(ranges: &[Range]) -> Option<&'static str> {
    let weight = |at: usize| {
        let (_, main, sub, parameters) = OFFERED[at];
        let fits = ranges.iter().filter(|range| {
            let has = |wanted: &(String, String)| {
                parameters.iter().any(|&(n, v)| (n, v) == (wanted.0.as_str(), wanted.1.as_str()))
            };
            (range.main == "*" || range.main == main)
                && (range.sub == "*" || range.sub == sub)
                && range.parameters.iter().all(has)
        });
        // Of equals the first, where `max_by_key` takes the last.
        let key = |range: &&Range| (range.main != "*", range.sub != "*", range.parameters.len());
        let closest = fits.rev().max_by_key(key);
        closest.map_or(0, |range| range.weight)
    };
    let weights: Vec<u16> = (0..OFFERED.len()).map(weight).collect();
    let most = *weights.iter().max()?;
    let first = weights.iter().position(|&weight| weight == most)?;
    (most > 0).then_some(OFFERED[first].0)
}

#[derive(Clone, Debug)]
struct Range {
    main: String,
    sub: String,
    parameters: Vec<(String, String)>,
    weight: u16,
}

/// The media ranges of a line, all in lower case; nothing where it is no list of such.
fn accept(line: &[u8]) -> Option<Vec<Range>> {
    let mut reader = Reader(line);
    let mut ranges = Vec::new();
    loop {
        reader.blanks();
        if reader.0.is_empty() {
            return Some(ranges);
        }
        if !reader.0.starts_with(b",") {
            ranges.push(reader.range()?);
            reader.blanks();
        }
        if !reader.0.is_empty() && !reader.take(b',') {
            return None;
        }
    }
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn range(&mut self) -> Option<Range> {
        let main = self.token()?;
        let sub = self.take(b'/').then(|| self.token())??;
        if main == "*" && sub != "*" {
            return None;
        }
        let (mut parameters, mut weight) = (Vec::new(), None);
        loop {
            self.blanks();
            if !self.take(b';') {
                return Some(Range { main, sub, parameters, weight: weight.unwrap_or(1000) });
            }
            self.blanks();
            if self.0.first().is_none_or(|byte| b",;".contains(byte)) {
                continue;
            }
            let name = self.token()?;
            let equals = self.take(b'=');
            let is_quoted = self.0.starts_with(b"\"");
            let value = equals.then(|| if is_quoted { self.quoted() } else { self.token() })??;
            if name != "q" {
                parameters.push((name, value));
            } else if is_quoted || weight.replace(qvalue(&value)?).is_some() {
                return None;
            }
        }
    }

    fn blanks(&mut self) {
        while self.take(b' ') || self.take(b'\t') {}
    }

    fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn token(&mut self) -> Option<String> {
        let end = self.0.iter().position(|&byte| !is_token(&[byte])).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        let text = std::str::from_utf8(token).ok()?.to_ascii_lowercase();
        (!text.is_empty()).then_some(text)
    }

    /// What stands between the quotes, as it is written. None with escapes, which are compared as
    /// they are written.
    fn quoted(&mut self) -> Option<String> {
        let mut inside = String::new();
        let mut bytes = self.0.iter().enumerate().skip(1);
        while let Some((at, &byte)) = bytes.next() {
            if byte == b'"' {
                self.0 = &self.0[at + 1..];
                return Some(inside.to_ascii_lowercase());
            }
            inside.push(char::from(byte));
            if byte == b'\\' {
                inside.push(char::from(*bytes.next()?.1));
            }
        }
        None
    }
}
