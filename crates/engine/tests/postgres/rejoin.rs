//! What becomes of a server after another was promoted in its place, and after its own crash.

use std::fs;
use std::time::Duration;

use engine::postgres::{Door, Fit, Progress};
use engine::{Confirm, End, Error, Observation, Role, Stopped, Unfinished};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::host::{Host, WAIT_MAX, kill, soon, turn};

async fn stopped(host: &Host) -> Stopped {
    host.seen(|seen| if let Observation::Stopped(stopped) = seen { Some(stopped.clone()) } else { None })
        .await
}

async fn pair() -> (Host, Host) {
    let primary = Host::primary("seoul-1").await;
    primary.sql("CREATE TABLE bill (id int PRIMARY KEY); INSERT INTO bill VALUES (1)").await;
    let replica = Host::replica_of(&primary, "busan-1").await;
    replica.has(primary.running(|_| true).await.received).await;
    (primary, replica)
}

/// Has `host` follow `primary`, and waits until both are one.
async fn rejoin(host: &Host, primary: &Host) {
    primary.hands.keep_slots(&[(host.upstream().host, None)].into()).await.unwrap();
    host.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    primary.sql("INSERT INTO bill VALUES (100)").await;
    host.has(primary.running(|_| true).await.received).await;
    assert_eq!(host.bills().await, primary.bills().await);
    assert_eq!(host.running(|_| true).await.timeline, primary.running(|_| true).await.timeline);
}

#[tokio::test]
async fn a_planned_handover_loses_nothing_and_the_old_primary_follows_as_it_is() {
    let _turn = turn().await;
    let (old, new) = pair().await;
    old.hands.checkpoint().await.unwrap();
    old.sql("INSERT INTO bill VALUES (2)").await;
    old.hands.stop(soon()).await.unwrap();
    let stopped = stopped(&old).await;
    assert_eq!(stopped.end, End::Primary);
    new.running(|running| running.replayed > stopped.checkpoint).await;
    new.hands.promote(|| true).await.unwrap();
    assert_eq!(new.bills().await, [1, 2]);
    // the first checkpoint of a reign comes by itself, or sooner
    new.hands.checkpoint().await.unwrap();
    assert_eq!(old.hands.compare(&new.upstream()).await.unwrap(), Fit::Follows);
    rejoin(&old, &new).await;
    old.fence().await;
    new.fence().await;
}

#[tokio::test]
async fn a_primary_that_wrote_on_alone_is_led_back_and_its_lost_history_is_kept() {
    let _turn = turn().await;
    let (old, new) = pair().await;
    // cut off: the replica hears nothing more, while the old one goes on
    new.hands.follow(None).await.unwrap();
    new.running(|running| running.stream.is_none()).await;
    old.sql("INSERT INTO bill VALUES (2); INSERT INTO bill VALUES (3)").await;
    new.hands.promote(|| true).await.unwrap();
    new.hands.checkpoint().await.unwrap();
    new.sql("INSERT INTO bill VALUES (4)").await;
    old.fence().await;
    assert_eq!(stopped(&old).await.end, End::CrashedPrimary);
    let fit = old.hands.compare(&new.upstream()).await.unwrap();
    let Fit::Diverged { timeline: 2, at } = fit else { panic!("{fit:?}") };
    assert_eq!(old.hands.rewind(&new.upstream()).await.unwrap(), fit);
    let kept = fs::read_dir(old.folder.join(format!("audit/rewind-2-{at:016X}"))).unwrap().count();
    assert!(kept > 0);
    rejoin(&old, &new).await;
    assert_eq!(old.bills().await, [1, 4, 100]);
    old.fence().await;
    new.fence().await;
}

