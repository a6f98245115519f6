//! Several responders, each under a path of its own.
//!
//! Relies on `Request::path` being in normal form, and brings each prefix into it once, when it is
//! given. Hands a request on as it is: what is mounted knows where, as `Files` does by its options.
//! Read next: `files/mod.rs`.

use std::fmt;

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use super::Responder;
use super::routes::normal_form;
use crate::config::Limits;
use crate::message::{Answer, Request, Response};

const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Answers by the responder that is mounted nearest to the path.
///
/// - Of several prefixes the longest counts: `/docs/api/x` goes to `/docs/api/` and not to
///   `/docs/`. A prefix ends where a name does: `/docsX` goes to neither.
/// - `/docs` is redirected to `/docs/` with 301, and the query stays.
/// - Where nothing is mounted there is 404; `OPTIONS *` gets 204 with the methods of files.
///
/// The request is handed on as it is, so that [`Files`](crate::Files) must know its mount too:
///
/// ```no_run
/// use oneloop::{FileOptions, Files, Mounts};
///
/// let at = |mount: &str| {
///     let mut options = FileOptions::default();
///     options.mount = mount.into();
///     options
/// };
/// let site = Mounts::new()
///     .at("/", Files::new("/srv/www")?)
///     .at("/docs/", Files::with("/srv/manual/html", at("/docs/"))?);
/// # Ok::<(), oneloop::FilesError>(())
/// ```
#[derive(Default)]
pub struct Mounts {
    /// The longest prefix first.
    mounts: Vec<(String, Box<dyn Responder>)>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Mounts {
    /// Nothing mounted yet: 404 for everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with `responder` for all paths that begin with `prefix`, which begins and ends
    /// with a slash and may be written plainly (`/a b/`) or percent-encoded (`/a%20b/`).
    ///
    /// # Panics
    /// If no path can begin so, and if there is something at that prefix already.
    #[must_use]
    #[track_caller]
    pub fn at(mut self, prefix: &str, responder: impl Responder + 'static) -> Self {
        let Some(normal) = Self::prefix(prefix) else {
            panic!("a prefix begins and ends with a slash, as `/docs/`, but `{prefix}` does not");
        };
        let at = self.mounts.partition_point(|(other, _)| other.len() > normal.len());
        let same = self.mounts.iter().any(|(other, _)| *other == normal);
        assert!(!same, "the prefix `{prefix}` is given twice");
        self.mounts.insert(at, (normal, Box::new(responder)));
        self
    }

    /// A prefix in the form in which requests have it: `/a b/` is `/a%20b/`. Nothing where no
    /// responder can be [at](Self::at) it: it does not begin and end with a slash, a name is
    /// missing in it (`//`), or no request can have it.
    #[must_use]
    pub fn prefix(text: &str) -> Option<String> {
        let normal = normal_form(text).ok()?;
        // What does not begin with a slash may still be a target, `*` or an absolute one.
        let is_prefix = text.starts_with('/') && normal.ends_with('/') && !normal.contains("//");
        is_prefix.then_some(normal)
    }

    /// The same, with this field on the answers that it gives itself: redirections, and 404 where
    /// nothing is mounted.
    ///
    /// # Panics
    /// For a field that is [`RESERVED`](Response::RESERVED).
    #[must_use]
    #[track_caller]
    pub fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        assert!(
            !Response::RESERVED.contains(&name),
            "the field {name} is written by the connection itself"
        );
        self.fields.push((name, value.into()));
        self
    }
}

impl Responder for Mounts {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        let path = request.path();
        // `/docs` is what is mounted at `/docs/`, and no file of what is mounted above.
        let lacks_slash = |prefix: &str| prefix.strip_suffix('/') == Some(path);
        let is_beneath = |prefix: &str| path.starts_with(prefix);
        let nearest =
            self.mounts.iter_mut().find(|(prefix, _)| is_beneath(prefix) || lacks_slash(prefix));
        let mut response = match nearest {
            Some((prefix, responder)) if is_beneath(prefix) => return responder.respond(request),
            Some((prefix, _)) => add_slash(prefix, request.query()),
            None if path == "*" => {
                Response::status(StatusCode::NO_CONTENT).with_header(header::ALLOW, ALLOW)
            }
            None => Response::status(StatusCode::NOT_FOUND),
        };
        for (name, value) in &self.fields {
            response = response.with_header(name.clone(), value.clone());
        }
        response.into()
    }
}

impl fmt::Debug for Mounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes: Vec<_> = self.mounts.iter().map(|(prefix, _)| prefix).collect();
        f.debug_struct("Mounts").field("prefixes", &prefixes).finish_non_exhaustive()
    }
}

