//! Holds a server for tests of what becomes of it when its keeper dies or is stopped, and is that keeper's guard.
//!
//! `engine-hold keep FOLDER PROGRAMS PORT` starts the server that is in FOLDER behind a guard, tells on its standard output when it
//! answers, and holds it for a second from each line of its standard input on; `engine-hold guard FOLDER` is the guard.
//! `engine-hold leave FOLDER PROGRAMS PORT` starts it without a guard, and ends at once.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use base::moment::Moment;
use base::secret::Secret;
use engine::guard::Guard;
use engine::postgres::{Config, Door, Postgres};
use engine::{Confirm, Error, Observation};

/// How long each line holds.
const HELD: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["guard", folder] => drop(engine::guard::watch_over(PathBuf::from(folder), std::io::stdin())),
        [what @ ("keep" | "leave"), folder, programs, port] => {
            let Ok(port) = port.parse() else { return ExitCode::from(2) };
            let config = config(folder.into(), programs.into(), port);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return ExitCode::FAILURE };
            let work = async { if what == "keep" { keep(config).await } else { leave(config).await } };
            if runtime.block_on(work).is_err() {
                return ExitCode::FAILURE;
            }
        }
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

fn config(folder: PathBuf, programs: PathBuf, port: u16) -> Config {
    let mut config = Config::new("held", folder, programs);
    config.listen = vec!["127.0.0.1".to_owned()];
    config.port = port;
    (config.replication, config.secret) = (Secret::new("unused"), Secret::new("unused"));
    config
}

async fn leave(config: Config) -> Result<(), Error> {
    Postgres::new(config)?.start(None, &Confirm::Here, Door::Closed).await
}

async fn keep(config: Config) -> Result<(), Error> {
    let us = std::env::current_exe();
    let us = us.map_err(|source| Error::Start { program: "the guard".to_owned(), source })?;
    let mut guard = Guard::start(&us, &["guard"], &config.folder.join("data"))?;
    let hands = Postgres::new(config)?;
    hands.start(None, &Confirm::Here, Door::Closed).await?;
    while !matches!(hands.observe().await?, Observation::Running(_)) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // whoever reads this may be gone
    let _ = writeln!(std::io::stdout(), "guard {}", guard.id());
    for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
        guard.hold(Moment::now().after(HELD))?;
        let _ = writeln!(std::io::stdout(), "held");
    }
    Ok(())
}
