//! Which way a request takes: through the gate, along its route, and what its route does for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Uri};
use web::{Pass, Passing, Problem, Visit};

use crate::config::{Config, Uploads};
use crate::core::queue::Priority;
use crate::core::roster::Want;
use crate::desk::Desk;
use crate::error::Error;
use crate::files::{self, Found, Root};
use crate::gate::{self, Way};
use crate::plan::{Entry, Plan, Route, Target};
use crate::proxy::{EVENT_STREAM, Errand, Proxy};
use crate::reproxy::{self, Order};
use crate::squeeze::Wish;
use crate::{spool, sticky};

/// Under this label `[[web.rates]]` limits how often one address may ask for anything.
const RATE_LABEL: &str = "*:request";

impl Pass for Proxy {
    fn pass(self: Arc<Self>, request: Request<Body>) -> Passing {
        Box::pin(async move { self.relay(request).await.unwrap_or_else(IntoResponse::into_response) })
    }

    fn ends_alone(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        self.local.is_some()
            && self.plan.load().route(uri, headers).is_ok_and(|route| matches!(route.target, Target::Local))
    }
}

impl Proxy {
    async fn relay(&self, mut request: Request<Body>) -> Result<Response, Problem> {
        let plan = self.plan.load_full();
        let tunnel = hyper::upgrade::on(&mut request);
        let (head, body) = request.into_parts();
        let way = match gate::way(&head, !body.is_end_stream()) {
            Ok(way) => way,
            Err(reason) => return Ok(closing(Error::Ambiguous(reason).into())),
        };
        let address = web::request::address(&head.extensions);
        let route = match plan.route(&head.uri, &head.headers) {
            Ok(route) => route,
            Err(ambiguous) => return Ok(closing(ambiguous.into())),
        };
        let Some(name) = &route.name else {
            self.limiter.check(&[RATE_LABEL], address)?;
            return self.take(&plan, route, (head, body), (way, tunnel)).await;
        };
        self.limiter.check(&[&route.label, RATE_LABEL], address)?;
        let visit = head.extensions.get::<Arc<Visit>>().cloned();
        if let Some(visit) = &visit
            && !matches!(route.target, Target::Local)
        {
            visit.name(name);
        }
        let entry = route.enter(address)?;
        let wish = route
            .is_compressed
            .then(|| Wish::of(&head.headers, head.method != Method::HEAD && way == Way::Plain));
        let body = match route.body_bytes_max {
            Some(most) if body.size_hint().lower() > most => {
                return Ok(closing(Problem::too_large("The request", most)));
            }
            Some(most) if !body.is_end_stream() => web::body::limited(body, most),
            _ => body,
        };
        let mut response = self.take(&plan, route, (head, body), (way, tunnel)).await?;
        if let Some(wish) = wish {
            let (squeezed, coding) =
                wish.grant(response, plan.config.compress_bytes_min.0, &self.compressions);
            response = squeezed;
            if let (Some(visit), Some(coding)) = (&visit, coding) {
                visit.note_coding(coding);
            }
        }
        Ok(match entry {
            Some(entry) => response.map(|inner| Body::new(Guarded { inner, _entry: entry })),
            None => response,
        })
    }

