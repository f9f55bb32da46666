//! What a cache of records asks of the change log: what was touched since a place, without the records themselves.
//!
//! Invariant: one statement, one snapshot, asked of the primary: what the answer leaves out, nobody could have read yet.

use std::sync::Arc;

use base::chance;

use crate::change::Position;
use crate::error::Error;
use crate::store::Store;

/// The setting that holds the database's name among caches. A move leaves it behind: in another database the log is
/// counted anew.
pub(crate) const NAMESPACE: &str = "cache";
/// Letters of such a name.
const NAMESPACE_LENGTH: usize = 20;

/// A record that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Its table, by name.
    pub table: Arc<str>,
    /// Its id.
    pub record: Arc<str>,
    /// The place of the change; of one that has none yet, the first that it may be given.
    pub position: Position,
}

/// What the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Everything since the place that was asked about.
    Since {
        /// The newest place that was given: all changes up to it are committed, and no other will be there.
        to: Position,
        /// All changes after the place asked about that are committed, in no order.
        touched: Vec<Touched>,
    },
    /// That can't be said: there was no place, it is of another epoch, the log was trimmed beyond it, or too much happened.
    Anew {
        /// The epoch in which the log is counted now.
        epoch: i64,
        /// The newest place that was given.
        to: Position,
        /// After `to` when there are changes that have no place yet.
        newest: Position,
    },
}

impl Store {
    /// What was touched after a place of an epoch, at most so many changes. `None` of the embedded engine, whose records are
    /// read in this process anyway: there a look into the log costs as much as the look-up of a record.
    ///
    /// The server is asked once, without patience: whoever gets an error reads the database.
    pub async fn since(
        &self,
        after: Option<(i64, Position)>,
        changes_max: usize,
    ) -> Result<Option<News>, Error> {
        match self.remote() {
            Some(remote) => remote.since(after, changes_max).await.map(Some),
            None => Ok(None),
        }
    }

    /// A random name that no other database has, made when it is first asked for: values of two databases in the same
    /// memcached never meet. A move to another database leaves it behind; a copy made by other programs takes it along.
    pub async fn namespace(&self) -> Result<String, Error> {
        if let Some(name) = self.reader().await?.setting(NAMESPACE).await? {
            return Ok(name);
        }
        let made = chance::word(NAMESPACE_LENGTH);
        self.write(move |tx| {
            Box::pin(async move {
                tx.alone(NAMESPACE).await?;
                if let Some(name) = tx.setting(NAMESPACE).await? {
                    return Ok(name);
                }
                tx.set_setting(NAMESPACE, &made).await?;
                Ok(made)
            })
        })
        .await
    }
}
