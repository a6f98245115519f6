//! The sources as the laws read them: line by line, without comments, string literals and tests.
//!
//! Read next: `paths.rs`, which paths a file names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A file of `src`.
pub(crate) struct Source {
    /// Relative to `src`.
    pub(crate) path: String,
    pub(crate) lines: Vec<Line>,
}

/// A line of it.
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
    /// Without comments and string literals; nothing at all in tests.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: String, text: &str) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        for (at, text) in text.lines().enumerate() {
            lines.push(Line { number: at + 1, text: text.to_owned(), code: code_of(text) });
        }
        let mut at = 0;
        while at < lines.len() {
            if lines[at].code.trim() == "#[cfg(test)]" {
                let end = item_end(&lines, at + 1);
                lines[at..=end].iter_mut().for_each(|line| line.code.clear());
                at = end;
            }
            at += 1;
        }
        Self { path, lines }
    }

    /// The first part of its path: the floor it is on.
    pub(crate) fn floor(&self) -> &str {
        self.path.split(['/', '.']).next().expect("a path has a beginning")
    }

    /// Its module path: `connection/mod.rs` and `config.rs` are one deep.
    pub(crate) fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        if path == "lib" {
            return Vec::new();
        }
        path.split('/').map(str::to_owned).collect()
    }

    pub(crate) fn at(&self, line: usize) -> String {
        format!("src/{}:{line}", self.path)
    }
}

/// Where the item ends that begins at `start`: at its semicolon, or at the brace below its first
/// letter.
fn item_end(lines: &[Line], start: usize) -> usize {
    let indent = |line: &Line| line.text.len() - line.text.trim_start().len();
    if lines[start].code.trim_end().ends_with(';') {
        return start;
    }
    let closes = |line: &Line| indent(line) == indent(&lines[start]) && line.text.trim() == "}";
    let rest = &lines[start..];
    start + rest.iter().position(closes).unwrap_or(rest.len() - 1)
}

/// A line without its comment, and with nothing between quotes.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut is_quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' if is_quoted => drop(rest.next()),
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '/' if rest.peek() == Some(&'/') => break,
            // A quotation mark between apostrophes begins nothing.
            '\'' if rest.peek() == Some(&'"') => drop(rest.next()),
            _ => code.push(next),
        }
    }
    code
}

/// All of `src` but what is there for tests only, in the order of its names.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    read_folder(&root, &root, &mut found);
    let is_for_tests: Vec<String> = found.values().flat_map(modules_for_tests).collect();
    found.retain(|path, _| !is_for_tests.contains(path));
    assert!(found.len() > 40, "the sources are where they are looked for");
    found.into_values().collect()
}

fn read_folder(root: &Path, folder: &Path, found: &mut BTreeMap<String, Source>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_folder(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("below src").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a readable file");
            found.insert(name.clone(), Source::new(name, &text));
        }
    }
}

/// The files of `#[cfg(test)] mod name;`.
fn modules_for_tests(source: &Source) -> Vec<String> {
    let folder = source.path.trim_end_matches("mod.rs").trim_end_matches(".rs");
    let pairs = source.lines.windows(2).filter(|pair| pair[0].text.trim() == "#[cfg(test)]");
    let names =
        pairs.filter_map(|pair| pair[1].text.split_once("mod ")?.1.trim().strip_suffix(';'));
    names.map(|name| format!("{}/{name}.rs", folder.trim_end_matches('/'))).collect()
}
