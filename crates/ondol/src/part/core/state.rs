//! How a service on several hosts is, in words: one sentence, each host, and what would be lost now.

use std::collections::BTreeMap;

use base::moment::Moment;
use base::time::Timestamp;
use cluster::View;
use cluster::layout::{Engine, Member, Role};
use console::continuity::{Behind, Mirror};
use serde_json::{Value, json};

use super::Trail;
use crate::topology::core::{self as topology, Confirm, Host, Site, Topology};

/// What was seen of a service at one moment.
pub(crate) struct Seen<'a> {
    pub(crate) service: &'a str,
    pub(crate) topology: &'a Topology,
    pub(crate) view: &'a View,
    /// What etcd's members said, by host.
    pub(crate) voices: BTreeMap<String, Voice>,
    /// Whether the web hosts answer; else why not.
    pub(crate) web: BTreeMap<String, Result<(), String>>,
    /// Whether the balancers answer.
    pub(crate) fronts: BTreeMap<String, Result<(), String>>,
    /// Whether the hosts that cache do.
    pub(crate) caches: BTreeMap<String, Result<(), String>>,
    /// How the mirrors are.
    pub(crate) mirrors: Vec<Mirror>,
    /// What whoever looks has seen of the primary's positions lately, and when it is now.
    pub(crate) trail: Option<(&'a Trail, Moment)>,
}

/// What a member of etcd said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Leads,
    Follows,
    Silent(String),
}

/// How it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) sentence: String,
    /// What is not as it should be; none: all is well.
    pub(crate) faults: Vec<String>,
    /// The screen below the sentence.
    pub(crate) lines: Vec<String>,
    pub(crate) json: Value,
}

/// How it is.
pub(crate) fn state(seen: &Seen<'_>) -> State {
    let faults: Vec<String> = seen.alarms().iter().map(super::facts::sentence).collect();
    let sentence = sentence(seen, &faults);
    let mut lines: Vec<String> =
        seen.topology.hosts().map(|(site, host)| seen.host_line(site, host)).collect();
    lines.extend(seen.mirrors.iter().map(super::mirrors::line));
    let loss = loss(seen);
    lines.extend(loss.iter().cloned());
    lines.extend(last_reign(seen));
    lines.extend(faults.iter().map(|fault| format!("! {fault}")));
    let json = json(seen, &sentence, &faults, &loss);
    State { sentence, faults, lines, json }
}

