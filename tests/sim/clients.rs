//! A scripted client: it sends, waits, reads at its own pace, shuts, resets or vanishes, and holds
//! whatever it is told against what it must be told.
//!
//! Read next: `kinds.rs` and `scripts.rs`, which write the scripts; `reader.rs`, which reads the
//! answers.

use std::collections::VecDeque;
use std::time::{Duration, UNIX_EPOCH};

use oneloop::connection::Moment;

use super::diary::Act;
use super::dice::Dice;
use super::reader::{Reader, Shortage};
use super::scripts::QUEUER;
use super::socket::{End, Socket};
use super::wishes::Heard;

/// One thing a client does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Until so many answers have come.
    AwaitAnswers(usize),
    /// Until the answer of that number has come, or the word to go on with its request.
    AwaitContinue(usize),
    /// Until the server closes.
    AwaitEnd,
    Shut,
    Close,
    Reset {
        loses_bytes: bool,
    },
    /// From now on it is as if it had never been; but nobody tells the server.
    Vanish,
}

/// How fast a client is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// It reads at most so many bytes…
    pub(crate) takes: usize,
    /// …and then no more for so long.
    pub(crate) every: Duration,
    /// It sends at most so many bytes at a time…
    pub(crate) segment: usize,
    /// …and then no more for so long.
    pub(crate) gap: Duration,
}

#[derive(Debug)]
pub(crate) struct Client {
    /// What kind of client it is.
    pub(crate) manner: &'static str,
    pub(crate) reader: Reader,
    /// Whether it does nothing for which it could be denied an answer.
    pub(crate) is_honest: bool,
    /// Whether the world did something to it for which nobody is to blame.
    pub(crate) is_disturbed: bool,
    /// Status and length of everything it must be answered.
    pub(crate) wants: Vec<(u16, u64)>,
    /// How the server has closed, once the client has met that.
    pub(crate) met: Option<End>,
    /// Whether it reads nothing, ever.
    pub(crate) is_deaf: bool,
    /// How many answers it had when it had asked for nothing else, and what the clock on the wall
    /// showed then to the server: what comes next cannot be of an earlier date.
    was_content: (usize, u64),
    has_sent_since: bool,
    steps: VecDeque<Step>,
    pace: Pace,
    reads_at: Moment,
    sends_at: Moment,
    is_pausing: bool,
    has_left: bool,
}

/// What a client acts in.
pub(crate) struct Scene<'a> {
    pub(crate) now: Moment,
    pub(crate) dice: &'a mut Dice,
    pub(crate) shortage: Shortage,
    /// How often a byte of urgent data goes before others, per thousand times.
    pub(crate) urgent: usize,
    /// What the clock on the wall shows by which the next answer is dated, at the earliest, and
    /// what it shows now; if it is never set.
    pub(crate) wall: Option<[u64; 2]>,
    /// What the client has done.
    pub(crate) acts: Vec<Act>,
}

/// What keeps a client from going on with its script.
enum Held {
    /// Nothing.
    Not,
    /// It goes on then.
    Until(Moment),
    /// Something the server has to do.
    ByServer,
}

impl Client {
    pub(crate) fn new(manner: &'static str, steps: Vec<Step>, reader: Reader, pace: Pace) -> Self {
        Self {
            manner,
            wants: reader.wants(),
            reader,
            is_honest: true,
            is_disturbed: false,
            met: None,
            is_deaf: false,
            was_content: (usize::MAX, 0),
            has_sent_since: false,
            steps: steps.into(),
            pace,
            reads_at: Moment::START,
            sends_at: Moment::START,
            is_pausing: false,
            has_left: false,
        }
    }

    /// What it means to do, in words.
    pub(crate) fn plan(&self) -> String {
        let steps = self.steps.iter().map(|step| match step {
            Step::Send(bytes) if bytes.len() < 100 => format!("sends '{}'", bytes.escape_ascii()),
            Step::Send(bytes) => {
                format!("sends '{}' and so on, {} bytes", bytes[..40].escape_ascii(), bytes.len())
            }
            Step::Pause(pause) => format!("pauses for {pause:?}"),
            Step::AwaitAnswers(n) => format!("awaits {n} answers"),
            Step::AwaitContinue(n) => format!("awaits the word to go on with request {n}"),
            Step::AwaitEnd => "waits for the server to close".to_owned(),
            Step::Shut => "shuts its half".to_owned(),
            Step::Close => "closes".to_owned(),
            Step::Reset { .. } => "resets the connection".to_owned(),
            Step::Vanish => "vanishes".to_owned(),
        });
        steps.collect::<Vec<_>>().join(", ")
    }

    /// Does what there is to do now. When there will be more without anything else happening.
    pub(crate) fn act(
        &mut self,
        socket: &mut Socket,
        scene: &mut Scene<'_>,
    ) -> Result<Option<Moment>, String> {
        let reads_again = if self.is_deaf { None } else { self.read(socket, scene)? };
        let sends_again = loop {
            if self.has_left {
                return Ok(None);
            }
            match self.step(socket, scene) {
                Held::Not => {}
                Held::Until(moment) => break Some(moment),
                Held::ByServer => break None,
            }
        };
        Ok([reads_again, sends_again].into_iter().flatten().min())
    }

