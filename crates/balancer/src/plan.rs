//! What the settings come to: each route with the desk, the root or the address that it leads to.
//!
//! It is made anew at each reload and swapped whole: a request keeps the plan under which it came in to its last byte.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::{self, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use web::crowd::{Crowd, Member};

use crate::config::{self, Config, Goal, Uploads};
use crate::core::queue::Priority;
use crate::core::routes::{Ambiguous, Pattern, Routes};
use crate::desk::Desk;
use crate::error::Error;
use crate::files::Root;
use crate::redirect::Redirect;

/// The desks, by the names of their pools; that of `backends` has the empty name.
pub(crate) type Desks = BTreeMap<String, Arc<Desk>>;

/// The settings, and what they come to.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    routes: Routes<Arc<Route>>,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    /// What it is called in the metrics and the log; `None` of what no route takes.
    pub(crate) name: Option<Arc<str>>,
    /// Under which `[[web.rates]]` limits how often one address may ask.
    pub(crate) label: String,
    pub(crate) target: Target,
    pub(crate) priority: Priority,
    pub(crate) is_compressed: bool,
    pub(crate) uploads: Uploads,
    pub(crate) body_bytes_max: Option<u64>,
    pub(crate) orders: Option<Orders>,
    room: Option<Arc<Semaphore>>,
    crowd: Option<(Arc<Crowd>, usize)>,
}

/// Where a route leads.
#[derive(Debug)]
pub(crate) enum Target {
    /// Into this process.
    Local,
    /// To the servers of a desk.
    Pool(Arc<Desk>),
    /// To the files of a root, in the folder `below`; the route's own path is so long, without a `/` at its end.
    Files { root: Arc<Root>, below: String, path_length: usize },
    /// Elsewhere.
    Redirect(Redirect),
}

/// What an answer may order to be sent in its stead.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) roots: Vec<Arc<Root>>,
    pub(crate) pools: Vec<(String, Arc<Desk>)>,
}

/// A request's place on its route; given back when dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    _permit: Option<OwnedSemaphorePermit>,
    _member: Option<Member>,
}

impl Plan {
    /// What can't be found is not in the plan: `Config::check` has told of it.
    pub(crate) fn new(config: Config, desks: &Desks) -> Plan {
        let roots: BTreeMap<&str, Arc<Root>> = config
            .roots
            .iter()
            .map(|(name, path)| (name.as_str(), Arc::new(Root::new(name, path))))
            .collect();
        let main = || match config.backends.is_empty() {
            true => Some(Target::Local),
            false => desks.get("").cloned().map(Target::Pool),
        };
        let all = config.routes.iter().filter_map(|route| {
            let target = match route.goal() {
                Goal::Usual => main(),
                Goal::Local => Some(Target::Local),
                Goal::Pool(name) => desks.get(name).cloned().map(Target::Pool),
                Goal::Files(folder) => {
                    let (name, below) = folder.split_once('/').unwrap_or((folder, ""));
                    let files = |root: &Arc<Root>| Target::Files {
                        root: root.clone(),
                        below: below.trim_end_matches('/').to_owned(),
                        path_length: route.path.trim_end_matches('/').len(),
                    };
                    roots.get(name).map(files)
                }
                Goal::Redirect(target) => Some(Target::Redirect(Redirect::new(target, route))),
            };
            Some((
                Pattern::new(&route.host, &route.path),
                Arc::new(Route::new(route, target?, &roots, desks)),
            ))
        });
        let usual = Route {
            name: None,
            label: String::new(),
            target: main().unwrap_or(Target::Local),
            priority: Priority::Normal,
            is_compressed: false,
            uploads: Uploads::Flow,
            body_bytes_max: None,
            orders: None,
            room: None,
            crowd: None,
        };
        let routes = Routes::new(all.collect(), Arc::new(usual));
        Plan { config, routes }
    }

    /// The route of a request.
    pub(crate) fn route(&self, uri: &Uri, headers: &HeaderMap) -> Result<&Arc<Route>, Error> {
        if let Some(only) = self.routes.only() {
            return Ok(only);
        }
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = named.or_else(|| uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
        let found = self.routes.find(host, uri.path());
        found.map_err(|Ambiguous| Error::Ambiguous("The request's address can be read in two ways."))
    }
}

impl Route {
    fn new(
        written: &config::Route,
        target: Target,
        roots: &BTreeMap<&str, Arc<Root>>,
        desks: &Desks,
    ) -> Route {
        let title = written.title();
        let orders = Orders {
            roots: written
                .reproxy_roots
                .iter()
                .filter_map(|name| roots.get(name.as_str()).cloned())
                .collect(),
            pools: written
                .reproxy_pools
                .iter()
                .filter_map(|name| Some((name.clone(), desks.get(name)?.clone())))
                .collect(),
        };
        let has_orders = !orders.roots.is_empty() || !orders.pools.is_empty();
        let room = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let crowd = |most: usize| (Arc::<Crowd>::default(), most);
        Route {
            label: format!("{title}:request"),
            name: Some(title.into()),
            is_compressed: written.compress.unwrap_or(matches!(target, Target::Files { .. })),
            target,
            priority: if written.priority { Priority::High } else { Priority::Normal },
            uploads: written.uploads,
            body_bytes_max: written.body_bytes_max.map(|most| most.0),
            orders: has_orders.then_some(orders),
            room: (written.requests_max > 0).then(|| room(written.requests_max)),
            crowd: (written.requests_per_address_max > 0).then(|| crowd(written.requests_per_address_max)),
        }
    }

    /// Takes a place on the route; `None` where it has no limit.
    pub(crate) fn enter(&self, address: IpAddr) -> Result<Option<Entry>, Error> {
        if self.room.is_none() && self.crowd.is_none() {
            return Ok(None);
        }
        let member = match &self.crowd {
            Some((crowd, most)) => Some(crowd.join(address, *most).ok_or(Error::Many)?),
            None => None,
        };
        let permit = match &self.room {
            Some(room) => Some(room.clone().try_acquire_owned().map_err(|_| Error::Crowded)?),
            None => None,
        };
        Ok(Some(Entry { _permit: permit, _member: member }))
    }
}
