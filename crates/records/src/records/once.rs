//! Writes that a client asks for again: done once, and answered each time as they were done.
//!
//! What is kept is no text of an answer but the rows that were written, in the write's own transaction. From them the
//! answer is rendered again, for whoever asks: so an answer is never lost between the commit and its keeping, and nobody
//! is shown by an old key what came into a record later.

use std::sync::Arc;

use base::error::Kind;
use serde::{Deserialize, Serialize};
use store::{Earlier, Once, Row, Tx};

use crate::core::collection::Collection;
use crate::error::Error;
use crate::records::turn::{Gate, Turn};
use crate::records::{Records, Shape, Written};
use crate::request::Request;

/// What a write that was done before has written, by its steps.
#[derive(Debug)]
pub struct Repeat {
    /// `None` where a record was deleted.
    steps: Vec<Option<Kept>>,
}

/// A record as it was written.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The collection's id.
    collection: String,
    id: String,
    rev: i64,
    shape: i64,
    /// The stored body; none when all of them together were too long to be kept.
    body: Option<String>,
}

impl Records {
    /// The answers of a write that was done before, in the order of its steps: the records as they were written then,
    /// what is expanded as it is now. A conflict when one was too large to be kept and is no longer as it was, unless
    /// whoever asks may view it as it is now.
    pub async fn answer_again(
        &self,
        request: &Request,
        repeat: Repeat,
        shapes: &[Shape],
    ) -> Result<Vec<Option<Written>>, Error> {
        let mut answers = Vec::with_capacity(repeat.steps.len());
        for (kept, shape) in repeat.steps.into_iter().zip(shapes) {
            answers.push(match kept {
                None => None,
                Some(kept) => {
                    let collection = self.collection(&kept.collection).await?.ok_or_else(lost)?;
                    Some(self.turn().again(request, collection, kept, shape).await?)
                }
            });
        }
        Ok(answers)
    }

    /// Ends a write that was done before, ere anything costly is done for it.
    pub(super) async fn heed_earlier(&self, request: &Request) -> Result<(), Error> {
        let Some(once) = &request.once else { return Ok(()) };
        match self.store().earlier(&once.key).await? {
            Some(earlier) => Err(repeated(once, &earlier)),
            None => Ok(()),
        }
    }
}

impl Turn {
    /// Keeps what a write has written, under its key: a collection and a row, nothing for a delete.
    pub(super) async fn keep_answer<'a>(
        &self,
        tx: &mut Tx,
        request: &Request,
        written: impl IntoIterator<Item = Option<(&'a Collection, &'a Arc<Row>)>> + Send,
    ) -> Result<(), Error> {
        let Some(once) = &request.once else { return Ok(()) };
        let mut bytes_left = self.records.limits().once_bytes_max;
        let mut keep = |(collection, row): (&Collection, &Arc<Row>)| {
            let left = bytes_left.checked_sub(row.body.len());
            bytes_left = left.unwrap_or(bytes_left);
            Kept {
                collection: collection.id.clone(),
                id: row.id.clone(),
                rev: row.rev,
                shape: row.shape,
                body: left.map(|_| row.body.clone()),
            }
        };
        let steps: Vec<Option<Kept>> = written.into_iter().map(|step| step.map(&mut keep)).collect();
        let answer = serde_json::to_string(&steps).expect("texts and numbers are JSON");
        Ok(tx.keep_answer(&once.key, &answer).await?)
    }

    /// A record that was written before, as it is told.
    async fn again(
        &self,
        request: &Request,
        collection: Arc<Collection>,
        kept: Kept,
        shape: &Shape,
    ) -> Result<Written, Error> {
        let Kept { id, rev, shape: form, .. } = kept;
        let row = match kept.body {
            Some(body) => Row { id, rev, shape: form, body },
            None => self.by_now(request, &collection, &id, rev).await?,
        };
        self.written(request, collection, Arc::new(row), shape).await
    }

    /// A record of which only the version was kept.
    async fn by_now(
        &self,
        request: &Request,
        collection: &Collection,
        id: &str,
        rev: i64,
    ) -> Result<Row, Error> {
        let mut conn = self.records.store().reader().await?;
        let row = conn.get(&collection.table(), id).await?.ok_or_else(lost)?;
        if row.rev == rev {
            return Ok(row);
        }
        let rule = Gate::of(&collection.rules.view, request).text().map_err(|_| lost())?;
        self.fetch(&mut conn, collection, request, id, rule).await?.ok_or_else(lost)
    }
}

/// Claims the key of a write, before anything else in its transaction. An error when it was done before.
pub(super) async fn claim(tx: &mut Tx, request: &Request) -> Result<(), Error> {
    let Some(once) = &request.once else { return Ok(()) };
    match tx.once(once).await? {
        Some(earlier) => Err(repeated(once, &earlier)),
        None => Ok(()),
    }
}

fn repeated(once: &Once, earlier: &Earlier) -> Error {
    if once.fingerprint != earlier.fingerprint {
        return Error::Reused;
    }
    match serde_json::from_str(&earlier.answer) {
        Ok(steps) => Error::Repeated(Box::new(Repeat { steps })),
        Err(_) => lost(),
    }
}

/// The write was done, but what it has written can't be told any more.
fn lost() -> Error {
    Error::refused(
        Kind::Conflict,
        "This request was done before, but what it wrote has changed since and was too large to be kept. Read it anew.",
    )
}
