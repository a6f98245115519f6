//! A stretch of a file to a socket: by sendfile on Linux, so that nothing of it passes through our
//! memory; elsewhere read and written, a buffer at a time.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::net::SendFlags;

use crate::config::SENDFILE_CHUNK;
use crate::connection::Pages;
use crate::message::FileRange;

use super::net::{Sent, Transfer};
use super::outcome::transfer;
use super::warming::is_cold;

/// A client that has gone is an error to the call and no signal to the process. Where there is no
/// such flag it is the runtime of Rust, which ignores SIGPIPE, that sees to it.
#[cfg(target_os = "linux")]
pub(super) const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
pub(super) const NO_SIGNAL: SendFlags = SendFlags::empty();

/// Says that more follows, so that the head of a file travels with its first bytes.
#[cfg(target_os = "linux")]
pub(super) const MORE: SendFlags = SendFlags::MORE.union(NO_SIGNAL);
#[cfg(not(target_os = "linux"))]
pub(super) const MORE: SendFlags = NO_SIGNAL;

/// Moves at most [`SENDFILE_CHUNK`] bytes of `range` to `socket`, which does not block, unless the
/// disk would have to be waited for.
pub(super) fn send_file(socket: impl AsFd, range: &FileRange, pages: Pages) -> Sent {
    let len = sent_at_once(range, pages);
    let (file, offset) = (&*range.file, range.offset);
    if pages == Pages::Unknown && is_cold(file, offset, offset.saturating_add(len)) {
        return Sent::Cold;
    }
    let moved = transfer(|| move_to(&socket, file.file(), offset, len as usize));
    Sent::Tried(if moved == Transfer::Moved(0) { Transfer::Ended } else { moved })
}

/// How many bytes of `range` one call tries to move.
pub(super) fn sent_at_once(range: &FileRange, pages: Pages) -> u64 {
    let most = SENDFILE_CHUNK as u64;
    range.len.min(if let Pages::Warmed(len) = pages { len.min(most) } else { most })
}

/// None moved means that the file has ended.
fn move_to(socket: impl AsFd, file: &File, offset: u64, len: usize) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    return in_kernel(socket, file, offset, len);
    #[cfg(not(target_os = "linux"))]
    return through_memory(socket, file, offset, len);
}

#[cfg(target_os = "linux")]
fn in_kernel(socket: impl AsFd, file: impl AsFd, mut offset: u64, len: usize) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(socket, file, Some(&mut offset), len)?)
}

#[cfg(any(test, not(target_os = "linux")))]
fn through_memory(
    socket: impl AsFd,
    file: impl AsFd,
    offset: u64,
    len: usize,
) -> io::Result<usize> {
    const BUFFER: usize = 16 * 1024;
    let mut buffer = [0; BUFFER];
    let read = rustix::io::pread(file, &mut buffer[..len.min(BUFFER)], offset)?;
    if read == 0 {
        return Ok(0);
    }
    // What the socket does not take is read again; the file is the buffer.
    Ok(rustix::net::send(socket, &buffer[..read], NO_SIGNAL)?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::os::fd::{AsFd as _, BorrowedFd};
    use std::os::unix::net::UnixStream;

    fn check(way: impl Fn(BorrowedFd<'_>, u64, usize) -> std::io::Result<usize>) {
        let (mut client, server) = UnixStream::pair().unwrap();
        assert_eq!(way(server.as_fd(), 3, 4).unwrap(), 4);
        assert_eq!(way(server.as_fd(), 8, 100).unwrap(), 2);
        assert_eq!(way(server.as_fd(), 10, 5).unwrap(), 0);
        drop(server);
        let mut received = String::new();
        client.read_to_string(&mut received).unwrap();
        assert_eq!(received, "345689");
    }

    /// Both ways are held against the same file, on every system that has both.
    #[test]
    fn either_way_moves_the_stretch_and_then_says_that_the_file_has_ended() {
        let path = std::env::temp_dir().join(format!("oneloop-send-file-{}", std::process::id()));
        File::create(&path).unwrap().write_all(b"0123456789").unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        #[cfg(target_os = "linux")]
        check(|socket, offset, len| super::in_kernel(socket, &file, offset, len));
        check(|socket, offset, len| super::through_memory(socket, &file, offset, len));
    }
}
