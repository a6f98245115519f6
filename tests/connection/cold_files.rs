//! Files that are not in memory: a helper reads them, ten bytes at a time here, and nothing is sent
//! of them before.

use super::transcript::converse;

/// Each stretch that was read leaves without being asked for again, and then the next is asked for.
#[test]
fn a_cold_file_leaves_as_it_is_read() {
    converse(
        r"
        ! file 0 26
        ~ cold
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 26
        <
        = writing
        ~ warmed
        < abcdefghij\
        ~ warmed
        < klmnopqrst\
        ~ warmed
        < uvwxyz\
        = idle
        ",
    );
}

/// Whatever else is rung for, the disk has not been read.
#[test]
fn a_bell_alone_warms_nothing() {
    converse(
        r"
        ! file 0 5
        ~ cold
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        ~ hot
        ~ wake
        ~ turn
        = writing
        ~ warmed
        < abcde\
        = idle
        ",
    );
}

/// A file may be in memory in part, and the parts of a body may be of several.
#[test]
fn every_stretch_is_asked_for() {
    converse(
        r"
        ! parts +(\n 0,12 +)\n 3,2
        ~ cold
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 18
        <
        < (\n\
        ~ warmed
        < abcdefghij\
        ~ hot
        ~ warmed
        < kl)\nde\
        = idle
        ",
    );
}

/// Without a helper it is asked again when there may be one.
#[test]
fn a_cold_file_without_a_helper() {
    converse(
        r"
        ! file 0 5
        ! file 5 5
        ~ cold
        ~ crowded
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        ~ wake
        = writing
        ~ uncrowded
        ~ wake
        = writing
        ~ warmed
        < abcdeHTTP/1.1 200 OK
        < Date: Sun, 06 Nov 1994 08:49:37 GMT
        < Content-Length: 5
        <
        ~ crowded
        ~ wake
        ~ hot
        ~ wake
        = writing
        ~ warmed
        < fghij\
        = idle
        ",
    );
}

/// A disk that does not answer has as long as a responder, and not longer for being asked again.
#[test]
fn a_dead_disk() {
    converse(
        r"
        ! file 0 5
        ~ cold
        ~ crowded
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        @ 20s
        ~ uncrowded
        ~ wake
        @ 9999ms
        ~ wake
        = writing
        @ 1ms
        = the disk did not give the file in time
        ",
    );
}

/// The same for a client that has shut its half, and may have gone.
#[test]
fn a_dead_disk_and_a_half_closed_client() {
    converse(
        r"
        ! file 0 5
        ~ cold
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        ~ half-close
        @ 29999ms
        = writing
        @ 1ms
        = the disk did not give the file in time
        ",
    );
}

/// Each stretch has its own time, and for what was read the client has its own.
#[test]
fn the_disk_and_the_client_have_their_times() {
    converse(
        r"
        ! file 0 26
        ~ cold
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 26
        <
        @ 29s
        ~ takes 3
        ~ warmed
        < abc\
        @ 29s
        ~ takes 7
        < defghij\
        @ 29s
        ~ warmed
        @ 29s
        = writing
        @ 999ms
        = writing
        @ 1ms
        = the client took nothing of its answer for too long
        ",
    );
}

/// That nobody could help and the client takes nothing is the client's fault from the moment on at
/// which the file is there.
#[test]
fn a_client_that_takes_nothing_of_what_is_there_again() {
    converse(
        r"
        ! file 0 5
        ~ cold
        ~ crowded
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        @ 20s
        ~ hot
        ~ blocked
        ~ wake
        @ 29s
        = writing
        @ 1s
        = the client took nothing of its answer for too long
        ",
    );
}

#[test]
fn a_cold_file_that_became_shorter() {
    converse(
        r"
        ! file 24 10
        ~ cold
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 10
        <
        ~ warmed
        < yz\
        = the file became shorter while it was sent
        ",
    );
}
