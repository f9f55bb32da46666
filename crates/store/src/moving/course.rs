//! The steps of a move.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sum::Sum;
use super::{ARRIVING, COPIED, Change, Fault, Handed, MOVED, MOVING, Manner, Move, Watch, mark_target};
use crate::change::ChangeKind;
use crate::error::Error;
use crate::news::NAMESPACE;
use crate::row::{Row, Table};

/// Changes that are brought over at once.
const STEP: usize = 1_000;
/// Rounds of following after which a source that writes faster than the target is no longer waited for.
const ROUNDS_MAX: usize = 10_000;
/// Records to compare beyond which as many as possible are compared before the pause.
const TOUCHED_MAX: usize = 1_000;
/// Longest wait for the writers that are under way when the pause begins.
const HOLD_WAIT: Duration = Duration::from_secs(4);
/// A pause that lasts longer is broken off before the source is left: the embedded engine's writers wait for 10 seconds.
const PAUSE_MAX: Duration = Duration::from_secs(6);
/// How far above the source's positions those of the target begin.
const POSITION_GAP: i64 = 1_000_000;
/// Claims that are brought over at once.
const CLAIMS_STEP: usize = 2_000;
/// How much earlier than what has been brought over a claim may appear, in milliseconds: it bears the time at which its
/// write began, by the clock of whichever server wrote it.
const CLAIMS_LATE_MAX: i64 = 600_000;

/// Records by table.
type Records = HashMap<Table, HashSet<Arc<str>>>;

impl Move {
    /// Copies settings and all tables.
    pub async fn copy(&mut self, watch: &mut dyn Watch) -> Result<(), Fault> {
        self.copy_settings().await?;
        for table in self.source.tables().await? {
            self.make(&table).await?;
            self.source.open(&table).await?;
            loop {
                let rows = self.source.next().await?;
                if rows.is_empty() {
                    break;
                }
                self.newest_rev = rows.iter().map(|row| row.rev).fold(self.newest_rev, i64::max);
                self.rows += rows.len() as u64;
                self.put(&table, Vec::new(), rows, Manner::Over).await?;
                watch.at(self.rows);
                go_on(watch)?;
            }
        }
        Ok(())
    }

    /// Brings over what has changed, until there is next to nothing left.
    pub async fn follow(&mut self, watch: &mut dyn Watch) -> Result<(), Fault> {
        for _ in 0..ROUNDS_MAX {
            let changes = self.source.changed(self.position, STEP).await.map_err(log_is_short)?;
            let is_near = changes.len() < STEP;
            self.position = changes.last().map_or(self.position, |change| change.position);
            let tables =
                if self.concerns_tables(&changes) { Some(self.source.tables().await?) } else { None };
            self.apply(&changes, tables).await?;
            go_on(watch)?;
            if is_near {
                break;
            }
        }
        Ok(())
    }

    /// Reads both sides whole and compares them, but for what changes meanwhile: that is compared in the pause.
    pub async fn compare(&mut self, watch: &mut dyn Watch) -> Result<(), Fault> {
        self.follow(watch).await?;
        self.copy_claims().await?;
        self.touched.clear();
        self.source.freeze().await?;
        let compared = self.compare_frozen(watch).await;
        self.source.thaw().await?;
        self.rows = compared?;
        Ok(())
    }

    async fn compare_frozen(&mut self, watch: &mut dyn Watch) -> Result<u64, Fault> {
        let since = records(&self.source.changed(self.position, usize::MAX).await?);
        let mut rows = 0;
        for table in self.source.tables().await? {
            // one that was made since comes over with the changes
            if !self.tables.contains(&table) {
                continue;
            }
            let changed: Vec<Arc<str>> = since.get(table.as_str()).into_iter().flatten().cloned().collect();
            let mut sums = [Sum::default(), Sum::default()];
            for (side, sum) in [&mut self.source, &mut self.target].into_iter().zip(&mut sums) {
                side.open(&table).await?;
                loop {
                    let page = side.next().await?;
                    if page.is_empty() {
                        break;
                    }
                    page.iter().for_each(|row| sum.put(row));
                    rows += page.len() as u64;
                    watch.at(rows / 2);
                    go_on(watch)?;
                }
                side.rows(&table, &changed).await?.iter().for_each(|row| sum.take(row));
            }
            if sums[0] != sums[1] {
                return Err(differs(&table, sums[0].rows, sums[1].rows));
            }
        }
        Ok(rows / 2)
    }

