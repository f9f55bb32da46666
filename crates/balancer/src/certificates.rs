//! The certificates that a service shows: read from files, and read again when those change.
//!
//! They are here and not in `web`, since ordering them is an errand of its own with limits, waits and others' servers; and
//! they are of use to a web server without a balancer as well, which is why nothing here knows of backends. Where they are kept
//! between two starts is the house's choice.
//!
//! Map: `config` (every limit, with its default), `files` (certificates that the team brings).

mod config;
mod files;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use web::tls::Certificates;

pub use config::{Config, Files};

/// Looks after a service's certificates. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    config: Config,
    /// What handshakes show.
    certificates: Certificates,
    /// Called when somebody asks that all be read again.
    again: Notify,
}

/// Why there can be no certificates.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

impl Service {
    /// Reads what there is.
    ///
    /// # Errors
    /// When a file can't be read, or is no certificate with its key.
    pub fn new(config: Config) -> Result<Service, Fault> {
        let certificates = Certificates::new();
        certificates.replace(files::read(&config.files)?);
        Ok(Service(Arc::new(Inner { config, certificates, again: Notify::new() })))
    }

    /// What handshakes show; it follows all changes.
    pub fn certificates(&self) -> Certificates {
        self.0.certificates.clone()
    }

    /// Reads the files again now.
    pub fn reload(&self) {
        self.0.again.notify_one();
    }

    /// Looks after them until the stop.
    pub async fn run(&self, stop: CancellationToken) {
        let looking = async {
            let mut seen = files::marks(&self.0.config.files);
            loop {
                let is_asked = tokio::select! {
                    () = self.0.again.notified() => true,
                    () = tokio::time::sleep(self.0.config.look_every.0) => false,
                };
                // small files, read seldom
                let files = self.0.config.files.clone();
                let Ok(marks) = tokio::task::spawn_blocking(move || files::marks(&files)).await else { return };
                if is_asked || marks != seen {
                    seen = marks;
                    self.read_again();
                }
            }
        };
        // with the stop nothing is half done
        let _ = stop.run_until_cancelled(looking).await;
    }

    fn read_again(&self) {
        match files::read(&self.0.config.files) {
            Ok(read) => {
                for certificate in &read {
                    let (names, until) = (certificate.names().join(" "), certificate.ends());
                    tracing::info!(names, serial = certificate.serial(), %until, "certificate read from its file");
                }
                self.0.certificates.replace(read);
            }
            Err(fault) => {
                tracing::error!(%fault, "a certificate's file has a mistake; the certificates stay as they were");
            }
        }
    }
}
