//! The service's outer wire: the sockets that are bound, and what is spoken on them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use balancer::certificates::{self, Shelf};
use base::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use web::tls::Tls;
use web::{Front, Listener, Redirect};

use crate::config::{self, Config};
use crate::failure::Failure;
use crate::swap::Sockets;

/// Sockets that are bound, and the certificates that are shown there.
pub(crate) struct Outside {
    main: TcpListener,
    address: SocketAddr,
    secure: Option<Secure>,
    behind: Option<config::Behind>,
    /// For whoever is on this machine, where others have to show papers.
    own: Option<TcpListener>,
}

struct Secure {
    settings: config::Tls,
    plain: Option<TcpListener>,
    certificates: certificates::Service,
}

impl Outside {
    /// Binds what the settings name, and reads the certificates.
    pub(crate) async fn open(config: &Config, sockets: &Sockets) -> Result<Outside, Failure> {
        let (main, address) = sockets.bind(&config.listen).await?;
        let behind = config.behind.clone();
        let own = if behind.is_some() { own(address).await } else { None };
        let Some(settings) = &config.tls else {
            return Ok(Outside { main, address, secure: None, behind, own });
        };
        let certificates = certificates::Service::new(settings.certificates.clone(), Clock::System)
            .map_err(|fault| Failure::usage(format!("[tls]: {fault}")))?;
        let plain = match &settings.plain_listen {
            Some(listen) => Some(sockets.bind(listen).await.map_err(beside)?.0),
            None => None,
        };
        let secure = Some(Secure { settings: settings.clone(), plain, certificates });
        Ok(Outside { main, address, secure, behind, own })
    }

    /// Where it listens, with the port that it really has.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service's address on this machine: with `https` where that is spoken. Behind balancers it is theirs.
    pub(crate) fn origin(&self) -> String {
        if let Some(behind) = &self.behind {
            return behind.origin.clone();
        }
        format!("{}://{}", if self.secure.is_some() { "https" } else { "http" }, self.address)
    }

    /// The front with what it says to those who come by https.
    pub(crate) fn before(&self, front: Front) -> Front {
        match &self.secure {
            Some(secure) => front.with_hsts(secure.settings.hsts),
            None => front,
        }
    }

    /// The certificates, where there are any.
    pub(crate) fn certificates(&self) -> Option<certificates::Service> {
        self.secure.as_ref().map(|secure| secure.certificates.clone())
    }

    /// Says where ordered certificates are kept, and shows those that are there.
    pub(crate) async fn keep_on(
        &self,
        shelf: impl FnOnce() -> Result<Arc<dyn Shelf>, Failure>,
    ) -> Result<(), Failure> {
        let Some(secure) = self.secure.as_ref().filter(|secure| secure.settings.certificates.orders()) else {
            return Ok(());
        };
        secure
            .certificates
            .keep_on(shelf()?)
            .await
            .map_err(|fault| Failure::failed(format!("[tls]: {fault}")))
    }

    /// What is served on.
    pub(crate) fn listeners(self) -> Vec<Listener> {
        let Some(secure) = self.secure else {
            let main = match self.behind {
                Some(behind) => Listener::kin(self.main, behind.door),
                None => Listener::plain(self.main),
            };
            return std::iter::once(main).chain(self.own.map(Listener::plain)).collect();
        };
        let tls = Arc::new(Tls::new(&secure.certificates.certificates()));
        let mut listeners = vec![Listener::tls(self.main, tls)];
        if let Some(plain) = secure.plain {
            let mut redirect = Redirect::to(self.address.port());
            if secure.certificates.has_challenges() {
                redirect = redirect.with_challenges(Arc::new(secure.certificates.clone()));
            }
            listeners.push(Listener::aside(plain, Arc::new(redirect)));
        }
        listeners
    }
}

/// The same port for whoever is on this machine: to measure it, or to look for a fault. It can do without.
async fn own(address: SocketAddr) -> Option<TcpListener> {
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        return None;
    }
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    match TcpListener::bind(own).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, "this web host can't be asked plainly at {own}");
            None
        }
    }
}

/// Looks after the certificates until the stop, where there are any.
pub(crate) async fn look_after(certificates: Option<certificates::Service>, stop: CancellationToken) {
    if let Some(certificates) = certificates {
        certificates.run(stop).await;
    }
}

fn beside(failure: Failure) -> Failure {
    let hint = "it sends those who come by http to https; `plain_listen` in [tls] moves it, or \"off\" leaves it out";
    Failure { lines: failure.lines.into_iter().map(|line| format!("{line} ({hint})")).collect(), ..failure }
}
