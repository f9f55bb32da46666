//! The store: opening it, reading, writing, following.

use std::pin::Pin;
use std::sync::Arc;

use base::time::Clock;

use crate::change::{Position, Tail};
use crate::config::Config;
use crate::conn::{Conn, Tx};
use crate::error::Error;
use crate::files::Files;

/// A future that borrows a transaction: what a write's closure gives back.
pub type Step<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The store. Cheap to clone; the last clone that is dropped closes it.
#[derive(Clone)]
pub struct Store {
    _inner: Arc<()>,
}

impl Store {
    /// Opens the store in its folder, making what is missing.
    pub fn open(_config: Config, _clock: Clock) -> Result<Store, Error> {
        todo!()
    }

    /// A connection for reading; it goes back when dropped. Waits when all are taken.
    pub async fn reader(&self) -> Result<Conn, Error> {
        todo!()
    }

    /// Does a write: the closure runs in a transaction of its own, which is durable on disk when this returns `Ok` and
    /// has left nothing when it returns `Err`. Writes that arrive together share one commit.
    ///
    /// The closure may await nothing but the transaction's own methods.
    pub async fn write<T, E, F>(&self, _write: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> Step<'a, T, E> + Send + 'static,
    {
        todo!()
    }

    /// The newest committed position.
    pub fn position(&self) -> Position {
        todo!()
    }

    /// Follows the change log after a position.
    pub fn tail(&self, _after: Position) -> Tail {
        todo!()
    }

    /// The files beside the records.
    pub fn files(&self) -> &Files {
        todo!()
    }

    /// Ends the writer after what waits has been written, and closes the database. Later writes are refused as busy.
    pub async fn close(&self) {
        todo!()
    }
}
