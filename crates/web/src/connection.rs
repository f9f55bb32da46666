//! One connection from its first byte to its last: a handshake, then HTTP/1.1 or HTTP/2 under the watch of its marks (see `rounds`).

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::door::Door;
use crate::front::{Caller, Front};
use crate::listener::Speaks;
use crate::proxied::{self, Origin};
use crate::serve::Serving;
use crate::streams::Streams;
use crate::tls::Inside;
use crate::wire::{Comes, Notice, Turns, Watch, Wire};

/// Bytes of bodies that an HTTP/2 client may send ahead, for one stream and for all.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one stream's answer that wait for its client.
const SEND_BUFFER_BYTES_MAX: usize = 64 << 10;
/// Streams that a client has reset and we have not yet seen; more of them end the connection (CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 20;
/// Streams that we had to reset for a client's mistakes; more of them end the connection.
const RESETS_BY_US_MAX: usize = 128;
/// Silence after which an HTTP/2 client with open streams is asked whether it is still there, and the time it has to answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIME_MAX: Duration = Duration::from_secs(20);

/// Serves a connection of `caller` until it ends.
pub(crate) async fn serve(
    mut socket: TcpStream,
    speaks: Speaks,
    caller: Caller,
    front: Front,
    serving: Serving,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "connection lost at once");
        return;
    }
    let mut caller = caller;
    // the client's place among those of its address, once that is known
    let mut _member = None;
    if front.config().proxy_protocol && is_proxy(&front, &caller) {
        let said = Box::pin(timeout(front.config().head_time_max.0, proxied::read(&mut socket)));
        match serving.stop.hard.run_until_cancelled(said).await {
            Some(Ok(Ok(Origin::Client(client)))) => {
                caller.peer = client;
                let Some(place) = serving.member(client, &front) else {
                    front.meter().refuse_connection();
                    return;
                };
                _member = place;
            }
            Some(Ok(Ok(Origin::Proxy))) => {}
            Some(Ok(Err(wrong))) => {
                tracing::warn!(proxy = %caller.peer, %wrong, "a trusted proxy's connection is closed: it must begin with a PROXY header");
                return;
            }
            Some(Err(_)) => {
                tracing::warn!(proxy = %caller.peer, "a trusted proxy's connection is closed: its PROXY header took too long");
                return;
            }
            None => return,
        }
    }
    // each in a piece of memory of its own size: together they would have every idle connection take as much as the largest
    match speaks {
        Speaks::Plain => {
            Box::pin(one_by_one(socket, Door::new(front, caller, Turns::One, &serving), &serving)).await;
        }
        Speaks::Aside(pass) => {
            let door = Door::new(front.beside(pass), caller, Turns::One, &serving);
            Box::pin(one_by_one(socket, door, &serving)).await;
        }
        Speaks::Kin(door) => Box::pin(among_kin(socket, &door, caller, front, &serving)).await,
        Speaks::Tls(tls) => {
            let most = front.config().handshake_time_max.0;
            let shaking = Box::pin(timeout(most, tls.accept(socket)));
            let shaken = serving.stop.hard.run_until_cancelled(shaking).await;
            let caller = Caller { is_secure: true, ..caller };
            match shaken {
                Some(Ok(Ok((stream, Inside::Http1)))) => {
                    let door = Door::new(front, caller, Turns::One, &serving);
                    Box::pin(one_by_one(stream, door, &serving)).await;
                }
                Some(Ok(Ok((stream, Inside::Http2)))) => {
                    let door = Door::new(front, caller, Turns::Many, &serving);
                    Box::pin(many_at_once(stream, door, &serving)).await;
                }
                Some(Ok(Err(error))) => {
                    front.meter().fail_handshake();
                    tracing::debug!(peer = %caller.peer, %error, "handshake failed");
                }
                Some(Err(_)) => {
                    front.meter().fail_handshake();
                    tracing::debug!(peer = %caller.peer, "handshake took too long");
                }
                None => {}
            }
        }
    }
}

