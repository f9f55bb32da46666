//! A connection taken from the pool, for one transaction at a time or for one long read.
//!
//! `BEGIN` goes out together with the first statement, without waiting for its answer. A transaction in which a statement
//! failed gives that failure to each later one, and to the commit.
//!
//! When it is dropped it goes back if it is idle, is rolled back first if a transaction is open, and is closed if a
//! statement was still running: that one is broken off, so that it does not work on for nobody; but for a commit, which is
//! waited for. A task does all that.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::dialect::Sql;
use crate::error::Error;
use crate::postgres::pool::Home;
use crate::postgres::wire::Wire;
use crate::remote::Cells;
use crate::row::Row;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// A commit that waits for a replica must not be cut short: the server would then call it done without that replica. The
/// first of the two also fails, unlike the second, in a transaction that has failed.
const COMMIT: &str = "SET LOCAL statement_timeout=0;COMMIT";
/// For definitions outside of a transaction: an index takes as long as it takes.
const LIMITS_OFF: &str = "SET statement_timeout=0;SET lock_timeout=0";
/// Back to what the connection began with.
const LIMITS_ON: &str = "RESET statement_timeout;RESET lock_timeout";

const GIVEN_UP: Error = Error::Broken { what: "a connection was used after its answer was given up" };

/// A connection taken from the pool.
pub(crate) struct Link {
    home: Arc<Home>,
    /// There until this is dropped.
    held: Option<(Arc<Wire>, OwnedSemaphorePermit)>,
    stage: Stage,
}

/// What is open on the connection.
enum Stage {
    /// Nothing.
    Idle,
    /// A transaction that the server does not know of yet.
    Begun { until: Instant },
    /// A transaction.
    Open { until: Instant },
    /// A transaction in which a statement failed.
    Failed { until: Instant, error: Error },
    /// A commit was sent, and is not known to be done; what came instead of its answer, if that was waited for.
    Committing { lost: Option<Error> },
    /// A statement runs, or ran when its future was dropped, or its answer did not come.
    Busy,
}

impl Link {
    pub(super) fn new(home: Arc<Home>, wire: Arc<Wire>, permit: OwnedSemaphorePermit) -> Link {
        Link { home, held: Some((wire, permit)), stage: Stage::Idle }
    }

