//! A folder of real files, which the simulated server serves by [`Files`], and which somebody
//! changes meanwhile. What each file held when is remembered, and when it was asked for, so that
//! `judging.rs` can say of every answer whether it was right.
//!
//! The files are as old as the world's clock on the wall says and not as the machine's: whoever
//! writes one sets its time, now and then as roughly as old file systems do. Only the time of the
//! last change of any kind is the machine's, which nobody can set.
//!
//! Relies on calls that nobody waits for, such as a change, being over when they return. Never
//! writes into a large file in place: who is sent it is sent whatever is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use oneloop::config::FILE_READ_WHOLE;
use oneloop::connection::Moment;
use oneloop::files::Compress;
use oneloop::{FileOptions, Files};

use super::diary::Entry;
use super::dice::Dice;
use super::nature::{Errand, Nature};
use super::time::WALL_BEGINS;

/// Where the server has them.
pub(crate) const MOUNT: &str = "/f/";
/// The files and how long they are in the beginning; without a length they are not there then.
pub(crate) const TITLES: [(&str, Option<usize>); 14] = [
    ("plain.txt", Some(3_000)),
    ("plain.txt.br", Some(700)),
    ("both.css", Some(9_000)),
    ("both.css.br", Some(2_000)),
    ("both.css.gz", Some(2_500)),
    ("alone.html", Some(1_500)),
    ("tiny.txt", Some(40)),
    ("large.bin", Some(150_000)),
    ("large.js", Some(90_000)),
    ("large.js.br", Some(70_000)),
    ("index/index.html", Some(2_000)),
    ("list/one.txt", Some(30)),
    ("list/two.txt", None),
    ("missing.txt", None),
];
/// When those were written that are there in the beginning, in seconds since 1970: just now, so that
/// who asks at once asks for what may be written again without a trace.
pub(crate) const FIRST_WRITTEN: u64 = WALL_BEGINS;
/// How long the server may go by what it has seen.
const TRUSTED: Duration = Duration::from_secs(1);

/// What one file was for some time.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) since: Moment,
    /// Nothing while it is not there.
    pub(crate) content: Option<Rc<[u8]>>,
    /// When it was written, by the clock on the wall.
    pub(crate) modified: Duration,
}

/// A change that is going to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    title: usize,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Other content of the same length, written over what is there.
    Rewritten,
    /// Another file, of this many thousandths of the first length, takes its place.
    Replaced(usize),
    /// The end is cut off.
    Truncated,
    Removed,
}

/// When a request was asked for and answered, by the server's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) first: Moment,
    pub(crate) answered: Moment,
}

#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    options: FileOptions,
    /// Whether times of modification are kept in whole seconds.
    is_coarse: bool,
    /// Those of each file, in order.
    states: Vec<Vec<State>>,
    /// The large files that were cut while somebody may have been sent them.
    pub(crate) cut: BTreeSet<usize>,
    /// By connection and number.
    pub(crate) asked: BTreeMap<(usize, u32), Asked>,
    /// The kinds of answers that were given, and how many of each.
    pub(crate) told: BTreeMap<&'static str, usize>,
}

impl Shelf {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("oneloop-shelf-{}-{number}", std::process::id());
        let mut options = FileOptions::default();
        options.mount = MOUNT.into();
        options.compress = dice.one_of(&[Compress::Never, Compress::Never, Compress::OnTheFly]);
        options.cached_bytes = dice.one_of(&[options.cached_bytes, 1 << 20, 20_000, 0]);
        options.cached_files = dice.one_of(&[options.cached_files, options.cached_files, 2, 0]);
        let shelf = Self {
            folder: std::env::temp_dir().join(name),
            options,
            is_coarse: dice.chance(500),
            states: TITLES.iter().enumerate().map(|(title, _)| vec![first(title)]).collect(),
            cut: BTreeSet::new(),
            asked: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        for folder in ["", "index", "list"] {
            fs::create_dir(shelf.folder.join(folder)).expect("a folder can be made");
        }
        for (title, states) in shelf.states.iter().enumerate() {
            if let Some(content) = &states[0].content {
                shelf.replace(title, content, states[0].modified);
            }
        }
        shelf
    }

    /// Who serves it.
    pub(crate) fn files(&self) -> Files {
        Files::with(&self.folder, self.options.clone()).expect("the folder is there")
    }

    /// What a file was for any time between the beginning of what that answer may go by, and its
    /// end.
    pub(crate) fn states(&self, title: usize, asked: Asked) -> impl Iterator<Item = &State> {
        let states = &self.states[title];
        let ends = states.iter().skip(1).map(|state| state.since).chain([Moment::NEVER]);
        let lasted = states.iter().zip(ends);
        let may_be = move |(state, end): &(&State, Moment)| {
            state.since <= asked.answered && asked.first < end.after(TRUSTED)
        };
        lasted.filter(may_be).map(|(state, _)| state)
    }

