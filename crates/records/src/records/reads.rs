//! What was read lately of a server's records, given out only while it is the newest: the store's change log as the
//! cache asks it, and rows as the cache keeps them.
//!
//! Kept under a table and an id is the row as it is stored; it is rendered for each who asks. What holds password hashes
//! (accounts with their token keys, and other records with a password) never leaves this process, also where memcached
//! keeps the rest.
//!
//! A change of any collection gives up everything that was kept: a collection that is dropped and made again has its old
//! table's name, and its records' disappearance is not in the log.
//!
//! The same questions tell whether collections have changed since this process read them ([`Reads::told`]). So the cache
//! stands on every server, and keeps nothing where it is off.
//!
//! Invariant: what is put in was read from the database after its ticket was given, never taken from a write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use cache::{Answer, Back, Cache, Change, Config, Found, Kept, Log, News, Place, Report, Ticket};
use store::{Conn, Position, Row, Store};
use tokio_util::sync::CancellationToken;

use crate::core::collection::Collection;
use crate::core::field::FieldKind;
use crate::error::Error;
use crate::records::collections::COLLECTIONS;

/// Bytes that accounts may take in this process while memcached keeps the rest.
const ACCOUNTS_BYTES_MAX: u64 = 16 << 20;

/// What is kept; nothing of it where the database is read in this process.
pub(super) struct Reads {
    plain: Option<Cache>,
    /// In this process, while memcached keeps the rest.
    secret: Option<Cache>,
    keeps: bool,
    told: Arc<Told>,
}

/// The moment at which a request began: what is read as of it is at least as new as what anybody could have read then.
///
/// Invariant: what a request reads after a write of its own is not read as of its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment(Option<Ticket>);

/// How often this process was told that collections have changed, or may have.
#[derive(Debug, Default)]
pub(super) struct Told(AtomicU64);

