//! A host for tests: hands on a server in a folder of its own, and clients of that server.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base::moment::Moment;
use base::secret::Secret;
use engine::postgres::{Config, Door, Postgres, Upstream};
use engine::{Confirm, Observation, Running};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::{Client, NoTls};

/// A state that does not come about in this time never does.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);
/// What nobody may see who lists processes or reads logs.
pub(crate) const SECRETS: [&str; 2] = ["geheim der wiederholung", "geheim des dienstes"];

/// A few servers at a time are enough for a small machine.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

pub(crate) struct Host {
    pub(crate) hands: Postgres,
    pub(crate) folder: PathBuf,
    _folder: TempDir,
}

impl Host {
    pub(crate) fn new(name: &str) -> Host {
        Host::with(name, |_| {})
    }

    pub(crate) fn with(name: &str, change: impl FnOnce(&mut Config)) -> Host {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let outer = tempfile::Builder::new().prefix("engine-").tempdir_in(place).unwrap();
        // the server's user has to come through
        fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        let folder = outer.path().join("pg");
        let mut config = Config::new(name, folder.clone(), programs());
        config.listen = vec!["127.0.0.1".to_owned()];
        config.port = testbed::free_port();
        config.replication = Secret::new(SECRETS[0]);
        config.secret = Secret::new(SECRETS[1]);
        config.settings.insert("shared_buffers".to_owned(), "16MB".to_owned());
        change(&mut config);
        Host { hands: Postgres::new(config).unwrap(), folder, _folder: outer }
    }

    /// Other hands on the same folder, as those of another process would be.
    pub(crate) fn others(&self) -> Postgres {
        Postgres::new(self.hands.config().clone()).unwrap()
    }

    /// A new primary, whose door is open and whose commits wait for nobody.
    pub(crate) async fn primary(name: &str) -> Host {
        let host = Host::new(name);
        host.hands.init().await.unwrap();
        host.hands.start(None, &Confirm::Here, Door::Open).await.unwrap();
        host.running(|_| true).await;
        host.hands.promote(|| true).await.unwrap();
        host
    }

    /// A clone of `primary` that follows it.
    pub(crate) async fn replica_of(primary: &Host, name: &str) -> Host {
        let host = Host::new(name);
        let hosts = [(name.to_owned(), None)].into();
        primary.hands.keep_slots(&hosts).await.unwrap();
        let system = primary.running(|_| true).await.system_id;
        let (progress, _) = tokio::sync::watch::channel(engine::postgres::Progress::default());
        host.hands.clone_of(&primary.upstream(), &system, progress).await.unwrap();
        host.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
        host.running(|running| running.stream.as_ref().is_some_and(|stream| stream.is_streaming)).await;
        host
    }

    pub(crate) fn upstream(&self) -> Upstream {
        let config = self.hands.config();
        Upstream { host: config.host.clone(), address: "127.0.0.1".to_owned(), port: config.port }
    }

    /// Waits until it answers and `is_so`.
    #[track_caller]
    pub(crate) fn running(&self, mut is_so: impl FnMut(&Running) -> bool) -> impl Future<Output = Running> {
        self.seen(move |seen| match seen {
            Observation::Running(running) if is_so(running) => Some(*running.clone()),
            _ => None,
        })
    }

    /// Waits until it is seen to be what is looked for.
    #[track_caller]
    pub(crate) fn seen<T>(&self, mut find: impl FnMut(&Observation) -> Option<T>) -> impl Future<Output = T> {
        let caller = std::panic::Location::caller();
        async move {
            let begin = Instant::now();
            loop {
                let seen = self.hands.observe().await.unwrap();
                if let Some(found) = find(&seen) {
                    return found;
                }
                assert!(begin.elapsed() < WAIT_MAX, "{caller}: it stayed {seen:?}; it said:\n{}", self.log());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Waits until it follows up to a place.
    pub(crate) async fn has(&self, place: u64) {
        self.running(|running| running.replayed >= place).await;
    }

    /// A client over TCP, in the service's name.
    pub(crate) async fn client(&self) -> Result<Client, tokio_postgres::Error> {
        let config = self.hands.config();
        let mut settings = tokio_postgres::Config::new();
        settings.host("127.0.0.1").port(config.port).user(&config.user).dbname(&config.database);
        connect(settings.password(SECRETS[1])).await
    }

    /// Somebody who administrates it, through its socket.
    pub(crate) async fn admin(&self) -> Client {
        let config = self.hands.config();
        let mut settings = tokio_postgres::Config::new();
        settings
            .host_path(self.folder.join("run"))
            .port(config.port)
            .user("postgres")
            .dbname(&config.database);
        connect(&settings).await.unwrap()
    }

    pub(crate) async fn sql(&self, text: &str) {
        self.client().await.unwrap().batch_execute(text).await.unwrap();
    }

    /// The bills that are there, in order.
    pub(crate) async fn bills(&self) -> Vec<i32> {
        let rows = self.admin().await.query("SELECT id FROM bill ORDER BY id", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// All that it wrote to its logs.
    pub(crate) fn log(&self) -> String {
        let files = fs::read_dir(self.folder.join("log")).into_iter().flatten().flatten();
        files.map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }

    pub(crate) async fn fence(&self) {
        self.hands.fence(soon()).await.unwrap();
    }
}

pub(crate) fn soon() -> Moment {
    Moment::now().after(WAIT_MAX)
}

pub(crate) fn kill(signal: &str, process: u32) {
    assert!(is_killed(signal, process));
}

/// Sends a signal; whether the process was there for it.
pub(crate) fn is_killed(signal: &str, process: u32) -> bool {
    let done =
        std::process::Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    done.unwrap().success()
}

/// Its processes, by the folder that they work in.
pub(crate) fn working(host: &Host) -> Vec<u32> {
    let data = host.folder.join("data");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == data))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

async fn connect(settings: &tokio_postgres::Config) -> Result<Client, tokio_postgres::Error> {
    let (client, driver) = settings.connect(NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
    tokio::spawn(async move { driver.await.unwrap_or_default() });
    Ok(client)
}

/// PostgreSQL's newest programs on this machine.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("PostgreSQL is not on this machine; `cargo x test` brings it");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}
