//! A panic in somebody else's code costs one connection, not the server.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What was called has panicked. Its message has gone where the panic hook sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Calls `f` and comes back also when it panics.
///
/// What it was changing may be left half changed, so it must not be used again: the caller ends the
/// connection that owns it. A responder, which outlives the connection, has to bear that; it is
/// what threads do with a poisoned lock ignored.
pub fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| Panicked)
}
