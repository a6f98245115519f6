//! What is known of paths: files as they are answered, listings, what was compressed. Bounded in
//! bytes and in open files.
//!
//! It trusts what it knows for a second; then the file system is asked again. What is asked for
//! stays: to make room, a hand goes round over all there is, and who was not asked for since it
//! last came by has to go.
//! Never opens anything, and never asks the time. Read next: `mod.rs`, which asks it first.

use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt as _};

use super::entry::Entry;
use super::variant::{Identity, Variant};
use crate::config::{ALLOCATION, CACHE_TRUSTED, FILES_UNUSED};
use crate::message::Prepared;

/// What is known of a path.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// It is a file.
    File(Arc<Entry>),
    /// It is a folder that is to be listed.
    Folder,
    /// This is how it is listed.
    Listing(Prepared),
    /// This is the file, in that state, compressed; nothing where that did not make it shorter.
    Compressed(Identity, Option<Arc<Variant>>),
}

#[derive(Debug)]
pub(super) struct Cache {
    /// By a hash that is quick, and keyed anew in each process, but not made to withstand who
    /// studies it: clients choose what is looked up here, and only the operator, by the names of
    /// files, what is in it.
    index: HashMap<Box<str>, usize>,
    kept: Vec<Kept>,
    hand: usize,
    bytes: usize,
    files: usize,
    most_bytes: usize,
    most_files: usize,
    swept_at: Duration,
}

/// What a path costs in the index, in bytes.
const INDEXED: usize = size_of::<(Box<str>, usize)>();

#[derive(Debug)]
struct Kept {
    path: Box<str>,
    known: Known,
    trusted_until: Duration,
    used_at: Duration,
    was_used: bool,
    bytes: usize,
    files: usize,
}

impl Cache {
    /// Nothing is known, and at most so much is kept.
    pub(super) fn new(most_bytes: usize, most_files: usize) -> Self {
        Self {
            index: HashMap::new(),
            kept: Vec::new(),
            hand: 0,
            bytes: 0,
            files: 0,
            most_bytes,
            most_files,
            swept_at: Duration::ZERO,
        }
    }

    /// What is known of the path, if it was seen within the last second.
    pub(super) fn fresh(&mut self, path: &str, now: Duration) -> Option<&Known> {
        let kept = &mut self.kept[*self.index.get(path)?];
        kept.was_used = true;
        kept.used_at = now;
        (now < kept.trusted_until).then_some(&kept.known)
    }

    /// What is known of the path, however long ago it was seen.
    pub(super) fn ever(&mut self, path: &str) -> Option<&Known> {
        let kept = &mut self.kept[*self.index.get(path)?];
        kept.was_used = true;
        Some(&kept.known)
    }

    /// The file that was at that path, however long ago, for who is going to look again.
    pub(super) fn file(&self, path: &str) -> Option<&Arc<Entry>> {
        match &self.kept[*self.index.get(path)?].known {
            Known::File(entry) => Some(entry),
            _ => None,
        }
    }

    /// Keeps what has just been seen, if it can be kept.
    pub(super) fn keep(&mut self, path: &str, known: Known, now: Duration) {
        if let Some(&at) = self.index.get(path) {
            let kept = &mut self.kept[at];
            if kept.known.is_same(&known) {
                kept.trusted_until = now + CACHE_TRUSTED;
                return;
            }
            self.drop_at(at);
        }
        let (bytes, files) = known.cost();
        // The list has room for as many again, and so has the index.
        let bytes = bytes + 2 * (path.len() + size_of::<Kept>() + INDEXED + ALLOCATION);
        if bytes > self.most_bytes || files > self.most_files {
            return;
        }
        while self.bytes + bytes > self.most_bytes || self.files + files > self.most_files {
            self.make_room(files > 0 && self.files + files > self.most_files);
        }
        self.bytes += bytes;
        self.files += files;
        self.index.insert(path.into(), self.kept.len());
        let path = path.into();
        let (trusted_until, used_at) = (now + CACHE_TRUSTED, now);
        self.kept.push(Kept { path, known, trusted_until, used_at, was_used: false, bytes, files });
    }

