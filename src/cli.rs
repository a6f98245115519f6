//! The command line: what may be said, what it means, and how a mistake in it is told in one line.
//!
//! Every option may also come from the environment; what is typed wins. The defaults written here
//! are those of the library, which a test holds them to.
//!
//! Relies on: clap. Never: opens, resolves or binds anything; that is `main.rs`'s.
//! Read next: `cli/grammar.rs` and `cli/serving.rs`, every word that may be typed; `cli/values.rs`,
//! what a single value may be.

mod cache_rule;
mod grammar;
mod serving;
mod values;
mod watching;

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};
use http::header::{ALLOW, CONTENT_RANGE, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use log::LevelFilter;
use oneloop::observers::LogFormat;
use oneloop::{Address, Config, FileOptions, Limits};

use grammar::{Command, CommandLine, Options, Respond, command};
use serving::{Serving, flat};
pub(crate) use values::{Bind, Mount};
pub(crate) use watching::{Connection, Detail, Explain, LogTarget, ReportFormat, Trace};

/// How every refusal ends.
const MORE: &str = "see oneloop --help";

/// What the program is there for.
#[derive(Debug)]
pub(crate) enum Task {
    Serve(Box<Asked>),
    Explain(Explain),
}

/// What the program is asked to serve, and how.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) what: What,
    pub(crate) how: How,
}

/// What holds for every answer.
#[derive(Debug)]
pub(crate) struct How {
    /// Never empty.
    pub(crate) binds: Vec<Bind>,
    pub(crate) port: u16,
    pub(crate) backlog: u32,
    pub(crate) workers: NonZeroUsize,
    pub(crate) limits: Limits,
    pub(crate) config: Config,
    pub(crate) access_log: Option<LogTarget>,
    pub(crate) log_format: LogFormat,
    pub(crate) report: Option<ReportFormat>,
    pub(crate) admin: Option<Address>,
    pub(crate) admin_hosts: Vec<String>,
    pub(crate) trace: Option<Trace>,
    pub(crate) verbosity: Verbosity,
}

/// What clients get.
#[derive(Debug)]
pub(crate) enum What {
    /// Folders and files.
    Serve(Site),
    /// One answer to everything.
    Respond(Reply),
}

/// The folders and files that are served, and how.
#[derive(Debug)]
pub(crate) struct Site {
    /// Never empty; each prefix once.
    pub(crate) mounts: Vec<Mount>,
    /// For each of them, but for the prefix and its share of the cache.
    pub(crate) options: FileOptions,
    /// An option, as it is typed, that only a folder can have.
    pub(crate) for_folders: Option<String>,
    pub(crate) sandbox: Sandbox,
}

impl Site {
    /// All that the process may read once it serves.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.mounts.iter().map(|mount| mount.path.clone()).collect()
    }
}

/// Whether the process gives up its access to all but what it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sandbox {
    /// Where the kernel can, and nothing that is served would be out of reach.
    Auto,
    /// It is told where the kernel cannot.
    On,
    Off,
}

/// The one answer of `oneloop respond`.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    pub(crate) content_type: HeaderValue,
    pub(crate) body: ReplyBody,
}

/// Where the body of a [`Reply`] comes from.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    Empty,
    Typed(Vec<u8>),
    File(PathBuf),
}

/// How much the program says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors only, and no line at the start.
    Quiet,
    Normal,
    /// How each connection ended.
    Debug,
    /// Every change of phase.
    Trace,
}

impl Verbosity {
    pub(crate) const fn level(self) -> LevelFilter {
        match self {
            Self::Quiet => LevelFilter::Error,
            Self::Normal => LevelFilter::Info,
            Self::Debug => LevelFilter::Debug,
            Self::Trace => LevelFilter::Trace,
        }
    }
}

/// Why there is nothing to do.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Help or the version was asked for: this text.
    Answered(String),
    /// The command line is wrong: what, and what to do, in one line.
    Usage(String),
}

/// Reads the command line, whose first word is the program's name, and the environment.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Task, Refusal> {
    let words: Vec<_> = words.into_iter().collect();
    let matches =
        command().try_get_matches_from(&words).map_err(|error| refusal(&error, &words))?;
    let line = CommandLine::from_arg_matches(&matches).map_err(|error| refusal(&error, &words))?;
    line.task(&matches).map_err(|what| Refusal::Usage(format!("{what}; {MORE}")))
}

