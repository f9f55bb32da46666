//! How a service on several hosts is, as facts: what the console shows, and what `ondol status` makes its sentences of.

use base::time::Timestamp;
use cluster::layout::{Member, Role};
use console::continuity::{
    Alarm, Behind, Database, Does, Host as HostState, Loss, Primary, Reign, Site as SiteState, State, Voice,
};

use super::state::{self, Seen};
use crate::topology::core::{self as topology, Confirm, Host, Site};

/// Reigns that are shown.
const REIGNS_MAX: usize = 10;

impl Seen<'_> {
    /// All of it.
    pub(crate) fn facts(&self) -> State {
        let site = |site: &Site| SiteState {
            name: site.name.clone(),
            hosts: site.hosts.iter().map(|host| self.host(host)).collect(),
        };
        State {
            primary: self.leader().map(|(host, epoch)| Primary {
                host: host.to_owned(),
                site: self.site_of(host).to_owned(),
                epoch,
            }),
            sites: self.topology.sites.iter().map(site).collect(),
            mirrors: self.mirrors.clone(),
            loss: self.loss(),
            reigns: self.reigns(),
            alarms: self.alarms(),
        }
    }

    fn host(&self, host: &Host) -> HostState {
        HostState {
            address: host.address.clone(),
            roles: host.roles.iter().map(ToString::to_string).collect(),
            database: host.is(topology::Role::Database).then(|| self.database(&host.address)),
            etcd: self.voices.get(&host.address).map(|voice| match voice {
                state::Voice::Leads => Voice::Leads,
                state::Voice::Follows => Voice::Follows,
                state::Voice::Silent(_) => Voice::Silent,
            }),
        }
    }

    fn database(&self, host: &str) -> Database {
        let Some(member) = self.member(host) else { return Database::default() };
        let leads = self.leader().is_some_and(|(leader, _)| leader == host);
        Database {
            does: match member.role {
                Role::Primary if leads => Does::Leads,
                Role::Primary => Does::LeadsUncalled,
                Role::Replica => Does::Follows,
                Role::Stopped => Does::Stopped,
            },
            has_every_write: self.is_eligible(host),
            behind: if member.role == Role::Replica { self.behind_of(host) } else { Behind::default() },
            version: member.version.clone(),
            work: member.work.clone(),
        }
    }

    /// What a host lacks, as far as it is known: the time and the writes only to who has looked on for a while.
    pub(crate) fn behind_of(&self, host: &str) -> Behind {
        let lacks = self.behind(host);
        let received = self.member(host).map(|member: &Member| member.received.offset);
        let behind = match (self.trail, received) {
            (Some((trail, now)), Some(received)) => trail.behind(now, received),
            _ => Behind::default(),
        };
        if self.counts_transactions() {
            Behind { bytes: None, writes: lacks, ..behind }
        } else {
            Behind { bytes: lacks, ..behind }
        }
    }

    fn loss(&self) -> Option<Loss> {
        let (leader, _) = self.leader()?;
        let home = self.site_of(leader);
        let heirs = self.heirs();
        let abroad = heirs.iter().find(|host| self.site_of(host) != home);
        let heir = abroad.or(heirs.first()).map(|host| ((*host).to_owned(), self.site_of(host).to_owned()));
        let others = self.topology.with(topology::Role::Database).filter(|(site, _)| site.name != home);
        let best = others
            .filter_map(|(_, host)| Some((self.behind(&host.address)?, &host.address)))
            .min()
            .map(|(_, host)| (host.clone(), self.behind_of(host)));
        Some(Loss {
            host: leader.to_owned(),
            site: home.to_owned(),
            best: if abroad.is_some() { None } else { best },
            heir,
        })
    }

    fn reigns(&self) -> Vec<Reign> {
        let newest = self.view.history.iter().rev().take(REIGNS_MAX);
        let reign = |(epoch, reign): (&u64, &cluster::layout::History)| Reign {
            epoch: *epoch,
            host: reign.host.clone(),
            why: reign.why.clone(),
            began: Timestamp(reign.at).to_string().replacen(' ', "T", 1),
        };
        newest.map(reign).collect()
    }

    /// What is not as it should be, the worst first.
    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        if self.leader().is_none() {
            alarms.push(Alarm::NoPrimary);
        }
        if self.view.sync.as_ref().is_some_and(|sync| sync.what.eligible.is_empty()) {
            alarms.push(Alarm::GivenAway);
        }
        for (site, host) in self.topology.with(topology::Role::Database) {
            let host = host.address.clone();
            let Some(member) = self.member(&host) else {
                alarms.push(Alarm::Unheard { host, site: site.name.clone() });
                continue;
            };
            if let Some(what) = member.work.clone() {
                alarms.push(Alarm::AtWork { host: host.clone(), what });
            } else if !member.is_healthy {
                alarms.push(Alarm::Unfit { host: host.clone(), why: None });
            } else if let Some(why) = member.unfit.clone() {
                alarms.push(Alarm::Unfit { host: host.clone(), why: Some(why) });
            }
            let trouble = |what: &String| Alarm::Trouble { host: host.clone(), what: what.clone() };
            alarms.extend(member.troubles.iter().map(trouble));
        }
        if self.leader().is_some() && self.topology.confirm != Confirm::Here && self.heirs().is_empty() {
            alarms.push(Alarm::NoHeir);
        }
        alarms.extend(self.mirrors.iter().filter_map(super::mirrors::alarm));
        for (host, voice) in &self.voices {
            if let state::Voice::Silent(why) = voice {
                alarms.push(Alarm::EtcdSilent { host: host.clone(), why: why.clone() });
            }
        }
        for (role, answers) in [("web", &self.web), ("balancer", &self.fronts), ("cache", &self.caches)] {
            let silent = |(host, answer): (&String, &Result<(), String>)| {
                let why = answer.as_ref().err()?.clone();
                Some(Alarm::Silent { role, host: host.clone(), why })
            };
            alarms.extend(answers.iter().filter_map(silent));
        }
        alarms
    }
}

/// An alarm in the command's words.
pub(crate) fn sentence(alarm: &Alarm) -> String {
    match alarm {
        Alarm::NoPrimary => "nobody is primary".to_owned(),
        Alarm::Unheard { host, site } => format!("the database of {host} ({site}) is not heard of"),
        Alarm::AtWork { host, what } => format!("{host} is at work: {what}"),
        Alarm::Unfit { host, why: None } => format!("the database of {host} may not take over"),
        Alarm::Unfit { host, why: Some(why) } => format!("{host} would not take over: {why}"),
        Alarm::Trouble { host, what } => format!("{host}: {what}"),
        Alarm::Mirror { name, what } => super::mirrors::sentence(name, what),
        Alarm::GivenAway => "the data were given to a mirror, and no host may lead".to_owned(),
        Alarm::NoHeir => {
            "no other host has every write, so that none could take over without a loss".to_owned()
        }
        Alarm::EtcdSilent { host, why } => format!("etcd on {host} does not answer ({why})"),
        Alarm::Silent { role: "web", host, why } => {
            format!("the web service on {host} does not answer: {why}")
        }
        Alarm::Silent { role, host, why } => format!("the {role} on {host} does not answer: {why}"),
    }
}
