//! How long writes wait while an index is built under them, and how far a replica falls behind:
//! `cargo run --release -p store --example stall sqlite|postgres|mariadb [RECORDS [WRITES_PER_SECOND]]`.
//!
//! Eight writers change records of a table, one after the other, as fast as they can or at a pace; after some seconds an index over all records is asked for.
//! Told is the longest wait of a write before, during and after the build, and of a read by id. On MariaDB a replica (GTID)
//! follows; how far it is behind is the age of the newest write that has arrived there.
//! Servers are Debian's, started for this, sync, and are given memory as a small machine would.

#![expect(clippy::unwrap_used, reason = "a measurement ends at the first failure")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::time::Clock;
use store::query::{Column, Index, IndexColumn, Scalar};
use store::{Config, Engine, Store, Table};
use testbed::{Database, MariaDb, Options, PASSWORD, Postgres, USER};
use tokio::task::JoinSet;

const WRITERS: usize = 8;
/// Before the index is asked for, and after it is there.
const CALM: Duration = Duration::from_secs(5);
/// Records per transaction of the filling.
const STEP: usize = 1_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let engine = arguments.next().expect("name sqlite, postgres or mariadb");
    let records = arguments.next().map_or(1_000_000, |n| n.parse().unwrap());
    let pace =
        arguments.next().map(|rate| Duration::from_secs_f64(WRITERS as f64 / rate.parse::<f64>().unwrap()));
    match engine.as_str() {
        "sqlite" => measure(None, None, (records, pace)).await,
        "postgres" => {
            let server = Postgres::start(&Options::with(&[
                ("shared_buffers", "512MB"),
                ("max_wal_size", "4GB"),
                ("maintenance_work_mem", "256MB"),
            ]));
            measure(Some(server.database()), None, (records, pace)).await;
        }
        "mariadb" => {
            let settings = [("innodb-buffer-pool-size", "1G"), ("innodb-log-file-size", "512M")];
            let of = |id, log: &[_]| {
                MariaDb::start(&Options::with(&[&settings[..], &[("server-id", id)], log].concat()))
            };
            let log = [("log-bin", "bin"), ("binlog-format", "ROW")];
            // as `ondol up` starts one
            let follower = [("slave-parallel-threads", "16"), ("slave-parallel-mode", "optimistic")];
            let (primary, replica) = (of("1", &log), of("2", &follower));
            let follow = format!(
                "CHANGE MASTER TO master_host='127.0.0.1', master_port={}, master_user='{USER}', \
                 master_password='{PASSWORD}', master_use_gtid=slave_pos; START SLAVE;",
                primary.port()
            );
            replica.sql("mysql", &follow);
            measure(Some(primary.database()), Some(&replica), (records, pace)).await;
        }
        other => panic!("{other} is neither sqlite, postgres nor mariadb"),
    }
}

async fn measure(
    database: Option<Database>,
    replica: Option<&MariaDb>,
    (records, pace): (usize, Option<Duration>),
) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path());
    if let Some(database) = &database {
        config.engine = Engine::from_url(&database.url()).unwrap();
    }
    let store = Store::open(config, Clock::System).await.unwrap();
    let at = Instant::now();
    fill(&store, records).await;
    println!("{records} records written in {:.0} s", at.elapsed().as_secs_f64());
    let waits = Arc::new(Waits::default());
    let mut team = JoinSet::new();
    for writer in 0..WRITERS {
        team.spawn(write(store.clone(), Arc::clone(&waits), writer, (records, pace)));
    }
    team.spawn(read(store.clone(), Arc::clone(&waits), records));
    let behind = Arc::new(Behind::default());
    if let (Some(database), Some(replica)) = (&database, replica) {
        team.spawn(watch(
            store.clone(),
            replica_of(database, replica),
            Arc::clone(&waits),
            Arc::clone(&behind),
        ));
    }
    tokio::time::sleep(CALM).await;
    waits.phase(Phase::During);
    let at = Instant::now();
    let index = by_room();
    store.write(|tx| Box::pin(async move { tx.set_indexes(&table(), &[index]).await })).await.unwrap();
    store.settle(&table()).await.unwrap();
    println!("the index was there after {:.1} s", at.elapsed().as_secs_f64());
    waits.phase(Phase::After);
    // a replica begins its own part of the build now at the latest
    tokio::time::sleep(CALM * if replica.is_some() { 4 } else { 1 }).await;
    waits.phase(Phase::Over);
    while team.join_next().await.is_some() {}
    println!("| | writes | longest wait of a write, ms | of a read, ms | replica at most behind, ms |");
    println!("| --- | --- | --- | --- | --- |");
    for (name, phase) in [("before", Phase::Before), ("during", Phase::During), ("after", Phase::After)] {
        let n = phase as usize;
        let figure = |of: &[AtomicU64; 3]| of[n].load(Ordering::SeqCst);
        let behind = if replica.is_some() { figure(&behind.0).to_string() } else { "–".into() };
        let ms = |us: u64| format!("{:.1}", us as f64 / 1e3);
        println!(
            "| {name} | {} | {} | {} | {behind} |",
            figure(&waits.writes),
            ms(figure(&waits.write_us)),
            ms(figure(&waits.read_us))
        );
    }
    store.close().await;
}

