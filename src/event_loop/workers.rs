//! More cores, the same loop: several of them side by side, each with its own sockets, slab and
//! responder, on a thread of its own.
//!
//! Nothing is shared on the way of a request: the kernel deals the connections out, and each stays
//! with the loop that accepted it. What there is in common lies at the ends: the address, the
//! numbers of [`Config`], which are divided, and the stop. The thread that called
//! [`run`](Workers::run) serves nobody. It takes the signals and hears who ends, and tells the
//! others.
//!
//! With one worker there is none of this: no thread, no shared port, only the loop of a [`Server`].
//!
//! Relies on: `listener.rs` for the sockets, the bells of `mio.rs` for telling a loop to end.
//! Read next: `server.rs`, which is one of them.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::config::{BACKLOG, Config};

use super::bind_error::BindError;
use super::listener::{Address, Listener};
use super::mio::{Bells, MioNet};
use super::server::{Handle, Server, Stopped, connections_allowed};
use super::signals::Signals;

/// Several loops that listen on the same addresses, each a [`Server`] of its own on a thread of its
/// own.
///
/// ```
/// use std::num::NonZeroUsize;
/// use oneloop::{Request, Response, Workers};
///
/// fn hello(_: &Request<'_>) -> Response {
///     Response::text("wazzzzap")
/// }
///
/// let two = NonZeroUsize::new(2).unwrap(); // or std::thread::available_parallelism()?
/// let workers = Workers::bind("127.0.0.1:0", two)?;
/// let handle = workers.handle();
/// let stopper = std::thread::spawn(move || handle.stop());
/// workers.run(|_, server| server.run(hello))?;
/// # stopper.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A connection stays with the loop that accepted it, and is not moved to another that has less to
/// do. What [`Listener::bind_each`] says holds for who gets it. Each loop numbers its connections
/// by itself, the second of three as 2, 5, 8, so that no [`RequestId`](crate::RequestId) is there
/// twice. Each loop has helper threads of its own, two at the most.
pub struct Workers {
    /// One for each worker; one at the least.
    nets: Vec<MioNet>,
    config: Config,
    /// Where there are several; a single loop takes them itself.
    signals: Option<Signals>,
}

impl Workers {
    /// So many workers that listen on `address`, which is as for [`Server::bind`].
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind<A>(address: A, workers: NonZeroUsize) -> Result<Self, BindError>
    where
        A: TryInto<Address>,
        BindError: From<A::Error>,
    {
        let address = address.try_into()?;
        let listeners = Listener::bind_each(&address, BACKLOG, workers)?;
        Self::on(listeners).map_err(|error| BindError::Failed(address, error))
    }

    /// As many workers as there are listeners, each with its own.
    ///
    /// # Errors
    /// Where the process has no descriptors left for their polls, and where there is no listener.
    pub fn on(listeners: Vec<Listener>) -> io::Result<Self> {
        let nets: Vec<_> = listeners.iter().map(|_| MioNet::new()).collect::<io::Result<_>>()?;
        Self { nets, config: Config::default(), signals: None }.also_on(listeners)
    }

    /// The same with one more listener for each worker.
    ///
    /// # Errors
    /// Where a poll takes no more, and where there is not one listener for each worker.
    pub fn also_on(mut self, listeners: Vec<Listener>) -> io::Result<Self> {
        if listeners.is_empty() || listeners.len() != self.nets.len() {
            return Err(io::Error::other("each worker needs one listener"));
        }
        for (net, listener) in self.nets.iter_mut().zip(listeners) {
            net.listen(listener)?;
        }
        Ok(self)
    }

    /// The same with another configuration. It is that of all workers together: each has an equal
    /// share of the connections and of the memory. As connections are dealt out by chance, one
    /// share may be used up before the others are.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The same, stopped by signals as in [`Server::stop_on_signals`]: the first that comes stops
    /// all workers in an orderly way, the second ends all of them at once.
    ///
    /// # Errors
    /// Where the process has no descriptors left for it.
    pub fn stop_on_signals(mut self) -> io::Result<Self> {
        match self.nets.as_mut_slice() {
            [only] => only.take_signals()?,
            _ => self.signals = Some(Signals::listen()?),
        }
        Ok(self)
    }

