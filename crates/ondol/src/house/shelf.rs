//! Certificates kept in the database, where all hosts find them: rows of the system collection `_certificates`.
//!
//! Of two hosts that take a turn at once one gets it: the unique index and the deletion of the very row that has ended decide,
//! not this code.

use std::sync::Arc;
use std::time::Duration;

use balancer::certificates::{self, Fault, Kept};
use base::error::{Fault as _, Kind, chain};
use records::core::change::CERTIFICATES;
use records::core::collection::{Collection, SUPERUSERS};
use records::{Draft, Error, Principal, Records, Request, Shape};
use serde_json::{Map, Value, json};
use store::Row;

/// The shelf.
pub(crate) struct Shelf {
    records: Records,
}

impl Shelf {
    pub(crate) fn of(records: Records) -> Shelf {
        Shelf { records }
    }

    fn collection(&self, name: &str) -> Result<Arc<Collection>, Fault> {
        let found = self.records.catalog().find(name).cloned();
        found.ok_or_else(|| Fault(format!("the collection {name} is not there")))
    }

    async fn find(&self, name: &str) -> Result<Option<(Row, Map<String, Value>)>, Fault> {
        let collection = self.collection(CERTIFICATES)?;
        let row = self.records.find_by(&collection, &[("name", name)], 1).await.map_err(fault)?.pop();
        Ok(row.map(|row| {
            let values = self.records.values(&collection, &row).0;
            (row, values)
        }))
    }

    /// A request of the house itself, which no rule is asked about.
    fn request(&self, method: &str, body: &Map<String, Value>) -> Result<Request, Fault> {
        let house = Principal::house(self.collection(SUPERUSERS)?);
        Ok(Request {
            method: method.into(),
            body: body.clone(),
            auth: Some(Arc::new(house)),
            ..Request::default()
        })
    }

    /// Makes a row; false when there is one of that name.
    async fn make(&self, values: Map<String, Value>) -> Result<bool, Fault> {
        let request = self.request("POST", &values)?;
        let draft = Draft { values, uploads: Vec::new() };
        match self.records.create(&request, CERTIFICATES, draft, &Shape::default()).await {
            Ok(_) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(fault(error)),
        }
    }

    /// Deletes a row; false when somebody has done so before.
    async fn delete(&self, id: &str) -> Result<bool, Fault> {
        let request = self.request("DELETE", &Map::new())?;
        match self.records.delete(&request, CERTIFICATES, id).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            Err(error) => Err(fault(error)),
        }
    }
}

impl certificates::Shelf for Shelf {
    fn read<'a>(&'a self, name: &'a str) -> Kept<'a, Option<String>> {
        Box::pin(async move {
            let found = self.find(name).await?;
            Ok(found.and_then(|(_, values)| values.get("text").and_then(Value::as_str).map(str::to_owned)))
        })
    }

    fn write<'a>(&'a self, name: &'a str, text: &'a str) -> Kept<'a, ()> {
        Box::pin(async move {
            let values = values(json!({ "name": name, "text": text }));
            let Some((row, _)) = self.find(name).await? else {
                return match self.make(values).await? {
                    true => Ok(()),
                    false => Err(Fault(format!("somebody else writes `{name}` at this moment"))),
                };
            };
            let request = self.request("PATCH", &values)?;
            let draft = Draft { values, uploads: Vec::new() };
            let written =
                self.records.update(&request, CERTIFICATES, &row.id, draft, &Shape::default()).await;
            written.map(drop).map_err(fault)
        })
    }

    fn forget<'a>(&'a self, name: &'a str) -> Kept<'a, ()> {
        Box::pin(async move {
            if let Some((row, _)) = self.find(name).await? {
                self.delete(&row.id).await?;
            }
            Ok(())
        })
    }

    fn claim<'a>(&'a self, name: &'a str, life: Duration) -> Kept<'a, bool> {
        Box::pin(async move {
            let now = self.records.clock().now();
            if let Some((row, held)) = self.find(name).await? {
                let ends = held.get("expires").and_then(Value::as_i64).unwrap_or_default();
                // whoever deletes this very row has seen it end; a newer one has another id
                if now.0 < ends || !self.delete(&row.id).await? {
                    return Ok(false);
                }
            }
            self.make(values(json!({ "name": name, "expires": now.after(life).0 }))).await
        })
    }
}

fn values(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

fn is_taken(error: &Error) -> bool {
    let fault = error.data().get("name").and_then(|fault| fault.get("code")).cloned();
    fault.is_some_and(|code| code == "validation_not_unique")
}

fn fault(error: Error) -> Fault {
    Fault(chain(&error))
}
