//! A HAProxy of Debian's package, in front of one server, with what a test writes behind that server's address.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder;
use crate::options::Sync;
use crate::program::{self, User};
use crate::server::{Kind, Server};

const PACKAGE: &str = "haproxy";

/// A HAProxy that passes bytes on. It ends when this is dropped.
pub type Haproxy = Server<Program>;

/// How it is run.
#[derive(Debug)]
pub struct Program {
    haproxy: PathBuf,
    server: String,
}

impl Server<Program> {
    /// Starts one in front of `server`: an address and options, such as `127.0.0.1:16001 send-proxy-v2`.
    ///
    /// # Panics
    /// When HAProxy is not on this machine or does not start.
    pub fn start(server: &str) -> Haproxy {
        let folder = folder::made("haproxy", User::ourselves(), Sync::Off, |_| {});
        let haproxy = program::find("haproxy", PACKAGE);
        Server::begin(Program { haproxy, server: server.to_owned() }, folder)
    }
}

impl Kind for Program {
    const NAME: &'static str = "HAProxy";
    const STOP: &'static str = "USR1";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let text = format!(
            "defaults\nmode tcp\ntimeout connect 5s\ntimeout client 20s\ntimeout server 20s\n\
             listen all\nbind 127.0.0.1:{port}\nserver one {}\n",
            self.server
        );
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("write {}: {error}", file.display()));
        let mut command = User::ourselves().command(&self.haproxy, folder);
        command.args(["-db", "-f"]).arg(file);
        command
    }

    fn answers(&self, port: u16) -> bool {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    }
}
