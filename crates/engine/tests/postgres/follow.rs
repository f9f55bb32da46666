//! Two servers, of which one follows the other.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::postgres::{Door, Progress};
use engine::{Confirm, Error, Observation, Role, Unfinished};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::host::{Host, WAIT_MAX, kill, turn};

fn hosts(names: &[&str]) -> Confirm {
    Confirm::Hosts(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>())
}

#[tokio::test]
async fn a_clone_follows_through_its_slot_and_its_progress_is_told() {
    let _turn = turn().await;
    let primary = Host::primary("seoul-1").await;
    primary.sql("CREATE TABLE bill AS SELECT generate_series(1, 100000) AS id").await;
    let replica = Host::new("10.0.0.22");
    primary.hands.keep_slots(&[("10.0.0.22".to_owned(), None)].into()).await.unwrap();
    let system = primary.running(|_| true).await.system_id;
    let (sender, progress) = watch::channel(Progress::default());
    replica.hands.clone_of(&primary.upstream(), &system, sender).await.unwrap();
    let seen = *progress.borrow();
    assert!(seen.done > 10_000_000 && seen.done == seen.all, "{seen:?}");
    replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    let follower =
        primary.running(|running| running.followers.iter().any(|follower| follower.is_streaming)).await;
    let slot = &follower.slots[0];
    assert_eq!((slot.host.as_str(), slot.is_active, slot.is_lost), ("10.0.0.22", true, false));
    assert_eq!(follower.followers[0].host, "10.0.0.22");
    primary.sql("INSERT INTO bill VALUES (0)").await;
    replica.has(primary.running(|_| true).await.received).await;
    assert_eq!(replica.bills().await.len(), 100_001);
    let running = replica.running(|_| true).await;
    assert_eq!((running.role, running.timeline), (Role::Replica, 2));
    assert_eq!(running.stream.unwrap().from, format!("127.0.0.1:{}", primary.upstream().port));
    // a host that left the service is not kept for, and one that came is
    replica.fence().await;
    primary.running(|running| !running.slots[0].is_active).await;
    primary.hands.keep_slots(&[("new".to_owned(), None)].into()).await.unwrap();
    let slots = primary.running(|_| true).await.slots;
    assert_eq!(slots.iter().map(|slot| slot.host.as_str()).collect::<Vec<_>>(), ["new"]);
    let from = slots[0].from.unwrap();
    let reached = primary.running(|running| running.received > from).await.replayed;
    primary.hands.keep_slots(&[("new".to_owned(), Some(reached))].into()).await.unwrap();
    assert_eq!(primary.running(|_| true).await.slots[0].from, Some(reached));
    primary.fence().await;
}

#[tokio::test]
async fn a_commit_waits_for_the_hosts_that_confirm_and_is_let_go_when_they_do() {
    let _turn = turn().await;
    let primary = Host::primary("seoul-1").await;
    primary.sql("CREATE TABLE bill (id int PRIMARY KEY)").await;
    let replica = Host::replica_of(&primary, "busan-1").await;
    assert_eq!(primary.running(|_| true).await.confirm, None, "nothing was proved yet");
    let bound = primary.hands.set_confirm(&hosts(&["busan-1"])).await.unwrap().unwrap();
    assert_eq!(primary.hands.set_confirm(&hosts(&["busan-1"])).await.unwrap().unwrap(), bound);
    let running = primary
        .running(|running| running.followers.iter().any(|one| one.is_confirming && one.flushed >= bound.from))
        .await;
    assert_eq!(running.confirm, Some(bound.clone()));
    primary.sql("INSERT INTO bill VALUES (1)").await;
    // the replica hangs: nothing is acknowledged, and its silence grows
    let process = replica.running(|_| true).await.process;
    replica.fence().await;
    assert_ne!(process, 0);
    let writer = primary.client().await.unwrap();
    let insert = writer.batch_execute("INSERT INTO bill VALUES (2)");
    let mut insert = std::pin::pin!(insert);
    assert!(timeout(Duration::from_millis(300), &mut insert).await.is_err(), "it was acknowledged");
    let waiting = primary.running(|running| running.waiting == 1 && running.followers.is_empty()).await;
    assert_eq!(waiting.confirm, Some(bound));
    // by policy, in the right order: the keeper has written down that nobody else is eligible
    primary.hands.set_confirm(&Confirm::Here).await.unwrap();
    timeout(WAIT_MAX, insert).await.unwrap().unwrap();
    // and back
    replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    let bound = primary.hands.set_confirm(&hosts(&["busan-1"])).await.unwrap().unwrap();
    primary.running(|running| running.followers.iter().any(|one| one.flushed >= bound.from)).await;
    assert_eq!(replica.bills().await, [1, 2]);
    primary.hands.set_confirm(&Confirm::Nobody).await.unwrap();
    let insert = writer.batch_execute("INSERT INTO bill VALUES (3)");
    assert!(timeout(Duration::from_millis(300), insert).await.is_err(), "it was acknowledged");
    primary.fence().await;
    replica.fence().await;
}

