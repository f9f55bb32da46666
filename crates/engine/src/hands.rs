//! The hands on this host's server, whichever it is: one face for the two.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base::moment::Moment;
use base::unit::Bytes;
use tokio::sync::watch;

use crate::error::Error;
use crate::mariadb::MariaDb;
use crate::observation::{Bound, Confirm, Observation};
use crate::order::{Door, Fenced, Fit, Progress, Upstream};
use crate::postgres::Postgres;
use crate::program::Death;

/// A server of this host. What each of these does is told at the server's own.
#[derive(Debug)]
pub enum Hands {
    /// PostgreSQL's.
    Postgres(Box<Postgres>),
    /// MariaDB's.
    MariaDb(Box<MariaDb>),
}

impl From<Postgres> for Hands {
    fn from(hands: Postgres) -> Hands {
        Hands::Postgres(Box::new(hands))
    }
}

impl From<MariaDb> for Hands {
    fn from(hands: MariaDb) -> Hands {
        Hands::MariaDb(Box::new(hands))
    }
}

/// Asks whichever it is.
macro_rules! each {
    ($hands:expr, $it:ident => $what:expr) => {
        match $hands {
            Hands::Postgres($it) => $what,
            Hands::MariaDb($it) => $what,
        }
    };
}

#[expect(missing_docs, clippy::missing_errors_doc, reason = "each is told of at the two servers' own")]
impl Hands {
    /// Where the data lie.
    pub fn data(&self) -> PathBuf {
        each!(self, it => it.config().folder.join("data"))
    }

    pub async fn observe(&self) -> Result<Observation, Error> {
        each!(self, it => it.observe().await)
    }

    pub async fn init(&self) -> Result<String, Error> {
        each!(self, it => it.init().await)
    }

    pub async fn start(
        &self,
        upstream: Option<&Upstream>,
        confirm: &Confirm,
        door: Door,
    ) -> Result<(), Error> {
        each!(self, it => it.start(upstream, confirm, door).await)
    }

    pub async fn stop(&self, deadline: Moment) -> Result<(), Error> {
        each!(self, it => it.stop(deadline).await)
    }

    pub async fn fence(&self, deadline: Moment) -> Result<Fenced, Error> {
        each!(self, it => it.fence(deadline).await)
    }

    pub async fn died(&self) -> Death {
        each!(self, it => it.died().await)
    }

    pub async fn last_words(&self) -> Result<String, Error> {
        each!(self, it => it.last_words().await)
    }

    pub async fn probe_disk(&self) -> Result<Bytes, Error> {
        each!(self, it => it.probe_disk().await)
    }

    pub async fn follow(&self, upstream: Option<&Upstream>) -> Result<(), Error> {
        each!(self, it => it.follow(upstream).await)
    }

    pub async fn door(&self, door: Door) -> Result<(), Error> {
        each!(self, it => it.door(door).await)
    }

    pub async fn set_confirm(&self, confirm: &Confirm) -> Result<Option<Bound>, Error> {
        each!(self, it => it.set_confirm(confirm).await)
    }

    pub async fn keep_slots(&self, hosts: &BTreeMap<String, Option<u64>>) -> Result<(), Error> {
        each!(self, it => it.keep_slots(hosts).await)
    }

    /// What was set so that commits wait for nobody is taken back; MariaDB has no such settings.
    pub async fn take_back_overrides(&self) -> Result<Vec<String>, Error> {
        match self {
            Hands::Postgres(it) => it.take_back_overrides().await,
            Hands::MariaDb(_) => Ok(Vec::new()),
        }
    }

    pub async fn checkpoint(&self) -> Result<(), Error> {
        each!(self, it => it.checkpoint().await)
    }

    /// What PostgreSQL has received is on its disk, and stays there.
    pub async fn secure(&self) -> Result<(), Error> {
        match self {
            Hands::Postgres(_) => Ok(()),
            Hands::MariaDb(it) => it.secure().await,
        }
    }

    /// `may` is asked right before what can't be taken back, perhaps more than once.
    pub async fn promote(&self, may: impl Fn() -> bool) -> Result<(), Error> {
        each!(self, it => it.promote(may).await)
    }

    pub async fn rewind(&self, upstream: &Upstream) -> Result<Fit, Error> {
        each!(self, it => it.rewind(upstream).await)
    }

    pub async fn clone_of(
        &self,
        upstream: &Upstream,
        system_id: &str,
        progress: watch::Sender<Progress>,
    ) -> Result<(), Error> {
        each!(self, it => it.clone_of(upstream, system_id, progress).await)
    }
}
