//! What a file is, by its name: the media type for Content-Type (RFC 9110 §8.3).
//!
//! Relies on the table of `mime_guess`. Never looks at the content; `X-Content-Type-Options:
//! nosniff` asks browsers not to either.
//! Read next: `validators.rs`.

use http::header::HeaderValue;

const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The media type of a file of that name. Text is said to be UTF-8, for a browser that is not told
/// takes it for something older.
pub(super) fn content_type(name: &[u8]) -> HeaderValue {
    let Some(essence) = extension(name).and_then(essence) else { return UNKNOWN };
    if essence.starts_with("text/") || essence == "application/javascript" {
        HeaderValue::try_from(format!("{essence}; charset=utf-8")).unwrap_or(UNKNOWN)
    } else {
        HeaderValue::from_static(essence)
    }
}

fn essence(extension: &str) -> Option<&'static str> {
    // RFC 9239 §6.1; the table has a name for modules that it declares obsolete.
    if extension.eq_ignore_ascii_case("mjs") {
        return Some("text/javascript");
    }
    mime_guess::from_ext(extension).first_raw()
}

/// What follows the last dot, unless the name begins with it.
fn extension(name: &[u8]) -> Option<&str> {
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0)?;
    std::str::from_utf8(&name[dot + 1..]).ok()
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn the_extension_tells_the_type() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("INDEX.HTM", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.MJS", "text/javascript; charset=utf-8"),
            ("README.md", "text/markdown; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.png", "image/png"),
            ("a.pdf", "application/pdf"),
            ("a.tar.gz", "application/gzip"),
            ("a.unheard-of", "application/octet-stream"),
            ("README", "application/octet-stream"),
            ("html", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(content_type(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(content_type(b"\xFF.png"), "image/png");
        assert_eq!(content_type(b"a.\xFF"), "application/octet-stream");
    }
}
