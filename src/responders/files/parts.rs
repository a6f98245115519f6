//! Several ranges as one body: `multipart/byteranges` (RFC 9110 §14.6).
//!
//! Each part has a head of its own, and a line that occurs in none of them stands between them. The
//! content itself is only pointed at.
//! Read next: `content.rs`, which sends it.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::message::{FileRange, Part};
use crate::wire::ranges::{self, Span};

/// The heads of the parts, and what is behind the last.
#[derive(Debug)]
pub(super) struct Heads<'s> {
    spans: &'s [Span],
    heads: Vec<Vec<u8>>,
    end: Vec<u8>,
    boundary: String,
}

impl<'s> Heads<'s> {
    /// Those of these spans of content of that length and type.
    pub(super) fn of(spans: &'s [Span], length: u64, content_type: &HeaderValue) -> Self {
        let boundary = boundary();
        let head = |(number, span): (usize, &Span)| {
            let mut head = Vec::new();
            // The line end before a boundary belongs to the boundary (RFC 2046 §5.1.1).
            if number > 0 {
                head.extend_from_slice(b"\r\n");
            }
            head.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(content_type.as_bytes());
            let range = ranges::content_range(*span, length);
            head.extend_from_slice(format!("\r\nContent-Range: {range}\r\n\r\n").as_bytes());
            head
        };
        let heads = spans.iter().enumerate().map(head).collect();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        Self { spans, heads, end, boundary }
    }

    /// The type of the whole.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The whole in memory; `write` writes the content of a span.
    pub(super) fn around(&self, write: impl Fn(Span, &mut Vec<u8>)) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, span) in self.heads.iter().zip(self.spans) {
            body.extend_from_slice(head);
            write(*span, &mut body);
        }
        body.extend_from_slice(&self.end);
        body
    }

    /// The whole as stretches of a file, with the heads between them.
    pub(super) fn between(&self, stretch: impl Fn(Span) -> FileRange) -> Vec<Part> {
        let mut parts = Vec::with_capacity(2 * self.spans.len() + 1);
        for (head, span) in self.heads.iter().zip(self.spans) {
            parts.push(Part::Bytes(head.clone()));
            parts.push(Part::File(stretch(*span)));
        }
        parts.push(Part::Bytes(self.end.clone()));
        parts
    }
}

/// A line that no content holds: nobody who writes a file can know what the next one will be.
fn boundary() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // A random state is keyed by the system's randomness.
    format!("oneloop-{:016x}", RandomState::new().hash_one(count))
}
