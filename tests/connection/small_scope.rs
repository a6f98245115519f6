//! Small conversations in every way there is: cut in two places anywhere, and with a socket that
//! takes any number of bytes at a time. The bytes that come back are always the same.

use oneloop::Limits;
use oneloop::connection::Phase;

use super::driver::Driver;
use super::script::Script;

/// What comes back when `input` arrives in those pieces and no more than so much is taken at once,
/// and what the connection waits for then.
fn conversation(script: &Script, pieces: [&[u8]; 3], per_write: usize) -> (Vec<u8>, Phase) {
    let mut driver = Driver::new(script.clone(), Limits::default(), per_write);
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        driver.receive(piece);
    }
    (driver.socket.reached, driver.connection.phase())
}

/// Holds a conversation in every way. `ends` says what must have come back last.
fn check(script: &[&str], input: &[u8], ends: (&[u8], Phase)) {
    let mut said = Script::default();
    for line in script {
        said.says(line);
    }
    let whole = conversation(&said, [input, b"", b""], usize::MAX);
    assert!(whole.0.ends_with(ends.0), "{}", whole.0.escape_ascii());
    assert_eq!(whole.1, ends.1);
    for per_write in 1..=whole.0.len() {
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let pieces = [&input[..first], &input[first..second], &input[second..]];
                let cut = conversation(&said, pieces, per_write);
                assert!(cut == whole, "cut at {first} and {second}, {per_write} bytes at a time");
            }
        }
    }
}

#[test]
fn the_shortest_request() {
    check(&["200 hi"], b"GET / HTTP/1.0\r\n\r\n", (b"\r\n\r\nhi", Phase::Lingering));
}

#[test]
fn two_requests_and_a_fault() {
    let input = b"GET / HTTP/1.1\r\nHost:\tx\r\n\r\nA@GET";
    check(&["204"], input, (b"begin an HTTP request.\n", Phase::Lingering));
}

#[test]
fn a_body_with_trailers() {
    let input =
        b"P / HTTP/1.1\r\nHost:x\r\nTransfer-Encoding:chunked\r\n\r\n1\r\nz\r\n0\r\nA:b\r\n\r\n";
    check(&["body"], input, (b"\r\n\r\nz|A=b", Phase::Idle));
}

#[test]
fn a_source_behind_an_answer() {
    let input = b"G / HTTP/1.1\r\nHost:x\r\n\r\nG / HTTP/1.1\r\nHost:x\r\n\r\n";
    check(&["204", "source +a +b."], input, (b"\r\n00000001\r\nb\r\n0\r\n\r\n", Phase::Idle));
}
