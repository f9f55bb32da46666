//! A balancer and nothing else, for measuring it beside others: `front LISTEN BACKEND…`, such as
//! `front 127.0.0.1:8080 127.0.0.1:9100 127.0.0.1:9101`. It runs on as many threads as `TOKIO_WORKER_THREADS` says.

use std::io::{Error, Result};
use std::sync::Arc;

use balancer::{Config, Means, Place, Service};
use base::time::Clock;
use tokio::net::TcpListener;
use web::limiter::Limiter;
use web::{Front, Stop};

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let listen = words.next().ok_or_else(|| Error::other("front LISTEN BACKEND…"))?;
    let backends =
        words.map(|address| Place { address, weight: 1, is_spare: false, is_host: false }).collect();
    let config = Config { backends, connections_per_address_max: usize::MAX, ..Config::default() };
    let faults = config.check();
    if let Some((_, what)) = faults.first() {
        return Err(Error::other(what.clone()));
    }
    let (web, stop) = (Arc::new(web::Config::default()), Stop::new());
    let means = Means {
        limiter: Arc::new(Limiter::new(&web, Clock::System)),
        trusted_proxies: Vec::new(),
        stop: stop.soft.clone(),
        hosts: None,
    };
    let service = Service::new(config, means);
    let listeners = vec![TcpListener::bind(listen).await?.into()];
    let serving = web::serve(listeners, Front::of_others(service.pass(), web), stop);
    #[expect(
        clippy::disallowed_methods,
        reason = "it is waited for; on a worker, where its connections are too"
    )]
    let served = tokio::spawn(serving);
    served.await.map_err(Error::other)
}
