//! One request from its head to the last byte of its answer: its id, its place in the counters, its line in the log.
//!
//! What is logged meanwhile stands under the id that the client gets too: see `trace`. The line of the request itself is
//! written when its answer has ended; a request whose client goes away first is counted as *gone*.
//!
//! Invariant: of a request's address only the path is logged. Queries carry tokens.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Uri};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::Progress;
use crate::config::{AccessLog, Config};
use crate::front::Caller;
use crate::metrics::{Going, Meter};
use crate::problem::Cause;
use crate::trace::{REQUEST_ID, Trace};

/// Bytes of a path that are shown in the log.
const PATH_SHOWN_MAX: usize = 500;

/// What a request's extensions know of it, as an `Arc`.
#[derive(Debug)]
pub struct Visit {
    trace: Trace,
    caller: Caller,
    route: OnceLock<Route>,
    course: OnceLock<Course>,
    coding: OnceLock<&'static str>,
    /// Which requests get a line, and from which time on one is slow.
    told: (AccessLog, Duration),
}

/// How a request came to its answer at another server.
#[derive(Clone, Debug)]
pub struct Course {
    /// The server that answered.
    pub backend: String,
    /// How often the request was sent.
    pub attempts: u32,
    /// Until the server that answered had a place for it.
    pub waited: Duration,
    /// Until the head of the server's answer was there; the wait counted in.
    pub answered: Duration,
    /// The trace as it was told the server.
    pub trace: Option<HeaderValue>,
}

#[derive(Debug)]
enum Route {
    Matched(MatchedPath),
    Own(&'static str),
    Named(Arc<str>),
}

impl Visit {
    fn begin(trace: Trace, caller: Caller, config: &Config) -> Visit {
        let told = (config.access_log, config.slow_time.0);
        Visit {
            trace,
            caller,
            route: OnceLock::new(),
            course: OnceLock::new(),
            coding: OnceLock::new(),
            told,
        }
    }

    /// The request's id and trace.
    pub(crate) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Who is at the other end of the connection: a proxy, maybe.
    pub(crate) fn peer(&self) -> IpAddr {
        self.caller.peer
    }

    /// Whether the request came encrypted.
    pub(crate) fn is_secure(&self) -> bool {
        self.caller.is_secure
    }

    /// Notes the route that it takes past the router.
    pub(crate) fn enter(&self, route: &'static str) {
        // a request is routed once
        let _ = self.route.set(Route::Own(route));
    }

    /// Notes the name of the route that it takes, of a list that is bounded.
    pub fn name(&self, route: &Arc<str>) {
        let _ = self.route.set(Route::Named(route.clone()));
    }

    /// Whether every request gets a line in the log.
    pub fn is_told(&self) -> bool {
        self.told.0 == AccessLog::All
    }

    /// Whether one with this answer, after this time, does.
    pub fn is_told_of(&self, status: StatusCode, took: Duration) -> bool {
        match self.told {
            (AccessLog::All, _) => true,
            (AccessLog::Errors, slow) => status.is_server_error() || took > slow,
            (AccessLog::Off, _) => false,
        }
    }

    /// Notes how it came to its answer.
    pub fn note(&self, course: Course) {
        let _ = self.course.set(course);
    }

    /// Notes in which coding its answer goes out.
    pub fn note_coding(&self, coding: &'static str) {
        let _ = self.coding.set(coding);
    }

    fn route(&self) -> Option<&str> {
        self.route.get().map(|route| match route {
            Route::Matched(path) => path.as_str(),
            Route::Own(path) => path,
            Route::Named(name) => name,
        })
    }
}

#[cfg(test)]
impl Visit {
    pub(crate) fn from(peer: IpAddr) -> Arc<Visit> {
        Arc::new(Visit::begin(Trace::of(&hyper::HeaderMap::new()), peer.into(), &Config::default()))
    }
}

/// The guard of a visit: what is dropped with it is over.
pub(crate) struct Stay {
    pub(crate) visit: Arc<Visit>,
    /// How the request's body comes along, if it has one.
    pub(crate) progress: Option<Arc<Progress>>,
    /// The client's address, proxies that we trust looked through.
    pub(crate) address: IpAddr,
    config: Arc<Config>,
    going: Going,
    begun: Instant,
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    head: Option<(StatusCode, Duration)>,
    cause: Option<Arc<str>>,
    sent: u64,
}

impl Stay {
    /// Begins with a request's head.
    pub(crate) fn begin(
        head: &Parts,
        caller: Caller,
        address: IpAddr,
        config: &Arc<Config>,
        meter: &Arc<Meter>,
    ) -> Stay {
        Stay {
            visit: Arc::new(Visit::begin(Trace::of(&head.headers), caller, config)),
            host: (config.access_log != AccessLog::Off).then(|| head.headers.get(HOST).cloned()).flatten(),
            progress: None,
            address,
            config: config.clone(),
            going: meter.request(),
            begun: Instant::now(),
            method: head.method.clone(),
            uri: head.uri.clone(),
            head: None,
            cause: None,
            sent: 0,
        }
    }

