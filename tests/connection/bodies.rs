//! Request bodies: asked for, not asked for, announced and waited for, too long.

use super::transcript::{converse, converse_whole};

/// RFC 9112 §6.2: a body of so many bytes, and the next request behind it.
#[test]
fn a_body_of_known_length_is_read() {
    converse(
        r"
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 11
        >
        > hello worldGET /next HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 11
        <
        < hello worldHTTP/1.1 200 OK
        < Date: Sun, 06 Nov 1994 08:49:37 GMT
        < Content-Length: 9
        <
        < GET /next\
        = idle
        ",
    );
}

/// RFC 9112 §7.1: chunks, extensions that mean nothing, and trailers, which the reader is given.
#[test]
fn a_chunked_body_is_read_with_its_trailers() {
    converse(
        r#"
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 5;a=b
        > hello
        > 00B ; q="; \\" "
        >  wide world
        > 0
        > X-Sum: 16
        > x-other:  two words
        >
        > GET /next HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 43
        <
        < hello wide world|X-Sum=16|x-other=two words\
        < HTTP/1.1 200 OK
        < Content-Length: 9
        <
        < GET /next\
        = idle
        "#,
    );
}

/// No body is one of no bytes: the reader answers at once (RFC 9112 §6.3).
#[test]
fn a_reader_of_no_body_answers_at_once() {
    converse(
        r"
        ! body
        ! body
        ! body
        > POST / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 0
        <
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 0
        > Expect: 100-continue
        >
        < HTTP/1.1 200 OK
        < Content-Length: 0
        <
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 0
        >
        < HTTP/1.1 200 OK
        < Content-Length: 0
        <
        = idle
        ",
    );
}

/// A body of more than one receive buffer goes through in pieces.
#[test]
fn a_long_body_goes_through_in_pieces() {
    converse_whole(
        r"
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 200000
        >
        > {0123456789*20000}\
        < HTTP/1.1 200 OK
        < Content-Length: 200000
        <
        < {0123456789*20000}\
        = idle
        ",
    );
}

/// HEAD with a body, which is read; the answer to it has no content (RFC 9110 §9.3.2).
#[test]
fn head_may_have_a_body_and_no_answer_has() {
    converse(
        r"
        ! body
        > HEAD / HTTP/1.1
        > Host: x
        > Content-Length: 3
        >
        > abc\
        < HTTP/1.1 200 OK
        < Content-Length: 3
        <
        = idle
        ",
    );
}

// 100-continue (RFC 9110 §10.1.1).

/// The client waits for a word, the responder wants the body: the word is given.
#[test]
fn continue_is_said_where_the_body_is_wanted() {
    converse(
        r"
        ! body
        > PUT / HTTP/1.1
        > Host: x
        > Content-Length: 4
        > Expect: 100-continue
        >
        < HTTP/1.1 100 Continue
        <
        = body
        > data\
        < HTTP/1.1 200 OK
        < Content-Length: 4
        <
        < data\
        = idle
        ",
    );
}

/// The same with a chunked body, and with a client that takes its time to read the word.
#[test]
fn continue_is_said_to_chunks_too() {
    converse(
        r"
        ! body
        ~ blocked
        > PUT / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        > Expect: 100-Continue
        >
        = writing
        ~ takes all
        < HTTP/1.1 100 Continue
        <
        = body
        > 4
        > data
        > 0
        >
        < HTTP/1.1 200 OK
        < Content-Length: 4
        <
        < data\
        = idle
        ",
    );
}

/// "A server MAY omit sending a 100 response if it has already received some or all of the
/// content": a client that did not wait needs no word.
#[test]
fn continue_is_not_said_once_the_body_has_begun() {
    converse_whole(
        r"
        ! body
        > PUT / HTTP/1.1
        > Host: x
        > Content-Length: 4
        > Expect: 100-continue
        >
        > d\
        = body
        > ata\
        < HTTP/1.1 200 OK
        < Content-Length: 4
        <
        < data\
        = idle
        ",
    );
}

