//! A MariaDB server of Debian's package.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::database::{Admin, Sql};
use crate::folder;
use crate::options::{Options, Sync};
use crate::program::{self, User};
use crate::server::{Kind, Server};
use crate::{PASSWORD, USER};

const PACKAGE: &str = "mariadb-server";
/// How long the first packet may take; only a server that hangs takes longer.
const GREETING_MAX: Duration = Duration::from_secs(2);

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
