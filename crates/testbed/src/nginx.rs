//! An nginx of Debian's package, with what a test writes into its one `server` block.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder;
use crate::options::Sync;
use crate::program::{self, User};
use crate::server::{Kind, Server};

const PACKAGE: &str = "nginx-light";

/// An nginx. It ends when this is dropped.
pub type Nginx = Server<Program>;

/// How it is run.
#[derive(Debug)]
pub struct Program {
    nginx: PathBuf,
    block: String,
}

impl Server<Program> {
    /// Starts one whose server block holds this, and waits until it answers.
    ///
    /// # Panics
    /// When nginx is not on this machine or does not start.
    pub fn start(block: &str) -> Nginx {
        let folder = folder::made("nginx", User::ourselves(), Sync::Off, |_| {});
        let nginx = program::find("nginx", PACKAGE);
        Server::begin(Program { nginx, block: block.to_owned() }, folder)
    }
}

impl Kind for Program {
    const NAME: &'static str = "nginx";
    const STOP: &'static str = "TERM";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let kept: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|what| format!("{what}_temp_path {}/{what};\n", folder.display()))
            .collect();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {}/nginx.pid;\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{kept}server {{\nlisten 127.0.0.1:{port};\n{}\n}}\n}}\n",
            folder.display(),
            self.block
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("write {}: {error}", file.display()));
        let mut command = User::ourselves().command(&self.nginx, folder);
        command.arg("-c").arg(file).args(["-e", "stderr"]);
        command
    }

    fn answers(&self, port: u16) -> bool {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    }
}
