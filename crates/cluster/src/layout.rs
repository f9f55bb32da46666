//! The keys of a service in etcd, and the documents in them: JSON, so that a person can read them with `etcdctl`.
//!
//! Documents outlive the program that wrote them. A field that is added later has a default; none changes its meaning.
//!
//! Invariant: `leader` and `sync` are written in compared transactions only, and both in one when the primary changes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The names of a service's keys, under `/ondol/SERVICE/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    prefix: String,
    pulse: String,
}

impl Layout {
    /// The keys of a service.
    pub fn new(service: &str) -> Layout {
        Layout { prefix: format!("/ondol/{service}/"), pulse: format!("/ondol-pulse/{service}") }
    }

    /// What all keys begin with, but for [`Layout::pulse`].
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Which databases belong together: a [`Config`], written once.
    pub fn config(&self) -> String {
        self.key("config")
    }

    /// Who is primary: a [`Leader`], on that host's lease.
    pub fn leader(&self) -> String {
        self.key("leader")
    }

    /// The leader's sign of life: a text that is new with each renewal, on that host's lease. It lies apart, so that nobody who
    /// follows the rest is woken by it.
    pub fn pulse(&self) -> &str {
        &self.pulse
    }

    /// Who has all that was acknowledged: a [`Sync`], on no lease.
    pub fn sync(&self) -> String {
        self.key("sync")
    }

    /// What the hosts' own keys begin with.
    pub fn members(&self) -> String {
        self.key("members/")
    }

    /// How a host is: a [`Member`], on that host's lease.
    pub fn member(&self, host: &str) -> String {
        format!("{}{host}", self.members())
    }

    /// What the past reigns' keys begin with.
    pub fn histories(&self) -> String {
        self.key("history/")
    }

    /// How a reign began: a [`History`]. Epochs are written with leading zeros, so that keys sort in their order.
    pub fn history(&self, epoch: u64) -> String {
        format!("{}{epoch:020}", self.histories())
    }

    /// What the mirrors' own keys begin with.
    pub fn mirrors(&self) -> String {
        self.key("mirrors/")
    }

    /// How a mirror is: a [`Mirror`], on no lease.
    pub fn mirror(&self, name: &str) -> String {
        format!("{}{name}", self.mirrors())
    }

    /// That a person asked for another primary: a [`Handover`].
    pub fn handover(&self) -> String {
        self.key("handover")
    }

    /// That a person accepts a loss: an [`Accept`].
    pub fn accept(&self) -> String {
        self.key("accept")
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// A place in a database's history.
///
/// PostgreSQL: timeline, and LSN in bytes. MariaDB: 0, and the sequence number of the only domain's GTID. Two places
/// compare by `offset` only where one timeline leads to the other before that offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The timeline.
    pub timeline: u32,
    /// How far on it.
    pub offset: u64,
}

/// Which database servers a service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    MariaDb,
}

/// Which databases belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The kind of server.
    pub engine: Engine,
    /// What the data are known by (PostgreSQL: the system identifier); data with another one may not take part.
    pub system_id: String,
}

/// Who is primary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// The host, as the service file names it.
    pub host: String,
    /// Where its database is reached: `host:port`.
    pub address: String,
    /// Its reign, equal to that of [`Sync`]; strictly increasing.
    pub epoch: u64,
}

/// Who has all that was acknowledged, so that it may be promoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// The reign that this belongs to.
    pub epoch: u64,
    /// Who was primary last, or is.
    pub primary: String,
    /// The hosts that have every acknowledged write, the primary among them. None: a person has given the service's data to a
    /// mirror, and no host may lead with what it has.
    pub eligible: BTreeSet<String>,
    /// A place that all eligible hosts had reached when this was written.
    #[serde(default)]
    pub position: Position,
}

/// Whether a host's database takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows.
    Replica,
    /// It does not run.
    Stopped,
}

