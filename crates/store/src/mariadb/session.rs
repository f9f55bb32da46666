//! What each connection is told before its first question, and what a server must be to be worked with.
//!
//! Invariant: a server that is read-only is never used, not even to be read: it follows another, perhaps far behind. But for
//! one that was named as a deputy: that one is used while it is read-only, and for nothing but reading.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Opts, OptsBuilder, ServerError, SslOpts};

use tokio_util::sync::CancellationToken;

use super::fault::Place;
use super::line::{COMMIT, Mode};
use crate::config::{Config, Server};
use crate::error::Error;
use crate::seat::{Seat, Target};

/// The least `max_allowed_packet`, in bytes: the server's own default, and more than the largest record.
pub(super) const PACKET_BYTES_MIN: u64 = 16 << 20;
/// The driver's own bound on packets, in bytes: the protocol's. The server's is what counts.
const PACKET_BYTES_MAX: usize = 1 << 30;
/// How long the server keeps a connection on which nothing is asked: its maximum, in seconds.
const IDLE_MAX_S: u32 = 31_536_000;
/// After how much silence the system asks the other end whether it is there, in milliseconds.
const KEEPALIVE_MS: u32 = 30_000;
/// How much longer a statement of a write may take than it waits for a lock: who waits is told so.
const LOCKS_FIRST: Duration = Duration::from_secs(1);
/// The server's number for an account that is locked.
const LOCKED: u16 = 4151;
/// The oldest version that will do.
const OLDEST: (u32, u32) = (10, 11);

/// How connections to one server are made, and what each is told.
pub(super) struct Session {
    opts: Opts,
    server: Server,
    read_time_max: Duration,
    pub(super) seat: Seat,
    commit: Arc<str>,
    connect_time_max: Duration,
    told: String,
    asking: String,
    writing: String,
    write_s: String,
    write_time_max: Duration,
    /// Whether it must take writes, or must not.
    stance: Stance,
}

/// What a server must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// It takes writes.
    Leads,
    /// It takes none.
    Follows,
}

/// A connection that was made.
pub(super) struct Made {
    pub(super) conn: Conn,
    /// As errors name its server.
    pub(super) place: Place,
    /// Cancelled once that server is not the one to ask any more.
    pub(super) leaving: CancellationToken,
    /// What ends a transaction on it.
    pub(super) commit: Arc<str>,
}

/// What a server said of itself.
pub(super) struct Greeting {
    /// As it says it.
    pub(super) version: String,
}

impl Session {
    pub(super) fn new(server: &Server, config: &Config, stance: Stance) -> Session {
        let is_socket = server.host.starts_with('/');
        let name = if is_socket { server.host.clone() } else { format!("{}:{}", server.host, server.port) };
        let lock_s = config.write_time_max.as_secs().max(1);
        let read_s = seconds(config.read_time_max);
        let write_s = seconds(config.write_time_max + LOCKS_FIRST);
        Session {
            opts: opts(server, is_socket && config.primary.is_none()),
            server: server.clone(),
            read_time_max: config.read_time_max,
            seat: Seat::new(server, name, config),
            // at the end of its time it would be answered with a yes, though its replica does not have it
            commit: match config.primary {
                Some(_) => {
                    format!("SET max_statement_time=0;{COMMIT};SET max_statement_time={write_s}").into()
                }
                None => COMMIT.into(),
            },
            connect_time_max: config.connect_time_max,
            // `sql_mode` is what the dialect's texts are written for
            told: format!(
                "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin,sql_mode='STRICT_TRANS_TABLES,ANSI_QUOTES,\
                 NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION',time_zone='+00:00',autocommit=1,\
                 max_statement_time={read_s},lock_wait_timeout={lock_s},innodb_lock_wait_timeout={lock_s},\
                 idle_transaction_timeout={lock_s},wait_timeout={IDLE_MAX_S};\
                 SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
            ),
            asking: format!("SET autocommit=1,max_statement_time={read_s}"),
            writing: format!("SET autocommit=0,max_statement_time={write_s}"),
            write_s,
            write_time_max: config.write_time_max,
            stance,
        }
    }

