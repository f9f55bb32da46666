//! A mirror's own database: what is written to it.
//!
//! Definitions stand outside of transactions (MariaDB would end them), and can be said again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use base::error::chain;

use super::Fault;
use super::batch::{Batch, Shape, columns, own_left_out};
use super::mark::{self, Mark};
use crate::error::Error;
use crate::query::Value;
use crate::remote::put::{ID_SIZES, ROW_SIZES, portions};
use crate::remote::words::{self, Kind, name, text};
use crate::remote::{Cells, Link, Remote, Side, first_int, int, schema, string};
use crate::row::Table;

/// The database of a mirror.
pub(super) struct Target {
    pub(super) remote: Arc<Remote>,
    /// As whom it is written to.
    owner: String,
    tables: BTreeSet<Arc<str>>,
    meta: BTreeMap<String, String>,
    /// How far the numbers of insertion are known to be set, by table; PostgreSQL has counters for them.
    numbered: HashMap<Arc<str>, i64>,
    sequence: i64,
}

impl Target {
    pub(super) fn new(remote: Arc<Remote>, owner: String) -> Target {
        let (tables, meta, numbered) = (BTreeSet::new(), BTreeMap::new(), HashMap::new());
        Target { remote, owner, tables, meta, numbered, sequence: 0 }
    }

    pub(super) fn kind(&self) -> Kind {
        self.remote.kind
    }

    /// Learns what is there; gives its mark.
    pub(super) async fn learn(&mut self) -> Result<Option<Mark>, Error> {
        let mut side = Side::new(Arc::clone(&self.remote));
        self.tables = side.tables().await?.iter().map(Table::shared).collect();
        let sql = "SELECT name,value FROM meta WHERE name LIKE 'setting.%' OR name LIKE 'view.%'";
        self.meta = own_left_out(&self.query(sql, Vec::new()).await?);
        self.numbered.clear();
        self.remote.setting(mark::MARK).await?.as_deref().map(mark::read).transpose()
    }

    pub(super) fn holds_records(&self) -> bool {
        !self.tables.is_empty()
    }

    pub(super) async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Cells>, Error> {
        self.remote.pool.query(&self.kind().sql(sql, values)).await
    }

    /// Records by id.
    pub(super) async fn records(&self, table: &Table, ids: &[Arc<str>]) -> Result<Vec<Cells>, Error> {
        let mut rows = Vec::new();
        for ids in ids.chunks(ID_SIZES[0]) {
            let (places, values) = words::filled(ids);
            let sql =
                format!("SELECT {} FROM {} WHERE id IN {places}", columns(self.kind()), words::quoted(table));
            rows.extend(self.query(&sql, values).await?);
        }
        Ok(rows)
    }

    /// Begins a transaction, if the mark still is as whoever asks believes: `None` where there is to be none yet.
    async fn begin(&self, is_new: bool) -> Result<Link, Fault> {
        let mut link = self.remote.pool.take().await?;
        link.begin().await?;
        match mark::lock(&mut link, self.kind()).await? {
            None if is_new => Ok(link),
            Some(mark) if !is_new && mark.owner == self.owner => Ok(link),
            _ => {
                link.roll_back().await;
                Err(Fault::Displaced)
            }
        }
    }

    /// Writes the mark alone.
    pub(super) async fn put_mark(&self, mark: &Mark) -> Result<(), Fault> {
        let mut link = self.begin(false).await?;
        mark::put(&mut link, self.kind(), mark).await?;
        Ok(link.commit().await?)
    }

    /// Makes it this owner's, if it still is that of `before`. Gives the mark, in which `claimed` has put what is its own.
    pub(super) async fn claim(&self, before: &str, claimed: impl Fn(Mark) -> Mark) -> Result<Mark, Fault> {
        let mut link = self.remote.pool.take().await?;
        link.begin().await?;
        let Some(mark) = mark::lock(&mut link, self.kind()).await?.filter(|mark| mark.owner == before) else {
            link.roll_back().await;
            return Err(Fault::Displaced);
        };
        let mark = claimed(mark);
        mark::put(&mut link, self.kind(), &mark).await?;
        link.commit().await?;
        Ok(mark)
    }

