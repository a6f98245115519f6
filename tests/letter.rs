//! The letter of RFC 9110 and 9112 where no other test has it: what is sent, what comes back, and
//! whether the connection goes on.
//!
//! A server in a thread of its own, real sockets on the loopback, and nothing of the library but
//! what is public. `tests/requirements/` says which sentence each of these shows. Read first:
//! `letter/talk.rs`.

#[path = "letter/talk.rs"]
mod talk;

#[path = "letter/answers.rs"]
mod answers;
#[path = "letter/clock.rs"]
mod clock;
#[path = "letter/conditions.rs"]
mod conditions;
#[path = "letter/fields.rs"]
mod fields;
#[path = "letter/files.rs"]
mod files;
#[path = "letter/methods.rs"]
mod methods;
#[path = "letter/refusals.rs"]
mod refusals;
#[path = "letter/smuggling.rs"]
mod smuggling;
#[path = "letter/versions.rs"]
mod versions;
