//! The driver on a true server.

mod asking;
mod opening;
mod outage;
mod writing;

use std::future::Future;
use std::time::{Duration, Instant};

use base::secret::Secret;
use testbed::Database;

use super::{Link, Pool};
use crate::config::{Config, Engine, Server};
use crate::dialect::Sql;
use crate::error::Error;
use crate::query::Value;

/// Longest wait for a state, on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn server_at(database: &str, port: u16) -> Server {
    Server {
        host: "127.0.0.1".into(),
        port,
        user: testbed::USER.into(),
        secret: Some(Secret::new(testbed::PASSWORD)),
        database: database.into(),
        tls: None,
    }
}

fn config() -> Config {
    Config { engine: Engine::Sqlite, ..Config::new("/nowhere") }
}

async fn open(database: &Database, config: &Config) -> Pool {
    let server = server_at(database.name(), testbed::mariadb().port());
    Pool::open(&server, config).await.unwrap()
}

/// A database with a table of records, and one of whatever.
fn database() -> Database {
    let database = testbed::mariadb().database();
    database.sql(TABLES);
    database
}

const TABLES: &str = "CREATE TABLE r(id varchar(100) NOT NULL, rev bigint NOT NULL, shape bigint NOT NULL,
    body longtext NOT NULL, email varchar(20), PRIMARY KEY(id), UNIQUE KEY i_email(email))
    ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";

fn sql(text: &str) -> Sql {
    Sql { text: text.into(), values: Vec::new() }
}

fn bound(text: &str, values: impl Into<Vec<Value>>) -> Sql {
    Sql { text: text.into(), values: values.into() }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Puts a row of table `r`, in the link's transaction.
async fn put(link: &mut Link, id: &str, body: &str) -> Result<u64, Error> {
    link.execute(&bound("INSERT INTO r(id,rev,shape,body) VALUES(?,1,2,?)", [text(id), text(body)])).await
}

async fn count(pool: &Pool) -> i64 {
    match pool.brief(&sql("SELECT count(*) FROM r")).await.unwrap()[0][0] {
        Value::Int(count) => count,
        ref other => panic!("{other:?}"),
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < WAIT_MAX, "{what}: not within {WAIT_MAX:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn unfit(answer: Result<Pool, Error>) -> String {
    match answer.map(drop) {
        Err(Error::Unfit { what }) => what,
        other => panic!("{other:?}"),
    }
}

fn is_lost<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Lost { .. }))
}
