//! The house rules that a machine can check, checked: who may import whom, who may ask the time,
//! who may write a phase or clear a readiness bit, how a file begins and how long it is, and what
//! the documented interface is.
//!
//! It reads the sources as text: comments, string literals and tests (`#[cfg(test)]`) are left out,
//! `use` trees are taken apart, and paths written inline count like imports. A law that is broken
//! says where, and what to do. The laws themselves are in `lib.rs` ("The house", "Invariants").

#[path = "laws/paths.rs"]
mod paths;
#[path = "laws/sources.rs"]
mod sources;

use std::collections::BTreeMap;

use paths::{Named, named, re_exports};
use sources::{Line, Source, sources};

/// A floor: which others it may import, and what of the standard library it may not.
struct Floor {
    name: &'static str,
    floors: &'static [&'static str],
    crates: &'static [&'static str],
    never: &'static [&'static str],
    /// Names out of what is never imported that are words and not deeds.
    but: &'static [(&'static str, &'static str)],
}

const IO: [&str; 9] = [
    "std::io",
    "std::net",
    "std::fs",
    "std::os",
    "std::thread",
    "std::process",
    "std::env",
    "std::time::Instant",
    "std::sync::mpsc",
];

const FLOORS: [Floor; 8] = [
    Floor { name: "config", floors: &[], crates: &["std"], never: &IO, but: &[] },
    Floor {
        name: "message",
        floors: &["message"],
        crates: &["std", "http"],
        never: &IO,
        // An open file and an address are things that one can speak of.
        but: &[
            ("message/", "std::fs::File"),
            ("message/", "std::os::fd::AsFd"),
            ("message/", "std::os::fd::BorrowedFd"),
            ("message/", "std::net::SocketAddr"),
        ],
    },
    Floor {
        name: "wire",
        floors: &["wire", "message", "config"],
        crates: &["std", "http", "httparse", "httpdate", "itoa", "memchr", "percent_encoding"],
        never: &IO,
        // How an address is written, which is grammar.
        but: &[("wire/target.rs", "std::net::Ipv6Addr")],
    },
    Floor {
        name: "connection",
        floors: &["connection", "wire", "message", "config"],
        crates: &["std", "http"],
        never: &IO,
        // A transport fails for a reason, and this is the word for it; nothing here does I/O.
        but: &[
            ("connection/mod.rs", "std::io::ErrorKind"),
            ("connection/fate.rs", "std::io::ErrorKind"),
        ],
    },
    Floor {
        name: "responders",
        floors: &["responders", "wire", "message", "config"],
        crates: &[
            "std",
            "http",
            "httpdate",
            "memchr",
            "percent_encoding",
            "mime_guess",
            "rustix",
            "serde_core",
            "serde_json",
        ],
        never: &["std::net", "std::os::unix::net", "rustix::net", "std::time::Instant"],
        // How an address is written in an origin, which is grammar.
        but: &[("responders/files/cors.rs", "std::net::Ipv6Addr")],
    },
    Floor {
        name: "observers",
        // Of the connection only the words for phases, reasons and moments: checked below.
        floors: &["observers", "message", "connection", "config"],
        crates: &["std", "http", "histogram", "httpdate", "itoa", "log", "serde_json"],
        never: &["std::os::unix::net", "std::time::Instant"],
        but: &[],
    },
    Floor {
        name: "admin",
        // Of the connection only the words, as observers.
        floors: &["admin", "observers", "responders", "message", "connection", "config"],
        crates: &["std", "http", "serde_json"],
        never: &["std::os::unix::net", "std::fs", "std::time::Instant"],
        but: &[],
    },
    Floor {
        name: "event_loop",
        floors: &[
            "event_loop",
            "observers",
            "responders",
            "connection",
            "wire",
            "message",
            "config",
        ],
        crates: &["std", "http", "httpdate", "mio", "slab", "socket2", "signal_hook", "rustix"],
        never: &[],
        but: &[],
    },
];

/// What is the program's, and no floor; and the map.
const PROGRAM: [&str; 8] =
    ["lib", "main", "cli", "explain", "listening", "sandbox", "site", "watching"];

/// All that is broken, one line each.
fn assert_none(law: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{law}\n\n{}\n", broken.join("\n"));
}

