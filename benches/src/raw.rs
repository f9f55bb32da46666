//! The raw bound: the statements that a request needs, on the same store, without HTTP, rules and rendering. No server
//! that keeps its records there can be cheaper.
//!
//! Assumption: a body holds what the load's records hold, under keys that are the names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::time::{Clock, Timestamp};
use store::query::{Column, Compare, Expr, Index, IndexColumn, MAIN, Order, Scalar, Select, Value};
use store::{Config, Error, Row, Store, Table};
use tokio::task::JoinSet;

use crate::load::{Sample, percentile};
use crate::machine::cpu_time;
use crate::plan::{Operation, Size, Task};
use crate::say;
use crate::seed::{TEXT, created_at, id_of};

/// Records that are seeded by one write.
const SEED_STEP: u64 = 1_000;
/// Records that are read all the time, as the load's script has it.
const HOT: u64 = 500;
/// How long it warms up.
const WARM_UP: Duration = Duration::from_secs(1);

/// Fills the store, or runs the statements and prints a [`Sample`] as a line of JSON.
pub(crate) async fn run(task: Task) -> Result<()> {
    let store = Store::open(Config::new(&task.dir), Clock::System).await?;
    store.claim()?;
    match task.operation {
        None => fill(&store, task.size).await?,
        Some(operation) => {
            let bench = Bench { store: store.clone(), size: task.size, made: Arc::new(AtomicU64::new(0)) };
            bench.go(operation, task.callers, WARM_UP).await?;
            let sample = bench.go(operation, task.callers, Duration::from_secs_f64(task.seconds)).await?;
            say(&serde_json::to_string(&sample)?);
        }
    }
    store.close().await;
    Ok(())
}

/// What all callers share.
#[derive(Clone)]
struct Bench {
    store: Store,
    size: Size,
    made: Arc<AtomicU64>,
}

impl Bench {
    async fn go(&self, operation: Operation, callers: usize, time: Duration) -> Result<Sample> {
        let (start, cpu) = (Instant::now(), cpu_time(std::process::id())?);
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let bench = self.clone();
            tasks.spawn(async move { bench.call(operation, Dice::new(caller), start + time).await });
        }
        let mut times = Vec::new();
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        let (seconds, cpu) = (start.elapsed(), cpu_time(std::process::id())?.saturating_sub(cpu));
        times.sort_unstable();
        Ok(Sample {
            requests: times.len() as u64,
            seconds: seconds.as_secs_f64(),
            p50_us: percentile(&times, 50),
            p99_us: percentile(&times, 99),
            bad: 0,
            cpu_us: cpu.as_secs_f64() * 1e6 / times.len().max(1) as f64,
        })
    }

    /// One caller; gives how long each call took, in microseconds.
    async fn call(self, operation: Operation, mut dice: Dice, until: Instant) -> Result<Vec<u64>> {
        let mut times = Vec::new();
        let mut start = Instant::now();
        while start < until {
            match operation {
                Operation::Get => drop(self.get(&mut dice, self.size.records).await?),
                Operation::Hot => drop(self.get(&mut dice, self.size.records.min(HOT)).await?),
                Operation::List => drop(self.list(&mut dice).await?),
                Operation::Update => self.update(&mut dice).await?,
                Operation::Create => self.create(&mut dice).await?,
            }
            let end = Instant::now();
            times.push(u64::try_from((end - start).as_micros())?);
            start = end;
            // a read in place never waits: without this, the callers would run one after the other
            tokio::task::yield_now().await;
        }
        Ok(times)
    }

    async fn get(&self, dice: &mut Dice, among: u64) -> Result<Row> {
        let id = id_of(dice.below(among));
        self.store.reader().await?.get(&posts(), &id).await?.context("a seeded record is missing")
    }

    async fn list(&self, dice: &mut Dice) -> Result<(Vec<Row>, u64)> {
        let select = newest_of(dice.below(self.size.rooms));
        let mut reader = self.store.reader().await?;
        let rows = reader.select(&select).await?;
        Ok((rows, reader.count(&select).await?))
    }

    async fn update(&self, dice: &mut Dice) -> Result<()> {
        let number = dice.below(self.size.records);
        let body = body_of(number, number % self.size.rooms, dice.below(1_000_000));
        let write = self.store.write::<_, Error, _>(move |tx| {
            Box::pin(async move { tx.update(&posts(), &id_of(number), 1, body).await })
        });
        write.await?.context("a seeded record is missing").map(drop)
    }

    async fn create(&self, dice: &mut Dice) -> Result<()> {
        let id = base::id::make(Clock::System.now());
        let number = self.size.records + self.made.fetch_add(1, Ordering::Relaxed);
        let body = body_of(number, dice.below(self.size.rooms), dice.below(1_000));
        let write = self
            .store
            .write::<_, Error, _>(move |tx| Box::pin(async move { tx.insert(&posts(), &id, 1, body).await }));
        write.await.map(drop).map_err(Into::into)
    }
}

async fn fill(store: &Store, size: Size) -> Result<()> {
    let made = store.write::<_, Error, _>(|tx| {
        Box::pin(async move {
            tx.create_table(&posts()).await?;
            tx.set_indexes(&posts(), &[by_room()]).await
        })
    });
    made.await?;
    for from in (0..size.records).step_by(usize::try_from(SEED_STEP)?) {
        let step = store.write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                for number in from..size.records.min(from + SEED_STEP) {
                    let body = body_of(number, number % size.rooms, number % 1_000);
                    tx.insert(&posts(), &id_of(number), 1, body).await?;
                }
                Ok(())
            })
        });
        step.await?;
    }
    Ok(())
}

fn posts() -> Table {
    Table::new("posts")
}

fn body_of(number: u64, room: u64, views: u64) -> String {
    let created: Timestamp = created_at(number);
    format!(
        r#"{{"title":"Post number {number} about something","body":"{TEXT}","room":{room},"views":{views},"created":"{created}"}}"#
    )
}

fn room() -> Column {
    Column::Field("room".into(), Scalar::Number)
}

fn created() -> Column {
    Column::Field("created".into(), Scalar::Text)
}

fn by_room() -> Index {
    let column = |column| IndexColumn { column, descending: false, ignores_case: false };
    let columns = vec![column(room()), column(created())];
    Index { name: "posts_by_room".into(), unique: false, columns, only: None }
}

fn newest_of(number: u64) -> Select {
    let number = Expr::Value(Value::Int(i64::try_from(number).unwrap_or(0)));
    Select {
        filter: Some(Expr::Compare(Box::new(Expr::Column(MAIN, room())), Compare::Eq, Box::new(number))),
        order: vec![Order { by: Expr::Column(MAIN, created()), descending: true }],
        limit: Some(20),
        ..Select::table(&posts())
    }
}

/// Chance that is cheap and repeats itself (xorshift, Marsaglia 2003): only for choosing among seeded records.
struct Dice(u64);

impl Dice {
    fn new(caller: usize) -> Dice {
        Dice(0x9E37_79B9_7F4A_7C15 ^ (caller as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
