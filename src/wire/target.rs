//! From a request target to a path in normal form (RFC 9112 §3.2, RFC 3986 §6.2.2).
//!
//! The path is decoded as far as that changes nothing about its meaning and no further: `%61` is
//! `a`, but `%2F` stays, because it is no separator. Dot segments are resolved after that, so
//! `%2e%2e` is `..`. A path that is in normal form already, as nearly all are, is borrowed.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use http::Method;
use memchr::memchr;

use super::Fault;
use super::grammar::{is_host_byte, is_plain_in_path, is_unreserved, percent_octet};

/// A request target, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The path in normal form; `*` in asterisk form.
    pub path: Cow<'a, str>,
    /// What follows the first `?`, as it came.
    pub query: Option<&'a str>,
    /// The host of an absolute target, and its port if it names one. It stands above the Host field
    /// (RFC 9112 §3.2.2).
    pub authority: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// A path in normal form and nothing else.
    #[inline]
    pub(super) const fn of_normal_path(raw: &'a str) -> Self {
        Self { path: Cow::Borrowed(raw), query: None, authority: None }
    }
}

/// Takes a target apart.
///
/// # Errors
/// [`Fault::Target`] where it has none of the forms that go with the method, [`Fault::HostInvalid`]
/// for the authority of an absolute form, [`Fault::AboveRoot`] for a path that climbs too far,
/// [`Fault::Misdirected`] for `https`,
/// [`Fault::Connect`] for CONNECT, whose target names no resource of ours.
pub fn parse<'a>(method: &Method, raw: &'a str) -> Result<Target<'a>, Fault> {
    if *method == Method::CONNECT {
        return Err(Fault::Connect);
    }
    if raw.starts_with('/') {
        return origin_form(raw);
    }
    if raw == "*" {
        // Asterisk form is for OPTIONS alone (RFC 9112 §3.2.4).
        return if *method == Method::OPTIONS {
            Ok(Target { path: Cow::Borrowed("*"), query: None, authority: None })
        } else {
            Err(Fault::Target)
        };
    }
    absolute_form(method, raw)
}

/// `/path?query`
fn origin_form(raw: &str) -> Result<Target<'_>, Fault> {
    let normal = normal_len(raw.as_bytes());
    if normal == raw.len() {
        return Ok(Target::of_normal_path(raw));
    }
    let (path, query) = match memchr(b'?', &raw.as_bytes()[normal..]) {
        Some(at) => (&raw[..normal + at], Some(&raw[normal + at + 1..])),
        None => (raw, None),
    };
    if query.is_some_and(|query| !query.bytes().all(is_query_byte)) {
        return Err(Fault::Target);
    }
    Ok(Target { path: normal_form(path)?, query, authority: None })
}

/// How far a path, which begins with a slash, is seen to be in normal form by one look at each
/// byte: to the first that ends it or could make it another, such as a percent sign or the dot that
/// begins a segment.
#[inline]
pub(super) fn normal_len(path: &[u8]) -> usize {
    let is_odd =
        |at: usize, byte| !is_plain_in_path(byte) && (byte != b'.' || path[at - 1] == b'/');
    path.iter().enumerate().position(|(at, &byte)| is_odd(at, byte)).unwrap_or(path.len())
}

/// `http://authority/path?query`
fn absolute_form<'a>(method: &Method, raw: &'a str) -> Result<Target<'a>, Fault> {
    let (scheme, rest) = raw.split_once("://").ok_or(Fault::Target)?;
    if !rest.is_ascii() {
        return Err(Fault::Target);
    }
    if scheme.eq_ignore_ascii_case("https") {
        // No connection here is secured.
        return Err(Fault::Misdirected);
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(Fault::Target);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !is_authority(authority.as_bytes()) {
        return Err(Fault::HostInvalid);
    }
    let authority = Some(authority);
    let (path, query) = match path.split_once('?') {
        Some((path, query)) if query.bytes().all(is_query_byte) => (path, Some(query)),
        Some(_) => return Err(Fault::Target),
        None => (path, None),
    };
    // An empty path means the root (RFC 9110 §4.2.3), and for OPTIONS the server itself (RFC 9112
    // §3.2.4).
    let path = match path {
        "" if *method == Method::OPTIONS && query.is_none() => Cow::Borrowed("*"),
        "" => Cow::Borrowed("/"),
        _ => normal_form(path)?,
    };
    Ok(Target { path, query, authority })
}

/// What may stand in a query: all that is visible, but for what would be taken for something else.
/// RFC 3986 §3.4 is stricter; browsers send `[ ] { } | \ ^` and the backquote there as they are
/// (URL Standard, query percent-encode set), and nothing here gives them a meaning.
const fn is_query_byte(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'#' | b'<' | b'>')
}

