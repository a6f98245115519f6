//! Bodies of several parts: bytes and stretches of a file, one after the other, under one length.

use super::transcript::converse;

/// RFC 9110 §14.6: several ranges of a file, each with a head of its own.
#[test]
fn parts_leave_one_after_the_other() {
    converse(
        r"
        ! parts +--x\r\n\r\n 0,5 +\r\n--x\r\n\r\n 20,6 +\r\n--x--\r\n
        ! 204
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 36
        <
        < --x
        <
        < abcde
        < --x
        <
        < uvwxyz
        < --x--
        < HTTP/1.1 204 No Content
        <
        = idle
        ",
    );
}

/// Every order of them, and short ones, which are copied, as well as long ones.
#[test]
fn parts_come_in_any_order() {
    for (parts, length, body) in [
        ("+a", 1, "a"),
        ("1,2", 2, "bc"),
        ("+a +b", 2, "ab"),
        ("0,1 1,1 2,1", 3, "abc"),
        ("0,1 +b", 2, "ab"),
        ("+a 1,1", 2, "ab"),
        ("+a +b 2,1 3,1 +e +f", 6, "abcdef"),
        ("+{x*16384}", 16384, "{x*16384}"),
        ("+{x*16384} +y", 16385, "{x*16384}y"),
        ("+{x*70000} 25,1 +{y*70000}", 140_001, "{x*70000}z{y*70000}"),
    ] {
        converse(&format!(
            r"
            ! parts {parts}
            > GET / HTTP/1.1
            > Host: x
            >
            < HTTP/1.1 200 OK
            < Content-Length: {length}
            <
            < {body}\
            = idle
            "
        ));
    }
}

#[test]
fn empty_parts_vanish() {
    for parts in ["", "+", "3,0", "+ 3,0 +"] {
        converse(&format!(
            r"
            ! parts {parts}
            ! parts + 0,2 + 3,0 +c {parts}
            > GET / HTTP/1.1
            > Host: x
            >
            < HTTP/1.1 200 OK
            < Content-Length: 0
            <
            > GET / HTTP/1.1
            > Host: x
            >
            < HTTP/1.1 200 OK
            < Content-Length: 3
            <
            < abc\
            = idle
            "
        ));
    }
}

/// The answer to HEAD says how long they are and has none of them.
#[test]
fn head_gets_their_length() {
    converse(
        r"
        ! parts +ab 0,5
        > HEAD / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 7
        <
        = idle
        ",
    );
}

/// RFC 9112 §8: what was promised does not come, so nothing that would come behind it does either.
#[test]
fn a_file_that_became_shorter_cuts_the_connection() {
    converse(
        r"
        ! parts +ab 24,3 +cd
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 7
        <
        < abyz\
        = the file became shorter while it was sent
        ",
    );
}

/// A client that takes nothing is not read from, and its parts wait where they are.
#[test]
fn parts_wait_for_the_client() {
    converse(
        r"
        ! parts +{x*20000} 0,26 +{y*20000}
        ~ takes 100
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 40026
        <
        < {x*21}\
        = writing
        @ 29s
        ~ takes 19990
        < {x*19979}abcdefghijk\
        @ 29s
        ~ takes all
        < lmnopqrstuvwxyz{y*20000}\
        = idle
        ",
    );
}

/// What a file is part of cannot wait for a body that nobody asked for; bytes can.
#[test]
fn parts_and_an_unasked_body() {
    converse(
        r"
        ! parts +a +b
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 3
        >
        > abc\
        < HTTP/1.1 200 OK
        < Content-Length: 2
        <
        < ab\
        ! parts +a 1,1
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 3
        >
        < HTTP/1.1 200 OK
        < Content-Length: 2
        < Connection: close
        <
        < ab\
        = lingering
        ",
    );
}
