//! The accepting loop: connections in, answers out, and a stop that loses nothing.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::crowd::{Crowd, Member};
use crate::front::{Door, Front};
use crate::metrics::Going;
use crate::wire::{Verdict, Wire};

/// The words that end a service: another process has your sockets; finish what you do; let go of it.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Another process accepts on the same sockets from now on. Each answer is the last of its connection, so that clients
    /// leave by themselves; idle connections are closed after a while; what lasts goes on until `soft`, which says this too.
    pub leave: CancellationToken,
    /// No new work; what is in flight ends well.
    pub soft: CancellationToken,
    /// Now.
    pub(crate) hard: CancellationToken,
}

impl Default for Stop {
    fn default() -> Stop {
        let soft = CancellationToken::new();
        Stop { leave: soft.child_token(), soft, hard: CancellationToken::new() }
    }
}

impl Stop {
    /// A service that runs until told otherwise.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Waits until nothing is waited for any longer.
    pub async fn hurried(&self) {
        self.hard.cancelled().await;
    }
}

/// Longest time between two looks at a connection's marks.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(5);
/// How long we wait after the system could not give us a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a proxy's idle connections stay open in a stop. It may be sending a request on one at this moment, which only
/// we could answer; with its next try to connect it learns that nobody listens any more.
const PROXY_GRACE: Duration = Duration::from_secs(2);
/// How long idle connections stay open once another process has our sockets: a client that is busy gets its last answer in
/// this time and leaves by itself, and who has just connected gets its first. Closed at once, some of them would lose a
/// request that is on its way.
const LEAVING_GRACE: Duration = Duration::from_secs(2);
/// What a client gets when all connections are taken.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 66\r\n\
    Retry-After: 1\r\nConnection: close\r\n\r\n{\"status\":503,\"message\":\"Too many connections already.\",\"data\":{}}";

/// Serves until `stop.soft` is cancelled; then takes no more connections, closes those that are idle, and gives those
/// in flight `drain_time_max` to end. Long answers (realtime) must end by themselves on the same token.
///
/// At `stop.leave` it takes no more connections either, and answers on in those that are open: see [`Stop::leave`]. Plain
/// requests then have `drain_time_max` after the grace; event streams and websockets until `stop.soft`.
pub async fn serve(listener: TcpListener, front: Front, stop: Stop) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(front.config().connections_max.min(Semaphore::MAX_PERMITS)));
    let crowd = Arc::new(Crowd::default());
    let place = |peer| {
        let place = places.clone().try_acquire_owned().ok()?;
        let is_counted = front.connections_per_address_max() < usize::MAX
            && !front.config().trusted_proxies.contains(&IpAddr::to_canonical(&peer));
        let member = match is_counted {
            true => Some(crowd.join(peer, front.connections_per_address_max())?),
            false => None,
        };
        Some((place, member))
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.leave.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => match place(peer.ip()) {
                Some(place) => {
                    let counted = front.meter().connection();
                    let door = Door::new(front.clone(), peer.ip(), &tasks, &stop);
                    tasks.spawn(connection(socket, door, stop.clone(), (place, counted)));
                }
                None => {
                    front.meter().refuse_connection();
                    refuse(socket);
                }
            },
            Err(error) => pause(&error).await,
        }
    }
    drop(listener);
    tasks.close();
    if !stop.soft.is_cancelled() {
        tokio::select! {
            () = tasks.wait() => return,
            () = stop.soft.cancelled() => {}
        }
    }
    if timeout(front.config().drain_time_max.0, tasks.wait()).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "connections cut off: they took longer than drain_time_max"
        );
        stop.hard.cancel();
        tasks.wait().await;
    }
}

/// A connection's place among all, and among those of its address.
type Place = (OwnedSemaphorePermit, Option<Member>);

/// Tells a client that there is no place, without waiting for anything.
fn refuse(socket: TcpStream) {
    // a client that gets less than this short text is told by the closed connection alone
    let _ = socket.into_std().and_then(|mut socket| socket.write(FULL));
}

async fn pause(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused => {}
        _ => {
            tracing::warn!(%error, "can't accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

async fn connection(socket: TcpStream, door: Door, stop: Stop, _held: (Place, Going)) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "connection lost at once");
        return;
    }
    let (peer, watch, config) = (door.peer, door.watch.clone(), door.front.shared_config());
    let look_every = (config.head_time_max.0.min(config.write_stall_max.0).min(config.idle_time_max.0) / 2)
        .clamp(Duration::from_millis(10), LOOK_EVERY_MAX);
    // `pipeline_flush` stays off: with it hyper takes in an answer without bound when the client doesn't read
    let served = http1::Builder::new()
        .max_buf_size(usize::try_from(config.head_bytes_max.0).unwrap_or(usize::MAX).max(8 << 10))
        .max_headers(config.headers_max)
        .half_close(false)
        .serve_connection(Wire::new(socket, watch.clone()), door)
        .with_upgrades();
    tokio::pin!(served);
    let mut looks = tokio::time::interval(look_every);
    let mut is_stopping = false;
    let grace = match config.trusted_proxies.contains(&peer.to_canonical()) {
        true => PROXY_GRACE,
        false => Duration::ZERO,
    };
    let parting = async {
        stop.leave.cancelled().await;
        tokio::time::sleep(if stop.soft.is_cancelled() { grace } else { LEAVING_GRACE }).await;
    };
    let late = async {
        tokio::time::sleep(config.drain_time_max.0).await;
    };
    tokio::pin!(parting, late);
    let mut is_late = false;
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            () = stop.hard.cancelled() => return,
            () = parting.as_mut(), if !is_stopping => {
                is_stopping = true;
                served.as_mut().graceful_shutdown();
            }
            () = late.as_mut(), if is_stopping && !is_late => {
                is_late = true;
                if !stop.soft.is_cancelled() && !watch.lasts() {
                    tracing::warn!(%peer, "connection cut off: its request took longer than drain_time_max");
                    return;
                }
            }
            _ = looks.tick() => match watch.verdict(&config) {
                Verdict::Fine => {}
                Verdict::Idle => served.as_mut().graceful_shutdown(),
                Verdict::Stuck => return,
            }
        }
    }
}
