//! The options for serving files: their grammar, and what they mean together.
//!
//! The doc comments of the fields are what `--help` prints. Whether there are such folders and
//! files is not asked here, but by `site.rs`.
//! Read next: `values.rs`, what a single value may be.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgMatches, Args};
use http::{HeaderName, HeaderValue, StatusCode};
use oneloop::FileOptions;
use oneloop::files::{
    CacheRule, Charset, Compress, Cors, Hidden, Listing, Missing, Paths, Symlinks,
};

use super::cache_rule::cache_rule;
use super::values::{
    Mount, PerLine, cors, error_page, media_type, mount, number, per_line, per_line_os, sandbox,
    size, symlinks, text,
};
use super::{Sandbox, Site, typed, which};

const FILES: &str = "Files";
const CACHING: &str = "Caching";

/// The most files that can be kept open: what a descriptor can be.
const MOST_FILES: u64 = i32::MAX as u64;

/// What only a folder can have, as it is typed.
const FOR_FOLDERS: [&str; 7] =
    ["index", "clean_urls", "spa", "not_found", "symlinks", "hidden", "no_listing"];

#[derive(Args, Debug)]
pub(super) struct Serving {
    /// Serve a folder or file at a path of its own; repeatable
    ///
    /// `--mount /docs=manual/html` serves that folder at /docs/, beside PATH, which is at /. All
    /// other options hold for each of them, and the cache is divided among them.
    #[arg(long, env = "ONELOOP_MOUNT", value_parser = per_line_os(mount))]
    #[arg(value_name = "/PREFIX=DIR", help_heading = FILES)]
    pub(super) mount: Vec<PerLine<Mount>>,

    /// The file that stands for its folder; repeatable, and the first that is there does
    #[arg(long, env = "ONELOOP_INDEX", default_value = "index.html", value_parser = per_line(text))]
    #[arg(value_name = "NAME", help_heading = FILES)]
    pub(super) index: Vec<PerLine<String>>,

    /// Serve a.html as /a and b/index.html as /b/; redirect the longer paths there
    #[arg(long, env = "ONELOOP_CLEAN_URLS", value_parser = FalseyValueParser::new())]
    #[arg(help_heading = FILES)]
    pub(super) clean_urls: bool,

    /// Answer with the index of the root where there is nothing: a single-page application
    ///
    /// What looks like a file, a name with an extension, is 404 all the same.
    #[arg(long, env = "ONELOOP_SPA", value_parser = FalseyValueParser::new())]
    #[arg(help_heading = FILES)]
    pub(super) spa: bool,

    /// Answer with the nearest 404.html where there is nothing, and with status 404
    ///
    /// The nearest is that of the folder asked for, or of one above it.
    #[arg(long, env = "ONELOOP_NOT_FOUND", value_parser = FalseyValueParser::new())]
    #[arg(help_heading = FILES)]
    pub(super) not_found: bool,

    /// Answer errors of that status with this file, read once at the start; repeatable
    #[arg(long, env = "ONELOOP_ERROR_PAGE", value_parser = per_line_os(error_page))]
    #[arg(value_name = "STATUS=FILE", help_heading = FILES)]
    pub(super) error_page: Vec<PerLine<(StatusCode, PathBuf)>>,

    /// Which symbolic links to follow: deny, inside or all
    ///
    /// `inside` follows relative links that stay within the folder; an absolute one is refused
    /// wherever it leads. `all` follows them out of it.
    #[arg(long, env = "ONELOOP_SYMLINKS", default_value = "inside", value_parser = symlinks)]
    #[arg(value_name = "WHICH", help_heading = FILES)]
    pub(super) symlinks: Symlinks,

    /// Serve and list names that begin with a dot; .well-known always is
    #[arg(long, env = "ONELOOP_HIDDEN", value_parser = FalseyValueParser::new())]
    #[arg(help_heading = FILES)]
    pub(super) hidden: bool,

    /// Answer 404 for a folder without index, in place of a list
    #[arg(long, env = "ONELOOP_NO_LISTING", value_parser = FalseyValueParser::new())]
    #[arg(help_heading = FILES)]
    pub(super) no_listing: bool,

    /// The media type of an extension, as glb=model/gltf-binary; repeatable
    #[arg(long = "type", env = "ONELOOP_TYPE", value_parser = per_line(media_type))]
    #[arg(value_name = "EXT=TYPE", help_heading = FILES)]
    pub(super) media_type: Vec<PerLine<(String, HeaderValue)>>,

    /// Do not say that text is UTF-8
    #[arg(long, env = "ONELOOP_NO_CHARSET", value_parser = FalseyValueParser::new())]
    #[arg(help_heading = FILES)]
    pub(super) no_charset: bool,