#[tokio::test]
async fn a_rewind_that_breaks_off_leaves_data_that_are_never_started_and_are_cloned() {
    let _turn = turn().await;
    let (old, new) = pair().await;
    new.hands.follow(None).await.unwrap();
    new.running(|running| running.stream.is_none()).await;
    old.sql("INSERT INTO bill VALUES (2)").await;
    new.hands.promote(|| true).await.unwrap();
    new.hands.checkpoint().await.unwrap();
    old.fence().await;
    let begun = async {
        while !old.folder.join("unfinished").exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    {
        // the one who asked for it goes away as soon as it has begun
        let upstream = new.upstream();
        let rewind = old.hands.rewind(&upstream);
        tokio::select! {
            done = rewind => panic!("it ended: {done:?}"),
            () = begun => {}
        }
    }
    let unfinished = Observation::Unfinished { what: Unfinished::Rewind };
    assert_eq!(old.hands.observe().await.unwrap(), unfinished);
    let refused = old.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap_err();
    assert!(matches!(refused, Error::Unfinished { what: "rewind" }), "{refused}");
    let refused = old.hands.rewind(&new.upstream()).await.unwrap_err();
    assert!(matches!(refused, Error::Unfinished { what: "rewind" }), "{refused}");
    let system = new.running(|_| true).await.system_id;
    let (progress, _) = watch::channel(Progress::default());
    old.hands.clone_of(&new.upstream(), &system, progress).await.unwrap();
    rejoin(&old, &new).await;
    assert_eq!(old.bills().await, [1, 100]);
    old.fence().await;
    new.fence().await;
}

#[tokio::test]
async fn a_replica_that_crashed_beyond_the_branch_is_led_back_too() {
    let _turn = turn().await;
    let (old, new) = pair().await;
    let third = Host::replica_of(&old, "daegu-1").await;
    new.hands.follow(None).await.unwrap();
    new.running(|running| running.stream.is_none()).await;
    old.sql("INSERT INTO bill VALUES (2)").await;
    third.has(old.running(|_| true).await.received).await;
    old.fence().await;
    third.fence().await;
    assert_eq!(stopped(&third).await.end, End::CrashedReplica);
    new.hands.promote(|| true).await.unwrap();
    new.hands.checkpoint().await.unwrap();
    let fit = third.hands.rewind(&new.upstream()).await.unwrap();
    assert!(matches!(fit, Fit::Diverged { timeline: 2, .. }), "{fit:?}");
    rejoin(&third, &new).await;
    assert_eq!(third.bills().await, [1, 100]);
    third.fence().await;
    new.fence().await;
}

#[tokio::test]
async fn two_that_were_primary_on_one_timeline_never_follow_each_other_and_one_without_its_log_is_cloned() {
    let _turn = turn().await;
    let (old, new) = pair().await;
    old.hands.stop(soon()).await.unwrap();
    new.hands.promote(|| true).await.unwrap();
    // the old one is made primary too, by mistake, on a timeline with the same number
    old.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    old.running(|_| true).await;
    old.hands.promote(|| true).await.unwrap();
    old.sql("INSERT INTO bill VALUES (2)").await;
    let refused = old.hands.follow(Some(&new.upstream())).await.unwrap_err();
    assert!(matches!(refused, Error::Uncompared { .. }), "{refused}");
    old.hands.stop(soon()).await.unwrap();
    let refused = old.hands.start(Some(&new.upstream()), &Confirm::Here, Door::Open).await.unwrap_err();
    assert!(matches!(refused, Error::Uncompared { .. }), "{refused}");
    new.hands.checkpoint().await.unwrap();
    let fit = old.hands.compare(&new.upstream()).await.unwrap();
    assert!(
        matches!(&fit, Fit::Unrelated { why } if why.contains("wrote timeline 3 as a primary")),
        "{fit:?}"
    );
    // nor when the new one has gone on to the next timeline
    new.fence().await;
    new.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    new.running(|_| true).await;
    new.hands.promote(|| true).await.unwrap();
    new.hands.checkpoint().await.unwrap();
    let fit = old.hands.compare(&new.upstream()).await.unwrap();
    assert!(matches!(&fit, Fit::Unrelated { why } if why.contains("(on 4)")), "{fit:?}");
    for file in fs::read_dir(old.folder.join("data/pg_wal")).unwrap().flatten() {
        if file.file_type().unwrap().is_file() {
            fs::remove_file(file.path()).unwrap();
        }
    }
    let fit = old.hands.rewind(&new.upstream()).await.unwrap();
    assert!(matches!(&fit, Fit::Unrelated { .. }), "{fit:?}");
    // the way to the other host is no such thing
    new.fence().await;
    let silent = old.hands.compare(&new.upstream()).await.unwrap_err();
    assert!(matches!(silent, Error::Silent { .. }), "{silent}");
}

#[tokio::test]
async fn one_that_followed_a_primary_does_not_go_over_to_another_on_a_timeline_of_the_same_number() {
    let _turn = turn().await;
    let (first, second) = pair().await;
    let third = Host::replica_of(&first, "daegu-1").await;
    second.hands.follow(None).await.unwrap();
    second.running(|running| running.stream.is_none()).await;
    // the first one begins a timeline that the third follows, and the second one that nobody does
    first.fence().await;
    first.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    first.running(|_| true).await;
    first.hands.promote(|| true).await.unwrap();
    first.sql("INSERT INTO bill VALUES (2)").await;
    third.has(first.running(|_| true).await.received).await;
    second.hands.promote(|| true).await.unwrap();
    second.hands.checkpoint().await.unwrap();
    let timelines = [&first, &second, &third].map(|host| host.running(|_| true));
    for timeline in timelines {
        assert_eq!(timeline.await.timeline, 3);
    }
    third.hands.follow(Some(&first.upstream())).await.unwrap();
    let refused = third.hands.follow(Some(&second.upstream())).await.unwrap_err();
    assert!(matches!(refused, Error::Uncompared { .. }), "{refused}");
    third.hands.stop(soon()).await.unwrap();
    let fit = third.hands.compare(&second.upstream()).await.unwrap();
    assert!(matches!(fit, Fit::Unrelated { .. }), "{fit:?}");
    for host in [&first, &second] {
        host.fence().await;
    }
}

#[tokio::test]
async fn a_crashed_primary_that_comes_back_shows_a_write_that_nobody_confirmed_to_no_client_before_it_is_confirmed()
 {
    let _turn = turn().await;
    let (primary, replica) = pair().await;
    let confirm = Confirm::Hosts(["busan-1".to_owned()].into());
    let bound = primary.hands.set_confirm(&confirm).await.unwrap().unwrap();
    primary.running(|running| running.followers.iter().any(|one| one.flushed >= bound.from)).await;
    // the replica is away; a commit waits; the primary crashes
    replica.fence().await;
    let writer = primary.client().await.unwrap();
    let insert = writer.batch_execute("INSERT INTO bill VALUES (2)");
    assert!(timeout(Duration::from_millis(200), insert).await.is_err());
    let process = primary.running(|running| running.waiting == 1).await.process;
    kill("KILL", process);
    timeout(WAIT_MAX, primary.hands.died()).await.unwrap();
    stopped(&primary).await;
    // back, behind a closed door, waiting for the same replica
    primary.hands.start(None, &confirm, Door::Closed).await.unwrap();
    primary.running(|running| running.role == Role::Replica).await;
    primary.hands.promote(|| true).await.unwrap();
    assert_eq!(primary.bills().await, [1, 2], "it is there, though nobody confirmed it");
    assert!(primary.client().await.is_err(), "a client came in");
    let bound = primary.hands.set_confirm(&confirm).await.unwrap().unwrap();
    assert!(primary.running(|_| true).await.followers.is_empty());
    replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    primary.running(|running| running.followers.iter().any(|one| one.flushed >= bound.from)).await;
    primary.hands.door(Door::Open).await.unwrap();
    primary.sql("INSERT INTO bill VALUES (3)").await;
    replica.has(primary.running(|_| true).await.received).await;
    assert_eq!(replica.bills().await, [1, 2, 3]);
    primary.fence().await;
    replica.fence().await;
}
