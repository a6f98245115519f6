//! What a file is, by its name: the media type for Content-Type (RFC 9110 §8.3).
//!
//! Relies on the operator's types first and then on the table of `mime_guess`. Never looks at the
//! content; `X-Content-Type-Options: nosniff` asks browsers not to either.
//! Read next: `validators.rs`.

use http::header::HeaderValue;

use super::options::{Charset, FileOptions};

const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The media type of a file of that name. Text is said to be UTF-8, unless a type of the operator's
/// has parameters of its own. JSON needs no charset (RFC 8259 §11), SVG and other XML say what they
/// are in their first line.
pub(super) fn content_type(name: &[u8], options: &FileOptions) -> HeaderValue {
    let Some(extension) = extension(name) else { return UNKNOWN };
    let own = options.types.iter().find(|(own, _)| own.eq_ignore_ascii_case(extension));
    let media_type = match own {
        Some((_, media_type)) => media_type.clone(),
        None => essence(extension).map_or(UNKNOWN, HeaderValue::from_static),
    };
    match media_type.to_str() {
        Ok(text) if options.charset == Charset::Utf8 && wants_charset(text) => {
            HeaderValue::try_from(format!("{text}; charset=utf-8")).unwrap_or(media_type)
        }
        _ => media_type,
    }
}

fn wants_charset(media_type: &str) -> bool {
    let is_bare = !media_type.contains(';');
    is_bare && (has_prefix(media_type, "text/") || is_javascript(media_type))
}

fn is_javascript(media_type: &str) -> bool {
    media_type.eq_ignore_ascii_case("application/javascript")
}

/// Whether content of that type gets noticeably smaller by being compressed: text in all its forms,
/// and the few binary formats that are not compressed in themselves.
pub(super) fn is_compressible(content_type: &HeaderValue) -> bool {
    const COMPRESSIBLE: [&str; 27] = [
        "application/font-sfnt",
        "application/javascript",
        "application/json",
        "application/json5",
        "application/mbox",
        "application/msword",
        "application/postscript",
        "application/rtf",
        "application/sql",
        "application/vnd.ms-excel",
        "application/vnd.ms-fontobject",
        "application/vnd.ms-powerpoint",
        "application/wasm",
        "application/x-httpd-php",
        "application/x-javascript",
        "application/x-ndjson",
        "application/x-perl",
        "application/x-sh",
        "application/x-sql",
        "application/x-tar",
        "application/x-tex",
        "application/xml",
        "font/collection",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/x-icon",
    ];
    let Ok(text) = content_type.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or(text).trim();
    let has_suffix = |suffix: &str| {
        essence
            .len()
            .checked_sub(suffix.len())
            .and_then(|at| essence.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    has_prefix(essence, "text/")
        // RFC 6839 §3.1, RFC 7303 §4.2.
        || has_suffix("+json")
        || has_suffix("+xml")
        || COMPRESSIBLE.iter().any(|one| one.eq_ignore_ascii_case(essence))
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
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
    use super::{Charset, FileOptions, HeaderValue, content_type, is_compressible};

    #[test]
    fn the_extension_tells_the_type() {
        let options = FileOptions::default();
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
            ("a.map", "text/plain; charset=utf-8"),
            ("a.xml", "text/xml; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.webmanifest", "application/manifest+json"),
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
            assert_eq!(content_type(name.as_bytes(), &options), expected, "{name}");
        }
        assert_eq!(content_type(b"\xFF.png", &options), "image/png");
        assert_eq!(content_type(b"a.\xFF", &options), "application/octet-stream");
    }

    #[test]
    fn the_operator_s_types_come_first() {
        let mut options = FileOptions::default();
        let types = [
            ("glb", "model/x"),
            ("LOG", "text/x-log"),
            ("html", "text/html; charset=iso-8859-1"),
            ("js", "application/javascript"),
            ("glb", "model/y"),
        ];
        options.types = types.map(|(e, t)| (e.into(), HeaderValue::from_static(t))).into();
        for (name, expected, bare) in [
            ("a.glb", "model/x", "model/x"),
            ("a.GLB", "model/x", "model/x"),
            ("a.log", "text/x-log; charset=utf-8", "text/x-log"),
            ("a.html", "text/html; charset=iso-8859-1", "text/html; charset=iso-8859-1"),
            ("a.js", "application/javascript; charset=utf-8", "application/javascript"),
            ("a.css", "text/css; charset=utf-8", "text/css"),
            ("a.png", "image/png", "image/png"),
            ("glb", "application/octet-stream", "application/octet-stream"),
        ] {
            options.charset = Charset::Utf8;
            assert_eq!(content_type(name.as_bytes(), &options), expected, "{name}");
            options.charset = Charset::Unsaid;
            assert_eq!(content_type(name.as_bytes(), &options), bare, "{name}");
        }
    }

    #[test]
    fn what_gets_smaller_is_compressible() {
        let options = FileOptions::default();
        for (compressible, names) in [
            (
                true,
                "a.html a.css a.js a.mjs a.txt a.md a.csv a.json a.map a.xml a.svg a.wasm a.rss \
                 a.atom a.webmanifest a.jsonld a.geojson a.ttf a.otf a.eot a.ttc a.bmp a.ico \
                 a.xhtml a.yaml a.toml a.rtf a.ps a.tar a.sh a.sql a.gltf a.rs a.ics",
            ),
            (
                false,
                "a.png a.jpg a.gif a.webp a.avif a.mp4 a.webm a.mp3 a.ogg a.zip a.gz a.br a.zst \
                 a.xz a.7z a.woff a.woff2 a.pdf a.docx a.jar a.bin a",
            ),
        ] {
            for name in names.split(' ') {
                let media_type = content_type(name.as_bytes(), &options);
                assert_eq!(is_compressible(&media_type), compressible, "{name}: {media_type:?}");
            }
        }
        for (text, compressible) in [
            ("TEXT/HTML;charset=utf-8", true),
            ("Application/JSON ; a=b", true),
            ("application/x+XML", true),
            ("+json", true),
            ("json", false),
            ("", false),
            ("text", false),
            ("application/x; a=+json", false),
        ] {
            let media_type = HeaderValue::from_static(text);
            assert_eq!(is_compressible(&media_type), compressible, "{text}");
        }
        assert!(!is_compressible(&HeaderValue::from_bytes(b"text/\xFF").unwrap()));
    }
}
