//! What tells one state of a file from the next: its entity tag and its date (RFC 9110 §8.8).
//!
//! Relies on the file system giving a changed file another time of modification or another size,
//! once a second has passed. Never reads the content.
//! Read next: `wire/conditional.rs`, which judges by them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{self, HeaderName, HeaderValue};

use crate::wire::conditional::{Strength, Validators};
use crate::wire::negotiate::Coding;

/// The first second of the year 10000, which an HTTP date has no digits for.
const TOO_LATE: u64 = 253_402_300_800;

/// The validators of a file whose content is in that coding, and that is read at `now`, in seconds
/// since 1970. A date in the future stays as it is: whoever writes the answer, and knows the time,
/// replaces it (RFC 9110 §8.8.2.1).
pub(super) fn of(metadata: &Metadata, coding: Coding, now: u64) -> Validators {
    // A negative time comes out as a large number, which serves as well.
    let (seconds, nanos, size) = (metadata.mtime(), metadata.mtime_nsec(), metadata.len());
    // What is not settled has a tag of its own beside its weakness, which If-None-Match disregards:
    // so whoever has seen it then asks in vain whether it is still the same once it is settled.
    let (weak, new) = match is_settled(metadata, now) {
        Settled::Yes => ("", ""),
        Settled::No => (WEAK, "-new"),
    };
    let coding = suffix(coding);
    let etag = Some(format!("{weak}\"{seconds:x}.{nanos:x}-{size:x}{coding}{new}\""));
    let modified = metadata.modified().ok().filter(|&time| http_date(time).is_some());
    Validators { etag, modified }
}

/// Those of the same content in a coding that is made on the fly. What makes it may make it
/// differently another time, so they are weak.
pub(super) fn recoded(validators: &Validators, coding: Coding) -> Validators {
    let coding = suffix(coding);
    let recoded = |tag: &String| {
        let opaque = tag.trim_start_matches(WEAK).trim_matches('"');
        format!("{WEAK}\"{opaque}{coding}\"")
    };
    Validators { etag: validators.etag.as_ref().map(recoded), modified: validators.modified }
}

/// Whether a file has been left alone for so long that another write would give it another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Yes,
    No,
}

/// Whether the file is settled at `now`, in seconds since 1970.
pub(super) fn is_settled(metadata: &Metadata, now: u64) -> Settled {
    let now = UNIX_EPOCH + Duration::from_secs(now);
    match metadata.modified().map(|modified| Strength::of(modified, now)) {
        Ok(Strength::Strong) => Settled::Yes,
        Ok(Strength::Weak) | Err(_) => Settled::No,
    }
}

const WEAK: &str = "W/";

/// Each coding of a content has a tag of its own (RFC 9110 §8.8.3.3).
const fn suffix(coding: Coding) -> &'static str {
    match coding {
        Coding::Identity => "",
        Coding::Gzip => "-gz",
        Coding::Brotli => "-br",
        Coding::Zstd => "-zst",
    }
}

/// The fields that carry them.
pub(super) fn fields(validators: &Validators) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let etag = validators.etag.as_ref().map(|etag| {
        let etag = HeaderValue::try_from(etag).expect("a tag of digits may stand in a field");
        (header::ETAG, etag)
    });
    let modified = validators.modified.and_then(http_date).map(|date| {
        let date = HeaderValue::try_from(date).expect("a date may stand in a field");
        (header::LAST_MODIFIED, date)
    });
    etag.into_iter().chain(modified)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; nothing for a time before 1970 or after 9999, which cannot be
/// written so.
pub(super) fn http_date(time: SystemTime) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    (since.as_secs() < TOO_LATE).then(|| httpdate::fmt_http_date(time))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Metadata};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::super::scratch::Folder;
    use super::{Settled, TOO_LATE, fields, http_date, is_settled, of, recoded};
    use crate::wire::negotiate::Coding;

    /// A file of that size that was modified at that time.
    fn file(modified: SystemTime, size: u64) -> Metadata {
        let folder = Folder::new();
        let file = File::create(folder.path().join("f")).unwrap();
        file.set_len(size).unwrap();
        file.set_modified(modified).unwrap();
        file.metadata().unwrap()
    }

    #[test]
    fn the_tag_changes_with_time_size_and_coding() {
        let seconds = 0x1234 * 1_000_000_000;
        for (nanos, size, coding, tag) in [
            (seconds + 0xab, 0xcd, Coding::Identity, "\"1234.ab-cd\""),
            (seconds + 0xac, 0xcd, Coding::Identity, "\"1234.ac-cd\""),
            (seconds + 0xac, 0, Coding::Identity, "\"1234.ac-0\""),
            (seconds + 0xac, 0, Coding::Gzip, "\"1234.ac-0-gz\""),
            (seconds + 0xac, 0, Coding::Brotli, "\"1234.ac-0-br\""),
            (seconds + 0xac, 0, Coding::Zstd, "\"1234.ac-0-zst\""),
        ] {
            let metadata = file(UNIX_EPOCH + Duration::from_nanos(nanos), size);
            assert_eq!(of(&metadata, coding, 0x2000).etag.unwrap(), tag);
        }
    }

    /// RFC 9110 §8.8.1: what may change once more under the same tag is told by a weak one.
    #[test]
    fn a_file_written_within_the_last_second_has_a_weak_tag() {
        let modified = 784_111_777;
        let metadata = file(UNIX_EPOCH + Duration::from_millis(modified * 1000 + 500), 5);
        for (now, settled) in [
            (modified - 10, Settled::No),
            (modified, Settled::No),
            (modified + 1, Settled::No),
            (modified + 2, Settled::Yes),
        ] {
            assert_eq!(is_settled(&metadata, now), settled, "{now}");
            let etag = of(&metadata, Coding::Identity, now).etag.unwrap();
            let (strong, weak) = ("\"2ebc98a1.1dcd6500-5\"", "W/\"2ebc98a1.1dcd6500-5-new\"");
            assert_eq!(etag, if settled == Settled::Yes { strong } else { weak }, "{now}");
        }
    }

    #[test]
    fn what_is_made_on_the_fly_has_a_weak_tag_of_its_own() {
        let metadata = file(UNIX_EPOCH + Duration::from_secs(0x10), 1);
        for (now, tag) in [(0x10, "W/\"10.0-1-new-gz\""), (0x20, "W/\"10.0-1-gz\"")] {
            let validators = of(&metadata, Coding::Identity, now);
            let recoded = recoded(&validators, Coding::Gzip);
            assert_eq!(recoded.etag.unwrap(), tag);
            assert_eq!(recoded.modified, validators.modified);
        }
    }

    #[test]
    fn a_time_that_cannot_be_written_as_a_date_is_left_out() {
        let metadata = file(UNIX_EPOCH - Duration::from_secs(1), 0);
        let validators = of(&metadata, Coding::Identity, 10);
        assert_eq!(validators.modified, None);
        let names: Vec<_> = fields(&validators).map(|(name, _)| name).collect();
        assert_eq!(names, ["etag"]);
    }

    #[test]
    fn dates_reach_from_1970_to_9999() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (time, expected) in [
            (UNIX_EPOCH, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (at(784_111_777), Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (at(TOO_LATE - 1), Some("Fri, 31 Dec 9999 23:59:59 GMT")),
            (at(TOO_LATE), None),
            (SystemTime::UNIX_EPOCH - Duration::from_nanos(1), None),
        ] {
            assert_eq!(http_date(time).as_deref(), expected);
        }
    }
}
