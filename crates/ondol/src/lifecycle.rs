//! Signals and the stop: the first one asks everybody to finish, the second one doesn't wait.

use tokio_util::sync::CancellationToken;

/// Waits for SIGTERM or SIGINT; then cancels `stop`, and on the second signal `force`.
pub(crate) async fn watch_signals(stop: CancellationToken, force: CancellationToken) -> std::io::Result<()> {
    let mut signals = Signals::new()?;
    let name = signals.next().await;
    tracing::info!(signal = name, "stopping: requests in flight end first; a second signal doesn't wait");
    stop.cancel();
    let name = signals.next().await;
    tracing::warn!(signal = name, "stopping now");
    force.cancel();
    Ok(())
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
