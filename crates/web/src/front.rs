//! What every request goes through, whatever room answers it: the gate, the client's address, the answer's deadline,
//! CORS and security headers. Its id, its place in the counters and its line in the log are its `visit`'s.
//!
//! In front of others' servers the same holds, but for the headers: what those answer is theirs.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::Service;
use hyper::{Method, Request, StatusCode, Uri};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::body::{Progress, Watched};
use crate::config::Config;
use crate::folder::Folder;
use crate::gate;
use crate::metrics::{Meter, Metrics};
use crate::problem::Problem;
use crate::reply::Framed;
use crate::request::{Address, behind};
use crate::serve::Stop;
use crate::visit::{Noting, Stay};
use crate::wire::Watch;

/// The rooms' routes behind what is common to all requests. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    pub(crate) behind: Behind,
    config: Arc<Config>,
    meter: Arc<Meter>,
    metrics: Option<Metrics>,
    connections_per_address_max: usize,
}

/// Who answers.
#[derive(Clone)]
pub(crate) enum Behind {
    Rooms(Router),
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
        Front::before(Behind::Rooms(router.with_state(())), config)
    }

    /// A front of servers elsewhere. Their answers get an id and nothing else; preflights are theirs too, and a request
    /// ends when its client goes away.
    pub fn of_others(others: Arc<dyn Pass>, config: Arc<Config>) -> Front {
        Front::before(Behind::Others(others), config)
    }

    fn before(behind: Behind, config: Arc<Config>) -> Front {
        let connections_per_address_max = usize::MAX;
        Front { behind, config, meter: Arc::default(), metrics: None, connections_per_address_max }
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
        let Behind::Rooms(router) = self.behind else { return self };
        let folder = Folder::new(path);
        let router = router.fallback(move |request| folder.clone().answer(request));
        Front { behind: Behind::Rooms(router.with_state(())), ..self }
    }

    /// What is counted.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn shared_config(&self) -> Arc<Config> {
        self.config.clone()
    }

    /// Answers one request that came from `peer`.
    pub async fn answer<B>(&self, request: Request<B>, peer: IpAddr) -> Response
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let (head, body) = request.into_parts();
        let address = behind(peer, &head.headers, &self.config.trusted_proxies);
        let mut stay = Stay::begin(&head, peer, address, &self.config, &self.meter);
        let trace = stay.visit.trace().clone();
        let response = trace.follow(self.respond(head, body, &mut stay)).await;
        stay.answered(response)
    }

    /// What is common to all requests, around what the rooms answer.
    async fn respond<B>(&self, mut head: Parts, body: B, stay: &mut Stay) -> Response
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(reason) = gate::refuse(&head) {
            return closing(Problem::invalid(reason).into_response());
        }
        let origin = head.headers.get(header::ORIGIN).cloned();
        if !self.is_of_others()
            && head.method == Method::OPTIONS
            && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return self.preflight(origin.as_ref(), &head.headers);
        }
        let length = body.size_hint().lower();
        if length > self.config.body_bytes_max.0 {
            let refusal = Problem::too_large("The request", self.config.body_bytes_max.0);
            return closing(self.finish(refusal.into_response(), origin.as_ref()));
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
        let response =
            match self.metrics.as_ref().and_then(|metrics| Some((metrics, scraped(&head, metrics)?))) {
                Some((metrics, page)) if metrics.operators.admit(&head.extensions, &head.headers) => {
                    stay.visit.enter(page);
                    metrics.answer(page, &self.meter).await
                }
                _ => self.route(Request::from_parts(head, body), stay.progress.clone()).await,
            };
        self.finish(response, origin.as_ref())
    }

    /// Lets the router answer; a panic becomes a 500, too long a wait a 503.
    async fn route(&self, request: Request<Body>, progress: Option<Arc<Progress>>) -> Response {
        let answer = async {
            match &self.behind {
                Behind::Rooms(router) => tower_service::Service::call(&mut router.clone(), request).await,
                Behind::Others(others) => Ok(others.clone().pass(request).await),
            }
        };
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let late = self.late(progress);
        tokio::pin!(answer, late);
        tokio::select! {
            biased;
            answer = answer => match answer {
                Ok(Ok(response)) => response,
                Err(panic) => {
                    let text = panic.downcast_ref::<&str>().map(|t| (*t).to_owned());
                    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                    Problem::internal(&Panicked(text.unwrap_or_else(|| "unknown".into()))).into_response()
                }
            },
            () = late => Problem::unavailable("The request took too long.").into_response(),
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
    fn goes_with_its_client(&self, uri: &Uri, headers: &HeaderMap) -> bool {
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
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The page of numbers that a request asks for.
fn scraped(head: &Parts, metrics: &Metrics) -> Option<&'static str> {
    metrics.page(head.uri.path()).filter(|_| matches!(head.method, Method::GET | Method::HEAD))
}

#[derive(Debug, thiserror::Error)]
#[error("the program panicked: {0}")]
struct Panicked(String);

/// One connection's face of the front, as hyper calls it.
pub(crate) struct Door {
    pub(crate) front: Front,
    pub(crate) peer: IpAddr,
    pub(crate) watch: Arc<Watch>,
    /// Where requests that write run, apart from their connection.
    tasks: TaskTracker,
    stop: Stop,
}

impl Door {
    pub(crate) fn new(front: Front, peer: IpAddr, tasks: &TaskTracker, stop: &Stop) -> Door {
        Door { front, peer, watch: Arc::new(Watch::new()), tasks: tasks.clone(), stop: stop.clone() }
    }
}

impl Service<Request<hyper::body::Incoming>> for Door {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<hyper::body::Incoming>) -> Self::Future {
        let (front, peer, watch) = (self.front.clone(), self.peer, self.watch.clone());
        let stop = self.stop.clone();
        if request.method().is_safe() || front.goes_with_its_client(request.uri(), request.headers()) {
            return Box::pin(async move {
                let _open = watch.open();
                let response = front.answer(request, peer).await;
                if lasts(&response) {
                    watch.last();
                }
                Ok(last(response, &stop))
            });
        }
        let hard = stop.hard.clone();
        // a write that has begun ends, though its client may go away: what it does in several steps is not left half done
        let writing = self.tasks.spawn(async move {
            let _open = watch.open();
            hard.run_until_cancelled(front.answer(request, peer)).await
        });
        Box::pin(async move {
            match writing.await {
                Ok(Some(response)) => Ok(last(response, &stop)),
                Ok(None) | Err(_) => Ok(Problem::unavailable("The service is stopping.").into_response()),
            }
        })
    }
}

/// While the service stops, each answer is the last one of its connection.
fn last(response: Response, stop: &Stop) -> Response {
    let is_handed_over = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if stop.leave.is_cancelled() && !is_handed_over { closing(response) } else { response }
}

/// Whether an answer has no end of its own.
fn lasts(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        || kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http_body_util::BodyExt;

    use super::*;
    use crate::metrics;

    async fn panics() -> Response {
        panic!("on purpose")
    }

    async fn streams() -> Body {
        let pieces = ["one", "two"].map(Ok::<_, std::convert::Infallible>);
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    fn front(config: Config) -> Front {
        let router = Router::new()
            .route("/fine", get(|| async { "fine" }))
            .route("/panics", get(panics))
            .route("/full", get(|| async { Problem::unavailable("The disk is full.") }))
            .route("/streams", get(streams))
            .route("/hangs", get(std::future::pending::<Response>));
        Front::new(router, Arc::new(config))
    }

    async fn ask(
        front: &Front,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = front.answer(request, IpAddr::from([127, 0, 0, 1])).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_are_json_404() {
        let front = front(Config::default());
        for (method, path) in [("GET", "/api/none"), ("DELETE", "/fine"), ("OPTIONS", "/fine")] {
            let (status, headers, body) = ask(&front, method, path, &[]).await;
            assert_eq!(
                (status, &headers["content-type"]),
                (404, &HeaderValue::from_static("application/json"))
            );
            assert_eq!(body, r#"{"status":404,"message":"The requested resource wasn't found.","data":{}}"#);
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_with_an_id_and_nothing_else() {
        let (status, headers, body) = ask(&front(Config::default()), "GET", "/panics", &[]).await;
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let id = headers["x-request-id"].to_str().expect("ASCII");
        let message = "Something went wrong while processing your request.";
        let told = serde_json::json!({ "status": 500, "message": message, "data": {}, "request": id });
        assert_eq!((status, body), (500, told));
    }

    #[tokio::test]
    async fn a_fault_of_ours_that_gets_an_id_is_as_long_as_it_says() {
        let (status, headers, body) = ask(&front(Config::default()), "GET", "/full", &[]).await;
        assert!(status == 503 && body.contains("\"request\":"), "{body}");
        let said = headers.get("content-length").map(|length| length.to_str().expect("ASCII").to_owned());
        assert!(said.is_none_or(|said| said == body.len().to_string()), "{headers:?}, {} bytes", body.len());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_a_503() {
        let (status, headers, _) = ask(&front(Config::default()), "GET", "/hangs", &[]).await;
        assert_eq!((status, &headers["retry-after"]), (503, &HeaderValue::from_static("1")));
    }

    fn told(front: &Front) -> String {
        let mut page = metrics::Page::default();
        front.meter.tell(&mut page);
        page.into_text()
    }

    #[tokio::test]
    async fn a_client_that_goes_away_first_is_counted_as_gone() {
        use futures_util::FutureExt;
        let front = front(Config::default());
        assert!(ask(&front, "GET", "/hangs", &[]).now_or_never().is_none(), "it waits, and is dropped");
        let line = "ondol_http_requests_total{method=\"GET\",route=\"/hangs\",class=\"gone\"} 1\n";
        assert!(told(&front).contains(line), "{}", told(&front));
        assert!(told(&front).contains("in_flight 0\n"), "{}", told(&front));
    }

    #[tokio::test]
    async fn an_answer_that_streams_is_in_flight_until_its_end_and_its_bytes_are_counted() {
        let front = front(Config::default());
        let request = Request::builder().uri("/streams").header("host", "test").body(Body::empty());
        let response = front.answer(request.expect("a request"), IpAddr::from([127, 0, 0, 1])).await;
        assert!(told(&front).contains("in_flight 1\n"), "{}", told(&front));
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(&body[..], b"onetwo");
        assert!(told(&front).contains("in_flight 0\n"), "{}", told(&front));
        assert!(told(&front).contains("response_bytes_total 6\n"), "{}", told(&front));
    }

    #[tokio::test]
    async fn browsers_of_any_origin_may_call_by_default_and_of_a_list_when_there_is_one() {
        let asks = [("origin", "https://a.example"), ("access-control-request-method", "PATCH")];
        let (status, headers, _) = ask(&front(Config::default()), "OPTIONS", "/fine", &asks).await;
        assert_eq!((status, headers["access-control-allow-origin"].to_str().ok()), (204, Some("*")));
        assert!(!headers.contains_key("access-control-allow-credentials"));

        let listed = Config { origins: vec!["https://b.example".into()], ..Config::default() };
        let (_, headers, _) = ask(&front(listed), "GET", "/fine", &asks[..1]).await;
        assert!(!headers.contains_key("access-control-allow-origin"));
    }

    #[tokio::test]
    async fn every_answer_has_the_security_headers() {
        let (_, headers, _) = ask(&front(Config::default()), "GET", "/fine", &[]).await;
        assert_eq!(
            (&headers["x-content-type-options"], &headers["x-frame-options"]),
            (&HeaderValue::from_static("nosniff"), &HeaderValue::from_static("SAMEORIGIN"))
        );
    }
}
