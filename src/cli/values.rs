//! What a single value on the command line may be, each with the one sentence that says so when it
//! is not.
//!
//! Pure functions from text to meaning, in the shape that clap asks for. Read next: `../cli.rs`,
//! which says where each is used.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{OsStringValueParser, TypedValueParser};
use http::{HeaderName, HeaderValue, StatusCode};
use oneloop::files::{Cors, Symlinks};
use oneloop::observers::{LogFormat, LogFormatError, TraceFilter};
use oneloop::{Address, Mounts};

use super::{Connection, ReportFormat, Sandbox};

/// More loops than this are a mistake: no machine of today has so many CPUs for one process.
const MOST_WORKERS: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");

/// Where to listen, before names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Ip(IpAddr),
    /// A host name, or an IPv6 address with a scope, which only the system's resolver understands.
    Host(String),
    Unix(PathBuf),
}

/// The values of an option that may be given several times: an environment variable has them on
/// lines of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PerLine<T>(pub(super) Vec<T>);

/// Reads one value a line. Empty lines mean nothing; that nothing else is there does.
pub(super) fn per_line<T>(
    one: fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<PerLine<T>, String> + Clone {
    move |text| {
        let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
        if lines.peek().is_none() {
            return one("").map(|value| PerLine(vec![value]));
        }
        lines.map(one).collect::<Result<_, _>>().map(PerLine)
    }
}

/// The same for values that end in a path, which need not be text.
pub(super) fn per_line_os<T: Clone + Send + Sync + 'static>(
    one: fn(&OsStr) -> Result<T, String>,
) -> impl TypedValueParser<Value = PerLine<T>> {
    OsStringValueParser::new().try_map(move |text: OsString| {
        let bytes = text.as_bytes();
        let lines: Vec<_> = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()).collect();
        let lines = if lines.is_empty() { vec![bytes] } else { lines };
        lines.into_iter().map(OsStr::from_bytes).map(one).collect::<Result<_, _>>().map(PerLine)
    })
}

/// The name of a format of the access log, or a template.
pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    text.parse().map_err(|error: LogFormatError| error.to_string())
}

/// Which connections are traced.
pub(super) fn trace_filter(text: &str) -> Result<TraceFilter, String> {
    let filter = match text.split_once('=') {
        Some(("client", ip)) => ip.parse().ok().map(TraceFilter::Client),
        Some(("sample", n)) => n.parse().ok().map(TraceFilter::Sample),
        _ => None,
    };
    filter.ok_or_else(|| "write it as client=127.0.0.1 or sample=10".into())
}

/// `c17`, and what a log has, `c17.r3`.
pub(super) fn connection(text: &str) -> Result<Connection, String> {
    let read = || {
        let (name, request) = text.split_once('.').unwrap_or((text, "r1"));
        request.strip_prefix('r')?.parse::<u32>().ok()?;
        name.strip_prefix('c')?.parse().ok().filter(|number| *number > 0).map(Connection)
    };
    read().ok_or_else(|| "name a connection as c17".into())
}

/// Any text.
pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.into())
}

/// A whole number, both ends included.
pub(super) fn number<N: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<N, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| format!("give a whole number from {least} to {most}"))
    }
}

/// How many loops: a number, or one for each CPU that this process may use.
pub(super) fn workers(text: &str) -> Result<NonZeroUsize, String> {
    if text == "auto" {
        let cpus = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        return Ok(cpus.min(MOST_WORKERS));
    }
    let number = text.parse().ok().filter(|number| *number <= MOST_WORKERS);
    number.ok_or_else(|| format!("give a whole number from 1 to {MOST_WORKERS}, or auto"))
}

/// A number of bytes, plain or with a unit, both ends included.
pub(super) fn size<N: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<N, String> + Clone {
    move |text| {
        let Ok(ByteSize(bytes)) = text.trim().parse() else {
            return Err("give bytes with or without a unit, as 16KiB, 1MiB or 4096".into());
        };
        let fits = (least..=most).contains(&bytes).then(|| N::try_from(bytes).ok()).flatten();
        fits.ok_or_else(|| match most {
            u64::MAX => format!("give {} or more", written(least)),
            _ => format!("give a size from {} to {}", written(least), written(most)),
        })
    }
}

