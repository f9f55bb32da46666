//! A mirror becomes the service's own database: planned, with all that was acknowledged; or, when the primary is gone, with what
//! it has.
//!
//! Planned, it is done as a move is (see `moving`): both sides are compared whole while the primary goes on, at one moment of it;
//! then writers are held out, the rest is brought, what changed since the comparison is compared record by record, and the
//! primary's database is left, so that nobody can write there any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::time::Clock;

use super::batch::{Batch, Fresh};
use super::compare::Range;
use super::core::{Begin, Log};
use super::mark::{self, At, Mark};
use super::{Fault, Mirror, RANGE, Step};
use crate::config::Config;
use crate::error::Error;
use crate::moving::Watch;
use crate::query::Value;
use crate::remote::{Remote, string};
use crate::row::Table;

/// Steps after which a primary that writes faster than the mirror takes is no longer waited for.
const STEPS_MAX: usize = 10_000;
/// Records that are compared one by one in the pause; more are compared whole before it.
const TOUCHED_MAX: usize = 5_000;
/// Longest wait for the writers that are under way when the pause begins.
const HOLD_WAIT: Duration = Duration::from_secs(4);
/// A pause that lasts longer is broken off before the primary is left.
const PAUSE_MAX: Duration = Duration::from_secs(6);
/// How much earlier than the pause a claim may bear its time and not have come yet, in milliseconds.
const CLAIMS_LATE_MAX: i64 = 600_000;
/// How often the hold on the mirror is renewed during a comparison.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// How far above what a mirror has its positions begin where it may lack some: nobody is to take a new change for a lost one.
const POSITION_GAP: i64 = 1_000_000;

/// What a handing over comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The primary's database is left; the mirror is the service's own.
    Over {
        /// How long writers were held out.
        pause: Duration,
        /// The last position, equal on both sides.
        position: i64,
    },
    /// Not in the time that writers wait: they have been let in again.
    NotYet,
    /// Too much has changed since both sides were compared: compare them again.
    CompareAgain,
}

/// A mirror that was released without its primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The last change that it has.
    pub position: i64,
    /// The moment whose state it has, in milliseconds since 1970.
    pub as_of: i64,
}

impl Mirror {
    /// Brings it near to the primary. [`Fault::Refused`] when it does not follow yet.
    pub async fn approach(&mut self, watch: &mut dyn Watch) -> Result<(), Fault> {
        for _ in 0..STEPS_MAX {
            if watch.is_stopped() {
                return Err(Fault::Refused("stopped: nothing was changed".into()));
            }
            match self.step().await? {
                Step::Rest => return Ok(()),
                Step::Left => return Err(Fault::Displaced),
                Step::More if self.is_copying() => {
                    return Err(Fault::Refused(
                        "the mirror is still being copied and does not have everything yet: wait until `ondol status` says that \
                         it follows"
                            .into(),
                    ));
                }
                Step::More => {}
            }
        }
        Err(Fault::Refused(
            "the primary is written to faster than the mirror takes it in: try when less is written".into(),
        ))
    }

    /// Compares both sides whole while the primary goes on; how many records there were.
    pub async fn compare(&mut self, watch: &mut dyn Watch) -> Result<u64, Fault> {
        self.approach(watch).await?;
        self.wait_for_indexes().await?;
        let mark = self.following()?;
        self.side.freeze().await?;
        let compared = self.compare_frozen(mark, watch).await;
        self.side.end().await;
        match compared? {
            Ok(rows) => Ok(rows),
            Err(table) => {
                let newest = self.source.newest().await?;
                self.begin(Begin::Parted, false, newest).await?;
                Err(Fault::Refused(format!(
                    "the table {table} is not the same on both sides: somebody else has written to the mirror, and nothing was \
                     handed over. What differs is copied anew by the primary's host; try again when `ondol status` says that it \
                     follows"
                )))
            }
        }
    }

    async fn compare_frozen(
        &mut self,
        mark: Mark,
        watch: &mut dyn Watch,
    ) -> Result<Result<u64, Table>, Fault> {
        let (kind, now) = (self.source.kind, self.clock.now().0);
        let declaring = self.declaring.clone();
        let all = usize::MAX;
        let batch = Batch::read(&mut self.side, kind, mark.position, all, Fresh::Records, &declaring).await?;
        self.put(&batch, &mark, now).await?;
        self.touched.clear();
        let (mut rows, mut renewed) = (0, Instant::now());
        for table in &batch.shape.tables {
            let (table, mut after) = (Table::new(table), Some(String::new()));
            while let Some(from) = after {
                if watch.is_stopped() {
                    return Err(Fault::Refused("stopped: nothing was changed".into()));
                }
                after = match self.compare_range(&table, &from, RANGE).await? {
                    Range::Same { rows: more, until } => {
                        rows += more;
                        until
                    }
                    Range::Differs => return Ok(Err(table)),
                };
                watch.at(rows);
                if renewed.elapsed() > RENEW_EVERY {
                    renewed = Instant::now();
                    let mark = self.following()?;
                    let mark = self.mark(At::Following, mark.position, mark.as_of);
                    self.note(mark).await?;
                }
            }
        }
        Ok(Ok(rows))
    }

    /// Holds writers out, brings the rest, and leaves the primary's database for `to`, the mirror in words.
    pub async fn hand_over(&mut self, to: &str, watch: &mut dyn Watch) -> Result<Handed, Fault> {
        self.approach(watch).await?;
        if self.touched.len() > TOUCHED_MAX {
            return Ok(Handed::CompareAgain);
        }
        match self.side.hold(HOLD_WAIT).await {
            Err(Error::Busy | Error::Met) => return Ok(Handed::NotYet),
            held => held?,
        }
        let handed = self.hand_over_held(to, Instant::now()).await;
        if !matches!(handed, Ok(Handed::Over { .. })) {
            self.side.end().await;
            // changes that had no position yet may get others now
            (self.mark, self.log) = (None, Log::NotCompared);
        }
        handed
    }

