//! A true etcd of three members, of Debian's package, on free loopback ports.
//!
//! A member answers nothing alone, so that all three are started before any is waited for.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::folder;
use crate::http;
use crate::options::{Options, Sync};
use crate::program::{self, User};
use crate::server::{Kind, Server};

const PACKAGE: &str = "etcd-server";
const CLIENT_PACKAGE: &str = "etcd-client";
/// How many members there are: the least that goes on without one.
const COUNT: usize = 3;
const WAIT_MAX: Duration = Duration::from_secs(60);

/// An etcd of three members. It ends when this is dropped. It does not sync: members are killed here, machines are not.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<Server<Program>>,
    etcdctl: PathBuf,
}

#[derive(Debug)]
struct Program {
    etcd: PathBuf,
    user: User,
    name: String,
    peer_port: u16,
    /// `NAME=URL`, of all.
    cluster: String,
    options: Options,
}

impl Etcd {
    /// Starts it, and waits until it has a leader. The settings in `options` are etcd's own, without the dashes.
    ///
    /// # Panics
    /// When etcd is not on this machine or does not start.
    pub fn start(options: &Options) -> Etcd {
        let (etcd, etcdctl) = (program::find("etcd", PACKAGE), program::find("etcdctl", CLIENT_PACKAGE));
        let peers: Vec<(String, u16)> =
            (0..COUNT).map(|index| (format!("m{index}"), crate::port::free())).collect();
        let urls = peers.iter().map(|(name, port)| format!("{name}=http://127.0.0.1:{port}"));
        let cluster = urls.collect::<Vec<_>>().join(",");
        let member = |(name, peer_port): (String, u16)| {
            let user = User::ourselves();
            let folder = folder::made("etcd", user, Sync::Off, |_| {});
            let (etcd, cluster, options) = (etcd.clone(), cluster.clone(), options.clone());
            Server::begin(Program { etcd, user, name, peer_port, cluster, options }, folder)
        };
        let etcd = Etcd { members: peers.into_iter().map(member).collect(), etcdctl };
        etcd.leader();
        etcd
    }

    /// How members are reached, such as `127.0.0.1:16001`, in their order.
    pub fn addresses(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("127.0.0.1:{}", member.port())).collect()
    }

    /// Waits until a living member leads; which one.
    ///
    /// # Panics
    /// When none comes to lead.
    pub fn leader(&self) -> usize {
        let begin = Instant::now();
        loop {
            if let Some(leader) = (0..COUNT).find(|index| self.leads(*index)) {
                return leader;
            }
            assert!(begin.elapsed() < WAIT_MAX, "no member of etcd comes to lead");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A member that does not lead.
    pub fn follower(&self) -> usize {
        (self.leader() + 1) % COUNT
    }

    fn leads(&self, index: usize) -> bool {
        let url = format!("http://127.0.0.1:{}/v3/maintenance/status", self.members[index].port());
        if !self.members[index].is_running() {
            return false;
        }
        let Ok(answer) = http::try_send("POST", &url, &[], "{}") else { return false };
        let word = |name: &str| {
            let (_, rest) = answer.body.split_once(&format!("\"{name}\":\""))?;
            rest.split('"').next().map(str::to_owned)
        };
        word("leader").is_some() && word("leader") == word("member_id")
    }

    /// Kills a member, and waits until it is gone.
    pub fn kill(&mut self, index: usize) {
        self.members[index].kill();
    }

    /// Starts it again after [`Etcd::kill`].
    pub fn start_again(&mut self, index: usize) {
        self.members[index].start_again();
    }

    /// Makes a member hang: connections stay, answers don't come.
    pub fn freeze(&mut self, index: usize) {
        self.members[index].freeze();
    }

    /// Lets it go on after [`Etcd::freeze`].
    pub fn thaw(&mut self, index: usize) {
        self.members[index].thaw();
    }

    /// What `etcdctl` says when it is called with `args`, whichever member it asks.
    ///
    /// # Panics
    /// When it fails; the text says why.
    pub fn ctl(&self, args: &[&str]) -> String {
        let living = self.members.iter().filter(|member| member.is_running());
        let addresses: Vec<String> = living.map(|member| format!("127.0.0.1:{}", member.port())).collect();
        let mut command = Command::new(&self.etcdctl);
        command.env("ETCDCTL_API", "3").arg(format!("--endpoints={}", addresses.join(","))).args(args);
        program::run(&mut command).unwrap_or_else(|error| panic!("etcdctl {args:?}: {error}"))
    }
}

impl Kind for Program {
    const NAME: &'static str = "etcd";
    const STOP: &'static str = "TERM";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let mut command = self.user.command(&self.etcd, folder);
        let (client, peer) =
            (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}", self.peer_port));
        let data = folder.join("data").display().to_string();
        let ours = [
            ("name", self.name.as_str()),
            ("data-dir", &data),
            ("listen-client-urls", &client),
            ("advertise-client-urls", &client),
            ("listen-peer-urls", &peer),
            ("initial-advertise-peer-urls", &peer),
            ("initial-cluster", &self.cluster),
            ("initial-cluster-state", "new"),
            ("heartbeat-interval", "100"),
            ("election-timeout", "1000"),
            ("logger", "zap"),
        ];
        let theirs = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(theirs) {
            command.arg(format!("--{name}={value}"));
        }
        command
    }

    /// It listens. What it answers depends on the others.
    fn answers(&self, port: u16) -> bool {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    }
}
