//! The accepting loop: connections in, answers out, and a stop that loses nothing.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::connection;
use crate::crowd::{Crowd, Member};
use crate::front::{Caller, Front};
use crate::listener::{Listener, Speaks};
use crate::pacing::Pacing;
use crate::rounds::Rounds;

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

/// How long we wait after the system could not give us a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a client gets when all connections are taken.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 66\r\n\
    Retry-After: 1\r\nConnection: close\r\n\r\n{\"status\":503,\"message\":\"Too many connections already.\",\"data\":{}}";

/// What all connections of a service share.
#[derive(Clone)]
pub(crate) struct Serving {
    /// Connections, and requests that go on apart from theirs.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: Stop,
    pub(crate) rounds: Arc<Rounds>,
    places: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    pacing: Arc<Pacing>,
}

/// A connection's place among all, and among those of its address.
type Place = (OwnedSemaphorePermit, Option<Member>);

/// Serves on all listeners until `stop.soft` is cancelled; then takes no more connections, closes those that are idle, and
/// gives those in flight `drain_time_max` to end. Long answers (realtime) must end by themselves on the same token.
///
/// At `stop.leave` it takes no more connections either, and answers on in those that are open: see [`Stop::leave`]. Plain
/// requests then have `drain_time_max` after the grace; event streams and websockets until `stop.soft`.
pub async fn serve(listeners: Vec<Listener>, front: Front, stop: Stop) {
    let places = front.config().connections_max.min(Semaphore::MAX_PERMITS);
    let serving = Serving {
        tasks: TaskTracker::new(),
        stop,
        rounds: Arc::default(),
        places: Arc::new(Semaphore::new(places)),
        crowd: Arc::default(),
        pacing: Arc::new(Pacing::new(front.config().connections_per_second_max)),
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with us")]
    let _looking = AbortOnDropHandle::new(tokio::spawn({
        let (rounds, front, stop) = (serving.rounds.clone(), front.clone(), serving.stop.clone());
        async move { rounds.go(front.config(), &stop).await }
    }));
    let accepting = TaskTracker::new();
    for listener in listeners {
        accepting.spawn(accept(listener, front.clone(), serving.clone()));
    }
    accepting.close();
    accepting.wait().await;
    serving.tasks.close();
    if !serving.stop.soft.is_cancelled() {
        tokio::select! {
            () = serving.tasks.wait() => return,
            () = serving.stop.soft.cancelled() => {}
        }
    }
    if timeout(front.config().drain_time_max.0, serving.tasks.wait()).await.is_err() {
        tracing::warn!(
            connections = serving.tasks.len(),
            "connections cut off: they took longer than drain_time_max"
        );
        serving.stop.hard.cancel();
        serving.tasks.wait().await;
    }
}

/// Takes connections until the stop; with its end the socket is closed.
async fn accept(listener: Listener, front: Front, serving: Serving) {
    let Listener { socket: listener, speaks } = listener;
    loop {
        let accepted = tokio::select! {
            biased;
            () = serving.stop.leave.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => match serving.place(peer.ip(), &front) {
                Some(place) => {
                    let counted = front.meter().connection();
                    let served = connection::serve(
                        socket,
                        speaks.clone(),
                        Caller::from(peer.ip()),
                        front.clone(),
                        serving.clone(),
                    );
                    serving.tasks.spawn(async move {
                        let _held = (place, counted);
                        served.await;
                    });
                }
                None => {
                    front.meter().refuse_connection();
                    // who waits for a handshake is told by the closed connection alone
                    if !matches!(speaks, Speaks::Tls(_) | Speaks::Kin(_)) {
                        refuse(socket);
                    }
                }
            },
            Err(error) => {
                pause(&error).await;
                continue;
            }
        }
        if let Some(until) = serving.pacing.count(Instant::now()) {
            // at a stop, those who wait are another's
            serving.stop.leave.run_until_cancelled(sleep_until(until)).await;
        }
    }
}

impl Serving {
    fn place(&self, peer: IpAddr, front: &Front) -> Option<Place> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some((place, self.member(peer, front)?))
    }

    /// A place among the connections of an address; `None` within where those are not counted.
    pub(crate) fn member(&self, peer: IpAddr, front: &Front) -> Option<Option<Member>> {
        let is_counted = front.connections_per_address_max() < usize::MAX
            && !front.config().trusted_proxies.contains(&IpAddr::to_canonical(&peer));
        match is_counted {
            true => self.crowd.join(peer, front.connections_per_address_max()).map(Some),
            false => Some(None),
        }
    }
}

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
