//! This host's member of etcd: a process, started with settings of ours, looked after, and stopped in order.
//!
//! It may outlive us: hosts agree through it whatever becomes of this program. The next start finds it and goes on with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::error::chain;
use base::moment::Moment;
use cluster::Cluster;
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::core::{self, Entry, Files, Initial, Known, Part};
use super::keys::Keys;
use super::reach::http;
use crate::failure::Failure;

/// The command; Debian's package `etcd-server` brings it.
const PROGRAM: &str = "etcd";
/// First pause before it is started again; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// One that ran for so long was well.
const WELL_AFTER: Duration = Duration::from_secs(30);
/// How long it may take to stop; then it is killed.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
/// How often one that is not our child is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long another member may take to say who there is.
const ASK_TIME_MAX: Duration = Duration::from_secs(1);

/// This host's member.
pub(crate) struct Member {
    part: Part,
    dir: PathBuf,
    keys: Keys,
    files: Files,
    process: Process,
}

/// The process.
enum Process {
    Ours(Child),
    /// Left by a program of ours that ended before it.
    Found(Pid),
}

impl Member {
    /// Starts it, or finds the one that runs. Its data lie in `etcd` under a folder.
    pub(crate) async fn start(part: &Part, dir: &Path, keys: &Keys, files: Files) -> Result<Member, Failure> {
        let process = match found(dir) {
            Some(pid) => Process::Found(pid),
            None => spawn(part, dir, keys, &files).await?,
        };
        Ok(Member { part: part.clone(), dir: dir.to_owned(), keys: keys.clone(), files, process })
    }

    /// Looks after it until `stop`, then stops it.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut pause = PAUSE_MIN;
        while stop.run_until_cancelled(self.look_after(&mut pause)).await.is_some() {}
        self.stop().await;
    }

    /// Waits for its end, and starts it again.
    async fn look_after(&mut self, pause: &mut Duration) {
        let begun = Moment::now();
        tokio::select! {
            () = self.process.ended() => {}
            () = taken_in(&self.part, &self.dir, &self.keys) => {}
        }
        *pause =
            if Moment::now().since(begun) >= WELL_AFTER { PAUSE_MIN } else { (*pause * 2).min(PAUSE_MAX) };
        tracing::warn!("this host's etcd has ended; it is started again in {} ms", pause.as_millis());
        sleep(*pause).await;
        let told = all_known(&self.part, &self.keys).await;
        if core::is_forgotten(&Part::peer_url(&self.part.host), &told, self.part.voters.len()) {
            tracing::warn!(
                "this host's member of etcd was removed from among the others'; it comes in anew, without its data"
            );
            // what stays of it is found again at the next start
            let _ = std::fs::remove_file(known_mark(&self.dir));
        }
        match spawn(&self.part, &self.dir, &self.keys, &self.files).await {
            Ok(process) => self.process = process,
            Err(failure) => tracing::error!("etcd can't be started: {}", failure.lines.join("; ")),
        }
    }

    async fn stop(&mut self) {
        self.process.signal(Signal::TERM);
        if timeout(STOP_TIME_MAX, self.process.ended()).await.is_err() {
            tracing::warn!("etcd did not stop within {} s and is killed", STOP_TIME_MAX.as_secs());
            self.process.signal(Signal::KILL);
            self.process.ended().await;
        }
        // a file that stays names nobody, and is not believed
        let _ = std::fs::remove_file(note(&self.dir));
    }
}

impl Process {
    async fn ended(&mut self) {
        match self {
            Process::Ours(child) => {
                // whatever it ended with, it has ended
                let _ = child.wait().await;
            }
            Process::Found(pid) => {
                while test_kill_process(*pid).is_ok() {
                    sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = match self {
            Process::Ours(child) => child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw),
            Process::Found(pid) => Some(*pid),
        };
        if let Some(pid) = pid {
            // one that has ended needs none
            let _ = kill_process(pid, signal);
        }
    }
}

/// Where it is noted which process it is.
fn note(dir: &Path) -> PathBuf {
    dir.join("etcd.pid")
}

fn data(dir: &Path) -> PathBuf {
    dir.join("etcd")
}

/// Says that the member has taken part: its data are its own from then on.
fn known_mark(dir: &Path) -> PathBuf {
    dir.join("etcd.known")
}

fn clear(data: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::failed(format!("cannot clear {}: {error}", data.display())))
        }
        _ => Ok(()),
    }
}

/// Waits until the member takes part, which it can't without a majority; notes it.
async fn taken_in(part: &Part, dir: &Path, keys: &Keys) {
    let mark = known_mark(dir);
    let health = core::at(&part.host, core::CLIENT_PORT);
    while !mark.is_file() {
        let asked = timeout(ASK_TIME_MAX, http::get_among(&keys.tls, &health, "/health")).await;
        if matches!(asked, Ok(Ok((200, _)))) && std::fs::write(&mark, "").is_err() {
            tracing::warn!("cannot write {}", mark.display());
        }
        sleep(LOOK_EVERY).await;
    }
    std::future::pending().await
}

/// The one that runs on our data already.
fn found(dir: &Path) -> Option<Pid> {
    let id = std::fs::read_to_string(note(dir)).ok()?.trim().parse().ok()?;
    let words = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let own = format!("--data-dir={}", data(dir).display());
    let is_it = words.split(|byte| *byte == 0).any(|word| word == own.as_bytes());
    is_it.then(|| Pid::from_raw(id)).flatten()
}

