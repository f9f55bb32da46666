//! The pure part: everything that can be decided without asking anybody.
//!
//! Invariant: no async, no I/O, no clock, no chance; the time comes in as an argument.

pub mod account;
pub mod catalog;
pub mod change;
pub mod collection;
pub mod field;
pub mod flaw;
pub mod index;
pub mod language;
pub mod pattern;
pub mod pick;
pub mod render;
pub mod value;

#[cfg(test)]
pub(crate) mod sample;
