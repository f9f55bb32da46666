//! One server: made, started, looked at, stopped, fenced.

use std::fs;
use std::time::Instant;

use engine::mariadb::MariaDb;
use engine::{Confirm, Door, End, Error, Observation, Role};
use mysql_async::prelude::Queryable;
use tokio::time::timeout;

use crate::host::{Host, SECRETS, WAIT_MAX, kill, soon, turn, two};

async fn ended(host: &Host) -> End {
    host.seen(|seen| if let Observation::Stopped(stopped) = seen { Some(stopped.end) } else { None }).await
}

#[tokio::test]
async fn a_server_begins_as_a_replica_and_takes_writes_only_once_it_is_promoted() {
    let _turn = turn().await;
    let host = Host::new("seoul-1");
    assert_eq!(host.hands.observe().await.unwrap(), Observation::Absent);
    let system = host.hands.init().await.unwrap();
    assert_eq!(host.hands.init().await.unwrap(), system);
    host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    let running = host.running(|_| true).await;
    assert_eq!((running.role, running.system_id.as_str()), (Role::Replica, system.as_str()));
    assert_eq!((running.timeline, running.received, running.unfit), (1, 0, None));
    assert!(running.version.starts_with("10.") || running.version.starts_with("11."), "{}", running.version);
    assert_eq!(running.troubles, [""; 0]);
    let mut client = host.client().await.unwrap();
    let told = client.query_drop("CREATE TABLE bill (id INT PRIMARY KEY)").await.unwrap_err();
    assert!(told.to_string().contains("read-only"), "{told}");
    let refused = host.hands.promote(|| false).await.unwrap_err();
    assert!(matches!(refused, Error::NotAllowed), "{refused}");
    assert_eq!(host.running(|_| true).await.role, Role::Replica);
    host.hands.promote(|| true).await.unwrap();
    host.hands.promote(|| false).await.unwrap();
    let promoted = host.running(|running| running.role == Role::Primary).await;
    assert_eq!((promoted.timeline, promoted.received), (2, 1), "its word is the first of its reign");
    client.query_drop("CREATE TABLE bill (id INT PRIMARY KEY)").await.unwrap();
    // what could not be taken back is refused by the server itself
    let told = client.query_drop("CREATE TABLE other (id INT) ENGINE=Aria").await.unwrap_err();
    assert!(told.to_string().contains("NO_ENGINE_SUBSTITUTION"), "{told}");
    // the door
    host.hands.door(Door::Closed).await.unwrap();
    let told = host.client().await.unwrap_err();
    assert!(told.to_string().contains("locked"), "{told}");
    client.query_drop("INSERT INTO bill VALUES (1)").await.unwrap();
    host.hands.stop(soon()).await.unwrap();
    assert_eq!(ended(&host).await, End::Primary);
    // as a replica again, whatever it was
    host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    let running = host.running(|_| true).await;
    assert_eq!((running.role, running.received, running.unfit), (Role::Replica, 3, None));
    assert_eq!(host.bills().await, [1]);
    host.fence().await;
    assert_eq!(ended(&host).await, End::CrashedReplica);
    // it followed nobody, and received nothing that it could have lost
    host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    assert_eq!(host.running(|_| true).await.unfit, None);
    host.fence().await;
}

#[tokio::test]
async fn a_primary_that_is_killed_keeps_all_that_was_acknowledged_when_it_comes_back_in_its_own_right() {
    let _turn = turn().await;
    let host = Host::new("seoul-1");
    host.becomes_primary().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let mut client = host.client().await.unwrap();
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for id in 0.. {
                let id = id * 8 + writer;
                if client.query_drop(format!("INSERT INTO bill VALUES ({id})")).await.is_err() {
                    break;
                }
                acknowledged.push(id);
            }
            acknowledged
        });
    }
    let process = host.running(|running| running.commits > 200).await.process;
    let died = host.hands.died();
    kill("KILL", process);
    assert!(timeout(WAIT_MAX, died).await.unwrap().how.contains("SIGKILL"));
    let mut acknowledged = Vec::new();
    while let Some(ids) = writers.join_next().await {
        acknowledged.extend(ids.unwrap());
    }
    assert_eq!(ended(&host).await, End::CrashedPrimary);
    host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    assert_eq!(host.running(|_| true).await.unfit, None);
    let bills = host.bills().await;
    let lost: Vec<&i32> = acknowledged.iter().filter(|id| !bills.contains(id)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    host.fence().await;
}

