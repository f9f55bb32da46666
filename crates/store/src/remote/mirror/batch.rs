//! What a mirror is brought next, read from the primary at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::mark::MARK;
use super::{Declaring, NAME};
use crate::error::Error;
use crate::moving::{MOVED, MOVING};
use crate::news::NAMESPACE;
use crate::query::Value;
use crate::remote::words::{self, Kind};
use crate::remote::{Cells, Side, first_int, int, string};
use crate::row::Table;

/// Columns of the log, in the order in which they are read here.
pub(super) const LOG: &str = "pos,seq,epoch,write_id,i,tbl,record,kind,at";

/// Settings that a database has for itself.
const OWN: [&str; 4] = [MOVED, MOVING, NAMESPACE, MARK];
const POS: usize = 0;
const WRITE: usize = 3;
const NUMBER: usize = 4;
const TABLE: usize = 5;
const RECORD: usize = 6;
const KIND: usize = 7;
const AT: usize = 8;

/// Some changes, with all that they concern as it is at that moment.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The last position in it.
    pub(super) position: i64,
    /// When the last of its changes was made; 0 when there is none.
    pub(super) last_at: i64,
    /// There are more.
    pub(super) has_more: bool,
    /// Rows of the log.
    pub(super) log: Vec<Cells>,
    /// Deleted records as they last were.
    pub(super) gone: Vec<Cells>,
    /// Keys of writes that are done once.
    pub(super) claims: Vec<Cells>,
    /// The records that changed, by table: their ids, and those that are there.
    pub(super) records: BTreeMap<Arc<str>, Changed>,
    /// Tables that were dropped, and perhaps made again.
    pub(super) emptied: Vec<Table>,
    pub(super) shape: Shape,
}

/// Records of a table that changed: their ids, and those that are there.
type Changed = (BTreeSet<Arc<str>>, Vec<Cells>);

/// Everything but records and their log.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) tables: BTreeSet<Arc<str>>,
    /// Settings and views, as they stand in `meta`.
    pub(super) meta: BTreeMap<String, String>,
    /// Indexes by name: table and definition.
    pub(super) indexes: BTreeMap<String, (String, String)>,
}

/// What becomes of changes that have no position yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    /// They come with a later batch.
    Later,
    /// Their records come now, their rows of the log later.
    Records,
    /// They are given the next positions: nobody else can.
    Numbered,
}

impl Batch {
    /// Reads up to `limit` changes after a position. [`Error::Gone`] when the log does not reach back so far. The side is frozen
    /// or held.
    pub(super) async fn read(
        side: &mut Side,
        kind: Kind,
        after: i64,
        limit: usize,
        fresh: Fresh,
        declaring: &Declaring,
    ) -> Result<Batch, Error> {
        let head = first_int(&side.query("SELECT pos FROM head WHERE id=1", Vec::new()).await?);
        let sql = format!("SELECT {LOG} FROM \"change\" WHERE pos > ?i ORDER BY pos LIMIT ?i");
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut log = side.log(&sql, vec![Value::Int(after), Value::Int(most)]).await?;
        let first = log.first().map(|row| int(row, POS));
        if first.map_or(head > after, |first| first != after + 1) {
            return Err(Error::Gone);
        }
        let position = log.last().map_or(after, |row| int(row, POS));
        let mut batch = Batch { position, has_more: position < head, ..Batch::default() };
        let mut others = Vec::new();
        if fresh != Fresh::Later && !batch.has_more {
            let sql = format!("SELECT {LOG} FROM \"change\" WHERE pos IS NULL ORDER BY seq");
            others = side.log(&sql, Vec::new()).await?;
        }
        if fresh == Fresh::Numbered {
            for (row, pos) in others.iter_mut().zip(position + 1..) {
                row[POS] = Value::Int(pos);
                batch.position = pos;
            }
            log.append(&mut others);
        }
        batch.shape = shape(side).await?;
        batch.last_at = log.last().map_or(0, |row| int(row, AT));
        batch.add_records(side, kind, log.iter().chain(&others), declaring).await?;
        batch.add_gone(side, kind, &log).await?;
        batch.add_claims(side, &log).await?;
        batch.log = log;
        Ok(batch)
    }

