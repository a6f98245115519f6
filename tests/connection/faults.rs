//! What a client can do wrong and what a responder can, as the connection sees it: one answer, the
//! last, and then it lingers. What is a fault and what is not is `tests/wire.rs`'s.

use super::transcript::converse;

/// RFC 9112 §9.6: a fault is answered, and the reason of the end is the fault.
#[test]
fn a_fault_is_answered_and_the_last() {
    converse(
        r"
        > GET / HTTP/1.1
        >
        <# 400 HTTP/1.1 requires a Host field.
        = lingering
        > GET /never HTTP/1.1
        > Host: x
        >
        = lingering
        @ 5s
        = 400: HTTP/1.1 requires a Host field.
        ",
    );
}

/// A client that has broken the protocol and then resets is remembered for the former.
#[test]
fn a_reset_after_a_fault_is_still_the_fault() {
    converse(
        r"
        > \x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\
        <# 400 These bytes do not begin an HTTP request.
        = lingering
        ~ reset
        = 400: These bytes do not begin an HTTP request.
        ",
    );
}

/// RFC 9112 §9.3.2: the answers to what came before the fault come before the fault's.
#[test]
fn a_fault_behind_pipelined_requests_waits_its_turn() {
    converse(
        r"
        > GET /1 HTTP/1.1
        > Host: x
        >
        > GET /2 HTTP/1.1
        > Host: x
        >
        > GET /3 HTTP/1.1
        > Host : x
        >
        > GET /4 HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 6
        <
        < GET /1\
        < HTTP/1.1 200 OK
        < Content-Length: 6
        <
        < GET /2\
        <# 400 A header field line is malformed.
        # 3
        = lingering
        ~ half-close
        = 400: A header field line is malformed.
        ",
    );
}

/// The same where the answers wait.
#[test]
fn a_fault_behind_answers_that_wait() {
    converse(
        r"
        ! shared 200 {x*20000}
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        > NONSENSE\t
        = writing
        ~ takes all
        < HTTP/1.1 200 OK
        < Content-Length: 20000
        <
        < {x*20000}\
        <# 400 These bytes do not begin an HTTP request.
        = lingering
        ",
    );
}

/// RFC 9110 §9.3.2: a head that was refused and begins with HEAD is answered without content; an
/// empty line before it is none of it (RFC 9112 §2.2).
#[test]
fn a_refused_head_is_answered_without_content() {
    for blank in ["", r"\r\n"] {
        converse(&format!(
            r"
            > {blank}HEAD / HTTP/1.1
            >
            < HTTP/1.1 400 Bad Request
            < Content-Type: text/plain; charset=utf-8
            < Content-Length: 32
            < Connection: close
            <
            = lingering
            "
        ));
    }
}

/// But what was refused before its HEAD could be seen is not taken for one when it is there at once:
/// the answer is the same however the bytes arrive. Found by fuzzing.
#[test]
fn a_head_behind_what_was_refused_is_none() {
    for (before, text) in [
        (r"\r\n\r\n\r\n\r\n\r\n", "There are too many empty lines before the request line."),
        (r" ", "These bytes do not begin an HTTP request."),
        (
            r"\n",
            "A line must end with CR LF, and neither may stand alone; NUL may not stand at all.",
        ),
    ] {
        converse(&format!(
            r"
            > {before}HEAD / HTTP/1.1\
            <# 400 {text}
            = lingering
            "
        ));
    }
}

/// RFC 6585 §5, RFC 9110 §15.5.15: too long a head, too long a target.
#[test]
fn what_is_too_long_is_refused_before_it_ends() {
    converse(
        r"
        % max-head 100
        > GET / HTTP/1.1
        > X: {x*100}\
        <# 431 The request line and header fields are too long.
        = lingering
        ",
    );
    converse(
        r"
        > GET /{x*9000}\
        <# 414 The request target is too long.
        = lingering
        ",
    );
}