fn normal_form(path: &str) -> Result<Cow<'_, str>, Fault> {
    let bytes = path.as_bytes();
    let mut is_normal = true;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_plain_in_path(byte) => {}
            b'%' => is_normal &= octet_must_stay(&bytes[at + 1..])?,
            // A segment that begins with a dot may be a dot segment. A path begins with a slash.
            b'.' => is_normal &= bytes[at - 1] != b'/',
            _ => return Err(Fault::Target),
        }
    }
    if is_normal { Ok(Cow::Borrowed(path)) } else { resolve(path).map(Cow::Owned) }
}

/// Whether a percent-encoded octet is in normal form already: two upper-case digits for what may
/// not stand as it is. NUL and other controls may not be asked for at all: they name nothing, and
/// reach logs and headers.
fn octet_must_stay(digits: &[u8]) -> Result<bool, Fault> {
    let octet = percent_octet(digits).ok_or(Fault::Target)?;
    if octet.is_ascii_control() {
        return Err(Fault::Target);
    }
    let upper = !digits[..2].iter().any(u8::is_ascii_lowercase);
    Ok(upper && !is_unreserved(octet))
}

/// Undoes needless encoding, then resolves dot segments (RFC 3986 §5.2.4). The path was checked by
/// [`normal_form`].
fn resolve(path: &str) -> Result<String, Fault> {
    let mut normal = String::with_capacity(path.len());
    // Split at the slashes, the path begins with an empty segment, and ends with one where it ends
    // with a slash.
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(raw) = segments.next() {
        let segment = undo_needless_encoding(raw);
        let is_last = segments.peek().is_none();
        match segment.as_ref() {
            "." if is_last => normal.push('/'),
            "." => {}
            ".." => {
                let parent = normal.rfind('/').ok_or(Fault::AboveRoot)?;
                normal.truncate(parent);
                if is_last {
                    normal.push('/');
                }
            }
            _ => {
                normal.push('/');
                normal.push_str(&segment);
            }
        }
    }
    Ok(normal)
}

fn undo_needless_encoding(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut normal = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((plain, encoded)) = rest.split_once('%') {
        normal.push_str(plain);
        let (digits, after) = encoded.split_at(2);
        match percent_octet(digits.as_bytes()) {
            Some(octet) if is_unreserved(octet) => normal.push(char::from(octet)),
            _ => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
        }
        rest = after;
    }
    normal.push_str(rest);
    Cow::Owned(normal)
}

/// Whether these bytes are a host with an optional port: `uri-host [ ":" port ]` (RFC 9110 §7.2),
/// not empty, and without user information.
#[must_use]
pub fn is_authority(bytes: &[u8]) -> bool {
    // Nearly all are a plain name or an IPv4 address, and that is gone over once.
    let (host, port) = bytes.split_at(bytes.iter().take_while(|&&byte| is_host_byte(byte)).count());
    match port.first() {
        None => !host.is_empty(),
        Some(b':') => !host.is_empty() && is_port(port),
        Some(_) => is_odd_authority(bytes),
    }
}

/// The same for those that nearly none are.
#[cold]
fn is_odd_authority(bytes: &[u8]) -> bool {
    let (host, port) = match bytes.first() {
        Some(b'[') => bytes.split_at(memchr(b']', bytes).map_or(bytes.len(), |end| end + 1)),
        _ => bytes.split_at(memchr(b':', bytes).unwrap_or(bytes.len())),
    };
    (is_ip_literal(host) || is_registered_name(host)) && (port.is_empty() || is_port(port))
}

/// `:` and a number, which may be missing (RFC 3986 §3.2.3) but not be more than a port can be.
fn is_port(bytes: &[u8]) -> bool {
    let [b':', digits @ ..] = bytes else { return false };
    if digits.len() <= 4 {
        return digits.iter().all(u8::is_ascii_digit);
    }
    let number = digits.iter().try_fold(0_u32, |number, &digit| {
        let number = number * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        (number <= u32::from(u16::MAX)).then_some(number)
    });
    number.is_some()
}

/// `[IPv6]` or `[vN.future]` (RFC 3986 §3.2.2).
fn is_ip_literal(bytes: &[u8]) -> bool {
    let [b'[', inner @ .., b']'] = bytes else { return false };
    if let [b'v' | b'V', future @ ..] = inner {
        let Some(dot) = future.iter().position(|&byte| byte == b'.') else { return false };
        let (version, address) = (&future[..dot], &future[dot + 1..]);
        let is_address_byte = |&b: &u8| is_host_byte(b) || b == b':';
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(is_address_byte);
    }
    std::str::from_utf8(inner).is_ok_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

/// A registered name, which an IPv4 address is one of (RFC 3986 §3.2.2), and not an empty one (RFC
/// 9110 §4.2.1).
fn is_registered_name(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = match byte {
            b'%' if percent_octet(after).is_some() => &after[2..],
            _ if is_host_byte(*byte) => after,
            _ => return false,
        };
    }
    !bytes.is_empty()
}
