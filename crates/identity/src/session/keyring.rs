//! The keys of tokens as this web server knows them: read from the collection `_keys`, made and followed by the next.
//!
//! Whichever web server first finds that a key is due makes it, in a transaction that nobody else is in; its number is
//! unique besides. The others hear of it by the change log, and whoever is shown a token of a key that it does not know
//! reads them anew, once in a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base::chance;
use base::error::Kind;
use base::time::Timestamp;
use records::core::change::KEYS;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Records};
use serde_json::json;
use store::query::Select;
use store::{Conn, Row, Tx};
use tokio::sync::Mutex;

use super::key::{self, Key, Keys, NONCE_BYTES, SEED_BYTES};
use super::p256;
use crate::audit::{self, Entry, Event, Whose};
use crate::own;
use crate::service::Identity;

/// Letters of a key's name.
const KID_LENGTH: usize = base::id::LENGTH;

/// What this web server knows.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    known: RwLock<Arc<Keys>>,
    /// The reading that is known.
    latest: AtomicU64,
    /// How many were begun.
    readings: AtomicU64,
    /// When they were last read for a name that was not known. Held while they are: who asks meanwhile waits for it.
    looked: Mutex<Option<Timestamp>>,
    /// How many of those looks have failed.
    failures: AtomicU64,
}

impl Keyring {
    /// The keys as they are known.
    pub(crate) fn known(&self) -> Arc<Keys> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which reading of them is known: what was proved by another one is proved anew.
    pub(crate) fn reading(&self) -> u64 {
        self.latest.load(Ordering::SeqCst)
    }

    /// Reads them from the database. Of two readings at once the one that began later stays.
    pub(crate) async fn read(&self, identity: &Identity) -> Result<Arc<Keys>, Error> {
        let reading = self.readings.fetch_add(1, Ordering::SeqCst) + 1;
        let read = read(&mut identity.records().store().reader().await?, identity, reading).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.reading < reading {
            *known = Arc::new(read);
            self.latest.store(reading, Ordering::SeqCst);
        }
        Ok(known.clone())
    }

