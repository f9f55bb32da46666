//! A balancer on a port of its own, and raw conversations with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use balancer::{Config, Means, Place, Service};
use base::time::Clock;
use base::unit::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use trust::Tls;
use web::limiter::Limiter;
use web::metrics::{Page, Source};
use web::{Front, Pass, Stop};

/// A balancer that runs.
pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    stop: Stop,
    serving: JoinHandle<()>,
}

/// How long a client listens at most.
const WAIT_MAX: Duration = Duration::from_secs(120);

impl Bench {
    /// In front of these addresses, with the usual limits.
    pub(crate) async fn new(backends: &[SocketAddr]) -> Bench {
        Bench::with(config(backends), web::Config::default()).await
    }

    /// In front of these, without patience: what does not come at once does not come.
    pub(crate) async fn hasty(backends: &[SocketAddr]) -> Bench {
        Bench::impatient(config(backends)).await
    }

    /// The same with settings of its own.
    pub(crate) async fn impatient(config: Config) -> Bench {
        let span = |ms| Span(Duration::from_millis(ms));
        let web = web::Config {
            head_time_max: span(400),
            idle_time_max: span(400),
            body_grace: span(400),
            ..web::Config::default()
        };
        Bench::with(config, web).await
    }

    pub(crate) async fn with(config: Config, web: web::Config) -> Bench {
        Bench::over(config, web, None).await
    }

    /// The same, with somebody who answers in this process.
    pub(crate) async fn over(config: Config, web: web::Config, local: Option<Arc<dyn Pass>>) -> Bench {
        Bench::made(config, web, local, None).await
    }

    /// The same in front of hosts of a service.
    pub(crate) async fn among(hosts: Tls, config: Config) -> Bench {
        Bench::made(config, web::Config::default(), None, Some(hosts)).await
    }

    async fn made(
        config: Config,
        web: web::Config,
        local: Option<Arc<dyn Pass>>,
        hosts: Option<Tls>,
    ) -> Bench {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = Stop::new();
        let means = Means {
            limiter: Arc::new(Limiter::new(&web, Clock::System)),
            trusted_proxies: web.trusted_proxies.clone(),
            stop: stop.soft.clone(),
            hosts,
        };
        let faults = (config.check(), config.check_routes());
        assert!(faults.0.is_empty() && faults.1.is_empty(), "{faults:?}");
        let cap = config.connections_per_address_max;
        let service = Service::over(config, means, local);
        let front = Front::of_others(service.pass(), Arc::new(web)).with_connections_per_address(cap);
        #[expect(clippy::disallowed_methods, reason = "it is waited for at the end")]
        let serving = tokio::spawn(web::serve(vec![listener.into()], front, stop.clone()));
        Bench { address, service, stop, serving }
    }

    /// Ends it, and all its connections.
    pub(crate) async fn end(self) {
        self.stop.soft.cancel();
        self.serving.await.expect("it ends");
        self.service.run(self.stop.soft).await;
    }

    /// Its numbers as they are now.
    pub(crate) async fn page(&self) -> String {
        let mut page = Page::default();
        self.service.tell(&mut page).await;
        page.into_text()
    }

    /// Sends bytes, and gives back all that comes until the balancer closes or falls silent.
    pub(crate) async fn say(&self, bytes: &[u8]) -> Vec<u8> {
        Bench::ask(self.address, bytes).await
    }

    /// The same of any address.
    pub(crate) async fn ask(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
        let (mut from, mut to) = TcpStream::connect(address).await.expect("it listens").into_split();
        let mut heard = Vec::new();
        // a refusal may come before all is sent, and many answers while it is
        let both = async { tokio::join!(to.write_all(bytes), from.read_to_end(&mut heard)) };
        let listened = tokio::time::timeout(WAIT_MAX, both).await;
        assert!(listened.is_ok(), "it neither answers nor closes: {:?}", String::from_utf8_lossy(bytes));
        heard
    }
}

pub(crate) fn config(backends: &[SocketAddr]) -> Config {
    let place = |address: &SocketAddr| Place {
        address: address.to_string(),
        weight: 1,
        is_spare: false,
        is_host: false,
    };
    Config { backends: backends.iter().map(place).collect(), ..Config::default() }
}

/// One answer: its status, its head in lower case, and its body, out of chunks if it came in them.
pub(crate) fn read(heard: &[u8]) -> (u16, String, Vec<u8>) {
    let end = heard.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&heard[..end]).to_lowercase();
    let mut rest = &heard[end + 4..];
    let status = head[9..12].parse().expect("a status");
    if !head.contains("transfer-encoding: chunked") {
        return (status, head, rest.to_vec());
    }
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size =
            usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("digits"), 16).expect("a size");
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    (status, head, body)
}

/// The statuses of all answers, heads that only announce (1xx) left out.
pub(crate) fn statuses(heard: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(heard);
    let heads = text.split("HTTP/1.1 ").skip(1).chain(text.split("HTTP/1.0 ").skip(1));
    heads.filter_map(|head| head.get(..3)?.parse().ok()).filter(|status| *status >= 200).collect()
}