fn written(bytes: u64) -> String {
    ByteSize(bytes).to_string().replace(".0 ", " ")
}

/// A duration with its unit, both ends included.
pub(super) fn duration(
    least: Duration,
    most: Duration,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let text = text.trim();
        if text.parse::<f64>().is_ok() {
            return Err(format!("add a unit, as {text}s or {text}ms"));
        }
        let Ok(time) = humantime::parse_duration(text) else {
            return Err("give a time with its unit, as 10s, 500ms or 1m 30s".into());
        };
        if (least..=most).contains(&time) {
            return Ok(time);
        }
        let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
        Err(format!("give a time from {least} to {most}"))
    }
}

/// An IP address with or without brackets, a host name, or `unix:` and a path.
pub(super) fn bind(text: &str) -> Result<Bind, String> {
    match text.strip_prefix("unix:") {
        Some("") => return Err("give the path of the socket after unix:".into()),
        Some(path) => return Ok(Bind::Unix(path.into())),
        None => {}
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = bare.unwrap_or(text);
    if let Ok(ip) = host.parse::<IpAddr>()
        && (ip.is_ipv6() || bare.is_none())
    {
        return Ok(Bind::Ip(ip));
    }
    let scoped = host.split_once('%').is_some_and(|(ip, _)| ip.parse::<Ipv6Addr>().is_ok());
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if scoped || (bare.is_none() && !host.is_empty() && host.bytes().all(named)) {
        return Ok(Bind::Host(host.into()));
    }
    Err("give an IP address, a host name or unix:PATH; the port goes to --port".into())
}

/// Where the admin listener is: a port on the loopback address, an address with a port, or a Unix
/// socket.
pub(super) fn admin(text: &str) -> Result<Address, String> {
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        return Ok(Address::from((Ipv4Addr::LOCALHOST, port)));
    }
    let wrong =
        || "give a port, an IP address with one, as 127.0.0.1:9090, or unix:PATH".to_owned();
    text.parse().map_err(|_| wrong())
}

/// A host name, without a port.
pub(super) fn host(text: &str) -> Result<String, String> {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.is_empty() || !text.bytes().all(named) {
        return Err("give a host name without a port, as web-1.example".into());
    }
    Ok(text.into())
}

/// A final status: one that a client takes for an answer (RFC 9110 §15).
pub(super) fn status(text: &str) -> Result<StatusCode, String> {
    let number = text.parse::<u16>().ok().filter(|_| text.len() == 3);
    match number {
        Some(426) => {
            Err("426 asks for another protocol, and none is spoken here; give another status"
                .into())
        }
        Some(100..=199) => Err("a 1xx is no final answer; give a status from 200 to 599".into()),
        Some(number @ 200..=599) => StatusCode::from_u16(number).map_err(|e| e.to_string()),
        _ => Err("give a status from 200 to 599".into()),
    }
}

/// A header field, `Name: value` (RFC 9110 §5).
pub(super) fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("write it as 'Name: value'".into());
    };
    let Ok(name) = HeaderName::from_str(name) else {
        return Err("before the colon stands a name of letters, digits and hyphens".into());
    };
    if oneloop::Response::RESERVED.contains(&name) {
        return Err(format!("{} is written by the server itself; leave it out", Titled(&name)));
    }
    Ok((name, field_value(value)?))
}

/// The value of a header field (RFC 9110 §5.5).
pub(super) fn field_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text.trim_matches([' ', '\t']).as_bytes())
        .map_err(|_| "a value holds no control characters".into())
}

/// What is served at a path of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// A prefix in the form that [`Mounts::prefix`] gives it.
    pub(crate) at: String,
    pub(crate) path: PathBuf,
}

/// `/docs=manual/html`; the slash at the end of the prefix may be left out.
pub(super) fn mount(text: &OsStr) -> Result<Mount, String> {
    let Some((at, path)) = split_os(text) else {
        return Err("write it as /PREFIX=DIR, as /docs=manual/html".into());
    };
    let at = if at.ends_with('/') { at } else { at + "/" };
    match Mounts::prefix(&at) {
        Some(at) => Ok(Mount { at, path }),
        None => Err("give a path that begins with a slash, as /docs=manual/html".into()),
    }
}