    /// The text that makes a connection one for this.
    pub(super) fn switch(&self, mode: Mode) -> &str {
        match mode {
            Mode::Asking => &self.asking,
            Mode::Writing => &self.writing,
        }
    }

    /// The longest time of a statement on such a connection.
    pub(super) fn limit(&self, mode: Mode) -> Duration {
        match mode {
            Mode::Asking => self.read_time_max,
            Mode::Writing => self.write_time_max,
        }
    }

    /// The texts that lift and set again the time of one statement in a transaction.
    pub(super) fn unhurried(&self) -> (&'static str, String) {
        ("SET max_statement_time=0", format!("SET max_statement_time={}", self.write_s))
    }

    /// A connection that has been told everything, with the server's `max_allowed_packet` in bytes.
    pub(super) async fn connect(&self) -> Result<(Made, u64), Error> {
        let target = self.seat.target();
        self.in_time(&target, async {
            let mut conn = self.reach(&target).await?;
            let bytes_max = self.tell(&mut conn).await?;
            Ok((self.made(conn, &target), bytes_max))
        })
        .await
    }

    /// The first connection: looks at the server as well.
    pub(super) async fn greet(&self) -> Result<(Made, u64, Greeting), Error> {
        let target = self.seat.target();
        self.in_time(&target, async {
            self.find_host().await?;
            let mut conn = self.reach(&target).await?;
            let version = self.version(&mut conn).await?;
            let bytes_max = self.tell(&mut conn).await?;
            self.look_around(&mut conn).await?;
            Ok((self.made(conn, &target), bytes_max, Greeting { version }))
        })
        .await
    }

    fn made(&self, conn: Conn, target: &Target) -> Made {
        let place = Place { server: target.name.to_string(), limit: self.read_time_max };
        Made { conn, place, leaving: target.leaving.clone(), commit: Arc::clone(&self.commit) }
    }

    /// As errors name it.
    pub(super) fn place(&self) -> Place {
        Place { server: self.seat.name().to_string(), limit: self.read_time_max }
    }