    fn read(
        &mut self,
        socket: &mut Socket,
        scene: &mut Scene<'_>,
    ) -> Result<Option<Moment>, String> {
        while !self.has_left && socket.takeable() > 0 {
            if scene.now < self.reads_at {
                return Ok(Some(self.reads_at));
            }
            let bytes = socket.take(self.pace.takes);
            scene.acts.push(Act::Takes(bytes.len()));
            self.reads_at = scene.now.after(self.pace.every);
            let before = self.reader.dates.len();
            self.reader.received(&bytes, scene.shortage)?;
            self.check_dates(before, scene.wall)?;
        }
        match socket.end() {
            _ if self.has_left => {}
            None => {}
            Some(end) => {
                if end == End::Eof {
                    self.reader.ended()?;
                    socket.client_closes();
                }
                scene.acts.push(Act::Meets(end));
                self.met = Some(end);
                self.has_left = true;
            }
        }
        if self.reader.has_closed {
            // There is no sense in asking on.
            self.steps.clear();
        }
        Ok(None)
    }

    /// Each answer was made after it was asked for, and before now.
    fn check_dates(&self, first: usize, wall: Option<[u64; 2]>) -> Result<(), String> {
        let Some([_, now]) = wall else { return Ok(()) };
        let (answers, since) = self.was_content;
        for (number, date) in self.reader.dates.iter().enumerate().skip(first) {
            let at = httpdate::parse_http_date(date).map_err(|_| format!("no date: '{date}'"))?;
            let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let least = if number >= answers { since } else { 0 };
            if !(least..=now).contains(&at) {
                return Err(format!("answer {number} is dated {at}, and not in {least}..={now}"));
            }
        }
        Ok(())
    }

    /// The answers about files that have come; what they had to be is known by now.
    pub(crate) fn take_heard(&mut self) -> Vec<Heard> {
        for Heard { number, status, body, .. } in &self.reader.heard {
            self.wants[*number] = (*status, body.len() as u64);
        }
        std::mem::take(&mut self.reader.heard)
    }

    fn step(&mut self, socket: &mut Socket, scene: &mut Scene<'_>) -> Held {
        let Some(step) = self.steps.front_mut() else { return Held::ByServer };
        match step {
            Step::Send(bytes) if bytes.is_empty() => {}
            Step::Send(_) => return self.send(socket, scene),
            Step::Pause(pause) if !self.is_pausing => {
                self.is_pausing = true;
                self.sends_at = scene.now.after(*pause);
                return Held::Until(self.sends_at);
            }
            Step::Pause(_) if scene.now < self.sends_at => return Held::Until(self.sends_at),
            Step::Pause(_) => {
                self.is_pausing = false;
                if !self.has_sent_since {
                    self.was_content.1 = scene.wall.unwrap_or_default()[0];
                }
            }
            Step::AwaitAnswers(n) if self.reader.whole < *n => return Held::ByServer,
            Step::AwaitContinue(n) if !self.reader.may_send_body_of(*n) => return Held::ByServer,
            // A queuer has sent the head of the next request already.
            Step::AwaitAnswers(n) if self.manner != QUEUER => {
                self.was_content = (*n, scene.wall.unwrap_or_default()[0]);
                self.has_sent_since = self.reader.whole > *n;
            }
            Step::AwaitAnswers(_) | Step::AwaitContinue(_) => {}
            Step::AwaitEnd => return Held::ByServer,
            Step::Shut => {
                scene.acts.push(Act::Shuts);
                socket.client_shuts();
            }
            Step::Close => {
                scene.acts.push(Act::Closes);
                socket.client_closes();
                self.has_left = true;
            }
            Step::Reset { loses_bytes } => {
                scene.acts.push(Act::Resets);
                socket.client_resets(*loses_bytes);
                self.has_left = true;
            }
            Step::Vanish => {
                scene.acts.push(Act::Vanishes);
                self.has_left = true;
            }
        }
        self.steps.pop_front();
        Held::Not
    }

    fn send(&mut self, socket: &mut Socket, scene: &mut Scene<'_>) -> Held {
        if scene.now < self.sends_at {
            return Held::Until(self.sends_at);
        }
        match self.push(socket, scene) {
            None | Some(0) => Held::ByServer,
            Some(_) => {
                self.sends_at = scene.now.after(self.pace.gap);
                Held::Not
            }
        }
    }

    /// Its connection is broken by others. Whether it had one still.
    pub(crate) fn loses_its_connection(&mut self) -> bool {
        self.is_disturbed |= !self.has_left;
        !std::mem::replace(&mut self.has_left, true)
    }

    /// Sends the next segment, if that is what comes next; how much of it the window took. Also
    /// called between two calls of the server, because the world does not stand still while it
    /// works.
    pub(crate) fn push(&mut self, socket: &mut Socket, scene: &mut Scene<'_>) -> Option<usize> {
        if self.has_left {
            return None;
        }
        let Some(Step::Send(bytes)) = self.steps.front_mut() else { return None };
        // A long upload in tiny segments would take too long to simulate.
        let segment = self.pace.segment.max(bytes.len() / 64);
        let segment = scene.dice.within(1..=segment).min(bytes.len());
        if scene.dice.chance(scene.urgent) {
            scene.acts.push(Act::SendsUrgent);
            socket.push_urgent();
        }
        let n = socket.push(&bytes[..segment]);
        self.has_sent_since = true;
        if n > 0 {
            scene.acts.push(Act::Sends(n));
        }
        bytes.drain(..n);
        if bytes.is_empty() {
            self.steps.pop_front();
        }
        Some(n)
    }
}
