//! How a folder is served: every choice there is, with its default, and what makes no sense.
//!
//! Plain values; nothing here opens anything.
//! Read next: `mod.rs`, which serves by them.

use std::path::PathBuf;
use std::{fmt, io};

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::super::Mounts;
use super::caching::CacheRule;
use super::cors::Cors;
use crate::config::{CACHED_BYTES, CACHED_FILES};
use crate::message::Response;

/// How [`Files`](super::Files) serves a folder. The default is what is safe and usual.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileOptions {
    /// The path that the folder is served under: `/`, or as in `/docs/`, written plainly or
    /// percent-encoded. It begins and ends with a slash. See [`Mounts`](crate::Mounts).
    pub mount: String,
    /// The names of the file that stands for its folder; the first that is there does.
    /// `index.html`.
    pub index: Vec<String>,
    /// Whether `/a` may stand for `/a.html`.
    pub paths: Paths,
    /// What is answered where there is nothing.
    pub missing: Missing,
    /// Which symbolic links are followed.
    pub symlinks: Symlinks,
    /// Whether names that begin with a dot are served.
    pub hidden: Hidden,
    /// Whether a folder without index is listed.
    pub listing: Listing,
    /// Whether content is compressed that is not there compressed.
    pub compress: Compress,
    /// Whether text is said to be UTF-8.
    pub charset: Charset,
    /// Media types by extension, before the built-in ones: `("glb", "model/gltf-binary")`.
    pub types: Vec<(String, HeaderValue)>,
    /// Cache-Control by name; the first rule that fits is followed.
    pub cache: Vec<CacheRule>,
    /// Fields for every answer, in place of its own of these names. Those that only the server or
    /// the file can know are refused.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may read the answers from pages of other origins.
    pub cors: Option<Cors>,
    /// Files that are sent with a status from 400 to 599 in place of its one line of text. They are
    /// read once, at the start.
    pub error_pages: Vec<(StatusCode, PathBuf)>,
    /// The memory that cached content may take, in bytes. 32 MiB; with 0 nothing is kept.
    pub cached_bytes: usize,
    /// The files that are kept open. 32; with 0 none is.
    pub cached_files: usize,
}

/// Which paths stand for a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paths {
    /// Its own.
    #[default]
    AsNamed,
    /// That of `a.html` is `/a`, and of `b/index.html` `/b/`; the longer ones are redirected there.
    Clean,
}

/// What is answered where there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// The status alone: 404.
    #[default]
    Status,
    /// 404 with the `404.html` of the nearest folder above that has one.
    NearestPage,
    /// 200 with the root's index, so that a single-page application can show its own, also for
    /// folders without index; but 404 for what looks like a file, a name with an extension.
    App,
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symlinks {
    /// None.
    Deny,
    /// Relative ones that stay within the root. An absolute one is refused wherever it leads.
    #[default]
    Inside,
    /// All of them, wherever they lead.
    All,
}

/// Whether names that begin with a dot are served; `.well-known` always is (RFC 8615).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hidden {
    /// No: they tend to be what nobody meant to publish (`.git`, `.env`).
    #[default]
    Refused,
    /// Yes.
    Served,
}

/// Whether a folder without index is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// Yes.
    #[default]
    Shown,
    /// No: it is 404.
    Refused,
}

/// Whether content is compressed that is not there compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compress {
    /// No: only what is there compressed is sent so.
    #[default]
    Never,
    /// Text and the like is, by a helper thread, and kept.
    OnTheFly,
}

/// Whether text is said to be UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Yes: a browser that is not told takes it for something older.
    #[default]
    Utf8,
    /// Nothing is said.
    Unsaid,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            mount: "/".into(),
            index: vec!["index.html".into()],
            paths: Paths::default(),
            missing: Missing::default(),
            symlinks: Symlinks::default(),
            hidden: Hidden::default(),
            listing: Listing::default(),
            compress: Compress::default(),
            charset: Charset::default(),
            types: Vec::new(),
            cache: Vec::new(),
            headers: Vec::new(),
            cors: None,
            error_pages: Vec::new(),
            cached_bytes: CACHED_BYTES,
            cached_files: CACHED_FILES,
        }
    }
}

impl FileOptions {
    /// Fields that would be wrong for most answers, whatever they said of one.
    const PER_ANSWER: [HeaderName; 8] = [
        header::ACCEPT_RANGES,
        header::ALLOW,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::ETAG,
        header::LAST_MODIFIED,
        header::LOCATION,
    ];

