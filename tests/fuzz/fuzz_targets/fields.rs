//! See `fields.rs` above.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oneloop_fuzz::fields(bytes));
