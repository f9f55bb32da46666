//! The driver on true servers.

use std::time::{Duration, Instant};

use base::secret::Secret;

use crate::config::{Config, Server};
use crate::dialect::Sql;
use crate::error::Error;
use crate::postgres::Pool;
use crate::query::Value;

mod asking;
mod hearing;
mod opening;
mod outage;
mod writing;

/// A database on a server of this machine.
fn server(port: u16, database: &str) -> Server {
    Server {
        host: "127.0.0.1".into(),
        port,
        user: testbed::USER.into(),
        secret: Some(Secret::new(testbed::PASSWORD)),
        database: database.into(),
        tls: None,
    }
}

/// A fresh database on the shared server, and a pool with other limits than the defaults.
async fn opened(limit: impl FnOnce(&mut Config)) -> (testbed::Database, Pool) {
    let database = testbed::postgres().database();
    let pool = opened_at(testbed::postgres().port(), database.name(), limit).await;
    (database, pool)
}

async fn opened_at(port: u16, database: &str, limit: impl FnOnce(&mut Config)) -> Pool {
    let mut config = Config::new("/nowhere");
    limit(&mut config);
    Pool::open(&server(port, database), &config).await.unwrap()
}

fn sql<const N: usize>(text: &str, values: [Value; N]) -> Sql {
    Sql { text: text.into(), values: values.into() }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// The whole number that a question gives.
async fn number(pool: &Pool, question: &str) -> Result<i64, Error> {
    match pool.brief(&sql(question, [])).await?[0][0] {
        Value::Int(number) => Ok(number),
        ref other => panic!("{other:?}"),
    }
}

/// Waits until `is_so`, and fails when it does not come about.
async fn wait_until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
