//! The house: all wiring, in the order in which things are opened.
//!
//! The socket is bound first: a port that is taken is told before anything is made on disk.

mod deputy;
mod fronts;
mod lately;
mod process;
mod routed;
mod shelf;

use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use balancer::certificates;
use base::chance;
use base::secret::Secret;
use base::time::Clock;
use identity::{Identity, Outgoing, RelyingParty, superusers};
use records::Records;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::limiter::Limiter;
use web::metrics::{Metrics, Operators, Source};
use web::{Front, Stop};

use crate::config::{Config, MetricsConfig};
use crate::failure::Failure;
use crate::holder;
use crate::outside::{self, Outside};
use crate::swap::Sockets;
use fronts::Fronts;
use lately::Lately;
use process::Process;
use routed::Routed;
pub(crate) use shelf::Shelf;

const HEALTH: &str = "/api/health";
/// Where one says what is listened on; hosts of sites know the first alone.
const LISTEN_WHERE: &str = "`listen` in the service file, or `ondol serve --listen HOST:PORT`";

/// A service that is open and ready to run.
pub struct House {
    outside: Outside,
    store: Store,
    records: Records,
    front: Front,
    identity: Identity,
    api: api::Service,
    first_run_key: Option<Secret>,
    routed: Option<Routed>,
    coming: Coming,
}

/// How a house comes to its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coming {
    /// Nobody else serves them.
    Alone,
    /// Another process serves them until this one does.
    AfterAnother,
}

impl House {
    /// Opens everything; what can't be opened is told in one sentence, and nothing is left half-made.
    pub async fn open(config: Config) -> Result<House, Failure> {
        House::open_on(config, &Sockets::default(), Coming::Alone, None).await
    }

    /// The same with sockets that may have been handed over; as one of several hosts, `watch` knows how they are.
    pub(crate) async fn open_on(
        config: Config,
        sockets: &Sockets,
        coming: Coming,
        watch: Option<Arc<dyn console::continuity::Watch>>,
    ) -> Result<House, Failure> {
        let outside = Outside::open(&config, sockets).await?;
        let address = outside.address();
        let clock = Clock::System;
        let process = Process { began: clock.now(), dir: config.store.dir.clone() };
        let MetricsConfig { secret, balancers } = config.metrics;
        let fronts = Fronts { addresses: balancers, secret: secret.clone() };
        let operators = Operators::new(secret);
        let store = Store::open(config.store, clock.clone()).await?;
        match coming {
            Coming::Alone => store.claim()?,
            Coming::AfterAnother => store.keep_company(true),
        }
        let records =
            Records::open_cached(store.clone(), clock.clone(), config.records, config.cache).await?;
        outside.keep_on(|| Ok(Arc::new(Shelf::of(records.clone())))).await?;
        let limiter = Arc::new(Limiter::new(&config.web, clock));
        let relying_party = RelyingParty::of(&config.url, &config.service, address);
        let identity = identity::Config { url: config.url.clone(), relying_party, ..config.identity };
        let identity = Identity::new(identity, records.clone(), limiter.clone());
        let identity = match outgoing(config.mail, &config.service, &config.url)? {
            Some(outgoing) => identity.with_mail(outgoing),
            None => identity,
        };
        let first_run_key = match superusers::exist(&records).await? {
            true => None,
            false => Some(Secret::new(chance::word(32))),
        };
        let api = api::Service::new(
            config.api,
            api::Means {
                records: records.clone(),
                authenticate: Arc::new(identity.clone()),
                limiter: limiter.clone(),
                operators: operators.clone(),
            },
        );
        identity.set_listeners(Arc::new(Streams(api.clone())));
        let console = console::Service::new(
            console::Config { first_run_key: first_run_key.clone(), ..Default::default() },
            console::Means {
                records: records.clone(),
                identity: identity.clone(),
                limiter: limiter.clone(),
                balancers: (!fronts.addresses.is_empty()).then(|| Arc::new(fronts) as _),
                watch,
            },
        );
        let router = Router::new().merge(api.router()).merge(identity.router()).merge(console.router());
        let router = router.layer(middleware::from_fn_with_state(records.clone(), keep_up));
        let web = Arc::new(config.web);
        let views = Views { records: records.clone(), api: api.clone() };
        let front =
            Front::new(router, web.clone()).with_folder(&config.public).with_short_way(Arc::new(views));
        let mut sources: Vec<Box<dyn Source>> =
            vec![Box::new(api.clone()), Box::new(Lately(records.clone())), Box::new(process)];
        let (front, metrics, routed) = match config.balancer {
            Some(settings) => {
                let (front, routed) = routed::before(front, settings, web, limiter);
                sources.push(Box::new(routed.service()));
                let status = routed.service();
                (front, Metrics::new(operators, sources).with_status(move || status.status()), Some(routed))
            }
            None => (front, Metrics::new(operators, sources), None),
        };
        let front = outside.before(front.with_metrics(metrics));
        Ok(House { outside, store, records, front, identity, api, first_run_key, routed, coming })
    }