    /// There is nothing at that path, or something that is not kept.
    pub(super) fn forget(&mut self, path: &str) {
        if let Some(&at) = self.index.get(path) {
            self.drop_at(at);
        }
    }

    /// Lets go of all open files, because somebody needs the descriptors. Whether there were any.
    pub(super) fn close_files(&mut self) -> bool {
        let had_some = self.files > 0;
        self.drop_all(|kept| kept.files > 0);
        had_some
    }

    /// Closes files that nobody has asked for lately: one that was deleted keeps its place on the
    /// disk for as long as it is open. Looked for once a second, and only where somebody asks.
    pub(super) fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept_at) < CACHE_TRUSTED {
            return;
        }
        self.swept_at = now;
        if self.files > 0 {
            self.drop_all(|kept| kept.files > 0 && now.saturating_sub(kept.used_at) > FILES_UNUSED);
        }
    }

    /// One goes: the next of those who hold a file, if it is files that are short, who was not
    /// asked for since the hand last came by.
    fn make_room(&mut self, files_are_short: bool) {
        // In the second round nobody has been asked for any more.
        for _ in 0..2 * self.kept.len() {
            if self.hand >= self.kept.len() {
                self.hand = 0;
            }
            let kept = &mut self.kept[self.hand];
            if files_are_short && kept.files == 0 {
                self.hand += 1;
            } else if kept.was_used {
                kept.was_used = false;
                self.hand += 1;
            } else {
                self.drop_at(self.hand);
                // In its place is the newest by now, which is to have its round.
                self.hand += 1;
                return;
            }
        }
        unreachable!("what is counted is kept by somebody");
    }

    fn drop_all(&mut self, which: impl Fn(&Kept) -> bool) {
        let mut at = 0;
        while at < self.kept.len() {
            if which(&self.kept[at]) {
                self.drop_at(at);
            } else {
                at += 1;
            }
        }
    }

    fn drop_at(&mut self, at: usize) {
        let kept = self.kept.swap_remove(at);
        self.index.remove(&kept.path);
        self.bytes -= kept.bytes;
        self.files -= kept.files;
        if let Some(moved) = self.kept.get(at) {
            self.index.insert(moved.path.clone(), at);
        }
    }
}

