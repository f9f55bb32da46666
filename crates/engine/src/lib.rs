//! Hands on the database server of this host: what it is seen to be, and what can be done to it.
//!
//! Map, in reading order: `observation` (what is seen).
//!
//! Invariant: nothing here decides. Each thing done asks first whether it is done already, so that it can be asked for again.
//! Invariant: a server that starts here starts as a replica; it becomes a primary by being promoted, and in no other way.

pub mod observation;

pub use observation::Observation;
