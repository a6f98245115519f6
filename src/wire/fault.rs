//! Everything a peer can do wrong on the wire, each with the status it is answered by and one
//! sentence.
//!
//! A fault ends its connection: after one, nobody can say where the next request would begin.

use std::fmt;

use http::StatusCode;

/// What a peer did wrong. Its text is the body of the answer, so it says nothing that the peer did
/// not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    // The request line (RFC 9112 §3).
    /// The first bytes cannot begin a request: a TLS hello, another protocol, noise.
    NotHttp,
    /// More than a few empty lines before the request line (RFC 9112 §2.2).
    BlankLines,
    /// A CR without LF, an LF without CR, or a NUL (RFC 9112 §2.2).
    BareLineEnd,
    /// A method longer than any there is (RFC 9112 §3).
    MethodTooLong,
    /// Not `method SP target SP version` (RFC 9112 §3).
    RequestLine,
    /// A target in none of the four forms, or with characters that none may hold (RFC 9112 §3.2).
    Target,
    /// An `https` target on a connection that is not secured (RFC 9110 §7.4).
    Misdirected,
    /// A path that leads above its root.
    AboveRoot,
    /// The target is longer than the limit (RFC 9110 §15.5.15).
    TargetTooLong,
    /// A version that is no `HTTP/digit.digit` (RFC 9112 §2.3).
    Version,
    /// A major version other than 1 (RFC 9110 §15.6.6).
    VersionNotServed,
    /// CONNECT: this is no proxy (RFC 9110 §9.3.6).
    Connect,

    // The fields (RFC 9112 §5).
    /// A field line that is none: no colon, a space before it, folded, a character that may not be
    /// there.
    FieldLine,
    /// The head is longer than the limit (RFC 6585 §5).
    HeadTooLong,
    /// More field lines than the limit (RFC 6585 §5).
    TooManyFields,
    /// HTTP/1.1 without Host (RFC 9112 §3.2).
    HostMissing,
    /// More than one Host (RFC 9112 §3.2).
    HostTwice,
    /// A Host, or the authority of an absolute target, that is no host with an optional port (RFC
    /// 9112 §3.2).
    HostInvalid,
    /// An expectation other than 100-continue (RFC 9110 §10.1.1).
    Expectation,

    // The body (RFC 9112 §6 and §7).
    /// A Content-Length that is no number, too large a one, or several that differ (RFC 9112 §6.3).
    ContentLength,
    /// Content-Length beside Transfer-Encoding (RFC 9112 §6.3).
    LengthAndCoding,
    /// Transfer-Encoding on HTTP/1.0 (RFC 9112 §6.1).
    CodingOn10,
    /// A malformed Transfer-Encoding, or one in which chunked is not last or not once (RFC 9112
    /// §6.1).
    TransferEncoding,
    /// A transfer coding that is not implemented (RFC 9112 §6.1).
    CodingNotImplemented,
    /// A chunk size that is no hexadecimal number, or one too large (RFC 9112 §7.1).
    ChunkSize,
    /// A chunk extension that is none, or too long a line, or too many of them (RFC 9112 §7.1.1).
    ChunkExtension,
    /// Chunk data not followed by CRLF (RFC 9112 §7.1).
    ChunkEnd,
    /// A trailer line that is no field line (RFC 9112 §7.1.2).
    Trailer,
    /// A trailer section longer than the limit.
    TrailersTooLong,
    /// A body longer than the limit (RFC 9110 §15.5.14).
    BodyTooLong,

    // Time.
    /// The head did not end in time (RFC 9110 §15.5.9).
    HeadTimeout,
    /// The body did not end in time (RFC 9110 §15.5.9).
    BodyTimeout,
}

