//! Ranges: which bytes of the content are asked for (RFC 9110 §14).
//!
//! Relies on the preconditions having been evaluated, and on the length being that of the content
//! as it would be sent whole, coding included. Never knows what a file is; what it selects lies
//! within the length, and no byte is selected twice.
//! Read next: `conditional.rs` for If-Range, `responders/files/content.rs`, which sends it.

use http::Method;

use super::conditional::{self, Validators};
use super::grammar;
use crate::config::{PART_COST, RANGES_ASKED, RANGES_KEPT_APART};
use crate::message::Fields;

/// A stretch of content. `len` is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, in bytes.
    pub start: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

impl Span {
    /// Where the byte behind it is.
    const fn end(self) -> u64 {
        self.start + self.len
    }
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of the content, as without Range: 200.
    Whole,
    /// One stretch of it: 206 with [`content_range`].
    One(Span),
    /// Two or more, in the order in which they were asked for, none of which overlap or touch: 206
    /// as `multipart/byteranges`, with [`content_range`] in each part and not in the head.
    Several(Vec<Span>),
    /// Nothing of what was asked for is there: 416 with [`unsatisfied`].
    Unsatisfiable,
}

/// A Range field that is disregarded.
struct Disregarded;

/// A satisfiable range, and how many were asked for before it.
struct Asked {
    span: Span,
    turn: usize,
}

/// What a request asks for of content that is `length` bytes long, once its preconditions have let
/// it ([`evaluate`](conditional::evaluate); RFC 9110 §13.2.2).
///
/// Range is disregarded:
/// - with any method but GET, so that HEAD is told what the whole would be (§14.2);
/// - where If-Range is there and false (§13.1.5);
/// - in another unit than bytes, with anything wrong in it, or where the field comes twice, for it
///   is no list (§14.2);
/// - beyond [`RANGES_ASKED`] ranges (§17.15);
/// - on content of no length, of which Content-Range could not speak (§14.2).
///
/// Nothing is allocated without Range.
#[must_use]
pub fn select(method: &Method, fields: Fields<'_>, current: &Validators, length: u64) -> Selection {
    if *method != Method::GET || length == 0 {
        return Selection::Whole;
    }
    let Some(set) = conditional::only(fields, "Range").and_then(byte_ranges) else {
        return Selection::Whole;
    };
    if !conditional::parts_fit(fields, current) {
        return Selection::Whole;
    }
    let Ok(mut asked) = satisfiable(set, length) else { return Selection::Whole };
    join(&mut asked, 0);
    if asked.len() > RANGES_KEPT_APART {
        join(&mut asked, PART_COST);
    }
    match asked[..] {
        [] => Selection::Unsatisfiable,
        [Asked { span, .. }] => Selection::One(span),
        _ => Selection::Several(asked.iter().map(|asked| asked.span).collect()),
    }
}

/// The value of Content-Range in 206: `bytes 0-4/9` (RFC 9110 §14.4).
#[must_use]
pub fn content_range(span: Span, length: u64) -> String {
    format!("bytes {}-{}/{length}", span.start, span.end() - 1)
}

/// The value of Content-Range in 416: `bytes */9`.
#[must_use]
pub fn unsatisfied(length: u64) -> String {
    format!("bytes */{length}")
}

/// What follows `bytes=`. The names of units have no case (RFC 9110 §14.1).
fn byte_ranges(value: &[u8]) -> Option<&[u8]> {
    const UNIT: &[u8] = b"bytes=";
    let (unit, set) = value.split_at_checked(UNIT.len())?;
    unit.eq_ignore_ascii_case(UNIT).then_some(set)
}

/// Those of the ranges that are there, in the order in which they came.
fn satisfiable(set: &[u8], length: u64) -> Result<Vec<Asked>, Disregarded> {
    // A list may begin with an empty element, but not with white space before a full one.
    if matches!(set, [b' ' | b'\t', ..]) && !grammar::trim(set).starts_with(b",") {
        return Err(Disregarded);
    }
    let mut all = Vec::new();
    let mut turn = 0;
    for range in grammar::list(set) {
        if turn == RANGES_ASKED {
            return Err(Disregarded);
        }
        all.extend(satisfied(range, length)?.map(|span| Asked { span, turn }));
        turn += 1;
    }
    if turn == 0 { Err(Disregarded) } else { Ok(all) }
}

