//! The records of `_passkeys`.
//!
//! Invariant: a passkey is one account's, whatever two requests of one moment want: the unique index says so.

use std::net::IpAddr;
use std::sync::Arc;

use base::error::{Fault, Kind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::core::change::PASSKEYS;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Principal, Records};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::Row;

use super::ceremony::{Known, Registered, Used};
use super::flaw::Flaw;
use crate::audit::{self, Entry, Event};
use crate::own;
use crate::service::Identity;

/// A passkey that is kept, and whose it is.
pub(super) struct Kept {
    pub(super) known: Known,
    pub(super) account: Arc<Principal>,
    id: String,
}

/// What an account is called among passkeys: 32 bytes that say nothing of it to whoever finds them.
pub(crate) fn user_handle(collection: &str, account: &str) -> Vec<u8> {
    Sha256::digest(format!("ondol/account/{collection}/{account}")).to_vec()
}

/// The passkeys of an account.
pub(crate) async fn of(records: &Records, account: &Principal) -> Result<Vec<Values>, Error> {
    let passkeys = own::collection(records, PASSKEYS)?;
    let rows = records.store().reader().await?.select(&own::of_account(&passkeys, account)).await?;
    Ok(rows.iter().map(|row| records.values(&passkeys, row)).collect())
}

/// Keeps a new passkey of an account.
pub(super) async fn add(
    identity: &Identity,
    account: &Arc<Principal>,
    new: &Registered,
    name: &str,
    from: IpAddr,
) -> Result<Arc<Row>, Error> {
    let values = own::object(json!({
        "collectionRef": account.collection.id,
        "recordRef": account.row.id,
        "credentialId": BASE64.encode(&new.id),
        "credentialHash": hash(&new.id),
        "publicKey": BASE64.encode(&new.key),
        "counter": new.counter,
        "backupEligible": new.is_backup_eligible,
        "backedUp": new.is_backed_up,
        "transports": new.transports,
        "name": name,
    }));
    let (inside, account, name) = (identity.clone(), account.clone(), name.to_owned());
    let added = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let passkeys = own::collection(inside.records(), PASSKEYS)?;
            // held, so that it is still there and its passkeys are counted one after another
            tx.get(&account.collection.table(), &account.row.id).await?.ok_or_else(Error::missing)?;
            let most = inside.config().passkeys_max;
            if tx.count(&own::of_account(&passkeys, &account)).await? >= most {
                let what = format!("An account has at most {most} passkeys. Delete one that you don't use.");
                return Err(Error::refused(Kind::Invalid, what));
            }
            let entry = Entry::new(Event::FactorAdded, &*account).from(from).with("way", "passkey");
            audit::write(tx, &inside, &entry.with("name", name)).await?;
            inside.records().insert_own(tx, &passkeys, values).await
        })
    });
    added.await.map_err(|error| match error.data().contains_key("credentialHash") {
        true => Error::refused(Kind::Conflict, "This passkey is already registered."),
        false => error,
    })
}

/// The passkey of a credential's id among the accounts of a collection.
pub(super) async fn find(
    records: &Records,
    accounts: &Arc<Collection>,
    credential: &[u8],
) -> Result<Option<Kept>, Error> {
    let passkeys = own::collection(records, PASSKEYS)?;
    let wanted = [("credentialHash", hash(credential)), ("collectionRef", accounts.id.clone())];
    let wanted = wanted.each_ref().map(|(name, value)| (*name, value.as_str()));
    let Some(row) = records.find_by(&passkeys, &wanted, 1).await?.pop() else { return Ok(None) };
    let values = records.values(&passkeys, &row);
    let Some(account) = records.find(accounts, values.text("recordRef")).await? else { return Ok(None) };
    let known = Known {
        key: BASE64.decode(values.text("publicKey")).unwrap_or_default(),
        counter: counter(&values),
        is_backup_eligible: values.flag("backupEligible"),
        user_handle: user_handle(&accounts.id, &account.id),
    };
    let account = Arc::new(Principal { collection: accounts.clone(), row: account });
    Ok(Some(Kept { known, account, id: row.id }))
}

/// Notes that a passkey was used; unless it is gone, or was used meanwhile by something that counts the same.
pub(super) async fn note(identity: &Identity, kept: &Kept, used: Used) -> Result<Result<(), Flaw>, Error> {
    let (inside, id, was) = (identity.clone(), kept.id.clone(), kept.known.counter);
    let noted = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let (records, passkeys) = (inside.records(), own::collection(inside.records(), PASSKEYS)?);
            let Some(row) = tx.get(&passkeys.table(), &id).await? else { return Ok(Err(Flaw::Unknown)) };
            let before = records.values(&passkeys, &row);
            if counter(&before) != was && counter(&before) >= used.counter {
                return Ok(Err(Flaw::Counter));
            }
            let mut after = before.clone();
            after.0.insert("counter".into(), used.counter.into());
            after.0.insert("backedUp".into(), used.is_backed_up.into());
            after.0.insert("lastUsed".into(), records.clock().now().to_string().into());
            records.update_own(tx, &passkeys, &before, after).await?;
            Ok::<_, Error>(Ok(()))
        })
    });
    noted.await
}

fn counter(values: &Values) -> u32 {
    u32::try_from(own::number(values, "counter")).unwrap_or(u32::MAX)
}

fn hash(id: &[u8]) -> String {
    BASE64.encode(Sha256::digest(id))
}
