//! Compared transactions as data, and what a key holds.

use std::time::Duration;

/// A lease.
pub type LeaseId = i64;

/// A key and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// What it holds.
    pub value: String,
    /// The revision that made the key.
    pub created: u64,
    /// The revision that wrote it last.
    pub modified: u64,
    /// The lease that it ends with; 0: none.
    pub lease: LeaseId,
}

/// A key at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The moment.
    pub revision: u64,
    /// The key, if it is there.
    pub entry: Option<Entry>,
}

/// All keys under a prefix at one moment, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The moment.
    pub revision: u64,
    /// The keys.
    pub entries: Vec<Entry>,
}

impl Snapshot {
    /// A key of it.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// A lease, as it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lives after each renewal: perhaps longer than was asked for, since etcd has a least.
    pub ttl: Duration,
}

/// What must be so for a transaction to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The key is not there.
    Absent {
        /// The key.
        key: String,
    },
    /// The key was written last at that revision.
    Modified {
        /// The key.
        key: String,
        /// [`Entry::modified`].
        revision: u64,
    },
    /// The key holds that value.
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// The key is on that lease.
    OnLease {
        /// The key.
        key: String,
        /// The lease; 0: on none.
        lease: LeaseId,
    },
}

impl Compare {
    /// The key is not there.
    pub fn absent(key: impl Into<String>) -> Compare {
        Compare::Absent { key: key.into() }
    }

    /// The key was written last at that revision.
    pub fn modified(key: impl Into<String>, revision: u64) -> Compare {
        Compare::Modified { key: key.into(), revision }
    }

    /// The key holds that value.
    pub fn value(key: impl Into<String>, value: impl Into<String>) -> Compare {
        Compare::Value { key: key.into(), value: value.into() }
    }

    /// The key is on that lease.
    pub fn on_lease(key: impl Into<String>, lease: LeaseId) -> Compare {
        Compare::OnLease { key: key.into(), lease }
    }

    /// The key that it looks at.
    pub fn key(&self) -> &str {
        match self {
            Compare::Absent { key }
            | Compare::Modified { key, .. }
            | Compare::Value { key, .. }
            | Compare::OnLease { key, .. } => key,
        }
    }

    /// Whether it holds where the key is `entry`.
    pub(crate) fn holds(&self, entry: Option<&Entry>) -> bool {
        match self {
            Compare::Absent { .. } => entry.is_none(),
            Compare::Modified { revision, .. } => entry.is_some_and(|entry| entry.modified == *revision),
            Compare::Value { value, .. } => entry.is_some_and(|entry| entry.value == *value),
            Compare::OnLease { lease, .. } => entry.is_some_and(|entry| entry.lease == *lease),
        }
    }
}

/// What a transaction does to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The key is to hold this.
    Put {
        /// The key.
        key: String,
        /// What it is to hold.
        value: String,
        /// The lease that it ends with; 0: none.
        lease: LeaseId,
    },
    /// The key is to be gone.
    Delete {
        /// The key.
        key: String,
    },
}

impl Op {
    /// The key.
    pub fn key(&self) -> &str {
        match self {
            Op::Put { key, .. } | Op::Delete { key } => key,
        }
    }

    /// Whether `entry` is what it would leave.
    fn is_done(&self, entry: Option<&Entry>) -> bool {
        match self {
            Op::Put { value, lease, .. } => {
                entry.is_some_and(|entry| entry.value == *value && entry.lease == *lease)
            }
            Op::Delete { .. } => entry.is_none(),
        }
    }
}

/// A transaction: done whole if all compares hold, else not at all.
///
/// Whether an unanswered one was done is found out by reading back, so that its values must be nobody else's: put the
/// epoch and the host into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    pub(crate) compares: Vec<Compare>,
    pub(crate) ops: Vec<Op>,
}

impl Txn {
    /// One that compares nothing and does nothing.
    pub fn new() -> Txn {
        Txn::default()
    }

    /// Only if that holds.
    #[must_use]
    pub fn when(mut self, compare: Compare) -> Txn {
        self.compares.push(compare);
        self
    }

    /// The key is to hold this, without an end.
    #[must_use]
    pub fn put(self, key: impl Into<String>, value: impl Into<String>) -> Txn {
        self.put_on(key, value, 0)
    }

    /// The key is to hold this until the lease ends.
    #[must_use]
    pub fn put_on(mut self, key: impl Into<String>, value: impl Into<String>, lease: LeaseId) -> Txn {
        self.ops.push(Op::Put { key: key.into(), value: value.into(), lease });
        self
    }

    /// The key is to be gone.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Txn {
        self.ops.push(Op::Delete { key: key.into() });
        self
    }

    /// The keys that it is about, each once.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> =
            self.compares.iter().map(Compare::key).chain(self.ops.iter().map(Op::key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The lease that it puts on, if any.
    pub(crate) fn lease(&self) -> LeaseId {
        let of = |op: &Op| if let Op::Put { lease, .. } = op { *lease } else { 0 };
        self.ops.iter().map(of).find(|lease| *lease != 0).unwrap_or(0)
    }

    /// Whether everything is as it would leave it; never of one that does nothing.
    pub(crate) fn is_done(&self, found: &[Entry]) -> bool {
        let find = |key: &str| found.iter().find(|entry| entry.key == key);
        !self.ops.is_empty() && self.ops.iter().all(|op| op.is_done(find(op.key())))
    }
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was written.
    Put(Entry),
    /// It was deleted, or its lease ended.
    Deleted {
        /// The key.
        key: String,
        /// When.
        revision: u64,
    },
}

impl Event {
    /// The key.
    pub fn key(&self) -> &str {
        match self {
            Event::Put(entry) => &entry.key,
            Event::Deleted { key, .. } => key,
        }
    }

    /// The revision that did it.
    pub fn revision(&self) -> u64 {
        match self {
            Event::Put(entry) => entry.modified,
            Event::Deleted { revision, .. } => *revision,
        }
    }
}

/// A member of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What etcd knows it by.
    pub id: u64,
    /// Its name; empty until it has been started for the first time.
    pub name: String,
    /// Where clients reach it, such as `http://10.0.0.21:2379`.
    pub addresses: Vec<String>,
    /// Where the other members reach it, such as `http://10.0.0.21:2380`.
    pub peer_addresses: Vec<String>,
}

/// What one member says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The address that was asked.
    pub address: String,
    /// What etcd knows the member by.
    pub id: u64,
    /// Who leads, in its opinion; 0: nobody.
    pub leader: u64,
    /// The term of etcd's own elections.
    pub term: u64,
    /// Its version, such as `3.4.23`.
    pub version: String,
    /// The size of its database.
    pub database_bytes: u64,
}
