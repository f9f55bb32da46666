//! One connection: statements prepared once and found again by their text, each answer waited for until a moment.
//!
//! A question that is dropped before its answer was read leaves `is_asking` behind, and the connection is closed instead
//! of being lent again.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Row, Statement};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::fault::{After, Fault, Place, too_long_for_packet};
use super::session::Made;
use super::value;
use crate::dialect::Sql;
use crate::error::Error;

/// Statements that a connection keeps prepared; of more, the one not used for longest is forgotten. All connections to a
/// server share its `max_prepared_stmt_count`, 16,382 unless set.
pub(super) const STATEMENTS_MAX: usize = 128;
/// What ends a transaction.
pub(super) const COMMIT: &str = "COMMIT";
/// What a packet needs beside its values, in bytes.
const PACKET_SLACK: usize = 1024;

/// What a connection is set up for. They differ in `autocommit`, so that to begin a transaction asks nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each statement is a transaction.
    Asking,
    /// Statements are in a transaction until it is ended.
    Writing,
}

/// A connection.
pub(super) struct Line {
    conn: Conn,
    place: Place,
    packet_bytes_max: usize,
    statements: Statements,
    mode: Mode,
    /// Which of the pool's eras it was made in.
    pub(super) era: u64,
    /// Cancelled once its server is not the one to ask any more.
    leaving: CancellationToken,
    /// What ends a transaction: on a server that others may take over, without a limit of the server's own.
    commit: Arc<str>,
    is_asking: bool,
    is_gone: bool,
    /// A commit was sent, and its answer did not come.
    is_committing: bool,
    /// Within a transaction that has not been ended.
    pub(super) is_open: bool,
}

/// What is to be done after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next one, please.
    More,
    /// No further one: the connection will be closed over it.
    Enough,
}

#[derive(Default)]
struct Statements {
    by_text: HashMap<String, Prepared>,
    /// Counts uses.
    clock: u64,
}

struct Prepared {
    statement: Statement,
    used: u64,
}

/// What came of a question.
enum Heard {
    /// An answer, with how many rows it touched.
    Answer(Result<(Next, u64), Fault>),
    /// None within the time for it.
    Nothing,
    /// The server is not the primary any more.
    Farewell,
}

impl Line {
    /// A connection on which no question is open, in the mode of the server's default.
    pub(super) fn new(made: Made, packet_bytes_max: usize, era: u64) -> Line {
        let Made { conn, place, leaving, commit } = made;
        Line {
            conn,
            place,
            packet_bytes_max,
            leaving,
            commit,
            is_committing: false,
            statements: Statements::default(),
            mode: Mode::Asking,
            era,
            is_asking: false,
            is_gone: false,
            is_open: false,
        }
    }

    /// What it is set up for now.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// It has been set up for this, with so much time for a statement.
    pub(super) fn becomes(&mut self, mode: Mode, limit: Duration) {
        self.mode = mode;
        self.place.limit = limit;
    }

    /// The server's number for it.
    pub(super) fn id(&self) -> u32 {
        self.conn.id()
    }

    /// May be lent again.
    pub(super) fn is_fit(&self) -> bool {
        !self.is_asking && !self.is_gone && !self.is_open
    }

