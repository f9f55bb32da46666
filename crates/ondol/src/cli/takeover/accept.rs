//! A takeover that may lose acknowledged writes: only where nobody leads, only by a person's word, and written down.

use std::io::{BufRead, IsTerminal, stdin};

use base::time::Clock;
use cluster::layout::Accept;
use cluster::{Compare, Error, Txn, View};

use super::TAKEOVER_TIME_MAX;
use crate::cli::say;
use crate::failure::Failure;
use crate::part::reach::Eyes;
use crate::topology::core::Topology;

pub(super) async fn run(
    eyes: Eyes,
    topology: &Topology,
    to: Option<&str>,
    is_sure: bool,
) -> Result<(), Failure> {
    let view = eyes.seen().await?;
    if let Some(leader) = &view.leader {
        return Err(Failure::failed(format!(
            "{} is primary, so that nothing has to be lost: say `ondol takeover` without --accept-loss",
            leader.what.host
        )));
    }
    let heir = heir(&view, topology, to)?;
    let Some(sync) = view.sync.as_ref() else {
        return Err(Failure::failed(
            "the service never had a primary; there is nothing to lose: start `ondol up`",
        ));
    };
    let holders: Vec<&str> =
        sync.what.eligible.iter().map(String::as_str).filter(|host| *host != heir).collect();
    if sync.what.eligible.contains(heir) {
        return Err(Failure::failed(format!(
            "{heir} has every write and takes over by itself; look with `ondol status`"
        )));
    }
    let holders = if holders.is_empty() { vec!["the mirror that was released"] } else { holders };
    say(&format!(
        "{heir} becomes primary after epoch {}. What was acknowledged and only {} has is LOST: it is cut off when that host \
         comes back, and kept there aside.",
        sync.what.epoch,
        holders.join(" and ")
    ))?;
    if !is_sure {
        ask(heir)?;
    }
    let accept = Accept { host: heir.to_owned(), of: sync.what.epoch, asked: Clock::System.now().0 };
    let text = serde_json::to_string(&accept).expect("a document of ours is JSON");
    // nobody has come to lead meanwhile, and it is the same reign
    let txn = Txn::new()
        .when(Compare::absent(eyes.layout.leader()))
        .when(Compare::modified(eyes.layout.sync(), sync.modified))
        .put(eyes.layout.accept(), text);
    match eyes.cluster.txn(&txn).await.map(drop) {
        Ok(()) => {}
        Err(Error::Refused { .. }) => {
            return Err(Failure::failed(
                "something changed at this very moment, and nothing was done; look with `ondol status`",
            ));
        }
        Err(error) => return Err(Failure::failed(format!("the word could not be put down: {error}"))),
    }
    wait(eyes, topology, heir).await
}

/// Waits until it is primary.
async fn wait(eyes: Eyes, topology: &Topology, heir: &str) -> Result<(), Failure> {
    let mut view = eyes.view.clone();
    let leads = view.wait_for(|view| view.is_led_by(heir));
    match tokio::time::timeout(TAKEOVER_TIME_MAX, leads).await {
        Ok(Ok(view)) => {
            let epoch = view.leader.as_ref().map_or(0, |leader| leader.what.epoch);
            let site = topology.find(heir).map_or("", |(site, _)| site.name.as_str());
            say(&format!("{heir} of {site} is primary in epoch {epoch}."))
        }
        _ => Err(Failure::failed(format!(
            "{heir} has not become primary within {} s; its log says why",
            TAKEOVER_TIME_MAX.as_secs()
        ))),
    }
}

/// Who is to be primary: who was named, or the only one that is there.
fn heir<'a>(view: &'a View, topology: &'a Topology, to: Option<&'a str>) -> Result<&'a str, Failure> {
    let there = |host: &&str| view.members.contains_key(*host);
    if let Some(named) = to {
        return match there(&named) {
            true => Ok(named),
            false => Err(Failure::failed(format!("{named} is not heard of: start `ondol up` there first"))),
        };
    }
    let all: Vec<&str> = topology.able().map(|(_, host)| host.address.as_str()).filter(there).collect();
    match all.as_slice() {
        [one] => Ok(one),
        [] => {
            Err(Failure::failed("no host with a database is heard of: start `ondol up` on one of them first"))
        }
        several => Err(Failure::usage(format!("{} are there: name one with --to", several.join(" and ")))),
    }
}

/// Lets the person at the terminal write the host's name.
pub(super) fn ask(heir: &str) -> Result<(), Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask at: say --yes if it is to be done"));
    }
    say(&format!("Write {heir} to have it so; anything else changes nothing:"))?;
    let mut line = String::new();
    let read = stdin().lock().read_line(&mut line);
    match read.is_ok() && line.trim() == heir {
        true => Ok(()),
        false => Err(Failure::failed("nothing was changed")),
    }
}
