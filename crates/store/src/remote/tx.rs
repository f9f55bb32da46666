//! A transaction on a server, in which each write of a record adds its row to the change log.
//!
//! Two transactions that write the same record take turns, because both lock it first; so what was read by id is what is
//! changed.

use std::sync::Arc;

use base::time::Timestamp;

use crate::change::{ChangeKind, Entry};
use crate::dialect::Sql;
use crate::error::Error;
use crate::query::{Index, Select, Value, View};
use crate::remote::words::{self, Kind, text};
use crate::remote::{Link, Remote, first_int, first_text, schema};
use crate::row::{Row, Table};

/// Adds the change of the record that `r` gives, where it gives one.
macro_rules! change_of_r {
    () => {
        "INSERT INTO \"change\"(write_id,i,epoch,tbl,record,kind,at) SELECT ?t,?i,?i,?t,?t,?t,?i FROM r"
    };
}

/// A transaction.
pub(crate) struct Tx {
    pub(super) remote: Arc<Remote>,
    pub(super) link: Link,
    write: Arc<str>,
    /// The reign that it began in.
    epoch: i64,
    changes: i64,
    at: Timestamp,
    /// A statement failed so that the transaction can't end well.
    poison: Option<Error>,
    /// Tables that this transaction has made.
    made: Vec<Table>,
    /// What is done after the commit.
    after: Vec<Chore>,
}

/// What can't be undone, and so waits for the commit.
pub(super) enum Chore {
    DropTable(Table),
    SetView(Table, Option<View>),
    BuildIndexes,
}

impl Tx {
    pub(super) async fn begin(remote: &Arc<Remote>, write: &Arc<str>) -> Result<Tx, Error> {
        let mut link = remote.pool.take().await?;
        link.begin().await?;
        Ok(Tx {
            remote: Arc::clone(remote),
            link,
            write: Arc::clone(write),
            epoch: remote.pool.epoch(),
            changes: 0,
            at: remote.clock.now(),
            poison: None,
            made: Vec::new(),
            after: Vec::new(),
        })
    }

    /// A record by id, locked.
    pub(crate) async fn get(&mut self, table: &Table, id: &str) -> Result<Option<Row>, Error> {
        let sql = self.kind().either(
            "SELECT id,rev,shape,body FROM ?r WHERE id = ?t FOR NO KEY UPDATE",
            "SELECT id,rev,shape,body FROM ?r WHERE id = ?t FOR UPDATE",
        );
        let sql = self.kind().sql_of(table, sql, vec![text(id)]);
        let rows = self.link.rows(&sql, usize::MAX).await;
        Ok(self.heed(rows)?.unwrap_or_default().pop())
    }

    /// See `Tx::keeps`.
    pub(crate) async fn keeps(&mut self, table: &Table, id: &str) -> Result<bool, Error> {
        let sql = self.kind().either(
            "SELECT 1 FROM ?r WHERE id = ?t FOR KEY SHARE",
            "SELECT 1 FROM ?r WHERE id = ?t LOCK IN SHARE MODE",
        );
        let sql = self.kind().sql_of(table, sql, vec![text(id)]);
        Ok(!self.ask(&sql).await?.is_empty())
    }

    /// See `Tx::alone`.
    pub(crate) async fn alone(&mut self, name: &str) -> Result<(), Error> {
        let done = schema::lock(&mut self.link, self.remote.kind, &format!("alone.{name}")).await;
        self.heed(done)
    }

    pub(crate) async fn page(
        &mut self,
        select: &Select,
        bytes_max: usize,
    ) -> Result<Option<Vec<Row>>, Error> {
        let sql = self.remote.select(select)?;
        let rows = self.link.rows(&sql, bytes_max).await;
        self.heed(rows)
    }

    pub(crate) async fn count(&mut self, select: &Select) -> Result<i64, Error> {
        let sql = self.remote.count_of(select)?;
        let found = self.link.query(&sql).await;
        Ok(first_int(&self.heed(found)?))
    }

