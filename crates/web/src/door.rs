//! One connection's face of the front, as hyper calls it: whether a request ends with its client, and what of its answer is
//! its connection's.

use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::header;
use hyper::service::Service;
use hyper::{Request, StatusCode};
use tokio_util::task::TaskTracker;

use crate::front::{Caller, Front, closing};
use crate::problem::Problem;
use crate::serve::{Serving, Stop};
use crate::streams::{self, Lasting};
use crate::wire::{Open, Turns, Watch};

/// An answer as its connection takes it.
type Handed = hyper::Response<Lasting>;

/// One connection's face of the front, as hyper calls it. Cheap to clone: every request has one.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inside>);

struct Inside {
    front: Front,
    caller: Caller,
    watch: Arc<Watch>,
    turns: Turns,
    /// Where requests that write run, apart from their connection.
    tasks: TaskTracker,
    stop: Stop,
}

impl Door {
    pub(crate) fn new(front: Front, caller: Caller, turns: Turns, serving: &Serving) -> Door {
        let (tasks, stop) = (serving.tasks.clone(), serving.stop.clone());
        let is_of_proxy = front.config().trusted_proxies.contains(&caller.peer.to_canonical());
        let watch = Arc::new(Watch::new(turns, caller.peer, is_of_proxy));
        Door(Arc::new(Inside { front, caller, watch, turns, tasks, stop }))
    }

    pub(crate) fn front(&self) -> &Front {
        &self.0.front
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.0.watch
    }
}

impl Inside {
    fn answer(&self, request: Request<hyper::body::Incoming>) -> impl Future<Output = Handed> + Send {
        let open = self.watch.open();
        let answer = self.front.answer(request, self.caller);
        answer.map(move |answer| handed(answer, self.turns, &self.watch, open, &self.stop))
    }
}

impl Service<Request<hyper::body::Incoming>> for Door {
    type Response = Handed;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Handed, Self::Error>> + Send>>;

    fn call(&self, request: Request<hyper::body::Incoming>) -> Self::Future {
        let (inside, watch) = (self.0.clone(), &self.0.watch);
        if request.method().is_safe() || inside.front.goes_with_its_client(request.uri(), request.headers()) {
            return Box::pin(async move { Ok(inside.answer(request).await) });
        }
        // a write that has begun ends, though its client may go away: what it does in several steps is not left half done
        let writing = self
            .0
            .tasks
            .spawn(async move { inside.stop.hard.run_until_cancelled(inside.answer(request)).await });
        let watch = watch.clone();
        Box::pin(async move {
            match writing.await {
                Ok(Some(response)) => Ok(response),
                Ok(None) | Err(_) => {
                    let refusal = Problem::unavailable("The service is stopping.").into_response();
                    Ok(streams::lasting(refusal, watch.open()))
                }
            }
        })
    }
}

/// An answer as its connection takes it. In HTTP/1.1 each answer of a service that stops is the last one of its connection;
/// HTTP/2 has words of its own for that, and no `Connection`.
fn handed(mut response: Response, turns: Turns, watch: &Watch, open: Open, stop: &Stop) -> Handed {
    if lasts(&response) {
        watch.last();
    }
    if turns == Turns::Many {
        response.headers_mut().remove(header::CONNECTION);
    } else if stop.leave.is_cancelled() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response = closing(response);
    }
    streams::lasting(response, open)
}

/// Whether an answer has no end of its own.
fn lasts(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        || kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
