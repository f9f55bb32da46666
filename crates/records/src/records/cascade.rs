//! What goes with a deleted record: records that depend on it, references to it, and files.

use std::collections::VecDeque;
use std::sync::Arc;

use base::error::Kind;
use serde_json::Value;
use store::query::Select;
use store::{Row, Store, Tx};

use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::core::value::{self, Values};
use crate::error::Error;
use crate::records::expand::holds;
use crate::records::turn::Turn;
use crate::records::write::{chance, equal_all};

/// Files that nobody refers to once the transaction is committed.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Table and record whose files all go.
    records: Vec<(String, String)>,
    /// Table, record and name of single files.
    files: Vec<(String, String, String)>,
}

impl Leftovers {
    /// The files that an update took away.
    pub(super) fn of_update(collection: &Collection, before: &Values, after: &Values, id: &str) -> Leftovers {
        let table = collection.table();
        let file = |name| (table.to_string(), id.to_owned(), name);
        let files = value::files_gone(collection, before, after).into_iter().map(file).collect();
        Leftovers { records: Vec::new(), files }
    }

    /// Adds another's.
    pub(super) fn append(&mut self, mut other: Leftovers) {
        self.records.append(&mut other.records);
        self.files.append(&mut other.files);
    }

    /// Deletes the files. A failure is told in the log only: the write has happened.
    pub(super) async fn clear(self, store: &Store) {
        for (table, record) in self.records {
            report(store.files().remove_record(&table, &record).await);
        }
        for (table, record, name) in self.files {
            report(store.files().remove(&table, &record, &name).await);
        }
    }
}

fn report(done: Result<(), store::Error>) {
    if let Err(fault) = done {
        tracing::warn!(error = base::error::chain(&fault), "a file that nobody needs stays behind");
    }
}

impl Turn {
    /// Deletes a record, then every record that depends on it, and takes it out of those that only refer to it.
    pub(super) async fn cascade(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        id: &str,
    ) -> Result<Leftovers, Error> {
        let mut leftovers = Leftovers::default();
        let mut waiting = VecDeque::from([(Arc::new(collection.clone()), id.to_owned())]);
        let mut deleted = 0;
        while let Some((collection, id)) = waiting.pop_front() {
            let Some(_) = tx.delete(&collection.table(), &id).await? else { continue };
            deleted += 1;
            self.check_cascade(deleted)?;
            if collection.fields.iter().any(|f| matches!(f.kind, FieldKind::File(_))) {
                leftovers.records.push((collection.table().to_string(), id.clone()));
            }
            if collection.is_auth() {
                self.release_own(tx, &collection, &id, &mut waiting).await?;
            }
            for other in self.catalog.all() {
                for field in &other.fields {
                    let FieldKind::Relation { collection: target, cascades, .. } = &field.kind else {
                        continue;
                    };
                    if *target == collection.id {
                        self.release(tx, other, field, *cascades, &id, &mut waiting).await?;
                    }
                }
            }
        }
        Ok(leftovers)
    }

    /// What the house keeps of a deleted account goes with it: an id that is used again must find nothing of before.
    async fn release_own(
        &self,
        tx: &mut Tx,
        accounts: &Collection,
        id: &str,
        waiting: &mut VecDeque<(Arc<Collection>, String)>,
    ) -> Result<(), Error> {
        for own in self.catalog.all().iter().filter(|own| own.is_system) {
            let Some(mut select) = equal_all(own, &[("collectionRef", &accounts.id), ("recordRef", id)])
            else {
                continue;
            };
            select.limit = Some(self.records.limits().cascade_records_max as u64 + 1);
            waiting.extend(tx.select(&select).await?.into_iter().map(|row| (own.clone(), row.id)));
        }
        Ok(())
    }

    fn check_cascade(&self, deleted: usize) -> Result<(), Error> {
        let most = self.records.limits().cascade_records_max;
        if deleted <= most {
            return Ok(());
        }
        let message = format!("More than {most} records depend on this one; delete some of them first.");
        Err(Error::refused(Kind::Invalid, message))
    }

    /// Deals with the records of `other` that hold a deleted id in `field`.
    async fn release(
        &self,
        tx: &mut Tx,
        other: &Arc<Collection>,
        field: &Field,
        cascades: bool,
        id: &str,
        waiting: &mut VecDeque<(Arc<Collection>, String)>,
    ) -> Result<(), Error> {
        let mut select = Select::table(&other.table());
        holds(&mut select, field, id);
        select.limit = Some(self.records.limits().cascade_records_max as u64 + 1);
        for found in tx.select(&select).await? {
            // held from here on, as it is by now
            let Some(row) = tx.get(&other.table(), &found.id).await? else { continue };
            let mut values = value::read(other, &row.id, &row.body);
            let is_empty = take_out(&mut values, field, id);
            if is_empty && cascades {
                waiting.push_back((other.clone(), row.id));
            } else if is_empty && field.is_required {
                let message = "Failed to delete record. It is part of a required relation.";
                return Err(Error::refused(Kind::Invalid, message));
            } else {
                self.keep_without(tx, other, &row, &mut values).await?;
            }
        }
        Ok(())
    }

    async fn keep_without(
        &self,
        tx: &mut Tx,
        other: &Collection,
        row: &Row,
        values: &mut Values,
    ) -> Result<(), Error> {
        let before = value::read(other, &row.id, &row.body);
        value::set_automatic(other, Some(&before), values, self.now, &mut chance);
        let body = value::write(other, values);
        tx.update(&other.table(), &row.id, other.shape, body).await?;
        Ok(())
    }
}

/// Takes an id out of a relation; true when none is left in it.
fn take_out(values: &mut Values, field: &Field, id: &str) -> bool {
    match values.0.get_mut(&field.name) {
        Some(Value::Array(ids)) => {
            ids.retain(|held| held.as_str() != Some(id));
            ids.is_empty()
        }
        Some(value) => {
            *value = Value::from("");
            true
        }
        None => true,
    }
}
