//! Writing one record: create, update and delete, inside a transaction.
//!
//! Rules are asked inside the transaction too: what they allowed still holds when the write is committed.

use std::sync::Arc;

use base::error::{Fields, Kind};
use serde_json::Value;
use store::query::{Column, Compare, Expr, MAIN, Select, Value as Bound};
use store::{Row, Tx};

use crate::core::account::{self, Access};
use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::core::value::{self, Values};
use crate::error::Error;
use crate::records::bulk::keep_dates;
use crate::records::cascade::Leftovers;
use crate::records::once;
use crate::records::own::end_sessions;
use crate::records::ready::Ready;
use crate::records::turn::{Gate, Turn};
use crate::records::{Draft, Records, Shape, Written};
use crate::request::Request;

const CREATE: &str = "Failed to create record.";
const UPDATE: &str = "Failed to update record.";

impl Records {
    /// Makes a record, by the create rule.
    pub async fn create(
        &self,
        request: &Request,
        collection: &str,
        draft: Draft,
        shape: &Shape,
    ) -> Result<Written, Error> {
        let (turn, collection) = self.turn_on(collection).await?;
        self.heed_earlier(request).await?;
        Gate::of(&collection.rules.create, request).text()?;
        let id = turn.new_id(&collection, &draft)?;
        let ready = turn.ready(request, &collection, &id, draft).await?;
        let (ready, row) =
            turn.commit(ready, |turn, tx, ready| Box::pin(turn.insert_alone(tx, ready))).await?;
        turn.written(&ready.request, collection, row, shape).await
    }

    /// Changes a record, by the update rule.
    pub async fn update(
        &self,
        request: &Request,
        collection: &str,
        id: &str,
        draft: Draft,
        shape: &Shape,
    ) -> Result<Written, Error> {
        let (turn, collection) = self.turn_on(collection).await?;
        self.heed_earlier(request).await?;
        let rule = Gate::of(&collection.rules.update, request).text()?;
        turn.check_before_files(request, &collection, id, rule, &draft).await?;
        let ready = turn.ready(request, &collection, id, draft).await?;
        let (ready, row) = turn.commit(ready, |turn, tx, ready| Box::pin(turn.replace(tx, ready))).await?;
        turn.written(&ready.request, collection, row, shape).await
    }

    /// Deletes a record with what depends on it, by the delete rule.
    pub async fn delete(&self, request: &Request, collection: &str, id: &str) -> Result<(), Error> {
        let (turn, collection) = self.turn_on(collection).await?;
        self.heed_earlier(request).await?;
        Gate::of(&collection.rules.delete, request).text()?;
        let (request, id, inside) = (request.clone(), id.to_owned(), turn.clone());
        let removed = self.store().write(move |tx| {
            Box::pin(async move {
                once::claim(tx, &request).await?;
                let leftovers = inside.remove(tx, &request, &collection, &id).await?;
                inside.keep_answer(tx, &request, [None]).await?;
                Ok::<_, Error>(leftovers)
            })
        });
        let leftovers = removed.await?;
        leftovers.clear(self.store()).await;
        Ok(())
    }
}

/// The part of a write that runs inside its transaction.
type Inside<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(Arc<Row>, Leftovers), Error>> + Send + 'a>>;

