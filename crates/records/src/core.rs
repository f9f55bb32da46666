//! The pure part: everything that can be decided without asking anybody.
//!
//! Invariant: no async, no I/O, no clock, no chance; the time comes in as an argument.

pub mod collection;
pub mod field;
pub mod catalog;
pub mod value;
pub mod change;
pub mod index;
pub mod render;
pub mod language;
pub mod pick;
