//! History: readers and writers on three web servers of one database, with memcached killed, frozen and lied to.
//!
//! Every record holds a number that each write raises by one. So nobody may read less than anybody has read, or was told
//! of a write, before that read began; and the change log must tell of as many changes as were answered, each record's in
//! its order. A run takes [`SECONDS`]; `ONDOL_HISTORY_SECONDS=600` makes it as long as it says, and
//! `ONDOL_HISTORY_SEED` repeats the disturbances of another run.
#![expect(clippy::unwrap_used, reason = "in a test a fault is to be seen where it happens")]
#![expect(
    clippy::disallowed_methods,
    reason = "a run is told its length by its command, and its clients need no tracker"
)]
#![expect(clippy::print_stdout, reason = "a long run tells what it did")]

#[path = "history/disturbance.rs"]
mod disturbance;
#[path = "history/team.rs"]
mod team;

use std::time::Duration;

use testbed::Database;

use team::Team;

/// How long a run takes when nothing is said.
const SECONDS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_of_three_servers_on_postgres_sees_less_than_was_seen_before() {
    run(testbed::postgres().database()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_of_three_servers_on_mariadb_sees_less_than_was_seen_before() {
    run(testbed::mariadb().database()).await;
}

async fn run(database: Database) {
    let said = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let time = Duration::from_secs(said("ONDOL_HISTORY_SECONDS").unwrap_or(SECONDS));
    let seed = said("ONDOL_HISTORY_SEED").unwrap_or(u64::from(std::process::id()));
    println!("seed {seed}");
    let mut team = Team::gather(&database).await;
    let told = team.work(time, seed).await;
    println!("{told}");
    team.part().await;
}
