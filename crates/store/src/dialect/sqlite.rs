//! SQLite's SQL.
//!
//! A selection is printed as a plain `WHERE` wherever it needs no joined rows, so that indexes serve it; what needs joined
//! rows stands in `EXISTS (…)`, so that a main row comes once without `DISTINCT`. A join whose missing row could never
//! pass is printed as an inner one, so that indexes of the joined table serve too.
//!
//! Values are bound but for `''`, NULL and truth, which indexes and the planner want to see.

use std::sync::Arc;

use rusqlite::Connection;

pub use super::Sql;
use super::writer::{Flavor, Part, Writer};
use crate::query::{Alias, Column, Expr, Index, Order, Select, Source, Value, View};
use crate::row::Table;

mod expression;
mod functions;

/// SQLite, which keeps no list of what it has seen.
struct Sqlite;

/// Makes the functions known that the SQL of this module calls; once for each connection.
pub fn prepare_connection(connection: &Connection) -> rusqlite::Result<()> {
    functions::register(connection)
}

/// The rows of a selection: columns id, rev, shape, body.
pub fn select(select: &Select) -> Sql {
    let mut writer = Writer::new(Sqlite);
    writer.record(select.alias);
    writer.rows(select);
    writer.order(select);
    Sqlite::bounds(&mut writer, select);
    writer.finish()
}

/// How many rows a selection has, without its limit.
pub fn count(select: &Select) -> Sql {
    let mut writer = Writer::new(Sqlite);
    writer.push("SELECT count(*)");
    writer.rows(select);
    writer.finish()
}

/// Whether a selection has a row: 1 or 0.
pub fn exists(select: &Select) -> Sql {
    let mut writer = Writer::new(Sqlite);
    writer.push("SELECT ");
    writer.exists(select);
    writer.finish()
}

/// Makes an index.
pub fn create_index(table: &Table, index: &Index) -> String {
    let mut writer = Writer::literal(Sqlite);
    writer.push(if index.unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
    writer.name(&index.name);
    writer.push(" ON ");
    writer.table(table);
    writer.push(" (");
    for (i, part) in index.columns.iter().enumerate() {
        writer.comma(i);
        writer.column(None, &part.column);
        writer.push(if part.ignores_case { " COLLATE NOCASE" } else { "" });
        writer.push(if part.descending { " DESC" } else { "" });
    }
    writer.push(")");
    if let Some(only) = &index.only {
        writer.push(" WHERE ");
        writer.expr(only);
    }
    writer.finish().text
}

/// Makes a view.
pub fn create_view(table: &Table, view: &View) -> String {
    let mut writer = Writer::literal(Sqlite);
    writer.push("CREATE VIEW ");
    writer.name(&view.name);
    writer.push(" AS SELECT ");
    for (i, (name, column)) in view.columns.iter().enumerate() {
        writer.comma(i);
        writer.column(None, column);
        writer.push(" AS ");
        writer.name(name);
    }
    writer.push(" FROM ");
    writer.table(table);
    writer.finish().text
}

impl Flavor for Sqlite {
    const NOTHING: &'static str = "(SELECT 1)";
    const BREAKS_TIES: bool = false;

    fn condition(writer: &mut Writer<Sqlite>, expr: &Expr) {
        writer.condition(expr);
    }

    fn parts(_: &Writer<Sqlite>, _: &Expr) -> &'static [Part] {
        &[Part::Whole]
    }

    fn part(writer: &mut Writer<Sqlite>, expr: &Expr, _: Part) {
        writer.expr(expr);
    }

    fn direction(_: &Writer<Sqlite>, order: &Order, _: bool) -> &'static str {
        if order.descending { " DESC" } else { "" }
    }

    fn source(writer: &mut Writer<Sqlite>, source: &Source, alias: Alias) {
        match source {
            Source::Table(table) => writer.table(table),
            Source::Given(row) => {
                writer.push("(SELECT ");
                writer.bind(Value::Text(Arc::from(row.id.as_str())));
                writer.push(" AS id,0 AS rowid,");
                writer.bind(Value::Int(row.rev));
                writer.push(" AS rev,");
                writer.bind(Value::Int(row.shape));
                writer.push(" AS shape,");
                writer.bind(Value::Text(Arc::from(row.body.as_str())));
                writer.push(" AS body)");
            }
            Source::Each(Expr::Column(of, Column::Field(key, _))) => {
                // an absent value has no element, a value that is no list is its own
                writer.push("json_each(");
                writer.plain(Some(*of), "body");
                [",'$.", key, "')"].into_iter().for_each(|part| writer.push(part));
            }
            Source::Each(list) => {
                writer.push("json_each(");
                writer.expr(list);
                writer.push(")");
            }
            Source::Nothing => writer.push("(SELECT 1)"),
        }
        writer.push(" ");
        writer.alias(alias);
    }

    fn bounds(writer: &mut Writer<Sqlite>, select: &Select) {
        if select.limit.is_none() && select.offset == 0 {
            return;
        }
        let whole = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        writer.push(" LIMIT ");
        writer.bind(select.limit.map_or(Value::Int(-1), whole));
        writer.push(" OFFSET ");
        writer.bind(whole(select.offset));
    }
}

#[cfg(test)]
mod tests;
