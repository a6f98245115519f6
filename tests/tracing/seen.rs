//! The calls of a loop, by strace and by its own trace, in one notation: `recvfrom = 78`.
//!
//! Of strace's lines those count that are of the loop's thread, of the kinds that a trace has, and
//! for a connection: on a socket that accept gave. What differs besides, and is left out: a
//! responder's own calls (it opens, reads and closes files), and what begins and ends the server
//! (all before the first wait; and then listeners and signals, which are on other descriptors).
//! A wait that a signal interrupts brings no event, and the trace says that it brought none.

use std::collections::BTreeSet;

use super::events::events;

/// Results that the trace does not know, or knows by another word.
const WITHOUT_RESULT: [&str; 5] = ["accept4", "preadv2", "shutdown", "setsockopt", "poll"];

pub(crate) fn told_by_trace(trace: &str) -> Vec<String> {
    let mut told = Vec::new();
    for event in events(trace) {
        let (name, args) = (event["name"].as_str().unwrap(), &event["args"]);
        match event["cat"].as_str() {
            Some("wait") => told.push(format!("{name} = {}", args["events"])),
            Some("call") => told.push(match (args["err"].as_str(), args["ret"].as_i64()) {
                (Some(error), _) => format!("{name} = -1 {error}"),
                (None, Some(result)) => format!("{name} = {result}"),
                (None, None) => format!("{name} = done"),
            }),
            _ => {}
        }
    }
    told
}

pub(crate) fn seen_by_strace(written: &str, pid: &str) -> Vec<String> {
    let mut sockets = BTreeSet::new();
    let mut begun = String::new();
    let mut seen = Vec::new();
    for line in written.lines() {
        let Some((of, call)) = line.split_once(char::is_whitespace) else { continue };
        if of != pid {
            continue;
        }
        let call = call.trim_start();
        // Another thread's line came between.
        if let Some(beginning) = call.strip_suffix(" <unfinished ...>") {
            begun = beginning.to_owned();
            continue;
        }
        let call = match call.split_once(" resumed>") {
            Some((_, rest)) if call.starts_with("<... ") => format!("{begun}{rest}"),
            _ => call.to_owned(),
        };
        let Some((call, result)) = call.rsplit_once(" = ") else { continue };
        let (name, args) = call.split_once('(').unwrap();
        let has_begun = !seen.is_empty() || as_told(name) == "epoll_wait";
        if has_begun && is_told(name, args, &sockets) {
            seen.push(format!("{} = {}", as_told(name), outcome(name, result)));
        }
        match name {
            "accept4" => drop(result.parse().map(|socket: u32| sockets.insert(socket))),
            "close" => drop(number(args).map(|socket| sockets.remove(&socket))),
            _ => {}
        }
    }
    seen
}

fn is_told(name: &str, args: &str, sockets: &BTreeSet<u32>) -> bool {
    let is_on = |fd: Option<u32>| fd.is_some_and(|fd| sockets.contains(&fd));
    match as_told(name) {
        "epoll_wait" | "accept4" | "poll" => true,
        "epoll_ctl" => is_on(args.split(", ").nth(2).and_then(number)),
        // One byte: is the page in memory? A responder reads more.
        "preadv2" => args.contains("iov_len=1}"),
        "recvfrom" | "sendto" | "sendmsg" | "sendfile" | "shutdown" | "setsockopt" | "close" => {
            is_on(number(args))
        }
        _ => false,
    }
}

/// The kernel of aarch64 has no other, and a C library may prefer it.
fn as_told(name: &str) -> &str {
    if name == "epoll_pwait" { "epoll_wait" } else { name }
}

fn outcome(name: &str, result: &str) -> String {
    match result.strip_prefix("-1 ") {
        Some(error) => match error.split(' ').next().unwrap() {
            "EINTR" => "0".to_owned(),
            error => format!("-1 {error}"),
        },
        None if WITHOUT_RESULT.contains(&name) => "done".to_owned(),
        None => result.split(' ').next().unwrap().to_owned(),
    }
}

fn number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}
