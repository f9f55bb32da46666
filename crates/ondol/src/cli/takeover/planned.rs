//! A planned takeover: asked for, watched, and the writers' pause told.

use std::time::Duration;

use base::time::Clock;
use cluster::layout::{Handover, Role};
use cluster::{Compare, Error, Txn, View};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::TAKEOVER_TIME_MAX;
use super::probe::Probe;
use crate::cli::say;
use crate::config::Config;
use crate::failure::Failure;
use crate::part::reach::Eyes;
use crate::topology::core::Topology;

/// How a takeover that was asked for ended.
enum End {
    Done { host: String, epoch: u64 },
    Declined,
}

pub(super) async fn run(
    mut eyes: Eyes,
    config: &Config,
    topology: &Topology,
    to: Option<&str>,
) -> Result<(), Failure> {
    let view = eyes.seen().await?;
    let Some(leader) = &view.leader else {
        return Err(Failure::failed(
            "nobody is primary, so that nobody can hand over; `ondol status` says why, and what can be done",
        ));
    };
    let from = leader.what.host.clone();
    if to == Some(from.as_str()) {
        return say(&format!("{from} is primary already."));
    }
    let mut config = config.clone();
    config.store.primary = Some(eyes.primary.clone());
    let probe = Probe::open(&config).await?;
    let stop = CancellationToken::new();
    let told = probe.told();
    let asking = async {
        let ended = ask_and_follow(&mut eyes, &view, &from, to).await;
        if let Ok(End::Done { .. }) = ended {
            written_again(told.clone()).await;
        }
        stop.cancel();
        ended
    };
    let (written, ended) = tokio::join!(probe.run(&stop), asking);
    let (longest, _) = *told.borrow();
    probe.close().await;
    match ended? {
        End::Declined => Err(Failure::failed(format!(
            "{from} stays primary: it found nobody who follows it closely; `ondol status` says how the others are"
        ))),
        End::Done { host, epoch } => {
            written?;
            let site = topology.find(&host).map_or("", |(site, _)| site.name.as_str());
            let ms = longest.as_millis();
            say(&format!(
                "{host} of {site} is primary in epoch {epoch}. Writers waited {ms} ms; nothing was lost."
            ))
        }
    }
}

/// Asks, and waits for the end for a bounded time.
async fn ask_and_follow(eyes: &mut Eyes, view: &View, from: &str, to: Option<&str>) -> Result<End, Failure> {
    ask(eyes, view, to).await?;
    say(&format!("asked {from} to hand over; it stops taking writes once the other is near"))?;
    let late = |_| {
        Failure::failed(format!(
            "{from} has not handed over within {} s; `ondol status` says how it is. Nothing is lost",
            TAKEOVER_TIME_MAX.as_secs()
        ))
    };
    timeout(TAKEOVER_TIME_MAX, follow(eyes, from)).await.map_err(late)
}

/// Waits until a write has been answered that was begun after this.
async fn written_again(mut told: watch::Receiver<(Duration, u64)>) {
    let (_, before) = *told.borrow();
    // the one that waits now may have begun before, and the one after it has not
    let later = told.wait_for(|(_, count)| *count >= before + 2);
    // a writer that failed is told of by its own answer
    let _ = timeout(TAKEOVER_TIME_MAX, later).await;
}

/// Puts the word down, if the leader is still the one that was seen and nobody else has asked.
async fn ask(eyes: &Eyes, view: &View, to: Option<&str>) -> Result<(), Failure> {
    let handover = Handover { to: to.map(str::to_owned), asked: Clock::System.now().0, position: None };
    let text = serde_json::to_string(&handover).expect("a document of ours is JSON");
    let (leader, handover) = (eyes.layout.leader(), eyes.layout.handover());
    let modified = view.leader.as_ref().map_or(0, |leader| leader.modified);
    let txn = Txn::new()
        .when(Compare::modified(leader, modified))
        .when(Compare::absent(handover.as_str()))
        .put(handover, text);
    match eyes.cluster.txn(&txn).await {
        Ok(_) => Ok(()),
        Err(Error::Refused { .. }) if view.handover.is_some() => {
            Err(Failure::failed("a takeover is under way already; `ondol status -w` shows it"))
        }
        Err(Error::Refused { .. }) => Err(Failure::failed(
            "the primary changed at this very moment; look with `ondol status`, then ask again",
        )),
        Err(error) => Err(Failure::failed(format!("the word could not be put down: {error}"))),
    }
}

/// Waits for the end.
async fn follow(eyes: &mut Eyes, from: &str) -> End {
    let mut was_asked = false;
    loop {
        let view = eyes.view.borrow_and_update().clone();
        was_asked |= view.handover.is_some();
        if let Some(leader) = view.leader.as_ref().map(|leader| &leader.what) {
            let serves =
                view.members.get(&leader.host).is_some_and(|member| member.what.role == Role::Primary);
            if leader.host != from && serves {
                return End::Done { host: leader.host.clone(), epoch: leader.epoch };
            }
            if leader.host == from && was_asked && view.handover.is_none() {
                return End::Declined;
            }
        }
        // the follower lives as long as we do
        let _ = eyes.view.changed().await;
    }
}
