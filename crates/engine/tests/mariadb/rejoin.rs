//! What becomes of a server after another was promoted in its place.

use std::fs;
use std::time::{Duration, Instant};

use engine::{Confirm, Door, End, Error, Fit, Observation, Progress, Stopped};
use mysql_async::prelude::Queryable;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::host::{Host, WAIT_MAX, bind, kill, soon, turn, two};

async fn stopped(host: &Host) -> Stopped {
    host.seen(|seen| if let Observation::Stopped(stopped) = seen { Some(stopped.clone()) } else { None })
        .await
}

async fn pair() -> [Host; 2] {
    let [primary, replica] = two(["seoul-1", "busan-1"]);
    primary.becomes_primary().await;
    primary.sql("INSERT INTO bill VALUES (1)").await;
    replica.becomes_replica_of(&primary).await;
    [primary, replica]
}

/// Has `host` follow `primary`, and waits until both are one.
async fn rejoin(host: &Host, primary: &Host) {
    host.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    primary.sql("INSERT INTO bill VALUES (100)").await;
    host.has(primary.running(|_| true).await.received).await;
    assert_eq!(host.bills().await, primary.bills().await);
    assert_eq!(host.running(|_| true).await.timeline, primary.running(|_| true).await.timeline);
}

#[tokio::test]
async fn a_planned_handover_loses_nothing_and_goes_back_the_same_way() {
    let _turn = turn().await;
    let [old, new] = pair().await;
    bind(&old, &new).await;
    for (from, to, id) in [(&old, &new, 2), (&new, &old, 3)] {
        from.sql(&format!("INSERT INTO bill VALUES ({id})")).await;
        from.hands.stop(soon()).await.unwrap();
        let stopped = stopped(from).await;
        assert_eq!(stopped.end, End::Primary);
        to.running(|running| running.received > stopped.checkpoint).await;
        to.hands.promote(|| true).await.unwrap();
        to.hands.door(Door::Open).await.unwrap();
        assert!(to.bills().await.contains(&id));
        let refused = from.hands.start(Some(&to.upstream()), &Confirm::Here, Door::Open).await.unwrap_err();
        assert!(matches!(refused, Error::Uncompared { .. }), "{refused}");
        assert_eq!(from.hands.compare(&to.upstream()).await.unwrap(), Fit::Follows);
        from.hands.start(Some(&to.upstream()), &Confirm::Here, Door::Open).await.unwrap();
        from.has(to.running(|_| true).await.received).await;
    }
    assert_eq!(new.bills().await, [1, 2, 3]);
    old.fence().await;
    new.fence().await;
}

#[tokio::test]
async fn a_crashed_primary_drops_what_nobody_confirmed_and_follows() {
    let _turn = turn().await;
    let [old, new] = pair().await;
    bind(&old, &new).await;
    // the replica hears nothing more; commits wait; the primary crashes
    new.hands.follow(None).await.unwrap();
    new.running(|running| running.stream.as_ref().is_none_or(|stream| !stream.is_streaming)).await;
    let mut writer = old.client().await.unwrap();
    let insert = writer.query_drop("INSERT INTO bill VALUES (2)");
    assert!(timeout(Duration::from_millis(500), insert).await.is_err());
    let process = old.running(|running| running.waiting == 1).await.process;
    kill("KILL", process);
    assert_eq!(stopped(&old).await.end, End::CrashedPrimary);
    new.hands.promote(|| true).await.unwrap();
    new.hands.door(Door::Open).await.unwrap();
    new.sql("INSERT INTO bill VALUES (4)").await;
    assert_eq!(old.hands.rewind(&new.upstream()).await.unwrap(), Fit::Follows);
    rejoin(&old, &new).await;
    assert_eq!(old.bills().await, [1, 4, 100]);
    old.fence().await;
    new.fence().await;
}

