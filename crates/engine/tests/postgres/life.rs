//! One server: made, started, looked at, stopped, fenced, and killed by others.

use std::fs;
use std::time::Duration;

use base::moment::Moment;
use engine::postgres::{Config, Door, Postgres};
use engine::{Confirm, End, Error, Observation, Role};
use tokio::time::timeout;

use crate::host::{Host, SECRETS, WAIT_MAX, is_killed, kill, soon, turn, working};

#[tokio::test]
async fn new_data_are_made_once_and_a_server_begins_as_a_replica() {
    let _turn = turn().await;
    let host = Host::new("seoul-1");
    assert_eq!(host.hands.observe().await.unwrap(), Observation::Absent);
    let system = host.hands.init().await.unwrap();
    assert_eq!(host.hands.init().await.unwrap(), system);
    host.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    host.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    let running = host.running(|_| true).await;
    assert_eq!((running.role, running.system_id.as_str()), (Role::Replica, system.as_str()));
    assert!(
        running.version.starts_with(|c: char| c.is_ascii_digit()) && running.troubles.is_empty(),
        "{running:?}"
    );
    // who lost the lease is not promoted, and who is primary is left so
    let refused = host.hands.promote(|| false).await.unwrap_err();
    assert!(matches!(refused, Error::NotAllowed), "{refused}");
    assert_eq!(host.running(|_| true).await.role, Role::Replica);
    host.hands.promote(|| true).await.unwrap();
    host.hands.promote(|| false).await.unwrap();
    let promoted = host.running(|running| running.role == Role::Primary).await;
    assert_eq!((running.timeline, promoted.timeline), (1, 2));
    // the door
    let told = host.client().await.unwrap_err();
    assert!(base::error::chain(&told).contains("no pg_hba.conf entry"), "{}", base::error::chain(&told));
    host.hands.door(Door::Open).await.unwrap();
    host.sql("CREATE TABLE bill (id int PRIMARY KEY); INSERT INTO bill VALUES (1)").await;
    host.hands.door(Door::Closed).await.unwrap();
    assert!(host.client().await.is_err());
    host.hands.stop(soon()).await.unwrap();
    let stopped =
        host.seen(|seen| if let Observation::Stopped(stopped) = seen { Some(stopped.clone()) } else { None });
    assert_eq!(stopped.await.end, End::Primary);
    // as a replica again, whatever it was
    host.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    assert_eq!(host.running(|_| true).await.role, Role::Replica);
    assert_eq!(host.bills().await, [1]);
    host.fence().await;
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_known_all_the_same_and_is_waited_for_by_the_next() {
    let _turn = turn().await;
    let host = Host::primary("seoul-1").await;
    host.fence().await;
    // each is left alone at another point of its way
    for pause in 0..12 {
        let start = host.hands.start(None, &Confirm::Here, Door::Closed);
        let _ = timeout(Duration::from_millis(pause), start).await;
        let _ = timeout(Duration::from_millis(pause), host.hands.promote(|| true)).await;
        let _ = timeout(Duration::from_millis(pause), host.hands.set_confirm(&Confirm::Nobody)).await;
        let _ = timeout(Duration::from_millis(pause), host.hands.door(Door::Open)).await;
    }
    host.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    let process = host.running(|_| true).await.process;
    assert!(working(&host).contains(&process));
    host.hands.promote(|| true).await.unwrap();
    host.hands.set_confirm(&Confirm::Here).await.unwrap();
    host.hands.door(Door::Open).await.unwrap();
    host.sql("CREATE TABLE bill AS SELECT 1 AS id").await;
    host.fence().await;
    // made anew while what was left alone may still be at work
    let again = Host::new("seoul-1");
    for pause in [1, 3, 10, 30, 100] {
        let _ = timeout(Duration::from_millis(pause), again.hands.init()).await;
    }
    again.hands.init().await.unwrap();
    again.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    again.running(|_| true).await;
    again.fence().await;
}

#[tokio::test]
async fn no_secret_is_seen_in_a_list_of_processes_a_log_or_a_setting() {
    let _turn = turn().await;
    let primary = Host::primary("seoul-1").await;
    let replica = Host::replica_of(&primary, "busan-1").await;
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    let environments = fs::read_dir("/proc").unwrap().flatten();
    let environments = environments.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
    let mut texts: Vec<String> = lines.collect();
    texts.extend(environments.map(|text| String::from_utf8_lossy(&text).into_owned()));
    for host in [&primary, &replica] {
        texts.push(host.log());
        for file in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"] {
            texts.push(fs::read_to_string(host.folder.join(file)).unwrap());
        }
    }
    for secret in SECRETS {
        assert!(texts.iter().all(|text| !text.contains(secret)));
        assert!(!format!("{:?}", primary.hands.config()).contains(secret));
    }
    primary.fence().await;
    replica.fence().await;
}

