//! What hosts and sites are called, and the numbers by which reigns and positions are ordered.

use std::fmt;
use std::sync::Arc;

/// A host that keeps a database, by the name in the service file. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Arc<str>);

/// A site: hosts that can be lost together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(Arc<str>);

/// The identity of a database, the same on all of its copies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct System(Arc<str>);

/// The number of a reign. It grows with each change of leadership and is never used twice.
pub type Epoch = u64;
/// The number of a line of history in a database's log (PostgreSQL's timeline); a promotion begins a new one.
pub type Timeline = u32;
/// A place in a database's log, in bytes or whatever else grows with every write.
pub type Position = u64;

macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// By its name.
            pub fn new(name: &str) -> $name {
                $name(Arc::from(name))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> $name {
                $name::new(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(Host);
name!(Site);
name!(System);