#[tokio::test]
async fn a_primary_that_wrote_on_alone_is_cloned_and_its_lost_history_is_kept() {
    let _turn = turn().await;
    let [old, new] = pair().await;
    new.hands.follow(None).await.unwrap();
    new.running(|running| running.stream.as_ref().is_none_or(|stream| !stream.is_streaming)).await;
    old.sql("INSERT INTO bill VALUES (2), (3)").await;
    // settled, so that it can't be dropped
    old.hands.stop(soon()).await.unwrap();
    new.hands.promote(|| true).await.unwrap();
    new.hands.door(Door::Open).await.unwrap();
    new.sql("INSERT INTO bill VALUES (4)").await;
    let fit = old.hands.rewind(&new.upstream()).await.unwrap();
    assert!(matches!(&fit, Fit::Unrelated { why } if why.contains("has 1 transactions")), "{fit:?}");
    let refused = old.hands.start(Some(&new.upstream()), &Confirm::Here, Door::Open).await.unwrap_err();
    assert!(matches!(refused, Error::Uncompared { .. }), "{refused}");
    let system = new.running(|_| true).await.system_id;
    let (progress, _) = watch::channel(Progress::default());
    old.hands.clone_of(&new.upstream(), &system, progress).await.unwrap();
    rejoin(&old, &new).await;
    assert_eq!(old.bills().await, [1, 4, 100]);
    assert!(fs::read_dir(old.folder.join("audit")).unwrap().count() > 0);
    // the copy of a copy can be primary
    new.hands.stop(soon()).await.unwrap();
    old.hands.promote(|| true).await.unwrap();
    old.hands.door(Door::Open).await.unwrap();
    old.sql("INSERT INTO bill VALUES (5)").await;
    old.fence().await;
}

/// An index that is built in two phases is begun on the replica when it is begun here; when its end never comes it is as
/// if nobody had asked for it.
#[tokio::test]
async fn a_takeover_in_the_middle_of_an_index_ends_without_it_on_both() {
    const INDEX: &str =
        "SET STATEMENT binlog_alter_two_phase=1 FOR ALTER TABLE word ADD INDEX by_text (text)";
    let _turn = turn().await;
    let [old, new] = pair().await;
    old.sql("CREATE TABLE word (id INT PRIMARY KEY, text VARCHAR(200))").await;
    old.sql("INSERT INTO word SELECT seq, REPEAT(MD5(seq), 6) FROM seq_1_to_200000").await;
    new.has(old.running(|_| true).await.received).await;
    let mut builder = old.client().await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "it ends with its server")]
    let building = tokio::spawn(async move { builder.query_drop(INDEX).await });
    let folder = new.folder.join("data").join(&new.hands.config().database);
    let begun = || {
        fs::read_dir(&folder)
            .unwrap()
            .any(|file| file.unwrap().file_name().as_encoded_bytes().starts_with(b"#sql-alter"))
    };
    let begin = Instant::now();
    while !begun() {
        assert!(
            begin.elapsed() < WAIT_MAX && !building.is_finished(),
            "the replica did not begin: {}",
            new.log()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kill("KILL", old.running(|_| true).await.process);
    assert_eq!(stopped(&old).await.end, End::CrashedPrimary);
    assert!(building.await.unwrap().is_err());
    new.hands.promote(|| true).await.unwrap();
    new.hands.door(Door::Open).await.unwrap();
    new.sql("INSERT INTO bill VALUES (2)").await;
    assert_eq!(old.hands.rewind(&new.upstream()).await.unwrap(), Fit::Follows);
    rejoin(&old, &new).await;
    for host in [&old, &new] {
        let mut client = host.client().await.unwrap();
        let (_, made): (String, String) =
            client.query_first("SHOW CREATE TABLE word").await.unwrap().unwrap();
        assert!(!made.contains("by_text"), "{made}");
    }
    // whoever wanted it asks again
    new.sql(INDEX).await;
    old.has(new.running(|_| true).await.received).await;
    old.fence().await;
    new.fence().await;
}
