//! One connection to the server, and what is asked through it.
//!
//! Several may ask at once: questions are sent without waiting for the answers before them, and answered in order. An
//! answer that nobody waits for any more is read and thrown away by the connection's driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, RowStream, Statement};

use crate::dialect::Sql;
use crate::error::Error;
use crate::postgres::fault::{self, Health};
use crate::postgres::place::{self, GRACE, Heard, Made, Place};
use crate::postgres::statements::Statements;
use crate::postgres::value::{Bound, Cell, Text, refuse_nul};
use crate::remote::Cells;
use crate::row::Row;

/// A connection.
pub(super) struct Wire {
    client: Client,
    statements: Statements<Statement>,
    place: Arc<Place>,
    era: u64,
    /// A commit's replica did not confirm it.
    is_unconfirmed: Arc<AtomicBool>,
    driver: AbortHandle,
}

impl Wire {
    /// Connects.
    pub(super) async fn connect(place: &Arc<Place>) -> Result<Wire, Error> {
        Ok(Wire::new(place, place.connect().await?, || {}))
    }

    /// A connection that has been made; `news` is called at each notification.
    pub(super) fn new(place: &Arc<Place>, made: Made, news: impl Fn() + Send + Sync + 'static) -> Wire {
        let Made { client, driver, era, leaving } = made;
        let is_unconfirmed = Arc::<AtomicBool>::default();
        let heard = Heard { news, is_unconfirmed: Arc::clone(&is_unconfirmed) };
        let driver = place.spawn(place::drive(driver, heard, leaving));
        Wire { client, statements: Statements::new(), place: Arc::clone(place), era, is_unconfirmed, driver }
    }

    /// True as long as nothing is known against it.
    pub(super) fn is_live(&self) -> bool {
        !self.client.is_closed() && self.era == self.place.era()
    }

    /// True when it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// What a statement gives.
    pub(super) async fn query(&self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        if !is_question(sql) {
            refuse_nul(&sql.values)?;
        }
        let work = async {
            let mut stream = std::pin::pin!(self.stream(sql).await?);
            let mut rows = Vec::new();
            while let Some(row) = stream.try_next().await? {
                rows.push(cells(&row)?);
            }
            Ok(rows)
        };
        work.await.map_err(|error| self.fault(error))
    }

    /// The records of a statement; `None` as soon as their bodies are longer than that, the rest then comes unread.
    pub(super) async fn rows(&self, sql: &Sql, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        let work = async {
            let mut stream = std::pin::pin!(self.stream(sql).await?);
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let Some(found) = stream.try_next().await? {
                let row = record(&found)?;
                bytes += row.body.len();
                if bytes > bytes_max {
                    return Ok(None);
                }
                rows.push(row);
            }
            Ok(Some(rows))
        };
        work.await.map_err(|error| self.fault(error))
    }

    /// Runs a statement; gives the number of rows that it touched.
    pub(super) async fn execute(&self, sql: &Sql) -> Result<u64, Error> {
        refuse_nul(&sql.values)?;
        let work = async {
            let statement = self.statement(&sql.text).await?;
            self.client.execute_raw(&statement, sql.values.iter().map(Bound)).await
        };
        work.await.map_err(|error| self.fault(error))
    }

    /// Runs statements that bind nothing.
    pub(super) async fn run(&self, text: &str) -> Result<(), Error> {
        self.client.batch_execute(text).await.map_err(|error| self.fault(error))
    }

    /// Makes the open transaction durable, as far as its replica has confirmed it: [`Error::Lost`] when that is not known.
    pub(super) async fn commit(&self, text: &str) -> Result<(), Error> {
        self.run(text).await?;
        match self.is_unconfirmed.swap(false, Ordering::AcqRel) {
            false => Ok(()),
            true => Err(self.place.lost("the commit was let go before its replica had confirmed it")),
        }
    }

    /// Waits for the answer to what was asked before, for a bounded time.
    pub(super) async fn wait_out(&self, limit: Duration) {
        // without an answer the same is left to do: to close
        let _ = timeout(limit, self.client.check_connection()).await;
    }

    /// The answer, unless it takes longer than the server itself would let it: then the server is lost.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match timeout(limit + GRACE, work).await {
            Ok(answer) => answer,
            Err(_) => {
                self.place.end_era(self.era);
                Err(self.place.lost("no answer came in time"))
            }
        }
    }

    /// Undoes the open transaction; true when that is certain.
    pub(super) async fn roll_back(&self) -> bool {
        matches!(timeout(GRACE, self.run("ROLLBACK")).await, Ok(Ok(())))
    }

    /// Breaks off what runs, and closes the connection. It can't be used again: the server may take the order to break
    /// off only when it has gone on to the next statement.
    pub(super) async fn end(self: Arc<Self>) {
        let cancel = self.client.cancel_token();
        // Without an answer in time, or with an error, the same is left to do: to close.
        let _ = timeout(GRACE, cancel.cancel_query(self.place.encrypt.clone())).await;
        let _ = timeout(GRACE, self.client.check_connection()).await;
    }

    async fn stream(&self, sql: &Sql) -> Result<RowStream, tokio_postgres::Error> {
        let statement = self.statement(&sql.text).await?;
        self.client.query_raw(&statement, sql.values.iter().map(Bound)).await
    }

    async fn statement(&self, text: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.find(text) {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        self.statements.keep(text, statement.clone());
        Ok(statement)
    }

    fn fault(&self, error: tokio_postgres::Error) -> Error {
        let limit_ms = u64::try_from(self.place.read_time_max.as_millis()).unwrap_or(u64::MAX);
        let (error, health) = fault::fault(error, &self.place.name(), limit_ms);
        match health {
            Health::Whole => {}
            Health::Stale => self.statements.forget(),
            Health::Broken => self.place.end_era(self.era),
        }
        error
    }
}

impl Drop for Wire {
    /// The driver says goodbye once it has read what is outstanding. It has not forever for that.
    fn drop(&mut self) {
        let driver = self.driver.clone();
        self.place.spawn(async move {
            tokio::time::sleep(GRACE).await;
            driver.abort();
        });
    }
}

/// A statement that only reads: those that the dialect prints begin so, and what begins otherwise may write.
fn is_question(sql: &Sql) -> bool {
    sql.text.starts_with("SELECT ")
}

fn cells(row: &tokio_postgres::Row) -> Result<Cells, tokio_postgres::Error> {
    (0..row.len()).map(|column| row.try_get::<_, Cell>(column).map(|cell| cell.0)).collect()
}

/// Of the columns id and body, both texts or JSON, and rev and shape between them, both bigint.
fn record(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let text = |column: usize| row.try_get::<_, Text<'_>>(column).map(|text| text.0.to_owned());
    Ok(Row { id: text(0)?, rev: row.try_get(1)?, shape: row.try_get(2)?, body: text(3)? })
}
