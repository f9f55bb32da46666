//! A person's word that writes may be lost, carried through etcd to the keeper of the host that it is about.

use std::time::Duration;

use base::error::chain;
use cluster::{Cluster, Compare, Error, Layout, Txn};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// How often a host looks for one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// The reign whose last writes may be lost; of no other one.
    pub(crate) of: u64,
    /// When it was given, in milliseconds since 1970 UTC.
    pub(crate) asked: i64,
}

fn key(layout: &Layout, host: &str) -> String {
    format!("{}accept-loss/{host}", layout.prefix())
}

/// Puts it down, if nobody is primary and the reign is still the last one.
pub(crate) async fn put(
    cluster: &Cluster,
    layout: &Layout,
    host: &str,
    wish: Wish,
    sync_modified: u64,
) -> Result<(), Error> {
    let text = serde_json::to_string(&wish).expect("a document of ours is JSON");
    let txn = Txn::new()
        .when(Compare::absent(layout.leader()))
        .when(Compare::modified(layout.sync(), sync_modified))
        .put(key(layout, host), text);
    cluster.txn(&txn).await.map(drop)
}

/// Looks for one about this host for as long as it is run; each is told once and taken away.
pub(crate) async fn hear(cluster: Cluster, layout: Layout, host: String, tell: impl Fn(u64)) {
    let key = key(&layout, &host);
    loop {
        sleep(LOOK_EVERY).await;
        let found = match cluster.get(&key).await {
            Ok(read) => read.entry,
            // it is there when etcd is
            Err(_) => continue,
        };
        let Some(entry) = found else { continue };
        match serde_json::from_str::<Wish>(&entry.value) {
            Ok(wish) => {
                tracing::warn!(epoch = wish.of, "a person accepts that writes of this epoch may be lost");
                tell(wish.of);
            }
            Err(error) => tracing::warn!("a word about a loss is not understood: {error}"),
        }
        let taken = Txn::new().when(Compare::modified(&key, entry.modified)).delete(&key);
        if let Err(error) = cluster.txn(&taken).await {
            tracing::debug!("a word about a loss is told again: {}", chain(&error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_word_about_a_loss_reaches_its_host_once_and_only_where_nobody_leads() {
        let (cluster, layout) = (Cluster::memory(&cluster::memory::Memory::default()), Layout::new("drama"));
        cluster.txn(&Txn::new().put(layout.sync(), "{}")).await.expect("is put");
        let modified = cluster.get(&layout.sync()).await.expect("is there").entry.expect("is there").modified;
        let wish = Wish { of: 7, asked: 0 };
        put(&cluster, &layout, "10.9.0.1", wish, modified).await.expect("nobody leads");
        let (told, heard) = mpsc::channel();
        let hearing = hear(cluster.clone(), layout.clone(), "10.9.0.1".into(), move |of| {
            let _ = told.send(of);
        });
        assert!(tokio::time::timeout(LOOK_EVERY * 3, hearing).await.is_err());
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [7]);
        cluster.txn(&Txn::new().put(layout.leader(), "{}")).await.expect("is put");
        let refused = put(&cluster, &layout, "10.9.0.1", wish, modified).await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
}