    async fn add_records(
        &mut self,
        side: &mut Side,
        kind: Kind,
        changes: impl Iterator<Item = &Cells>,
        declaring: &Declaring,
    ) -> Result<(), Error> {
        for row in changes {
            let (table, record, what) = (string(row, TABLE), string(row, RECORD), string(row, KIND));
            if table == declaring.table.as_str() && what == "delete" {
                self.emptied.push((declaring.declared)(&record));
            }
            if self.shape.tables.contains(table.as_str()) {
                self.records.entry(table.into()).or_default().0.insert(record.into());
            }
        }
        for (table, (ids, rows)) in &mut self.records {
            let ids: Vec<Arc<str>> = ids.iter().cloned().collect();
            *rows = records(side, kind, &Table::new(table), &ids).await?;
        }
        Ok(())
    }

    async fn add_gone(&mut self, side: &mut Side, kind: Kind, log: &[Cells]) -> Result<(), Error> {
        let mut deleted: BTreeMap<String, BTreeSet<Arc<str>>> = BTreeMap::new();
        let mut writes = BTreeSet::new();
        for row in log.iter().filter(|row| string(row, KIND) == "delete") {
            deleted.entry(string(row, TABLE)).or_default().insert(string(row, RECORD).into());
            writes.insert((string(row, WRITE), int(row, NUMBER)));
        }
        for (table, ids) in deleted {
            let ids: Vec<Arc<str>> = ids.into_iter().collect();
            for ids in ids.chunks(words::LOOK_UP_MAX) {
                let (places, mut values) = words::filled(ids);
                values.insert(0, words::text(&table));
                let body = kind.either("body::text", "body");
                let sql = format!(
                    "SELECT write_id,i,tbl,record,rev,shape,{body} FROM gone WHERE tbl=?t AND record IN {places}"
                );
                let found = side.query(&sql, values).await?;
                let of_these =
                    found.into_iter().filter(|row| writes.contains(&(string(row, 0), int(row, 1))));
                self.gone.extend(of_these);
            }
        }
        Ok(())
    }

    /// Claims of about the time of the changes: a claim bears the time of its write. Those of writes that changed nothing come
    /// over when the mirror is released.
    async fn add_claims(&mut self, side: &mut Side, log: &[Cells]) -> Result<(), Error> {
        let times = || log.iter().map(|row| int(row, AT));
        let (Some(from), Some(to)) = (times().min(), times().max()) else { return Ok(()) };
        let sql = "SELECT name,fingerprint,write_id,at,answer FROM once WHERE at >= ?i AND at <= ?i";
        self.claims = side.query(sql, vec![Value::Int(from), Value::Int(to)]).await?;
        Ok(())
    }
}

/// Records by id with their place in the order of insertion: id, rev, shape, n, body.
pub(super) async fn records(
    side: &mut Side,
    kind: Kind,
    table: &Table,
    ids: &[Arc<str>],
) -> Result<Vec<Cells>, Error> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(words::LOOK_UP_MAX) {
        let (places, values) = words::filled(ids);
        let sql = format!("SELECT {} FROM {} WHERE id IN {places}", columns(kind), words::quoted(table));
        rows.extend(side.query(&sql, values).await?);
    }
    Ok(rows)
}

/// The columns of a record as they are read here.
pub(super) fn columns(kind: Kind) -> &'static str {
    kind.either("id,rev,shape,n,body::text", "id,rev,shape,n,body")
}

async fn shape(side: &mut Side) -> Result<Shape, Error> {
    let tables = side.tables().await?.iter().map(Table::shared).collect();
    let sql = "SELECT name,value FROM meta WHERE name LIKE 'setting.%' OR name LIKE 'view.%'";
    let meta = side.query(sql, Vec::new()).await?;
    let indexes = indexes(side).await?;
    Ok(Shape { tables, meta: own_left_out(&meta), indexes })
}

async fn indexes(side: &mut Side) -> Result<BTreeMap<String, (String, String)>, Error> {
    let sql = "SELECT name,tbl,definition FROM idx WHERE state IN ('wanted','made','ready')";
    let found = side.query(sql, Vec::new()).await?;
    Ok(found.iter().map(|row| (string(row, 0), (string(row, 1), string(row, 2)))).collect())
}

/// Settings and views but for what a database has for itself.
pub(super) fn own_left_out(meta: &[Cells]) -> BTreeMap<String, String> {
    let is_own = |name: &str| name.strip_prefix("setting.").is_some_and(|name| OWN.contains(&name));
    let rows = meta.iter().map(|row| (string(row, 0), string(row, 1)));
    rows.filter(|(name, _)| !is_own(name) && name != &format!("setting.{NAME}")).collect()
}
