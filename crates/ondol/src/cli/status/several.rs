//! `ondol status` of a service on several hosts.

use std::collections::BTreeMap;

use base::error::chain;
use tokio_util::task::TaskTracker;

use super::{ANSWER_TIME_MAX, answer};
use crate::config::Config;
use crate::failure::Failure;
use crate::part::core::{self, Part, Seen, State, Voice};
use crate::part::reach::Eyes;
use crate::topology::core::{Role, Topology};

/// Looks at all hosts once.
pub(super) async fn look(config: &Config, topology: &Topology) -> Result<State, Failure> {
    let tasks = TaskTracker::new();
    let part = Part::outside(&config.service, topology);
    let eyes = Eyes::open(&part, &tasks);
    let (view, voices, web) = tokio::join!(eyes.seen(), voices(&eyes.cluster, &part), web(config, topology));
    Ok(core::state(&Seen { service: &config.service, topology, view: &view?, voices, web }))
}

async fn voices(cluster: &cluster::Cluster, part: &Part) -> BTreeMap<String, Voice> {
    let said = cluster.statuses().await;
    let voice = |status: Result<cluster::Status, cluster::Error>| match status {
        Ok(status) if status.leader == status.id => Voice::Leads,
        Ok(_) => Voice::Follows,
        Err(error) => Voice::Silent(chain(&error)),
    };
    part.voters.iter().cloned().zip(said.into_iter().map(voice)).collect()
}

async fn web(config: &Config, topology: &Topology) -> BTreeMap<String, Result<(), String>> {
    let mut answers = BTreeMap::new();
    for (site, host) in topology.with(Role::Web) {
        let part = Part::new(&config.service, topology, site, host);
        answers.insert(
            host.address.clone(),
            answer::ask(&part.asked(&config.listen), ANSWER_TIME_MAX, "ondol up").await,
        );
    }
    answers
}
