//! Bodies of answers that are more than a few bytes: shared ones, files, and sources, which make
//! theirs while it is sent.

use super::transcript::converse;

/// Up to 16 KiB a body is copied behind its head, above it is sent from where it lies; the client
/// cannot tell.
#[test]
fn long_bodies_leave_from_where_they_lie() {
    for script in ["shared 200", "prepared 200", "200"] {
        for length in [16384, 16385, 70000] {
            converse(&format!(
                r"
                ! {script} {{x*{length}}}
                ! 204
                > GET / HTTP/1.1
                > Host: x
                >
                > GET / HTTP/1.1
                > Host: x
                >
                < HTTP/1.1 200 OK
                < Content-Length: {length}
                <
                < {{x*{length}}}\
                < HTTP/1.1 204 No Content
                <
                = idle
                "
            ));
        }
    }
}

/// A client that takes the head and a part, and the rest later, gets the same; not a byte of it is
/// taken for sent before.
#[test]
fn long_bodies_leave_bit_by_bit() {
    for script in ["shared 200", "prepared 200", "200"] {
        converse(&format!(
            r"
            ! {script} {{x*70000}}
            ~ takes 84
            > GET / HTTP/1.1
            > Host: x
            >
            < HTTP/1.1 200 OK
            < Content-Length: 70000
            <
            < xxxxx\
            = writing
            ~ takes 69994
            < {{x*69994}}\
            = writing
            ~ takes 1
            < x\
            = idle
            "
        ));
    }
}

/// More answers than one send buffer holds, to a client that takes none of them for a while.
#[test]
fn answers_do_not_pile_up() {
    converse(
        r"
        ! 200 {a*16000}
        ! 200 {b*16000}
        ! 200 {c*16000}
        ! 200 {d*16000}
        ! 200 {e*16000}
        ! 200 {f*16000}
        ~ blocked
        > {GET / HTTP/1.1\r\nHost: x\r\n\r\n*6}\
        = writing
        ~ takes all
        < HTTP/1.1 200 OK
        < Content-Length: 16000
        <
        < {a*16000}\
        < HTTP/1.1 200 OK
        < Content-Length: 16000
        <
        < {b*16000}\
        < HTTP/1.1 200 OK
        < Content-Length: 16000
        <
        < {c*16000}\
        < HTTP/1.1 200 OK
        < Content-Length: 16000
        <
        < {d*16000}\
        < HTTP/1.1 200 OK
        < Content-Length: 16000
        <
        < {e*16000}\
        < HTTP/1.1 200 OK
        < Content-Length: 16000
        <
        < {f*16000}\
        = idle
        ",
    );
}

#[test]
fn a_file_leaves_by_ranges() {
    converse(
        r"
        ! file 0 26
        ! file 25 1
        ! file 3 0
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 26
        <
        < abcdefghijklmnopqrstuvwxyz\
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 1
        <
        < z\
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 0
        <
        = idle
        ",
    );
}

/// RFC 9112 §8: where the length was promised already only the close can say that it is not kept.
#[test]
fn a_file_that_became_shorter_cuts_the_connection() {
    converse(
        r"
        ! file 20 26
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 26
        <
        < uvwxyz\
        = the file became shorter while it was sent
        ",
    );
}

/// RFC 9112 §7.1: chunked on HTTP/1.1, and the connection goes on.
#[test]
fn a_source_is_chunked() {
    converse(
        r"
        ! source +hello +{x*20} end
        ! source +hello +{x*20}.
        ! source end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000005
        < hello
        < 00000014
        < {x*20}
        < 0
        <
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000005
        < hello
        < 00000014
        < {x*20}
        < 0
        <
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 0
        <
        = idle
        ",
    );
}

/// RFC 9112 §6.3, §7.1: never chunked on HTTP/1.0, where the close is the end, even if the client
/// asked for keep-alive.
#[test]
fn a_source_ends_with_the_connection_on_http_1_0() {
    converse(
        r"
        ! source +hello +world end
        > GET / HTTP/1.0
        > Connection: keep-alive
        >
        < HTTP/1.1 200 OK
        < Connection: close
        <
        < helloworld\
        = lingering
        ~ half-close
        = the last answer was given
        ",
    );
}

#[test]
fn a_source_goes_on_when_its_wake_is_rung() {
    converse(
        r"
        ! source later +one +two later later +three end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        = writing
        ~ wake
        < 00000003
        < one
        < 00000003
        < two
        ~ wake
        = writing
        ~ wake
        < 00000005
        < three
        < 0
        <
        = idle
        ",
    );
}

/// Who waits for a source is not stalled by its client: a quiet event stream lives.
#[test]
fn a_source_may_be_quiet_for_long() {
    converse(
        r"
        ! source +one later +two end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        @ 3600s
        = writing
        ~ wake
        < 00000003
        < two
        < 0
        <
        = idle
        ",
    );
}

/// The same where it says *later* in the breath of a piece.
#[test]
fn a_source_may_be_quiet_behind_a_piece() {
    converse(
        r"
        ! source +one~ +two.
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        @ 3600s
        = writing
        ~ wake
        < 00000003
        < two
        < 0
        <
        = idle
        ",
    );
}

