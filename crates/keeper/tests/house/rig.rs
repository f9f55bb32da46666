//! The house under test: an etcd, two hosts or three, and what is seen of them in the store.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::moment::Moment;
use cluster::layout::{Accept, Handover, Role};
use cluster::{Cluster, Compare, Layout, Txn, View};
use tempfile::TempDir;
use testbed::{Cutter, Etcd, Options};
use tokio::runtime::Runtime;

use crate::client::Writer;
use crate::play::{Database, HOSTS, NAME, PART, Part};

/// A state that does not come about in this time never does.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How often what is measured is done: once, or as `KEEPER_HOUSE_RUNS` says.
#[expect(clippy::disallowed_methods, reason = "the size of a test is no setting of the product")]
pub(crate) fn runs() -> usize {
    std::env::var("KEEPER_HOUSE_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

pub(crate) struct Rig {
    hosts: Vec<Played>,
    pub(crate) ports: Vec<u16>,
    cluster: Cluster,
    layout: Layout,
    runtime: Runtime,
    /// The ways of the first host to the members of etcd.
    ways: Vec<Cutter>,
    _etcd: Etcd,
    _folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

struct Played {
    part: Part,
    process: Option<Child>,
    /// The run before this one, as it called itself.
    former: Option<String>,
}

impl Drop for Played {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Played {
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Rig {
    /// Everything for two hosts but the hosts, which are started by the test.
    pub(crate) fn new(database: Database) -> Rig {
        Rig::of(database, 2, "")
    }

    /// The same for so many hosts, the third of which stands there.
    fn of(database: Database, count: usize, third: &str) -> Rig {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let etcd = Etcd::start(&Options::default());
        let addresses: Vec<String> = etcd.addresses();
        let folder = tempfile::Builder::new().prefix("keeper-").tempdir_in(memory()).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let port = |at: &String| at.rsplit_once(':').unwrap().1.parse().unwrap();
        let ways: Vec<Cutter> = addresses.iter().map(|at| Cutter::before(port(at))).collect();
        let cut: Vec<String> = ways.iter().map(|way| format!("127.0.0.1:{}", way.port())).collect();
        let port = || match database {
            Database::Postgres => testbed::free_port(),
            Database::MariaDb => testbed::free_port_pair(),
        };
        let ports: Vec<u16> = (0..count).map(|_| port()).collect();
        let played = |host: usize| {
            let folder = folder.path().join(HOSTS[host]);
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
            let part = Part {
                host,
                database,
                ports: ports.clone(),
                third: third.to_owned(),
                folder,
                etcd: if host == 0 { cut.clone() } else { addresses.clone() },
                trips: Vec::new(),
            };
            Played { part, process: None, former: None }
        };
        let hosts = (0..count).map(played).collect();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let cluster = Cluster::etcd(cluster::Config::new(addresses));
        let layout = Layout::new("test");
        Rig { hosts, ports, cluster, layout, runtime, ways, _etcd: etcd, _folder: folder, _turn: turn }
    }

    /// Both hosts, and everything well.
    pub(crate) fn well(database: Database) -> Rig {
        Rig::new(database).begun()
    }

    /// Three hosts, the third of which stands there, and everything well.
    pub(crate) fn three(third: &str) -> Rig {
        Rig::of(Database::Postgres, 3, third).begun()
    }

    fn begun(mut self) -> Rig {
        (0..self.hosts.len()).for_each(|host| self.start(host));
        self.wait_well();
        self
    }

    pub(crate) fn start(&mut self, host: usize) {
        self.start_tripping(host, &[]);
    }

    /// A keeper that dies after its first step of that name.
    pub(crate) fn start_to_die(&mut self, host: usize, step: &str) {
        self.start_tripping(host, &[(step, "dies")]);
    }

    /// A keeper with which things go wrong: the names of steps, and how.
    pub(crate) fn start_tripping(&mut self, host: usize, trips: &[(&str, &str)]) {
        let former =
            self.view().and_then(|view| Some(view.members.get(HOSTS[host])?.what.incarnation.clone()));
        let played = &mut self.hosts[host];
        played.kill();
        played.former = former.or_else(|| played.former.take());
        played.part.trips = trips.iter().map(|(step, how)| ((*step).to_owned(), (*how).to_owned())).collect();
        let log = File::options().create(true).append(true).open(log_of(&played.part.folder)).unwrap();
        let mut command = play(&played.part);
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        played.process = Some(command.spawn().unwrap());
    }

    /// A second keeper that has the name of a host, with folders and a port of its own; what it said when it ended.
    pub(crate) fn double(&self, host: usize) -> String {
        let part = self.hosts[host].part.clone();
        let folder = part.folder.with_file_name("double");
        fs::create_dir(&folder).unwrap();
        let mut ports = part.ports.clone();
        ports[host] = testbed::free_port();
        let ended = play(&Part { folder, ports, ..part }).output().unwrap();
        String::from_utf8_lossy(&ended.stdout).into_owned()
    }

    /// Waits until the keeper has died by itself.
    #[track_caller]
    pub(crate) fn wait_dead(&mut self, host: usize, why: &str) {
        let begin = Instant::now();
        loop {
            let process = self.hosts[host].process.as_mut().unwrap();
            if process.try_wait().unwrap().is_some() {
                self.hosts[host].process = None;
                return;
            }
            assert!(begin.elapsed() < WAIT_MAX, "{} did not die: {why}\n{}", HOSTS[host], self.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The keeper's process is killed, as it stands.
    pub(crate) fn kill(&mut self, host: usize) {
        self.hosts[host].kill();
    }

    /// Sends the keeper a signal.
    pub(crate) fn signal(&self, host: usize, signal: &str) {
        let process = self.hosts[host].process.as_ref().unwrap().id();
        send(signal, process);
    }

    /// The first host's messages to the store and back are lost.
    pub(crate) fn cut_from_store(&mut self) {
        self.ways.iter_mut().for_each(Cutter::hang);
    }

    /// They pass again.
    pub(crate) fn mend_way_to_store(&mut self) {
        self.ways.iter_mut().for_each(Cutter::pass);
    }

    /// Waits until who leads now does no more, while the store goes on to keep its lease.
    #[track_caller]
    pub(crate) fn wait_deposed(&self) {
        let lease = self.view().unwrap().leader.unwrap().lease;
        self.wait("the leader key is taken from a lease that lives", |view| {
            self.runtime.block_on(self.cluster.keep_alive(lease)).unwrap();
            view.leader.as_ref().is_none_or(|leader| leader.lease != lease).then_some(())
        });
    }

    /// Whether a host's database can be connected to.
    pub(crate) fn is_open(&self, host: usize) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.ports[host])).is_ok()
    }

    /// The database's first process is killed.
    pub(crate) fn kill_database(&self, host: usize) {
        let file = match self.hosts[host].part.database {
            Database::Postgres => self.data(host).join("postmaster.pid"),
            Database::MariaDb => self.data(host).with_file_name("run").join("mariadb.pid"),
        };
        let text = fs::read_to_string(file).unwrap();
        send("KILL", text.lines().next().unwrap().parse().unwrap());
    }

    /// The folder of the database's own files.
    pub(crate) fn data(&self, host: usize) -> PathBuf {
        self.hosts[host].part.folder.join("db").join("data")
    }

    /// Everything of the host's is gone, as with a new disk.
    pub(crate) fn wipe(&mut self, host: usize) {
        self.kill(host);
        let begin = Instant::now();
        for part in ["db", "keeper"] {
            // the last processes of a database that was killed may still be writing
            while let Err(error) = fs::remove_dir_all(self.hosts[host].part.folder.join(part)) {
                let is_busy = error.kind() == ErrorKind::DirectoryNotEmpty && begin.elapsed() < WAIT_MAX;
                assert!(is_busy, "{part}: {error}");
            }
        }
    }

    pub(crate) fn view(&self) -> Option<View> {
        let asked = Moment::now();
        let snapshot = self.runtime.block_on(self.cluster.range(self.layout.prefix())).ok()?;
        Some(View::read(&self.layout, snapshot, asked))
    }

    /// Waits until the store says what is looked for.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut find: impl FnMut(&View) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = self.view().and_then(|view| find(&view)) {
                return found;
            }
            assert!(begin.elapsed() < WAIT_MAX, "not seen: {what}\n{}", self.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until that host leads; in which epoch.
    #[track_caller]
    pub(crate) fn wait_leads(&self, host: usize) -> u64 {
        self.wait("it leads", |view| {
            let leader = &view.leader.as_ref()?.what;
            (leader.host == HOSTS[host]).then_some(leader.epoch)
        })
    }

    /// Waits for the end of a host's lease, and holds that nobody can come in at its database any more.
    #[track_caller]
    pub(crate) fn wait_dead_by_its_lease(&self, host: usize) {
        let is_open = self.wait("the lease ends", |view| match &view.leader {
            Some(leader) if leader.what.host == HOSTS[host] => None,
            _ => Some(self.is_open(host)),
        });
        assert!(!is_open, "the database of a host that may have lost its lease still listens");
    }

    /// Waits until one leads, all live and may lead, and those that are to confirm have everything; who leads, and in which epoch.
    #[track_caller]
    pub(crate) fn wait_well(&self) -> (usize, u64) {
        self.wait("all hosts well", |view| {
            let leader = &view.leader.as_ref()?.what;
            let is_well = |host: &str| {
                let member = &view.members.get(host)?.what;
                let is_leader = leader.host == host;
                let former =
                    self.hosts.iter().find(|played| HOSTS[played.part.host] == host)?.former.as_ref();
                if former == Some(&member.incarnation) {
                    return None;
                }
                let may_lead = member.is_healthy && member.unfit.is_none();
                Some(may_lead && (member.role == Role::Primary) == is_leader)
            };
            let sync = &view.sync.as_ref()?.what;
            let names = &HOSTS[..self.hosts.len()];
            let all = names.iter().all(|host| is_well(host) == Some(true));
            let primary = names.iter().position(|host| *host == leader.host)?;
            let is_settled = sync.epoch == leader.epoch && sync.eligible.len() == self.counted(primary);
            (all && is_settled).then_some((primary, leader.epoch))
        })
    }

    /// How many are counted on while one is primary: it, one of its site, one of another.
    fn counted(&self, primary: usize) -> usize {
        let sites = self.hosts[0].part.sites();
        let (here, others) = (&sites[primary].1, sites.iter().enumerate().filter(|(i, _)| *i != primary));
        let (near, far): (Vec<_>, Vec<_>) = others.partition(|(_, (_, site))| site == here);
        1 + usize::from(!near.is_empty()) + usize::from(!far.is_empty())
    }

    /// The old primary is gone: the other goes on alone.
    #[track_caller]
    pub(crate) fn wait_alone(&self) {
        self.wait("it goes on alone", |view| (view.sync.as_ref()?.what.eligible.len() == 1).then_some(()));
    }

    /// Asks for another primary, as `ondol takeover` does.
    pub(crate) fn ask_for(&self, host: usize) {
        let handover = Handover { to: Some(HOSTS[host].to_owned()), asked: 0, position: None };
        let key = self.layout.handover();
        let text = serde_json::to_string(&handover).unwrap();
        self.runtime
            .block_on(self.cluster.txn(&Txn::new().when(Compare::absent(&key)).put(key, text)))
            .unwrap();
    }

    /// Accepts the loss of what `host` lacks of a reign, as `ondol takeover --accept-loss` does.
    pub(crate) fn accept_loss(&self, host: usize, of: u64) {
        let text = serde_json::to_string(&Accept { host: HOSTS[host].to_owned(), of, asked: 0 }).unwrap();
        let txn = Txn::new().when(Compare::absent(self.layout.leader())).put(self.layout.accept(), text);
        self.runtime.block_on(self.cluster.txn(&txn)).unwrap();
    }

    /// A client that writes to whoever leads.
    pub(crate) fn writer(&self) -> Writer {
        Writer::new(self.hosts[0].part.database, &self.ports)
    }

    /// All that a keeper said.
    pub(crate) fn said(&self, host: usize) -> String {
        fs::read_to_string(log_of(&self.hosts[host].part.folder)).unwrap_or_default()
    }

    /// The end of what all keepers said.
    pub(crate) fn told(&self) -> String {
        let told = self.hosts.iter().map(|played| {
            let text = fs::read_to_string(log_of(&played.part.folder)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(40)..].join("\n");
            format!("--- {}\n{last}\n", HOSTS[played.part.host])
        });
        let view = self.view().map(|view| format!("{:?} {:?} {:?}", view.leader, view.sync, view.members));
        format!("{}\n{}", told.collect::<String>(), view.unwrap_or_default())
    }
}

/// This program, to play a host.
fn play(part: &Part) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture"]).env(PART, part.to_text());
    command
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("keeper.log")
}

fn send(signal: &str, process: u32) {
    let status = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(status.unwrap().success());
}

fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}