    /// Where it listens, with the port that it really has.
    pub fn address(&self) -> SocketAddr {
        self.outside.address()
    }

    /// Its address on this machine: `http://127.0.0.1:8090`.
    pub fn origin(&self) -> String {
        self.outside.origin()
    }

    /// The certificates that it shows; `None` where it doesn't speak https.
    pub(crate) fn certificates(&self) -> Option<certificates::Service> {
        self.outside.certificates()
    }

    /// The key of the page that makes the first superuser; `None` when there is one.
    pub fn first_run_key(&self) -> Option<&Secret> {
        self.first_run_key.as_ref()
    }

    /// The store, for whoever has to tell it of another process.
    pub(crate) fn store(&self) -> Store {
        self.store.clone()
    }

    /// The routes in front of it, if it has any: they can be changed while it runs.
    pub(crate) fn routes(&self) -> Option<balancer::Service> {
        self.routed.as_ref().map(Routed::service)
    }

    /// Serves until `stop`: requests in flight end, what waits is committed, the store is closed.
    pub async fn run(self, stop: Stop) {
        let tasks = TaskTracker::new();
        let House { outside, store, records, front, identity, api, routed, coming, .. } = self;
        // who leaves sends no more mails, and ends event streams: their clients come back, to the next process
        let (until, now) = (stop.leave.clone(), stop.clone());
        let mails = tasks.spawn(async move { identity.run(until).await });
        let until = stop.leave.clone();
        tasks.spawn(async move { api.run(until).await });
        let known = records.clone();
        tasks.spawn(async move { records.follow().await });
        if coming == Coming::AfterAnother {
            tasks.spawn(claim(store.clone(), known, stop.leave.clone()));
        }
        tasks.spawn(outside::look_after(outside.certificates(), stop.leave.clone()));
        let served = CancellationToken::new();
        if let Some(routed) = routed {
            tasks.spawn(routed.run(stop.clone(), served.clone()));
        }
        web::serve(outside.listeners(), front, stop).await;
        served.cancel();
        // a mail that was given away is written down as sent, or it would be sent again
        tokio::select! {
            _ = mails => {}
            () = now.hurried() => {}
        }
        store.close().await;
        tasks.close();
        tasks.wait().await;
    }
}

/// Makes this process the server of its folder once the one before it has ended.
async fn claim(store: Store, records: Records, until: CancellationToken) {
    let claimed = async {
        store.claim_in_turn().await?;
        // the last that the process before has written
        records.keep_up().await
    };
    match until.run_until_cancelled(claimed).await {
        Some(Ok(_)) => {
            store.keep_company(false);
            tracing::info!("the process before has ended; this one serves alone");
        }
        Some(Err(error)) => tracing::error!(
            error = base::error::chain(&error),
            "the folder can't be claimed; the change log is not trimmed until the next start"
        ),
        None => {}
    }
}

/// The event streams of the API, as identity tells them of a provider's answer.
struct Streams(api::Service);

impl identity::Listeners for Streams {
    fn tell(&self, client: &str, topic: &str, what: &serde_json::Value) -> bool {
        self.0.tell_client(client, topic, what)
    }

    fn look_again(&self) {
        self.0.look_again();
    }
}

