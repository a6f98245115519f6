//! The admin listener's responder: what the meters of the loops have read, for operators, for
//! Prometheus, and as a live page, the scope.
//!
//! It is a responder like any other, on the same loop and on a port of its own
//! ([`Server::attended_on`](crate::Server::attended_on)), so that its requests are in no figure of
//! the server's; the loop's wakes, events and time for them are. It shows figures, phases and
//! system calls; of what clients and responders say to each other, no header, no target and no body
//! is ever known to it.
//!
//! A page that somebody else made cannot read it: it answers no name that it was not told
//! (`hosts.rs`), lets no other page show it in a frame, and has nothing that changes anything.
//!
//! May import: message, responders, observers, the connection's words as observers do.
//! Never: event_loop, sockets.
//! Read next: `status.rs` (the figures as JSON), `beat.rs` (how the page lives), `page/scope.js`.

mod beat;
mod hosts;
mod slots;
mod status;

use std::rc::Rc;
use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::message::{Answer, Body, Request, Response};
use crate::observers::{
    Figures, METRICS_TYPE, MeterReader, Surroundings, metrics, report, report_json,
};
use crate::responders::{Responder, Routes};

use beat::Beat;
use hosts::Hosts;

/// What a page of ours may do: nothing but load its own style, script and figures.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'none'";

/// Tells what loops do: `/` is a live page, `/events` what it lives on (Server-Sent Events),
/// `/status` the figures as JSON, `/metrics` the same for Prometheus, `/report` as text (or JSON,
/// with `?format=json`), `/slot` the last steps of one connection, `/health` says that the loop
/// turns, `/ready` whether it takes clients (503 while it stops). At most
/// [`PAGES_MOST`](crate::config::PAGES_MOST) pages live on it at one time.
///
/// Give it a listener on a loopback address or a Unix socket: whoever reaches it may read it.
///
/// ```
/// use oneloop::{Admin, Limits, Listener, Request, Response, Server};
/// use oneloop::observers::{Journal, Meter};
///
/// let meter = Meter::new();
/// let admin = Admin::new(vec![meter.reader()]);
/// let server = Server::bind("127.0.0.1:0")?
///     .attended_on(Listener::bind(&"127.0.0.1:0".parse()?, 16)?, admin, Limits::default())?
///     .observed_by((Journal, meter));
/// let handle = server.handle();
/// let stopper = std::thread::spawn(move || handle.stop());
/// server.run(|_: &Request<'_>| Response::text("wazzzzap"))?;
/// # stopper.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Admin {
    hosts: Hosts,
    routes: Routes,
}

impl Admin {
    /// Tells what these meters have read, one of each loop, added up where that makes sense; and
    /// with it what the process and its kernel say from now on.
    #[must_use]
    pub fn new(meters: Vec<MeterReader>) -> Self {
        Self::within(meters, Arc::default())
    }

    /// The same within surroundings that were opened before, as they must be where the process
    /// confines itself.
    #[must_use]
    pub fn within(meters: Vec<MeterReader>, surroundings: Arc<Surroundings>) -> Self {
        let seen = Rc::new(Seen { meters, surroundings, pages: Rc::default() });
        let with = |tell: fn(&Rc<Seen>, &Request<'_>) -> Response| {
            let seen = Rc::clone(&seen);
            move |request: &Request<'_>| tell(&seen, request)
        };
        let routes = Routes::new()
            .get("/", |_: &Request<'_>| file("text/html", include_str!("page/index.html")))
            .get("/scope.css", |_: &Request<'_>| file("text/css", include_str!("page/scope.css")))
            .get("/scope.js", |_: &Request<'_>| {
                file("text/javascript", include_str!("page/scope.js"))
            })
            .get("/events", with(|seen, _| events(seen)))
            .get("/slot", with(|seen, request| slots::answer(&seen.meters, request)))
            .get("/status", with(|seen, _| json(&status::of(seen).to_string())))
            .get(
                "/metrics",
                with(|seen, _| {
                    text(METRICS_TYPE, metrics(&seen.figures(), &seen.surroundings.look()))
                }),
            )
            .get("/report", with(report_as_wanted))
            .get("/health", |_: &Request<'_>| Response::text("alive\n"))
            .get("/ready", with(|seen, _| ready(seen)));
        Self { hosts: Hosts::default(), routes }
    }

    /// The same, which also answers requests for that host: a name that somebody scrapes it by.
    /// Without that it answers for IP addresses and localhost alone.
    #[must_use]
    pub fn with_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.add(name.into());
        self
    }
}

impl Responder for Admin {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        if !self.hosts.have(request.host()) {
            return Response::status(StatusCode::MISDIRECTED_REQUEST).into();
        }
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return self.routes.respond(request);
        }
        Response::method_refused(request.method(), HeaderValue::from_static("GET, HEAD")).into()
    }
}

/// What there is to tell of.
#[derive(Debug)]
struct Seen {
    meters: Vec<MeterReader>,
    surroundings: Arc<Surroundings>,
    /// Shared by those who look on, to count them.
    pages: Rc<()>,
}

impl Seen {
    /// The figures of all loops, added up.
    fn figures(&self) -> Figures {
        let mut all = Figures::default();
        self.meters.iter().for_each(|meter| all += &meter.read());
        all
    }

    fn is_stopping(&self) -> bool {
        self.meters.iter().any(MeterReader::is_stopping)
    }
}

fn ready(seen: &Seen) -> Response {
    if seen.is_stopping() {
        return Response::text("stopping\n").with_status(StatusCode::SERVICE_UNAVAILABLE);
    }
    Response::text("ready\n")
}

fn report_as_wanted(seen: &Rc<Seen>, request: &Request<'_>) -> Response {
    let (figures, outside) = (seen.figures(), seen.surroundings.look());
    match request.query() {
        None | Some("format=text") => text("text/plain; charset=utf-8", report(&figures, &outside)),
        Some("format=json") => json(&report_json(&figures, &outside)),
        Some(_) => {
            Response::text("format=json or format=text\n").with_status(StatusCode::BAD_REQUEST)
        }
    }
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    typed(media_type, Body::Bytes(text.into()))
}

fn json(text: &str) -> Response {
    typed("application/json", Body::Bytes(format!("{text}\n").into()))
}

fn text(media_type: &'static str, text: String) -> Response {
    typed(media_type, Body::Bytes(text.into()))
}

fn events(seen: &Rc<Seen>) -> Response {
    match Beat::of(seen) {
        Some(beat) => typed("text/event-stream", Body::Source(Box::new(beat))),
        None => Response::text("as many pages look on as may\n")
            .with_status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// An answer that is ours alone: nobody else's page frames it, keeps it or guesses what it is.
fn typed(media_type: &'static str, body: Body) -> Response {
    let fields: [(HeaderName, &'static str); 7] = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    fields.into_iter().fold(Response::new(StatusCode::OK, body), |response, (name, value)| {
        response.with_header(name, HeaderValue::from_static(value))
    })
}
