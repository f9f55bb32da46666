//! The proxies, and the two servers behind them: each a process of its own on ports of the loopback, told to work alike.
//!
//! All keep connections to both servers, go by least connections, say who asks, write no access log and work on one thread.
//! Ours is the program as it is delivered.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Ask;
use super::settings::Place;

/// Longest wait for a first connection.
const PATIENCE: Duration = Duration::from_secs(20);
const PEERS: [&str; 5] = ["pump", "nginx", "haproxy", "lighttpd", "perlbal"];

/// All that runs.
pub(super) struct Cast {
    pub(super) proxies: Vec<Proxy>,
    folder: PathBuf,
    _processes: Vec<Process>,
}

/// One of them.
pub(super) struct Proxy {
    pub(super) name: String,
    pub(super) plain: Door,
    pub(super) secure: Option<Door>,
}

/// Where one is reached, and the process that answers there.
#[derive(Clone, Copy)]
pub(super) struct Door {
    pub(super) port: u16,
    pub(super) pid: u32,
}

/// A process that ends with its guard.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // it may have ended by itself; nothing is lost by its end
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Cast {
    pub(super) fn start(folder: &Path, ask: &Ask) -> Result<Cast> {
        let www = folder.join("www");
        fs::create_dir(&www)?;
        // of a page only its size matters
        fs::write(www.join("1k"), [b'x'; 1 << 10])?;
        fs::write(www.join("64k"), vec![b'x'; 64 << 10])?;
        fs::create_dir(www.join("api"))?;
        fs::write(www.join("api/health"), "{}")?;
        certify(folder)?;
        let mut stage = Stage { folder, processes: Vec::new() };
        let place = Place { folder: folder.to_owned(), behind: [free()?, free()?], plain: 0, secure: 0 };
        let mut behind = Command::new(find("nginx")?);
        behind.arg("-c").arg(write(folder, "behind", &place.servers())?);
        stage.launch(behind, "behind", place.behind[0])?;
        let mut proxies = Vec::new();
        let is_asked = |name: &str| ask.only.is_empty() || ask.only.iter().any(|only| only == name);
        for name in PEERS.into_iter().filter(|name| is_asked(name)) {
            let place = Place { plain: free()?, secure: free()?, ..place.clone() };
            proxies.push(stage.peer(name, &place)?);
        }
        for (name, program) in builds(ask)?.into_iter().filter(|(name, _)| is_asked(name)) {
            let place = Place { plain: free()?, secure: free()?, ..place.clone() };
            proxies.push(stage.ours(&name, &program, &place)?);
        }
        Ok(Cast { proxies, folder: folder.to_owned(), _processes: stage.processes })
    }

    /// Who vouches for all of them.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("tls.pem")
    }
}

/// Where processes are started.
struct Stage<'a> {
    folder: &'a Path,
    processes: Vec<Process>,
}

impl Stage<'_> {
    fn peer(&mut self, name: &str, place: &Place) -> Result<Proxy> {
        let told = |text: String| write(self.folder, name, &text);
        let (mut command, is_secure) = match name {
            "pump" => (Command::new(std::env::current_exe()?), false),
            "perlbal" | "lighttpd" => (Command::new(find(name)?), false),
            _ => (Command::new(find(name)?), true),
        };
        match name {
            "pump" => command
                .args(["pump", "--port"])
                .arg(place.plain.to_string())
                .args(["--to", &place.behind[0].to_string()]),
            "nginx" => command.arg("-c").arg(told(place.nginx())?),
            "haproxy" => command.args(["-db", "-f"]).arg(told(place.haproxy())?),
            "lighttpd" => command.args(["-D", "-f"]).arg(told(place.lighttpd())?),
            "perlbal" => command.arg("-c").arg(told(place.perlbal())?),
            _ => bail!("there is no peer {name}"),
        };
        let pid = self.launch(command, name, place.plain)?;
        let secure = is_secure.then_some(Door { port: place.secure, pid });
        Ok(Proxy { name: name.to_owned(), plain: Door { port: place.plain, pid }, secure })
    }

    /// Ours listens on one port: one process for each way.
    fn ours(&mut self, name: &str, program: &Path, place: &Place) -> Result<Proxy> {
        let mut door = |name: String, port: u16, text: String| {
            let mut command = Command::new(program);
            command.args(["serve", "--file"]).arg(write(self.folder, &name, &text)?);
            command.env("TOKIO_WORKER_THREADS", "1");
            Ok::<_, anyhow::Error>(Door { port, pid: self.launch(command, &name, port)? })
        };
        let plain = door(format!("{name}-plain"), place.plain, place.ours(place.plain, false))?;
        let secure = door(format!("{name}-tls"), place.secure, place.ours(place.secure, true))?;
        Ok(Proxy { name: name.to_owned(), plain, secure: Some(secure) })
    }

    /// Starts one, and waits until it takes connections.
    fn launch(&mut self, mut command: Command, name: &str, port: u16) -> Result<u32> {
        let said = self.folder.join(format!("{name}.log"));
        let log = File::create(&said)?;
        command.current_dir(self.folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
        let pid = child.id();
        let mut process = Process(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let is_over = process.0.try_wait()?.is_some();
            if is_over || begun.elapsed() > PATIENCE {
                bail!(
                    "{name} does not answer; its last words: {}",
                    fs::read_to_string(&said).unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.processes.push(process);
        Ok(pid)
    }
}

/// Builds of ours, by name.
fn builds(ask: &Ask) -> Result<Vec<(String, PathBuf)>> {
    let ours = match &ask.ondol {
        Some(path) => path.clone(),
        None => std::env::current_exe().context("find this binary")?.with_file_name("ondol"),
    };
    let mut builds = vec![("ondol".to_owned(), ours)];
    for other in &ask.other {
        let (name, path) = other.split_once('=').context("write --other as NAME=PATH")?;
        builds.push((name.to_owned(), path.into()));
    }
    Ok(builds)
}

/// A key on P-256, and a certificate for `localhost` that vouches for itself: `tls.key`, `tls.pem`, and both in `tls.both`.
fn certify(folder: &Path) -> Result<()> {
    let mut openssl = Command::new(find("openssl")?);
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "tls.key", "-out", "tls.pem"]);
    let done = openssl.current_dir(folder).output().context("make a certificate")?;
    ensure!(done.status.success(), "openssl: {}", String::from_utf8_lossy(&done.stderr));
    let both = [fs::read(folder.join("tls.pem"))?, fs::read(folder.join("tls.key"))?].concat();
    Ok(fs::write(folder.join("tls.both"), both)?)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.conf"));
    fs::write(&path, text)?;
    Ok(path)
}

/// A program of Debian's package of its name.
fn find(name: &str) -> Result<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.with_context(|| {
        format!("`{name}` is not on this machine (Debian: apt install {name}; or leave it out by --only)")
    })
}

/// A port that is free now.
fn free() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