/// The stretch that a range comes to: `first-last`, `first-` or `-count` (RFC 9110 §14.1.2).
/// Nothing where it begins behind the end, or asks for the last 0 bytes.
fn satisfied(range: &[u8], length: u64) -> Result<Option<Span>, Disregarded> {
    let dash = range.iter().position(|&byte| byte == b'-').ok_or(Disregarded)?;
    let (first, last) = (&range[..dash], &range[dash + 1..]);
    if !first.iter().chain(last).all(u8::is_ascii_digit) {
        return Err(Disregarded);
    }
    let (start, end) = match (first, last) {
        ([], []) => return Err(Disregarded),
        ([], count) => (length - number(count).min(length), length),
        (first, []) => (number(first), length),
        (first, last) if is_less(last, first) => return Err(Disregarded),
        (first, last) => (number(first), number(last).saturating_add(1).min(length)),
    };
    let len = end.saturating_sub(start);
    Ok((len > 0).then_some(Span { start, len }))
}

/// The number that these digits are, or the largest there is: no content is longer than that, so a
/// larger one means the same.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number: u64, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    })
}

/// Compares two numbers of any length.
fn is_less(one: &[u8], other: &[u8]) -> bool {
    let [one, other] = [one, other].map(|digits| {
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        &digits[zeros..]
    });
    (one.len(), one) < (other.len(), other)
}

