//! The guard's program: kills the database when its keeper ends, and only then gives the keeper's lease back, so that nobody has
//! to wait for its end.
//!
//! Invariant: a lease is given back here only after everything that it allowed is dead.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use base::moment::Moment;
use cluster::{Cluster, LeaseId};

/// How long it is tried to give the lease back; after that it has ended by itself.
const GIVE_BACK_TIME_MAX: Duration = Duration::from_secs(5);
/// Between two tries.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Watches over the database whose data are in `folder`, as `orders` say, until they end with the keeper. `agreement` is asked for
/// where hosts agree once there is something to give back.
pub fn run(folder: PathBuf, orders: impl Read + Send + 'static, agreement: impl FnOnce() -> Option<Cluster>) {
    let word = engine::guard::watch_over(folder, orders);
    let Some(lease) = word.and_then(|word| word.parse::<LeaseId>().ok()) else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        // made here: it may want a runtime
        let Some(cluster) = agreement() else { return };
        let end = Moment::now().after(GIVE_BACK_TIME_MAX);
        while cluster.revoke(lease).await.is_err() && !end.left().is_zero() {
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    });
}
