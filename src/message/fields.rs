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
}

impl<'a> Fields<'a> {
    /// Field lines that a parser has accepted: each `name:value` and ended by CRLF, without the
    /// blank line.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_checked_lines(lines: &'a [u8]) -> Self {
        Self { lines }
    }

    /// The value of the first field of that name, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Every value of that name in the order they came; a list may be spread over several fields
    /// (RFC 9110 §5.3).
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        // Most lines are others: they are told by their bytes, and not taken apart any further.
        let lines = Lines { rest: self.lines };
        let named = lines.filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| value.trim_ascii())
    }

    /// Every field as (name, value), in the order they came.
    #[must_use]
    pub const fn iter(&self) -> FieldsIter<'a> {
        FieldsIter { lines: Lines { rest: self.lines } }
    }

    /// Whether there is a field whose name begins with this, without regard to case.
    pub(crate) fn any_begins_with(&self, prefix: &str) -> bool {
        let begins = |name: &[u8]| {
            name.get(..prefix.len()).is_some_and(|n| n.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        Lines { rest: self.lines }.any(|(name, _)| begins(name))
    }

    /// Whether there is no field at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
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

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // The parser let no CR or LF stand inside a line, so the first LF ends this one.
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((&line[..colon], &line[colon + 1..]))
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
        assert_eq!(fields.all("Accept").collect::<Vec<_>>(), [&b"x"[..], b"y:z"]);
    }

    #[test]
    fn no_lines_are_no_fields() {
        assert!(Fields::default().is_empty());
        assert_eq!(Fields::default().iter().count(), 0);
    }
}