/// HTTP/1.1 with a host of the service. What it says of its client counts, not how it came itself.
async fn among_kin(socket: TcpStream, door: &trust::Door, caller: Caller, front: Front, serving: &Serving) {
    let most = front.config().handshake_time_max.0;
    let shaking = Box::pin(timeout(most, door.receive(socket)));
    match serving.stop.hard.run_until_cancelled(shaking).await {
        Some(Ok(Ok(stream))) => {
            let door = Door::new(front, caller, Turns::One, serving);
            Box::pin(one_by_one(stream, door, serving)).await;
        }
        Some(Ok(Err(error))) => {
            front.meter().fail_handshake();
            tracing::debug!(peer = %caller.peer, %error, "no host of the service");
        }
        Some(Err(_)) => front.meter().fail_handshake(),
        None => {}
    }
}

fn is_proxy(front: &Front, caller: &Caller) -> bool {
    front.config().trusted_proxies.contains(&caller.peer.to_canonical())
}

/// HTTP/1.1: one request after the other. While it is idle for long, a connection has no memory for reading and writing.
async fn one_by_one<S>(socket: S, door: Door, serving: &Serving)
where
    S: AsyncRead + AsyncWrite + Comes + Unpin + Send + 'static,
{
    let (watch, config) = (door.watch().clone(), door.front().config());
    let head_bytes_max = usize::try_from(config.head_bytes_max.0).unwrap_or(usize::MAX).max(8 << 10);
    let _listed = serving.rounds.join(watch.clone());
    let mut wire = Wire::new(socket, watch.clone());
    loop {
        // `pipeline_flush` stays off: with it hyper takes in an answer without bound when the client doesn't read
        let served = http1::Builder::new()
            .max_buf_size(head_bytes_max)
            .max_headers(config.headers_max)
            .half_close(false)
            .serve_connection(wire, door.clone())
            .with_upgrades();
        let mut served = Box::pin(served);
        if heeding(served.as_mut(), &watch, |served| served.graceful_shutdown()).await == Ended::Over {
            return;
        }
        let Some(parts) = Pin::into_inner(served).into_parts() else { return };
        wire = parts.io;
        wire.put_back(parts.read_buf);
        let comes = poll_fn(|cx| match watch.heed(cx) {
            Notice::None => wire.poll_comes(cx).map(|()| true),
            Notice::Finish | Notice::Cut => Poll::Ready(false),
        });
        if !comes.await {
            return wire.end();
        }
        watch.wakes();
    }
}

/// HTTP/2: many requests at once. A stop tells the client so, and lets what has come end.
async fn many_at_once<S>(socket: S, door: Door, serving: &Serving)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (watch, config) = (door.watch().clone(), door.front().config());
    let streams = Streams {
        tasks: serving.tasks.clone(),
        hard: serving.stop.hard.clone(),
        stall_max: config.write_stall_max.0,
    };
    let served = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.streams_max.max(1))
        .max_header_list_size(u32::try_from(config.head_bytes_max.0).unwrap_or(u32::MAX).max(8 << 10))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_BY_US_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIME_MAX)
        .serve_connection(Wire::new(socket, watch.clone()), door.clone());
    let _listed = serving.rounds.join(watch.clone());
    let served = std::pin::pin!(served);
    heeding(served, &watch, |served| {
        watch.end();
        served.graceful_shutdown();
    })
    .await;
}

/// How the serving of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// With the connection.
    Over,
    /// It is idle, and gives back what it needs for requests only.
    Resting,
}

/// Serves until the connection ends, is to be cut, or rests; asks it once to finish when it is time for that.
async fn heeding<C>(mut served: Pin<&mut C>, watch: &Watch, finish: impl Fn(Pin<&mut C>)) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut is_ending = false;
    poll_fn(|cx| {
        match watch.heed(cx) {
            Notice::None if watch.rests() => return Poll::Ready(Ended::Resting),
            Notice::None => {}
            Notice::Finish if is_ending => {}
            Notice::Finish => {
                is_ending = true;
                finish(served.as_mut());
            }
            Notice::Cut => return Poll::Ready(Ended::Over),
        }
        let ended = std::task::ready!(served.as_mut().poll(cx));
        note(watch, ended);
        Poll::Ready(Ended::Over)
    })
    .await
}

fn note(watch: &Watch, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(peer = %watch.peer(), %error, "connection ended");
    }
}
