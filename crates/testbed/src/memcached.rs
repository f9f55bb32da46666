//! A memcached server of Debian's package.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::folder;
use crate::options::{Options, Sync};
use crate::program::{self, User};
use crate::server::{Kind, Server};

const PACKAGE: &str = "memcached";
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A memcached server. It ends when this is dropped, and is empty when it is started again.
pub type Memcached = Server<Program>;

/// How it is run.
#[derive(Debug)]
pub struct Program {
    memcached: PathBuf,
    user: User,
    options: Options,
}

impl Server<Program> {
    /// Starts a server of its own and waits until it answers.
    ///
    /// # Panics
    /// When memcached is not on this machine or does not start.
    pub fn start(options: &Options) -> Memcached {
        let user = User::unless_root("memcache", PACKAGE);
        let folder = folder::made("memcached", user, Sync::Off, |_| {});
        let memcached = program::find("memcached", PACKAGE);
        Server::begin(Program { memcached, user, options: options.clone() }, folder)
    }
}

impl Kind for Program {
    const NAME: &'static str = "memcached";
    const STOP: &'static str = "TERM";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let mut command = self.user.command(&self.memcached, folder);
        let port = port.to_string();
        let ours = [("l", "127.0.0.1"), ("p", port.as_str()), ("U", "0"), ("m", "64"), ("t", "2")];
        let theirs = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(theirs) {
            command.args([&format!("-{name}"), value]);
        }
        command
    }

    fn answers(&self, port: u16) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, ANSWER_MAX) else { return false };
        let mut head = [0; 8];
        stream.set_read_timeout(Some(ANSWER_MAX)).is_ok()
            && stream.write_all(b"version\r\n").is_ok()
            && stream.read_exact(&mut head).is_ok()
            && &head == b"VERSION "
    }
}
