//! The letter of the law: every sentence of RFC 9110, 9111 and 9112 that binds an origin server,
//! beside what shows that it is kept.
//!
//! The sentences are data, in `tests/requirements/*.txt`; the first of them says how a row is
//! written. Here the data is held against the sources: every row has its evidence, every test that
//! is named is there and runs, and the numbers in the README are the true ones. That a test shows
//! what its row says is for a reader to judge; `scripts/conformance` prints the rows as a page.
//! Read next: `requirements/table.rs`.

#[path = "requirements/named.rs"]
mod named;
#[path = "requirements/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use named::Tests;
use table::{Evidence, Row, parse};

/// The tables, in the order of their numbers.
const TABLES: [(u32, &str); 3] = [
    (9110, "tests/requirements/rfc9110.txt"),
    (9111, "tests/requirements/rfc9111.txt"),
    (9112, "tests/requirements/rfc9112.txt"),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All rows of all tables.
fn rows() -> Vec<Row> {
    let tables = TABLES.map(|(_, path)| parse(path, &read(path)));
    let rows: Result<Vec<_>, _> = tables.into_iter().collect();
    rows.unwrap_or_else(|error| panic!("{error}")).concat()
}

fn assert_none(what_to_do: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{what_to_do}\n\n{}\n", broken.join("\n"));
}

/// What is wrong with a row beyond its grammar.
fn fault(row: &Row) -> Option<&'static str> {
    match &row.evidence {
        Evidence::NotFollowed(_) if !row.level.may_be_left_undone() => {
            Some("what must be cannot be left undone; name a test, or mend the server")
        }
        _ => None,
    }
}

#[test]
fn every_row_is_what_a_row_may_be() {
    let rows = rows();
    let broken: Vec<String> = rows
        .iter()
        .filter_map(|row| fault(row).map(|fault| format!("{}: {fault}", row.at)))
        .collect();
    assert_none("A row has evidence that it may not have.", &broken);
    for (number, path) in TABLES {
        let of_it = rows.iter().filter(|row| row.at.starts_with(path)).count();
        assert!(of_it > 0, "{path}: no row of RFC {number} was read");
    }
}

#[test]
fn every_test_that_is_named_is_there_and_runs() {
    let mut tests = Tests::default();
    let mut broken = Vec::new();
    for row in rows() {
        for (file, name) in row.tests() {
            if let Err(fault) = tests.look_up(file, name) {
                broken.push(format!("{}: {file} {name}: {fault}", row.at));
            }
        }
    }
    assert_none("A row names a test that does not show anything.", &broken);
}

/// How many requirements the tests show, and how many tests do: a sentence of the README.
#[test]
fn the_readme_has_the_true_numbers() {
    let rows = rows();
    let shown = rows.iter().filter(|row| matches!(row.evidence, Evidence::ShownBy(_))).count();
    let tests: BTreeSet<_> = rows.iter().flat_map(Row::tests).collect();
    let sentence = format!(
        "**{shown} requirements** of RFC 9110, 9111 and 9112, shown by **{} tests**",
        tests.len()
    );
    let readme = read("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("Evidence"));
    let words: Vec<&str> = section.unwrap_or_default().split_whitespace().collect();
    assert!(
        words.join(" ").contains(&sentence),
        "README.md, \"Evidence\": let it say\n\n{sentence}\n"
    );
}

/// A table of one section with these lines.
fn of_one_section(lines: &str) -> Result<Vec<Row>, String> {
    parse("t.txt", &format!("# Plate.\n\n§ 3.2 Title\n\n{lines}"))
}

#[test]
fn rows_are_read() {
    let lines = "MUST NOT Do this,\n    or that.\n  shown by tests/a.rs one, two\n  shown by \
                 src/b.rs\n    three\n\nRULE `It` is so.\n  cannot apply: There is\n    none.\n";
    let rows = of_one_section(lines).expect("two rows");
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].section.as_str(), rows[0].at.as_str()), ("3.2", "t.txt:5"));
    assert_eq!(rows[0].sentence, "Do this, or that.");
    let tests: Vec<_> = rows[0].tests().collect();
    assert_eq!(tests, [("tests/a.rs", "one"), ("tests/a.rs", "two"), ("src/b.rs", "three")]);
    assert_eq!(rows[1].evidence, Evidence::CannotApply("There is none.".into()));
    assert!(rows[1].tests().next().is_none());
}

