//! The topology in words, and what each loss would cost.

use std::time::Duration;

use super::{Confirm, GO_ON_AFTER, Host, Lost, Outcome, Reads, Role, Site, Topology, Without, Writes};

/// What a takeover and a wait take, for the sentences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the loss of a machine or a site to the first write elsewhere.
    pub(crate) takeover: Duration,
    /// After which `without = "go on"` goes on.
    pub(crate) go_on_after: Duration,
}

/// The topology, then each loss; one sentence or host a line.
pub(crate) fn words(topology: &Topology, times: Times) -> Vec<String> {
    let mut lines: Vec<String> = topology.sites.iter().map(site_line).collect();
    if let Some((site, host)) = topology.leads() {
        lines.push(format!("primary at first: {} of {}", host.address, site.name));
    }
    lines.extend(topology.with(Role::Replica).map(|(site, host)| {
        format!(
            "{} of {} stays a replica: it confirms writes where it is the only one that can, and never becomes primary, not even \
             by `ondol takeover`; while it alone has every write, a loss of the primary stops the service until that is back",
            host.address, site.name
        )
    }));
    lines.push(confirm_line(topology, times));
    if topology.reads == Reads::Replica {
        lines.push(
            "while the primary does not answer, reads are answered by a replica that has everything that anybody was shown, with a mark; \
             while none is known to, they wait"
                .into(),
        );
    }
    for (site, host) in topology.hosts() {
        let what = format!("if {}'s {} goes", site.name, host.address);
        lines.push(format!("{what}: {}", outcome(topology, topology.outcome(Lost::Host(host)), times)));
    }
    for site in topology.sites.iter().filter(|site| site.hosts.len() > 1) {
        let what = format!("if all of {} goes", site.name);
        lines.push(format!("{what}: {}", outcome(topology, topology.outcome(Lost::Site(site)), times)));
    }
    lines
}

fn site_line(site: &Site) -> String {
    let host = |host: &Host| {
        let is_told = |role: &&Role| **role != Role::Database || !host.is(Role::Replica);
        let roles: Vec<String> = host.roles.iter().filter(is_told).map(ToString::to_string).collect();
        format!("{} {}", host.address, roles.join(" and "))
    };
    format!("{}: {}", site.name, site.hosts.iter().map(host).collect::<Vec<_>>().join(", "))
}

fn confirm_line(topology: &Topology, times: Times) -> String {
    let counts = match topology.confirm {
        Confirm::Here => return "a write counts once it is on the primary's disk".into(),
        Confirm::Site => "a write counts once it is on the disks of two machines of one site",
        Confirm::Abroad => "a write counts once it is on the disks of two sites",
    };
    match topology.without {
        Without::Block => format!("{counts}; without the second, writes wait"),
        Without::GoOn => {
            let after = times.go_on_after.as_secs();
            format!("{counts}; without the second, writes wait {after} s and then go on, with an alarm")
        }
    }
}

fn outcome(topology: &Topology, outcome: Outcome<'_>, times: Times) -> String {
    let mut said = vec![writes(topology, outcome.writes, times)];
    let (left, of) = outcome.web;
    if of > 0 && left == 0 {
        said.push("no web host is left to answer".into());
    } else if left < of {
        said.push(format!("{left} of {of} web hosts answer"));
    }
    let (left, of) = outcome.balancers;
    if of > 0 && left == 0 {
        said.push("no balancer is left: visitors reach nobody".into());
    } else if left < of {
        said.push(format!("{left} of {of} balancers answer: visitors of the others are served where the service's name leads to both"));
    }
    if let Some(site) = outcome.uncached {
        said.push(format!(
            "the web hosts of {} read from the database what was cached, nothing is lost",
            site.name
        ));
    }
    if outcome.is_last_voice && !matches!(outcome.writes, Writes::Stop | Writes::Barred(_) | Writes::Gone) {
        said.push("a second loss before it is back would stop all writes".into());
    }
    said.join("; ")
}

fn writes(topology: &Topology, writes: Writes<'_>, times: Times) -> String {
    let seconds = times.takeover.as_secs();
    match writes {
        Writes::GoOn if topology.confirm == Confirm::Here => "writes go on".into(),
        Writes::GoOn => "writes go on, nothing is lost".into(),
        Writes::Move(site, host, is_followed) => {
            let then = match topology.without {
                Without::Block if !is_followed => ", but writes wait until a second machine is there again",
                _ => "",
            };
            format!(
                "takeover to {} ({}) in about {seconds} s, nothing acknowledged is lost{then}",
                site.name, host.address
            )
        }
        Writes::Wait(Without::Block, _) => {
            "writes wait until it is back, nothing is lost; reads go on".into()
        }
        Writes::Wait(Without::GoOn, Some(also)) => format!(
            "writes wait {} s and then go on with {}; from then to its return the loss of all of their site would lose writes",
            times.go_on_after.as_secs(),
            also.address
        ),
        Writes::Wait(Without::GoOn, None) => format!(
            "writes wait {} s and then go on; from then to its return the loss of the primary too would lose writes",
            times.go_on_after.as_secs()
        ),
        Writes::AskLoss(site, host) => format!(
            "no takeover by itself, since {} ({}) may lack the last moments' writes; `ondol takeover --accept-loss` gives \
             them up",
            site.name, host.address
        ),
        Writes::Stop => {
            "too few hosts are left to agree on a primary: writes stop until some are back, nothing is lost"
                .into()
        }
        Writes::Barred(host) => format!(
            "only {} is left, which stays a replica: all stops until another database is back, or until the file says \
             `database` of it",
            host.address
        ),
        Writes::Gone => "no database is left: all stops until one is back".into(),
    }
}

impl Default for Times {
    fn default() -> Times {
        Times { takeover: Duration::from_secs(4), go_on_after: GO_ON_AFTER }
    }
}
