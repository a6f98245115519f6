//! What the header fields say about the message itself: whose it is, how long its body is, and
//! whether another may follow.
//!
//! This is where servers get smuggled through: two parties who disagree about where a request ends
//! will disagree about who sent the next one. So whatever can be read in two ways is refused. RFC
//! 9112 §6.3 as a table:
//!
//! | Transfer-Encoding | Content-Length | body |
//! |---|---|---|
//! | none | none | none |
//! | none | one number | that many bytes |
//! | none | no number, too large, or more than one field | refused: 400 |
//! | exactly `chunked`, on 1.1 | none | chunks |
//! | any | any | refused: 400 |
//! | any, on 1.0 | — | refused: 400 (§6.1) |
//! | codings we lack, whatever their parameters, then `chunked` | none | refused: 501 (§6.1) |
//! | `chunked` not last, not once, or malformed | none | refused: 400 |

use memchr::memchr;

use crate::message::Version;

use super::Fault;
use super::grammar::{is_token, list, trim};
use super::target::is_authority;

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// That many bytes; none at all where no field speaks of a body.
    Known(u64),
    /// Until the last chunk says so (RFC 9112 §7.1).
    Chunked,
}

impl BodyLength {
    /// Whether there is no body.
    #[must_use]
    pub const fn is_none(self) -> bool {
        matches!(self, Self::Known(0))
    }
}

/// What the fields of one head say, gathered field by field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gathered<'a> {
    host: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    transfer_encoding: Option<&'a [u8]>,
    /// What only ever occurred a second time where it may occur once.
    repeated: Option<Fault>,
    says_close: bool,
    says_keep_alive: bool,
    expects_continue: bool,
    expects_more: bool,
}

/// What a head says about its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// How long the body is.
    pub body: BodyLength,
    /// Whether the client means to send another request (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
}

impl<'a> Gathered<'a> {
    /// Takes in one field. Only the names that matter are compared, and only at their lengths.
    #[inline]
    pub fn field(&mut self, name: &str, value: &'a [u8]) {
        // Most spell them like this, and that is quickly compared: it bought 30 instructions.
        let is = |usual: &str| name == usual || name.eq_ignore_ascii_case(usual);
        match name.len() {
            4 if is("Host") => {
                self.repeated =
                    self.host.replace(value).map(|_| Fault::HostTwice).or(self.repeated);
            }
            6 if is("Expect") => self.expect(value),
            10 if is("Connection") => self.connection(value),
            14 if is("Content-Length") => {
                let before = self.content_length.replace(value);
                self.repeated = before.map(|_| Fault::ContentLength).or(self.repeated);
            }
            17 if is("Transfer-Encoding") => {
                let before = self.transfer_encoding.replace(value);
                self.repeated = before.map(|_| Fault::TransferEncoding).or(self.repeated);
            }
            _ => {}
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list(value) {
            self.says_close |= option.eq_ignore_ascii_case(b"close");
            self.says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn expect(&mut self, value: &[u8]) {
        for expectation in list(value) {
            if expectation.eq_ignore_ascii_case(b"100-continue") {
                self.expects_continue = true;
            } else {
                self.expects_more = true;
            }
        }
    }

    /// Judges what was gathered.
    ///
    /// # Errors
    /// Whatever of Host, Content-Length, Transfer-Encoding or Expect the table above, RFC 9112 §3.2
    /// or RFC 9110 §10.1.1 refuses.
    pub fn judge(&self, version: Version) -> Result<Framing, Fault> {
        if let Some(fault) = self.repeated {
            return Err(fault);
        }
        match self.host {
            Some(host) if is_authority(host) => {}
            Some(_) => return Err(Fault::HostInvalid),
            None if version == Version::Http11 => return Err(Fault::HostMissing),
            None => {}
        }
        let body = self.body(version)?;
        if self.expects_more && version == Version::Http11 {
            return Err(Fault::Expectation);
        }
        let keep_alive = match version {
            Version::Http11 => !self.says_close,
            Version::Http10 => self.says_keep_alive && !self.says_close,
        };
        // An HTTP/1.0 client cannot wait for what it does not know (RFC 9110 §10.1.1).
        let expects_continue = self.expects_continue && version == Version::Http11;
        Ok(Framing { body, keep_alive, expects_continue })
    }

    /// The table.
    fn body(&self, version: Version) -> Result<BodyLength, Fault> {
        match (self.transfer_encoding, self.content_length) {
            (None, None) => Ok(BodyLength::Known(0)),
            (None, Some(length)) => content_length(length).map(BodyLength::Known),
            (Some(_), Some(_)) => Err(Fault::LengthAndCoding),
            (Some(_), None) if version == Version::Http10 => Err(Fault::CodingOn10),
            (Some(coding), None) => transfer_encoding(coding),
        }
    }
}

/// One number and nothing else: no sign, no list, no more than 2^64 - 1 (RFC 9110 §8.6).
fn content_length(value: &[u8]) -> Result<u64, Fault> {
    let digits = trim(value);
    if digits.is_empty() {
        return Err(Fault::ContentLength);
    }
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'));
        let number = number.checked_mul(10).zip(digit).and_then(|(n, digit)| n.checked_add(digit));
        number.ok_or(Fault::ContentLength)
    })
}

fn transfer_encoding(value: &[u8]) -> Result<BodyLength, Fault> {
    let value = trim(value);
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(BodyLength::Chunked);
    }
    // Refused in any case; the rest finds out which refusal is the true one.
    let codings: Vec<&[u8]> = value.split(|&byte| byte == b',').map(trim).collect();
    let Some((last, others)) = codings.split_last() else { return Err(Fault::TransferEncoding) };
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let may_precede = |coding: &&[u8]| {
        let name = without_parameters(coding);
        is_token(name) && !is_chunked(name)
    };
    if is_chunked(last) && others.iter().all(may_precede) {
        return Err(Fault::CodingNotImplemented);
    }
    Err(Fault::TransferEncoding)
}

fn without_parameters(coding: &[u8]) -> &[u8] {
    let end = memchr(b';', coding).unwrap_or(coding.len());
    trim(&coding[..end])
}
