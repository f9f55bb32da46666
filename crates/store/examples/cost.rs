//! CPU time per operation of the store alone: `cargo run --release -p store --example cost [RECORDS] [DIR]`.
//!
//! CPU time, because machines that measure are rarely quiet. A record's body has about 700 bytes, Korean and English.

#![expect(clippy::unwrap_used, reason = "a measurement ends at the first failure")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base::time::Clock;
use store::{Config, Error, Store, Table};

/// Operations of one kind that are measured.
const OPERATIONS: usize = 40_000;
/// Writes of a single caller that are measured: each waits for the disk alone.
const LONE_WRITES: usize = 4_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let records = arguments.next().map_or(100_000, |n| n.parse().unwrap());
    let kept = arguments.next().map(PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let dir = kept.unwrap_or_else(|| scratch.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        measure(Store::open(Config::new(&dir), Clock::System).await.unwrap(), records).await
    });
    println!("peak memory: {} KiB", memory("VmHWM:"));
}

async fn measure(store: Store, records: usize) {
    store.claim().unwrap();
    println!("memory after opening: {} KiB", memory("VmRSS:"));
    fill(&store, records).await;
    println!("{records} records; CPU µs per operation, operations per second");
    for callers in [1, 16] {
        run("get", callers, &store, move |store, n| async move {
            let id = id(n * 7_919 % records);
            assert!(store.reader().await.unwrap().get(&table(), &id).await.unwrap().is_some());
        })
        .await;
        run("insert", callers, &store, move |store, n| async move {
            let (id, body) = (format!("new{callers:02}{n:010}"), body(n));
            store.write(|tx| Box::pin(async move { tx.insert(&table(), &id, 1, body).await })).await.unwrap();
        })
        .await;
        run("update", callers, &store, move |store, n| async move {
            let (id, body) = (id(n * 7_919 % records), body(n + 1));
            store.write(|tx| Box::pin(async move { tx.update(&table(), &id, 1, body).await })).await.unwrap();
        })
        .await;
    }
    store.close().await;
}

async fn fill(store: &Store, records: usize) {
    let at = Instant::now();
    store.write(|tx| Box::pin(async move { tx.create_table(&table()).await })).await.unwrap();
    for start in (0..records).step_by(1_000) {
        let filled: Result<(), Error> = store
            .write(move |tx| {
                Box::pin(async move {
                    for n in start..(start + 1_000).min(records) {
                        tx.insert(&table(), &id(n), 1, body(n)).await?;
                    }
                    Ok(())
                })
            })
            .await;
        filled.unwrap();
    }
    println!("filled in {:?}", at.elapsed());
}

/// Does the operations with so many callers at once, and prints what they cost.
async fn run<F, W>(name: &str, callers: usize, store: &Store, operation: F)
where
    F: Fn(Store, usize) -> W + Copy + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let operations = if callers == 1 && name != "get" { LONE_WRITES } else { OPERATIONS };
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, at) = (cpu_time(), Instant::now());
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (store, next) = (store.clone(), Arc::clone(&next));
        set.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= operations {
                    return;
                }
                operation(store.clone(), n).await;
            }
        });
    }
    set.join_all().await;
    let (cpu, wall) = (cpu_time() - cpu, at.elapsed());
    let each = cpu.as_secs_f64() * 1e6 / operations as f64;
    println!(
        "{name:>8} {callers:>3} callers {each:>8.1} µs {:>9.0}/s",
        operations as f64 / wall.as_secs_f64()
    );
}

fn table() -> Table {
    Table::new("bench")
}

fn id(n: usize) -> String {
    format!("rec{n:012}")
}

fn body(n: usize) -> String {
    let text = "국회에서 발의한 법률안의 제안 이유와 주요 내용 — the reasons for the bill. ".repeat(6);
    format!(
        "{{\"f1\":\"title {n}\",\"f2\":{n},\"f3\":true,\"f4\":\"{text}\",\"f5\":[\"a\",\"b\"],\"f6\":\"2026-11-22\"}}"
    )
}

/// CPU time of this process, user and system, in steps of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let ticks: u64 = after_name.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// A line of the process's memory report, in KiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    found.trim().trim_end_matches(" kB").parse().unwrap()
}
