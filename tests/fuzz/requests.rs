//! What clients send, drawn from a fuzzer's bytes: requests that are mostly right, one behind the
//! other, and now and then a blow to what is written already.
//!
//! Every choice costs one byte, and zeros make the plainest request there is. So where a fuzzer
//! changes a byte, it changes one thing about a conversation.

use arbitrary::{Result, Unstructured};

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "CONNECT", "get"];
const TARGETS: [&str; 8] =
    ["/", "/a?b=c", "*", "http://y/z", "/%61/../b", "/..", "/a b", "http://y?q"];
const VERSIONS: [&str; 8] =
    ["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/1"];
const FIELDS: [&str; 24] = [
    "Host: x",
    "Connection: close",
    "Connection: keep-alive",
    "connection: Keep-Alive, x",
    "Expect: 100-continue",
    "Expect: 100-continue, more",
    "Content-Length: 0",
    "Content-Length: 1",
    "Content-Length: 3",
    "Content-Length: 70000",
    "Content-Length: 99999999999999999999",
    "Content-Length: 1, 1",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
    "Accept: */*",
    "If-None-Match: \"a\"",
    "X-Empty:",
    "X : y",
    " folded",
    "X: \u{e9}",
    "no colon",
    "Host: y",
    "Host: [::1]:80",
];
const EXTENSIONS: [&str; 4] = ["", ";a", ";a=b;c=\"d\"", " ; a"];
const TRAILERS: [&str; 4] = ["", "A: b\r\n", "A: b\r\nC: d\r\n", "not one\r\n"];
/// What a blow may write over what is there.
const BLOWS: [&[u8]; 8] =
    [b"\n", b"\r", b"\0", b"\r\n", b" ", b"\xFF", b"HEAD ", b"\r\n\r\nGET / HTTP/1.1\r\n"];
/// The most requests of one conversation.
const REQUESTS: u8 = 6;

/// Draws the bytes that a client sends, as long as there is something to draw from.
pub(crate) fn draw(u: &mut Unstructured<'_>) -> Vec<u8> {
    let mut made = Vec::new();
    for _ in 0..REQUESTS {
        if u.is_empty() || request(u, &mut made).is_err() {
            break;
        }
    }
    made
}

fn one_of<'a, T: ?Sized>(u: &mut Unstructured<'_>, these: &[&'a T]) -> Result<&'a T> {
    Ok(these[usize::from(u.arbitrary::<u8>()?) % these.len()])
}

fn request(u: &mut Unstructured<'_>, made: &mut Vec<u8>) -> Result<()> {
    let begin = made.len();
    // Two bits for each of what can be unusual about a request.
    let unusual: u8 = u.arbitrary()?;
    if unusual & 0b11 == 0b11 {
        made.extend(b"\r\n".repeat(usize::from(u.arbitrary::<u8>()? % 6)));
    }
    let words = [one_of(u, &METHODS)?, one_of(u, &TARGETS)?, one_of(u, &VERSIONS)?];
    made.extend(words.join(" ").bytes());
    made.extend(b"\r\n");
    if unusual & 0b1100 != 0b1100 {
        made.extend(b"Host: x\r\n");
    }
    for _ in 0..u.arbitrary::<u8>()? % 4 {
        made.extend(one_of(u, &FIELDS)?.bytes());
        made.extend(b"\r\n");
    }
    body(u, made)?;
    if unusual & 0b11_0000 == 0b11_0000 {
        blow(u, made, begin)?;
    }
    Ok(())
}

/// The end of the head, and a body that is as long as the head says, or nearly.
fn body(u: &mut Unstructured<'_>, made: &mut Vec<u8>) -> Result<()> {
    match u.arbitrary::<u8>()? % 4 {
        0 => made.extend(b"\r\n"),
        1 => {
            let len = usize::from(u.arbitrary::<u8>()?);
            made.extend(format!("Content-Length: {len}\r\n\r\n").bytes());
            made.resize(made.len() + len, b'b');
        }
        2 => {
            made.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for _ in 0..u.arbitrary::<u8>()? % 4 {
                chunk(u, made)?;
            }
            made.extend(b"0\r\n");
            made.extend(one_of(u, &TRAILERS)?.bytes());
            made.extend(b"\r\n");
        }
        // Too long to be passed over, or to be collected.
        _ => {
            let len = usize::from(u.arbitrary::<u8>()?) * 400;
            made.extend(format!("Content-Length: {len}\r\n\r\n").bytes());
            made.resize(made.len() + len, b'c');
        }
    }
    Ok(())
}

/// A chunk; or the beginning of one that is too long to be passed over.
fn chunk(u: &mut Unstructured<'_>, made: &mut Vec<u8>) -> Result<()> {
    let len = usize::from(u.arbitrary::<u8>()?) + 1;
    let said = if len > 240 { len * 400 } else { len };
    made.extend(format!("{said:x}{}\r\n", one_of(u, &EXTENSIONS)?).bytes());
    made.resize(made.len() + len, b'd');
    made.extend(b"\r\n");
    Ok(())
}

/// Something happens to the bytes of this request.
fn blow(u: &mut Unstructured<'_>, made: &mut Vec<u8>, begin: usize) -> Result<()> {
    let at = begin + usize::from(u.arbitrary::<u8>()?) % (made.len() - begin);
    let how: u8 = u.arbitrary()?;
    match how % 4 {
        0 => drop(made.remove(at)),
        1 => made[at] ^= 1 << (how >> 5),
        2 => made.truncate(at),
        _ => {
            let word = one_of(u, &BLOWS)?;
            made.splice(at..at, word.iter().copied());
        }
    }
    Ok(())
}
