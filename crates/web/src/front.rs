//! What every request goes through, whatever room answers it: the gate, the client's address, the answer's deadline,
//! CORS and security headers. Its id, its place in the counters and its line in the log are its `visit`'s.
//!
//! In front of others' servers the same holds, but for the headers: what those answer is theirs.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri, Version};
use tokio::time::Instant;

use crate::body::{Progress, Watched};
use crate::config::Config;
use crate::folder::Folder;
use crate::gate;
use crate::metrics::{Meter, Metrics};
use crate::problem::Problem;
use crate::reply::Framed;
use crate::request::{Address, behind};
use crate::rooms::{Rooms, Short};
use crate::visit::{Noting, Stay, Visit};

/// The rooms' routes behind what is common to all requests. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    behind: Behind,
    config: Arc<Config>,
    meter: Arc<Meter>,
    metrics: Option<Metrics>,
    connections_per_address_max: usize,
    /// What browsers are told of coming by https only.
    hsts: Option<HeaderValue>,
}

/// Who is at the other end of a connection, and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its address: the client's, or a proxy's.
    pub peer: IpAddr,
    /// Whether what goes between us is encrypted.
    pub is_secure: bool,
}

impl From<IpAddr> for Caller {
    fn from(peer: IpAddr) -> Caller {
        Caller { peer, is_secure: false }
    }
}

/// Who answers.
#[derive(Clone)]
pub(crate) enum Behind {
    Rooms(Rooms),
    Others(Arc<dyn Pass>),
}

/// What an answer is waited for as.
pub type Passing = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Whoever has all requests answered by others: a balancer. The request has passed the gate; its extensions know the
/// client's [`Address`], and how to take its connection over.
pub trait Pass: Send + Sync {
    /// Has a request answered.
    fn pass(self: Arc<Self>, request: Request<Body>) -> Passing;

    /// Whether a write of this address ends though its client goes away: what is done in this process does.
    fn ends_alone(&self, _: &Uri, _: &HeaderMap) -> bool {
        false
    }
}

const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");

impl Front {
    /// Puts the rooms' routes behind the front. What no route knows is a 404 in the API's form, as is a known path
    /// with another method.
    pub fn new(router: Router, config: Arc<Config>) -> Front {
        let router = router.layer(Noting).fallback(missing).method_not_allowed_fallback(missing);
        // routes that have their state are put together once, not at every request
        Front::before(Behind::Rooms(Rooms { router: router.with_state(()), short: None }), config)
    }

    /// A front of servers elsewhere. Their answers get an id and nothing else; preflights are theirs too, and a request
    /// ends when its client goes away.
    pub fn of_others(others: Arc<dyn Pass>, config: Arc<Config>) -> Front {
        Front::before(Behind::Others(others), config)
    }

    fn before(behind: Behind, config: Arc<Config>) -> Front {
        let connections_per_address_max = usize::MAX;
        Front {
            behind,
            config,
            meter: Arc::default(),
            metrics: None,
            connections_per_address_max,
            hsts: None,
        }
    }

    /// The same front, limits and counters, with others who answer.
    pub(crate) fn beside(&self, others: Arc<dyn Pass>) -> Front {
        Front { behind: Behind::Others(others), metrics: None, ..self.clone() }
    }

    /// The same, and browsers that came by https are told to come by nothing else for so long; not at all when it is zero.
    #[must_use]
    pub fn with_hsts(self, time: Duration) -> Front {
        let hsts =
            HeaderValue::try_from(format!("max-age={}", time.as_secs())).expect("digits make a header");
        Front { hsts: (time >= Duration::from_secs(1)).then_some(hsts), ..self }
    }

    /// The same, with so many connections at once from one address at most; a trusted proxy's are not counted.
    #[must_use]
    pub fn with_connections_per_address(self, most: usize) -> Front {
        Front { connections_per_address_max: most.max(1), ..self }
    }

    pub(crate) fn connections_per_address_max(&self) -> usize {
        self.connections_per_address_max
    }

