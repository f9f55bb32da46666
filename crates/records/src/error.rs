//! What can go wrong with records.

use base::error::{Fault, Fields, Kind};
use serde_json::{Map, Value};

use crate::records::Repeat;

/// A failure of an operation on records or collections.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is refused for a reason that the client may read.
    #[error("{message}")]
    Refused {
        /// What sort.
        kind: Kind,
        /// One sentence.
        message: String,
        /// Faults by field.
        fields: Fields,
    },
    /// The write was done before, under the same key; nothing was done now.
    #[error("this request was done before")]
    Repeated(Box<Repeat>),
    /// The key was used before, for another write; nothing was done now.
    #[error("this key was used before for another request")]
    Reused,
    /// The cache's settings are wrong.
    #[error("open the cache of records")]
    Cache(#[source] cache::Error),
    /// The store failed.
    #[error("records on the store")]
    Store(#[from] store::Error),
}

impl Error {
    /// A refusal without details.
    pub fn refused(kind: Kind, message: impl Into<String>) -> Error {
        Error::Refused { kind, message: message.into(), fields: Fields::default() }
    }

    /// Refused with faults by field.
    pub fn invalid(message: impl Into<String>, fields: Fields) -> Error {
        Error::Refused { kind: Kind::Invalid, message: message.into(), fields }
    }

    /// There is no such thing, or it may not be seen.
    pub fn missing() -> Error {
        Error::refused(Kind::NotFound, "The requested resource wasn't found.")
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Refused { kind, .. } => *kind,
            Error::Repeated(_) => Kind::Conflict,
            Error::Reused => Kind::Unprocessable,
            Error::Cache(cache) => cache.kind(),
            Error::Store(store) => store.kind(),
        }
    }

    fn public(&self) -> String {
        match self {
            Error::Refused { message, .. } => message.clone(),
            Error::Repeated(_) | Error::Reused => self.to_string(),
            Error::Cache(cache) => cache.public(),
            Error::Store(store) => store.public(),
        }
    }

    fn data(&self) -> Map<String, Value> {
        match self {
            Error::Refused { fields, .. } => fields.0.clone(),
            Error::Repeated(_) | Error::Reused | Error::Cache(_) | Error::Store(_) => Map::new(),
        }
    }
}
