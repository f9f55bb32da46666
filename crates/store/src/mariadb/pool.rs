//! The connections to a server, and what is asked outside of transactions.
//!
//! Each question and each transaction has a connection to itself: the protocol answers in order, and the driver asks one
//! thing at a time. A permit says that one may be used; `brief_connections` of them are never given to anything long.
//!
//! When a connection breaks a new *era* begins: those that were made before it are not lent any more, because a server
//! that was restarted has dropped all of them. A connection on which an answer was still due is closed, and the next one
//! that is made tells the server to stop working for it; so the server never works for more than it has permits. A commit is
//! not broken off: its place stays taken for a while.
//!
//! Where several agree on who is primary, an era ends as well when that changes, and all connections to where it was are
//! closed: lent ones, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{self, Following, Gather, Listing, Page};
use super::fault::{After, Fault};
use super::line::{Line, Mode};
use super::link::Link;
use super::session::{Session, Stance};
use crate::config::{Config, Primary, Server};
use crate::dialect::Sql;
use crate::error::Error;
use crate::query::Value;
use crate::remote::{Cells, Standing, permit};
use crate::row::Row;
use crate::seat::{self, Seat};

/// How much longer than a statement's own limit, which the server keeps, its answer is waited for.
const ANSWER_GRACE: Duration = Duration::from_secs(3);

/// All connections to one server.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    version: String,
    read_time_max: Duration,
    log_poll_every: Duration,
}

/// What leases come back to.
pub(super) struct Shared {
    session: Session,
    lines: Mutex<Lines>,
    /// One for each connection that may be in use.
    all: Arc<Semaphore>,
    /// Those that may be in use for what is long.
    long: Arc<Semaphore>,
    connections_max: usize,
    connection_wait_max: Duration,
    write_time_max: Duration,
    closing: CancellationToken,
    tasks: TaskTracker,
    runtime: Handle,
}

#[derive(Default)]
struct Lines {
    asking: Vec<Line>,
    writing: Vec<Line>,
    /// Connections that are there, idle or lent, and those being made.
    open: usize,
    era: u64,
    /// The server's numbers of connections that were closed with an answer due.
    unanswered: Vec<u32>,
    is_closed: bool,
}

/// A connection on loan.
pub(super) struct Lease {
    shared: Arc<Shared>,
    line: Option<Line>,
    permits: Option<Permits>,
}

/// A place, and one of those for what is long.
type Permits = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// What a connection is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Brief,
    Long,
}

impl Pool {
    pub(crate) async fn open(server: &Server, config: &Config) -> Result<Pool, Error> {
        Pool::open_as(Stance::Leads, server, config).await
    }

    /// Those to a replica, whose tables are its primary's.
    pub(crate) async fn open_deputy(server: &Server, config: &Config) -> Result<Pool, Error> {
        Pool::open_as(Stance::Follows, server, config).await
    }

    async fn open_as(stance: Stance, server: &Server, config: &Config) -> Result<Pool, Error> {
        let session = Session::new(server, config, stance);
        let mut primary = config.primary.clone();
        if let Some(primary) = &mut primary {
            session.seat.move_to(&primary.borrow_and_update());
        }
        let (made, bytes_max, greeting) = session.greet().await?;
        let line = Line::new(made, packet(bytes_max), 0);
        let lines = Lines { asking: vec![line], open: 1, ..Lines::default() };
        let connections_max = config.connections + config.brief_connections;
        let shared = Shared {
            session,
            lines: Mutex::new(lines),
            all: Arc::new(Semaphore::new(connections_max)),
            long: Arc::new(Semaphore::new(config.connections)),
            connections_max,
            connection_wait_max: config.connection_wait_max,
            write_time_max: config.write_time_max,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        };
        let shared = Arc::new(shared);
        if let Some(primary) = primary {
            let going = Arc::downgrade(&shared);
            let go = move |primary: &Primary| going.upgrade().map(|shared| shared.go_to(primary)).is_some();
            shared.spawn(seat::follow(primary, shared.closing.clone(), go));
        }
        Ok(Pool {
            shared,
            version: greeting.version,
            read_time_max: config.read_time_max,
            log_poll_every: config.log_poll_every,
        })
    }

    pub(crate) async fn take(&self) -> Result<Link, Error> {
        Ok(Link::new(Shared::lease(&self.shared, Mode::Writing, Length::Long).await?))
    }

    pub(crate) async fn brief(&self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        self.cells(sql, Length::Brief).await
    }

    pub(crate) async fn brief_rows(&self, sql: &Sql) -> Result<Vec<Row>, Error> {
        let mut page = Page::ending(usize::MAX);
        self.ask(sql, Length::Brief, &mut page).await?;
        Ok(page.done()?.unwrap_or_default())
    }