/// How a host is, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where its database is reached: `host:port`.
    pub address: String,
    /// The site that it stands in.
    pub site: String,
    /// What its database does.
    pub role: Role,
    /// How far it has received and written to its disk (of a primary: what it has written itself).
    #[serde(default)]
    pub received: Position,
    /// How far what it received can be read.
    #[serde(default)]
    pub replayed: Position,
    /// Whether its database answers, and its disk takes writes.
    pub is_healthy: bool,
    /// Why it must not become primary though it is well.
    #[serde(default)]
    pub unfit: Option<String>,
    /// What a person should know, in sentences.
    #[serde(default)]
    pub troubles: Vec<String>,
    /// The server's version, such as `15.18`.
    #[serde(default)]
    pub version: String,
    /// What its data are known by, as in [`Config`].
    #[serde(default)]
    pub system_id: String,
    /// What it is busy with (a clone, a rewind), and how far, in a sentence.
    #[serde(default)]
    pub work: Option<String>,
    /// The member's process, new at each start: two that claim one name are found by it.
    #[serde(default)]
    pub incarnation: String,
}

/// How a reign began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Who was primary in it.
    pub host: String,
    /// Where it branched off what was before: the timeline that the reign writes, and the offset of its beginning.
    pub position: Position,
    /// Why it began, in a sentence.
    pub why: String,
    /// When, in milliseconds since 1970 UTC, for people: nothing is decided by it.
    pub at: i64,
    /// Whether the reign's first checkpoint is done: before that nobody can be led back to it.
    #[serde(default)]
    pub is_written_down: bool,
}

/// How a mirror is, a database that runs nothing of ours, in the words of the host that looks after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// How far it is.
    pub stage: MirrorStage,
    /// The last position of the change log that it has.
    #[serde(default)]
    pub position: i64,
    /// The primary's newest one.
    #[serde(default)]
    pub newest: i64,
    /// The moment whose state it has, in milliseconds since 1970 UTC.
    #[serde(default)]
    pub as_of: i64,
    /// When this was written.
    #[serde(default)]
    pub told: i64,
    /// The host that looks after it.
    #[serde(default)]
    pub host: String,
    /// Records that were copied, and about how many there are; while it is copied.
    #[serde(default)]
    pub rows: u64,
    /// About how many there are.
    #[serde(default)]
    pub rows_about: u64,
    /// The server's version, such as `15.18`.
    #[serde(default)]
    pub version: String,
    /// Why it does not go on, in a sentence.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// How far a mirror is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MirrorStage {
    /// It is copied.
    Copying,
    /// It is compared with the primary, and copied where it differs.
    Mending,
    /// It follows.
    Following,
    /// It is a database of its own.
    Released,
    /// Nothing is known of it yet.
    #[default]
    #[serde(other)]
    Unknown,
}

/// That a person asked for another primary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Who is to be it; `None`: whoever is best.
    pub to: Option<String>,
    /// When it was asked for, in milliseconds since 1970 UTC.
    pub asked: i64,
    /// Written by the old primary once it takes no more writes: where the new one begins.
    #[serde(default)]
    pub position: Option<Position>,
}

/// That a person accepts that writes are lost, so that a host which may lack some becomes primary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// Who is to be primary.
    pub host: String,
    /// The reign that is given up; it counts only while that is the last one.
    pub of: u64,
    /// When it was asked for, in milliseconds since 1970 UTC.
    pub asked: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reigns_sort_by_their_keys() {
        let layout = Layout::new("popong.com");
        assert_eq!(layout.leader(), "/ondol/popong.com/leader");
        assert_eq!(layout.member("seoul-1"), "/ondol/popong.com/members/seoul-1");
        assert!(layout.history(9) < layout.history(10), "{}", layout.history(9));
    }

    #[test]
    fn a_document_of_an_older_program_is_still_read() {
        let text = r#"{"epoch":3,"primary":"seoul-1","eligible":["seoul-1","busan-1"]}"#;
        let sync: Sync = serde_json::from_str(text).unwrap();
        assert_eq!((sync.eligible.len(), sync.position), (2, Position::default()));
    }
}
