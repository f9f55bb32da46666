//! Where the server is, how it is connected to, and how long things may take there.
//!
//! The limits of time are the server's to keep (`statement_timeout` and its like, set as a connection is made, so that
//! they cost no round trip); ours are a little longer, and mean that the server is gone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Connection, SimpleQueryMessage, Socket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trust::{Encrypt, Encrypted};

use crate::config::{Config, Primary, Server};
use crate::error::Error;
use crate::postgres::{fault, fit};
use crate::seat::{Seat, Target};

/// How much longer than the server's own limit an answer is waited for.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// A connection without traffic is tried after so long, then each [`PROBE_EVERY`].
const PROBE_AFTER: Duration = Duration::from_secs(5);
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Longest time that what was sent may stay without the other machine's receipt.
const RECEIPT_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often a server that is about to become primary is asked whether it is.
const AHEAD_EVERY: Duration = Duration::from_millis(5);
/// How long the others leave that asking to one.
const AHEAD_WAIT_MAX: Duration = Duration::from_millis(500);

/// The routine of the server that says so when a commit was not confirmed by a replica after all.
const CONFIRMATION: &str = "SyncRepWaitForLSN";

/// The server, and what all connections to it share.
pub(super) struct Place {
    server: Server,
    /// How connections are encrypted.
    pub(super) encrypt: Encrypt,
    /// Without host and port.
    settings: tokio_postgres::Config,
    connect_time_max: Duration,
    pub(super) read_time_max: Duration,
    pub(super) write_time_max: Duration,
    pub(super) seat: Seat,
    /// It may be a replica.
    may_follow: bool,
    /// The connection that was there before the primary took writes, until somebody takes it.
    ahead: Mutex<Option<Made>>,
    /// Counts the losses. A connection that was made before the last one is not used again.
    era: AtomicU64,
    insists_on_sync: AtomicBool,
    tasks: TaskTracker,
    runtime: Handle,
}

/// A connection that has been made.
pub(super) struct Made {
    pub(super) client: Client,
    pub(super) driver: Driver,
    /// Which loss it was made after.
    pub(super) era: u64,
    /// Cancelled once the place is left.
    pub(super) leaving: CancellationToken,
}

/// What drives a connection.
pub(super) type Driver = Connection<Socket, Encrypted<Socket>>;