    /// Throws its log away, to begin from the mark's position; with `keeps_nothing` all else too.
    pub(super) async fn begin_copy(
        &mut self,
        mark: &Mark,
        is_new: bool,
        keeps_nothing: bool,
    ) -> Result<(), Fault> {
        let mut link = self.begin(is_new).await?;
        for sql in ["DELETE FROM gone", "DELETE FROM \"change\"", "DELETE FROM once"] {
            link.execute(&self.kind().sql(sql, Vec::new())).await?;
        }
        let head = self.kind().sql("UPDATE head SET pos=?i WHERE id=1", vec![Value::Int(mark.position)]);
        link.execute(&head).await?;
        mark::put(&mut link, self.kind(), mark).await?;
        link.commit().await?;
        if keeps_nothing {
            for table in std::mem::take(&mut self.tables) {
                self.remote.drop_table(&Table::new(&table)).await?;
            }
            self.numbered.clear();
            self.meta.retain(|name, _| !name.starts_with("view."));
        }
        Ok(())
    }

    pub(super) async fn make_table(&mut self, table: &Table) -> Result<(), Error> {
        if self.tables.contains(table.as_str()) {
            return Ok(());
        }
        let mut link = self.remote.pool.take().await?;
        link.run(&schema::create_table(self.kind(), table)).await?;
        self.tables.insert(table.shared());
        Ok(())
    }

    /// Writes a piece of a table: all that is there between two ids, the first of them left out.
    pub(super) async fn put_piece(
        &mut self,
        table: &Table,
        after: &str,
        until: Option<&str>,
        rows: &[Cells],
        mark: &Mark,
    ) -> Result<(), Fault> {
        let mut link = self.begin(false).await?;
        let mut values = vec![text(after)];
        values.extend(until.map(text));
        let bound = if until.is_some() { " AND id <= ?t" } else { "" };
        let sql = format!("DELETE FROM {} WHERE id > ?t{bound}", words::quoted(table));
        link.execute(&self.kind().sql(&sql, values)).await?;
        self.insert_records(&mut link, table, rows).await?;
        mark::put(&mut link, self.kind(), mark).await?;
        Ok(link.commit().await?)
    }

    pub(super) async fn put_claims(&mut self, claims: &[Cells], mark: &Mark) -> Result<(), Fault> {
        let mut link = self.begin(false).await?;
        self.insert_claims(&mut link, claims).await?;
        mark::put(&mut link, self.kind(), mark).await?;
        Ok(link.commit().await?)
    }

    /// Brings a batch and the mark that tells of it.
    pub(super) async fn apply(&mut self, batch: &Batch, mark: &Mark) -> Result<(), Fault> {
        for table in &batch.shape.tables {
            self.make_table(&Table::new(table)).await?;
        }
        let kind = self.kind();
        let mut link = self.begin(false).await?;
        for table in batch.emptied.iter().filter(|table| self.tables.contains(table.as_str())) {
            link.execute(&kind.sql(&format!("DELETE FROM {}", words::quoted(table)), Vec::new())).await?;
        }
        for (table, (ids, rows)) in &batch.records {
            let (table, ids) = (Table::new(table), ids.iter().cloned().collect::<Vec<_>>());
            for ids in portions(&ids, &ID_SIZES, |_| 0) {
                let sql =
                    format!("DELETE FROM {} WHERE id IN {}", words::quoted(&table), words::texts(ids.len()));
                let values = ids.iter().cloned().map(Value::Text).collect();
                link.execute(&kind.sql(&sql, values)).await?;
            }
            self.insert_records(&mut link, &table, rows).await?;
        }
        self.insert_log(&mut link, batch).await?;
        self.insert_claims(&mut link, &batch.claims).await?;
        let head = kind.sql("UPDATE head SET pos=?i WHERE id=1", vec![Value::Int(batch.position)]);
        link.execute(&head).await?;
        self.put_settings(&mut link, &batch.shape).await?;
        mark::put(&mut link, kind, mark).await?;
        link.commit().await?;
        let is_setting = |(name, _): &(&String, &String)| name.starts_with("setting.");
        self.meta.retain(|name, _| !name.starts_with("setting."));
        let settings = batch.shape.meta.iter().filter(is_setting);
        self.meta.extend(settings.map(|(name, value)| (name.clone(), value.clone())));
        self.reshape(&batch.shape).await
    }

