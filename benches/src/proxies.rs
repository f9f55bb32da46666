//! What a request costs a proxy: our balancer beside nginx, HAProxy, lighttpd, Perlbal and a pump of bytes, one thread each, in
//! front of the same two servers, round after round in turn.
//!
//! Map: `cast` (who they are, and their processes), `settings` (what they are told), `idle` (what a connection takes that does nothing).

mod cast;
mod idle;
mod settings;

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::load::{Sample, read_sample};
use crate::machine::{self, cpu_time};
use crate::{say, say_aside};

use cast::{Cast, Door, Proxy};

/// The load's script, as wrk reads it.
const SCRIPT: &str = include_str!("../proxies.lua");

/// What is asked for on the command line.
#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// Rounds; what is printed is the median of them.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds per measurement, after one of warming.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Clients at once.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Only these loads.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = LOADS)]
    loads: Vec<Load>,
    /// Only these proxies: pump, nginx, haproxy, lighttpd, perlbal, ondol, and the names of `--other`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Another build of ours, beside the first: `NAME=PATH`.
    #[arg(long)]
    other: Vec<String>,
    /// Idle connections whose memory is measured; 0 for none. HAProxy takes half as many as it may have files open.
    #[arg(long, default_value_t = 9_000)]
    idle: usize,
    /// Ours; without it, the program beside this binary.
    #[arg(long)]
    ondol: Option<std::path::PathBuf>,
}

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Load {
    /// 1 KiB on connections that stay.
    Small,
    /// 64 KiB on connections that stay.
    Large,
    /// 1 KiB on a new connection each.
    New,
    /// 1 KiB within TLS, on connections that stay.
    Tls,
    /// Full TLS handshakes and nothing else, one after the other.
    Handshake,
}

const LOADS: [Load; 5] = [Load::Small, Load::Large, Load::New, Load::Tls, Load::Handshake];

impl Load {
    fn is_secure(self) -> bool {
        matches!(self, Load::Tls | Load::Handshake)
    }

    fn run(self, port: u16, ask: &Ask, seconds: u64, script: &Path) -> Result<Sample> {
        if self == Load::Handshake {
            return shake(port, seconds);
        }
        let scheme = if self.is_secure() { "https" } else { "http" };
        let path = if self == Load::Large { "64k" } else { "1k" };
        let mut wrk = Command::new("wrk");
        wrk.arg("-t1").arg(format!("-c{}", ask.clients)).arg(format!("-d{seconds}s"));
        wrk.args(["--timeout", "10s", "-s"]).arg(script);
        if self == Load::New {
            wrk.args(["-H", "Connection: close"]);
        }
        wrk.arg(format!("{scheme}://localhost:{port}/{path}"));
        wrk.stdout(Stdio::piped()).stderr(Stdio::piped());
        read_sample(&wrk.output().context("start wrk (Debian: apt install wrk)")?)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Load::Small => "1 KiB, keep-alive",
            Load::Large => "64 KiB, keep-alive",
            Load::New => "1 KiB, a new connection each",
            Load::Tls => "1 KiB, TLS, keep-alive",
            Load::Handshake => "a full TLS handshake, one after the other",
        })
    }
}

/// Handshakes by `openssl s_time`: wrk would take up its earlier sessions again.
fn shake(port: u16, seconds: u64) -> Result<Sample> {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_time", "-new", "-time", &seconds.to_string(), "-connect", &format!("localhost:{port}")]);
    let done = openssl.output().context("start openssl (Debian: apt install openssl)")?;
    let said = String::from_utf8_lossy(&done.stdout);
    // "1234 connections in 3 real seconds, 0 bytes read per connection"
    let line = said.lines().find(|line| line.contains("real seconds")).context("openssl gave no figures")?;
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [requests, took, ..] = numbers[..] else { bail!("read {line}") };
    Ok(Sample { requests, seconds: took.max(1) as f64, p50_us: 0, p99_us: 0, bad: 0, cpu_us: 0.0 })
}

/// Measures all that is asked for, and prints the table.
pub(crate) async fn run(ask: &Ask) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("ondol-proxies-").tempdir()?;
    let script = folder.path().join("proxies.lua");
    std::fs::write(&script, SCRIPT)?;
    let cast = Cast::start(folder.path(), ask)?;
    say(&format!("Machine: {}.\n", machine::facts()));
    let names: Vec<&str> = cast.proxies.iter().map(|proxy| proxy.name.as_str()).collect();
    say(&format!("| CPU µs (of that user; requests/s) | {} |", names.join(" | ")));
    say(&format!("| --- |{}", " --- |".repeat(names.len())));
    for load in &ask.loads {
        let mut samples = vec![Vec::new(); cast.proxies.len()];
        for round in 0..ask.rounds {
            say_aside(&format!("{load}, round {}, load {}", round + 1, machine::load()));
            for turn in 0..cast.proxies.len() {
                // nobody is always the first
                let at = (turn + round) % cast.proxies.len();
                samples[at].extend(measure(&cast.proxies[at], *load, ask, &script)?);
            }
        }
        let cells: Vec<String> = samples.into_iter().map(cell).collect();
        say(&format!("| {load} | {} |", cells.join(" | ")));
    }
    if ask.idle > 0 {
        let mut cells = Vec::new();
        for proxy in &cast.proxies {
            cells.push(idle::measure(proxy, &cast, ask.idle).await?);
        }
        say(&format!("| KiB per idle connection, plain / TLS | {} |", cells.join(" | ")));
    }
    say(&format!("\nLoad at the end: {}.", machine::load()));
    Ok(())
}

/// What one request cost.
#[derive(Clone, Copy)]
struct Cost {
    cpu_us: f64,
    user_us: f64,
    rate: f64,
}

fn measure(proxy: &Proxy, load: Load, ask: &Ask, script: &Path) -> Result<Option<Cost>> {
    let door = if load.is_secure() { proxy.secure } else { Some(proxy.plain) };
    let Some(Door { port, pid }) = door else { return Ok(None) };
    load.run(port, ask, 1, script)?;
    let before = (cpu_time(pid)?, machine::user_time(pid)?);
    let sample = load.run(port, ask, ask.seconds, script)?;
    let after = (cpu_time(pid)?, machine::user_time(pid)?);
    if sample.bad > 0 {
        say_aside(&format!("{}, {load}: {} of {} answers were bad", proxy.name, sample.bad, sample.requests));
    }
    let each = |used: std::time::Duration| used.as_secs_f64() * 1e6 / sample.requests.max(1) as f64;
    Ok(Some(Cost {
        cpu_us: each(after.0.saturating_sub(before.0)),
        user_us: each(after.1.saturating_sub(before.1)),
        rate: sample.requests as f64 / sample.seconds,
    }))
}

fn cell(mut costs: Vec<Cost>) -> String {
    costs.sort_by(|a, b| a.cpu_us.total_cmp(&b.cpu_us));
    match costs.get(costs.len() / 2) {
        Some(cost) => format!("**{:.0}** ({:.0}; {:.0})", cost.cpu_us, cost.user_us, cost.rate),
        None => "–".into(),
    }
}