#[tokio::test]
async fn a_primary_ends_in_order_though_a_writer_waits_for_the_row_of_another() {
    let _turn = turn().await;
    let host = Host::new("seoul-1");
    host.becomes_primary().await;
    host.sql("INSERT INTO bill VALUES (1)").await;
    let [mut holds, mut waits] = [host.client().await.unwrap(), host.client().await.unwrap()];
    holds.query_drop("BEGIN").await.unwrap();
    holds.query_drop("DELETE FROM bill WHERE id = 1").await.unwrap();
    waits.query_drop("SET innodb_lock_wait_timeout = 600").await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { waits.query_drop("UPDATE bill SET id = 2 WHERE id = 1").await });
    let mut looks = host.client().await.unwrap();
    let begin = Instant::now();
    let updating = "SELECT 1 FROM information_schema.processlist WHERE state = 'Updating'";
    while looks.query_first::<u8, _>(updating).await.unwrap().is_none() {
        assert!(begin.elapsed() < WAIT_MAX, "nobody waits");
    }
    host.hands.stop(soon()).await.unwrap();
    assert_eq!(ended(&host).await, End::Primary);
    waiting.join_next().await.unwrap().unwrap().unwrap_err();
    host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    host.running(|_| true).await;
    assert_eq!(host.bills().await, [1]);
    host.fence().await;
}

#[tokio::test]
async fn a_server_that_hangs_is_silent_and_a_fence_leaves_nobody() {
    let _turn = turn().await;
    let host = Host::new("seoul-1");
    host.becomes_primary().await;
    let process = host.running(|_| true).await.process;
    kill("STOP", process);
    match host.hands.observe().await.unwrap() {
        Observation::Silent { process: silent, is_starting, .. } => {
            assert_eq!((silent, is_starting), (process, false))
        }
        other => panic!("{other:?}"),
    }
    let config = host.hands.config().clone();
    // another process's hands see that somebody works there, and keep off
    let others = MariaDb::new(config).unwrap();
    let occupied = others.start(None, &Confirm::Here, Door::Closed).await.unwrap_err();
    assert!(matches!(&occupied, Error::Occupied { processes, .. } if *processes == [process]), "{occupied}");
    assert!(others.fence(soon()).await.unwrap().is_in_time);
    timeout(WAIT_MAX, host.hands.died()).await.unwrap();
    assert!(host.hands.fence(soon()).await.unwrap().is_in_time);
}

#[tokio::test]
async fn no_secret_is_seen_in_a_list_of_processes_a_log_or_a_setting() {
    let _turn = turn().await;
    let [primary, replica] = two(["seoul-1", "busan-1"]);
    primary.becomes_primary().await;
    replica.becomes_replica_of(&primary).await;
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    let mut texts: Vec<String> = lines.collect();
    for host in [&primary, &replica] {
        texts.push(host.log());
        texts.push(fs::read_to_string(host.folder.join("my.cnf")).unwrap());
        texts.push(format!("{:?}", host.hands.config()));
    }
    for secret in SECRETS {
        assert!(texts.iter().all(|text| !text.contains(secret)));
    }
    primary.fence().await;
    replica.fence().await;
}

#[tokio::test]
async fn what_takes_the_promise_away_is_told_of() {
    let _turn = turn().await;
    let host = Host::new("seoul-1");
    host.becomes_primary().await;
    let socket = host.folder.join("run/mariadb.sock").display().to_string();
    let admin = async |text: &str| {
        let options = mysql_async::OptsBuilder::default()
            .socket(Some(socket.clone()))
            .user(Some("ondol_keeper"))
            .pass(Some(SECRETS[0]));
        mysql_async::Conn::new(options).await.unwrap().query_drop(text).await.unwrap();
    };
    admin("SET GLOBAL sync_binlog = 0; CREATE USER kim@'%' IDENTIFIED BY 'x'; GRANT READ_ONLY ADMIN ON *.* TO kim@'%'").await;
    host.hands.keep_slots(&std::collections::BTreeMap::new()).await.unwrap();
    let troubles = host.running(|running| running.troubles.len() == 2).await.troubles;
    assert!(troubles[0].contains("sync_binlog was changed to 0"), "{troubles:?}");
    assert!(troubles[1].contains("'kim'@'%'"), "{troubles:?}");
    host.fence().await;
    for (name, what) in
        [("sync-binlog", "can't be set"), ("loose_x", "not the name"), ("a b", "not the name")]
    {
        let mut config = host.hands.config().clone();
        config.settings.insert(name.to_owned(), "0".to_owned());
        let told = MariaDb::new(config).unwrap_err().to_string();
        assert!(told.contains(what), "{told}");
    }
    let two = Confirm::Hosts(["a".to_owned(), "b".to_owned()].into());
    let told = host.hands.set_confirm(&two).await.unwrap_err().to_string();
    assert!(told.contains("one other host"), "{told}");
}
