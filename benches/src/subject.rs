//! The subjects: each a process of its own on a free port of the loopback, with a folder of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::http::Client;
use crate::plan::{Plan, Size};
use crate::seed;

/// Longest wait for a server's first answer, and for its end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Our server.
    Ondol,
    /// The peer.
    PocketBase,
    /// A reply of the same size, without work.
    Bare,
    /// The statements alone, without HTTP.
    Raw,
}

/// A subject with its data.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) dir: PathBuf,
    program: PathBuf,
    server: Option<Server>,
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// From its start to its first good answer.
    pub(crate) ready: Duration,
}

impl Kind {
    /// The name at the head of its column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Ondol => "ondol",
            Kind::PocketBase => "PocketBase",
            Kind::Bare => "bare axum reply",
            Kind::Raw => "raw store",
        }
    }
}

/// Those that the plan names.
pub(crate) fn cast(plan: &Plan, dir: &Path) -> Result<Vec<Subject>> {
    let me = std::env::current_exe().context("find this binary")?;
    let ours = plan.ondol.clone().unwrap_or_else(|| me.with_file_name("ondol"));
    let is_out = |name: &str| plan.without.iter().any(|out| out == name);
    let mut subjects = Vec::new();
    let mut add = |kind, program: &Path, name: &str| {
        subjects.push(Subject { kind, dir: dir.join(name), program: program.to_owned(), server: None });
    };
    if !is_out("ondol") {
        add(Kind::Ondol, &ours, "ondol");
    }
    if let Some(peer) = &plan.with {
        add(Kind::PocketBase, &peer.program, "pocketbase");
    }
    if !is_out("bare") {
        add(Kind::Bare, &me, "bare");
    }
    if !is_out("raw") {
        add(Kind::Raw, &me, "raw");
    }
    Ok(subjects)
}

impl Subject {
    /// Makes its folder and its data; nothing runs afterwards.
    pub(crate) async fn prepare(&mut self, size: Size) -> Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        match self.kind {
            Kind::Bare => {}
            Kind::Raw => {
                let size = ["--records", &size.records.to_string(), "--rooms", &size.rooms.to_string()];
                seed::feed(Command::new(&self.program).args(["raw", "--dir"]).arg(&self.dir).args(size), "")?;
            }
            Kind::PocketBase => {
                let words = ["superuser", "upsert", seed::EMAIL, seed::PASSWORD, "--dir"];
                seed::feed(Command::new(&self.program).args(words).arg(&self.dir), "")?;
                self.make_collection().await?;
                seed::fill_pocketbase(&self.dir, size)?;
            }
            Kind::Ondol => {
                let words = ["superuser", "upsert", seed::EMAIL, "--password-file", "-", "--dir"];
                seed::feed(Command::new(&self.program).args(words).arg(&self.dir), seed::PASSWORD)?;
                self.make_collection().await?;
                seed::fill_ondol(&self.program, &self.dir, size)?;
            }
        }
        Ok(())
    }

    async fn make_collection(&mut self) -> Result<()> {
        let port = self.start().await?.port;
        let made = seed::make_collection(port).await;
        self.stop()?;
        made
    }

    /// Starts it; the raw bound has nothing to start.
    pub(crate) async fn start(&mut self) -> Result<&Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Ondol => command.args(["serve", "--listen", &address, "--dir"]).arg(&self.dir),
            Kind::PocketBase => command.args(["serve", "--http", &address, "--dir"]).arg(&self.dir),
            Kind::Bare => command.args(["bare", "--port", &port.to_string()]),
            Kind::Raw => bail!("the raw bound is no server"),
        };
        let log = File::create(self.dir.join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("start {}", self.program.display()))?;
        let mut server = Server { child, port, ready: Duration::ZERO };
        server.wait_until_ready(start).await.with_context(|| self.last_words())?;
        Ok(self.server.insert(server))
    }

    /// The server, while it runs.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// This binary, when it plays the raw bound.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), Server::stop)
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        format!("{} does not answer; its last words: {log}", self.kind.name())
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn wait_until_ready(&mut self, start: Instant) -> Result<()> {
        while start.elapsed() < PATIENCE {
            if let Ok(mut client) = Client::connect(self.port).await
                && client.send("GET", "/api/health", "").await.is_ok_and(|reply| reply.status == 200)
            {
                self.ready = start.elapsed();
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("ended with {status}");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("no answer within {PATIENCE:?}")
    }

    fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.pid().to_string()).status().context("ask a server to end")?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                bail!("a server does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it has ended already when it was stopped; else the benchmark broke off
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
