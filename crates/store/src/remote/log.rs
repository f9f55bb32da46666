//! The change log of a server: giving out positions, and reading.
//!
//! Transactions commit in any order, so a change can't know its position when it is written, and a number taken then would
//! let readers skip what commits late. So positions are given afterwards: whoever holds the lock of `head`'s row numbers
//! what it sees unnumbered, in the order of `seq`. Of one record that is the order of commits: the later writer took its
//! `seq` with the record locked, after the earlier one had committed, so whoever sees the later one sees both.
//!
//! Any server may give out positions at any time; readers read `pos > p` and skip nothing.
//!
//! Invariant: positions are without holes; one that was seen never changes.

use std::collections::HashMap;
use std::sync::Arc;

use base::time::Timestamp;

use crate::change::{Change, ChangeKind, Entry, Position};
use crate::error::Error;
use crate::news::{News, Touched};
use crate::query::Value;
use crate::remote::words::{self, Kind, text};
use crate::remote::{Cells, Link, Remote, first_int};
use crate::row::{Row, Table};

/// Changes that are given positions in one transaction.
const STEP: i64 = 2_000;
/// Rows of the log that are trimmed at once.
const TRIM_STEP: i64 = 1_000;
/// Bytes of bodies after which one reading of the log ends early.
const READ_BYTES_MAX: usize = 4 << 20;

/// Records that are looked up, by id; `None` until one is found.
type Found = HashMap<Arc<str>, Option<Arc<Row>>>;

/// Where the log stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The newest position given.
    pub(super) newest: i64,
    /// The oldest position that is still there; above the newest when there is none.
    pub(super) oldest: i64,
    /// There are changes without a position.
    pub(super) has_fresh: bool,
}

/// What came of giving out positions.
pub(super) struct Numbered {
    /// The newest position given, by whomever.
    pub(super) newest: i64,
    /// Nothing of what was seen is left without one.
    pub(super) is_all: bool,
}

impl Remote {
    /// Where the log stands.
    pub(super) async fn ends(&self) -> Result<Ends, Error> {
        let sql = "SELECT h.pos, coalesce((SELECT min(pos) FROM \"change\"), h.pos + 1), \
                   (SELECT count(*) FROM (SELECT 1 AS one FROM \"change\" WHERE pos IS NULL LIMIT 1) f) \
                   FROM head h WHERE h.id = 1";
        let found = self.pool.brief(&self.kind.sql(sql, Vec::new())).await?;
        let row = found.first().ok_or(Error::NoTable)?;
        Ok(Ends { newest: int(row, 0), oldest: int(row, 1), has_fresh: int(row, 2) != 0 })
    }

    /// The newest position, after all that is committed by now has one.
    pub(crate) async fn newest(&self) -> Result<i64, Error> {
        let newest = async {
            loop {
                let ends = self.patiently(|| self.ends()).await?;
                if !ends.has_fresh {
                    return Ok(ends.newest);
                }
                // a server that goes away meanwhile has numbered them or not: the next one says
                let numbered = Box::pin(self.patiently(|| self.number())).await?;
                if numbered.is_all {
                    return Ok(numbered.newest);
                }
            }
        };
        // asked before anything else of a request: it is to tell that the data are elsewhere
        self.or_left(newest.await).await
    }

    /// Gives positions to changes that have none.
    pub(super) async fn number(&self) -> Result<Numbered, Error> {
        let mut link = self.pool.take().await?;
        link.begin().await?;
        let head = self.kind.sql("SELECT pos FROM head WHERE id = 1 FOR UPDATE", Vec::new());
        let newest = first_int(&link.query(&head).await?);
        // a statement of its own: it is to see all that others have numbered before the lock was ours
        let count = match self.kind {
            Kind::Postgres => number_all(&mut link, newest).await?,
            Kind::MariaDb => number_listed(&mut link, newest).await?,
        };
        if count == 0 {
            link.roll_back().await;
            return Ok(Numbered { newest, is_all: true });
        }
        link.commit().await?;
        Ok(Numbered { newest: newest + count, is_all: count < STEP })
    }

    /// Deletes up to a step of the oldest changes, so that the newest `keep` stay.
    pub(super) async fn trim(&self, keep: u64, ends: Ends) -> Result<(), Error> {
        let keep = i64::try_from(keep.max(1)).unwrap_or(i64::MAX);
        let first_kept = ends.newest.saturating_sub(keep - 1);
        if ends.oldest >= first_kept {
            return Ok(());
        }
        let until = first_kept.min(ends.oldest.saturating_add(TRIM_STEP));
        let mut link = self.pool.take().await?;
        link.begin().await?;
        let gone = "DELETE FROM gone WHERE (tbl, record, write_id, i) IN \
                    (SELECT tbl, record, write_id, i FROM \"change\" WHERE pos < ?i AND kind = 'delete')";
        for sql in [gone, "DELETE FROM \"change\" WHERE pos < ?i"] {
            link.execute(&self.kind.sql(sql, vec![Value::Int(until)])).await?;
        }
        link.commit().await
    }

