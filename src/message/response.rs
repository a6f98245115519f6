//! The answer to a request: status, fields, body. How it is delimited is not its business: the
//! connection adds Date, Content-Length or the chunked coding, and Connection. Laying it out is
//! `wire/response.rs`'s.

use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::Body;

/// An answer: a status, fields and a [`Body`].
///
/// ```
/// use oneloop::{Response, StatusCode, header, HeaderValue};
///
/// let made = Response::text("made").with_status(StatusCode::CREATED)
///     .with_header(header::LOCATION, HeaderValue::from_static("/things/1"));
/// assert_eq!(made.status_code(), 201);
/// ```
#[derive(Debug)]
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Body,
    pub(crate) closes: bool,
}

impl Response {
    /// Fields that the connection writes itself, because they speak of the connection and not of
    /// the answer.
    pub const RESERVED: [HeaderName; 5] = [
        header::DATE,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        // It would have to stand in Connection too (RFC 9110 §7.8), and nothing else is spoken.
        header::UPGRADE,
    ];

    /// An answer with that body and no Content-Type.
    ///
    /// # Panics
    /// For a 1xx status, which answers nothing (RFC 9110 §15.2), and above 599, where there is none
    /// (§15).
    #[must_use]
    pub const fn new(status: StatusCode, body: Body) -> Self {
        assert!(is_final(status), "no final answer has that status");
        Self { status, fields: Vec::new(), body, closes: false }
    }

    /// 200 with `text/plain; charset=utf-8`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::typed("text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// 200 with `text/html; charset=utf-8`.
    pub fn html(html: impl Into<String>) -> Self {
        Self::typed("text/html; charset=utf-8", html.into().into_bytes())
    }

    /// 200 with `application/octet-stream`.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::typed("application/octet-stream", bytes.into())
    }

    /// An answer that is its status: a line of text with the number and its reason phrase, or
    /// nothing for those that carry no content (204, 205, 304).
    #[must_use]
    pub fn status(status: StatusCode) -> Self {
        if matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            return Self::new(status, Body::Empty);
        }
        let reason = reason(status);
        Self::text(format!("{} {reason}\n", status.as_u16())).with_status(status)
    }

    /// 405 with the `Allow` it must have (RFC 9110 §15.5.6); 501 where the method is none that HTTP
    /// knows (§9.1).
    #[must_use]
    pub fn method_refused(method: &Method, allow: impl Into<HeaderValue>) -> Self {
        const KNOWN: [Method; 9] = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::CONNECT,
            Method::OPTIONS,
            Method::TRACE,
            Method::PATCH,
        ];
        let status = if KNOWN.contains(method) {
            StatusCode::METHOD_NOT_ALLOWED
        } else {
            StatusCode::NOT_IMPLEMENTED
        };
        Self::status(status).with_header(header::ALLOW, allow)
    }

    /// The same with another status.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub const fn with_status(mut self, status: StatusCode) -> Self {
        assert!(is_final(status), "no final answer has that status");
        self.status = status;
        self
    }

    /// The same with one more field.
    ///
    /// # Panics
    /// For a field that is [`RESERVED`](Self::RESERVED).
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        assert!(
            !Self::RESERVED.contains(&name),
            "the field {name} is written by the connection itself"
        );
        self.fields.push((name, value.into()));
        self
    }

    /// The same with that field in place of any of its name.
    ///
    /// # Panics
    /// As [`with_header`](Self::with_header).
    #[must_use]
    pub fn with_header_replaced(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.fields.retain(|(present, _)| *present != name);
        self.with_header(name, value)
    }

    /// The same, as the last answer on its connection (`Connection: close`).
    #[must_use]
    pub const fn with_close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The status.
    #[must_use]
    pub const fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The fields, without those that the connection adds.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    fn typed(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self::new(StatusCode::OK, Body::Bytes(bytes))
            .with_header(header::CONTENT_TYPE, HeaderValue::from_static(media_type))
    }
}

impl From<Arc<[u8]>> for Body {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Shared(bytes)
    }
}

/// The phrase of RFC 9110 §15; `http` has two that are older.
pub(crate) fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        _ => status.canonical_reason().unwrap_or_default(),
    }
}

const fn is_final(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200..=599)
}
