//! The servers do what their tests will ask of them, and leave nothing behind.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{MariaDb, Memcached, Options, Postgres};

/// Waits until `is_so`, and fails when it does not come about.
#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came about that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

#[test]
fn a_shared_server_gives_databases_of_their_own_that_are_dropped() {
    let databases = [testbed::postgres().database(), testbed::mariadb().database()];
    for database in &databases {
        database.sql("CREATE TABLE bill (title VARCHAR(20))");
        database.sql("INSERT INTO bill VALUES ('온돌 법안')");
        assert_eq!(database.sql("SELECT title FROM bill").trim(), "온돌 법안");
    }
    let [rows, tables] = databases.map(|database| database.name().to_owned());
    let left = testbed::postgres().sql("postgres", "SELECT datname FROM pg_database");
    assert!(!left.contains(&rows), "{left}");
    let left = testbed::mariadb().sql("mysql", "SHOW DATABASES");
    assert!(!left.contains(&tables), "{left}");
}

#[test]
fn servers_speak_as_production_does() {
    let encoding = "SELECT current_setting('server_encoding'), datcollate FROM pg_database LIMIT 1";
    assert_eq!(testbed::postgres().sql("postgres", encoding).trim(), "UTF8|C");
    let charset = "SELECT @@character_set_server, @@collation_server, @@skip_name_resolve";
    assert_eq!(testbed::mariadb().sql("mysql", charset).trim(), "utf8mb4\tutf8mb4_bin\t1");
    let own = Postgres::start(&Options::with(&[("work_mem", "1234kB")]));
    assert_eq!(own.sql("postgres", "SHOW work_mem; SHOW fsync").trim(), "1234kB\non");
}

#[test]
fn a_killed_postgres_comes_back_with_what_was_committed() {
    let mut postgres = Postgres::start(&Options::default());
    let database = postgres.database();
    database.sql("CREATE TABLE bill AS SELECT 1 AS id");
    let (process, port) = (postgres.process(), postgres.port());
    postgres.kill();
    assert!(!is_alive(process));
    postgres.start_again();
    assert_eq!(postgres.port(), port);
    assert_eq!(database.sql("SELECT id FROM bill").trim(), "1");
    postgres.stop();
    postgres.start_again();
    assert_eq!(database.sql("SELECT id FROM bill").trim(), "1");
}

#[test]
fn a_killed_mariadb_comes_back_with_what_was_committed() {
    let mut mariadb = MariaDb::start(&Options::default());
    let database = mariadb.database();
    database.sql("CREATE TABLE bill AS SELECT 1 AS id");
    mariadb.kill();
    mariadb.start_again();
    assert_eq!(database.sql("SELECT id FROM bill").trim(), "1");
    mariadb.stop();
    mariadb.start_again();
    assert_eq!(database.sql("SELECT id FROM bill").trim(), "1");
}

#[test]
fn a_frozen_server_answers_nothing_until_it_is_thawed() {
    let mut memcached = Memcached::start(&Options::default());
    let mut stream = TcpStream::connect(memcached.address()).unwrap();
    memcached.freeze();
    stream.write_all(b"version\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut head = [0; 8];
    assert!(stream.read_exact(&mut head).is_err());
    memcached.thaw();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"VERSION ");
}

#[test]
fn a_frozen_postgres_hangs_on_its_open_connections_too() {
    let mut postgres = Postgres::start(&Options::default());
    let sleeper = Command::new("psql")
        .args(["-qAt", "-c", "SELECT pg_sleep(0.2)"])
        .envs([("PGHOST", "127.0.0.1"), ("PGUSER", testbed::USER), ("PGPASSWORD", testbed::PASSWORD)])
        .envs([("PGPORT", postgres.port().to_string().as_str()), ("PGDATABASE", "postgres")])
        .stdout(Stdio::null())
        .spawn();
    let mut sleeper = sleeper.unwrap();
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_until("it sleeps", || postgres.sql("postgres", asleep).trim() == "1");
    postgres.freeze();
    thread::sleep(Duration::from_millis(400));
    assert!(sleeper.try_wait().unwrap().is_none(), "a frozen server answered");
    postgres.thaw();
    assert!(sleeper.wait().unwrap().success());
}

#[test]
fn a_server_ends_with_its_folder_when_it_is_dropped_even_by_a_panic() {
    let ended = thread::spawn(|| {
        let memcached = Memcached::start(&Options::default());
        let told = format!("{}|{}", memcached.process(), memcached.folder().display());
        std::panic::panic_any(told);
    });
    let told = ended.join().unwrap_err().downcast::<String>().unwrap();
    let (process, folder) = told.split_once('|').unwrap();
    assert!(!is_alive(process.parse().unwrap()));
    assert!(!Path::new(folder).exists());
}

#[test]
fn servers_end_with_their_folders_when_the_process_that_started_them_is_killed() {
    let mut holder = Command::new(env!("CARGO_BIN_EXE_testbed"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let servers: Vec<String> = (0..3).map(|_| lines.next().unwrap().unwrap()).collect();
    let parts: Vec<(u32, String)> = servers
        .iter()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|words| (words[1].parse().unwrap(), words[2].to_owned()))
        .collect();
    assert!(parts.iter().all(|(process, folder)| is_alive(*process) && Path::new(folder).exists()));
    holder.kill().unwrap();
    holder.wait().unwrap();
    for (process, folder) in &parts {
        wait_until("the server is gone", || !is_alive(*process));
        wait_until("its folder is gone", || fs::metadata(folder).is_err());
    }
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let options = Options::with(&[("shared_buffers", "nonsense")]);
    let told = thread::spawn(move || Postgres::start(&options)).join().unwrap_err();
    let told = told.downcast::<String>().unwrap();
    assert!(told.contains("PostgreSQL does not start") && told.contains("shared_buffers"), "{told}");
}

#[test]
fn ports_are_not_those_that_the_kernel_gives_to_clients() {
    let client = TcpStream::connect(testbed::memcached().address()).unwrap();
    let SocketAddr::V4(given) = client.local_addr().unwrap() else { panic!("not IPv4") };
    assert!(given.port() > testbed::memcached().port());
}

#[test]
fn a_peer_of_sign_in_is_told_to_misbehave_and_tells_what_it_was_sent() {
    let Some(peer) = testbed::sign_in_peer("oauth2", &["--auto", "approve"]) else { return };
    let login =
        format!("{}/github/login/oauth/authorize?client_id=ondol-client&response_type=code", peer.base());
    let url = format!("{login}&redirect_uri=http://127.0.0.1:9/back&state=abc");
    let back = peer.visit(&url);
    let to = back.location().unwrap_or_default();
    assert!(to.starts_with("http://127.0.0.1:9/back?code=") && to.contains("state=abc"), "{back:?}");
    peer.tell(r#"{ "mode": "wrong_state" }"#);
    assert!(peer.visit(&url).location().is_some_and(|to| to.contains("state=forged")));
    assert!(peer.log().contains("/github/login/oauth/authorize"));
    peer.reset();
    assert_eq!(peer.log(), "[]");
}