impl CommandLine {
    /// What it all means; or what contradicts itself, and what to do.
    fn task(self, matches: &ArgMatches) -> Result<Task, String> {
        match self.command {
            Some(Command::Explain(explain)) => {
                let path = self.path.map(|path| format!("'{}'", path.display()));
                if let Some(other) = path.or_else(|| serving::any_typed::<Self>(matches)) {
                    return Err(format!("both {other} and explain were given; leave one out"));
                }
                Ok(Task::Explain(explain.asked()))
            }
            _ => self.asked(matches).map(Box::new).map(Task::Serve),
        }
    }

    fn asked(self, matches: &ArgMatches) -> Result<Asked, String> {
        let Self { path, command, serving, mut options, tracing } = self;
        let headers = flat(std::mem::take(&mut options.header));
        let what = match (command, path) {
            (Some(Command::Respond(_)), Some(path)) => {
                let path = path.display();
                return Err(format!("both '{path}' and respond were given; leave one out"));
            }
            (Some(Command::Respond(respond)), None) => {
                if let Some(option) = serving::any_typed::<Serving>(matches) {
                    return Err(format!("both {option} and respond were given; leave one out"));
                }
                What::Respond(respond.reply(headers, matches.subcommand_matches("respond"))?)
            }
            (_, path) => What::Serve(serving.site(path, headers, matches)?),
        };
        if options.access_log.is_none() && typed(Some(matches), "log_format") {
            let wrong = "--log-format was given without --access-log; add that, or leave it out";
            return Err(wrong.into());
        }
        if options.admin.is_none() && typed(Some(matches), "admin_host") {
            let wrong = "--admin-host was given without --admin; add that, or leave it out";
            return Err(wrong.into());
        }
        let how = How {
            limits: options.limits(matches)?,
            config: options.config()?,
            verbosity: options.verbosity(matches)?,
            trace: tracing.trace(matches)?,
            binds: flat(options.bind),
            port: options.port,
            backlog: options.backlog,
            workers: options.workers,
            access_log: options.access_log,
            log_format: options.log_format,
            report: options.report,
            admin: options.admin,
            admin_hosts: flat(options.admin_host),
        };
        Ok(Asked { what, how })
    }
}

impl Respond {
    fn reply(
        self,
        fields: Vec<(HeaderName, HeaderValue)>,
        matches: Option<&ArgMatches>,
    ) -> Result<Reply, String> {
        let Self { body, status, body_file, content_type } = self;
        let body = match (body, body_file) {
            (Some(_), Some(_)) if typed(matches, "body_file") => {
                return Err("both BODY and --body-file were given; leave one out".into());
            }
            (Some(body), _) if body.is_empty() => ReplyBody::Empty,
            (Some(body), _) => ReplyBody::Typed(body.into_vec()),
            (None, Some(file)) => ReplyBody::File(file),
            (None, None) => ReplyBody::Empty,
        };
        let bare = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
        if bare.contains(&status) && !matches!(body, ReplyBody::Empty) {
            let status = status.as_u16();
            return Err(format!("an answer of {status} has no body; leave the body out"));
        }
        if let Some((name, value)) = field_required_by(status)
            && !fields.iter().any(|(given, _)| *given == name)
        {
            let status = status.as_u16();
            return Err(format!("an answer of {status} must say more; add -H '{value}' or alike"));
        }
        Ok(Reply { status, fields, content_type, body })
    }
}

/// The field that an answer of that status must have, with an example of it (RFC 9110 §11.6.1,
/// §11.7.1, §15.3.7.1, §15.5.6).
fn field_required_by(status: StatusCode) -> Option<(HeaderName, &'static str)> {
    match status {
        StatusCode::PARTIAL_CONTENT => Some((CONTENT_RANGE, "Content-Range: bytes 0-4/9")),
        StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "WWW-Authenticate: Basic realm=x")),
        StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "Allow: GET, HEAD")),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Some((PROXY_AUTHENTICATE, "Proxy-Authenticate: Basic realm=x"))
        }
        _ => None,
    }
}

