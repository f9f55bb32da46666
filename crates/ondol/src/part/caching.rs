//! This host's memcached: a process that is looked after. What it has may be lost at any time, and costs nobody more than a
//! look into the database.
//!
//! It is for the web hosts of this site, and lets in who shows the hosts' papers.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::moment::Moment;
use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use tokio::process::{Child, Command};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::core::{self, Files, Part};
use crate::failure::Failure;

/// The command; Debian's package of the same name brings it.
const PROGRAM: &str = "memcached";
/// As whom it runs when we are root; Debian's package makes that user.
const USER: &str = "memcache";
/// First pause before it is started again; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// One that ran for so long was well.
const WELL_AFTER: Duration = Duration::from_secs(30);
/// How long one that was left by a program of ours may take to go.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Connections at once: a few for each web host.
const CONNECTIONS_MAX: usize = 1024;

/// This host's memcached.
pub(crate) struct Caching {
    arguments: Vec<String>,
    note: PathBuf,
    child: Child,
}

impl Caching {
    /// Starts it, with so many bytes of memory. One that a program of ours has left is ended first.
    pub(crate) async fn start(
        part: &Part,
        dir: &Path,
        files: &Files,
        bytes_max: u64,
    ) -> Result<Caching, Failure> {
        let arguments = arguments(part, files, bytes_max);
        let note = dir.join("memcached.pid");
        leave(&note, &files.key).await;
        let child = spawn(&arguments, &note)?;
        Ok(Caching { arguments, note, child })
    }

    /// Looks after it until `stop`, then ends it.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut pause = PAUSE_MIN;
        while stop.run_until_cancelled(self.look_after(&mut pause)).await.is_some() {}
        // it has nothing to put in order
        let _ = self.child.kill().await;
        let _ = std::fs::remove_file(&self.note);
    }

    /// Waits for its end, and starts it again.
    async fn look_after(&mut self, pause: &mut Duration) {
        let begun = Moment::now();
        // whatever it ended with, it has ended
        let _ = self.child.wait().await;
        *pause =
            if Moment::now().since(begun) >= WELL_AFTER { PAUSE_MIN } else { (*pause * 2).min(PAUSE_MAX) };
        tracing::warn!(
            "this host's memcached has ended, and with it what was cached; it is started again in {} ms (does another \
             program have its port {}? Debian's own: systemctl disable --now memcached)",
            pause.as_millis(),
            core::CACHE_PORT
        );
        sleep(*pause).await;
        match spawn(&self.arguments, &self.note) {
            Ok(child) => self.child = child,
            Err(failure) => tracing::error!("{}", failure.lines.join("; ")),
        }
    }
}

/// Its settings, as its command takes them (memcached 1.6).
fn arguments(part: &Part, files: &Files, bytes_max: u64) -> Vec<String> {
    let listens = if crate::topology::is_own(&part.host) { part.host.as_str() } else { "0.0.0.0" };
    let file = |path: &Path| path.display().to_string();
    let tls = format!(
        "ssl_chain_cert={},ssl_key={},ssl_ca_cert={},ssl_verify_mode=2",
        file(&files.certificate),
        file(&files.key),
        file(&files.authority)
    );
    let megabytes = (bytes_max >> 20).max(1);
    let mut arguments = vec![
        format!("--listen={listens}"),
        format!("--port={}", core::CACHE_PORT),
        "--udp-port=0".to_owned(),
        format!("--memory-limit={megabytes}"),
        format!("--conn-limit={CONNECTIONS_MAX}"),
        "--enable-ssl".to_owned(),
        format!("--extended={tls}"),
    ];
    if geteuid().is_root() {
        // it reads its key first
        arguments.push(format!("--user={USER}"));
    }
    arguments
}

fn spawn(arguments: &[String], note: &Path) -> Result<Child, Failure> {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).kill_on_drop(true).process_group(0);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let child = command.spawn().map_err(|error| {
        Failure::failed(match error.kind() {
            ErrorKind::NotFound => {
                "there is no `memcached` on this machine: apt install memcached, and systemctl disable --now memcached"
                    .to_owned()
            }
            _ => format!("cannot start memcached: {error}"),
        })
    })?;
    std::fs::write(note, child.id().unwrap_or_default().to_string())
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", note.display())))?;
    Ok(child)
}

/// Ends one that a program of ours has left: it may know the hosts by an older secret.
async fn leave(note: &Path, key: &Path) {
    let id = std::fs::read_to_string(note).ok().and_then(|id| id.trim().parse().ok());
    let Some(id) = id else { return };
    let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let is_it = String::from_utf8_lossy(&words).contains(&format!("ssl_key={},", key.display()));
    let Some(pid) = Pid::from_raw(id).filter(|_| is_it) else { return };
    // one that has ended needs none
    let _ = kill_process(pid, Signal::KILL);
    let until = Moment::now().after(LEAVE_TIME_MAX);
    while test_kill_process(pid).is_ok() && !until.left().is_zero() {
        sleep(LOOK_EVERY).await;
    }
}
