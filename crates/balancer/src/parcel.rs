//! A request on its way: packed anew for each try, as long as that can be done.
//!
//! Small bodies are taken in before a backend is asked for, so that a slow client holds nobody up, and so that they can
//! be sent again. All others are passed on as they come, once.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hyper::Method;
use hyper::body::Body as _;
use hyper::http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use web::Problem;

use crate::headers::{self, Client, Framed};
use crate::letter::{Content, Letter};

/// A request.
pub(crate) struct Parcel {
    /// As the client sent it.
    head: Parts,
    client: Client,
    content: Content,
    /// What was packed and not sent.
    ready: Option<Box<Letter>>,
    was_packed: bool,
    _room: Option<OwnedSemaphorePermit>,
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
            _ => Content::Coming(body),
        };
        Ok(Parcel { head, client, content, ready: None, was_packed: false, _room: permit })
    }

    /// Whether twice is as good as once, and everything for it is at hand.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.content, Content::AtHand(_)) && may_be_repeated(&self.head.method)
    }

    /// Bytes of its body that are kept here.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.content {
            Content::AtHand(bytes) => bytes.len() as u64,
            Content::Coming(_) | Content::Gone => 0,
        }
    }

    /// The request, to be sent after it was sent so often; `None` when it is gone for good.
    pub(crate) fn take(&mut self, sent_before: u32) -> Option<Box<Letter>> {
        match self.ready.take() {
            Some(ready) => Some(ready),
            None => self.packed(sent_before + 1),
        }
    }

    fn packed(&mut self, attempt: u32) -> Option<Box<Letter>> {
        let may_be_packed = !self.was_packed || self.is_repeatable();
        self.was_packed = true;
        if !may_be_packed {
            return None;
        }
        let content = match &self.content {
            Content::AtHand(bytes) => Content::AtHand(bytes.clone()),
            _ => std::mem::replace(&mut self.content, Content::Gone),
        };
        let framed = match &content {
            Content::AtHand(bytes) if bytes.is_empty() => Framed::Not,
            Content::AtHand(bytes) => Framed::Length(bytes.len() as u64),
            Content::Coming(body) => body.size_hint().exact().map_or(Framed::Chunks, Framed::Length),
            Content::Gone => return None,
        };
        let head = headers::to_backend(&self.head, &self.client, framed, attempt).into_bytes();
        Some(Box::new(Letter { head, content, is_of_head: self.head.method == Method::HEAD }))
    }

    /// Takes a request back that was not sent.
    pub(crate) fn put_back(&mut self, letter: Option<Box<Letter>>) {
        self.ready = letter;
    }
}

/// RFC 9110, 9.2.2.
fn may_be_repeated(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hyper::Request;

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

    /// What is said of a body, and the body.
    async fn read(letter: Box<Letter>) -> (bool, Bytes) {
        let is_second = String::from_utf8_lossy(&letter.head).contains("x-ondol-attempt: 2");
        match letter.content {
            Content::AtHand(bytes) => (is_second, bytes),
            Content::Coming(body) => (is_second, web::body::read(body, 10).await.expect("a body")),
            Content::Gone => panic!("it is gone"),
        }
    }

    #[tokio::test]
    async fn a_small_body_is_at_hand_and_only_what_may_be_done_twice_is_packed_twice() {
        let mut put = pack(Method::PUT, Body::from("abc"), 10, 10).await;
        assert!(put.is_repeatable() && put.bytes() == 3);
        for (sent, is_second) in [(0, false), (1, true)] {
            assert_eq!(read(put.take(sent).expect("one")).await, (is_second, Bytes::from("abc")));
        }
        let mut post = pack(Method::POST, Body::from("abc"), 10, 10).await;
        assert!(!post.is_repeatable() && post.take(0).is_some() && post.take(1).is_none());
    }

    #[tokio::test]
    async fn what_is_large_or_finds_no_room_goes_on_as_it_comes() {
        for (most, room) in [(2, 10), (10, 2)] {
            let mut put = pack(Method::PUT, Body::from("abc"), most, room).await;
            assert!(!put.is_repeatable() && put.bytes() == 0);
            assert_eq!(read(put.take(0).expect("once")).await.1, "abc");
            assert!(put.take(1).is_none());
        }
    }
}
