//! A program with the scope beside it: an admin listener whose page shows every connection, and
//! what its responders do to it.
//!
//! It takes two free ports and says which. Open the page, then have each phase by hand:
//! `cargo run --example scope`

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use oneloop::observers::{Journal, Meter};
use oneloop::{
    Admin, Answer, Body, Limits, Listener, Request, RequestId, Response, Routes, Server, StatusCode,
};

/// How long `/slow` takes: as long as one cares to look at it.
const SLOW: Duration = Duration::from_secs(20);
/// More than the kernel takes at once for a client that does not read.
const BIG_BYTES: usize = 32 << 20;
/// How many may wait to be let in to the page.
const ADMIN_BACKLOG: u32 = 16;

const HELP: &str = "\
curl ADDRESS                                   idle, when it has been answered and stays
printf 'GET / HTTP/1.1\\r\\n' | nc HOST PORT     head: it never ends
curl ADDRESS/slow                              answering: a thread has the answer, later
curl ADDRESS/shout --limit-rate 1 -d @FILE     body: wanted, and slow to come
curl ADDRESS/big --limit-rate 1                writing: taken as slowly
printf 'what?\\r\\n' | nc HOST PORT              lingering, after it was refused
";

/// Answers when a thread is done.
#[derive(Default)]
struct Slow {
    is_done: Arc<Mutex<HashMap<RequestId, bool>>>,
}

impl Slow {
    fn answer(&self, request: &Request<'_>) -> Answer {
        let id = request.id();
        let mut requests = self.is_done.lock().unwrap_or_else(PoisonError::into_inner);
        match requests.get(&id) {
            Some(true) => {
                requests.remove(&id);
                return Response::text("at last\n").into();
            }
            Some(false) => {}
            None => {
                requests.insert(id, false);
                let (is_done, wake) = (Arc::clone(&self.is_done), request.wake());
                thread::spawn(move || {
                    thread::sleep(SLOW);
                    is_done.lock().unwrap_or_else(PoisonError::into_inner).insert(id, true);
                    wake.wake();
                });
            }
        }
        Answer::Later
    }
}

fn shout(_: &Request<'_>) -> Answer {
    Answer::collect(|body| Response::bytes(body.to_ascii_uppercase()))
}

#[allow(clippy::print_stdout, reason = "a program may say where it is")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let slow = Slow::default();
    let big: Arc<[u8]> = vec![b'x'; BIG_BYTES].into();
    let routes = Routes::new()
        .get("/", |_: &Request<'_>| Response::text(HELP))
        .post("/shout", shout)
        .get("/slow", move |request: &Request<'_>| slow.answer(request))
        .get("/big", move |_: &Request<'_>| {
            Response::new(StatusCode::OK, Body::Shared(Arc::clone(&big)))
        });

    let meter = Meter::new();
    let listener = Listener::bind(&"127.0.0.1:0".parse()?, ADMIN_BACKLOG)?;
    let page = listener.address().clone();
    let server = Server::bind("127.0.0.1:0")?
        .stop_on_signals()?
        .attended_on(listener, Admin::new(vec![meter.reader()]), Limits::default())?
        .observed_by((Journal, meter));
    println!("answering on http://{}/", server.addresses()[0]);
    println!("the scope is on http://{page}/");
    server.run(routes)?;
    Ok(())
}
