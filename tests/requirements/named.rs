//! Whether a test that is named is there: a function with `#[test]` in that file, not ignored, and
//! the file a module of something that is compiled.
//!
//! Reads the sources as text, once each. Read next: `../requirements.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A test as its file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Always,
    /// `#[ignore]`
    Ignored,
}

/// The tests of the files that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Tests {
    files: BTreeMap<String, Result<BTreeMap<String, Run>, String>>,
}

impl Tests {
    /// Looks a test up.
    ///
    /// # Errors
    /// Why it shows nothing.
    pub(crate) fn look_up(&mut self, file: &str, name: &str) -> Result<(), String> {
        let tests = self.files.entry(file.to_owned()).or_insert_with(|| read(file));
        match tests.as_ref()?.get(name) {
            Some(Run::Always) => Ok(()),
            Some(Run::Ignored) => Err("it is ignored; let it run, or name another".into()),
            None => Err("no such test is in that file; correct the name".into()),
        }
    }
}

fn read(file: &str) -> Result<BTreeMap<String, Run>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(file)).map_err(|error| error.to_string())?;
    if !is_compiled(root, Path::new(file)) {
        return Err("no file has it for a module; declare it".into());
    }
    Ok(tests_in(&text))
}

/// Whether a file is a test target itself, or some other declares it.
fn is_compiled(root: &Path, file: &Path) -> bool {
    let is_target = file.parent() == Some(Path::new("tests"));
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = match stem(file).as_str() {
        "mod" => file.parent().map_or_else(String::new, stem),
        name => name.to_owned(),
    };
    let declares = [format!("mod {name};"), format!("mod {name} {{")];
    let first = file.components().next().map_or_else(PathBuf::new, |first| root.join(first));
    is_target || sources(&first).iter().any(|text| declares.iter().any(|line| text.contains(line)))
}

/// The text of all sources in a folder and below it.
fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.extend(fs::read_to_string(path));
        }
    }
    texts
}

/// Every function with `#[test]` above it. Comments may stand between the two, an empty line not.
fn tests_in(text: &str) -> BTreeMap<String, Run> {
    let mut tests = BTreeMap::new();
    let (mut is_test, mut run) = (false, Run::Always);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line == "#[test]";
            if line.starts_with("#[ignore") || line.contains(", ignore") {
                run = Run::Ignored;
            }
        } else if !line.starts_with("//") {
            if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                let name = rest.split('(').next().unwrap_or_default();
                tests.insert(name.to_owned(), run);
            }
            (is_test, run) = (false, Run::Always);
        }
    }
    tests
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "
        #[test]
        /// With a comment.
        fn one() {}

        #[test]
        #[should_panic]
        fn two() {}

        #[test]
        #[ignore = \"slow\"]
        fn three() {}

        // #[test]
        fn four() {}

        #[test]

        fn five() {}

        fn six() {}
    ";
    let tests = tests_in(text);
    let expected = [("one", Run::Always), ("three", Run::Ignored), ("two", Run::Always)];
    assert_eq!(tests.iter().map(|(name, run)| (name.as_str(), *run)).collect::<Vec<_>>(), expected);
}

#[test]
fn a_test_that_shows_nothing_is_told() {
    let mut tests = Tests::default();
    let here = "tests/requirements/named.rs";
    assert_eq!(tests.look_up(here, "a_test_that_shows_nothing_is_told"), Ok(()));
    for (file, name) in [(here, "tests_in"), (here, "nobody"), ("tests/none.rs", "nobody")] {
        assert!(tests.look_up(file, name).is_err(), "{file} {name}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(!is_compiled(root, Path::new("tests/requirements/unheard_of.rs")));
    assert!(is_compiled(root, Path::new("tests/harness/mod.rs")));
}