/// The 413 reaches a client that sends blindly: what it sends is discarded, and the connection is
/// not reset by unread input (lighttpd's linger).
#[test]
fn a_blind_client_is_listened_to_until_it_has_done() {
    converse(
        r"
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 20000000
        >
        <# 413 The request body is too long.
        = lingering
        > {z*1000}\
        @ 4s
        > {z*1000}\
        @ 4s
        = lingering
        ~ half-close
        = 413: The request body is too long.
        ",
    );
}

// Panics: 500, or a close where the head is out.

#[test]
fn a_responder_that_panics() {
    converse(
        r"
        ! 204
        ! panic
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        > GET /never HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        <# 500 500 Internal Server Error
        = lingering
        ~ half-close
        = 500: the responder panicked
        ",
    );
}

#[test]
fn a_reader_that_panics() {
    for (line, length, body) in [
        ("body panics", "Content-Length: 3", "abc"),
        ("body panics at its end", "Content-Length: 3", "abc"),
        ("body panics", "Transfer-Encoding: chunked", r"3\r\nabc"),
        ("body panics at its end", "Transfer-Encoding: chunked", r"3\r\nabc\r\n0\r\n\r\n"),
    ] {
        converse(&format!(
            r"
            ! {line}
            > POST / HTTP/1.1
            > Host: x
            > {length}
            >
            > {body}\
            <# 500 500 Internal Server Error
            = lingering
            ~ half-close
            = 500: the responder panicked
            "
        ));
    }
}

#[test]
fn a_reader_of_nothing_that_panics() {
    converse(
        r"
        ! body panics at its end
        > GET / HTTP/1.1
        > Host: x
        >
        <# 500 500 Internal Server Error
        = lingering
        ",
    );
}

/// RFC 9110 §9.3.2: "the server MUST NOT send content in the response" to HEAD, also where the
/// responder panics.
#[test]
fn head_is_answered_without_content_when_the_responder_panics() {
    for (script, length) in [("panic", 0), ("body panics", 1), ("body panics at its end", 1)] {
        converse(&format!(
            r"
            ! {script}
            > HEAD / HTTP/1.1
            > Host: x
            > Content-Length: {length}
            >
            > {{x*{length}}}\
            < HTTP/1.1 500 Internal Server Error
            < Content-Type: text/plain; charset=utf-8
            < Content-Length: 26
            < Connection: close
            <
            = lingering
            "
        ));
    }
}

/// The same where it does not answer in time.
#[test]
fn head_is_answered_without_content_when_the_responder_is_late() {
    converse(
        r"
        ! later
        > HEAD / HTTP/1.1
        > Host: x
        >
        @ 30s
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

/// The same where the body does not come in time.
#[test]
fn head_is_answered_without_content_when_the_body_is_late() {
    converse(
        r"
        ! body
        > HEAD / HTTP/1.1
        > Host: x
        > Content-Length: 1
        >
        @ 60s
        < HTTP/1.1 408 Request Timeout
        < Content-Type: text/plain; charset=utf-8
        < Content-Length: 41
        < Connection: close
        <
        = lingering
        ",
    );
}

/// The largest head that can be granted is one receive buffer; one that is longer is refused, and
/// not taken for the end of the connection.
#[test]
fn the_largest_head_is_refused_where_it_is_too_long() {
    converse(
        r"
        % max-head 65536
        > GET / HTTP/1.1
        > X: {x*65536}\
        <# 431 The request line and header fields are too long.
        = lingering
        ",
    );
}

/// One that is as long as that is read, the empty lines before it included.
#[test]
fn the_largest_head_is_read() {
    converse(
        r"
        % max-head 65536
        ! 204
        >
        >
        > GET / HTTP/1.1
        > Host: x
        > X: {x*65500}
        >
        < HTTP/1.1 204 No Content
        <
        = idle
        > GET / HTTP/1.1
        > Host: x
        > X: {x*65505}
        >
        <# 431 The request line and header fields are too long.
        = lingering
        ",
    );
}