fn is_within(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The floors, by every path that every file names.
#[test]
fn floors_import_downwards() {
    let sources = sources();
    let re_exports = re_exports(&sources);
    let mut broken = Vec::new();
    for source in &sources {
        let Some(floor) = FLOORS.iter().find(|floor| floor.name == source.floor()) else {
            let is_program = PROGRAM.contains(&source.floor());
            assert!(
                is_program,
                "src/{}: which floor is this? Name it in tests/laws.rs",
                source.path
            );
            continue;
        };
        for Named { line, path } in named(source) {
            if let Some(why) = refused(floor, source, &path, &re_exports) {
                broken.push(format!("{}: `{path}`: {why}", source.at(line)));
            }
        }
    }
    assert_none(
        "A floor imports what it may not. Move the code, or hand it in as an argument.",
        &broken,
    );
}

/// What a floor's law has against a path.
fn refused(
    floor: &Floor,
    source: &Source,
    path: &str,
    re_exports: &BTreeMap<String, String>,
) -> Option<String> {
    let name = floor.name;
    let Some(inside) = path.strip_prefix("crate::") else {
        let first = path.split("::").next().unwrap_or(path);
        if !floor.crates.contains(&first) {
            return Some(format!("{name} does not use the crate {first}"));
        }
        let is_word = |(file, word): &(&str, &str)| source.path.starts_with(file) && path == *word;
        let is_never = floor.never.iter().any(|never| is_within(path, never));
        let is_refused = is_never && !floor.but.iter().any(is_word);
        return is_refused.then(|| format!("{name} never touches it"));
    };
    let first = inside.split("::").next().unwrap_or(inside);
    let target =
        re_exports.get(first).map_or(first, |module| module.split("::").next().unwrap_or(module));
    if !floor.floors.contains(&target) && !floor.crates.contains(&target) {
        return Some(format!("{name} does not import {target}"));
    }
    if ["observers", "admin"].contains(&name) && target == "connection" {
        let what = inside.rsplit("::").next().unwrap_or(inside);
        let is_word = ["Phase", "CloseReason", "Moment", "Why"].contains(&what);
        return (!is_word)
            .then(|| "observers know Phase, Why, CloseReason and Moment alone".to_owned());
    }
    None
}

/// Some crates are met in one place, so that what is relied on can be read in one place.
#[test]
fn one_file_for_each_of_these_crates() {
    const HOMES: [(&str, &str); 6] = [
        ("httparse", "wire/request.rs"),
        ("mio", "event_loop/mio.rs"),
        ("log", "observers/journal.rs"),
        ("socket2", "event_loop/listener.rs"),
        ("signal_hook", "event_loop/signals.rs"),
        ("landlock", "sandbox.rs"),
    ];
    let mut broken = Vec::new();
    // The program writes its own lines to the log.
    let is_program = |source: &Source| source.path != "lib.rs" && PROGRAM.contains(&source.floor());
    for source in sources().iter().filter(|source| !is_program(source)) {
        for Named { line, path } in named(source) {
            for (name, home) in HOMES {
                if is_within(&path, name) && source.path != home {
                    broken.push(format!("{}: `{path}` belongs in src/{home}", source.at(line)));
                }
            }
        }
    }
    assert_none("A crate is met outside of the one file that it is for.", &broken);
}

/// Lines of code that have any of these words, outside of one file.
fn lines_with(words: &[&str], home: &str) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.path != home) {
        for line in &source.lines {
            if let Some(word) = words.iter().find(|word| line.code.contains(**word)) {
                found.push(format!("{}: `{word}`", source.at(line.number)));
            }
        }
    }
    found
}

/// Invariant 1: time is an argument.
#[test]
fn one_file_asks_the_time() {
    let broken =
        lines_with(&["Instant::now", "SystemTime::now", ".elapsed()"], "event_loop/clock.rs");
    assert_none("Only event_loop/clock.rs asks the time. Take the moment as an argument.", &broken);
}