    pub(crate) async fn rows(&self, sql: &Sql, bytes_max: usize) -> Result<Option<Vec<Row>>, Error> {
        let mut page = Page::ending(bytes_max);
        self.ask(sql, Length::Long, &mut page).await?;
        page.done()
    }

    pub(crate) async fn query(&self, sql: &Sql) -> Result<Vec<Cells>, Error> {
        self.cells(sql, Length::Long).await
    }

    /// How far a replica has come. What it has received is asked before what it has applied.
    pub(crate) async fn standing(&self) -> Result<Standing, Error> {
        let sql = |text: &str| Sql { text: text.into(), values: Vec::new() };
        let mut stream = Following::default();
        self.ask(&sql("SHOW SLAVE STATUS"), Length::Brief, &mut stream).await?;
        let text = "SELECT CAST(@@global.read_only AS CHAR), @@global.gtid_slave_pos, \
                    CAST((unix_timestamp() - variable_value) * 1000000 AS SIGNED), CAST(variable_value AS SIGNED) \
                    FROM information_schema.global_status WHERE variable_name = 'UPTIME'";
        let told = self.brief(&sql(text)).await?;
        let row = told.first().map_or(&[][..], Vec::as_slice);
        let number = |column: usize| match row.get(column) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        };
        let text = |column: usize| match row.get(column) {
            Some(Value::Text(text)) => &**text,
            _ => "",
        };
        Ok(Standing {
            follows: !matches!(text(0), "" | "0" | "OFF"),
            received: stream.received(),
            applied: answer::sequence(text(1)).unwrap_or(0),
            birth: number(2),
            runs_s: number(3),
        })
    }

    /// This server can't tell of news: it is time to look.
    pub(crate) async fn hear(&self) {
        tokio::time::sleep(self.log_poll_every).await;
    }

    pub(crate) fn server(&self) -> Arc<str> {
        self.shared.session.seat.name()
    }

    /// Where the primary is.
    pub(crate) fn seat(&self) -> &Seat {
        &self.shared.session.seat
    }

    /// Grows with each loss of a connection, and whenever another server becomes the one to ask.
    pub(crate) fn era(&self) -> u64 {
        self.shared.lines().era
    }

    pub(crate) fn version(&self) -> String {
        self.version.clone()
    }

    pub(crate) fn close(&self) {
        self.shared.closing.cancel();
        self.shared.all.close();
        self.shared.long.close();
        let mut lines = self.shared.lines();
        lines.is_closed = true;
        let idle = lines.clear();
        drop(lines);
        idle.into_iter().for_each(Line::close);
    }

    async fn cells(&self, sql: &Sql, length: Length) -> Result<Vec<Cells>, Error> {
        let mut table = Listing::default();
        self.ask(sql, length, &mut table).await?;
        table.done()
    }

    /// Asks, and once more when the question met others: alone it can do so without anybody's knowing.
    async fn ask(&self, sql: &Sql, length: Length, into: &mut impl Gather) -> Result<(), Error> {
        let mut lease = Shared::lease(&self.shared, Mode::Asking, length).await?;
        let mut tries_left = 2;
        loop {
            let until = Instant::now() + self.read_time_max + ANSWER_GRACE;
            tries_left -= 1;
            match lease.line().ask(sql, until, &mut |row| into.take(row)).await {
                Ok(_) => return Ok(()),
                Err(fault) if fault.after == After::Again && tries_left > 0 => into.begin(),
                Err(fault) => return Err(lease.failed(fault)),
            }
        }
    }
}

impl Shared {
    async fn lease(shared: &Arc<Shared>, mode: Mode, length: Length) -> Result<Lease, Error> {
        let permits = shared.permits(length).await?;
        let idle = shared.lines().pick(mode, shared.connections_max)?;
        let line = match idle {
            Some(line) => line,
            // rare and large
            None => Box::pin(Self::connect(shared)).await?,
        };
        let mut lease = Lease { shared: Arc::clone(shared), line: Some(line), permits: Some(permits) };
        if lease.line().mode() != mode {
            Box::pin(lease.switch(mode)).await?;
        }
        Ok(lease)
    }

    /// Waits for a place, long ones first for one of theirs.
    async fn permits(&self, length: Length) -> Result<Permits, Error> {
        let long = match length {
            Length::Brief => None,
            Length::Long => Some(permit(&self.long, self.connection_wait_max).await?),
        };
        Ok((permit(&self.all, self.connection_wait_max).await?, long))
    }

