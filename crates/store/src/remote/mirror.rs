//! A mirror: a database server that runs nothing of ours, such as a cloud's managed one, and follows by a login alone.
//!
//! Whoever looks after it reads the primary's change log, and brings the mirror what the log names: the records as they are by
//! now, the rows of the log with their positions, settings, tables, views and indexes. So a mirror is a database that the
//! service could go on with at any time; the mark in it ([`mark`]) keeps everybody from doing so before it is released.
//!
//! Map, in reading order: `mark` (what a mirror says of itself), `core` (what is to be done next), `batch` (what it is
//! brought, read at one moment), `target` (written to it), `copy` (it is begun, and copied), `compare` (both sides, range by range), `release` (it becomes the
//! service's database), `look` (from outside).
//!
//! **Why not the server's own replication.** PostgreSQL's logical replication needs a superuser or a role that clouds name each in
//! its own way, a line from the mirror to the primary, a slot that fills the primary's disk while the mirror is away, carries no
//! definitions, hands out commits before replicas have confirmed them, and has to be begun anew after each takeover on 15 and 16.
//! MariaDB's wants SUPER or a cloud's procedures. The change log has none of these: positions go through takeovers unharmed, what
//! is read has been confirmed, and a mirror that was away too long costs the primary nothing but the log that it keeps anyway.
//!
//! **A batch is one moment.** Changes and records are read in one snapshot and written in one transaction together with the
//! mark. When the batch reaches the newest change, the mirror is the primary as it was at that moment; before that (while it
//! catches up) single records may be newer than their change's turn.
//!
//! **A copy needs no lock and no slot.** The position is noted, records are copied page by page, each page in one transaction with
//! its place in the mark, and then all that changed after the position is brought again. Whoever takes over from one that died
//! goes on at that place.
//!
//! **When the mirror and the primary have parted** (a person gave writes up, the log was trimmed, the mirror was away too long),
//! both are compared range by range by sums that the servers make themselves, and only ranges that differ are copied.

mod batch;
mod compare;
mod copy;
mod core;
mod look;
mod mark;
mod release;
mod target;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base::chance;
use base::time::Clock;
use tokio::time::Instant;

use crate::config::Config;
use crate::error::Error;
use crate::query::Value;
use crate::remote::words::text;
use crate::remote::{Link, Remote, Side, string};
use crate::row::Table;

use self::core::{Begin, Facts, Log, Next, Refusal};
use batch::{Batch, Fresh};
use mark::{At, Mark};
use target::Target;

pub use look::{Holds, Look, look};
pub(crate) use mark::{MARK, forbids};
pub use release::{Handed, Released, release};

/// The setting by which a primary's database is known to its mirrors.
const NAME: &str = "mirrored";
/// Letters of such a name, and of an owner's.
const NAME_LENGTH: usize = 20;
/// Records that are compared at once, and copied page by page where they differ.
const RANGE: usize = 2_000;
/// Changes that are brought at once.
const STEP: usize = 1_000;
/// How often settings, views and indexes are looked at though nothing was written.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the mirror's log is trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(30);
/// Longest hold on a mirror by a person's command, unless it is renewed.
const HOLD: Duration = Duration::from_secs(60);

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// One of the databases failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// It can't be done; the sentence says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// Another one looks after it by now.
    #[error("another process looks after this mirror")]
    Displaced,
    /// The mirror is the service's own database by now.
    #[error("the mirror was released: it is a database of its own now, and follows nobody")]
    Released,
}

/// Which records declare tables.
#[derive(Clone, Debug)]
pub struct Declaring {
    /// Their table.
    pub table: Table,
    /// The table that a record of that id declares.
    pub declared: fn(&str) -> Table,
}

/// How long whoever opens a mirror looks after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Until somebody else comes.
    Meanwhile,
    /// Nobody else may come until it ends, or was silent for a minute.
    Alone,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was done, and there is more.
    More,
    /// There is nothing to do for now.
    Rest,
    /// Another one looks after it for now.
    Left,
}

/// How far a mirror is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// It is copied.
    Copying,
    /// It is compared with the primary, and copied where it differs.
    Mending,
    /// It follows.
    Following,
    /// It is the service's own database.
    Released,
}

/// What is known of a mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How far it is.
    pub stage: Stage,
    /// The change up to which it has everything.
    pub position: i64,
    /// The primary's newest one.
    pub newest: i64,
    /// The moment whose state it has, in milliseconds since 1970.
    pub as_of: i64,
    /// Records that were copied or found to be the same, and about how many there are; while it is copied.
    pub rows: u64,
    /// About how many there are.
    pub rows_about: u64,
    /// Its server's version.
    pub version: String,
    /// What a person should know.
    pub trouble: Option<String>,
}

/// A mirror that is looked after.
pub struct Mirror {
    source: Arc<Remote>,
    side: Side,
    target: Target,
    declaring: Declaring,
    clock: Clock,
    owner: String,
    term: Term,
    of: String,
    /// As it was read or written last; `None` before it was read, and after a failure.
    mark: Option<Option<Mark>>,
    log: Log,
    looked: Option<Instant>,
    trimmed: Instant,
    told: Told,
    /// Records that have changed since both sides were compared.
    touched: HashSet<(Arc<str>, Arc<str>)>,
}

