//! Passwords: argon2id in a bounded pool.

use base::error::Kind;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::limits::Limits;

/// The pool of hashers: so many at once, so many waiting, the rest refused as busy.
#[derive(Debug)]
pub(crate) struct Passwords {
    _at_once: Semaphore,
}

impl Passwords {
    pub(crate) fn new(limits: &Limits) -> Passwords {
        Passwords { _at_once: Semaphore::new(limits.password_hashes_max) }
    }

    /// The hash of a password, as a PHC string.
    pub(crate) async fn hash(&self, _plain: &str) -> Result<String, Error> {
        Err(Error::refused(Kind::Internal, "to come"))
    }

    /// Whether a password fits a hash. Without a hash (an unknown account) it takes as long and is false.
    pub(crate) async fn verify(&self, _plain: &str, _hash: Option<&str>) -> Result<bool, Error> {
        Err(Error::refused(Kind::Internal, "to come"))
    }
}
