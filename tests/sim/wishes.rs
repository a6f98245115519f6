//! What clients ask of the files on the shelf, and what is kept of an answer until it is judged.
//!
//! Never knows what a file is by then. Read next: `judging.rs`.

use super::dice::Dice;
use super::shelf::{FIRST_WRITTEN, MOUNT, TITLES, some_title};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// A file that is on the shelf, or could be.
    File(usize),
    /// A folder that has an index, most of the time.
    Index,
    /// A folder that has none.
    Folder,
    /// The same without its slash.
    Slashless,
}

/// A request for something of the shelf. Who asks whether a file is the same still means the one of
/// the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(super) goal: Goal,
    accepts: &'static str,
    codings: &'static str,
    pub(super) range: &'static str,
    pub(super) condition: Condition,
    /// The coding of what it has already, as the tag's end says it.
    has: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    NoneMatch,
    Range,
}

/// An answer about a file, as it came.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Which answer it is on its connection, from 0.
    pub(crate) number: usize,
    pub(crate) wish: Wish,
    pub(crate) is_head: bool,
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// The endings of names and of tags, and what they stand for.
pub(super) const CODINGS: [(&str, &str, &str); 3] =
    [("", "", ""), ("br", ".br", "-br"), ("gzip", ".gz", "-gz")];
pub(super) const INDEX: &str = "index/index.html";

impl Wish {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let goal = match dice.below(12) {
            0 => Goal::Index,
            1 => Goal::Folder,
            2 => Goal::Slashless,
            _ => Goal::File(some_title(dice)),
        };
        let codings = dice.one_of(&["", "br", "gzip, br", "gzip", "identity", "zstd, gzip;q=0.5"]);
        let ranges = ["", "", "bytes=0-9", "bytes=-25", "bytes=100-", "bytes=0-9,500-529,1400-"];
        let range = if dice.chance(400) { dice.one_of(&ranges) } else { "" };
        let conditions = [Condition::None, Condition::None, Condition::NoneMatch, Condition::Range];
        Self {
            goal,
            accepts: dice.one_of(&["", "text/plain", "application/json"]),
            codings,
            range,
            condition: dice.one_of(&conditions),
            has: dice.one_of(&["", "", "-br", "-gz"]),
        }
    }

    /// The file that it is, or would be if it was there.
    pub(crate) fn title(self) -> Option<usize> {
        match self.goal {
            Goal::File(title) => Some(title),
            Goal::Index => titled(INDEX),
            Goal::Folder | Goal::Slashless => None,
        }
    }

    pub(crate) fn target(self) -> String {
        let path = match self.goal {
            Goal::File(title) => TITLES[title].0,
            Goal::Index => "index/",
            Goal::Folder => "list/",
            Goal::Slashless => "list",
        };
        format!("{MOUNT}{path}")
    }

    pub(crate) fn fields(self) -> String {
        let condition = match self.condition {
            Condition::None => "",
            Condition::NoneMatch => "If-None-Match",
            Condition::Range => "If-Range",
        };
        let tag = self.tag().unwrap_or_default();
        let fields = [
            ("Accept", self.accepts),
            ("Accept-Encoding", self.codings),
            ("Range", self.range),
            (condition, &tag),
        ];
        let asked = fields.iter().filter(|(name, value)| !name.is_empty() && !value.is_empty());
        asked.map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }

    /// What the file's tag was in the beginning, in the coding in which the client has it.
    pub(super) fn tag(self) -> Option<String> {
        let (_, ending, suffix) = CODINGS.iter().find(|(_, _, suffix)| *suffix == self.has)?;
        let title = titled(&format!("{}{ending}", TITLES[self.title()?].0))?;
        let len = TITLES[title].1?;
        Some(format!("\"{FIRST_WRITTEN:x}.0-{len:x}{suffix}\""))
    }

    pub(super) fn takes(self, coding: &str) -> bool {
        self.codings.split(", ").any(|name| name.split(';').next() == Some(coding))
    }
}

pub(super) fn titled(name: &str) -> Option<usize> {
    TITLES.iter().position(|(title, _)| *title == name)
}

impl Heard {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    pub(super) fn length(&self) -> Option<usize> {
        self.field("Content-Length")?.parse().ok()
    }
}
