//! A MariaDB server of Debian's package.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::database::{Admin, Sql};
use crate::folder;
use crate::options::{Options, Sync};
use crate::program::{self, User};
use crate::server::{Kind, Server};
use crate::{PASSWORD, USER};

const PACKAGE: &str = "mariadb-server";
/// How long the first packet may take; only a server that hangs takes longer.
const GREETING_MAX: Duration = Duration::from_secs(2);
/// A state that does not come about in this time never does.
const WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A MariaDB server: utf8mb4, no look-up of names, passwords over TCP. It ends when this is dropped.
pub type MariaDb = Server<Program>;

/// How it is run.
#[derive(Debug)]
pub struct Program {
    mariadbd: PathBuf,
    client: PathBuf,
    user: User,
    options: Options,
}

impl Server<Program> {
    /// Makes a server of its own and waits until it answers.
    ///
    /// # Panics
    /// When MariaDB is not on this machine or does not start.
    pub fn start(options: &Options) -> MariaDb {
        let user = User::unless_root("mysql", PACKAGE);
        let folder = folder::made("mariadb", user, options.sync, |folder| init(user, folder));
        let [mariadbd, client] = ["mariadbd", "mariadb"].map(|name| program::find(name, PACKAGE));
        Server::begin(Program { mariadbd, client, user, options: options.clone() }, folder)
    }

    /// Another server, with a folder of its own, that follows this one and confirms what it has received. This one must have
    /// been started with [`MariaDb::leading`].
    ///
    /// # Panics
    /// When it does not come about.
    pub fn replica(&self, name: &str, options: &Options) -> MariaDb {
        let mut settings = leading(name, options);
        settings.settings.push(("read-only".to_owned(), "ON".to_owned()));
        let replica = MariaDb::start(&settings);
        let text = format!(
            "SET GLOBAL rpl_semi_sync_slave_enabled = ON; CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, \
             MASTER_USER = '{USER}', MASTER_PASSWORD = '{PASSWORD}', MASTER_USE_GTID = slave_pos, \
             MASTER_CONNECT_RETRY = 1; START SLAVE",
            self.port()
        );
        replica.sql("mysql", &text);
        replica
    }

    /// A server that others can follow: with a binary log, in which places are told by GTID.
    ///
    /// # Panics
    /// When MariaDB is not on this machine or does not start.
    pub fn leading(name: &str, options: &Options) -> MariaDb {
        MariaDb::start(&leading(name, options))
    }

    /// Lets each commit wait, without end and unseen by others, until a replica has received it; waits until one is there.
    ///
    /// # Panics
    /// When the server refuses it, or no replica comes.
    pub fn confirm(&self) {
        let text = "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC, rpl_semi_sync_master_timeout = 86400000, \
                    rpl_semi_sync_master_wait_no_slave = ON, rpl_semi_sync_master_enabled = ON";
        self.sql("mysql", text);
        let begin = Instant::now();
        while self.status("Rpl_semi_sync_master_clients") != "1" {
            assert!(begin.elapsed() < WAIT_MAX, "no replica confirms");
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Makes a replica a primary: once it has applied all that it has received.
    ///
    /// # Panics
    /// When it refuses.
    pub fn promote(&self) {
        self.sql("mysql", "STOP SLAVE IO_THREAD");
        let begin = Instant::now();
        while !self.sql("mysql", "SHOW SLAVE STATUS").contains("Slave has read all relay log") {
            assert!(begin.elapsed() < WAIT_MAX, "it does not apply what it has received");
            thread::sleep(LOOK_EVERY);
        }
        let text =
            "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL rpl_semi_sync_slave_enabled = OFF, read_only = OFF";
        self.sql("mysql", text);
    }

    /// A number or word of its status.
    fn status(&self, name: &str) -> String {
        let said = self.sql("mysql", &format!("SHOW GLOBAL STATUS LIKE '{name}'"));
        said.trim().rsplit('\t').next().unwrap_or_default().to_owned()
    }
}

/// What a server needs that leads or follows.
fn leading(name: &str, options: &Options) -> Options {
    let mut options = options.clone();
    let id = name.bytes().fold(7_u32, |id, byte| id.wrapping_mul(31).wrapping_add(byte.into())).max(1);
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    options.settings.extend([
        set("log-bin", "binlog"),
        set("server-id", &id.to_string()),
        set("binlog-format", "ROW"),
        set("log-slave-updates", "ON"),
        set("gtid-strict-mode", "ON"),
    ]);
    options
}

fn init(user: User, folder: &Path) {
    let mut install = user.command(&program::find("mariadb-install-db", PACKAGE), folder);
    install.arg("--no-defaults").arg(datadir(folder)).arg(tmpdir(folder));
    install.args(["--skip-test-db", "--skip-name-resolve", "--auth-root-authentication-method=normal"]);
    install.args(["--innodb-log-file-size=16M", "--innodb-flush-method=nosync"]);
    program::run(&mut install).unwrap_or_else(|error| panic!("make MariaDB's folder: {error}"));
    let account = format!(
        "SET sql_log_bin = 0;\nCREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
         GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
    );
    fs::write(folder.join("account.sql"), account)
        .unwrap_or_else(|error| panic!("write the account's SQL: {error}"));
}

impl Kind for Program {
    const NAME: &'static str = "MariaDB";
    const STOP: &'static str = "TERM";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let mut command = self.user.command(&self.mariadbd, folder);
        command.arg("--no-defaults").arg(datadir(folder)).arg(tmpdir(folder));
        let port = port.to_string();
        let [socket, account, pid] = ["socket", "account.sql", "pid"].map(|name| folder.join(name));
        let flush = if self.options.sync == Sync::On { "fsync" } else { "nosync" };
        let ours = [
            ("port", port.as_str()),
            ("bind-address", "127.0.0.1"),
            ("socket", &socket.to_string_lossy()),
            ("pid-file", &pid.to_string_lossy()),
            ("init-file", &account.to_string_lossy()),
            ("innodb-flush-method", flush),
            ("innodb-log-file-size", "16M"),
            ("innodb-buffer-pool-size", "32M"),
            ("max-connections", "200"),
            ("character-set-server", "utf8mb4"),
            ("collation-server", "utf8mb4_bin"),
            ("skip-name-resolve", "ON"),
            ("default-time-zone", "+00:00"),
        ];
        let theirs = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(theirs) {
            command.arg(format!("--{name}={value}"));
        }
        command
    }

    /// The server speaks first, and only when it is ready: a packet whose body begins with the protocol's version, 10.
    fn answers(&self, port: u16) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, GREETING_MAX) else { return false };
        let mut head = [0; 5];
        stream.set_read_timeout(Some(GREETING_MAX)).is_ok()
            && stream.read_exact(&mut head).is_ok()
            && head[4] == 10
    }
}

impl Sql for Program {
    fn admin(&self, port: u16) -> Admin {
        Admin::mariadb(self.client.clone(), port)
    }
}

/// A folder for temporary tables of its own: a server that starts clears away those that it finds, another's too.
fn tmpdir(folder: &Path) -> String {
    format!("--tmpdir={}", folder.display())
}

fn datadir(folder: &Path) -> String {
    format!("--datadir={}", folder.join("data").display())
}
