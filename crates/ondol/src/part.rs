//! This host's part of a service on several hosts: what `ondol up` runs here.
//!
//! Map, in reading order: `core` (what a host runs, and with which settings; pure), `etcd` (this host's member of etcd: a
//! process), `keeping` (its keeper and database), `lead` (who is primary, for the store), `reach` (the service from the outside: for the other verbs),
//! `running` (all of a host's, in order).

pub(crate) mod core;
pub(crate) mod etcd;
pub(crate) mod keeping;
pub(crate) mod lead;
pub(crate) mod reach;
pub(crate) mod running;
