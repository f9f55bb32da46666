//! The topology: sites in the order of the file, the first of which leads, and their hosts.
//!
//! Map: `settle` (what is written becomes a topology, or faults with their places), `loss` (what becomes of the service when
//! a host or a site goes), `words` (all of that for people).

mod loss;
mod settle;
mod words;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::word::nearest;
use serde::{Deserialize, Deserializer, de};

pub(crate) use loss::{Lost, Outcome, Writes};
pub(crate) use settle::{Setting, Written, WrittenRole, WrittenSite, settle};
pub(crate) use words::{Times, words};

/// What a host may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Balancer,
    Web,
    Cache,
    Database,
    /// A database that never becomes primary.
    Replica,
    Witness,
    Backup,
}

/// The roles by their words; `all` is web and database. A `replica` is a database too.
pub(crate) const ROLES: [(&str, Role); 7] = [
    ("balancer", Role::Balancer),
    ("web", Role::Web),
    ("cache", Role::Cache),
    ("database", Role::Database),
    ("replica", Role::Replica),
    ("witness", Role::Witness),
    ("backup", Role::Backup),
];

/// The word for every role that a host of a small team has.
pub(crate) const ALL: &str = "all";

/// When a write counts, that is, when its client is told yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Confirm {
    /// On the primary's disk.
    #[default]
    Here,
    /// On a second machine of its site.
    Site,
    /// On a machine of another site.
    Abroad,
}

/// As many voices as one site has.
const VOICES: usize = 3;

/// After which `without = "go on"` goes on.
pub(crate) const GO_ON_AFTER: Duration = Duration::from_secs(2);

/// What becomes of writes when nobody is there to confirm them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Without {
    /// They wait.
    Block,
    /// After a while they count on the primary's disk alone, with an alarm.
    #[default]
    GoOn,
}

/// What becomes of reads while the primary does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reads {
    /// They wait, as writes do.
    #[default]
    Wait,
    /// A replica answers them that has everything that anybody was shown.
    Replica,
}

/// All sites, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topology {
    pub(crate) sites: Vec<Site>,
    pub(crate) confirm: Confirm,
    pub(crate) without: Without,
    pub(crate) reads: Reads,
}

/// A place that may go as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) hosts: Vec<Host>,
}

/// A machine. Its address is its name, in the file and in everything that is agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) address: String,
    pub(crate) roles: Vec<Role>,
}

impl Host {
    pub(crate) fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

impl Topology {
    /// Each host with its site, in the order of the file.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (&Site, &Host)> {
        self.sites.iter().flat_map(|site| site.hosts.iter().map(move |host| (site, host)))
    }

    /// The hosts of a role with their sites, in the order of the file.
    pub(crate) fn with(&self, role: Role) -> impl Iterator<Item = (&Site, &Host)> {
        self.hosts().filter(move |(_, host)| host.is(role))
    }

    /// Those who have a voice in who is primary: an odd number of them, at sites of their own where there are several, so that
    /// the loss of one site leaves most of them.
    pub(crate) fn voters(&self) -> impl Iterator<Item = (&Site, &Host)> {
        let databases: Vec<(&Site, &Host)> = self.with(Role::Database).collect();
        let witnesses = self.with(Role::Witness).count();
        let is_first = |(site, host): &(&Site, &Host)| {
            databases.iter().find(|(of, _)| of.name == site.name).is_some_and(|(_, first)| first == host)
        };
        let mut voices: Vec<(&Site, &Host)> = databases.iter().copied().filter(is_first).collect();
        if databases.len() == 2 || voices.len() == 1 {
            voices = databases.clone();
            voices.truncate(VOICES.saturating_sub(witnesses).max(2));
        } else if (voices.len() + witnesses).is_multiple_of(2) && voices.len() > 2 {
            voices.pop();
        }
        let has_voice = move |host: &Host| voices.iter().any(|(_, voice)| voice.address == host.address);
        self.hosts().filter(move |(_, host)| host.is(Role::Witness) || has_voice(host))
    }

    /// Whether a host has a voice in who is primary.
    pub(crate) fn votes(&self, host: &Host) -> bool {
        self.voters().any(|(_, voter)| voter.address == host.address)
    }

    /// A host by its address, or by its site's name where that has only one.
    pub(crate) fn find(&self, word: &str) -> Option<(&Site, &Host)> {
        let by_address = self.hosts().find(|(_, host)| host.address == word);
        let alone = |site: &&Site| site.name == word && site.hosts.len() == 1;
        by_address.or_else(|| self.sites.iter().find(alone).map(|site| (site, &site.hosts[0])))
    }

    /// The primary as the file means it: the first database of the first site that has one that may be it.
    pub(crate) fn leads(&self) -> Option<(&Site, &Host)> {
        self.able().next()
    }

    /// The hosts with a database that may become primary.
    pub(crate) fn able(&self) -> impl Iterator<Item = (&Site, &Host)> {
        self.with(Role::Database).filter(|(_, host)| !host.is(Role::Replica))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = ROLES.iter().find(|(_, role)| role == self);
        f.write_str(found.map_or("", |(word, _)| word))
    }
}

/// Reads a word out of a short list.
fn word_of<T: Copy>(word: &str, what: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, found)) = words.iter().find(|(known, _)| *known == word) {
        return Ok(*found);
    }
    let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
    Err(match nearest(word, &known) {
        Some(near) => format!("`{word}` is not {what}; did you mean \"{near}\"?"),
        None => format!("`{word}` is not {what}; there are \"{}\"", known.join("\", \"")),
    })
}

impl FromStr for Confirm {
    type Err = String;

    fn from_str(word: &str) -> Result<Confirm, String> {
        let words = [("here", Confirm::Here), ("site", Confirm::Site), ("abroad", Confirm::Abroad)];
        word_of(word, "a place where a write counts", &words)
    }
}

impl FromStr for Without {
    type Err = String;

    fn from_str(word: &str) -> Result<Without, String> {
        let words = [("block", Without::Block), ("go on", Without::GoOn)];
        word_of(word, "what to do without a second machine", &words)
    }
}

impl FromStr for Reads {
    type Err = String;

    fn from_str(word: &str) -> Result<Reads, String> {
        let words = [("wait", Reads::Wait), ("replica", Reads::Replica)];
        word_of(word, "what becomes of reads while the primary does not answer", &words)
    }
}

impl<'de> Deserialize<'de> for Reads {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Reads, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Confirm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Confirm, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Without {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Without, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Confirm::Here => "here",
            Confirm::Site => "site",
            Confirm::Abroad => "abroad",
        })
    }
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Without::Block => "block",
            Without::GoOn => "go on",
        })
    }
}
