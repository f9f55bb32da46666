//! Both sides compared: by sums over ranges that each server makes of its own rows, so that little goes over the line.
//!
//! A sum is the number of rows, and the first 60 bits of each row's MD5 added up: it is to find what went wrong, not what
//! somebody has forged.

use std::sync::Arc;

use super::Mirror;
use super::core::Log;
use crate::error::Error;
use crate::query::Value;
use crate::remote::words::{self, Kind, text};
use crate::remote::{Cells, first_int, int, string};
use crate::row::Table;

/// Rows of the log that are compared: the newest ones.
const LOG_MAX: i64 = 10_000;
/// What is summed up of a row.
const ROW: &str = "id,':',rev,':',shape,':',n,':',body";
/// Of a row of the log.
const CHANGE: &str = "pos,':',write_id,':',i,':',tbl,':',record,':',kind";

/// How a range of a table compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// It is the same; where it ends, if the table does not end with it.
    Same {
        rows: u64,
        until: Option<String>,
    },
    Differs,
}

impl Mirror {
    /// Compares up to `most` records after an id.
    pub(super) async fn compare_range(
        &mut self,
        table: &Table,
        after: &str,
        most: usize,
    ) -> Result<Range, Error> {
        let kind = self.source.kind;
        let from = format!("SELECT id,rev,shape,n,body FROM {} WHERE id > ?t", words::quoted(table));
        let sql =
            format!("{} FROM ({from} ORDER BY id LIMIT {most}) t", sum(kind, ROW, "coalesce(max(id),'')"));
        let ours = self.side.query(&sql, vec![text(after)]).await?;
        let (rows, last) = (first_int(&ours), ours.first().map(|row| string(row, 2)).unwrap_or_default());
        let is_end = usize::try_from(rows).is_ok_and(|rows| rows < most);
        let (bound, mut values) = (if is_end { "" } else { " AND id <= ?t" }, vec![text(after)]);
        if !is_end {
            values.push(text(&last));
        }
        let sql = format!("{} FROM ({from}{bound}) t", sum(kind, ROW, "''"));
        let theirs = self.target.query(&sql, values).await?;
        Ok(match is_same(&ours, &theirs) {
            true => Range::Same { rows: rows.unsigned_abs(), until: if is_end { None } else { Some(last) } },
            false => Range::Differs,
        })
    }

    /// Compares the newest rows of both logs up to a position, as far as both have them.
    pub(super) async fn compare_logs(&mut self, position: i64) -> Result<Log, Error> {
        let kind = self.source.kind;
        let oldest = self.source.ends().await?.oldest.max(self.target.remote.ends().await?.oldest);
        let from = oldest.max(position - LOG_MAX + 1);
        let sql = format!("{} FROM \"change\" WHERE pos >= ?i AND pos <= ?i", sum(kind, CHANGE, "''"));
        let values = vec![Value::Int(from), Value::Int(position)];
        let ours = self.side.query(&sql, values.clone()).await?;
        let theirs = self.target.query(&sql, values).await?;
        Ok(if is_same(&ours, &theirs) { Log::Same } else { Log::Differs })
    }

    /// Whether some records are the same on both sides.
    pub(super) async fn are_same(&mut self, table: &Table, ids: &[Arc<str>]) -> Result<bool, Error> {
        let by_id = |rows: &mut Vec<Cells>| rows.sort_by_key(|row| string(row, 0));
        let mut ours = super::batch::records(&mut self.side, self.source.kind, table, ids).await?;
        let mut theirs = self.target.records(table, ids).await?;
        by_id(&mut ours);
        by_id(&mut theirs);
        Ok(ours == theirs)
    }
}

fn is_same(ours: &[Cells], theirs: &[Cells]) -> bool {
    let sum = |rows: &[Cells]| rows.first().map(|row| (int(row, 0), string(row, 1)));
    sum(ours) == sum(theirs)
}

/// The beginning of a question for a sum over rows, and one thing more.
fn sum(kind: Kind, parts: &str, more: &str) -> String {
    match kind {
        Kind::Postgres => {
            let text: Vec<String> = parts
                .split(',')
                .map(|part| if part.starts_with('\'') { part.to_owned() } else { format!("{part}::text") })
                .collect();
            let digest = format!("('x'||left(md5({}),15))::bit(60)::bigint", text.join("||"));
            format!("SELECT count(*)::bigint, coalesce(sum({digest}),0)::text, {more}::text")
        }
        Kind::MariaDb => {
            let digest = format!("CAST(CONV(LEFT(MD5(CONCAT({parts})),15),16,10) AS UNSIGNED)");
            format!("SELECT count(*), CAST(coalesce(sum({digest}),0) AS CHAR), {more}")
        }
    }
}
