//! Rows that arrive from another engine: written as they are, with their versions, and without a change in the log.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Error;
use crate::moving::{Claim, Manner};
use crate::row::{Row, Table};
use crate::sqlite::{Tx, rows};

impl Tx {
    /// Takes records away, then writes rows: new ones in this order at the end, others in their places.
    pub(crate) fn put(
        &mut self,
        table: &Table,
        gone: &[Arc<str>],
        rows: &[Row],
        manner: Manner,
    ) -> Result<(), Error> {
        self.write(|db| {
            gone.iter().try_for_each(|id| rows::delete(db, table, id))?;
            let places: Vec<Option<i64>> = match manner {
                Manner::Over => vec![None; rows.len()],
                Manner::Aside => {
                    let places = rows.iter().map(|row| place(db, table, &row.id)).collect::<Result<_, _>>()?;
                    rows.iter().try_for_each(|row| rows::delete(db, table, &row.id))?;
                    places
                }
            };
            let sql = format!(
                "INSERT INTO \"r_{table}\"(id, rev, shape, body, rowid) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT(id) DO UPDATE SET rev = excluded.rev, shape = excluded.shape, body = excluded.body"
            );
            let mut statement = db.prepare_cached(&sql)?;
            rows.iter().zip(places).try_for_each(|(row, place)| {
                statement.execute(params![row.id, row.rev, row.shape, row.body, place]).map(drop)
            })
        })
    }

    /// Keeps claims of writes, those that are there over again.
    pub(crate) fn put_claims(&mut self, claims: &[Claim]) -> Result<(), Error> {
        self.write(|db| {
            let sql = "INSERT OR REPLACE INTO once(name, fingerprint, write_id, at, answer) VALUES (?1, ?2, ?3, ?4, ?5)";
            let mut statement = db.prepare_cached(sql)?;
            claims.iter().try_for_each(|claim| {
                let Claim { name, fingerprint, write, at, answer } = claim;
                statement.execute(params![name, fingerprint, write, at, answer]).map(drop)
            })
        })
    }

    /// Empties the log and lets positions begin after this one: the log's newest row is what they are counted from, so
    /// there is one, about a table that is not there.
    pub(crate) fn begin_at(&mut self, position: i64) -> Result<(), Error> {
        self.write(|db| {
            db.execute("DELETE FROM change", [])?;
            let sql = "INSERT INTO change(seq, epoch, write_id, tbl, record, kind, at) VALUES (?1, 1, 'moved', 'moved', '', 'update', 0)";
            db.execute(sql, [position]).map(drop)
        })
    }
}

/// A record's place in the order of insertion.
fn place(db: &Connection, table: &Table, id: &str) -> rusqlite::Result<Option<i64>> {
    let sql = format!("SELECT rowid FROM \"r_{table}\" WHERE id = ?1");
    db.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()
}
