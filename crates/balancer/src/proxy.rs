//! A request's whole way: through the gate, to a backend, once more if need be, and the answer back.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::limiter::Limiter;
use web::{Pass, Passing, Problem, Trace};

use crate::answer::{Answer, Held};
use crate::backend::{Times, Trouble, Why};
use crate::config::Config;
use crate::core::queue::Priority;
use crate::core::retry::{Failed, Tries};
use crate::core::roster::Want;
use crate::desk::{Desk, Place};
use crate::error::Error;
use crate::gate::{self, Way};
use crate::headers::{self, Client};
use crate::line::Line;
use crate::parcel::Parcel;
use crate::{sticky, tunnel};

/// Under this label `[[web.rates]]` limits how often one address may ask for anything.
const RATE_LABEL: &str = "*:request";
const EVENT_STREAM: &[u8] = b"text/event-stream";

/// Passes requests on.
pub(crate) struct Proxy {
    pub(crate) desk: Arc<Desk>,
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) trusted: Vec<IpAddr>,
    /// Bytes that small bodies may take altogether.
    pub(crate) spools: Arc<Semaphore>,
    pub(crate) tunnels: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// What is known of a request that is not in its parcel.
struct Errand {
    want: Want,
    /// Set when the client is to come back to the same backend.
    is_sticky: bool,
    tunnel: Option<(OnUpgrade, OwnedSemaphorePermit)>,
}

impl Pass for Proxy {
    fn pass(self: Arc<Self>, request: Request<Body>) -> Passing {
        Box::pin(async move { self.relay(request).await.unwrap_or_else(IntoResponse::into_response) })
    }
}

impl Proxy {
    async fn relay(&self, mut request: Request<Body>) -> Result<Response, Problem> {
        let config = self.config.load_full();
        let tunnel = hyper::upgrade::on(&mut request);
        let (head, body) = request.into_parts();
        let way = match gate::way(&head, !body.is_end_stream()) {
            Ok(way) => way,
            Err(reason) => return Ok(closing(Error::Ambiguous(reason).into())),
        };
        let address = web::request::address(&head.extensions);
        self.limiter.check(&[RATE_LABEL], address)?;
        let mut errand = self.errand(&head, way, tunnel, &config)?;
        let client = self.client(&head, way);
        let mut parcel = Parcel::pack(head, body, client, config.spool_bytes_max.0, &self.spools).await?;
        errand.want.bytes = parcel.bytes();
        self.deliver(&mut parcel, errand, &config).await
    }

    /// Reads out of a head what is done with its request.
    fn errand(&self, head: &Parts, way: Way, tunnel: OnUpgrade, config: &Config) -> Result<Errand, Error> {
        let accepts = head.headers.get(header::ACCEPT);
        let is_stream = accepts.is_some_and(|accept| accept.as_bytes().starts_with(EVENT_STREAM));
        let tag = if config.sticky { sticky::cookie(&head.headers, sticky::COOKIE) } else { None };
        let home = || {
            let has_home = config.address_paths.iter().any(|path| head.uri.path().starts_with(path.as_str()));
            has_home.then(|| self.desk.home(web::request::address(&head.extensions))).flatten()
        };
        let tunnel = match way {
            Way::Plain => None,
            Way::Tunnel => {
                Some((tunnel, self.tunnels.clone().try_acquire_owned().map_err(|_| Error::Tunnels)?))
            }
        };
        let want = Want {
            priority: priority(head, config),
            is_lasting: is_stream || way == Way::Tunnel,
            preferred: tag.and_then(|tag| self.desk.tagged(tag)).or_else(home),
            ..Want::default()
        };
        Ok(Errand { want, is_sticky: config.sticky, tunnel })
    }

    /// Who asks, as a backend is told.
    fn client(&self, head: &Parts, way: Way) -> Client {
        let peer = web::request::peer(&head.extensions).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let mut id = None;
        Trace::show(|trace| id = Some(trace.value()));
        let is_secure = web::request::is_secure(&head.extensions);
        Client { peer, is_trusted: self.trusted.contains(&peer), is_secure, id, way }
    }

