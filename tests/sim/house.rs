//! The responder of the simulation: deterministic, by path. It answers in every way there is:
//! prepared and made, copied and shared, from a file and from a source, at once and later, with the
//! request's body and without, and not at all.
//!
//! `asks.rs` says what a client must get for each of its routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oneloop::connection::Moment;
use oneloop::message::Submitted;
use oneloop::{
    Answer, Body, FileRange, Files, Part, Piece, Prepared, Pulled, Request, Responder, Response,
    Source, StatusCode, Wake,
};

use super::asks::{FIXED, POSTER, noise, place};
use super::nature::{Errand, Shared};
use super::shelf::{Asked, MOUNT, Shelf};

pub(crate) struct House {
    nature: Shared,
    fixed: Prepared,
    poster: Prepared,
    files: Option<Files>,
}

impl House {
    pub(crate) fn new(nature: Shared) -> Self {
        let poster = noise()[place("poster")..][..POSTER].to_vec();
        let files = nature.borrow().shelf.as_ref().map(Shelf::files);
        Self {
            nature,
            files,
            fixed: Response::bytes(FIXED).prepare(),
            poster: Response::bytes(poster).prepare(),
        }
    }

    /// Whoever asks the first time is told *later*, and the bell is rung for it after a while; who
    /// asks again too early is told the same.
    fn later(&self, request: &Request<'_>, n: usize) -> Answer {
        let mut nature = self.nature.borrow_mut();
        if nature.finished.contains(&request.id()) {
            return Response::text(format!("later {n}")).into();
        }
        if nature.begun.insert(request.id()) {
            let wait = nature.dice.millis(0..=2_000);
            nature.after(wait, Errand::Finish(request.id(), request.wake()));
        }
        Answer::Later
    }

    /// A helper makes the answer. Whose job finds no room is told *later* too, and asked again.
    fn helped(&self, request: &Request<'_>, n: usize) -> Answer {
        let id = request.id();
        self.nature.borrow_mut().helping.refused.remove(&id.connection);
        let made = self.nature.borrow().jobs.get(&id).cloned();
        if let Some(is_made) = made {
            let is_made = is_made.load(Ordering::Relaxed);
            return if is_made {
                Response::text(format!("helped {n}")).into()
            } else {
                Answer::Later
            };
        }
        let (is_made, wake) = (Arc::new(AtomicBool::new(false)), request.wake());
        let make = Arc::clone(&is_made);
        let job = move || {
            make.store(true, Ordering::Relaxed);
            wake.wake();
        };
        let submitted = request.submit(Box::new(job));
        let mut nature = self.nature.borrow_mut();
        match submitted {
            Submitted::Taken => drop(nature.jobs.insert(id, is_made)),
            Submitted::Full => drop(nature.helping.refused.insert(id.connection)),
        }
        Answer::Later
    }

    fn source(&self, request: &Request<'_>, route: &str, n: usize) -> Response {
        let connection = request.id().connection;
        let mut nature = self.nature.borrow_mut();
        let seen = nature.seen;
        nature.oracles.has_source(connection, seen);
        let at = place(route);
        let source = Drip {
            nature: Shared::clone(&self.nature),
            connection,
            pause: Pause::on(route, request),
            rung_at: Moment::START,
            at,
            end: at + n,
            last_word: match route {
                "fails" => Pulled::Failed,
                "stuck" => Pulled::Later,
                "mute" => Pulled::After(MUTE),
                _ => Pulled::End,
            },
        };
        Response::new(StatusCode::OK, Body::Source(Box::new(source)))
    }
}

impl House {
    /// Something of the shelf. It is noted when that was asked for and answered, and whose job
    /// found no room.
    fn shelved(&mut self, request: &Request<'_>) -> Answer {
        let Some(files) = &mut self.files else {
            return Response::status(StatusCode::NOT_FOUND).into();
        };
        self.nature.borrow_mut().helping.refused.remove(&request.id().connection);
        self.nature.borrow_mut().helping.was_full = false;
        let answer = files.respond(request);
        let mut nature = self.nature.borrow_mut();
        let connection = request.id().connection;
        if matches!(answer, Answer::Later) && nature.helping.was_full {
            nature.helping.refused.insert(connection);
        }
        let (first, answered) = (nature.seen, nature.now);
        let client = nature.oracles.by_generation.get(&connection).copied();
        if let (Some(shelf), Some(client)) = (&mut nature.shelf, client) {
            let name = (client, request.id().request);
            shelf.asked.entry(name).or_insert(Asked { first, answered }).answered = answered;
        }
        answer
    }

