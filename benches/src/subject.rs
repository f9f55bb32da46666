//! The subjects: each a process of its own on a free port of the loopback, with a folder of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use testbed::Database;

use crate::http::Client;
use crate::keeper::Keeper;
use crate::plan::{Engine, Plan, Size};
use crate::seed::{self, Imported};

/// Longest wait for a server's first answer, and for its end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Our server: so many processes on one database.
    Ondol { servers: usize },
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
    servers: Vec<Server>,
    /// Where a database server keeps its records; dropped at the end.
    database: Option<Database>,
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
            Kind::Ondol { servers: 1 } => "ondol",
            Kind::Ondol { servers: 2 } => "ondol, 2 web servers",
            Kind::Ondol { servers: 3 } => "ondol, 3 web servers",
            Kind::Ondol { .. } => "ondol, many web servers",
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
        let (dir, program) = (dir.join(name), program.to_owned());
        subjects.push(Subject { kind, dir, program, servers: Vec::new(), database: None });
    };
    for &servers in plan.servers.iter().filter(|_| !is_out("ondol")) {
        add(Kind::Ondol { servers }, &ours, &format!("ondol-{servers}"));
    }
    if let Some(peer) = &plan.with {
        add(Kind::PocketBase, &peer.program, "pocketbase");
    }
    if !is_out("bare") {
        add(Kind::Bare, &me, "bare");
    }
    if !is_out("raw") && plan.engine == Engine::Sqlite {
        add(Kind::Raw, &me, "raw");
    }
    Ok(subjects)
}

impl Subject {
    /// Makes its folder and its data; nothing runs afterwards. Of ours, tells what the import took.
    pub(crate) async fn prepare(&mut self, keeper: &Keeper, size: Size) -> Result<Option<Imported>> {
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
            Kind::Ondol { .. } => {
                self.database = keeper.place(&self.dir)?;
                let words = ["superuser", "upsert", seed::EMAIL, "--password-file", "-", "--file"];
                seed::feed(Command::new(&self.program).args(words).arg(self.file()), seed::PASSWORD)?;
                self.make_collection().await?;
                return seed::fill_ondol(&self.program, &self.dir, &self.file(), size).map(Some);
            }
        }
        Ok(None)
    }

    async fn make_collection(&mut self) -> Result<()> {
        self.start().await?;
        let made = match self.server() {
            Some(server) => seed::make_collection(server.port).await,
            None => bail!("what is no server has no collections"),
        };
        self.stop()?;
        made
    }

    /// Starts it, all of its servers; the raw bound has nothing to start.
    pub(crate) async fn start(&mut self) -> Result<()> {
        let count = if let Kind::Ondol { servers } = self.kind { servers } else { 1 };
        for _ in 0..count {
            let server = self.start_one().await?;
            self.servers.push(server);
        }
        Ok(())
    }

    async fn start_one(&self) -> Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Ondol { .. } => command.args(["serve", "--listen", &address, "--file"]).arg(self.file()),
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
        Ok(server)
    }

    /// Its servers, while they run.
    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The first of them.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.servers.first()
    }

    /// The service file of ours.
    fn file(&self) -> PathBuf {
        self.dir.join("ondol.toml")
    }

    /// This binary, when it plays the raw bound.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.servers.drain(..).try_for_each(Server::stop)
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