impl Options {
    fn limits(&self, matches: &ArgMatches) -> Result<Limits, String> {
        let &Self { max_head, max_target, .. } = self;
        let defaulted = matches.value_source("max_target") == Some(ValueSource::DefaultValue);
        if max_target > max_head && !defaulted {
            return Err(format!(
                "--max-target {max_target} is above --max-head {max_head}; raise that too"
            ));
        }
        let mut limits = Limits::default();
        limits.head_bytes = max_head;
        limits.header_lines = self.max_headers;
        // A target stands within its head.
        limits.target_bytes = max_target.min(max_head);
        limits.body_bytes = self.max_body;
        limits.head_timeout = self.head_timeout;
        limits.body_timeout = self.body_timeout;
        limits.answer_timeout = self.answer_timeout;
        limits.idle_timeout = self.idle_timeout;
        limits.write_timeout = self.write_timeout;
        limits.requests = self.max_requests.and_then(NonZeroU32::new);
        Ok(limits)
    }

    fn config(&self) -> Result<Config, String> {
        let &Self { max_connections, workers, .. } = self;
        if let Some(most) = max_connections.filter(|&most| most < workers.get()) {
            return Err(format!(
                "--max-connections {most} is below --workers {workers}; each takes one at least"
            ));
        }
        let mut config = Config::default();
        config.connections = max_connections;
        config.grace = self.grace;
        Ok(config)
    }

    fn verbosity(&self, matches: &ArgMatches) -> Result<Verbosity, String> {
        let which = which(matches, ("quiet", self.quiet), ("verbose", self.verbose > 0))?;
        Ok(match (which, self.verbose) {
            (None, _) => Verbosity::Normal,
            (Some("quiet"), _) => Verbosity::Quiet,
            (Some(_), 1) => Verbosity::Debug,
            (Some(_), _) => Verbosity::Trace,
        })
    }
}

/// Whether a value was typed. Against one from the environment it wins, so that the two are no
/// contradiction.
fn typed(matches: Option<&ArgMatches>, id: &str) -> bool {
    matches.and_then(|matches| matches.value_source(id)) == Some(ValueSource::CommandLine)
}

/// Which of two options that contradict each other is given, where what is typed wins over the
/// environment; their names are those of their fields.
fn which(
    matches: &ArgMatches,
    (one, is_one): (&'static str, bool),
    (other, is_other): (&'static str, bool),
) -> Result<Option<&'static str>, String> {
    match (is_one, is_other) {
        (true, true) => match (typed(Some(matches), one), typed(Some(matches), other)) {
            (true, false) => Ok(Some(one)),
            (false, true) => Ok(Some(other)),
            _ => {
                let [one, other] = [one, other].map(serving::as_typed);
                Err(format!("both {one} and {other} were given; leave one out"))
            }
        },
        (true, false) => Ok(Some(one)),
        (false, true) => Ok(Some(other)),
        (false, false) => Ok(None),
    }
}

/// What clap has to say, in one line: its sentence, its tips, and where more is to be found.
fn refusal(error: &clap::Error, words: &[OsString]) -> Refusal {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Refusal::Answered(text);
    }
    let said: Vec<_> = text
        .lines()
        .map(|line| line.trim().trim_start_matches("error: ").trim_start_matches("tip: "))
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        // A flag that is none is hardly ever meant as a path, which is what that tip makes of it.
        .filter(|line| !line.is_empty() && !line.contains("use '-- "))
        .collect();
    // What is missing stands on lines of its own, below a colon.
    let mut said = said.join("; ").replace(":; ", ": ");
    if let Some((option, variable)) = from_environment(error, words) {
        said = said.replacen(&format!("'{option}'"), &format!("'{option}' (from {variable})"), 1);
    }
    Refusal::Usage(format!("{said}; {MORE}"))
}

