//! The end of a server that was told to end.

use std::path::Path;

use base::moment::Moment;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::fence::LOOK_EVERY;
use crate::inhabitant;
use crate::program::Process;

/// What is done until it has ended; [`Error::Slow`] at the deadline.
pub(crate) async fn by<T>(
    deadline: Moment,
    stop: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let limit = deadline.left();
    let slow = |_| Error::Slow { what: "stopping the database server".to_owned(), limit };
    timeout(limit, stop).await.map_err(slow)?
}

/// Until it is there no more, nor anybody else who works in its data: its children end with it, or a moment later.
pub(crate) async fn gone(process: &Process, data: &Path) {
    process.ended().await;
    while !inhabitant::of(data).is_empty() {
        sleep(LOOK_EVERY).await;
    }
}
