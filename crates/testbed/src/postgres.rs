//! A PostgreSQL server of Debian's newest package on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::database::{Admin, Sql};
use crate::folder;
use crate::options::{Options, Sync};
use crate::program::{self, User};
use crate::server::{Kind, Server};
use crate::{PASSWORD, USER};

const PACKAGE: &str = "postgresql";
/// How long a replica may take to confirm, on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A PostgreSQL server: UTF8, locale C, passwords over TCP. It ends when this is dropped.
pub type Postgres = Server<Program>;

/// How it is run.
#[derive(Debug)]
pub struct Program {
    postgres: PathBuf,
    psql: PathBuf,
    is_ready: PathBuf,
    user: User,
    options: Options,
}

impl Server<Program> {
    /// Makes a server of its own and waits until it answers.
    ///
    /// # Panics
    /// When PostgreSQL is not on this machine or does not start.
    pub fn start(options: &Options) -> Postgres {
        let user = User::unless_root("postgres", PACKAGE);
        let folder = folder::made("postgres", user, options.sync, |folder| init(user, folder));
        Postgres::begun(user, folder, options)
    }

    /// A replica of this server, streaming, under a name by which this server knows it (`synchronous_standby_names`).
    ///
    /// # Panics
    /// When it does not start.
    pub fn replica(&self, name: &str, options: &Options) -> Postgres {
        let user = User::unless_root("postgres", PACKAGE);
        let folder =
            folder::made("postgres", user, options.sync, |folder| clone(user, folder, self.port(), name));
        Postgres::begun(user, folder, options)
    }

    /// The server of a folder, once it answers.
    fn begun(user: User, folder: TempDir, options: &Options) -> Postgres {
        let program = Program {
            postgres: program::find("postgres", PACKAGE),
            psql: program::find("psql", PACKAGE),
            is_ready: program::find("pg_isready", PACKAGE),
            user,
            options: options.clone(),
        };
        Server::begin(program, folder)
    }

    /// Lets each commit wait until the replica of that name has it on its disk, and waits until the replica is there.
    ///
    /// # Panics
    /// When the server refuses it, or the replica does not come.
    pub fn confirm_by(&self, name: &str) {
        self.sql("postgres", &format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'"));
        self.sql("postgres", "SELECT pg_reload_conf()");
        let asked = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' AND sync_state = 'sync'"
        );
        let begin = Instant::now();
        while self.sql("postgres", &asked).trim() != "1" {
            assert!(begin.elapsed() < WAIT_MAX, "the replica {name} does not confirm");
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Makes a replica a primary, and waits until it is one.
    ///
    /// # Panics
    /// When it refuses.
    pub fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote()").trim(), "t", "it does not become a primary");
    }
}

fn init(user: User, folder: &Path) {
    let password = folder.join("password");
    fs::write(&password, PASSWORD).unwrap_or_else(|error| panic!("write a password: {error}"));
    user.own(&password);
    let mut init = user.command(&program::find("initdb", PACKAGE), folder);
    init.arg("-D").arg(folder.join("data")).arg(format!("--username={USER}"));
    init.arg("--pwfile").arg(&password).args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
    init.args(["--no-sync", "--no-instructions"]);
    program::run(&mut init).unwrap_or_else(|error| panic!("make PostgreSQL's folder: {error}"));
}

/// Copies a server's data, to follow it under a name.
fn clone(user: User, folder: &Path, port: u16, name: &str) {
    let from = format!(
        "host=127.0.0.1 port={port} user={USER} password={PASSWORD} dbname=replication application_name={name}"
    );
    let mut copy = user.command(&program::find("pg_basebackup", PACKAGE), folder);
    copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--wal-method=stream", "--dbname"]);
    program::run(copy.arg(from).arg("--pgdata").arg(folder.join("data")))
        .unwrap_or_else(|error| panic!("copy PostgreSQL's folder: {error}"));
}

impl Kind for Program {
    const NAME: &'static str = "PostgreSQL";
    const STOP: &'static str = "INT";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let mut command = self.user.command(&self.postgres, folder);
        command.arg("-D").arg(folder.join("data")).arg("-p").arg(port.to_string());
        let synced = if self.options.sync == Sync::On { "on" } else { "off" };
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", ""),
            ("fsync", synced),
            ("synchronous_commit", synced),
            ("full_page_writes", synced),
            ("shared_buffers", "32MB"),
            ("max_connections", "200"),
            ("timezone", "UTC"),
        ];
        let theirs = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(theirs) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
    }

    fn answers(&self, port: u16) -> bool {
        let mut command = Command::new(&self.is_ready);
        command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-d", "postgres", "-U", USER]);
        command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Sql for Program {
    fn admin(&self, port: u16) -> Admin {
        Admin::postgres(self.psql.clone(), port)
    }
}
