//! The service as the other verbs reach it from any host: who is primary is asked of etcd.

pub(crate) mod answer;
pub(crate) mod gather;
pub(crate) mod http;

use std::time::Duration;

use cluster::{Cluster, Layout, View};
use store::Primary;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::core::Part;
use super::keys::Keys;
use super::lead;
use crate::config::Config;
use crate::failure::Failure;

/// How often the view of who is what is proved anew.
pub(crate) const PROVED_EVERY: Duration = Duration::from_millis(500);
/// How often a first view is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a verb waits for somebody to say who is primary.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Who is what, followed.
#[derive(Clone)]
pub(crate) struct Eyes {
    pub(crate) cluster: Cluster,
    pub(crate) layout: Layout,
    pub(crate) view: watch::Receiver<View>,
    /// For the store.
    pub(crate) primary: watch::Receiver<Primary>,
}

impl Eyes {
    /// Follows until the tracker's tasks are ended with their runtime.
    pub(crate) fn open(part: &Part, keys: &Keys, tasks: &TaskTracker) -> Eyes {
        let tls = Some(keys.tls.clone());
        let cluster = Cluster::etcd(cluster::Config { tls, ..cluster::Config::new(part.endpoints()) });
        let layout = Layout::new(&part.service);
        let (seen, view) = watch::channel(View::default());
        let (told, primary) = watch::channel(Primary::default());
        tasks.spawn(cluster::follow(cluster.clone(), layout.clone(), PROVED_EVERY, seen));
        tasks.spawn(lead::tell(view.clone(), part.timers.lease, told));
        Eyes { cluster, layout, view, primary }
    }

    /// Waits for a view, for a bounded time.
    pub(crate) async fn seen(&self) -> Result<View, Failure> {
        let seen = async {
            // nobody is woken for a view of nothing
            while self.view.borrow().proved_at.is_none() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(ANSWER_TIME_MAX, seen).await {
            Ok(()) => Ok(self.view.borrow().clone()),
            Err(_) => Err(unheard()),
        }
    }
}

/// Lets a verb's store find the primary, where the file names several hosts.
pub(crate) async fn find_primary(config: &mut Config) -> Result<(), Failure> {
    let Some(topology) = &config.topology else { return Ok(()) };
    let (keys, tasks) = (Keys::of(config, None)?, TaskTracker::new());
    let mut eyes = Eyes::open(&Part::outside(&config.service, topology), &keys, &tasks);
    keys.equip(config);
    config.store.primary = Some(eyes.primary.clone());
    let known = eyes.primary.wait_for(|primary| primary.address.is_some());
    match tokio::time::timeout(ANSWER_TIME_MAX, known).await {
        Ok(Ok(_)) => Ok(()),
        _ if eyes.view.borrow().proved_at.is_none() => Err(unheard()),
        _ => Err(Failure::failed("no host is primary at the moment; `ondol status` says why")),
    }
}

fn unheard() -> Failure {
    Failure::failed(format!(
        "no majority of the hosts that have a voice answers within {} s; see that `ondol up` runs on them, and that `service` and \
         [database] secret are the same there",
        ANSWER_TIME_MAX.as_secs()
    ))
}