    /// The server may still be at work for it, and is to stop that. Not so a commit: one that waits for its replica and is
    /// broken off can be read at once, though nobody else has it.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_asking && !self.is_gone && !self.is_committing
    }

    /// A commit was sent, and it is not known to be done.
    pub(super) fn is_committing(&self) -> bool {
        self.is_committing && !self.is_gone
    }

    /// Cancelled once its server is not the one to ask any more.
    pub(super) fn leaving(&self) -> CancellationToken {
        self.leaving.clone()
    }

    /// Says farewell if that can be done at once; closes it in any case. Of an open transaction nothing is left.
    pub(super) fn close(self) {
        if !self.is_gone {
            // nobody waits for the farewell's arrival
            let _ = self.conn.disconnect().now_or_never();
        }
    }

    /// Runs a statement with its values and gives each row to `take`; gives the number of rows that it touched.
    pub(super) async fn ask(
        &mut self,
        sql: &Sql,
        until: Instant,
        take: &mut (impl FnMut(Row) -> Next + Send),
    ) -> Result<u64, Fault> {
        if sql.values.iter().map(value::bytes).sum::<usize>() + PACKET_SLACK > self.packet_bytes_max {
            return Err(Fault::fine(too_long_for_packet()));
        }
        self.begin_asking()?;
        let leaving = self.leaving.clone();
        let heard = hear(&leaving, Some(until), pin!(self.answer(sql, take))).await;
        let answer = self.heard(heard);
        if answer.as_ref().is_err_and(|fault| matches!(fault.after, After::Again | After::Changed)) {
            self.statements.by_text.remove(&sql.text);
        }
        answer
    }

    /// Runs text of our own: one statement, or several with `;` between, up to the first that fails.
    pub(super) async fn tell(&mut self, text: &str, until: Option<Instant>) -> Result<(), Fault> {
        self.begin_asking()?;
        let told = async {
            let answer = self.conn.query_drop(text).await;
            answer.map(|()| (Next::More, 0)).map_err(|error| self.place.fault(error))
        };
        let leaving = self.leaving.clone();
        let heard = hear(&leaving, until, pin!(told)).await;
        self.heard(heard).map(|_| ())
    }

    /// Ends the transaction for good.
    pub(super) async fn commit(&mut self, until: Instant) -> Result<(), Fault> {
        self.begin_asking()?;
        self.is_committing = true;
        let (commit, leaving) = (Arc::clone(&self.commit), self.leaving.clone());
        let told = async {
            let answer = self.conn.query_drop(&*commit).await;
            answer.map(|()| (Next::More, 0)).map_err(|error| {
                let fault = self.place.commit_fault(error);
                // of several statements, those behind the one that failed were not heard
                if *commit == *COMMIT { fault } else { Fault { after: After::Gone, ..fault } }
            })
        };
        let heard = hear(&leaving, Some(until), pin!(told)).await;
        self.heard(heard)?;
        self.is_open = false;
        Ok(())
    }

    /// Ends the transaction as if it had not been.
    pub(super) async fn roll_back(&mut self, until: Instant) -> Result<(), Fault> {
        self.tell("ROLLBACK", Some(until)).await?;
        self.is_open = false;
        Ok(())
    }

    fn begin_asking(&mut self) -> Result<(), Fault> {
        if self.is_asking || self.is_gone {
            return Err(self.place.lost("the connection broke off before this"));
        }
        self.is_asking = true;
        Ok(())
    }

    async fn answer(
        &mut self,
        sql: &Sql,
        take: &mut (impl FnMut(Row) -> Next + Send),
    ) -> Result<(Next, u64), Fault> {
        let statement = match self.statements.find(&sql.text) {
            Some(statement) => statement,
            None => Box::pin(self.prepare(&sql.text)).await?,
        };
        let values = Params::Positional(sql.values.iter().map(value::bound).collect());
        let place = &self.place;
        let mut rows = self.conn.exec_iter(&statement, values).await.map_err(|error| place.fault(error))?;
        while let Some(row) = rows.next().await.map_err(|error| place.fault(error))? {
            if take(row) == Next::Enough {
                return Ok((Next::Enough, 0));
            }
        }
        drop(rows);
        Ok((Next::More, self.conn.affected_rows()))
    }

    async fn prepare(&mut self, text: &str) -> Result<Statement, Fault> {
        if names_a_place(text) {
            return Err(Fault::fine(Error::Broken {
                what: "a statement holds `:name`, which the driver reads",
            }));
        }
        if let Some(oldest) = self.statements.overflow() {
            self.conn.close(oldest).await.map_err(|error| self.place.fault(error))?;
        }
        let statement = self.conn.prep(text).await.map_err(|error| self.place.fault(error))?;
        self.statements.keep(text, statement.clone());
        Ok(statement)
    }

    /// What was heard, or not, of a question: notes what becomes of the connection.
    fn heard(&mut self, heard: Heard) -> Result<u64, Fault> {
        let answer = match heard {
            Heard::Answer(answer) => answer,
            // still asking: whoever takes its place stops the server's work for it
            Heard::Nothing => return Err(self.place.lost("no answer within the time for it")),
            Heard::Farewell => {
                self.is_gone = true;
                return Err(self.place.lost("it is not the primary any more"));
            }
        };
        match &answer {
            Ok((Next::Enough, _)) => return Ok(0),
            Ok((Next::More, _)) => {}
            Err(fault) => self.is_gone = fault.after == After::Gone,
        }
        (self.is_asking, self.is_committing) = (false, false);
        answer.map(|(_, touched)| touched)
    }
}

impl Statements {
    fn find(&mut self, text: &str) -> Option<Statement> {
        self.clock += 1;
        let prepared = self.by_text.get_mut(text)?;
        prepared.used = self.clock;
        Some(prepared.statement.clone())
    }

    fn keep(&mut self, text: &str, statement: Statement) {
        self.by_text.insert(text.to_owned(), Prepared { statement, used: self.clock });
    }

    /// The one to forget before another comes.
    fn overflow(&mut self) -> Option<Statement> {
        if self.by_text.len() < STATEMENTS_MAX {
            return None;
        }
        let oldest = self.by_text.iter().min_by_key(|(_, prepared)| prepared.used);
        let text = oldest.map(|(text, _)| text.clone())?;
        self.by_text.remove(&text).map(|prepared| prepared.statement)
    }
}

/// Waits for an answer, until a moment if one is set, and for as long as its server is the one to ask. The question is pinned by
/// whoever asks it: it is large, and is not moved about.
async fn hear(
    leaving: &CancellationToken,
    until: Option<Instant>,
    mut answer: Pin<&mut impl Future<Output = Result<(Next, u64), Fault>>>,
) -> Heard {
    if leaving.is_cancelled() {
        return Heard::Farewell;
    }
    let over = async {
        match until {
            Some(until) => sleep_until(until).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        answer = &mut answer => Heard::Answer(answer),
        () = over => Heard::Nothing,
        () = leaving.cancelled() => Heard::Farewell,
    }
}

/// True when the driver could take a part of the text for a place with a name, which it would rewrite.
fn names_a_place(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair[0] == b':' && matches!(pair[1], b'a'..=b'z' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::names_a_place;

    #[test]
    fn what_the_driver_would_rewrite_is_seen() {
        assert!(names_a_place("SELECT ':a'"));
        assert!(!names_a_place("SELECT date_format(x,'%H:%i:%s.000'), x::1"));
    }
}
