//! How all hosts are at one moment: asked of each of them, all at once.

use std::collections::BTreeMap;
use std::time::Duration;

use base::error::chain;
use cluster::{Cluster, View};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Eyes, answer, http};
use crate::config::Config;
use crate::failure::Failure;
use crate::part::core::{self, Part, Voice};
use crate::part::keys::Keys;
use crate::topology::core::{Host, Role, Site, Topology};

type Answers = BTreeMap<String, Result<(), String>>;

/// What was asked of the hosts.
pub(crate) struct Gathered {
    pub(crate) view: View,
    pub(crate) voices: BTreeMap<String, Voice>,
    pub(crate) web: Answers,
    pub(crate) fronts: Answers,
    pub(crate) caches: Answers,
}

/// Asks all of them; nobody is waited for longer than `time`.
pub(crate) async fn gather(
    config: &Config,
    topology: &Topology,
    keys: &Keys,
    eyes: &Eyes,
    time: Duration,
) -> Result<Gathered, Failure> {
    let part = Part::outside(&config.service, topology);
    let (view, voices, web, fronts, caches) = tokio::join!(
        eyes.seen(),
        voices(&eyes.cluster, &part),
        answers(config, topology, keys, Role::Web, time),
        answers(config, topology, keys, Role::Balancer, time),
        caches(topology, keys, time)
    );
    Ok(Gathered { view: view?, voices, web, fronts, caches })
}

async fn voices(cluster: &Cluster, part: &Part) -> BTreeMap<String, Voice> {
    let mut said: BTreeMap<String, Result<cluster::Status, cluster::Error>> =
        cluster.members().into_iter().zip(cluster.statuses().await).collect();
    let voice = |voter: &String| {
        let voice = match said.remove(&core::at(voter, core::CLIENT_PORT)) {
            Some(Ok(status)) if status.leader == status.id => Voice::Leads,
            Some(Ok(_)) => Voice::Follows,
            Some(Err(error)) => Voice::Silent(chain(&error)),
            None => Voice::Silent("it was not asked".to_owned()),
        };
        (voter.clone(), voice)
    };
    part.voters.iter().map(voice).collect()
}

/// Whether the web hosts answer, or the balancers.
async fn answers(config: &Config, topology: &Topology, keys: &Keys, role: Role, time: Duration) -> Answers {
    let ask = async |(site, host): (&Site, &Host)| {
        let part = Part::new(&config.service, topology, site, host);
        let address = match role {
            Role::Balancer => part.front(&config.listen),
            _ => part.asked(&config.listen),
        };
        let tls = (role == Role::Web && !part.balancers.is_empty()).then_some(&keys.tls);
        (host.address.clone(), answer::ask_among(tls, &address, time, "ondol up").await)
    };
    join_all(topology.with(role).map(ask)).await.into_iter().collect()
}

/// Whether the hosts that cache let us in.
async fn caches(topology: &Topology, keys: &Keys, time: Duration) -> Answers {
    let ask = async |(_, host): (&Site, &Host)| {
        let address = core::at(&host.address, core::CACHE_PORT);
        let answer = match timeout(time, http::reach(&keys.tls, &address)).await {
            Ok(reached) => reached.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it does not answer within {} s", time.as_secs())),
        };
        (host.address.clone(), answer)
    };
    join_all(topology.with(Role::Cache).map(ask)).await.into_iter().collect()
}
