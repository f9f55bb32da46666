//! The ground floor: the few plain things that every room stands on.
//!
//! Map, in reading order: `error` (kinds of failure and how they are told), `time` (timestamps and the clock),
//! `moment` (deadlines), `chance` (random bytes), `id` (record ids), `secret` (text that must not be printed), `unit` (sizes
//! and durations as written), `word` (the words that settings know).
//!
//! Invariant: no async, no I/O, and nothing that knows of records, databases or HTTP.

pub mod chance;
pub mod error;
pub mod id;
pub mod moment;
pub mod secret;
pub mod time;
pub mod unit;
pub mod word;
