//! Where the primary is at the moment, for the connections of either driver.
//!
//! Where several agree on who is primary, the seat moves: all connections to where it was end at once, so that whoever
//! waits for an answer on one of them finds the outcome out at the new place.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Primary, Server};

/// The epoch of a server that nobody takes over.
const EPOCH: i64 = 1;

/// Where the primary is.
pub(crate) struct Seat {
    target: Mutex<Arc<Target>>,
    epoch: AtomicI64,
    /// Others say where the primary is.
    is_led: bool,
}

/// Where connections are made to at the moment.
pub(crate) struct Target {
    /// Host and port, or the socket; where nobody is primary, where it was last.
    pub(crate) name: Arc<str>,
    /// `None` while nobody is primary.
    pub(crate) address: Option<(String, u16)>,
    /// Cancelled once it is left.
    pub(crate) leaving: CancellationToken,
    /// Cancelled once it takes writes, or says otherwise why it will not do, where somebody has gone ahead to find that out.
    pub(crate) opened: CancellationToken,
}

impl Seat {
    /// At the server that was set up; until somebody says where the primary is, if they are to.
    pub(crate) fn new(server: &Server, name: String, config: &Config) -> Seat {
        let target = Target {
            name: name.into(),
            address: Some((server.host.clone(), server.port)),
            leaving: CancellationToken::new(),
            opened: CancellationToken::new(),
        };
        Seat {
            target: Mutex::new(Arc::new(target)),
            epoch: AtomicI64::new(EPOCH),
            is_led: config.primary.is_some(),
        }
    }

    /// Whether others say where the primary is.
    pub(crate) fn is_led(&self) -> bool {
        self.is_led
    }

    /// Whether they say that nobody is.
    pub(crate) fn is_led_by_nobody(&self) -> bool {
        self.is_led && self.locked().address.is_none()
    }

    /// Where connections are made to now.
    pub(crate) fn target(&self) -> Arc<Target> {
        Arc::clone(&*self.locked())
    }

    /// Host and port, or the socket.
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.locked().name)
    }

    /// The reign of the server that is connected to.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Moves to where the primary is now. Gives what is left: its connections are to end.
    pub(crate) fn move_to(&self, primary: &Primary) -> Arc<Target> {
        let address = primary.address.clone();
        let name =
            address.as_ref().map_or_else(|| self.name(), |(host, port)| format!("{host}:{port}").into());
        let target = Arc::new(Target {
            name,
            address,
            leaving: CancellationToken::new(),
            opened: CancellationToken::new(),
        });
        let left = std::mem::replace(&mut *self.locked(), target);
        self.epoch.store(primary.epoch, Ordering::Release);
        left
    }

    /// Returns once the place has been left that is the place now.
    pub(crate) async fn left(&self) {
        let leaving = self.locked().leaving.clone();
        leaving.cancelled().await;
    }

    fn locked(&self) -> MutexGuard<'_, Arc<Target>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has `go` go where the primary is at each change, until `closing`, until nobody can tell any more, or until it says no.
pub(crate) async fn follow(
    mut primary: watch::Receiver<Primary>,
    closing: CancellationToken,
    go: impl Fn(&Primary) -> bool,
) {
    while let Some(Ok(())) = closing.run_until_cancelled(primary.changed()).await {
        let now = primary.borrow_and_update().clone();
        tracing::info!(epoch = now.epoch, "the primary is {}", words(&now));
        if !go(&now) {
            return;
        }
    }
}

fn words(primary: &Primary) -> String {
    match &primary.address {
        Some((host, port)) => format!("at {host}:{port}; connections to where it was are dropped"),
        None => "not known; what is to be read or written waits".into(),
    }
}
