//! Thousands of heads and bodies made of what heads and bodies are made of, in no sensible order:
//! how the bytes arrive makes no difference to what is made of them.
//!
//! No chance is involved: the generator begins where it always begins, so a failure is found again.

use oneloop::Limits;

use super::chunks;
use super::reading::read_by;

/// A small generator of numbers that look as if they had nothing to do with each other (Knuth's
/// constants for a linear congruential one; its upper bits are the good ones).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    /// Some of the pieces, one behind the other.
    fn some(&mut self, pieces: &[&[u8]], most: usize) -> Vec<u8> {
        let n = 1 + self.below(most);
        (0..n).flat_map(|_| pieces[self.below(pieces.len())]).copied().collect()
    }

    /// Growing lengths that end with `len`.
    fn cuts(&mut self, len: usize) -> Vec<usize> {
        let mut cuts: Vec<usize> = (0..self.below(4)).map(|_| self.below(len + 1)).collect();
        cuts.push(len);
        cuts.sort_unstable();
        cuts
    }
}

#[test]
fn heads() {
    const BEGINNINGS: [&[u8]; 6] = [
        b"",
        b"\r\n",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"GET /",
        b"GET / ",
    ];
    const PIECES: [&[u8]; 19] = [
        b"GET",
        b" ",
        b"/",
        b"a",
        b"HTTP/1.1",
        b"\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"Host: x\r\n",
        b":",
        b"a: b\r\n",
        b"\t",
        b"/aaaaaaaaaaaaaaaaaaa",
        b"%",
        b"Content-Length: 1\r\n",
        b"\xff",
    ];
    let mut limits = Limits::default();
    (limits.head_bytes, limits.header_lines) = (64, 3);
    let mut numbers = Numbers(1);
    let mut outcomes = [0; 3];
    for _ in 0..60_000 {
        // A target may be granted more than its head is.
        limits.target_bytes = if numbers.below(4) == 0 { 72 } else { 16 };
        let beginning = BEGINNINGS[numbers.below(BEGINNINGS.len())];
        let bytes = [beginning, &numbers.some(&PIECES, 14)].concat();
        let at_once = read_by(&bytes, &limits, [bytes.len()]);
        let by_byte = read_by(&bytes, &limits, 1..=bytes.len());
        assert_eq!(by_byte, at_once, "byte by byte: {}", bytes.escape_ascii());
        let cuts = numbers.cuts(bytes.len());
        let cut = read_by(&bytes, &limits, cuts.iter().copied());
        assert_eq!(cut, at_once, "cut at {cuts:?}: {}", bytes.escape_ascii());
        outcomes[at_once.map_or(0, |seen| 1 + usize::from(seen.is_some()))] += 1;
    }
    assert!(outcomes.iter().all(|&n| n > 500), "faults, begun ones and whole ones: {outcomes:?}");
}

#[test]
fn bodies() {
    const PIECES: [&[u8]; 14] = [
        b"0",
        b"1",
        b"\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"z",
        b"1\r\nz\r\n",
        b"0\r\n",
        b"\r\n\r\n",
        b";a",
        b"=\"b\"",
        b"A: b\r\n",
        b" ",
    ];
    let mut numbers = Numbers(2);
    let mut outcomes = [0; 3];
    for _ in 0..60_000 {
        let bytes = [&b"1\r\nz\r\n"[..], &numbers.some(&PIECES, 9)].concat();
        let at_once = chunks::decode_by(&bytes, [bytes.len()]);
        let by_byte = chunks::decode_by(&bytes, 1..=bytes.len());
        assert_eq!(by_byte, at_once, "byte by byte: {}", bytes.escape_ascii());
        let cuts = numbers.cuts(bytes.len());
        let cut = chunks::decode_by(&bytes, cuts.iter().copied());
        assert_eq!(cut, at_once, "cut at {cuts:?}: {}", bytes.escape_ascii());
        outcomes[at_once.map_or(0, |body| 1 + usize::from(body.is_some()))] += 1;
    }
    assert!(outcomes.iter().all(|&n| n > 500), "faults, begun ones and whole ones: {outcomes:?}");
}
