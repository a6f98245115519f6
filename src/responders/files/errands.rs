//! What helper threads are sent to do, because the disk would have to be waited for, or because it
//! takes long: to find and read a file, to list a folder, to compress.
//!
//! One errand is run for all who ask for the same meanwhile. Whoever asks is told *later*, and
//! called back when it is done; then it is told how it ended. Who asks only after that may be told
//! too, for a second; after that somebody is sent anew.
//! Relies on [`Caller::submit`](crate::message::Caller::submit), which bounds how many wait.
//! Read next: `mod.rs`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::opened::Refusal;
use super::outcome::Outcome;
use crate::config::{CACHE_TRUSTED, OUTCOME_KEPT};
use crate::message::{Request, RequestId, Submitted, Wake};

/// How it stands.
#[derive(Debug)]
pub(super) enum Standing {
    /// Nobody was sent.
    NotSent,
    /// Somebody is on the way.
    Sent,
    /// This is the outcome, as it was seen at that time at the earliest.
    Back(Outcome, Duration),
}

/// Those that were sent, and those that are back and not everybody was told of who waited.
#[derive(Debug, Default)]
pub(super) struct Errands {
    /// By what they are for. There are two where one came back too late for who asked since.
    sent: HashMap<Box<str>, Vec<Sent>>,
    swept_at: Duration,
}

#[derive(Debug)]
struct Sent {
    at: Duration,
    errand: Arc<Errand>,
    /// When it was first seen to be back.
    back_at: Option<Duration>,
}

#[derive(Debug, Default)]
struct Errand(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// Who is to be told.
    waiting: BTreeSet<RequestId>,
    /// How to call them back.
    wakes: Vec<Wake>,
    outcome: Option<Outcome>,
}

impl Errands {
    /// How the errand for that stands. Whoever asks while it runs is called back.
    pub(super) fn standing(&mut self, what: &str, request: &Request<'_>) -> Standing {
        if self.sent.is_empty() {
            return Standing::NotSent;
        }
        let now = request.caller.now();
        self.sweep(now);
        let Some(all) = self.sent.get_mut(what) else { return Standing::NotSent };
        let standing = all.iter().find_map(|sent| sent.standing(request, now));
        all.retain(|sent| !sent.is_told());
        if all.is_empty() {
            self.sent.remove(what);
        }
        standing.unwrap_or(Standing::NotSent)
    }

    /// Sends somebody to do `work`.
    pub(super) fn send(
        &mut self,
        what: &str,
        request: &Request<'_>,
        work: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Standing {
        let errand = Arc::new(Errand::default());
        let report = Report(Arc::clone(&errand));
        match request.caller.submit(Box::new(move || report.back(work()))) {
            Submitted::Taken => {
                let sent = Sent { at: request.caller.now(), errand, back_at: None };
                self.sent.entry(what.into()).or_default().push(sent);
                // Only now is anybody called back: a report that is dropped unsent would call too.
                self.standing(what, request)
            }
            // The loop has them ask again.
            Submitted::Full => Standing::Sent,
        }
    }

    /// Drops outcomes that nobody asks for, because whoever wanted them has gone.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept_at) < CACHE_TRUSTED {
            return;
        }
        self.swept_at = now;
        self.sent.retain(|_, all| {
            all.retain_mut(|sent| !sent.is_unclaimed(now));
            !all.is_empty()
        });
    }
}

impl Sent {
    /// How it stands for that request, if it is anything to it: an outcome is for those who waited,
    /// and for others while it is young.
    fn standing(&self, request: &Request<'_>, now: Duration) -> Option<Standing> {
        let mut progress = self.errand.progress();
        let Some(outcome) = progress.outcome.clone() else {
            if progress.waiting.insert(request.id()) {
                progress.wakes.push(request.wake());
            }
            return Some(Standing::Sent);
        };
        let has_waited = progress.waiting.remove(&request.id());
        let is_young = now.saturating_sub(self.at) < CACHE_TRUSTED;
        (has_waited || is_young).then_some(Standing::Back(outcome, self.at))
    }

    /// Whether all were told who waited.
    fn is_told(&self) -> bool {
        let progress = self.errand.progress();
        progress.outcome.is_some() && progress.waiting.is_empty()
    }

    /// Whether it has been back for so long that nobody will ask.
    fn is_unclaimed(&mut self, now: Duration) -> bool {
        let is_back = self.errand.progress().outcome.is_some();
        is_back && now.saturating_sub(*self.back_at.get_or_insert(now)) >= OUTCOME_KEPT
    }
}

