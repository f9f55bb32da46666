//! Hands on the database server of this host: what it is seen to be, and what can be done to it.
//!
//! Map, in reading order: `observation` (what is seen), `error`, `account` (as whom a server runs), `program` (programs that
//! are run, and their ends), `place` (a server's folder), `inhabitant` (who works in it), `order` (what hands are told, and how it
//! went), `fence` (killing for certain), `guard` (a sibling that kills at a deadline), `postgres` (PostgreSQL: `config` and `settings`,
//! `link` a connection, `look` what it says, `control` what its files say, `init`, `life`, `change`, `reign`, `rewind`, `audit`,
//! `clone`), `mariadb` (MariaDB: the same, and `note` in place of what its files don't say, `settle` what it is told after its
//! start, `ears` how far its followers are, `lend` handing copies out), `hands` (whichever of the two).
//!
//! Invariant: nothing here decides. Each thing done asks first whether it is done already, so that it can be asked for again.
//! Invariant: a server that starts here starts as a replica; it becomes a primary by being promoted, and in no other way.

mod account;
mod ending;
mod error;
mod fence;
pub mod guard;
mod hands;
mod inhabitant;
pub mod mariadb;
mod observation;
mod order;
mod place;
pub mod postgres;
mod program;

pub use error::Error;
pub use hands::Hands;
pub use observation::{
    Bound, Confirm, End, Follower, Observation, Role, Running, Slot, Stopped, Stream, Unfinished,
};
pub use order::{Door, Fenced, Fit, Limits, Progress, Upstream};
pub use program::Death;
