//! Records that the house itself writes, inside a transaction of whoever asks: no rule is asked, what else holds of a record
//! holds of them.

use std::sync::Arc;

use base::error::Fields;
use serde_json::{Map, Value};
use store::{Row, Tx};

use crate::core::catalog::Catalog;
use crate::core::change::SESSIONS;
use crate::core::collection::Collection;
use crate::core::value::{self, Values};
use crate::error::Error;
use crate::password::NO_PASSWORD;
use crate::records::Records;
use crate::records::write::{chance, equal_all, refuse, unique};

const CREATE: &str = "Failed to create record.";
const UPDATE: &str = "Failed to update record.";

impl Records {
    /// Makes a record with these values; what is not among them is empty, or made as for any record.
    pub async fn insert_own(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        values: Map<String, Value>,
    ) -> Result<Arc<Row>, Error> {
        let now = self.clock().now();
        let mut after = value::empty(collection);
        after.0.extend(values);
        if after.text("id").is_empty() {
            after.0.insert("id".into(), value::new_id(collection, now, &mut chance).into());
        }
        value::set_automatic(collection, None, &mut after, now, &mut chance);
        let (id, body) = (after.text("id").to_owned(), value::write(collection, &after));
        let inserted = tx.insert(&collection.table(), &id, collection.shape, body).await;
        inserted.map_err(|fault| unique(fault, collection, CREATE))
    }

    /// Changes a record that the transaction has read. A new password is given as its hash; with it, or with a new address,
    /// an account gets a new token key. What is wrong is told by field.
    pub async fn update_own(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        before: &Values,
        mut after: Values,
    ) -> Result<Arc<Row>, Error> {
        refuse(value::check(collection, Some(before), &after, &[]), UPDATE)?;
        value::set_automatic(collection, Some(before), &mut after, self.clock().now(), &mut chance);
        let body = value::write(collection, &after);
        let updated = tx.update(&collection.table(), before.text("id"), collection.shape, body).await;
        let row = updated.map_err(|fault| unique(fault, collection, UPDATE))?.ok_or_else(Error::missing)?;
        end_sessions(tx, &self.catalog(), collection, before, &row).await?;
        Ok(row)
    }

    /// Makes none of an account's password that nobody knows. Nobody is put out by that: the token key stays, so that whoever
    /// signs in at this moment does.
    pub async fn void_password(&self, tx: &mut Tx, accounts: &Collection, row: &Row) -> Result<(), Error> {
        let mut values = self.values(accounts, row);
        values.0.insert("password".into(), NO_PASSWORD.into());
        let body = value::write(accounts, &values);
        let updated = tx.update(&accounts.table(), &row.id, accounts.shape, body).await?;
        updated.map(drop).ok_or_else(Error::missing)
    }

    /// What is wrong with an account that has this address, by field; nothing of it is written.
    pub fn check_address(&self, collection: &Collection, account: &Row, email: &str) -> Fields {
        let before = self.values(collection, account);
        let mut after = before.clone();
        after.0.insert("email".into(), email.into());
        let mut faults = value::check(collection, Some(&before), &after, &[]);
        faults.0.retain(|field, _| field == "email");
        faults
    }

    /// The hash of a new password of an account, or what is wrong with it. Busy when the pool is full.
    pub async fn hash_password(&self, collection: &Collection, plain: &str) -> Result<String, Error> {
        if let Some(field) = collection.field("password") {
            refuse(value::check_password(field, plain), UPDATE)?;
        }
        self.inner.passwords.hash(plain).await
    }
}

/// With a new token key an account's sessions end: their tokens are void.
pub(super) async fn end_sessions(
    tx: &mut Tx,
    catalog: &Catalog,
    accounts: &Collection,
    before: &Values,
    after: &Row,
) -> Result<(), Error> {
    if !accounts.is_auth() {
        return Ok(());
    }
    let next = value::read(accounts, &after.id, &after.body);
    let sessions = catalog.find(SESSIONS).filter(|_| before.text("tokenKey") != next.text("tokenKey"));
    let whose = [("collectionRef", &*accounts.id), ("recordRef", &*after.id)];
    let Some((sessions, of_account)) = sessions.and_then(|s| Some((s, equal_all(s, &whose)?))) else {
        return Ok(());
    };
    for session in tx.select(&of_account).await? {
        tx.delete(&sessions.table(), &session.id).await?;
    }
    Ok(())
}
