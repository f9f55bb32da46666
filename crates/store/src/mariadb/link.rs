//! One connection, for one transaction at a time.
//!
//! It lives without `autocommit`: the first statement begins the transaction, so that a transaction of two statements
//! asks the server three times. What is begun must be ended; dropped within a transaction it is closed, and the server
//! undoes what was done. (A definition ends the transaction it stands in: that is the engine's way.)

use tokio::time::Instant;

use super::answer::{Gather, Listing, Page};
use super::fault::{After, Fault};
use super::line::Next;
use super::pool::Lease;
use crate::dialect::Sql;
use crate::error::Error;
use crate::remote::Cells;
use crate::row::Row;

/// A connection taken from the pool.
pub(crate) struct Link {
    lease: Lease,
    /// When the transaction's last answer is due; from its first statement on.
    until: Option<Instant>,
    /// The failure with which the transaction ended before its time: what else is asked of it gets the same.
    undone: Option<Error>,
}

impl Link {
    pub(super) fn new(lease: Lease) -> Link {
        Link { lease, until: None, undone: None }
    }

    /// Nothing is sent: the first statement begins the transaction.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        if !self.lease.line().is_fit() {
            return self.standing();
        }
        self.until = None;
        self.undone = None;
        Ok(())
    }

    pub(crate) async fn rows(&mut self, sql: &Sql, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        // to stop the answer would be to end the transaction: what is too much is read, and not kept
        let mut page = Page::whole(bytes_max);
        self.ask(sql, &mut |row| page.take(row)).await?;
        page.done()
    }

    pub(crate) async fn query(&mut self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        let mut table = Listing::default();
        self.ask(sql, &mut |row| table.take(row)).await?;
        table.done()
    }

    /// The number counts rows that were found, whether or not they were changed by it.
    pub(crate) async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        self.ask(sql, &mut |_| Next::More).await
    }

    /// One definition, or several with `;` between, in order, up to the first that fails. They may take any time; each
    /// waits for others' locks as long as a write may take.
    pub(crate) async fn run(&mut self, text: &str) -> Result<(), Error> {
        let until = self.enter()?;
        let (lift, set_again) = self.lease.unhurried();
        let lifted = self.lease.line().tell(lift, Some(until)).await;
        self.leave(lifted).await?;
        let told = self.lease.line().tell(text, None).await;
        let until = self.lease.write_until();
        let set = self.lease.line().tell(&set_again, Some(until)).await;
        self.until = None;
        self.leave(told.and(set)).await
    }

    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        self.standing()?;
        if !self.lease.line().is_open {
            return Ok(());
        }
        let until = self.enter()?;
        let told = self.lease.line().commit(until).await;
        // one that was refused leaves the transaction where it was
        let told = told.map_err(|fault| match fault.after {
            After::Fine => Fault { after: After::Again, ..fault },
            _ => fault,
        });
        self.until = None;
        self.leave(told).await
    }

    pub(crate) async fn roll_back(&mut self) {
        self.undone = None;
        if self.lease.line().is_open {
            self.undone = self.undo().await;
        }
        self.until = None;
    }

    async fn ask(
        &mut self,
        sql: &Sql,
        take: &mut (impl FnMut(mysql_async::Row) -> Next + Send),
    ) -> Result<u64, Error> {
        let until = self.enter()?;
        let answer = self.lease.line().ask(sql, until, take).await;
        self.leave(answer).await
    }

    fn standing(&self) -> Result<(), Error> {
        self.undone.as_ref().map_or(Ok(()), |error| Err(error.again()))
    }

    /// Before a statement.
    fn enter(&mut self) -> Result<Instant, Error> {
        self.standing()?;
        self.lease.line().is_open = true;
        let from_now = self.lease.write_until();
        Ok(*self.until.get_or_insert(from_now))
    }

    /// After it.
    async fn leave<T>(&mut self, answer: Result<T, Fault>) -> Result<T, Error> {
        let fault = match answer {
            Ok(answer) => return Ok(answer),
            Err(fault) => fault,
        };
        let after = fault.after;
        let error = self.lease.failed(fault);
        match after {
            After::Fine => return Err(error),
            // the engine has undone all of it, or this statement alone: that is one thing to those above
            After::Again | After::Changed => self.undone = Some(self.undo().await.unwrap_or(error.again())),
            After::Gone => self.undone = Some(error.again()),
        }
        Err(error)
    }

    /// Gives the failure to do so: the connection is lost then.
    async fn undo(&mut self) -> Option<Error> {
        let until = self.lease.write_until();
        let fault = self.lease.line().roll_back(until).await.err()?;
        Some(self.lease.failed(fault))
    }
}
