//! Who stands where: the sites of the service file, their hosts, and what each host is for.
//!
//! Map, in reading order: `core` (the topology, read and told in words; it decides nothing that needs a network), `own`
//! (which of the hosts this machine is).

pub(crate) mod core;
mod own;

pub(crate) use own::{Named, find, is_own};
