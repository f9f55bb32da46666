//! Collections: reading them from the store, making, changing and deleting them.
//!
//! A collection is kept as a record of the table `collections`, so that its changes are in the change log like all
//! others: whoever follows the log (another server, another process) reads the collections anew.
//!
//! Invariant: a change is planned inside the transaction, from the collections as the transaction sees them.

use std::sync::Arc;

use base::error::{Fields, Kind};
use serde_json::{Map, Value};
use store::query::Select;
use store::{Table, Tx};

use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::core::field::FieldKind;
use crate::core::flaw::{self, Flaw};
use crate::core::{change, language};
use crate::error::Error;
use crate::records::Records;
use crate::records::declare::{declare, not_unique};
use crate::records::upkeep::read;
use crate::records::write::refuse;

/// The table of collections.
pub(super) const COLLECTIONS: &str = "collections";
/// Records that one transaction of a truncation deletes.
const TRUNCATE_STEP: u64 = 500;

const CREATE: &str = "Failed to create collection.";
const UPDATE: &str = "Failed to update collection.";

impl Records {
    /// Makes a collection from the wire's JSON.
    pub async fn create_collection(&self, sent: &Map<String, Value>) -> Result<Arc<Collection>, Error> {
        let (sent, name) = (sent.clone(), wanted_name(sent));
        self.change(move |planner, tx| Box::pin(async move { planner.create(tx, &sent).await })).await?;
        self.named(&name).await
    }

    /// Changes a collection.
    pub async fn update_collection(
        &self,
        name_or_id: &str,
        sent: &Map<String, Value>,
    ) -> Result<Arc<Collection>, Error> {
        let (sent, before) = (sent.clone(), self.named(name_or_id).await?);
        let id = before.id.clone();
        self.change(move |planner, tx| Box::pin(async move { planner.update(tx, &before.id, &sent).await }))
            .await?;
        self.named(&id).await
    }

    /// Deletes a collection with its records and files.
    pub async fn delete_collection(&self, name_or_id: &str) -> Result<(), Error> {
        let collection = self.named(name_or_id).await?;
        let id = collection.id.clone();
        self.change(move |planner, tx| Box::pin(async move { planner.delete(tx, &id).await })).await?;
        Ok(self.store().files().remove_table(collection.table().as_str()).await?)
    }

    /// Makes and changes many collections at once; with `deletes_missing`, those not named (but system ones) are deleted.
    pub async fn import_collections(
        &self,
        sent: &[Map<String, Value>],
        deletes_missing: bool,
    ) -> Result<(), Error> {
        let (sent, before) = (sent.to_vec(), self.catalog());
        self.change(move |planner, tx| {
            Box::pin(async move { planner.import(tx, &sent, deletes_missing).await })
        })
        .await?;
        let after = self.catalog();
        for gone in before.all().iter().filter(|c| after.find(&c.id).is_none()) {
            self.store().files().remove_table(gone.table().as_str()).await?;
        }
        Ok(())
    }

    /// Deletes all records of a collection, with cascades and files: so many per transaction that other writes need not
    /// wait long. Broken off, it has deleted some and can be asked again.
    pub async fn truncate_collection(&self, name_or_id: &str) -> Result<(), Error> {
        let collection = self.named(name_or_id).await?;
        if collection.is_superusers() {
            return Err(Error::refused(Kind::Invalid, "Superusers are deleted one by one, never all."));
        }
        loop {
            let (turn, of) = (self.turn(), collection.clone());
            let step = self.store().write(move |tx| {
                Box::pin(async move {
                    let mut select = Select::table(&of.table());
                    select.limit = Some(TRUNCATE_STEP);
                    let rows = tx.select(&select).await?;
                    let mut leftovers = Vec::with_capacity(rows.len());
                    for row in &rows {
                        leftovers.push(turn.cascade(tx, &of, &row.id).await?);
                    }
                    Ok::<_, Error>(leftovers)
                })
            });
            let leftovers = step.await?;
            if leftovers.is_empty() {
                return Ok(());
            }
            for files in leftovers {
                files.clear(self.store()).await;
            }
        }
    }

