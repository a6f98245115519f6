//! One request after another: what persists, what closes, and which answers have no content.

use oneloop::Limits;
use oneloop::config::CLOSED_AT_ONCE;
use oneloop::connection::Phase;

use super::driver::Driver;
use super::script::Script;
use super::transcript::{converse, converse_whole};

/// RFC 9112 §9.3: HTTP/1.1 persists unless somebody says otherwise.
#[test]
fn one_request_after_another() {
    converse(
        r"
        > GET /a?b=c HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 10
        <
        < GET /a?b=c\
        = idle
        > DELETE /%61 HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 9
        <
        < DELETE /a\
        = idle
        ~ half-close
        = the client closed it
        ",
    );
}

/// RFC 9112 §9.3.2: pipelined requests are answered in the order in which they came.
#[test]
fn pipelined_requests_are_answered_in_order() {
    converse(
        r"
        > GET /1 HTTP/1.1
        > Host: x
        >
        > HEAD /2 HTTP/1.1
        > Host: x
        >
        > GET /3 HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 6
        <
        < GET /1HTTP/1.1 200 OK
        < Date: Sun, 06 Nov 1994 08:49:37 GMT
        < Content-Length: 7
        <
        < HTTP/1.1 200 OK
        < Content-Length: 6
        <
        < GET /3\
        # 3
        = idle
        ",
    );
}

/// The second of two requests is not lost where it came with the first (darkhttpd), nor is its
/// beginning where it came in part.
#[test]
fn the_second_pipelined_request_is_not_lost() {
    converse(
        r"
        ! 204
        ! 204
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Ho\
        < HTTP/1.1 204 No Content
        <
        = head
        > st: x
        >
        < HTTP/1.1 204 No Content
        <
        = idle
        ",
    );
}

/// RFC 9112 §2.2: an empty line before a request line is passed over, between requests too.
#[test]
fn an_empty_line_between_requests_is_passed_over() {
    converse(
        r"
        ! 204
        ! 204
        >
        > GET / HTTP/1.1
        > Host: x
        >
        >
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        < HTTP/1.1 204 No Content
        <
        = idle
        ",
    );
}

/// RFC 9110 §9.3.2: the answer to HEAD has the fields of the answer to GET and no content.
#[test]
fn the_answer_to_head_has_no_content() {
    converse(
        r"
        ! 200 hello
        ! prepared 200 hello
        ! shared 200 {x*20000}
        ! prepared 200 {x*20000}
        ! file 0 26
        ! source +never end
        > HEAD / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        > HEAD / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        > HEAD / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 20000
        <
        > HEAD / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 20000
        <
        > HEAD / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 26
        <
        > HEAD / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Transfer-Encoding: chunked
        <
        = idle
        ",
    );
}

/// RFC 9110 §6.4.1, RFC 9112 §6.3: 204 and 304 have no content and no length, whatever the
/// responder gave them.
#[test]
fn no_content_means_none() {
    converse(
        r"
        ! 204 smuggled
        ! prepared 204 smuggled
        ! 304 smuggled
        ! prepared 304 smuggled
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 304 Not Modified
        <
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 304 Not Modified
        <
        = idle
        ",
    );
}

/// RFC 9112 §9.3: HTTP/1.0 closes after the answer.
#[test]
fn http_1_0_closes() {
    converse(
        r"
        ! 200 hi
        > GET / HTTP/1.0
        >
        < HTTP/1.1 200 OK
        < Content-Length: 2
        < Connection: close
        <
        < hi\
        ~ half-close
        = the last answer was given
        ",
    );
}

/// RFC 9112 §9.3: …unless the client asks for keep-alive, which is then said.
#[test]
fn http_1_0_persists_where_it_asks() {
    converse(
        r"
        ! 200 hi
        ! prepared 200 hi
        > GET / HTTP/1.0
        > Connection: Keep-Alive
        >
        < HTTP/1.1 200 OK
        < Content-Length: 2
        < Connection: keep-alive
        <
        < hi\
        = idle
        > GET / HTTP/1.0
        > Connection: keep-alive
        >
        < HTTP/1.1 200 OK
        < Content-Length: 2
        < Connection: keep-alive
        <
        < hi\
        = idle
        > GET / HTTP/1.0
        > Connection: keep-alive, close
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        < Connection: close
        <
        < GET /\
        ~ half-close
        = the last answer was given
        ",
    );
}

