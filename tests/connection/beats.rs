//! Sources that say when they are to be pulled again: bodies that go on by themselves, while nobody
//! rings for them.

use super::transcript::converse;

/// A source may say when it is to be pulled again, and nobody rings: neither before nor after, with
/// a piece or without one, on HTTP/1.1 and on 1.0.
#[test]
fn a_source_goes_on_when_its_beat_comes() {
    converse(
        r"
        ! source @5s +one@3600s @1s +two@20ms +three end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        @ 4999ms
        = writing
        @ 1ms
        < 00000003
        < one
        @ 3599999ms
        = writing
        @ 1ms
        = writing
        @ 999ms
        = writing
        @ 1ms
        < 00000003
        < two
        @ 20ms
        < 00000005
        < three
        < 0
        <
        = idle
        @ 60s
        = it was idle too long
        ",
    );
    converse(
        r"
        ! source +one@5s @5s +two.
        > GET / HTTP/1.0
        >
        < HTTP/1.1 200 OK
        < Connection: close
        <
        < one\
        @ 9999ms
        = writing
        @ 1ms
        < two\
        = lingering
        ",
    );
}

/// A wake comes before a beat, and what was to come then is forgotten: the next beat counts from
/// the turn in which the source was pulled, and behind *later* there is none.
#[test]
fn a_wake_supersedes_a_beat() {
    converse(
        r"
        ! source +one@10s +two@10s later +three@1s end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        @ 9s
        ~ wake
        < 00000003
        < two
        @ 9999ms
        = writing
        ~ wake
        @ 3600s
        = writing
        ~ wake
        < 00000005
        < three
        @ 999ms
        = writing
        @ 1ms
        < 0
        <
        = idle
        ",
    );
}

/// No beat is shorter than a millisecond, so that none keeps the loop turning.
#[test]
fn a_beat_of_no_time_is_a_millisecond() {
    converse(
        r"
        ! source +one@0ms @0ms +two@0ms end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        ~ turn
        ~ turn
        @ 1ms
        = writing
        @ 1ms
        < 00000003
        < two
        ~ turn
        = writing
        @ 1ms
        < 0
        <
        = idle
        ",
    );
}

/// While the client takes its time the source is not pulled. A beat that has passed by then is made
/// up for as soon as all has left, and one that has not is waited for.
#[test]
fn a_beat_waits_for_a_slow_client() {
    for (beat, is_over) in [("19s", true), ("20s", true), ("21s", false)] {
        let rest = if is_over { "" } else { "= writing\n@ 1s" };
        converse(&format!(
            r"
            ! source +one@{beat} +two.
            ~ blocked
            > GET / HTTP/1.1
            > Host: x
            >
            @ 20s
            = writing
            ~ takes 99
            < HTTP/1.1 200 OK
            < Transfer-Encoding: chunked
            <
            < 00000003
            < one
            {rest}
            ~ takes all
            < 00000003
            < two
            < 0
            <
            = idle
            "
        ));
    }
}

/// But a client that takes nothing is stalled, however often the beat passes; and who has taken
/// what there was is not, however long there is nothing.
#[test]
fn a_beat_does_not_excuse_a_client_that_stalls() {
    for first in ["", "@1s ", "+one@1s "] {
        converse(&format!(
            r"
            ! source {first}+two@1s +three@1s end
            ~ blocked
            > GET / HTTP/1.1
            > Host: x
            >
            @ 29999ms
            = writing
            @ 1ms
            = the client took nothing of its answer for too long
            "
        ));
    }
    converse(
        r"
        ! source +one@100s +two@1s +three@1s end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        < 00000003
        < one
        @ 99s
        ~ blocked
        @ 30999ms
        = writing
        @ 1ms
        = the client took nothing of its answer for too long
        ",
    );
}

/// Whose client has shut its half has the time of an idle connection to make something. To be
/// pulled and to have nothing gives it no more.
#[test]
fn a_beat_does_not_keep_a_client_that_has_left() {
    for nothing in ["@20s @20s @20s @20s", "@50s @20s", "@20s later", "@20s @3600s"] {
        converse(&format!(
            r"
            ! source +one@20s {nothing} +two@10s end
            > GET / HTTP/1.1
            > Host: x
            >
            < HTTP/1.1 200 OK
            < Transfer-Encoding: chunked
            <
            < 00000003
            < one
            @ 10s
            ~ half-close
            @ 59999ms
            = writing
            @ 1ms
            = the source of the body was silent too long, and the client's half was closed
            "
        ));
    }
}

/// The same of a source that is only ever rung for; and to make something does give more time.
#[test]
fn only_what_a_source_makes_keeps_a_client_that_has_left() {
    converse(
        r"
        ! source later later later later end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        ~ half-close
        @ 20s
        ~ wake
        @ 20s
        ~ wake
        @ 19999ms
        = writing
        @ 1ms
        = the source of the body was silent too long, and the client's half was closed
        ",
    );
    converse(
        r"
        ! source @50s +one@50s +two@50s @10s @1s end
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        ~ half-close
        @ 50s
        < 00000003
        < one
        @ 50s
        < 00000003
        < two
        @ 59999ms
        = writing
        @ 1ms
        = the source of the body was silent too long, and the client's half was closed
        ",
    );
}

/// Behind a beat too a source that only promises does not keep its connection.
#[test]
fn a_source_that_only_promises_when_its_beat_comes() {
    for how in ["", "~ wake"] {
        converse(&format!(
            r"
            ! source +one@50s nothing
            > GET / HTTP/1.1
            > Host: x
            >
            < HTTP/1.1 200 OK
            < Transfer-Encoding: chunked
            <
            < 00000003
            < one
            @ 49999ms
            {how}
            @ {then}
            ~ turn
            @ 29999ms
            ~ turn
            = writing
            @ 1ms
            = the client took nothing of its answer for too long
            ",
            then = if how.is_empty() { "1ms" } else { "0ms" },
        ));
    }
}
