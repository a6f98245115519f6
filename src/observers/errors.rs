//! How a socket or a file fails: as a byte, for who packs it, and by the name that strace has for
//! it.
//!
//! Read next: `record.rs`.

use std::io::ErrorKind;

/// What is not among them is [`ErrorKind::Other`], the first.
const KINDS: [(ErrorKind, &str); 22] = [
    (ErrorKind::Other, "EIO"),
    (ErrorKind::ConnectionReset, "ECONNRESET"),
    (ErrorKind::BrokenPipe, "EPIPE"),
    (ErrorKind::ConnectionAborted, "ECONNABORTED"),
    (ErrorKind::ConnectionRefused, "ECONNREFUSED"),
    (ErrorKind::NotConnected, "ENOTCONN"),
    (ErrorKind::TimedOut, "ETIMEDOUT"),
    (ErrorKind::HostUnreachable, "EHOSTUNREACH"),
    (ErrorKind::NetworkUnreachable, "ENETUNREACH"),
    (ErrorKind::NetworkDown, "ENETDOWN"),
    // The next two are the library's words for what no system call says.
    (ErrorKind::WriteZero, "nothing written"),
    (ErrorKind::UnexpectedEof, "unexpected end"),
    (ErrorKind::InvalidInput, "EINVAL"),
    (ErrorKind::InvalidData, "EILSEQ"),
    (ErrorKind::OutOfMemory, "ENOMEM"),
    (ErrorKind::PermissionDenied, "EACCES"),
    (ErrorKind::NotFound, "ENOENT"),
    (ErrorKind::StorageFull, "ENOSPC"),
    // The loop's word for the process being out of descriptors.
    (ErrorKind::QuotaExceeded, "EMFILE"),
    (ErrorKind::StaleNetworkFileHandle, "ESTALE"),
    (ErrorKind::ResourceBusy, "EBUSY"),
    (ErrorKind::Interrupted, "EINTR"),
];

/// It as a byte.
pub(super) fn code(kind: ErrorKind) -> u8 {
    KINDS.iter().position(|(known, _)| *known == kind).unwrap_or_default() as u8
}

/// And back.
pub(super) fn kind(code: u8) -> ErrorKind {
    KINDS.get(usize::from(code)).map_or(ErrorKind::Other, |(kind, _)| *kind)
}

/// How a transport failed, by the name that strace has for it: `ECONNRESET`.
#[must_use]
pub fn name(kind: ErrorKind) -> &'static str {
    KINDS[usize::from(code(kind))].1
}

/// And back.
pub(super) fn named(name: &str) -> ErrorKind {
    KINDS.iter().find(|(_, known)| *known == name).map_or(ErrorKind::Other, |(kind, _)| *kind)
}

/// All that are told apart.
pub(super) fn all() -> impl Iterator<Item = ErrorKind> {
    KINDS.iter().map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_byte_and_a_name() {
        for (at, known) in all().enumerate() {
            assert_eq!(usize::from(code(known)), at, "{known}");
            assert_eq!((kind(code(known)), named(name(known))), (known, known));
        }
        assert_eq!(kind(code(ErrorKind::AddrInUse)), ErrorKind::Other);
        assert_eq!((kind(u8::MAX), named("ENOSUCH")), (ErrorKind::Other, ErrorKind::Other));
    }
}
