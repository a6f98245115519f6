//! The scripts of the clients: most of them honest, whatever else they are, and some who are slow,
//! confused, hostile or dead.

use std::time::Duration;

use oneloop::wire::Fault;

use super::asks::{Ask, BODY_LIMIT, Expected, Upload, noise};
use super::clients::{Client, Pace, Step};
use super::dice::Dice;
use super::reader::Reader;
use super::socket::Kernel;

/// Which kinds of clients come in a run; some kinds are left out of it.
#[derive(Clone, Debug)]
pub(crate) struct Mix(Vec<Kind>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Honest,
    SlowReader,
    HeadTrickler,
    BodyTrickler,
    Silent,
    Deaf,
    Vanisher,
    Resetter,
    EarlyShutter,
    Garbler,
    Flooder,
    Glutton,
}

impl Mix {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        use Kind::{
            BodyTrickler, Deaf, EarlyShutter, Flooder, Garbler, Glutton, HeadTrickler, Honest,
            Resetter, Silent, SlowReader, Vanisher,
        };
        let mut kinds = vec![Honest; dice.within(1..=6)];
        for kind in [
            SlowReader,
            SlowReader,
            HeadTrickler,
            BodyTrickler,
            Silent,
            Deaf,
            Vanisher,
            Resetter,
            EarlyShutter,
            Garbler,
            Flooder,
            Glutton,
        ] {
            if dice.chance(400) {
                kinds.push(kind);
            }
        }
        Self(kinds)
    }

    /// The next client, whose connection sends through a window of that size.
    pub(crate) fn client(&self, kernel: Kernel, send_window: usize, dice: &mut Dice) -> Client {
        let kind = dice.one_of(&self.0);
        let mut script = Script { takes_urgent: kernel == Kernel::Linux, ..Script::default() };
        let manner = match kind {
            Kind::Honest => script.honest(dice),
            Kind::SlowReader => {
                script.honest(dice);
                "slow reader"
            }
            Kind::HeadTrickler => script.trickled_head(dice),
            Kind::BodyTrickler => script.trickled_body(dice),
            Kind::Silent => script.ends_by(&[Step::AwaitEnd], "silent"),
            Kind::Deaf => script.deaf(),
            Kind::Vanisher => script.breaks_off(&[Step::Vanish], "vanisher", dice),
            Kind::Resetter => {
                let loses_bytes = dice.chance(500);
                script.breaks_off(&[Step::Reset { loses_bytes }], "resetter", dice)
            }
            Kind::EarlyShutter => {
                script.breaks_off(&[Step::Shut, Step::AwaitEnd], "early shutter", dice)
            }
            Kind::Garbler => script.garbage(dice),
            Kind::Flooder => script.flood(dice),
            Kind::Glutton => script.gorge(dice),
        };
        let pace = pace(kind == Kind::SlowReader, send_window, dice);
        let mut client = Client::new(manner, script.steps, Reader::new(script.expected), pace);
        client.is_honest = !script.is_dishonest;
        client
    }
}

fn pace(is_slow: bool, send_window: usize, dice: &mut Dice) -> Pace {
    // The server hears of room when a third of the window is free, and must do so within the write
    // timeout.
    let (takes, every) = if is_slow {
        (dice.within(send_window / 8..=send_window / 2).max(1), dice.millis(1..=2_000))
    } else {
        (usize::MAX, Duration::ZERO)
    };
    let (segment, gap) = match dice.below(4) {
        0 => (20, dice.micros(0..=5_000)),
        1 => (1_448, dice.micros(0..=1_000)),
        _ => (usize::MAX / 2, Duration::ZERO),
    };
    Pace { takes, every, segment, gap }
}

/// A script in the making: what is done, and what must come of it.
#[derive(Debug, Default)]
struct Script {
    steps: Vec<Step>,
    expected: Vec<Expected>,
    takes_urgent: bool,
    is_dishonest: bool,
}

