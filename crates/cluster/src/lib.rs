//! Who is what: agreement between hosts, kept in etcd.
//!
//! Map, in reading order: `layout` (the keys of a service and the documents in them).
//!
//! Invariant: nothing here decides who is primary; it tells what was agreed on, and agrees on what it is asked to.

pub mod layout;
