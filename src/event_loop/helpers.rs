//! Threads that do what would make the loop wait: what touches a disk.
//!
//! They know nothing of connections and touch no socket. A job is a function; it hands over what it
//! has found by itself, and rings the bell of whoever waits for it. The first job starts the first
//! thread, so a server that needs none has none.
//!
//! Bounded by: [`HELPERS`] threads, and [`JOBS_QUEUED`] jobs that wait for one of them. Who finds
//! no room is told when there is some.
//! Read next: `queueing.rs`, for what becomes of those who find no room.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::config::{HELPERS, HELPERS_LAST_JOBS, JOBS_QUEUED};
use crate::connection::guarded;
use crate::message::{Job, Submitted};

/// The threads of one loop. Dropped, it ends them.
pub(super) struct Helpers {
    shared: Arc<Shared>,
}

/// What the threads and the loop share.
struct Shared {
    state: Mutex<State>,
    /// A job waits, or it is over.
    called: Condvar,
    /// A thread has ended.
    ended: Condvar,
    tell_of_room: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: Vec<JoinHandle<()>>,
    /// How many of them have not ended.
    running: usize,
    /// How many of them wait for a job.
    idle: usize,
    /// Whether somebody has found no room, and nothing was told since.
    is_room_wanted: bool,
    is_over: bool,
}

impl Helpers {
    /// No thread yet. `tell_of_room` is called, by a helper, when there is room again after
    /// somebody found none.
    pub(super) fn new(tell_of_room: impl Fn() + Send + Sync + 'static) -> Self {
        let tell_of_room = Box::new(tell_of_room);
        let (state, called, ended) = Default::default();
        Self { shared: Arc::new(Shared { state, called, ended, tell_of_room }) }
    }

    /// Has this done, after what waits already.
    pub(super) fn submit(&self, job: Job) -> Submitted {
        let mut state = self.shared.lock();
        if state.jobs.len() >= JOBS_QUEUED {
            state.is_room_wanted = true;
            return Submitted::Full;
        }
        if state.idle <= state.jobs.len() && state.running < HELPERS {
            self.start(&mut state);
        }
        if state.running == 0 {
            // The process can have no thread: better here and late than never.
            drop(state);
            do_it(job);
            return Submitted::Taken;
        }
        state.jobs.push_back(job);
        drop(state);
        self.shared.called.notify_one();
        Submitted::Taken
    }

    /// How many more jobs would be taken. Where that is none, it is told when some would be.
    pub(super) fn room(&self) -> usize {
        let mut state = self.shared.lock();
        let room = JOBS_QUEUED - state.jobs.len();
        state.is_room_wanted |= room == 0;
        room
    }

    fn start(&self, state: &mut State) {
        let shared = Arc::clone(&self.shared);
        let name = "oneloop-helper".to_owned();
        if let Ok(thread) = thread::Builder::new().name(name).spawn(move || shared.help()) {
            state.threads.push(thread);
            state.running += 1;
        }
    }
}

impl Shared {
    /// Nothing that can panic is done while it is locked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn help(&self) {
        while let Some(job) = self.next_job() {
            do_it(job);
        }
        self.lock().running -= 1;
        self.ended.notify_all();
    }

    /// Waits for it; none when it is over.
    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        state.idle += 1;
        let has_to_wait = |state: &mut State| state.jobs.is_empty() && !state.is_over;
        let waited = self.called.wait_while(state, has_to_wait);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let job = state.jobs.pop_front()?;
        let is_room_wanted = mem::take(&mut state.is_room_wanted);
        drop(state);
        if is_room_wanted {
            (self.tell_of_room)();
        }
        Some(job)
    }
}

/// A job that panics costs whoever waits for it their answer, and nobody a helper.
fn do_it(job: Job) {
    let _ = guarded(job);
}

