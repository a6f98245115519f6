//! Reads a head in every way that bytes can arrive, and insists that it comes to the same.

use oneloop::wire::Fault;
use oneloop::wire::framing::Framing;
use oneloop::wire::request::{self, Head, Scan};
use oneloop::{Limits, Version};

/// What a head says, apart from the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) len: usize,
    pub(crate) line: Vec<u8>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) version: Version,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) framing: Framing,
}

impl From<Head<'_>> for Seen {
    fn from(head: Head<'_>) -> Self {
        let fields =
            head.request.fields.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
        Self {
            len: head.len,
            line: head.line.to_vec(),
            method: head.request.method.to_string(),
            path: head.request.path.into_owned(),
            query: head.request.query.map(str::to_owned),
            version: head.request.version,
            fields: fields.collect(),
            framing: head.framing,
        }
    }
}

/// What becomes of bytes: nothing before more of them come, a head, or a fault.
pub(crate) type Read = Result<Option<Seen>, Fault>;

/// Up to this length a head is cut in two at every place.
const CUT_EVERYWHERE: usize = 400;

/// What must make no difference behind a head.
const JUNK: [&[u8]; 6] =
    [b"\n", b"\r", b"\0", b"\xff\xfe", b"GET / HTTP/1.1\r\n\r\n", b" folded: ?\r\n"];

/// Reads what is at the beginning of `bytes`: at once, byte by byte, cut in two at every place, and
/// with junk behind it.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Read {
    let at_once = read_by(bytes, limits, [bytes.len()]);
    let by_byte = read_by(bytes, limits, 1..=bytes.len());
    assert_eq!(by_byte, at_once, "byte by byte: {}", bytes.escape_ascii());
    if bytes.len() <= CUT_EVERYWHERE {
        for cut in 1..bytes.len() {
            let in_two = read_by(bytes, limits, [cut, bytes.len()]);
            assert_eq!(in_two, at_once, "cut at {cut}: {}", bytes.escape_ascii());
        }
    }
    if matches!(at_once, Ok(Some(_))) {
        for junk in JUNK {
            let with_junk = [bytes, junk].concat();
            let read = read_by(&with_junk, limits, [with_junk.len()]);
            assert_eq!(read, at_once, "with {} behind it", junk.escape_ascii());
        }
    }
    at_once
}

/// Reads with what is there growing to each of `lengths`, as far as that goes.
pub(crate) fn read_by(
    bytes: &[u8],
    limits: &Limits,
    lengths: impl IntoIterator<Item = usize>,
) -> Read {
    let mut scan = Scan::default();
    for length in lengths {
        if let Some(head) = request::read(&bytes[..length], &mut scan, limits)? {
            assert!(head.len <= length, "a head is no longer than what is there");
            return Ok(Some(head.into()));
        }
    }
    Ok(None)
}

/// A whole head, or the fault.
pub(crate) fn read_whole(bytes: &[u8]) -> Result<Seen, Fault> {
    let read = read(bytes, &Limits::default())?;
    let seen = read.unwrap_or_else(|| panic!("no end of {}", bytes.escape_ascii()));
    assert_eq!(seen.len, bytes.len(), "all of it belongs to it: {}", bytes.escape_ascii());
    Ok(seen)
}

/// The cases of rows in which a section of an RFC stands for several of them, between bars.
pub(crate) fn cases<'a>(rows: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    rows.iter().flat_map(|(rfc, row)| row.split('|').map(|case| (*rfc, case))).collect()
}
