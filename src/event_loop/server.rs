//! The loop as people use it: bind, run, and stop from elsewhere.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::config::{
    BACKLOG, CONNECTIONS_UNASKED, Config, DESCRIPTOR_RESERVE, Limits, WORKER_RESERVE,
};
use crate::observers::{Journal, Observer};
use crate::responders::Responder;

use super::bind_error::BindError;
use super::listener::{Address, Listener};
use super::mio::{Bells, MioNet};
use super::net::Net as _;
use super::{EventLoop, Service, Stays};

/// A server: listeners, limits and an observer, and [`run`](Self::run), which answers until
/// somebody stops it.
///
/// ```
/// use oneloop::{Request, Response, Server};
///
/// let server = Server::bind("127.0.0.1:0")?;
/// let handle = server.handle();
/// let stopper = std::thread::spawn(move || handle.stop());
/// server.run(|_: &Request<'_>| Response::text("wazzzzap"))?;
/// # stopper.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server<O = Journal> {
    net: MioNet,
    /// The number of its loop, from 0, and how many there are.
    which: (usize, usize),
    /// The first belongs to the responder that `run` is given.
    limits: Limits,
    others: Vec<Service>,
    service_of: Vec<u8>,
    config: Config,
    observer: O,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// How many connections were cut off in the middle of a request or its answer.
    pub cut_off: usize,
    /// The signal that ended it at once, when a stop had been asked for already.
    pub signal: Option<i32>,
}

impl Server {
    /// A server that listens on `address`: a [`SocketAddr`](std::net::SocketAddr), or text such as
    /// `127.0.0.1:8080`, `[::]:80` (which takes IPv4 too) or `unix:/run/it.sock`. Port 0 takes a
    /// free one; [`addresses`](Server::addresses) says which.
    ///
    /// # Errors
    /// Where the address is none, or cannot be listened on; one line that says what to do.
    pub fn bind<A>(address: A) -> Result<Self, BindError>
    where
        A: TryInto<Address>,
        BindError: From<A::Error>,
    {
        let address = address.try_into()?;
        let listener = Listener::bind(&address, BACKLOG)?;
        Self::on(listener).map_err(|error| BindError::Failed(address, error))
    }

    /// A server for a listener that is there already; see [`Listener`] for how it comes to be.
    ///
    /// # Errors
    /// Where the process has no descriptors left for a poll.
    pub fn on(listener: Listener) -> io::Result<Self> {
        Self::over(MioNet::new()?, Config::default(), (0, 1)).also_on(listener)
    }

    /// A server for what is polled already: a worker's, that one of so many.
    pub(super) fn over(net: MioNet, config: Config, which: (usize, usize)) -> Self {
        let service_of = vec![0; net.listeners()];
        let (limits, others) = (Limits::default(), Vec::new());
        Self { net, which, limits, others, service_of, config, observer: Journal }
    }
}

impl<O: Observer> Server<O> {
    /// The same with one more listener for the responder that [`run`](Self::run) is given.
    ///
    /// # Errors
    /// Where the poll takes no more.
    pub fn also_on(mut self, listener: Listener) -> io::Result<Self> {
        self.net.listen(listener)?;
        self.service_of.push(0);
        Ok(self)
    }

    /// The same with one more listener, for a responder and with limits of its own.
    ///
    /// # Errors
    /// Where the poll takes no more, or for the 256th responder.
    pub fn listen(
        self,
        listener: Listener,
        responder: impl Responder + 'static,
        limits: Limits,
    ) -> io::Result<Self> {
        self.serve(listener, Box::new(responder), limits, Stays::UntilStop)
    }

    /// The same for a responder that tells how the server is, as [`Admin`](crate::Admin) does: it
    /// goes on taking clients in while the server stops, and its clients are not waited for. Of
    /// several workers it is there for as long as its own, which does not wait for the others.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn attended_on(
        self,
        listener: Listener,
        responder: impl Responder + 'static,
        limits: Limits,
    ) -> io::Result<Self> {
        self.serve(listener, Box::new(responder), limits, Stays::ToTheEnd)
    }

    fn serve(
        mut self,
        listener: Listener,
        responder: Box<dyn Responder>,
        limits: Limits,
        stays: Stays,
    ) -> io::Result<Self> {
        let service = u8::try_from(self.others.len() + 1)
            .map_err(|_| io::Error::other("a server has 255 responders at the most"))?;
        self.net.listen(listener)?;
        self.service_of.push(service);
        self.others.push(Service { responder, limits: limits.bounded(), stays });
        Ok(self)
    }

    /// The same with other limits for the responder that [`run`](Self::run) is given.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits.bounded();
        self
    }

    /// The same with another configuration of the loop.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The same, watched by another observer; `()` watches nothing and costs nothing.
    pub fn observed_by<P: Observer>(self, observer: P) -> Server<P> {
        let Self { net, which, limits, others, service_of, config, observer: _ } = self;
        Server { net, which, limits, others, service_of, config, observer }
    }

    /// The same, stopped in an orderly way by SIGINT and SIGTERM, and at once by the second of
    /// them. Nothing else takes signals here. They are not given back: once the server has
    /// ended they do nothing.
    ///
    /// # Errors
    /// Where the process has no descriptors left for it.
    pub fn stop_on_signals(mut self) -> io::Result<Self> {
        self.net.take_signals()?;
        Ok(self)
    }

    /// Where it listens, with the ports that were found.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.net.addresses().cloned().collect()
    }

    /// What stops it, from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { bells: vec![self.net.bells()] }
    }

    /// Answers by `responder` until it is stopped. A stop is orderly: who waits in the accept queue
    /// is let in, idle connections are closed, and what is being answered has [`Config::grace`] to
    /// be finished.
    ///
    /// # Errors
    /// Where the poll itself fails. Nothing that a client does is an error here.
    pub fn run(self, responder: impl Responder + 'static) -> io::Result<Stopped> {
        let Self { net, which, limits, others, service_of, config, observer } = self;
        let stays = Stays::UntilStop;
        let mut services = vec![Service { responder: Box::new(responder), limits, stays }];
        services.extend(others);
        let capacity = config.connections.unwrap_or_else(|| connections_allowed(1));
        let event_loop = EventLoop::new(net, services, service_of, config, capacity, observer);
        event_loop.numbered(which).run()
    }
}

/// What the process may open, less a reserve for everything else, of which so many loops need more
/// than one.
pub(super) fn connections_allowed(loops: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    // Without a limit of the process only ours holds.
    let open = limit.current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let open = open.saturating_sub((loops - 1).saturating_mul(WORKER_RESERVE));
    let reserve = (open / 4).min(DESCRIPTOR_RESERVE);
    (open - reserve).min(CONNECTIONS_UNASKED)
}

impl<O> fmt::Debug for Server<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("net", &self.net).finish_non_exhaustive()
    }
}

/// Stops a [`Server`], or all [`Workers`](crate::Workers), from any thread; clone it at will.
#[derive(Clone, Debug)]
pub struct Handle {
    /// One for each loop.
    pub(super) bells: Vec<Arc<Bells>>,
}

impl Handle {
    /// Asks for an orderly stop, and returns at once. A server that has ended meanwhile does not
    /// mind.
    pub fn stop(&self) {
        self.bells.iter().for_each(|bells| bells.ask_to_stop());
    }
}
