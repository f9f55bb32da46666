//! Who may answer reads while the primary is silent, asked of etcd each time: what was so a moment ago is no answer.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::moment::Moment;
use cluster::{Cluster, Layout, View};
use store::deputy::{Deputies, Naming};

use super::core::{self, Part, Vacant};
use super::reach::Eyes;
use crate::topology::core::{Role, Topology};

/// Asks etcd.
pub(crate) struct Asked {
    cluster: Cluster,
    layout: Layout,
    engine: store::Engine,
    /// The hosts with a database: this one, then those of its site, then the others.
    nearest: Vec<String>,
    lease: Duration,
    vacant: Mutex<Option<Vacant>>,
}

impl Asked {
    pub(crate) fn new(part: &Part, topology: &Topology, engine: &store::Engine, eyes: &Eyes) -> Asked {
        let mut nearest: Vec<(bool, bool, &str)> = topology
            .with(Role::Database)
            .map(|(site, host)| (host.address != part.host, site.name != part.site, host.address.as_str()))
            .collect();
        nearest.sort_by_key(|(is_other, is_away, _)| (*is_other, *is_away));
        Asked {
            cluster: eyes.cluster.clone(),
            layout: eyes.layout.clone(),
            engine: engine.clone(),
            nearest: nearest.into_iter().map(|(.., host)| host.to_owned()).collect(),
            lease: part.timers.lease,
            vacant: Mutex::default(),
        }
    }
}

impl Deputies for Asked {
    fn name(&self) -> Naming<'_> {
        Box::pin(async {
            let now = Moment::now();
            // a majority's answer, begun after this was asked
            let snapshot = self.cluster.range(self.layout.prefix()).await?;
            let view = View::read(&self.layout, snapshot, now);
            let mut vacant = self.vacant.lock().unwrap_or_else(PoisonError::into_inner);
            *vacant = core::vacant(&view, *vacant, now);
            let vacant_for = vacant.map(|vacant| vacant.lasts(now));
            Ok(core::deputies(&view, &self.nearest, &self.engine, vacant_for, self.lease))
        })
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("nearest", &self.nearest).finish_non_exhaustive()
    }
}
