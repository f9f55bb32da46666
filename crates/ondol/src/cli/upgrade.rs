//! `ondol upgrade`: the program on disk takes over from the processes that run; nobody outside notices.

use std::time::Duration;

use super::place::Place;
use super::{say, short, up};
use crate::failure::Failure;
use crate::swap::control::{self, Ask, Who};

/// How much longer than the heir may take an answer is waited for.
const ANSWER_SLACK: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Only the process that listens there [default: all of this folder, one after the other]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Only see whether the program on disk could take over
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = args.place.config()?;
    if config.topology.is_some() {
        return Err(Failure::usage(up::NO_SWAP));
    }
    let longest = config.web.handover_time_max.0 + ANSWER_SLACK;
    short(async {
        let found = found(&config, args.listen.as_deref()).await?;
        for (path, who) in &found {
            let (ask, at) = (if args.check { Ask::Check } else { Ask::Upgrade }, words(who));
            let answer = control::ask(path, &ask, longest).await.map_err(|error| {
                Failure::failed(format!("{at} can't be asked any more: {error}; its log tells how it went"))
            })?;
            match answer {
                Ok(_) if args.check => say(&format!("The program on disk could take over from {at}."))?,
                Ok(process) => say(&format!("Process {process} has taken over from {at}."))?,
                Err(why) => {
                    let outcome =
                        if args.check { "could not take over from" } else { "has not taken over from" };
                    return Err(Failure::failed(format!(
                        "the program on disk {outcome} {at}, which goes on as before: {why}"
                    )));
                }
            }
        }
        Ok(())
    })
}

/// The running processes that are meant.
pub(super) async fn found(
    config: &crate::config::Config,
    listen: Option<&str>,
) -> Result<Vec<(std::path::PathBuf, Who)>, Failure> {
    let dir = config.store.dir.display();
    let mut found = control::processes(&config.store.dir).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "; do this as the service's user, or as root",
            _ => "",
        };
        Failure::failed(format!("cannot look for running processes in {dir}/control: {error}{hint}"))
    })?;
    if let Some(listen) = listen {
        found.retain(|(_, who)| who.addresses.iter().any(|address| address == listen));
    }
    if found.is_empty() {
        let there = listen.map(|listen| format!(" and listens on {listen}")).unwrap_or_default();
        return Err(Failure::failed(format!(
            "no process serves {dir}{there}; start one with `ondol serve`, or name its folder with --dir"
        )));
    }
    Ok(found)
}

/// A process in words.
fn words(who: &Who) -> String {
    format!(
        "the {} {} (process {}, version {})",
        name(who),
        who.addresses.join(" "),
        who.process,
        who.version
    )
}

fn name(who: &Who) -> &str {
    if who.role == "balancer" { "balancer" } else { "web server" }
}
