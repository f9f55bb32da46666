//! Which client somebody is, and whether they can show it.
//!
//! A secret whose hash lies in a record takes as much work to try as a password; so one that was right is remembered by its
//! hash of a cheaper kind, in this process, until the record has another one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::error::Kind;
use base::secret::Secret;
use records::Error;
use records::core::change::CLIENTS;
use sha2::{Digest, Sha256};

use super::client::{Client, Proof, is_same};
use crate::own;
use crate::service::Identity;

/// Clients whose secrets are remembered.
const REMEMBERED_MAX: usize = 1000;

/// Secrets that were found right: by client, the hash that they fit, and their own.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    right: Mutex<HashMap<String, (String, [u8; 32])>>,
}

impl Registry {
    fn knows(&self, client: &str, hash: &str, given: &[u8; 32]) -> bool {
        self.lock().get(client).is_some_and(|(fits, own)| fits == hash && own == given)
    }

    fn remember(&self, client: &str, hash: &str, given: [u8; 32]) {
        let mut right = self.lock();
        if right.len() >= REMEMBERED_MAX {
            right.clear();
        }
        right.insert(client.to_owned(), (hash.to_owned(), given));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (String, [u8; 32])>> {
        // what a panic may have left behind is at worst an entry too few
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    /// The client of that name; `None` where there is none, or its settings are wrong, which the log is told.
    pub(crate) async fn client(&self, id: &str) -> Result<Option<Client>, Error> {
        if let Some(client) = self.config().clients.get(id) {
            return Ok(Some(client.clone()));
        }
        let is_id = id.len() <= base::id::LENGTH_MAX && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id {
            return Ok(None);
        }
        let (records, clients) = (self.records(), own::collection(self.records(), CLIENTS)?);
        let Some(row) = records.store().reader().await?.get(&clients.table(), id).await? else {
            return Ok(None);
        };
        match Client::of_record(&records.values(&clients, &row)) {
            Ok(client) => Ok(Some(client)),
            Err(faults) => {
                tracing::warn!(client = id, faults = faults.join("; "), "a client's settings are wrong");
                Ok(None)
            }
        }
    }

    /// Whether a secret is the client's. `may_try` is asked before it is tried at some cost.
    pub(crate) async fn is_secret_of<E: From<Error>>(
        &self,
        client: &Client,
        given: &Secret,
        may_try: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        // it is compared with what is known of the client's
        let given = given.reveal();
        let hash = match &client.proof {
            Proof::None => return Ok(false),
            Proof::Plain(secret) => return Ok(is_same(secret, given)),
            Proof::Hash(hash) => hash,
        };
        let own: [u8; 32] = Sha256::digest(given).into();
        if self.registry().knows(&client.id, hash, &own) {
            return Ok(true);
        }
        may_try()?;
        let fits = self.records().verify_secret(given, hash).await?;
        if fits {
            self.registry().remember(&client.id, hash, own);
        }
        Ok(fits)
    }

    /// Our own address, as clients know us. Refused where the service does not know it.
    pub(crate) fn issuer(&self) -> Result<&str, Error> {
        let config = self.config();
        let local = || config.relying_party.as_ref().map(|site| site.origin.as_str());
        let known = Some(config.url.as_str()).filter(|url| !url.is_empty()).or_else(local);
        known.ok_or_else(|| {
            let what =
                "The service does not know its own address: write url = \"https://…\" into the service file.";
            Error::refused(Kind::NotFound, what)
        })
    }
}
