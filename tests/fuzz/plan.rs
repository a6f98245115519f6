//! From a fuzzer's bytes to instructions and the bytes they are about.
//!
//! The instructions are a block of fixed length at the beginning, and all zeros mean nothing out of
//! the ordinary. So a seed can be written by hand, and a dictionary's words land in what is read.

use arbitrary::Unstructured;
use oneloop::config::RECEIVE_BUFFER;

/// In bytes that are stretched, this stands for many more of the byte before it.
const MORE: u8 = 0x1F;
/// How many more.
const STRETCH: usize = 500;

/// The block of instructions at the beginning, and the rest.
pub(crate) fn split<const N: usize>(input: &[u8]) -> ([u8; N], &[u8]) {
    let mut drawn = Unstructured::new(input);
    let block = drawn.arbitrary().unwrap_or([0; N]);
    (block, drawn.take_rest())
}

/// The bytes as they are, or stretched, so that limits of many KiB are within reach of few bytes;
/// no more than a receive buffer can hold.
pub(crate) fn stretched(bytes: &[u8], is_stretched: bool) -> Vec<u8> {
    let mut made = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        match made.last() {
            Some(&before) if is_stretched && byte == MORE => {
                made.resize(made.len() + STRETCH, before);
            }
            _ => made.push(byte),
        }
        if made.len() >= RECEIVE_BUFFER {
            made.truncate(RECEIVE_BUFFER);
            break;
        }
    }
    made
}

/// Growing lengths that end with `len`, from pairs of bytes.
pub(crate) fn cuts(pairs: &[u8], len: usize) -> Vec<usize> {
    let cut = |pair: &[u8]| usize::from(u16::from_le_bytes([pair[0], pair[1]])) % (len + 1);
    let mut cuts: Vec<usize> = pairs.chunks_exact(2).map(cut).collect();
    cuts.push(len);
    cuts.sort_unstable();
    cuts
}
