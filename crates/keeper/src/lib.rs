//! Who is primary: this host's keeper observes, decides, acts, and publishes what it knows.
//!
//! Map, in reading order: `core` (the decision, pure).
//!
//! Invariant: every change of who leads and of who has everything is one compared transaction.
//! Invariant: a database starts as a replica; only a won epoch with time left on its lease makes it primary.

pub mod core;
