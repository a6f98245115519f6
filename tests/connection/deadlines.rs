//! Time: every wait ends, each for its own reason. The defaults are head 10 s, body 60 s, answer
//! 30 s, idle 60 s, write 30 s, linger 5 s of silence and 30 s in all.

use super::transcript::{converse, converse_whole};

#[test]
fn idle_from_the_beginning() {
    converse(
        r"
        @ 59999ms
        = idle
        @ 1ms
        # 0
        = it was idle too long
        ",
    );
}

/// Idle is counted from the last answer.
#[test]
fn idle_after_an_answer() {
    converse(
        r"
        ! 204
        @ 50s
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        @ 59s
        = idle
        @ 1s
        = it was idle too long
        ",
    );
}

/// A trickled head times out 10 s after its first byte, however it trickles (darkhttpd): 408, RFC
/// 9110 §15.5.9.
#[test]
fn a_trickle_does_not_extend_the_head() {
    converse(
        r"
        > G\
        @ 4s
        > ET / HTTP/1.1
        @ 4s
        > Host: x\
        @ 1999ms
        = head
        @ 1ms
        <# 408 The request head did not arrive in time.
        = lingering
        > \r\n
        @ 5s
        # 1
        = 408: The request head did not arrive in time.
        ",
    );
}

/// RFC 9110 §9.3.2: the answer to HEAD has no content, even where little more than that is known.
#[test]
fn a_head_request_that_is_late_gets_no_content() {
    for blank in ["", r"\r\n"] {
        converse(&format!(
            r"
            > {blank}HEAD / HT\
            @ 10s
            < HTTP/1.1 408 Request Timeout
            < Content-Type: text/plain; charset=utf-8
            < Content-Length: 41
            < Connection: close
            <
            = lingering
            "
        ));
    }
}

/// An empty line is a first byte like any other.
#[test]
fn empty_lines_are_no_request() {
    converse(
        r"
        >
        @ 10s
        <# 408 The request head did not arrive in time.
        = lingering
        ",
    );
}

/// The second request on a connection has its own ten seconds.
#[test]
fn each_head_has_its_own_time() {
    converse(
        r"
        ! 204
        ! 204
        > GET / HTTP/1.1
        @ 9s
        > Host: x
        >
        > GET / HTTP/1.1
        < HTTP/1.1 204 No Content
        <
        @ 9s
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        = idle
        ",
    );
}

#[test]
fn a_trickle_does_not_extend_the_body() {
    converse(
        r"
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 4
        >
        @ 30s
        > ab\
        @ 29s
        > c\
        @ 1s
        <# 408 The request body did not arrive in time.
        = lingering
        > d\
        ~ half-close
        = 408: The request body did not arrive in time.
        ",
    );
}

/// A body that nobody asked for has no more time than others.
#[test]
fn an_unasked_body_times_out_too() {
    converse(
        r"
        ! 200 held
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 4
        @ 60s
        <# 408 The request body did not arrive in time.
        = lingering
        ",
    );
}

/// *Later*, and then nothing: 503 with Retry-After (RFC 9110 §15.6.4).
#[test]
fn an_answer_that_does_not_come() {
    converse(
        r"
        ! later
        ! later
        > GET / HTTP/1.1
        > Host: x
        >
        = answering
        @ 29s
        ~ wake
        = answering
        # 1
        @ 1s
        < HTTP/1.1 503 Service Unavailable
        < Content-Type: text/plain; charset=utf-8
        < Retry-After: 10
        < Content-Length: 24
        < Connection: close
        <
        < 503 Service Unavailable\n\
        = lingering
        @ 5s
        = 503: the responder did not answer in time
        ",
    );
}

/// *Later*, and then an answer; what came behind the request meanwhile is answered too.
#[test]
fn an_answer_that_comes_later() {
    converse(
        r"
        ! later
        ! later
        ! 200 at last
        > GET / HTTP/1.1
        > Host: x
        >
        > GET /next HTTP/1.1
        > Host: x
        >
        = answering
        ~ wake
        = answering
        @ 29s
        ~ wake
        < HTTP/1.1 200 OK
        < Content-Length: 7
        <
        < at lastHTTP/1.1 200 OK
        < Date: Sun, 06 Nov 1994 08:49:37 GMT
        < Content-Length: 9
        <
        < GET /next\
        = idle
        ~ wake
        = idle
        ",
    );
}

/// Each answer has its own thirty seconds.
#[test]
fn each_answer_has_its_own_time() {
    converse(
        r"
        ! later
        ! 204
        ! later
        > GET / HTTP/1.1
        > Host: x
        >
        @ 20s
        ~ wake
        < HTTP/1.1 204 No Content
        <
        > HEAD / HTTP/1.1
        > Host: x
        >
        @ 29s
        = answering
        @ 1s
        < HTTP/1.1 503 Service Unavailable
        < Content-Type: text/plain; charset=utf-8
        < Retry-After: 10
        < Content-Length: 24
        < Connection: close
        <
        = lingering
        ",
    );
}

