//! A mirror is begun, and copied: table by table in the order of their names, and there by id.
//!
//! Each page is one transaction with its place in the mark, so that whoever comes next goes on there.

use super::batch::columns;
use super::compare::Range;
use super::core::{Begin, Log};
use super::mark::{At, Mark};
use super::{Fault, Mirror, RANGE, Step};
use crate::error::Error;
use crate::query::Value;
use crate::remote::words::{self, text};
use crate::remote::{int, string};
use crate::row::Table;

/// Records that are copied at once.
const PAGE: usize = 200;
/// Claims that are copied at once.
const CLAIMS_STEP: usize = 2_000;

impl Mirror {
    pub(super) async fn begin(&mut self, begin: Begin, is_new: bool, newest: i64) -> Result<Step, Fault> {
        let compares = begin != Begin::New;
        match begin {
            Begin::New => {}
            Begin::Short => {
                tracing::warn!("the mirror lacks changes that the log has no more: it is compared and mended")
            }
            Begin::Parted => {
                tracing::warn!("the mirror has what the primary has not: it is compared and mended")
            }
        }
        self.begin_at(compares, is_new, newest).await
    }

    pub(super) async fn begin_at(
        &mut self,
        compares: bool,
        is_new: bool,
        newest: i64,
    ) -> Result<Step, Fault> {
        let stage = At::Copying { table: String::new(), after: String::new(), rows: 0, compares };
        let mark = self.mark(stage, newest, self.told.as_of);
        self.target.begin_copy(&mark, is_new, !compares).await?;
        (self.mark, self.log) = (Some(Some(mark)), Log::Same);
        self.touched.clear();
        Ok(Step::More)
    }

    /// Copies the next page, or compares the next range.
    pub(super) async fn copy(&mut self, mark: Mark) -> Result<Step, Fault> {
        let At::Copying { table, after, rows, compares } = &mark.stage else {
            return self.copy_claims(mark).await;
        };
        let tables = self.side.tables().await?;
        self.count_about(&tables).await?;
        let mut names: Vec<&str> = tables.iter().map(Table::as_str).collect();
        names.sort_unstable();
        let is_open = names.contains(&table.as_str());
        let found = if is_open {
            Some(table.as_str())
        } else {
            names.iter().copied().find(|name| *name > table.as_str())
        };
        let Some(name) = found else {
            let stage = At::Claims { at: i64::MIN, name: String::new() };
            return self.note(Mark { stage, ..mark }).await;
        };
        let (this, from) = (Table::new(name), if is_open { after.clone() } else { String::new() });
        self.target.make_table(&this).await?;
        let here = self.mark(At::Following, mark.position, mark.as_of);
        let next = |after: Option<String>, more: u64| {
            let rows = rows + more;
            let end = format!("{name}!");
            let stage = match after {
                Some(after) => At::Copying { table: name.to_owned(), after, rows, compares: *compares },
                // after this name, before all others that follow it
                None => At::Copying { table: end, after: String::new(), rows, compares: *compares },
            };
            Mark { stage, ..here.clone() }
        };
        if *compares {
            let (count, until) = match self.compare_range(&this, &from, RANGE).await? {
                Range::Same { rows, until } => (rows, until),
                Range::Differs => (0, None),
            };
            if count > 0 || until.is_some() {
                let mark = next(until, count);
                return self.note(mark).await;
            }
        }
        let sql = format!(
            "SELECT {} FROM {} WHERE id > ?t ORDER BY id LIMIT {PAGE}",
            columns(self.source.kind),
            words::quoted(&this)
        );
        let page = self.side.query(&sql, vec![text(&from)]).await?;
        let until = if page.len() < PAGE { None } else { page.last().map(|row| string(row, 0)) };
        let mark = next(until.clone(), page.len() as u64);
        match self.target.put_piece(&this, &from, until.as_deref(), &page, &mark).await {
            // a value has gone from one record to another, which is still to come
            Err(Fault::Store(Error::Unique { .. })) => {
                let newest = self.source.newest().await?;
                self.begin_at(false, false, newest).await
            }
            done => {
                done?;
                self.mark = Some(Some(mark));
                Ok(Step::More)
            }
        }
    }

    async fn copy_claims(&mut self, mark: Mark) -> Result<Step, Fault> {
        let At::Claims { at, name } = &mark.stage else { return Ok(Step::More) };
        let sql = "SELECT name,fingerprint,write_id,at,answer FROM once WHERE at > ?i OR at = ?i AND name > ?t \
                   ORDER BY at, name LIMIT ?i";
        let most = Value::Int(i64::try_from(CLAIMS_STEP).unwrap_or(i64::MAX));
        let values = vec![Value::Int(*at), Value::Int(*at), text(name), most];
        let found = self.side.query(sql, values).await?;
        let stage = match found.last() {
            Some(last) if found.len() == CLAIMS_STEP => {
                At::Claims { at: int(last, 3), name: string(last, 0) }
            }
            _ => At::Following,
        };
        let mark = self.mark(stage, mark.position, mark.as_of);
        self.target.put_claims(&found, &mark).await?;
        self.mark = Some(Some(mark));
        Ok(Step::More)
    }
}
