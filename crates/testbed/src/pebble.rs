//! An issuer of certificates for tests: Pebble of Debian's package, with a name server (pebble-challtestsrv) that says of every
//! name that it is this machine, and of some whatever a test tells it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder;
use crate::options::Sync;
use crate::port;
use crate::program::{self, User};
use crate::server::{Kind, Server};

const PACKAGE: &str = "pebble";

/// An issuer. It ends when this is dropped.
#[derive(Debug)]
pub struct Pebble {
    server: Server<Issuer>,
    names: Server<Names>,
}

#[derive(Debug)]
struct Issuer {
    pebble: PathBuf,
    /// Where it looks for answers to http-01, on every host.
    http: u16,
    dns: u16,
}

#[derive(Debug)]
struct Names {
    program: PathBuf,
    dns: u16,
}

impl Pebble {
    /// Starts one that looks for answers by http at this port of each name, and waits until it answers.
    ///
    /// # Panics
    /// When Pebble is not on this machine or does not start.
    pub fn start(http: u16) -> Pebble {
        let dns = port::free();
        let folder = folder::made("names", User::ourselves(), Sync::Off, |_| {});
        let names =
            Server::begin(Names { program: program::find("pebble-challtestsrv", PACKAGE), dns }, folder);
        let folder = folder::made("pebble", User::ourselves(), Sync::Off, |path| {
            let mut openssl = Command::new(program::find("openssl", "openssl"));
            let asked =
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=issuer";
            openssl.args(asked.split(' ')).args(["-addext", "basicConstraints=critical,CA:FALSE"]);
            openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
            openssl.arg("-keyout").arg(path.join("key.pem")).arg("-out").arg(path.join("cert.pem"));
            program::run(&mut openssl)
                .unwrap_or_else(|error| panic!("make the issuer's certificate: {error}"));
        });
        let issuer = Issuer { pebble: program::find("pebble", PACKAGE), http, dns };
        Pebble { server: Server::begin(issuer, folder), names }
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.server.port())
    }

    /// The certificate by which its own https is believed.
    pub fn roots(&self) -> PathBuf {
        self.server.folder().join("cert.pem")
    }

    /// What it has said so far: a line for each order, among others.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.server.folder().join("testbed.log")).unwrap_or_default()
    }

    /// Where the name server is told what to say.
    pub fn names(&self) -> String {
        format!("127.0.0.1:{}", self.names.port())
    }

    /// Lets a name point nowhere.
    ///
    /// # Panics
    /// When the name server does not take it.
    pub fn lose(&self, name: &str) {
        self.tell("set-servfail", &format!("{{\"host\":\"{name}.\"}}"));
    }

    /// Lets a name point to one address.
    ///
    /// # Panics
    /// When the name server does not take it.
    pub fn point(&self, name: &str, address: &str) {
        self.tell("clear-a", &format!("{{\"host\":\"{name}.\"}}"));
        self.tell("add-a", &format!("{{\"host\":\"{name}.\",\"addresses\":[\"{address}\"]}}"));
    }

    fn tell(&self, what: &str, body: &str) {
        let address = format!("http://{}/{what}", self.names());
        let mut curl = Command::new(program::find("curl", "curl"));
        curl.args(["-sSf", "-d", body, &address]);
        program::run(&mut curl).unwrap_or_else(|error| panic!("tell the name server: {error}"));
    }
}

impl Kind for Issuer {
    const NAME: &'static str = "Pebble";
    const STOP: &'static str = "TERM";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let (management, tls, http) = (port::free(), port::free(), self.http);
        let text = format!(
            "{{\"pebble\":{{\"listenAddress\":\"127.0.0.1:{port}\",\"managementListenAddress\":\"127.0.0.1:{management}\",\
             \"certificate\":\"cert.pem\",\"privateKey\":\"key.pem\",\"httpPort\":{http},\"tlsPort\":{tls}}}}}"
        );
        let file = folder.join("pebble.json");
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("write {}: {error}", file.display()));
        let mut command = User::ourselves().command(&self.pebble, folder);
        command.current_dir(folder).arg("-config").arg(file);
        command.args(["-dnsserver", &format!("127.0.0.1:{}", self.dns)]);
        // some of its nonces are refused, as an issuer may
        command
            .env("PEBBLE_VA_NOSLEEP", "1")
            // in a hundred; clients try three times, and at Pebble's own 5 one of 8,000 requests fails for good
            .env("PEBBLE_WFE_NONCEREJECT", "1")
            .env("PEBBLE_AUTHZREUSE", "0");
        command
    }

    fn answers(&self, port: u16) -> bool {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    }
}

impl Kind for Names {
    const NAME: &'static str = "pebble-challtestsrv";
    const STOP: &'static str = "TERM";

    fn command(&self, folder: &Path, port: u16) -> Command {
        let mut command = User::ourselves().command(&self.program, folder);
        command.args([
            "-management",
            &format!("127.0.0.1:{port}"),
            "-dns01",
            &format!("127.0.0.1:{}", self.dns),
        ]);
        command.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
        command
    }

    fn answers(&self, port: u16) -> bool {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    }
}
