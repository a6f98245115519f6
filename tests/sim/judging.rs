//! Whether what a client is told about a file is right: exactly one of the contents that the file
//! had within the second before it was asked for or since, in the coding that is said, whole or the
//! stretches that were asked for, under a tag that is that content's.
//!
//! Relies on `shelf.rs` for what each file was when. Never looks into the server.
//! Read next: `wishes.rs`, what is asked for.

use std::io::Read as _;
use std::ops::Range;

use super::clients::Client;
use super::faults::Mishap;
use super::nature::Nature;
use super::shelf::{Asked, MOUNT, Shelf, State, TITLES};
use super::wishes::{CODINGS, Condition, Goal, Heard, INDEX, titled};

/// How long after it was written a file may have a weak tag at the most, in milliseconds: the
/// second in which it could be written again, the one in which what was seen is trusted, and
/// however long helpers take where no disk is dead.
const WEAK_FOR: u64 = 13_000;

impl Nature {
    /// What came to that client about files is held against what they were.
    pub(super) fn judges(&mut self, id: usize) -> Result<(), String> {
        let heard = self.clients[id].as_mut().map(Client::take_heard).unwrap_or_default();
        for heard in heard {
            let asked = self.shelf.as_ref().and_then(|shelf| {
                let number = u32::try_from(heard.number + 1).ok()?;
                shelf.asked.get(&(id, number)).copied()
            });
            let told = match (&self.shelf, asked) {
                (Some(shelf), Some(asked)) => {
                    let is_set = self.faults[Mishap::WallClockSet] > 0;
                    let wall = (!is_set).then(|| self.wall(asked.answered));
                    let is_slow = self.shortage.of_time || self.faults[Mishap::DeadDisk] > 0;
                    let first = wall.filter(|_| !is_slow).map(|_| self.wall(asked.first));
                    let judged = Judge { shelf, asked, heard: &heard, wall, first }.verdict();
                    judged.map_err(|what| format!("{what}; asked at {asked:?}"))
                }
                _ => Err("an answer that the server was not asked for".to_owned()),
            };
            let told = told.map_err(|what| {
                let Heard { number, wish, head, body, .. } = &heard;
                let begins = body[..body.len().min(60)].escape_ascii();
                format!("(1) client {id}: answer {number} to {wish:?}: {what}\n{head}{begins}")
            })?;
            if let Some(shelf) = &mut self.shelf {
                *shelf.told.entry(told).or_default() += 1;
            }
        }
        Ok(())
    }
}

/// Who says whether one answer is right.
struct Judge<'a> {
    shelf: &'a Shelf,
    asked: Asked,
    heard: &'a Heard,
    /// What the clock on the wall showed when it was answered, if it is never set.
    wall: Option<u64>,
    /// The same when it was asked for, if nobody had to wait for long.
    first: Option<u64>,
}

type Verdict = Result<&'static str, String>;

