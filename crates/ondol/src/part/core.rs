//! What one host runs, reckoned from the file: no network, no clock.
//!
//! Map: `plan` (the host's part), `timers` (how fast a loss is noticed), `member` (etcd's own settings), `keeper` (the keeper's), `primary` (what the
//! store is told), `state` (how all of it is, in words).

mod keeper;
mod member;
mod plan;
mod primary;
mod state;
mod timers;

pub(crate) use keeper::{keeper, network};
pub(crate) use member::{Entry, Initial, Known, arguments, initial};
pub(crate) use plan::{CLIENT_PORT, DATABASE_PORT, Part, at};
pub(crate) use primary::primary;
pub(crate) use state::{Seen, State, Voice, state};
pub(crate) use timers::Timers;

#[cfg(test)]
mod tests;