    /// Where they listen, with the ports that were found.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.nets.first().map(|net| net.addresses().cloned().collect()).unwrap_or_default()
    }

    /// What stops all of them, from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { bells: self.nets.iter().map(MioNet::bells).collect() }
    }

    /// Has each worker do `work`: given its number, from 0, and its server, it adds limits,
    /// observers and responders, which need be neither `Send` nor `Sync`, and
    /// [runs](Server::run) it. A configuration that it gives the server is that of one loop.
    ///
    /// Returns when all have ended, with their counts added up. Where one ends, be it by an error
    /// or a panic, the others are stopped in an orderly way. (Whoever waits in the accept queue of
    /// one that fails is reset, as of any server that does; an orderly stop lets them in first, and
    /// answers who has asked by then. While the workers stop one after the other, more can come.)
    ///
    /// # Errors
    /// The first that a worker returned, or where a thread cannot be had.
    ///
    /// # Panics
    /// If a worker did.
    pub fn run<W>(self, work: W) -> io::Result<Stopped>
    where
        W: Fn(usize, Server) -> io::Result<Stopped> + Sync,
    {
        let bells: Vec<_> = self.nets.iter().map(MioNet::bells).collect();
        let Self { mut nets, mut config, signals } = self;
        let workers = nets.len();
        if workers == 1
            && let Some(net) = nets.pop()
        {
            return work(0, Server::over(net, config, (0, 1)));
        }
        let connections = *config.connections.get_or_insert_with(|| connections_allowed(workers));
        if connections < workers {
            return Err(io::Error::other(format!(
                "too few file descriptors for {workers} workers; raise the limit (ulimit -n) or \
                 take fewer"
            )));
        }
        let (heard, said) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        let said = Arc::new(said);
        thread::scope(|scope| {
            let start = |(worker, net)| {
                let (config, work) = (config.share(worker, workers), &work);
                let last_word = LastWord { said: Arc::clone(&said) };
                thread::Builder::new().name(format!("worker-{worker}")).spawn_scoped(
                    scope,
                    move || {
                        let _last_word = last_word;
                        work(worker, Server::over(net, config, (worker, workers)))
                    },
                )
            };
            // Whoever cannot be started has had its last word, so that the others end as well.
            let started: Vec<_> = nets.into_iter().enumerate().map(start).collect();
            drop(said);
            watch(signals, heard, &bells);
            started.into_iter().map(ended).fold(Ok(Stopped::default()), and)
        })
    }
}

/// Passes on every signal, and that somebody has ended, until all have.
fn watch(mut signals: Option<Signals>, mut heard: UnixStream, bells: &[Arc<Bells>]) {
    loop {
        let mut polled = vec![PollFd::new(&heard, PollFlags::IN)];
        let pipes = signals.iter().flat_map(Signals::pipes);
        polled.extend(pipes.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        let polled = poll(&mut polled, None);
        for signal in signals.iter_mut().flat_map(Signals::take_all) {
            bells.iter().for_each(|bells| bells.signalled(signal));
        }
        let is_over = match heard.read(&mut [0]) {
            Ok(0) => true,
            Ok(_) => {
                bells.iter().for_each(|bells| bells.ask_to_stop());
                false
            }
            Err(_) => false,
        };
        let is_deaf = polled.is_err_and(|error| error != Errno::INTR);
        if is_deaf {
            bells.iter().for_each(|bells| bells.ask_to_stop());
        }
        if is_over || is_deaf {
            return;
        }
    }
}

/// Says, when it is dropped, that a worker has ended, however it did; and when the last of them is,
/// that all have.
struct LastWord {
    said: Arc<UnixStream>,
}

impl Drop for LastWord {
    fn drop(&mut self) {
        // Whoever would hear it is there until all have ended.
        let _ = (&*self.said).write(&[0]);
    }
}

/// How a worker ended, or why there was none.
fn ended(started: io::Result<ScopedJoinHandle<'_, io::Result<Stopped>>>) -> io::Result<Stopped> {
    started?.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Both ends as one: the first error counts.
fn and(one: io::Result<Stopped>, other: io::Result<Stopped>) -> io::Result<Stopped> {
    let (one, other) = (one?, other?);
    let signal = one.signal.or(other.signal);
    Ok(Stopped { cut_off: one.cut_off + other.cut_off, signal })
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("nets", &self.nets).finish_non_exhaustive()
    }
}
