//! The rooms' routes, and a short way past the router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt;
use hyper::Request;
use tower_service::Service;

use crate::front::Passing;
use crate::visit::Visit;

/// The rooms' routes, and the short way past them.
#[derive(Clone)]
pub(crate) struct Rooms {
    pub(crate) router: Router,
    pub(crate) short: Option<Arc<dyn Short>>,
}

/// A short way to the answers that are asked most: a router takes requests apart in general, and costs as much as what it leads to.
///
/// Invariant: what goes this way is answered exactly as the router would have it answered.
pub trait Short: Send + Sync {
    /// The route, as the router knows it, of a request that goes this way.
    fn route(&self, request: &Request<Body>) -> Option<&'static str>;

    /// Answers one that does.
    fn answer(self: Arc<Self>, request: Request<Body>) -> Passing;
}

impl Rooms {
    /// Lets whoever it is for answer.
    pub(crate) fn answer(&self, request: Request<Body>) -> Passing {
        if let Some(short) = &self.short
            && let Some(route) = short.route(&request)
        {
            if let Some(visit) = request.extensions().get::<Arc<Visit>>() {
                visit.enter(route);
            }
            return short.clone().answer(request);
        }
        let answer = self.router.clone().call(request);
        Box::pin(answer.map(|Ok(response)| response))
    }
}