/// "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that
/// expectation."
#[test]
fn continue_is_not_said_to_http_1_0() {
    converse(
        r"
        ! body
        > PUT / HTTP/1.0
        > Content-Length: 4
        > Expect: 100-continue
        >
        = body
        > data\
        < HTTP/1.1 200 OK
        < Content-Length: 4
        < Connection: close
        <
        < data\
        = lingering
        ",
    );
}

/// A final answer in place of 100: the client may send the body or not, so nobody can say where the
/// next request begins, and the connection closes.
#[test]
fn an_expected_word_and_an_unasked_body() {
    converse(
        r"
        ! 403 no
        > PUT / HTTP/1.1
        > Host: x
        > Content-Length: 4
        > Expect: 100-continue
        >
        < HTTP/1.1 403 Forbidden
        < Content-Length: 2
        < Connection: close
        <
        < no\
        = lingering
        > data\
        = lingering
        ",
    );
}

// Bodies that nobody asked for (RFC 9112 §9.3: "a server MUST read the entire request message body
// or close the connection after sending its response").

/// A short one is skipped, the answer held until it has passed.
#[test]
fn an_unasked_body_is_skipped() {
    converse(
        r"
        ! 404 none
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 40
        >
        = body
        > GET /smuggled HTTP/1.1\r\nHost: localhost\
        = body
        > n\
        < HTTP/1.1 404 Not Found
        < Content-Length: 4
        <
        < none\
        = idle
        > GET /next HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 9
        <
        < GET /next\
        = idle
        ",
    );
}

/// Chunks too, and prepared answers are held like others.
#[test]
fn an_unasked_chunked_body_is_skipped() {
    converse(
        r"
        ! prepared 200 hi
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 3
        > abc
        = body
        > 0
        > Trailer: skipped
        >
        < HTTP/1.1 200 OK
        < Content-Length: 2
        <
        < hi\
        = idle
        ",
    );
}

/// 64 KiB are skipped, and a byte more is not: the answer is given at once, and is the last.
#[test]
fn what_is_too_long_to_skip_closes() {
    converse_whole(
        r"
        ! 204
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 65536
        >
        > {z*65536}\
        < HTTP/1.1 204 No Content
        <
        = idle
        ",
    );
    converse(
        r"
        ! 204
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 65537
        >
        < HTTP/1.1 204 No Content
        < Connection: close
        <
        = lingering
        > {z*1000}\
        = lingering
        ",
    );
}

/// The same by chunks: judged by what a chunk announces, before it is sent.
#[test]
fn chunks_that_are_too_long_to_skip_close() {
    converse_whole(
        r"
        ! 204
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > ffff
        > {z*65535}
        > 1
        > z
        = body
        > 0
        >
        < HTTP/1.1 204 No Content
        <
        = idle
        ",
    );
    converse(
        r"
        ! 204
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 1
        > z
        > 10000
        < HTTP/1.1 204 No Content
        < Connection: close
        <
        = lingering
        ",
    );
}

/// RFC 9112 §7.1: a request whose body is malformed is not well formed, so the held answer is not
/// given, but 400.
#[test]
fn a_malformed_unasked_body_is_refused_instead() {
    converse(
        r"
        ! 200 held
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 3
        > abcX
        <# 400 Chunk data is not followed by CR LF.
        = lingering
        ~ half-close
        = 400: Chunk data is not followed by CR LF.
        ",
    );
    converse(
        r"
        ! 200 held
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > +3
        <# 400 A chunk size is malformed or too large.
        = lingering
        ",
    );
}