    /// Takes a request to where its route leads.
    async fn take(
        &self,
        plan: &Plan,
        route: &Arc<Route>,
        (head, body): (Parts, Body),
        (way, tunnel): (Way, OnUpgrade),
    ) -> Result<Response, Problem> {
        let desk = match &route.target {
            Target::Pool(desk) => desk,
            Target::Local => {
                let Some(local) = &self.local else { return Err(Error::Held.into()) };
                return Ok(local.clone().pass(Request::from_parts(head, body)).await);
            }
            Target::Redirect(redirect) => return Ok(redirect.answer(&head.uri)),
            Target::Files { root, below, path_length } => {
                let path = head.uri.path().get(*path_length..).unwrap_or_default();
                if path.is_empty() {
                    return Ok(to_folder(&head));
                }
                let path = path.strip_prefix('/').and_then(|path| files::below(below, path));
                return send_file(&head, root, path, route.is_compressed).await;
            }
        };
        let config = &plan.config;
        let errand = self.errand(desk, route, (&head, way, tunnel), config)?;
        let orders = route.orders.as_ref().map(|orders| (orders, reproxy::client(&head)));
        let client = self.client(&head, way);
        let body = match route.uploads {
            Uploads::Whole if way == Way::Plain => spool::take_in(body, config, &self.uploads).await?,
            _ => body,
        };
        let mut response = self.forward(head, body, (errand, client), config).await?;
        if let Some((orders, asked)) = orders
            && let Some(order) = response.extensions_mut().remove::<Order>()
        {
            return self.obey(&order, orders, &asked, response, config).await;
        }
        Ok(response)
    }

    /// Reads out of a head what is done with its request.
    fn errand(
        &self,
        desk: &Arc<Desk>,
        route: &Route,
        (head, way, tunnel): (&Parts, Way, OnUpgrade),
        config: &Config,
    ) -> Result<Errand, Error> {
        let accepts = head.headers.get(header::ACCEPT);
        let is_stream = accepts.is_some_and(|accept| accept.as_bytes().starts_with(EVENT_STREAM));
        let tag = if config.sticky { sticky::cookie(&head.headers, sticky::COOKIE) } else { None };
        let home = || {
            let has_home = config.address_paths.iter().any(|path| head.uri.path().starts_with(path.as_str()));
            has_home.then(|| desk.home(web::request::address(&head.extensions))).flatten()
        };
        let tunnel = match way {
            Way::Plain => None,
            Way::Tunnel => {
                Some((tunnel, self.tunnels.clone().try_acquire_owned().map_err(|_| Error::Tunnels)?))
            }
        };
        let want = Want {
            priority: if route.priority == Priority::High { Priority::High } else { priority(head, config) },
            is_lasting: is_stream || way == Way::Tunnel,
            preferred: tag.and_then(|tag| desk.tagged(tag)).or_else(home),
            ..Want::default()
        };
        Ok(Errand {
            desk: desk.clone(),
            want,
            only: None,
            is_sticky: config.sticky,
            takes_orders: route.orders.is_some(),
            tunnel,
            visit: head.extensions.get().cloned(),
        })
    }
}

/// The answer with a file, or that there is none.
pub(crate) async fn send_file(
    head: &Parts,
    root: &Arc<Root>,
    path: Option<String>,
    takes_variants: bool,
) -> Result<Response, Problem> {
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let Some(path) = path else { return Err(Problem::missing()) };
    if !reads {
        return Err(Problem::missing());
    }
    let (method, headers) = (head.method.clone(), head.headers.clone());
    match files::find(files::Wish { root: root.clone(), path, method, headers, takes_variants }).await? {
        Found::File(answer) => Ok(answer),
        Found::Nothing => Err(Problem::missing()),
        Found::Folder => Ok(to_folder(head)),
    }
}

/// To a folder's page, by the path that its links are meant from.
fn to_folder(head: &Parts) -> Response {
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    web::reply::see_other(&format!("{}/{query}", head.uri.path()))
}

/// A body whose end gives a place on its route back.
struct Guarded {
    inner: Body,
    _entry: Entry,
}

impl hyper::body::Body for Guarded {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn priority(head: &Parts, config: &Config) -> Priority {
    let path = head.uri.path();
    let is_first = config.priority_paths.iter().any(|first| path.starts_with(first.as_str()))
        || !config.priority_cookie.is_empty()
            && sticky::cookie(&head.headers, &config.priority_cookie).is_some();
    if is_first { Priority::High } else { Priority::Normal }
}

/// After a refusal at the gate nothing that follows on the connection can be trusted.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
