//! What is remembered between sign-ins, for all web servers: the newest key agreed on with each provider, and the nonces
//! that were used.
//!
//! A record's id is made of the provider's endpoint (and the nonce): so the primary key itself says that there is one only,
//! on every engine.

use std::sync::Arc;

use base::chance::ALPHABET;
use base::error::Kind;
use base::time::Timestamp;
use records::core::change::{OPENID_ASSOCIATIONS, OPENID_NONCES};
use records::core::collection::Collection;
use records::{Error, Records};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::Tx;
use store::query::{Compare, Expr, MAIN, Select, Value as Bound};

use super::core::assertion::SKEW_MAX;
use super::core::association::{Association, Hash, Key};

/// Nonces that are taken away, once they are too old to be sent again, with each one that is put in.
const SWEPT_MAX: u64 = 20;
/// Letters of a record's id: 36 to this power is more than 2 to the 77.
const ID_LENGTH: usize = 15;

/// Uses up a nonce of a provider. False when it was used before, by whichever web server.
pub async fn use_up(records: &Records, endpoint: &str, nonce: &str) -> Result<bool, Error> {
    let collection = collection(records, OPENID_NONCES)?;
    let now = records.clock().now();
    // a nonce from as far ahead as is allowed can be sent for twice as long
    let until = now.after(SKEW_MAX * 2).to_string();
    let values = object(json!({ "id": id(&[endpoint, nonce]), "until": until }));
    let inside = records.clone();
    let done = records.store().write(move |tx| {
        Box::pin(async move {
            sweep(tx, &collection, now).await?;
            inside.insert_own(tx, &collection, values).await.map(drop)
        })
    });
    match done.await {
        Ok(()) => Ok(true),
        Err(Error::Refused { fields, .. }) if fields.0.contains_key("id") => Ok(false),
        Err(error) => Err(error),
    }
}

/// The key agreed on with a provider, if it is good until that time.
pub async fn association(
    records: &Records,
    endpoint: &str,
    until: Timestamp,
) -> Result<Option<Association>, Error> {
    let collection = collection(records, OPENID_ASSOCIATIONS)?;
    let Some(row) = records.find(&collection, &id(&[endpoint])).await? else { return Ok(None) };
    let values = records.values(&collection, &row);
    let read = || {
        Some(Association {
            handle: values.text("handle").to_owned(),
            hash: Hash::parse(values.text("hash"))?,
            key: Key::from_base64(values.text("key"))?,
            until: Timestamp::parse(values.text("until"))?,
        })
    };
    Ok(read().filter(|association| values.text("endpoint") == endpoint && association.until >= until))
}

/// Keeps a key agreed on with a provider, in the place of an older one.
pub async fn keep(records: &Records, endpoint: &str, association: &Association) -> Result<(), Error> {
    let collection = collection(records, OPENID_ASSOCIATIONS)?;
    let values = object(json!({
        "id": id(&[endpoint]),
        "endpoint": endpoint,
        "handle": association.handle,
        "hash": association.hash.name(),
        "key": association.key.to_base64(),
        "until": association.until.to_string(),
    }));
    let inside = records.clone();
    let done = records.store().write(move |tx| {
        Box::pin(async move {
            let id = values.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            tx.delete(&collection.table(), &id).await?;
            inside.insert_own(tx, &collection, values).await.map(drop)
        })
    });
    match done.await {
        // another web server has kept one at the same moment, which is as good
        Err(Error::Refused { fields, .. }) if fields.0.contains_key("id") => Ok(()),
        done => done,
    }
}

/// Forgets a key that the provider does not know any more.
pub async fn forget(records: &Records, endpoint: &str, handle: &str) -> Result<(), Error> {
    let collection = collection(records, OPENID_ASSOCIATIONS)?;
    let (inside, handle, id) = (records.clone(), handle.to_owned(), id(&[endpoint]));
    let done = records.store().write(move |tx| {
        Box::pin(async move {
            let table = collection.table();
            let row = tx.get(&table, &id).await?;
            if row.is_some_and(|row| inside.values(&collection, &row).text("handle") == handle) {
                tx.delete(&table, &id).await?;
            }
            Ok::<_, Error>(())
        })
    });
    done.await
}

/// Takes away nonces that are too old to be sent again.
async fn sweep(tx: &mut Tx, collection: &Collection, now: Timestamp) -> Result<(), Error> {
    let Some(until) = collection.field("until") else { return Ok(()) };
    let table = collection.table();
    let mut select = Select::table(&table);
    let own = Box::new(Expr::Column(MAIN, until.column()));
    let now = Box::new(Expr::Value(Bound::Text(now.to_string().into())));
    select.filter = Some(Expr::Compare(own, Compare::Lt, now));
    select.limit = Some(SWEPT_MAX);
    for row in tx.select(&select).await? {
        tx.delete(&table, &row.id).await?;
    }
    Ok(())
}

fn collection(records: &Records, name: &str) -> Result<Arc<Collection>, Error> {
    let found = records.catalog().find(name).cloned();
    found.ok_or_else(|| Error::refused(Kind::Internal, format!("the collection {name} is missing")))
}

/// An id made of texts, always the same.
fn id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    // the 36 letters don't divide 256 evenly, but ids need not be likely alike
    let letters = hash.finalize();
    letters.iter().take(ID_LENGTH).map(|byte| char::from(ALPHABET[usize::from(byte % 36)])).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