impl Turn {
    /// Runs the write of a ready draft in a transaction of its own; the draft's files go when it fails,
    /// those that nobody needs any more when it is done.
    async fn commit<F>(&self, ready: Ready, write: F) -> Result<(Arc<Ready>, Arc<Row>), Error>
    where
        F: for<'a> Fn(&'a Turn, &'a mut Tx, &'a Ready) -> Inside<'a> + Clone + Send + 'static,
    {
        let ready = Arc::new(ready);
        let (turn, inside) = (self.clone(), ready.clone());
        let done = self.records.store().write(move |tx| {
            Box::pin(async move {
                once::claim(tx, &inside.request).await?;
                let (row, leftovers) = write(&turn, tx, &inside).await?;
                turn.keep_answer(tx, &inside.request, [Some((&*inside.collection, &row))]).await?;
                Ok::<_, Error>((row, leftovers))
            })
        });
        match done.await {
            Ok((row, leftovers)) => {
                leftovers.clear(self.records.store()).await;
                Ok((ready, row))
            }
            Err(fault) => {
                self.discard(&ready).await;
                Err(fault)
            }
        }
    }

    /// Makes the record of a ready draft, after which no file is left over.
    async fn insert_alone(&self, tx: &mut Tx, ready: &Ready) -> Result<(Arc<Row>, Leftovers), Error> {
        Ok((self.insert(tx, ready).await?, Leftovers::default()))
    }

    /// The id of a new record: the one that was sent, or a new one. One that files can't be laid under is refused here.
    pub(super) fn new_id(&self, collection: &Collection, draft: &Draft) -> Result<String, Error> {
        match draft.values.get("id").map(value::text).filter(|id| !id.is_empty()) {
            None => Ok(value::new_id(collection, self.now, &mut chance)),
            Some(id) if is_plain(&id) => Ok(id),
            Some(_) => {
                let fault = Fields::one(
                    "id",
                    "validation_invalid_format",
                    "The id has characters that are not allowed.",
                );
                Err(Error::invalid(CREATE, fault))
            }
        }
    }

    /// Before files are laid down or passwords hashed: the record is there and may be changed. Asked again in the
    /// transaction.
    async fn check_before_files(
        &self,
        request: &Request,
        collection: &Collection,
        id: &str,
        rule: &str,
        draft: &Draft,
    ) -> Result<(), Error> {
        let is_password = |f: &Field| matches!(f.kind, FieldKind::Password { .. });
        let sends = |name: &str| draft.values.contains_key(name);
        let hashes =
            collection.fields.iter().any(|f| is_password(f) && sends(&f.name)) || sends("oldPassword");
        if draft.uploads.is_empty() && !hashes {
            return Ok(());
        }
        let mut conn = self.records.store().reader().await?;
        let row = conn.get(&collection.table(), id).await?.ok_or_else(Error::missing)?;
        let before = value::read(collection, id, &row.body);
        let body = value::resolve_modifiers(collection, &before, &draft.values);
        let request = request.with_body(body);
        match self.fetch(&mut conn, collection, &request, id, rule).await? {
            Some(_) => Ok(()),
            None => Err(Error::missing()),
        }
    }

    /// Makes the record of a ready draft.
    pub(super) async fn insert(&self, tx: &mut Tx, ready: &Ready) -> Result<Arc<Row>, Error> {
        let collection = &*ready.collection;
        let rule = Gate::of(&collection.rules.create, &ready.request).text()?;
        let mut after = value::empty(collection);
        fill(&mut after, ready);
        after.0.insert("id".into(), Value::from(ready.id.clone()));
        value::set_automatic(collection, None, &mut after, self.now, &mut chance);
        let row = self.row(ready, &after)?;
        if !self.fits(tx, collection, &ready.request, &row, rule).await? {
            return Err(Error::refused(Kind::Invalid, CREATE));
        }
        let row = self.settle(tx, ready, None, after, row).await?;
        let Row { id, shape, body, .. } = Arc::unwrap_or_clone(row);
        let inserted = tx.insert(&collection.table(), &id, shape, body).await;
        let row = inserted.map_err(|fault| unique(fault, collection, CREATE))?;
        self.audit_made(tx, &ready.request, collection, &row).await?;
        Ok(row)
    }

    /// Changes the record of a ready draft.
    pub(super) async fn replace(&self, tx: &mut Tx, ready: &Ready) -> Result<(Arc<Row>, Leftovers), Error> {
        let collection = &*ready.collection;
        let table = collection.table();
        let row = tx.get(&table, &ready.id).await?.map(Arc::new).ok_or_else(Error::missing)?;
        let before = value::read(collection, &row.id, &row.body);
        let mut after = before.clone();
        fill(&mut after, ready);
        self.check_update_rule(tx, ready, &before).await?;
        value::set_automatic(collection, Some(&before), &mut after, self.now, &mut chance);
        let leftovers = Leftovers::of_update(collection, &before, &after, &ready.id);
        let next = self.settle(tx, ready, Some((&before, &row)), after, row.clone()).await?;
        let Row { id, shape, body, .. } = Arc::unwrap_or_clone(next);
        let updated = tx.update(&table, &id, shape, body).await;
        let updated = updated.map_err(|fault| unique(fault, collection, UPDATE))?;
        let updated = updated.ok_or_else(Error::missing)?;
        end_sessions(tx, &self.catalog, collection, &before, &updated).await?;
        self.audit_changed(tx, &ready.request, collection, &before, &updated).await?;
        Ok((updated, leftovers))
    }

    /// Judges the values of a write and gives the row to be kept, with the hashes of new passwords in it.
    async fn settle(
        &self,
        tx: &mut Tx,
        ready: &Ready,
        before: Option<(&Values, &Arc<Row>)>,
        mut after: Values,
        row: Arc<Row>,
    ) -> Result<Arc<Row>, Error> {
        let collection = &*ready.collection;
        let message = if before.is_some() { UPDATE } else { CREATE };
        let before = before.map(|(values, _)| values);
        let mut faults = value::check(collection, before, &after, &ready.files);
        if collection.fields.iter().any(|f| matches!(f.kind, FieldKind::Password { .. })) {
            let access = self.access(tx, &ready.request, collection, &row).await?;
            let verdict = account::check(collection, before, &after, &ready.sent, access);
            faults.0.extend(verdict.faults.0);
            if verdict.verify.is_some_and(|(_, hash)| ready.proven.as_ref() != Some(&hash)) {
                faults.0.extend(account::wrong_old_password().0);
            }
            let hashes =
                ready.hashes.iter().filter(|(field, _)| verdict.hash.iter().any(|(f, _)| f == field));
            after.0.extend(hashes.map(|(field, hash)| (field.clone(), Value::from(hash.clone()))));
            value::set_automatic(collection, before, &mut after, self.now, &mut chance);
        }
        self.check_relations(tx, collection, before, &after, &mut faults).await?;
        refuse(faults, message)?;
        self.row(ready, &after)
    }

    /// The row of values.
    fn row(&self, ready: &Ready, values: &Values) -> Result<Arc<Row>, Error> {
        let body = value::write(&ready.collection, values);
        let most = self.records.limits().body_bytes_max;
        if body.len() > most {
            return Err(Error::refused(Kind::TooLarge, format!("A record is at most {most} bytes long.")));
        }
        Ok(Arc::new(Row { id: ready.id.clone(), rev: 0, shape: ready.collection.shape, body }))
    }

    /// How much somebody may do with an account.
    async fn access(
        &self,
        tx: &mut Tx,
        request: &Request,
        collection: &Collection,
        row: &Arc<Row>,
    ) -> Result<Access, Error> {
        Ok(match request.is_superuser() {
            true => Access::Superuser,
            false if self.manages(tx, request, collection, row).await? => Access::Manager,
            false => Access::Plain,
        })
    }

    /// The update rule, for the record as it is and the request's body with its modifiers carried out.
    async fn check_update_rule(&self, tx: &mut Tx, ready: &Ready, before: &Values) -> Result<(), Error> {
        let rule = Gate::of(&ready.collection.rules.update, &ready.request).text()?;
        if rule.is_empty() {
            return Ok(());
        }
        let body = value::resolve_modifiers(&ready.collection, before, &ready.request.body);
        let request = ready.request.with_body(body);
        match self.fetch(tx, &ready.collection, &request, &ready.id, rule).await? {
            Some(_) => Ok(()),
            None => Err(Error::missing()),
        }
    }

    /// Deletes a record by its rule.
    pub(super) async fn remove(
        &self,
        tx: &mut Tx,
        request: &Request,
        collection: &Collection,
        id: &str,
    ) -> Result<Leftovers, Error> {
        let rule = Gate::of(&collection.rules.delete, request).text()?;
        // first held, then judged: it stays as the rule has seen it
        let row = tx.get(&collection.table(), id).await?.ok_or_else(Error::missing)?;
        if self.fetch(tx, collection, request, id, rule).await?.is_none() {
            return Err(Error::missing());
        }
        self.check_ways(tx, request, collection, &row).await?;
        if collection.is_superusers() {
            tx.alone("superusers").await?;
        }
        if collection.is_superusers() && tx.count(&Select::table(&collection.table())).await? < 2 {
            return Err(Error::refused(
                Kind::Invalid,
                "The only superuser stays. Make another one before you delete this one.",
            ));
        }
        self.audit_gone(tx, request, collection, &row).await?;
        self.cascade(tx, collection, id).await
    }

    /// Every related record that is new to the record must be there.
    async fn check_relations(
        &self,
        tx: &mut Tx,
        collection: &Collection,
        before: Option<&Values>,
        after: &Values,
        faults: &mut Fields,
    ) -> Result<(), Error> {
        for field in &collection.fields {
            let FieldKind::Relation { collection: target, .. } = &field.kind else { continue };
            let Some(target) = self.catalog.find(target) else { continue };
            let value = after.0.get(&field.name);
            let old = before.and_then(|before| before.0.get(&field.name));
            // of more than the field takes, none is looked up
            if value == old || faults.0.contains_key(&field.name) {
                continue;
            }
            for id in texts(value).filter(|id| !id.is_empty() && !texts(old).any(|known| known == *id)) {
                if !tx.keeps(&target.table(), id).await? {
                    let message = format!("There is no record `{id}` in {}.", target.name);
                    faults.add(&field.name, "validation_missing_rel_records", &message);
                }
            }
        }
        Ok(())
    }

    /// What is answered after a write.
    pub(super) async fn written(
        &self,
        request: &Request,
        collection: Arc<Collection>,
        row: Arc<Row>,
        shape: &Shape,
    ) -> Result<Written, Error> {
        let is_plain = !collection.is_auth() && shape.expand.is_empty() && shape.fields.is_empty();
        let json = if is_plain {
            let sight = crate::core::render::Sight { hidden: request.is_superuser(), email: true };
            crate::core::render::row(&collection, &row, sight)
        } else {
            let mut conn = self.records.store().reader().await?;
            self.present_one(&mut conn, request, &collection, row.clone(), shape).await?
        };
        Ok(Written { json, row, collection })
    }
}

