//! What is known of a file system by its kind: whether asking it for what is in memory may yet
//! wait.
//!
//! Relies on the numbers of statfs(2). Never guesses: of what nobody here has heard it says no.
//! Read next: `beneath.rs`, `reading.rs` and `variant.rs`, which ask.

use std::os::fd::AsFd;

#[cfg(target_os = "linux")]
const TMPFS: u32 = 0x0102_1994;
#[cfg(target_os = "linux")]
const RAMFS: u32 = 0x8584_58F6;

/// Whether a folder or file lies on a file system that opens what it knows, and closes it, by
/// itself. Those that ask another machine or process for it (NFS, FUSE) do not.
#[cfg(target_os = "linux")]
pub(super) fn opens_by_itself(opened: impl AsFd) -> bool {
    // linux/magic.h.
    const BTRFS: u32 = 0x9123_683E;
    const BCACHEFS: u32 = 0xCA45_1A4E;
    const EROFS: u32 = 0xE0F5_E1E2;
    const EXFAT: u32 = 0x2011_BAB0;
    const EXT: u32 = 0xEF53;
    const F2FS: u32 = 0xF2F5_2010;
    const ISO9660: u32 = 0x9660;
    const OVERLAYFS: u32 = 0x794C_7630;
    const SQUASHFS: u32 = 0x7371_7368;
    const VFAT: u32 = 0x4D44;
    const XFS: u32 = 0x5846_5342;
    const ZFS: u32 = 0x2FC1_2FC1;
    let local = [
        BTRFS, BCACHEFS, EROFS, EXFAT, EXT, F2FS, ISO9660, OVERLAYFS, RAMFS, SQUASHFS, TMPFS, VFAT,
        XFS, ZFS,
    ];
    kind(opened).is_some_and(|kind| local.contains(&kind))
}

/// It cannot be told here.
#[cfg(not(target_os = "linux"))]
pub(super) fn opens_by_itself(_: impl AsFd) -> bool {
    true
}

/// Whether a folder or file lies in memory and nowhere else, so that no disk is ever waited for.
#[cfg(target_os = "linux")]
pub(super) fn is_memory(opened: impl AsFd) -> bool {
    matches!(kind(opened), Some(RAMFS | TMPFS))
}

/// How wide the number is differs between machines; it has 32 bits in all of them.
#[cfg(target_os = "linux")]
fn kind(opened: impl AsFd) -> Option<u32> {
    rustix::fs::fstatfs(opened).ok().map(|system| system.f_type as u32)
}