/// Invariant 2: one function writes a phase, so that one place can check the edge.
#[test]
fn one_function_writes_a_phase() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.floor() == "connection") {
        let mut function = String::new();
        for line in &source.lines {
            let code = line.code.trim();
            if let Some((_, name)) = code.split_once("fn ") {
                function = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            }
            let assigns = code.contains(".phase = ") || code.contains("&mut self.phase");
            let begins = code.starts_with("phase: Phase::") || code.starts_with("phase,");
            let may = match function.as_str() {
                "move_to" => assigns && source.path == "connection/mod.rs",
                "new" => begins,
                _ => false,
            };
            if (assigns || begins) && !may {
                broken.push(format!("{}: in `{function}`: {code}", source.at(line.number)));
            }
        }
    }
    assert_none("Only `move_to` writes `phase`, and `new` begins it. Call `move_to`.", &broken);
}

/// Invariant 3: a forgotten readiness bit is a connection that waits for ever.
#[test]
fn one_file_clears_readiness() {
    let readiness = "event_loop/readiness.rs";
    let mut broken = lines_with(&["&= !"], readiness);
    broken.retain(|line| line.starts_with("src/event_loop/"));
    broken.extend(lines_with(&["Readiness("], readiness));
    let sources = sources();
    let file = sources.iter().find(|source| source.path == readiness).expect("readiness.rs");
    let is_closed = file.lines.iter().any(|line| line.code.contains("struct Readiness(u8);"));
    assert!(is_closed, "src/{readiness}: the bits are private: `struct Readiness(u8);`");
    assert_none("Only readiness.rs clears a bit. Give it a method that has a reason.", &broken);
}

/// Every file says first what it is (STYLE 1).
#[test]
fn every_file_opens_with_its_plate() {
    let mut broken = Vec::new();
    for source in sources() {
        let first = source.lines.first().map_or("", |line| line.text.as_str());
        if !first.starts_with("//! ") {
            broken.push(format!("{}: begins with {first:?}", source.at(1)));
        }
    }
    assert_none(
        "Say in `//!` lines what the file is, what it relies on, what to read next.",
        &broken,
    );
}

/// A file over 400 lines, its tests aside, wants to be two (STYLE 2).
#[test]
fn no_file_is_too_long() {
    const LONGEST: usize = 400;
    let mut broken = Vec::new();
    for source in sources() {
        let is_test = |line: &&Line| line.code.is_empty() && line.text.trim() == "#[cfg(test)]";
        let tests = source.lines.iter().rev().find(is_test).map(|line| line.number - 1);
        let len = tests.unwrap_or(source.lines.len());
        if len > LONGEST {
            broken.push(format!("{}: {len} lines before its tests", source.at(len)));
        }
    }
    assert_none("A file over 400 lines wants to be two: find the seam.", &broken);
}

/// No line is wider than a page; a row of a table has to be as wide as it is.
#[test]
fn no_line_is_too_wide() {
    const WIDEST: usize = 100;
    let mut broken = Vec::new();
    for source in sources() {
        for line in &source.lines {
            let width = line.text.chars().count();
            let is_row = ["//! |", "/// |"].iter().any(|row| line.text.trim().starts_with(row));
            if width > WIDEST && !is_row {
                broken.push(format!("{}: {width} columns", source.at(line.number)));
            }
        }
    }
    assert_none(
        "A line is wider than 100 columns. Break it; rustfmt leaves comments alone.",
        &broken,
    );
}

/// Nothing is left for later in a place where nobody looks (STYLE 13).
#[test]
fn nothing_is_left_to_do() {
    let mut broken = Vec::new();
    for source in sources() {
        for line in &source.lines {
            for word in ["TODO", "FIXME", "XXX", "dbg!(", "todo!(", "unimplemented!("] {
                if line.text.contains(word) {
                    broken.push(format!("{}: {word}", source.at(line.number)));
                }
            }
        }
    }
    assert_none("Do it now, or write it down where it will be found.", &broken);
}

/// Invariant 9.
#[test]
fn unsafe_code_is_forbidden() {
    for source in
        sources().iter().filter(|source| ["lib.rs", "main.rs"].contains(&source.path.as_str()))
    {
        let is_forbidden = source.lines.iter().any(|line| line.code == "#![forbid(unsafe_code)]");
        assert!(is_forbidden, "src/{}:1: put `#![forbid(unsafe_code)]` at its top", source.path);
    }
}