    /// Makes a connection, whose place was counted.
    async fn connect(shared: &Arc<Shared>) -> Result<Line, Error> {
        let mut making = Making { shared, is_made: false };
        let (era, unanswered) = {
            let mut lines = shared.lines();
            (lines.era, std::mem::take(&mut lines.unanswered))
        };
        let (made, bytes_max) = shared.session.connect().await?;
        let mut line = Line::new(made, packet(bytes_max), era);
        let until = Instant::now() + ANSWER_GRACE;
        // numbers only grow while a server runs: a higher one is another server's, where it may be anybody's
        let own = line.id();
        for id in unanswered.into_iter().filter(|id| *id < own) {
            // one that has ended by itself is no failure
            let told = line.tell(&format!("KILL {id}"), Some(until)).await;
            if let Err(Fault { error, after: After::Gone }) = told {
                return Err(error);
            }
        }
        making.is_made = true;
        Ok(line)
    }

    /// Goes where the primary is now, and ends all connections to where it was.
    fn go_to(&self, primary: &Primary) {
        let left = self.session.seat.move_to(primary);
        let era = self.lines().era;
        self.lost(era);
        left.leaving.cancel();
    }

    /// Runs a task beside the callers, also when none of them is in a runtime (something is dropped there).
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // what is held under the lock is consistent between any two of its statements
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of this era broke.
    fn lost(&self, era: u64) {
        let mut lines = self.lines();
        if lines.era != era {
            return;
        }
        lines.era += 1;
        lines.unanswered.clear();
        let idle = lines.clear();
        drop(lines);
        idle.into_iter().for_each(Line::close);
    }

    fn give_back(&self, line: Line) {
        let mut lines = self.lines();
        if line.is_fit() && line.era == lines.era && !lines.is_closed {
            lines.idle(line.mode()).push(line);
            return;
        }
        lines.open -= 1;
        if line.is_unanswered() && line.era == lines.era {
            lines.unanswered.push(line.id());
        }
        drop(lines);
        line.close();
    }
}

impl Lines {
    fn idle(&mut self, mode: Mode) -> &mut Vec<Line> {
        match mode {
            Mode::Asking => &mut self.asking,
            Mode::Writing => &mut self.writing,
        }
    }

    /// An idle one, the one used last first; or none, and the place of a new one is counted.
    fn pick(&mut self, mode: Mode, connections_max: usize) -> Result<Option<Line>, Error> {
        if self.is_closed {
            return Err(Error::Busy);
        }
        if let Some(line) = self.idle(mode).pop() {
            return Ok(Some(line));
        }
        if self.open < connections_max {
            self.open += 1;
            return Ok(None);
        }
        let other = if mode == Mode::Asking { Mode::Writing } else { Mode::Asking };
        // all are there, and whoever has a permit finds one of them idle
        self.idle(other).pop().map(Some).ok_or(Error::Busy)
    }

    /// Takes all idle ones out.
    fn clear(&mut self) -> Vec<Line> {
        let mut idle = std::mem::take(&mut self.asking);
        idle.append(&mut self.writing);
        self.open -= idle.len();
        idle
    }
}

/// A connection that is being made: its place is free again unless it was.
struct Making<'a> {
    shared: &'a Shared,
    is_made: bool,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if !self.is_made {
            self.shared.lines().open -= 1;
        }
    }
}

impl Lease {
    pub(super) fn line(&mut self) -> &mut Line {
        self.line.as_mut().expect("a lease holds its connection until it is dropped")
    }

    /// Notes what a failure says of the other connections.
    pub(super) fn failed(&mut self, fault: Fault) -> Error {
        if matches!(fault.error, Error::Lost { .. }) {
            let era = self.line().era;
            self.shared.lost(era);
        }
        fault.error
    }

    /// The end of a write that begins now.
    pub(super) fn write_until(&self) -> Instant {
        Instant::now() + self.shared.write_time_max + ANSWER_GRACE
    }

    /// The texts that lift and set again the time of one statement in a transaction.
    pub(super) fn unhurried(&self) -> (&'static str, String) {
        self.shared.session.unhurried()
    }

    async fn switch(&mut self, mode: Mode) -> Result<(), Error> {
        let text = self.shared.session.switch(mode).to_owned();
        let until = Instant::now() + ANSWER_GRACE;
        match self.line().tell(&text, Some(until)).await {
            Ok(()) => {
                let limit = self.shared.session.limit(mode);
                self.line().becomes(mode, limit);
                Ok(())
            }
            Err(fault) => Err(self.failed(fault)),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(line) = self.line.take() else { return };
        if line.is_committing() {
            // it may wait for its replica for long, and keeps its place at the server meanwhile
            let (leaving, limit, permits) = (line.leaving(), self.shared.write_time_max, self.permits.take());
            self.shared.spawn(async move {
                // whichever comes first
                let _ = leaving.run_until_cancelled(tokio::time::sleep(limit)).await;
                drop(permits);
            });
        }
        self.shared.give_back(line);
    }
}

fn packet(bytes_max: u64) -> usize {
    usize::try_from(bytes_max).unwrap_or(usize::MAX)
}
