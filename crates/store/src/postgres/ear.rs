//! The connection that listens for news of the log.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::postgres::place::Place;
use crate::postgres::wire::Wire;

/// News are told; that one looks without being told is for what is lost on the way.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Shortest time from one attempt to listen to the next.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The listening connection, if it is there.
pub(super) struct Ear {
    place: Arc<Place>,
    closing: CancellationToken,
    news: Arc<Notify>,
    hearing: Mutex<Hearing>,
}

#[derive(Default)]
struct Hearing {
    wire: Option<Wire>,
    tried: Option<Instant>,
}

impl Ear {
    pub(super) fn new(place: Arc<Place>, closing: CancellationToken) -> Ear {
        Ear { place, closing, news: Arc::default(), hearing: Mutex::default() }
    }

    /// Returns when there may be news.
    pub(super) async fn hear(&self) {
        let mut hearing = self.hearing.lock().await;
        let heard = self.closing.run_until_cancelled(self.wait(&mut hearing)).await;
        if heard.is_none() && hearing.wire.take().is_none() {
            // closed for good: whoever asks on must not be kept busy by it
            sleep(LOOK_EVERY).await;
        }
    }

    /// Takes what was told until now as heard.
    pub(super) fn forget(&self) {
        let _ = self.news.notified().now_or_never();
    }

    async fn wait(&self, hearing: &mut Hearing) {
        if hearing.wire.as_ref().is_some_and(Wire::is_live) {
            // no news is an answer too
            let _ = timeout(LOOK_EVERY, self.news.notified()).await;
            return;
        }
        hearing.wire = None;
        if let Some(tried) = hearing.tried {
            sleep_until(tried + LISTEN_AGAIN_AFTER).await;
        }
        hearing.tried = Some(Instant::now());
        match self.listen().await {
            // at once: there may have been news while nobody listened
            Ok(wire) => hearing.wire = Some(wire),
            Err(error) => tracing::debug!("can't listen for news: {}", base::error::chain(&error)),
        }
    }

    async fn listen(&self) -> Result<Wire, Error> {
        let made = self.place.connect().await?;
        let news = Arc::clone(&self.news);
        let wire = Wire::new(&self.place, made, move || news.notify_one());
        wire.within(self.place.read_time_max, wire.run("LISTEN ondol")).await?;
        Ok(wire)
    }
}
