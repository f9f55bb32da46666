//! The store's settings and limits, each with its default.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::secret::Secret;
use tokio::sync::watch;
use trust::Tls;

use crate::deputy::Deputies;

/// What keeps the records.
#[derive(Clone, Debug, Default)]
pub enum Engine {
    /// The embedded one: a file in the folder.
    #[default]
    Sqlite,
    /// A PostgreSQL server, 15 or later.
    Postgres(Server),
    /// A MariaDB server, 10.11 or later.
    MariaDb(Server),
}

/// A database on a server.
#[derive(Clone, Debug)]
pub struct Server {
    /// A name or an address; or a path that begins with `/`: of the folder of PostgreSQL's socket, of MariaDB's socket.
    pub host: String,
    /// The port; of PostgreSQL also that of its socket.
    pub port: u16,
    /// The user to sign in as.
    pub user: String,
    /// The user's password; none where the server knows the user by other means.
    pub secret: Option<Secret>,
    /// The database's name. It must be there; the tables are made.
    pub database: String,
    /// How connections to it are encrypted, and whom to believe there; `None`: they are not. A socket needs none.
    pub tls: Option<Tls>,
}

impl Engine {
    /// Reads `postgres://USER:SECRET@HOST:PORT/DATABASE`, or `mariadb://…`; the secret and the port may be left out, and
    /// `?sslmode=verify-full`, perhaps with `&sslrootcert=FILE`, may follow. An error says what is missing.
    pub fn from_url(url: &str) -> Result<Engine, String> {
        let shape = "write it as postgres://USER:SECRET@HOST:PORT/DATABASE or mariadb://…";
        let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("there is no scheme; {shape}"))?;
        let (sign_in, place) = rest.rsplit_once('@').ok_or_else(|| format!("there is no user; {shape}"))?;
        let (user, secret) = match sign_in.split_once(':') {
            Some((user, secret)) => (user, Some(Secret::new(secret))),
            None => (sign_in, None),
        };
        // before the last slash is looked for: a file's path has some too
        let (place, tls) = match place.split_once('?') {
            Some((place, said)) => (place, tls(said)?),
            None => (place, None),
        };
        let (address, database) =
            place.rsplit_once('/').ok_or_else(|| format!("there is no database; {shape}"))?;
        let usual = if scheme.starts_with("postgres") { 5432 } else { 3306 };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => {
                (host, port.parse().map_err(|_| format!("{port:?} is not a port; {shape}"))?)
            }
            None => (address, usual),
        };
        let server = Server {
            host: host.to_owned(),
            port,
            user: user.to_owned(),
            secret,
            database: database.to_owned(),
            tls,
        };
        match scheme {
            "postgres" | "postgresql" => Ok(Engine::Postgres(server)),
            "mariadb" => Ok(Engine::MariaDb(server)),
            other => Err(format!("{other:?} is not a server that the store works with; {shape}")),
        }
    }
}

/// How a connection is encrypted, as a URL says it: in libpq's words, of those that can be kept.
fn tls(said: &str) -> Result<Option<Tls>, String> {
    let (mut is_verified, mut roots) = (false, None);
    for (name, value) in said.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        match (name, value) {
            ("sslmode", "verify-full") => is_verified = true,
            ("sslmode", "disable") => is_verified = false,
            ("sslmode", other) => {
                return Err(format!(
                    "sslmode={other} would encrypt for whoever answers: write verify-full, or disable"
                ));
            }
            ("sslrootcert", "system") => roots = None,
            ("sslrootcert", path) => roots = Some(path),
            (other, _) => {
                return Err(format!("{other:?} is not known here: there are sslmode and sslrootcert"));
            }
        }
    }
    match roots {
        _ if !is_verified => Ok(None),
        None => Ok(Some(Tls::public())),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
            let tls =
                Tls::vouched_by(&text).map_err(|error| format!("{path}: {}", base::error::chain(&error)))?;
            Ok(Some(tls))
        }
    }
}

/// Where the primary is, as those say who agree on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Primary {
    /// Its host and port; `None` while nobody is it, or nobody has said so lately: then nothing is read or written.
    pub address: Option<(String, u16)>,
    /// Its reign; strictly increasing. It stands in the change log.
    pub epoch: i64,
}

