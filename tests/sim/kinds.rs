//! The kinds of clients: most of them honest, whatever else they are, and some who are slow,
//! confused, hostile or dead. Which of them come in a run is drawn.
//!
//! Read next: `scripts.rs`, what each of them does.

use std::time::Duration;

use super::asks::{Ask, Expected};
use super::clients::{Client, Pace, Step};
use super::dice::Dice;
use super::reader::Reader;
use super::scripts::Script;
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
    Unlucky,
    Queuer,
    Nuisance,
    Regular,
    Dozer,
    Watcher,
}

impl Mix {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        use Kind::{
            BodyTrickler, Deaf, Dozer, EarlyShutter, Flooder, Garbler, Glutton, HeadTrickler,
            Honest, Nuisance, Queuer, Regular, Resetter, Silent, SlowReader, Unlucky, Vanisher,
            Watcher,
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
            Unlucky,
            Unlucky,
            Queuer,
            Queuer,
            Nuisance,
            Regular,
            Dozer,
            Watcher,
            Watcher,
        ] {
            if dice.chance(400) {
                kinds.push(kind);
            }
        }
        Self(kinds)
    }

    /// The next client, and the windows that it sends and is sent through.
    pub(crate) fn client(&self, kernel: Kernel, dice: &mut Dice) -> (Client, [usize; 2]) {
        let kind = dice.one_of(&self.0);
        let windows = windows(kind, dice);
        let send_window = windows[1];
        let mut script = Script::default();
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
            Kind::Dozer => script.nap(dice),
            Kind::Watcher => script.watch(dice),
            Kind::Regular => script.regular(dice),
            Kind::Queuer => script.queue(dice),
            Kind::Nuisance => script.nuisance(dice),
            Kind::Unlucky => script.half_an_answer(kernel, dice),
        };
        let is_slow = matches!(kind, Kind::SlowReader | Kind::Queuer);
        let mut pace = pace(is_slow, send_window, dice);
        if kind == Kind::Dozer {
            (pace.takes, pace.every) = (dice.within(1..=send_window), dice.millis(0..=50_000));
        }
        let mut client = Client::new(manner, script.steps, Reader::new(script.expected), pace);
        client.is_honest = !script.is_dishonest;
        client.is_deaf = kind == Kind::Nuisance;
        (client, windows)
    }
}

fn windows(kind: Kind, dice: &mut Dice) -> [usize; 2] {
    match kind {
        // More than a turn's worth of answers needs room, and a queue forms where there is none.
        Kind::Glutton if dice.chance(500) => [1_000_000, 3_000_000],
        Kind::Queuer if dice.chance(700) => [16_000, dice.one_of(&[500, 4_000])],
        _ => [
            dice.one_of(&[100, 1_000, 16_000, 64_000, 1_000_000]),
            dice.one_of(&[500, 4_000, 16_000, 64_000, 3_000_000]),
        ],
    }
}

/// One of a crowd, which comes all at once: it asks for one thing and goes.
pub(crate) fn visitor(dice: &mut Dice) -> Client {
    let mut script = Script::default();
    let ask = match dice.one_of(&["fixed", "nowhere", "later", "helped", "wish"]) {
        "wish" => Ask::draw_wish(dice),
        route => Ask::get(route, 0),
    };
    script.steps.push(Step::Send(ask.head()));
    script.expected.push(Expected::to(&ask));
    let manner = script.ends_well(dice, "one of a crowd");
    Client::new(manner, script.steps, Reader::new(script.expected), pace(false, 0, dice))
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