/// RFC 9112 §9.6: after a request with `close` nothing more is processed.
#[test]
fn close_is_honoured_and_said() {
    converse(
        r"
        ! prepared 200 hi
        > GET / HTTP/1.1
        > Host: x
        > Connection: x-other, Close
        >
        < HTTP/1.1 200 OK
        < Content-Length: 2
        < Connection: close
        <
        < hi\
        ~ half-close
        = the last answer was given
        ",
    );
}

/// RFC 9112 §9.6: a responder may close too.
#[test]
fn a_responder_may_close() {
    converse(
        r"
        ! closing 200 bye
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 3
        < Connection: close
        <
        < bye\
        = lingering
        > more that nobody reads
        = lingering
        ~ reset
        = the last answer was given
        ",
    );
}

/// Closing a socket that has unread bytes is a reset, which may destroy the answer (RFC 9112 §9.6).
#[test]
fn who_sends_more_behind_a_last_request_is_lingered_for() {
    const LAST: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let long = "x".repeat(CLOSED_AT_ONCE);
    for (body, behind, per_write, phase) in [
        ("hi", "", usize::MAX, Phase::Closed),
        ("hi", "\r\n", usize::MAX, Phase::Lingering),
        ("hi", LAST, usize::MAX, Phase::Lingering),
        // What has not left at once may still be in the kernel when the next byte comes.
        ("hi", "", 80, Phase::Lingering),
        (&long, "", usize::MAX, Phase::Lingering),
    ] {
        let mut script = Script::default();
        script.says(&format!("prepared 200 {body}"));
        let mut driver = Driver::new(script, Limits::default(), per_write);
        driver.receive(format!("{LAST}{behind}").as_bytes());
        assert_eq!(driver.connection.phase(), phase, "behind it: {behind:?}");
        assert!(driver.socket.reached.ends_with(body.as_bytes()));
    }
}

/// The last of the requests that a connection is granted is answered with `Connection: close`.
#[test]
fn so_many_requests_and_no_more() {
    converse(
        r"
        % requests 2
        ! 204
        ! 204
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 204 No Content
        <
        < HTTP/1.1 204 No Content
        < Connection: close
        <
        = lingering
        ",
    );
}

/// A server that stops answers what has come, and says that it was the last.
#[test]
fn winding_down_every_answer_is_the_last() {
    converse(
        r"
        > GET /1 HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 6
        <
        < GET /1\
        ~ winding down
        > GET /2 HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 6
        < Connection: close
        <
        < GET /2\
        = lingering
        ",
    );
}

/// RFC 9112 §9.6: a client that shuts its half after its requests gets all of its answers.
#[test]
fn a_half_closed_client_gets_its_answers() {
    converse(
        r"
        ~ blocked
        ! 200 hi
        ! file 3 4
        ! 204
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        > GET / HTTP/1.1
        > Host: x
        >
        ~ half-close
        ~ takes all
        < HTTP/1.1 200 OK
        < Content-Length: 2
        <
        < hiHTTP/1.1 200 OK
        < Date: Sun, 06 Nov 1994 08:49:37 GMT
        < Content-Length: 4
        <
        < defgHTTP/1.1 204 No Content
        < Date: Sun, 06 Nov 1994 08:49:37 GMT
        <
        = the client closed it
        ",
    );
}

/// An end in the middle of a request is not the end of one.
#[test]
fn a_client_that_leaves_in_the_middle() {
    converse(
        r"
        > GET / HT\
        ~ half-close
        = the client left in the middle of a request
        ",
    );
    converse(
        r"
        ! body
        > POST / HTTP/1.1
        > Host: x
        > Content-Length: 3
        >
        > ab\
        ~ half-close
        = the client left in the middle of a request
        ",
    );
    converse(
        r"
        ~ reset
        = the transport failed: connection reset
        ",
    );
}