    /// See `Store::since`.
    pub(crate) async fn since(
        &self,
        after: Option<(i64, Position)>,
        changes_max: usize,
    ) -> Result<News, Error> {
        let sql = "SELECT 0 AS which, h.pos AS pos, coalesce((SELECT min(pos) FROM \"change\"), h.pos + 1) AS oldest, \
                   '' AS tbl, '' AS record FROM head h WHERE h.id = 1 \
                   UNION ALL (SELECT 1, pos, 0, tbl, record FROM \"change\" WHERE pos > ?i ORDER BY pos LIMIT ?i) \
                   UNION ALL (SELECT 2, 0, 0, tbl, record FROM \"change\" WHERE pos IS NULL LIMIT ?i)";
        let now = self.pool.epoch();
        let known = after.filter(|(epoch, _)| *epoch == now).map(|(_, position)| position.0);
        let most = i64::try_from(changes_max).unwrap_or(i64::MAX - 1) + 1;
        let values = vec![Value::Int(known.unwrap_or(i64::MAX)), Value::Int(most), Value::Int(most)];
        let asked = self.kind.sql(sql, values);
        let found = self.only_of_primary(self.pool.brief(&asked)).await?;
        let (heads, changes): (Vec<&Cells>, Vec<&Cells>) = found.iter().partition(|row| int(row, 0) == 0);
        let head = heads.first().ok_or(Error::NoTable)?;
        let (to, oldest) = (int(head, 1), int(head, 2));
        let place = |row: &Cells| if int(row, 0) == 1 { int(row, 1) } else { to + 1 };
        match known {
            Some(after) if after <= to && after + 1 >= oldest && changes.len() <= changes_max => {
                let touched = |row: &&Cells| Touched {
                    table: string(row, 3),
                    record: string(row, 4),
                    position: Position(place(row)),
                };
                Ok(News::Since { to: Position(to), touched: changes.iter().map(touched).collect() })
            }
            _ => {
                let newest = changes.iter().map(|row| place(row)).fold(to, i64::max);
                Ok(News::Anew { epoch: now, to: Position(to), newest: Position(newest) })
            }
        }
    }

    /// Changes after a position, each with its record as it is by now or as it last was.
    pub(crate) async fn changes(&self, after: i64, limit: usize) -> Result<Entry, Error> {
        let sql = "SELECT pos, epoch, write_id, tbl, record, kind, at FROM \"change\" WHERE pos > ?i \
                   ORDER BY pos LIMIT ?i";
        let values = vec![Value::Int(after), Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))];
        let sql = self.kind.sql(sql, values);
        let mut found = self.pool.query(&sql).await?;
        if found.is_empty() {
            let ends = self.ends().await?;
            if after > ends.newest || after + 1 < ends.oldest {
                return Ok(Entry::Gone);
            }
            if after < ends.newest {
                found = self.pool.query(&sql).await?;
            }
        }
        // positions have no holes: what begins later has been trimmed up to there
        if found.first().is_some_and(|row| int(row, 0) != after + 1) {
            return Ok(Entry::Gone);
        }
        let mut changes: Vec<Change> = found.iter().map(entry).collect();
        self.add_records(&mut changes).await?;
        let mut bytes = 0;
        let fits = changes.iter().take_while(|change| {
            let is_within = bytes <= READ_BYTES_MAX;
            bytes += change.row.as_ref().map_or(0, |row| row.body.len());
            is_within
        });
        let fits = fits.count();
        changes.truncate(fits);
        Ok(Entry::Changes(changes))
    }

    /// Looks up the records of changes, each once.
    async fn add_records(&self, changes: &mut [Change]) -> Result<(), Error> {
        let mut tables: HashMap<Arc<str>, Found> = HashMap::new();
        for change in changes.iter() {
            tables.entry(Arc::clone(&change.table)).or_default().insert(Arc::clone(&change.record), None);
        }
        for (name, records) in &mut tables {
            let ids: Vec<Arc<str>> = records.keys().cloned().collect();
            let mut is_there = true;
            for ids in ids.chunks(words::LOOK_UP_MAX) {
                match self.look_up(name, ids).await {
                    Ok(rows) => rows.into_iter().for_each(|row| {
                        records.insert(Arc::from(row.id.as_str()), Some(Arc::new(row)));
                    }),
                    Err(Error::NoTable) => is_there = false,
                    Err(error) => return Err(error),
                }
            }
            let missing: Vec<Arc<str>> =
                records.iter().filter(|(_, row)| row.is_none()).map(|(id, _)| Arc::clone(id)).collect();
            for ids in missing.chunks(words::LOOK_UP_MAX).filter(|_| is_there) {
                for row in self.look_up_gone(name, ids).await? {
                    records.insert(Arc::from(row.id.as_str()), Some(Arc::new(row)));
                }
            }
        }
        for change in changes {
            change.row = tables.get(&change.table).and_then(|of| of.get(&change.record)).cloned().flatten();
        }
        Ok(())
    }

    async fn look_up(&self, table: &str, ids: &[Arc<str>]) -> Result<Vec<Row>, Error> {
        let (places, values) = words::filled(ids);
        let quoted = words::quoted(&Table::new(table));
        let sql = format!("SELECT id,rev,shape,body FROM {quoted} WHERE id IN {places}");
        Ok(self.pool.rows(&self.kind.sql(&sql, values), usize::MAX).await?.unwrap_or_default())
    }

    /// Deleted records as they last were; of one that was deleted twice the last one comes last.
    async fn look_up_gone(&self, table: &str, ids: &[Arc<str>]) -> Result<Vec<Row>, Error> {
        let (places, mut values) = words::filled(ids);
        values.insert(0, text(table));
        let sql = format!(
            "SELECT g.record, g.rev, g.shape, g.body FROM gone g \
             JOIN \"change\" c ON c.write_id = g.write_id AND c.i = g.i \
             WHERE g.tbl = ?t AND g.record IN {places} ORDER BY c.seq"
        );
        Ok(self.pool.rows(&self.kind.sql(&sql, values), usize::MAX).await?.unwrap_or_default())
    }
}

