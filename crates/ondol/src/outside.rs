//! The service's outer wire: the sockets that are bound, and what is spoken on them.

use std::net::SocketAddr;
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
        let Some(settings) = &config.tls else { return Ok(Outside { main, address, secure: None }) };
        let certificates = certificates::Service::new(settings.certificates.clone(), Clock::System)
            .map_err(|fault| Failure::usage(format!("[tls]: {fault}")))?;
        let plain = match &settings.plain_listen {
            Some(listen) => Some(sockets.bind(listen).await.map_err(beside)?.0),
            None => None,
        };
        let secure = Some(Secure { settings: settings.clone(), plain, certificates });
        Ok(Outside { main, address, secure })
    }

    /// Where it listens, with the port that it really has.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service's address on this machine: with `https` where that is spoken.
    pub(crate) fn origin(&self) -> String {
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
        let Some(secure) = self.secure else { return vec![Listener::plain(self.main)] };
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