    /// Compress text and the like that is not there compressed
    ///
    /// A file.br, file.zst or file.gz beside its file is sent to who understands it in any case.
    #[arg(long, env = "ONELOOP_COMPRESS", value_parser = FalseyValueParser::new())]
    #[arg(help_heading = FILES)]
    pub(super) compress: bool,

    /// Let pages of other origins read the answers: all, or those of ORIGIN
    #[arg(long, env = "ONELOOP_CORS", value_name = "ORIGIN", value_parser = cors)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    #[arg(help_heading = FILES)]
    pub(super) cors: Option<Cors>,

    /// Whether the process can read nothing but what it serves: auto, on or off
    ///
    /// By Landlock, on Linux. `auto` does it where the kernel can and no link leads elsewhere, `on`
    /// warns where the kernel cannot.
    #[arg(long, env = "ONELOOP_SANDBOX", default_value = "auto", value_parser = sandbox)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    #[arg(value_name = "WHEN", help_heading = FILES)]
    pub(super) sandbox: Sandbox,

    /// Cache-Control by name, as '*.css=1y,immutable'; repeatable [default: *=0s,s-maxage=1]
    ///
    /// The first rule that fits counts. Patterns are *.css in any folder, /index.html, assets/**
    /// for all of that folder; beneath a mount they begin there. Then a lifetime, no-cache,
    /// no-store or any other directive, with commas; or `off` to say nothing. Without a rule
    /// clients ask each time whether their copy still holds. Listings always say no-cache.
    #[arg(long, env = "ONELOOP_CACHE", value_parser = per_line(cache_rule))]
    #[arg(value_name = "RULE", help_heading = CACHING)]
    pub(super) cache: Vec<PerLine<CacheRule>>,

    /// Memory for the content of small files; 0 keeps none
    #[arg(long, env = "ONELOOP_CACHE_BYTES", default_value = "32MiB")]
    #[arg(value_parser = size::<usize>(0, u64::MAX), value_name = "SIZE", help_heading = CACHING)]
    pub(super) cache_bytes: usize,

    /// Larger files that are kept open; 0 keeps none
    #[arg(long, env = "ONELOOP_CACHE_FILES", default_value = "32")]
    #[arg(value_parser = number::<usize>(0, MOST_FILES), value_name = "N", help_heading = CACHING)]
    pub(super) cache_files: usize,
}

impl Serving {
    /// What is served, and how; or what contradicts itself, and what to do.
    pub(super) fn site(
        self,
        path: Option<PathBuf>,
        headers: Vec<(HeaderName, HeaderValue)>,
        matches: &ArgMatches,
    ) -> Result<Site, String> {
        let sandbox = match (self.sandbox, self.symlinks) {
            (Sandbox::Auto, Symlinks::All) => Sandbox::Off,
            (sandbox, _) => sandbox,
        };
        if sandbox == Sandbox::On && self.symlinks == Symlinks::All {
            return Err("--sandbox refuses the links that --symlinks all follows; \
                        leave one out, or --mount what they lead to"
                .into());
        }
        let for_folders = FOR_FOLDERS.into_iter().find(|id| typed(Some(matches), id)).map(as_typed);
        let mounts: Vec<_> = flat(self.mount.clone());
        Ok(Site {
            mounts: with_root(path, mounts)?,
            options: self.options(headers, matches)?,
            for_folders,
            sandbox,
        })
    }

    fn options(
        self,
        headers: Vec<(HeaderName, HeaderValue)>,
        matches: &ArgMatches,
    ) -> Result<FileOptions, String> {
        let mut options = FileOptions::default();
        options.missing = match which(matches, ("spa", self.spa), ("not_found", self.not_found))? {
            Some("spa") => Missing::App,
            Some(_) => Missing::NearestPage,
            None => Missing::Status,
        };
        options.paths = if self.clean_urls { Paths::Clean } else { Paths::AsNamed };
        options.symlinks = self.symlinks;
        options.hidden = if self.hidden { Hidden::Served } else { Hidden::Refused };
        options.listing = if self.no_listing { Listing::Refused } else { Listing::Shown };
        options.compress = if self.compress { Compress::OnTheFly } else { Compress::Never };
        options.charset = if self.no_charset { Charset::Unsaid } else { Charset::Utf8 };
        options.index = flat(self.index);
        options.types = flat(self.media_type);
        options.cache = flat(self.cache);
        options.error_pages = flat(self.error_page);
        options.cors = self.cors;
        options.headers = headers;
        options.cached_bytes = self.cache_bytes;
        options.cached_files = self.cache_files;
        options.check().map_err(|error| error.to_string())?;
        Ok(options)
    }
}