    async fn in_time<T>(
        &self,
        target: &Target,
        connecting: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let connecting = tokio::time::timeout(self.connect_time_max, connecting);
        match target.leaving.run_until_cancelled(connecting).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => {
                let limit_s = self.connect_time_max.as_secs_f64();
                Err(self.place().lost(format!("nothing answered within {limit_s} s")).error)
            }
            None => Err(self.place().lost("it is not the primary any more").error),
        }
    }

    async fn find_host(&self) -> Result<(), Error> {
        let host = &self.server.host;
        if host.starts_with('/') || self.seat.is_led() {
            return Ok(());
        }
        let found = tokio::net::lookup_host((host.as_str(), self.server.port)).await;
        found.map(drop).map_err(|error| {
            unfit(format!(
                "there is no host `{host}` ({error}); write the database's host as a name that this machine knows, \
                 or as an address"
            ))
        })
    }

    async fn reach(&self, target: &Target) -> Result<Conn, Error> {
        let opts = match &target.address {
            None => return Err(self.place().lost("nobody is primary at the moment").error),
            Some((host, port)) if self.seat.is_led() => {
                OptsBuilder::from_opts(self.opts.clone()).ip_or_hostname(host.as_str()).tcp_port(*port).into()
            }
            Some(_) => self.opts.clone(),
        };
        Conn::new(opts).await.map_err(|error| self.refused(error))
    }

    /// Why the server did not let us in, and what to do.
    fn refused(&self, error: mysql_async::Error) -> Error {
        let (user, at) = (&self.server.user, &self.place().server);
        match error {
            mysql_async::Error::Server(said) => match said.code {
                1040 | 1047 | 1053 | 1203 => self.place().fault(said.into()).error,
                // a primary that is just becoming one lets nobody in yet
                LOCKED if self.seat.is_led() => self.place().lost(said).error,
                _ => unfit(self.not_let_in(&said)),
            },
            mysql_async::Error::Driver(
                DriverError::UnknownAuthPlugin { .. }
                | DriverError::MysqlOldPasswordDisabled
                | DriverError::CleartextPluginDisabled,
            ) => unfit(format!(
                "MariaDB at {at} knows the user `{user}` by other means than a password, which is not supported; \
                 give it one with: ALTER USER {user} IDENTIFIED BY '…'"
            )),
            other => self.place().lost(other).error,
        }
    }

    fn not_let_in(&self, said: &ServerError) -> String {
        let Server { user, database, .. } = &self.server;
        let at = &self.place().server;
        let create = format!("CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin");
        match said.code {
            1045 | 1698 => format!(
                "MariaDB at {at} does not know the user `{user}` with this password; correct the user or the password"
            ),
            1049 => format!("MariaDB at {at} has no database `{database}`; make it with: {create}"),
            1044 => format!(
                "the user `{user}` may not use the database `{database}` at {at}, or it is not there; make it with: \
                 {create}; and give the rights with: GRANT ALL PRIVILEGES ON {database}.* TO {user}"
            ),
            1129 => format!(
                "MariaDB at {at} has shut this machine out after too many failures; let it in again with: \
                 mariadb-admin flush-hosts"
            ),
            1130 => format!(
                "MariaDB at {at} does not let this machine in; make a user for it with: CREATE USER '{user}'@'%' \
                 IDENTIFIED BY '…'"
            ),
            _ => format!("MariaDB at {at} refuses the connection: {}", said.message),
        }
    }

    async fn version(&self, conn: &mut Conn) -> Result<String, Error> {
        let found: Option<String> = self.first(conn, "SELECT VERSION()").await?;
        let version = found.unwrap_or_default();
        let at = &self.place().server;
        if !version.contains("MariaDB") {
            return Err(unfit(format!(
                "the database at {at} is MySQL {version}, which is not supported yet; use MariaDB 10.11 or newer, \
                 or PostgreSQL"
            )));
        }
        if number_of(&version).is_none_or(|number| number < OLDEST) {
            return Err(unfit(format!("MariaDB at {at} is too old ({version}); use 10.11 or newer")));
        }
        Ok(version)
    }

    /// Tells the connection everything, in one round trip.
    async fn tell(&self, conn: &mut Conn) -> Result<u64, Error> {
        let text = format!("SELECT CAST(@@read_only AS CHAR),@@max_allowed_packet;{}", self.told);
        let found: Option<(String, u64)> = self.first(conn, &text).await?;
        let (read_only, bytes_max) = found.unwrap_or_default();
        let stance = if matches!(read_only.as_str(), "0" | "OFF") { Stance::Leads } else { Stance::Follows };
        match self.stance {
            wanted if wanted == stance => {}
            Stance::Leads => {
                return Err(self.place().lost("it is read-only: it follows another server").error);
            }
            Stance::Follows => return Err(self.place().lost("it takes writes, and follows nobody").error),
        }
        if bytes_max < PACKET_BYTES_MIN {
            return Err(unfit(format!(
                "MariaDB at {} takes no more than {bytes_max} bytes at once; set max_allowed_packet={}M in its \
                 [mariadbd] section and restart it",
                self.place().server,
                PACKET_BYTES_MIN >> 20
            )));
        }
        Ok(bytes_max)
    }

    async fn look_around(&self, conn: &mut Conn) -> Result<(), Error> {
        let Server { user, database, .. } = &self.server;
        let at = &self.place().server;
        let engine: Option<String> = self.first(conn, INNODB).await?;
        if !engine.is_some_and(|support| matches!(support.as_str(), "YES" | "DEFAULT")) {
            let what = format!("MariaDB at {at} runs without InnoDB; take skip-innodb out of its settings");
            return Err(unfit(what));
        }
        let missing: Option<Option<String>> = self.first(conn, MISSING_RIGHTS).await?;
        match missing.flatten() {
            Some(rights) => Err(unfit(format!(
                "the user `{user}` lacks rights on the database `{database}` at {at} ({rights}); give them with: \
                 GRANT ALL PRIVILEGES ON {database}.* TO {user}"
            ))),
            None => Ok(()),
        }
    }

    async fn first<T>(&self, conn: &mut Conn, text: &str) -> Result<Option<T>, Error>
    where
        T: mysql_async::prelude::FromRow + Send + 'static,
    {
        conn.query_first(text).await.map_err(|error| self.place().fault(error).error)
    }
}

