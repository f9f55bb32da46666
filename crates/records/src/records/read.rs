//! Reading: one page of a collection, one record, and whether somebody may see a record.

use std::sync::Arc;

use base::error::Kind;
use store::query::{Select, Source};
use store::{Conn, Row};

use crate::core::collection::Collection;
use crate::core::language::Query;
use crate::core::pick::Pick;
use crate::error::Error;
use crate::records::Moment;
use crate::records::expand::Expand;
use crate::records::turn::{Gate, Turn, bad_filter, bad_rule};
use crate::records::{ListQuery, Page, Records, Shape};
use crate::request::Request;

impl Records {
    /// One page of a collection, by its list rule.
    pub async fn list(&self, request: &Request, collection: &str, query: &ListQuery) -> Result<Page, Error> {
        let (turn, collection) = self.turn_on(collection).await?;
        let rule = Gate::of(&collection.rules.list, request).text()?;
        let (page, page_size) = place(self, query);
        let mut select = turn.selection(&collection, request, rule, query)?;
        select.limit = Some(page_size);
        select.offset = (page - 1).saturating_mul(page_size);
        let mut conn = self.store().reader().await?;
        let rows = self.page(&mut conn, &select).await?;
        let total = match query.skips_total {
            true => None,
            false => Some(total(&mut conn, &select, rows.len()).await?),
        };
        let items = turn.present(&mut conn, request, &collection, &rows, &query.shape).await?;
        Ok(Page { page, page_size, total, items })
    }

    /// The rows of one page, within its limit of bytes.
    async fn page(&self, conn: &mut Conn, select: &Select) -> Result<Vec<Arc<Row>>, Error> {
        let most = self.limits().page_bytes_max;
        let rows = conn.page(select, most).await?.ok_or_else(|| {
            let message =
                format!("This page would be longer than {most} bytes. Ask for fewer records with perPage.");
            Error::refused(Kind::Invalid, message)
        })?;
        Ok(rows.into_iter().map(Arc::new).collect())
    }

    /// One record's JSON text, by the view rule.
    pub async fn view(
        &self,
        request: &Request,
        collection: &str,
        id: &str,
        shape: &Shape,
    ) -> Result<String, Error> {
        let (turn, collection) = self.turn_on(collection).await?;
        let rule = Gate::of(&collection.rules.view, request).text()?;
        let mut conn = self.store().reader().await?;
        let row = turn.seek(&mut conn, &collection, request, id, rule).await?.ok_or_else(Error::missing)?;
        turn.present_one(&mut conn, request, &collection, row, shape).await
    }

    /// Whether a row (stored or not) may be seen by a listener or a downloader: by the view rule, or by the list rule and
    /// a client's filter.
    pub async fn may_see(
        &self,
        request: &Request,
        collection: &Collection,
        row: &Arc<Row>,
        as_list: bool,
        filter: &str,
    ) -> Result<bool, Error> {
        let rules = &collection.rules;
        let rule = match Gate::of(if as_list { &rules.list } else { &rules.view }, request) {
            Gate::Shut => return Ok(false),
            Gate::Open if filter.is_empty() => return Ok(true),
            Gate::Open => "",
            Gate::If(rule) => rule,
        };
        let turn = self.turn();
        let mut query = Query::new(turn.scope(collection, request), Source::Given(row.clone()));
        query.filter(rule, true).map_err(|fault| bad_rule(collection, &fault))?;
        query.filter(filter, false).map_err(|fault| bad_filter(&fault))?;
        Ok(self.store().reader().await?.exists(&query.finish()).await?)
    }

    /// The JSON text of a row for whoever asks, with expand and fields; no rule of the record itself is asked.
    pub async fn render(
        &self,
        request: &Request,
        collection: &Collection,
        row: &Arc<Row>,
        shape: &Shape,
    ) -> Result<String, Error> {
        let turn = self.turn();
        let mut conn = self.store().reader().await?;
        turn.present_one(&mut conn, request, collection, row.clone(), shape).await
    }

    /// A record without any rule, as new as anybody could have read it when this was asked.
    pub async fn find(&self, collection: &Collection, id: &str) -> Result<Option<Arc<Row>>, Error> {
        self.find_as_of(Moment::default(), collection, id).await
    }

    /// The same, as new as anybody could have read it at that moment.
    pub async fn find_as_of(
        &self,
        moment: Moment,
        collection: &Collection,
        id: &str,
    ) -> Result<Option<Arc<Row>>, Error> {
        self.inner.reads.get(&mut self.store().reader().await?, collection, id, moment).await
    }
}

impl Turn {
    fn selection(
        &self,
        collection: &Collection,
        request: &Request,
        rule: &str,
        asked: &ListQuery,
    ) -> Result<Select, Error> {
        let mut query = Query::new(self.scope(collection, request), Source::Table(collection.table()));
        query.filter(rule, true).map_err(|fault| bad_rule(collection, &fault))?;
        query.filter(&asked.filter, false).map_err(|fault| bad_filter(&fault))?;
        query.sort(&asked.sort).map_err(|fault| bad_filter(&fault))?;
        Ok(query.finish())
    }

    /// The JSON texts of rows for whoever asks.
    pub(super) async fn present(
        &self,
        conn: &mut Conn,
        request: &Request,
        collection: &Collection,
        rows: &[Arc<Row>],
        shape: &Shape,
    ) -> Result<Vec<String>, Error> {
        let pick = Pick::parse(&shape.fields).map_err(|fault| Error::refused(Kind::Invalid, fault))?;
        let expand = Expand::parse(&shape.expand, self.records.limits())?;
        let mut items = match expand.is_empty() {
            true => self.alone(conn, request, collection, rows).await?,
            false => self.with_relations(conn, request, collection, rows, &expand).await?,
        };
        if let Some(pick) = pick {
            for item in &mut items {
                let mut value = serde_json::from_str(item).expect("a rendered record is JSON");
                pick.apply(&mut value);
                *item = value.to_string();
            }
        }
        Ok(items)
    }

    /// The same of one row.
    pub(super) async fn present_one(
        &self,
        conn: &mut Conn,
        request: &Request,
        collection: &Collection,
        row: Arc<Row>,
        shape: &Shape,
    ) -> Result<String, Error> {
        let items = self.present(conn, request, collection, &[row], shape).await?;
        Ok(items.into_iter().next().expect("as many items as rows"))
    }
}

/// The page's number and size within the limits.
fn place(records: &Records, query: &ListQuery) -> (u64, u64) {
    let limits = records.limits();
    let size = if query.page_size == 0 { limits.page_size_default } else { query.page_size };
    (query.page.max(1), size.min(limits.page_size_max))
}

/// All rows of a selection; only counted when the page doesn't tell.
async fn total(conn: &mut Conn, select: &Select, found: usize) -> Result<u64, Error> {
    let found = found as u64;
    let is_last = select.limit.is_some_and(|limit| found < limit) && (found > 0 || select.offset == 0);
    if is_last { Ok(select.offset + found) } else { Ok(conn.count(select).await?) }
}
