//! Signals and the stop: the first one asks everybody to finish, the second one doesn't wait.

use web::Stop;

use crate::swap::notify;

/// Waits for SIGTERM or SIGINT; then says so to `stop`, and returns on the second signal.
pub(crate) async fn obey(mut signals: Signals, stop: Stop) {
    let name = signals.next().await;
    tracing::info!(signal = name, "stopping: requests in flight end first; a second signal doesn't wait");
    if !stop.leave.is_cancelled() {
        // else another process is the service by now
        notify::tell("STOPPING=1\nSTATUS=answers what it has");
    }
    stop.soft.cancel();
    let name = signals.next().await;
    tracing::warn!(signal = name, "stopping now");
}

/// The signals that ask for a stop. From its making on they no longer kill the process.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The signals that ask for a stop.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    pub(crate) async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
