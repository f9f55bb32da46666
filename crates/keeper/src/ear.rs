//! What happens in the store, as it is heard.

use cluster::{Cluster, Event};
use tokio::time::sleep;

use crate::config::Limits;

/// Hears what happens to the keys under a prefix, for ever. Where hearing begins, at first and anew, `hear` is given nothing:
/// what was before is not known by it.
pub(crate) async fn listen(cluster: &Cluster, prefix: &str, limits: Limits, mut hear: impl FnMut(&[Event])) {
    loop {
        if let Ok(read) = cluster.range(prefix).await {
            let mut watch = cluster.watch(prefix, read.revision + 1);
            hear(&[]);
            while let Ok(events) = watch.next().await {
                hear(&events);
            }
        }
        sleep(limits.failure_rest).await;
    }
}
