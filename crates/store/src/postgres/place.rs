//! Where the server is, how it is connected to, and how long things may take there.
//!
//! The limits of time are the server's to keep (`statement_timeout` and its like, set as a connection is made, so that
//! they cost no round trip); ours are a little longer, and mean that the server is gone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Socket};
use tokio_util::task::TaskTracker;

use crate::config::{Config, Server};
use crate::error::Error;
use crate::postgres::{fault, fit};

/// How much longer than the server's own limit an answer is waited for.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// A connection without traffic is tried after so long, then each [`PROBE_EVERY`].
const PROBE_AFTER: Duration = Duration::from_secs(5);
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Longest time that what was sent may stay without the other machine's receipt.
const RECEIPT_WAIT_MAX: Duration = Duration::from_secs(10);

/// The server, and what all connections to it share.
pub(super) struct Place {
    server: Server,
    name: String,
    settings: tokio_postgres::Config,
    connect_time_max: Duration,
    pub(super) read_time_max: Duration,
    pub(super) write_time_max: Duration,
    /// Counts the losses. A connection that was made before the last one is not used again.
    era: AtomicU64,
    tasks: TaskTracker,
    runtime: Handle,
}

/// What drives a connection.
pub(super) type Driver = Connection<Socket, NoTlsStream>;

impl Place {
    /// Must be called in the runtime that is to drive the connections.
    pub(super) fn new(server: &Server, config: &Config) -> Place {
        let mut settings = tokio_postgres::Config::new();
        settings.host(&server.host).port(server.port).user(&server.user).dbname(&server.database);
        if let Some(secret) = &server.secret {
            // the driver signs in with it
            settings.password(secret.reveal());
        }
        settings.application_name("ondol").ssl_mode(SslMode::Disable);
        settings.connect_timeout(config.connect_time_max).tcp_user_timeout(RECEIPT_WAIT_MAX);
        settings.keepalives_idle(PROBE_AFTER).keepalives_interval(PROBE_EVERY).keepalives_retries(3);
        settings.options(options(config));
        Place {
            server: server.clone(),
            name: name(server),
            settings,
            connect_time_max: config.connect_time_max,
            read_time_max: config.read_time_max,
            write_time_max: config.write_time_max,
            era: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// The server, as it was set up.
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Host and port, or the socket.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes connections sync what they commit, whatever the server's own setting is.
    pub(super) fn insisting_on_sync(mut self) -> Place {
        let options = self.settings.get_options().unwrap_or_default();
        let options = format!("{options} -c synchronous_commit=on");
        self.settings.options(options);
        self
    }

    /// Connects, and looks whether the server will do.
    pub(super) async fn connect(&self) -> Result<(Client, Driver), Error> {
        let Ok(connected) = timeout(self.connect_time_max, self.settings.connect(NoTls)).await else {
            return Err(self.lost("no connection came about in time"));
        };
        let (client, driver) =
            connected.map_err(|error| fit::no_connection(error, &self.server, &self.name))?;
        let told = fit::Told {
            version: driver.parameter("server_version").unwrap_or_default(),
            encoding: driver.parameter("server_encoding").unwrap_or_default(),
            follows: driver.parameter("in_hot_standby") == Some("on"),
        };
        fit::check(told, &self.server, &self.name)?;
        Ok((client, driver))
    }

    /// The server does not answer.
    pub(super) fn lost(&self, source: impl Into<crate::error::Cause>) -> Error {
        fault::lost(&self.name, source)
    }

    /// The losses so far.
    pub(super) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// A connection of this era broke: others of it may be dead too.
    pub(super) fn end_era(&self, era: u64) {
        // whoever comes second says the same of the same loss
        let _ = self.era.compare_exchange(era, era + 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Runs a task beside the callers, also when none of them is in a runtime (something is dropped there).
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
        self.tasks.spawn_on(task, &self.runtime).abort_handle()
    }
}

/// Drives a connection until it ends; tells of each notification, and of the end.
pub(super) async fn drive(mut driver: Driver, heard: impl Fn()) {
    loop {
        match std::future::poll_fn(|context| driver.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => heard(),
            Some(Ok(AsyncMessage::Notice(notice))) => {
                tracing::debug!(code = notice.code().code(), "the database says: {}", notice.message());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!("a connection to the database ended: {}", base::error::chain(&error));
                break;
            }
            None => break,
        }
    }
    heard();
}

/// The settings of a connection, as the server takes them at its start. Without `jit=off` a question over short lists takes
/// seconds, because the planner takes each list for a long one, and compiles.
fn options(config: &Config) -> String {
    let ms = |time: Duration| time.as_millis().max(1);
    // who waits for a lock gives way early enough to be run again within the same limit
    let lock = ms(config.write_time_max / 3);
    let (read, idle) = (ms(config.read_time_max), ms(config.write_time_max + GRACE));
    format!(
        "-c statement_timeout={read} -c lock_timeout={lock} -c idle_in_transaction_session_timeout={idle} \
         -c idle_session_timeout=0 -c client_min_messages=warning -c jit=off"
    )
}

fn name(server: &Server) -> String {
    let Server { host, port, .. } = server;
    if host.starts_with('/') { format!("{host}/.s.PGSQL.{port}") } else { format!("{host}:{port}") }
}
