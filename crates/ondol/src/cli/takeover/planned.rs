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

/// From one look at a view that does not change to the next.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How a takeover that was asked for ended.
#[derive(Debug, PartialEq, Eq)]
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
    let asked = ask(eyes, view, to).await?;
    say(&format!("asked {from} to hand over; it stops taking writes once the other is near"))?;
    let late = |_| {
        Failure::failed(format!(
            "{from} has not handed over within {} s; `ondol status` says how it is. Nothing is lost",
            TAKEOVER_TIME_MAX.as_secs()
        ))
    };
    timeout(TAKEOVER_TIME_MAX, follow(&mut eyes.view, from, asked)).await.map_err(late)
}

/// Waits until a write has been answered that was begun after this.
async fn written_again(mut told: watch::Receiver<(Duration, u64)>) {
    let (_, before) = *told.borrow();
    // the one that waits now may have begun before, and the one after it has not
    let later = told.wait_for(|(_, count)| *count >= before + 2);
    // a writer that failed is told of by its own answer
    let _ = timeout(TAKEOVER_TIME_MAX, later).await;
}

/// Puts the word down, if the leader is still the one that was seen and nobody else has asked; the revision that has it.
async fn ask(eyes: &Eyes, view: &View, to: Option<&str>) -> Result<u64, Failure> {
    let handover = Handover { to: to.map(str::to_owned), asked: Clock::System.now().0, position: None };
    let text = serde_json::to_string(&handover).expect("a document of ours is JSON");
    let (leader, handover) = (eyes.layout.leader(), eyes.layout.handover());
    let modified = view.leader.as_ref().map_or(0, |leader| leader.modified);
    let txn = Txn::new()
        .when(Compare::modified(leader, modified))
        .when(Compare::absent(handover.as_str()))
        .put(handover, text);
    match eyes.cluster.txn(&txn).await {
        Ok(revision) => Ok(revision),
        Err(Error::Refused { .. }) if view.handover.is_some() => {
            Err(Failure::failed("a takeover is under way already; `ondol status -w` shows it"))
        }
        Err(Error::Refused { .. }) => Err(Failure::failed(
            "the primary changed at this very moment; look with `ondol status`, then ask again",
        )),
        Err(error) => Err(Failure::failed(format!("the word could not be put down: {error}"))),
    }
}

/// Waits for the end of what was asked for in that revision.
async fn follow(view: &mut watch::Receiver<View>, from: &str, asked: u64) -> End {
    loop {
        if let Some(end) = ended(&view.borrow_and_update(), from, asked) {
            return end;
        }
        // one that says what it said before wakes nobody, and still is a later one
        let _ = timeout(LOOK_EVERY, view.changed()).await;
    }
}

/// How it ended, if it has. The word may be put down and taken back between two views: a later one without it says so too.
fn ended(view: &View, from: &str, asked: u64) -> Option<End> {
    let leader = &view.leader.as_ref()?.what;
    let member = view.members.get(&leader.host);
    let serves = member.is_some_and(|member| member.what.role == Role::Primary);
    if leader.host != from && serves {
        return Some(End::Done { host: leader.host.clone(), epoch: leader.epoch });
    }
    let is_declined = leader.host == from && view.handover.is_none() && view.revision >= asked;
    is_declined.then_some(End::Declined)
}

#[cfg(test)]
mod tests {
    use cluster::Written;
    use cluster::layout::{Leader, Member};

    use super::*;

    const ASKED: u64 = 40;

    fn written<T>(what: T) -> Written<T> {
        Written { what, modified: 1, lease: 7 }
    }

    /// What is seen at that revision while `host` is primary.
    fn view(host: &str, revision: u64) -> View {
        let member = r#"{"address":"","site":"seoul","role":"primary","is_healthy":true}"#;
        let member: Member = serde_json::from_str(member).unwrap();
        let leader = Leader { host: host.to_owned(), address: String::new(), epoch: 5 };
        let members = [(host.to_owned(), written(member))].into();
        View { leader: Some(written(leader)), members, revision, ..View::default() }
    }

    fn word() -> Option<Written<Handover>> {
        Some(written(Handover { to: None, asked: 0, position: None }))
    }

    #[test]
    fn it_is_done_once_another_one_serves() {
        let new = view("busan-1", ASKED + 3);
        assert_eq!(ended(&new, "seoul-1", ASKED), Some(End::Done { host: "busan-1".to_owned(), epoch: 5 }));
        let unserved = View { members: std::iter::empty().collect(), ..new };
        assert_eq!(ended(&unserved, "seoul-1", ASKED), None);
    }

    #[test]
    fn it_is_declined_once_the_word_is_gone_even_if_it_was_never_seen() {
        let before = view("seoul-1", ASKED - 1);
        assert_eq!(ended(&before, "seoul-1", ASKED), None, "the word is not there yet");
        let under_way = View { handover: word(), ..view("seoul-1", ASKED) };
        assert_eq!(ended(&under_way, "seoul-1", ASKED), None);
        assert_eq!(ended(&view("seoul-1", ASKED + 1), "seoul-1", ASKED), Some(End::Declined));
        assert_eq!(ended(&View { revision: ASKED + 1, ..View::default() }, "seoul-1", ASKED), None);
    }

    #[tokio::test]
    async fn a_later_view_that_says_what_the_one_before_said_ends_it_too() {
        let (seen, mut view_of) = watch::channel(view("seoul-1", ASKED - 1));
        let follow = follow(&mut view_of, "seoul-1", ASKED);
        let later = async {
            tokio::task::yield_now().await;
            seen.send_if_modified(|view| {
                view.revision = ASKED + 1;
                false
            });
        };
        let ended = timeout(Duration::from_secs(20), async { tokio::join!(follow, later).0 });
        assert_eq!(ended.await, Ok(End::Declined));
    }
}
