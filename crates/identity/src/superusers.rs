//! Those who may do everything, as the command and the first-run page make them: no rule is asked, everything else is
//! checked as for any record.

use std::sync::Arc;

use base::error::Kind;
use base::secret::Secret;
use records::core::collection::{Collection, SUPERUSERS};
use records::{Draft, Error, Principal, Records, Request, Shape};
use serde_json::{Map, Value, json};
use store::Row;
use store::query::Select;

/// Superusers that are listed at the most.
pub const LISTED_MAX: u64 = 1000;

/// A superuser, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superuser {
    /// The record's id.
    pub id: String,
    /// The address.
    pub email: String,
    /// When it was made.
    pub created: String,
}

/// What an upsert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// There was none with that address.
    Created,
    /// There was one; its password is new.
    Updated,
}

/// Makes a superuser.
pub async fn create(records: &Records, email: &str, password: &Secret) -> Result<(), Error> {
    let mut body = passwords(password);
    body.insert("email".into(), email.into());
    body.insert("verified".into(), true.into());
    let request = house(records, "POST", &body)?;
    let draft = Draft { values: body, uploads: Vec::new() };
    records.create(&request, SUPERUSERS, draft, &Shape::default()).await.map(drop)
}

/// Gives a superuser a new password; the old tokens are void.
pub async fn update(records: &Records, email: &str, password: &Secret) -> Result<(), Error> {
    let account = find(records, email).await?.ok_or_else(|| unknown(email))?;
    let body = passwords(password);
    let request = house(records, "PATCH", &body)?;
    let draft = Draft { values: body, uploads: Vec::new() };
    records.update(&request, SUPERUSERS, &account.row.id, draft, &Shape::default()).await.map(drop)
}

/// Makes a superuser, or gives the one that is there a new password.
pub async fn upsert(records: &Records, email: &str, password: &Secret) -> Result<Done, Error> {
    match find(records, email).await? {
        Some(_) => update(records, email, password).await.map(|()| Done::Updated),
        None => create(records, email, password).await.map(|()| Done::Created),
    }
}

/// Deletes a superuser; the last one stays.
pub async fn delete(records: &Records, email: &str) -> Result<(), Error> {
    let account = find(records, email).await?.ok_or_else(|| unknown(email))?;
    let request = house(records, "DELETE", &Map::new())?;
    records.delete(&request, SUPERUSERS, &account.row.id).await
}

/// All superusers (at most [`LISTED_MAX`]), by address.
pub async fn list(records: &Records) -> Result<Vec<Superuser>, Error> {
    let superusers = collection(records)?;
    let select = Select { limit: Some(LISTED_MAX), ..Select::table(&superusers.table()) };
    let rows = records.store().reader().await?.select(&select).await?;
    let mut found: Vec<Superuser> = rows.iter().map(|row| show(records, &superusers, row)).collect();
    found.sort_by(|a, b| a.email.cmp(&b.email));
    Ok(found)
}

/// Whether there is any superuser yet.
pub async fn exist(records: &Records) -> Result<bool, Error> {
    let select = Select::table(&collection(records)?.table());
    Ok(records.store().reader().await?.exists(&select).await?)
}

fn show(records: &Records, superusers: &Collection, row: &Row) -> Superuser {
    let values = records.values(superusers, row).0;
    let text = |key: &str| values.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Superuser { id: row.id.clone(), email: text("email"), created: text("created") }
}

async fn find(records: &Records, email: &str) -> Result<Option<Principal>, Error> {
    let superusers = collection(records)?;
    records.find_account(&superusers, &["email".to_owned()], email).await
}

fn collection(records: &Records) -> Result<Arc<Collection>, Error> {
    let found = records.catalog().find(SUPERUSERS).cloned();
    found.ok_or_else(|| Error::refused(Kind::Internal, "the collection of superusers is missing"))
}

/// A request of the house itself: no rule is asked.
pub(crate) fn house(records: &Records, method: &str, body: &Map<String, Value>) -> Result<Request, Error> {
    let superuser = Principal::house(collection(records)?);
    Ok(Request {
        method: method.into(),
        body: body.clone(),
        auth: Some(Arc::new(superuser)),
        ..Request::default()
    })
}

fn passwords(password: &Secret) -> Map<String, Value> {
    // the record's own validation needs the plain text
    let plain = password.reveal();
    match json!({ "password": plain, "passwordConfirm": plain }) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn unknown(email: &str) -> Error {
    Error::refused(Kind::NotFound, format!("there is no superuser {email}"))
}
