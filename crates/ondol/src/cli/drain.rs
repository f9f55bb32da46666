//! `ondol drain BACKEND`: a balancer that runs sends nothing new there; what the backend has it finishes.

use std::time::Duration;

use serde_json::Value;

use super::place::Place;
use super::{say, short, upgrade};
use crate::failure::Failure;
use crate::swap::control::{self, Ask};

/// Longest wait for the balancer's answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Time between two looks whether the backend has finished.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The web server's address, as the service file names it
    #[arg(value_name = "BACKEND")]
    backend: String,
    #[command(flatten)]
    place: Place,
    /// Send requests there again
    #[arg(long)]
    undo: bool,
    /// Wait until it has answered what it has, at most so many seconds; event streams and websockets are not waited for
    #[arg(long, value_name = "SECONDS", conflicts_with = "undo")]
    wait: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = args.place.config()?;
    if config.balancer.is_none() {
        return Err(Failure::usage(
            "the service file has no [balancer]; `ondol drain` is said where the balancer runs",
        ));
    }
    short(async {
        for (path, _) in upgrade::found(&config, None).await? {
            let ask = Ask::Drain { backend: args.backend.clone(), is_drained: !args.undo };
            let answer = control::ask(&path, &ask, ANSWER_TIME_MAX).await.map_err(lost)?;
            answer.map_err(Failure::usage)?;
            if let Some(seconds) = args.wait {
                wait(&path, &args.backend, Duration::from_secs(seconds)).await?;
            }
        }
        say(&match (args.undo, args.wait) {
            (true, _) => format!("{} gets requests again.", args.backend),
            (false, None) => format!("{} gets nothing new, and finishes what it has.", args.backend),
            (false, Some(_)) => format!("{} gets nothing new, and has no request left.", args.backend),
        })
    })
}

async fn wait(path: &std::path::Path, backend: &str, longest: Duration) -> Result<(), Failure> {
    let finished = async {
        loop {
            let answer = control::ask(path, &Ask::Status, ANSWER_TIME_MAX).await.map_err(lost)?;
            let status = answer.map_err(Failure::failed)?;
            let of = |told: &&Value| told["address"] == backend;
            let told = status["backends"].as_array().and_then(|all| all.iter().find(of)).cloned();
            if told.is_none_or(|told| told["state"] == "drained" && told["requests"] == 0) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(longest, finished).await.unwrap_or_else(|_| {
        Err(Failure::degraded(format!(
            "{backend} gets nothing new, but has not answered what it has within {} s",
            longest.as_secs()
        )))
    })
}

fn lost(error: std::io::Error) -> Failure {
    Failure::failed(format!("the balancer can't be asked: {error}"))
}