    pub(crate) async fn exists(&mut self, select: &Select) -> Result<bool, Error> {
        let sql = self.remote.exists_of(select)?;
        let found = self.link.query(&sql).await;
        Ok(first_int(&self.heed(found)?) != 0)
    }

    pub(crate) async fn changes(&mut self, after: i64, limit: usize) -> Result<Entry, Error> {
        self.remote.changes(after, limit).await
    }

    pub(crate) async fn setting(&mut self, name: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT value FROM meta WHERE name = ?t";
        let found = self.query(sql, vec![text(&format!("setting.{name}"))]).await?;
        Ok(first_text(&found))
    }

    pub(crate) async fn insert(
        &mut self,
        table: &Table,
        id: &str,
        shape: i64,
        body: String,
    ) -> Result<Arc<Row>, Error> {
        let row = Row { id: id.to_owned(), rev: self.rev_after(0), shape, body };
        let (mut values, change) = (row_values(&row), self.change(table, id, ChangeKind::Create));
        match self.kind() {
            Kind::Postgres => {
                values.extend(change);
                let sql = concat!(
                    "WITH r AS (INSERT INTO ?r(id,rev,shape,body) VALUES (?t,?i,?i,?j) RETURNING id) ",
                    change_of_r!()
                );
                let sql = self.kind().sql_of(table, sql, values);
                self.run(&sql).await?;
            }
            Kind::MariaDb => {
                let own = "INSERT INTO ?r(id,rev,shape,body) VALUES (?t,?i,?i,?j)";
                let own = self.kind().sql_of(table, own, values);
                self.run(&own).await?;
                self.log(change).await?;
            }
        }
        Ok(Arc::new(row))
    }

    pub(crate) async fn update(
        &mut self,
        table: &Table,
        id: &str,
        shape: i64,
        body: String,
    ) -> Result<Option<Arc<Row>>, Error> {
        let change = self.change(table, id, ChangeKind::Update);
        let rev = match self.kind() {
            Kind::Postgres => {
                let mut values =
                    vec![Value::Int(self.rev_after(0)), Value::Int(shape), text(&body), text(id)];
                values.extend(change);
                let sql = concat!(
                    "WITH r AS (UPDATE ?r SET rev=greatest(rev+1,?i),shape=?i,body=?j WHERE id=?t RETURNING id,rev), c AS (",
                    change_of_r!(),
                    ") SELECT rev FROM r"
                );
                let sql = self.kind().sql_of(table, sql, values);
                match self.ask(&sql).await?.first().and_then(|row| row.first()) {
                    Some(Value::Int(rev)) => *rev,
                    _ => return Ok(None),
                }
            }
            Kind::MariaDb => {
                let Some(old) = self.get(table, id).await? else { return Ok(None) };
                let rev = self.rev_after(old.rev);
                let values = vec![Value::Int(rev), Value::Int(shape), text(&body), text(id)];
                let own = "UPDATE ?r SET rev=?i,shape=?i,body=?j WHERE id=?t";
                let own = self.kind().sql_of(table, own, values);
                self.run(&own).await?;
                self.log(change).await?;
                rev
            }
        };
        Ok(Some(Arc::new(Row { id: id.to_owned(), rev, shape, body })))
    }

    pub(crate) async fn delete(&mut self, table: &Table, id: &str) -> Result<Option<Arc<Row>>, Error> {
        let Some(row) = self.get(table, id).await? else { return Ok(None) };
        let number = self.changes;
        let change = self.change(table, id, ChangeKind::Delete);
        let mut gone = vec![text(&self.write), Value::Int(number), text(table.as_str())];
        gone.extend(row_values(&row));
        let sql = "INSERT INTO gone(write_id,i,tbl,record,rev,shape,body) VALUES (?t,?i,?t,?t,?i,?i,?j)";
        self.execute(sql, gone).await?;
        self.log(change).await?;
        let own = self.kind().sql_of(table, "DELETE FROM ?r WHERE id=?t", vec![text(id)]);
        self.run(&own).await?;
        Ok(Some(Arc::new(row)))
    }