    /// Holds all writers out, brings over the rest and leaves the source.
    pub async fn hand_over(&mut self, watch: &mut dyn Watch) -> Result<Handed, Fault> {
        self.follow(watch).await?;
        if self.touched.values().map(HashSet::len).sum::<usize>() > TOUCHED_MAX {
            self.narrow().await?;
            self.follow(watch).await?;
        }
        if self.has_declared {
            return Ok(Handed::Declared);
        }
        go_on(watch)?;
        match self.source.hold(HOLD_WAIT).await {
            Err(Error::Busy | Error::Met) => return Ok(Handed::NotYet),
            held => held?,
        }
        let begun = Instant::now();
        let handed = self.hand_over_held(begun).await;
        if !matches!(handed, Ok(Handed::Over { .. })) {
            self.source.release().await;
        }
        handed
    }

    async fn hand_over_held(&mut self, begun: Instant) -> Result<Handed, Fault> {
        let changes = self.source.changed(self.position, usize::MAX).await?;
        let tables = self.source.tables().await?;
        self.apply(&changes, Some(tables.clone())).await?;
        if self.has_declared {
            return Ok(Handed::Declared);
        }
        if let Some((table, ids)) = self.pending.iter().find(|(_, ids)| !ids.is_empty()) {
            return Err(Fault::Refused(format!(
                "the target refuses {} records of the table {table}, because of a unique index",
                ids.len()
            )));
        }
        for (table, ids) in std::mem::take(&mut self.touched) {
            if tables.contains(&table) {
                let ids: Vec<Arc<str>> = ids.iter().cloned().collect();
                self.compare_rows(&table, &ids).await?;
            }
            self.touched.insert(table, ids);
        }
        if begun.elapsed() > PAUSE_MAX {
            return Ok(Handed::NotYet);
        }
        self.copy_settings().await?;
        self.copy_claims().await?;
        let start = self.source.newest().await?.saturating_add(POSITION_GAP).max(self.newest_rev + 1);
        let begin = self.target_store.write(move |tx| {
            Box::pin(async move {
                tx.begin_at(start).await?;
                tx.set_setting(MOVING, COPIED).await
            })
        });
        begin.await.map_err(Fault::Store)?;
        // somebody who reads the log at length, such as a dump, keeps it from being renamed
        let left = match begun.elapsed() > PAUSE_MAX {
            true => Err(Error::Busy),
            false => self.source.leave(&self.to).await,
        };
        match left {
            Err(Error::Busy | Error::Met) => {
                mark_target(&self.target_store, ARRIVING).await?;
                return Ok(Handed::NotYet);
            }
            left => left?,
        }
        let pause = begun.elapsed();
        mark_target(&self.target_store, "").await?;
        Ok(Handed::Over { pause, rows: self.rows })
    }

    /// Compares as many as possible of the records that have changed while the source goes on; the others stay noted.
    async fn narrow(&mut self) -> Result<(), Fault> {
        let touched = std::mem::take(&mut self.touched);
        self.source.freeze().await?;
        let compared = self.narrow_frozen(touched).await;
        self.source.thaw().await?;
        self.touched = compared?;
        Ok(())
    }

    async fn narrow_frozen(&mut self, touched: Records) -> Result<Records, Fault> {
        let since = records(&self.source.changed(self.position, usize::MAX).await?);
        let tables = self.source.tables().await?;
        let mut left = Records::new();
        for (table, ids) in touched {
            if !tables.contains(&table) {
                continue;
            }
            let changed = since.get(table.as_str());
            let (later, now): (Vec<_>, Vec<_>) =
                ids.into_iter().partition(|id| changed.is_some_and(|changed| changed.contains(id)));
            self.compare_rows(&table, &now).await?;
            left.insert(table, later.into_iter().collect());
        }
        Ok(left)
    }

