//! Opening a pool, and what is said when that can't be.

use std::time::Duration;

use base::secret::Secret;

use super::{server, text};
use crate::config::{Config, Server};
use crate::error::Error;
use crate::postgres::Pool;

async fn refused(server: &Server) -> Error {
    let mut config = Config::new("/nowhere");
    config.connect_time_max = Duration::from_millis(500);
    match Pool::open(server, &config).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[track_caller]
fn is_unfit(error: &Error, words: &str) {
    assert!(matches!(error, Error::Unfit { what } if what.contains(words)), "{error:?}");
}

#[track_caller]
fn is_lost(error: &Error, words: &str) {
    assert!(matches!(error, Error::Lost { source, .. } if source.to_string().contains(words)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_fits_tells_its_name_and_version() {
    let (_database, pool) = super::opened(|_| ()).await;
    assert_eq!(*pool.server(), format!("127.0.0.1:{}", testbed::postgres().port()));
    let major: u32 = pool.version().split('.').next().unwrap().parse().unwrap();
    assert!(major >= 15 && !pool.version().contains(' '), "{}", pool.version());
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_said() {
    let mut server = server(testbed::postgres().port(), "postgres");
    server.secret = Some(Secret::new("wrong"));
    is_unfit(&refused(&server).await, "refuses the password of the user ondol");
    server.secret = None;
    is_unfit(&refused(&server).await, "cannot sign in");
}

#[tokio::test]
async fn an_absent_database_is_said_with_the_command_that_makes_it() {
    let server = server(testbed::postgres().port(), "absent");
    let command = "CREATE DATABASE \"absent\" OWNER \"ondol\" ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0";
    is_unfit(&refused(&server).await, command);
    testbed::postgres().sql("postgres", command);
    assert!(Pool::open(&server, &Config::new("/nowhere")).await.is_ok());
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let create = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    testbed::postgres().sql("postgres", create);
    is_unfit(&refused(&server(testbed::postgres().port(), "latin")).await, "as LATIN1, not as UTF8");
}

#[tokio::test]
async fn a_user_who_may_not_make_tables_is_refused() {
    let database = testbed::postgres().database();
    database.sql("CREATE ROLE kim LOGIN PASSWORD 'floor'");
    let mut server = server(testbed::postgres().port(), database.name());
    (server.user, server.secret) = ("kim".into(), Some(Secret::new("floor")));
    is_unfit(&refused(&server).await, "GRANT CREATE ON SCHEMA \"public\" TO \"kim\"");
    database.sql("GRANT CREATE ON SCHEMA public TO kim");
    assert!(Pool::open(&server, &Config::new("/nowhere")).await.is_ok());
    database.sql("DROP SCHEMA public");
    is_unfit(&refused(&server).await, "has no schema");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_lost() {
    let mut cutter = testbed::Cutter::before(testbed::postgres().port());
    let mut server = server(cutter.port(), "postgres");
    cutter.hang();
    is_lost(&refused(&server).await, "in time");
    cutter.refuse();
    is_lost(&refused(&server).await, "nothing listens there");
    server.host = "/nowhere".into();
    let error = refused(&server).await;
    is_lost(&error, "no such socket");
    assert!(error.to_string().contains("/nowhere/.s.PGSQL."), "{error}");
}

#[tokio::test]
async fn a_server_that_follows_another_one_is_lost() {
    let mut replica = testbed::Postgres::start(&testbed::Options::default());
    replica.stop();
    std::fs::write(replica.folder().join("data/standby.signal"), "").unwrap();
    replica.start_again();
    is_lost(&refused(&server(replica.port(), "postgres")).await, "follows another server");
}

#[tokio::test]
async fn commits_are_synced_where_the_server_would_not() {
    let (_database, pool) = super::opened(|_| ()).await;
    let asked = super::sql("SELECT current_setting('synchronous_commit')", []);
    assert_eq!(testbed::postgres().sql("postgres", "SHOW synchronous_commit").trim(), "off");
    assert_eq!(pool.query(&asked).await.unwrap(), [[text("on")]]);
}
