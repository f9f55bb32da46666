//! What may be done once, or is kept between two steps of a sign-in: rows of the system collection `_flows`.
//!
//! A row is known by its kind and the hash of a text that only the one who began knows. Whatever web server the next step
//! comes to finds it, and of two that come at once one gets it: the unique index and the deletion decide, not this code.
//!
//! Invariant: the text itself is never kept, only its hash.

use std::sync::Arc;

use base::error::{Fault, Kind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::core::change::FLOWS;
use records::core::collection::Collection;
use records::{Draft, Error, Records, Shape};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::Row;
use store::query::{Column, Compare, Expr, MAIN, Scalar, Select, Value as Bound};

use crate::superusers::house;

/// Ended rows that one new row takes away at the most.
const SWEPT_MAX: u64 = 20;

/// Claims a text for `life_ms` milliseconds; false when somebody has done so before.
pub(crate) async fn claim(records: &Records, kind: &str, text: &str, life_ms: i64) -> Result<bool, Error> {
    put(records, kind, text, "", life_ms).await
}

/// Keeps data under a text that nobody has used; false when somebody has.
pub(crate) async fn put(
    records: &Records,
    kind: &str,
    text: &str,
    data: &str,
    life_ms: i64,
) -> Result<bool, Error> {
    sweep(records).await;
    let values = row(records, kind, text, data, life_ms);
    let request = house(records, "POST", &values)?;
    let draft = Draft { values, uploads: Vec::new() };
    match records.create(&request, FLOWS, draft, &Shape::default()).await {
        Ok(_) => Ok(true),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The values of a row, for whoever writes it in a transaction of its own.
pub(crate) fn row(records: &Records, kind: &str, text: &str, data: &str, life_ms: i64) -> Map<String, Value> {
    let expires = records.clock().now().0.saturating_add(life_ms);
    let values = json!({ "kind": kind, "key": hash(text), "data": data, "expires": expires });
    values.as_object().cloned().unwrap_or_default()
}

/// What is kept under a text, and stays there; nothing after its time.
pub(crate) async fn look(records: &Records, kind: &str, text: &str) -> Result<Option<String>, Error> {
    let found = find(records, kind, text).await?;
    Ok(found.and_then(|(flows, row)| data(records, &flows, &row)))
}

/// Takes what is kept under a text: whoever comes first gets it, nobody after its time.
pub(crate) async fn take(records: &Records, kind: &str, text: &str) -> Result<Option<String>, Error> {
    let Some((flows, row)) = find(records, kind, text).await? else { return Ok(None) };
    let request = house(records, "DELETE", &Map::new())?;
    match records.delete(&request, FLOWS, &row.id).await {
        Ok(()) => {}
        Err(error) if error.kind() == Kind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(data(records, &flows, &row))
}

async fn find(records: &Records, kind: &str, text: &str) -> Result<Option<(Arc<Collection>, Row)>, Error> {
    let Some(flows) = records.catalog().find(FLOWS).cloned() else { return Ok(None) };
    let row = records.find_by(&flows, &[("kind", kind), ("key", &hash(text))], 1).await?.pop();
    Ok(row.map(|row| (flows, row)))
}

/// The data of a row, within its time.
pub(crate) fn data(records: &Records, flows: &Collection, row: &Row) -> Option<String> {
    let values = records.values(flows, row).0;
    let is_alive =
        values.get("expires").and_then(Value::as_i64).is_some_and(|end| records.clock().now().0 < end);
    let data = values.get("data").and_then(Value::as_str).unwrap_or_default().to_owned();
    is_alive.then_some(data)
}

/// Takes some ended rows away. What it leaves, the next one finds.
async fn sweep(records: &Records) {
    if let Err(error) = try_sweep(records).await {
        tracing::debug!(error = base::error::chain(&error), "ended flows stay for now");
    }
}

async fn try_sweep(records: &Records) -> Result<(), Error> {
    let Some(flows) = records.catalog().find(FLOWS).cloned() else { return Ok(()) };
    let expires = Expr::Column(MAIN, Column::Field("expires".into(), Scalar::Number));
    let now = Expr::Value(Bound::Int(records.clock().now().0));
    let mut select = Select::table(&flows.table());
    select.filter = Some(Expr::Compare(Box::new(expires), Compare::Lt, Box::new(now)));
    select.limit = Some(SWEPT_MAX);
    let request = house(records, "DELETE", &Map::new())?;
    for row in records.store().reader().await?.select(&select).await? {
        match records.delete(&request, FLOWS, &row.id).await {
            Err(error) if error.kind() != Kind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_taken(error: &Error) -> bool {
    let fault = error.data().get("key").and_then(|fault| fault.get("code")).cloned();
    fault.is_some_and(|code| code == "validation_not_unique")
}

/// What a text is known by.
pub(crate) fn hash(text: &str) -> String {
    BASE64.encode(Sha256::digest(text))
}