impl Errand {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who wait, whatever becomes of the errand: one that panics has failed.
struct Report(Arc<Errand>);

impl Report {
    fn back(self, outcome: Outcome) {
        self.0.progress().outcome = Some(outcome);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let mut progress = self.0.progress();
        progress.outcome.get_or_insert(Outcome::Refused(Refusal::Broken));
        let wakes = std::mem::take(&mut progress.wakes);
        drop(progress);
        wakes.iter().for_each(Wake::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::write;
    use std::time::Duration;

    use std::sync::Arc;

    use http::StatusCode;

    use super::super::cache::Known;
    use super::super::scratch::{Folder, Visitor, bytes, field};
    use super::super::{FileOptions, Files};
    use super::{Errands, Outcome, Refusal, Standing};
    use crate::config::{CACHE_TRUSTED, CACHED_BYTES, CONTENT_ALIVE, OUTCOME_KEPT};
    use crate::message::{Body, Fields, Request, RequestHead, Response, Version};

    /// Asks as the request of that number.
    fn ask(files: &mut Files, visitor: &Visitor, number: u32) -> Option<Response> {
        visitor.number.set(number);
        visitor.ask(files, "GET", "/", "Accept: text/plain\r\n")
    }

    /// An empty folder that is listed, which is always done by helpers; and it is known already
    /// that it is a folder.
    fn listed() -> (Folder, Files, Visitor) {
        let folder = Folder::new();
        let mut files = Files::new(folder.path()).unwrap();
        let visitor = Visitor::with_slow_helpers();
        while ask(&mut files, &visitor, 1).is_none() {
            visitor.help();
        }
        visitor.wait(2 * CACHE_TRUSTED);
        assert!(ask(&mut files, &visitor, 1).is_none());
        (folder, files, visitor)
    }

    #[test]
    fn one_errand_serves_all_who_ask_meanwhile() {
        let (_folder, mut files, visitor) = listed();
        for number in [1, 2, 2, 3] {
            assert!(ask(&mut files, &visitor, number).is_none());
        }
        assert_eq!(visitor.jobs(), 1);
        // However long it takes.
        visitor.wait(10 * CACHE_TRUSTED);
        assert_eq!(visitor.help(), 3, "each is called back once");
        for number in 1..=3 {
            assert!(ask(&mut files, &visitor, number).is_some(), "{number}");
        }
        assert_eq!(visitor.jobs(), 0);
        assert!(files.errands.sent.is_empty());
    }

    /// The loop asks again when there is room; whoever called before would be refused again, and so
    /// on.
    #[test]
    fn who_finds_no_room_is_not_called_back() {
        let (_folder, mut files, visitor) = listed();
        visitor.most_jobs.set(1);
        for _ in 0..3 {
            visitor.number.set(2);
            assert!(visitor.ask(&mut files, "GET", "/", "Accept: text/html\r\n").is_none());
        }
        assert_eq!(visitor.help(), 1, "who found room is");
    }

    /// What somebody asked for who has gone is nothing to go by for the next.
    #[test]
    fn an_outcome_that_was_not_fetched_grows_old() {
        for (waits, is_old) in [(Duration::ZERO, false), (CACHE_TRUSTED, true)] {
            let (folder, mut files, visitor) = listed();
            visitor.help();
            write(folder.path().join("new"), "").unwrap();
            visitor.wait(waits);
            assert_eq!(ask(&mut files, &visitor, 2).is_none(), is_old);
            if is_old {
                while visitor.help() > 0 {
                    let _ = ask(&mut files, &visitor, 2);
                }
                let page = ask(&mut files, &visitor, 2).expect("it is done");
                assert_eq!(bytes(&page), b"new\n");
            }
        }
    }

    #[test]
    fn who_finds_no_room_is_asked_again_and_nothing_is_remembered() {
        let folder = Folder::new();
        let mut files = Files::new(folder.path()).unwrap();
        let visitor = Visitor::with_slow_helpers();
        visitor.most_jobs.set(0);
        assert!(ask(&mut files, &visitor, 1).is_none());
        assert!(files.errands.sent.is_empty());
        visitor.most_jobs.set(1);
        for _ in 0..4 {
            if ask(&mut files, &visitor, 1).is_some() {
                return;
            }
            assert_eq!(visitor.jobs(), 1);
            visitor.help();
        }
        panic!("it never came");
    }

    fn with_request<T>(visitor: &Visitor, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        ask(&Request {
            head: &RequestHead {
                method: http::Method::GET,
                path: "/".into(),
                query: None,
                authority: None,
                version: Version::Http11,
                fields: Fields::default(),
                has_body: false,
            },
            number: 1,
            caller: visitor,
        })
    }

    #[test]
    fn an_errand_that_panics_has_failed() {
        let (mut errands, visitor) = (Errands::default(), Visitor::with_slow_helpers());
        let sent = with_request(&visitor, |request| errands.send("x", request, || panic!("so")));
        assert!(matches!(sent, Standing::Sent));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| visitor.help()));
        assert!(panicked.is_err());
        assert_eq!(visitor.help(), 1, "who waits is called back nevertheless");
        let standing = with_request(&visitor, |request| errands.standing("x", request));
        assert!(matches!(standing, Standing::Back(Outcome::Refused(Refusal::Broken), _)));
    }