    /// Tries until there is an answer or nothing more to be tried.
    async fn deliver(
        &self,
        parcel: &mut Parcel,
        mut errand: Errand,
        config: &Config,
    ) -> Result<Response, Problem> {
        let until = Instant::now() + config.hold_time_max.0;
        let mut tries = Tries { is_repeatable: parcel.is_repeatable(), ..Tries::default() };
        loop {
            let place = self.desk.take(&errand.want, until).await?;
            let Some(request) = parcel.take(tries.sent) else { return Err(Error::Held.into()) };
            // a try has a limit only while somebody else could do it as well
            let is_limited = tries.may_be_sent_again() && place.has_another;
            let times = Times {
                connect_max: config.connect_time_max.0,
                answer_max: is_limited.then_some(config.try_time_max.0),
                idle_max: config.idle_time_max.0,
            };
            let trouble = match place.backend.send(request, parcel.load(), times).await {
                Ok((answer, line)) => return Ok(self.hand_over(answer, line, place, errand, config)?),
                Err(trouble) => trouble,
            };
            let backend = place.backend.clone();
            errand.want.tried.push(backend.id);
            if let Some(event) = trouble.event {
                self.desk.note(&backend, event);
            }
            drop(place);
            let tally = &backend.tally;
            let count = match trouble.failed {
                Failed::Unsent => &tally.unsent,
                Failed::BrokeOff => &tally.broke_off,
                Failed::TimedOut => &tally.timed_out,
                Failed::ByClient => return Err(failure(trouble, &backend.address)),
            };
            count.fetch_add(1, Relaxed);
            if !self.desk.go_on(&mut tries, trouble.failed) {
                return Err(failure(trouble, &backend.address));
            }
            parcel.put_back(trouble.request);
        }
    }

    /// Gives the answer to the client.
    fn hand_over(
        &self,
        answer: hyper::Response<Incoming>,
        mut line: Line,
        mut place: Place,
        errand: Errand,
        config: &Config,
    ) -> Result<Response, Error> {
        let backend = place.backend.clone();
        backend.tally.answer(answer.status());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            line.part(&self.tasks);
            return self.open_tunnel(answer, place, errand, config);
        }
        let (mut head, body) = answer.into_parts();
        headers::to_client(&mut head.headers);
        if errand.is_sticky
            && errand.want.preferred != Some(backend.id)
            && let Some(cookie) = sticky::set_cookie(&backend.tag)
        {
            head.headers.append(header::SET_COOKIE, cookie);
        }
        let kind = head.headers.get(header::CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM));
        if is_stream {
            place.lasts();
        }
        let held = Held { backend, line, place, idle_max: config.idle_connections_max };
        let body = match is_stream {
            true => {
                Answer::new(body, held, config.stream_idle_max.0).until(self.stop.clone().cancelled_owned())
            }
            false => Answer::new(body, held, config.answer_stall_max.0),
        };
        head.extensions.clear();
        Ok(Response::from_parts(head, Body::new(body)))
    }

    /// Joins a client and a backend that has agreed; nobody else's agreement counts.
    fn open_tunnel(
        &self,
        mut answer: hyper::Response<Incoming>,
        mut place: Place,
        errand: Errand,
        config: &Config,
    ) -> Result<Response, Error> {
        let backend = place.backend.address.clone();
        let Some((client, room)) = errand.tunnel else {
            return Err(Error::Broken {
                backend,
                why: "it changes to a protocol that nobody asked for".into(),
            });
        };
        let other = hyper::upgrade::on(&mut answer);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        headers::to_client(response.headers_mut());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        place.lasts();
        let (idle_max, stop) = (config.stream_idle_max.0, self.stop.clone());
        self.tasks.spawn(async move {
            tunnel::run(client, other, idle_max, stop).await;
            drop((place, room));
        });
        Ok(response)
    }
}

fn priority(head: &Parts, config: &Config) -> Priority {
    let path = head.uri.path();
    let is_first = config.priority_paths.iter().any(|first| path.starts_with(first.as_str()))
        || !config.priority_cookie.is_empty()
            && sticky::cookie(&head.headers, &config.priority_cookie).is_some();
    if is_first { Priority::High } else { Priority::Normal }
}

fn failure(trouble: Trouble, address: &str) -> Problem {
    let backend = address.to_owned();
    match (trouble.failed, trouble.why) {
        (Failed::ByClient, Why::Hyper(error)) => web::body::refusal(&error),
        (Failed::Unsent, _) => Error::Held.into(),
        (Failed::TimedOut, _) => Error::Late { backend }.into(),
        (_, Why::Hyper(error)) => Error::Broken { backend, why: base::error::chain(&error) }.into(),
        (_, Why::Said(why)) => Error::Broken { backend, why }.into(),
    }
}

/// After a refusal at the gate nothing that follows on the connection can be trusted.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
