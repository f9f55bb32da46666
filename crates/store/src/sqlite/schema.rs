//! Statements on tables, indexes and views.

use rusqlite::{Connection, OptionalExtension};

use crate::dialect::sqlite;
use crate::query::{Index, View};
use crate::row::Table;
use crate::state::{IndexState, Stage};

/// Makes a table of records; nothing happens when it is there.
pub(crate) fn create_table(db: &Connection, table: &Table) -> rusqlite::Result<()> {
    db.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS \"r_{table}\"(
            id TEXT PRIMARY KEY NOT NULL, rev INTEGER NOT NULL, shape INTEGER NOT NULL, body TEXT NOT NULL
        ) STRICT"
    ))
}

/// Drops a table of records with its indexes and its view.
pub(crate) fn drop_table(db: &Connection, table: &Table) -> rusqlite::Result<()> {
    set_view(db, table, None)?;
    db.execute_batch(&format!("DROP TABLE IF EXISTS \"r_{table}\""))
}

/// Deletes all records of a table.
pub(crate) fn truncate_table(db: &Connection, table: &Table) -> rusqlite::Result<()> {
    db.execute_batch(&format!("DELETE FROM \"r_{table}\""))
}

/// Makes the indexes of a table be exactly these, by name.
pub(crate) fn set_indexes(db: &Connection, table: &Table, indexes: &[Index]) -> rusqlite::Result<()> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'r_' || ?1 AND sql IS NOT NULL";
    let mut statement = db.prepare(sql)?;
    let present: Vec<String> =
        statement.query_map([table.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    drop(statement);
    for name in present.iter().filter(|name| indexes.iter().all(|index| index.name != **name)) {
        db.execute_batch(&format!("DROP INDEX {}", quoted(name)))?;
    }
    for index in indexes.iter().filter(|index| !present.contains(&index.name)) {
        db.execute_batch(&sqlite::create_index(table, index))?;
    }
    Ok(())
}

/// The indexes of all tables of records: here one is ready or not there.
pub(crate) fn indexes(db: &Connection) -> rusqlite::Result<Vec<IndexState>> {
    let sql = "SELECT name, substr(tbl_name, 3) FROM sqlite_master
               WHERE type = 'index' AND tbl_name GLOB 'r_*' AND sql IS NOT NULL";
    let mut statement = db.prepare_cached(sql)?;
    let state = |row: &rusqlite::Row<'_>| {
        let table = Table::new(row.get_ref(1)?.as_str()?);
        Ok(IndexState { table, name: row.get(0)?, stage: Stage::Ready })
    };
    statement.query_map([], state)?.collect()
}

/// Makes or replaces the view of a table, or drops it. A name that is taken (by a table of ours, or in other letter case
/// by another view) gets `v_` before it, and there is no view when that is taken too: a view is a comfort, and no reason
/// to refuse a collection.
pub(crate) fn set_view(db: &Connection, table: &Table, view: Option<&View>) -> rusqlite::Result<()> {
    let key = format!("view.{table}");
    let old: Option<String> =
        db.query_row("SELECT value FROM meta WHERE name = ?1", [&key], |row| row.get(0)).optional()?;
    if let Some(old) = &old {
        if view.is_some_and(|view| view.name == *old && stands(db, table, view).unwrap_or(false)) {
            return Ok(());
        }
        db.execute_batch(&format!("DROP VIEW IF EXISTS {}", quoted(old)))?;
        db.execute("DELETE FROM meta WHERE name = ?1", [&key])?;
    }
    let Some(view) = view else { return Ok(()) };
    for name in [view.name.clone(), format!("v_{}", view.name)] {
        if is_free(db, &name)? {
            let view = View { name, columns: view.columns.clone() };
            db.execute_batch(&sqlite::create_view(table, &view))?;
            return db.execute("INSERT INTO meta(name, value) VALUES (?1, ?2)", [&key, &view.name]).map(drop);
        }
    }
    Ok(())
}

/// True when the view is there as it should be: making it anew would make every connection read the schema again.
fn stands(db: &Connection, table: &Table, view: &View) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = ?1 AND sql = ?2)";
    db.query_row(sql, [&view.name, &sqlite::create_view(table, view)], |row| row.get(0))
}

fn is_free(db: &Connection, name: &str) -> rusqlite::Result<bool> {
    let is_ours = ["sqlite_", "r_"].iter().any(|own| name.to_ascii_lowercase().starts_with(own));
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master WHERE lower(name) = lower(?1))";
    Ok(!is_ours && db.query_row(sql, [name], |row| row.get(0))?)
}

/// A name as it stands in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