    async fn hand_over_held(&mut self, to: &str, begun: Instant) -> Result<Handed, Fault> {
        let (kind, now, mark) = (self.source.kind, self.clock.now().0, self.following()?);
        let declaring = self.declaring.clone();
        let all = usize::MAX;
        let batch =
            Batch::read(&mut self.side, kind, mark.position, all, Fresh::Numbered, &declaring).await?;
        self.put(&batch, &mark, now).await?;
        let mut touched: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
        for (table, id) in &self.touched {
            touched.entry(Arc::clone(table)).or_default().push(Arc::clone(id));
        }
        for (table, ids) in touched.iter().filter(|(table, _)| batch.shape.tables.contains(*table)) {
            if !self.are_same(&Table::new(table), ids).await? {
                return Err(Fault::Refused(format!(
                    "the table {table} is not the same on both sides: somebody else writes to the mirror; nothing was handed over"
                )));
            }
        }
        let sql = "SELECT name,fingerprint,write_id,at,answer FROM once WHERE at >= ?i";
        let late = self.side.query(sql, vec![Value::Int(now - CLAIMS_LATE_MAX)]).await?;
        let ready = self.mark(At::Ready, batch.position, now);
        self.target.put_claims(&late, &ready).await?;
        // somebody who reads the log at length, such as a dump, keeps it from being renamed
        let left = match begun.elapsed() > PAUSE_MAX {
            true => Err(Error::Busy),
            false => self.side.leave(to).await,
        };
        match left {
            Err(Error::Busy | Error::Met) => {
                self.target.put_mark(&Mark { stage: At::Following, ..ready }).await?;
                return Ok(Handed::NotYet);
            }
            left => left?,
        }
        let pause = begun.elapsed();
        let position = ready.position;
        self.note(Mark { stage: At::Released, held_until: 0, ..ready }).await?;
        Ok(Handed::Over { pause, position })
    }

    /// Its mark, of one that follows.
    fn following(&self) -> Result<Mark, Fault> {
        match self.mark.clone().flatten() {
            Some(mark) if matches!(mark.stage, At::Following | At::Ready) => Ok(mark),
            _ => Err(Fault::Refused(
                "the mirror does not follow yet: `ondol status` says how far it is".into(),
            )),
        }
    }

    fn is_copying(&self) -> bool {
        let stage = self.mark.as_ref().and_then(Option::as_ref).map(|mark| &mark.stage);
        matches!(stage, Some(At::Copying { .. } | At::Claims { .. }))
    }

    /// A database without an index would let in what the index keeps out.
    async fn wait_for_indexes(&mut self) -> Result<(), Fault> {
        let until = Instant::now() + self.target.remote.config.index_wait_max;
        loop {
            let sql = "SELECT name,state,note FROM idx WHERE state IN ('wanted','made','failed') ORDER BY state, name";
            let found = self.target.query(sql, Vec::new()).await?;
            let Some(first) = found.first() else { return Ok(()) };
            let (name, state, note) = (string(first, 0), string(first, 1), string(first, 2));
            if state == "failed" {
                return Err(Fault::Refused(format!(
                    "the index {name} could not be built at the mirror: {note}"
                )));
            }
            if Instant::now() > until {
                return Err(Fault::Refused(format!(
                    "the index {name} is still being built at the mirror: try again in a while"
                )));
            }
            self.target.remote.build_indexes().await?;
        }
    }
}

/// Releases a mirror whose primary can't be asked. `may_lack` says whether it may lack what the primary had: only where its
/// primary was left for it already, it does not.
pub async fn release(target: Config, clock: Clock, may_lack: bool) -> Result<Released, Fault> {
    let remote = Remote::open_still(target, clock).await?;
    let done = release_at(&remote, may_lack).await;
    remote.close().await;
    done
}

async fn release_at(remote: &Arc<Remote>, may_lack: bool) -> Result<Released, Fault> {
    let mut link = remote.pool.take().await?;
    link.begin().await?;
    let Some(mark) = mark::lock(&mut link, remote.kind).await? else {
        return Err(Fault::Refused("the database there is no mirror".into()));
    };
    let released = Released { position: mark.position, as_of: mark.as_of };
    match mark.stage {
        At::Released => return Ok(released),
        At::Copying { .. } | At::Claims { .. } => {
            return Err(Fault::Refused(
                "the mirror was never whole, or was being mended: it can't be used in place of the primary. Restore a backup"
                    .into(),
            ));
        }
        At::Following if !may_lack => {
            return Err(Fault::Refused(
                "the mirror does not have everything of the database that was left".into(),
            ));
        }
        At::Following | At::Ready => {}
    }
    if may_lack {
        let begin = mark.position.saturating_add(POSITION_GAP);
        for sql in ["DELETE FROM gone", "DELETE FROM \"change\""] {
            link.execute(&remote.kind.sql(sql, Vec::new())).await?;
        }
        let head = remote.kind.sql("UPDATE head SET pos=?i WHERE id=1", vec![Value::Int(begin)]);
        link.execute(&head).await?;
    }
    let mark = Mark { stage: At::Released, held_until: 0, ..mark };
    mark::put(&mut link, remote.kind, &mark).await?;
    link.commit().await?;
    Ok(released)
}
