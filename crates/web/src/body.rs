//! Reading bodies: never more than a limit, never slower than a least pace.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body as _, Frame, SizeHint};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep};

use crate::config::Config;
use crate::problem::Problem;

/// Reads a whole body of at most `limit` bytes.
pub async fn read(mut body: Body, limit: u64) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > limit {
        return Err(Problem::too_large("The request", limit));
    }
    let Some(mut whole) = next(&mut body).await? else { return Ok(Bytes::new()) };
    while let Some(data) = next(&mut body).await? {
        if (whole.len() + data.len()) as u64 > limit {
            return Err(Problem::too_large("The request", limit));
        }
        let mut joined = BytesMut::from(whole);
        joined.extend_from_slice(&data);
        whole = joined.freeze();
    }
    match whole.len() as u64 > limit {
        true => Err(Problem::too_large("The request", limit)),
        false => Ok(whole),
    }
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Err(error) => return Err(refusal(&error)),
        }
    }
    Ok(None)
}

/// Reads a JSON body of at most `limit` bytes.
pub async fn json<T: DeserializeOwned>(body: Body, limit: u64) -> Result<T, Problem> {
    parse(&read(body, limit).await?)
}

/// Values in one request's JSON or form: one of them takes many times more memory than its two bytes on the wire.
pub const VALUES_MAX: usize = 300_000;

/// Reads JSON; the message names line and column of a fault.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if values(bytes) > VALUES_MAX {
        return Err(too_many());
    }
    serde_json::from_slice(bytes).map_err(|fault| {
        let place = format!("line {}, column {}", fault.line(), fault.column());
        let what = match fault.classify() {
            serde_json::error::Category::Eof => "it ends too early".to_owned(),
            _ => {
                let text = fault.to_string();
                text.rsplit_once(" at line").map_or(text.clone(), |(what, _)| what.to_owned())
            }
        };
        Problem::invalid(format!("The request's JSON can't be read at {place}: {what}."))
    })
}

/// The refusal of more values than [`VALUES_MAX`].
pub(crate) fn too_many() -> Problem {
    let message = format!("The request has more than {VALUES_MAX} values.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// How many values a JSON text has at most: every one but the first stands behind a sign.
fn values(json: &[u8]) -> usize {
    let (mut count, mut is_text, mut rest) = (1, false, json.iter());
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if is_text => drop(rest.next()),
            b',' | b'[' | b'{' | b':' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

/// The same body, cut off where it has brought more than `limit` bytes.
pub fn limited(body: Body, limit: u64) -> Body {
    Body::new(Limited { inner: body, left: limit, limit })
}

/// Why a body was cut off by us.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum Cut {
    #[error("the body is larger than {0} bytes")]
    Large(u64),
    #[error("the body came too slowly")]
    Slow,
}

/// What the client is told when its body could not be read.
pub fn refusal(error: &(dyn std::error::Error + 'static)) -> Problem {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<Cut>() {
            Some(Cut::Large(limit)) => return Problem::too_large("The request", *limit),
            Some(Cut::Slow) => {
                return Problem::new(StatusCode::REQUEST_TIMEOUT, "The request came too slowly.");
            }
            None => next = error.source(),
        }
    }
    Problem::invalid("The request's body broke off.")
}

/// How much of a body has come, and when the last byte of it.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    last_ms: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    pub(crate) fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn mark(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms, Ordering::Relaxed);
    }
}

/// A body under a limit of its own.
struct Limited {
    inner: Body,
    left: u64,
    limit: u64,
}

impl hyper::body::Body for Limited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            match this.left.checked_sub(frame.data_ref().map_or(0, Bytes::len) as u64) {
                Some(left) => this.left = left,
                None => return Poll::Ready(Some(Err(axum::Error::new(Cut::Large(this.limit))))),
            }
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

/// A body under the server's limit and least pace.
pub(crate) struct Watched<B> {
    inner: B,
    seen: u64,
    limit: u64,
    pace: u64,
    grace: Duration,
    progress: Arc<Progress>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> Watched<B> {
    pub(crate) fn new(inner: B, config: &Config) -> Watched<B> {
        let (limit, pace) = (config.body_bytes_max.0, config.body_pace_min.0.max(1));
        let progress = Arc::new(Progress {
            began: Instant::now(),
            last_ms: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        Watched { inner, seen: 0, limit, pace, grace: config.body_grace.0, progress, alarm: None }
    }

    /// How it comes along.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Until when the next byte must have come: the grace, and what the bytes so far have earned at the least pace.
    fn deadline(&self) -> Instant {
        self.progress.began + self.grace + Duration::from_millis(self.seen.saturating_mul(1000) / self.pace)
    }
}

impl<B> hyper::body::Body for Watched<B>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.alarm = None;
                this.seen += frame.data_ref().map_or(0, Bytes::len) as u64;
                this.progress.mark(this.seen);
                if this.seen > this.limit {
                    return Poll::Ready(Some(Err(Cut::Large(this.limit).into())));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let deadline = this.deadline();
                let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                match alarm.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(Cut::Slow.into()))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_values_than_the_limit_are_refused_before_they_are_read() {
        let many = format!("[{}0]", "0,".repeat(VALUES_MAX));
        assert_eq!(parse::<serde_json::Value>(many.as_bytes()).unwrap_err().status, 413);
        // signs in a text are no values
        let text = format!("{{\"a\":\"{}\\\",{}\"}}", "[,{:".repeat(VALUES_MAX), "\\\\,".repeat(10));
        assert_eq!(values(text.as_bytes()), 3);
        assert!(parse::<serde_json::Value>(text.as_bytes()).is_ok());
    }

    #[tokio::test]
    async fn a_body_of_several_pieces_is_put_together() {
        let pieces = ["{\"a\"", ":", "1}"].map(|p| Ok::<_, std::io::Error>(Bytes::from_static(p.as_bytes())));
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(json::<serde_json::Value>(body, 100).await.expect("reads"), serde_json::json!({ "a": 1 }));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_before_it_is_kept() {
        let endless =
            futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1000])));
        let refused = read(Body::from_stream(endless), 5000).await.expect_err("refused");
        assert_eq!(
            (refused.status.as_u16(), refused.message.as_str()),
            (413, "The request is larger than 5 KB.")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_dawdles_is_cut_off() {
        let config = Config::default();
        let silent = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let body = Body::new(Watched::new(Body::from_stream(silent), &config));
        assert_eq!(read(body, 100).await.expect_err("cut").status, StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn a_fault_in_json_is_told_with_its_place() {
        let fault = parse::<serde_json::Value>(b"{\"a\": 1,\n \"b\": }").expect_err("a fault");
        assert_eq!(fault.message, "The request's JSON can't be read at line 2, column 7: expected value.");
        let deep = "[".repeat(10_000);
        assert!(
            parse::<serde_json::Value>(deep.as_bytes()).expect_err("a fault").message.contains("recursion")
        );
    }
}
