//! A host for tests: hands on a server in a folder of its own, and clients of that server.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base::moment::Moment;
use base::secret::Secret;
use engine::mariadb::{Config, MariaDb};
use engine::{Confirm, Door, Observation, Running, Upstream};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, SslOpts};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, watch};
use trust::{Kin, Tls};

/// A state that does not come about in this time never does.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);
/// What nobody may see who lists processes or reads logs.
pub(crate) const SECRETS: [&str; 2] = ["geheim der 'wieder\\holung", "geheim des dienstes"];

/// A few servers at a time are enough for a small machine.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

pub(crate) struct Host {
    pub(crate) hands: MariaDb,
    pub(crate) folder: PathBuf,
    _folder: TempDir,
}

/// Two hosts that know of each other; nothing is there yet.
pub(crate) fn two(names: [&str; 2]) -> [Host; 2] {
    let ports = [0, 1].map(|_| testbed::free_port_pair());
    let peer =
        |at: usize| Upstream { host: names[at].to_owned(), address: "127.0.0.1".to_owned(), port: ports[at] };
    [0, 1].map(|at| Host::with(names[at], ports[at], vec![peer(1 - at)], |_| ()))
}

/// The same of one kin: they show papers to each other.
pub(crate) fn two_of(kin: &Kin, names: [&str; 2]) -> [Host; 2] {
    let ports = [0, 1].map(|_| testbed::free_port_pair());
    let peer =
        |at: usize| Upstream { host: names[at].to_owned(), address: "127.0.0.1".to_owned(), port: ports[at] };
    [0, 1].map(|at| {
        let papers = kin.papers(Some("127.0.0.1")).unwrap();
        Host::with(names[at], ports[at], vec![peer(1 - at)], |config| config.papers = Some(papers))
    })
}

impl Host {
    pub(crate) fn new(name: &str) -> Host {
        Host::with(name, testbed::free_port_pair(), Vec::new(), |_| ())
    }

    fn with(name: &str, port: u16, peers: Vec<Upstream>, set: impl FnOnce(&mut Config)) -> Host {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let outer = tempfile::Builder::new().prefix("engine-").tempdir_in(place).unwrap();
        // the server's user has to come through
        fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        let folder = outer.path().join("maria");
        let mut config = Config::new(name, folder.clone(), PathBuf::from("/usr"));
        config.listen = vec!["127.0.0.1".to_owned()];
        (config.port, config.peers) = (port, peers);
        config.replication = Secret::new(SECRETS[0]);
        config.secret = Secret::new(SECRETS[1]);
        config.settings.insert("innodb_buffer_pool_size".to_owned(), "32M".to_owned());
        config.settings.insert("innodb_log_file_size".to_owned(), "16M".to_owned());
        set(&mut config);
        Host { hands: MariaDb::new(config).unwrap(), folder, _folder: outer }
    }

    /// Makes a primary of it, with an open door and a table.
    pub(crate) async fn becomes_primary(&self) {
        self.hands.init().await.unwrap();
        self.hands.start(None, &Confirm::Here, Door::Closed).await.unwrap();
        self.running(|_| true).await;
        self.hands.promote(|| true).await.unwrap();
        self.hands.door(Door::Open).await.unwrap();
        self.sql("CREATE TABLE bill (id INT PRIMARY KEY)").await;
    }

    /// Makes a copy of `primary` of it, which follows.
    pub(crate) async fn becomes_replica_of(&self, primary: &Host) {
        let system = primary.running(|_| true).await.system_id;
        let (sender, _) = watch::channel(engine::Progress::default());
        self.hands.clone_of(&primary.upstream(), &system, sender).await.unwrap();
        self.hands.start(Some(&primary.upstream()), &Confirm::Here, Door::Open).await.unwrap();
        self.has(primary.running(|_| true).await.received).await;
    }

    pub(crate) fn upstream(&self) -> Upstream {
        let config = self.hands.config();
        Upstream { host: config.host.clone(), address: "127.0.0.1".to_owned(), port: config.port }
    }

    /// Waits until it is seen so.
    pub(crate) async fn seen<T>(&self, find: impl Fn(&Observation) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            let seen = self.hands.observe().await.unwrap();
            if let Some(found) = find(&seen) {
                return found;
            }
            assert!(begin.elapsed() < WAIT_MAX, "{seen:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it runs, and is so.
    pub(crate) async fn running(&self, is: impl Fn(&Running) -> bool) -> Running {
        self.seen(|seen| match seen {
            Observation::Running(running) if is(running) => Some((**running).clone()),
            _ => None,
        })
        .await
    }

    /// Waits until it can be read up to that place, and is fit.
    pub(crate) async fn has(&self, place: u64) {
        self.running(|running| running.replayed >= place && running.unfit.is_none()).await;
    }

    pub(crate) async fn client(&self) -> Result<Conn, mysql_async::Error> {
        let config = self.hands.config();
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(config.port)
            .user(Some(&config.user))
            .pass(Some(SECRETS[1]))
            .db_name(Some(&config.database))
            .ssl_opts(config.papers.as_ref().map(|papers| ssl(&Tls::among(papers).unwrap())))
            .prefer_socket(false);
        Conn::new(options).await
    }

    pub(crate) async fn sql(&self, text: &str) {
        self.client().await.unwrap().query_drop(text).await.unwrap();
    }

    /// The bills that are there, in order.
    pub(crate) async fn bills(&self) -> Vec<i32> {
        let mut client = self.client().await.unwrap();
        client.query("SELECT id FROM bill ORDER BY id").await.unwrap()
    }

    /// All that it wrote to its log.
    pub(crate) fn log(&self) -> String {
        let files = fs::read_dir(self.folder.join("log")).into_iter().flatten().flatten();
        files.map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }

    pub(crate) async fn fence(&self) {
        self.hands.fence(soon()).await.unwrap();
    }
}

pub(crate) fn ssl(tls: &Tls) -> SslOpts {
    let authority = tls.authority().unwrap().as_bytes().to_vec();
    SslOpts::default().with_root_certs(vec![authority.into()]).with_disable_built_in_roots(true)
}

/// Of two, waits until every commit of `primary` waits for `replica`, which has everything.
pub(crate) async fn bind(primary: &Host, replica: &Host) {
    let confirm = Confirm::Hosts([replica.upstream().host].into());
    let bound = primary.hands.set_confirm(&confirm).await.unwrap().unwrap();
    assert_eq!(bound.confirm, confirm);
    primary
        .running(|running| {
            running.confirm.as_ref() == Some(&bound)
                && running.followers.iter().any(|one| one.is_streaming && one.flushed >= bound.from)
        })
        .await;
}

pub(crate) fn soon() -> Moment {
    Moment::now().after(WAIT_MAX)
}

pub(crate) fn kill(signal: &str, process: u32) {
    let done =
        std::process::Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(done.unwrap().success());
}