/// Joins those that overlap, touch, or have no more than `gap` bytes between them; what is joined
/// takes the turn of the first of them (RFC 9110 §15.3.7.2).
fn join(all: &mut Vec<Asked>, gap: u64) {
    all.sort_unstable_by_key(|asked| asked.span.start);
    all.dedup_by(|later, kept| {
        let is_near = later.span.start <= kept.span.end().saturating_add(gap);
        if is_near {
            kept.span.len = kept.span.end().max(later.span.end()) - kept.span.start;
            kept.turn = kept.turn.min(later.turn);
        }
        is_near
    });
    all.sort_unstable_by_key(|asked| asked.turn);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::Method;

    use super::Selection::{One, Several, Unsatisfiable, Whole};
    use super::{Selection, Span, content_range, select, unsatisfied};
    use crate::config::{PART_COST, RANGES_ASKED, RANGES_KEPT_APART};
    use crate::message::Fields;
    use crate::wire::conditional::Validators;

    /// 1994-11-06 08:49:37.
    const MODIFIED: Duration = Duration::from_secs(784_111_777);
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LENGTH: u64 = 26;

    fn selection(method: &Method, lines: &[(&str, &str)], length: u64) -> Selection {
        let raw: String = lines.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let modified = Some(UNIX_EPOCH + MODIFIED);
        let current = Validators { etag: Some("\"a\"".into()), modified };
        select(method, Fields::from_checked_lines(raw.as_bytes()), &current, length)
    }

    fn span(start: u64, len: u64) -> Span {
        Span { start, len }
    }

    fn several(spans: &[(u64, u64)]) -> Selection {
        Several(spans.iter().map(|&(start, len)| span(start, len)).collect())
    }

    #[track_caller]
    fn check(value: &str, expected: &Selection) {
        let selected = selection(&Method::GET, &[("Range", value)], LENGTH);
        assert_eq!(selected, *expected, "{value}");
    }

    #[test]
    fn one_range() {
        for (value, expected) in [
            ("bytes=0-4", One(span(0, 5))),
            ("bytes=0-0", One(span(0, 1))),
            ("bytes=25-25", One(span(25, 1))),
            ("bytes=20-", One(span(20, 6))),
            ("bytes=20-25", One(span(20, 6))),
            ("bytes=20-26", One(span(20, 6))),
            ("bytes=20-999", One(span(20, 6))),
            ("bytes=0-", One(span(0, 26))),
            ("bytes=0-25", One(span(0, 26))),
            ("bytes=-1", One(span(25, 1))),
            ("bytes=-5", One(span(21, 5))),
            ("bytes=-26", One(span(0, 26))),
            ("bytes=-999", One(span(0, 26))),
            ("bytes=0000000000000000000000003-0005", One(span(3, 3))),
            ("BYTES=0-4", One(span(0, 5))),
            ("bYtEs=0-4", One(span(0, 5))),
        ] {
            check(value, &expected);
        }
    }

    #[test]
    fn nothing_that_is_there() {
        for value in [
            "bytes=26-",
            "bytes=26-26",
            "bytes=99-100",
            "bytes=-0",
            "bytes=-000",
            "bytes=-0, 26-, 30-40",
        ] {
            check(value, &Unsatisfiable);
        }
        check("bytes=26-, 3-4, -0", &One(span(3, 2)));
        check("bytes=26-, 3-4, -0, 8-9", &several(&[(3, 2), (8, 2)]));
    }

    #[test]
    fn numbers_of_any_length() {
        let long = "9".repeat(5_000);
        for (value, expected) in [
            ("bytes=3-18446744073709551615".to_owned(), One(span(3, 23))),
            ("bytes=3-18446744073709551620".to_owned(), One(span(3, 23))),
            ("bytes=-18446744073709551620".to_owned(), One(span(0, 26))),
            ("bytes=18446744073709551616-".to_owned(), Unsatisfiable),
            ("bytes=18446744073709551617-18446744073709551618".to_owned(), Unsatisfiable),
            ("bytes=18446744073709551618-18446744073709551617".to_owned(), Whole),
            (format!("bytes=3-{long}"), One(span(3, 23))),
            (format!("bytes=-{long}"), One(span(0, 26))),
            (format!("bytes={long}-"), Unsatisfiable),
            (format!("bytes={long}-{long}"), Unsatisfiable),
            (format!("bytes={long}-3"), Whole),
        ] {
            check(&value, &expected);
        }
        let all = selection(&Method::GET, &[("Range", "bytes=0-18446744073709551615")], u64::MAX);
        assert_eq!(all, One(span(0, u64::MAX)));
        let last = selection(&Method::GET, &[("Range", "bytes=-1, 0-0")], u64::MAX);
        assert_eq!(last, several(&[(u64::MAX - 1, 1), (0, 1)]));
    }

    #[test]
    fn what_has_an_error_in_it_is_disregarded_with_all() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes= ",
            "bytes=,",
            "bytes=-",
            "bytes=abc",
            "bytes 0-4",
            "bytes =0-4",
            "bytes= 0-4",
            "bytes:0-4",
            "bytes=0 - 4",
            "bytes=0- 4",
            "bytes=0x0-0x4",
            "bytes=0.0-4.0",
            "bytes=0-4-",
            "bytes=--4",
            "bytes=+0-4",
            "bytes=4-0",
            "bytes=99-98",
            "bytes=0-1;2-3",
            "bytes=0-1 2-3",
            "bytes=0-1,x",
            "bytes=0-1,5-4",
            "bytes=\"0-1\"",
            "bytes=0-4, bytes=5-6",
            "byte=0-4",
            "octets=0-4",
            "lines=0-4",
            "none",
            "0-4",
            "=0-4",
        ] {
            check(value, &Whole);
        }
        let twice = [("Range", "bytes=0-4"), ("range", "bytes=0-4")];
        assert_eq!(selection(&Method::GET, &twice, LENGTH), Whole);
    }

    #[test]
    fn a_list_may_have_white_space_and_empty_elements() {
        let expected = several(&[(0, 2), (5, 2)]);
        for value in [
            "bytes=0-1,5-6",
            "bytes=0-1, 5-6",
            "bytes=0-1 ,\t5-6",
            "bytes=0-1,,5-6",
            "bytes=,0-1, ,5-6,",
            "bytes= ,0-1,5-6",
        ] {
            check(value, &expected);
        }
    }

    #[test]
    fn several_stay_in_the_order_in_which_they_were_asked_for() {
        for (value, expected) in [
            ("bytes=5-6,0-1", several(&[(5, 2), (0, 2)])),
            ("bytes=-1,0-0,10-11", several(&[(25, 1), (0, 1), (10, 2)])),
            ("bytes=0-1,3-4", several(&[(0, 2), (3, 2)])),
        ] {
            check(value, &expected);
        }
    }

    #[test]
    fn those_that_overlap_or_touch_are_one() {
        for (value, expected) in [
            ("bytes=0-9,5-14", One(span(0, 15))),
            ("bytes=5-14,0-9", One(span(0, 15))),
            ("bytes=0-1,2-3", One(span(0, 4))),
            ("bytes=0-14,5-6", One(span(0, 15))),
            ("bytes=0-0,0-0,0-0", One(span(0, 1))),
            ("bytes=0-,-5", One(span(0, 26))),
            ("bytes=10-25,0-9", One(span(0, 26))),
            ("bytes=20-21,0-4,10-11,3-6", several(&[(20, 2), (0, 7), (10, 2)])),
            ("bytes=3-6,20-21,0-4,10-11", several(&[(0, 7), (20, 2), (10, 2)])),
            ("bytes=0-1,4-5,2-3,8-9", several(&[(0, 6), (8, 2)])),
        ] {
            check(value, &expected);
        }
    }

    /// Ranges of one byte, `step` apart.
    fn comb(teeth: usize, step: u64) -> String {
        let teeth: Vec<_> = (0..teeth as u64).map(|n| format!("{0}-{0}", n * step)).collect();
        format!("bytes={}", teeth.join(","))
    }

    #[test]
    fn many_near_ones_are_joined() {
        let length = 1 << 20;
        let ask = |value: String| selection(&Method::GET, &[("Range", &value)], length);
        let Several(few) = ask(comb(RANGES_KEPT_APART, 2)) else { panic!("they are kept apart") };
        assert_eq!(few.len(), RANGES_KEPT_APART);
        let many = RANGES_KEPT_APART + 1;
        let near = PART_COST + 1;
        assert_eq!(ask(comb(many, near)), One(span(0, (many as u64 - 1) * near + 1)));
        let Several(far) = ask(comb(many, near + 1)) else { panic!("they are kept apart") };
        assert_eq!(far.len(), many);
    }

    #[test]
    fn too_many_are_the_whole() {
        let length = 1 << 20;
        let ask = |value: String| selection(&Method::GET, &[("Range", &value)], length);
        assert!(
            matches!(ask(comb(RANGES_ASKED, 1_000)), Several(all) if all.len() == RANGES_ASKED)
        );
        assert_eq!(ask(comb(RANGES_ASKED + 1, 1_000)), Whole);
        assert_eq!(ask(format!("bytes={}", "0-,".repeat(1_000))), Whole);
    }

    #[test]
    fn range_is_for_get_alone() {
        for method in [Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            for value in ["bytes=0-4", "bytes=99-", "bytes=0-1,5-6"] {
                assert_eq!(selection(&method, &[("Range", value)], LENGTH), Whole, "{method}");
            }
        }
    }

    #[test]
    fn what_is_empty_has_no_parts() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=-5", "bytes=-0"] {
            assert_eq!(selection(&Method::GET, &[("Range", value)], 0), Whole, "{value}");
        }
    }

    #[test]
    fn a_part_is_of_the_state_that_if_range_names() {
        for (if_range, range, expected) in [
            ("\"a\"", "bytes=0-4", One(span(0, 5))),
            ("\"a\"", "bytes=99-", Unsatisfiable),
            (SAME, "bytes=0-4", One(span(0, 5))),
            ("\"b\"", "bytes=0-4", Whole),
            ("\"b\"", "bytes=99-", Whole),
            ("W/\"a\"", "bytes=0-4", Whole),
            ("Sun, 06 Nov 1994 08:49:38 GMT", "bytes=0-4", Whole),
            ("garbage", "bytes=0-4", Whole),
        ] {
            let lines = [("If-Range", if_range), ("Range", range)];
            assert_eq!(selection(&Method::GET, &lines, LENGTH), expected, "{if_range} {range}");
        }
        assert_eq!(selection(&Method::GET, &[("If-Range", "\"a\"")], LENGTH), Whole);
        assert_eq!(selection(&Method::GET, &[], LENGTH), Whole);
    }

    #[test]
    fn what_content_range_says() {
        assert_eq!(content_range(span(0, 5), 9), "bytes 0-4/9");
        assert_eq!(content_range(span(8, 1), 9), "bytes 8-8/9");
        let most = u64::MAX;
        assert_eq!(content_range(span(0, most), most), format!("bytes 0-{}/{most}", most - 1));
        assert_eq!(unsatisfied(9), "bytes */9");
    }
}
