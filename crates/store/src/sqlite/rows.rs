//! Statements on the records of a table.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, params};

use crate::dialect::sqlite::Sql;
use crate::query::Value;
use crate::row::{Row, Table};

/// A record by id.
pub(crate) fn get(db: &Connection, table: &Table, id: &str) -> rusqlite::Result<Option<Row>> {
    let mut statement =
        db.prepare_cached(&format!("SELECT rev, shape, body FROM \"r_{table}\" WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        None => Ok(None),
        Some(row) => {
            Ok(Some(Row { id: id.to_owned(), rev: row.get(0)?, shape: row.get(1)?, body: row.get(2)? }))
        }
    }
}

/// Adds a record.
pub(crate) fn insert(db: &Connection, table: &Table, row: &Row) -> rusqlite::Result<()> {
    let sql = format!("INSERT INTO \"r_{table}\"(id, rev, shape, body) VALUES (?1, ?2, ?3, ?4)");
    db.prepare_cached(&sql)?.execute(params![row.id, row.rev, row.shape, row.body]).map(drop)
}

/// Replaces a record; false when it is not there.
pub(crate) fn update(db: &Connection, table: &Table, row: &Row) -> rusqlite::Result<bool> {
    let sql = format!("UPDATE \"r_{table}\" SET rev = ?2, shape = ?3, body = ?4 WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.execute(params![row.id, row.rev, row.shape, row.body])? > 0)
}

/// Deletes a record.
pub(crate) fn delete(db: &Connection, table: &Table, id: &str) -> rusqlite::Result<()> {
    db.prepare_cached(&format!("DELETE FROM \"r_{table}\" WHERE id = ?1"))?.execute([id]).map(drop)
}

/// The rows of a selection with the columns id, rev, shape, body; `None` when their bodies are longer than that together.
pub(crate) fn page(db: &Connection, sql: &Sql, bytes_max: usize) -> rusqlite::Result<Option<Vec<Row>>> {
    let mut statement = bound(db, sql)?;
    let mut rows = statement.raw_query();
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let row = Row { id: row.get(0)?, rev: row.get(1)?, shape: row.get(2)?, body: row.get(3)? };
        bytes = bytes.saturating_add(row.body.len());
        if bytes > bytes_max {
            return Ok(None);
        }
        found.push(row);
    }
    Ok(Some(found))
}

/// The one number that a question gives.
pub(crate) fn number(db: &Connection, sql: &Sql) -> rusqlite::Result<i64> {
    let mut statement = bound(db, sql)?;
    let mut rows = statement.raw_query();
    rows.next()?.map_or(Ok(0), |row| row.get(0))
}

/// A setting of the whole database.
pub(crate) fn setting(db: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = db.prepare_cached("SELECT value FROM meta WHERE name = 'setting.' || ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

/// Keeps a setting of the whole database.
pub(crate) fn set_setting(db: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO meta(name, value) VALUES ('setting.' || ?1, ?2)")?
        .execute([name, value])
        .map(drop)
}

fn bound<'a>(db: &'a Connection, sql: &Sql) -> rusqlite::Result<CachedStatement<'a>> {
    let mut statement = db.prepare_cached(&sql.text)?;
    for (index, value) in sql.values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(statement)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
        }))
    }
}