/// `404=sorry.html`
pub(super) fn error_page(text: &OsStr) -> Result<(StatusCode, PathBuf), String> {
    let Some((number, path)) = split_os(text) else {
        return Err("write it as STATUS=FILE, as 404=sorry.html".into());
    };
    let status = status(&number).ok().filter(|status| (400..=599).contains(&status.as_u16()));
    status.map(|status| (status, path)).ok_or_else(|| "give a status from 400 to 599".into())
}

/// What stands before the first `=`, which must be text, and the path behind it.
fn split_os(text: &OsStr) -> Option<(String, PathBuf)> {
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b'=')?;
    let path = OsString::from_vec(bytes[at + 1..].to_vec());
    let before = str::from_utf8(&bytes[..at]).ok()?;
    (!path.is_empty()).then(|| (before.into(), path.into()))
}

/// How the report at the end is written.
pub(super) fn report(text: &str) -> Result<ReportFormat, String> {
    match text {
        "text" => Ok(ReportFormat::Text),
        "json" => Ok(ReportFormat::Json),
        _ => Err("give text or json".into()),
    }
}

/// When the process is confined.
pub(super) fn sandbox(text: &str) -> Result<Sandbox, String> {
    match text {
        "auto" => Ok(Sandbox::Auto),
        "on" => Ok(Sandbox::On),
        "off" => Ok(Sandbox::Off),
        _ => Err("give auto, on or off".into()),
    }
}

/// Which links are followed.
pub(super) fn symlinks(text: &str) -> Result<Symlinks, String> {
    match text {
        "deny" => Ok(Symlinks::Deny),
        "inside" => Ok(Symlinks::Inside),
        "all" => Ok(Symlinks::All),
        _ => Err("give deny, inside or all".into()),
    }
}

/// `glb=model/gltf-binary`; a dot before the extension is left out.
pub(super) fn media_type(text: &str) -> Result<(String, HeaderValue), String> {
    let Some((extension, media_type)) = text.split_once('=') else {
        return Err("write it as EXT=TYPE, as glb=model/gltf-binary".into());
    };
    let extension = extension.strip_prefix('.').unwrap_or(extension);
    Ok((extension.into(), field_value(media_type)?))
}

/// Who may read answers: everybody, or pages of one origin.
pub(super) fn cors(text: &str) -> Result<Cors, String> {
    let refused = |_| "give scheme://host[:port] without a path, or * for everybody".into();
    text.parse().map_err(refused)
}

/// A field's name as people write it: `Content-Length`.
struct Titled<'a>(&'a HeaderName);

impl fmt::Display for Titled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for c in self.0.as_str().chars() {
            write!(f, "{}", if first { c.to_ascii_uppercase() } else { c })?;
            first = c == '-';
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: fmt::Debug + PartialEq>(
        read: impl Fn(&str) -> Result<T, String>,
        text: &str,
        expected: Result<T, &str>,
    ) {
        assert_eq!(read(text), expected.map_err(str::to_owned), "{text:?}");
    }

    #[test]
    fn numbers_stay_within_their_range() {
        let refused = Err("give a whole number from 1 to 300");
        for (text, expected) in [("1", Ok(1)), ("300", Ok(300)), ("+5", Ok(5))] {
            check(number::<u64>(1, 300), text, expected);
        }
        for text in ["0", "301", "-1", "1.5", "", " 1", "99999999999999999999", "ten"] {
            check(number::<u64>(1, 300), text, refused);
        }
        check(number::<u8>(0, 300), "256", Err("give a whole number from 0 to 300"));
    }

    #[test]
    fn sizes_are_bytes_with_or_without_a_unit() {
        for (text, bytes) in
            [("256", 256), ("1KiB", 1024), ("64 kib", 65536), ("1kB", 1000), ("0.5KiB", 512)]
        {
            check(size::<usize>(256, 65536), text, Ok(bytes));
        }
        for text in ["255", "65537", "1MiB", "99999999999999999999 B"] {
            check(size::<usize>(256, 65536), text, Err("give a size from 256 B to 64 KiB"));
        }
        for text in ["", "KiB", "-1", "16X", "1e3", "many"] {
            let refused = "give bytes with or without a unit, as 16KiB, 1MiB or 4096";
            check(size::<usize>(256, 65536), text, Err(refused));
        }
        check(size::<u64>(0, u64::MAX), "1TiB", Ok(1 << 40));
        check(size::<u64>(2, u64::MAX), "1", Err("give 2 B or more"));
    }

