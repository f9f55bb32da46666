//! CPU time per operation of the store on a server, beside the same statements through the same driver:
//! `cargo run --release -p store --example servers postgres [RECORDS [OPERATION|all [OPERATIONS]]]`.
//!
//! CPU time of this process (user and system), because machines that measure are rarely quiet; rounds are interleaved, and
//! the median counts. The server is one of Debian's, started for this, and syncs.
//!
//! - `raw`: the record's own statements in a transaction of the driver, nothing else.
//! - `raw+log`: the same with the row of the change log, as the store writes it.
//! - `unread`: what the store costs while its follower gives out positions and reads the log but once in [`UNREAD`].
//! - `store`: what it costs with the follower at its pace.
//!
//! Only the last two have a follower, and begin once it has read what is there.

#![expect(clippy::unwrap_used, reason = "a measurement ends at the first failure")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base::time::Clock;
use store::query::{Column, Compare, Expr, Index, IndexColumn, MAIN, Order, Scalar, Select, Value};
use store::{Config, Engine, Store, Table};
use testbed::{Database, MariaDb, Options, Postgres};

#[path = "servers/mysql.rs"]
mod mysql;
#[path = "servers/postgres.rs"]
mod postgres;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
/// Operations of one kind and round, unless told otherwise; half as many at a single caller, where each waits for the server.
const OPERATIONS: usize = 20_000;
/// Rooms among which the records are spread; a list shows the newest 20 of one.
const ROOM: usize = 100;

/// So long that hardly a round of the follower falls into a sample.
const UNREAD: Duration = Duration::from_secs(5);

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Get,
    List,
    Create,
    Update,
}

/// How much there is, and how much is done.
#[derive(Clone, Copy)]
struct Load {
    records: usize,
    operations: usize,
}

/// By whom.
#[derive(Clone)]
enum Subject {
    Raw(Raw),
    Logged(Raw),
    Store(Store),
}

/// The database, and where the stores on it keep their files.
struct Ground {
    url: String,
    dir: tempfile::TempDir,
}

impl Ground {
    /// A store whose follower reads what `log_read_every` brings, and has read all that there is.
    async fn store(&self, log_read_every: Duration) -> Store {
        let engine = Engine::from_url(&self.url).unwrap();
        let config = Config { engine, log_read_every, ..Config::new(self.dir.path()) };
        let store = Store::open(config, Clock::System).await.unwrap();
        let newest = store.newest().await.unwrap();
        // its first round may begin with what others have written
        while store.position() < newest {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        store
    }
}

/// The driver alone.
#[derive(Clone)]
enum Raw {
    Postgres(Arc<postgres::Clients>),
    MariaDb(Arc<mysql::Clients>),
}

impl Raw {
    async fn run(&self, operation: Operation, n: usize, records: usize, is_logged: bool) {
        match self {
            Raw::Postgres(clients) => clients.run(operation, n, records, is_logged).await,
            Raw::MariaDb(clients) => clients.run(operation, n, records, is_logged).await,
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let engine = arguments.next().expect("name postgres or mariadb");
    let records = arguments.next().map_or(10_000, |n| n.parse().unwrap());
    let only = arguments.next().filter(|only| only != "all");
    let operations = arguments.next().map_or(OPERATIONS, |n| n.parse().unwrap());
    let load = Load { records, operations };
    // one thread: whether an answer finds its caller on the same one or has to wake another is luck, and doubles a cost
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    match engine.as_str() {
        "postgres" => {
            let server = Postgres::start(&Options::default());
            runtime.block_on(measure(&server.database(), load, only.as_deref()));
        }
        "mariadb" => {
            let server = MariaDb::start(&Options::default());
            runtime.block_on(measure(&server.database(), load, only.as_deref()));
        }
        other => panic!("{other} is neither postgres nor mariadb"),
    }
}

async fn measure(database: &Database, load: Load, only: Option<&str>) {
    let records = load.records;
    let ground = Ground { url: database.url(), dir: tempfile::tempdir().unwrap() };
    let pace = Config::new(ground.dir.path()).log_read_every;
    let store = ground.store(pace).await;
    fill(&store, records).await;
    store.close().await;
    let url = &ground.url;
    let raw = if url.starts_with("postgres") {
        Raw::Postgres(Arc::new(postgres::Clients::open(url).await))
    } else {
        Raw::MariaDb(Arc::new(mysql::Clients::open(url).await))
    };
    println!("{records} records; client CPU µs per operation (operations per second), medians of {ROUNDS}");
    println!("| operation | callers | raw | raw+log | unread | store | store / raw |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (name, operation) in [
        ("get", Operation::Get),
        ("list", Operation::List),
        ("create", Operation::Create),
        ("update", Operation::Update),
    ] {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let writes = matches!(operation, Operation::Create | Operation::Update);
        for callers in [1, 32] {
            let mut samples = vec![Vec::new(); 4];
            for round in 0..ROUNDS {
                let sample = async |subject: &Subject| run(subject, operation, callers, load, round).await;
                samples[0].push(sample(&Subject::Raw(raw.clone())).await);
                if writes {
                    samples[1].push(sample(&Subject::Logged(raw.clone())).await);
                }
                for (at, log_read_every) in [(2, UNREAD), (3, pace)] {
                    if at == 3 || writes {
                        let store = ground.store(log_read_every).await;
                        samples[at].push(sample(&Subject::Store(store.clone())).await);
                        store.close().await;
                    }
                }
            }
            let medians: Vec<Option<(f64, f64)>> = samples.into_iter().map(median).collect();
            let cells = medians
                .iter()
                .map(|it| it.map_or("–".into(), |(cpu, rate)| format!("{cpu:.1} ({rate:.0}/s)")));
            let ratio = medians[3].unwrap().0 / medians[0].unwrap().0;
            println!("| {name} | {callers} | {} | {ratio:.2} |", cells.collect::<Vec<_>>().join(" | "));
        }
    }
}

fn median(mut samples: Vec<(f64, f64)>) -> Option<(f64, f64)> {
    samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    samples.get(samples.len() / 2).copied()
}

/// Does operations with so many callers at once; gives CPU µs per operation, and operations per second.
async fn run(
    subject: &Subject,
    operation: Operation,
    callers: usize,
    load: Load,
    round: usize,
) -> (f64, f64) {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let records = load.records;
    let operations = if callers == 1 { load.operations / 2 } else { load.operations };
    let first = if operation == Operation::Create {
        records + MADE.fetch_add(operations, Ordering::Relaxed)
    } else {
        round * operations
    };
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, at) = (cpu_time(), Instant::now());
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (subject, next) = (subject.clone(), Arc::clone(&next));
        set.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= operations {
                    return;
                }
                match &subject {
                    Subject::Raw(raw) => raw.run(operation, first + n, records, false).await,
                    Subject::Logged(raw) => raw.run(operation, first + n, records, true).await,
                    Subject::Store(store) => of_store(store, operation, first + n, records).await,
                }
            }
        });
    }
    set.join_all().await;
    let (cpu, wall) = (cpu_time() - cpu, at.elapsed());
    (cpu.as_secs_f64() * 1e6 / operations as f64, operations as f64 / wall.as_secs_f64())
}

