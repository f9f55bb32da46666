//! A balancer under a mixed load with faults, for as long as it is told: `soak MINUTES [REQUESTS_PER_SECOND [FAULT_SECONDS]]`.
//!
//! The balancer is a process of its own (this program again). Behind it are three servers that now and then refuse
//! connections, fall silent, break off or are slow; in front people who read slowly, leave early and upload much. Every
//! ten seconds its memory and descriptors are written down. It fails when they grow, when a read fails that nobody broke
//! off, or when anybody gets no answer at all; how late the events of streams are it tells. `RUST_LOG=info,balancer=debug`
//! has it say why what failed.

#![expect(clippy::print_stdout, reason = "it tells the one who runs it")]

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use balancer::{Config, Means, Place, Route, Service, Uploads};
use base::time::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing_subscriber::EnvFilter;
use web::limiter::Limiter;
use web::{Front, Stop};

const SERVERS: usize = 3;
const LARGE: usize = 1 << 20;
const EVENTS: usize = 5;
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// What is told of somebody who waited in vain.
const NO_ANSWER: &str = "no answer";
/// What memory may grow by between the first and the last quarter.
const GROWTH_MAX: u64 = 6 << 20;

#[tokio::main]
async fn main() -> Result<()> {
    let filter = EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["front", listen, root, ref servers @ ..] => front(listen, root, servers).await,
        [minutes] => soak(minutes, "50", "5").await,
        [minutes, rate] => soak(minutes, rate, "5").await,
        [minutes, rate, fault] => soak(minutes, rate, fault).await,
        _ => Err(Error::other("soak MINUTES [REQUESTS_PER_SECOND [FAULT_SECONDS]]")),
    }
}

/// The balancer.
async fn front(listen: &str, root: &str, servers: &[&str]) -> Result<()> {
    let backends: Vec<Place> = servers
        .iter()
        .map(|address| Place { address: (*address).to_owned(), weight: 1, is_spare: false, is_host: false })
        .collect();
    let route = |path: &str| Route { path: path.into(), ..Route::default() };
    let config = Config {
        pools: [("store".to_owned(), backends.clone())].into(),
        roots: [("files".to_owned(), root.into())].into(),
        routes: vec![
            Route { compress: Some(true), ..route("/text") },
            Route { uploads: Uploads::Whole, ..route("/upload") },
            Route {
                reproxy_roots: vec!["files".into()],
                reproxy_pools: vec!["store".into()],
                ..route("/stead")
            },
            Route { files: Some("files".into()), ..route("/files/") },
        ],
        backends,
        connections_per_address_max: usize::MAX,
        ..Config::default()
    };
    let (web, stop) = (Arc::new(web::Config::default()), Stop::new());
    let limiter = Arc::new(Limiter::new(&web, Clock::System));
    let means = Means { limiter, trusted_proxies: Vec::new(), stop: stop.soft.clone(), hosts: None };
    let service = Service::new(config, means);
    web::serve(vec![TcpListener::bind(listen).await?.into()], Front::of_others(service.pass(), web), stop)
        .await;
    Ok(())
}

/// How a server behaves now.
#[derive(Default)]
struct Mood {
    /// Neither reads nor answers.
    is_silent: AtomicBool,
    /// Takes its time.
    is_slow: AtomicBool,
    /// Breaks off every so manieth answer; 0 for none.
    breaks: AtomicU64,
    /// Closes connections as they come.
    refuses: AtomicBool,
    answered: AtomicU64,
}

async fn server(listener: TcpListener, mood: Arc<Mood>, tasks: TaskTracker) {
    while let Ok((socket, _)) = listener.accept().await {
        if !mood.refuses.load(Relaxed) {
            let mood = mood.clone();
            tasks.spawn(async move { drop(converse(socket, &mood).await) });
        }
    }
}

async fn converse(mut socket: TcpStream, mood: &Mood) -> Result<()> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let end = loop {
            if let Some(end) = find(&bytes, b"\r\n\r\n") {
                break end + 4;
            }
            let count = socket.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            bytes.extend_from_slice(&buffer[..count]);
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length =
            head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut left = end + length.unwrap_or(0usize);
        while left > bytes.len() {
            left -= bytes.len();
            bytes.clear();
            let count = socket.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            bytes.extend_from_slice(&buffer[..count]);
        }
        bytes.drain(..left);
        while mood.is_silent.load(Relaxed) {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(Duration::from_millis(if mood.is_slow.load(Relaxed) { 500 } else { 2 })).await;
        let count = mood.answered.fetch_add(1, Relaxed);
        let breaks = mood.breaks.load(Relaxed);
        if breaks > 0 && count.is_multiple_of(breaks) && !head.contains("ondol-balancer") {
            return Ok(());
        }
        answer(&mut socket, head.split(' ').nth(1).unwrap_or_default()).await?;
    }
}

