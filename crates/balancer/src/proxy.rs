//! A request on its way to a backend, once more if need be, and its answer back.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::response::Response;
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::limiter::Limiter;
use web::{Course, Pass, Problem, Trace, Visit};

use crate::ahead::{self, Ahead};
use crate::answer::{Answer, Held};
use crate::backend::{Times, Trouble, Why};
use crate::config::Config;
use crate::core::retry::{Failed, Tries};
use crate::core::roster::{Id, Want};
use crate::desk::{Desk, Place};
use crate::error::Error;
use crate::framing::Head;
use crate::gate::Way;
use crate::headers::{self, Client};
use crate::letter::{Content, Letter};
use crate::line::Line;
use crate::parcel::Parcel;
use crate::plan::Plan;
use crate::reproxy::Order;
use crate::spool::Disk;
use crate::{sticky, tunnel};

/// What a content type or an `Accept` begins with that means an event stream.
pub(crate) const EVENT_STREAM: &[u8] = b"text/event-stream";

/// Passes requests on.
pub(crate) struct Proxy {
    pub(crate) plan: Arc<ArcSwap<Plan>>,
    /// Who answers in this process.
    pub(crate) local: Option<Arc<dyn Pass>>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) trusted: Vec<IpAddr>,
    /// Bytes that small bodies may take altogether.
    pub(crate) spools: Arc<Semaphore>,
    /// What large ones may have of the disk altogether.
    pub(crate) uploads: Disk,
    /// Bytes that answers may be ahead of their clients altogether.
    pub(crate) ahead: Arc<Semaphore>,
    /// Answers that may be compressed at once.
    pub(crate) compressions: Arc<Semaphore>,
    pub(crate) tunnels: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// What is known of a request that is not in its parcel.
pub(crate) struct Errand {
    pub(crate) desk: Arc<Desk>,
    pub(crate) want: Want,
    /// The only backend that will do.
    pub(crate) only: Option<Id>,
    /// Set when the client is to come back to the same backend.
    pub(crate) is_sticky: bool,
    /// Whether the answer may order something else in its stead.
    pub(crate) takes_orders: bool,
    pub(crate) tunnel: Option<(OnUpgrade, OwnedSemaphorePermit)>,
    pub(crate) visit: Option<Arc<Visit>>,
}

impl Errand {
    /// Takes a place. Where a backend is the only one left and has failed, it is asked how it is first: at once it would fail again,
    /// and is it out by then, it is waited for. `asked_after` is after how many failed tries that was done.
    async fn place(
        &self,
        until: Instant,
        look_max: Duration,
        asked_after: &mut usize,
    ) -> Result<Place, Error> {
        loop {
            let place = self.desk.take(&self.want, until).await?;
            if self.only.is_some_and(|only| only != place.backend.id) {
                return Err(Error::Held);
            }
            let failed = self.want.tried.len();
            if *asked_after >= failed || !self.want.tried.contains(&place.backend.id) {
                return Ok(place);
            }
            *asked_after = failed;
            let backend = place.backend.clone();
            drop(place);
            // not to know is an answer too
            let _ = timeout_at(until.min(Instant::now() + look_max), backend.look_again()).await;
        }
    }

    /// The trace as a backend is told of it, if that is logged.
    fn trace(&self, letter: &Letter) -> Option<HeaderValue> {
        let is_told = self.visit.as_ref().is_some_and(|visit| visit.is_told());
        if is_told { letter.trace() } else { None }
    }
}

impl Proxy {
    /// Takes a request with what is known of it to one of its desk's backends.
    pub(crate) async fn forward(
        &self,
        head: Parts,
        body: Body,
        (mut errand, client): (Errand, Client),
        config: &Config,
    ) -> Result<Response, Problem> {
        let mut parcel = Parcel::pack(head, body, client, config.spool_bytes_max.0, &self.spools).await?;
        errand.want.bytes = parcel.bytes();
        self.deliver(&mut parcel, errand, config).await
    }

