//! What is said at the door.

use testbed::{MariaDb, Options};

use super::*;

#[tokio::test]
async fn an_open_pool_knows_its_server() {
    let (database, port) = (database(), testbed::mariadb().port());
    let pool = open(&database, &config()).await;
    assert_eq!(*pool.server(), format!("127.0.0.1:{port}"));
    assert!(pool.version().contains("-MariaDB"), "{}", pool.version());
}

#[tokio::test]
async fn a_path_as_host_is_the_servers_socket() {
    let database = database();
    let host = testbed::mariadb().folder().join("socket").display().to_string();
    let server = Server { host: host.clone(), ..server_at(database.name(), 1) };
    let pool = Pool::open(&server, &config()).await.unwrap();
    assert_eq!((&*pool.server(), count(&pool).await), (host.as_str(), 0));
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let (database, port) = (database(), testbed::mariadb().port());
    let right = server_at(database.name(), port);
    let wrong = Server { secret: Some(Secret::new("no")), ..right.clone() };
    let what = unfit(Pool::open(&wrong, &config()).await);
    assert!(what.contains("does not know the user `ondol` with this password"), "{what}");

    let what = unfit(Pool::open(&server_at("nowhere", port), &config()).await);
    let create = "CREATE DATABASE nowhere CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";
    assert!(what.contains(create), "{what}");

    let elsewhere = Server { host: "nowhere.invalid".into(), ..right };
    let what = unfit(Pool::open(&elsewhere, &config()).await);
    assert!(what.contains("there is no host `nowhere.invalid`"), "{what}");
}

#[tokio::test]
async fn nobody_at_the_address_is_lost_not_unfit() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(is_lost(&Pool::open(&server_at("x", closed), &config()).await));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hasty = Config { connect_time_max: Duration::from_millis(100), ..config() };
    assert!(is_lost(&Pool::open(&server_at("x", silent.local_addr().unwrap().port()), &hasty).await));
    let no_socket = Server { host: "/nowhere/socket".into(), ..server_at("x", 1) };
    assert!(is_lost(&Pool::open(&no_socket, &config()).await));
}

#[tokio::test]
async fn missing_rights_are_named() {
    let (database, port) = (database(), testbed::mariadb().port());
    let name = database.name();
    database.sql(&format!(
        "CREATE USER reader_{name}@'%' IDENTIFIED BY 'x'; GRANT SELECT, INSERT, UPDATE, DELETE, ALTER ON {name}.* \
         TO reader_{name}@'%'"
    ));
    let server =
        Server { user: format!("reader_{name}"), secret: Some(Secret::new("x")), ..server_at(name, port) };
    let what = unfit(Pool::open(&server, &config()).await);
    assert!(what.contains("(CREATE, DROP, INDEX, CREATE VIEW)"), "{what}");

    database.sql(&format!("GRANT ALL PRIVILEGES ON {name}.* TO reader_{name}@'%'"));
    assert!(Pool::open(&server, &config()).await.is_ok());
}

#[tokio::test]
async fn a_server_with_small_packets_or_one_that_follows_another_is_not_used() {
    let own = MariaDb::start(&Options::with(&[("max-allowed-packet", "1M")]));
    let database = own.database();
    let server = server_at(database.name(), own.port());
    let what = unfit(Pool::open(&server, &config()).await);
    assert!(what.contains("set max_allowed_packet=16M"), "{what}");
    database.sql("SET GLOBAL max_allowed_packet=16777216");
    let pool = Pool::open(&server, &config()).await.unwrap();
    database.sql("SET GLOBAL read_only=1");
    assert!(is_lost(&Pool::open(&server, &config()).await));
    drop(pool);
}
