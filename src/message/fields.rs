//! Header and trailer fields, read where they lie.
//!
//! The lines were checked once, when the head was parsed; this only walks them. Nothing is copied,
//! so a request of a hundred fields costs no more memory than its bytes.

/// The field lines of a request's head or trailer section (RFC 9110 §5, RFC 9112 §5).
///
/// Names compare without regard to case. Values are bytes without the white space around them; they
/// may hold octets above 0x7F, to which HTTP gives no meaning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    lines: &'a [u8],
    shapes: Shapes,
}

impl<'a> Fields<'a> {
    /// Field lines that a parser has accepted: each `name:value` and ended by CRLF, without the
    /// blank line.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_checked_lines(lines: &'a [u8]) -> Self {
        Self { lines, shapes: Shapes::ANY }
    }

    /// The same, where the parser has taken down the shapes of their names.
    pub(crate) const fn of_shapes(lines: &'a [u8], shapes: Shapes) -> Self {
        Self { lines, shapes }
    }

    /// The value of the first field of that name, if there is one.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Every value of that name in the order they came; a list may be spread over several fields
    /// (RFC 9110 §5.3).
    #[inline]
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        // Most of what is asked for is not there, and nothing is walked then.
        let rest = if self.shapes.may_have(name) { self.lines } else { b"" };
        Named { lines: Lines { rest }, name: name.as_bytes() }
    }

    /// Every field as (name, value), in the order they came.
    #[must_use]
    pub const fn iter(&self) -> FieldsIter<'a> {
        FieldsIter { lines: Lines { rest: self.lines } }
    }

    /// Whether there is a field of any of these names.
    #[inline]
    pub(crate) fn has_any(&self, names: &FieldNames) -> bool {
        self.shapes.0 & names.shapes.0 != 0 && names.names.iter().any(|n| self.get(n).is_some())
    }

    /// Whether there is no field at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// The shapes of names: what a name looks like from afar, as one of 64 bits. A name whose shape is
/// not among them is not among the names, and most of what a server asks for is not there. For a
/// file asked for by a browser that bought two thirds of 27,000 instructions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shapes(u64);

/// Some names that are looked for together, and their shapes.
pub(crate) struct FieldNames {
    names: &'static [&'static str],
    shapes: Shapes,
}

impl FieldNames {
    pub(crate) const fn new(names: &'static [&'static str]) -> Self {
        let (mut shapes, mut at) = (0, 0);
        while at < names.len() {
            shapes |= Shapes::of(names[at]);
            at += 1;
        }
        Self { names, shapes: Shapes(shapes) }
    }
}

impl Shapes {
    /// Of names that nobody has looked at.
    const ANY: Self = Self(u64::MAX);

    /// There is a field of that name.
    #[inline]
    pub(crate) fn add(&mut self, name: &str) {
        self.0 |= Self::of(name);
    }

    #[inline]
    fn may_have(self, name: &str) -> bool {
        self.0 & Self::of(name) != 0
    }

    /// The same for all spellings. By these factors none of the names that are asked for here has
    /// the shape of one that browsers send always.
    #[inline]
    const fn of(name: &str) -> u64 {
        let name = name.as_bytes();
        let [first, .., last] = name else { return 1 };
        let (first, last) = ((*first | 0x20) as usize, (*last | 0x20) as usize);
        1 << ((20 * name.len() + first + 21 * last) % 64)
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = FieldsIter<'a>;

    fn into_iter(self) -> FieldsIter<'a> {
        self.iter()
    }
}

/// Walks [`Fields`], line by line.
#[derive(Clone, Debug)]
pub struct FieldsIter<'a> {
    lines: Lines<'a>,
}

impl<'a> Iterator for FieldsIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.lines.next()?;
        Some((std::str::from_utf8(name).ok()?, value.trim_ascii()))
    }
}

/// Names and values as they stand, with the white space around the values.
#[derive(Clone, Debug)]
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    /// The next line, without its line end.
    #[inline]
    fn next_line(&mut self) -> Option<&'a [u8]> {
        // The parser let no CR or LF stand inside a line, so the first LF ends this one.
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(line)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.next_line()?;
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((&line[..colon], &line[colon + 1..]))
    }
}

/// The values of the lines of one name.
struct Named<'a, 'n> {
    lines: Lines<'a>,
    name: &'n [u8],
}

impl<'a> Iterator for Named<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.lines.next_line()?;
            // Most lines are others. The colon tells those whose names have another length.
            if line.get(self.name.len()) == Some(&b':') {
                let (name, value) = line.split_at(self.name.len());
                if name.eq_ignore_ascii_case(self.name) && !name.contains(&b':') {
                    return Some(value[1..].trim_ascii());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    const LINES: &[u8] = b"Host: a\r\nX-Empty:\r\nAccept: \t x \t\r\naccept:y:z\r\n";

    #[test]
    fn values_lose_the_white_space_around_them_and_nothing_else() {
        let fields: Vec<_> = Fields::from_checked_lines(LINES).iter().collect();
        let expected: [(&str, &[u8]); 4] =
            [("Host", b"a"), ("X-Empty", b""), ("Accept", b"x"), ("accept", b"y:z")];
        assert_eq!(fields, expected);
    }

    #[test]
    fn names_compare_without_regard_to_case() {
        let fields = Fields::from_checked_lines(LINES);
        assert_eq!(fields.get("HOST"), Some(&b"a"[..]));
        assert_eq!(fields.get("hos"), None);
        assert_eq!(fields.get("accept:y"), None, "a name has no colon");
        assert_eq!(fields.get(""), None);
        assert_eq!(fields.all("Accept").collect::<Vec<_>>(), [&b"x"[..], b"y:z"]);
    }

    #[test]
    fn no_lines_are_no_fields() {
        assert!(Fields::default().is_empty());
        assert_eq!(Fields::default().iter().count(), 0);
    }
}
