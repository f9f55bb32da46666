//! The shell: records and collections, done on a store.
//!
//! Map, in reading order: `turn` (one request's view of the catalog and the time), `reads` (what was read
//! lately), `read` (list and view), `expand`
//! (records with their relations), `ready` (a draft made ready before the transaction), `write` (create, update and delete
//! inside it), `once` (writes that are asked for again),
//! `cascade` (what goes with a deleted record), `ways` (the last way in stays), `batch` (several writes or none), `account` (what sign-in
//! asks), `own` (records that the house itself writes), `audit` (what is noted of sign-in), `upkeep` (the collections as this process knows
//! them), `collections` (their making and changing), `declare` (their
//! indexes and views), `bulk` (many rows at once).

mod account;
mod audit;
mod batch;
mod bulk;
mod cascade;
mod collections;
mod declare;
mod expand;
mod once;
mod own;
mod read;
mod reads;
mod ready;
mod turn;
mod upkeep;
mod ways;
mod write;

pub use bulk::Fate;
pub use once::Repeat;
pub use reads::Moment;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use base::time::Clock;
use serde_json::{Map, Value};
use store::files::Arrived;
use store::{Row, Store};

use crate::audit::Witness;
use crate::core::catalog::Catalog;
use crate::core::collection::Collection;
use crate::core::value::{self, Values};
use crate::error::Error;
use crate::limits::Limits;
use crate::password::Passwords;
use crate::records::reads::Reads;
use crate::request::Request;

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
    witness: OnceLock<Arc<dyn Witness>>,
    catalog: ArcSwap<Catalog>,
    reads: Reads,
    /// How often changes of collections had been told of when the catalog was read; never replaced by less.
    read_at: Mutex<Option<u64>>,
    /// The position up to which the collections are known while another process writes to the same file.
    read_to: AtomicI64,
    /// Held while collections change here, one after the other.
    changing: tokio::sync::Mutex<()>,
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
pub struct Step {
    /// The collection, by name or id.
    pub collection: String,
    /// What is to be done.
    pub act: Act,
    /// What of the written record is answered.
    pub shape: Shape,
    /// Who asks for this step, where it is not who asks for the batch: the house, beside what somebody asked for.
    pub asker: Option<Request>,
}

/// What one request of a batch does.
#[derive(Debug)]
pub enum Act {
    /// Make a record.
    Create(Draft),
    /// Change a record, by id.
    Update(String, Draft),
    /// Change the record of the draft's `id`, or make it.
    Upsert(Draft),
    /// Delete a record, by id.
    Delete(String),
}

impl Records {
    /// Reads the collections of a store, making the first ones in a new one. Nothing is kept of what is read.
    pub async fn open(store: Store, clock: Clock, limits: Limits) -> Result<Records, Error> {
        Records::open_cached(store, clock, limits, None).await
    }

    /// The same, keeping what is read of a server's records as the settings say. The embedded engine's are not kept: they
    /// are read in this process anyway.
    pub async fn open_cached(
        store: Store,
        clock: Clock,
        limits: Limits,
        cache: Option<cache::Config>,
    ) -> Result<Records, Error> {
        let passwords = Passwords::new(&limits);
        let catalog = ArcSwap::from_pointee(Catalog::default());
        let changing = tokio::sync::Mutex::new(());
        let reads = Reads::open(&store, cache).await?;
        let inner = Inner {
            store,
            clock,
            limits,
            passwords,
            witness: OnceLock::new(),
            catalog,
            reads,
            read_at: Mutex::new(None),
            read_to: AtomicI64::new(-1),
            changing,
        };
        let records = Records { inner: Arc::new(inner) };
        records.prepare().await?;
        Ok(records)
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

    /// What the cache did; `None` where nothing is kept.
    pub fn cache_report(&self) -> Option<cache::Report> {
        self.inner.reads.report()
    }

    /// The collections as they are now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalog.load_full()
    }

    /// The same for a look that is over at once: nothing that all threads share is counted up and down for it.
    pub fn look<T>(&self, at: impl FnOnce(&Catalog) -> T) -> T {
        at(&self.inner.catalog.load())
    }

    /// A record's values by name, hidden ones (token key, password hash) included.
    pub fn values(&self, collection: &Collection, row: &Row) -> Values {
        value::read(collection, &row.id, &row.body)
    }
}
