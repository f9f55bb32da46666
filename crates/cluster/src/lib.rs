//! Who is what: agreement between hosts, kept in etcd.
//!
//! Map, in reading order: `layout` (the keys of a service and the documents in them), `txn` (compared transactions as data),
//! `error` (what a failure means for what was asked), `config` (limits), `cluster` (the one face), `etcd` (through its JSON
//! gateway: one member, a round over the members, a watch), `memory` (its likeness for tests), `view` (who is what, kept up
//! to date and with its age).
//! To add a document: a type and its key in `layout`, a field and a line of `take` in `view`.
//!
//! Invariant: nothing here decides who is primary; it tells what was agreed on, and agrees on what it is asked to.

mod cluster;
mod config;
mod error;
mod etcd;
pub mod layout;
pub mod memory;
mod txn;
mod view;

pub use cluster::{Cluster, Watch};
pub use config::Config;
pub use error::Error;
pub use layout::Layout;
pub use txn::{Compare, Entry, Event, Lease, LeaseId, Op, Peer, Read, Snapshot, Status, Txn};
pub use view::{View, Written, follow};