#[tokio::test]
async fn a_setting_that_safety_rests_on_is_refused_in_words() {
    for (name, what) in [
        ("fsync", "fsync can't be set"),
        ("Synchronous_Commit", "no longer be safe"),
        ("a b", "not the name"),
    ] {
        let mut config = Config::new("seoul-1", "/nowhere".into(), "/usr/bin".into());
        (config.replication, config.secret) =
            (base::secret::Secret::new("a"), base::secret::Secret::new("b"));
        config.settings.insert(name.to_owned(), "off".to_owned());
        let told = Postgres::new(config).unwrap_err().to_string();
        assert!(told.contains(what), "{told}");
    }
}

#[tokio::test]
async fn what_takes_the_promise_away_is_told_of() {
    let _turn = turn().await;
    let host = Host::primary("seoul-1").await;
    let admin = host.admin().await;
    admin.batch_execute("ALTER ROLE ondol SET synchronous_commit = off").await.unwrap();
    admin.batch_execute("ALTER SYSTEM SET synchronous_commit = off").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let troubles = host.running(|running| running.troubles.len() == 3).await.troubles;
    assert!(troubles[1].contains("synchronous_commit=off is set for ondol"), "{troubles:?}");
    assert!(troubles[2].contains("ALTER SYSTEM"), "{troubles:?}");
    // the next start is ours again
    host.fence().await;
    host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
    let running = host.running(|_| true).await;
    assert_eq!(running.troubles.len(), 1, "{:?}", running.troubles);
    host.fence().await;
}

#[tokio::test]
async fn what_lets_the_commits_of_some_wait_for_nobody_is_taken_back() {
    let _turn = turn().await;
    let host = Host::primary("seoul-1").await;
    let admin = host.admin().await;
    for set in [
        "CREATE ROLE \"Hasty one\" LOGIN",
        "ALTER ROLE \"Hasty one\" SET synchronous_commit = off",
        "ALTER ROLE \"Hasty one\" IN DATABASE postgres SET synchronous_commit = local",
        "ALTER DATABASE postgres SET synchronous_commit = remote_write",
        "ALTER ROLE ALL SET synchronous_commit = off",
        "ALTER ROLE \"Hasty one\" SET work_mem = '8MB'",
    ] {
        admin.batch_execute(set).await.unwrap();
    }
    let taken = host.hands.take_back_overrides().await.unwrap();
    assert_eq!(taken.len(), 4, "{taken:?}");
    assert!(
        taken.iter().any(|what| what == "synchronous_commit=off was set for Hasty one in every database")
    );
    let left = admin.query("SELECT unnest(setconfig) FROM pg_db_role_setting", &[]).await.unwrap();
    let left: Vec<&str> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, ["work_mem=8MB"]);
    assert_eq!(host.hands.take_back_overrides().await.unwrap(), Vec::<String>::new());
    host.fence().await;
}