/// A client that is gone while its answer waits: nothing is kept for it.
#[test]
fn a_client_that_resets_while_its_answer_waits() {
    converse(
        r"
        ~ blocked
        > GET / HTTP/1.1
        > Host: x
        >
        = writing
        ~ reset
        = the transport failed: connection reset
        ",
    );
}

/// A client that resets as soon as it has asked. The write meets the reset, and a closed connection
/// holds nothing: what the socket did not take is not put back.
#[test]
fn a_write_that_meets_a_reset_leaves_nothing_behind() {
    converse_whole(
        r"
        ! later
        ! 200 hi
        > GET / HTTP/1.1
        > Host: x
        >
        ~ resets unseen
        ~ wake
        = the transport failed: connection reset
        ",
    );
}

/// A client that is gone while the responder is not ready yet, and nothing is read or written.
#[test]
fn a_client_that_resets_while_nothing_is_said() {
    converse(
        r"
        ! later
        > GET / HTTP/1.1
        > Host: x
        >
        = answering
        ~ reset
        = the transport failed: connection reset
        ",
    );
}

/// Whatever it is about, a connection that the loop closes has that reason and holds nothing.
#[test]
fn a_connection_can_be_closed_at_any_time() {
    let head = "> GET / HTTP/1.1\n> Host: x\n> Content-Length: 1\n>\n";
    for (script, before, phase) in [
        ("", "", "idle"),
        ("", "> GET /\\\n", "head"),
        ("! later\n", head, "answering"),
        ("! body\n", head, "body"),
        ("! 204\n~ blocked\n", "> G / HTTP/1.1\n> Host: x\n>\n> GET /\\\n", "writing"),
    ] {
        converse(&format!("{script}{before}= {phase}\n~ cut off\n= the grace time ran out\n"));
    }
}

/// But one that lingers has had its last answer, and with it its reason.
#[test]
fn a_connection_that_lingers_has_its_reason() {
    converse(
        r"
        > \x16\
        <# 400 These bytes do not begin an HTTP request.
        = lingering
        ~ cut off
        = 400: These bytes do not begin an HTTP request.
        ~ wake
        = 400: These bytes do not begin an HTTP request.
        ",
    );
}

/// A request keeps its name, by which a responder finds what it has begun for it, however often it
/// is asked; and no other has it.
#[test]
fn a_request_keeps_its_name() {
    converse(
        r"
        ! id
        ! later
        ! later
        ! id
        ! id
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        < c1.r1\
        > GET / HTTP/1.1
        > Host: x
        >
        ~ wake
        ~ wake
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        < c1.r2\
        > GET / HTTP/1.1
        > Host: x
        >
        < HTTP/1.1 200 OK
        < Content-Length: 5
        <
        < c1.r3\
        = idle
        ",
    );
}

/// What a responder is told beside method and target. RFC 9112 §3.2.2: the host of an absolute
/// target stands above Host.
#[test]
fn what_a_responder_is_told() {
    for (request, told) in [
        (r"GET / HTTP/1.1\r\nHost: x:80\r\n\r\n", "HTTP/1.1 x:80 no body"),
        (r"GET http://y/ HTTP/1.9\r\nHost: x\r\n\r\n", "HTTP/1.1 y no body"),
        (r"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 x no body"),
        (r"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz", "HTTP/1.1 x a body"),
        (
            r"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 x a body",
        ),
    ] {
        let length = told.len();
        converse(&format!(
            r"
            ! told
            > {request}\
            < HTTP/1.1 200 OK
            < Content-Length: {length}
            <
            < {told}\
            = idle
            "
        ));
    }
    converse(
        r"
        ! told
        > GET / HTTP/1.0
        >
        < HTTP/1.1 200 OK
        < Content-Length: 24
        < Connection: close
        <
        < HTTP/1.0 nowhere no body\
        ~ half-close
        = the last answer was given
        ",
    );
}
