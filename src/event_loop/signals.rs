//! SIGINT and SIGTERM as something to poll: the handler writes one byte into a pipe, the loop reads
//! it when it comes round.
//!
//! One pipe for each signal, so that the loop knows which it was. Nothing is done inside a signal
//! handler but that one write.

use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// The signals that ask for a stop.
const STOP: [i32; 2] = [SIGINT, SIGTERM];

/// The reading ends, in the order of [`STOP`].
#[derive(Debug)]
pub(super) struct Signals {
    pipes: Vec<UnixStream>,
    registered: Vec<signal_hook::SigId>,
}

impl Signals {
    /// From now on these signals do not end the process.
    ///
    /// # Errors
    /// Where there is no descriptor for a pipe.
    pub(super) fn listen() -> io::Result<Self> {
        let mut signals = Self { pipes: Vec::new(), registered: Vec::new() };
        for signal in STOP {
            let (reading, writing) = UnixStream::pair()?;
            reading.set_nonblocking(true)?;
            signals.registered.push(pipe::register(signal, writing)?);
            signals.pipes.push(reading);
        }
        Ok(signals)
    }

    /// What is to be polled, in a fixed order.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = i32> {
        self.pipes.iter().map(|pipe| pipe.as_raw_fd())
    }

    /// The same for who polls without mio.
    pub(super) fn pipes(&self) -> &[UnixStream] {
        &self.pipes
    }

    /// Takes what arrived on all of them: each signal as often as it came.
    pub(super) fn take_all(&mut self) -> Vec<i32> {
        let taken = (0..STOP.len()).map(|number| self.take(number));
        taken.flat_map(|(signal, count)| std::iter::repeat_n(signal, count)).collect()
    }

    /// Takes what arrived on the pipe of that number: the signal, and how often it came.
    pub(super) fn take(&mut self, number: usize) -> (i32, usize) {
        let mut bytes = [0; 16];
        let mut count = 0;
        loop {
            match self.pipes[number].read(&mut bytes) {
                Ok(0) => break,
                Ok(n) => count += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        (STOP[number], count)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