/// The option whose value was refused and the variable that it came from, which clap does not tell:
/// the variable has that value, and it was not typed.
fn from_environment<'e>(error: &'e clap::Error, words: &[OsString]) -> Option<(&'e str, String)> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    let long = option.strip_prefix("--")?.split([' ', '[']).next()?;
    let variable = format!("ONELOOP_{}", long.to_uppercase().replace('-', "_"));
    // The first is the program, wherever it may lie.
    let typed = words.iter().skip(1).any(|word| word.to_string_lossy().contains(value.as_str()));
    let found = std::env::var_os(&variable)? == value.as_str();
    (found && !typed).then_some((option.as_str(), variable))
}

#[cfg(test)]
mod tests {
    use oneloop::config::BACKLOG;

    use super::*;

    fn asked(words: &[&str]) -> Asked {
        match read(words.iter().map(OsString::from)) {
            Ok(Task::Serve(asked)) => *asked,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    /// What `words` are refused with, without the hint at the help that ends every refusal.
    fn check_refused(words: &[&str], expected: &str) {
        match read(words.iter().map(OsString::from)) {
            Err(Refusal::Usage(line)) => {
                assert_eq!(line, format!("{expected}; {MORE}"), "{words:?}");
            }
            other => panic!("{words:?}: {other:?}"),
        }
    }

    /// Whether this is served at `/` and nothing else is.
    fn is_all(site: &Site, path: &str) -> bool {
        site.mounts == [Mount { at: "/".into(), path: path.into() }]
    }

    #[test]
    fn the_grammar_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_option_has_its_variable() {
        let mut command = command();
        command.build();
        let subcommands = ["respond", "explain"].map(|name| command.find_subcommand(name));
        let others = subcommands.into_iter().flatten().flat_map(clap::Command::get_arguments);
        for option in command.get_arguments().chain(others) {
            let Some(long) = option.get_long() else { continue };
            let name = format!("ONELOOP_{}", long.to_uppercase().replace('-', "_"));
            let expected = if ["help", "version"].contains(&long) { None } else { Some(&*name) };
            assert_eq!(option.get_env().and_then(|name| name.to_str()), expected, "--{long}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let Asked { what, how } = asked(&["oneloop"]);
        let What::Serve(site) = what else { panic!("respond was not asked for") };
        assert_eq!(site.mounts, [Mount { at: "/".into(), path: ".".into() }]);
        assert_eq!(format!("{:?}", site.options), format!("{:?}", FileOptions::default()));
        assert_eq!((site.for_folders, site.sandbox), (None, Sandbox::Auto));
        assert_eq!((how.limits, how.config), (Limits::default(), Config::default()));
        assert_eq!((how.port, how.backlog, how.workers.get()), (8080, BACKLOG, 1));
        assert_eq!(how.binds, [Bind::Ip([127, 0, 0, 1].into())]);
        assert_eq!((how.access_log, how.verbosity), (None, Verbosity::Normal));
        assert_eq!(how.log_format, LogFormat::default());
    }

    #[test]
    fn every_limit_arrives_where_it_belongs() {
        let how = asked(&[
            "oneloop",
            "--max-head=1KiB",
            "--max-headers=2",
            "--max-target=512",
            "--max-body=4",
            "--max-requests=5",
            "--max-connections=6",
            "--head-timeout=7s",
            "--body-timeout=8s",
            "--idle-timeout=9s",
            "--write-timeout=10s",
            "--answer-timeout=11s",
            "--grace=0s",
        ])
        .how;
        let Limits { head_bytes, header_lines, target_bytes, body_bytes, requests, .. } =
            how.limits;
        assert_eq!((head_bytes, header_lines, target_bytes, body_bytes), (1024, 2, 512, 4));
        assert_eq!((requests, how.config.connections), (NonZeroU32::new(5), Some(6)));
        let limits = how.limits;
        let times = [
            limits.head_timeout,
            limits.body_timeout,
            limits.idle_timeout,
            limits.write_timeout,
            limits.answer_timeout,
            how.config.grace,
        ];
        assert_eq!(times.map(|time| time.as_secs()), [7, 8, 9, 10, 11, 0]);
    }

    #[test]
    fn workers_are_a_number_or_as_many_as_cpus() {
        let cpus = std::thread::available_parallelism().unwrap().get();
        for (word, expected) in
            [("-w2", 2), ("--workers=1", 1), ("--workers=1024", 1024), ("-wauto", cpus)]
        {
            for words in [["oneloop", word, "respond"], ["oneloop", "respond", word]] {
                assert_eq!(asked(&words).how.workers.get(), expected, "{words:?}");
            }
        }
        for value in ["0", "-1", "1025", "two", "1.5", "AUTO"] {
            let refused = format!(
                "invalid value '{value}' for '--workers <N>': \
                 give a whole number from 1 to 1024, or auto"
            );
            check_refused(&["oneloop", &format!("--workers={value}")], &refused);
        }
        check_refused(
            &["oneloop", "--max-connections=3", "-w4"],
            "--max-connections 3 is below --workers 4; each takes one at least",
        );
        asked(&["oneloop", "--max-connections=4", "-w4"]);
    }

    #[test]
    fn a_small_head_has_a_small_target_unless_one_was_asked_for() {
        let limits = asked(&["oneloop", "--max-head=1KiB"]).how.limits;
        assert_eq!((limits.head_bytes, limits.target_bytes), (1024, 1024));
        let limits = asked(&["oneloop", "--max-head=1KiB", "respond"]).how.limits;
        assert_eq!((limits.head_bytes, limits.target_bytes), (1024, 1024));
    }

    #[test]
    fn options_stand_before_or_after_respond_and_the_later_ones_win() {
        for words in [
            ["oneloop", "-p", "1", "-vv", "--grace", "3s", "-b", "::", "respond", "x"],
            ["oneloop", "respond", "-p", "1", "-vv", "--grace", "3s", "-b", "::", "x"],
            ["oneloop", "respond", "x", "-b", "[::]", "-p", "1", "-vv", "--grace", "3s"],
            ["oneloop", "-p", "2", "-vv", "--grace=3s", "respond", "x", "-b", "::", "-p1"],
        ] {
            let Asked { what, how } = asked(&words);
            assert!(matches!(what, What::Respond(_)));
            assert_eq!((how.port, how.verbosity), (1, Verbosity::Trace), "{words:?}");
            assert_eq!(how.config.grace.as_secs(), 3, "{words:?}");
            assert_eq!(how.binds, [Bind::Ip([0u16; 8].into())], "{words:?}");
        }
    }

    #[test]
    fn a_folder_may_be_called_respond_explain_or_help() {
        for (words, path) in [
            (&["oneloop", "./respond"][..], "./respond"),
            (&["oneloop", "--", "respond"], "respond"),
            (&["oneloop", "./explain"], "./explain"),
            (&["oneloop", "--", "explain"], "explain"),
            (&["oneloop", "help"], "help"),
        ] {
            assert!(matches!(asked(words).what, What::Serve(site) if is_all(&site, path)));
        }
    }

    #[test]
    fn respond_takes_a_status_fields_and_a_body() {
        let words =
            ["oneloop", "respond", "-s", "404", "-H", "X-A: 1", "--header", "X-B:2", "--", "-no-"];
        let What::Respond(reply) = asked(&words).what else { panic!("respond was asked for") };
        assert_eq!(reply.status, 404);
        let fields: Vec<_> = reply.fields.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        assert_eq!(fields, [("x-a", &b"1"[..]), ("x-b", b"2")]);
        assert!(matches!(reply.body, ReplyBody::Typed(body) if body == b"-no-"));
        assert_eq!(reply.content_type, "text/plain; charset=utf-8");
        for words in [&["oneloop", "respond"][..], &["oneloop", "respond", "-s204", ""]] {
            let What::Respond(reply) = asked(words).what else { panic!("respond was asked for") };
            assert!(matches!(reply.body, ReplyBody::Empty));
        }
    }

    #[test]
    fn the_access_log_goes_to_stdout_or_a_file() {
        for (word, expected) in [
            ("--access-log", LogTarget::Stdout),
            ("--access-log=", LogTarget::Stdout),
            ("--access-log=-", LogTarget::Stdout),
            ("--access-log=a b", LogTarget::File("a b".into())),
        ] {
            // What follows is the folder and not the log's file.
            let Asked { what, how } = asked(&["oneloop", word, "www"]);
            assert!(matches!(what, What::Serve(site) if is_all(&site, "www")), "{word}");
            assert_eq!(how.access_log, Some(expected), "{word}");
        }
    }

    #[test]
    fn a_log_has_a_format() {
        let template = "{id} {status}";
        for (word, expected) in [
            ("clf", LogFormat::default()),
            ("combined", LogFormat::combined()),
            ("json", LogFormat::json()),
            (template, template.parse().unwrap()),
        ] {
            for words in [
                ["oneloop", "--access-log", "--log-format", word],
                ["oneloop", "--log-format", word, "--access-log=x"],
            ] {
                assert_eq!(asked(&words).how.log_format, expected, "{words:?}");
            }
        }
        check_refused(
            &["oneloop", "--log-format=json"],
            "--log-format was given without --access-log; add that, or leave it out",
        );
        let is = "for '--log-format <FORMAT>'";
        for (word, expected) in [
            (
                "{status} {statis}",
                "there is no {statis}; there are {client}, {time}, {iso-time}, {line}, {method}, \
                 {target}, {version}, {status}, {bytes}, {micros}, {seconds}, {id}, {connection}, \
                 {request}, {close}, {referer}, {user-agent}",
            ),
            ("{}", "there is no {}; there are {client}"),
            ("jsno", "give clf, combined, json or a template with tokens, as '{client} {status}'"),
            ("", "give clf, combined, json or a template with tokens, as '{client} {status}'"),
            (
                "{status",
                "a brace begins or ends no token; write tokens as {status}, and braces twice",
            ),
            ("{status}\n", "a template is one line, without control characters"),
        ] {
            let words = ["oneloop", "--access-log", "--log-format", word];
            let Err(Refusal::Usage(line)) = read(words.map(OsString::from)) else {
                panic!("{words:?}");
            };
            assert!(line.contains(is) && line.contains(expected), "{line}");
        }
    }

    #[test]
    fn help_and_version_are_answered() {
        for (word, expected) in [
            ("-V", concat!("oneloop ", env!("CARGO_PKG_VERSION"), "\n")),
            ("-h", "ONELOOP_MAX_HEAD"),
            ("--help", "128 + n  ended at once by a second signal n"),
        ] {
            match read(["oneloop", word].iter().map(OsString::from)) {
                Err(Refusal::Answered(text)) => assert!(text.contains(expected), "{text}"),
                other => panic!("{word}: {other:?}"),
            }
        }
    }

    #[test]
    fn help_is_not_broken_in_the_middle_of_our_own_lines() {
        let Err(Refusal::Answered(text)) = read(["oneloop", "--help"].map(OsString::from)) else {
            panic!("help was asked for")
        };
        assert!(text.lines().all(|line| line.chars().count() <= 100));
        let example =
            "  oneloop -b unix:/run/site.sock www   behind another server, on a Unix socket";
        assert!(text.lines().any(|line| line == example), "{text}");
    }

    #[test]
    fn mistakes_are_told_in_one_line() {
        let check = check_refused;
        check(
            &["oneloop", "--prot", "1"],
            "unexpected argument '--prot' found; a similar argument exists: '--port'",
        );
        check(&["oneloop", "a", "b"], "unexpected argument 'b' found");
        check(
            &["oneloop", "-p", "x"],
            "invalid value 'x' for '--port <PORT>': give a whole number from 0 to 65535",
        );
        check(&["oneloop", "-p"], "a value is required for '--port <PORT>' but none was supplied");
        check(
            &["oneloop", "--idle-timeout=5"],
            "invalid value '5' for '--idle-timeout <TIME>': add a unit, as 5s or 5ms",
        );
        check(
            &["oneloop", "--max-head=1MiB"],
            "invalid value '1MiB' for '--max-head <SIZE>': give a size from 256 B to 64 KiB",
        );
        check(
            &["oneloop", "--max-head=1KiB", "--max-target=2KiB"],
            "--max-target 2048 is above --max-head 1024; raise that too",
        );
        check(&["oneloop", "-qv"], "both --quiet and --verbose were given; leave one out");
        check(&["oneloop", "www", "respond"], "both 'www' and respond were given; leave one out");
        check(
            &["oneloop", "respond", "x", "--body-file", "y"],
            "both BODY and --body-file were given; leave one out",
        );
        for (status, example) in [
            ("206", "Content-Range: bytes 0-4/9"),
            ("401", "WWW-Authenticate: Basic realm=x"),
            ("405", "Allow: GET, HEAD"),
            ("407", "Proxy-Authenticate: Basic realm=x"),
        ] {
            let refused =
                format!("an answer of {status} must say more; add -H '{example}' or alike");
            check(&["oneloop", "respond", "-s", status], &refused);
            let words = ["oneloop", "respond", "-s", status, "-H", example];
            assert!(matches!(asked(&words).what, What::Respond(reply) if reply.fields.len() == 1));
        }
        for status in ["204", "205", "304"] {
            let refused = format!("an answer of {status} has no body; leave the body out");
            check(&["oneloop", "respond", "-s", status, "x"], &refused);
            check(&["oneloop", "respond", "-s", status, "--body-file", "x"], &refused);
        }
    }
}
