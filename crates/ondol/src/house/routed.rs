//! Routes in front of the rooms: what none of them leads elsewhere is answered in this process, without a hop.

use std::sync::Arc;

use balancer::{Config, Means, Service};
use tokio_util::sync::CancellationToken;
use web::limiter::Limiter;
use web::{Front, Stop};

/// The routes, and what ends the streams that go through them.
pub(super) struct Routed {
    service: Service,
    streams: CancellationToken,
}

/// The rooms with routes in front of them.
pub(super) fn before(
    rooms: Front,
    settings: Config,
    web: Arc<web::Config>,
    limiter: Arc<Limiter>,
) -> (Front, Routed) {
    let (streams, cap) = (CancellationToken::new(), settings.connections_per_address_max);
    let (trusted_proxies, stop) = (web.trusted_proxies.clone(), streams.clone());
    let means = Means { limiter, trusted_proxies, stop, hosts: None };
    let service = Service::over(settings, means, Some(rooms.into_pass()));
    let front = Front::of_others(service.pass(), web).with_connections_per_address(cap);
    (front, Routed { service, streams })
}

impl Routed {
    /// The routes themselves, for whoever changes them or asks how the servers behind them are.
    pub(super) fn service(&self) -> Service {
        self.service.clone()
    }

    /// Looks after the servers behind the routes until the stop. Where another process has taken over, streams and websockets
    /// have their time: until the last has ended, once everything else is `served`.
    pub(super) async fn run(self, stop: Stop, served: CancellationToken) {
        let ended = async {
            served.cancelled().await;
            self.service.tunnels_ended().await;
        };
        tokio::select! {
            () = ended => {}
            () = stop.soft.cancelled() => {}
        }
        self.streams.cancel();
        self.service.run(self.streams).await;
    }
}
