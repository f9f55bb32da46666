//! A request on its way: packed anew for each try, as long as that can be done.
//!
//! Small bodies are taken in before a backend is asked for, so that a slow client holds nobody up, and so that they can
//! be sent again. All others are passed on as they come, once.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Body as _;
use hyper::header::{HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use web::Problem;

use crate::headers::{self, ATTEMPT, Client};

/// A request.
pub(crate) struct Parcel {
    /// As the client sent it.
    head: Parts,
    client: Client,
    content: Content,
    /// What was packed and not sent.
    ready: Option<Request<Body>>,
    was_packed: bool,
    _room: Option<OwnedSemaphorePermit>,
}

enum Content {
    AtHand(Bytes),
    /// Comes in while it goes out; `None` when it is gone.
    Coming(Option<Body>),
}

/// Where a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Here, whole.
    AtHand,
    /// Still coming in.
    Coming,
}

impl Parcel {
    /// Takes a small body in; `room` is what there is for all of them.
    pub(crate) async fn pack(
        head: Parts,
        body: Body,
        client: Client,
        most: u64,
        room: &Arc<Semaphore>,
    ) -> Result<Parcel, Problem> {
        let length = body.size_hint().exact();
        let permit =
            match length.filter(|length| *length <= most).and_then(|length| u32::try_from(length).ok()) {
                Some(0) => None,
                Some(length) => room.clone().try_acquire_many_owned(length).ok(),
                None => None,
            };
        let content = match length {
            Some(0) => Content::AtHand(Bytes::new()),
            _ if permit.is_some() => Content::AtHand(web::body::read(body, most).await?),
            _ => Content::Coming(Some(body)),
        };
        Ok(Parcel { head, client, content, ready: None, was_packed: false, _room: permit })
    }

    /// Whether twice is as good as once, and everything for it is at hand.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.load() == Load::AtHand && may_be_repeated(&self.head.method)
    }

    /// Where its body is.
    pub(crate) fn load(&self) -> Load {
        match self.content {
            Content::AtHand(_) => Load::AtHand,
            Content::Coming(_) => Load::Coming,
        }
    }

    /// Bytes of its body that are kept here.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.content {
            Content::AtHand(bytes) => bytes.len() as u64,
            Content::Coming(_) => 0,
        }
    }

    /// The request, to be sent after it was sent so often; `None` when it is gone for good.
    pub(crate) fn take(&mut self, sent_before: u32) -> Option<Request<Body>> {
        let mut request = match self.ready.take() {
            Some(ready) => ready,
            None => self.packed()?,
        };
        if sent_before > 0 {
            request.headers_mut().insert(ATTEMPT, HeaderValue::from(sent_before + 1));
        }
        Some(request)
    }

    fn packed(&mut self) -> Option<Request<Body>> {
        let may_be_packed = !self.was_packed || self.is_repeatable();
        self.was_packed = true;
        let body = match &mut self.content {
            Content::AtHand(_) if !may_be_packed => None,
            Content::AtHand(bytes) if bytes.is_empty() => Some(Body::empty()),
            Content::AtHand(bytes) => Some(Body::from(bytes.clone())),
            Content::Coming(body) => body.take(),
        }?;
        let is_measured = body.size_hint().exact().is_some();
        let mut request = headers::to_backend(&self.head, &self.client, body);
        if !is_measured {
            // said aloud, or hyper would leave out the body of a GET
            request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Some(request)
    }

    /// Takes a request back that was not sent.
    pub(crate) fn put_back(&mut self, request: Option<Box<Request<Body>>>) {
        self.ready = request.map(|request| *request);
    }
}

/// RFC 9110, 9.2.2.
fn may_be_repeated(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::gate::Way;

    async fn pack(method: Method, body: Body, most: u64, room: usize) -> Parcel {
        let head = Request::builder().method(method).body(()).expect("a request").into_parts().0;
        let client = Client {
            peer: Ipv4Addr::LOCALHOST.into(),
            is_trusted: false,
            is_secure: false,
            id: None,
            way: Way::Plain,
        };
        let packed = Parcel::pack(head, body, client, most, &Arc::new(Semaphore::new(room))).await;
        packed.expect("packed")
    }

    #[tokio::test]
    async fn a_small_body_is_at_hand_and_only_what_may_be_done_twice_is_packed_twice() {
        let mut put = pack(Method::PUT, Body::from("abc"), 10, 10).await;
        assert!(put.is_repeatable() && put.bytes() == 3);
        assert!(put.take(0).is_some_and(|first| !first.headers().contains_key(ATTEMPT)));
        let again = put.take(1).expect("again");
        assert_eq!(again.headers()[ATTEMPT], "2");
        assert_eq!(web::body::read(again.into_body(), 10).await.expect("a body"), "abc");
        let mut post = pack(Method::POST, Body::from("abc"), 10, 10).await;
        assert!(!post.is_repeatable() && post.take(0).is_some() && post.take(1).is_none());
    }

    #[tokio::test]
    async fn what_is_large_or_finds_no_room_goes_on_as_it_comes() {
        for (most, room) in [(2, 10), (10, 2)] {
            let mut put = pack(Method::PUT, Body::from("abc"), most, room).await;
            assert!(!put.is_repeatable() && put.bytes() == 0);
            let body = put.take(0).expect("once").into_body();
            assert_eq!(web::body::read(body, 10).await.expect("a body"), "abc");
            assert!(put.take(1).is_none());
        }
    }
}
