//! One server process: started in a temporary folder, waited for, stopped, killed, frozen, and started again as it was.
//!
//! A guard stands beside each: a shell that waits for the end of a pipe which only the test's process holds. When that
//! process ends, however it does, the guard kills the server and takes its folder away. (The kernel's own way, a signal
//! at the parent's death, is tied to the parent's *thread*, and each test has its own.)

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to answer, or to end, on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often another port is tried.
const TRIES_MAX: usize = 5;

/// What one kind of server has to say about itself.
pub trait Kind {
    /// What it is called.
    const NAME: &'static str;
    /// The command that runs it in the foreground on `port`.
    fn command(&self, folder: &Path, port: u16) -> Command;
    /// Whether it answers.
    fn answers(&self, port: u16) -> bool;
    /// The signal that ends it in an orderly way.
    const STOP: &'static str;
}

/// A server that runs, or that was stopped and may be started again. It ends when this is dropped.
#[derive(Debug)]
pub struct Server<K: Kind> {
    pub(crate) kind: K,
    port: u16,
    running: Option<Running>,
    // Dropped after the process: fields go in their order.
    folder: TempDir,
}

#[derive(Debug)]
struct Running {
    process: Child,
    guard: Child,
    folder: PathBuf,
}

impl<K: Kind> Server<K> {
    /// Starts it on a free port and waits until it answers.
    pub(crate) fn begin(kind: K, folder: TempDir) -> Server<K> {
        let mut server = Server { kind, port: 0, running: None, folder };
        let mut told = String::new();
        for _ in 0..TRIES_MAX {
            server.port = crate::port::free();
            match server.try_to_start() {
                Ok(()) => return server,
                Err(error) => told = error,
            }
        }
        panic!("{} does not start: {told}", K::NAME);
    }

    /// Starts it again after [`Server::stop`] or [`Server::kill`], on the same port and folder.
    ///
    /// # Panics
    /// When it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "{} runs already; stop or kill it first", K::NAME);
        if let Err(error) = self.try_to_start() {
            panic!("{} does not start again: {error}", K::NAME);
        }
    }

    fn try_to_start(&mut self) -> Result<(), String> {
        let log = self.folder.path().join("testbed.log");
        let file = fs::File::create(&log).map_err(|error| format!("create {}: {error}", log.display()))?;
        let copy = file.try_clone().map_err(|error| format!("open the log twice: {error}"))?;
        let mut command = self.kind.command(self.folder.path(), self.port);
        let process = command.stdout(file).stderr(copy).spawn();
        let process = process.map_err(|error| format!("start {:?}: {error}", command.get_program()))?;
        let folder = self.folder.path().to_owned();
        let mut running = Running { process, guard: guard(&folder), folder };
        let begin = Instant::now();
        while !self.kind.answers(self.port) {
            let is_over = running.process.try_wait().is_ok_and(|status| status.is_some());
            if is_over || begin.elapsed() > WAIT_MAX {
                running.kill();
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("it said, on port {}:\n{said}", self.port));
            }
            thread::sleep(LOOK_EVERY);
        }
        self.running = Some(running);
        Ok(())
    }

    /// Ends it as an operator does (PostgreSQL: "fast", open transactions are rolled back), and waits for the end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        send(K::STOP, &[running.process.id()]);
        let begin = Instant::now();
        while matches!(running.process.try_wait(), Ok(None)) {
            if begin.elapsed() > WAIT_MAX {
                running.kill();
                panic!("{} does not stop; it was killed", K::NAME);
            }
            thread::sleep(LOOK_EVERY);
        }
        running.dismiss();
    }

    /// Kills it and all its children at once, as a power cut would, and waits until they are gone.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
    }

    /// Makes it hang: it holds its connections and answers nothing. Waits until all of it stands still: a signal takes its
    /// time on a busy machine, and meanwhile a thread may answer.
    ///
    /// # Panics
    /// When a part of it goes on.
    pub fn freeze(&mut self) {
        let begin = Instant::now();
        loop {
            let moving: Vec<u32> =
                inhabitants(self.folder()).into_iter().filter(|id| !is_still(*id)).collect();
            if moving.is_empty() {
                return;
            }
            assert!(begin.elapsed() < WAIT_MAX, "{} does not stand still", K::NAME);
            send("STOP", &moving);
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Lets it go on after [`Server::freeze`].
    pub fn thaw(&mut self) {
        send("CONT", &inhabitants(self.folder()));
    }

    /// Whether it was started, and not stopped or killed since.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Its process (PostgreSQL: the postmaster's).
    ///
    /// # Panics
    /// When it does not run.
    pub fn process(&self) -> u32 {
        let running = self.running.as_ref();
        running.unwrap_or_else(|| panic!("{} does not run", K::NAME)).process.id()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, such as `127.0.0.1:16001`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder that holds its data (a database: in `data`) and the log, `testbed.log`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Running {
    fn kill(&mut self) {
        // A process that ended by itself is no failure, and nothing can be done about one that can't be waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let begin = Instant::now();
        loop {
            let left = inhabitants(&self.folder);
            if left.is_empty() || begin.elapsed() > WAIT_MAX {
                break;
            }
            send("KILL", &left);
            thread::sleep(LOOK_EVERY);
        }
        self.dismiss();
    }

    /// Sends the guard away before it does anything.
    fn dismiss(&mut self) {
        // It is gone already only if somebody killed it.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.kill();
        }
        self.dismiss();
    }
}

/// A shell that ends whoever works in `folder`, and takes it away, once our own process is gone.
fn guard(folder: &Path) -> Child {
    let script = "cat >/dev/null
        while for p in /proc/[0-9]*; do case $(readlink $p/cwd) in \"$1\"*) kill -KILL ${p#/proc/} && echo;; esac; done |
            grep -q ''; do :; done
        rm -rf -- \"$1\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "testbed-guard"]).arg(folder).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().unwrap_or_else(|error| panic!("start the server's guard: {error}"))
}

fn send(signal: &str, processes: &[u32]) {
    let mut command = Command::new("kill");
    command.arg(format!("-{signal}")).args(processes.iter().map(u32::to_string));
    // One that ended in between is no failure.
    let _ = command.stderr(Stdio::null()).status();
}

/// The processes that work in `folder`: a server's own and its children, which go on without it for a while.
fn inhabitants(folder: &Path) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Whether every thread of a process is stopped by a signal (proc(5), `/proc/pid/task/tid/stat`).
fn is_still(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads
        .map(|entry| entry.path().join("stat"))
        .filter_map(|stat| fs::read_to_string(stat).ok())
        .all(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T')))
}