/// Where the data lies, and the store's named limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder: `storage/` is in it, and `data.db` of the embedded engine.
    pub dir: PathBuf,
    /// What keeps the records.
    pub engine: Engine,
    /// Where the primary is now, where that may change; host and port of `engine` then say nothing. At each change what
    /// was connected before is dropped at once, and what waits for an answer finds it out anew.
    pub primary: Option<watch::Receiver<Primary>>,
    /// Who answers reads while the primary is silent, where somebody may: see [`crate::deputy`].
    pub deputies: Option<Arc<dyn Deputies>>,
    /// How long the primary may be silent before a deputy is asked: once until an answer is missed, once more for a sign of life.
    pub deputy_after: Duration,
    /// How long a MariaDB must run before it is a deputy: so long it may take until it is heard that it was started anew, and so has
    /// thrown away what it had received and not applied.
    pub deputy_uptime_min: Duration,
    /// Connections for reading in place.
    pub readers: usize,
    /// Steps of the database's machine that a read may take in place before it moves to the slow lane.
    pub read_steps_max: u32,
    /// Reads in the slow lane at once; further ones wait.
    pub slow_reads_max: usize,
    /// Longest time for one read; then it is broken off.
    pub read_time_max: Duration,
    /// Writes that may wait for the writer; further ones are refused as busy.
    pub write_queue_max: usize,
    /// Writes that share one commit at the most.
    pub commit_group_max: usize,
    /// Rows that the change log keeps at least; older ones are trimmed.
    pub change_log_rows_max: u64,
    /// How long the key of a write that is done once is known; older ones are trimmed.
    pub once_kept: Duration,
    /// Connections to a server for writes and for long reads; what finds none waits.
    pub connections: usize,
    /// Connections to a server that short reads share, many at once on each.
    pub brief_connections: usize,
    /// Longest wait for a connection to a server to be made.
    pub connect_time_max: Duration,
    /// Longest wait for a connection of the pool to be free; then the store is busy.
    pub connection_wait_max: Duration,
    /// Longest time for one write on a server, from its first statement to its commit's answer.
    pub write_time_max: Duration,
    /// How long reads and writes wait for a server that has gone, before they fail.
    pub outage_wait_max: Duration,
    /// How often a write that met others is run again before it fails.
    pub write_tries_max: u32,
    /// How often the log of a server that can't tell of news is looked at.
    pub log_poll_every: Duration,
    /// Shortest time from one reading of a server's log to the next: what is committed meanwhile is read at once.
    pub log_read_every: Duration,
    /// How long a collection's change waits for its indexes to be built, before they go on being built behind it.
    pub index_wait_max: Duration,
}

impl Config {
    /// The defaults, in a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Config {
        Config {
            dir: dir.into(),
            engine: Engine::Sqlite,
            primary: None,
            deputies: None,
            deputy_after: Duration::from_millis(200),
            deputy_uptime_min: Duration::from_secs(5),
            readers: 4,
            read_steps_max: 50_000,
            slow_reads_max: 2,
            read_time_max: Duration::from_secs(30),
            write_queue_max: 10_000,
            commit_group_max: 256,
            change_log_rows_max: 1_000_000,
            once_kept: Duration::from_secs(24 * 3600),
            connections: 16,
            brief_connections: 2,
            connect_time_max: Duration::from_secs(5),
            connection_wait_max: Duration::from_secs(5),
            write_time_max: Duration::from_secs(30),
            outage_wait_max: Duration::from_secs(10),
            write_tries_max: 10,
            log_poll_every: Duration::from_millis(25),
            log_read_every: Duration::from_millis(10),
            index_wait_max: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls_of(url: &str) -> Result<Option<String>, String> {
        match Engine::from_url(url)? {
            Engine::Postgres(server) | Engine::MariaDb(server) => {
                Ok(server.tls.map(|tls| format!("{tls:?}")))
            }
            Engine::Sqlite => Err("sqlite".into()),
        }
    }

    #[test]
    fn a_url_says_how_a_connection_is_encrypted() {
        assert_eq!(tls_of("postgres://u:s@db/ondol"), Ok(None));
        assert_eq!(tls_of("postgres://u:s@db/ondol?sslmode=disable"), Ok(None));
        let public = Ok(Some("Tls(public)".to_owned()));
        assert_eq!(tls_of("mariadb://u:s@db/ondol?sslmode=verify-full"), public);
        assert_eq!(tls_of("postgres://u:s@db/ondol?sslmode=verify-full&sslrootcert=system"), public);
        for (url, word) in [
            ("postgres://u@db/ondol?sslmode=require", "verify-full"),
            ("postgres://u@db/ondol?ssl=1", "sslrootcert"),
            ("postgres://u@db/ondol?sslmode=verify-full&sslrootcert=/nowhere.pem", "/nowhere.pem"),
        ] {
            assert!(tls_of(url).is_err_and(|said| said.contains(word)), "{url}");
        }
    }
}