    /// The key of a name, and the reading that it is of; of a name that is not known they are read anew, at most once in a
    /// named time. Many may ask at once, a web server that has just begun above all: one reads, the others wait for it.
    pub(crate) async fn find(
        &self,
        identity: &Identity,
        kid: &str,
        now: Timestamp,
    ) -> Result<Option<(Arc<Key>, u64)>, Error> {
        let found = |keys: &Keys| keys.find(kid, now).map(|key| (key.clone(), keys.reading));
        if let Some(key) = found(&self.known()) {
            return Ok(Some(key));
        }
        let failures = self.failures.load(Ordering::SeqCst);
        let mut looked = self.looked.lock().await;
        if let Some(key) = found(&self.known()) {
            return Ok(Some(key));
        }
        let every = identity.config().token_keys_look_every.0;
        if looked.is_some_and(|last| last <= now && now < last.after(every)) {
            return Ok(None);
        }
        if self.failures.load(Ordering::SeqCst) != failures {
            return Err(unread());
        }
        match self.read(identity).await {
            Ok(keys) => {
                *looked = Some(now);
                Ok(found(&keys))
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    /// The key that signs what lives until `exp`: made where there is none, with its end put off where it would end sooner.
    /// The next one is made on the way, when it is due.
    pub(crate) async fn signing(
        &self,
        identity: &Identity,
        now: Timestamp,
        exp: Timestamp,
    ) -> Result<Arc<Key>, Error> {
        let mut keys = self.known();
        if keys.active(now).is_none() {
            keys = self.read(identity).await?;
        }
        if keys.due(now, identity.config().turns()).is_some() {
            keys = self.follow_up(identity).await?;
        }
        let none = || Error::refused(Kind::Internal, "there is no key to sign tokens with");
        let key = keys.active(now).cloned().ok_or_else(none)?;
        if exp <= key.ends {
            return Ok(key);
        }
        put_off(identity, &key.kid, exp).await?;
        self.read(identity).await?.find(&key.kid, now).cloned().ok_or_else(none)
    }

    /// The same, with its half on P-256.
    pub(crate) async fn signing_p256(
        &self,
        identity: &Identity,
        now: Timestamp,
        exp: Timestamp,
    ) -> Result<Arc<Key>, Error> {
        let key = self.signing(identity, now, exp).await?;
        if key.p256().is_some() {
            return Ok(key);
        }
        self.complete(identity).await?;
        self.signing(identity, now, exp).await
    }

    /// Sees to it that the next key is there in time, and whole, also where nobody signs in.
    pub(crate) async fn look_after(&self, identity: &Identity) -> Result<(), Error> {
        let keys = self.complete(identity).await?;
        if keys.due(identity.records().clock().now(), identity.config().turns()).is_some() {
            self.follow_up(identity).await?;
        }
        Ok(())
    }

    /// Gives keys that were made by an earlier version what they lack.
    async fn complete(&self, identity: &Identity) -> Result<Arc<Keys>, Error> {
        let keys = self.read(identity).await?;
        let halves = keys.halves();
        if halves.is_empty() {
            return Ok(keys);
        }
        for kid in halves {
            let nonce = chance::bytes();
            let sealed = p256::make(&kid, &identity.house_key(SEALING)?, nonce);
            change(identity, &kid, move |before| {
                let is_missing = before.text("sealedP256").is_empty();
                is_missing.then_some(("sealedP256", sealed))
            })
            .await?;
        }
        self.read(identity).await
    }

    /// Makes the next key, if it is due and nobody has made it meanwhile.
    async fn follow_up(&self, identity: &Identity) -> Result<Arc<Keys>, Error> {
        let inside = identity.clone();
        let (kid, seed, nonce) = (chance::word(KID_LENGTH), chance::bytes(), chance::bytes());
        let p256 = p256::make(&kid, &identity.house_key(SEALING)?, chance::bytes());
        let made = identity.records().store().write(move |tx| {
            Box::pin(async move { make(tx, &inside, &Fresh { kid: &kid, seed, nonce, p256 }).await })
        });
        made.await?;
        self.read(identity).await
    }
}

/// What those are told who have waited for a look that failed: each with a look of its own would be too long a wait.
fn unread() -> Error {
    Error::refused(Kind::Unavailable, "The keys of tokens can't be read now. Try again in a moment.")
}

/// What the key is for that seals private parts.
const SEALING: &[u8] = b"ondol/keys";

/// What a new key is made of.
struct Fresh<'a> {
    kid: &'a str,
    seed: [u8; SEED_BYTES],
    nonce: [u8; NONCE_BYTES],
    p256: String,
}

async fn make(tx: &mut Tx, identity: &Identity, fresh: &Fresh<'_>) -> Result<(), Error> {
    tx.alone(KEYS).await?;
    let (records, turns) = (identity.records(), identity.config().turns());
    let there = read(tx, identity, 0).await?;
    let Some(begins) = there.due(records.clock().now(), turns) else { return Ok(()) };
    let ends = begins.after(turns.life).after(longest_token(records));
    let values = json!({
        "id": fresh.kid,
        "number": there.next_number(),
        "public": key::public(&fresh.seed),
        "sealed": key::seal(&fresh.seed, fresh.kid, &identity.house_key(SEALING)?, fresh.nonce),
        "sealedP256": fresh.p256,
        "begins": begins.to_string(),
        "ends": ends.to_string(),
    });
    records.insert_own(tx, &*own::collection(records, KEYS)?, own::object(values)).await?;
    let entry = Entry::new(Event::KeyMade, Whose::default()).with("key", fresh.kid);
    audit::write(tx, identity, &entry).await?;
    tracing::info!(key = fresh.kid, begins = %begins, "a key for tokens was made");
    Ok(())
}

/// Sees to it that a key ends no sooner than that.
async fn put_off(identity: &Identity, kid: &str, until: Timestamp) -> Result<(), Error> {
    change(identity, kid, move |before| {
        let is_short = own::date(before, "ends") < until;
        is_short.then(|| ("ends", until.to_string()))
    })
    .await
}

/// Changes one field of a key as it is then, if it is still to be changed.
async fn change(
    identity: &Identity,
    kid: &str,
    wanted: impl FnOnce(&Values) -> Option<(&'static str, String)> + Clone + Send + 'static,
) -> Result<(), Error> {
    let (inside, kid) = (identity.clone(), kid.to_owned());
    let done = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let (records, keys) = (inside.records(), own::collection(inside.records(), KEYS)?);
            let Some(row) = tx.get(&keys.table(), &kid).await? else { return Ok(()) };
            let before = records.values(&keys, &row);
            let Some((field, value)) = wanted(&before) else { return Ok(()) };
            let mut after = before.clone();
            after.0.insert(field.into(), value.into());
            records.update_own(tx, &keys, &before, after).await.map(drop)
        })
    });
    done.await
}

/// The keys as they are in the database. What is not sealed by this service's secret is no key.
async fn read(conn: &mut Conn, identity: &Identity, reading: u64) -> Result<Keys, Error> {
    let (records, secret) = (identity.records(), identity.house_key(SEALING)?);
    let keys = own::collection(records, KEYS)?;
    let select = Select { limit: Some(identity.config().token_keys_max), ..newest_first(&keys) };
    let rows = conn.select(&select).await?;
    Ok(Keys::new(rows.iter().filter_map(|row| one(records, &keys, row, &secret)).collect(), reading))
}

fn newest_first(keys: &Collection) -> Select {
    let mut select = own::in_order(own::select(keys, &[]), keys, "number");
    select.order.iter_mut().for_each(|order| order.descending = true);
    select
}

fn one(records: &Records, keys: &Collection, row: &Row, secret: &[u8; 32]) -> Option<Key> {
    let values = records.values(keys, row);
    let seed = key::unseal(values.text("sealed"), &row.id, secret)?;
    let (begins, ends) = (own::date(&values, "begins"), own::date(&values, "ends"));
    let key = Key::new(&row.id, own::number(&values, "number"), &seed, begins, ends)?;
    Some(key.with_p256(p256::open(values.text("sealedP256"), &row.id, secret)))
}

/// The longest life of a plain token in any collection.
fn longest_token(records: &Records) -> Duration {
    let seconds = |c: &Arc<Collection>| c.auth.as_ref().map(|auth| auth.token_seconds);
    Duration::from_secs(records.catalog().all().iter().filter_map(seconds).max().unwrap_or_default())
}
