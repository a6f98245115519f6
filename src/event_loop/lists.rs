//! On which of the loop's lists a slot stands: on each of them once.

/// The lists that a slot stands on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lists(u8);

/// It is looked at in this turn.
const DUE: u8 = 1;
/// It waits for memory.
const PARKED: u8 = 2;
/// It waits for room in the helpers' queue.
const HELPERS: u8 = 4;

impl Lists {
    /// On none of them.
    pub(super) const NONE: Self = Self(0);

    /// It is looked at in this turn. Whether that is new.
    pub(super) const fn enter_due(&mut self) -> bool {
        self.enter(DUE)
    }

    /// Its turn has come.
    pub(super) const fn leave_due(&mut self) {
        self.leave(DUE);
    }

    /// It waits for memory. Whether that is new.
    pub(super) const fn enter_parked(&mut self) -> bool {
        self.enter(PARKED)
    }

    /// It does not wait for memory any more.
    pub(super) const fn leave_parked(&mut self) {
        self.leave(PARKED);
    }

    /// Whether it waits for memory.
    pub(super) const fn is_parked(self) -> bool {
        self.0 & PARKED != 0
    }

    /// It waits for room in the helpers' queue. Whether that is new.
    pub(super) const fn enter_helpers(&mut self) -> bool {
        self.enter(HELPERS)
    }

    /// There is room for it.
    pub(super) const fn leave_helpers(&mut self) {
        self.leave(HELPERS);
    }

    const fn enter(&mut self, list: u8) -> bool {
        let is_new = self.0 & list == 0;
        self.0 |= list;
        is_new
    }

    const fn leave(&mut self, list: u8) {
        self.0 ^= self.0 & list;
    }
}
