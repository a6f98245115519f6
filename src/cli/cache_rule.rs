//! The rule of `--cache`: a pattern, and what is said of the files that fit it.
//!
//! The grammar of Cache-Control (RFC 9111 §5.2), with times as people write them. Directives that
//! nobody knows are refused, since they would do nothing.
//! Read next: `serving.rs`.

use http::HeaderValue;
use oneloop::files::CacheRule;

/// Directives without a value (RFC 9111 §5.2.2, RFC 8246).
const PLAIN: [&str; 9] = [
    "immutable",
    "must-revalidate",
    "must-understand",
    "no-cache",
    "no-store",
    "no-transform",
    "private",
    "proxy-revalidate",
    "public",
];
/// Directives with a time (RFC 9111 §5.2.2, RFC 5861).
const TIMED: [&str; 4] = ["max-age", "s-maxage", "stale-if-error", "stale-while-revalidate"];

/// The longest time that caches must be able to count (RFC 9111 §1.2.2), in seconds.
const LONGEST: u64 = 1 << 31;

/// `*.css=1y,immutable`
pub(super) fn cache_rule(text: &str) -> Result<CacheRule, String> {
    let Some((pattern, said)) = text.split_once('=') else {
        return Err("write it as PATTERN=LIFETIME, as '*.css=1y,immutable'".into());
    };
    if pattern.contains(['?', '[', ']', '{', '}', '!', '\\']) {
        return Err("a pattern has * and **, and nothing else is special; give two rules".into());
    }
    if said.trim() == "off" {
        return Ok(CacheRule::new(pattern, None));
    }
    let directives = said.split(',').map(str::trim).enumerate().map(|(n, one)| match n {
        0 => lifetime(one),
        _ => directive(one),
    });
    let value = directives.collect::<Result<Vec<_>, _>>()?.join(", ");
    let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
    Ok(CacheRule::new(pattern, value))
}

/// What may stand first: a time, which is for max-age, or any directive.
fn lifetime(text: &str) -> Result<String, String> {
    match seconds(text) {
        Some(seconds) => Ok(format!("max-age={}", seconds?)),
        None => directive(text),
    }
}

fn directive(text: &str) -> Result<String, String> {
    let known = match text.split_once('=') {
        None => PLAIN
            .iter()
            .find(|name| name.eq_ignore_ascii_case(text))
            .map(|name| Ok((*name).to_owned())),
        Some((name, time)) => TIMED.iter().find(|one| one.eq_ignore_ascii_case(name)).map(|name| {
            // As RFC 9111 has them, in seconds and without a unit.
            let plain = time.parse().ok().filter(|&seconds| seconds <= LONGEST).map(Ok);
            let seconds = plain.or_else(|| seconds(time)).unwrap_or_else(|| Err(NO_TIME.into()))?;
            Ok(format!("{name}={seconds}"))
        }),
    };
    known.unwrap_or_else(|| {
        Err(format!("{text:?} is neither a time, as 1h or 1y, nor a directive, as no-cache"))
    })
}

const NO_TIME: &str = "give a time with its unit, as 1h, 30days or 1y, and 68 years at most";

/// A time with its unit, in whole seconds; nothing where it does not begin as one.
fn seconds(text: &str) -> Option<Result<u64, String>> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let time = humantime::parse_duration(text).ok().map(|time| time.as_secs());
    Some(time.filter(|&seconds| seconds <= LONGEST).ok_or_else(|| NO_TIME.into()))
}

#[cfg(test)]
mod tests {
    use super::cache_rule;

    fn check(text: &str, pattern: &str, value: Option<&str>) {
        let rule = cache_rule(text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
        assert_eq!(rule.pattern, pattern, "{text}");
        assert_eq!(rule.value.as_ref().map(|value| value.to_str().unwrap()), value, "{text}");
    }

    #[test]
    fn a_rule_is_a_pattern_and_what_is_said() {
        for (text, pattern, value) in [
            ("*.css=1y,immutable", "*.css", "max-age=31557600, immutable"),
            ("*=5m", "*", "max-age=300"),
            ("*=0s", "*", "max-age=0"),
            ("*=1h 30m", "*", "max-age=5400"),
            ("*=1500ms", "*", "max-age=1"),
            ("/index.html=no-cache", "/index.html", "no-cache"),
            ("assets/**=No-Store", "assets/**", "no-store"),
            ("*=private, max-age=60", "*", "private, max-age=60"),
            ("*=max-age=1m,s-maxage=3600", "*", "max-age=60, s-maxage=3600"),
            ("*=1d,stale-while-revalidate=1h", "*", "max-age=86400, stale-while-revalidate=3600"),
            ("*=max-age=2147483648", "*", "max-age=2147483648"),
            ("a b=2147483648s", "a b", "max-age=2147483648"),
        ] {
            check(text, pattern, Some(value));
        }
        check("*.pdf=off", "*.pdf", None);
    }

    #[test]
    fn what_would_do_nothing_is_refused() {
        let no_time = super::NO_TIME;
        let special = "a pattern has * and **, and nothing else is special; give two rules";
        for (text, expected) in [
            ("*.css", "write it as PATTERN=LIFETIME, as '*.css=1y,immutable'"),
            ("*=3600", no_time),
            ("*=100y", no_time),
            ("*=1 fortnight", no_time),
            ("*=max-age=2147483649", no_time),
            ("*=max-age=x", no_time),
            ("*=", "\"\" is neither a time, as 1h or 1y, nor a directive, as no-cache"),
            ("*=1h,", "\"\" is neither a time, as 1h or 1y, nor a directive, as no-cache"),
            ("*=1h,2h", "\"2h\" is neither a time, as 1h or 1y, nor a directive, as no-cache"),
            ("*=off,1h", "\"off\" is neither a time, as 1h or 1y, nor a directive, as no-cache"),
            (
                "*=inmutable",
                "\"inmutable\" is neither a time, as 1h or 1y, nor a directive, as no-cache",
            ),
            (
                "*=no-cache=1",
                "\"no-cache=1\" is neither a time, as 1h or 1y, nor a directive, as no-cache",
            ),
            ("*.{css,js}=1y", special),
            ("a?=1y", special),
            ("[ab]=1y", special),
            ("!a=1y", special),
        ] {
            assert_eq!(cache_rule(text), Err(expected.to_owned()), "{text}");
        }
    }
}