/// An answer is held as long as it costs no more than the body that it waits for. One that holds a
/// file, a source or more bytes of its own is given at once, and is the last.
#[test]
fn an_answer_that_cannot_wait() {
    for (script, fields, content) in [
        ("file 0 26", "Content-Length: 26", "abcdefghijklmnopqrstuvwxyz"),
        ("source +a.", "Transfer-Encoding: chunked", r"00000001\r\na\r\n0\r\n\r\n"),
        ("200 {x*65537}", "Content-Length: 65537", "{x*65537}"),
    ] {
        converse(&format!(
            r"
            ! {script}
            > POST / HTTP/1.1
            > Host: x
            > Content-Length: 1
            >
            < HTTP/1.1 200 OK
            < {fields}
            < Connection: close
            <
            < {content}\
            = lingering
            > z\
            = lingering
            "
        ));
    }
}

/// Shared bytes cost nothing to hold; neither does the answer to HEAD, which is but a head.
#[test]
fn an_answer_that_can_wait() {
    for (method, script, fields, content) in [
        ("POST", "200 {x*65536}", "Content-Length: 65536", "{x*65536}"),
        ("POST", "shared 200 {x*65537}", "Content-Length: 65537", "{x*65537}"),
        ("POST", "prepared 200 {x*65537}", "Content-Length: 65537", "{x*65537}"),
        ("HEAD", "200 {x*65537}", "Content-Length: 65537", ""),
        ("HEAD", "prepared 200 hi", "Content-Length: 2", ""),
        ("HEAD", "file 0 26", "Content-Length: 26", ""),
        ("HEAD", "source +never end", "Transfer-Encoding: chunked", ""),
    ] {
        converse(&format!(
            r"
            ! {script}
            > {method} / HTTP/1.1
            > Host: x
            > Content-Length: 1
            >
            = body
            > z\
            < HTTP/1.1 200 OK
            < {fields}
            <
            < {content}\
            = idle
            "
        ));
    }
}

/// What a responder said of the connection is held with its answer.
#[test]
fn an_answer_that_waits_and_closes() {
    for method in ["HEAD", "POST"] {
        converse(&format!(
            r"
            ! closing 205
            > {method} / HTTP/1.1
            > Host: x
            > Content-Length: 1
            >
            = body
            > z\
            < HTTP/1.1 205 Reset Content
            < Content-Length: 0
            < Connection: close
            <
            = lingering
            "
        ));
    }
}

// 413 (RFC 9110 §15.5.14).

/// `--max-body` binds what is asked for: by its length, at once, and 100 is not said.
#[test]
fn a_body_announced_too_long_is_refused() {
    converse(
        r"
        % max-body 10
        ! body
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 10
        >
        > 0123456789\
        < HTTP/1.1 200 OK
        < Content-Length: 10
        <
        < 0123456789\
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 11
        > Expect: 100-continue
        >
        <# 413 The request body is too long.
        = lingering
        > 01234567890\
        ~ half-close
        = 413: The request body is too long.
        ",
    );
}

/// By its chunks: as soon as one is announced that goes beyond.
#[test]
fn chunks_that_go_beyond_are_refused() {
    converse(
        r"
        % max-body 10
        ! body
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 6
        > 012345
        > 4
        > 6789
        > 0
        >
        < HTTP/1.1 200 OK
        < Content-Length: 10
        <
        < 0123456789\
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 6
        > 012345
        > 5
        <# 413 The request body is too long.
        = lingering
        ",
    );
}

/// A chunk of nearly 2^63 bytes after another is too long, and nothing overflows.
#[test]
fn a_chunk_of_nearly_everything_is_too_long() {
    converse(
        r"
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Transfer-Encoding: chunked
        >
        > 1
        > z
        > 7fffffffffffffff
        <# 413 The request body is too long.
        = lingering
        ",
    );
}

/// The answer to HEAD has no content even where it refuses the body.
#[test]
fn head_is_refused_without_content() {
    converse(
        r"
        % max-body 1
        ! body
        > HEAD / HTTP/1.1
        > Host: x
        > Content-Length: 2
        >
        < HTTP/1.1 413 Content Too Large
        < Content-Type: text/plain; charset=utf-8
        < Content-Length: 30
        < Connection: close
        <
        = lingering
        ",
    );
}
