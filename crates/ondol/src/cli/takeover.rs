//! `ondol takeover`: another host becomes primary because a person says so.
//!
//! Planned, it loses nothing: the primary stops taking writes, the other one receives the last of them, and leads. What may
//! lose something is said, asked, and written down.

mod accept;
mod mirror;
mod planned;
mod probe;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::place::Place;
use super::short;
use crate::failure::Failure;
use crate::part::core::Part;
use crate::part::keys::Keys;
use crate::part::reach::Eyes;
use crate::topology::core::{Role, Topology};

/// How long a takeover may take before the command gives up waiting for it.
const TAKEOVER_TIME_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Who is to be primary [default: the best of the others]; or a mirror, which leaves the hosts behind
    #[arg(long, value_name = "HOST")]
    to: Option<String>,
    /// Make a host primary that may lack acknowledged writes, because the one that has them never returns
    #[arg(long)]
    accept_loss: bool,
    /// Don't ask
    #[arg(long, requires = "accept_loss")]
    yes: bool,
    /// The service file [default: ondol.toml]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = Place { dir: None, file: args.file.clone() };
    let mut config = place.config()?;
    let Some(topology) = config.topology.clone() else {
        return Err(Failure::usage("the file names no sites: there is no other host to take over"));
    };
    if let Some((name, engine)) = args.to.as_ref().and_then(|to| config.mirrors.get_key_value(to)) {
        let (name, engine) = (name.clone(), engine.clone());
        return mirror::run(&mut config, &topology, &name, &engine, args.accept_loss, args.yes);
    }
    let to = args.to.as_deref().map(|word| database(&topology, &config.mirrors, word)).transpose()?;
    short(async {
        let tasks = TaskTracker::new();
        let keys = Keys::of(&config, None)?;
        keys.equip(&mut config);
        let eyes = Eyes::open(&Part::outside(&config.service, &topology), &keys, &tasks);
        match args.accept_loss {
            true => accept::run(eyes, &topology, to, args.yes).await,
            false => planned::run(eyes, &config, &topology, to).await,
        }
    })
}

/// The host with a database that a word names.
fn database<'t>(
    topology: &'t Topology,
    mirrors: &BTreeMap<String, store::Engine>,
    word: &str,
) -> Result<&'t str, Failure> {
    match topology.find(word) {
        Some((_, host)) if host.is(Role::Replica) => Err(Failure::usage(format!(
            "{word} is `replica` in the file, and never becomes primary; write `database` for it, and start `ondol up` there anew"
        ))),
        Some((_, host)) if host.is(Role::Database) => Ok(&host.address),
        found => {
            let hosts = topology.able().map(|(_, host)| host.address.as_str());
            let known: Vec<&str> = hosts.chain(mirrors.keys().map(String::as_str)).collect();
            let what = if found.is_some() { "has no database" } else { "is no host of the file" };
            Err(Failure::usage(format!("{word} {what}; there are {}", known.join(" and "))))
        }
    }
}