async fn answer(socket: &mut TcpStream, path: &str) -> Result<()> {
    let (more, body) = match path {
        "/large" => (String::new(), vec![b'x'; LARGE]),
        "/text" => ("Content-Type: text/plain\r\n".into(), "warm floor ".repeat(2000).into_bytes()),
        "/stead/file" => ("X-Accel-Redirect: /files/file\r\n".into(), Vec::new()),
        "/stead/pool" => ("X-Reproxy-URL: http://store/small\r\n".into(), Vec::new()),
        "/events" => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            socket.write_all(head.as_bytes()).await?;
            for _ in 0..EVENTS {
                let data = format!("data: {}\n\n", since());
                socket.write_all(format!("{:x}\r\n{data}\r\n", data.len()).as_bytes()).await?;
                sleep(Duration::from_millis(300)).await;
            }
            return socket.write_all(b"0\r\n\r\n").await;
        }
        _ => (String::new(), vec![b'x'; 1024]),
    };
    let head = format!("HTTP/1.1 200 OK\r\n{more}Content-Length: {}\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(&body).await
}

/// Microseconds since the program began.
fn since() -> u128 {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGAN.elapsed().as_micros()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// What came of all requests, by what was asked.
#[derive(Default)]
struct Tally {
    told: std::sync::Mutex<BTreeMap<(&'static str, String), u64>>,
    event_late_us: AtomicU64,
    events_late: AtomicU64,
    events: AtomicU64,
}

impl Tally {
    fn add(&self, kind: &'static str, told: String) {
        *self.told.lock().expect("nobody panics while holding it").entry((kind, told)).or_default() += 1;
    }
}

const KINDS: [(&str, &str); 10] = [
    ("small", "GET /small HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("small", "GET /small HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("large", "GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("slow reader", "GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("leaves early", "GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("text", "GET /text HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"),
    ("file", "GET /files/file HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("file in stead", "GET /stead/file HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("pool in stead", "GET /stead/pool HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
    ("upload", "PUT /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 1048576\r\nConnection: close\r\n\r\n"),
];

async fn person(address: SocketAddr, (kind, request): (&'static str, &'static str), tally: Arc<Tally>) {
    let asked = timeout(ANSWER_TIME_MAX, converse_in_front(address, kind, request)).await;
    tally.add(
        kind,
        match asked {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => error.kind().to_string(),
            Err(_) => NO_ANSWER.to_owned(),
        },
    );
}

async fn converse_in_front(address: SocketAddr, kind: &str, request: &str) -> Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(request.as_bytes()).await?;
    if kind == "upload" {
        socket.write_all(&vec![b'x'; LARGE]).await?;
    }
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 32 << 10]);
    loop {
        let count = socket.read(&mut buffer).await?;
        heard.extend_from_slice(&buffer[..count.min(4096)]);
        if kind == "leaves early" && count > 0 {
            return Ok("left".to_owned());
        }
        if kind == "slow reader" {
            sleep(Duration::from_millis(40)).await;
        }
        if count == 0 {
            break;
        }
    }
    Ok(heard.get(9..12).map_or("nothing".to_owned(), |status| String::from_utf8_lossy(status).into_owned()))
}

/// Listens to an event stream, and how late its events are.
async fn listen(address: SocketAddr, tally: Arc<Tally>) -> Result<()> {
    let mut socket = TcpStream::connect(address).await?;
    socket
        .write_all(
            b"GET /events HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n",
        )
        .await?;
    let mut buffer = vec![0; 4096];
    loop {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let now = since();
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        for sent in
            text.split("data: ").skip(1).filter_map(|rest| rest.split('\n').next()?.parse::<u128>().ok())
        {
            let late = u64::try_from(now.saturating_sub(sent)).unwrap_or(u64::MAX);
            tally.events.fetch_add(1, Relaxed);
            tally.event_late_us.fetch_max(late, Relaxed);
            if late > 50_000 {
                tally.events_late.fetch_add(1, Relaxed);
            }
        }
    }
}

/// One fault after another, each for so long, and a pause as long in which all is well.
async fn faults(moods: Vec<Arc<Mood>>, each: Duration) {
    for turn in 0usize.. {
        let mood = &moods[turn % SERVERS];
        let set = |on: bool| match (turn / SERVERS) % 4 {
            0 => mood.refuses.store(on, Relaxed),
            1 => mood.is_silent.store(on, Relaxed),
            2 => mood.is_slow.store(on, Relaxed),
            _ => mood.breaks.store(if on { 20 } else { 0 }, Relaxed),
        };
        tracing::info!(server = turn % SERVERS, kind = turn / SERVERS % 4, "fault");
        set(true);
        sleep(each).await;
        set(false);
        sleep(each).await;
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // of one that has ended there is nothing to kill
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes in memory, and descriptors.
fn look(process: u32) -> Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kb = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64;
    Ok((kb.unwrap_or(0u64) << 10, descriptors))
}

async fn soak(minutes: &str, rate: &str, fault: &str) -> Result<()> {
    let number = |word: &str| word.parse::<u64>().map_err(|_| Error::other(format!("`{word}` is no number")));
    let (whole, pause) =
        (Duration::from_secs(60 * number(minutes)?), Duration::from_micros(1_000_000 / number(rate)?.max(1)));
    let (tasks, tally) = (TaskTracker::new(), Arc::<Tally>::default());
    let (mut addresses, mut moods) = (Vec::new(), Vec::new());
    for _ in 0..SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?.to_string());
        let mood = Arc::<Mood>::default();
        moods.push(mood.clone());
        tasks.spawn(server(listener, mood, tasks.clone()));
    }
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("file"), vec![b'x'; 200_000])?;
    let listen_at = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let front = begin(listen_at, folder.path(), &addresses)?;
    while TcpStream::connect(listen_at).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    tasks.spawn(faults(moods, Duration::from_secs(number(fault)?)));
    let (begun, mut samples, mut sampled) = (Instant::now(), Vec::new(), Instant::now());
    for turn in 0usize.. {
        if begun.elapsed() > whole {
            break;
        }
        tasks.spawn(person(listen_at, KINDS[turn % KINDS.len()], tally.clone()));
        if turn % 50 == 0 {
            let tally = tally.clone();
            tasks.spawn(async move { drop(listen(listen_at, tally).await) });
        }
        if sampled.elapsed() > SAMPLE_EVERY {
            sampled = Instant::now();
            let (memory, descriptors) = look(front.0.id())?;
            samples.push((memory, descriptors));
            println!(
                "{:5} s  {:6} KiB  {descriptors:4} descriptors",
                begun.elapsed().as_secs(),
                memory >> 10
            );
        }
        sleep(pause).await;
    }
    verdict(&samples, &tally)
}

fn begin(listen: SocketAddr, root: &Path, servers: &[String]) -> Result<Running> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("front").arg(listen.to_string()).arg(root).args(servers);
    Ok(Running(command.spawn()?))
}

fn verdict(samples: &[(u64, u64)], tally: &Tally) -> Result<()> {
    let mut failed = 0;
    for ((kind, told), count) in &*tally.told.lock().expect("nobody panics while holding it") {
        println!("{kind:14} {told:12} {count}");
        // what breaks off in the middle of an answer, or of a body that can't be sent again, must fail
        let is_read = matches!(*kind, "small" | "text" | "file" | "file in stead");
        if is_read && told != "200" || told == NO_ANSWER {
            failed += count;
        }
    }
    let quarter = samples.len() / 4;
    let median = |of: &[(u64, u64)]| {
        let (mut memory, mut descriptors): (Vec<u64>, Vec<u64>) = of.iter().copied().unzip();
        memory.sort_unstable();
        descriptors.sort_unstable();
        (
            memory.get(memory.len() / 2).copied().unwrap_or(0),
            descriptors.get(descriptors.len() / 2).copied().unwrap_or(0),
        )
    };
    // the first quarter warms up
    let (first, last) = (median(&samples[quarter..2 * quarter]), median(&samples[samples.len() - quarter..]));
    println!("second quarter: {} KiB, {} descriptors", first.0 >> 10, first.1);
    println!("last quarter:   {} KiB, {} descriptors", last.0 >> 10, last.1);
    let (events, late) = (tally.events.load(Relaxed), tally.events_late.load(Relaxed));
    println!(
        "{events} events, {late} later than 50 ms, the latest {} ms",
        tally.event_late_us.load(Relaxed) / 1000
    );
    let is_flat = last.0 <= first.0 + GROWTH_MAX && last.1 <= first.1 + 50;
    match (is_flat, failed) {
        (true, 0) => {
            println!("flat, and no read failed");
            Ok(())
        }
        (true, failed) => Err(Error::other(format!("{failed} reads failed, or requests got no answer"))),
        (false, _) => Err(Error::other("memory or descriptors grow")),
    }
}
