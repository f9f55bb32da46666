//! Two servers, of which one follows the other.

use std::time::Duration;

use engine::{Confirm, Door, Error, Observation, Progress, Role, Unfinished};
use mysql_async::prelude::Queryable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::host::{Host, WAIT_MAX, bind, kill, soon, turn, two};

#[tokio::test]
async fn a_clone_follows_and_a_commit_waits_for_it_until_it_confirms() {
    let _turn = turn().await;
    let [primary, replica] = two(["seoul-1", "10.0.0.22"]);
    primary.becomes_primary().await;
    primary.sql("INSERT INTO bill SELECT seq FROM seq_1_to_20000").await;
    let system = primary.running(|_| true).await.system_id;
    let (sender, progress) = watch::channel(Progress::default());
    replica.hands.clone_of(&primary.upstream(), &system, sender).await.unwrap();
    let seen = *progress.borrow();
    assert!(seen.done > 1_000_000 && seen.done == seen.all, "{seen:?}");
    replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    replica.has(primary.running(|_| true).await.received).await;
    assert_eq!(replica.bills().await.len(), 20_000);
    let running = replica.running(|_| true).await;
    assert_eq!((running.role, running.timeline), (Role::Replica, 2));
    assert_eq!(running.stream.unwrap().from, format!("127.0.0.1:{}", primary.upstream().port));
    bind(&primary, &replica).await;
    primary.sql("INSERT INTO bill VALUES (0)").await;
    // the replica hangs: nothing is acknowledged, nothing is seen, and its silence grows
    let process = replica.running(|_| true).await.process;
    kill("STOP", process);
    let mut writer = primary.client().await.unwrap();
    let mut insert = std::pin::pin!(writer.query_drop("INSERT INTO bill VALUES (-1)"));
    assert!(timeout(Duration::from_millis(500), &mut insert).await.is_err());
    primary.running(|running| running.waiting == 1).await;
    assert!(!primary.bills().await.contains(&-1), "it is seen before it is confirmed");
    primary.running(|running| running.followers.iter().all(|one| one.silence > Duration::from_secs(2))).await;
    kill("CONT", process);
    timeout(WAIT_MAX, insert).await.unwrap().unwrap();
    // to go on alone lets commits go, by the keeper's word only
    kill("STOP", process);
    let mut writer = primary.client().await.unwrap();
    let mut insert = std::pin::pin!(writer.query_drop("INSERT INTO bill VALUES (-2)"));
    assert!(timeout(Duration::from_millis(200), &mut insert).await.is_err());
    primary.hands.set_confirm(&Confirm::Here).await.unwrap().unwrap();
    timeout(WAIT_MAX, insert).await.unwrap().unwrap();
    kill("CONT", process);
    replica.has(primary.running(|_| true).await.received).await;
    primary.fence().await;
    replica.fence().await;
}

#[tokio::test]
async fn a_clone_of_another_service_is_refused_and_one_that_breaks_off_is_never_started() {
    let _turn = turn().await;
    let [primary, replica] = two(["seoul-1", "busan-1"]);
    primary.becomes_primary().await;
    let system = primary.running(|_| true).await.system_id;
    let clone = async |host: &Host, system: &str| {
        let (sender, _) = watch::channel(Progress::default());
        host.hands.clone_of(&primary.upstream(), system, sender).await
    };
    let foreign = clone(&replica, "another").await.unwrap_err();
    assert!(matches!(&foreign, Error::Foreign { found, .. } if *found == system), "{foreign}");
    assert_eq!(replica.hands.observe().await.unwrap(), Observation::Absent);
    // the one who asked for it goes away while it runs
    let begun = async {
        while !replica.folder.join("data/mysql").exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        done = clone(&replica, &system) => panic!("it ended: {done:?}"),
        () = begun => {}
    }
    let unfinished = Observation::Unfinished { what: Unfinished::Clone };
    assert_eq!(replica.hands.observe().await.unwrap(), unfinished);
    let refused =
        replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap_err();
    assert!(matches!(refused, Error::Unfinished { what: "clone" }), "{refused}");
    clone(&replica, &system).await.unwrap();
    replica.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
    replica.has(primary.running(|_| true).await.received).await;
    let running = clone(&replica, &system).await.unwrap_err();
    assert!(matches!(running, Error::Running), "{running}");
    // nobody gets a copy who did not sign in
    let port = primary.upstream().port + 1;
    let mut stranger = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stranger.write_all(&[b'x'; 32]).await.unwrap();
    let mut came = Vec::new();
    let _ = stranger.read_to_end(&mut came).await;
    assert!(came.is_empty());
    primary.fence().await;
    replica.fence().await;
}

#[tokio::test]
async fn a_replica_that_was_started_anew_is_unfit_until_it_has_caught_up_unless_it_ended_in_order_or_was_secured()
 {
    let _turn = turn().await;
    let [primary, replica] = two(["seoul-1", "busan-1"]);
    primary.becomes_primary().await;
    replica.becomes_replica_of(&primary).await;
    replica.fence().await;
    replica.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    let unfit = replica.running(|_| true).await.unfit.unwrap();
    assert!(unfit.contains("started anew"), "{unfit}");
    replica.hands.follow(Some(&primary.upstream())).await.unwrap();
    replica.running(|running| running.unfit.is_none()).await;
    replica.hands.stop(soon()).await.unwrap();
    replica.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    assert_eq!(replica.running(|_| true).await.unfit, None);
    replica.hands.follow(Some(&primary.upstream())).await.unwrap();
    replica.fence().await;
    replica.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    assert!(
        replica.running(|_| true).await.unfit.is_some(),
        "it has followed since, and may have lost what it received"
    );
    replica.hands.secure().await.unwrap();
    replica.fence().await;
    replica.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    assert!(replica.running(|_| true).await.unfit.is_some(), "what it lacked before it lacks still");
    // with writes that it has received and perhaps not applied
    replica.hands.follow(Some(&primary.upstream())).await.unwrap();
    primary.sql("INSERT INTO bill SELECT seq FROM seq_1000_to_1999").await;
    replica.running(|running| running.unfit.is_none()).await;
    replica.hands.secure().await.unwrap();
    let secured = replica.running(|_| true).await;
    assert_eq!(secured.received, secured.replayed);
    replica.fence().await;
    replica.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    let again = replica.running(|_| true).await;
    assert_eq!((again.unfit, again.received), (None, secured.received));
    replica.hands.follow(Some(&primary.upstream())).await.unwrap();
    replica.has(primary.running(|_| true).await.received).await;
    assert_eq!(replica.bills().await, primary.bills().await);
    primary.fence().await;
    replica.fence().await;
}
