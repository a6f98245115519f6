//! The second opinion itself, held against answers that are right and answers that are not: an eye
//! that never sees anything proves nothing.

#[path = "second_opinion/mod.rs"]
mod second_opinion;

use oneloop::Version;
use second_opinion::{Answer, Asked, End, read};

const GET: Asked = Asked { is_head: false, version: Version::Http11, expects_continue: false };
const HEAD: Asked = Asked { is_head: true, ..GET };
const GET_10: Asked = Asked { version: Version::Http10, ..GET };
const POST: Asked = Asked { expects_continue: true, ..GET };

/// A status line with its date, and these fields and content.
fn answer(status: &str, rest: &str) -> String {
    format!("HTTP/1.1 {status}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n{rest}")
}

/// What those answers are, in short.
fn shown(answers: &[Answer]) -> String {
    let shown = answers.iter().map(|answer| {
        let torn = if answer.is_whole { "" } else { " torn" };
        let interim = "100 ".repeat(answer.interim);
        format!("{interim}{} {}{torn}", answer.status, answer.body.escape_ascii())
    });
    shown.collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn check(asked: &[Asked], bytes: &str, end: End, expected: &str) {
    let answers = read(asked, bytes.as_bytes(), end);
    let answers = answers.unwrap_or_else(|why| panic!("{why}\n{bytes}"));
    assert_eq!(shown(&answers), expected, "{bytes}");
}

#[test]
fn answers_are_read_one_after_the_other() {
    let hi = answer("200 OK", "Content-Length: 2\r\n\r\nhi");
    let empty = answer("204 No Content", "\r\n");
    let head = answer("200 OK", "Content-Length: 2\r\n\r\n");
    let chunked =
        answer("200 OK", "Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n0\r\nB: c\r\n\r\n");
    let all = [&*hi, &head, &chunked, &empty, &hi].concat();
    check(&[GET, HEAD, GET, GET, GET], &all, End::Open, "200 hi; 200 ; 200 a\\n; 204 ; 200 hi");
    let goes_on = format!("HTTP/1.1 100 Continue\r\n\r\n{hi}");
    check(&[POST, GET], &goes_on, End::Open, "100 200 hi");
}

#[test]
fn an_answer_may_be_cut_off_anywhere() {
    let whole = answer("200 OK", "Content-Length: 2\r\nX: y\r\n\r\nhi");
    let chunked = answer("200 OK", "Transfer-Encoding: chunked\r\n\r\n00000002\r\nhi\r\n0\r\n\r\n");
    for whole in [format!("HTTP/1.1 100 Continue\r\n\r\n{whole}"), whole, chunked] {
        for end in [End::Open, End::Shut] {
            for len in 1..whole.len() {
                let answers = read(&[POST], &whole.as_bytes()[..len], end);
                let answers = answers.unwrap_or_else(|why| panic!("{why}: {}", &whole[..len]));
                assert!(!answers[0].is_whole, "{}", &whole[..len]);
            }
        }
    }
}

#[test]
fn a_close_ends_what_has_no_length() {
    let until_close = answer("200 OK", "Connection: close\r\n\r\nhi");
    check(&[GET_10], &until_close, End::Open, "200 hi torn");
    check(&[GET_10], &until_close, End::Shut, "200 hi");
}

#[track_caller]
fn refuse(asked: &[Asked], bytes: &str, complaint: &str) {
    let why = read(asked, bytes.as_bytes(), End::Shut).expect_err(bytes);
    assert!(why.contains(complaint), "{why}, and not {complaint}, for {}", bytes.escape_debug());
}

#[test]
fn what_is_wrong_with_a_head_is_found() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let rest = format!("{date}Content-Length: 0\r\n\r\n");
    for line in ["HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/1.1 600 X", " HTTP/1.1 200 OK"] {
        assert!(read(&[GET], format!("{line}\r\n{rest}").as_bytes(), End::Shut).is_err(), "{line}");
    }
    refuse(&[GET], &format!("HTTP/1.1 200 OK\n{rest}"), "LF stands alone");
    for (line, complaint) in [
        ("X: a\n", "LF stands alone"),
        ("X : a\r\n", "invalid HTTP header"),
        ("X:a\r\n", "no field line"),
        ("X:  a\r\n", "no field line"),
        ("X: a \r\n", "no field line"),
        ("X: a\r\n b\r\n", "invalid HTTP header"),
        ("X: a\rb\r\n", "invalid HTTP header"),
        ("X: a\x01\r\n", "invalid HTTP header"),
        ("X: a\0\r\n", "invalid HTTP header"),
        (date, "2 Date fields"),
    ] {
        refuse(&[GET], &answer("200 OK", &format!("{line}Content-Length: 0\r\n\r\n")), complaint);
    }
    refuse(&[GET], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0 Date fields");
    for date in ["Sunday, 06-Nov-94 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT", "now"] {
        let bytes = format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n");
        refuse(&[GET], &bytes, "no date");
    }
}

#[test]
fn what_is_wrong_with_the_framing_is_found() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let length = "Content-Length: 0\r\n";
    let content = "\r\n0\r\n\r\n";
    for (asked, fields, complaint) in [
        (GET, format!("{length}{chunked}{content}"), "more than one of"),
        (GET, format!("{length}{length}\r\n"), "more than one of"),
        (GET, "Content-Length: 3\r\nContent-Length: 2\r\n\r\nhi".into(), "content-length"),
        (GET, "Content-Length: +1\r\n\r\nh".into(), "content-length"),
        (GET, format!("Transfer-Encoding: gzip, chunked\r\n{content}"), "other than chunked"),
        (GET_10, format!("{chunked}Connection: close\r\n{content}"), "HTTP/1.0 client"),
        (GET, format!("{chunked}\r\nx\r\n"), "chunk size"),
        (GET, format!("{chunked}\r\n1\r\nab\r\n"), "chunk"),
        (GET, "\r\nhi".into(), "where the content ends"),
        (GET, format!("{length}\r\nx"), "nothing may come"),
        (HEAD, "Content-Length: 2\r\n\r\nhi".into(), "nothing may come"),
        (GET, "Connection: close\r\nContent-Length: 0\r\n\r\nx".into(), "nothing may come"),
        (GET, format!("Connection: keep-alive\r\n{length}\r\n"), "Connection says"),
        (GET, format!("Connection: close, x\r\n{length}\r\n"), "Connection says"),
        (GET_10, format!("{length}\r\n"), "Connection says"),
    ] {
        refuse(&[asked], &answer("200 OK", &fields), complaint);
    }
    refuse(&[GET], &answer("204 No Content", &format!("{length}\r\n")), "204 that speaks");
    refuse(&[GET, GET], &answer("204 No Content", "\r\nhi"), "answer 2 at byte");
    refuse(&[GET], &format!("HTTP/1.1 100 Continue\r\n\r\n{}", answer("204 X", "\r\n")), "nobody");
}

#[test]
fn an_answer_that_nobody_asked_for_is_found() {
    let twice = answer("204 No Content", "\r\n").repeat(2);
    refuse(&[GET], &twice, "nothing may come");
    refuse(&[], &twice, "nothing may come");
}
