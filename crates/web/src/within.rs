//! The rooms behind another front, a balancer's: it has done what is common to all requests, what is the rooms' own is done here.

use std::sync::Arc;

use axum::body::Body;
use hyper::header;
use hyper::{Method, Request};

use crate::front::{Front, Pass, Passing};

impl Front {
    /// The rooms for a front of others.
    pub fn into_pass(self) -> Arc<dyn Pass> {
        Arc::new(Within(self))
    }
}

/// Rooms behind a front of others.
struct Within(Front);

impl Pass for Within {
    fn pass(self: Arc<Self>, request: Request<Body>) -> Passing {
        Box::pin(async move {
            let front = &self.0;
            let headers = request.headers();
            let origin = headers.get(header::ORIGIN).cloned();
            if request.method() == Method::OPTIONS
                && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            {
                return front.preflight(origin.as_ref(), headers);
            }
            front.finish(front.pass(request).await, origin.as_ref())
        })
    }
}
