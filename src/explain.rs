//! `oneloop explain`: what a trace says, as text. Without a connection it lists those that there
//! are; with one it tells its life, a line for each step.
//!
//! It reads the file line by line, and of one connection no more than a stretch of its life is in
//! memory at a time.
//!
//! Relies on: [`TraceLine`], which reads a line, and [`Teller`], which has the words.
//! Read next: `explain/life.rs`, `explain/list.rs`.
//!
//! [`Teller`]: oneloop::observers::Teller

mod life;
mod list;

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use oneloop::observers::{TraceLine, track};

use super::cli::{Connection, Explain};
use life::Life;
use list::List;

/// The longest line that is looked at, in bytes: far longer than any of a trace.
const LONGEST_LINE: u64 = 16 * 1024;
/// The mark of a trace is in one of so many lines at its beginning.
const MARKED_WITHIN: usize = 2;

/// Tells what was asked for.
pub(crate) fn explain(asked: &Explain, out: &mut impl Write) -> Result<(), ExplainError> {
    let lines = Lines::open(&asked.file)?;
    match asked.connection {
        None => list(lines, &asked.file, out),
        Some(connection) => tell(lines, asked, connection, out),
    }
}

fn list(mut lines: Lines<'_>, file: &Path, out: &mut impl Write) -> Result<(), ExplainError> {
    let mut list = List::default();
    while let Some(line) = lines.next_line(|_| true)? {
        list.take(line);
    }
    list.write(file, out).map_err(ExplainError::Out)
}

fn tell(
    mut lines: Lines<'_>,
    asked: &Explain,
    wanted: Connection,
    out: &mut impl Write,
) -> Result<(), ExplainError> {
    let worker = worker_of(asked, wanted)?;
    let places = [0, wanted.0].map(place);
    let is_of_them = |line: &str| places.iter().any(|place| line.contains(place.as_str()));
    let mut life = Life::of(wanted.0, worker, asked.detail);
    while let Some(line) = lines.next_line(is_of_them)? {
        life.take(line, out).map_err(ExplainError::Out)?;
    }
    life.end(out).map_err(ExplainError::Out)
}

/// How a line of that connection is known before it is read.
fn place(connection: u32) -> String {
    format!("\"tid\":{},", track(connection))
}

/// The worker that has such a connection; no two have one of the same number.
fn worker_of(asked: &Explain, wanted: Connection) -> Result<u32, ExplainError> {
    let mut lines = Lines::open(&asked.file)?;
    let place = place(wanted.0);
    while let Some(line) = lines.next_line(|line| line.contains(&place))? {
        // The last line may be another's: where it is cut, it is read whatever it says.
        if let TraceLine::Step { worker, connection, .. } = line
            && connection == wanted.0
        {
            return Ok(worker);
        }
    }
    Err(ExplainError::NoConnection { file: asked.file.clone(), wanted })
}

/// The lines of a trace.
struct Lines<'a> {
    file: BufReader<File>,
    path: &'a Path,
    number: usize,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// Those of the file at `path`, which must be a trace.
    fn open(path: &'a Path) -> Result<Self, ExplainError> {
        let failed = |source| ExplainError::Read { path: path.into(), source };
        // Asked first: to open a FIFO would wait for who writes to it.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(ExplainError::NoTrace { path: path.into(), line: 1 });
        }
        let file = File::open(path).map_err(failed)?;
        let mut lines = Self { file: BufReader::new(file), path, number: 0, line: Vec::new() };
        for _ in 0..MARKED_WITHIN {
            if let Some(TraceLine::Mark) = lines.next_line(|_| true)? {
                return Ok(lines);
            }
        }
        Err(ExplainError::NoTrace { path: path.into(), line: 1 })
    }

    /// What the next line says that `may_matter`; `None` at the end. The last may be cut short, as
    /// where a server was killed.
    fn next_line(
        &mut self,
        may_matter: impl Fn(&str) -> bool,
    ) -> Result<Option<TraceLine>, ExplainError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = (&mut self.file).take(LONGEST_LINE);
            let read = limited.read_until(b'\n', &mut self.line);
            let failed = |source| ExplainError::Read { path: self.path.into(), source };
            if read.map_err(failed)? == 0 {
                return Ok(None);
            }
            let is_whole = self.line.ends_with(b"\n");
            let text = str::from_utf8(&self.line).unwrap_or("?");
            if is_whole && !may_matter(text) {
                continue;
            }
            match TraceLine::read(text) {
                Some(line) => return Ok(Some(line)),
                None if !is_whole && (self.line.len() as u64) < LONGEST_LINE => return Ok(None),
                None => {
                    let (path, line) = (self.path.into(), self.number);
                    return Err(ExplainError::NoTrace { path, line });
                }
            }
        }
    }
}

/// Why nothing is told. Displayed as one line: what, on what; what to do.
#[derive(Debug)]
pub(crate) enum ExplainError {
    /// The file cannot be read.
    Read { path: PathBuf, source: io::Error },
    /// It is no trace, as that line of it shows.
    NoTrace { path: PathBuf, line: usize },
    /// It has no such connection.
    NoConnection { file: PathBuf, wanted: Connection },
    /// Nobody takes what is told.
    Out(io::Error),
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => {
                let path = path.display();
                write!(f, "cannot read {path}: {source}; name a file that --trace has written")
            }
            Self::NoTrace { path, line } => write!(
                f,
                "{} is no trace of oneloop (line {line}); name a file that --trace has written",
                path.display()
            ),
            Self::NoConnection { file, wanted } => {
                let file = file.display();
                write!(f, "no connection {wanted} in {file}; `oneloop explain {file}` lists them")
            }
            Self::Out(source) => write!(f, "cannot write: {source}; give a standard output"),
        }
    }
}

impl Error for ExplainError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Out(source) => Some(source),
            Self::NoTrace { .. } | Self::NoConnection { .. } => None,
        }
    }
}