/// *Later* while an earlier answer still waits: first that, then the question again. A wake that is
/// rung meanwhile is not lost.
#[test]
fn later_behind_an_answer_that_waits() {
    converse_whole(
        r"
        ! 200 first
        ! later
        ! 200 second
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        = writing
        ~ wake
        = writing
        ~ takes all
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        < first\
        < HTTP/1.1 200 OK
        < Content-Length: 6
        <
        < second\
        = idle
        ",
    );
}

/// The time that a responder has for its answer is not longer because an earlier one waits.
#[test]
fn later_behind_an_answer_that_waits_for_long() {
    converse_whole(
        r"
        ! 200 first
        ! later
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        > HEAD / HTTP/1.1
        > Host: x
        >
        @ 20s
        ~ takes all
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        < first\
        @ 9999ms
        = answering
        @ 1ms
        < HTTP/1.1 503 Service Unavailable
        < Content-Type: text/plain; charset=utf-8
        < Retry-After: 10
        < Content-Length: 24
        < Connection: close
        <
        = lingering
        ",
    );
}

/// While `100 Continue` waits to leave nothing is read, so that time does not count.
#[test]
fn a_body_behind_a_word_that_waits() {
    converse(
        r"
        ! body
        ~ blocked
        > PUT / HTTP/1.1
        > Host: x
        > Content-Length: 4
        > Expect: 100-continue
        >
        @ 29s
        ~ takes all
        < HTTP/1.1 100 Continue
        <
        @ 59999ms
        = body
        @ 1ms
        <# 408 The request body did not arrive in time.
        = lingering
        ",
    );
}

/// *Later*, and then the body, please.
#[test]
fn a_body_asked_for_later() {
    converse(
        r"
        ! later
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 3
        > Expect: 100-continue
        >
        = answering
        ~ wake
        < HTTP/1.1 100 Continue
        <
        = body
        > abc\
        < HTTP/1.1 200 OK
        < Content-Length: 3
        <
        < abc\
        = idle
        ",
    );
}

/// A client that shuts its half while the answer is to come later still gets it.
#[test]
fn a_half_closed_client_gets_its_later_answer() {
    converse(
        r"
        ! later
        ! 200 hi
        > GET / HTTP/1.1
        > Host: x
        >
        ~ half-close
        = answering
        ~ wake
        < HTTP/1.1 200 OK
        < Content-Length: 2
        <
        < hi\
        = the client closed it
        ",
    );
}

/// A client that takes nothing of its answer for 30 s.
#[test]
fn a_write_that_stalls() {
    converse(
        r"
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        @ 29s
        ~ takes 5
        < HTTP/\
        @ 29999ms
        = writing
        @ 1ms
        = the client took nothing of its answer for too long
        ",
    );
}

/// Every byte that is taken gives it 30 s more, in the content too.
#[test]
fn a_write_that_goes_on() {
    converse(
        r"
        ! shared 200 {x*20000}
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        @ 29s
        ~ takes 79
        < HTTP/1.1 200 OK
        < Content-Length: 20000
        <
        @ 29s
        ~ takes 19999
        < {x*19999}\
        @ 29s
        = writing
        ~ takes 1
        < x\
        = idle
        ",
    );
}

/// While an answer waits nothing is read, so the client's window closes: back-pressure.
#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    converse(
        r"
        ! 200 first
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        = writing
        > GET /second HTTP/1.1
        > Host: x
        >
        = writing
        ~ takes all
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        < firstHTTP/1.1 200 OK
        < Date: Sun, 06 Nov 1994 08:49:37 GMT
        < Content-Length: 11
        <
        < GET /second\
        = idle
        ",
    );
}

/// After the last answer: 5 s without a byte.
#[test]
fn lingering_in_silence() {
    converse(
        r"
        ! closing 204
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        < Connection: close
        <
        @ 4999ms
        = lingering
        @ 1ms
        = the last answer was given
        ",
    );
}

/// After the last answer: 30 s in all, whatever comes.
#[test]
fn lingering_in_all() {
    converse(
        r"
        ! closing 204
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        < Connection: close
        <
        @ 4s
        > blind
        @ 4s
        > blind
        @ 4s
        > blind
        @ 4s
        > blind
        @ 4s
        > blind
        @ 4s
        > blind
        @ 4s
        > blind
        @ 1999ms
        = lingering
        @ 1ms
        = the last answer was given
        ",
    );
}
