//! How the store is: its engine and size, how many records a table has about, and how far its indexes are.
//!
//! For those who look on (`ondol status`, the console). Everything here is cheap, and nothing of it decides anything.

use crate::error::Error;
use crate::query::Select;
use crate::row::Table;
use crate::store::{Engine, Store};

/// How far an index is.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexState {
    /// Its table.
    pub table: Table,
    /// Its name in the database.
    pub name: String,
    /// How far it is.
    pub stage: Stage,
}

/// How far an index is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// It serves.
    Ready,
    /// It is being built, or waits for that.
    Building {
        /// The part that is done, from 0 to 1, as far as the server tells.
        progress: Option<f32>,
    },
    /// The data do not fit it.
    Failed {
        /// Why.
        why: String,
    },
    /// It is dropped.
    Leaving,
}

/// The engine, and how much it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The engine's name and version: `SQLite 3.50.4`.
    pub engine: String,
    /// Bytes of the database, as far as they are told.
    pub bytes: Option<u64>,
}

impl Store {
    /// How far each index is, by table and name.
    pub async fn indexes(&self) -> Result<Vec<IndexState>, Error> {
        let mut states = match self.engine() {
            Engine::Embedded(engine) => engine.readers().brief(crate::sqlite::schema::indexes).await?,
            Engine::Remote(remote) => remote.index_states().await?,
        };
        states.sort_by(|a, b| (a.table.as_str(), &a.name).cmp(&(b.table.as_str(), &b.name)));
        Ok(states)
    }

    /// The engine, and how much it keeps.
    pub async fn about(&self) -> Result<About, Error> {
        match self.engine() {
            Engine::Embedded(engine) => Ok(engine.about()),
            Engine::Remote(remote) => remote.about().await,
        }
    }

    /// About how many records a table has: as a server's statistics say, else counted.
    pub async fn count_about(&self, table: &Table) -> Result<u64, Error> {
        let known = match self.engine() {
            Engine::Embedded(_) => None,
            Engine::Remote(remote) => remote.count_about(table).await?,
        };
        match known {
            Some(count) => Ok(count),
            None => self.reader().await?.count(&Select::table(table)).await,
        }
    }
}
