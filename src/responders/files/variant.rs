//! The content of a file in one coding: its validators, and the answers that are laid out already,
//! that it is this and that the client has it.
//!
//! Small content is read into memory, behind its head; of a larger one the descriptor is kept, and
//! nothing is read. What is asked for less often, parts of it, is made when it is.
//! Never opens anything. Read next: `validators.rs`, `reading.rs`.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use super::beneath::Patience;
use super::caching::cache_control;
use super::closing::close_elsewhere;
use super::compress;
use super::entry::Look;
use super::file_system::opens_by_itself;
use super::find::{Obstacle, Role};
use super::media;
use super::opened::{OpenedFile, Refusal};
use super::options::Compress;
use super::reading::read_whole;
use super::site::Site;
use super::validators::{self, Settled};
use crate::config::{ALLOCATION, COMPRESSED_FROM, COMPRESSED_UP_TO};
use crate::message::{Body, FileRange, Laid, Prepared, Response, SharedFile};
use crate::wire::conditional::Validators;
use crate::wire::negotiate::Coding;

/// A file's content in one coding.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) coding: Coding,
    pub(super) identity: Identity,
    pub(super) validators: Validators,
    /// The answer that has all of the content.
    pub(super) whole: Prepared,
    /// What says that the client has it already.
    pub(super) unmodified: Prepared,
    pub(super) parts: Parts,
}

/// Whether parts of a content can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    Served,
    Refused,
}

/// What tells one file, in one state, from all others. The time of its last change of any kind is
/// in it, which cannot be set back as that of its content can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What the variants of a file have in common.
#[derive(Debug)]
pub(super) struct Common<'s> {
    site: &'s Site,
    status: StatusCode,
    pub(super) content_type: HeaderValue,
    cache_control: Option<&'s HeaderValue>,
    /// Whether there are others.
    has_choice: bool,
}

/// What is laid out of a content, beside its bytes.
struct State {
    coding: Coding,
    identity: Identity,
    validators: Validators,
    settled: Settled,
    parts: Parts,
}

/// Fields of an answer.
type FieldLines = Vec<(HeaderName, HeaderValue)>;

impl<'s> Common<'s> {
    /// Of a file at that path beneath the root.
    pub(super) fn of(site: &'s Site, role: Role, path: &[u8], has_choice: bool) -> Self {
        let status = role.status();
        let content_type = media::content_type(path, &site.options);
        // What will be there one day must not stay missing until then.
        let rules = if status == StatusCode::OK { &site.options.cache[..] } else { &[] };
        let cache_control = cache_control(rules, path);
        Self { site, status, content_type, cache_control, has_choice }
    }

    /// Whether a file of that path and length is to be compressed on the fly.
    pub(super) fn is_compressible(site: &Site, role: Role, path: &[u8], len: u64) -> bool {
        site.options.compress == Compress::OnTheFly
            && role.status() == StatusCode::OK
            && (COMPRESSED_FROM..=COMPRESSED_UP_TO).contains(&len)
            && media::is_compressible(&media::content_type(path, &site.options))
    }

    /// The content of this file, which is in that coding.
    pub(super) fn variant(
        &self,
        coding: Coding,
        opened: OpenedFile,
        look: Look,
    ) -> Result<Variant, Obstacle> {
        let OpenedFile { file, metadata } = opened;
        let len = metadata.len();
        let identity = Identity::of(&metadata);
        let bytes = match len <= look.read_up_to {
            true => Some(read_whole(&file, len, look.patience)?),
            false => None,
        };
        let is_torn = bytes.is_some() && Identity::now(&file) != Some(identity);
        // A file that was written while it was read is neither what it was nor what it will be, and
        // a page that stands in for another is none of its states: nothing may vouch for those.
        let validators = if !is_torn && self.status == StatusCode::OK {
            validators::of(&metadata, coding, look.now)
        } else {
            Validators { etag: None, modified: None }
        };
        let body = match bytes {
            Some(bytes) => Body::Bytes(bytes),
            None => Body::File(FileRange { file: Arc::new(shared(file)), offset: 0, len }),
        };
        let settled = validators::is_settled(&metadata, look.now);
        let state = State { coding, identity, validators, settled, parts: Parts::Served };
        Ok(self.laid_out(state, body))
    }

