//! A table of requirements, read strictly: whatever is not a row as `rfc9112.txt` describes it is
//! an error of one line that says where it stands.
//!
//! Relies on the indentation: none for sections and rows, two spaces for evidence, four for what
//! continues the line above. Read next: `named.rs`.

use std::collections::BTreeSet;

/// The widest line, in characters.
const WIDEST: usize = 100;

/// How strongly the RFC puts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Must,
    MustNot,
    Should,
    ShouldNot,
    /// Laid down without a key word.
    Rule,
}

impl Level {
    /// The longer words stand before those that they begin with.
    const WORDS: [(&'static str, Self); 5] = [
        ("MUST NOT", Self::MustNot),
        ("MUST", Self::Must),
        ("SHOULD NOT", Self::ShouldNot),
        ("SHOULD", Self::Should),
        ("RULE", Self::Rule),
    ];

    /// The level that a line begins with, and its sentence.
    fn of(line: &str) -> Option<(Self, &str)> {
        Self::WORDS.iter().find_map(|&(word, level)| {
            line.strip_prefix(word)?.strip_prefix(' ').map(|sentence| (level, sentence))
        })
    }

    /// Whether one may have reasons not to do it.
    pub(crate) const fn may_be_left_undone(self) -> bool {
        matches!(self, Self::Should | Self::ShouldNot)
    }
}

/// Why one may believe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Tests, each by its file and its name.
    ShownBy(Vec<(String, String)>),
    CannotApply(String),
    NotFollowed(String),
}

/// One requirement.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Where it stands: file and line.
    pub(crate) at: String,
    pub(crate) section: String,
    pub(crate) level: Level,
    pub(crate) sentence: String,
    pub(crate) evidence: Evidence,
}

impl Row {
    /// The tests that it names.
    pub(crate) fn tests(&self) -> impl Iterator<Item = (&str, &str)> {
        let tests = match &self.evidence {
            Evidence::ShownBy(tests) => tests.as_slice(),
            _ => &[],
        };
        tests.iter().map(|(file, name)| (file.as_str(), name.as_str()))
    }
}

/// A line with all that continues it.
#[derive(Debug)]
struct Line {
    number: usize,
    indent: usize,
    text: String,
    follows_blank: bool,
}

/// What is wrong, and at which line.
type Fault = (usize, String);

/// Reads a table.
///
/// # Errors
/// The first thing that is wrong with it: `file:line: what; what to do`.
pub(crate) fn parse(path: &str, text: &str) -> Result<Vec<Row>, String> {
    let mut table = Table { path, section: None, seen: BTreeSet::new(), rows: Vec::new() };
    table.read(text).map_err(|(number, fault)| format!("{path}:{number}: {fault}"))?;
    Ok(table.rows)
}

/// A section whose rows are being read.
struct Section {
    number: Vec<u32>,
    /// The same as it is written.
    name: String,
    line: usize,
    has_rows: bool,
}

/// What was read so far.
struct Table<'a> {
    path: &'a str,
    section: Option<Section>,
    seen: BTreeSet<(String, Level, String)>,
    rows: Vec<Row>,
}

impl Table<'_> {
    fn read(&mut self, text: &str) -> Result<(), Fault> {
        let mut lines = joined(text)?.into_iter().peekable();
        while let Some(line) = lines.next() {
            if let Some(heading) = line.text.strip_prefix("§ ") {
                self.end_section()?;
                self.begin_section(heading, line.number)?;
                continue;
            }
            let mut evidence = Vec::new();
            while let Some(below) = lines.next_if(|next| next.indent == 2 && !next.follows_blank) {
                evidence.push(below);
            }
            self.row(&line, &evidence)?;
        }
        self.end_section()
    }

    fn begin_section(&mut self, heading: &str, line: usize) -> Result<(), Fault> {
        let (name, title) = heading.split_once(' ').unwrap_or_default();
        let number: Result<Vec<u32>, _> = name.split('.').map(str::parse).collect();
        let (Ok(number), false) = (number, title.is_empty()) else {
            return Err((line, "a section is a number and a title, as `§ 3.2 Title`".into()));
        };
        if let Some(before) = &self.section
            && before.number >= number
        {
            let order = format!("§ {name} does not come behind § {}; sort them", before.name);
            return Err((line, order));
        }
        self.section = Some(Section { number, name: name.into(), line, has_rows: false });
        Ok(())
    }

    fn end_section(&self) -> Result<(), Fault> {
        match &self.section {
            Some(Section { name, line, has_rows: false, .. }) => {
                Err((*line, format!("§ {name} has no row; give it one, or leave it out")))
            }
            _ => Ok(()),
        }
    }

    fn row(&mut self, line: &Line, below: &[Line]) -> Result<(), Fault> {
        let Some(section) = &mut self.section else {
            return Err((line.number, "no section stands above it; name one".into()));
        };
        section.has_rows = true;
        let fault = |fault: &str| Err((line.number, fault.to_owned()));
        let Some((level, sentence)) = Level::of(&line.text) else {
            return fault("a row begins with MUST, MUST NOT, SHOULD, SHOULD NOT or RULE");
        };
        if !line.follows_blank {
            return fault("an empty line stands before a row; add one");
        }
        if !is_sentence(sentence) {
            return fault("a sentence begins with a capital, a digit, ( or `, and ends with a dot");
        }
        let evidence = evidence(line.number, below)?;
        if !self.seen.insert((section.name.clone(), level, sentence.to_owned())) {
            return fault("the same row again; once is enough");
        }
        self.rows.push(Row {
            at: format!("{}:{}", self.path, line.number),
            section: section.name.clone(),
            level,
            sentence: sentence.to_owned(),
            evidence,
        });
        Ok(())
    }
}