impl Seen<'_> {
    /// The other hosts that have every write and are there.
    pub(super) fn heirs(&self) -> Vec<&str> {
        let leader = self.leader().map(|(leader, _)| leader);
        let eligible = self.view.sync.iter().flat_map(|sync| sync.what.eligible.iter());
        eligible
            .map(String::as_str)
            .filter(|host| Some(*host) != leader && self.member(host).is_some())
            .collect()
    }

    pub(super) fn member(&self, host: &str) -> Option<&Member> {
        self.view.members.get(host).map(|member| &member.what)
    }

    pub(super) fn leader(&self) -> Option<(&str, u64)> {
        self.view.leader.as_ref().map(|leader| (leader.what.host.as_str(), leader.what.epoch))
    }

    pub(super) fn is_eligible(&self, host: &str) -> bool {
        self.view.sync.as_ref().is_some_and(|sync| sync.what.eligible.contains(host))
    }

    pub(super) fn site_of(&self, host: &str) -> &str {
        self.topology.find(host).map_or("", |(site, _)| site.name.as_str())
    }

    /// How much of the log a host has not received: bytes, or transactions.
    pub(super) fn behind(&self, host: &str) -> Option<u64> {
        let (leader, _) = self.leader()?;
        let (primary, member) = (self.member(leader)?, self.member(host)?);
        Some(primary.received.offset.saturating_sub(member.received.offset))
    }

    /// The databases' kind.
    fn kind(&self) -> &'static str {
        if self.counts_transactions() { "MariaDB" } else { "PostgreSQL" }
    }

    /// MariaDB's positions are transactions, PostgreSQL's bytes.
    pub(super) fn counts_transactions(&self) -> bool {
        self.view.config.as_ref().is_some_and(|config| config.what.engine == Engine::MariaDb)
    }

    fn host_line(&self, site: &Site, host: &Host) -> String {
        let mut said = Vec::new();
        if host.is(topology::Role::Database) {
            said.push(self.database_words(&host.address));
        }
        said.extend(self.voices.get(&host.address).map(|voice| match voice {
            Voice::Leads => "etcd leads".to_owned(),
            Voice::Follows => "etcd".to_owned(),
            Voice::Silent(_) => "etcd does not answer".to_owned(),
        }));
        for (what, answers) in [("web", &self.web), ("cache", &self.caches), ("balancer", &self.fronts)] {
            said.extend(answers.get(&host.address).map(|answer| match answer {
                Ok(()) => format!("{what} answers"),
                Err(why) => format!("{what}: {why}"),
            }));
        }
        format!("{:<10} {:<15} {}", site.name, host.address, said.join(" · "))
    }

    fn database_words(&self, host: &str) -> String {
        let Some(member) = self.member(host) else { return "database: not heard of".to_owned() };
        if let Some(work) = &member.work {
            return work.clone();
        }
        let is_leader = self.leader().is_some_and(|(leader, _)| leader == host);
        let version = if member.version.is_empty() {
            String::new()
        } else {
            format!(", {} {}", self.kind(), member.version)
        };
        match member.role {
            Role::Primary if is_leader => format!("primary{version}"),
            Role::Primary => format!("takes writes though it is not the leader{version}"),
            Role::Stopped => "database stopped".to_owned(),
            Role::Replica => {
                let behind =
                    lacks(self.behind_of(host)).map_or_else(String::new, |what| format!(", {what} behind"));
                let may = if self.is_eligible(host) { ", has every write" } else { ", may lack writes" };
                format!("replica{behind}{may}{version}")
            }
        }
    }
}

fn sentence(seen: &Seen<'_>, faults: &[String]) -> String {
    let service = if seen.service.is_empty() { "The service" } else { seen.service };
    let Some((leader, epoch)) = seen.leader() else {
        return format!("{service} has no primary at the moment: {}.", why_none(seen));
    };
    let site = seen.site_of(leader);
    match faults.first() {
        None => {
            format!("{service} is well: {leader} of {site} is primary in epoch {epoch}, {}.", safety(seen))
        }
        Some(fault) => {
            let more = match faults.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            format!(
                "{service} goes on with {leader} of {site} as primary in epoch {epoch}, but {fault}{more}."
            )
        }
    }
}