const INNODB: &str = "SELECT support FROM information_schema.engines WHERE engine='InnoDB'";

/// The rights that we need and that the user has neither everywhere nor in this database; NULL when none is missing. What
/// a role gives is not seen, so that whoever has one passes. (A sequence needs what a table needs.)
const MISSING_RIGHTS: &str = "WITH held AS (\
        SELECT grantee,privilege_type FROM information_schema.user_privileges \
        UNION ALL SELECT grantee,privilege_type FROM information_schema.schema_privileges \
        WHERE database() LIKE table_schema ESCAPE '\\'),\
    needed AS (SELECT 'CREATE' AS name UNION ALL SELECT 'ALTER' UNION ALL SELECT 'DROP' UNION ALL SELECT 'INDEX' \
        UNION ALL SELECT 'CREATE VIEW' UNION ALL SELECT 'SELECT' UNION ALL SELECT 'INSERT' \
        UNION ALL SELECT 'UPDATE' UNION ALL SELECT 'DELETE') \
    SELECT if(current_role() IS NULL,group_concat(name SEPARATOR ', '),NULL) FROM needed WHERE name NOT IN (\
        SELECT privilege_type FROM held WHERE grantee IN ('PUBLIC',concat('''',\
        substring_index(current_user(),'@',1),'''@''',substring_index(current_user(),'@',-1),'''')))";

fn opts(server: &Server, is_socket: bool) -> Opts {
    let opts = OptsBuilder::default()
        .user(Some(server.user.as_str()))
        // the driver signs in with it
        .pass(server.secret.as_ref().map(|secret| secret.reveal()))
        .db_name(Some(server.database.as_str()))
        .prefer_socket(false)
        .tcp_keepalive(Some(KEEPALIVE_MS))
        // an update that changes nothing touches its row all the same, as on other engines
        .client_found_rows(true)
        // statements are kept by us; and with both numbers given the driver asks nothing when it connects
        .stmt_cache_size(0)
        .max_allowed_packet(Some(PACKET_BYTES_MAX))
        .wait_timeout(Some(IDLE_MAX_S as usize));
    if is_socket {
        return opts.socket(Some(server.host.as_str())).into();
    }
    let opts = opts.ssl_opts(server.tls.as_ref().map(ssl));
    opts.ip_or_hostname(server.host.as_str()).tcp_port(server.port).into()
}

/// What the driver is to believe. It shows no papers: the password is what we are known by.
fn ssl(tls: &trust::Tls) -> SslOpts {
    match tls.authority() {
        None => SslOpts::default(),
        Some(authority) => SslOpts::default()
            .with_root_certs(vec![authority.as_bytes().to_vec().into()])
            .with_disable_built_in_roots(true),
    }
}

fn seconds(time: Duration) -> String {
    // zero would be no limit at all
    format!("{:.3}", time.as_secs_f64().max(0.001))
}

fn number_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn unfit(what: String) -> Error {
    Error::Unfit { what }
}

#[cfg(test)]
mod tests {
    use super::number_of;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(number_of("10.11.19-MariaDB-0+deb12u1"), Some((10, 11)));
        assert!(number_of("10.6.1-MariaDB") < Some((10, 11)));
        assert!(number_of("11.4.2-MariaDB-log") > Some((10, 11)));
        assert_eq!(number_of("unknown"), None);
    }
}