    /// The answer's head is there: counts it, and names the id in it. The stay goes on until the body has ended.
    pub(crate) fn answered(mut self, mut response: Response) -> Response {
        let (status, took) = (response.status(), self.begun.elapsed());
        self.head = Some((status, took));
        self.going.meter().answer(&self.method, self.visit.route(), Some(status), took);
        if let Some(cause) = response.extensions_mut().remove::<Cause>() {
            // a room that shows pages has made one of it
            if response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
                // the router has measured the body as it was
                response.headers_mut().remove(CONTENT_LENGTH);
                *response.body_mut() = Body::from(cause.body_with(self.visit.trace.id()));
            }
            self.cause = cause.chain;
        }
        response.headers_mut().insert(REQUEST_ID, self.visit.trace.value());
        match response.body().size_hint().exact() {
            Some(length) => {
                self.sent = length;
                response
            }
            None => response.map(|inner| Body::new(Counted { inner, stay: Some(self) })),
        }
    }

    fn tell(&self) {
        let (status, took) = self.head.unzip();
        let is_ours = status.is_some_and(|status| status.is_server_error());
        let is_slow = took.is_some_and(|took| took > self.config.slow_time.0);
        let is_due = match self.config.access_log {
            AccessLog::All => true,
            AccessLog::Errors => is_ours || is_slow,
            // why something went wrong is never kept back
            AccessLog::Off => self.cause.is_some(),
        };
        if !is_due {
            return;
        }
        let (method, address, cause) = (&self.method, self.address, self.cause.as_deref());
        let (status, bytes) = (status.map(|status| status.as_u16()), self.sent);
        let ms = millis(self.begun.elapsed());
        let path = shown(self.uri.path());
        let received = self.progress.as_ref().map(|progress| progress.bytes());
        let host = self.host.as_ref().and_then(|host| host.to_str().ok());
        let (route, coding) = (self.visit.route(), self.visit.coding.get().copied());
        let course = self.visit.course.get();
        let (backend, attempts) = course.map(|course| (course.backend.as_str(), course.attempts)).unzip();
        let (queue_ms, backend_ms) = course
            .map(|course| (millis(course.waited), millis(course.answered.saturating_sub(course.waited))))
            .unzip();
        let traceparent = course.and_then(|course| course.trace.as_ref()?.to_str().ok());
        macro_rules! line {
            ($say:ident, $what:literal) => {
                tracing::$say!(
                    target: "access", %method, host, route, path, status, received, bytes, ms, queue_ms, backend_ms,
                    backend, attempts, coding, traceparent, %address, cause, $what
                )
            };
        }
        match status {
            Some(500) => line!(error, "request failed"),
            Some(501..) => line!(warn, "request refused"),
            _ if is_slow => line!(warn, "slow request"),
            None => line!(info, "client gone"),
            Some(_) => line!(info, "request"),
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.head.is_none() {
            self.going.meter().answer(&self.method, self.visit.route(), None, self.begun.elapsed());
        }
        self.going.meter().bytes(self.progress.as_ref().map_or(0, |progress| progress.bytes()), self.sent);
        self.visit.trace.cover(|| self.tell());
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// The beginning of a path that is too long to be shown.
fn shown(path: &str) -> &str {
    let end = (0..=PATH_SHOWN_MAX.min(path.len())).rev().find(|end| path.is_char_boundary(*end));
    &path[..end.unwrap_or(0)]
}

/// An answer's body of unknown length, under the eyes of its stay.
struct Counted {
    inner: Body,
    stay: Option<Stay>,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let mut poll = || Pin::new(&mut this.inner).poll_frame(cx);
        let polled = match &this.stay {
            Some(stay) => stay.visit.trace.cover(poll),
            None => poll(),
        };
        match (&polled, &mut this.stay) {
            (Poll::Ready(Some(Ok(frame))), Some(stay)) => {
                stay.sent += frame.data_ref().map_or(0, Bytes::len) as u64;
            }
            (Poll::Ready(None), stay) => *stay = None,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Notes which route a request takes, as the router has found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noting;

impl<S> Layer<S> for Noting {
    type Service = Noted<S>;

    fn layer(&self, inner: S) -> Noted<S> {
        Noted(inner)
    }
}

/// A route that notes itself.
#[derive(Clone, Debug)]
pub(crate) struct Noted<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for Noted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let extensions = request.extensions();
        if let (Some(visit), Some(path)) = (extensions.get::<Arc<Visit>>(), extensions.get::<MatchedPath>()) {
            // a request is routed once
            let _ = visit.route.set(Route::Matched(path.clone()));
        }
        self.0.call(request)
    }
}
