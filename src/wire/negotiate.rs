//! What a client would rather have: content codings and media types, by their weights (RFC 9110
//! §12).
//!
//! Relies on the fields having been checked when the head was parsed. Never decides what is sent:
//! it says how much each of what is there is wanted, and allocates nothing. A member of a list that
//! does not match its grammar is passed over, as if it had not come.
//! Read next: `responders/files/content.rs`, which chooses by it.

use super::grammar;
use crate::message::Fields;

/// How content may be coded for its way (RFC 9110 §8.4.1), in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd];

    /// Its name in Content-Encoding. Content that is not coded has no such field.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The coding of that name, in any case; `x-gzip` is an old one of gzip (RFC 9110 §8.4.1.3).
    fn named(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
    }
}

/// What a client accepts, by weights in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Codings {
    /// In the order of [`Coding::ALL`].
    qualities: [u16; Coding::ALL.len()],
}

/// Wanted as much as can be.
const MOST: u16 = 1000;
/// Accepted, and nothing less is.
const LEAST: u16 = 1;

impl Codings {
    /// Those of who leaves the field out.
    pub const UNSAID: Self = Self { qualities: [LEAST, 0, 0, 0] };

    /// What Accept-Encoding says, all its lines together (RFC 9110 §12.5.3). Of two members that
    /// name the same coding the first counts.
    ///
    /// Without the field a client accepts anything, by the letter; but many who leave it out can
    /// decode nothing, so only identity is taken to be wanted.
    #[must_use]
    pub fn of(fields: Fields<'_>) -> Self {
        let mut is_said = false;
        let mut named: [Option<u16>; Coding::ALL.len()] = [None; Coding::ALL.len()];
        let mut others = None;
        for value in fields.all("Accept-Encoding") {
            is_said = true;
            for (name, quality) in grammar::list(value).filter_map(weighed) {
                if name == b"*" {
                    others = others.or(Some(quality));
                } else if let Some(coding) = Coding::named(name) {
                    let slot = &mut named[coding as usize];
                    *slot = slot.or(Some(quality));
                }
            }
        }
        if !is_said {
            return Self::UNSAID;
        }
        let quality = |coding: Coding| {
            // Only identity is accepted by those who do not speak of it.
            let unnamed = if coding == Coding::Identity { LEAST } else { 0 };
            named[coding as usize].or(others).unwrap_or(unnamed)
        };
        Self { qualities: Coding::ALL.map(quality) }
    }

    /// How much a coding is wanted: from 1000, as much as can be, to 0, not at all.
    ///
    /// Identity that is neither named nor covered by `*` is accepted at 1, the least there is, so
    /// that no coding that is named is wanted less. It is 0 only where the client said so, by
    /// `identity;q=0` or `*;q=0`.
    #[must_use]
    pub const fn quality(self, coding: Coding) -> u16 {
        self.qualities[coding as usize]
    }
}

/// A member of a list of tokens with weights: `gzip`, `br;q=0.5`. Whether its name is a token is
/// not looked at: what is none is not among the names that are known here either.
fn weighed(member: &[u8]) -> Option<(&[u8], u16)> {
    let Some(semicolon) = member.iter().position(|&byte| byte == b';') else {
        return Some((member, MOST));
    };
    let (name, parameter) = (grammar::trim(&member[..semicolon]), &member[semicolon + 1..]);
    let [b'q' | b'Q', b'=', qvalue @ ..] = grammar::trim(parameter) else { return None };
    Some((name, grammar::weight(qvalue)?))
}

