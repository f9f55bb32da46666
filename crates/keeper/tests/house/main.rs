//! Two keepers or three with PostgreSQL under them, or two with MariaDB, and an etcd of three, on this machine: each keeper is a process of its own, which
//! is killed, stopped, and begun anew, while a client writes. What was acknowledged must be there in the end.
//!
//! A host's process is this very program, started again with the name of one test ([`play::NAME`]).

#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod client;
mod faults;
mod mariadb;
mod play;
mod rig;
mod steps;
mod three;