    async fn named(&self, name_or_id: &str) -> Result<Arc<Collection>, Error> {
        self.collection(name_or_id).await?.ok_or_else(Error::missing)
    }

    /// Runs a change of collections in a transaction, then reads them anew.
    async fn change<F>(&self, plan: F) -> Result<(), Error>
    where
        F: for<'a> FnOnce(&'a mut Planner, &'a mut Tx) -> store::Step<'a, (), Error> + Clone + Send + 'static,
    {
        let _changing = self.inner.changing.lock().await;
        let records = self.clone();
        let kept = self.store().write(move |tx| {
            Box::pin(async move {
                tx.alone(COLLECTIONS).await?;
                let catalog = read(tx).await?;
                let mut planner = Planner { records, catalog, kept: Vec::new() };
                plan(&mut planner, tx).await?;
                Ok::<_, Error>(planner.kept)
            })
        });
        let kept = kept.await?;
        self.reload_changed().await?;
        for (before, after) in kept {
            if let Err(fault) = self.store().settle(&after.table()).await {
                let refused = not_unique(fault, &after);
                if let Some(before) = before {
                    self.take_back(before, after).await?;
                }
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Undoes the change of a collection whose data did not fit an index that was built after it.
    async fn take_back(&self, before: Collection, after: Collection) -> Result<(), Error> {
        self.store()
            .write(move |tx| {
                Box::pin(async move {
                    tx.alone(COLLECTIONS).await?;
                    keep(tx, Some(&after), &before).await
                })
            })
            .await?;
        self.reload_changed().await
    }
}

/// Changes collections inside one transaction, keeping its catalog in step.
struct Planner {
    records: Records,
    catalog: Catalog,
    /// What was kept: each collection as it was, if it was there, and as it is.
    kept: Vec<(Option<Collection>, Collection)>,
}

impl Planner {
    async fn create(&mut self, tx: &mut Tx, sent: &Map<String, Value>) -> Result<(), Error> {
        let collection = self.plan(None, sent)?;
        refuse(self.check_rules(&collection), CREATE)?;
        self.make(tx, collection).await
    }

    async fn update(&mut self, tx: &mut Tx, id: &str, sent: &Map<String, Value>) -> Result<(), Error> {
        let before = self.catalog.find(id).cloned().ok_or_else(Error::missing)?;
        let after = self.plan(Some(&before), sent)?;
        refuse(self.check_rules(&after), UPDATE)?;
        self.put(tx, Some(&before), after).await
    }

    /// The collection that was asked for, checked but for its rules.
    fn plan(&self, before: Option<&Collection>, sent: &Map<String, Value>) -> Result<Collection, Error> {
        let now = self.records.clock().now().to_string();
        let mut new_id = || base::chance::word(50);
        change::plan(&self.catalog, before, sent, &now, &mut new_id)
            .map_err(|faults| Error::invalid(if before.is_none() { CREATE } else { UPDATE }, faults))
    }

    fn check_rules(&self, collection: &Collection) -> Fields {
        let catalog = self.with(collection.clone());
        let rules = &collection.rules;
        let named = [
            ("listRule", &rules.list),
            ("viewRule", &rules.view),
            ("createRule", &rules.create),
            ("updateRule", &rules.update),
            ("deleteRule", &rules.delete),
            ("manageRule", &rules.manage),
            ("authRule", &rules.auth),
        ];
        let second = rule_of_second_step(collection);
        let mut faults = Fields::default();
        if let Some(rule) = second.filter(|rule| !rule.is_empty())
            && let Err(fault) = language::check_rule(&catalog, collection, rule, self.records.limits())
        {
            let flaw = Flaw::new("validation_invalid_rule", format!("Invalid rule: {fault}."));
            flaw::put(&mut faults.0, &["mfa", "rule"], &flaw);
        }
        for (name, rule) in named {
            let Some(rule) = rule.as_deref().filter(|rule| !rule.is_empty()) else { continue };
            if let Err(fault) = language::check_rule(&catalog, collection, rule, self.records.limits()) {
                faults.add(name, "validation_invalid_rule", &format!("Invalid rule: {fault}."));
            }
        }
        faults
    }

    /// The catalog with a collection made or replaced.
    fn with(&self, collection: Collection) -> Catalog {
        let mut all: Vec<_> = self.catalog.all().to_vec();
        let collection = Arc::new(collection);
        match all.iter().position(|c| c.id == collection.id) {
            Some(place) => all[place] = collection,
            None => all.push(collection),
        }
        Catalog::new(all)
    }

    async fn make(&mut self, tx: &mut Tx, collection: Collection) -> Result<(), Error> {
        tx.create_table(&collection.table()).await?;
        self.put(tx, None, collection).await
    }

    /// Keeps a collection with its indexes and its view.
    async fn put(
        &mut self,
        tx: &mut Tx,
        before: Option<&Collection>,
        after: Collection,
    ) -> Result<(), Error> {
        keep(tx, before, &after).await?;
        self.kept.push((before.cloned(), after.clone()));
        self.catalog = self.with(after);
        Ok(())
    }

    async fn delete(&mut self, tx: &mut Tx, id: &str) -> Result<(), Error> {
        let collection = self.catalog.find(id).cloned().ok_or_else(Error::missing)?;
        let refers = |c: &&Arc<Collection>| {
            let to_it = |kind: &FieldKind| matches!(kind, FieldKind::Relation { collection, .. } if *collection == id);
            c.id != id && c.fields.iter().any(|field| to_it(&field.kind))
        };
        let refusal = match self.catalog.all().iter().find(refers) {
            _ if collection.is_system => Some("System collections can't be deleted.".to_owned()),
            Some(other) => {
                Some(format!("The collection {} has a relation to it. Remove that field first.", other.name))
            }
            None => None,
        };
        if let Some(refusal) = refusal {
            return Err(Error::refused(Kind::Invalid, format!("Failed to delete collection. {refusal}")));
        }
        self.drop(tx, &collection).await
    }

    async fn drop(&mut self, tx: &mut Tx, collection: &Collection) -> Result<(), Error> {
        tx.set_view(&collection.table(), None).await?;
        tx.drop_table(&collection.table()).await?;
        tx.delete(&Table::new(COLLECTIONS), &collection.id).await?;
        let rest = self.catalog.all().iter().filter(|c| c.id != collection.id).cloned().collect();
        self.catalog = Catalog::new(rest);
        Ok(())
    }

    /// In passes, so that collections may relate to one another in a circle: first each new one without its relations,
    /// indexes and rules, then every one whole, and at last the rules, which may name any of them.
    async fn import(
        &mut self,
        tx: &mut Tx,
        sent: &[Map<String, Value>],
        deletes_missing: bool,
    ) -> Result<(), Error> {
        let mut ids = Vec::with_capacity(sent.len());
        for (place, one) in sent.iter().enumerate() {
            if self.known(one).is_none() {
                let bare = self.plan(None, &bare(one)).map_err(|fault| in_place(place, one, fault))?;
                self.make(tx, bare).await?;
            }
            ids.push(self.known(one).ok_or_else(Error::missing)?);
        }
        for (place, (one, id)) in sent.iter().zip(&ids).enumerate() {
            let whole = if deletes_missing { one.clone() } else { self.with_old_fields(id, one) };
            let before = self.catalog.find(id).cloned().ok_or_else(Error::missing)?;
            let after = self.plan(Some(&before), &whole).map_err(|fault| in_place(place, one, fault))?;
            self.put(tx, Some(&before), after).await.map_err(|fault| in_place(place, one, fault))?;
        }
        if deletes_missing {
            self.drop_others(tx, &ids).await?;
        }
        for (place, (one, id)) in sent.iter().zip(&ids).enumerate() {
            let collection = self.catalog.find(id).cloned().ok_or_else(Error::missing)?;
            refuse(self.check_rules(&collection), UPDATE).map_err(|fault| in_place(place, one, fault))?;
        }
        Ok(())
    }

    /// Drops all collections but these and those of the system.
    async fn drop_others(&mut self, tx: &mut Tx, ids: &[String]) -> Result<(), Error> {
        let is_missing = |c: &&Arc<Collection>| !c.is_system && !ids.contains(&c.id);
        let missing: Vec<_> = self.catalog.all().iter().filter(is_missing).cloned().collect();
        for collection in missing {
            self.drop(tx, &collection).await?;
        }
        Ok(())
    }

    /// The id of a collection that is there already, by the sent id or name.
    fn known(&self, sent: &Map<String, Value>) -> Option<String> {
        let named = |key| sent.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let found = named("id").and_then(|id| self.catalog.find(id));
        found.or_else(|| named("name").and_then(|name| self.catalog.find(name))).map(|c| c.id.clone())
    }

    /// What was sent, with the fields that it doesn't name: an import that deletes nothing deletes no field either.
    fn with_old_fields(&self, id: &str, sent: &Map<String, Value>) -> Map<String, Value> {
        let mut sent = sent.clone();
        let Some(before) = self.catalog.find(id) else { return sent };
        let old =
            change::to_wire(before).remove("fields").and_then(|f| f.as_array().cloned()).unwrap_or_default();
        if let Some(fields) = sent.get_mut("fields").and_then(Value::as_array_mut) {
            for field in old {
                let same =
                    |f: &Value| f["name"] == field["name"] || (f["id"] == field["id"] && f["id"].is_string());
                if !fields.iter().any(same) {
                    fields.push(field);
                }
            }
        }
        sent
    }
}

/// Of which accounts a second step is asked for.
fn rule_of_second_step(collection: &Collection) -> Option<&str> {
    Some(collection.auth.as_ref()?.other.get("mfa")?.get("rule")?.as_str()?.trim())
}

/// A sent collection without what may refer to others that are not made yet, or to fields that wait for those. The
/// rules of a system collection stay: they could not be changed any more.
fn bare(sent: &Map<String, Value>) -> Map<String, Value> {
    const RULES: [&str; 7] =
        ["listRule", "viewRule", "createRule", "updateRule", "deleteRule", "manageRule", "authRule"];
    let mut bare = sent.clone();
    bare.remove("indexes");
    // the fields that name an account need their unique indexes
    bare.remove("passwordAuth");
    if sent.get("system") != Some(&Value::Bool(true)) {
        RULES.iter().for_each(|rule| {
            bare.remove(*rule);
        });
    }
    if let Some(fields) = bare.get_mut("fields").and_then(Value::as_array_mut) {
        fields.retain(|field| field["type"] != "relation");
    }
    bare
}

fn in_place(place: usize, sent: &Map<String, Value>, fault: Error) -> Error {
    let Error::Refused { kind, message, fields } = fault else { return fault };
    let name = wanted_name(sent);
    let mut nested = Fields::default();
    nested.0.insert(
        "collections".into(),
        Value::from(Map::from_iter([(place.to_string(), Value::from(fields.0))])),
    );
    Error::Refused {
        kind,
        message: format!("{message} (collection {} of the import, {name:?})", place + 1),
        fields: nested,
    }
}

fn wanted_name(sent: &Map<String, Value>) -> String {
    sent.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Keeps a collection: its row, its indexes, its view.
async fn keep(tx: &mut Tx, before: Option<&Collection>, after: &Collection) -> Result<(), Error> {
    let collections = Table::new(COLLECTIONS);
    let body = change::to_stored(after);
    match before {
        None => drop(tx.insert(&collections, &after.id, 1, body).await?),
        Some(_) => drop(tx.update(&collections, &after.id, 1, body).await?),
    }
    declare(tx, after).await
}

/// Makes what a new database begins with, and of any database what the program keeps for itself.
pub(super) async fn prepare(tx: &mut Tx, now: &str) -> Result<(), Error> {
    let collections = Table::new(COLLECTIONS);
    tx.alone(COLLECTIONS).await?;
    tx.create_table(&collections).await?;
    if !tx.exists(&Select::table(&collections)).await? {
        for first in change::first_collections(now, &mut || base::chance::word(50)) {
            tx.create_table(&first.table()).await?;
            keep(tx, None, &first).await?;
        }
    }
    let there = read(tx).await?;
    for own in change::own_collections(now) {
        match there.find(&own.name) {
            None => {
                tx.create_table(&own.table()).await?;
                keep(tx, None, &own).await?;
            }
            Some(there) => {
                if let Some(next) = change::with_own_fields(there, &own) {
                    keep(tx, Some(there), &next).await?;
                }
            }
        }
    }
    Ok(())
}
