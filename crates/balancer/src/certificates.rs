//! The certificates that a service shows: read from files and read again when those change, or ordered from an issuer by ACME
//! (RFC 8555), kept, and renewed in time.
//!
//! They are here and not in `web`, since ordering them is an errand of its own with limits, waits and others' servers; and
//! they are of use to a web server without a balancer as well, which is why nothing here knows of backends. Where they are kept
//! between two starts is the house's choice, by the trait `Shelf`: its database, which all hosts share, or a folder.
//!
//! All hosts look at the shelf and show what is there. A host that finds a name without a certificate, or one that is to be
//! renewed, takes the turn to order, which ends by itself; what became of each order is kept too, *before* it begins, so that
//! no crash, restart or second host makes a loop that runs into the issuer's limits.
//!
//! Map: `config` (every limit, with its default), `core` (when to renew, when to try again; pure), `files` (certificates that the
//! team brings), `shelf` (where they are kept), `client` (asking the issuer), `hook` (the team's program for dns-01), `order`
//! (one order), `round` (a look at all of it), `look` (the same before anything is served, for those who look over their settings).

mod client;
mod config;
mod core;
mod files;
mod hook;
mod look;
mod order;
mod round;
mod shelf;

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use base::time::Clock;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use web::Challenges;
use web::tls::{Certificate, Certificates};

pub use config::{Config, DIRECTORY, Files, NAMES_MAX};
pub use look::{Sight, look};
pub use round::CERTIFICATE;
pub use shelf::{Folder, Kept, Shelf};

use round::Seen;

/// Questions of issuers, or of those who act as if they were, that are looked up at once; further ones wait.
const CHALLENGES_AT_ONCE_MAX: usize = 8;

/// Looks after a service's certificates. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Clock,
    /// What handshakes show.
    certificates: Certificates,
    shelf: OnceLock<Arc<dyn Shelf>>,
    seen: Mutex<Seen>,
    /// Called when somebody asks that all be read again.
    again: Notify,
    asking: Semaphore,
}

/// Why something about certificates can't be done.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

impl Service {
    /// Reads the files. What is ordered comes with [`Service::keep_on`].
    ///
    /// # Errors
    /// When a file can't be read, or is no certificate with its key.
    pub fn new(config: Config, clock: Clock) -> Result<Service, Fault> {
        let certificates = Certificates::new();
        let read = files::read(&config.files)?;
        certificates.replace(read.clone());
        // what is wrong with the authorities is told at the start, not at the first order
        if config.orders() {
            client::Client::new(config.roots.as_deref(), config.request_time_max.0)?;
        }
        let seen = Mutex::new(Seen::new(files::marks(&config.files), read));
        Ok(Service(Arc::new(Inner {
            config,
            clock,
            certificates,
            shelf: OnceLock::new(),
            seen,
            again: Notify::new(),
            asking: Semaphore::new(CHALLENGES_AT_ONCE_MAX),
        })))
    }

    /// Says where ordered certificates are kept, and shows those that are there.
    ///
    /// # Errors
    /// When the shelf can't be read.
    pub async fn keep_on(&self, shelf: Arc<dyn Shelf>) -> Result<(), Fault> {
        // of two shelves the first stays
        let _ = self.0.shelf.set(shelf);
        self.0.show().await
    }

    /// What handshakes show; it follows all changes.
    pub fn certificates(&self) -> Certificates {
        self.0.certificates.clone()
    }

    /// Names for which certificates are ordered and of which none is there yet.
    pub fn missing(&self) -> Vec<String> {
        let has =
            |name: &String| self.0.certificates.of(name).is_some_and(|one| one.ends() > self.0.clock.now());
        self.0.config.names.iter().filter(|name| !has(name)).cloned().collect()
    }

    /// Why this host's last order for a name came to nothing, if it did.
    pub async fn last_fault(&self, name: &str) -> Option<String> {
        self.0.seen.lock().await.faults.get(name).map(|fault| fault.0.clone())
    }

    /// Looks at everything again now.
    pub fn reload(&self) {
        self.0.again.notify_one();
    }

    /// Whether issuers ask here for answers.
    pub fn has_challenges(&self) -> bool {
        self.0.config.orders() && self.0.config.dns_hook.is_none()
    }

    /// Looks after them until the stop.
    pub async fn run(&self, stop: CancellationToken) {
        let looking = async {
            loop {
                self.0.round().await;
                tokio::select! {
                    () = self.0.again.notified() => {}
                    () = tokio::time::sleep(self.0.config.look_every.0) => {}
                }
            }
        };
        // an order that breaks off is counted as one, and begun anew by whoever looks next after its turn has ended
        let _ = stop.run_until_cancelled(looking).await;
    }
}

impl Challenges for Service {
    fn answer<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
        Box::pin(async move {
            let shelf = self.0.shelf.get()?;
            let _place = self.0.asking.acquire().await.ok()?;
            match shelf.read(&format!("{} {token}", order::TOKEN)).await {
                Ok(answer) => answer,
                Err(fault) => {
                    tracing::warn!(%fault, "an issuer's question can't be answered");
                    None
                }
            }
        })
    }
}

/// Whether a program can be run as a hook; a sentence when it can't.
pub fn unfit_hook(path: &std::path::Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => None,
        Ok(_) => Some(format!("the hook {shown} is no program that may be run: chmod +x")),
        Err(error) => Some(format!("the hook {shown} can't be found: {error}")),
    }
}

/// Reads certificates from files, for whoever only wants to look.
///
/// # Errors
/// When a file can't be read, or is no certificate with its key.
pub fn read_files(files: &[Files]) -> Result<Vec<Certificate>, Fault> {
    files::read(files)
}