impl Told {
    /// Once more; how often it is by now.
    pub(super) fn again(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn times(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Reads {
    pub(super) async fn open(store: &Store, config: Option<Config>) -> Result<Reads, Error> {
        let (keeps, told) = (config.is_some(), Arc::<Told>::default());
        if !store.is_shared() {
            return Ok(Reads { plain: None, secret: None, keeps: false, told });
        }
        let mut config = config.unwrap_or_else(|| Config::in_process(0));
        let cache = |config, told: &Arc<Told>| {
            let log = Asked { store: store.clone(), told: Arc::clone(told) };
            Cache::new(config, Arc::new(log)).map(Some).map_err(Error::Cache)
        };
        let mut secret = None;
        if let Back::Memcached(memcached) = &mut config.back {
            memcached.namespace = store.namespace().await?;
            let back = Back::InProcess { bytes_max: ACCOUNTS_BYTES_MAX };
            secret = cache(Config { back, ..config.clone() }, &Arc::default())?;
        }
        Ok(Reads { plain: cache(config, &told)?, secret, keeps, told })
    }

    /// What this process was told of changes of collections.
    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    /// Asks, together with all who ask at this time, what was committed before now; `None` when nobody can say. Where the
    /// database is in this process that is known.
    pub(super) async fn hear(&self) -> Option<Moment> {
        match &self.plain {
            Some(cache) => cache.moment().await.map(|moment| Moment(Some(moment.ticket()))),
            None => Some(Moment(None)),
        }
    }

    /// A record by id, outside of any transaction, as of a moment; where none is given, of now.
    pub(super) async fn get(
        &self,
        conn: &mut Conn,
        collection: &Collection,
        id: &str,
        moment: Moment,
    ) -> Result<Option<Arc<Row>>, Error> {
        let table = collection.table();
        let Some(cache) = self.of(collection) else {
            return Ok(Box::pin(conn.get(&table, id)).await?.map(Arc::new));
        };
        // what is kept apart has a place in the log of its own
        let asked = moment.0.filter(|_| self.plain.as_ref().is_some_and(|plain| std::ptr::eq(plain, cache)));
        let found = match asked {
            Some(ticket) => cache.at(ticket).get(table.as_str(), id).await,
            None => cache.get(table.as_str(), id).await,
        };
        let ticket = match found {
            Found::Hit(kept) => match unpack(id, kept) {
                Some(row) => return Ok(Some(Arc::new(row))),
                None => None,
            },
            Found::Miss(ticket) => Some(ticket),
            Found::Unsure => None,
        };
        let row = Box::pin(conn.get(&table, id)).await?;
        if let (Some(ticket), Some(row)) = (ticket, &row) {
            cache.put(ticket, table.as_str(), id, row.rev, pack(row));
        }
        Ok(row.map(Arc::new))
    }

    /// Keeps the connections to memcached, until it is dropped.
    pub(super) async fn run(&self) {
        match &self.plain {
            Some(cache) => cache.run(CancellationToken::new()).await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn report(&self) -> Option<Report> {
        let plain = self.plain.as_ref().filter(|_| self.keeps)?.report();
        Some(match &self.secret {
            Some(secret) => secret.report().and(plain),
            None => plain,
        })
    }

    fn of(&self, collection: &Collection) -> Option<&Cache> {
        let secret = self.secret.as_ref().filter(|_| has_secrets(collection));
        secret.or(self.plain.as_ref()).filter(|_| self.keeps)
    }
}

fn has_secrets(collection: &Collection) -> bool {
    let is_secret = |kind: &FieldKind| matches!(kind, FieldKind::Password { .. });
    collection.is_auth() || collection.fields.iter().any(|field| is_secret(&field.kind))
}

/// The row's shape (8 bytes, big-endian), then its body.
fn pack(row: &Row) -> Bytes {
    let mut out = BytesMut::with_capacity(8 + row.body.len());
    out.put_i64(row.shape);
    out.put_slice(row.body.as_bytes());
    out.freeze()
}

fn unpack(id: &str, kept: Kept) -> Option<Row> {
    let Kept { rev, mut value } = kept;
    let shape = value.try_get_i64().ok()?;
    let body = simdutf8::compat::from_utf8(&value).ok()?.to_owned();
    Some(Row { id: id.to_owned(), rev, shape, body })
}

/// The store's change log, as the cache asks it.
struct Asked {
    store: Store,
    told: Arc<Told>,
}

impl Log for Asked {
    fn since(&self, after: Option<Place>, changes_max: usize) -> Answer<'_> {
        let after = after.map(|place| (place.epoch, Position(place.position)));
        Box::pin(async move {
            let news = self.store.since(after, changes_max).await?;
            let news = news.ok_or("the embedded engine's records are not kept")?;
            let news = in_its_words(after.map_or(0, |(epoch, _)| epoch), news);
            if matches!(news, News::Anew { .. }) {
                self.told.again();
            }
            Ok(news)
        })
    }
}

/// What the store says in the cache's words. `epoch` is the one that was asked about.
fn in_its_words(epoch: i64, news: store::News) -> News {
    match news {
        store::News::Anew { epoch, to, newest } => {
            News::Anew { place: Place { epoch, position: to.0 }, newest: newest.0 }
        }
        store::News::Since { to, touched } if touched.iter().any(|one| &*one.table == COLLECTIONS) => {
            let newest = touched.iter().map(|one| one.position.0).fold(to.0, i64::max);
            News::Anew { place: Place { epoch, position: to.0 }, newest }
        }
        store::News::Since { to, touched } => {
            let change =
                |one: store::Touched| Change { space: one.table, id: one.record, position: one.position.0 };
            News::Since { to: to.0, changes: touched.into_iter().map(change).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(table: &str, position: i64) -> store::Touched {
        store::Touched { table: table.into(), record: "a".into(), position: Position(position) }
    }

    #[test]
    fn a_row_is_unpacked_as_it_was_packed_and_what_is_no_row_is_none() {
        let row = Row { id: "a".into(), rev: 7, shape: 3, body: "{\"제목\":1}".into() };
        assert_eq!(unpack("a", Kept { rev: 7, value: pack(&row) }), Some(row));
        for wrong in [&b"short"[..], b"12345678\xff"] {
            assert_eq!(unpack("a", Kept { rev: 7, value: Bytes::copy_from_slice(wrong) }), None);
        }
    }

    #[test]
    fn a_change_of_a_collection_gives_up_everything_also_while_it_has_no_place_yet() {
        let to = Position(5);
        let plain = store::News::Since { to, touched: vec![touched("r_x", 5)] };
        assert!(matches!(in_its_words(1, plain), News::Since { to: 5, .. }));
        for position in [5, 6] {
            let news = store::News::Since { to, touched: vec![touched(COLLECTIONS, position)] };
            let place = Place { epoch: 1, position: 5 };
            assert_eq!(in_its_words(1, news), News::Anew { place, newest: position });
        }
    }
}
