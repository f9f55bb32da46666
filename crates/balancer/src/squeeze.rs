//! Compresses an answer on its way.
//!
//! Large pieces are compressed off the async threads, small ones in place. What has come goes out when nothing more is
//! there for the moment: a page that is made slowly is shown as it is made.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::write::GzEncoder;
use hyper::body::{Body as _, Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::coding::{self, Coding};

/// Bytes from which on a piece is compressed elsewhere.
const ELSEWHERE_MIN: usize = 32 << 10;
/// Memory of a coder grows with it: 256 KiB.
const BROTLI_WINDOW_LOG: u32 = 18;
const GZIP_LEVEL: u32 = 5;
const BROTLI_LEVEL: u32 = 4;
/// A coder's own buffer.
const BUFFER: usize = 4 << 10;

/// What a request wants of its answer.
#[derive(Debug)]
pub(crate) struct Wish {
    codings: Vec<Coding>,
    has_body: bool,
}

impl Wish {
    /// Reads it out of a request's headers.
    pub(crate) fn of(headers: &HeaderMap, has_body: bool) -> Wish {
        let codings = match coding::may_ask(headers) {
            true => coding::accepted(headers, &coding::ON_THE_WAY),
            false => Vec::new(),
        };
        Wish { codings, has_body }
    }

    /// Does it to an answer, where that is fit; the coding's name if it was done.
    pub(crate) fn grant(
        &self,
        response: Response,
        bytes_min: u64,
        room: &Arc<Semaphore>,
    ) -> (Response, Option<&'static str>) {
        let (mut head, body) = response.into_parts();
        let as_is = |head, body| (Response::from_parts(head, body), None);
        let is_small = body.size_hint().exact().is_some_and(|length| length < bytes_min);
        if is_small && self.has_body || !coding::is_fit(head.status, &head.headers) {
            return as_is(head, body);
        }
        vary(&mut head.headers);
        let Some(coding) = self.codings.first().copied().filter(|_| self.has_body) else {
            return as_is(head, body);
        };
        let (Ok(permit), Some(coder)) = (room.clone().try_acquire_owned(), Coder::new(coding)) else {
            return as_is(head, body);
        };
        let headers = &mut head.headers;
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::ACCEPT_RANGES);
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        weaken(headers);
        let body = Body::new(Squeezed {
            inner: body,
            state: State::Still(Some(coder)),
            is_full: false,
            _room: permit,
        });
        (Response::from_parts(head, body), Some(coding.name()))
    }
}

/// What goes out depends on what is accepted: caches must know.
fn vary(headers: &mut HeaderMap) {
    let mut said = headers.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok());
    if !said.any(|value| value.split(',').any(|name| name.trim().eq_ignore_ascii_case("accept-encoding"))) {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// The bytes are no longer those that the tag was given to.
fn weaken(headers: &mut HeaderMap) {
    let weak = headers.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    if let Some(weak) = weak.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok()) {
        headers.insert(header::ETAG, weak);
    }
}

/// A body that is being compressed.
struct Squeezed {
    inner: Body,
    state: State,
    /// Whether something is in the coder that has not gone out.
    is_full: bool,
    _room: OwnedSemaphorePermit,
}

enum State {
    /// Between two pieces; `None` at the end.
    Still(Option<Coder>),
    Busy(JoinHandle<io::Result<(Coder, Bytes)>>),
}

enum Coder {
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Coder {
    /// Of a coding that is written on the way; `None` of one that is only read from files.
    fn new(coding: Coding) -> Option<Coder> {
        match coding {
            Coding::Brotli => {
                let writer = CompressorWriter::new(Vec::new(), BUFFER, BROTLI_LEVEL, BROTLI_WINDOW_LOG);
                Some(Coder::Brotli(Box::new(writer)))
            }
            Coding::Gzip => {
                Some(Coder::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL))))
            }
            Coding::Zstd => None,
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Coder::Brotli(writer) => writer,
            Coder::Gzip(writer) => writer,
        }
    }

    fn out(&mut self) -> Bytes {
        let out = match self {
            Coder::Brotli(writer) => writer.get_mut(),
            Coder::Gzip(writer) => writer.get_mut(),
        };
        std::mem::take(out).into()
    }

    /// Takes a piece; what is ready to go.
    fn take(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        self.writer().write_all(piece)?;
        Ok(self.out())
    }

    /// All that it has.
    fn flush(&mut self) -> io::Result<Bytes> {
        self.writer().flush()?;
        Ok(self.out())
    }

    fn finish(self) -> io::Result<Bytes> {
        match self {
            Coder::Brotli(writer) => Ok(writer.into_inner().into()),
            Coder::Gzip(writer) => writer.finish().map(Bytes::from),
        }
    }
}