/// What is promised to stay. Whoever changes this list changes the interface: say so in
/// CHANGELOG.md.
const INTERFACE: [&str; 54] = [
    "Address",
    "Admin",
    "Answer",
    "BindError",
    "Body",
    "BodyReader",
    "CloseReason",
    "Config",
    "Fault",
    "Fields",
    "FileOptions",
    "FileRange",
    "Files",
    "FilesError",
    "Fixed",
    "Handle",
    "HeaderName",
    "HeaderValue",
    "Limits",
    "Listener",
    "Method",
    "Mounts",
    "Part",
    "Phase",
    "Piece",
    "Prepared",
    "Pulled",
    "Request",
    "RequestId",
    "Responder",
    "Response",
    "Routes",
    "Server",
    "SharedFile",
    "Source",
    "StatusCode",
    "Stopped",
    "Version",
    "Wake",
    "Workers",
    "config",
    "files",
    "files::CacheRule",
    "files::Charset",
    "files::Compress",
    "files::Cors",
    "files::Hidden",
    "files::Listing",
    "files::Missing",
    "files::OptionError",
    "files::Paths",
    "files::Symlinks",
    "header",
    "observers",
];

/// The documented names at the root of the crate, and in the modules that lib.rs itself has.
#[test]
fn the_interface_is_what_is_promised() {
    let sources = sources();
    let lib = sources.iter().find(|source| source.path == "lib.rs").expect("lib.rs");
    let mut is_hidden = false;
    let mut names: Vec<String> = re_exports(&sources).into_keys().collect();
    for line in &lib.lines {
        let module = line.code.strip_prefix("pub mod ");
        let module = module.map(|rest| rest.trim_end_matches([';', '{', ' ']));
        names.extend(module.filter(|_| !is_hidden).map(str::to_owned));
        is_hidden = line.code.trim() == "#[doc(hidden)]";
    }
    names.sort();
    assert_eq!(names, INTERFACE, "src/lib.rs: the documented names are not those of tests/laws.rs");
}

/// And what must be refused is.
#[test]
fn what_must_be_refused_is() {
    let sources = sources();
    let re_exports = re_exports(&sources);
    let refuses = |file: &str, path: &str| {
        let source = sources.iter().find(|source| source.path == file).expect("a file");
        let floor = FLOORS.iter().find(|floor| floor.name == source.floor()).expect("a floor");
        refused(floor, source, path, &re_exports).is_some()
    };
    for (file, path) in [
        ("message/body.rs", "crate::wire::Fault"),
        ("message/body.rs", "std::fs::read"),
        ("message/body.rs", "std::net::TcpStream"),
        ("wire/response.rs", "std::io::Write"),
        ("wire/framing.rs", "crate::connection::Moment"),
        ("wire/framing.rs", "std::time::Instant"),
        ("wire/framing.rs", "mio::Poll"),
        ("connection/mod.rs", "std::io::Error"),
        ("connection/outbox.rs", "std::io::ErrorKind"),
        ("connection/mod.rs", "crate::Server"),
        ("connection/mod.rs", "crate::observers::Event"),
        ("connection/mod.rs", "log::warn"),
        ("responders/fixed.rs", "crate::connection::Phase"),
        ("responders/fixed.rs", "crate::CloseReason"),
        ("responders/fixed.rs", "std::net::SocketAddr"),
        ("observers/tally.rs", "crate::event_loop::Server"),
        ("observers/tally.rs", "crate::connection::Connection"),
        ("event_loop/slot.rs", "httparse::Request"),
    ] {
        assert!(refuses(file, path), "{file} may not name {path}");
    }
    for (file, path) in [
        ("message/body.rs", "std::fs::File"),
        ("wire/target.rs", "std::net::Ipv6Addr"),
        ("connection/fate.rs", "std::io::ErrorKind"),
        ("connection/mod.rs", "crate::Limits"),
        ("responders/fixed.rs", "std::fs::File"),
        ("responders/fixed.rs", "crate::Method"),
        ("observers/tally.rs", "crate::connection::Phase"),
        ("event_loop/slot.rs", "std::io::ErrorKind"),
    ] {
        assert!(!refuses(file, path), "{file} may name {path}");
    }
}
