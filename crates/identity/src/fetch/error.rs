//! What can go wrong with a fetch. No text shows more of an address than its host: queries and paths may hold secrets.

use std::io;

/// Why nothing came of a fetch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address has no host or no port, or a header's value can't be sent.
    #[error("the address can't be asked")]
    Address,
    /// Only https is asked, but where a request says otherwise.
    #[error("{host} is not asked without encryption; its address must begin with https://")]
    Plain {
        /// The host.
        host: String,
    },
    /// The host lies where nothing is fetched from.
    #[error("{host} is not asked: its address is {why}")]
    Closed {
        /// The host.
        host: String,
        /// What its address is.
        why: &'static str,
    },
    /// The name is not known.
    #[error("the name {host} is not known")]
    Unresolved {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No connection, or no encryption, came about.
    #[error("{host} can't be reached")]
    Unreached {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke, or what came is no HTTP.
    #[error("{host} gave no proper answer")]
    Broken {
        /// The host.
        host: String,
        /// Why.
        source: hyper::Error,
    },
    /// The time was over.
    #[error("{host} took longer than {}", base::unit::Span(*.most))]
    Slow {
        /// The host.
        host: String,
        /// The limit.
        most: std::time::Duration,
    },
    /// The body was longer than the limit; the rest was not read.
    #[error("the answer of {host} is longer than {}", base::unit::Bytes(*.most))]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        most: u64,
    },
    /// The body is not the JSON that was expected.
    #[error("the answer of {host} can't be read: {why}")]
    Json {
        /// The host.
        host: String,
        /// What is wrong, in words of ours.
        why: String,
    },
}