    /// Who asks, as a backend is told.
    pub(crate) fn client(&self, head: &Parts, way: Way) -> Client {
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
        let begun = Instant::now();
        // for what only one of them has it waits as long as for a try, and then looks elsewhere
        let until =
            begun + if errand.only.is_some() { config.try_time_max.0 } else { config.hold_time_max.0 };
        let mut tries = Tries { is_repeatable: parcel.is_repeatable(), ..Tries::default() };
        let mut asked_after = 0;
        loop {
            let mut place = errand.place(until, config.try_time_max.0, &mut asked_after).await?;
            let waited = begun.elapsed();
            let Some(letter) = parcel.take(tries.sent) else { return Err(Error::Held.into()) };
            // a try has a limit only while somebody else could do it as well
            let is_limited = tries.may_be_sent_again() && place.has_another;
            let times = Times {
                connect_max: config.connect_time_max.0,
                answer_max: is_limited.then_some(config.try_time_max.0),
                idle_max: config.idle_time_max.0,
            };
            let trace = errand.trace(&letter);
            // how fast a client sends says nothing of a backend
            let is_at_hand = matches!(letter.content, Content::AtHand(_));
            let sent = errand.desk.now();
            let trouble = match place.backend.send(letter, times).await {
                Ok((answer, line)) => {
                    let (answered, now) = (begun.elapsed(), errand.desk.now());
                    let took = now.saturating_sub(sent);
                    place.backend.tally.recent.note(took, now);
                    // nor does an error that comes fast
                    if is_at_hand && !answer.status.is_server_error() {
                        place.took = Some((took, now));
                    }
                    if let Some(visit) = &errand.visit
                        && visit.is_told_of(answer.status, answered)
                    {
                        let (backend, attempts) = (place.backend.address.clone(), tries.sent + 1);
                        visit.note(Course { backend, attempts, waited, answered, trace });
                    }
                    return Ok(self.hand_over(answer, line, place, errand, config)?);
                }
                Err(trouble) => trouble,
            };
            let backend = place.backend.clone();
            errand.want.tried.push(backend.id);
            if let Some(event) = trouble.event {
                errand.desk.note(&backend, event);
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
            let goes_on = errand.desk.go_on(&mut tries, trouble.failed);
            tracing::debug!(
                backend = backend.address,
                failed = ?trouble.failed,
                why = %trouble.why,
                sent = tries.sent,
                unsent = tries.unsent,
                goes_on,
                "try failed"
            );
            if !goes_on {
                return Err(failure(trouble, &backend.address));
            }
            tally.again.fetch_add(1, Relaxed);
            parcel.put_back(trouble.letter);
        }
    }

    /// Gives the answer to the client.
    fn hand_over(
        &self,
        mut head: Head,
        mut line: Line,
        mut place: Place,
        errand: Errand,
        config: &Config,
    ) -> Result<Response, Error> {
        let backend = place.backend.clone();
        backend.tally.answer(head.status);
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.open_tunnel(head, line, place, errand, config);
        }
        let order = if errand.takes_orders { Order::of(head.status, &head.headers) } else { None };
        headers::to_client(&mut head.headers);
        if errand.is_sticky
            && errand.want.preferred != Some(backend.id)
            && let Some(cookie) = sticky::set_cookie(&backend.tag)
        {
            head.headers.append(header::SET_COOKIE, cookie);
        }
        let mut response = Response::new(Body::empty());
        (*response.status_mut(), *response.headers_mut()) = (head.status, head.headers);
        if let Some(order) = order {
            // the backend has done its part
            backend.keep(line, config.idle_connections_max);
            response.extensions_mut().insert(order);
            return Ok(response);
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM));
        if is_stream {
            place.lasts();
        }
        let idle_max = config.idle_connections_max;
        // a short answer has come with its head: nothing more is to be waited for
        let first = match line.left() {
            Some(left) if left <= ahead::DIRECT && !is_stream => line.whole(),
            _ => None,
        };
        let held = Held { backend, line, place, idle_max };
        *response.body_mut() = match first {
            Some(whole) => {
                held.done();
                Body::from(whole)
            }
            None if is_stream => Body::new(
                Answer::new(held, config.stream_idle_max.0).until(self.stop.clone().cancelled_owned()),
            ),
            None => self.ahead(Answer::new(held, config.answer_stall_max.0), config),
        };
        Ok(response)
    }

    /// Lets a long answer be taken in ahead of its client.
    fn ahead(&self, answer: Answer, config: &Config) -> Body {
        let is_short = answer.size_hint().exact().is_some_and(|length| length <= ahead::DIRECT);
        let most = u32::try_from(config.answer_ahead_max.0).unwrap_or(u32::MAX);
        if is_short || most == 0 {
            return Body::new(answer);
        }
        let means = ahead::Means { tasks: self.tasks.clone(), most, all: self.ahead.clone() };
        Body::new(Ahead::new(answer, means))
    }

    /// Joins a client and a backend that has agreed; nobody else's agreement counts.
    fn open_tunnel(
        &self,
        head: Head,
        line: Line,
        mut place: Place,
        errand: Errand,
        config: &Config,
    ) -> Result<Response, Error> {
        let (Some((client, room)), Some(backend)) = (errand.tunnel, line.into_tunnel()) else {
            let backend = place.backend.address.clone();
            let why = "it changes to a protocol that nobody asked for".into();
            return Err(Error::Broken { backend, why });
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = head.headers;
        headers::to_client(response.headers_mut());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        place.lasts();
        let (idle_max, stop) = (config.stream_idle_max.0, self.stop.clone());
        self.tasks.spawn(async move {
            tunnel::run(client, backend, idle_max, stop).await;
            drop((place, room));
        });
        Ok(response)
    }
}

fn failure(trouble: Trouble, address: &str) -> Problem {
    let backend = address.to_owned();
    match (trouble.failed, trouble.why) {
        (_, Why::ByClient(error)) => web::body::refusal(&error),
        (Failed::Unsent, _) => Error::Held.into(),
        (Failed::TimedOut, _) => Error::Late { backend }.into(),
        (_, Why::Said(why)) => Error::Broken { backend, why }.into(),
    }
}