#[tokio::test]
async fn a_follower_that_hangs_is_heard_no_more() {
    let _turn = turn().await;
    let primary = Host::primary("seoul-1").await;
    let replica = Host::replica_of(&primary, "busan-1").await;
    let receiver = replica.admin().await;
    let row = receiver.query_one("SELECT pid FROM pg_stat_wal_receiver", &[]).await.unwrap();
    let receiver = u32::try_from(row.get::<_, i32>(0)).unwrap();
    primary.running(|running| running.followers.iter().any(|one| one.silence < Duration::from_secs(2))).await;
    kill("STOP", receiver);
    primary.running(|running| running.followers.iter().any(|one| one.silence > Duration::from_secs(2))).await;
    kill("CONT", receiver);
    primary.running(|running| running.followers.iter().any(|one| one.silence < Duration::from_secs(2))).await;
    primary.fence().await;
    replica.fence().await;
}

#[tokio::test]
async fn a_clone_of_another_service_is_refused_and_what_was_here_stays() {
    let _turn = turn().await;
    let (ours, theirs) = (Host::primary("seoul-1").await, Host::primary("busan-1").await);
    let system = ours.running(|_| true).await.system_id;
    ours.sql("CREATE TABLE bill AS SELECT 7 AS id").await;
    let clone = async || {
        let (sender, _) = watch::channel(Progress::default());
        ours.hands.clone_of(&theirs.upstream(), &system, sender).await.unwrap_err()
    };
    let running = clone().await;
    assert!(matches!(running, Error::Running), "{running}");
    ours.fence().await;
    let foreign = clone().await;
    assert!(matches!(&foreign, Error::Foreign { expected, .. } if *expected == system), "{foreign}");
    theirs.fence().await;
    let silent = clone().await;
    assert!(matches!(silent, Error::Silent { .. }), "{silent}");
    ours.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    ours.running(|_| true).await;
    assert_eq!(ours.bills().await, [7]);
    ours.fence().await;
}

#[tokio::test]
async fn a_clone_that_breaks_off_is_never_started_and_can_be_made_again() {
    let _turn = turn().await;
    let primary = Host::primary("seoul-1").await;
    primary.sql("CREATE TABLE bill AS SELECT generate_series(1, 300000) AS id").await;
    let system = primary.running(|_| true).await.system_id;
    let replica = Host::new("busan-1");
    primary.hands.keep_slots(&[("busan-1".to_owned(), None)].into()).await.unwrap();
    let (sender, mut progress) = watch::channel(Progress::default());
    {
        let upstream = primary.upstream();
        let clone = replica.hands.clone_of(&upstream, &system, sender);
        // the one who asked for it goes away while it runs
        tokio::select! {
            done = clone => panic!("it ended: {done:?}"),
            begun = progress.wait_for(|now| now.all > 0) => drop(begun.unwrap()),
        }
    }
    let unfinished = Observation::Unfinished { what: Unfinished::Clone };
    assert_eq!(replica.hands.observe().await.unwrap(), unfinished);
    let refused =
        replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap_err();
    assert!(matches!(refused, Error::Unfinished { what: "clone" }), "{refused}");
    assert!(matches!(replica.hands.init().await.unwrap_err(), Error::Unfinished { .. }));
    let (sender, _) = watch::channel(Progress::default());
    replica.hands.clone_of(&primary.upstream(), &system, sender).await.unwrap();
    replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    replica.has(primary.running(|_| true).await.received).await;
    assert_eq!(replica.bills().await.len(), 300_000);
    primary.fence().await;
    replica.fence().await;
}
