//! A loop's life as a script, for tests: a line for each thing that happens, told to a meter.
//!
//! ```text
//! wait 0 10 1          from 0 to 10 ns, and 1 event came
//! c1 comes             to be served; "aside": to see how the server is
//! c1 ready             the poll said so
//! c1 reads 78          or writes, or sends a file
//! c1 phase head
//! c1 blocked sendto    the call has nothing to do for now; "failed" likewise
//! c1 asked 12          at 12 ns; without a time at that of the turn
//! c1 given 200 13
//! c1 sent 15
//! c1 armed             it waits for something
//! c1 closed            as the client closed it; "broken", "stopped"
//! ```

use std::io::ErrorKind;
use std::time::Duration;

use crate::connection::{CloseReason, Moment, Phase, Why};

use super::super::{Call, Event, Observer, Outcome, Side, Signs, Who};
use super::Meter;
use super::figures::Figures;

/// What a meter has read when all of that has happened.
pub(in super::super) fn rehearsed(script: &str) -> Figures {
    let mut meter = Meter::new();
    play(&mut meter, script);
    meter.reader().read()
}

/// Lets that happen to it.
pub(in super::super) fn play(meter: &mut Meter, script: &str) {
    let mut now = meter.woke;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).map(|word| word.parse::<u64>().unwrap());
        let moment = |at: usize| number(at).map(|n| Moment::START.after(Duration::from_nanos(n)));
        if words[0] == "wait" {
            let (from, until) = (moment(1).unwrap(), moment(2).unwrap());
            let events = number(3).unwrap() as usize;
            meter.on(&Event::Waited { from, until, limit: None, events });
            now = meter.woke;
            continue;
        }
        let number_of = words[0].strip_prefix('c').unwrap().parse().unwrap();
        let who = Who { connection: number_of, slot: number_of };
        let mut tell = |event: Event<'_>| meter.on(&event);
        let called = |call, outcome| Event::Called { who, call, outcome, from: now, until: now };
        let moved = |n: u64| Outcome::Moved { n: n as usize, of: 65_536 };
        tell(match words[1] {
            "comes" => Event::Accepted {
                who,
                service: 0,
                side: if words.get(2) == Some(&"aside") { Side::Aside } else { Side::Main },
                peer: None,
            },
            "ready" => Event::Ready { who, signs: Signs { readable: true, ..Signs::default() } },
            "reads" => called(Call::Receive, moved(number(2).unwrap())),
            "writes" => called(Call::Send, moved(number(2).unwrap())),
            "blocked" => called(call(words[2]), Outcome::Blocked),
            "failed" => called(call(words[2]), Outcome::Failed(ErrorKind::ConnectionReset)),
            "done" => called(call(words[2]), Outcome::Done),
            "phase" => {
                let is_meant = |phase: &Phase| phase.name() == words[2];
                let to = Phase::ALL.into_iter().find(is_meant).unwrap();
                Event::Moved { who, from: Phase::Idle, to }
            }
            "asked" => Event::Asked { who, request: 1, at: moment(2).unwrap_or(now) },
            "given" => {
                let at = moment(3).unwrap_or(now);
                Event::Given { who, status: number(2).unwrap() as u16, at }
            }
            "sent" => Event::Sent { who, at: moment(2).unwrap() },
            "armed" => Event::Armed { who, why: Why::Idle, until: Moment::NEVER },
            "closed" => {
                let reason = match words.get(2) {
                    None => CloseReason::ClientDone,
                    Some(&"broken") => CloseReason::Broken(ErrorKind::ConnectionReset),
                    Some(&"stopped") => CloseReason::Stopped,
                    Some(other) => panic!("{other} is not in the script's language"),
                };
                Event::Closed { who, reason, requests: 1 }
            }
            other => panic!("{other} is not in the script's language"),
        });
    }
}

fn call(name: &str) -> Call {
    Call::ALL.into_iter().find(|call| call.name() == name).unwrap()
}
