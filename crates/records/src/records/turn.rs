//! One request's view of things: the collections and the time, the same from its first rule to its last.

use std::sync::Arc;

use base::error::Kind;
use base::time::Timestamp;
use store::query::Source;
use store::{Conn, Row};

use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::core::language::{Fault, Query, Scope};
use crate::error::Error;
use crate::records::Records;
use crate::request::Request;

/// What one request sees.
#[derive(Clone)]
pub(super) struct Turn {
    pub(super) records: Records,
    pub(super) catalog: Arc<Catalog>,
    pub(super) now: Timestamp,
}

/// What a rule comes to for somebody, before any record is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate<'a> {
    /// Every record passes.
    Open,
    /// The records that fit this text pass.
    If(&'a str),
    /// None passes.
    Shut,
}

impl<'a> Gate<'a> {
    /// A rule for whoever asks.
    pub(super) fn of(rule: &'a Option<String>, request: &Request) -> Gate<'a> {
        match rule.as_deref().map(str::trim) {
            _ if request.is_superuser() => Gate::Open,
            None => Gate::Shut,
            Some("") => Gate::Open,
            Some(text) => Gate::If(text),
        }
    }

    /// The rule's text, empty when all pass; an error when none does.
    pub(super) fn text(self) -> Result<&'a str, Error> {
        match self {
            Gate::Open => Ok(""),
            Gate::If(text) => Ok(text),
            Gate::Shut => Err(Error::refused(Kind::Forbidden, "Only superusers can perform this action.")),
        }
    }
}

impl Records {
    /// A turn on a collection, by name or id.
    pub(super) async fn turn_on(&self, name_or_id: &str) -> Result<(Turn, Arc<Collection>), Error> {
        let found = self.collection(name_or_id).await?;
        Ok((self.turn(), found.ok_or_else(no_collection)?))
    }

    pub(super) fn turn(&self) -> Turn {
        Turn { records: self.clone(), catalog: self.catalog(), now: self.clock().now() }
    }
}

impl Turn {
    /// What the language can refer to.
    pub(super) fn scope<'a>(&'a self, collection: &'a Collection, request: &'a Request) -> Scope<'a> {
        Scope {
            catalog: &self.catalog,
            collection,
            request,
            now: self.now,
            limits: self.records.limits(),
            sees_hidden: request.is_superuser(),
        }
    }

    /// Whether a row, stored or not, fits a rule. An empty rule fits all.
    pub(super) async fn fits(
        &self,
        conn: &mut Conn,
        collection: &Collection,
        request: &Request,
        row: &Arc<Row>,
        rule: &str,
    ) -> Result<bool, Error> {
        if rule.is_empty() {
            return Ok(true);
        }
        let mut query = Query::new(self.scope(collection, request), Source::Given(row.clone()));
        query.filter(rule, true).map_err(|fault| bad_rule(collection, &fault))?;
        Ok(conn.exists(&query.finish()).await?)
    }

    /// A stored record that fits a rule, outside of any transaction: out of the cache where the rule says the same of all
    /// records, so that the record alone decides.
    pub(super) async fn seek(
        &self,
        conn: &mut Conn,
        collection: &Collection,
        request: &Request,
        id: &str,
        rule: &str,
    ) -> Result<Option<Arc<Row>>, Error> {
        let reads = &self.records.inner.reads;
        if rule.is_empty() {
            return reads.get(conn, collection, id, request.moment).await;
        }
        let mut query = Query::new(self.scope(collection, request), Source::Table(collection.table()));
        query.filter(rule, true).map_err(|fault| bad_rule(collection, &fault))?;
        match query.verdict() {
            Some(true) => reads.get(conn, collection, id, request.moment).await,
            Some(false) => Ok(None),
            None => Ok(Box::pin(self.fetch(conn, collection, request, id, rule)).await?.map(Arc::new)),
        }
    }

    /// A stored record that fits a rule.
    pub(super) async fn fetch(
        &self,
        conn: &mut Conn,
        collection: &Collection,
        request: &Request,
        id: &str,
        rule: &str,
    ) -> Result<Option<Row>, Error> {
        if rule.is_empty() {
            return Ok(conn.get(&collection.table(), id).await?);
        }
        let mut query = Query::new(self.scope(collection, request), Source::Table(collection.table()));
        query.id(id);
        query.filter(rule, true).map_err(|fault| bad_rule(collection, &fault))?;
        let mut select = query.finish();
        select.limit = Some(1);
        Ok(conn.select(&select).await?.pop())
    }
}

/// There is no collection of that name or id.
pub(super) fn no_collection() -> Error {
    Error::refused(Kind::NotFound, "Missing collection context.")
}

/// A client's filter or sort that can't be read.
pub(super) fn bad_filter(fault: &Fault) -> Error {
    Error::refused(fault.kind, fault.to_string())
}

/// A stored rule that can no longer be read, for example because a field that it names was removed since.
pub(super) fn bad_rule(collection: &Collection, fault: &Fault) -> Error {
    tracing::warn!(collection = collection.name, %fault, "a rule can't be evaluated: nobody but superusers passes it");
    Error::refused(
        Kind::Invalid,
        "A rule of this collection can't be evaluated. Ask whoever runs the service.",
    )
}
