//! The scripts of the clients: what each does, step by step, and what must come of it.

use std::time::Duration;

use oneloop::config::CLOSED_AT_ONCE;
use oneloop::wire::Fault;

use super::asks::{Ask, BODY_LIMIT, Expected, Upload, noise};
use super::clients::Step;
use super::dice::Dice;
use super::socket::Kernel;

/// Who sends the head of a request before the answers to others have left.
pub(crate) const QUEUER: &str = "queuer";

/// A script in the making: what is done, and what must come of it.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) expected: Vec<Expected>,
    pub(super) is_dishonest: bool,
}

impl Script {
    /// Some requests, one after the other or several at once, and an orderly end.
    pub(super) fn honest(&mut self, dice: &mut Dice) -> &'static str {
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
            let expected_len = if expected.is_head { 0 } else { expected.body.len() };
            self.expected.push(expected);
            self.ask(&ask, number, dice);
            if is_last {
                // A short answer is closed behind at once, and who breaks that promise may lose it.
                let is_short = expected_len <= CLOSED_AT_ONCE;
                if dice.chance(300) && !(ask.promises_to_be_last() && is_short) {
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
        for step in std::mem::take(&mut self.steps) {
            let Step::Send(mut bytes) = step else {
                self.steps.push(step);
                continue;
            };
            while bytes.len() > 1 && dice.chance(often) {
                let rest = bytes.split_off(dice.within(1..=bytes.len() - 1));
                self.steps.push(Step::Send(std::mem::replace(&mut bytes, rest)));
                self.steps.push(Step::Pause(dice.millis(0..=300)));
            }
            self.steps.push(Step::Send(bytes));
        }
    }

    /// Honest up to some point.
    pub(super) fn breaks_off(
        &mut self,
        end: &[Step],
        manner: &'static str,
        dice: &mut Dice,
    ) -> &'static str {
        self.honest(dice);
        self.steps.truncate(dice.within(0..=self.steps.len()));
        if let Some(Step::Send(bytes)) = self.steps.last_mut() {
            bytes.truncate(dice.within(0..=bytes.len()));
        }
        self.steps.push(Step::Pause(dice.millis(0..=100)));
        self.is_dishonest = true;
        self.ends_by(end, manner)
    }

    /// Closes when it has everything; or shuts its half at once, and has the server close.
    pub(super) fn ends_well(&mut self, dice: &mut Dice, manner: &'static str) -> &'static str {
        let all = Step::AwaitAnswers(self.expected.len());
        let ends = [[all, Step::Close], [Step::Shut, Step::AwaitEnd]];
        self.ends_by(&ends[dice.below(2)], manner)
    }

    pub(super) fn ends_by(&mut self, steps: &[Step], manner: &'static str) -> &'static str {
        self.steps.extend_from_slice(steps);
        manner
    }

    /// A head that never ends, byte by byte. It is granted ten seconds, however busy it looks.
    pub(super) fn trickled_head(&mut self, dice: &mut Dice) -> &'static str {
        self.steps.push(Step::Send(b"GET /fixed HTTP/1.1\r\nX-Patience: ".to_vec()));
        self.trickle(b'x', Duration::from_secs(13), dice);
        self.expected.push(Expected::of_fault(Fault::HeadTimeout));
        self.ends_by(&[Step::AwaitEnd], "head trickler")
    }

    /// The same with a body, which is granted sixty.
    pub(super) fn trickled_body(&mut self, dice: &mut Dice) -> &'static str {
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
    pub(super) fn deaf(&mut self) -> &'static str {
        let ask = Ask::get("bytes", 120_000);
        for _ in 0..8 {
            self.steps.push(Step::Send(ask.head()));
            self.expected.push(Expected::to(&ask));
        }
        self.is_dishonest = true;
        self.ends_by(&[Step::Vanish], "deaf")
    }