#[derive(Clone, Copy)]
enum Phase {
    Before,
    During,
    After,
    Over,
}

/// The longest waits of each phase, in microseconds; a wait counts where it ends.
#[derive(Default)]
struct Waits {
    phase: AtomicU8,
    writes: [AtomicU64; 3],
    write_us: [AtomicU64; 3],
    read_us: [AtomicU64; 3],
}

/// The longest delays of each phase, in milliseconds.
#[derive(Default)]
struct Behind([AtomicU64; 3]);

impl Waits {
    fn phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// The phase that it is; `None` at the end.
    fn now(&self) -> Option<usize> {
        Some(usize::from(self.phase.load(Ordering::SeqCst))).filter(|phase| *phase < 3)
    }
}

async fn write(store: Store, waits: Arc<Waits>, writer: usize, (records, pace): (usize, Option<Duration>)) {
    let (mut n, mut due) = (writer, Instant::now());
    while waits.now().is_some() {
        if let Some(pace) = pace {
            // who fell behind does not hurry afterwards
            due = (due + pace).max(Instant::now());
            tokio::time::sleep_until(due.into()).await;
        }
        n = (n + 7_919 * WRITERS) % records;
        let (id, body) = (id(n), body(n));
        let at = Instant::now();
        let done = store.write(|tx| Box::pin(async move { tx.update(&table(), &id, 1, body).await }));
        done.await.unwrap();
        if let Some(phase) = waits.now() {
            waits.writes[phase].fetch_add(1, Ordering::SeqCst);
            waits.write_us[phase].fetch_max(micros(at.elapsed()), Ordering::SeqCst);
        }
    }
}

async fn read(store: Store, waits: Arc<Waits>, records: usize) {
    let mut n = 0;
    while waits.now().is_some() {
        n = (n + 104_729) % records;
        let at = Instant::now();
        store.reader().await.unwrap().get(&table(), &id(n)).await.unwrap().unwrap();
        if let Some(phase) = waits.now() {
            waits.read_us[phase].fetch_max(micros(at.elapsed()), Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The same database on the replica.
fn replica_of(database: &Database, replica: &MariaDb) -> String {
    format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{}/{}", replica.port(), database.name())
}

/// Writes the time on the primary each 50 ms, and looks how old what has arrived on the replica is.
async fn watch(store: Store, replica: String, waits: Arc<Waits>, behind: Arc<Behind>) {
    use mysql_async::prelude::Queryable;
    let began = Instant::now();
    let beats = Table::new("beats");
    let made = beats.clone();
    store.write(|tx| Box::pin(async move { tx.create_table(&made).await })).await.unwrap();
    let first = beats.clone();
    store
        .write(|tx| Box::pin(async move { tx.insert(&first, "beat", 1, "{\"ms\":0}".into()).await }))
        .await
        .unwrap();
    let beating = async {
        while waits.now().is_some() {
            let (beats, body) = (beats.clone(), format!("{{\"ms\":{}}}", began.elapsed().as_millis()));
            store
                .write(|tx| Box::pin(async move { tx.update(&beats, "beat", 1, body).await }))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let looking = async {
        let opts = mysql_async::Opts::from_url(&replica).unwrap();
        let mut conn = mysql_async::Conn::new(opts).await.unwrap();
        while let Some(phase) = waits.now() {
            let sql = "SELECT CAST(JSON_VALUE(body, '$.ms') AS UNSIGNED) FROM r_beats";
            let arrived: Option<u64> = conn.query_first(sql).await.unwrap_or_default();
            if let Some(arrived) = arrived {
                let now = u64::try_from(began.elapsed().as_millis()).unwrap();
                behind.0[phase].fetch_max(now - arrived, Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(beating, looking);
}

async fn fill(store: &Store, records: usize) {
    store.write(|tx| Box::pin(async move { tx.create_table(&table()).await })).await.unwrap();
    let mut steps = JoinSet::new();
    for start in (0..records).step_by(STEP) {
        if steps.len() >= WRITERS {
            steps.join_next().await.unwrap().unwrap();
        }
        let store = store.clone();
        steps.spawn(async move {
            let step = store.write(move |tx| {
                Box::pin(async move {
                    for n in start..(start + STEP).min(records) {
                        tx.insert(&table(), &id(n), 1, body(n)).await?;
                    }
                    Ok::<_, store::Error>(())
                })
            });
            step.await.unwrap();
        });
    }
    while steps.join_next().await.is_some() {}
}

fn by_room() -> Index {
    let part = |key: &str, scalar, descending| IndexColumn {
        column: Column::Field(key.into(), scalar),
        descending,
        ignores_case: false,
    };
    let columns = vec![part("room", Scalar::Number, false), part("made", Scalar::Text, true)];
    Index { name: "i_room".into(), unique: false, columns, only: None }
}

fn table() -> Table {
    Table::new("bench")
}

fn id(n: usize) -> String {
    format!("rec{n:012}")
}

fn body(n: usize) -> String {
    let text = "국회에서 발의한 법률안의 제안 이유와 주요 내용. ".repeat(3);
    format!("{{\"title\":\"title {n}\",\"room\":{},\"text\":\"{text}\",\"made\":\"2026-{n:09}\"}}", n / 100)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
