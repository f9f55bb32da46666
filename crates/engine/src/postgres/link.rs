//! A connection to the server through the socket in its folder, as superuser, where every answer has a limit.
//!
//! Invariant: a connection whose answer did not come in time is never asked again.

use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};
use tokio_util::task::TaskTracker;
use trust::Encrypt;

use crate::error::Error;
use crate::postgres::Postgres;
use crate::postgres::settings::SUPERUSER;

#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    driver: AbortHandle,
}

impl Link {
    /// Connects to `postgres`.
    pub(crate) async fn open(home: &Postgres, limit: Duration) -> Result<Link, Error> {
        let mut settings = tokio_postgres::Config::new();
        settings.host_path(home.place.socket()).port(home.config.port).user(SUPERUSER).dbname("postgres");
        settings.application_name("ondol keeper").options("-c client_min_messages=error");
        // it does not leave this machine
        Link::connect(settings, Encrypt(None), &home.tasks, limit).await
    }

    pub(crate) async fn connect(
        mut settings: tokio_postgres::Config,
        encrypt: Encrypt,
        tasks: &TaskTracker,
        limit: Duration,
    ) -> Result<Link, Error> {
        settings.ssl_mode(encrypt.mode());
        let connected = timeout(limit, settings.connect(encrypt)).await.map_err(|_| silent(limit))?;
        let (client, driver) = connected.map_err(|error| fault(&error, "let us in"))?;
        let driver = tasks.spawn(async move {
            // whoever asks is told the same
            let _ = driver.await;
        });
        Ok(Link { client, driver: driver.abort_handle() })
    }

    /// What each statement of `text` gives, in their order.
    pub(crate) async fn ask(
        &self,
        what: &'static str,
        text: &str,
        limit: Duration,
    ) -> Result<Vec<Vec<SimpleQueryRow>>, Error> {
        let answer = timeout(limit, self.client.simple_query(text)).await.map_err(|_| silent(limit))?;
        let messages = answer.map_err(|error| fault(&error, what))?;
        let mut tables = vec![Vec::new()];
        for message in messages {
            match message {
                SimpleQueryMessage::Row(row) => {
                    tables.last_mut().expect("it has one from the start").push(row)
                }
                SimpleQueryMessage::CommandComplete(_) => tables.push(Vec::new()),
                _ => {}
            }
        }
        Ok(tables)
    }

    /// The first cell of the first row that a single statement gives.
    pub(crate) async fn cell(
        &self,
        what: &'static str,
        text: &str,
        limit: Duration,
    ) -> Result<String, Error> {
        let tables = self.ask(what, text, limit).await?;
        let cell = tables.first().and_then(|rows| rows.first()?.get(0)).map(str::to_owned);
        cell.ok_or_else(|| Error::Unread { what, said: "nothing".to_owned() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn silent(limit: Duration) -> Error {
    Error::Silent { why: format!("no answer within {} ms", limit.as_millis()), is_starting: false }
}

fn fault(error: &tokio_postgres::Error, what: &'static str) -> Error {
    let why = base::error::chain(error);
    match error.as_db_error() {
        Some(told) if *told.code() == SqlState::CANNOT_CONNECT_NOW => {
            Error::Silent { why, is_starting: true }
        }
        Some(_) => Error::Refused { what, why },
        None => Error::Silent { why, is_starting: false },
    }
}
