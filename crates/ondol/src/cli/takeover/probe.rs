//! How long writers wait, measured by writing: nothing that can be read somewhere says it as truly.

use std::time::Duration;

use base::moment::Moment;
use base::time::Clock;
use store::{Error, Store};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::failure::Failure;

/// The setting that is written.
const SETTING: &str = "takeover";
/// Pause between two writes.
const EVERY: Duration = Duration::from_millis(10);

/// A writer.
pub(super) struct Probe {
    store: Store,
    /// The longest wait so far, and how many writes were answered.
    told: watch::Sender<(Duration, u64)>,
}

impl Probe {
    /// Opens the store; its first write is not measured.
    pub(super) async fn open(config: &Config) -> Result<Probe, Failure> {
        // it has to do with no files
        let config = store::Config { dir: std::env::temp_dir(), ..config.store.clone() };
        let probe =
            Probe { store: Store::open(config, Clock::System).await?, told: watch::Sender::default() };
        probe.write().await?;
        Ok(probe)
    }

    /// What was seen so far.
    pub(super) fn told(&self) -> watch::Receiver<(Duration, u64)> {
        self.told.subscribe()
    }

    /// Writes until it is stopped.
    pub(super) async fn run(&self, stop: &CancellationToken) -> Result<(), Failure> {
        while !stop.is_cancelled() {
            let begun = Moment::now();
            self.write().await?;
            let took = Moment::now().since(begun);
            self.told.send_modify(|(longest, count)| {
                *longest = took.max(*longest);
                *count += 1;
            });
            sleep(EVERY).await;
        }
        Ok(())
    }

    async fn write(&self) -> Result<(), Error> {
        let now = Clock::System.now().to_string();
        self.store.write(move |tx| Box::pin(async move { tx.set_setting(SETTING, &now).await })).await
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}
