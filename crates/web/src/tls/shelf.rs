//! Which certificate is shown to whom: by the name that a client asks for, as the shelf is at that moment.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base::time::Timestamp;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// All certificates of a service. A handle: who changes it changes what the next handshake shows, on every listener.
#[derive(Clone, Default)]
pub struct Certificates(Arc<ArcSwap<Shelf>>);

#[derive(Default)]
struct Shelf {
    /// The best one first.
    all: Vec<Certificate>,
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl Certificates {
    /// None yet.
    pub fn new() -> Certificates {
        Certificates::default()
    }

    /// Puts these in the place of all others. Of two for one name the one that ends later is shown; who names no host is
    /// shown the first.
    pub fn replace(&self, mut all: Vec<Certificate>) {
        let first = all.first().map(|first| first.key.clone());
        all.sort_by_key(|certificate| std::cmp::Reverse(certificate.ends()));
        let mut by_name: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        for certificate in &all {
            for name in certificate.names() {
                by_name.entry(name.clone()).or_default().push(certificate.key.clone());
            }
        }
        if let Some(first) = first {
            by_name.insert(String::new(), vec![first]);
        }
        self.0.store(Arc::new(Shelf { all, by_name }));
    }

    /// All that are there.
    pub fn all(&self) -> Vec<Certificate> {
        self.0.load().all.clone()
    }

    /// The one that is shown for a name.
    pub fn of(&self, name: &str) -> Option<Certificate> {
        self.0.load().all.iter().find(|certificate| certificate.covers(name)).cloned()
    }

    /// When the first of them ends.
    pub fn end(&self) -> Option<Timestamp> {
        self.0.load().all.iter().map(Certificate::ends).min()
    }
}

impl Shelf {
    /// Those of a name: its own, else those of all names beside it.
    fn of(&self, name: &str) -> Option<&Vec<Arc<CertifiedKey>>> {
        self.by_name.get(name).or_else(|| {
            let (_, above) = name.split_once('.')?;
            self.by_name.get(&format!("*.{above}"))
        })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shelf = self.0.load();
        let name = hello.server_name().unwrap_or_default();
        let found = match name.bytes().any(|b| b.is_ascii_uppercase()) {
            true => shelf.of(&name.to_ascii_lowercase()),
            false => shelf.of(name),
        };
        let Some(found) = found else {
            tracing::debug!(name, "no certificate for this name");
            return None;
        };
        let schemes = hello.signature_schemes();
        found.iter().find(|key| key.key.choose_scheme(schemes).is_some()).cloned()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.load().all).finish()
    }
}
