//! A connection's name in the poll: where its slot is, and which tenant of that slot it is.
//!
//! A slab gives a slot to the next one as soon as it is free, also within one batch of events; an
//! event for the tenant before would then be taken for one of the new tenant (mio #219). So a key
//! holds a generation too, taken from one counter at every accept, and an event whose generation is
//! not the tenant's is stale and dropped. The generation doubles as the connection's serial number
//! in logs.

// A mio token is a usize, and a key needs all of its 64 bits.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("oneloop needs a 64-bit target: an event's token holds a slot and its generation");

/// Names one connection of one loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which slot.
    pub slot: u32,
    /// Which tenant of it; never 0, which is left to what is no connection.
    pub generation: u32,
}

impl Key {
    /// Both halves in one number.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The key that [`to_bits`](Self::to_bits) made that number of.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Hands out generations: of a single loop 1, 2, 3 and so on, of the second of three 2, 5, 8, so
/// that no two have the same; and after 2^32 of them from the beginning again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generations {
    next: u32,
    first: u32,
    step: u32,
}

impl Generations {
    /// Those of that loop, from 0, of so many.
    pub(super) fn of(this: usize, loops: usize) -> Self {
        let [this, loops] = [this, loops].map(|n| u32::try_from(n).unwrap_or(u32::MAX - 1));
        Self { next: this + 1, first: this + 1, step: loops }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> u32 {
        let this = self.next;
        self.next = this.checked_add(self.step).unwrap_or(self.first);
        this
    }
}

#[cfg(test)]
mod tests {
    use super::{Generations, Key};

    #[test]
    fn a_key_comes_back_from_its_bits() {
        for key in [
            Key { slot: 0, generation: 1 },
            Key { slot: 7, generation: u32::MAX },
            Key { slot: u32::MAX, generation: 9 },
        ] {
            assert_eq!(Key::from_bits(key.to_bits()), key);
        }
    }

    #[test]
    fn no_generation_is_zero_even_after_the_last() {
        let of = |this, loops, at: u32| Generations { next: at, ..Generations::of(this, loops) };
        let mut generations = of(0, 1, u32::MAX - 1);
        assert_eq!([(); 3].map(|()| generations.next()), [u32::MAX - 1, u32::MAX, 1]);
        let mut generations = of(1, 3, u32::MAX - 1);
        assert_eq!([(); 2].map(|()| generations.next()), [u32::MAX - 1, 2]);
    }

    #[test]
    fn loops_share_no_generation() {
        let firsts = |this| {
            let mut generations = Generations::of(this, 3);
            [(); 3].map(|()| generations.next())
        };
        assert_eq!([0, 1, 2].map(firsts), [[1, 4, 7], [2, 5, 8], [3, 6, 9]]);
    }
}
