//! What sign-in asks of accounts.

use std::sync::Arc;

use store::Row;

use crate::core::collection::Collection;
use crate::core::value;
use crate::error::Error;
use crate::records::Records;
use crate::records::ready::password_hash;
use crate::records::turn::Gate;
use crate::records::write::{equal, equal_all};
use crate::request::{Principal, Request};

impl Records {
    /// The account of an auth collection that has this value in one of these fields; an e-mail address also as its lower
    /// case. Each of the fields has a unique index.
    pub async fn find_account(
        &self,
        collection: &Arc<Collection>,
        fields: &[String],
        value: &str,
    ) -> Result<Option<Principal>, Error> {
        let mut conn = self.store().reader().await?;
        for field in fields.iter().filter_map(|name| collection.field(name)) {
            let lower = value.to_lowercase();
            let tries = [value, lower.as_str()];
            let tries = if field.name == "email" && lower != value { &tries[..] } else { &tries[..1] };
            for value in tries.iter().filter(|value| !value.is_empty()) {
                let mut select = equal(collection, field.column(), value);
                select.limit = Some(1);
                if let Some(row) = conn.select(&select).await?.pop() {
                    return Ok(Some(Principal { collection: collection.clone(), row: Arc::new(row) }));
                }
            }
        }
        Ok(None)
    }

    /// The records of a collection whose fields are these texts, so many at most; by no rule. None where it has not the fields.
    pub async fn find_by(
        &self,
        collection: &Collection,
        texts: &[(&str, &str)],
        limit: u64,
    ) -> Result<Vec<Row>, Error> {
        let Some(mut select) = equal_all(collection, texts) else { return Ok(Vec::new()) };
        select.limit = Some(limit);
        Ok(self.store().reader().await?.select(&select).await?)
    }

    /// Whether a password fits an account; takes as long for nobody. Busy when the pool is full.
    pub async fn verify_password(&self, account: Option<&Principal>, plain: &str) -> Result<bool, Error> {
        let hash = account.map(|a| password_hash(&value::read(&a.collection, &a.row.id, &a.row.body)));
        self.inner.passwords.verify(plain, hash.as_deref()).await
    }

    /// Whether a secret fits a hash that a record holds of it. Busy when the pool is full.
    pub async fn verify_secret(&self, plain: &str, hash: &str) -> Result<bool, Error> {
        self.inner.passwords.verify(plain, Some(hash)).await
    }

    /// Whether an account passes its collection's auth rule.
    pub async fn may_sign_in(&self, request: &Request, account: &Principal) -> Result<bool, Error> {
        match Gate::of(&account.collection.rules.auth, request) {
            Gate::Open => Ok(true),
            Gate::Shut => Ok(false),
            Gate::If(rule) => self.fits(request, account, rule).await,
        }
    }

    /// Whether an account fits a rule, whoever asks.
    pub async fn fits(&self, request: &Request, account: &Principal, rule: &str) -> Result<bool, Error> {
        let mut conn = self.store().reader().await?;
        self.turn().fits(&mut conn, &account.collection, request, &account.row, rule).await
    }
}