fn add_slash(prefix: &str, query: Option<&str>) -> Response {
    let location = match query {
        Some(query) => format!("{prefix}?{query}"),
        None => prefix.to_owned(),
    };
    // What is sent must be something that could be asked for (RFC 9110 §2.3).
    let fits = location.len() <= Limits::default().target_bytes;
    match HeaderValue::try_from(location) {
        Ok(location) if fits => {
            Response::status(StatusCode::MOVED_PERMANENTLY).with_header(header::LOCATION, location)
        }
        _ => Response::status(StatusCode::NOT_FOUND),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::scratch::{ask, bytes, field};
    use super::{HeaderValue, Limits, Mounts, Request, Responder, Response, header};

    /// A responder that gives its name, and the path it saw.
    fn named(name: &'static str) -> impl Responder {
        move |request: &Request<'_>| Response::text(format!("{name} {}", request.path()))
    }

    fn mounts() -> Mounts {
        Mounts::new()
            .at("/docs/", named("docs"))
            .at("/", named("root"))
            .at("/docs/api/", named("api"))
            .at("/a b/", named("spaced"))
    }

    #[test]
    fn the_longest_prefix_answers() {
        let mut mounts = mounts();
        for (path, expected) in [
            ("/", "root /"),
            ("/x", "root /x"),
            ("/docs/", "docs /docs/"),
            ("/docs/x", "docs /docs/x"),
            ("/docs//x", "docs /docs//x"),
            ("/docs/api/", "api /docs/api/"),
            ("/docs/api/x", "api /docs/api/x"),
            ("/docs/apix", "docs /docs/apix"),
            ("/docsx", "root /docsx"),
            ("/DOCS/", "root /DOCS/"),
            ("//docs/", "root //docs/"),
            ("/docs%2F", "root /docs%2F"),
            ("/a%20b/c", "spaced /a%20b/c"),
        ] {
            let answer = ask(&mut mounts, "GET", path, "");
            assert_eq!(bytes(&answer), expected.as_bytes(), "{path}");
        }
    }

    #[test]
    fn a_mount_without_its_slash_is_redirected() {
        let mut mounts = mounts();
        for (target, location) in [
            ("/docs", "/docs/"),
            ("/docs?a=b&c", "/docs/?a=b&c"),
            ("/docs?", "/docs/?"),
            ("/docs/api", "/docs/api/"),
            ("/a%20b", "/a%20b/"),
        ] {
            let answer = ask(&mut mounts, "GET", target, "");
            assert_eq!(answer.status_code(), 301, "{target}");
            assert_eq!(field(&answer, "location"), location, "{target}");
        }
        let longest = Limits::default().target_bytes;
        let target = format!("/docs?{}", "x".repeat(longest - "/docs?".len()));
        assert_eq!(ask(&mut mounts, "GET", &target, "").status_code(), 404);
    }

    #[test]
    fn where_nothing_is_mounted_is_nothing() {
        let mut mounts = Mounts::new()
            .at("/docs/", named("docs"))
            .with_header(header::SERVER, HeaderValue::from_static("x"));
        for (method, path, status, own) in [
            ("GET", "/", 404, "x"),
            ("GET", "/x", 404, "x"),
            ("OPTIONS", "/x", 404, "x"),
            ("GET", "/docs", 301, "x"),
            ("GET", "/docs/", 200, ""),
            ("OPTIONS", "*", 204, "x"),
        ] {
            let answer = ask(&mut mounts, method, path, "");
            assert_eq!(answer.status_code(), status, "{method} {path}");
            assert_eq!(field(&answer, "server"), own, "{method} {path}");
        }
        let options = ask(&mut mounts, "OPTIONS", "*", "");
        assert_eq!(field(&options, "allow"), "GET, HEAD, OPTIONS");
        assert_eq!(ask(&mut Mounts::new(), "GET", "/", "").status_code(), 404);
    }

    #[test]
    fn a_prefix_is_brought_into_the_form_of_a_request_s_path() {
        for (text, expected) in [
            ("/", Some("/")),
            ("/a/", Some("/a/")),
            ("/a b/", Some("/a%20b/")),
            ("/%61/", Some("/a/")),
            ("/\u{fc}/", Some("/%C3%BC/")),
            ("/a/./b/../c/", Some("/a/c/")),
            ("", None),
            ("*", None),
            ("a/", None),
            ("/a", None),
            ("/a//b/", None),
            ("//a/", None),
            ("/../", None),
            ("/a\0/", None),
            ("http://a/b/", None),
        ] {
            assert_eq!(Mounts::prefix(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "begins and ends with a slash, as `/docs/`, but `/docs` does not")]
    fn a_prefix_without_its_slash_is_refused() {
        let _ = Mounts::new().at("/docs", named("docs"));
    }

    #[test]
    #[should_panic(expected = "the prefix `/%61/` is given twice")]
    fn a_prefix_given_twice_is_refused() {
        let _ = Mounts::new().at("/a/", named("one")).at("/%61/", named("two"));
    }

    #[test]
    fn mounts_are_shown_by_their_prefixes() {
        let shown = format!("{:?}", mounts());
        assert_eq!(shown, r#"Mounts { prefixes: ["/docs/api/", "/a%20b/", "/docs/", "/"], .. }"#);
    }
}