/// The one of the offered media types that Accept wants most (RFC 9110 §12.5.1); of those it wants
/// alike, the one that is offered first. Nothing where it accepts none of them.
///
/// What is offered is written as in Content-Type, `text/html` or with parameters. A range with
/// parameters fits what has all of these, values compared but for case and the quotes around them.
/// Where several ranges fit, the most specific says the weight, and of those the first. Without
/// Accept, or where nothing in it is a media range, anything is accepted.
#[must_use]
pub fn media<'t>(fields: Fields<'_>, offered: &[&'t str]) -> Option<&'t str> {
    let ranges = || {
        let members = fields.all("accept").flat_map(|value| grammar::split_unquoted(value, b','));
        members.filter_map(MediaRange::parse)
    };
    if ranges().next().is_none() {
        return offered.first().copied();
    }
    let (mut best, mut most) = (None, 0);
    for &media_type in offered {
        let (mut closest, mut quality) = (None, 0);
        for range in ranges() {
            let fit = range.fit(media_type.as_bytes());
            if fit > closest {
                (closest, quality) = (fit, range.quality);
            }
        }
        if quality > most {
            (best, most) = (Some(media_type), quality);
        }
    }
    best
}

/// A member of Accept: `text/*`, `text/html;level=1`, `*/*;q=0.5`.
struct MediaRange<'a> {
    main: &'a [u8],
    sub: &'a [u8],
    /// What follows the first semicolon, its weight included.
    parameters: &'a [u8],
    quality: u16,
}

impl<'a> MediaRange<'a> {
    fn parse(member: &'a [u8]) -> Option<Self> {
        let (name, parameters) = name_and_parameters(member);
        let slash = name.iter().position(|&byte| byte == b'/')?;
        let (main, sub) = (&name[..slash], &name[slash + 1..]);
        let are_tokens = grammar::is_token(main) && grammar::is_token(sub);
        if !are_tokens || (main == b"*" && sub != b"*") {
            return None;
        }
        let mut quality = None;
        for parameter in grammar::split_unquoted(parameters, b';') {
            let (name, value) = pair(parameter)?;
            // Wherever it stands (RFC 9110 §12.5.1); a second one is a contradiction.
            if name.eq_ignore_ascii_case(b"q") && quality.replace(grammar::weight(value)?).is_some()
            {
                return None;
            }
        }
        Some(Self { main, sub, parameters, quality: quality.unwrap_or(MOST) })
    }

    /// How closely it fits a media type, if it does.
    fn fit(&self, media_type: &[u8]) -> Option<Fit> {
        let (name, own) = name_and_parameters(media_type);
        let slash = name.iter().position(|&byte| byte == b'/')?;
        let (main, sub) = (&name[..slash], &name[slash + 1..]);
        let named = match (self.main, self.sub) {
            (b"*", _) => By::Nothing,
            (kind, b"*") if kind.eq_ignore_ascii_case(main) => By::Kind,
            (kind, name) if kind.eq_ignore_ascii_case(main) && name.eq_ignore_ascii_case(sub) => {
                By::Name
            }
            _ => return None,
        };
        let mut parameters = 0;
        for (name, value) in grammar::split_unquoted(self.parameters, b';').filter_map(pair) {
            let is_same = |(own_name, own_value): (&[u8], &[u8])| {
                own_name.eq_ignore_ascii_case(name)
                    && bare(own_value).eq_ignore_ascii_case(bare(value))
            };
            let is_weight = name.eq_ignore_ascii_case(b"q");
            if !is_weight && !grammar::split_unquoted(own, b';').filter_map(pair).any(is_same) {
                return None;
            }
            parameters += usize::from(!is_weight);
        }
        Some(Fit { named, parameters })
    }
}

/// How closely a range fits. The later are the more specific.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    named: By,
    parameters: usize,
}

/// What a range names of a type.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Nothing,
    Kind,
    Name,
}

/// What stands before the first semicolon, and after it.
fn name_and_parameters(member: &[u8]) -> (&[u8], &[u8]) {
    let semicolon = member.iter().position(|&byte| byte == b';').unwrap_or(member.len());
    let (name, parameters) = member.split_at(semicolon);
    (grammar::trim(name), parameters.strip_prefix(b";").unwrap_or(b""))
}

/// `name=value`, where the one is a token and the other a token or a quoted string (RFC 9110
/// §5.6.6).
fn pair(parameter: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = parameter.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&parameter[..equals], &parameter[equals + 1..]);
    let is_value = grammar::is_token(value) || is_quoted(value);
    (grammar::is_token(name) && is_value).then_some((name, value))
}