impl Judge<'_> {
    fn verdict(&self) -> Verdict {
        match self.heard.wish.goal {
            Goal::File(title) => self.of_file(title),
            Goal::Slashless => self.elsewhere(),
            Goal::Folder => self.listing(&["list/one.txt", "list/two.txt"]),
            Goal::Index => match titled(INDEX) {
                Some(title) if self.may_be_missing(title) && self.heard.field("ETag").is_none() => {
                    self.listing(&[INDEX])
                }
                Some(title) => self.of_file(title),
                None => Err("there is no such file".into()),
            },
        }
    }

    fn may_be_missing(&self, title: usize) -> bool {
        self.shelf.states(title, self.asked).any(|state| state.content.is_none())
    }

    fn elsewhere(&self) -> Verdict {
        let there = format!("{MOUNT}list/");
        match (self.heard.status, self.heard.field("Location")) {
            (301, Some(location)) if location == there => Ok("elsewhere"),
            _ => Err("it is a folder, and its slash is missing".into()),
        }
    }

    /// Each name must be in it that was there all the time, and none may be that was never.
    fn listing(&self, titles: &[&str]) -> Verdict {
        if self.heard.status != 200 {
            return Err("it is a folder".into());
        }
        if self.heard.is_head {
            return Ok("listing");
        }
        let body = String::from_utf8_lossy(&self.heard.body);
        for path in titles {
            let name = path.rsplit('/').next().unwrap_or(path);
            let title = titled(path).ok_or("there is no such file")?;
            let mut states = self.shelf.states(title, self.asked);
            let is_told = body.contains(name);
            if !states.any(|state| state.content.is_some() == is_told) {
                return Err(format!("it is told of {name}: {is_told}"));
            }
        }
        Ok("listing")
    }

    fn of_file(&self, title: usize) -> Verdict {
        let Heard { wish, status, is_head, .. } = self.heard;
        match status {
            404 if self.may_be_missing(title) => Ok("missing"),
            404 => Err("it was there all the time".into()),
            304 => self.unmodified(title),
            _ if self.in_form(title, "").is_empty() => Err("it was not there".into()),
            200 if *is_head => self.head(title),
            200 => self.whole(title),
            206 if wish.range.is_empty() || *is_head => Err("nobody asked for a part".into()),
            206 => self.parts(title),
            416 => self.unsatisfiable(title),
            status => Err(format!("{status} is no answer to that")),
        }
    }

    /// What it was while it was there, in the coding of the answer; what lies beside it is what its
    /// own name says.
    fn content(&self, title: usize) -> Vec<(&State, &[u8])> {
        self.in_form(title, self.form().1)
    }

    /// The coding of the answer, with its endings. Who has the head that belongs to a part is not
    /// told again (RFC 9110 §15.3.7), but for the tag.
    fn form(&self) -> (&str, &str, &str) {
        let coding = self.heard.field("Content-Encoding").unwrap_or_default();
        let tag = self.heard.field("ETag").unwrap_or_default().trim_end_matches('"');
        let wish = self.heard.wish;
        let names_state = wish.condition == Condition::Range && wish.tag().is_some();
        let has_head = self.heard.status == 206 && names_state;
        let is = |(name, _, suffix): &&(&str, &str, &str)| match has_head {
            true => !suffix.is_empty() && tag.ends_with(suffix),
            false => *name == coding,
        };
        CODINGS.iter().find(is).copied().unwrap_or_default()
    }

    fn in_form(&self, title: usize, ending: &str) -> Vec<(&State, &[u8])> {
        let title = titled(&format!("{}{ending}", TITLES[title].0));
        let states = title.into_iter().flat_map(|title| self.shelf.states(title, self.asked));
        states.filter_map(|state| Some((state, state.content.as_deref()?))).collect()
    }

    fn is_fit(&self) -> Result<&str, String> {
        let Some(coding) = self.heard.field("Content-Encoding") else { return Ok("") };
        if !self.heard.wish.takes(coding) {
            return Err("nobody accepts that coding".into());
        }
        match self.heard.field("Vary") {
            Some("Accept-Encoding") => Ok(coding),
            _ => Err("it does not say that it depends on Accept-Encoding".into()),
        }
    }

    /// Whether the tag is that of the state, and as strong as it may be.
    fn is_tagged(&self, state: &State, len: usize) -> bool {
        let (_, _, suffix) = self.form();
        let Some(tag) = self.heard.field("ETag") else { return false };
        let opaque = opaque(state, len, suffix);
        (self.may_be_strong(state) && tag == format!("\"{opaque}\""))
            || (self.may_be_weak(state) && tag == format!("W/\"{opaque}-new\""))
    }

    /// Whether it could not have been written again without a trace. Whole seconds are what the
    /// clock shows.
    fn may_be_strong(&self, state: &State) -> bool {
        self.wall.is_none_or(|wall| 1000 * wall >= state.modified.as_millis() as u64 + 1000)
    }

    fn may_be_weak(&self, state: &State) -> bool {
        let written = state.modified.as_millis() as u64;
        self.first.is_none_or(|first| 1000 * first <= written + WEAK_FOR)
    }

    fn head(&self, title: usize) -> Verdict {
        let length = self.heard.length();
        let coding = self.is_fit()?;
        let is = |(state, content): &(&State, &[u8])| {
            Some(content.len()) == length && self.is_tagged(state, content.len())
        };
        // How long it is that was made on the fly is found out by who gets it.
        if coding.is_empty() && !self.content(title).iter().any(is) {
            return Err("nothing was as long, with that tag".into());
        }
        Ok("head")
    }

    fn whole(&self, title: usize) -> Verdict {
        let body = &self.heard.body[..];
        let coding = self.is_fit()?;
        let mut content = self.content(title).into_iter();
        if content.any(|(state, bytes)| bytes == body && self.is_tagged(state, bytes.len())) {
            return Ok(if coding.is_empty() { "whole" } else { "in another coding" });
        }
        let Some(plain) = decoded(body, coding) else {
            return Err("it never was that, or not with that tag".into());
        };
        if self
            .in_form(title, "")
            .iter()
            .any(|(state, bytes)| *bytes == plain && self.is_tagged_as_made(state, bytes.len()))
        {
            return Ok("compressed");
        }
        Err("it never was that, or not with that tag".into())
    }

    /// The same of what was made on the fly of that state, whose tag is always weak.
    fn is_tagged_as_made(&self, state: &State, len: usize) -> bool {
        let (_, _, suffix) = self.form();
        let opaque = opaque(state, len, "");
        let tag = self.heard.field("ETag").unwrap_or_default();
        (self.may_be_strong(state) && tag == format!("W/\"{opaque}{suffix}\""))
            || (self.may_be_weak(state) && tag == format!("W/\"{opaque}-new{suffix}\""))
    }

    fn unmodified(&self, title: usize) -> Verdict {
        let wish = self.heard.wish;
        let asked = wish.tag().filter(|_| wish.condition == Condition::NoneMatch);
        let asked = asked.ok_or("nobody asked whether it is the same")?;
        if self.heard.field("ETag") != Some(&asked) {
            return Err("it has another tag".into());
        }
        let is_same = CODINGS.iter().any(|(_, ending, suffix)| {
            let forms = self.in_form(title, ending);
            let mut tags = forms.iter().map(|(state, bytes)| opaque(state, bytes.len(), suffix));
            tags.any(|tag| asked == format!("\"{tag}\""))
        });
        if is_same { Ok("unmodified") } else { Err("it is another by now".into()) }
    }

    fn parts(&self, title: usize) -> Verdict {
        self.is_fit()?;
        let wish = self.heard.wish;
        let has = wish.tag().filter(|_| wish.condition == Condition::Range);
        if has.is_some_and(|has| self.heard.field("ETag") != Some(&has)) {
            return Err("it is another than the client has".into());
        }
        let boundary = self.heard.field("Content-Type").unwrap_or_default();
        let boundary = boundary.strip_prefix("multipart/byteranges; boundary=");
        let parts = match boundary {
            Some(boundary) => multipart(&self.heard.body, boundary),
            None => {
                self.heard.field("Content-Range").map(|range| vec![(range, &self.heard.body[..])])
            }
        };
        let parts = parts.ok_or("it has no parts")?;
        let is_of = |(state, content): &(&State, &[u8])| {
            let is_right = |(range, body): &(&str, &[u8])| {
                let told = content_range(range, content.len());
                told.and_then(|told| content.get(told)) == Some(*body)
            };
            let has = |span: &Range<usize>| {
                let told =
                    parts.iter().filter_map(|(range, _)| content_range(range, content.len()));
                told.clone().any(|told| told.start <= span.start && span.end <= told.end)
            };
            parts.iter().all(is_right)
                && spans(wish.range, content.len()).iter().all(has)
                && self.is_tagged(state, content.len())
        };
        match self.content(title).iter().any(is_of) {
            true if boundary.is_some() => Ok("several parts"),
            true => Ok("a part"),
            false => Err("it never had these parts, or not with that tag".into()),
        }
    }

    fn unsatisfiable(&self, title: usize) -> Verdict {
        let range = self.heard.field("Content-Range").unwrap_or_default();
        let wish = self.heard.wish;
        // Of which of its forms it is said depends on the codings that the client accepts.
        let mut forms = CODINGS.iter().flat_map(|(_, ending, _)| self.in_form(title, ending));
        let is = |(_, content): (&State, &[u8])| {
            range == format!("bytes */{}", content.len())
                && spans(wish.range, content.len()).is_empty()
        };
        match !wish.range.is_empty() && forms.any(is) {
            true => Ok("unsatisfiable"),
            false => Err("it has such a part".into()),
        }
    }
}