    fn path(&self, title: usize) -> PathBuf {
        self.folder.join(TITLES[title].0)
    }

    fn replace(&self, title: usize, content: &[u8], modified: Duration) {
        let new = self.folder.join(".new");
        fs::write(&new, content).expect("a file can be written");
        dated(&new, modified);
        fs::rename(new, self.path(title)).expect("a file of our own can be renamed");
    }

    /// Makes that change, if it can be made. What the file is now.
    fn change(
        &mut self,
        Change { title, how }: Change,
        modified: Duration,
    ) -> Option<Option<Rc<[u8]>>> {
        let before = self.states[title].last().and_then(|state| state.content.clone());
        let version = self.states[title].len() + 1;
        let is_large = TITLES[title].1 > Some(FILE_READ_WHOLE as usize);
        let path = self.path(title);
        let after = match (how, before) {
            (How::Rewritten, Some(before)) if !is_large => {
                let content = text(title, version, before.len());
                let mut file = File::options().write(true).open(&path).expect("it is there");
                file.write_all(&content).expect("it can be written");
                Some(content)
            }
            (How::Truncated, Some(before)) => {
                if is_large {
                    self.cut.insert(title);
                }
                let content: Rc<[u8]> = before[..before.len() / 2].into();
                let file = File::options().write(true).open(&path).expect("it is there");
                file.set_len(content.len() as u64).expect("it can be cut");
                Some(content)
            }
            (How::Removed, Some(_)) => {
                fs::remove_file(&path).expect("it is there");
                None
            }
            (How::Removed, None) => return None,
            (how, _) => {
                let per_mille = if let How::Replaced(per_mille) = how { per_mille } else { 1000 };
                let len = TITLES[title].1.unwrap_or(1_200) * per_mille / 1000;
                let content = text(title, version, len);
                self.replace(title, &content, modified);
                Some(content)
            }
        };
        if after.is_some() {
            dated(&path, modified);
        }
        Some(after)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Change {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let hows = [
            How::Rewritten,
            How::Rewritten,
            How::Replaced(1_000),
            How::Replaced(dice.one_of(&[100, 990, 1_010])),
            How::Truncated,
            How::Removed,
        ];
        Self { title: some_title(dice), how: dice.one_of(&hows) }
    }
}

impl Nature {
    /// Somebody is going to change files, as often and as fast as the dice say.
    pub(crate) fn draw_changes(&mut self, dice: &mut Dice) {
        let (most, spread) = (dice.one_of(&[0, 5, 40]), dice.one_of(&[2_000, 20_000]));
        for _ in 0..dice.within(0..=most) {
            let wait = dice.millis(0..=spread);
            self.after(wait, Errand::Change(Change::draw(dice)));
        }
    }

    pub(super) fn changes(&mut self, change: Change) {
        let since = self.now;
        let wall = Duration::from_secs(self.wall(since));
        let Some(shelf) = &mut self.shelf else { return };
        let part = since.since(Moment::START).subsec_nanos();
        let modified =
            if shelf.is_coarse { wall } else { wall + Duration::from_nanos(part.into()) };
        let Some(content) = shelf.change(change, modified) else { return };
        let (name, len) = (TITLES[change.title].0, content.as_ref().map(|content| content.len()));
        shelf.states[change.title].push(State { since, content, modified });
        self.note(Entry::Changes(name, len));
    }
}

/// Any of them, and one of a few more often than others.
pub(crate) fn some_title(dice: &mut Dice) -> usize {
    let often = ["alone.html", "both.css", "large.bin"];
    let one = dice.one_of(&often);
    let is_one = |(name, _): &(&str, Option<usize>)| *name == one && dice.chance(500);
    TITLES.iter().position(is_one).unwrap_or_else(|| dice.below(TITLES.len()))
}

/// What a file is in the beginning.
fn first(title: usize) -> State {
    let content = TITLES[title].1.map(|len| text(title, 1, len));
    State { since: Moment::START, content, modified: Duration::from_secs(FIRST_WRITTEN) }
}

/// Whether one of them is the other, or lies beside it in another coding.
pub(crate) fn is_form_of(one: usize, other: usize) -> bool {
    TITLES[one].0.starts_with(TITLES[other].0)
}

/// Content that says which file it is of, and which version, wherever one looks.
fn text(title: usize, version: usize, len: usize) -> Rc<[u8]> {
    let name = TITLES[title].0;
    let mut text = String::with_capacity(len + 40);
    let mut line = 0;
    while text.len() < len {
        text.push_str(&format!("{version} {name} {line:x}\n"));
        line += 1;
    }
    text.as_bytes()[..len].into()
}

fn dated(path: &Path, modified: Duration) {
    let file = File::options().write(true).open(path).expect("it is there");
    file.set_modified(UNIX_EPOCH + modified).expect("a file of our own can be dated");
}