    pub(crate) async fn create_table(&mut self, table: &Table) -> Result<(), Error> {
        let definition = schema::create_table(self.kind(), table);
        let done = match self.kind() {
            Kind::Postgres => self.link.run(&definition).await,
            // a definition there would end this transaction; one of its own is harmless, should this one be undone
            Kind::MariaDb => match self.remote.pool.take().await {
                Ok(mut aside) => aside.run(&definition).await,
                Err(error) => Err(error),
            },
        };
        self.heed(done)?;
        let waiting = self.after.len();
        self.after.retain(|chore| !matches!(chore, Chore::DropTable(dropped) if dropped == table));
        if self.after.len() < waiting {
            self.truncate_table(table).await?;
        }
        self.made.push(table.clone());
        Ok(())
    }

    pub(crate) async fn drop_table(&mut self, table: &Table) -> Result<(), Error> {
        if self.kind() == Kind::Postgres {
            let dropped =
                self.link.run(&format!("DROP TABLE IF EXISTS {} CASCADE", words::quoted(table))).await;
            self.heed(dropped)?;
            self.execute("DELETE FROM meta WHERE name=?t", vec![text(&format!("view.{table}"))]).await?;
            return self.execute("DELETE FROM idx WHERE tbl=?t", vec![text(table.as_str())]).await.map(drop);
        }
        self.execute("UPDATE idx SET state='unwanted' WHERE tbl=?t", vec![text(table.as_str())]).await?;
        self.after.push(Chore::DropTable(table.clone()));
        Ok(())
    }

    pub(crate) async fn truncate_table(&mut self, table: &Table) -> Result<(), Error> {
        let sql = self.kind().sql_of(table, "DELETE FROM ?r", Vec::new());
        self.run(&sql).await.map(drop)
    }

    pub(crate) async fn set_indexes(&mut self, table: &Table, indexes: &[Index]) -> Result<(), Error> {
        self.want_indexes(table, indexes).await?;
        self.after.push(Chore::BuildIndexes);
        Ok(())
    }

    pub(crate) async fn set_view(&mut self, table: &Table, view: Option<&View>) -> Result<(), Error> {
        self.after.push(Chore::SetView(table.clone(), view.cloned()));
        Ok(())
    }

    /// See `Tx::mark`. MariaDB undoes a refused statement alone.
    pub(crate) async fn mark(&mut self) -> Result<(), Error> {
        match self.kind() {
            Kind::Postgres => self.link.run("SAVEPOINT mark").await,
            Kind::MariaDb => Ok(()),
        }
    }

    /// See `Tx::back_to_mark`.
    pub(crate) async fn back_to_mark(&mut self) -> Result<(), Error> {
        match self.kind() {
            Kind::Postgres => self.link.back_to("mark").await,
            Kind::MariaDb => Ok(()),
        }
    }

    pub(crate) async fn set_setting(&mut self, name: &str, value: &str) -> Result<(), Error> {
        // settings are not in the log: who holds it, or has left the database, is met here
        let stay = self
            .kind()
            .either("LOCK TABLE \"change\" IN ROW SHARE MODE", "SELECT write_id FROM \"change\" LIMIT 0");
        self.query(stay, Vec::new()).await?;
        let done = schema::put(&mut self.link, self.remote.kind, &format!("setting.{name}"), value).await;
        self.heed(done)
    }

    /// What has made this transaction unfit to be committed.
    pub(super) fn broken(&mut self) -> Option<Error> {
        self.poison.take()
    }

