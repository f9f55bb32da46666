//! All that a host runs, started and stopped in order: etcd first and last, then the keeper, then the web service.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::Stop;

use super::core::Part;
use super::etcd::Member;
use super::keeping::{self, Ended};
use super::reach::Eyes;
use crate::config::Config;
use crate::failure::Failure;
use crate::house::House;

/// Pause before the web service is opened again after it could not be.
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A host's part that runs.
pub(crate) struct Running {
    config: Config,
    part: Part,
    tasks: TaskTracker,
    member: Option<Member>,
    keeping: Option<Ended>,
    keeper_stop: CancellationToken,
    eyes: Eyes,
}

impl Running {
    /// Starts what others need of this host.
    pub(crate) async fn start(config: Config, part: Part) -> Result<Running, Failure> {
        let tasks = TaskTracker::new();
        let member = match part.votes {
            true => Some(Member::start(&part, &config.store.dir).await?),
            false => None,
        };
        let eyes = Eyes::open(&part, &tasks);
        let keeper_stop = CancellationToken::new();
        let keeping = match &config.topology {
            Some(topology) if part.has_database => {
                Some(keeping::start(&config, topology, &part, keeper_stop.clone())?)
            }
            _ => None,
        };
        Ok(Running { config, part, tasks, member, keeping, keeper_stop, eyes })
    }

    /// Runs until `stop`, or until the keeper ends by itself; `greet` is called when the web service is ready.
    pub(crate) async fn run(self, stop: Stop, greet: impl Fn(&House)) -> Result<(), Failure> {
        let Running { config, part, tasks, member, keeping, keeper_stop, eyes } = self;
        let etcd_stop = CancellationToken::new();
        let etcd = member.map(|member| tasks.spawn(member.run(etcd_stop.clone())));
        let keeper = keeping.map(|ended| {
            let soft = stop.soft.clone();
            tasks.spawn(async move {
                let done = ended.await;
                // without its keeper this host is of no use: systemd begins it anew
                soft.cancel();
                done.unwrap_or_else(|_| {
                    Err(Failure::failed("the keeper broke off; its last words are in the log"))
                })
            })
        });
        if part.has_web {
            serve(config, &part, eyes, &stop, greet).await;
        }
        stop.soft.cancelled().await;
        keeper_stop.cancel();
        let kept = match keeper {
            Some(keeper) => keeper.await.unwrap_or(Ok(())),
            None => Ok(()),
        };
        etcd_stop.cancel();
        if let Some(etcd) = etcd {
            // what it could say has been logged
            let _ = etcd.await;
        }
        kept
    }
}

/// Serves once a primary is known, and until the stop.
async fn serve(config: Config, part: &Part, eyes: Eyes, stop: &Stop, greet: impl Fn(&House)) {
    let mut config = config;
    config.listen = part.listens(&config.listen);
    config.store.primary = Some(eyes.primary.clone());
    let opening = async {
        let mut primary = eyes.primary.clone();
        loop {
            // nobody to tell means that we are about to end
            let _ = primary.wait_for(|primary| primary.address.is_some()).await;
            match House::open(config.clone()).await {
                Ok(house) => return house,
                Err(failure) => {
                    tracing::warn!("the web service can't be opened yet: {}", failure.lines.join("; "))
                }
            }
            tokio::time::sleep(OPEN_AGAIN_AFTER).await;
        }
    };
    let Some(house) = stop.soft.run_until_cancelled(opening).await else { return };
    greet(&house);
    house.run(stop.clone()).await;
}