impl Place {
    /// Must be called in the runtime that is to drive the connections.
    pub(super) fn new(server: &Server, config: &Config) -> Place {
        let mut settings = tokio_postgres::Config::new();
        settings.user(&server.user).dbname(&server.database);
        if let Some(secret) = &server.secret {
            // the driver signs in with it
            settings.password(secret.reveal());
        }
        let is_socket = server.host.starts_with('/') && config.primary.is_none();
        let encrypt = Encrypt(server.tls.clone().filter(|_| !is_socket));
        settings.application_name("ondol").ssl_mode(encrypt.mode());
        settings.connect_timeout(config.connect_time_max).tcp_user_timeout(RECEIPT_WAIT_MAX);
        settings.keepalives_idle(PROBE_AFTER).keepalives_interval(PROBE_EVERY).keepalives_retries(3);
        settings.options(options(config));
        let seat = Seat::new(server, name(&server.host, server.port), config);
        Place {
            server: server.clone(),
            encrypt,
            settings,
            connect_time_max: config.connect_time_max,
            read_time_max: config.read_time_max,
            write_time_max: config.write_time_max,
            seat,
            may_follow: false,
            ahead: Mutex::default(),
            era: AtomicU64::new(0),
            insists_on_sync: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// A replica, which is only read.
    pub(super) fn of_deputy(server: &Server, config: &Config) -> Place {
        Place { may_follow: true, ..Place::new(server, config) }
    }

    /// The server, as it was set up.
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Host and port, or the socket.
    pub(super) fn name(&self) -> Arc<str> {
        self.seat.name()
    }

    /// Goes where the primary is now, and ends all connections to where it was.
    pub(super) fn go_to(&self, primary: &Primary) {
        let left = self.seat.move_to(primary);
        self.era.fetch_add(1, Ordering::AcqRel);
        left.leaving.cancel();
    }

    /// Connects to where the primary is now before it is one, and waits there until it takes writes: so the others need not try
    /// again and again meanwhile. Ends when it does, or is left.
    pub(super) async fn go_ahead(&self) {
        let target = self.seat.target();
        let Some((host, port)) = &target.address else { return };
        let going = async {
            loop {
                match self.reach(&target, host, *port).await {
                    Ok(mut made) => {
                        if wait_until_it_leads(&mut made).await.is_some() {
                            *self.ahead() = Some(made);
                            return;
                        }
                    }
                    Err(Error::Lost { .. }) => {}
                    // whoever asks next is told
                    Err(_) => return,
                }
                sleep(AHEAD_EVERY).await;
            }
        };
        if target.leaving.run_until_cancelled(going).await.is_some() {
            target.opened.cancel();
        }
    }

    /// Makes connections sync what they commit, whatever the server's own setting is.
    pub(super) fn insist_on_sync(&self) {
        self.insists_on_sync.store(true, Ordering::Release);
    }

    /// Connects, and looks whether the server will do.
    pub(super) async fn connect(&self) -> Result<Made, Error> {
        let target = self.seat.target();
        let Some((host, port)) = &target.address else {
            return Err(fault::lost(&target.name, "nobody is primary at the moment"));
        };
        if self.seat.is_led() {
            let opened = target.leaving.run_until_cancelled(target.opened.cancelled());
            // one that does not open in time is asked itself why
            let _ = timeout(AHEAD_WAIT_MAX, opened).await;
            let ahead = self.ahead().take();
            if let Some(made) = ahead.filter(|made| !made.client.is_closed() && made.era == self.era()) {
                return Ok(made);
            }
        }
        let made = self.reach(&target, host, *port).await?;
        match made.driver.parameter("in_hot_standby") {
            Some("on") if !self.may_follow => Err(fault::lost(&target.name, fit::FOLLOWS)),
            _ => Ok(made),
        }
    }

    /// A connection to a place, whether it takes writes or not.
    async fn reach(&self, target: &Target, host: &str, port: u16) -> Result<Made, Error> {
        let era = self.era();
        let settings = self.settings_for(host, port);
        let connecting = settings.connect(self.encrypt.clone());
        let connecting = target.leaving.run_until_cancelled(timeout(self.connect_time_max, connecting));
        let connected = match connecting.await {
            None => return Err(fault::lost(&target.name, "it is not the primary any more")),
            Some(Err(_)) => return Err(fault::lost(&target.name, "no connection came about in time")),
            Some(Ok(connected)) => connected,
        };
        let (client, driver) = connected.map_err(|error| self.no_connection(error, &target.name))?;
        let told = fit::Told {
            version: driver.parameter("server_version").unwrap_or_default(),
            encoding: driver.parameter("server_encoding").unwrap_or_default(),
        };
        fit::check(told, &self.server, &target.name)?;
        Ok(Made { client, driver, era, leaving: target.leaving.clone() })
    }

    /// Why no connection came about. A primary that is just becoming one lets nobody in yet.
    fn no_connection(&self, error: tokio_postgres::Error, name: &str) -> Error {
        match error.code() {
            Some(code) if self.seat.is_led() && *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                fault::lost(name, error)
            }
            // one that is just dying breaks off wherever it is
            None if self.seat.is_led() => fault::lost(name, error),
            _ => fit::no_connection(error, &self.server, name),
        }
    }

    fn settings_for(&self, host: &str, port: u16) -> tokio_postgres::Config {
        let mut settings = self.settings.clone();
        settings.host(host).port(port);
        if self.insists_on_sync.load(Ordering::Acquire) {
            let options = self.settings.get_options().unwrap_or_default();
            settings.options(format!("{options} -c synchronous_commit=on"));
        }
        settings
    }

    fn ahead(&self) -> MutexGuard<'_, Option<Made>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server does not answer.
    pub(super) fn lost(&self, source: impl Into<crate::error::Cause>) -> Error {
        fault::lost(&self.name(), source)
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

/// Asks through a connection that nobody drives yet; `None`: it broke.
async fn wait_until_it_leads(made: &mut Made) -> Option<()> {
    let Made { client, driver, .. } = made;
    let asking = async {
        loop {
            let told = client.simple_query("SELECT pg_is_in_recovery()").await.ok()?;
            let is_open = |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("f"));
            if told.iter().any(is_open) {
                return Some(());
            }
            sleep(AHEAD_EVERY).await;
        }
    };
    let driving = async {
        while let Some(Ok(_)) = std::future::poll_fn(|context| driver.poll_message(context)).await {}
    };
    tokio::select! {
        leads = asking => leads,
        () = driving => None,
    }
}

/// What a connection's driver tells of, beside answers.
pub(super) struct Heard<N> {
    /// Called at each notification, and at the end.
    pub(super) news: N,
    /// Set when a commit was let go without the replica that it waited for. It is set before that commit's answer comes.
    pub(super) is_unconfirmed: Arc<AtomicBool>,
}

/// Drives a connection until it ends, or until its place is left.
pub(super) async fn drive(driver: Driver, heard: Heard<impl Fn()>, leaving: CancellationToken) {
    // dropped, it closes the connection, and whoever waits for an answer is told so
    let _ = leaving.run_until_cancelled(listen(driver, &heard)).await;
    (heard.news)();
}

async fn listen(mut driver: Driver, heard: &Heard<impl Fn()>) {
    loop {
        match std::future::poll_fn(|context| driver.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => (heard.news)(),
            Some(Ok(AsyncMessage::Notice(notice))) => {
                if notice.routine() == Some(CONFIRMATION) {
                    heard.is_unconfirmed.store(true, Ordering::Release);
                }
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

fn name(host: &str, port: u16) -> String {
    if host.starts_with('/') { format!("{host}/.s.PGSQL.{port}") } else { format!("{host}:{port}") }
}
