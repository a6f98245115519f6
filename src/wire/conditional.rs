//! Preconditions: may the answer be what the client asked for, or does it hold that already (RFC
//! 9110 §13)?
//!
//! Relies on `httpdate` for the three forms of a date, and on the fields having been checked when
//! the head was parsed. Never knows what a file is, and never asks the time: validators come in, a
//! verdict goes out.
//! Read next: `ranges.rs`, which goes on where these let it; `responders/files/validators.rs`,
//! where the validators of a file are made.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;

use super::grammar;
use crate::config::SETTLED_AFTER;
use crate::message::Fields;

/// What tells one state of a resource from another (RFC 9110 §8.8).
///
/// The date is as strong as the tag beside it, and without a tag it is weak: both tell of one time
/// of modification, and [`Strength`] says how far that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag as it is sent: in quotes, and after `W/` where it is a weak one. None where
    /// no state is told from the next.
    pub etag: Option<String>,
    /// When the content last changed, if that is known. Only its whole seconds count: a date has no
    /// more.
    pub modified: Option<SystemTime>,
}

/// Whether validators change whenever the content does (RFC 9110 §8.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// They do.
    Strong,
    /// The content may have changed once more under the same ones. Its entity tag begins with
    /// `W/`.
    Weak,
}

impl Strength {
    /// That of validators made of a time of modification, for content that was read at another.
    /// They are strong where the content had been left alone for [`SETTLED_AFTER`] by then; a
    /// time in the future says nothing and is weak.
    #[must_use]
    pub fn of(modified: SystemTime, read: SystemTime) -> Self {
        match read.duration_since(modified) {
            Ok(left_alone) if left_alone >= SETTLED_AFTER => Self::Strong,
            _ => Self::Weak,
        }
    }
}

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There are none, or they hold: do what the method says.
    Proceed,
    /// The client has this content already: 304.
    NotModified,
    /// The content is not what the client takes it for: 412.
    PreconditionFailed,
}

/// How two entity tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy)]
enum Comparison {
    /// Equal, and neither of them weak.
    Strong,
    /// Equal but for a `W/`.
    Weak,
}

/// Evaluates the preconditions of a request for content that exists, in the order of RFC 9110
/// §13.2.2. A date counts only where its field is absent that compares entity tags, for those say
/// the same more precisely.
#[must_use]
pub fn evaluate(method: &Method, fields: Fields<'_>, current: &Validators) -> Verdict {
    let reads = matches!(*method, Method::GET | Method::HEAD);

    let is_as_wanted = names(fields, "If-Match", current, Comparison::Strong)
        .or_else(|| unmodified_since(fields, "If-Unmodified-Since", current));
    if is_as_wanted == Some(false) {
        return Verdict::PreconditionFailed;
    }

    let is_at_hand = names(fields, "If-None-Match", current, Comparison::Weak)
        .or_else(|| unmodified_since(fields, "If-Modified-Since", current).filter(|_| reads));
    match is_at_hand {
        Some(true) if reads => Verdict::NotModified,
        Some(true) => Verdict::PreconditionFailed,
        Some(false) | None => Verdict::Proceed,
    }
}

/// Whether If-Range, if it is there, lets parts of this content be sent: what the client holds of
/// it must be of this very state, so its validator must be a strong one (RFC 9110 §13.1.5). The
/// step that comes after [`evaluate`].
pub(super) fn parts_fit(fields: Fields<'_>, current: &Validators) -> bool {
    if fields.get("If-Range").is_none() {
        return true;
    }
    let (Some(value), Some(etag)) = (only(fields, "If-Range"), &current.etag) else { return false };
    if opaque_tag(value).starts_with(b"\"") {
        return Comparison::Strong.equates(value, etag.as_bytes());
    }
    let is_strong = !etag.starts_with("W/");
    let modified = current.modified.map(whole_seconds);
    is_strong && modified.is_some() && modified == http_date(value).map(whole_seconds)
}

/// The value of a field that may come once, where it does.
pub(super) fn only<'a>(fields: Fields<'a>, name: &str) -> Option<&'a [u8]> {
    let mut values = fields.all(name);
    values.next().filter(|_| values.next().is_none())
}

/// The date in any of its three forms (RFC 9110 §5.6.7).
fn http_date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

/// Whether the content is unmodified since the date in that field. No answer where the field is
/// absent, doubled or no date, or the content has none: such a field is ignored (RFC 9110 §13.1.3,
/// §13.1.4).
fn unmodified_since(fields: Fields<'_>, name: &str, current: &Validators) -> Option<bool> {
    let date = http_date(only(fields, name)?)?;
    Some(whole_seconds(current.modified?) <= whole_seconds(date))
}