    async fn compare_rows(&mut self, table: &Table, ids: &[Arc<str>]) -> Result<(), Fault> {
        let mut sums = [Sum::default(), Sum::default()];
        for (side, sum) in [&mut self.source, &mut self.target].into_iter().zip(&mut sums) {
            side.rows(table, ids).await?.iter().for_each(|row| sum.put(row));
        }
        if sums[0] == sums[1] { Ok(()) } else { Err(differs(table, sums[0].rows, sums[1].rows)) }
    }

    /// Brings over the records that changes name, as they are by now. `tables` are those of the source, where they may
    /// have changed.
    async fn apply(&mut self, changes: &[Change], tables: Option<Vec<Table>>) -> Result<(), Fault> {
        if let Some(tables) = tables {
            self.match_tables(tables).await?;
        }
        self.has_declared |= changes.iter().any(|change| *change.table == *self.declaring.as_str());
        let mut work: HashMap<Table, Work> = HashMap::new();
        for (table, ids) in std::mem::take(&mut self.pending) {
            ids.iter().for_each(|id| work.entry(table.clone()).or_default().note(id, ChangeKind::Update));
        }
        for change in changes {
            let Some(table) = self.tables.iter().find(|table| *table.as_str() == *change.table) else {
                continue;
            };
            work.entry(table.clone()).or_default().note(&change.record, change.kind);
        }
        for (table, work) in
            work.into_iter().filter(|(table, _)| self.tables.contains(table)).collect::<Vec<_>>()
        {
            self.touched.entry(table.clone()).or_default().extend(work.ids().cloned());
            self.bring(&table, &work).await?;
        }
        Ok(())
    }

    /// Brings over some records of a table.
    async fn bring(&mut self, table: &Table, work: &Work) -> Result<(), Fault> {
        let ids: Vec<Arc<str>> = work.ids().cloned().collect();
        let mut found: HashMap<String, Row> = HashMap::new();
        for row in self.source.rows(table, &ids).await? {
            self.newest_rev = self.newest_rev.max(row.rev);
            found.insert(row.id.clone(), row);
        }
        let gone: Vec<Arc<str>> =
            ids.iter().filter(|id| work.was_deleted(id) || !found.contains_key(&***id)).cloned().collect();
        let rows: Vec<Row> = ids.iter().filter_map(|id| found.remove(&**id)).collect();
        match self.put(table, gone.clone(), rows.clone(), Manner::Over).await {
            Err(Fault::Store(Error::Unique { .. })) => match self.put(table, gone, rows, Manner::Aside).await
            {
                // a value has gone to one that is among later changes
                Err(Fault::Store(Error::Unique { .. })) => {
                    self.pending.insert(table.clone(), ids);
                    Ok(())
                }
                done => done,
            },
            done => done,
        }
    }

    /// Makes the target have the tables that the source has.
    async fn match_tables(&mut self, tables: Vec<Table>) -> Result<(), Fault> {
        for table in &tables {
            if !self.tables.contains(table) {
                self.make(table).await?;
            }
        }
        let gone: Vec<Table> = self.tables.iter().filter(|table| !tables.contains(table)).cloned().collect();
        for table in gone {
            self.tables.remove(&table);
            self.touched.remove(&table);
            self.target_store.write(move |tx| Box::pin(async move { tx.drop_table(&table).await })).await?;
        }
        Ok(())
    }

    /// Whether changes may have made or dropped tables.
    fn concerns_tables(&self, changes: &[Change]) -> bool {
        changes.iter().any(|change| {
            *change.table == *self.declaring.as_str()
                || !self.tables.iter().any(|table| *table.as_str() == *change.table)
        })
    }

    async fn make(&mut self, table: &Table) -> Result<(), Fault> {
        let made = table.clone();
        self.target_store.write(move |tx| Box::pin(async move { tx.create_table(&made).await })).await?;
        self.tables.insert(table.clone());
        Ok(())
    }

    async fn put(
        &mut self,
        table: &Table,
        gone: Vec<Arc<str>>,
        rows: Vec<Row>,
        manner: Manner,
    ) -> Result<(), Fault> {
        let (of, rows) = (table.clone(), Arc::new(rows));
        let sent = Arc::clone(&rows);
        let done = self
            .target_store
            .write(move |tx| Box::pin(async move { tx.put(&of, &gone, &sent, manner).await }))
            .await;
        match done {
            Err(Error::Nul) => Err(self.name_refused(table, &rows).await?),
            done => Ok(done?),
        }
    }

