//! Many rows at once, as an import brings them: one transaction per call, each row judged alone.
//!
//! Every row goes the way of any record: the same checks, the same change log. What is different: a row whose id is there
//! changes that record, a row that would change nothing is not written, a row that is refused doesn't stop the others,
//! and dates that the server usually sets are taken from the row where it has them.

use std::sync::Arc;

use serde_json::{Map, Value};
use store::Tx;

use crate::core::collection::Collection;
use crate::core::field::FieldKind;
use crate::core::value::{self, Values};
use crate::error::Error;
use crate::records::ready::Ready;
use crate::records::turn::{Gate, Turn};
use crate::records::write::fill;
use crate::records::{Draft, Records};
use crate::request::Request;

/// What became of one row.
#[derive(Debug)]
pub enum Fate {
    /// A record was made.
    Created,
    /// The record with its id was changed.
    Updated,
    /// The record with its id says the same already.
    Unchanged,
    /// It is no record of the collection; the reason has its faults by field.
    Refused(Error),
}

impl Records {
    /// Puts rows into a collection, by name or id; a row's `id` is optional. Only superusers may. The fates are in the
    /// order of the rows. An error is the store's or the program's: then none of the rows was written.
    pub async fn import_rows(
        &self,
        request: &Request,
        collection: &str,
        rows: Vec<Map<String, Value>>,
    ) -> Result<Vec<Fate>, Error> {
        let (turn, collection) = self.turn_on(collection).await?;
        if !request.is_superuser() {
            Gate::Shut.text()?;
        }
        let mut prepared = Vec::with_capacity(rows.len());
        for row in rows {
            match turn.ready_row(request, &collection, row).await {
                Err(fault) if !matches!(fault, Error::Refused { .. }) => return Err(fault),
                row => prepared.push(row),
            }
        }
        let (inside, prepared) = (turn.clone(), Arc::new(prepared));
        let rows = Arc::clone(&prepared);
        let fates = self.store().write(move |tx| {
            Box::pin(async move {
                let mut fates = Vec::with_capacity(rows.len());
                for row in rows.iter().flatten() {
                    fates.push(inside.import(tx, row).await?);
                }
                Ok::<_, Error>(fates)
            })
        });
        let mut fates = fates.await?.into_iter();
        let all = Arc::into_inner(prepared).expect("the write has ended and let go of its rows");
        let fate = |row: Result<Ready, Error>| match row {
            Ok(_) => fates.next().expect("each row that was ready has its fate"),
            Err(fault) => Fate::Refused(fault),
        };
        Ok(all.into_iter().map(fate).collect())
    }
}

impl Turn {
    async fn ready_row(
        &self,
        request: &Request,
        collection: &Arc<Collection>,
        row: Map<String, Value>,
    ) -> Result<Ready, Error> {
        let draft = Draft { values: row, uploads: Vec::new() };
        let id = self.new_id(collection, &draft)?;
        let ready = self.ready(request, collection, &id, draft).await?;
        Ok(Ready { keeps_dates: true, ..ready })
    }

    /// One row inside the transaction. What is the row's own fault is its fate; anything else ends the transaction.
    async fn import(&self, tx: &mut Tx, ready: &Ready) -> Result<Fate, Error> {
        if ready.collection.indexes.iter().any(|index| index.is_unique) {
            tx.mark().await?;
        }
        match self.import_ready(tx, ready).await {
            Err(fault @ Error::Refused { .. }) => {
                tx.back_to_mark().await?;
                Ok(Fate::Refused(fault))
            }
            other => other,
        }
    }

    async fn import_ready(&self, tx: &mut Tx, ready: &Ready) -> Result<Fate, Error> {
        let Some(row) = tx.get(&ready.collection.table(), &ready.id).await? else {
            return self.insert(tx, ready).await.map(|_| Fate::Created);
        };
        let before = value::read(&ready.collection, &row.id, &row.body);
        let mut after = before.clone();
        fill(&mut after, ready);
        if after == before && ready.hashes.is_empty() {
            return Ok(Fate::Unchanged);
        }
        self.replace(tx, ready).await.map(|_| Fate::Updated)
    }
}

/// Takes over the dates that the server usually sets, where the row has them.
pub(super) fn keep_dates(collection: &Collection, values: &mut Values, sent: &Map<String, Value>) {
    let is_set_by_us = |kind: &FieldKind| matches!(kind, FieldKind::Autodate { .. });
    for field in collection.fields.iter().filter(|field| is_set_by_us(&field.kind)) {
        let date = sent.get(&field.name).and_then(Value::as_str).map(value::date).unwrap_or_default();
        if !date.is_empty() {
            values.0.insert(field.name.clone(), Value::from(date));
        }
    }
}