/// What stands between the quotes of a tag.
fn opaque(state: &State, len: usize, suffix: &str) -> String {
    let (seconds, nanos) = (state.modified.as_secs(), state.modified.subsec_nanos());
    format!("{seconds:x}.{nanos:x}-{len:x}{suffix}")
}

/// What is compressed there, if it is.
fn decoded(body: &[u8], coding: &str) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    match coding {
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut plain).ok()?,
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut plain).ok()?,
        _ => return None,
    };
    Some(plain)
}

/// The stretches of a content of that length that `bytes=...` asks for (RFC 9110 §14.1.2).
fn spans(range: &str, len: usize) -> Vec<Range<usize>> {
    let specs = range.strip_prefix("bytes=").unwrap_or_default().split(',');
    let spans = specs.filter_map(|spec| {
        let (first, last) = spec.split_once('-')?;
        let last: Option<usize> = last.parse().ok();
        Some(match first.parse::<usize>() {
            Ok(first) => first..last.map_or(len, |last| last + 1).min(len),
            Err(_) => len.saturating_sub(last?)..len,
        })
    });
    spans.filter(|span| span.start < span.end).collect()
}

/// The stretch that a Content-Range names, of a content of that length.
fn content_range(range: &str, len: usize) -> Option<Range<usize>> {
    let (span, of) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    (of.parse() == Ok(len)).then_some(first.parse().ok()?..last.parse::<usize>().ok()? + 1)
}

/// The parts of a body: the Content-Range and the bytes of each (RFC 9110 §14.6).
fn multipart<'b>(body: &'b [u8], boundary: &str) -> Option<Vec<(&'b str, &'b [u8])>> {
    let mut parts = Vec::new();
    let mut rest = body.strip_prefix(format!("--{boundary}").as_bytes())?;
    loop {
        if rest == b"--\r\n" {
            return Some(parts);
        }
        let head_len = rest.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_len]).ok()?;
        let range = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Range: "))?;
        let after = &rest[head_len + 4..];
        let end = format!("\r\n--{boundary}");
        let len = after.windows(end.len()).position(|bytes| bytes == end.as_bytes())?;
        parts.push((range, &after[..len]));
        rest = &after[len + end.len()..];
    }
}
