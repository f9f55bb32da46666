//! What can be wrong with the cache's settings. Once it stands, nothing fails: who can't be served goes to the database.

use base::error::{Fault, Kind};

/// A mistake in the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Memcached without a server.
    #[error("memcached is to keep values, but no address of it is given")]
    NoAddress,
    /// An address that is none.
    #[error("`{address}` is no address of memcached; write `host:port`, such as 10.0.0.14:11211")]
    Address {
        /// As it was written.
        address: String,
    },
    /// A window of no size.
    #[error("window_slots is 0; it takes at least 1")]
    NoWindow,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn public(&self) -> String {
        self.to_string()
    }
}
