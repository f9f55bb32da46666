//! Hands on the database server of this host: what it is seen to be, and what can be done to it.
//!
//! Map, in reading order: `observation` (what is seen), `error`, `account` (as whom a server runs), `program` (programs that
//! are run, and their ends), `inhabitant` (who works in a server's folder), `guard` (a sibling that kills at a deadline), `postgres` (PostgreSQL: `config` and `settings`,
//! `place` its folder, `link` a connection, `look` what it says, `control` what its files say, `init`, `life`, `change`,
//! `reign`, `rewind`, `audit`, `clone`).
//!
//! Invariant: nothing here decides. Each thing done asks first whether it is done already, so that it can be asked for again.
//! Invariant: a server that starts here starts as a replica; it becomes a primary by being promoted, and in no other way.

mod account;
mod error;
pub mod guard;
mod inhabitant;
mod observation;
pub mod postgres;
mod program;

pub use error::Error;
pub use observation::{
    Bound, Confirm, End, Follower, Observation, Role, Running, Slot, Stopped, Stream, Unfinished,
};
pub use program::Death;