/// Applies what was sent to values.
pub(super) fn fill(values: &mut Values, ready: &Ready) {
    let access = if ready.request.is_superuser() { Access::Superuser } else { Access::Plain };
    value::apply(&ready.collection, values, &ready.sent, access);
    if ready.keeps_dates {
        keep_dates(&ready.collection, values, &ready.sent);
    }
}

/// The texts of a value: of a list each, of a text itself.
pub(super) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let many = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    value.and_then(Value::as_str).into_iter().chain(many)
}

/// An id that files can be laid under; what else it must be says its field.
fn is_plain(id: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    id.len() <= base::id::LENGTH_MAX && id.chars().all(is_plain)
}

/// A random number, for what is made by chance.
pub(super) fn chance() -> u64 {
    u64::from_le_bytes(base::chance::bytes())
}

/// Nothing, or the faults under a sentence.
pub(super) fn refuse(faults: Fields, message: &str) -> Result<(), Error> {
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(message, faults)) }
}

/// A unique index's refusal as faults of its fields.
pub(super) fn unique(fault: store::Error, collection: &Collection, message: &str) -> Error {
    let store::Error::Unique { index } = &fault else { return fault.into() };
    if index == "id" {
        return Error::invalid(message, Fields::one("id", "validation_not_unique", "Value must be unique."));
    }
    let declared =
        collection.indexes.iter().find(|i| crate::core::index::to_store(i, collection).name == *index);
    let Some(declared) = declared else { return fault.into() };
    let mut fields = Fields::default();
    for column in &declared.columns {
        fields.add(&column.field, "validation_not_unique", "Value must be unique.");
    }
    Error::invalid(message, fields)
}

/// The records of a collection whose fields are these texts; `None` where it has not all of the fields.
pub(super) fn equal_all(collection: &Collection, texts: &[(&str, &str)]) -> Option<Select> {
    let is = |(name, text): &(&str, &str)| {
        let own = Box::new(Expr::Column(MAIN, collection.field(name)?.column()));
        Some(Expr::Compare(own, Compare::Eq, Box::new(Expr::Value(Bound::Text((*text).into())))))
    };
    let mut select = Select::table(&collection.table());
    select.filter = Some(Expr::And(texts.iter().map(is).collect::<Option<_>>()?));
    Some(select)
}

/// The records of a collection whose field is a value.
pub(super) fn equal(collection: &Collection, column: Column, value: &str) -> Select {
    let mut select = Select::table(&collection.table());
    let own = Box::new(Expr::Column(MAIN, column));
    let value = Box::new(Expr::Value(Bound::Text(value.into())));
    select.filter = Some(Expr::Compare(own, Compare::Eq, value));
    select
}
