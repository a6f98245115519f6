//! What the kernel knows of full accept queues and the loop does not: whoever was dropped there
//! never came.
//!
//! Relies on `/proc/net/netstat` of Linux, whose `TcpExt` has a line of names and one of numbers.
//! It is opened early, and read again and again by that descriptor: later the process may be denied
//! its path.
//!
//! Read next: `outside.rs`.

use std::fs::File;
use std::ops::Sub;
use std::path::Path;

use super::outside::told;

const NETSTAT: &str = "/proc/net/netstat";

/// Counts what full accept queues drop from when it was opened.
#[derive(Debug)]
pub(super) struct AcceptQueue {
    file: File,
    before: Drops,
}

/// What the kernel dropped, of all listeners of its network namespace. A client that tries again
/// and is dropped again is counted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// For a full accept queue (`ListenOverflows`).
    pub overflows: u64,
    /// For whatever reason, those among them (`ListenDrops`).
    pub drops: u64,
}

impl AcceptQueue {
    /// Begins to count; `None` where the kernel does not tell.
    pub(super) fn open() -> Option<Self> {
        Self::of(Path::new(NETSTAT))
    }

    fn of(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let before = found(&told(&file)?)?;
        Some(Self { file, before })
    }

    /// What was dropped since it was opened; `None` where the kernel tells no longer.
    pub(super) fn drops(&self) -> Option<Drops> {
        Some(found(&told(&self.file)?)? - self.before)
    }
}

impl Sub for Drops {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            overflows: self.overflows.saturating_sub(before.overflows),
            drops: self.drops.saturating_sub(before.drops),
        }
    }
}

/// The two numbers, by their names: kernels differ in what stands where.
fn found(text: &str) -> Option<Drops> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let number = |wanted: &str| {
        let mut both = names.split_whitespace().zip(numbers.split_whitespace());
        both.find(|(name, _)| *name == wanted)?.1.parse().ok()
    };
    Some(Drops { overflows: number("ListenOverflows")?, drops: number("ListenDrops")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_names() {
        let some = |overflows, drops| Some(Drops { overflows, drops });
        for (text, expected) in [
            ("TcpExt: A ListenOverflows ListenDrops B\nTcpExt: 1 2 3 4\n", some(2, 3)),
            ("TcpExt: ListenDrops ListenOverflows\nTcpExt: 5 0\nIpExt: A\nIpExt: 1\n", some(0, 5)),
            ("Other: ListenOverflows\nOther: 7\nTcpExt: ListenDrops\nTcpExt: 1\n", None),
            ("TcpExt: ListenOverflows ListenDrops\nTcpExt: 2\n", None),
            ("TcpExt: ListenOverflows ListenDrops\nTcpExt: x 2\n", None),
            ("TcpExt: ListenOverflows ListenDrops\n", None),
            ("", None),
        ] {
            assert_eq!(found(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_counts_is_the_difference() {
        let path = std::env::temp_dir().join(format!("oneloop-netstat-{}", std::process::id()));
        let write = |overflows: u64, drops: u64| {
            let text =
                format!("TcpExt: ListenOverflows ListenDrops\nTcpExt: {overflows} {drops}\n");
            std::fs::write(&path, text).unwrap();
        };
        write(10, 12);
        let queue = AcceptQueue::of(&path).unwrap();
        assert_eq!(queue.drops(), Some(Drops::default()));
        write(1_214, 1_300);
        assert_eq!(queue.drops(), Some(Drops { overflows: 1_204, drops: 1_288 }));
        std::fs::write(&path, "gone").unwrap();
        assert_eq!(queue.drops(), None);
        std::fs::remove_file(&path).unwrap();
        assert!(AcceptQueue::of(&path).is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_kernel_tells() {
        assert!(AcceptQueue::open().is_some_and(|queue| queue.drops().is_some()));
    }
}