/// The root first, then the mounts in the order in which they were given. Where there are mounts
/// there need not be a root; where there is nothing, the current folder is meant.
fn with_root(path: Option<PathBuf>, mounts: Vec<Mount>) -> Result<Vec<Mount>, String> {
    let path = match path {
        None if mounts.is_empty() => Some(".".into()),
        path => path,
    };
    let root = path.map(|path| Mount { at: "/".into(), path });
    let all: Vec<_> = root.into_iter().chain(mounts).collect();
    for (index, mount) in all.iter().enumerate() {
        if let Some(other) = all[..index].iter().find(|other| other.at == mount.at) {
            let [one, two] = [other, mount].map(|mount| mount.path.display());
            return Err(format!(
                "both '{one}' and '{two}' are to be at {}; leave one out",
                mount.at
            ));
        }
    }
    Ok(all)
}

pub(super) fn flat<T>(lines: Vec<PerLine<T>>) -> Vec<T> {
    lines.into_iter().flat_map(|PerLine(values)| values).collect()
}

/// `no_listing` is typed `--no-listing`.
pub(super) fn as_typed(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

/// An option of those that was typed, if one was.
pub(super) fn any_typed<A: Args>(matches: &ArgMatches) -> Option<String> {
    let options = A::augment_args(clap::Command::new(""));
    let mut options = options.get_arguments();
    let found = options.find(|option| typed(Some(matches), option.get_id().as_str()));
    found.and_then(|option| option.get_long()).map(as_typed)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::{MORE, Refusal, Task, What, read};
    use super::*;

    fn site(words: &[&str]) -> Site {
        let words = ["oneloop"].iter().chain(words);
        match read(words.clone().map(OsString::from)) {
            Ok(Task::Serve(asked)) => match asked.what {
                What::Serve(site) => site,
                What::Respond(_) => panic!("respond was not asked for"),
            },
            other => panic!("{:?}: {other:?}", words.collect::<Vec<_>>()),
        }
    }

    fn check_refused(words: &[&str], expected: &str) {
        let all = ["oneloop"].iter().chain(words);
        match read(all.map(OsString::from)) {
            Err(Refusal::Usage(line)) => {
                assert_eq!(line, format!("{expected}; {MORE}"), "{words:?}");
            }
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn every_option_arrives_where_it_belongs() {
        let site = site(&[
            "--index=a.html",
            "--index=b.html",
            "--clean-urls",
            "--spa",
            "--error-page=404=gone.html",
            "--error-page=500=a=b.html",
            "--symlinks=deny",
            "--hidden",
            "--no-listing",
            "--type=glb=model/gltf-binary",
            "--type=.log=text/x-log",
            "--no-charset",
            "--compress",
            "--cors=https://a.example",
            "--cache=*.css=1y",
            "--cache=*=off",
            "-H",
            "X-A: 1",
            "--cache-bytes=1MiB",
            "--cache-files=7",
            "--sandbox",
        ]);
        let mut expected = FileOptions::default();
        let value = HeaderValue::from_static;
        expected.index = vec!["a.html".into(), "b.html".into()];
        expected.paths = Paths::Clean;
        expected.missing = Missing::App;
        expected.error_pages = vec![
            (StatusCode::NOT_FOUND, "gone.html".into()),
            (StatusCode::INTERNAL_SERVER_ERROR, "a=b.html".into()),
        ];
        expected.symlinks = Symlinks::Deny;
        expected.hidden = Hidden::Served;
        expected.listing = Listing::Refused;
        expected.types =
            vec![("glb".into(), value("model/gltf-binary")), ("log".into(), value("text/x-log"))];
        expected.charset = Charset::Unsaid;
        expected.compress = Compress::OnTheFly;
        expected.cors = Some(Cors::Origin(value("https://a.example")));
        expected.cache =
            vec![CacheRule::new("*.css", value("max-age=31557600")), CacheRule::new("*", None)];
        expected.headers = vec![(HeaderName::from_static("x-a"), value("1"))];
        expected.cached_bytes = 1 << 20;
        expected.cached_files = 7;
        assert_eq!(format!("{:#?}", site.options), format!("{expected:#?}"));
        assert_eq!(site.sandbox, Sandbox::On);
    }

    #[test]
    fn what_is_missing_is_answered_in_one_way() {
        for (words, expected) in [
            (&[][..], Missing::Status),
            (&["--spa"], Missing::App),
            (&["--not-found"], Missing::NearestPage),
        ] {
            assert_eq!(site(words).options.missing, expected, "{words:?}");
        }
    }

    #[test]
    fn cors_stands_for_all_or_for_one_origin() {
        for (word, expected) in [
            ("--cors", Cors::Anybody),
            ("--cors=*", Cors::Anybody),
            ("--cors=http://A:80", Cors::Origin(HeaderValue::from_static("http://a"))),
        ] {
            // What follows is the folder and not the origin.
            let site = site(&[word, "www"]);
            assert_eq!(site.options.cors, Some(expected), "{word}");
            assert_eq!(site.mounts[0].path.to_str(), Some("www"), "{word}");
        }
    }

    #[test]
    fn a_folder_is_at_the_root_unless_there_are_mounts() {
        for (words, expected) in [
            (&[][..], "/=."),
            (&["www"], "/=www"),
            (&["--mount=/docs=manual"], "/docs/=manual"),
            (&["www", "--mount", "/docs=a=b"], "/=www /docs/=a=b"),
            (&["--mount=/b/=1", "--mount=/a b=2", "--mount=/=3"], "/b/=1 /a%20b/=2 /=3"),
        ] {
            let mounts = site(words).mounts;
            let mounts: Vec<_> =
                mounts.iter().map(|m| format!("{}={}", m.at, m.path.display())).collect();
            assert_eq!(mounts.join(" "), expected, "{words:?}");
        }
    }

    #[test]
    fn an_option_that_only_a_folder_can_have_is_remembered() {
        for (words, expected) in [
            (&["--cors", "--compress", "--no-charset"][..], None),
            (&["--no-listing"], Some("--no-listing")),
            (&["--index=index.html"], Some("--index")),
        ] {
            assert_eq!(site(words).for_folders.as_deref(), expected, "{words:?}");
        }
        for id in FOR_FOLDERS {
            let options = Serving::augment_args(clap::Command::new(""));
            assert!(options.get_arguments().any(|option| option.get_id() == id), "{id}");
        }
    }

    #[test]
    fn mistakes_are_told_in_one_line() {
        let check = check_refused;
        check(&["--spa", "--not-found"], "both --spa and --not-found were given; leave one out");
        check(
            &["--sandbox", "--symlinks=all"],
            "--sandbox refuses the links that --symlinks all follows; \
             leave one out, or --mount what they lead to",
        );
        check(
            &["www", "--mount=/a=x", "--mount=/%61/=y"],
            "both 'x' and 'y' are to be at /a/; leave one out",
        );
        check(&["www", "--mount=/=x"], "both 'www' and 'x' are to be at /; leave one out");
        for (words, option) in [
            (&["--clean-urls", "respond"][..], "--clean-urls"),
            (&["--type=a=text/x", "respond", "x"], "--type"),
            (&["--mount=/a=x", "respond"], "--mount"),
        ] {
            check(words, &format!("both {option} and respond were given; leave one out"));
        }
        check(&["respond", "--spa"], "unexpected argument '--spa' found");
        check(&["--index=a/b"], "\"a/b\" is no index; give the name of a file, without a slash");
        check(
            &["-H", "ETag: \"x\""],
            "the field etag is written by the server itself; leave it out",
        );
        check(
            &["--type=x=text"],
            "\"x\" cannot be \"text\"; \
             give an extension without its dot, and a type as model/gltf-binary",
        );
        check(&["--cache=a/=1y"], "no file fits the pattern \"a/\"; write as *.css or assets/**");
        for (word, option, expected) in [
            (
                "--mount=docs",
                "--mount </PREFIX=DIR>",
                "write it as /PREFIX=DIR, as /docs=manual/html",
            ),
            (
                "--mount=/docs=",
                "--mount </PREFIX=DIR>",
                "write it as /PREFIX=DIR, as /docs=manual/html",
            ),
            (
                "--mount=docs=x",
                "--mount </PREFIX=DIR>",
                "give a path that begins with a slash, as /docs=manual/html",
            ),
            (
                "--mount=/../a=x",
                "--mount </PREFIX=DIR>",
                "give a path that begins with a slash, as /docs=manual/html",
            ),
            (
                "--error-page=x",
                "--error-page <STATUS=FILE>",
                "write it as STATUS=FILE, as 404=sorry.html",
            ),
            ("--error-page=200=x", "--error-page <STATUS=FILE>", "give a status from 400 to 599"),
            ("--symlinks=none", "--symlinks <WHICH>", "give deny, inside or all"),
            ("--type=glb", "--type <EXT=TYPE>", "write it as EXT=TYPE, as glb=model/gltf-binary"),
            (
                "--cors=a.example",
                "--cors[=<ORIGIN>]",
                "give scheme://host[:port] without a path, or * for everybody",
            ),
            (
                "--cache=*.css",
                "--cache <RULE>",
                "write it as PATTERN=LIFETIME, as '*.css=1y,immutable'",
            ),
        ] {
            let value = word.split_once('=').unwrap().1;
            check(&[word], &format!("invalid value '{value}' for '{option}': {expected}"));
        }
    }

    #[test]
    fn paths_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt;

        let word = OsString::from_vec(b"--mount=/a=\xFF".to_vec());
        let Ok(Task::Serve(asked)) = read([OsString::from("oneloop"), word]) else { panic!() };
        let What::Serve(site) = asked.what else { panic!("respond was not asked for") };
        assert_eq!(site.mounts[0].path.as_os_str().as_encoded_bytes(), b"\xFF");
    }
}
