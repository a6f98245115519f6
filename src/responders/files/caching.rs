//! Cache-Control by the name of a file: rules that the operator gives, and what holds without one.
//!
//! The patterns are matched by hand: names are bytes and need not be text, which the well-kept
//! crates for globs ask for, but for one that brings a regex engine along. Never looks at a file.
//! Read next: `content.rs`, which asks it.

use http::HeaderValue;

/// Keep it, but ask whether it has changed: clients each time, caches between after a second.
static REVALIDATED: HeaderValue = HeaderValue::from_static("max-age=0, s-maxage=1");

/// What is said of the files whose path fits a pattern.
///
/// Without a rule it is `max-age=0, s-maxage=1`: clients keep a copy and ask each time whether it
/// still holds, which an entity tag makes cheap (304). Were nothing said, they would guess from the
/// age of the file (RFC 9111 §4.2.2), and after a change show the new page with the old style
/// sheet. Caches between, a proxy in front perhaps, trust theirs for the second that this server
/// trusts its own (§5.2.2.10); with `no-cache` some of them (nginx) would keep nothing. Names that
/// change with their content, and only they, deserve better: `assets/**` and `max-age=31536000,
/// immutable`.
///
/// ```
/// use oneloop::{FileOptions, HeaderValue, files::CacheRule};
///
/// let mut options = FileOptions::default();
/// options.cache = vec![
///     CacheRule::new("assets/**", HeaderValue::from_static("max-age=31536000, immutable")),
///     CacheRule::new("*.pdf", None),
/// ];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRule {
    /// A glob, as in a `.gitignore`, for the path of a file beneath the root, decoded; case
    /// matters. Without a slash it is held against the last name (`*.css`), else against the whole
    /// path (`/index.html`, `assets/**`). `*` stands for any bytes of one name, and `**` in place
    /// of a name for any number of names. All else stands for itself.
    pub pattern: String,
    /// The value of Cache-Control; with `None` there is none, and clients and caches between do as
    /// they see fit.
    pub value: Option<HeaderValue>,
}

impl CacheRule {
    /// The rule that says `value` of what fits `pattern`.
    pub fn new(pattern: impl Into<String>, value: impl Into<Option<HeaderValue>>) -> Self {
        Self { pattern: pattern.into(), value: value.into() }
    }
}

/// The Cache-Control for the file at that path beneath the root, by the first rule that fits; the
/// path has no slash at its beginning.
pub(super) fn cache_control<'r>(rules: &'r [CacheRule], path: &[u8]) -> Option<&'r HeaderValue> {
    match rules.iter().find(|rule| fits(rule.pattern.as_bytes(), path)) {
        Some(rule) => rule.value.as_ref(),
        None => Some(&REVALIDATED),
    }
}

fn fits(pattern: &[u8], path: &[u8]) -> bool {
    let names: Vec<_> = path.split(|&byte| byte == b'/').collect();
    if !pattern.contains(&b'/') {
        return names.last().is_some_and(|name| name_fits(pattern, name));
    }
    let pattern = pattern.strip_prefix(b"/").unwrap_or(pattern);
    let patterns: Vec<_> = pattern.split(|&byte| byte == b'/').collect();
    wild(&patterns, &names, |one| *one == b"**", |pattern, name| name_fits(pattern, name))
}

fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    wild(pattern, name, |byte| *byte == b'*', |one, byte| one == byte)
}