/// What has not begun is not done any more. What has is waited for, but not for ever: a disk that
/// does not answer cannot keep the process.
impl Drop for Helpers {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        let undone = mem::take(&mut state.jobs);
        let threads = mem::take(&mut state.threads);
        drop(state);
        drop(undone);
        self.shared.called.notify_all();
        let are_running = |state: &mut State| state.running > 0;
        let waited = self.shared.ended.wait_timeout_while(
            self.shared.lock(),
            HELPERS_LAST_JOBS,
            are_running,
        );
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        if !waited.timed_out() {
            // They have done all but return.
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helpers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Helpers whose word that there is room comes out of a channel.
    fn helpers() -> (Helpers, Receiver<()>) {
        let (tell, told) = channel();
        let tell = Mutex::new(tell);
        (Helpers::new(move || tell.lock().unwrap().send(()).unwrap()), told)
    }

    /// As many jobs as there are helpers, begun and waiting for their senders to go.
    fn keep_busy(helpers: &Helpers) -> Vec<Sender<()>> {
        let busy = (0..HELPERS).map(|_| {
            let (go, wait) = channel::<()>();
            let (begin, begun) = channel();
            let job = move || {
                begin.send(()).unwrap();
                let _ = wait.recv();
            };
            assert_eq!(helpers.submit(Box::new(job)), Submitted::Taken);
            begun.recv_timeout(PATIENCE).unwrap();
            go
        });
        busy.collect()
    }

    #[test]
    fn threads_are_started_when_they_are_needed_and_no_more_than_there_may_be() {
        let (helpers, _) = helpers();
        assert_eq!(helpers.shared.lock().running, 0, "nothing was to be done yet");
        let (done, did) = channel();
        for _ in 0..10 * HELPERS {
            let done = done.clone();
            let name = move || done.send(thread::current().id()).unwrap();
            assert_eq!(helpers.submit(Box::new(name)), Submitted::Taken);
            did.recv_timeout(PATIENCE).unwrap();
        }
        let busy = keep_busy(&helpers);
        assert_eq!(helpers.shared.lock().running, HELPERS);
        let names = (0..100).map(|_| {
            let done = done.clone();
            let name = move || done.send(thread::current().id()).unwrap();
            assert_eq!(helpers.submit(Box::new(name)), Submitted::Taken);
        });
        names.for_each(drop);
        drop(busy);
        let ids = (0..100).map(|_| format!("{:?}", did.recv_timeout(PATIENCE).unwrap()));
        assert!(ids.collect::<BTreeSet<_>>().len() <= HELPERS);
    }

    #[test]
    fn a_job_that_panics_costs_no_helper() {
        let (helpers, _) = helpers();
        for _ in 0..3 * HELPERS {
            // A panic, without the words on standard error.
            let panic = || std::panic::resume_unwind(Box::new("as planned"));
            assert_eq!(helpers.submit(Box::new(panic)), Submitted::Taken);
        }
        let busy = keep_busy(&helpers);
        assert_eq!(helpers.shared.lock().running, HELPERS);
        drop(busy);
    }

    #[test]
    fn who_finds_no_room_is_told_once_when_there_is_some() {
        let (helpers, told) = helpers();
        let mut busy = keep_busy(&helpers);
        for queued in 0..JOBS_QUEUED {
            assert_eq!(helpers.room(), JOBS_QUEUED - queued);
            assert_eq!(helpers.submit(Box::new(|| ())), Submitted::Taken);
        }
        for _ in 0..2 {
            assert_eq!(helpers.submit(Box::new(|| ())), Submitted::Full);
            assert_eq!(helpers.room(), 0);
        }
        assert!(told.try_recv().is_err());
        busy.pop();
        told.recv_timeout(PATIENCE).unwrap();
        drop(busy);
        while helpers.room() < JOBS_QUEUED {
            thread::yield_now();
        }
        assert!(told.try_recv().is_err(), "nobody had asked again");
    }

    #[test]
    fn at_the_end_what_has_begun_is_finished_and_nothing_else_is_begun() {
        let (helpers, _) = helpers();
        let (done, did) = channel();
        let busy = keep_busy(&helpers);
        for _ in 0..10 {
            let done = done.clone();
            let job = move || done.send(()).unwrap();
            assert_eq!(helpers.submit(Box::new(job)), Submitted::Taken);
        }
        drop(done);
        let ender = thread::spawn(move || drop(helpers));
        // The jobs that have not begun are dropped before what has begun is waited for.
        assert!(did.recv_timeout(PATIENCE).is_err());
        drop(busy);
        ender.join().unwrap();
    }

    #[test]
    fn a_job_that_never_ends_does_not_keep_the_process() {
        let (helpers, _) = helpers();
        let busy = keep_busy(&helpers);
        drop(helpers);
        drop(busy);
    }
}
