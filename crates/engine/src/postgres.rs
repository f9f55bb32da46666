//! Hands on a PostgreSQL server of this host.
//!
//! The server is a child of this process, and ends with it. It knows nothing of hosts but the one that it is told to follow,
//! and the ones that its commits are to wait for.
//!
//! Assumptions: PostgreSQL 15 or newer; the folder is ours alone; hosts have one major version.

mod audit;
mod change;
mod clone;
mod config;
mod control;
mod init;
mod life;
mod link;
mod look;
mod lsn;
mod reign;
mod rewind;
mod settings;
mod slot;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::TaskTracker;

use crate::account::Account;
use crate::error::Error;
use crate::observation::Bound;
use crate::place::{Kind, Place};
use crate::program::{Process, Program};

pub use crate::order::{Door, Fenced, Fit, Limits, Progress, Upstream};
pub use config::Config;

use link::Link;
use look::Heard;
use settings::State;

/// What says that a folder has PostgreSQL's data, and where it writes before its own log is open.
const KIND: Kind = Kind { mark: "global/pg_control", log: "postmaster.log" };

/// A PostgreSQL server of this host. One for each folder, for as long as the process lives.
#[derive(Debug)]
pub struct Postgres {
    config: Config,
    place: Place,
    tasks: TaskTracker,
    now: Arc<Mutex<Now>>,
    /// What it is looked at through; taken out while it is asked.
    look: tokio::sync::Mutex<Option<(u32, Link)>>,
}

/// What is so now.
#[derive(Debug, Default)]
struct Now {
    /// Until its end was noticed.
    process: Option<Process>,
    state: State,
    /// What the process that has this number is known to have read.
    in_force: Option<(u32, State)>,
    /// What binds every commit of this process.
    bound: Option<(u32, Bound)>,
    heard: Heard,
}

impl Postgres {
    /// Nothing is started or touched yet.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn new(config: Config) -> Result<Postgres, Error> {
        config.check()?;
        let place = Place::new(config.folder.clone(), Account::of(&config.account)?, KIND);
        let (tasks, now, look) = (TaskTracker::new(), Arc::default(), tokio::sync::Mutex::default());
        Ok(Postgres { config, place, tasks, now, look })
    }

    /// As it was set up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// One of PostgreSQL's programs.
    fn program(&self, name: &str) -> Program {
        Program::new(self.config.programs.join(name), &self.config.folder, &self.place.account)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        lock(&self.now)
    }

    /// The server's process, if it lives.
    fn alive(&self) -> Option<Process> {
        self.now().process.clone().filter(Process::is_alive)
    }
}

fn lock(now: &Mutex<Now>) -> MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}
