//! A connection to a server, where every answer has a limit, and no statement is written to the binary log.
//!
//! Invariant: a connection whose answer did not come in time is never asked again.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, SslOpts, Value};
use tokio::time::timeout;
use trust::Tls;

use crate::error::Error;
use crate::mariadb::Config;
use crate::mariadb::settings::{KEEPER, REPLICATOR};
use crate::order::Upstream;

/// No answer is larger.
const PACKET_BYTES_MAX: usize = 16 << 20;

/// A row by the names of its columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row(HashMap<String, String>);

impl Row {
    /// A cell; nothing where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    conn: Conn,
}

impl Link {
    /// To this host's own server, through its socket, as the one who may do everything.
    pub(crate) async fn open(config: &Config, limit: Duration) -> Result<Link, Error> {
        let socket = config.socket().display().to_string();
        let options = OptsBuilder::default()
            .socket(Some(socket))
            .user(Some(KEEPER))
            .pass(Some(config.replication.reveal()))
            .init(vec!["SET sql_log_bin = 0"]);
        Link::connect(options, limit).await
    }

    /// To another host's, as a replica.
    pub(crate) async fn reach(config: &Config, upstream: &Upstream, limit: Duration) -> Result<Link, Error> {
        let options = OptsBuilder::default()
            .ip_or_hostname(upstream.address.as_str())
            .tcp_port(upstream.port)
            .user(Some(REPLICATOR))
            .pass(Some(config.replication.reveal()))
            .ssl_opts(config.tls()?.as_ref().map(ssl))
            .prefer_socket(false);
        Link::connect(options, limit).await
    }

    async fn connect(options: OptsBuilder, limit: Duration) -> Result<Link, Error> {
        let options = options
            .max_allowed_packet(Some(PACKET_BYTES_MAX))
            .wait_timeout(Some(usize::try_from(28_800).expect("it is small")))
            .tcp_nodelay(true);
        let connected = timeout(limit, Conn::new(options)).await.map_err(|_| silent(limit))?;
        Ok(Link { conn: connected.map_err(|error| fault(error, "let us in"))? })
    }

    /// What each statement of `text` that gives rows gives, in their order.
    pub(crate) async fn ask(
        &mut self,
        what: &'static str,
        text: &str,
        limit: Duration,
    ) -> Result<Vec<Vec<Row>>, Error> {
        match timeout(limit, read(&mut self.conn, text)).await {
            Err(_) => Err(silent(limit)),
            Ok(answer) => answer.map_err(|error| fault(error, what)),
        }
    }

    /// The first cell of the only row.
    pub(crate) async fn cell(
        &mut self,
        what: &'static str,
        text: &str,
        limit: Duration,
    ) -> Result<String, Error> {
        let tables = self.ask(what, text, limit).await?;
        let row = tables.first().and_then(|rows| rows.first()?.0.values().next().cloned());
        row.ok_or_else(|| Error::Unread { what, said: "nothing".to_owned() })
    }
}

/// What the driver is to believe. It takes RSA keys only, and ours are not: the password is what we are known by.
fn ssl(tls: &Tls) -> SslOpts {
    let authority = tls.authority().unwrap_or_default().as_bytes().to_vec();
    SslOpts::default().with_root_certs(vec![authority.into()]).with_disable_built_in_roots(true)
}

async fn read(conn: &mut Conn, text: &str) -> Result<Vec<Vec<Row>>, mysql_async::Error> {
    let mut tables = Vec::new();
    let mut answer = conn.query_iter(text).await?;
    while !answer.is_empty() || answer.columns().is_some() {
        let has_rows = answer.columns().is_some_and(|columns| !columns.is_empty());
        let rows: Vec<mysql_async::Row> = answer.collect().await?;
        if has_rows {
            tables.push(rows.into_iter().map(row).collect());
        }
    }
    Ok(tables)
}

fn row(row: mysql_async::Row) -> Row {
    let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    let cells = row.unwrap().into_iter().map(|value| match value {
        Value::NULL => String::new(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true),
    });
    Row(names.into_iter().zip(cells).collect())
}

fn silent(limit: Duration) -> Error {
    Error::Silent { why: format!("no answer within {} ms", limit.as_millis()), is_starting: false }
}

fn fault(error: mysql_async::Error, what: &'static str) -> Error {
    let is_starting = match &error {
        mysql_async::Error::Server(told) => told.code == 1053,
        mysql_async::Error::Io(mysql_async::IoError::Io(error)) => {
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
        }
        _ => false,
    };
    let why = base::error::chain(&error);
    match error {
        mysql_async::Error::Server(_) if !is_starting => Error::Refused { what, why },
        _ => Error::Silent { why, is_starting },
    }
}
