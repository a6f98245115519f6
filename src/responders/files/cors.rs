//! Cross-origin requests: who may read the answers from pages of other origins (Fetch Standard,
//! "CORS protocol").
//!
//! Relies on every answer getting the fields of [`Cors::fields`], errors and redirections too: a
//! page may not even learn the status of one that has none. Never allows credentials, so that what
//! holds for one client holds for all. Says nothing about Cross-Origin-Resource-Policy: without
//! that field every page may embed.
//! Read next: `mod.rs`, which puts them on.

use std::net::Ipv6Addr;
use std::str::FromStr;

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::options::OptionError;
use crate::message::{Request, Response};

const ANYBODY: HeaderValue = HeaderValue::from_static("*");

/// A page may see every field, also those that Fetch does not think harmless: ETag, Content-Range,
/// Content-Encoding, and what the operator adds. (The star counts where there are no credentials.)
const EXPOSED: HeaderValue = HeaderValue::from_static("*");

/// What a page may ask with. All that is answered otherwise than by a refusal.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The fields a page may send: all. Authorization must be named beside the star (Fetch,
/// "CORS-preflight fetch"), and is for a server in front of this one.
const ACCEPTED: HeaderValue = HeaderValue::from_static("*, Authorization");

/// How long a browser need not ask again, in seconds: a day. (Chromium keeps it for two hours at
/// most, Firefox for a day.)
const REMEMBERED: HeaderValue = HeaderValue::from_static("86400");

/// Who may read the answers from pages of other origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Everybody.
    Anybody,
    /// Pages of this origin, `https://app.example` or `http://localhost:3000`.
    Origin(HeaderValue),
}

impl Cors {
    /// The fields for an answer. They are the same for every request, so that no `Vary: Origin` is
    /// needed: a cache may give what it has to whoever asks, and browsers compare (Fetch, "CORS
    /// protocol and HTTP caches").
    pub fn fields(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let origin = match self {
            Self::Anybody => ANYBODY,
            Self::Origin(origin) => origin.clone(),
        };
        [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        ]
        .into_iter()
    }
}

/// `*`, or an origin as browsers write it: `scheme://host` and, unless it is the usual one, `:port`
/// (RFC 6454 §6.2). Upper case and the usual port are taken and brought into that form, since
/// browsers compare byte by byte.
impl FromStr for Cors {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        if text == "*" {
            return Ok(Self::Anybody);
        }
        let origin = origin(&text.to_ascii_lowercase()).and_then(|o| HeaderValue::try_from(o).ok());
        origin.map(Self::Origin).ok_or_else(|| OptionError::Origin(text.into()))
    }
}

fn origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let mut of_scheme = scheme.bytes();
    let is_scheme = of_scheme.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && of_scheme.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let (host, port) = match authority.rsplit_once(':') {
        // A colon within brackets belongs to the address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = normal_host(host).filter(|_| is_scheme)?;
    let port = match port {
        None => String::new(),
        Some(port) => {
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            let number = port.parse::<u16>().ok().filter(|_| is_number)?;
            match (scheme, number) {
                ("http", 80) | ("https", 443) => String::new(),
                _ => format!(":{number}"),
            }
        }
    };
    Some(format!("{scheme}://{host}{port}"))
}

fn normal_host(host: &str) -> Option<String> {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(|address| format!("[{address}]")),
        None => (!host.is_empty() && host.bytes().all(of_name)).then(|| host.into()),
    }
}

/// The answer to a browser that asks beforehand whether a page may send a request (Fetch,
/// "CORS-preflight request"); nothing where this is another request. Whose page it is need not be
/// looked at: the browser does, by [`Cors::fields`], which this answer lacks as every other does.
pub(super) fn preflight(request: &Request<'_>) -> Option<Response> {
    let asks = *request.method() == Method::OPTIONS
        && request.header("origin").is_some()
        && request.header("access-control-request-method").is_some();
    asks.then(|| {
        Response::status(StatusCode::NO_CONTENT)
            .with_header(header::ALLOW, METHODS)
            .with_header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
            .with_header(header::ACCESS_CONTROL_ALLOW_HEADERS, ACCEPTED)
            .with_header(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED)
    })
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{ask, field};
    use super::{Cors, HeaderValue, Request, Response, preflight};

    #[test]
    fn an_origin_is_brought_into_the_form_that_browsers_send() {
        for (given, expected) in [
            ("https://a.example", "https://a.example"),
            ("HTTPS://A.Example", "https://a.example"),
            ("https://a.example:443", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
            ("http://a.example:443", "http://a.example:443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://localhost:03000", "http://localhost:3000"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[0:0::1]", "http://[::1]"),
            ("app+x-1.y://host_1", "app+x-1.y://host_1"),
        ] {
            let origin = Cors::Origin(HeaderValue::from_static(expected));
            assert_eq!(given.parse::<Cors>().unwrap(), origin, "{given}");
        }
        assert_eq!("*".parse::<Cors>().unwrap(), Cors::Anybody);
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "",
            "null",
            "a.example",
            "https://",
            "://a.example",
            "1http://a.example",
            "https://a.example/",
            "https://a.example/path",
            "https://a.example:",
            "https://a.example:x",
            "https://a.example:+1",
            "https://a.example:65536",
            "https://me@a.example",
            "https://a.example, https://b.example",
            "https://*.example",
            "https://\u{fc}.example",
            "https://[::1",
            "https://[a]",
            "https://a.example\r\nX: 1",
        ] {
            let refused = text.parse::<Cors>().unwrap_err().to_string();
            assert!(refused.contains("scheme://host"), "{text}: {refused}");
        }
    }

    #[test]
    fn every_answer_names_who_may_read_it_and_lets_all_of_it_be_read() {
        let origin = Cors::Origin(HeaderValue::from_static("https://a.example"));
        for (cors, who) in [(Cors::Anybody, "*"), (origin, "https://a.example")] {
            let said: Vec<_> = cors.fields().map(|(n, v)| (n.to_string(), v)).collect();
            let names = ["access-control-allow-origin", "access-control-expose-headers"];
            let expected = [(names[0], who), (names[1], "*")];
            assert_eq!(said.len(), expected.len());
            for ((name, value), (n, v)) in said.iter().zip(expected) {
                assert_eq!((name.as_str(), value.to_str().unwrap()), (n, v));
            }
        }
    }

    #[test]
    fn only_a_preflight_is_answered_as_one() {
        let mut responder = |request: &Request<'_>| {
            preflight(request).unwrap_or_else(|| Response::text("another request"))
        };
        let (origin, method) =
            ("Origin: https://b.example\r\n", "Access-Control-Request-Method: GET\r\n");
        for (method, lines, status) in [
            ("OPTIONS", format!("{origin}{method}"), 204),
            ("OPTIONS", origin.into(), 200),
            ("OPTIONS", method.into(), 200),
            ("OPTIONS", String::new(), 200),
            ("GET", format!("{origin}{method}"), 200),
        ] {
            let answer = ask(&mut responder, method, "/a", &lines);
            assert_eq!(answer.status_code(), status, "{method} {lines}");
        }
        let answer = ask(&mut responder, "OPTIONS", "/a", &format!("{origin}{method}"));
        for (name, value) in [
            ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
            ("access-control-allow-headers", "*, Authorization"),
            ("access-control-max-age", "86400"),
            ("allow", "GET, HEAD, OPTIONS"),
            ("access-control-allow-origin", ""),
        ] {
            assert_eq!(field(&answer, name), value, "{name}");
        }
    }
}
