//! Reading from a deputy, while the primary does not answer: no reader is shown what is older than anything that anybody was
//! shown before, nor what may be taken back.
//!
//! Not older, by a proof that begins after the request did: those who agree on who is primary name a replica that commits are
//! waiting for; so it has received all that was ever shown. Then it is waited for until it has applied what it had received.
//! One proof serves all who wait for one at that time, and all reads of a request.
//!
//! Not taken back, by a look after each read: a replica shows what it has received, also where the primary could not show it yet,
//! being still without the confirmation. But a change that has a position was seen at the primary by whoever gave it. What has
//! none there is in doubt: what was read and may hold it is read again, until it is known or the primary answers.
//!
//! Invariant: what is given out was read from a server that has not been started anew since its proof.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::change::Position;
use crate::config::{Config, Engine};
use crate::deputy::{self, Deputies, Deputy};
use crate::error::Error;
use crate::query::walk::{self, Met};
use crate::query::{Select, Source, Value};
use crate::remote::words::Kind;
use crate::remote::{Cells, Pool, Remote, int, string};
use crate::row::Table;

/// Connections to a deputy for long reads.
const CONNECTIONS: usize = 4;
/// Pause before a deputy is asked again, and between two looks how far it has come.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a deputy may take to show that it will do.
const PROOF_TIME_MAX: Duration = Duration::from_secs(1);
/// Changes in doubt that are looked through; with more of them, all is in doubt.
const DOUBTS_MAX: i64 = 1_000;
/// How far apart two reckonings of the moment at which a server began may be, in microseconds: MariaDB counts whole seconds.
const BIRTH_SLACK_US: i64 = 2_500_000;

/// How far a replica has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It takes no writes.
    pub(crate) follows: bool,
    /// How far it has received; `None`: it does not know.
    pub(crate) received: Option<i64>,
    /// How far of that can be read.
    pub(crate) applied: i64,
    /// When the server was started, in microseconds of its own clock.
    pub(crate) birth: i64,
    /// For how long it has run, in seconds.
    pub(crate) runs_s: i64,
}

/// That a deputy has everything that anybody was shown before the proof began.
#[derive(Clone)]
pub(crate) struct Proof {
    pool: Arc<Pool>,
    birth: i64,
    is_heir: bool,
}

/// What a read may have seen.
#[derive(Clone, Debug)]
pub(super) enum Touches<'a> {
    /// One record.
    Record(&'a Table, &'a str),
    /// Records of the tables that a selection reads.
    Selection(&'a Select),
    /// No record.
    Nothing,
}

/// All about deputies.
pub(super) struct Desk {
    deputies: Arc<dyn Deputies>,
    pools: Mutex<HashMap<(String, u16), Arc<Pool>>>,
    /// What came of the proof that was begun last, and when. Held by whoever is at the next one.
    last: tokio::sync::Mutex<Option<(Instant, Result<Proof, Error>)>>,
    /// The primary was silent when it was asked last.
    is_away: AtomicBool,
}

impl Desk {
    pub(super) fn new(config: &Config) -> Option<Desk> {
        let deputies = config.deputies.clone()?;
        Some(Desk {
            deputies,
            pools: Mutex::default(),
            last: tokio::sync::Mutex::default(),
            is_away: AtomicBool::new(false),
        })
    }

