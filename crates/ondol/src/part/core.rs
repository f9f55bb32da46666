//! What one host runs, reckoned from the file: no network, no clock.
//!
//! Map: `plan` (the host's part), `timers` (how fast a loss is noticed), `member` (etcd's own settings), `keeper` (the keeper's), `primary` and `deputies` (what the
//! store is told), `mirrors` (how those are), `facts` and `trail` (how all of it is), `state` (the same in words).

mod deputies;
mod facts;
mod keeper;
mod member;
mod mirrors;
mod plan;
mod primary;
mod state;
mod timers;
mod trail;

pub(crate) use deputies::{Vacant, deputies, vacant};
pub(crate) use keeper::{database_folder, keeper, mariadb_clients, network};
pub(crate) use member::{Entry, Files, Initial, Known, arguments, initial, is_forgotten};
pub(crate) use mirrors::mirrors;
pub(crate) use plan::{CACHE_PORT, CLIENT_PORT, Part, at, database_port};
pub(crate) use primary::primary;
pub(crate) use state::{Seen, State, Voice, state};
pub(crate) use timers::Timers;
pub(crate) use trail::Trail;

#[cfg(test)]
mod tests;