    /// Looks whether all of it makes sense, but for the error pages: nothing is opened here.
    /// [`Files::with`](crate::Files::with) looks too.
    ///
    /// # Errors
    /// What does not, and what to do.
    pub fn check(&self) -> Result<(), OptionError> {
        self.prefix()?;
        let is_name = |name: &String| {
            let has_other = name.bytes().any(|byte| byte == b'/' || byte.is_ascii_control());
            !has_other && !matches!(name.as_str(), "" | "." | "..")
        };
        if let Some(name) = self.index.iter().find(|name| !is_name(name)) {
            return Err(OptionError::Index(name.clone()));
        }
        let is_type = |(extension, media_type): &&(String, HeaderValue)| {
            !extension.is_empty() && !extension.contains(['.', '/']) && is_media_type(media_type)
        };
        if let Some((extension, media_type)) = self.types.iter().find(|one| !is_type(one)) {
            let (extension, media_type) = (extension.clone(), media_type.clone());
            return Err(OptionError::Type { extension, media_type });
        }
        let is_pattern = |pattern: &str| {
            !pattern.strip_prefix('/').unwrap_or(pattern).split('/').any(str::is_empty)
        };
        if let Some(rule) = self.cache.iter().find(|rule| !is_pattern(&rule.pattern)) {
            return Err(OptionError::Pattern(rule.pattern.clone()));
        }
        let is_refused = |name: &&HeaderName| {
            Response::RESERVED.contains(name) || Self::PER_ANSWER.contains(name)
        };
        if let Some(name) = self.headers.iter().map(|(name, _)| name).find(is_refused) {
            return Err(OptionError::Header(name.clone()));
        }
        match &self.cors {
            Some(Cors::Origin(origin)) if !is_normal(origin) => {
                Err(OptionError::Origin(String::from_utf8_lossy(origin.as_bytes()).into()))
            }
            _ => Ok(()),
        }
    }

    /// The mount in the form of a request's path.
    pub(super) fn prefix(&self) -> Result<String, OptionError> {
        Mounts::prefix(&self.mount).ok_or_else(|| OptionError::Mount(self.mount.clone()))
    }

    /// The answer with the fields that every answer has.
    pub(super) fn finish(&self, mut response: Response) -> Response {
        for (name, value) in self.cors.iter().flat_map(Cors::fields) {
            response = response.with_header(name, value);
        }
        // A list only grows: what an answer varies by, it varies by.
        let replaced = |name: &HeaderName| {
            *name != header::VARY && self.headers.iter().any(|(given, _)| given == name)
        };
        response.fields.retain(|(name, _)| !replaced(name));
        for (name, value) in &self.headers {
            response = response.with_header(name.clone(), value.clone());
        }
        response
    }
}

/// Whether an origin is as browsers send it.
fn is_normal(origin: &HeaderValue) -> bool {
    let parsed = origin.to_str().ok().and_then(|text| text.parse::<Cors>().ok());
    matches!(parsed, Some(Cors::Origin(normal)) if normal == origin)
}

/// `type/subtype` and perhaps parameters (RFC 9110 §8.3.1).
fn is_media_type(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or(text).trim_end();
    // A method is a token (RFC 9110 §9.1), and so are these two.
    let is_token = |text: &str| Method::from_bytes(text.as_bytes()).is_ok();
    essence.split_once('/').is_some_and(|(kind, of)| is_token(kind) && is_token(of))
}

/// What makes no sense in [`FileOptions`].
#[derive(Debug)]
#[non_exhaustive]
pub enum OptionError {
    /// The mount is no path that begins and ends with a slash, or names are missing in it.
    Mount(String),
    /// The index is not the name of a file.
    Index(String),
    /// The extension has a dot or a slash in it, or the type is none.
    Type {
        /// The extension.
        extension: String,
        /// The type.
        media_type: HeaderValue,
    },
    /// The pattern of a cache rule fits nothing.
    Pattern(String),
    /// The field is one that only the server or the file can know.
    Header(HeaderName),
    /// It is no origin, or not as browsers send it.
    Origin(String),
    /// No error has that status.
    ErrorStatus(StatusCode),
    /// The file of an error page cannot be read, is not a regular one, or is too large.
    ErrorPage {
        /// The status.
        status: StatusCode,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mount(path) => {
                write!(f, "cannot mount at {path:?}; begin and end it with a slash, as /docs/")
            }
            Self::Index(name) => {
                write!(f, "{name:?} is no index; give the name of a file, without a slash")
            }
            Self::Type { extension, media_type } => write!(
                f,
                "{extension:?} cannot be {media_type:?}; \
                 give an extension without its dot, and a type as model/gltf-binary"
            ),
            Self::Pattern(pattern) => {
                write!(f, "no file fits the pattern {pattern:?}; write as *.css or assets/**")
            }
            Self::Header(name) => {
                write!(f, "the field {name} is written by the server itself; leave it out")
            }
            Self::Origin(text) => {
                write!(f, "{text:?} is no origin; give scheme://host[:port] without a path, or *")
            }
            Self::ErrorStatus(status) => {
                let status = status.as_u16();
                write!(f, "{status} is no error; give an error page a status from 400 to 599")
            }
            Self::ErrorPage { status, path, source } => {
                let status = status.as_u16();
                write!(f, "cannot read {path:?}, the page of {status}: {source}; ")?;
                f.write_str("name a file that can be read")
            }
        }
    }
}

