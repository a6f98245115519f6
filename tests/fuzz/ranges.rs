//! Ranges, held against a naive reader: one that marks every byte it is asked for.
//!
//! Called by the target `fields`. What the naive reader is too slow for, content of many MiB, still
//! has to be in bounds and in one piece.

use http::Method;
use oneloop::config::{PART_COST, RANGES_ASKED, RANGES_KEPT_APART};
use oneloop::message::Fields;
use oneloop::wire::conditional::Validators;
use oneloop::wire::ranges::{Selection, Span, content_range, select};

use super::fields::{date, modified, own, tag};

/// The longest content of which every byte is marked.
const MARKED: u64 = 2_000;

/// How long the content is: a few bytes mostly, and now and then as long as can be.
pub(crate) fn length(number: u8) -> u64 {
    match number {
        60 => 1_000,
        61 => MARKED,
        62 => 1 << 40,
        63.. => u64::MAX,
        small => u64::from(small),
    }
}

pub(crate) fn check_ranges(method: &Method, fields: Fields<'_>, current: &Validators, length: u64) {
    let selection = select(method, fields, current, length);
    let shown = || {
        let lines: Vec<_> = fields.iter().map(|(n, v)| (n, v.escape_ascii().to_string())).collect();
        format!("{method} {length} {current:?} {lines:?}: {selection:?}")
    };
    let spans = match &selection {
        Selection::Whole | Selection::Unsatisfiable => &[],
        Selection::One(span) => std::slice::from_ref(span),
        Selection::Several(spans) => &spans[..],
    };
    if let Selection::Several(_) = selection {
        assert!((2..=RANGES_ASKED).contains(&spans.len()), "{}", shown());
    }
    assert!(is_in_bounds(spans, length), "{}", shown());
    if length <= MARKED {
        assert_eq!(selection, by_marks(method, fields, current, length), "{}", shown());
    }
}

/// Every span has a byte, there is at least one byte between any two of them, none reaches beyond
/// the end, and all with their heads are hardly more than the whole (RFC 9110 §17.15).
fn is_in_bounds(spans: &[Span], length: u64) -> bool {
    let mut sorted = spans.to_vec();
    sorted.sort_by_key(|span| span.start);
    let mut free = 0;
    let mut cost = 0;
    for span in &sorted {
        let is_apart = free == 0 || span.start > free;
        if span.len == 0
            || !is_apart
            || u128::from(span.start) + u128::from(span.len) > length.into()
        {
            return false;
        }
        let last = span.start + (span.len - 1);
        assert_eq!(content_range(*span, length), format!("bytes {}-{last}/{length}", span.start));
        free = span.start + span.len;
        cost += u128::from(span.len) + u128::from(PART_COST);
    }
    cost <= u128::from(length) + RANGES_KEPT_APART as u128 * u128::from(PART_COST)
}

/// What is selected, byte by byte.
fn by_marks(method: &Method, fields: Fields<'_>, current: &Validators, length: u64) -> Selection {
    let ranges = asked(fields);
    let (Some(ranges), true) = (ranges, *method == Method::GET && length > 0) else {
        return Selection::Whole;
    };
    if !if_range_is_true(fields, current) {
        return Selection::Whole;
    }
    // For each byte, the first range that it is in.
    let mut marks = vec![None; usize::try_from(length).expect("it is short")];
    for (turn, range) in ranges.iter().enumerate().rev() {
        let (first, last) = match *range {
            Range::Last(count) => (u128::from(length).saturating_sub(count), u128::MAX),
            Range::From(first, last) => (first, last),
        };
        for (at, mark) in marks.iter_mut().enumerate() {
            if (first..=last).contains(&(at as u128)) {
                *mark = Some(turn);
            }
        }
    }
    let mut runs = runs(&marks, 0);
    if runs.len() > RANGES_KEPT_APART {
        runs = self::runs(&marks, PART_COST);
    }
    runs.sort_by_key(|(turn, _)| *turn);
    let spans: Vec<Span> = runs.into_iter().map(|(_, span)| span).collect();
    match spans[..] {
        [] => Selection::Unsatisfiable,
        [span] => Selection::One(span),
        _ => Selection::Several(spans),
    }
}

/// The stretches of marked bytes, each with its first turn; one goes on across a gap of so many.
fn runs(marks: &[Option<usize>], gap: u64) -> Vec<(usize, Span)> {
    let mut runs: Vec<(usize, Span)> = Vec::new();
    for (at, mark) in marks.iter().enumerate() {
        let Some(mark) = *mark else { continue };
        let at = at as u64;
        match runs.last_mut() {
            Some((turn, span)) if at - (span.start + span.len) <= gap => {
                span.len = at + 1 - span.start;
                *turn = mark.min(*turn);
            }
            _ => runs.push((mark, Span { start: at, len: 1 })),
        }
    }
    runs
}

enum Range {
    From(u128, u128),
    Last(u128),
}

/// The ranges, of any number up to the limit, or nothing where the field is to be disregarded.
fn asked(fields: Fields<'_>) -> Option<Vec<Range>> {
    let values: Vec<&[u8]> = fields.all("range").collect();
    let [value] = values[..] else { return None };
    let (unit, set) = std::str::from_utf8(value).ok()?.split_once('=')?;
    // `[ element ] *( OWS "," OWS [ element ] )`: white space comes only with a comma.
    let is_list = set.trim_matches([' ', '\t']) == set || set.trim_start().starts_with(',');
    if !unit.eq_ignore_ascii_case("bytes") || !is_list {
        return None;
    }
    let elements = set.split(',').map(|element| element.trim_matches([' ', '\t']));
    let elements: Vec<&str> = elements.filter(|element| !element.is_empty()).collect();
    if elements.is_empty() || elements.len() > RANGES_ASKED {
        return None;
    }
    elements.into_iter().map(range).collect()
}

fn range(element: &str) -> Option<Range> {
    let (first, last) = element.split_once('-')?;
    if !(first.to_owned() + last).bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |digits: &str| digits.parse().unwrap_or(u128::MAX);
    let width = element.len();
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => Some(Range::Last(number(last))),
        (false, true) => Some(Range::From(number(first), u128::MAX)),
        (false, false) if format!("{last:0>width$}") < format!("{first:0>width$}") => None,
        (false, false) => Some(Range::From(number(first), number(last))),
    }
}

/// RFC 9110 §13.1.5. The date is as strong as the tag.
fn if_range_is_true(fields: Fields<'_>, current: &Validators) -> bool {
    let values: Vec<&[u8]> = fields.all("if-range").collect();
    let (value, own) = match (&values[..], own(current)) {
        ([], _) => return true,
        ([value], Some(own)) if !own.is_weak => (value, own),
        _ => return false,
    };
    match tag(value) {
        Some((tag, [])) => !tag.is_weak && tag.opaque == own.opaque,
        _ => date(fields, "if-range").is_some_and(|date| modified(current) == Some(date)),
    }
}
