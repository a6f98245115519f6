//! The small words of HTTP's grammar that more than one file needs (RFC 9110 §5.6, RFC 3986
//! §3.2.2).

// What a byte may be, each a bit.
const TOKEN: u8 = 1;
const UNRESERVED: u8 = 2;
const SUB_DELIMITER: u8 = 4;
const PLAIN_IN_PATH: u8 = 8;

/// What each byte may be. Every byte of a request is looked at, most of them here: a load and a
/// test instead of a comparison for every range. It bought 200 of the 2,600 instructions that a
/// short request took.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] = kinds_of(byte as u8);
        byte += 1;
    }
    kinds
};

const fn kinds_of(byte: u8) -> u8 {
    let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let sub_delimiter =
        matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
    let token = byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
        || matches!(byte, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
    let in_path = unreserved || sub_delimiter || matches!(byte, b':' | b'@' | b'/');
    let plain_in_path = in_path && byte != b'.';
    (if token { TOKEN } else { 0 })
        | (if unreserved { UNRESERVED } else { 0 })
        | (if sub_delimiter { SUB_DELIMITER } else { 0 })
        | (if plain_in_path { PLAIN_IN_PATH } else { 0 })
}

#[inline]
fn is_any_of(byte: u8, kinds: u8) -> bool {
    KINDS[usize::from(byte)] & kinds != 0
}

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
#[inline]
#[must_use]
pub fn is_token_byte(byte: u8) -> bool {
    is_any_of(byte, TOKEN)
}

/// Whether these bytes are a token: one token byte at least, and nothing else.
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether a byte may stand in a field value: visible, SP, HTAB, or above 0x7F (RFC 9110 §5.5).
#[must_use]
pub const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Whether a byte never needs percent-encoding (RFC 3986 §2.3).
#[inline]
#[must_use]
pub fn is_unreserved(byte: u8) -> bool {
    is_any_of(byte, UNRESERVED)
}

/// Whether a byte may stand in the name of a host as it is: unreserved, or a sub-delimiter (RFC
/// 3986 §2.2, §3.2.2).
#[inline]
#[must_use]
pub fn is_host_byte(byte: u8) -> bool {
    is_any_of(byte, UNRESERVED | SUB_DELIMITER)
}

/// Whether a byte may stand in a path as it is, `pchar` or `/` (RFC 3986 §3.3), and is none that
/// could make the path another: neither `%` nor a dot.
#[inline]
#[must_use]
pub fn is_plain_in_path(byte: u8) -> bool {
    is_any_of(byte, PLAIN_IN_PATH)
}

/// The number that a hexadecimal digit stands for.
#[must_use]
pub const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that the two digits after a `%` stand for.
#[must_use]
pub fn percent_octet(digits: &[u8]) -> Option<u8> {
    let (&high, rest) = digits.split_first()?;
    Some(hex_digit(high)? << 4 | hex_digit(*rest.first()?)?)
}

/// The elements of a comma-separated list, without the white space around them and without the
/// empty ones (RFC 9110 §5.6.1). Not for lists whose elements may hold commas in quotes; those are
/// for [`split_unquoted`].
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// The same between separators of any kind, of which those in quoted strings are content (RFC 9110
/// §5.6.4). An unclosed quote reaches to the end.
pub fn split_unquoted(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let end = unquoted_position(value, separator);
        rest = end.map(|end| &value[end + 1..]);
        Some(&value[..end.unwrap_or(value.len())])
    })
    .map(trim)
    .filter(|element| !element.is_empty())
}

/// Where that byte comes first outside of quoted strings.
fn unquoted_position(value: &[u8], wanted: u8) -> Option<usize> {
    let (mut at, mut is_quoted) = (0, false);
    while let Some(&byte) = value.get(at) {
        match byte {
            b'\\' if is_quoted => at += 1,
            b'"' => is_quoted = !is_quoted,
            _ if byte == wanted && !is_quoted => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The weight that stands behind `q=`, in thousandths: 0 to 1000 (RFC 9110 §12.4.2).
#[must_use]
pub fn weight(qvalue: &[u8]) -> Option<u16> {
    let (&whole, rest) = qvalue.split_first()?;
    let decimals = match rest {
        [] => rest,
        [b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        _ => return None,
    };
    match whole {
        b'0' if decimals.iter().all(u8::is_ascii_digit) => {
            let digit = |at: usize| decimals.get(at).map_or(0, |&byte| u16::from(byte - b'0'));
            Some(digit(0) * 100 + digit(1) * 10 + digit(2))
        }
        b'1' if decimals.iter().all(|&byte| byte == b'0') => Some(1000),
        _ => None,
    }
}

/// Without the SP and HTAB at both ends; other white space is content.
#[must_use]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{split_unquoted, weight};

    #[test]
    fn what_is_quoted_separates_nothing() {
        for (value, expected) in [
            ("", vec![]),
            (" , ,\t,", vec![]),
            ("a,b", vec!["a", "b"]),
            (" a , b c,\td", vec!["a", "b c", "d"]),
            (r#"a="b,c",d"#, vec![r#"a="b,c""#, "d"]),
            (r#"a="\",b",c"#, vec![r#"a="\",b""#, "c"]),
            (r#"a="\\",b,c"#, vec![r#"a="\\""#, "b", "c"]),
            (r#"a="b,c"#, vec![r#"a="b,c"#]),
            (r#"a="b\"#, vec![r#"a="b\"#]),
            (r"a\,b", vec![r"a\", "b"]),
        ] {
            let split: Vec<_> = split_unquoted(value.as_bytes(), b',').collect();
            let expected: Vec<_> = expected.iter().map(|element| element.as_bytes()).collect();
            assert_eq!(split, expected, "{value}");
        }
    }

    #[test]
    fn weights_have_three_decimals_at_most() {
        for (qvalue, expected) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("0.", Some(0)),
            ("1.", Some(1000)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.999", Some(999)),
            ("0.001", Some(1)),
            ("0.000", Some(0)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("1.0000", None),
            ("0.0000", None),
            ("2", None),
            (".5", None),
            ("00", None),
            ("0,5", None),
            ("0.5 ", None),
            ("-0", None),
            ("0.x", None),
            ("", None),
        ] {
            assert_eq!(weight(qvalue.as_bytes()), expected, "{qvalue}");
        }
    }
}
