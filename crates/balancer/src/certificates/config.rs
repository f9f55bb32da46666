//! What is to be known of a service's certificates, and the limits of getting them.

use std::path::PathBuf;
use std::time::Duration;

use base::unit::Span;

/// A certificate that the team brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The chain, the host's own certificate first.
    pub certificate: PathBuf,
    /// Its key; it may lie in the same file.
    pub key: PathBuf,
}

/// Where certificates come from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Files of certificates.
    pub files: Vec<Files>,
    /// Time between two looks whether the files have changed.
    pub look_every: Span,
}

impl Default for Config {
    fn default() -> Config {
        Config { files: Vec::new(), look_every: Span(Duration::from_secs(30)) }
    }
}