/// The lines that mean something, each with those that continue it.
fn joined(text: &str) -> Result<Vec<Line>, Fault> {
    let mut lines: Vec<Line> = Vec::new();
    let mut follows_blank = true;
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        let fault = |fault: &str| Err((number, fault.to_owned()));
        if line.chars().count() > WIDEST {
            return fault("a line is wider than 100 columns; break it");
        }
        if line.ends_with([' ', '\t']) {
            return fault("white space at the end of a line; take it away");
        }
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        match indent {
            _ if text.is_empty() || line.starts_with('#') => {}
            _ if text.starts_with('\t') || !matches!(indent, 0 | 2 | 4) => {
                return fault("a line begins with no space, two or four; see rfc9112.txt");
            }
            4 => match lines.last_mut() {
                Some(above) if !follows_blank => above.text.extend([" ", text]),
                _ => return fault("a continuation has nothing above it; indent it less"),
            },
            _ => lines.push(Line { number, indent, text: text.to_owned(), follows_blank }),
        }
        follows_blank = text.is_empty();
    }
    Ok(lines)
}

fn is_sentence(text: &str) -> bool {
    text.ends_with('.')
        && text
            .starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "(`".contains(c))
}

/// The evidence of the row at line `row`.
fn evidence(row: usize, below: &[Line]) -> Result<Evidence, Fault> {
    let Some(first) = below.first() else {
        return Err((row, "a row has no evidence; name a test, or say why there is none".into()));
    };
    if let Some(evidence) = reason(first)? {
        return match below.get(1) {
            Some(line) => Err((line.number, "a row has one kind of evidence; choose".into())),
            None => Ok(evidence),
        };
    }
    let mut tests = Vec::new();
    for line in below {
        if reason(line)?.is_some() {
            return Err((line.number, "a row has one kind of evidence; choose".into()));
        }
        for test in tests_named(line)? {
            if tests.contains(&test) {
                return Err((line.number, "the same test again; once is enough".into()));
            }
            tests.push(test);
        }
    }
    Ok(Evidence::ShownBy(tests))
}

/// What is no test but a reason why there is none.
fn reason(line: &Line) -> Result<Option<Evidence>, Fault> {
    let Some((kind, why)) = line.text.split_once(':') else { return Ok(None) };
    let why = why.trim_start();
    let evidence = match kind {
        "cannot apply" => Evidence::CannotApply(why.into()),
        "not followed" => Evidence::NotFollowed(why.into()),
        _ => return Ok(None),
    };
    if is_sentence(why) {
        Ok(Some(evidence))
    } else {
        Err((line.number, "a reason is a sentence, from its capital to its dot".into()))
    }
}

/// `shown by FILE TEST, TEST`
fn tests_named(line: &Line) -> Result<Vec<(String, String)>, Fault> {
    let Some(named) = line.text.strip_prefix("shown by ") else {
        let kinds = "`shown by`, `cannot apply:` or `not followed:`";
        return Err((line.number, format!("evidence begins with {kinds}")));
    };
    let (file, names) = named.split_once(' ').unwrap_or((named, ""));
    let is_file = (file.starts_with("tests/") || file.starts_with("src/")) && file.ends_with(".rs");
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
    };
    let names: Vec<&str> = names.split(", ").collect();
    if !is_file || !names.iter().all(|name| is_name(name)) {
        let form = "`shown by` is followed by a file of tests/ or src/ and names of tests in it";
        return Err((line.number, form.into()));
    }
    Ok(names.into_iter().map(|name| (file.to_owned(), name.to_owned())).collect())
}