/// Seconds since 1970. What is older counts as of then, because no date that is understood here
/// names an earlier time.
fn whole_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whether the fields of that name list the current entity tag, or say `*`, which stands for
/// whatever there is. No answer where there is no such field.
fn names(
    fields: Fields<'_>,
    name: &str,
    current: &Validators,
    comparison: Comparison,
) -> Option<bool> {
    let is_current = |tag: &[u8]| {
        let etag = current.etag.as_deref();
        etag.is_some_and(|etag| comparison.equates(tag, etag.as_bytes()))
    };
    let names = |value| value == b"*" || EntityTags { rest: value }.any(is_current);
    fields.all(name).fold(None, |found, value| Some(found == Some(true) || names(value)))
}

impl Comparison {
    fn equates(self, one: &[u8], other: &[u8]) -> bool {
        match self {
            Self::Strong => one == other && !one.starts_with(b"W/"),
            Self::Weak => opaque_tag(one) == opaque_tag(other),
        }
    }
}

/// The tag without its weakness. The `W` is a capital one (RFC 9110 §8.8.3).
fn opaque_tag(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Walks a list of entity tags. A comma within quotes belongs to the tag; what is not a quoted tag
/// is passed over up to the next comma.
struct EntityTags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for EntityTags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let start = self.rest.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
            let list = &self.rest[start..];
            let quoted = quoted_len(list).unwrap_or(0);
            let end =
                list[quoted..].iter().position(|&b| b == b',').map_or(list.len(), |at| quoted + at);
            self.rest = &list[end..];
            if quoted > 0 && grammar::trim(&list[quoted..end]).is_empty() {
                return Some(&list[..quoted]);
            }
        }
    }
}

