//! What proving a token costs: `cargo run --release -p identity --example tokens`. One caller on the embedded engine. Prints
//! CPU of this process per proof: of a token that this web server has not seen, and of one that it proved a moment ago.
//!
//! `-- --server URL` does the same on a PostgreSQL or MariaDB server, whose records are kept at hand in this process.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::sync::Arc;

use base::secret::Secret;
use base::time::Clock;
use identity::{Beginning, Config, Identity, Place, Way, superusers};
use records::{Limits, Moment, Records};
use store::{Engine, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::limiter::Limiter;

const EMAIL: &str = "root@example.com";
const WARM_PROOFS: usize = 200_000;
const COLD_PROOFS: usize = 10_000;
/// `USER_HZ`, which Linux has had at 100 on every machine that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of this process, in seconds (proc(5), `/proc/pid/stat`).
fn cpu() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut kept = store::Config::new(dir.path());
    if let Some(url) = std::env::args().skip_while(|word| word != "--server").nth(1) {
        kept.engine = Engine::from_url(&url)?;
    }
    let store = Store::open(kept, Clock::System).await?;
    let cache = Some(cache::Config::in_process(8 << 20));
    let records = Records::open_cached(store, Clock::System, Limits::default(), cache).await?;
    superusers::upsert(&records, EMAIL, &Secret::new("rootrootroot")).await?;
    let limiter = Arc::new(Limiter::new(&web::Config::default(), Clock::System));
    // one keeps what it has proved at hand; the other has room for one token, and is shown two in turn
    let warm = Identity::new(Config::default(), records.clone(), limiter.clone());
    let cold = Identity::new(Config { cached_tokens_max: 1, ..Config::default() }, records.clone(), limiter);
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    for works in [warm.clone(), cold.clone()] {
        let until = stop.clone();
        tasks.spawn(async move { works.run(until).await });
    }
    let superusers = records.catalog().find("_superusers").cloned().ok_or("no superusers")?;
    let account = records.find_account(&superusers, &["email".into()], EMAIL).await?.ok_or("nobody")?;
    let place = Place { address: [127, 0, 0, 1].into(), browser: String::new() };
    let beginning = Beginning { ways: vec![Way::Password], place, actor: None, via: None };
    let tokens =
        [warm.begin_session(&account, &beginning).await?, warm.begin_session(&account, &beginning).await?];

    while !(warm.hears_of_ends() && cold.hears_of_ends()) {
        tokio::task::yield_now().await;
    }

    for (what, identity, proofs) in
        [("never seen", &cold, COLD_PROOFS), ("proved a moment ago", &warm, WARM_PROOFS)]
    {
        for token in &tokens {
            identity.session(token, Moment::default()).await?.ok_or("not proved")?;
        }
        let began = cpu()?;
        for token in tokens.iter().cycle().take(proofs) {
            identity.session(token, Moment::default()).await?.ok_or("not proved")?;
        }
        let micros = (cpu()? - began) * 1e6 / f64::from(u32::try_from(proofs)?);
        writeln!(io::stdout(), "{what}: {micros:.1} µs")?;
    }
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    Ok(())
}
