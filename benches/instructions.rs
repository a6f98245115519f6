//! Instructions a request, counted by callgrind: exact, repeatable, and deaf to whatever else the
//! machine does. From the bytes of a request to the bytes of its answer, without the kernel.
//!
//! `cargo bench` prints the table; `scripts/counts` sets it beside what the whole program takes for
//! the same requests, by the same names. Each case is run twice under valgrind, for a thousand
//! rounds and for two thousand; what the second run takes more is what a thousand rounds cost.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::hint::black_box;
use std::process::Command;

use oneloop::connection::{Advance, Asked, Connection, Inbox, Moment, Terms};
use oneloop::message::Nobody;
use oneloop::wire::request::Scan;
use oneloop::{Files, Fixed, Limits, Responder, Response};

const WRK: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const CURL: &str = "GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\n\
    Accept: */*\r\n\r\n";
const BROWSER: &str = "GET / HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n\
    Cache-Control: max-age=0\r\nsec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;\
    q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n\
    Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n";

const UNMODIFIED: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nIf-None-Match: *\r\n\r\n";

/// What a client sends, how much of it arrives at a time, and how many requests that is.
struct Case {
    name: &'static str,
    of: Of,
    bytes: String,
    at_a_time: usize,
    requests: usize,
}

/// Where the answer comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A prepared answer for everything.
    Fixed,
    /// A file that is known already.
    File,
}

const CONTENT: &str = "Hello, World!";

fn cases() -> Vec<Case> {
    let whole = |name, bytes: &str| Case {
        of: Of::Fixed,
        name,
        bytes: bytes.to_owned(),
        at_a_time: usize::MAX,
        requests: 1,
    };
    vec![
        whole("wrk", WRK),
        whole("curl", CURL),
        whole("browser, 15 fields", BROWSER),
        Case { requests: 16, ..whole("wrk, 16 pipelined", &WRK.repeat(16)) },
        Case { at_a_time: 1, ..whole("curl, byte by byte", CURL) },
        Case { of: Of::File, ..whole("file, wrk", WRK) },
        Case { of: Of::File, ..whole("file, browser", BROWSER) },
        Case { of: Of::File, ..whole("file, unmodified", UNMODIFIED) },
        Case { of: Of::File, requests: 16, ..whole("file, 16 pipelined", &WRK.repeat(16)) },
    ]
}

/// Drives one connection as a slot does, `rounds` times over.
fn run(case: &Case, rounds: usize) {
    match case.of {
        Of::Fixed => run_by(case, rounds, Fixed::new(Response::text(CONTENT).prepare())),
        Of::File => {
            let name = format!("oneloop-instructions-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            for name in ["index.html", "index.html.br"] {
                std::fs::write(folder.join(name), CONTENT).expect("a file");
            }
            run_by(case, rounds, Files::new(&folder).expect("a folder"));
            std::fs::remove_dir_all(folder).expect("a folder of our own");
        }
    }
}

fn run_by(case: &Case, rounds: usize, mut responder: impl Responder) {
    let limits = Limits::default();
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    let terms = Terms { now: Moment::START, date, limits: &limits, is_last: false };
    let mut connection = Connection::new(&terms);
    let mut out = Vec::with_capacity(1 << 16);
    for _ in 0..rounds {
        for piece in case.bytes.as_bytes().chunks(case.at_a_time.min(case.bytes.len())) {
            received(&mut connection, black_box(piece), &mut responder, &mut out, &terms);
        }
        let is_unmodified = case.bytes == UNMODIFIED;
        assert!(out.ends_with(if is_unmodified { b"\r\n\r\n" } else { CONTENT.as_bytes() }));
        black_box(&mut out).clear();
        let _ = connection.all_sent(&terms);
    }
    assert_eq!(connection.requests() as usize, rounds * case.requests);
}

fn received(
    connection: &mut Connection,
    mut piece: &[u8],
    responder: &mut impl Responder,
    out: &mut Vec<u8>,
    terms: &Terms<'_>,
) {
    let mut inbox = connection.take_inbox();
    if let Some(inbox) = &mut inbox {
        inbox.received(piece);
    }
    let mut of_piece = Scan::default();
    loop {
        let (input, scan) = match &mut inbox {
            Some(inbox) => inbox.open(),
            None => (piece, &mut of_piece),
        };
        let took = match connection.advance(input, scan, out, terms) {
            Advance::Starved => break,
            Advance::Took(took, _) => took,
            Advance::Ask(head) => {
                let asked = Asked::of(&head, input.len());
                let request = head.to_request(connection.requests(), &Nobody);
                let answer = responder.respond(&request);
                connection.answer(asked, answer, out, terms).took
            }
        };
        *scan = Scan::default();
        match &mut inbox {
            Some(inbox) => inbox.took(took),
            None => piece = &piece[took..],
        }
    }
    let rest =
        inbox.or_else(|| (!piece.is_empty()).then(|| Box::new(Inbox::holding(piece, of_piece))));
    if let Some(rest) = rest {
        connection.keep(rest);
    }
}

/// Instructions of this program, run for that case and so many rounds.
fn instructions(case: usize, rounds: usize) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([case.to_string(), rounds.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; install it (apt-get install valgrind)"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.ok_or_else(|| format!("valgrind said: {said}"))?;
    Ok(count.trim().parse()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    const ROUNDS: usize = 1000;
    let cases = cases();
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [case, rounds] = args.as_slice()
        && let (Ok(case), Ok(rounds)) = (case.parse::<usize>(), rounds.parse())
    {
        run(&cases[case], rounds);
        return Ok(());
    }
    if !args.iter().any(|arg| arg == "--bench") {
        // As one of all targets of `cargo test`: does it still work?
        cases.iter().for_each(|case| run(case, 3));
        return Ok(());
    }
    println!("{:<20} {:>22}", "request", "instructions/request");
    for (number, case) in cases.iter().enumerate() {
        let spent = instructions(number, 2 * ROUNDS)? - instructions(number, ROUNDS)?;
        println!("{:<20} {:>22}", case.name, spent / (ROUNDS * case.requests) as u64);
    }
    Ok(())
}
