//! A planned takeover: asked for, watched, and the writers' pause told.

use base::moment::Moment;
use base::time::Clock;
use cluster::layout::{Handover, Role};
use cluster::{Compare, Error, Txn, View};
use tokio::time::timeout;

use super::TAKEOVER_TIME_MAX;
use crate::cli::say;
use crate::failure::Failure;
use crate::part::reach::Eyes;
use crate::topology::core::Topology;

/// How a takeover that was asked for ended.
enum End {
    Done { host: String, epoch: u64 },
    Declined,
}

pub(super) async fn run(mut eyes: Eyes, topology: &Topology, to: Option<&str>) -> Result<(), Failure> {
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
    ask(&eyes, &view, to).await?;
    say(&format!("asked {from} to hand over; it stops taking writes once the other is near"))?;
    let mut pause = Pause::default();
    let ended = timeout(TAKEOVER_TIME_MAX, follow(&mut eyes, &from, &mut pause)).await;
    match ended {
        Err(_) => Err(Failure::failed(format!(
            "{from} has not handed over within {} s; `ondol status` says how it is. Nothing is lost",
            TAKEOVER_TIME_MAX.as_secs()
        ))),
        Ok(End::Declined) => Err(Failure::failed(format!(
            "{from} stays primary: it found nobody who follows it closely; `ondol status` says how the others are"
        ))),
        Ok(End::Done { host, epoch }) => {
            let site = topology.find(&host).map_or("", |(site, _)| site.name.as_str());
            say(&format!(
                "{host} of {site} is primary in epoch {epoch}. Writers waited for about {} ms; nothing was lost.",
                pause.ms()
            ))
        }
    }
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
async fn follow(eyes: &mut Eyes, from: &str, pause: &mut Pause) -> End {
    let mut was_asked = false;
    loop {
        let view = eyes.view.borrow_and_update().clone();
        was_asked |= view.handover.is_some();
        if view.leader.as_ref().is_none_or(|leader| leader.what.host != from) {
            pause.begins();
        }
        if let Some(leader) = view.leader.as_ref().map(|leader| &leader.what) {
            let serves =
                view.members.get(&leader.host).is_some_and(|member| member.what.role == Role::Primary);
            if leader.host != from && serves {
                pause.ends();
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

/// For how long nobody took writes, as far as it can be seen from here.
#[derive(Default)]
struct Pause {
    began: Option<Moment>,
    ended: Option<Moment>,
}

impl Pause {
    fn begins(&mut self) {
        self.began.get_or_insert_with(Moment::now);
    }

    fn ends(&mut self) {
        self.ended.get_or_insert_with(Moment::now);
    }

    fn ms(&self) -> u128 {
        match (self.began, self.ended) {
            (Some(began), Some(ended)) => ended.since(began).as_millis(),
            _ => 0,
        }
    }
}
