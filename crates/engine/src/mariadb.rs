//! Hands on a MariaDB server of this host, and on its replication by GTID and semi-synchronous commits.
//!
//! MariaDB has no timelines: each reign writes a row into a table of ours as its first transaction, and the number of that row
//! is the timeline. The place in it is the sequence number of the one domain's GTID.
//!
//! What holds, and what it rests on:
//! - A commit waits for a replica before anybody can see it (`AFTER_SYNC`), and no time sets it free.
//! - MariaDB waits for **one** replica, whichever: so a service has two databases, and there is one that can confirm.
//! - What a replica has received and not applied is thrown away when its server starts anew. So one that was started anew is
//!   unfit to be primary until it has caught up with a primary once ([`Running::unfit`](crate::Running::unfit)).
//! - A server that died as a primary has transactions in its log that nobody confirmed, beside those that were. Started in its
//!   own right it keeps them all; led back to another primary it drops what it had not settled, which that one has where it
//!   was acknowledged.
//! - It is fenced by killing it: `read_only` waits behind commits, and an orderly end is no better.
//!
//! Invariant: `KILL QUERY` is never sent: a commit that waits would be answered with a yes.

mod audit;
mod change;
mod clone;
mod config;
mod ears;
mod gtid;
mod init;
mod lend;
mod life;
mod link;
mod look;
mod note;
mod reign;
mod rewind;
mod settings;
mod settle;
mod stop;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::moment::Moment;
use tokio_util::task::TaskTracker;

use crate::account::Account;
use crate::error::Error;
use crate::observation::{Bound, Confirm, Follower};
use crate::order::{Door, Upstream};
use crate::place::{Kind, Place};
use crate::program::{Process, Program};

pub use config::Config;

use link::Link;

/// What says that a folder has MariaDB's data, and where it writes what it says.
const KIND: Kind = Kind { mark: "ibdata1", log: "server.log" };

/// A MariaDB server of this host. One for each folder, for as long as the process lives.
#[derive(Debug)]
pub struct MariaDb {
    config: Arc<Config>,
    place: Place,
    tasks: TaskTracker,
    now: Arc<Mutex<Now>>,
    /// What it is looked at through; taken out while it is asked.
    look: tokio::sync::Mutex<Option<(u32, Link)>>,
    /// Held by whoever copies the data to another host: one at a time.
    lending: Arc<tokio::sync::Mutex<()>>,
}

/// What is so now.
#[derive(Debug, Default)]
struct Now {
    /// Until its end was noticed.
    process: Option<Process>,
    upstream: Option<Upstream>,
    confirm: Confirm,
    door: Door,
    /// The process that was told all of that after its start.
    settled: Option<u32>,
    /// What binds every commit of this process.
    bound: Option<(u32, Bound)>,
    /// Whether it has all that it ever confirmed.
    is_whole: bool,
    /// How far it must come to have it.
    target: Option<u64>,
    /// When the stream was last heard, and what it said then.
    heard: Option<(String, Moment)>,
    /// What other hosts say of their following this one.
    followers: HashMap<String, (Follower, Moment)>,
    /// What was found when it was looked at closely.
    troubles: Vec<String>,
}

impl MariaDb {
    /// Nothing is started or touched yet.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn new(config: Config) -> Result<MariaDb, Error> {
        config.check()?;
        let place = Place::new(config.folder.clone(), Account::of(&config.account)?, KIND);
        Ok(MariaDb {
            config: Arc::new(config),
            place,
            tasks: TaskTracker::new(),
            now: Arc::default(),
            look: tokio::sync::Mutex::default(),
            lending: Arc::default(),
        })
    }

    /// As it was set up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// One of MariaDB's programs.
    fn program(&self, name: &str) -> Program {
        program(&self.config, &self.place, name)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        lock(&self.now)
    }

    /// The server's process, if it lives.
    fn alive(&self) -> Option<Process> {
        self.now().process.clone().filter(Process::is_alive)
    }

    /// A new session on it.
    async fn link(&self) -> Result<Link, Error> {
        if self.alive().is_none() {
            return Err(Error::NotRunning);
        }
        Link::open(&self.config, self.config.limits.answer_time_max).await
    }
}

fn program(config: &Config, place: &Place, name: &str) -> Program {
    let of = |folder: &str| config.programs.join(folder).join(name);
    let path = if of("sbin").exists() { of("sbin") } else { of("bin") };
    Program::new(path, &config.folder, &place.account)
}

fn lock(now: &Mutex<Now>) -> MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}