fn safety(seen: &Seen<'_>) -> &'static str {
    match seen.topology.confirm {
        Confirm::Here => "and what it acknowledges is on its disk alone",
        Confirm::Site => "and every write is on two machines",
        Confirm::Abroad => "and every write is on two sites",
    }
}

fn why_none(seen: &Seen<'_>) -> String {
    let Some(sync) = seen.view.sync.as_ref().map(|sync| &sync.what) else {
        return "it has never had one; `ondol up` on the hosts with a database makes it".into();
    };
    if sync.eligible.is_empty() {
        return "its data were given to a mirror by a person, and no host may lead with what it has".into();
    }
    let (there, gone): (Vec<&str>, Vec<&str>) =
        sync.eligible.iter().map(String::as_str).partition(|host| seen.member(host).is_some());
    match there.is_empty() {
        false => format!("{} has every write and is about to take over", there.join(" or ")),
        true => format!(
            "only {} has every write, and is not heard of; if it never returns: `ondol takeover --accept-loss`",
            gone.join(" or ")
        ),
    }
}

/// What would be lost if the primary's host, or all of its site, vanished at this moment.
fn loss(seen: &Seen<'_>) -> Option<String> {
    let (leader, _) = seen.leader()?;
    let home = seen.site_of(leader);
    let heirs = seen.heirs();
    let abroad = heirs.iter().find(|host| seen.site_of(host) != home);
    let line = match (abroad, heirs.first()) {
        (Some(heir), _) => {
            format!(
                "if {home} vanished now: {heir} of {} takes over, nothing acknowledged is lost",
                seen.site_of(heir)
            )
        }
        (None, Some(heir)) => format!(
            "if {leader} vanished now: {heir} takes over, nothing acknowledged is lost; if all of {home} did: {}",
            tail(seen, leader)
        ),
        (None, None) => format!("if {home} vanished now: {}", tail(seen, leader)),
    };
    Some(line)
}

/// What the best of those lacks that have not confirmed everything.
fn tail(seen: &Seen<'_>, leader: &str) -> String {
    let home = seen.site_of(leader);
    let others = seen.topology.with(topology::Role::Database).filter(|(site, _)| site.name != home);
    let best = others.filter_map(|(_, host)| Some((seen.behind(&host.address)?, &host.address))).min();
    match best {
        Some((_, host)) => {
            let what = lacks(seen.behind_of(host)).unwrap_or_default();
            format!(
                "no takeover by itself; {host} lacks {what} of the log, which `ondol takeover --accept-loss` gives up"
            )
        }
        None => "no copy is left, and everything since the last backup is lost".into(),
    }
}

/// How much is lacked, as far as it is known: "4096 bytes (2 s, 7 writes)", "7 writes (2 s)".
fn lacks(behind: Behind) -> Option<String> {
    let Some(bytes) = behind.bytes else {
        let writes = behind.writes?;
        let time = behind.time.filter(|_| writes > 0).map(|time| format!(" ({} s)", time.as_secs()));
        return Some(format!("{writes} writes{}", time.unwrap_or_default()));
    };
    let time = behind.time.filter(|_| bytes > 0).map(|time| format!("{} s", time.as_secs()));
    let writes = behind.writes.filter(|_| bytes > 0).map(|writes| format!("{writes} writes"));
    let more: Vec<String> = [time, writes].into_iter().flatten().collect();
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
    Some(format!("{bytes} bytes{more}"))
}

fn last_reign(seen: &Seen<'_>) -> Option<String> {
    let (epoch, reign) = seen.view.history.last_key_value()?;
    Some(format!("epoch {epoch} began {}: {}", Timestamp(reign.at), reign.why))
}

fn json(seen: &Seen<'_>, sentence: &str, faults: &[String], loss: &Option<String>) -> Value {
    let host = |(site, host): (&Site, &Host)| {
        let member = seen.member(&host.address);
        json!({
            "host": host.address,
            "site": site.name,
            "roles": host.roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "database": member,
            "has_every_write": seen.is_eligible(&host.address),
            "behind_bytes": seen.behind_of(&host.address).bytes,
            "behind_seconds": seen.behind_of(&host.address).time.map(|time| time.as_secs()),
            "behind_writes": seen.behind_of(&host.address).writes,
            "etcd": seen.voices.get(&host.address).map(|voice| match voice {
                Voice::Leads => "leads",
                Voice::Follows => "follows",
                Voice::Silent(_) => "silent",
            }),
            "web_answers": seen.web.get(&host.address).map(Result::is_ok),
            "balancer_answers": seen.fronts.get(&host.address).map(Result::is_ok),
            "cache_answers": seen.caches.get(&host.address).map(Result::is_ok),
        })
    };
    json!({
        "state": match (seen.leader(), faults) {
            (None, _) => "down",
            (_, []) => "well",
            _ => "degraded",
        },
        "sentence": sentence,
        "service": seen.service,
        "primary": seen.leader().map(|(leader, _)| leader),
        "epoch": seen.leader().map(|(_, epoch)| epoch),
        "confirm": seen.topology.confirm.to_string(),
        "if_lost": loss,
        "faults": faults,
        "reigns": seen.facts().reigns.iter().map(|reign| {
            json!({ "epoch": reign.epoch, "host": reign.host, "began": reign.began, "why": reign.why })
        }).collect::<Vec<_>>(),
        "mirrors": seen.mirrors.iter().map(super::mirrors::json).collect::<Vec<_>>(),
        "hosts": seen.topology.hosts().map(host).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