    /// Makes the transaction durable, then does what waited for that.
    pub(super) async fn commit(&mut self) -> Result<(), Error> {
        self.link.commit().await?;
        if self.changes > 0 {
            self.remote.wake();
        }
        let remote = Arc::clone(&self.remote);
        for chore in std::mem::take(&mut self.after) {
            Box::pin(remote.chore(chore)).await;
        }
        Ok(())
    }

    pub(super) async fn roll_back(&mut self) {
        self.link.roll_back().await;
    }

    pub(super) async fn query(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Vec<Value>>, Error> {
        let sql = self.kind().sql(sql, values);
        self.ask(&sql).await
    }

    pub(super) async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, Error> {
        let sql = self.kind().sql(sql, values);
        self.run(&sql).await
    }

    /// What a statement gives.
    async fn ask(&mut self, sql: &Sql) -> Result<Vec<Vec<Value>>, Error> {
        let found = self.link.query(sql).await;
        let found = self.remote.or_left(found).await;
        self.heed(found)
    }

    /// Runs a statement; gives the number of rows that it touched.
    async fn run(&mut self, sql: &Sql) -> Result<u64, Error> {
        let done = self.link.execute(sql).await;
        let done = self.remote.or_left(done).await;
        self.heed(done)
    }

    /// Adds a change to the log by itself.
    async fn log(&mut self, change: Vec<Value>) -> Result<(), Error> {
        let sql = "INSERT INTO \"change\"(write_id,i,epoch,tbl,record,kind,at) VALUES (?t,?i,?i,?t,?t,?t,?i)";
        match self.execute(sql, change).await {
            Err(Error::Unique { .. }) => self.heed(Err(Error::Unique { index: LOG_KEY.into() })),
            done => done.map(drop),
        }
    }

    /// Makes sure that this transaction ends with an error, whatever its closure says.
    pub(super) fn end_with(&mut self, error: Error) -> Error {
        self.poison = Some(error.again());
        error
    }

    /// The write's id, and its time.
    pub(super) fn stamp(&self) -> (Arc<str>, Timestamp) {
        (Arc::clone(&self.write), self.at)
    }

    fn kind(&self) -> Kind {
        self.remote.kind
    }

    /// Remembers what ends the transaction. What an index refuses is the closure's to judge, but on PostgreSQL too it has
    /// ended the transaction: a closure that goes on gets errors.
    fn heed<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        match outcome {
            // the log's own key: an earlier run of this write, in doubt until now, has been committed
            Err(Error::Unique { index }) if index == LOG_KEY => {
                self.poison = Some(Error::Met);
                Err(Error::Met)
            }
            Err(error) => {
                let is_refusal = matches!(error, Error::Unique { .. } | Error::TooLong { .. } | Error::Nul);
                if !is_refusal && self.poison.is_none() {
                    self.poison = Some(error.again());
                }
                Err(error)
            }
            well => well,
        }
    }

    /// The values of the next change.
    fn change(&mut self, table: &Table, id: &str, kind: ChangeKind) -> Vec<Value> {
        let number = self.changes;
        self.changes += 1;
        vec![
            Value::Text(Arc::clone(&self.write)),
            Value::Int(number),
            Value::Int(self.epoch),
            Value::Text(table.shared()),
            text(id),
            text(kind.word()),
            Value::Int(self.at.0),
        ]
    }

    /// The version of a record that is written now: it grows with time, and in any case above the one before.
    fn rev_after(&self, before: i64) -> i64 {
        (before + 1).max(self.at.0.saturating_mul(1_000))
    }

    /// Whether this transaction has made a table, so that nobody else sees it yet.
    pub(super) fn has_made(&self, table: &Table) -> bool {
        self.made.contains(table)
    }
}

/// The name of the log's key on PostgreSQL.
const LOG_KEY: &str = "change_pkey";

pub(super) fn row_values(row: &Row) -> Vec<Value> {
    vec![text(&row.id), Value::Int(row.rev), Value::Int(row.shape), text(&row.body)]
}