impl hyper::body::Body for Squeezed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        loop {
            let out = match &mut this.state {
                State::Busy(work) => {
                    let done = ready!(Pin::new(work).poll(cx)).map_err(io::Error::other).flatten();
                    this.state = State::Still(None);
                    let (coder, out) = done.map_err(axum::Error::new)?;
                    this.state = State::Still(Some(coder));
                    out
                }
                State::Still(kept) => {
                    let Some(mut coder) = kept.take() else { return Poll::Ready(None) };
                    let out = match Pin::new(&mut this.inner).poll_frame(cx) {
                        Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                        Poll::Ready(Some(Ok(frame))) => {
                            // trailers are of the bytes as they were
                            let Ok(piece) = frame.into_data() else {
                                *kept = Some(coder);
                                continue;
                            };
                            this.is_full = true;
                            if piece.len() >= ELSEWHERE_MIN {
                                let work = move || coder.take(&piece).map(|out| (coder, out));
                                this.state = State::Busy(spawn_blocking(work));
                                continue;
                            }
                            coder.take(&piece)
                        }
                        Poll::Ready(None) => {
                            let last = coder.finish().map_err(axum::Error::new)?;
                            return Poll::Ready(Some(Ok(Frame::data(last))));
                        }
                        Poll::Pending if this.is_full => {
                            this.is_full = false;
                            coder.flush()
                        }
                        Poll::Pending => {
                            *kept = Some(coder);
                            return Poll::Pending;
                        }
                    };
                    let out = out.map_err(axum::Error::new)?;
                    *kept = Some(coder);
                    out
                }
            };
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures_util::stream;

    use super::*;

    fn text() -> String {
        (0..40_000).map(|n| format!("line {n} of a page that is long enough\n")).collect()
    }

    fn ask(accepts: &str, body: Body, etag: &str) -> (Response, Option<&'static str>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepts.parse().unwrap())]);
        let response = Response::builder().header("content-type", "text/plain").header("etag", etag);
        let response = response.header("accept-ranges", "bytes").body(body).unwrap();
        Wish::of(&headers, true).grant(response, 100, &Arc::new(Semaphore::new(1)))
    }

    fn open(coding: &str, bytes: &[u8]) -> String {
        let mut text = String::new();
        match coding {
            "br" => brotli::Decompressor::new(bytes, BUFFER).read_to_string(&mut text),
            _ => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text),
        }
        .expect("it can be read");
        text
    }

    #[tokio::test]
    async fn what_arrives_is_what_was_sent_in_each_coding_in_pieces_small_and_large() {
        for coding in ["br", "gzip"] {
            for piece in [999, 100_000, 10_000_000] {
                let sent = text();
                let pieces: Vec<_> = sent
                    .as_bytes()
                    .chunks(piece)
                    .map(|p| Ok::<_, io::Error>(Bytes::copy_from_slice(p)))
                    .collect();
                let (answer, told) = ask(coding, Body::from_stream(stream::iter(pieces)), "\"a\"");
                assert_eq!(
                    (told, &answer.headers()["content-encoding"]),
                    (Some(coding), &coding.parse().unwrap())
                );
                assert_eq!(
                    (&answer.headers()["etag"], &answer.headers()["vary"]),
                    (&HeaderValue::from_static("W/\"a\""), &HeaderValue::from_static("Accept-Encoding"))
                );
                assert!(!answer.headers().contains_key("accept-ranges"));
                let bytes = web::body::read(answer.into_body(), 10 << 20).await.expect("a body");
                assert!(bytes.len() < sent.len() / 5 && open(coding, &bytes) == sent, "{coding} {piece}");
            }
        }
    }

    #[tokio::test]
    async fn what_has_come_goes_out_before_more_is_made() {
        use http_body_util::BodyExt;
        use tokio::sync::mpsc;
        let (to, mut from) = mpsc::unbounded_channel::<Result<Bytes, io::Error>>();
        let body = Body::from_stream(stream::poll_fn(move |cx| from.poll_recv(cx)));
        let (answer, _) = ask("gzip", body, "W/\"a\"");
        assert_eq!(answer.headers()["etag"], "W/\"a\"");
        let mut body = answer.into_body();
        let mut read = Vec::new();
        for word in ["warm ", "floor"] {
            to.send(Ok(Bytes::from_static(word.as_bytes()))).expect("open");
            let mut text = [0; 100];
            loop {
                read.extend_from_slice(
                    &body.frame().await.expect("more").expect("well").into_data().expect("data"),
                );
                let seen = flate2::read::GzDecoder::new(&read[..]).read(&mut text).unwrap_or(0);
                if String::from_utf8_lossy(&text[..seen]).contains(word.trim()) {
                    break;
                }
            }
        }
    }

    #[tokio::test]
    async fn small_answers_unwilling_clients_and_a_full_room_leave_it_as_it_is() {
        assert_eq!(ask("gzip", Body::from("short"), "\"a\"").1, None);
        assert_eq!(ask("identity", Body::from(text()), "\"a\"").1, None);
        let (answer, told) = ask("identity", Body::from(text()), "\"a\"");
        assert_eq!((told, &answer.headers()["vary"]), (None, &HeaderValue::from_static("Accept-Encoding")));
        assert_eq!(answer.headers()["etag"], "\"a\"");
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        let response =
            Response::builder().header("content-type", "text/plain").body(Body::from(text())).unwrap();
        let full = Arc::new(Semaphore::new(0));
        assert_eq!(Wish::of(&headers, true).grant(response, 100, &full).1, None);
    }
}