    async fn insert_records(&mut self, link: &mut Link, table: &Table, rows: &[Cells]) -> Result<(), Error> {
        let numbered = self.kind().either("OVERRIDING SYSTEM VALUE", "");
        let into = format!("INSERT INTO {}(id,rev,shape,n,body) {numbered}", words::quoted(table));
        insert(link, self.kind(), &into, "(?t,?i,?i,?i,?j)", "", rows).await?;
        let newest = rows.iter().map(|row| int(row, 3)).max().unwrap_or_default();
        let known = self.numbered.get(table.as_str()).copied().unwrap_or_default();
        if self.kind() == Kind::Postgres && newest > known {
            count_on(link, &format!("pg_get_serial_sequence('{}','n')", words::quoted(table)), newest)
                .await?;
            self.numbered.insert(table.shared(), newest);
        }
        Ok(())
    }

    async fn insert_log(&mut self, link: &mut Link, batch: &Batch) -> Result<(), Error> {
        let kind = self.kind();
        let into = format!("INSERT INTO \"change\"({})", super::batch::LOG);
        insert(link, kind, &into, "(?i,?i,?i,?t,?i,?t,?t,?t,?i)", "", &batch.log).await?;
        let into = "INSERT INTO gone(write_id,i,tbl,record,rev,shape,body)";
        insert(link, kind, into, "(?t,?i,?t,?t,?i,?i,?j)", "", &batch.gone).await?;
        let newest = batch.log.iter().map(|row| int(row, 1)).max().unwrap_or_default();
        if kind == Kind::Postgres && newest > self.sequence {
            count_on(link, "'change_seq'", newest).await?;
            self.sequence = newest;
        }
        Ok(())
    }

    async fn insert_claims(&self, link: &mut Link, claims: &[Cells]) -> Result<(), Error> {
        let upsert = self.kind().either(
            "ON CONFLICT (name) DO UPDATE SET fingerprint=excluded.fingerprint, write_id=excluded.write_id, \
             at=excluded.at, answer=excluded.answer",
            "ON DUPLICATE KEY UPDATE fingerprint=VALUES(fingerprint), write_id=VALUES(write_id), at=VALUES(at), \
             answer=VALUES(answer)",
        );
        let into = "INSERT INTO once(name,fingerprint,write_id,at,answer)";
        insert(link, self.kind(), into, "(?t,?t,?t,?i,?t)", upsert, claims).await
    }

    async fn put_settings(&self, link: &mut Link, shape: &Shape) -> Result<(), Error> {
        let is_setting = |name: &str| name.starts_with("setting.");
        for (name, value) in shape.meta.iter().filter(|(name, _)| is_setting(name)) {
            if self.meta.get(name) != Some(value) {
                schema::put(link, self.kind(), name, value).await?;
            }
        }
        for name in self.meta.keys().filter(|name| is_setting(name) && !shape.meta.contains_key(*name)) {
            let sql = self.kind().sql("DELETE FROM meta WHERE name=?t", vec![text(name)]);
            link.execute(&sql).await?;
        }
        Ok(())
    }

    /// Makes tables, views and indexes be as they are at the primary.
    async fn reshape(&mut self, shape: &Shape) -> Result<(), Fault> {
        let gone: Vec<Arc<str>> = self.tables.difference(&shape.tables).cloned().collect();
        for table in gone {
            self.remote.drop_table(&Table::new(&table)).await?;
            self.meta.remove(&format!("view.{table}"));
            self.tables.remove(&table);
        }
        let is_view = |name: &&String| name.starts_with("view.");
        let names: BTreeSet<String> =
            shape.meta.keys().chain(self.meta.keys()).filter(is_view).cloned().collect();
        for key in &names {
            let wanted = shape.meta.get(key);
            if wanted == self.meta.get(key) {
                continue;
            }
            if let Err(error) = self.put_view(key, wanted).await {
                // the data are whole without it
                tracing::warn!("a view of the mirror was left as it was: {}", chain(&error));
            }
            match wanted {
                Some(wanted) => drop(self.meta.insert(key.clone(), wanted.clone())),
                None => drop(self.meta.remove(key)),
            }
        }
        self.want_indexes(&shape.indexes).await
    }

