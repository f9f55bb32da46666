//! Several writes in one transaction: all of them, or none.

use std::sync::Arc;

use base::error::{Fault, Fields, Kind};
use serde_json::{Map, Value, json};
use store::{Row, Tx};

use crate::core::collection::Collection;
use crate::error::Error;
use crate::records::cascade::Leftovers;
use crate::records::once;
use crate::records::ready::Ready;
use crate::records::turn::{Gate, Turn, no_collection};
use crate::records::{Act, Draft, Records, Shape, Step, Written};
use crate::request::Request;

/// A step that only needs the transaction.
enum Prepared {
    Create(Ready),
    Update(Ready),
    Upsert(Ready),
    Delete(Arc<Collection>, String, Box<Request>),
}

impl Prepared {
    /// The collection of a record that is left by the step.
    fn collection(&self) -> Option<&Collection> {
        match self {
            Prepared::Create(ready) | Prepared::Update(ready) | Prepared::Upsert(ready) => {
                Some(&ready.collection)
            }
            Prepared::Delete(..) => None,
        }
    }
}

/// A step that was done: the row, but for a delete.
type Done = Option<Arc<Row>>;

impl Records {
    /// Does all steps or none. The error of a step carries
    /// `{"requests": {"INDEX": {"code", "message", "response": {status, message, data}}}}`.
    /// Each answer is the written record, `None` after a delete.
    pub async fn batch(&self, request: &Request, steps: Vec<Step>) -> Result<Vec<Option<Written>>, Error> {
        let most = self.limits().batch_requests_max;
        if steps.len() > most {
            return Err(Error::refused(Kind::Invalid, format!("A batch has at most {most} requests.")));
        }
        self.heed_earlier(request).await?;
        for step in &steps {
            // known now, it is in the turn's catalog too
            self.collection(&step.collection).await?;
        }
        let turn = self.turn();
        let mut prepared = Vec::with_capacity(steps.len());
        let mut shapes = Vec::with_capacity(steps.len());
        for (index, step) in steps.into_iter().enumerate() {
            shapes.push(step.shape);
            let asker = step.asker.as_ref().unwrap_or(request);
            match turn.prepare_step(asker, &step.collection, step.act).await {
                Ok(step) => prepared.push(step),
                Err(fault) => {
                    turn.discard_all(&prepared).await;
                    return Err(at(index, fault));
                }
            }
        }
        turn.commit_batch(request, prepared, shapes).await
    }
}

impl Turn {
    async fn prepare_step(&self, request: &Request, collection: &str, act: Act) -> Result<Prepared, Error> {
        let found = self.catalog.find(collection).cloned();
        let collection = found.ok_or_else(no_collection)?;
        let rules = &collection.rules;
        match act {
            Act::Create(draft) => {
                Gate::of(&rules.create, request).text()?;
                self.ready_new(request, &collection, draft).await.map(Prepared::Create)
            }
            Act::Update(id, draft) => {
                Gate::of(&rules.update, request).text()?;
                self.ready(request, &collection, &id, draft).await.map(Prepared::Update)
            }
            Act::Upsert(draft) => {
                // who may do neither has no password hashed and no file laid down
                if Gate::of(&rules.update, request).text().is_err() {
                    Gate::of(&rules.create, request).text()?;
                }
                self.ready_new(request, &collection, draft).await.map(Prepared::Upsert)
            }
            Act::Delete(id) => {
                Gate::of(&rules.delete, request).text()?;
                Ok(Prepared::Delete(collection, id, Box::new(request.clone())))
            }
        }
    }

    async fn ready_new(
        &self,
        request: &Request,
        collection: &Arc<Collection>,
        draft: Draft,
    ) -> Result<Ready, Error> {
        let id = self.new_id(collection, &draft)?;
        self.ready(request, collection, &id, draft).await
    }

    async fn discard_all(&self, prepared: &[Prepared]) {
        for step in prepared {
            if let Prepared::Create(ready) | Prepared::Update(ready) | Prepared::Upsert(ready) = step {
                self.discard(ready).await;
            }
        }
    }

    async fn commit_batch(
        &self,
        request: &Request,
        prepared: Vec<Prepared>,
        shapes: Vec<Shape>,
    ) -> Result<Vec<Option<Written>>, Error> {
        let prepared = Arc::new(prepared);
        let (turn, steps, asking) = (self.clone(), prepared.clone(), request.clone());
        let done = self.records.store().write(move |tx| {
            Box::pin(async move {
                once::claim(tx, &asking).await?;
                let mut done: Vec<Done> = Vec::with_capacity(steps.len());
                let mut leftovers = Leftovers::default();
                for (index, step) in steps.iter().enumerate() {
                    let one = turn.do_step(tx, step, &mut leftovers).await;
                    done.push(one.map_err(|fault| at(index, fault))?);
                }
                let written = steps.iter().zip(&done).map(|(step, row)| step.collection().zip(row.as_ref()));
                turn.keep_answer(tx, &asking, written).await?;
                Ok::<_, Error>((done, leftovers))
            })
        });
        let (done, leftovers) = match done.await {
            Ok(done) => done,
            Err(fault) => {
                self.discard_all(&prepared).await;
                return Err(fault);
            }
        };
        leftovers.clear(self.records.store()).await;
        let mut answers = Vec::with_capacity(done.len());
        for ((step, row), shape) in prepared.iter().zip(done).zip(&shapes) {
            answers.push(match (step, row) {
                (Prepared::Create(ready) | Prepared::Update(ready) | Prepared::Upsert(ready), Some(row)) => {
                    Some(self.written(&ready.request, ready.collection.clone(), row, shape).await?)
                }
                _ => None,
            });
        }
        Ok(answers)
    }

    async fn do_step(&self, tx: &mut Tx, step: &Prepared, leftovers: &mut Leftovers) -> Result<Done, Error> {
        match step {
            Prepared::Create(ready) => self.insert(tx, ready).await.map(Some),
            Prepared::Update(ready) => self.replace_step(tx, ready, leftovers).await,
            Prepared::Upsert(ready) => match tx.get(&ready.collection.table(), &ready.id).await? {
                Some(_) => self.replace_step(tx, ready, leftovers).await,
                None => self.insert(tx, ready).await.map(Some),
            },
            Prepared::Delete(collection, id, asker) => {
                leftovers.append(self.remove(tx, asker, collection, id).await?);
                Ok(None)
            }
        }
    }

    async fn replace_step(
        &self,
        tx: &mut Tx,
        ready: &Ready,
        leftovers: &mut Leftovers,
    ) -> Result<Done, Error> {
        let (row, more) = self.replace(tx, ready).await?;
        leftovers.append(more);
        Ok(Some(row))
    }
}

/// The fault of one step as the fault of the batch. What is not the client's fault (a full disk) stays as it is.
fn at(index: usize, fault: Error) -> Error {
    if matches!(fault, Error::Store(_)) {
        return fault;
    }
    let response =
        json!({ "status": fault.kind().status(), "message": fault.public(), "data": fault.data() });
    let step =
        json!({ "code": "batch_request_failed", "message": "Batch request failed.", "response": response });
    let requests = Map::from_iter([(index.to_string(), step)]);
    let fields = Fields(Map::from_iter([("requests".to_owned(), Value::from(requests))]));
    Error::invalid("Batch transaction failed.", fields)
}
