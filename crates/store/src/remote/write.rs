//! A write on a server: run, run again when it met others or lost its connection, and never done twice.
//!
//! A commit whose answer was lost may have happened, now or a moment later. So each write has an id, which is in the key of
//! its changes in the log. Before it is run again the log is asked for that id; should the first commit still be on its
//! way, the second run waits at the log's key for it, is refused by it, and finds it then.

use std::sync::Arc;
use std::time::Duration;

use base::{chance, id};
use tokio::time::{Instant, sleep};

use crate::deputy;
use crate::error::Error;
use crate::query::Value;
use crate::remote::words::{Kind, text};
use crate::remote::{Link, PAUSE_MIN, Remote, Tx, schema};
use crate::store::Step;

/// Longest pause before a write that met others is run again; how long is up to chance.
const MET_PAUSE_MAX_MS: u64 = 20;

/// The row of `meta` that is written to learn that all before it is confirmed.
const MARK: &str = "mark";

/// How one run of a write ended.
enum Run<T, E> {
    /// Durable.
    Done(T),
    /// By its own closure, which has left nothing.
    Refused(E),
    /// By meeting another transaction; it has left nothing.
    Met,
    /// By what may pass, before the commit; it has left nothing.
    Lost(Error),
    /// By what may pass, at the commit: done or not.
    Doubt(T),
}

/// A write under way.
struct Course<T> {
    /// Its id in the change log.
    write: Arc<str>,
    until: Instant,
    pause: Duration,
    meetings: u32,
    /// The answer of a run whose commit may have happened.
    doubted: Option<T>,
}

impl Remote {
    /// Does a write: see `Store::write`.
    pub(crate) async fn write<T, E, F>(self: &Arc<Remote>, write: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'a> FnOnce(&'a mut crate::Tx) -> Step<'a, T, E> + Clone + Send + 'static,
    {
        // what is read after it is to show it
        deputy::keep(None);
        let Ok(_place) = self.writes.try_acquire() else { return Err(Error::Busy.into()) };
        let mut course = self.course();
        loop {
            if course.doubted.is_some() {
                match Box::pin(self.was_written(&course.write)).await {
                    Ok(true) => return Ok(course.doubted.take().expect("it was there a moment ago")),
                    Ok(false) => {}
                    Err(error) => {
                        course.wait(self, error).await?;
                        continue;
                    }
                }
            }
            match self.run(&course.write, write.clone()).await {
                Run::Done(answer) => return Ok(answer),
                Run::Doubt(answer) => course.doubted = Some(answer),
                Run::Lost(error) => course.wait(self, error).await?,
                Run::Met => {
                    course.step_aside(self.config.write_tries_max).await?;
                    // perhaps it asked for a column that is gone; without an answer the next run finds out more
                    let _ = Box::pin(self.learn_indexes()).await;
                }
                Run::Refused(error) if course.doubted.is_none() => return Err(error),
                // refused by what the doubted run has written, perhaps: the log says
                Run::Refused(error) => match Box::pin(self.was_written(&course.write)).await {
                    Ok(false) => return Err(error),
                    Ok(true) => {}
                    Err(error) => course.wait(self, error).await?,
                },
            }
        }
    }

    fn course<T>(&self) -> Course<T> {
        let now = self.clock.now();
        let write = id::make_long(now).into();
        let until = Instant::now() + self.config.outage_wait_max;
        Course { write, until, pause: PAUSE_MIN, meetings: 0, doubted: None }
    }

    /// One run in a transaction of its own.
    async fn run<T, E, F>(self: &Arc<Remote>, write: &Arc<str>, job: F) -> Run<T, E>
    where
        E: From<Error>,
        F: for<'a> FnOnce(&'a mut crate::Tx) -> Step<'a, T, E>,
    {
        let mut tx = match Tx::begin(self, write).await {
            Ok(tx) => crate::Tx::remote(tx),
            Err(error) if self.may_pass(&error) => return Run::Lost(error),
            Err(error) => return Run::Refused(error.into()),
        };
        let outcome = job(&mut tx).await;
        let tx = tx.as_remote().expect("it was made over a server");
        match (tx.broken(), outcome) {
            (Some(Error::Met), _) => Run::Met,
            (Some(error), _) if self.may_pass(&error) => Run::Lost(error),
            (Some(error), Ok(_)) => Run::Refused(error.into()),
            (_, Err(refused)) => {
                tx.roll_back().await;
                Run::Refused(refused)
            }
            (None, Ok(answer)) => match tx.commit().await {
                Ok(()) => Run::Done(answer),
                Err(Error::Met) => Run::Met,
                Err(error) if self.may_pass(&error) => Run::Doubt(answer),
                Err(error) => Run::Refused(error.into()),
            },
        }
    }

    /// Whether a write is in the log, as durably as any write that was answered.
    async fn was_written(&self, write: &str) -> Result<bool, Error> {
        let sql = self.kind.sql("SELECT count(*) FROM \"change\" WHERE write_id = ?t", vec![text(write)]);
        let era = self.pool.era();
        let found = self.pool.brief(&sql).await?;
        let is_there =
            matches!(found.first().and_then(|row| row.first()), Some(Value::Int(count)) if *count > 0);
        if !is_there {
            return Ok(false);
        }
        self.confirm().await?;
        // what another server confirms says nothing about what was read here
        if self.pool.era() == era { Ok(true) } else { Err(self.has_moved()) }
    }

    /// Has everything confirmed that can be read by now: a commit whose connection broke while it waited for its replica can
    /// be read on the primary before that replica has it. A later commit is confirmed after all earlier ones.
    async fn confirm(&self) -> Result<(), Error> {
        match self.kind {
            Kind::Postgres => {
                let mark =
                    self.kind.sql("SELECT pg_logical_emit_message(true, 'ondol', '')::text", Vec::new());
                self.aside(async |link: &mut Link| link.query(&mark).await.map(drop)).await
            }
            // only what changes a row is written to its log
            Kind::MariaDb => {
                let mark = chance::word(8);
                self.aside(async |link: &mut Link| schema::put(link, self.kind, MARK, &mark).await).await
            }
        }
    }

    fn has_moved(&self) -> Error {
        let source = "connections broke while it was asked what became of a write".into();
        Error::Lost { server: self.pool.server().to_string(), source }
    }
}

impl<T> Course<T> {
    /// Waits a moment for a server that has gone; an error when that has taken too long.
    async fn wait(&mut self, remote: &Remote, error: Error) -> Result<(), Error> {
        if Instant::now() + self.pause > self.until {
            return Err(if self.doubted.is_some() { Error::Doubt } else { error });
        }
        self.pause = remote.rest(self.pause).await;
        Ok(())
    }

    /// Lets those pass that the write has met.
    async fn step_aside(&mut self, tries_max: u32) -> Result<(), Error> {
        self.meetings += 1;
        if self.meetings >= tries_max {
            return Err(if self.doubted.is_some() { Error::Doubt } else { Error::Met });
        }
        let pause = u64::from_le_bytes(chance::bytes()) % MET_PAUSE_MAX_MS;
        sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}