#[tokio::test]
async fn a_server_that_hangs_is_silent_and_one_that_is_killed_is_known_at_once_to_be_dead() {
    let _turn = turn().await;
    let host = Host::primary("seoul-1").await;
    let process = host.running(|_| true).await.process;
    stop_all(&host, "STOP");
    for _ in 0..2 {
        match host.hands.observe().await.unwrap() {
            Observation::Silent { process: silent, is_starting, why } => {
                assert_eq!((silent, is_starting), (process, false));
                assert!(why.contains("no answer within"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    stop_all(&host, "CONT");
    host.running(|running| running.process == process).await;
    let died = host.hands.died();
    kill("KILL", process);
    let death = timeout(WAIT_MAX, died).await.unwrap();
    assert!(death.how.contains("SIGKILL"), "{death:?}");
    assert!(Moment::now().since(death.at) < WAIT_MAX);
    let stopped =
        host.seen(|seen| if let Observation::Stopped(stopped) = seen { Some(stopped.clone()) } else { None });
    assert_eq!(stopped.await.end, End::CrashedPrimary);
    // a death that was seen is not told again
    assert!(timeout(Duration::from_millis(50), host.hands.died()).await.is_err());
}

#[tokio::test]
async fn a_server_that_can_not_start_says_why_at_its_death() {
    let _turn = turn().await;
    let host = Host::with("seoul-1", |config| {
        config.settings.insert("shared_buffers".to_owned(), "nonsense".to_owned());
    });
    let told = host.hands.init().await.unwrap_err();
    assert!(told.to_string().contains("shared_buffers"), "{told}");
    let host = Host::new("seoul-1");
    host.hands.init().await.unwrap();
    assert!(host.hands.probe_disk().await.unwrap().0 > 0);
    let taken = std::net::TcpListener::bind(("127.0.0.1", host.upstream().port)).unwrap();
    host.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    timeout(WAIT_MAX, host.hands.died()).await.unwrap();
    while !host.hands.last_words().await.unwrap().contains("Address already in use") {
        // its logger outlives it for a moment
        host.hands.observe().await.unwrap();
    }
    // somebody else's port: a fence can't be certain
    let mut config = host.hands.config().clone();
    config.limits.kill_time_max = Duration::from_millis(100);
    let told = Postgres::new(config).unwrap().fence(Moment::now()).await.unwrap_err();
    assert!(matches!(told, Error::Alive { .. }), "{told}");
    drop(taken);
    host.fence().await;
}

#[tokio::test]
async fn a_backend_that_crashes_takes_the_server_down_and_it_does_not_come_back_by_itself() {
    let _turn = turn().await;
    let host = Host::primary("seoul-1").await;
    let row = host.admin().await.query_one("SELECT pg_backend_pid()", &[]).await.unwrap();
    let backend: i32 = row.get(0);
    let held = host.admin().await;
    let other: i32 = held.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    assert_ne!(backend, other);
    kill("KILL", u32::try_from(other).unwrap());
    timeout(WAIT_MAX, host.hands.died()).await.unwrap();
    let stopped =
        host.seen(|seen| if let Observation::Stopped(stopped) = seen { Some(stopped.clone()) } else { None });
    assert_eq!(stopped.await.end, End::CrashedPrimary);
}

#[tokio::test]
async fn a_fence_leaves_nobody_even_of_a_server_that_hangs_or_that_others_started() {
    let _turn = turn().await;
    let host = Host::primary("seoul-1").await;
    let others = host.others();
    // another process's hands: they see that somebody works there, and keep off
    assert!(matches!(others.observe().await.unwrap(), Observation::Silent { .. }));
    let occupied = others.start(None, &Confirm::Here, Door::Closed).await.unwrap_err();
    assert!(matches!(&occupied, Error::Occupied { processes, .. } if !processes.is_empty()), "{occupied}");
    let occupied = others.init().await.unwrap_err();
    assert!(matches!(occupied, Error::Occupied { .. }), "{occupied}");
    stop_all(&host, "STOP");
    let fenced = host.hands.fence(soon()).await.unwrap();
    assert!(fenced.is_in_time);
    assert_eq!(inhabitants(&host), 0);
    // a second time there is nothing to do
    assert!(host.hands.fence(soon()).await.unwrap().is_in_time);
    host.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    host.running(|_| true).await;
    others.fence(soon()).await.unwrap();
    assert_eq!(inhabitants(&host), 0);
    timeout(WAIT_MAX, host.hands.died()).await.unwrap();
}

#[tokio::test]
async fn nothing_is_acknowledged_after_a_fence() {
    let _turn = turn().await;
    let host = Host::primary("seoul-1").await;
    host.sql("CREATE TABLE bill (id int PRIMARY KEY)").await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let client = host.client().await.unwrap();
        writers.spawn(async move {
            let mut last = None;
            for id in 0.. {
                let text = format!("INSERT INTO bill VALUES ({})", id * 8 + writer);
                if client.batch_execute(&text).await.is_err() {
                    break;
                }
                last = Some((id * 8 + writer, Moment::now()));
            }
            last
        });
    }
    host.running(|running| running.commits > 200).await;
    let fenced = host.hands.fence(soon()).await.unwrap();
    let mut acknowledged = Vec::new();
    while let Some(last) = writers.join_next().await {
        acknowledged.push(last.unwrap().unwrap());
    }
    // what was sent before may be read after; nothing of it is missing
    host.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
    host.running(|_| true).await;
    let bills = host.bills().await;
    assert!(acknowledged.iter().all(|(id, _)| bills.contains(id)), "{acknowledged:?} {fenced:?}");
    host.fence().await;
}

fn inhabitants(host: &Host) -> usize {
    working(host).len()
}

fn stop_all(host: &Host, signal: &str) {
    // the first of them first, so that it makes no new ones
    let mut processes = working(host);
    processes.sort_unstable();
    for process in processes {
        // a worker may have ended since
        assert!(is_killed(signal, process) || !working(host).contains(&process), "{signal} {process}");
    }
}