/// The same where the client took its time with the piece before.
#[test]
fn a_source_may_be_quiet_behind_a_slow_client() {
    converse(
        r"
        ! source +one later end
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        @ 20s
        ~ takes all
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        @ 3600s
        = writing
        ~ wake
        < 0
        <
        = idle
        ",
    );
}

/// A client that has shut its half may have gone altogether, and only a write would tell. So a
/// source that waits has from then on the time that an idle connection has.
#[test]
fn a_quiet_source_does_not_keep_a_client_that_has_left() {
    converse(
        r"
        ! source +one later +two later end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        @ 3600s
        ~ half-close
        @ 59s
        = writing
        ~ wake
        < 00000003
        < two
        @ 59999ms
        = writing
        @ 1ms
        = the source of the body was silent too long, and the client's half was closed
        ",
    );
}

/// But a client that takes nothing of what a source has made is stalled, whatever the source says.
#[test]
fn a_quiet_source_does_not_excuse_a_client_that_stalls() {
    converse(
        r"
        ! source +one later end
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        @ 30s
        = the client took nothing of its answer for too long
        ",
    );
}

/// A wake that is rung while the client is slow is not lost.
#[test]
fn a_wake_is_remembered_while_the_client_is_slow() {
    converse(
        r"
        ! source +one~ +two.
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        ~ blocked
        ~ wake
        ~ wake
        = writing
        ~ takes all
        < 00000003
        < two
        < 0
        <
        = idle
        ",
    );
}

/// RFC 9112 §8: a source that fails ends the connection before the last chunk, so that the client
/// sees that the body is not whole.
#[test]
fn a_source_that_fails_cuts_the_connection() {
    converse(
        r"
        ! source +one later +two fail
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        ~ wake
        < 00000003
        < two
        = lingering
        ~ half-close
        = the source of the body failed
        ",
    );
}

#[test]
fn a_source_that_panics_cuts_the_connection() {
    converse(
        r"
        ! source +one~ panic
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        ~ wake
        = lingering
        ~ half-close
        = 500: the responder panicked
        ",
    );
}

/// A client that takes nothing of the last piece of a source that failed is stalled like others.
#[test]
fn a_source_that_failed_does_not_excuse_a_client_that_stalls() {
    converse(
        r"
        ! source +one~ +two!
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        ~ blocked
        ~ wake
        @ 30s
        = the client took nothing of its answer for too long
        ",
    );
}

/// To say that there is more and to make nothing is no progress: a source that only promises does
/// not keep its connection.
#[test]
fn a_source_that_only_promises() {
    converse(
        r"
        ! source nothing
        > GET / HTTP/1.1
        > Host: x
        >
        ~ turn
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        @ 15s
        ~ turn
        @ 14999ms
        ~ turn
        = writing
        @ 1ms
        = the client took nothing of its answer for too long
        ",
    );
    converse(
        r"
        ! source +one~ nothing
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        @ 3600s
        ~ wake
        @ 29999ms
        ~ turn
        = writing
        @ 1ms
        = the client took nothing of its answer for too long
        ",
    );
}

/// A source that fails at once takes nobody with it: the whole answer before it still leaves.
#[test]
fn an_answer_before_a_source_that_fails_is_not_lost() {
    for (how, reason) in
        [("fail", "the source of the body failed"), ("panic", "500: the responder panicked")]
    {
        converse(&format!(
            r"
            ! 204
            ! source {how}
            ~ blocked
            > GET / HTTP/1.1
            > Host: x
            >
            > GET / HTTP/1.1
            > Host: x
            >
            ~ takes 64
            < HTTP/1.1 204 No Content
            <
            ~ takes all
            < HTTP/1.1 200 OK
            < Transfer-Encoding: chunked
            <
            = lingering
            ~ half-close
            = {reason}
            "
        ));
    }
}

/// The same where the socket takes everything.
#[test]
fn an_answer_in_the_same_breath_as_a_source_that_fails_is_not_lost() {
    converse(
        r"
        ! 204
        ! source fail
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        = lingering
        ~ half-close
        = the source of the body failed
        ",
    );
}

/// The same on HTTP/1.0, where nothing lingers: what the close alone would end is reset. Found by
/// fuzzing.
#[test]
fn an_answer_before_a_source_that_fails_on_http_1_0_is_not_lost() {
    for (how, reason) in
        [("fail", "the source of the body failed"), ("panic", "500: the responder panicked")]
    {
        converse(&format!(
            r"
            ! 204
            ! source +one {how}
            > GET / HTTP/1.0
            > Connection: keep-alive
            >
            > GET / HTTP/1.0
            >
            < HTTP/1.1 204 No Content
            < Connection: keep-alive
            <
            < HTTP/1.1 200 OK
            < Connection: close
            <
            < one\
            = {reason}
            "
        ));
    }
}

/// A source pulled only while the client keeps up: it is never more than one send buffer ahead.
#[test]
fn a_source_waits_for_its_client() {
    converse(
        r"
        ! source +{x*40000} +{y*40000} +{z*40000} end
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        = writing
        ~ takes all
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00009c40
        < {x*40000}
        < 00009c40
        < {y*40000}
        < 00009c40
        < {z*40000}
        < 0
        <
        = idle
        ",
    );
}
