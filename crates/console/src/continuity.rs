//! How a service on several hosts is, as whoever watches over it tells the console.
//!
//! Facts without sentences: the pages say them in both languages.

use std::pin::Pin;
use std::time::Duration;

/// Whoever knows how all hosts are. A service on one box has none.
pub trait Watch: Send + Sync {
    /// How all is at this moment.
    fn look(&self) -> Looking<'_>;
}

/// What [`Watch::look`] gives: how it is, or why that can't be told, in a sentence.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<State, String>> + Send + 'a>>;

/// How it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Who is primary, if anybody is.
    pub primary: Option<Primary>,
    /// In the order of the file.
    pub sites: Vec<Site>,
    /// Databases elsewhere that follow by a login alone, by name.
    pub mirrors: Vec<Mirror>,
    /// What would be lost if the primary's site vanished now.
    pub loss: Option<Loss>,
    /// The last reigns, the newest first.
    pub reigns: Vec<Reign>,
    /// What is not as it should be, the worst first.
    pub alarms: Vec<Alarm>,
}

/// Who is primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// The host.
    pub host: String,
    /// Its site.
    pub site: String,
    /// Its reign.
    pub epoch: u64,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// As the team calls it.
    pub name: String,
    /// In the order of the file.
    pub hosts: Vec<Host>,
}

/// A host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its address, which is its name.
    pub address: String,
    /// What it is for, in the words of the file.
    pub roles: Vec<String>,
    /// Its database, if it has one.
    pub database: Option<Database>,
    /// Its member of etcd, if it has one.
    pub etcd: Option<Voice>,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// What it does.
    pub does: Does,
    /// Whether it has every acknowledged write.
    pub has_every_write: bool,
    /// How far it is behind the primary.
    pub behind: Behind,
    /// The server's version.
    pub version: String,
    /// What it is busy with, and how far, in a sentence.
    pub work: Option<String>,
}

/// What a database does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Does {
    /// It is the primary.
    Leads,
    /// It follows the primary.
    Follows,
    /// It takes writes though another one is the primary, or nobody.
    LeadsUncalled,
    /// It does not run.
    Stopped,
    /// Nothing is heard of it.
    #[default]
    Unheard,
}

/// How much is not there yet, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Bytes of the database's log.
    pub bytes: Option<u64>,
    /// How old the oldest of it is.
    pub time: Option<Duration>,
    /// Writes of records.
    pub writes: Option<u64>,
}

/// A database elsewhere that runs nothing of ours and follows by a login alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// Its name in the file.
    pub name: String,
    /// Where it is, in words.
    pub place: String,
    /// What it does.
    pub does: Mirrors,
    /// How far it is behind the primary.
    pub behind: Behind,
    /// The last change that it has.
    pub position: i64,
    /// The moment whose state it has, as RFC 3339 has it; empty when there is none.
    pub as_of: String,
    /// The server's version.
    pub version: String,
    /// Why it does not go on, in a sentence.
    pub trouble: Option<String>,
}

/// What a mirror does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mirrors {
    /// It is copied; the hundredths that are done, as far as that is known.
    Copied(Option<u8>),
    /// It is compared with the primary, and copied where it differs.
    Mended(Option<u8>),
    /// It follows.
    Follows,
    /// It is a database of its own.
    Released,
    /// Nothing is heard of it.
    #[default]
    Unheard,
}

/// A member of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// It leads the others.
    Leads,
    /// It takes part.
    Follows,
    /// It does not answer.
    Silent,
}

/// What would be lost if a site vanished now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The primary's host.
    pub host: String,
    /// Its site.
    pub site: String,
    /// Who would take over if the host vanished, and its site; nobody: no one has every write.
    pub heir: Option<(String, String)>,
    /// Who would be the best that is left if the whole site vanished and the heir is in it, or there is none; and what it lacks.
    pub best: Option<(String, Behind)>,
}

/// A reign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reign {
    /// Its number.
    pub epoch: u64,
    /// Whose it was.
    pub host: String,
    /// Why it began, in a sentence of the log.
    pub why: String,
    /// When it began, as RFC 3339 has it.
    pub began: String,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Nobody is primary.
    NoPrimary,
    /// Nothing is heard of a host's database.
    Unheard {
        /// The host.
        host: String,
        /// Its site.
        site: String,
    },
    /// A host's database is being led back or copied.
    AtWork {
        /// The host.
        host: String,
        /// With what, and how far.
        what: String,
    },
    /// A host's database may not take over.
    Unfit {
        /// The host.
        host: String,
        /// Why not, in a sentence, where it is well but for that.
        why: Option<String>,
    },
    /// What a host says of itself.
    Trouble {
        /// The host.
        host: String,
        /// In a sentence.
        what: String,
    },
    /// A mirror does not follow, or not closely.
    Mirror {
        /// Its name.
        name: String,
        /// What is wrong.
        what: MirrorFault,
    },
    /// The data were given to a mirror: no host may lead.
    GivenAway,
    /// No other host has every write.
    NoHeir,
    /// A member of etcd does not answer.
    EtcdSilent {
        /// The host.
        host: String,
        /// Why not.
        why: String,
    },
    /// A host does not answer in a role.
    Silent {
        /// The role's word: `web`, `balancer`, `cache`.
        role: &'static str,
        /// The host.
        host: String,
        /// Why not.
        why: String,
    },
}

/// What is wrong with a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorFault {
    /// Nothing was heard of it for a while.
    Unheard,
    /// It does not go on: why, in a sentence.
    Stuck(String),
    /// It is further behind than it should be.
    Late(Duration),
    /// It is copied, or mended, and has not everything.
    Incomplete,
    /// It was released, and follows nobody.
    Released,
}