impl Mirror {
    /// Opens both sides; `source` is the primary.
    pub async fn open(
        source: Config,
        target: Config,
        clock: Clock,
        declaring: Declaring,
        term: Term,
    ) -> Result<Mirror, Fault> {
        if std::mem::discriminant(&source.engine) != std::mem::discriminant(&target.engine) {
            let what =
                "a mirror is of the same kind as the primary: PostgreSQL of PostgreSQL, MariaDB of MariaDB";
            return Err(Fault::Refused(what.into()));
        }
        let source = Remote::open_still(source, clock.clone()).await?;
        let of = name(&source).await?;
        let remote = Remote::open_still(target, clock.clone()).await?;
        let owner = chance::word(NAME_LENGTH);
        let told = Told { version: remote.version(), ..Told::default() };
        Ok(Mirror {
            side: Side::new(Arc::clone(&source)),
            source,
            target: Target::new(remote, owner.clone()),
            declaring,
            clock,
            owner,
            term,
            of,
            mark: None,
            log: Log::NotCompared,
            looked: None,
            trimmed: Instant::now(),
            told,
            touched: HashSet::new(),
        })
    }

    /// How far it is, by what was seen last.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// About how many records the primary has.
    pub async fn rows_about(&mut self) -> Result<u64, Error> {
        let tables = self.side.tables().await?;
        self.count_about(&tables).await?;
        Ok(self.told.rows_about)
    }

    /// Does what is to be done next, a little of it.
    pub async fn step(&mut self) -> Result<Step, Fault> {
        let done = self.try_step().await;
        if done.is_err() {
            // whether the last commit happened is found out by reading
            self.mark = None;
            self.side.end().await;
        }
        done
    }

    async fn try_step(&mut self) -> Result<Step, Fault> {
        let now = self.clock.now().0;
        self.source.newest().await?;
        let ends = self.source.ends().await?;
        if self.mark.is_none() {
            self.mark = Some(self.target.learn().await?);
            self.looked = None;
        }
        let mark = self.mark.clone().flatten();
        let next = self::core::next(Facts {
            mark: mark.as_ref(),
            holds_records: self.target.holds_records(),
            of: &self.of,
            owner: &self.owner,
            now,
            epoch: self.source.pool.epoch(),
            newest: ends.newest,
            oldest: ends.oldest,
            log: self.log,
        });
        self.tell(mark.as_ref(), ends.newest);
        match (next, mark) {
            (Next::Refuse(Refusal::Released), _) => Err(Fault::Released),
            (Next::Refuse(refusal), _) => Err(Fault::Refused(self.words(refusal))),
            (Next::Begin(begin), mark) => self.begin(begin, mark.is_none(), ends.newest).await,
            (Next::Claim, Some(seen)) => self.claim(&seen).await,
            (Next::Copy, Some(mark)) => self.copy(mark).await,
            (Next::CompareLogs, Some(mark)) => {
                self.log = self.compare_logs(mark.position).await?;
                Ok(Step::More)
            }
            (Next::Follow, Some(mark)) => self.follow(mark, ends.newest, now).await,
            (Next::Leave, _) | (_, None) => {
                self.mark = None;
                Ok(Step::Left)
            }
        }
    }

    /// Closes both sides, and lets others look after it at once.
    pub async fn close(mut self) {
        if let Some(Some(mark)) = self.mark.take()
            && mark.owner == self.owner
            && self.term == Term::Alone
        {
            // otherwise they wait until the hold ends
            let _ = self.target.put_mark(&Mark { held_until: 0, ..mark }).await;
        }
        self.side.end().await;
        self.source.close().await;
        self.target.remote.close().await;
    }

    fn tell(&mut self, mark: Option<&Mark>, newest: i64) {
        self.told.newest = newest;
        let Some(mark) = mark else { return };
        (self.told.position, self.told.as_of) = (mark.position, self.told.as_of.max(mark.as_of));
        self.told.stage = match &mark.stage {
            At::Copying { rows, compares, .. } => {
                self.told.rows = *rows;
                if *compares { Stage::Mending } else { Stage::Copying }
            }
            At::Claims { .. } => Stage::Copying,
            At::Following | At::Ready => Stage::Following,
            At::Released => Stage::Released,
        };
    }

    fn words(&self, refusal: Refusal) -> String {
        let place = self.target.remote.pool.server();
        match refusal {
            Refusal::NotEmpty => format!(
                "the database at {place} holds a service's records already and is no mirror: name an empty one, or empty it"
            ),
            Refusal::Anothers => format!(
                "the database at {place} is the mirror of another service's database: name another one, or empty it"
            ),
            Refusal::Released => Fault::Released.to_string(),
        }
    }

    /// A mark of ours.
    fn mark(&self, stage: At, position: i64, as_of: i64) -> Mark {
        let held_until = match self.term {
            Term::Meanwhile => 0,
            Term::Alone => self.clock.now().0 + i64::try_from(HOLD.as_millis()).unwrap_or(0),
        };
        let (of, owner, epoch) = (self.of.clone(), self.owner.clone(), self.source.pool.epoch());
        Mark { of, owner, held_until, epoch, stage, position, as_of }
    }