/// Whether a text fits a pattern in which a star stands for any run of the text, and all else for
/// one thing that it fits. Where the text goes on differently, the last star takes one thing more;
/// an earlier one need not, because what it could give up the last one can take. So the cost is at
/// most the product of both lengths.
fn wild<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    // Behind the last star in the pattern, and what follows in the text what it has taken so far.
    let mut last_star = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(star) if is_star(star) => {
                at_pattern += 1;
                last_star = Some((at_pattern, at_text));
            }
            Some(one) if fits(one, &text[at_text]) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                let Some((behind, taken)) = last_star else { return false };
                (at_pattern, at_text) = (behind, taken + 1);
                last_star = Some((behind, taken + 1));
            }
        }
    }
    pattern[at_pattern..].iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use super::{CacheRule, HeaderValue, cache_control, fits};

    #[test]
    fn a_pattern_fits_a_name_or_a_path() {
        for (pattern, fitting, others) in [
            ("*.css", &["a.css", ".css", "b/c/a.b.css"][..], &["a.CSS", "a.css/b", "a.css2"][..]),
            ("*", &["a", "a/b", ".well-known/c"], &[]),
            ("robots.txt", &["robots.txt", "a/robots.txt"], &["xrobots.txt", "robots.txt.gz"]),
            ("a*b*c", &["abc", "aabbcc", "x/a--b--c"], &["acb", "ab", "abcd", "a/bc"]),
            ("*a*a*b", &["aab", "aaaab", "aabab"], &["aaaaaaaaaaaaaaaa", "ab"]),
            ("**.js", &["a.js", "b/a.js"], &["a.ts"]),
            ("/index.html", &["index.html"], &["a/index.html", "index.htm"]),
            ("/*", &["a", "b.css"], &["a/b"]),
            ("/*.css", &["a.css"], &["b/a.css"]),
            ("assets/**", &["assets/a", "assets/b/c"], &["a", "x/assets/a", "assets2/a"]),
            ("/assets/**", &["assets/a", "assets/b/c"], &["x/assets/a"]),
            ("assets/*", &["assets/a"], &["assets/b/c", "a"]),
            ("a/*/b.js", &["a/x/b.js"], &["a/b.js", "a/x/y/b.js"]),
            ("a/**/b.js", &["a/b.js", "a/x/b.js", "a/x/y/b.js"], &["x/a/b.js", "a/b.jsx"]),
            ("**/img/*.png", &["img/a.png", "x/y/img/a.png"], &["img/b/a.png", "a.png"]),
            ("**/a/**/b", &["a/b", "a/a/b", "x/a/y/a/z/b"], &["b", "a", "a/b/c"]),
            ("a/*b/**", &["a/b/c", "a/xb/c/d"], &["a/bx/c", "a/x/b"]),
            ("?[a]{b}", &["?[a]{b}"], &["xa", "xab"]),
            ("ü*", &["ü", "über"], &["u"]),
            ("", &[], &["a"]),
        ] {
            for path in fitting {
                assert!(fits(pattern.as_bytes(), path.as_bytes()), "{pattern} {path}");
            }
            for path in others {
                assert!(!fits(pattern.as_bytes(), path.as_bytes()), "{pattern} {path}");
            }
        }
        assert!(fits(b"*.bin", b"\xFF/\xFE.bin"), "a name need not be text");
        assert!(!fits(b"*.bin", b"\xFF.bin/a"));
    }

    #[test]
    fn no_pattern_costs_more_than_its_product_with_the_path() {
        let pattern = format!("**/{}b", "*a".repeat(1000));
        assert!(!fits(pattern.as_bytes(), "a".repeat(4096).as_bytes()));
        let pattern = format!("{}b", "**/a/".repeat(1000));
        assert!(!fits(pattern.as_bytes(), "a/".repeat(2048).as_bytes()));
    }

    #[test]
    fn the_first_rule_that_fits_is_followed() {
        let value = HeaderValue::from_static;
        let rules = [
            CacheRule::new("/index.html", value("max-age=1")),
            CacheRule::new("*.html", None),
            CacheRule::new("*.html", value("max-age=2")),
        ];
        for (path, expected) in [
            ("index.html", Some("max-age=1")),
            ("a/index.html", None),
            ("a.css", Some("max-age=0, s-maxage=1")),
        ] {
            let found = cache_control(&rules, path.as_bytes());
            assert_eq!(found.map(|value| value.to_str().unwrap()), expected, "{path}");
        }
        assert_eq!(cache_control(&[], b"a").unwrap(), "max-age=0, s-maxage=1");
    }
}
