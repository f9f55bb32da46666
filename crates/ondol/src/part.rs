//! This host's part of a service on several hosts: what `ondol up` runs here.
//!
//! Map, in reading order: `core` (what a host runs, and with which settings; pure), `keys` (what the hosts know each other by), `etcd` (this host's member of etcd: a
//! process), `caching` (its memcached), `keeping` (its keeper and database), `lead` and `deputies` (who is primary, and who may answer reads, for the store), `reach` (the service from the outside: for the other verbs), `lookout` (all hosts, for the console), `mirroring` (databases elsewhere that follow), `shelf` (where its balancer keeps certificates),
//! `running` (all of a host's, in order).

mod caching;
pub(crate) mod core;
mod deputies;
pub(crate) mod etcd;
pub(crate) mod keeping;
pub(crate) mod keys;
pub(crate) mod lead;
mod lookout;
pub(crate) mod mirroring;
pub(crate) mod reach;
pub(crate) mod running;
mod shelf;