    #[test]
    fn outcomes_that_nobody_fetches_are_dropped() {
        let (mut errands, visitor) = (Errands::default(), Visitor::with_slow_helpers());
        for number in 0..10 {
            let what = number.to_string();
            let work = || Outcome::Refused(Refusal::Missing);
            with_request(&visitor, |request| errands.send(&what, request, work));
        }
        visitor.help();
        let look = |errands: &mut Errands| {
            visitor.wait(CACHE_TRUSTED);
            with_request(&visitor, |request| errands.standing("other", request));
            errands.sent.len()
        };
        // It is counted from when it was first seen.
        assert_eq!(look(&mut errands), 10);
        visitor.wait(OUTCOME_KEPT - 2 * CACHE_TRUSTED);
        assert_eq!(look(&mut errands), 10, "who waits is slow, perhaps");
        assert_eq!(look(&mut errands), 0);
    }

    /// Clients that ask for much and go away cost no more than is granted, and not for long.
    #[test]
    fn outcomes_that_nobody_fetches_are_bounded() {
        let (_folder, mut files, visitor) = listed();
        visitor.help();
        assert_eq!(ask(&mut files, &visitor, 1).expect("it is done").status_code(), 200);
        let (site, len) = (Arc::clone(&files.site), CACHED_BYTES + CONTENT_ALIVE / 2);
        for number in 0..2 {
            let site = Arc::clone(&site);
            let work = move || {
                let page = Response::new(StatusCode::OK, Body::Bytes(vec![0; len])).lay_out();
                Outcome::Known(Known::Listing(site.memory.count(page)))
            };
            let what = number.to_string();
            with_request(&visitor, |request| files.errands.send(&what, request, work));
        }
        visitor.help();
        visitor.wait(CACHE_TRUSTED);
        // All that is to be had is taken by those two.
        let mut refused = None;
        while refused.is_none() {
            refused = ask(&mut files, &visitor, 1);
            visitor.help();
        }
        let refused = refused.expect("it is done");
        assert_eq!((refused.status_code().as_u16(), field(&refused, "retry-after")), (503, "1"));

        visitor.wait(CACHE_TRUSTED);
        let _ = ask(&mut files, &visitor, 2);
        visitor.help();
        visitor.wait(OUTCOME_KEPT);
        let _ = ask(&mut files, &visitor, 2);
        assert!(site.memory.used() < len, "nobody came for them");
    }

    /// A disk on which all takes longer than an answer is trusted: what was brought back for
    /// somebody stays until it is fetched, though others ask meanwhile.
    #[test]
    fn who_waits_gets_there_however_slow_it_is() {
        let (_folder, mut files, visitor) = listed();
        for round in 0..10 {
            visitor.wait(2 * CACHE_TRUSTED);
            visitor.help();
            // Somebody new comes each time before who has waited.
            let _ = ask(&mut files, &visitor, 100 + round);
            if ask(&mut files, &visitor, 1).is_some() {
                return;
            }
        }
        panic!("it never got there");
    }

    /// What was seen is as old as the question, however long the answer took.
    #[test]
    fn what_took_long_is_not_fresh() {
        let (folder, mut files, visitor) = listed();
        visitor.help();
        write(folder.path().join("new"), "").unwrap();
        visitor.wait(CACHE_TRUSTED);
        assert_eq!(bytes(&ask(&mut files, &visitor, 1).expect("it has waited")), b"");
        assert!(ask(&mut files, &visitor, 2).is_none(), "it has not");
        visitor.help();
        assert_eq!(bytes(&ask(&mut files, &visitor, 2).expect("it is done")), b"new\n");
    }

    /// An index that comes while the folder is being listed is what is answered then.
    #[test]
    fn a_folder_that_is_none_to_be_listed_any_more_is_answered_as_what_it_is() {
        let (folder, mut files, visitor) = listed();
        write(folder.path().join("index.html"), "the index").unwrap();
        visitor.help();
        let answer = ask(&mut files, &visitor, 1).expect("it is done");
        assert_eq!((answer.status_code().as_u16(), bytes(&answer)), (200, &b"the index"[..]));
    }

    /// All who have waited are told, and nobody is sent for the second of them.
    #[test]
    fn one_errand_serves_all_though_nothing_can_be_kept() {
        let folder = Folder::new();
        let mut options = FileOptions::default();
        (options.cached_bytes, options.cached_files) = (0, 0);
        let mut files = Files::with(folder.path(), options).unwrap();
        let visitor = Visitor::with_slow_helpers();
        // The first who waits until the folder has been seen is not alone any longer.
        let mut jobs = 0;
        let mut left = vec![1, 2, 3];
        while !left.is_empty() {
            left.retain(|&number| ask(&mut files, &visitor, number).is_none());
            jobs += visitor.jobs();
            visitor.help();
        }
        assert!((1..=2).contains(&jobs), "{jobs}: one to find it at most, and one to list it");
    }
}
