//! The collections as this process knows them: read when it begins, and anew when anybody has changed them.
//!
//! A server's collections are changed by other web servers too. Every request begins with [`Records::keep_up`], which asks the
//! log what was committed until then; who lives longer than a request learns of it by the log's tail.
//!
//! Invariant: a catalog gives way only to one that was read after more had been told of.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use base::error::Kind;
use store::query::{Column, Compare, Expr, Func, MAIN, Order, Scalar, Select, Value};
use store::{Conn, Table};

use crate::core::catalog::Catalog;
use crate::core::change;
use crate::core::collection::Collection;
use crate::error::Error;
use crate::records::collections::{COLLECTIONS, prepare};
use crate::records::{Moment, Records};

/// How many times a request asks again what was committed, where the server has answered and gone again in between.
const HEAR_TRIES_MAX: u32 = 5;

impl Records {
    /// Makes what a new database begins with, and reads the collections.
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        let now = self.clock().now().to_string();
        self.store().write(move |tx| Box::pin(async move { prepare(tx, &now).await })).await?;
        self.reload().await
    }

    /// Reads the collections anew. What was read before the newest word of a change is left to whoever reads after it.
    async fn reload(&self) -> Result<(), Error> {
        self.reload_after(self.inner.reads.told().times()).await
    }

    /// The same after so many had been told of.
    async fn reload_after(&self, told: u64) -> Result<(), Error> {
        let mut conn = self.store().reader().await?;
        let catalog = read(&mut conn).await?;
        let mut read_at = self.inner.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        if *read_at < Some(told) {
            *read_at = Some(told);
            self.inner.catalog.store(Arc::new(catalog));
        }
        Ok(())
    }

    /// Reads the collections anew, as they have just changed.
    pub(super) async fn reload_changed(&self) -> Result<(), Error> {
        self.inner.reads.told().again();
        self.reload().await
    }

    /// Sees to it that the collections are as everybody was told before this was asked, by whichever web server: every
    /// request begins with it, and may read as of the moment that it gives. While the server is away it waits as a read
    /// does.
    pub async fn keep_up(&self) -> Result<Moment, Error> {
        let reads = &self.inner.reads;
        if self.store().has_company() {
            Box::pin(self.keep_up_with_company()).await?;
        }
        let mut tries_left = HEAR_TRIES_MAX;
        let moment = loop {
            match reads.hear().await {
                Some(moment) => break moment,
                // it comes and goes; what is read of it is the newest all the same
                None if tries_left == 0 && self.store().has_deputies() => {
                    Box::pin(self.reload_changed()).await?;
                    return Ok(Moment::default());
                }
                None if tries_left == 0 => return Err(Error::Store(store::Error::Busy)),
                // a server that has come back may go again before it is heard
                None => {
                    if let Some(moment) = Box::pin(self.keep_up_unheard()).await? {
                        return Ok(moment);
                    }
                }
            }
            tries_left -= 1;
        };
        let read_at = *self.inner.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        if self.store().is_shared() && read_at < Some(reads.told().times()) {
            Box::pin(self.reload()).await?;
        }
        Ok(moment)
    }

    /// Waits for the server to answer; where a deputy answers this request, the collections are read there.
    async fn keep_up_unheard(&self) -> Result<Option<Moment>, Error> {
        let told = self.inner.reads.told().again();
        if self.store().newest_or_deputy().await?.is_some() {
            return Ok(None);
        }
        self.reload_after(told).await?;
        Ok(Some(Moment::default()))
    }

    /// The same where SQLite's file is written to by another server for a while: the file says what is new.
    async fn keep_up_with_company(&self) -> Result<(), Error> {
        let newest = self.store().newest().await?.0;
        if self.inner.read_to.load(Ordering::SeqCst) < newest {
            self.reload_changed().await?;
            self.inner.read_to.fetch_max(newest, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Follows the change log and reads the collections anew when another process or server has changed them, and keeps
    /// the connections to memcached. Runs until the store is closed.
    pub async fn follow(&self) {
        tokio::select! {
            () = self.follow_collections() => {}
            () = self.inner.reads.run() => {}
        }
    }

    async fn follow_collections(&self) {
        let mut tail = self.store().tail(self.store().position());
        loop {
            let touches = match tail.next().await {
                Ok(changes) => changes.iter().any(|change| &*change.table == COLLECTIONS),
                Err(store::Error::Gone) => {
                    tail = self.store().tail(self.store().position());
                    true
                }
                Err(_) => return,
            };
            if touches && let Err(fault) = self.reload_changed().await {
                tracing::error!(error = base::error::chain(&fault), "the collections can't be read anew");
            }
        }
    }

    /// A collection by name or id, also one that another process has only just made: following the log tells of it a
    /// moment later, but who made it may ask for it at once.
    pub async fn collection(&self, name_or_id: &str) -> Result<Option<Arc<Collection>>, Error> {
        let known = self.look(|catalog| catalog.find(name_or_id).cloned());
        if known.is_some() {
            return Ok(known);
        }
        // in a piece of memory of its own: what is rare would make each request's larger
        Box::pin(self.collection_anew(name_or_id)).await
    }

    async fn collection_anew(&self, name_or_id: &str) -> Result<Option<Arc<Collection>>, Error> {
        let may_be_one = name_or_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if may_be_one && self.store().reader().await?.exists(&called(name_or_id)).await? {
            self.reload_changed().await?;
        }
        Ok(self.catalog().find(name_or_id).cloned())
    }
}

/// The collection of this id, or of this name in any case.
fn called(name_or_id: &str) -> Select {
    let text = |text: &str| Expr::Value(Value::Text(text.into()));
    let is = |column: Expr, value: Expr| Expr::Compare(Box::new(column), Compare::Eq, Box::new(value));
    let name = Expr::Call(Func::Lower, vec![Expr::Column(MAIN, Column::Field("name".into(), Scalar::Text))]);
    let mut select = Select::table(&Table::new(COLLECTIONS));
    select.filter = Some(Expr::Or(vec![
        is(Expr::Column(MAIN, Column::Id), text(name_or_id)),
        is(name, text(&name_or_id.to_ascii_lowercase())),
    ]));
    select
}

/// All collections, in the order of their making.
pub(super) async fn read(conn: &mut Conn) -> Result<Catalog, Error> {
    let mut select = Select::table(&Table::new(COLLECTIONS));
    select.order = vec![Order { by: Expr::Column(MAIN, Column::Rowid), descending: false }];
    let rows = conn.select(&select).await?;
    let read = |row: &store::Row| change::from_stored(&row.id, &row.body).map(Arc::new);
    let all = rows.iter().map(read).collect::<Result<_, _>>();
    all.map(Catalog::new).map_err(|fault| Error::refused(Kind::Internal, fault))
}
