//! Where a balancer of the sites keeps certificates: in the service's database, as web hosts do, so that one host orders, all
//! show what came of it, and any of them answers an issuer. What it has seen there lies in a folder of its own too, so that
//! it shows that while the database is away, from its start on.

use std::sync::Arc;
use std::time::Duration;

use balancer::certificates::{CERTIFICATE, Fault, Folder, Kept, Shelf};
use base::time::Clock;
use records::Records;
use store::Store;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::reach::Eyes;
use crate::config::Config;
use crate::failure::Failure;
use crate::house;

/// Pause before the database is opened again after it could not be.
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Longest wait for the database: to be opened, and for a text to be read. A write has the store's own time.
const READ_TIME_MAX: Duration = Duration::from_secs(5);
const WRITE_TIME_MAX: Duration = Duration::from_secs(60);
/// Connections to the database for a few texts now and then.
const CONNECTIONS: usize = 2;

/// The shelf of a balancer.
pub(super) struct Shared {
    opened: watch::Receiver<Option<Arc<house::Shelf>>>,
    copy: Folder,
}

/// Who opens the database for it.
pub(super) struct Opener {
    config: Config,
    opened: watch::Sender<Option<Arc<house::Shelf>>>,
}

impl Shared {
    /// The shelf, and who opens the database for it; nobody else does.
    pub(super) fn new(config: &Config, eyes: &Eyes, copy: Folder) -> (Shared, Opener) {
        let (sender, opened) = watch::channel(None);
        let mut config = config.clone();
        config.store.primary = Some(eyes.primary.clone());
        (config.store.connections, config.store.brief_connections) = (CONNECTIONS, 1);
        (Shared { opened, copy }, Opener { config, opened: sender })
    }

    /// The database's shelf, after a wait at most.
    async fn database(&self) -> Result<Arc<house::Shelf>, Fault> {
        let mut opened = self.opened.clone();
        let opened = timeout(READ_TIME_MAX, opened.wait_for(Option::is_some)).await;
        let shelf = opened.ok().and_then(Result::ok).and_then(|shelf| shelf.clone());
        shelf
            .ok_or_else(|| Fault("the database, where certificates are kept, has not been opened yet".into()))
    }

    async fn read_in_database(&self, name: &str) -> Result<Option<String>, Fault> {
        let shelf = self.database().await?;
        within(READ_TIME_MAX, shelf.read(name)).await
    }

    /// Keeps what the database says beside it too.
    async fn copy(&self, name: &str, text: &str) {
        if self.copy.read(name).await.is_ok_and(|copied| copied.as_deref() == Some(text)) {
            return;
        }
        if let Err(fault) = self.copy.write(name, text).await {
            tracing::warn!(%fault, "what the database says can't be kept here; while it is away a start would show less");
        }
    }

    /// A certificate: as the database has it, or, while that is away or has none, as it was here last.
    async fn certificate(&self, name: &str) -> Result<Option<String>, Fault> {
        if self.opened.borrow().is_none() {
            return self.copy.read(name).await;
        }
        match self.read_in_database(name).await {
            Ok(Some(text)) => {
                self.copy(name, &text).await;
                Ok(Some(text))
            }
            Ok(None) => self.copy.read(name).await,
            Err(fault) => {
                tracing::debug!(%fault, "the database is away; certificates are shown as they were seen last");
                self.copy.read(name).await
            }
        }
    }
}

impl Shelf for Shared {
    fn read<'a>(&'a self, name: &'a str) -> Kept<'a, Option<String>> {
        Box::pin(async move {
            match name.starts_with(CERTIFICATE) {
                true => self.certificate(name).await,
                false => self.read_in_database(name).await,
            }
        })
    }

    fn write<'a>(&'a self, name: &'a str, text: &'a str) -> Kept<'a, ()> {
        Box::pin(async move {
            let shelf = self.database().await?;
            within(WRITE_TIME_MAX, shelf.write(name, text)).await
        })
    }

    fn forget<'a>(&'a self, name: &'a str) -> Kept<'a, ()> {
        Box::pin(async move {
            let shelf = self.database().await?;
            within(WRITE_TIME_MAX, shelf.forget(name)).await
        })
    }

    fn claim<'a>(&'a self, name: &'a str, life: Duration) -> Kept<'a, bool> {
        Box::pin(async move {
            let shelf = self.database().await?;
            within(WRITE_TIME_MAX, shelf.claim(name, life)).await
        })
    }
}

impl Opener {
    /// Opens the database once a primary is known, says so, and closes it at the stop.
    pub(super) async fn run(self, is_open: impl Fn(), stop: CancellationToken) {
        let Opener { config, opened } = self;
        let opening = async {
            loop {
                if let Some(primary) = &config.store.primary {
                    // nobody to tell means that we are about to end
                    let _ = primary.clone().wait_for(|primary| primary.address.is_some()).await;
                }
                match open(&config).await {
                    Ok(found) => return found,
                    Err(failure) => tracing::warn!(
                        "certificates can't be read in the database yet: {}",
                        failure.lines.join("; ")
                    ),
                }
                tokio::time::sleep(OPEN_AGAIN_AFTER).await;
            }
        };
        let Some((store, records)) = stop.run_until_cancelled(opening).await else { return };
        opened.send_replace(Some(Arc::new(house::Shelf::of(records.clone()))));
        is_open();
        stop.run_until_cancelled(records.follow()).await;
        store.close().await;
    }
}

async fn open(config: &Config) -> Result<(Store, Records), Failure> {
    let store = Store::open(config.store.clone(), Clock::System).await?;
    let records = Records::open_cached(store.clone(), Clock::System, config.records.clone(), None).await?;
    Ok((store, records))
}

async fn within<T>(most: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = || Fault(format!("the database has not answered for {} s", most.as_secs()));
    timeout(most, work).await.unwrap_or_else(|_| Err(late()))
}