impl Fault {
    /// All of them, in the order in which they are declared.
    pub(crate) const ALL: [Self; 32] = [
        Self::NotHttp,
        Self::BlankLines,
        Self::BareLineEnd,
        Self::MethodTooLong,
        Self::RequestLine,
        Self::Target,
        Self::Misdirected,
        Self::AboveRoot,
        Self::TargetTooLong,
        Self::Version,
        Self::VersionNotServed,
        Self::Connect,
        Self::FieldLine,
        Self::HeadTooLong,
        Self::TooManyFields,
        Self::HostMissing,
        Self::HostTwice,
        Self::HostInvalid,
        Self::Expectation,
        Self::ContentLength,
        Self::LengthAndCoding,
        Self::CodingOn10,
        Self::TransferEncoding,
        Self::CodingNotImplemented,
        Self::ChunkSize,
        Self::ChunkExtension,
        Self::ChunkEnd,
        Self::Trailer,
        Self::TrailersTooLong,
        Self::BodyTooLong,
        Self::HeadTimeout,
        Self::BodyTimeout,
    ];

    /// The status that the fault is answered by.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::VersionNotServed => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Connect | Self::MethodTooLong | Self::CodingNotImplemented => {
                StatusCode::NOT_IMPLEMENTED
            }
            Self::HeadTooLong | Self::TooManyFields | Self::TrailersTooLong => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// One sentence for the peer and for the log.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotHttp => "These bytes do not begin an HTTP request.",
            Self::BlankLines => "There are too many empty lines before the request line.",
            Self::BareLineEnd => {
                "A line must end with CR LF, and neither may stand alone; NUL may not stand at all."
            }
            Self::MethodTooLong => "The method is longer than any that is implemented.",
            Self::RequestLine => "The request line is not: method, space, target, space, version.",
            Self::Target => "The request target is malformed.",
            Self::Misdirected => "https is not served on a connection that is not secured.",
            Self::AboveRoot => "The path leads above its root.",
            Self::TargetTooLong => "The request target is too long.",
            Self::Version => "The HTTP version is malformed.",
            Self::VersionNotServed => "Only HTTP/1.0 and HTTP/1.1 are served.",
            Self::Connect => "CONNECT is for proxies, and this is none.",
            Self::FieldLine => "A header field line is malformed.",
            Self::HeadTooLong => "The request line and header fields are too long.",
            Self::TooManyFields => "There are too many header fields.",
            Self::HostMissing => "HTTP/1.1 requires a Host field.",
            Self::HostTwice => "There is more than one Host field.",
            Self::HostInvalid => "The host is malformed.",
            Self::Expectation => "The only expectation that can be met is 100-continue.",
            Self::ContentLength => "Content-Length is malformed or contradictory.",
            Self::LengthAndCoding => "Content-Length and Transfer-Encoding exclude each other.",
            Self::CodingOn10 => "HTTP/1.0 has no Transfer-Encoding.",
            Self::TransferEncoding => {
                "Transfer-Encoding is malformed: chunked must come last, and once."
            }
            Self::CodingNotImplemented => "Only the chunked transfer coding is implemented.",
            Self::ChunkSize => "A chunk size is malformed or too large.",
            Self::ChunkExtension => "A chunk extension is malformed or too long.",
            Self::ChunkEnd => "Chunk data is not followed by CR LF.",
            Self::Trailer => "A trailer field line is malformed.",
            Self::TrailersTooLong => "The trailer section is too long.",
            Self::BodyTooLong => "The request body is too long.",
            Self::HeadTimeout => "The request head did not arrive in time.",
            Self::BodyTimeout => "The request body did not arrive in time.",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Fault;

    #[test]
    fn every_fault_has_its_place_in_the_list_and_a_sentence_of_its_own() {
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, at, "{fault:?}");
        }
        let sentences: BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.sentence()).collect();
        assert_eq!(sentences.len(), Fault::ALL.len());
        let text = include_str!("fault.rs");
        let declared = text.lines().skip_while(|line| !line.starts_with("pub enum Fault"));
        let is_name = |line: &&str| line.ends_with(',') && !line.contains("//");
        let declared = declared.take_while(|line| *line != "}").filter(is_name).count();
        assert_eq!(declared, Fault::ALL.len(), "one is missing in the list");
    }
}