/// Before anything is asked: the collections and their rules are as anybody was told, by whichever web server. Of the
/// service's health there is word even while the database is away. What the request reads may be as of this moment.
async fn keep_up(State(records): State<Records>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == HEALTH {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let answer = pin!(async {
        match records.keep_up().await {
            Ok(moment) => request.extensions_mut().insert(moment),
            Err(fault) => return web::Problem::from(fault).into_response(),
        };
        next.run(request).await
    });
    deputy::reading(&records, &method, answer).await
}

/// One record at a time, past the router.
struct Views {
    records: Records,
    api: api::Service,
}

impl web::Short for Views {
    fn route(&self, request: &Request) -> Option<&'static str> {
        self.api.view_route(request)
    }

    fn answer(self: Arc<Self>, request: Request) -> web::Passing {
        let (mut head, _) = request.into_parts();
        Box::pin(async move {
            let method = head.method.clone();
            let answer = pin!(async {
                match self.records.keep_up().await {
                    Ok(moment) => head.extensions.insert(moment),
                    Err(fault) => return web::Problem::from(fault).into_response(),
                };
                self.api.view(&head).await
            });
            deputy::reading(&self.records, &method, answer).await
        })
    }
}

/// What mails need; `None` where none are sent. A service without a name goes by its address.
fn outgoing(mail: Option<mail::Config>, service: &str, url: &str) -> Result<Option<Outgoing>, Failure> {
    let Some(config) = mail else { return Ok(None) };
    let sender = mail::Sender::new(config).map_err(|error| Failure::usage(format!("[mail]: {error}")))?;
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let app_name = if service.is_empty() { host } else { service }.to_owned();
    Ok(Some(Outgoing { sender, app_name, app_url: url.to_owned() }))
}

/// The addresses that `HOST:PORT` stands for.
pub(crate) fn addresses(listen: &str) -> Result<Vec<SocketAddr>, Failure> {
    let hint = "write it as HOST:PORT, such as 127.0.0.1:8090";
    if !listen.contains(':') {
        return Err(Failure::usage(format!("`{listen}` is not an address to listen on; {hint}")));
    }
    match listen.to_socket_addrs() {
        Ok(found) => Ok(found.collect()),
        Err(error) => {
            Err(Failure::usage(format!("`{listen}` is not an address to listen on ({error}); {hint}")))
        }
    }
}

pub(crate) async fn bind(listen: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let mut addresses = addresses(listen)?;
    // a machine without IPv6 has all of its addresses in IPv4
    let any = |address: &SocketAddr| address.is_ipv6() && address.ip().is_unspecified();
    if let [address] = addresses[..]
        && any(&address)
    {
        addresses.push((std::net::Ipv4Addr::UNSPECIFIED, address.port()).into());
    }
    let listener = TcpListener::bind(addresses.as_slice()).await.map_err(|error| unbound(listen, &error))?;
    let address = listener.local_addr().map_err(|error| unbound(listen, &error))?;
    Ok((listener, address))
}

fn unbound(listen: &str, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    Failure::failed(match error.kind() {
        ErrorKind::AddrInUse => {
            let port = listen.rsplit(':').next().and_then(|port| port.parse().ok());
            let who = match port.and_then(holder::of) {
                Some((name, process)) => format!("{name} (process {process})"),
                None => "another program".to_owned(),
            };
            format!("{listen} is taken by {who}; stop it, or choose another address: {LISTEN_WHERE}")
        }
        ErrorKind::PermissionDenied => format!(
            "this user may not listen on {listen}; give the program that right (setcap cap_net_bind_service=+ep, or \
             AmbientCapabilities=CAP_NET_BIND_SERVICE in its systemd unit), or choose a port above 1023: {LISTEN_WHERE}"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("{listen} is not an address of this machine; choose one: {LISTEN_WHERE}")
        }
        _ => format!("cannot listen on {listen}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_is_refused_with_an_example() {
        for listen in ["", "localhost", "8090", "localhost:x", "1.2.3.4:99999"] {
            let failure = addresses(listen).expect_err(listen);
            assert!(failure.lines[0].contains("127.0.0.1:8090"), "{failure:?}");
        }
        assert_eq!(addresses("127.0.0.1:0").expect("an address").len(), 1);
    }
}
