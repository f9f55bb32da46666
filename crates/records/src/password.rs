//! Passwords: argon2id in a bounded pool.
//!
//! One hashing takes tens of milliseconds of a core and 19 MiB. So only few run at once, some more wait, and the rest
//! are refused as busy rather than taking the machine down.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use base::error::Kind;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::limits::Limits;

/// Memory of one hashing in KiB, passes over it, and lanes: OWASP's first recommendation for argon2id (2023).
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// A hash that no password has, with the cost in use: an unknown account, or one without a password, takes as long as any.
pub const NO_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$b25kb2wtbm9ib2R5LXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The pool of hashers.
#[derive(Debug)]
pub(crate) struct Passwords {
    at_once: Semaphore,
    places: Semaphore,
}

impl Passwords {
    pub(crate) fn new(limits: &Limits) -> Passwords {
        let places = limits.password_hashes_max + limits.password_queue_max;
        Passwords { at_once: Semaphore::new(limits.password_hashes_max), places: Semaphore::new(places) }
    }

    /// The hash of a password, as a PHC string.
    pub(crate) async fn hash(&self, plain: &str) -> Result<String, Error> {
        let plain = plain.to_owned();
        self.work(move || {
            hasher().hash_password(plain.as_bytes()).map(|hash| hash.to_string()).unwrap_or_default()
        })
        .await
        .and_then(|hash| if hash.is_empty() { Err(broken()) } else { Ok(hash) })
    }

    /// Whether a password fits a hash. Without a hash (an unknown account) it takes as long and is false.
    pub(crate) async fn verify(&self, plain: &str, hash: Option<&str>) -> Result<bool, Error> {
        let plain = plain.to_owned();
        let is_somebody = hash.is_some_and(|hash| !hash.is_empty());
        let hash = hash.filter(|hash| !hash.is_empty()).unwrap_or(NO_PASSWORD).to_owned();
        let fits = self.work(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|hash| hasher().verify_password(plain.as_bytes(), &hash).is_ok())
        });
        Ok(fits.await? && is_somebody)
    }

    /// Runs a hashing when its turn comes; busy when too many wait.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let busy = || Error::refused(Kind::Busy, "Too many sign-ins at once. Try again in a moment.");
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let _turn = self.at_once.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| broken())
    }
}

fn broken() -> Error {
    Error::refused(Kind::Internal, "The password could not be hashed.")
}

fn hasher() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).expect("the cost is within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only_and_nobody_fits_none() {
        let pool = Passwords::new(&Limits::default());
        let hash = pool.hash("온돌은 따뜻하다").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(pool.verify("온돌은 따뜻하다", Some(&hash)).await.unwrap());
        assert!(!pool.verify("온돌은 차갑다", Some(&hash)).await.unwrap());
        assert!(!pool.verify("온돌은 따뜻하다", None).await.unwrap());
    }

    #[test]
    fn the_hash_of_nobody_can_be_read_so_that_it_takes_as_long() {
        assert!(PasswordHash::new(NO_PASSWORD).is_ok());
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_is_refused_as_busy() {
        use base::error::Fault;
        let limits = Limits { password_hashes_max: 1, password_queue_max: 0, ..Limits::default() };
        let pool = Passwords::new(&limits);
        let (first, second) = tokio::join!(pool.hash("one"), pool.hash("two"));
        assert!(first.is_ok());
        assert_eq!(second.unwrap_err().kind(), Kind::Busy);
    }
}
