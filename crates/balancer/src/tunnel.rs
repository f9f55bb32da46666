//! A websocket: bytes both ways between a client and a backend that have both agreed to it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes that are on their way in one direction.
const BUFFER_BYTES: usize = 8 << 10;

/// Carries bytes until both sides have ended, one breaks off, nothing has come for `idle_max`, or the service stops.
pub(crate) async fn run(
    client: OnUpgrade,
    backend: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    idle_max: Duration,
    stop: CancellationToken,
) {
    let carried = stop.run_until_cancelled(carry(client, backend, idle_max)).await;
    if let Some(Err(error)) = carried {
        tracing::debug!(%error, "tunnel ended");
    }
}

async fn carry(
    client: OnUpgrade,
    (from_backend, to_backend): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    idle_max: Duration,
) -> Result<(), io::Error> {
    let client = TokioIo::new(client.await.map_err(io::Error::other)?);
    let (from_client, to_client) = tokio::io::split(client);
    let clock = Activity { began: Instant::now(), last_ms: AtomicU64::new(0) };
    tokio::select! {
        both = async { tokio::try_join!(clock.pump(from_client, to_backend), clock.pump(from_backend, to_client)) } => both.map(drop),
        () = clock.silence(idle_max) => Ok(()),
    }
}

/// When the last byte went through.
struct Activity {
    began: Instant,
    last_ms: AtomicU64,
}

impl Activity {
    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut buffer = [0; BUFFER_BYTES];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            to.write_all(&buffer[..count]).await?;
            to.flush().await?;
            self.last_ms.store(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
        }
    }

    /// Ends when nothing has gone through for so long.
    async fn silence(&self, longest: Duration) {
        loop {
            let until = self.began + Duration::from_millis(self.last_ms.load(Relaxed)) + longest;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}