impl Known {
    /// Whether it is the very same.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => Arc::ptr_eq(one, other),
            (Self::Folder, Self::Folder) => true,
            _ => false,
        }
    }

    fn cost(&self) -> (usize, usize) {
        match self {
            Self::File(entry) => entry.cost(),
            Self::Folder => (0, 0),
            Self::Listing(prepared) => (prepared.len(), 0),
            Self::Compressed(_, variant) => {
                variant.as_ref().map_or((0, 0), |variant| variant.cost())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, remove_file, rename, write};
    use std::path::Path;
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use http::StatusCode;

    use super::super::opened::Refusal;
    use super::super::outcome::Outcome;
    use super::super::scratch::{Folder, Visitor, bytes, field};
    use super::super::{Compress, FileOptions, Files};
    use crate::config::{CONTENT_ALIVE, FILE_READ_WHOLE, FILES_UNUSED, LISTING_ROOM};
    use crate::message::{Answer, Body, Prepared, Response, SharedFile};

    const SOON: Duration = Duration::from_millis(999);
    const LATER: Duration = Duration::from_millis(1);

    fn get(files: &mut Files, visitor: &Visitor, path: &str) -> Response {
        visitor.ask(files, "GET", path, "").expect("jobs are done at once")
    }

    /// An answer as it is laid out in memory.
    #[track_caller]
    fn laid_out(files: &mut Files, visitor: &Visitor, path: &str) -> Prepared {
        match visitor.answer(files, path) {
            Answer::Prepared(prepared) => prepared,
            other => panic!("{path} is not in memory: {other:?}"),
        }
    }

    fn limited(folder: &Folder, bytes: usize, opened: usize) -> Files {
        let mut options = FileOptions::default();
        (options.cached_bytes, options.cached_files) = (bytes, opened);
        Files::with(folder.path(), options).unwrap()
    }

    /// A file of that many bytes.
    fn put(path: &Path, len: u64) {
        File::create(path).unwrap().set_len(len).unwrap();
    }

    #[test]
    fn what_changed_is_served_from_the_next_second_on() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        write(&path, "old").unwrap();
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        type Change = fn(&Path);
        let changes: [(Change, &str); 5] = [
            (|path| write(path, "new").unwrap(), "new"),
            (
                |path| {
                    write(path.with_extension("x"), "anew").unwrap();
                    rename(path.with_extension("x"), path).unwrap();
                },
                "anew",
            ),
            (|path| put(path, 0), ""),
            (|path| remove_file(path).unwrap(), "404 Not Found\n"),
            (|path| write(path, "back").unwrap(), "back"),
        ];
        let mut before = "old";
        for (change, after) in changes {
            assert_eq!(bytes(&get(&mut files, &visitor, "/f")), before.as_bytes());
            change(&path);
            visitor.wait(SOON);
            let is_known = !before.starts_with("404");
            let expected = if is_known { before } else { after };
            assert_eq!(bytes(&get(&mut files, &visitor, "/f")), expected.as_bytes());
            visitor.wait(LATER);
            assert_eq!(bytes(&get(&mut files, &visitor, "/f")), after.as_bytes());
            before = after;
        }
    }

    /// A content of the same length, and its time set back: only the time of the change tells.
    #[test]
    fn a_change_that_hides_itself_is_seen() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        write(&path, "one").unwrap();
        let modified = path.metadata().unwrap().modified().unwrap();
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        assert_eq!(bytes(&get(&mut files, &visitor, "/f")), b"one");
        write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        visitor.wait(SOON + LATER);
        assert_eq!(bytes(&get(&mut files, &visitor, "/f")), b"two");
    }

    /// What was written a moment ago may be written again without a trace in its times: it is read
    /// again a second later, and its tag is weak until then.
    #[test]
    fn what_was_just_written_is_read_again() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        write(&path, "one").unwrap();
        let now = path.metadata().unwrap().modified().unwrap();
        let now = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        visitor.unix_time.set(now);
        assert!(field(&get(&mut files, &visitor, "/f"), "etag").starts_with("W/"));
        visitor.unix_time.set(now + 2);
        visitor.wait(SOON);
        assert!(field(&get(&mut files, &visitor, "/f"), "etag").starts_with("W/"));
        visitor.wait(LATER);
        assert!(field(&get(&mut files, &visitor, "/f"), "etag").starts_with('"'));
    }

    /// The same of what is compressed on the fly: its tag would vouch for the old content for ever.
    #[test]
    fn what_was_just_written_is_compressed_again() {
        let folder = Folder::new();
        let path = folder.path().join("f.txt");
        write(&path, "one\n".repeat(1000)).unwrap();
        let now = path.metadata().unwrap().modified().unwrap();
        let now = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let options = FileOptions { compress: Compress::OnTheFly, ..FileOptions::default() };
        let mut files = Files::with(folder.path(), options).unwrap();
        let visitor = Visitor::new();
        for (later, is_new) in [(0, true), (2, false)] {
            visitor.unix_time.set(now + later);
            visitor.wait(SOON + LATER);
            let response = visitor.ask(&mut files, "GET", "/f.txt", "Accept-Encoding: gzip\r\n");
            let response = response.expect("jobs are done at once");
            assert_eq!(field(&response, "etag").ends_with("-new-gz\""), is_new, "{later} s later");
        }
    }

    /// Who is sending a file goes on with the one it began with.
    #[test]
    fn what_is_being_sent_is_not_swapped() {
        let folder = Folder::new();
        let path = folder.path().join("f");
        put(&path, FILE_READ_WHOLE + 1);
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        let sending = get(&mut files, &visitor, "/f");
        put(&path.with_extension("x"), FILE_READ_WHOLE + 2);
        rename(path.with_extension("x"), &path).unwrap();
        visitor.wait(SOON + LATER);
        assert_eq!(get(&mut files, &visitor, "/f").body().len(), Some(FILE_READ_WHOLE + 2));
        let Body::File(range) = sending.body() else { panic!("it is large") };
        assert_eq!(range.file.file().metadata().unwrap().len(), FILE_READ_WHOLE + 1);
    }

    /// Checks that every path that is kept is found by its own name, and that the sums are right.
    fn check_books(files: &Files) {
        let cache = &files.cache;
        assert_eq!(cache.index.len(), cache.kept.len());
        for (path, &at) in &cache.index {
            assert_eq!(cache.kept[at].path, *path);
        }
        assert_eq!(cache.bytes, cache.kept.iter().map(|kept| kept.bytes).sum::<usize>());
        assert_eq!(cache.files, cache.kept.iter().map(|kept| kept.files).sum::<usize>());
    }

    #[test]
    fn a_scan_of_all_stays_within_the_budget() {
        const BYTES: usize = 40_000;
        let folder = Folder::new();
        let (mut files, visitor) = (limited(&folder, BYTES, 0), Visitor::new());
        write(folder.path().join("hot"), "hot").unwrap();
        let first = laid_out(&mut files, &visitor, "/hot");
        for number in 0..200 {
            let path = format!("/{number}");
            write(folder.path().join(&path[1..]), format!("{number:01000}")).unwrap();
            get(&mut files, &visitor, &path);
            // So seldom that it is never the newest of those that are kept.
            if number % 5 == 0 {
                let hot = laid_out(&mut files, &visitor, "/hot");
                assert!(Arc::ptr_eq(&hot.laid, &first.laid), "{number}: it was asked for");
            }
            assert!(files.cache.bytes <= BYTES, "{}", files.cache.bytes);
            check_books(&files);
        }
        let kept: Vec<_> = files.cache.index.keys().cloned().collect();
        assert!(kept.len() > 10 && !kept.contains(&"/0".into()), "{kept:?}");
        for path in kept.into_iter().filter(|path| **path != *"/hot") {
            let number: u32 = path[1..].parse().unwrap();
            assert_eq!(
                bytes(&get(&mut files, &visitor, &path)),
                format!("{number:01000}").as_bytes()
            );
        }
    }

    /// However much is read one after the other: what was let go is given back, and so is what is
    /// remembered of it.
    #[test]
    fn memory_is_given_back() {
        const BYTES: usize = 400_000;
        let folder = Folder::new();
        for len in [0, 1000, FILE_READ_WHOLE] {
            let (mut files, visitor) = (limited(&folder, BYTES, 0), Visitor::new());
            put(&folder.path().join("f"), len);
            let mut read = 0;
            while read < 5 * BYTES {
                visitor.wait(SOON + LATER);
                let file = File::options().write(true).open(folder.path().join("f")).unwrap();
                file.set_modified(UNIX_EPOCH + visitor.now.get()).unwrap();
                read += laid_out(&mut files, &visitor, "/f").len();
                let used = files.site.memory.used();
                assert!((1..=BYTES).contains(&used), "{len}: {used} of {read}");
            }
        }
    }

    /// What lies beside a file is looked at as often as the file is.
    #[test]
    fn what_changed_beside_a_file_is_served_from_the_next_second_on() {
        let folder = Folder::new();
        write(folder.path().join("f"), "the file itself").unwrap();
        let beside = folder.path().join("f.gz");
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        type Change = fn(&Path);
        let changes: [(Change, &str); 5] = [
            (|path| write(path, "one").unwrap(), "one"),
            (|path| write(path, "another").unwrap(), "another"),
            (|path| rename(path, path.with_extension("br")).unwrap(), "the file itself"),
            (|path| rename(path.with_extension("br"), path).unwrap(), "another"),
            (|path| remove_file(path).unwrap(), "the file itself"),
        ];
        let mut before = "the file itself";
        assert_eq!(bytes(&get(&mut files, &visitor, "/f")), before.as_bytes());
        for (change, after) in changes {
            change(&beside);
            for (waits, expected) in [(SOON, before), (LATER, after)] {
                visitor.wait(waits);
                let gzip = "Accept-Encoding: gzip\r\n";
                let response = visitor.ask(&mut files, "GET", "/f", gzip).unwrap();
                assert_eq!(bytes(&response), expected.as_bytes());
                let coding = if expected.starts_with("the") { "" } else { "gzip" };
                assert_eq!(field(&response, "content-encoding"), coding);
            }
            before = after;
        }
    }

    #[test]
    fn with_no_budget_nothing_is_kept_and_all_is_served() {
        let folder = Folder::new();
        write(folder.path().join("small"), "small").unwrap();
        put(&folder.path().join("large"), FILE_READ_WHOLE + 1);
        let (mut files, visitor) = (limited(&folder, 0, 0), Visitor::new());
        for _ in 0..3 {
            assert_eq!(bytes(&get(&mut files, &visitor, "/small")), b"small");
            assert_eq!(get(&mut files, &visitor, "/large").body().len(), Some(FILE_READ_WHOLE + 1));
            assert_eq!(get(&mut files, &visitor, "/").status_code(), 200);
        }
        assert!(files.cache.kept.is_empty());
    }

    #[test]
    fn open_files_have_a_budget_of_their_own_and_are_closed_when_unused() {
        let folder = Folder::new();
        for name in ["a", "b", "c"] {
            put(&folder.path().join(name), FILE_READ_WHOLE + 1);
        }
        write(folder.path().join("small"), "").unwrap();
        let (mut files, visitor) = (limited(&folder, 1 << 20, 2), Visitor::new());
        for path in ["/small", "/a", "/b", "/c", "/a", "/b"] {
            get(&mut files, &visitor, path);
            assert!(files.cache.files <= 2);
        }
        assert_eq!(files.cache.files, 2);
        visitor.wait(FILES_UNUSED + LATER);
        get(&mut files, &visitor, "/small");
        assert_eq!(files.cache.files, 0, "nobody asks for them");
        assert_eq!(files.cache.kept.len(), 1);
    }

    /// The open file that is sent.
    fn sent(response: &Response) -> Arc<SharedFile> {
        match response.body() {
            Body::File(range) => Arc::clone(&range.file),
            other => panic!("it is large: {other:?}"),
        }
    }

    #[test]
    fn a_large_file_in_constant_use_stays_open() {
        let folder = Folder::new();
        put(&folder.path().join("large"), FILE_READ_WHOLE + 1);
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        let first = sent(&get(&mut files, &visitor, "/large"));
        for _ in 0..10 {
            visitor.wait(FILES_UNUSED / 2);
            assert!(Arc::ptr_eq(&first, &sent(&get(&mut files, &visitor, "/large"))));
        }
    }

    /// So that the disk gets its place back, and not only when somebody tidies up.
    #[test]
    fn a_file_that_is_gone_is_closed_when_that_is_seen() {
        let folder = Folder::new();
        let path = folder.path().join("large");
        put(&path, FILE_READ_WHOLE + 1);
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        let file = Arc::downgrade(&sent(&get(&mut files, &visitor, "/large")));
        assert_eq!((files.cache.files, file.strong_count()), (1, 1));
        remove_file(path).unwrap();
        visitor.wait(SOON + LATER);
        assert_eq!(get(&mut files, &visitor, "/large").status_code(), 404);
        assert_eq!((files.cache.files, file.strong_count()), (0, 0));
        check_books(&files);
    }

    /// A helper that finds no descriptor left has them closed whom nobody needs.
    #[test]
    fn files_are_closed_for_a_helper_too() {
        let folder = Folder::new();
        put(&folder.path().join("large"), FILE_READ_WHOLE + 1);
        write(folder.path().join("small"), "small").unwrap();
        let (mut files, visitor) = (Files::new(folder.path()).unwrap(), Visitor::new());
        for (refusal, left) in [(Refusal::Broken, 1), (Refusal::Missing, 1), (Refusal::Busy, 0)] {
            get(&mut files, &visitor, "/large");
            get(&mut files, &visitor, "/small");
            files.learn("/other", &Outcome::Refused(refusal), visitor.now.get());
            assert_eq!((files.cache.files, files.cache.kept.len()), (left, left + 1));
            check_books(&files);
        }
    }

    /// The bytes that slow clients keep alive are counted, though the cache has let them go: from
    /// some point on files are sent from where they lie.
    #[test]
    fn what_slow_clients_keep_in_memory_is_bounded() {
        let folder = Folder::new();
        let len = usize::try_from(FILE_READ_WHOLE).unwrap();
        let most = CONTENT_ALIVE / len + 2;
        let (mut files, visitor) = (limited(&folder, len, 0), Visitor::new());
        let mut held: Vec<Prepared> = Vec::new();
        let mut sent_from_disk = 0;
        for number in 0..most + 10 {
            let path = folder.path().join("f");
            put(&path, FILE_READ_WHOLE - (number % 2) as u64);
            visitor.wait(SOON + LATER);
            match visitor.answer(&mut files, "/f") {
                Answer::Prepared(prepared) if prepared.file().is_none() => {
                    held.push(prepared);
                }
                _ => sent_from_disk += 1,
            }
        }
        assert!(held.len() <= most, "{}", held.len());
        assert!(sent_from_disk >= 10, "{sent_from_disk}");
        held.clear();
        visitor.wait(SOON + LATER);
        put(&folder.path().join("f"), 5);
        assert_eq!(bytes(&get(&mut files, &visitor, "/f")).len(), 5);
    }

    /// While slow clients keep so much in memory, no folder is listed and nothing is compressed.
    #[test]
    fn what_is_made_waits_until_there_is_room_for_it() {
        const LEN: usize = 2000;
        let folder = Folder::new();
        write(folder.path().join("a.txt"), "a".repeat(LEN)).unwrap();
        let mut options = FileOptions { compress: Compress::OnTheFly, ..FileOptions::default() };
        (options.cached_bytes, options.cached_files) = (0, 0);
        let mut files = Files::with(folder.path(), options).unwrap();
        let visitor = Visitor::new();
        let room = usize::try_from(LISTING_ROOM).unwrap();
        let gzip = "Accept-Encoding: gzip\r\n";
        for (path, lines, spare, expected) in [
            ("/", "", room / 2, (503, "")),
            ("/", "", room * 2, (200, "")),
            ("/a.txt", gzip, LEN / 2, (200, "")),
            ("/a.txt", gzip, LEN * 2, (200, "gzip")),
        ] {
            let check = |files: &mut Files, (status, coding)| {
                let response = visitor.ask(files, "GET", path, lines).unwrap();
                assert_eq!(response.status_code(), status, "{path}, {spare}");
                assert_eq!(field(&response, "content-encoding"), coding, "{path}, {spare}");
            };
            let held = vec![0; CONTENT_ALIVE - spare - files.site.memory.used()];
            let held = Response::new(StatusCode::OK, Body::Bytes(held)).lay_out();
            let held = files.site.memory.count(held);
            check(&mut files, expected);
            drop(held);
            check(&mut files, (200, if path == "/" { "" } else { "gzip" }));
        }
    }

    #[test]
    fn many_paths_to_one_page_are_one_entry() {
        let folder = Folder::new();
        write(folder.path().join("404.html"), "not here").unwrap();
        let missing = super::super::Missing::NearestPage;
        let options = FileOptions { missing, ..FileOptions::default() };
        let mut files = Files::with(folder.path(), options).unwrap();
        let visitor = Visitor::new();
        for number in 0..100 {
            let response = get(&mut files, &visitor, &format!("/missing-{number}"));
            assert_eq!(bytes(&response), b"not here");
        }
        assert_eq!(files.cache.kept.len(), 1);
    }
}
