//! Which paths a file names, in `use` trees and inline, each from the root of its crate.
//!
//! It knows as much of the language as rustfmt leaves to be known. A law that sees nothing refuses
//! nothing, so its eyes are tested at the end.

use std::collections::BTreeMap;

use super::sources::Source;

/// A path that a file names, in a `use` or inline.
pub(crate) struct Named {
    pub(crate) line: usize,
    /// From the root of the crate (`crate::connection::Phase`) or of another (`std::io::Error`).
    pub(crate) path: String,
}

/// The crates that are not this one.
const CRATES: [&str; 20] = [
    "std",
    "core",
    "alloc",
    "mio",
    "slab",
    "httparse",
    "log",
    "env_logger",
    "http",
    "httpdate",
    "itoa",
    "memchr",
    "percent_encoding",
    "mime_guess",
    "socket2",
    "signal_hook",
    "clap",
    "humantime",
    "bytesize",
    "rustix",
];

/// Every path that a file names and that leads out of it.
pub(crate) fn named(source: &Source) -> Vec<Named> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in &source.lines {
        let code = line.code.trim();
        let begins = code.strip_prefix("pub ").unwrap_or(code).strip_prefix("use ");
        match (&mut open, begins) {
            (Some((_, tree)), _) => tree.push_str(code),
            (None, Some(tree)) => open = Some((line.number, tree.to_owned())),
            (None, None) => {
                let words = code.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':'));
                for word in words.filter(|word| word.contains("::")) {
                    let path = word.trim_matches(':').to_owned();
                    found.push(Named { line: line.number, path });
                }
            }
        }
        if let Some((number, tree)) = open.take_if(|(_, tree)| tree.ends_with(';')) {
            for path in expanded(tree.trim_end_matches(';')) {
                found.push(Named { line: number, path });
            }
        }
    }
    let module = source.module();
    found.retain_mut(|named| match absolute(&module, &named.path) {
        Some(path) => {
            named.path = path;
            true
        }
        None => false,
    });
    found
}

/// `a::{b, c::{d, e as f}}` is `a::b`, `a::c::d`, `a::c::e`.
pub(crate) fn expanded(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.trim_end_matches("::self").to_owned()];
    };
    let inner = inner.strip_suffix('}').unwrap_or_else(|| panic!("a brace is missing in {tree}"));
    let mut depth = 0;
    let parts = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(|part| expanded(&format!("{prefix}{part}"))).collect()
}

/// From a root on; nothing where it leads to the file itself or to what it has imported.
fn absolute(module: &[String], path: &str) -> Option<String> {
    let mut module = module;
    let mut rest = path;
    if let Some(inside) = rest.strip_prefix("crate::") {
        return Some(format!("crate::{inside}"));
    }
    while let Some(above) = rest.strip_prefix("super::") {
        module = &module[..module.len().checked_sub(1)?];
        rest = above;
    }
    if rest != path {
        return Some(["crate", &module.join("::"), rest].join("::").replace("::::", "::"));
    }
    let first = path.split("::").next().unwrap_or(path);
    CRATES.contains(&first).then(|| path.to_owned())
}

/// Which module of the crate a documented name stands for, by the `pub use` lines of lib.rs. A name
/// in a module that is written there is `module::name`.
pub(crate) fn re_exports(sources: &[Source]) -> BTreeMap<String, String> {
    let lib = sources.iter().find(|source| source.path == "lib.rs").expect("lib.rs");
    let code: String = lib.lines.iter().map(|line| format!("{} ", line.code.trim())).collect();
    let mut found = BTreeMap::new();
    let mut within = String::new();
    for item in code.split(';') {
        let (before, tree) = item.rsplit_once("pub use ").unwrap_or((item, ""));
        if before.trim_start().starts_with('}') {
            within.clear();
        }
        if let Some((_, opened)) = before.rsplit_once("pub mod ")
            && let Some((module, _)) = opened.split_once('{')
        {
            within = format!("{}::", module.trim());
        }
        for path in expanded(tree) {
            if let Some((module, name)) = path.rsplit_once("::") {
                let module = module.strip_prefix("crate::").unwrap_or(module);
                found.insert(format!("{within}{name}"), module.to_owned());
            }
        }
    }
    found
}

const SPECIMEN: &str = r#"//! Plate.
use std::{fmt, io::{self, Write as _}};
pub use super::fate::{
    CloseReason,
};
fn f() -> crate::wire::Fault { g("std::fs::no", std::net::lookup(), local::x) } // std::env
#[cfg(test)]
mod tests {
    use std::fs::File;
}
use mio::Poll;
"#;

#[test]
fn paths_are_seen() {
    let source = Source::new("connection/guard.rs".to_owned(), SPECIMEN);
    let seen: Vec<String> =
        named(&source).into_iter().map(|n| format!("{} {}", n.line, n.path)).collect();
    let expected = [
        "2 std::fmt",
        "2 std::io",
        "2 std::io::Write",
        "3 crate::connection::fate::CloseReason",
        "6 crate::wire::Fault",
        "6 std::net::lookup",
        "11 mio::Poll",
    ];
    assert_eq!(seen, expected);
}