/// Numbers what is seen and moves `head`, in one statement that tells the other servers too; gives how many there were.
async fn number_all(link: &mut Link, newest: i64) -> Result<i64, Error> {
    let sql = "WITH f AS (SELECT write_id, i, row_number() OVER (ORDER BY seq) AS k FROM change \
               WHERE pos IS NULL ORDER BY seq LIMIT ?i), \
               u AS (UPDATE change c SET pos = ?i + f.k FROM f WHERE c.write_id = f.write_id AND c.i = f.i RETURNING 1), \
               h AS (UPDATE head SET pos = pos + (SELECT count(*) FROM u) WHERE id = 1 RETURNING pos) \
               SELECT pos, pg_notify('ondol', '')::text FROM h";
    let moved = link.query(&Kind::Postgres.sql(sql, vec![Value::Int(STEP), Value::Int(newest)])).await?;
    Ok(first_int(&moved) - newest)
}

/// Reads what is seen, and numbers that: an update that looks for it would wait for what others have not committed.
async fn number_listed(link: &mut Link, newest: i64) -> Result<i64, Error> {
    let sql = "SELECT write_id, i FROM \"change\" WHERE pos IS NULL ORDER BY seq LIMIT ?i";
    let fresh = link.query(&Kind::MariaDb.sql(sql, vec![Value::Int(STEP)])).await?;
    if fresh.is_empty() {
        return Ok(0);
    }
    let numbered = fresh.iter().zip(newest + 1..);
    let numbered = numbered.map(|(row, pos)| format!("[\"{}\",{},{pos}]", string(row, 0), int(row, 1)));
    let list = format!("[{}]", numbered.collect::<Vec<_>>().join(","));
    let sql = "UPDATE JSON_TABLE(?t, '$[*]' COLUMNS(\
               w VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$[0]', \
               n INT PATH '$[1]', p BIGINT PATH '$[2]')) f \
               STRAIGHT_JOIN \"change\" c ON c.write_id = f.w AND c.i = f.n SET c.pos = f.p";
    link.execute(&Kind::MariaDb.sql(sql, vec![text(&list)])).await?;
    let count = i64::try_from(fresh.len()).unwrap_or(STEP);
    let head = "UPDATE head SET pos = ?i WHERE id = 1";
    link.execute(&Kind::MariaDb.sql(head, vec![Value::Int(newest + count)])).await?;
    Ok(count)
}

fn entry(row: &Cells) -> Change {
    Change {
        position: Position(int(row, 0)),
        epoch: int(row, 1),
        write: string(row, 2),
        table: string(row, 3),
        record: string(row, 4),
        kind: ChangeKind::of(&string(row, 5)),
        at: Timestamp(int(row, 6)),
        row: None,
    }
}

fn int(row: &Cells, column: usize) -> i64 {
    match row.get(column) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

fn string(row: &Cells, column: usize) -> Arc<str> {
    match row.get(column) {
        Some(Value::Text(text)) => Arc::clone(text),
        _ => Arc::default(),
    }
}