    /// Which of some records holds a text that the target can't keep.
    async fn name_refused(&mut self, table: &Table, rows: &[Row]) -> Result<Fault, Fault> {
        for row in rows {
            let (of, one) = (table.clone(), row.clone());
            let alone = self
                .target_store
                .write(move |tx| Box::pin(async move { tx.put(&of, &[], &[one], Manner::Over).await }));
            if let Err(Error::Nul) = alone.await {
                return Ok(Fault::Refused(format!(
                    "the record {} of the table {table} holds U+0000 or half a surrogate pair, which the target can't \
                     keep; take it out of the record, and move again",
                    row.id
                )));
            }
        }
        Ok(Error::Nul.into())
    }

    /// Brings over the keys of writes that are done once; again only those that may have come since.
    async fn copy_claims(&mut self) -> Result<(), Fault> {
        let (mut at, mut name) = (self.claimed_until.saturating_sub(CLAIMS_LATE_MAX), String::new());
        loop {
            let claims = self.source.claims(at, &name, CLAIMS_STEP).await?;
            let Some(last) = claims.last() else { return Ok(()) };
            (at, name) = (last.at, last.name.clone());
            self.claimed_until = self.claimed_until.max(at);
            let write =
                self.target_store.write(move |tx| Box::pin(async move { tx.put_claims(&claims).await }));
            write.await.map_err(Fault::Store)?;
        }
    }

    async fn copy_settings(&mut self) -> Result<(), Fault> {
        let mut settings = self.source.settings().await?;
        settings.retain(|(name, _)| ![MOVED, MOVING, NAMESPACE].contains(&name.as_str()));
        let write = self.target_store.write(move |tx| {
            Box::pin(async move {
                for (name, value) in &settings {
                    tx.set_setting(name, value).await?;
                }
                Ok::<_, Error>(())
            })
        });
        Ok(write.await?)
    }
}

/// What changes do to the records of a table, in the order in which new ones are to come.
#[derive(Default)]
struct Work {
    order: Vec<Option<Arc<str>>>,
    places: HashMap<Arc<str>, usize>,
    deleted: HashSet<Arc<str>>,
}

impl Work {
    fn note(&mut self, id: &Arc<str>, kind: ChangeKind) {
        let known = self.places.get(id).copied();
        match (kind, known) {
            (ChangeKind::Delete, _) => drop(self.deleted.insert(Arc::clone(id))),
            // made anew: it comes where it was made
            (ChangeKind::Create, Some(place)) => self.order[place] = None,
            _ => {}
        }
        if known.is_none() || kind == ChangeKind::Create {
            self.places.insert(Arc::clone(id), self.order.len());
            self.order.push(Some(Arc::clone(id)));
        }
    }

    fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.order.iter().flatten()
    }

    fn was_deleted(&self, id: &str) -> bool {
        self.deleted.contains(id)
    }
}

/// The records that changes name, by the table's name.
fn records(changes: &[Change]) -> HashMap<Arc<str>, HashSet<Arc<str>>> {
    let mut records: HashMap<Arc<str>, HashSet<Arc<str>>> = HashMap::new();
    for change in changes {
        records.entry(Arc::clone(&change.table)).or_default().insert(Arc::clone(&change.record));
    }
    records
}

fn differs(table: &Table, source: u64, target: u64) -> Fault {
    Fault::Refused(format!(
        "the table {table} is not the same on both sides ({source} rows on the source, {target} on the target, compared by \
         their contents): somebody else has written to the target; see that nobody does, and move again"
    ))
}

fn log_is_short(error: Error) -> Fault {
    match error {
        Error::Gone => Fault::Refused(
            "the source's change log was trimmed before it could be followed: raise `change_log_rows_max` in [store], \
             start the service again, and move again"
                .into(),
        ),
        error => error.into(),
    }
}

fn go_on(watch: &dyn Watch) -> Result<(), Fault> {
    if watch.is_stopped() { Err(Fault::Stopped) } else { Ok(()) }
}