    /// The same, with the page of numbers at `/metrics`, for those whom it is meant for.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Front {
        Front { metrics: Some(metrics), ..self }
    }

    /// The same, with the files of a folder at every path that no room has.
    #[must_use]
    pub fn with_folder(self, path: &Path) -> Front {
        let Behind::Rooms(rooms) = self.behind else { return self };
        let folder = Folder::new(path);
        let router = rooms.router.fallback(move |request| folder.clone().answer(request)).with_state(());
        Front { behind: Behind::Rooms(Rooms { router, ..rooms }), ..self }
    }

    /// The same, with a short way to some of the rooms' answers.
    #[must_use]
    pub fn with_short_way(self, short: Arc<dyn Short>) -> Front {
        let Behind::Rooms(rooms) = self.behind else { return self };
        Front { behind: Behind::Rooms(Rooms { short: Some(short), ..rooms }), ..self }
    }

    /// What is counted.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Answers one request of `caller`.
    ///
    /// What comes before anybody answers is done at once, and what comes after it is put behind by `map`: an `async` block would
    /// hold the request and each future in it twice.
    pub fn answer<B, C>(
        &self,
        request: Request<B>,
        caller: C,
    ) -> impl Future<Output = Response> + Send + use<'_, B, C>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
        C: Into<Caller>,
    {
        let caller = caller.into();
        let (head, body) = request.into_parts();
        let address = behind(caller.peer, &head.headers, &self.config.trusted_proxies);
        let mut stay = Stay::begin(&head, caller, address, &self.config, &self.meter);
        let origin = head.headers.get(header::ORIGIN).cloned();
        let trace = stay.visit.trace().clone();
        let answer = match self.admit(head, body, origin.as_ref(), &mut stay) {
            Ok(request) => {
                let answer = trace.follow(self.route(request, stay.progress.clone()));
                Either::Left(answer.map(move |response| self.finish(response, origin.as_ref())))
            }
            Err(refusal) => Either::Right(ready(*refusal)),
        };
        answer.map(move |mut response| {
            if caller.is_secure
                && let Some(hsts) = &self.hsts
            {
                response.headers_mut().entry(header::STRICT_TRANSPORT_SECURITY).or_insert(hsts.clone());
            }
            stay.answered(response)
        })
    }

    /// What is common to all requests, before anybody answers: the request as it goes on, or the answer that it has already.
    fn admit<B>(
        &self,
        mut head: Parts,
        body: B,
        origin: Option<&HeaderValue>,
        stay: &mut Stay,
    ) -> Result<Request<Body>, Box<Response>>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(reason) = gate::refuse(&head) {
            return Err(Box::new(closing(Problem::invalid(reason).into_response())));
        }
        if head.version == Version::HTTP_2 {
            gate::settle(&mut head);
        }
        if !self.is_of_others()
            && head.method == Method::OPTIONS
            && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return Err(Box::new(self.preflight(origin, &head.headers)));
        }
        let length = body.size_hint().lower();
        if length > self.config.body_bytes_max.0 {
            let refusal = Problem::too_large("The request", self.config.body_bytes_max.0);
            return Err(Box::new(closing(self.finish(refusal.into_response(), origin))));
        }
        head.extensions.insert(Address(stay.address));
        head.extensions.insert(stay.visit.clone());
        let body = match body.is_end_stream() {
            true => Body::empty(),
            false => {
                let body = Watched::new(body, &self.config);
                stay.progress = Some(body.progress());
                Body::new(body)
            }
        };
        Ok(Request::from_parts(head, body))
    }

    /// Has the request answered; a panic becomes a 500, too long a wait a 503.
    async fn route(&self, request: Request<Body>, progress: Option<Arc<Progress>>) -> Response {
        let answer = AssertUnwindSafe(async { self.pass(request).await }).catch_unwind();
        let late = self.late(progress);
        tokio::pin!(answer, late);
        tokio::select! {
            biased;
            answer = answer => match answer {
                Ok(response) => response,
                Err(panic) => {
                    let text = panic.downcast_ref::<&str>().map(|t| (*t).to_owned());
                    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                    Problem::internal(&Panicked(text.unwrap_or_else(|| "unknown".into()))).into_response()
                }
            },
            () = late => Problem::unavailable("The request took too long.").into_response(),
        }
    }

    /// Lets whoever it is for answer: the page of numbers, the rooms, others.
    pub(crate) fn pass(&self, request: Request<Body>) -> Passing {
        if let Some(metrics) = &self.metrics
            && let Some(page) = scraped(&request, metrics)
        {
            if let Some(visit) = request.extensions().get::<Arc<Visit>>() {
                visit.enter(page);
            }
            let (metrics, meter) = (metrics.clone(), self.meter.clone());
            return Box::pin(async move { metrics.answer(page, &meter).await });
        }
        match &self.behind {
            Behind::Rooms(rooms) => rooms.answer(request),
            Behind::Others(others) => others.clone().pass(request),
        }
    }

    /// Ends when the answer is late: the time counts from the last byte of the request's body.
    async fn late(&self, progress: Option<Arc<Progress>>) {
        let limit = self.config.request_time_max.0;
        let mut deadline = Instant::now() + limit;
        loop {
            tokio::time::sleep_until(deadline).await;
            match progress.as_ref().map(|p| p.last() + limit) {
                Some(later) if later > deadline => deadline = later,
                _ => return,
            }
        }
    }

    /// The answer to a browser that asks whether it may ask.
    pub(crate) fn preflight(&self, origin: Option<&HeaderValue>, asked: &HeaderMap) -> Response {
        let mut response = crate::reply::no_content();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
        self.finish(response, origin)
    }

    /// Whether a write is given up when its client goes away.
    pub(crate) fn goes_with_its_client(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        match &self.behind {
            Behind::Rooms(_) => false,
            Behind::Others(others) => !others.ends_alone(uri, headers),
        }
    }

    pub(crate) fn is_of_others(&self) -> bool {
        matches!(self.behind, Behind::Others(_))
    }

    /// The headers that every answer has.
    pub(crate) fn finish(&self, mut response: Response, origin: Option<&HeaderValue>) -> Response {
        if self.is_of_others() {
            return response;
        }
        let is_framed = response.extensions_mut().remove::<Framed>().is_some();
        let headers = response.headers_mut();
        if let Some(origin) = origin {
            self.allow(origin, headers);
        }
        if !is_framed {
            headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("SAMEORIGIN"));
        }
        let defaults = [
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
        ];
        for (name, value) in defaults {
            headers.entry(name).or_insert(value);
        }
        response
    }

    fn allow(&self, origin: &HeaderValue, headers: &mut HeaderMap) {
        if self.config.origins.iter().any(|o| o == "*") {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if self.config.origins.iter().any(|o| o.as_bytes() == origin.as_bytes()) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}

async fn missing() -> Problem {
    Problem::missing()
}

/// After a refusal at the gate nothing that follows on the connection can be trusted.
pub(crate) fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The page of numbers that a request asks for, and may have.
fn scraped(request: &Request<Body>, metrics: &Metrics) -> Option<&'static str> {
    let page = metrics.page(request.uri().path())?;
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    (is_read && metrics.operators.admit(request.extensions(), request.headers())).then_some(page)
}

#[derive(Debug, thiserror::Error)]
#[error("the program panicked: {0}")]
struct Panicked(String);

#[cfg(test)]
mod tests;