impl std::error::Error for OptionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ErrorPage { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Body;

    /// What [`FileOptions::check`] says once `change` was made.
    fn checked(change: impl FnOnce(&mut FileOptions)) -> String {
        let mut options = FileOptions::default();
        change(&mut options);
        options.check().map_or_else(|error| error.to_string(), |()| "sound".into())
    }

    fn check(expected: &str, change: impl FnOnce(&mut FileOptions)) {
        assert!(checked(change).contains(expected), "not told: {expected}");
    }

    #[test]
    fn the_default_is_sound() {
        check("sound", |_| {});
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (mount, expected) in [
            ("/", "sound"),
            ("/docs/", "sound"),
            ("/a b/\u{fc}/", "sound"),
            ("", "\"\"; begin and end"),
            ("docs/", "\"docs/\"; begin and end"),
            ("/docs", "cannot mount"),
            ("/a//b/", "cannot mount"),
            ("//a/", "cannot mount"),
            ("/../a/", "cannot mount"),
            ("/a\n/", "cannot mount"),
        ] {
            check(expected, |options| options.mount = mount.into());
        }
        for (name, expected) in [
            ("index.htm", "sound"),
            (".index", "sound"),
            ("", "\"\" is no index"),
            ("a/b", "\"a/b\" is no index"),
            ("..", "is no index"),
            ("a\n", "is no index"),
        ] {
            check(expected, |options| options.index.push(name.into()));
        }
        for (extension, media_type, expected) in [
            ("glb", "model/gltf-binary", "sound"),
            ("x", "text/plain; charset=utf-16", "sound"),
            (".x", "text/plain", "\".x\" cannot be \"text/plain\""),
            ("", "text/plain", "cannot be"),
            ("x", "text", "cannot be"),
            ("x", "text/", "cannot be"),
            ("x", "text/a b", "cannot be"),
            ("x", "", "cannot be"),
        ] {
            let own = (extension.into(), HeaderValue::from_static(media_type));
            check(expected, |options| options.types.push(own));
        }
        for (pattern, expected) in [
            ("*", "sound"),
            ("/a", "sound"),
            ("a/**/b", "sound"),
            ("", "no file fits the pattern \"\""),
            ("/", "no file fits"),
            ("a/", "no file fits"),
            ("a//b", "no file fits"),
        ] {
            check(expected, |options| options.cache.push(CacheRule::new(pattern, None)));
        }
        for (origin, expected) in [
            ("https://a.example", "sound"),
            ("https://A.example", "\"https://A.example\" is no origin"),
            ("*", "\"*\" is no origin"),
            ("a", "is no origin"),
        ] {
            let cors = Cors::Origin(HeaderValue::from_static(origin));
            check(expected, |options| options.cors = Some(cors));
        }
    }

    #[test]
    fn a_field_that_only_the_server_can_know_is_refused() {
        let with = |name: HeaderName| {
            move |options: &mut FileOptions| {
                options.headers.push((name, HeaderValue::from_static("1")));
            }
        };
        for name in [header::DATE, header::CONTENT_LENGTH, header::ETAG, header::CONTENT_TYPE] {
            let expected = format!("the field {name} is written by the server itself");
            check(&expected, with(name));
        }
        for name in [header::CACHE_CONTROL, header::SET_COOKIE, header::VARY] {
            check("sound", with(name));
        }
    }

    #[test]
    fn every_answer_is_finished_with_what_was_asked_for() {
        let value = HeaderValue::from_static;
        let options = FileOptions {
            cors: Some(Cors::Anybody),
            headers: vec![
                (header::SET_COOKIE, value("a=1")),
                (header::SET_COOKIE, value("b=2")),
                (header::CACHE_CONTROL, value("no-store")),
                (header::VARY, value("Cookie")),
                (header::ACCESS_CONTROL_EXPOSE_HEADERS, value("X-Own")),
            ],
            ..FileOptions::default()
        };
        let response = Response::new(StatusCode::OK, Body::Empty)
            .with_header(header::CACHE_CONTROL, value("no-cache"))
            .with_header(header::VARY, value("Accept-Encoding"));
        let response = options.finish(response);
        let fields: Vec<_> =
            response.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        let expected = [
            ("vary", "Accept-Encoding"),
            ("access-control-allow-origin", "*"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("cache-control", "no-store"),
            ("vary", "Cookie"),
            ("access-control-expose-headers", "X-Own"),
        ];
        assert_eq!(fields, expected);
    }
}