    async fn claim(&mut self, seen: &Mark) -> Result<Step, Fault> {
        // the reign stays that of the copy: of another one it is begun anew
        let ours =
            |mark: Mark| Mark { epoch: mark.epoch, ..self.mark(mark.stage, mark.position, mark.as_of) };
        let mark = self.target.claim(&seen.owner, ours).await?;
        self.mark = Some(Some(mark));
        self.log = Log::NotCompared;
        Ok(Step::More)
    }

    async fn note(&mut self, mark: Mark) -> Result<Step, Fault> {
        self.target.put_mark(&mark).await?;
        self.mark = Some(Some(mark));
        Ok(Step::More)
    }

    /// Brings the next changes.
    async fn follow(&mut self, mark: Mark, newest: i64, now: i64) -> Result<Step, Fault> {
        if self.trimmed.elapsed() > TRIM_EVERY {
            self.trimmed = Instant::now();
            self.trim().await?;
        }
        let is_due = self.looked.is_none_or(|at| at.elapsed() > LOOK_EVERY);
        if newest == mark.position && !is_due {
            self.told.as_of = now;
            return Ok(Step::Rest);
        }
        let has_more = self.bring(mark, STEP, Fresh::Later, now).await?;
        self.looked = Some(Instant::now());
        Ok(if has_more { Step::More } else { Step::Rest })
    }

    /// Reads a batch in a snapshot and brings it; whether there is more.
    async fn bring(&mut self, mark: Mark, limit: usize, fresh: Fresh, now: i64) -> Result<bool, Fault> {
        let mut limit = limit;
        loop {
            self.side.freeze().await?;
            let read =
                Batch::read(&mut self.side, self.source.kind, mark.position, limit, fresh, &self.declaring)
                    .await;
            self.side.thaw().await?;
            let batch = match read {
                Err(Error::Gone) => {
                    self.begin(Begin::Short, false, self.told.newest).await?;
                    return Ok(true);
                }
                read => read?,
            };
            match self.put(&batch, &mark, now).await {
                // a value has gone to a record from one whose change is still to come: at the log's end nothing is
                Err(Fault::Store(Error::Unique { .. })) if batch.has_more => limit = limit.saturating_mul(8),
                Err(Fault::Store(Error::Unique { .. })) => {
                    let newest = self.source.newest().await?;
                    self.begin_at(false, false, newest).await?;
                    return Ok(true);
                }
                done => {
                    done?;
                    return Ok(batch.has_more);
                }
            }
        }
    }

    async fn put(&mut self, batch: &Batch, mark: &Mark, now: i64) -> Result<(), Fault> {
        let as_of = if batch.has_more { batch.last_at.max(mark.as_of) } else { now };
        let mark = self.mark(At::Following, batch.position, as_of);
        self.target.apply(batch, &mark).await?;
        for (table, (ids, _)) in &batch.records {
            self.touched.extend(ids.iter().map(|id| (Arc::clone(table), Arc::clone(id))));
        }
        if self.term == Term::Meanwhile {
            self.touched.clear();
        }
        (self.told.position, self.told.as_of) = (batch.position, as_of);
        self.mark = Some(Some(mark));
        Ok(())
    }

    /// Deletes from the mirror's log what its settings don't keep.
    async fn trim(&mut self) -> Result<(), Fault> {
        let remote = &self.target.remote;
        remote.trim(remote.config.change_log_rows_max, remote.ends().await?).await?;
        remote.trim_once().await?;
        remote.look_after_indexes();
        let failed = "SELECT name,note FROM idx WHERE state='failed' ORDER BY name LIMIT 1";
        let failed = self.target.query(failed, Vec::new()).await?;
        let words = |row: &Vec<Value>| {
            format!("the index {} could not be built there: {}", string(row, 0), string(row, 1))
        };
        self.told.trouble = failed.first().map(words);
        Ok(())
    }

    async fn count_about(&mut self, tables: &[Table]) -> Result<(), Error> {
        if self.told.rows_about > 0 {
            return Ok(());
        }
        for table in tables {
            self.told.rows_about += self.source.count_about(table).await?.unwrap_or_default();
        }
        Ok(())
    }
}

/// What the primary's database is known by to mirrors; it is named where it was not.
async fn name(source: &Arc<Remote>) -> Result<String, Error> {
    if let Some(name) = source.setting(NAME).await? {
        return Ok(name);
    }
    let kind = source.kind;
    let sql = kind.either(
        "INSERT INTO meta(name, value) VALUES (?t, ?t) ON CONFLICT (name) DO NOTHING",
        "INSERT IGNORE INTO meta(name, value) VALUES (?t, ?t)",
    );
    let sql = kind.sql(sql, vec![text(&format!("setting.{NAME}")), text(&chance::word(NAME_LENGTH))]);
    source.aside(async |link: &mut Link| link.execute(&sql).await).await?;
    Ok(source.setting(NAME).await?.unwrap_or_default())
}