impl Script {
    /// Some requests, one after the other or several at once, and an orderly end.
    fn honest(&mut self, dice: &mut Dice) -> &'static str {
        self.asks(dice);
        let all = Step::AwaitAnswers(self.expected.len());
        self.steps.extend(match dice.below(4) {
            0 => vec![Step::AwaitEnd],
            // Whoever shuts its half after its last request still wants the answers.
            1 => vec![Step::Shut, Step::AwaitEnd],
            2 => vec![all, Step::Shut, Step::AwaitEnd],
            _ => vec![all, Step::Close],
        });
        self.cut(dice);
        "honest"
    }

    fn asks(&mut self, dice: &mut Dice) {
        let most = dice.within(1..=6);
        let glued = dice.below(1000);
        for number in 0..most {
            let mut ask = Ask::draw(dice);
            if dice.chance(120) {
                old(&mut ask, dice);
            }
            if number + 1 == most {
                last(&mut ask, dice);
            }
            let expected = Expected::to(&ask);
            let is_last = expected.is_last;
            self.expected.push(expected);
            self.ask(&ask, number, dice);
            if is_last {
                if dice.chance(300) {
                    // Asked behind the last answer: nobody hears it.
                    self.steps.push(Step::Send(Ask::get("fixed", 0).head()));
                }
                return;
            }
            if !dice.chance(glued) {
                self.steps.push(Step::AwaitAnswers(number + 1));
                if dice.chance(300) {
                    self.steps.push(Step::Pause(dice.millis(0..=5_000)));
                }
            }
        }
    }

    fn ask(&mut self, ask: &Ask, number: usize, dice: &mut Dice) {
        self.steps.push(Step::Send(ask.head()));
        let is_patient = dice.chance(800);
        if ask.waits_for_continue() && is_patient {
            self.steps.push(Step::AwaitContinue(number));
        }
        let body = ask.body();
        if !body.is_empty() {
            self.steps.push(Step::Send(body));
        }
    }

    /// Cuts what is sent at random places, and lets time pass there.
    fn cut(&mut self, dice: &mut Dice) {
        let often = dice.one_of(&[0, 0, 300, 800]);
        let mut is_urgent_yet = !(self.takes_urgent && dice.chance(200));
        for step in std::mem::take(&mut self.steps) {
            let Step::Send(mut bytes) = step else {
                self.steps.push(step);
                continue;
            };
            while bytes.len() > 1 && dice.chance(often) {
                let rest = bytes.split_off(dice.within(1..=bytes.len() - 1));
                self.steps.push(Step::Send(std::mem::replace(&mut bytes, rest)));
                if !std::mem::replace(&mut is_urgent_yet, true) {
                    self.steps.push(Step::SendUrgent);
                }
                self.steps.push(Step::Pause(dice.millis(0..=300)));
            }
            self.steps.push(Step::Send(bytes));
        }
    }

    /// Honest up to some point.
    fn breaks_off(&mut self, end: &[Step], manner: &'static str, dice: &mut Dice) -> &'static str {
        self.honest(dice);
        self.steps.truncate(dice.within(0..=self.steps.len()));
        if let Some(Step::Send(bytes)) = self.steps.last_mut() {
            bytes.truncate(dice.within(0..=bytes.len()));
        }
        self.steps.push(Step::Pause(dice.millis(0..=100)));
        self.is_dishonest = true;
        self.ends_by(end, manner)
    }

    fn ends_by(&mut self, steps: &[Step], manner: &'static str) -> &'static str {
        self.steps.extend_from_slice(steps);
        manner
    }

    /// A head that never ends, byte by byte. It is granted ten seconds, however busy it looks.
    fn trickled_head(&mut self, dice: &mut Dice) -> &'static str {
        self.steps.push(Step::Send(b"GET /fixed HTTP/1.1\r\nX-Patience: ".to_vec()));
        self.trickle(b'x', Duration::from_secs(13), dice);
        self.expected.push(Expected::of_fault(Fault::HeadTimeout));
        self.ends_by(&[Step::AwaitEnd], "head trickler")
    }

    /// The same with a body, which is granted sixty.
    fn trickled_body(&mut self, dice: &mut Dice) -> &'static str {
        let ask = Ask { upload: Upload::Plain(vec![0; 900]), ..Ask::get("count", 0) };
        self.steps.push(Step::Send(Ask { method: "POST", ..ask }.head()));
        self.trickle(b'x', Duration::from_secs(65), dice);
        self.expected.push(Expected::of_fault(Fault::BodyTimeout));
        self.ends_by(&[Step::AwaitEnd], "body trickler")
    }

    fn trickle(&mut self, byte: u8, at_least: Duration, dice: &mut Dice) {
        let longest = dice.one_of(&[500, 3_000]);
        let mut passed = Duration::ZERO;
        while passed < at_least {
            let pause = dice.millis(100..=longest);
            passed += pause;
            self.steps.extend([Step::Pause(pause), Step::Send(vec![byte])]);
        }
    }

    /// Asks for much and reads nothing.
    fn deaf(&mut self) -> &'static str {
        let ask = Ask::get("bytes", 120_000);
        for _ in 0..8 {
            self.steps.push(Step::Send(ask.head()));
            self.expected.push(Expected::to(&ask));
        }
        self.is_dishonest = true;
        self.ends_by(&[Step::Vanish], "deaf")
    }

    /// What is no request gets its answer, and the answer arrives.
    fn garbage(&mut self, dice: &mut Dice) -> &'static str {
        const GARBAGE: &[(&[u8], Fault)] = &[
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Fault::NotHttp),
            (b"GET / HTTP/1.1\r\n\r\n", Fault::HostMissing),
            (b"GET / HTTP/1.1\nHost: sim\n\n", Fault::BareLineEnd),
            (b"GET / HTTP/2.0\r\nHost: sim\r\n\r\n", Fault::VersionNotServed),
            (b"GET / HTTP/1.1\r\nHost: sim\r\nContent-Length: 1, 1\r\n\r\nx", Fault::ContentLength),
        ];
        self.asks(dice);
        if self.expected.last().is_some_and(|expected| !expected.is_last) {
            let (bytes, fault) = dice.one_of(GARBAGE);
            self.steps.push(Step::Send(bytes.to_vec()));
            // It does not stop there.
            self.steps.push(Step::Send(noise()[..dice.one_of(&[0, 1_000, 100_000])].to_vec()));
            self.expected.push(Expected::of_fault(fault));
        }
        self.ends_by(&[Step::AwaitEnd], "garbler")
    }

    /// More requests than one turn should answer.
    fn flood(&mut self, dice: &mut Dice) -> &'static str {
        let asks: Vec<Ask> =
            (0..4).map(|_| Ask::get(dice.one_of(&["fixed", "nowhere"]), 0)).collect();
        let most = dice.one_of(&[100, 400, 1_000]);
        let mut bytes = Vec::new();
        for number in 0..most {
            let ask = &asks[number % asks.len()];
            bytes.extend_from_slice(&ask.head());
            self.expected.push(Expected::to(ask));
        }
        self.steps.push(Step::Send(bytes));
        self.ends_by(&[Step::AwaitAnswers(most), Step::Close], "flooder")
    }

    /// More bytes than one turn should send.
    fn gorge(&mut self, dice: &mut Dice) -> &'static str {
        let most = dice.within(5..=25);
        for number in 0..most {
            let route = dice.one_of(&["fixed", "bytes", "shared", "file", "source"]);
            let ask = Ask::get(route, dice.one_of(&[100, 16_000, 120_000]));
            self.expected.push(Expected::to(&ask));
            self.ask(&ask, number, dice);
        }
        self.ends_by(&[Step::AwaitAnswers(most), Step::Close], "glutton")
    }
}

/// As a client of 1996 asks.
fn old(ask: &mut Ask, dice: &mut Dice) {
    ask.is_old = true;
    ask.connection = dice.one_of(&["", "keep-alive"]);
    ask.expects = false;
    if let Upload::Chunked(body, _) = &ask.upload {
        ask.upload = Upload::Plain(body.clone());
    }
}

/// Some requests make sense at the end only, because nothing is answered after them.
fn last(ask: &mut Ask, dice: &mut Dice) {
    match dice.below(10) {
        0..4 => ask.connection = "close",
        4 => *ask = Ask { method: dice.one_of(&["GET", "HEAD"]), ..Ask::get("panic", 0) },
        5 => *ask = Ask { method: dice.one_of(&["GET", "HEAD"]), ..Ask::get("never", 0) },
        6 => {
            let body = noise()[..BODY_LIMIT + 1].to_vec();
            *ask = Ask { method: "POST", upload: Upload::Plain(body), ..Ask::get("echo", 0) };
        }
        _ => {}
    }
}