    /// What is no request gets its answer, and the answer arrives.
    pub(super) fn garbage(&mut self, dice: &mut Dice) -> &'static str {
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
    pub(super) fn flood(&mut self, dice: &mut Dice) -> &'static str {
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
        self.ends_well(dice, "flooder")
    }

    /// Comes back again and again, every time for longer than a deadline that is then superseded.
    pub(super) fn regular(&mut self, dice: &mut Dice) -> &'static str {
        let ask = Ask::get("fixed", 0);
        for number in 1..=dice.within(100..=250) {
            let (begun, rest) = (ask.head()[..9].to_vec(), ask.head()[9..].to_vec());
            let (short, long) = (dice.millis(0..=50), dice.millis(8_000..=25_000));
            self.steps.extend([Step::Send(begun), Step::Pause(short), Step::Send(rest)]);
            self.expected.push(Expected::to(&ask));
            self.steps.extend([Step::AwaitAnswers(number), Step::Pause(long)]);
        }
        self.ends_by(&[Step::Close], "regular")
    }

    /// Asks for the same few files again and again, and so sees how they change.
    pub(super) fn watch(&mut self, dice: &mut Dice) -> &'static str {
        let wishes: Vec<Ask> = (0..dice.within(1..=3)).map(|_| Ask::draw_wish(dice)).collect();
        let longest = dice.one_of(&[300, 1_500, 4_000]);
        let glued = dice.one_of(&[0, 300]);
        for number in 1..=dice.within(5..=40) {
            let ask = &wishes[dice.below(wishes.len())];
            self.expected.push(Expected::to(ask));
            self.steps.push(Step::Send(ask.head()));
            if !dice.chance(glued) {
                self.steps.push(Step::AwaitAnswers(number));
                self.steps.push(Step::Pause(dice.millis(0..=longest)));
            }
        }
        self.ends_well(dice, "watcher")
    }

    /// More bytes than one turn should send.
    pub(super) fn gorge(&mut self, dice: &mut Dice) -> &'static str {
        let most = dice.within(5..=25);
        let longest = dice.one_of(&[120_000, 400_000]);
        for number in 0..most {
            let route = dice.one_of(&["fixed", "bytes", "shared", "file", "source"]);
            let ask = Ask::get(route, dice.one_of(&[100, 16_000, 120_000, longest]));
            self.expected.push(Expected::to(&ask));
            self.ask(&ask, number, dice);
        }
        self.ends_well(dice, "glutton")
    }

    /// Answers that take their time to leave, and behind them one that is not ready, or the head of
    /// a body that does not come before they have.
    pub(super) fn queue(&mut self, dice: &mut Dice) -> &'static str {
        for _ in 0..dice.within(1..=3) {
            let ask = Ask::get(dice.one_of(&["fixed", "bytes", "shared"]), 14_000);
            self.expected.push(Expected::to(&ask));
            self.steps.push(Step::Send(ask.head()));
        }
        let before = self.expected.len();
        let upload = Upload::Plain(noise()[..dice.one_of(&[1, 3_000])].to_vec());
        let ask = match dice.below(2) {
            0 => Ask::get("later", 0),
            _ => Ask { method: "POST", upload, ..Ask::get("echo", 0) },
        };
        self.steps.push(Step::Send(ask.head()));
        if dice.chance(700) {
            self.steps.push(Step::AwaitAnswers(before));
        }
        if ask.method == "POST" && dice.chance(300) {
            // Nor does it come when they have.
            self.expected.push(Expected::of_fault(Fault::BodyTimeout));
            return self.ends_by(&[Step::AwaitEnd], QUEUER);
        }
        self.expected.push(Expected::to(&ask));
        self.steps.push(Step::Send(ask.body()));
        self.ends_by(&[Step::AwaitAnswers(before + 1), Step::Close], QUEUER)
    }

    /// One long answer, which it falls asleep over; and when it wakes up it may be too late.
    pub(super) fn nap(&mut self, dice: &mut Dice) -> &'static str {
        let route = dice.one_of(&["source", "drip", "beats", "bytes", "file"]);
        let mut ask = Ask::get(route, dice.one_of(&[100, 5_000, 40_000]));
        ask.is_old = dice.chance(700);
        ask.connection = if ask.is_old { "" } else { "close" };
        self.steps.push(Step::Send(ask.head()));
        self.expected.push(Expected::to(&ask));
        self.is_dishonest = true;
        self.ends_by(&[Step::AwaitEnd], "dozer")
    }

    /// What it sends is refused, and it neither listens nor stops. It is put up with for half a
    /// minute.
    pub(super) fn nuisance(&mut self, dice: &mut Dice) -> &'static str {
        self.steps.push(Step::Send(b"NO SUCH THING\r\n\r\n".to_vec()));
        self.trickle(b'x', Duration::from_secs(36), dice);
        self.is_dishonest = true;
        self.ends_by(&[Step::Vanish], "nuisance")
    }

    /// What the server cannot finish: a source that fails, and those that are silent for ever, be
    /// they pulled again or not. These only end when the client has shut its half, and the server
    /// is told; the contract kernel need not do that to who is not reading.
    pub(super) fn half_an_answer(&mut self, kernel: Kernel, dice: &mut Dice) -> &'static str {
        if dice.chance(500) {
            self.asks(dice);
        }
        if self.expected.last().is_none_or(|expected| !expected.is_last) {
            let is_told = kernel == Kernel::Linux;
            let route = if is_told { dice.one_of(&["fails", "stuck", "mute"]) } else { "fails" };
            let n = dice.one_of(&[0, 1, 5_000, 40_000]);
            let number = self.expected.len();
            self.ask(&Ask::get(route, n), number, dice);
            // It would be longer if it came to its end.
            self.expected.push(Expected::to(&Ask::get(route, n + 1)));
        }
        self.is_dishonest = true;
        self.ends_by(&[Step::Shut, Step::AwaitEnd], "unlucky")
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
