//! What a person agreed that a client may know: one record for the two of them. Who deletes it ends what the client has.

use std::sync::Arc;

use records::core::change::GRANTS;
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Principal};
use serde_json::json;
use store::query::{Compare, Select};
use store::{Conn, Tx};

use super::client::Client;
use super::scope::Scopes;
use crate::own;
use crate::service::Identity;

/// What was agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Its record; empty of a client that the team trusts, of which nobody is asked.
    pub(crate) id: String,
    pub(crate) scopes: Scopes,
}

/// What a person agreed to.
pub(crate) async fn of(
    conn: &mut Conn,
    identity: &Identity,
    account: &Principal,
    client: &Client,
) -> Result<Grant, Error> {
    if client.is_trusted {
        return Ok(Grant { id: String::new(), scopes: Scopes::all() });
    }
    let grants = own::collection(identity.records(), GRANTS)?;
    let found = find(conn, identity, &grants, account, client).await?;
    Ok(found.map(|values| read(&values)).unwrap_or_default())
}

/// Notes that a person agrees to these too.
pub(crate) async fn agree(
    identity: &Identity,
    account: &Arc<Principal>,
    client: &Client,
    scopes: Scopes,
) -> Result<(), Error> {
    let (inside, account, client) = (identity.clone(), account.clone(), client.clone());
    let done = identity
        .records()
        .store()
        .write(move |tx| Box::pin(async move { write(tx, &inside, &account, &client, scopes).await }));
    done.await
}

async fn write(
    tx: &mut Tx,
    identity: &Identity,
    account: &Principal,
    client: &Client,
    scopes: Scopes,
) -> Result<(), Error> {
    let (records, grants) = (identity.records(), own::collection(identity.records(), GRANTS)?);
    // held to the end: two windows in which a person agrees at once take turns
    tx.get(&account.collection.table(), &account.row.id).await?;
    match find(tx, identity, &grants, account, client).await? {
        Some(before) => {
            let mut after = before.clone();
            let both = read(&before).scopes.or(scopes);
            after.0.insert("scopes".into(), both.to_string().into());
            records.update_own(tx, &grants, &before, after).await.map(drop)
        }
        None => {
            let values = json!({
                "collectionRef": account.collection.id,
                "recordRef": account.row.id,
                "client": client.id,
                "scopes": scopes.to_string(),
            });
            records.insert_own(tx, &grants, own::object(values)).await.map(drop)
        }
    }
}

async fn find(
    conn: &mut Conn,
    identity: &Identity,
    grants: &Arc<Collection>,
    account: &Principal,
    client: &Client,
) -> Result<Option<Values>, Error> {
    let wanted = [
        ("collectionRef", Compare::Eq, account.collection.id.as_str()),
        ("recordRef", Compare::Eq, account.row.id.as_str()),
        ("client", Compare::Eq, client.id.as_str()),
    ];
    let select = Select { limit: Some(1), ..own::select(grants, &wanted) };
    let row = conn.select(&select).await?.pop();
    Ok(row.map(|row| identity.records().values(grants, &row)))
}

fn read(values: &Values) -> Grant {
    Grant { id: values.text("id").to_owned(), scopes: Scopes::parse(values.text("scopes")) }
}