    /// That variant compressed, if that is shorter. It is waited for: the whole content is read.
    pub(super) fn compressed(
        &self,
        variant: &Variant,
        coding: Coding,
        settled: Settled,
    ) -> Result<Option<Variant>, Obstacle> {
        let read;
        let content = match variant.whole.file() {
            None => variant.whole.body(),
            Some(range) => {
                read = read_whole(range.file.file(), range.len, Patience::Patient)?;
                if Identity::now(range.file.file()) != Some(variant.identity) {
                    // It is another by now; it is looked at again in a second.
                    return Err(Refusal::Busy.into());
                }
                &read[..]
            }
        };
        let Some(bytes) = compress::compressed(content, coding) else { return Ok(None) };
        let validators = validators::recoded(&variant.validators, coding);
        let (identity, parts) = (variant.identity, Parts::Refused);
        let state = State { coding, identity, validators, settled, parts };
        Ok(Some(self.laid_out(state, Body::Bytes(bytes))))
    }

    fn laid_out(&self, state: State, body: Body) -> Variant {
        /// What 304 must have of the fields of 200 (RFC 9110 §15.4.5), and the date beside them.
        const KEPT: [HeaderName; 4] =
            [header::CACHE_CONTROL, header::VARY, header::ETAG, header::LAST_MODIFIED];
        let State { coding, identity, validators, settled, parts } = state;
        let fields = self.fields(coding, &validators, parts);
        let kept = fields.iter().filter(|(name, _)| KEPT.contains(name)).cloned().collect();
        let laid_out = |response, fields| {
            let laid = self.finished(response, fields).lay_out();
            if settled == Settled::Yes { laid.with_past_date() } else { laid }
        };
        let unmodified = laid_out(Response::status(StatusCode::NOT_MODIFIED), kept).into();
        let whole = self.site.memory.count(laid_out(Response::new(self.status, body), fields));
        Variant { coding, identity, validators, whole, unmodified, parts }
    }

    /// The fields of the answer that has all of the content.
    pub(super) fn fields(
        &self,
        coding: Coding,
        validators: &Validators,
        parts: Parts,
    ) -> FieldLines {
        let mut fields = vec![
            (header::CONTENT_TYPE, self.content_type.clone()),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        if coding != Coding::Identity {
            fields.push((header::CONTENT_ENCODING, HeaderValue::from_static(coding.name())));
        }
        if self.has_choice {
            fields.push((header::VARY, HeaderValue::from_static("Accept-Encoding")));
        }
        if let Some(value) = self.cache_control {
            fields.push((header::CACHE_CONTROL, value.clone()));
        }
        if self.status == StatusCode::OK && parts == Parts::Served {
            fields.push((header::ACCEPT_RANGES, HeaderValue::from_static("bytes")));
        }
        fields.extend(validators::fields(validators));
        fields
    }

    /// The answer with these fields, and those that every answer has.
    pub(super) fn finished(&self, response: Response, fields: FieldLines) -> Response {
        let with = |response: Response, (name, value)| response.with_header(name, value);
        self.site.options.finish(fields.into_iter().fold(response, with))
    }
}

/// To be closed by whoever drops it last, which may be the loop, only where that is done at once.
fn shared(file: File) -> SharedFile {
    if opens_by_itself(&file) { file.into() } else { SharedFile::closed_by(file, close_elsewhere) }
}

impl Variant {
    /// How long the content is, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.whole.body_len()
    }

    /// What it costs to keep, in bytes of memory and in open files.
    pub(super) fn cost(&self) -> (usize, usize) {
        let tag = self.validators.etag.as_ref().map_or(0, |etag| etag.len() + ALLOCATION);
        let laid = 2 * (size_of::<Laid>() + 2 * ALLOCATION);
        let blocks = self.whole.len() + self.unmodified.len() + laid + 2 * ALLOCATION;
        let bytes = size_of::<Self>() + tag + blocks;
        match self.whole.file() {
            None => (bytes, 0),
            Some(_) => (bytes + size_of::<SharedFile>() + 2 * ALLOCATION, 1),
        }
    }
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// That of an open file as it is by now.
    pub(super) fn now(file: &File) -> Option<Self> {
        file.metadata().ok().map(|metadata| Self::of(&metadata))
    }
}
