//! What a hit costs: `cargo run --release -p cache --example hit`. 32 callers, values of 700 bytes, and a change log that
//! takes 100 µs for an answer. Prints CPU of this process (and of memcached) per hit, and hits per question to the log.

use std::fs;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache::{Answer, Cache, Config, Found, Log, News, Place};
use testbed::{Memcached, Options};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CALLERS: usize = 32;
const GETS: usize = 10_000;
const VALUES: usize = 1_000;
/// `USER_HZ`, which Linux has had at 100 on every machine that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A log in which nothing happens, 100 µs away.
struct Far {
    questions: mpsc::Sender<oneshot::Sender<()>>,
}

impl Far {
    fn new() -> Far {
        let (questions, asked) = mpsc::channel::<oneshot::Sender<()>>();
        thread::spawn(move || {
            for reply in asked {
                thread::sleep(Duration::from_micros(100));
                // Whoever asked may have gone.
                let _ = reply.send(());
            }
        });
        Far { questions }
    }
}

impl Log for Far {
    fn since(&self, after: Option<Place>, _: usize) -> Answer<'_> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            self.questions.send(reply)?;
            answer.await?;
            let place = Place { epoch: 0, position: 0 };
            let begin = News::Anew { place, newest: 0 };
            Ok(if after.is_none() { begin } else { News::Since { to: 0, changes: Vec::new() } })
        })
    }
}

/// User and system time of a process, in seconds (proc(5), `/proc/pid/stat`).
fn cpu(process: &str) -> io::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

async fn get(cache: &Cache, id: &str) {
    if let Found::Miss(ticket) = cache.get("bills", id).await {
        cache.put(ticket, "bills", id, 1, Bytes::from(vec![b'x'; 700]));
    }
}

async fn measure(name: &str, cache: Arc<Cache>, gets: usize, memcached: Option<u32>) -> io::Result<()> {
    let memcached = memcached.map_or("self".to_owned(), |process| process.to_string());
    let (before, its, begin, old) = (cpu("self")?, cpu(&memcached)?, Instant::now(), cache.report());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let cache = cache.clone();
        callers.spawn(async move {
            for n in 0..gets / CALLERS {
                get(&cache, &format!("{:015}", (n * 31 + caller * 7) % VALUES)).await;
            }
        });
    }
    callers.join_all().await;
    let report = cache.report();
    let hits = (report.hits - old.hits) as f64;
    let per_hit = |seconds: f64| seconds * 1e6 / hits;
    writeln!(
        io::stdout(),
        "{name}: {hits} hits, {:.1} us here, {:.1} us there, {:.1} hits per question, {:.0} hits/s",
        per_hit(cpu("self")? - before),
        if memcached == "self" { 0.0 } else { per_hit(cpu(&memcached)? - its) },
        hits / (report.questions - old.questions) as f64,
        hits / begin.elapsed().as_secs_f64(),
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memcached = Memcached::start(&Options::default());
    let near = Arc::new(Cache::new(Config::in_process(64 << 20), Arc::new(Far::new()))?);
    let far = Config::memcached(vec![memcached.address()], "hit");
    let far = Arc::new(Cache::new(far, Arc::new(Far::new()))?);
    let runs = far.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { runs.run(CancellationToken::new()).await });
    while far.report().servers.iter().any(|server| server.out_for.is_some()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for (name, cache, process) in [("in process", near, None), ("memcached", far, Some(memcached.process()))]
    {
        for id in 0..VALUES {
            get(&cache, &format!("{id:015}")).await;
        }
        measure(name, cache.clone(), GETS, process).await?;
        measure(name, cache.clone(), GETS * 20, process).await?;
    }
    Ok(())
}