async fn of_store(store: &Store, operation: Operation, n: usize, records: usize) {
    let known = id(n * 7_919 % records);
    match operation {
        Operation::Get => {
            assert!(store.reader().await.unwrap().get(&table(), &known).await.unwrap().is_some());
        }
        Operation::List => {
            let select = newest_of_room(room(n, records));
            let found = store.reader().await.unwrap().select(&select).await.unwrap();
            assert_eq!(found.len(), 20);
        }
        Operation::Create => {
            let (id, body) = (id(n), body(n));
            store.write(|tx| Box::pin(async move { tx.insert(&table(), &id, 1, body).await })).await.unwrap();
        }
        Operation::Update => {
            let body = body(n * 7_919 % records);
            store
                .write(|tx| {
                    Box::pin(async move {
                        tx.get(&table(), &known).await?.expect("it is there");
                        tx.update(&table(), &known, 1, body).await
                    })
                })
                .await
                .unwrap();
        }
    }
}

async fn fill(store: &Store, records: usize) {
    store.write(|tx| Box::pin(async move { tx.create_table(&table()).await })).await.unwrap();
    for start in (0..records).step_by(1_000) {
        store
            .write(move |tx| {
                Box::pin(async move {
                    for n in start..(start + 1_000).min(records) {
                        tx.insert(&table(), &id(n), 1, body(n)).await?;
                    }
                    Ok::<_, store::Error>(())
                })
            })
            .await
            .unwrap();
    }
    let part = |key: &str, scalar, descending| IndexColumn {
        column: Column::Field(key.into(), scalar),
        descending,
        ignores_case: false,
    };
    let columns = vec![part("f2", Scalar::Number, false), part("f6", Scalar::Text, true)];
    let index = Index { name: "i_room".into(), unique: false, columns, only: None };
    store.write(|tx| Box::pin(async move { tx.set_indexes(&table(), &[index]).await })).await.unwrap();
    store.settle(&table()).await.unwrap();
    store.newest().await.unwrap();
}

/// What the list asks.
fn newest_of_room(room: f64) -> Select {
    let room = Expr::Value(Value::Real(room));
    let mut select = Select::table(&table());
    select.filter = Some(Expr::Compare(Box::new(column("f2", Scalar::Number)), Compare::Eq, Box::new(room)));
    select.order = vec![Order { by: column("f6", Scalar::Text), descending: true }];
    select.limit = Some(20);
    select
}

#[expect(clippy::cast_precision_loss, reason = "rooms are few")]
fn room(n: usize, records: usize) -> f64 {
    (n * 7_919 % (records / ROOM)) as f64
}

fn column(key: &str, scalar: Scalar) -> Expr {
    Expr::Column(MAIN, Column::Field(key.into(), scalar))
}

fn table() -> Table {
    Table::new("bench")
}

fn id(n: usize) -> String {
    format!("rec{n:012}")
}

fn body(n: usize) -> String {
    let text = "국회에서 발의한 법률안의 제안 이유와 주요 내용 — the reasons for the bill. ".repeat(6);
    let room = n / ROOM;
    format!(
        "{{\"f1\":\"title {n}\",\"f2\":{room},\"f3\":true,\"f4\":\"{text}\",\"f5\":[\"a\",\"b\"],\"f6\":\"2026-{n:09}\"}}"
    )
}

/// CPU time of this process's threads, user and system.
fn cpu_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let of_thread = |entry: std::io::Result<std::fs::DirEntry>| -> u64 {
        let times = std::fs::read_to_string(entry.unwrap().path().join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse().unwrap()
    };
    Duration::from_nanos(threads.map(of_thread).sum())
}