    async fn put_view(&self, key: &str, wanted: Option<&String>) -> Result<(), Error> {
        let kind = self.kind();
        let old = self.meta.get(key).and_then(|old| old.split_once('\n')).map(|(name, _)| name.to_owned());
        self.remote
            .aside(async |link: &mut Link| {
                if let Some(old) = &old {
                    link.run(&format!("DROP VIEW IF EXISTS {}", name(old))).await?;
                }
                link.execute(&kind.sql("DELETE FROM meta WHERE name=?t", vec![text(key)])).await?;
                if let Some((view, definition)) = wanted.and_then(|wanted| wanted.split_once('\n')) {
                    link.run(&named(definition, view)).await?;
                    schema::put(link, kind, key, wanted.map_or("", String::as_str)).await?;
                }
                Ok(())
            })
            .await
    }

    async fn want_indexes(&self, wanted: &BTreeMap<String, (String, String)>) -> Result<(), Fault> {
        let kind = self.kind();
        let found = self.query("SELECT name,state FROM idx", Vec::new()).await?;
        let there: BTreeMap<String, String> =
            found.iter().map(|row| (string(row, 0), string(row, 1))).collect();
        let is_leaving = |state: &str| matches!(state, "unwanted" | "leaving");
        let new: Vec<_> = wanted
            .iter()
            .filter(|(name, _)| there.get(*name).is_none_or(|state| is_leaving(state)))
            .collect();
        let old: Vec<&String> = there
            .iter()
            .filter(|(name, state)| !is_leaving(state) && !wanted.contains_key(*name))
            .map(|(name, _)| name)
            .collect();
        if new.is_empty() && old.is_empty() {
            return Ok(());
        }
        let upsert = kind.either(
            "ON CONFLICT (name) DO UPDATE SET state='wanted', definition=excluded.definition, note='', owner='', until=0",
            "ON DUPLICATE KEY UPDATE state='wanted', definition=VALUES(definition), note='', owner='', until=0",
        );
        let wants = format!(
            "INSERT INTO idx(name,tbl,state,definition,note,owner,until) VALUES (?t,?t,'wanted',?t,'','',0) {upsert}"
        );
        let mut link = self.begin(false).await?;
        for (name, (table, definition)) in new {
            link.execute(&kind.sql(&wants, vec![text(name), text(table), text(definition)])).await?;
        }
        for name in old {
            let sql = "UPDATE idx SET state='unwanted', owner='', until=0 WHERE name=?t";
            link.execute(&kind.sql(sql, vec![text(name)])).await?;
        }
        link.commit().await?;
        self.remote.build_indexes_aside();
        Ok(())
    }
}

/// Writes rows, many by one statement.
async fn insert(
    link: &mut Link,
    kind: Kind,
    into: &str,
    places: &str,
    tail: &str,
    rows: &[Cells],
) -> Result<(), Error> {
    let weight = |row: &Cells| -> usize {
        row.iter().map(|value| if let Value::Text(text) = value { text.len() } else { 8 }).sum()
    };
    for rows in portions(rows, &ROW_SIZES, weight) {
        let sql = format!("{into} VALUES {} {tail}", vec![places; rows.len()].join(","));
        link.execute(&kind.sql(&sql, rows.concat())).await?;
    }
    Ok(())
}

/// Lets a counter of PostgreSQL go on after a number.
async fn count_on(link: &mut Link, counter: &str, number: i64) -> Result<(), Error> {
    let sql = format!(
        "SELECT setval({counter}::regclass, greatest(?i, coalesce(pg_sequence_last_value({counter}::regclass), 1)))"
    );
    first_int(&link.query(&Kind::Postgres.sql(&sql, vec![Value::Int(number)])).await?);
    Ok(())
}

/// A view's definition under another name than the first that stands in it.
fn named(definition: &str, view: &str) -> String {
    let mut parts = definition.splitn(3, '"');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(before), Some(_), Some(after)) => format!("{before}{}{after}", name(view)),
        _ => definition.to_owned(),
    }
}
