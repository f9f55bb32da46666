//! The shell: records and collections, done on a store.

use std::sync::Arc;

use base::time::Clock;
use serde_json::{Map, Value};
use store::files::Arrived;
use store::{Row, Store};

use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::core::value::Values;
use crate::error::Error;
use crate::limits::Limits;
use crate::password::Passwords;
use crate::request::{Principal, Request};

/// The handle on all records and collections. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    limits: Limits,
    passwords: Passwords,
}

/// What of a record is sent: the parameters `expand` and `fields`.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Relations to follow: `author,comments_via_post.author`.
    pub expand: String,
    /// Keys to send: `*,expand.author.name`.
    pub fields: String,
}

/// The parameters of a list.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// From 1; 0 counts as 1.
    pub page: u64,
    /// 0 for the default; at most the limit.
    pub page_size: u64,
    /// The order.
    pub sort: String,
    /// The filter.
    pub filter: String,
    /// Don't count.
    pub skips_total: bool,
    /// What of each record.
    pub shape: Shape,
}

/// One page of records.
#[derive(Clone, Debug)]
pub struct Page {
    /// The page's number, from 1.
    pub page: u64,
    /// Records on a full page.
    pub page_size: u64,
    /// All records that fit; `None` when not counted.
    pub total: Option<u64>,
    /// The JSON texts of the records.
    pub items: Vec<String>,
}

/// A file that came with a request.
#[derive(Debug)]
pub struct Upload {
    /// The field's key as sent (`photos`, `photos+`).
    pub key: String,
    /// The file's name as sent.
    pub name: String,
    /// Its bytes.
    pub file: Arrived,
}

/// A record as a client sent it.
#[derive(Debug, Default)]
pub struct Draft {
    /// The values by key, modifiers included.
    pub values: Map<String, Value>,
    /// The files.
    pub uploads: Vec<Upload>,
}

/// A record that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its JSON text.
    pub json: String,
    /// The record.
    pub row: Arc<Row>,
    /// Its collection.
    pub collection: Arc<Collection>,
}

/// One request of a batch.
#[derive(Debug)]
pub enum Step {
    /// Make a record.
    Create { collection: String, draft: Draft, shape: Shape },
    /// Change a record.
    Update { collection: String, id: String, draft: Draft, shape: Shape },
    /// Change the record of the draft's `id`, or make it.
    Upsert { collection: String, draft: Draft, shape: Shape },
    /// Delete a record.
    Delete { collection: String, id: String },
}

impl Records {
    /// Reads the collections of a store, making the first ones in a new one.
    pub async fn open(store: Store, clock: Clock, limits: Limits) -> Result<Records, Error> {
        let passwords = Passwords::new(&limits);
        Ok(Records { inner: Arc::new(Inner { store, clock, limits, passwords }) })
    }

    /// The store beneath.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The clock in use.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The collections as they are now.
    pub fn catalog(&self) -> Arc<Catalog> {
        todo!()
    }

    // --- records

    /// One page of a collection, by its list rule.
    pub async fn list(&self, _request: &Request, _collection: &str, _query: &ListQuery) -> Result<Page, Error> {
        todo!()
    }

    /// One record's JSON text, by the view rule.
    pub async fn view(&self, _request: &Request, _collection: &str, _id: &str, _shape: &Shape) -> Result<String, Error> {
        todo!()
    }

    /// Makes a record, by the create rule. `request.body` must hold the draft's values.
    pub async fn create(&self, _request: &Request, _collection: &str, _draft: Draft, _shape: &Shape) -> Result<Written, Error> {
        todo!()
    }

    /// Changes a record, by the update rule.
    pub async fn update(&self, _request: &Request, _collection: &str, _id: &str, _draft: Draft, _shape: &Shape) -> Result<Written, Error> {
        todo!()
    }

    /// Deletes a record with what depends on it, by the delete rule.
    pub async fn delete(&self, _request: &Request, _collection: &str, _id: &str) -> Result<(), Error> {
        todo!()
    }

    /// Does all steps or none. The error of a step is [`Error::Refused`] whose fields are
    /// `{"requests": {"INDEX": {"code": "batch_request_failed", "message": …, "response": {status, message, data}}}}`.
    /// Each answer is the record's JSON text, `None` after a delete. `request.body` is set per step.
    pub async fn batch(&self, _request: &Request, _steps: Vec<Step>) -> Result<Vec<Option<Written>>, Error> {
        todo!()
    }

    /// Whether a row (stored or not) may be seen by a listener or a downloader: the view rule, or the list rule and a
    /// client's filter.
    pub async fn may_see(&self, _request: &Request, _collection: &Collection, _row: &Arc<Row>, _as_list: bool, _filter: &str) -> Result<bool, Error> {
        todo!()
    }

    /// The JSON text of a row for whoever asks, with expand and fields; no rule of the record itself is asked.
    pub async fn render(&self, _request: &Request, _collection: &Collection, _row: &Arc<Row>, _shape: &Shape) -> Result<String, Error> {
        todo!()
    }

    /// A record without any rule.
    pub async fn find(&self, _collection: &Collection, _id: &str) -> Result<Option<Arc<Row>>, Error> {
        todo!()
    }

    // --- accounts (for `identity`)

    /// The account of an auth collection that has this value in one of these fields (e-mail in any case).
    pub async fn find_account(&self, _collection: &Collection, _fields: &[String], _value: &str) -> Result<Option<Principal>, Error> {
        todo!()
    }

    /// Whether a password fits an account; takes as long for nobody. Busy when the pool is full.
    pub async fn verify_password(&self, _account: Option<&Principal>, _plain: &str) -> Result<bool, Error> {
        todo!()
    }

    /// Whether an account passes its collection's auth rule.
    pub async fn may_sign_in(&self, _request: &Request, _account: &Principal) -> Result<bool, Error> {
        todo!()
    }

    /// A record's values by name, hidden ones (token key, password hash) included.
    pub fn values(&self, _collection: &Collection, _row: &Row) -> Values {
        todo!()
    }

    // --- collections (superusers; the caller checks)

    /// Makes a collection from the wire's JSON.
    pub async fn create_collection(&self, _sent: &Map<String, Value>) -> Result<Arc<Collection>, Error> {
        todo!()
    }

    /// Changes a collection.
    pub async fn update_collection(&self, _name_or_id: &str, _sent: &Map<String, Value>) -> Result<Arc<Collection>, Error> {
        todo!()
    }

    /// Deletes a collection with its records and files.
    pub async fn delete_collection(&self, _name_or_id: &str) -> Result<(), Error> {
        todo!()
    }

    /// Deletes all records of a collection, with cascades and files.
    pub async fn truncate_collection(&self, _name_or_id: &str) -> Result<(), Error> {
        todo!()
    }

    /// Makes and changes many collections at once; with `deletes_missing`, those not named (but system ones) are deleted.
    pub async fn import_collections(&self, _sent: &[Map<String, Value>], _deletes_missing: bool) -> Result<(), Error> {
        todo!()
    }
}