#[test]
fn what_is_no_table_is_refused_in_one_line() {
    let row = "MUST Do it.\n  shown by tests/a.rs one\n";
    for (lines, fault) in [
        ("MUST Do it.\n", "t.txt:5: a row has no evidence"),
        ("MUST Do it.\n\n  shown by tests/a.rs one\n", "t.txt:5: a row has no evidence"),
        ("SHALL Do it.\n  cannot apply: No.\n", "t.txt:5: a row begins with"),
        ("MUSTDo it.\n  cannot apply: No.\n", "t.txt:5: a row begins with"),
        ("MUST Do it\n  cannot apply: No.\n", "t.txt:5: a sentence begins with"),
        ("MUST do it.\n  cannot apply: No.\n", "t.txt:5: a sentence begins with"),
        ("MUST Do it.\n  cannot apply:\n", "t.txt:6: a reason is a sentence"),
        ("MUST Do it.\n  cannot apply: No\n", "t.txt:6: a reason is a sentence"),
        ("MUST Do it.\n  perhaps: No.\n", "t.txt:6: evidence begins with"),
        ("MUST Do it.\n  shown by tests/a.rs\n", "t.txt:6: `shown by` is followed by"),
        ("MUST Do it.\n  shown by tests/a.rs one,\n", "t.txt:6: `shown by` is followed by"),
        ("MUST Do it.\n  shown by a.rs one\n", "t.txt:6: `shown by` is followed by"),
        ("MUST Do it.\n  shown by tests/a.rs one two\n", "t.txt:6: `shown by` is followed by"),
        ("MUST Do it.\n   shown by tests/a.rs one\n", "t.txt:6: a line begins with"),
        ("MUST Do it.\n\tshown by tests/a.rs one\n", "t.txt:6: a line begins with"),
        ("    more\n", "t.txt:5: a continuation has nothing above it"),
        ("MUST Do it. \n  cannot apply: No.\n", "t.txt:5: white space at the end"),
        (&format!("{row}\n{row}"), "t.txt:8: the same row again"),
        (&format!("{row}{row}"), "t.txt:7: an empty line stands before"),
        (&format!("{row}  cannot apply: No.\n"), "t.txt:7: a row has one kind of evidence"),
        (&format!("{row}  shown by tests/a.rs one\n"), "t.txt:7: the same test again"),
        (&format!("{row}\n§ 3.2 Title\n\n{row}"), "t.txt:8: § 3.2 does not come behind § 3.2"),
        (&format!("{row}\n§ 3.1.9 Title\n\n{row}"), "t.txt:8: § 3.1.9 does not come behind"),
        (&format!("{row}\n§ 3.10\n\n{row}"), "t.txt:8: a section is a number and a title"),
        (&format!("{row}\n§ 3.x Title\n\n{row}"), "t.txt:8: a section is a number and a title"),
        (&format!("{row}\n§ 4 Title\n"), "t.txt:8: § 4 has no row"),
        (&format!("{row}\n§ 4 Title\n\n§ 5 Title\n\n{row}"), "t.txt:8: § 4 has no row"),
        (&format!("MUST Do {}.\n", "x".repeat(100)), "t.txt:5: a line is wider than"),
    ] {
        let error = of_one_section(lines).expect_err(lines);
        assert!(error.starts_with(fault), "{lines:?}\n{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    assert!(parse("t.txt", row).expect_err("no section").starts_with("t.txt:1: no section"));
    assert!(of_one_section(&format!("{row}\n§ 3.10 Title\n\n{row}")).is_ok(), "10 is behind 2");
}

#[test]
fn what_a_row_may_not_have_is_refused() {
    for (lines, is_allowed) in [
        ("SHOULD Do it.\n  not followed: No.\n", true),
        ("SHOULD NOT Do it.\n  not followed: No.\n", true),
        ("MUST Do it.\n  not followed: No.\n", false),
        ("MUST NOT Do it.\n  not followed: No.\n", false),
        ("RULE Do it.\n  not followed: No.\n", false),
        ("MUST Do it.\n  cannot apply: No.\n", true),
    ] {
        let rows = of_one_section(lines).expect("a row");
        assert_eq!(fault(&rows[0]).is_none(), is_allowed, "{lines}");
    }
}