    /// A stretch of noise in parts, of which the second and the fourth are of the file, and others
    /// may be empty.
    fn parts(&self, n: usize) -> Response {
        let file = Arc::clone(&self.nature.borrow().noise);
        let (mut at, end) = (place("parts"), place("parts") + n);
        let mut parts = Vec::new();
        for (nth, len) in [n / 7, n / 3, 80, n / 4, n].into_iter().enumerate() {
            let len = len.min(end - at);
            parts.push(if nth % 2 == 0 {
                Part::Bytes(noise()[at..][..len].to_vec())
            } else {
                let file = Arc::clone(&file);
                Part::File(FileRange { file, offset: at as u64, len: len as u64 })
            });
            at += len;
        }
        Response::new(StatusCode::OK, Body::Parts(parts))
    }
}

impl Responder for House {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        let mut parts = request.path().split('/').skip(1);
        let route = parts.next().unwrap_or_default();
        let n = parts.next().and_then(|n| n.parse().ok()).unwrap_or_default();
        self.nature.borrow_mut().uses_disk();
        if request.path().starts_with(MOUNT) {
            return self.shelved(request);
        }
        let stretch = || &noise()[place(route)..][..n];
        match route {
            "fixed" => self.fixed.clone().into(),
            "poster" => self.poster.clone().into(),
            "bytes" => Response::bytes(stretch()).into(),
            "shared" => Response::new(StatusCode::OK, Body::Shared(stretch().into())).into(),
            "file" => {
                let (offset, len) = (place(route) as u64, n as u64);
                let file_of_noise = Arc::clone(&self.nature.borrow().noise);
                file(FileRange { file: file_of_noise, offset, len }).into()
            }
            "parts" => self.parts(n).into(),
            "scratch" => {
                let file_of_its_own = Arc::clone(&self.nature.borrow().scratch);
                file(FileRange { file: file_of_its_own, offset: 0, len: n as u64 }).into()
            }
            "source" | "drip" | "beats" | "fails" | "stuck" | "mute" => {
                self.source(request, route, n).into()
            }
            "later" => self.later(request, n),
            "helped" => self.helped(request, n),
            "never" => Answer::Later,
            "count" => Answer::collect(|body| Response::bytes(body.len().to_string())),
            "echo" => Answer::collect(Response::bytes),
            // A panic, without the words on standard error.
            "panic" => std::panic::resume_unwind(Box::new("as planned")),
            _ => Response::status(StatusCode::NOT_FOUND).into(),
        }
    }
}

fn file(range: FileRange) -> Response {
    Response::new(StatusCode::OK, Body::File(range))
}

/// How long who has nothing more to say waits before it says so again.
pub(crate) const MUTE: Duration = Duration::from_millis(700);

/// How a source pauses now and then.
enum Pause {
    /// It does not.
    Never,
    /// Until this is rung.
    Later(Wake),
    /// For a time that it says; and sometimes this is rung before.
    After(Wake),
}

impl Pause {
    fn on(route: &str, request: &Request<'_>) -> Self {
        match route {
            "drip" => Self::Later(request.wake()),
            "beats" => Self::After(request.wake()),
            _ => Self::Never,
        }
    }
}

/// Gives a stretch of noise, piece by piece, and now and then pauses.
struct Drip {
    nature: Shared,
    connection: u32,
    pause: Pause,
    rung_at: Moment,
    at: usize,
    end: usize,
    last_word: Pulled,
}

impl Source for Drip {
    fn pull(&mut self, into: &mut Piece<'_>) -> Pulled {
        let pulled = self.give(into);
        let mut nature = self.nature.borrow_mut();
        let seen = nature.seen;
        nature.oracles.pulled(self.connection, pulled, into.len(), seen);
        pulled
    }
}

impl Drip {
    fn give(&mut self, into: &mut Piece<'_>) -> Pulled {
        let mut nature = self.nature.borrow_mut();
        if nature.now < self.rung_at {
            return Pulled::Later;
        }
        // Nothing but a beat.
        if matches!(self.pause, Pause::After(_)) && nature.dice.chance(200) {
            return Pulled::After(nature.dice.millis(0..=8_000));
        }
        let n = nature.dice.within(1..=20_000).min(self.end - self.at);
        into.extend_from_slice(&noise()[self.at..][..n]);
        self.at += n;
        if self.at == self.end {
            return self.last_word;
        }
        match &self.pause {
            Pause::Later(wake) if nature.dice.chance(500) => {
                // Now and then longer than a client may take to take something.
                let longest = nature.dice.one_of(&[3_000, 3_000, 3_000, 50_000]);
                let wait = nature.dice.millis(0..=longest);
                self.rung_at = nature.now.after(wait);
                nature.after(wait, Errand::Ring(wake.clone()));
                Pulled::Later
            }
            Pause::After(wake) if nature.dice.chance(500) => {
                let longest = nature.dice.one_of(&[0, 3, 3_000, 50_000]);
                let wait = nature.dice.millis(0..=longest);
                if nature.dice.chance(200) {
                    let rings = nature.dice.millis(0..=longest);
                    nature.after(rings, Errand::Ring(wake.clone()));
                }
                Pulled::After(wait)
            }
            _ => Pulled::More,
        }
    }
}