    /// Begins a transaction, together with the first statement after this.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        match self.stage {
            Stage::Idle => {
                self.stage = Stage::Begun { until: Instant::now() + self.home.place.write_time_max };
                Ok(())
            }
            _ => Err(Error::Broken { what: "a transaction was begun on a connection that is not idle" }),
        }
    }

    /// The records of a statement; when they are too long, the rest of them is read and thrown away behind the answer.
    pub(crate) async fn rows(&mut self, sql: &Sql, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        let wire = self.wire();
        self.during(pin!(wire.rows(sql, bytes_max))).await
    }

    /// What a statement gives. One that does not begin with `SELECT ` is taken as a write, and refused a U+0000.
    pub(crate) async fn query(&mut self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        let wire = self.wire();
        self.during(pin!(wire.query(sql))).await
    }

    /// Runs a statement; gives the number of rows that it touched.
    pub(crate) async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        let wire = self.wire();
        self.during(pin!(wire.execute(sql))).await
    }

    /// Runs definitions. Outside of a transaction no limit of time holds for them.
    pub(crate) async fn run(&mut self, text: &str) -> Result<(), Error> {
        let wire = self.wire();
        if !matches!(self.stage, Stage::Idle) {
            return self.during(pin!(wire.run(text))).await;
        }
        self.stage = Stage::Busy;
        let (off, done, on) = future::join3(wire.run(LIMITS_OFF), wire.run(text), wire.run(LIMITS_ON)).await;
        if off.is_ok() && on.is_ok() {
            self.stage = Stage::Idle;
        }
        done
    }

    /// Makes the transaction durable. [`Error::Lost`] when it is not known whether it is; any other error: it is not.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        match &self.stage {
            Stage::Idle => return Err(Error::Broken { what: "a commit without a transaction" }),
            Stage::Begun { .. } => {
                self.stage = Stage::Idle;
                return Ok(());
            }
            Stage::Open { .. } | Stage::Failed { .. } | Stage::Busy | Stage::Committing { .. } => {}
        }
        let wire = self.wire();
        let until = match self.stage {
            Stage::Open { until } if !left(until).is_zero() => until,
            // it is not sent: what failed before is its answer
            _ => return self.during(pin!(wire.commit(COMMIT))).await,
        };
        self.stage = Stage::Committing { lost: None };
        match wire.within(left(until), pin!(wire.commit(COMMIT))).await {
            Ok(()) => self.stage = Stage::Idle,
            Err(lost @ Error::Lost { .. }) => {
                self.stage = Stage::Committing { lost: Some(lost.again()) };
                return Err(lost);
            }
            Err(error) => return self.settle(until, Err(error)),
        }
        Ok(())
    }

    /// Undoes the transaction, as far as it is there.
    pub(crate) async fn roll_back(&mut self) {
        match self.stage {
            Stage::Idle | Stage::Busy | Stage::Committing { .. } => {}
            Stage::Begun { .. } => self.stage = Stage::Idle,
            Stage::Open { .. } | Stage::Failed { .. } => {
                self.stage = Stage::Busy;
                if self.wire().roll_back().await {
                    self.stage = Stage::Idle;
                }
            }
        }
    }

    /// Goes back to a savepoint of the transaction, which goes on although a statement failed after it.
    pub(crate) async fn back_to(&mut self, savepoint: &str) -> Result<(), Error> {
        if let Stage::Failed { until, .. } = self.stage {
            self.stage = Stage::Open { until };
        }
        let (wire, back) = (self.wire(), format!("ROLLBACK TO SAVEPOINT {savepoint}"));
        self.during(pin!(wire.run(&back))).await
    }

    /// The answer is not read to its end: the connection is closed when this is dropped.
    pub(super) fn break_off(&mut self) {
        self.stage = Stage::Busy;
    }

    /// One statement, in the transaction if there is one. It is pinned by whoever asks it: it is large, and is not moved about.
    async fn during<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let wire = self.wire();
        match mem::replace(&mut self.stage, Stage::Busy) {
            Stage::Idle => {
                let answer = wire.within(self.home.place.read_time_max, work).await;
                if !matches!(answer, Err(Error::Lost { .. })) {
                    self.stage = Stage::Idle;
                }
                answer
            }
            Stage::Begun { until } => {
                let both = async {
                    let (begun, answer) = future::join(wire.run(BEGIN), work).await;
                    begun.map_err(|error| self.home.place.lost(error)).and(answer)
                };
                let answer = wire.within(left(until), pin!(both)).await;
                self.settle(until, answer)
            }
            Stage::Open { until } if left(until).is_zero() => self.settle(until, Err(self.slow())),
            Stage::Open { until } => {
                let answer = wire.within(left(until), work).await;
                self.settle(until, answer)
            }
            Stage::Failed { until, error } => {
                let again = error.again();
                self.stage = Stage::Failed { until, error };
                Err(again)
            }
            Stage::Committing { lost } => {
                let again = lost.as_ref().map(Error::again);
                self.stage = Stage::Committing { lost };
                Err(again.unwrap_or(GIVEN_UP))
            }
            Stage::Busy => Err(GIVEN_UP),
        }
    }

    /// What a statement of a transaction means for it.
    fn settle<T>(&mut self, until: Instant, answer: Result<T, Error>) -> Result<T, Error> {
        match answer {
            Ok(answer) => {
                self.stage = Stage::Open { until };
                Ok(answer)
            }
            Err(error) => {
                let error = if matches!(error, Error::Slow { .. }) { self.slow() } else { error };
                self.stage = Stage::Failed { until, error: error.again() };
                Err(error)
            }
        }
    }

    fn slow(&self) -> Error {
        let limit = self.home.place.write_time_max.as_millis();
        Error::Slow { limit_ms: u64::try_from(limit).unwrap_or(u64::MAX) }
    }

    fn wire(&self) -> Arc<Wire> {
        let (wire, _) = self.held.as_ref().expect("a link holds its connection until it is dropped");
        Arc::clone(wire)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some((wire, permit)) = self.held.take() else { return };
        let home = Arc::clone(&self.home);
        match self.stage {
            Stage::Idle | Stage::Begun { .. } => home.put_back(wire),
            _ if wire.is_closed() => {}
            Stage::Open { .. } | Stage::Failed { .. } if wire.is_live() => {
                self.home.place.spawn(async move {
                    if wire.roll_back().await {
                        home.put_back(wire);
                    } else {
                        wire.end().await;
                    }
                    drop(permit);
                });
            }
            // broken off, the server would call it done though its replica has not confirmed it
            Stage::Committing { .. } => {
                let limit = self.home.place.write_time_max;
                self.home.place.spawn(async move {
                    wire.wait_out(limit).await;
                    drop(permit);
                });
            }
            _ => {
                self.home.place.spawn(async move {
                    wire.end().await;
                    drop(permit);
                });
            }
        }
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