/// The length of the entity tag that a list begins with, if it begins with one.
fn quoted_len(list: &[u8]) -> Option<usize> {
    let inside = opaque_tag(list).strip_prefix(b"\"")?;
    let closing = inside.iter().position(|&byte| byte == b'"')?;
    Some(list.len() - inside.len() + closing + 1)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::Method;

    use super::Verdict::{NotModified, PreconditionFailed, Proceed};
    use super::{Strength, Validators, Verdict, evaluate, parts_fit};
    use crate::message::Fields;

    /// 1994-11-06 08:49:37 and a half.
    const MODIFIED: Duration = Duration::from_millis(784_111_777_500);
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[track_caller]
    fn check(method: &Method, etag: &str, lines: &[(&str, &str)], expected: Verdict) {
        let raw: String = lines.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let fields = Fields::from_checked_lines(raw.as_bytes());
        let modified = Some(UNIX_EPOCH + MODIFIED);
        let current = Validators { etag: Some(etag.into()), modified };
        assert_eq!(evaluate(method, fields, &current), expected, "{method} {etag} {raw}");
    }

    #[test]
    fn without_preconditions_proceed() {
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            check(&method, "\"a\"", &[("If-Range", "\"b\"")], Proceed);
        }
    }

    #[test]
    fn what_was_just_modified_is_weak() {
        let read = UNIX_EPOCH + MODIFIED;
        for (before, expected) in [
            (1_000_000, Strength::Strong),
            (1_000, Strength::Strong),
            (999, Strength::Weak),
            (0, Strength::Weak),
        ] {
            let modified = read - Duration::from_millis(before);
            assert_eq!(Strength::of(modified, read), expected, "{before} ms before");
        }
        assert_eq!(Strength::of(read + Duration::from_secs(9), read), Strength::Weak);
        assert_eq!(Strength::of(UNIX_EPOCH - MODIFIED, read), Strength::Strong);
    }

    #[track_caller]
    fn check_parts(etag: Option<&str>, lines: &[&str], expected: bool) {
        let raw: String = lines.iter().map(|value| format!("If-Range: {value}\r\n")).collect();
        let fields = Fields::from_checked_lines(raw.as_bytes());
        let modified = Some(UNIX_EPOCH + MODIFIED);
        let current = Validators { etag: etag.map(str::to_owned), modified };
        assert_eq!(parts_fit(fields, &current), expected, "{etag:?} {lines:?}");
    }

    #[test]
    fn if_range_wants_the_same_strong_tag() {
        for (etag, value, expected) in [
            ("\"a\"", "\"a\"", true),
            ("\"a\"", "\"b\"", false),
            ("\"a\"", "\"A\"", false),
            ("\"a\"", "W/\"a\"", false),
            ("W/\"a\"", "W/\"a\"", false),
            ("W/\"a\"", "\"a\"", false),
            ("\"a\"", "\"b\", \"a\"", false),
            ("\"a\"", "\"a\", \"b\"", false),
            ("\"a\"", "\"a\" x", false),
            ("\"a\"", "*", false),
            ("\"a\"", "a", false),
            ("\"a\"", "", false),
            ("\"a,b\"", "\"a,b\"", true),
        ] {
            check_parts(Some(etag), &[value], expected);
        }
        check_parts(Some("\"a\""), &["\"a\"", "\"a\""], false);
        check_parts(None, &["\"a\""], false);
    }

    #[test]
    fn if_range_wants_the_very_date_and_a_strong_one() {
        for (etag, value, expected) in [
            (Some("\"a\""), SAME, true),
            (Some("\"a\""), "Sunday, 06-Nov-94 08:49:37 GMT", true),
            (Some("\"a\""), "Sun Nov  6 08:49:37 1994", true),
            (Some("\"a\""), BEFORE, false),
            (Some("\"a\""), AFTER, false),
            (Some("\"a\""), "Sun, 06 Nov 1994", false),
            (Some("W/\"a\""), SAME, false),
            (None, SAME, false),
        ] {
            check_parts(etag, &[value], expected);
        }
        check_parts(Some("\"a\""), &[SAME, SAME], false);
        for etag in [Some("\"a\""), Some("W/\"a\""), None] {
            check_parts(etag, &[], true);
        }
        let fields = Fields::from_checked_lines(b"If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        let current = Validators { etag: Some("\"a\"".into()), modified: None };
        assert!(!parts_fit(fields, &current));
    }

    #[test]
    fn if_match_compares_strongly() {
        for (etag, value, expected) in [
            ("\"a\"", "\"a\"", Proceed),
            ("\"a\"", "\"b\"", PreconditionFailed),
            ("\"a\"", "\"b\", \"a\"", Proceed),
            ("\"a\"", "\"b\" , ,\t\"a\" ,", Proceed),
            ("\"a\"", "*", Proceed),
            ("\"a\"", "W/\"a\"", PreconditionFailed),
            ("W/\"a\"", "W/\"a\"", PreconditionFailed),
            ("W/\"a\"", "\"a\"", PreconditionFailed),
            ("W/\"a\"", "*", Proceed),
            ("\"a\"", "", PreconditionFailed),
            ("\"a\"", "a", PreconditionFailed),
        ] {
            for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
                check(&method, etag, &[("If-Match", value)], expected);
            }
        }
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (etag, value, expected) in [
            ("\"a\"", "\"a\"", NotModified),
            ("\"a\"", "W/\"a\"", NotModified),
            ("W/\"a\"", "\"a\"", NotModified),
            ("W/\"a\"", "W/\"a\"", NotModified),
            ("\"a\"", "\"b\", W/\"a\"", NotModified),
            ("\"a\"", "*", NotModified),
            ("\"a\"", "\"b\"", Proceed),
            ("\"a\"", "\"A\"", Proceed),
            ("\"a\"", "", Proceed),
            ("\"a\"", "w/\"a\"", Proceed),
            ("\"a\"", "W/ \"a\"", Proceed),
        ] {
            check(&Method::GET, etag, &[("If-None-Match", value)], expected);
            check(&Method::HEAD, etag, &[("if-none-match", value)], expected);
            let elsewhere = if expected == NotModified { PreconditionFailed } else { Proceed };
            check(&Method::PUT, etag, &[("If-None-Match", value)], elsewhere);
        }
    }

    #[test]
    fn a_list_is_walked_by_its_quotes_and_not_by_its_commas() {
        for (etag, value, expected) in [
            ("\"a,b\"", "\"a,b\"", NotModified),
            ("\"a,b\"", "\"x\",\"a,b\",\"y\"", NotModified),
            ("\"b\"", "\"a,\"b\",c\"", Proceed),
            ("\"a\"", "\"x, \"a\"", Proceed),
            ("\"\"", "\"\"", NotModified),
            ("\"a\"", "a, \"a\"", NotModified),
            ("\"a\"", "a", Proceed),
            ("\"a\"", "\"a", Proceed),
            ("\"a\"", "a\"", Proceed),
            ("\"a\"", "\"a\"x", Proceed),
            ("\"a\"", "x\"a\"", Proceed),
            ("\"a\"", "\"a\"\"b\", \"a\"", NotModified),
            ("\"a\"", "\"b\", *", Proceed),
        ] {
            check(&Method::GET, etag, &[("If-None-Match", value)], expected);
        }
    }

    #[test]
    fn a_list_may_be_spread_over_several_fields() {
        let lines = [("If-None-Match", "\"x\""), ("Host", "h"), ("if-none-match", "\"y\", \"a\"")];
        check(&Method::GET, "\"a\"", &lines, NotModified);
        check(&Method::GET, "\"b\"", &lines, Proceed);
        let lines = [("If-Match", "\"x\""), ("If-Match", "\"a\"")];
        check(&Method::PUT, "\"a\"", &lines, Proceed);
        check(&Method::PUT, "\"b\"", &lines, PreconditionFailed);
    }

    #[test]
    fn dates_compare_in_whole_seconds() {
        for (name, value, expected) in [
            ("If-Modified-Since", BEFORE, Proceed),
            ("If-Modified-Since", SAME, NotModified),
            ("If-Modified-Since", AFTER, NotModified),
            ("If-Unmodified-Since", BEFORE, PreconditionFailed),
            ("If-Unmodified-Since", SAME, Proceed),
            ("If-Unmodified-Since", AFTER, Proceed),
        ] {
            check(&Method::GET, "\"a\"", &[(name, value)], expected);
            check(&Method::HEAD, "\"a\"", &[(name, value)], expected);
        }
        check(&Method::PUT, "\"a\"", &[("If-Modified-Since", SAME)], Proceed);
        check(&Method::PUT, "\"a\"", &[("If-Unmodified-Since", BEFORE)], PreconditionFailed);
    }

    #[test]
    fn all_three_forms_of_a_date_are_read_and_nothing_else() {
        for (value, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", NotModified),
            ("Sunday, 06-Nov-94 08:49:37 GMT", NotModified),
            ("Sun Nov  6 08:49:37 1994", NotModified),
            ("Mon, 30 Feb 2026 08:49:37 GMT", Proceed),
            ("Mon, 02 Mar 2026 08:49:37 GMT", NotModified),
            ("Mon, 06 Nov 1994 08:49:37 GMT", Proceed),
            ("Sun, 06 Nov 1994 24:00:00 GMT", Proceed),
            ("Sun, 06 Nov 1994 08:49:60 GMT", Proceed),
            ("Sun, 06 Nov 1994 08:49:37 CET", Proceed),
            ("Sun, 6 Nov 1994 08:49:37 GMT", Proceed),
            ("784111777", Proceed),
            ("\u{201c}Sun, 06 Nov 1994\u{201d}", Proceed),
            ("", Proceed),
        ] {
            check(&Method::GET, "\"a\"", &[("If-Modified-Since", value)], expected);
        }
    }

    #[test]
    fn a_doubled_date_is_ignored() {
        for (name, date) in [("If-Modified-Since", SAME), ("If-Unmodified-Since", BEFORE)] {
            check(&Method::GET, "\"a\"", &[(name, date), (name, date)], Proceed);
        }
    }

    #[test]
    fn an_entity_tag_outweighs_a_date() {
        let (same, other) = ("\"a\"", "\"b\"");
        for (lines, expected) in [
            ([("If-None-Match", other), ("If-Modified-Since", AFTER)], Proceed),
            ([("If-None-Match", same), ("If-Modified-Since", BEFORE)], NotModified),
            ([("If-None-Match", "a"), ("If-Modified-Since", AFTER)], Proceed),
            ([("If-Match", same), ("If-Unmodified-Since", BEFORE)], Proceed),
            ([("If-Match", other), ("If-Unmodified-Since", AFTER)], PreconditionFailed),
            ([("If-Match", other), ("If-None-Match", same)], PreconditionFailed),
            ([("If-Match", same), ("If-None-Match", same)], NotModified),
            ([("If-Unmodified-Since", BEFORE), ("If-None-Match", same)], PreconditionFailed),
            ([("If-Unmodified-Since", SAME), ("If-Modified-Since", SAME)], NotModified),
        ] {
            check(&Method::GET, "\"a\"", &lines, expected);
        }
    }

    #[test]
    fn content_without_a_date_has_no_precondition_on_one() {
        let current = Validators { etag: Some("\"a\"".into()), modified: None };
        for name in ["If-Modified-Since", "If-Unmodified-Since"] {
            let raw = format!("{name}: {SAME}\r\n");
            let fields = Fields::from_checked_lines(raw.as_bytes());
            assert_eq!(evaluate(&Method::GET, fields, &current), Proceed);
        }
    }
}