async fn spawn(part: &Part, dir: &Path, keys: &Keys, files: &Files) -> Result<Process, Failure> {
    let data = data(dir);
    // the mark alone, without data, says nothing
    let initial = match known_mark(dir).is_file() && data.join("member").is_dir() {
        // what it has in its folder counts, not this
        true => Initial::Joins,
        false => {
            // what a beginning left that did not come to its end would be taken for data
            clear(&data)?;
            come_in(part, dir, keys).await?
        }
    };
    let mut command = Command::new(PROGRAM);
    command.args(core::arguments(part, &data, listens(&part.host), initial, files));
    // a Ctrl-C is for us: it is stopped last
    command.process_group(0).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let child = command.spawn().map_err(|error| {
        Failure::failed(match error.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no `etcd` on this machine: apt install etcd-server".to_owned()
            }
            _ => format!("cannot start etcd: {error}"),
        })
    })?;
    let id = child.id().unwrap_or_default();
    std::fs::write(note(dir), id.to_string())
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", note(dir).display())))?;
    Ok(Process::Ours(child))
}

/// Its own address, if it is this machine's to bind; else all.
fn listens(host: &str) -> &str {
    if crate::topology::is_own(host) { host } else { "0.0.0.0" }
}

/// The folder of a database that is here.
fn database(dir: &Path) -> Option<PathBuf> {
    ["postgres", "mariadb"].map(|name| dir.join(name)).into_iter().find(|folder| folder.is_dir())
}

/// How a member without data comes in.
async fn come_in(part: &Part, dir: &Path, keys: &Keys) -> Result<Initial, Failure> {
    let others = known(part, keys).await;
    match core::initial(&Part::peer_url(&part.host), others.as_deref()) {
        Entry::Start(Initial::New) if database(dir).is_some() => Err(Failure::failed(format!(
            "this host has a database and no data of etcd, and no other host of the service answers: start the others \
             first. If all of them are lost, move {} away: the service begins anew without it",
            database(dir).unwrap_or_default().display()
        ))),
        Entry::Start(initial) => Ok(initial),
        Entry::Add => join(part, keys, None).await,
        Entry::Replace { .. } if is_taken(part).await => Err(Failure::failed(format!(
            "etcd of {host} runs already, and not out of {}: stop what else runs as {host}, here or on another machine, or say by \
             --as which host this is",
            dir.display(),
            host = part.host
        ))),
        Entry::Replace { id } => join(part, keys, Some(id)).await,
    }
}

/// Whether somebody listens already where this host's member, which does not run yet, will.
async fn is_taken(part: &Part) -> bool {
    let own = core::at(&part.host, core::CLIENT_PORT);
    let reached = timeout(ASK_TIME_MAX, tokio::net::TcpStream::connect(own)).await;
    matches!(reached, Ok(Ok(_)))
}

/// Lets the others know of a new member on this host, and forget the one whose data are gone. It takes a majority of them.
async fn join(part: &Part, keys: &Keys, lost: Option<u64>) -> Result<Initial, Failure> {
    let own = core::at(&part.host, core::CLIENT_PORT);
    let others = part.endpoints().into_iter().filter(|endpoint| *endpoint != own).collect();
    let tls = Some(keys.tls.clone());
    let cluster = Cluster::etcd(cluster::Config { tls, ..cluster::Config::new(others) });
    let changed = async {
        if let Some(id) = lost {
            tracing::warn!(
                "this host's data of etcd are gone: the others are told to take a new member in its place"
            );
            cluster.remove_peer(id).await?;
        }
        cluster.add_peer(&Part::peer_url(&part.host)).await
    };
    match changed.await {
        Ok(_) => Ok(Initial::Joins),
        Err(error) => Err(Failure::failed(format!(
            "the other members of etcd can't take this host in: {}; start it again once a majority of them is well",
            chain(&error)
        ))),
    }
}

/// The members as another one knows them; `None` where none answers.
async fn known(part: &Part, keys: &Keys) -> Option<Vec<Known>> {
    for voter in part.voters.iter().filter(|voter| **voter != part.host) {
        let known = known_to(voter, keys).await;
        if known.is_some() {
            return known;
        }
    }
    None
}

/// The members as each of the others knows them that answers.
async fn all_known(part: &Part, keys: &Keys) -> Vec<Vec<Known>> {
    let others = part.voters.iter().filter(|voter| **voter != part.host);
    join_all(others.map(|voter| known_to(voter, keys))).await.into_iter().flatten().collect()
}

/// The members as one of them knows them.
async fn known_to(voter: &str, keys: &Keys) -> Option<Vec<Known>> {
    let url = Part::peer_url(voter);
    let address = url.trim_start_matches("https://");
    let asked = timeout(ASK_TIME_MAX, http::get_among(&keys.tls, address, "/members")).await;
    let Ok(Ok((200, text))) = asked else { return None };
    let members = serde_json::from_str::<Vec<Told>>(&text).ok()?;
    Some(members.into_iter().map(Known::from).collect())
}

/// A member as etcd tells of it to other members.
#[derive(Deserialize)]
struct Told {
    id: u64,
    #[serde(rename = "clientURLs", default)]
    clients: Vec<String>,
    #[serde(rename = "peerURLs", default)]
    urls: Vec<String>,
}

impl From<Told> for Known {
    fn from(told: Told) -> Known {
        Known { id: told.id, has_begun: !told.clients.is_empty(), urls: told.urls }
    }
}