/// Whether these bytes are one quoted string (RFC 9110 §5.6.4).
fn is_quoted(value: &[u8]) -> bool {
    let [b'"', inside @ .., b'"'] = value else { return false };
    let mut is_escaped = false;
    for byte in inside {
        match byte {
            b'"' if !is_escaped => return false,
            byte => is_escaped = !is_escaped && *byte == b'\\',
        }
    }
    !is_escaped
}

/// A value without the quotes around it.
fn bare(value: &[u8]) -> &[u8] {
    if let [b'"', inside @ .., b'"'] = value { inside } else { value }
}

#[cfg(test)]
mod tests {
    use super::{Coding, Codings, media};
    use crate::message::Fields;

    fn raw(name: &str, values: &[&str]) -> String {
        values.iter().map(|value| format!("{name}: {value}\r\n")).collect()
    }

    /// Identity, gzip, br, zstd.
    #[track_caller]
    fn check(values: &[&str], expected: [u16; 4]) {
        let raw = raw("Accept-Encoding", values);
        let codings = Codings::of(Fields::from_checked_lines(raw.as_bytes()));
        assert_eq!(Coding::ALL.map(|coding| codings.quality(coding)), expected, "{values:?}");
    }

    #[test]
    fn without_a_word_nothing_is_coded() {
        check(&[], [1, 0, 0, 0]);
        check(&[""], [1, 0, 0, 0]);
        check(&[" , ,"], [1, 0, 0, 0]);
    }

    #[test]
    fn codings_that_are_named() {
        for (value, expected) in [
            ("gzip", [1, 1000, 0, 0]),
            ("gzip, deflate, br, zstd", [1, 1000, 1000, 1000]),
            ("GZip,BR,zStd", [1, 1000, 1000, 1000]),
            ("x-gzip", [1, 1000, 0, 0]),
            ("X-GZIP;q=0.5", [1, 500, 0, 0]),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", [100, 800, 1000, 100]),
            ("gzip;q=0.001", [1, 1, 0, 0]),
            ("gzip;q=0", [1, 0, 0, 0]),
            ("gzip ;\tq=0.25 , br ; Q=0.125", [1, 250, 125, 0]),
            ("identity", [1000, 0, 0, 0]),
            ("identity;q=0.5, gzip;q=0.3", [500, 300, 0, 0]),
            ("deflate, compress, exi", [1, 0, 0, 0]),
            ("gzip;q=0, x-gzip", [1, 0, 0, 0]),
            ("gzip, gzip;q=0", [1, 1000, 0, 0]),
        ] {
            check(&[value], expected);
        }
        check(&["gzip", "br;q=0.5"], [1, 1000, 500, 0]);
        check(&["gzip;q=0.5", "identity;q=0"], [0, 500, 0, 0]);
    }

    #[test]
    fn the_asterisk_is_all_that_is_not_named() {
        for (value, expected) in [
            ("*", [1000, 1000, 1000, 1000]),
            ("*;q=0.5", [500, 500, 500, 500]),
            ("*;q=0", [0, 0, 0, 0]),
            ("*;q=0, identity;q=0.5", [500, 0, 0, 0]),
            ("identity, *;q=0", [1000, 0, 0, 0]),
            ("gzip, *;q=0", [0, 1000, 0, 0]),
            ("gzip;q=0, *", [1000, 0, 1000, 1000]),
            ("identity;q=0, *", [0, 1000, 1000, 1000]),
            ("identity;q=0", [0, 0, 0, 0]),
            ("*;q=0.2, *;q=0.7", [200, 200, 200, 200]),
        ] {
            check(&[value], expected);
        }
    }