    /// Closes the connections to those that have answered.
    pub(super) fn close(&self) {
        for (_, pool) in self.pools().drain() {
            pool.close();
        }
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<(String, u16), Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote {
    /// A read, to be put into a piece of memory of its own: asked of the primary, and where that is silent of a deputy, if the request may
    /// be answered by one. What is rare in it has its own piece, made only then.
    pub(super) async fn read<T, A>(
        &self,
        touches: Touches<'_>,
        ask: impl Fn(Arc<Pool>) -> A,
    ) -> Result<T, Error>
    where
        A: Future<Output = Result<T, Error>>,
    {
        let of_primary = || ask(Arc::clone(&self.pool));
        match self.desk.as_ref().filter(|_| deputy::may_answer()) {
            None => self.patiently(of_primary).await,
            Some(desk) => {
                let of_deputy = || self.of_deputy(desk, touches, &ask);
                self.first(desk, pin!(self.patiently(of_primary)), of_deputy).await
            }
        }
    }

    /// The newest position, as [`Remote::newest`] knows it; `None` where it can't be said now and a deputy answers reads.
    pub(crate) async fn newest_or_deputy(&self) -> Result<Option<i64>, Error> {
        let of_primary = pin!(async { self.newest().await.map(Some) });
        match self.desk.as_ref().filter(|_| deputy::may_answer()) {
            None => of_primary.await,
            Some(desk) => {
                let proving = || self.of_deputy(desk, Touches::Nothing, &|_| std::future::ready(Ok(None)));
                self.first(desk, of_primary, proving).await
            }
        }
    }

    /// Whether there may be any.
    pub(crate) fn has_deputies(&self) -> bool {
        self.desk.is_some()
    }

    /// The primary has answered, or is not asked in vain any more.
    pub(super) fn hear_primary(&self) {
        if let Some(desk) = &self.desk
            && desk.is_away.swap(false, Ordering::AcqRel)
        {
            tracing::info!("the primary answers reads again");
        }
    }

    /// Whether it is known that there is no use in asking the primary.
    fn is_primary_away(&self) -> bool {
        self.desk
            .as_ref()
            .is_some_and(|desk| desk.is_away.load(Ordering::Acquire) || self.pool.is_led_by_nobody())
    }

    /// Whichever answers first; the deputy is not asked before the primary is silent. What is rare, and large, is made only then.
    async fn first<T, D>(
        &self,
        desk: &Desk,
        mut from_primary: Pin<&mut impl Future<Output = Result<T, Error>>>,
        of_deputy: impl FnOnce() -> D,
    ) -> Result<T, Error>
    where
        D: Future<Output = Result<T, Error>>,
    {
        if let Some(answer) = self.unless_silent(desk, from_primary.as_mut()).await {
            return answer;
        }
        tokio::select! {
            biased;
            answer = from_primary => {
                if answer.is_ok() {
                    self.hear_primary();
                }
                answer
            }
            answer = Box::pin(of_deputy()) => answer,
        }
    }

    /// Something that only the primary can answer: it is not waited for while deputies answer in its place.
    pub(super) async fn only_of_primary<T>(
        &self,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(desk) = &self.desk else { return asked.await };
        let silent =
            || Error::Lost { server: self.pool.server().to_string(), source: "the primary is silent".into() };
        self.unless_silent(desk, pin!(asked)).await.unwrap_or_else(|| Err(silent()))
    }

    /// What the primary answers; nothing once it is silent.
    async fn unless_silent<T>(
        &self,
        desk: &Desk,
        mut from_primary: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Option<Result<T, Error>> {
        while !self.is_primary_away() {
            tokio::select! {
                biased;
                answer = &mut from_primary => return Some(answer),
                is_silent = self.is_silent() => if is_silent && !desk.is_away.swap(true, Ordering::AcqRel) {
                    tracing::warn!("the primary does not answer; reads are answered by a replica that has everything, as far as there is one");
                },
            }
        }
        None
    }

    /// Waits a while, then finds out whether the primary is silent, or only slow about what it was asked.
    async fn is_silent(&self) -> bool {
        let limit = self.config.deputy_after;
        sleep(limit).await;
        let asked = self.kind.sql("SELECT 1", Vec::new());
        !matches!(timeout(limit, Box::pin(self.pool.brief(&asked))).await, Ok(Ok(_)))
    }

    /// Asks deputies until one has answered.
    async fn of_deputy<T, A>(
        &self,
        desk: &Desk,
        touches: Touches<'_>,
        ask: &impl Fn(Arc<Pool>) -> A,
    ) -> Result<T, Error>
    where
        A: Future<Output = Result<T, Error>>,
    {
        loop {
            match self.ask_deputy(desk, &touches, ask).await {
                Err(error) if !matches!(error, Error::Slow { .. }) => {
                    tracing::debug!("no replica answers: {}", base::error::chain(&error));
                }
                answer => return answer,
            }
            deputy::keep(None);
            sleep(AGAIN_AFTER).await;
        }
    }

    async fn ask_deputy<T, A>(
        &self,
        desk: &Desk,
        touches: &Touches<'_>,
        ask: &impl Fn(Arc<Pool>) -> A,
    ) -> Result<T, Error>
    where
        A: Future<Output = Result<T, Error>>,
    {
        let proof = match deputy::proof() {
            Some(proof) => proof,
            None => self.prove(desk).await?,
        };
        deputy::keep(Some(proof.clone()));
        let answer = ask(Arc::clone(&proof.pool)).await?;
        // after the read: what it saw and has no position yet is found here
        let doubts = self.doubts(&proof.pool).await?;
        let lost =
            |why: &'static str| Error::Lost { server: proof.pool.server().to_string(), source: why.into() };
        if doubts.birth.abs_diff(proof.birth) > BIRTH_SLACK_US.unsigned_abs() {
            return Err(lost("it was started anew"));
        }
        if doubts.position < self.live.position() {
            return Err(lost("it lacks what was heard of here"));
        }
        if !proof.is_heir && doubts.meet(touches) {
            return Err(lost("it has received a change that is not known to be acknowledged"));
        }
        deputy::answered(Position(doubts.position));
        Ok(answer)
    }

    /// A proof that begins after this was asked: this one's own, or that of somebody who waited before.
    async fn prove(&self, desk: &Desk) -> Result<Proof, Error> {
        let asked = Instant::now();
        let mut last = desk.last.lock().await;
        if let Some((begun, outcome)) = &*last
            && *begun >= asked
        {
            return again(outcome);
        }
        let begun = Instant::now();
        let outcome = self.prove_now(desk).await;
        let told = again(&outcome);
        *last = Some((begun, outcome));
        told
    }

    async fn prove_now(&self, desk: &Desk) -> Result<Proof, Error> {
        let named = desk.deputies.name().await;
        let named = named.map_err(|source| Error::Lost { server: self.pool.server().to_string(), source })?;
        let mut failed = None;
        for deputy in &named {
            let proving = timeout(PROOF_TIME_MAX, self.prove_by(desk, deputy));
            match proving.await {
                Ok(Ok(proof)) => return Ok(proof),
                Ok(Err(error)) => failed = Some(error),
                Err(_) => failed = Some(unproved(deputy, "it does not answer in time")),
            }
        }
        Err(failed.unwrap_or_else(|| Error::Lost {
            server: self.pool.server().to_string(),
            source: "no replica is known to have everything".into(),
        }))
    }

    async fn prove_by(&self, desk: &Desk, deputy: &Deputy) -> Result<Proof, Error> {
        let pool = self.pool_of(desk, deputy).await?;
        let mut standing = pool.standing().await?;
        let Some(received) = standing.received.filter(|_| standing.follows) else {
            return Err(unproved(deputy, "it does not follow, or not since its start"));
        };
        let runs_min = i64::try_from(self.config.deputy_uptime_min.as_secs()).unwrap_or(i64::MAX);
        if self.kind == Kind::MariaDb && standing.runs_s < runs_min {
            return Err(unproved(deputy, "it was started a moment ago"));
        }
        while standing.applied < received {
            sleep(LOOK_EVERY).await;
            standing = pool.standing().await?;
        }
        Ok(Proof { pool, birth: standing.birth, is_heir: deputy.is_heir })
    }

    async fn pool_of(&self, desk: &Desk, deputy: &Deputy) -> Result<Arc<Pool>, Error> {
        let known = desk.pools().get(&deputy.address).cloned();
        if let Some(pool) = known {
            return Ok(pool);
        }
        let mut config =
            Config { primary: None, deputies: None, connections: CONNECTIONS, ..self.config.clone() };
        config.connect_time_max = config.connect_time_max.min(PROOF_TIME_MAX);
        if let Engine::Postgres(server) | Engine::MariaDb(server) = &mut config.engine {
            (server.host, server.port) = deputy.address.clone();
        }
        let pool = Arc::new(Pool::open_deputy(&config).await?);
        Ok(Arc::clone(desk.pools().entry(deputy.address.clone()).or_insert(pool)))
    }

    /// Which changes are there that the primary may not have shown yet.
    async fn doubts(&self, pool: &Pool) -> Result<Doubts, Error> {
        let birth = self.kind.either(
            "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint",
            "CAST((unix_timestamp() - (SELECT variable_value FROM information_schema.global_status \
             WHERE variable_name = 'UPTIME')) * 1000000 AS SIGNED)",
        );
        let sql = format!(
            "SELECT 0 AS which, h.pos AS pos, {birth} AS birth, '' AS tbl, '' AS record FROM head h WHERE h.id = 1 \
             UNION ALL (SELECT 1, 0, 0, tbl, record FROM \"change\" WHERE pos IS NULL LIMIT ?i)"
        );
        let found = pool.brief(&self.kind.sql(&sql, vec![Value::Int(DOUBTS_MAX + 1)])).await?;
        let head = found.iter().find(|row| int(row, 0) == 0).ok_or(Error::NoTable)?;
        let record = |row: &Cells| (string(row, 3), string(row, 4));
        let records = found.iter().filter(|row| int(row, 0) == 1).map(record).collect();
        Ok(Doubts { position: int(head, 1), birth: int(head, 2), records })
    }
}

/// What is in doubt at a replica.
struct Doubts {
    /// Where its log stands.
    position: i64,
    birth: i64,
    /// The records, each with its table.
    records: Vec<(String, String)>,
}

impl Doubts {
    /// Whether a read may have seen something of it.
    fn meet(&self, touches: &Touches<'_>) -> bool {
        if matches!(touches, Touches::Nothing) {
            return false;
        }
        let are_all_known = i64::try_from(self.records.len()).is_ok_and(|count| count <= DOUBTS_MAX);
        !are_all_known
            || self.records.iter().any(|(table, record)| match touches {
                Touches::Record(of, id) => of.as_str() == table && *id == record,
                Touches::Selection(select) => reads(select, table),
                Touches::Nothing => false,
            })
    }
}

fn reads(select: &Select, table: &str) -> bool {
    let mut is_read = false;
    walk::in_select(select, &mut |met| {
        is_read |= matches!(met, Met::Source(Source::Table(of), _) if of.as_str() == table);
    });
    is_read
}

fn again(outcome: &Result<Proof, Error>) -> Result<Proof, Error> {
    match outcome {
        Ok(proof) => Ok(proof.clone()),
        Err(error) => Err(error.again()),
    }
}

fn unproved(deputy: &Deputy, why: &'static str) -> Error {
    let (host, port) = &deputy.address;
    Error::Lost { server: format!("{host}:{port}"), source: why.into() }
}
