//! The balancer: of `ondol serve` where the service file names web servers to stand in front of, and of a host of sites.
//!
//! SIGHUP reads the file again: backends come and go, connections that are open stay. A file with a mistake in it changes
//! nothing.

use std::sync::Arc;

use balancer::certificates::{self, Folder, Shelf};
use balancer::{Means, Service};
use base::time::Clock;
use trust::Tls;
use web::limiter::Limiter;
use web::metrics::{Metrics, Operators};
use web::{Front, Stop};

use crate::config::Config;
use crate::failure::Failure;
use crate::outside::{self, Outside};
use crate::swap::Sockets;

/// The folder of ordered certificates, in the folder of the data: a lone balancer opens no database.
pub(crate) const CERTIFICATES: &str = "certificates";

/// A balancer that is ready to run.
pub(crate) struct Balancing {
    outside: Outside,
    front: Front,
    service: Service,
    stop: Stop,
    backends: Vec<String>,
}

impl Balancing {
    /// Binds the socket, and begins to look after the backends; with `hosts` those that are hosts of the service are reached.
    /// Ordered certificates are on the shelf that `shelf` makes of this host's folder for them.
    pub(crate) async fn open(
        config: Config,
        settings: balancer::Config,
        sockets: &Sockets,
        stop: Stop,
        hosts: Option<Tls>,
        shelf: impl FnOnce(Folder) -> Arc<dyn Shelf>,
    ) -> Result<Balancing, Failure> {
        let outside = Outside::open(&config, sockets).await?;
        let kept = config.store.dir.join(CERTIFICATES);
        let shelf = || {
            let folder = Folder::open(kept, Clock::System);
            folder.map(shelf).map_err(|fault| Failure::failed(fault.to_string()))
        };
        outside.keep_on(shelf).await?;
        let means = Means {
            limiter: Arc::new(Limiter::new(&config.web, Clock::System)),
            trusted_proxies: config.web.trusted_proxies.clone(),
            stop: stop.soft.clone(),
            hosts,
        };
        let (cap, backends) = (settings.connections_per_address_max, names(&settings));
        let service = Service::new(settings, means);
        let status = service.clone();
        let metrics = Metrics::new(Operators::new(config.metrics.secret), vec![Box::new(service.clone())])
            .with_status(move || status.status());
        let front = Front::of_others(service.pass(), Arc::new(config.web))
            .with_metrics(metrics)
            .with_connections_per_address(cap);
        let front = outside.before(front);
        Ok(Balancing { outside, front, service, stop, backends })
    }

    /// Its address on this machine.
    pub(crate) fn origin(&self) -> String {
        self.outside.origin()
    }

    /// The backends' addresses.
    pub(crate) fn backends(&self) -> &[String] {
        &self.backends
    }

    /// Waits until each backend has been asked how it is once, and connections are ready to those that are well.
    pub(crate) async fn warm(&self) {
        self.service.warm().await;
    }

    /// The balancer itself, for whoever asks how it is.
    pub(crate) fn service(&self) -> Service {
        self.service.clone()
    }

    /// The certificates that it shows, where there are any.
    pub(crate) fn certificates(&self) -> Option<certificates::Service> {
        self.outside.certificates()
    }

    /// What ends it.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Serves until the stop; `read` gives the settings again each time that a reload is asked for.
    pub(crate) async fn run(
        self,
        reloads: Reloads,
        read: impl Fn() -> Result<Config, Failure> + Clone + Send + 'static,
    ) {
        let Balancing { outside, front, service, stop, .. } = self;
        let certificates = outside.certificates();
        let looking = outside::look_after(certificates.clone(), stop.leave.clone());
        let serving = web::serve(outside.listeners(), front, stop.clone());
        let serving = async { tokio::join!(serving, looking) };
        tokio::select! {
            ((), ()) = serving => {}
            () = follow(Some(&service), certificates, reloads, read) => {}
        }
        // websockets have left their connections: where another process has taken over they have their time
        tokio::select! {
            () = service.tunnels_ended() => stop.soft.cancel(),
            () = stop.soft.cancelled() => {}
        }
        service.run(stop.soft).await;
    }
}

/// Takes what can be changed while it runs each time that a reload is asked for, for ever: routes and backends as `read` gives
/// them, and certificates.
pub(crate) async fn follow(
    service: Option<&Service>,
    certificates: Option<certificates::Service>,
    mut reloads: Reloads,
    read: impl Fn() -> Result<Config, Failure> + Clone + Send + 'static,
) {
    loop {
        reloads.next().await;
        if service.is_none() && certificates.is_none() {
            tracing::info!(
                "SIGHUP: there are no routes and no certificates to read again; other settings are read at a start"
            );
        }
        if let Some(service) = service {
            // a small file, read seldom
            let read = read.clone();
            let settings =
                tokio::task::spawn_blocking(read).await.map_err(|error| Failure::failed(error.to_string()));
            reload(service, settings.and_then(|settings| settings));
        }
        if let Some(certificates) = &certificates {
            certificates.reload();
        }
    }
}

fn reload(service: &Service, read: Result<Config, Failure>) {
    match read.map(|config| config.balancer) {
        Ok(Some(settings)) if settings.has_local() && !service.has_local() => tracing::error!(
            "the service file wants requests answered in this process, which has opened no database; stop it, and start it again"
        ),
        Ok(Some(settings)) => {
            let (backends, routes) = (names(&settings).join(" "), settings.routes.len());
            tracing::info!(backends, routes, "reloaded the service file");
            service.reload(settings);
        }
        Ok(None) => tracing::error!(
            "the service file has no [balancer] any more; stop this process to serve otherwise"
        ),
        Err(failure) => {
            let faults = failure.lines.join("; ");
            tracing::error!(faults, "the service file has mistakes; everything stays as it was");
        }
    }
}

fn names(settings: &balancer::Config) -> Vec<String> {
    settings.backends.iter().map(|place| place.address.clone()).collect()
}

/// The signal that asks for a reload. From its making on it no longer kills the process.
#[cfg(unix)]
pub(crate) struct Reloads(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Reloads {
    pub(crate) fn new() -> std::io::Result<Reloads> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Reloads(signal(SignalKind::hangup())?))
    }

    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// The signal that asks for a reload: there is none here.
#[cfg(not(unix))]
pub(crate) struct Reloads;

#[cfg(not(unix))]
impl Reloads {
    pub(crate) fn new() -> std::io::Result<Reloads> {
        Ok(Reloads)
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