    #[test]
    fn durations_have_a_unit() {
        let read = || duration(Duration::from_millis(1), Duration::from_secs(3600));
        for (text, millis) in
            [("10s", 10_000), ("500ms", 500), ("1m 30s", 90_000), ("1h", 3_600_000)]
        {
            check(read(), text, Ok(Duration::from_millis(millis)));
        }
        check(read(), "10", Err("add a unit, as 10s or 10ms"));
        check(read(), "0.5", Err("add a unit, as 0.5s or 0.5ms"));
        for text in ["", "ten", "10 s x", "-1s", "9999999999999999999999s"] {
            check(read(), text, Err("give a time with its unit, as 10s, 500ms or 1m 30s"));
        }
        for text in ["0s", "1us", "61m"] {
            check(read(), text, Err("give a time from 1ms to 1h"));
        }
    }

    #[test]
    fn binds_are_addresses_names_or_paths() {
        let ip = |text: &str| Ok(Bind::Ip(text.parse().unwrap()));
        check(bind, "127.0.0.1", ip("127.0.0.1"));
        check(bind, "::", ip("::"));
        check(bind, "[::1]", ip("::1"));
        check(bind, "localhost", Ok(Bind::Host("localhost".into())));
        check(bind, "a_b.example-1.", Ok(Bind::Host("a_b.example-1.".into())));
        check(bind, "[fe80::1%eth0]", Ok(Bind::Host("fe80::1%eth0".into())));
        check(bind, "unix:/a b", Ok(Bind::Unix("/a b".into())));
        check(bind, "unix:", Err("give the path of the socket after unix:"));
        for text in [
            "",
            "127.0.0.1:80",
            "[::1]:80",
            "localhost:80",
            "http://a",
            "[127.0.0.1]",
            "[a]",
            "a b",
        ] {
            let refused = "give an IP address, a host name or unix:PATH; the port goes to --port";
            check(bind, text, Err(refused));
        }
    }

    #[test]
    fn a_status_is_final() {
        check(status, "204", Ok(StatusCode::NO_CONTENT));
        check(status, "599", Ok(StatusCode::from_u16(599).unwrap()));
        check(
            status,
            "426",
            Err("426 asks for another protocol, and none is spoken here; give another status"),
        );
        check(status, "101", Err("a 1xx is no final answer; give a status from 200 to 599"));
        for text in ["", "99", "600", "0200", "+20", "ok"] {
            check(status, text, Err("give a status from 200 to 599"));
        }
    }

    #[test]
    fn fields_are_a_name_and_a_value() {
        let read = |text: &str| {
            field(text).map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        };
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.as_bytes().to_vec()));
        check(read, "X-A: b: c", pair("x-a", "b: c"));
        check(read, "X-A:", pair("x-a", ""));
        check(read, "X-A: \t \u{e9} ", pair("x-a", "\u{e9}"));
        check(read, "X-A", Err("write it as 'Name: value'"));
        check(read, "X-A: a\u{1}b", Err("a value holds no control characters"));
        for text in [": a", "X A: b", "X-A : b", "\u{e9}: b"] {
            let refused = "before the colon stands a name of letters, digits and hyphens";
            check(read, text, Err(refused));
        }
        for name in ["Date", "Content-Length", "Transfer-Encoding", "Connection"] {
            let refused = format!("{name} is written by the server itself; leave it out");
            check(read, &format!("{}: 1", name.to_lowercase()), Err(&refused));
        }
    }

    #[test]
    fn several_values_stand_on_several_lines() {
        let read = per_line(status);
        let (ok, gone) = (StatusCode::OK, StatusCode::GONE);
        check(&read, "200", Ok(PerLine(vec![ok])));
        check(&read, "\n200\r\n\n410\n", Ok(PerLine(vec![ok, gone])));
        check(&read, "", Err("give a status from 200 to 599"));
        check(&read, "200\n1", Err("give a status from 200 to 599"));
    }
}