    #[test]
    fn what_is_malformed_has_not_come() {
        for member in [
            "br;q=2",
            "br;q=1.001",
            "br;q=0.0001",
            "br;q=.5",
            "br;q=",
            "br;q",
            "br;",
            "br; q = 0.5",
            "br;q=\"0.5\"",
            "br;q=0.5;q=0.5",
            "br;level=1",
            "br q=0.5",
            "br/zstd",
            "\"br\"",
            "br;x=\"a",
            ";q=0.5",
            "*;q=2",
            "identity;q=-0",
        ] {
            check(&[member], [1, 0, 0, 0]);
            check(&[&format!("gzip;q=0.5, {member}")], [1, 500, 0, 0]);
            check(&[&format!("{member}, gzip;q=0.5")], [1, 500, 0, 0]);
        }
        check(&["br;q=2, br;q=0.5"], [1, 0, 500, 0]);
    }

    const OFFERED: [&str; 4] =
        ["text/html", "application/json", "text/plain; charset=utf-8", "image/png"];

    #[track_caller]
    fn check_media(values: &[&str], expected: Option<usize>) {
        let raw = raw("Accept", values);
        let chosen = media(Fields::from_checked_lines(raw.as_bytes()), &OFFERED);
        assert_eq!(chosen, expected.map(|at| OFFERED[at]), "{values:?}");
    }

    #[test]
    fn who_does_not_say_what_gets_the_first() {
        check_media(&[], Some(0));
        for value in ["", ",", "text", "text/", "/html", "*", "*/html", "text/html;q=2", "a b/c"] {
            check_media(&[value], Some(0));
        }
        check_media(&["*/*"], Some(0));
        check_media(&["*/*;q=0.1"], Some(0));
        let raw = raw("Accept", &["*/*"]);
        assert_eq!(media(Fields::from_checked_lines(raw.as_bytes()), &[]), None);
    }

    #[test]
    fn the_type_that_is_wanted_most() {
        for (value, expected) in [
            ("application/json", Some(1)),
            ("APPLICATION/Json", Some(1)),
            ("text/plain", Some(2)),
            ("text/*", Some(0)),
            ("image/*", Some(3)),
            ("video/*", None),
            ("application/xml", None),
            ("text/htm", None),
            ("text/html;q=0.5, application/json", Some(1)),
            ("application/json, text/html", Some(0)),
            ("text/html;q=0.5, application/json;q=0.5", Some(0)),
            ("text/html;q=0", None),
            ("*/*;q=0", None),
            ("text/html;q=0, */*", Some(1)),
            ("text/*;q=0, */*;q=0.1", Some(1)),
            ("text/*;q=0.3, text/html;q=0.2, text/plain;q=0.4", Some(2)),
            ("*/*, text/*;q=0.9, text/html;q=0.8, application/json;q=0.1", Some(3)),
            ("text/html;q=0.1, text/html, image/png;q=0.5", Some(3)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(0)),
        ] {
            check_media(&[value], expected);
        }
        check_media(&["application/xml", "image/png;q=0.1"], Some(3));
    }

    #[test]
    fn a_range_with_parameters_fits_what_has_them() {
        for (value, expected) in [
            ("text/plain;charset=utf-8", Some(2)),
            ("text/plain; CHARSET=\"UTF-8\"", Some(2)),
            ("text/plain;charset=latin1", None),
            ("text/html;level=1", None),
            ("text/plain;charset=utf-8;x=y", None),
            ("text/plain;charset=utf-8;q=0, text/plain, image/png;q=0.1", Some(3)),
            ("text/plain;q=0, text/plain;charset=utf-8", Some(2)),
            ("text/*;charset=utf-8;q=0.1, text/plain;q=0.5, image/png;q=0.3", Some(2)),
            ("text/plain;q=0.5;charset=utf-8, image/png;q=0.6", Some(3)),
            ("text/plain;;charset=utf-8;", Some(2)),
            ("text/html;x=\",application/json,\"", None),
            ("text/html;x=\"a, application/json", Some(0)),
            ("text/html;x=\"\\\",application/json,\", image/png;q=0.1", Some(3)),
            ("text/html;q=\"0.5\", image/png;q=0.1", Some(3)),
            ("text/html;q=1;q=1, image/png;q=0.1", Some(3)),
            ("text/html;x, image/png;q=0.1", Some(3)),
        ] {
            check_media(&[value], expected);
        }
    }
}
