//! What is written about sites becomes a topology, or faults, each with its place in the file.

use std::ops::Range;

use base::word::nearest;

use super::{ALL, Confirm, Host, ROLES, Reads, Role, Site, Topology, Without};

/// A place in the text of the file, in bytes.
type At = Range<usize>;

/// What the file says of hosts, with places.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// In the order of the file.
    pub(crate) sites: Vec<WrittenSite>,
    pub(crate) confirm: Option<Setting<Confirm>>,
    pub(crate) without: Option<Setting<Without>>,
    pub(crate) reads: Option<Setting<Reads>>,
}

/// A table of the file that is a site.
#[derive(Debug)]
pub(crate) struct WrittenSite {
    pub(crate) name: String,
    pub(crate) at: At,
    pub(crate) keys: Vec<WrittenRole>,
}

/// A key of a site.
#[derive(Debug)]
pub(crate) struct WrittenRole {
    pub(crate) word: String,
    pub(crate) at: At,
    /// Each with its place.
    pub(crate) addresses: Vec<(String, At)>,
}

/// A setting with its place.
#[derive(Debug)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) at: At,
}

/// What is wrong, and where.
type Fault = (At, String);

/// The topology; none where the file names no site. Faults are all of them, in no order.
pub(crate) fn settle(written: &Written) -> (Option<Topology>, Vec<Fault>) {
    let mut faults = Vec::new();
    if written.sites.is_empty() {
        let keys = [
            ("confirm", written.confirm.as_ref().map(|setting| setting.at.clone())),
            ("without", written.without.as_ref().map(|setting| setting.at.clone())),
            ("reads", written.reads.as_ref().map(|setting| setting.at.clone())),
        ];
        for (key, at) in keys.into_iter().filter_map(|(key, at)| Some((key, at?))) {
            faults.push((
                at,
                format!(
                    "`{key}` is about several hosts, and the file names none; add a site, such as [seoul]"
                ),
            ));
        }
        return (None, faults);
    }
    let sites = written.sites.iter().map(|site| read_site(site, &mut faults)).collect();
    let mut topology =
        Topology { sites, confirm: Confirm::Here, without: Without::Block, reads: Reads::Wait };
    find_doubles(written, &mut faults);
    let is_read = faults.is_empty();
    topology.confirm = written.confirm.as_ref().map_or_else(|| strongest(&topology), |setting| setting.value);
    topology.without = written.without.as_ref().map(|setting| setting.value).unwrap_or_default();
    topology.reads = written.reads.as_ref().map(|setting| setting.value).unwrap_or_default();
    // what is said of a topology that was misread would be misleading
    if is_read {
        judge(&topology, written, &mut faults);
    }
    (Some(topology), faults)
}

fn read_site(written: &WrittenSite, faults: &mut Vec<Fault>) -> Site {
    let mut site = Site { name: written.name.clone(), hosts: Vec::new() };
    if written.keys.is_empty() {
        faults.push((
            written.at.clone(),
            format!("the site [{}] names no host; say what it has: {}", site.name, role_words()),
        ));
    }
    for WrittenRole { word, at, addresses } in &written.keys {
        let Some(roles) = roles(word) else {
            faults.push((at.clone(), unknown_role(word, &site.name)));
            continue;
        };
        for role in roles.iter().filter(|role| !is_built(**role)) {
            faults.push((at.clone(), not_yet(*role)));
        }
        for (address, at) in addresses {
            let is_too_long = roles.contains(&Role::Database) && address.len() > LENGTH_MAX;
            let long = is_too_long.then(|| {
                format!("`{address}` is longer than {LENGTH_MAX} characters: give a host with a database a shorter name, or its address")
            });
            match flaw(address).or(long) {
                Some(flaw) => faults.push((at.clone(), flaw)),
                None => site.add(address, roles),
            }
        }
    }
    site
}

impl Site {
    fn add(&mut self, address: &str, roles: &[Role]) {
        match self.hosts.iter_mut().find(|host| host.address == address) {
            Some(host) => host
                .roles
                .extend(roles.iter().filter(|role| !host.roles.contains(role)).copied().collect::<Vec<_>>()),
            None => self.hosts.push(Host { address: address.to_owned(), roles: roles.to_vec() }),
        }
    }
}

fn roles(key: &str) -> Option<&'static [Role]> {
    Some(match key {
        "balancer" => &[Role::Balancer],
        "web" => &[Role::Web],
        "cache" => &[Role::Cache],
        "database" => &[Role::Database],
        "replica" => &[Role::Database, Role::Replica],
        "witness" => &[Role::Witness],
        "backup" => &[Role::Backup],
        ALL => &[Role::Web, Role::Database],
        _ => return None,
    })
}

fn is_built(role: Role) -> bool {
    role != Role::Backup
}

fn not_yet(role: Role) -> String {
    let instead = match role {
        Role::Backup => "make backups with the database's own tools for now",
        _ => "do without it for now",
    };
    format!("the role `{role}` is not built yet; {instead}, and take this line out")
}

fn role_words() -> String {
    let words: Vec<&str> = ROLES.iter().map(|(word, _)| *word).collect();
    format!("{}, or {ALL}", words.join(", "))
}

fn unknown_role(key: &str, site: &str) -> String {
    let words: Vec<&str> = ROLES.iter().map(|(word, _)| *word).chain([ALL]).collect();
    match nearest(key, &words) {
        Some(near) => format!("unknown role `{key}` in the site [{site}]; did you mean `{near}`?"),
        None => format!("unknown role `{key}` in the site [{site}]; a site knows {}", role_words()),
    }
}

/// What is wrong with an address, if anything is.
fn flaw(address: &str) -> Option<String> {
    if matches!(address, "0.0.0.0" | "::") {
        return Some(format!("`{address}` is every machine's address; write this host's own"));
    }
    let is_name = address.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let is_ipv6 = address.matches(':').count() > 1
        && address.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'));
    let is_well = !address.is_empty() && (is_name || is_ipv6);
    (!is_well).then(|| {
        format!(
            "`{address}` is not a host's address; write it as 10.0.0.21 or db1.popong.net, without a port"
        )
    })
}

/// The longest name of a host with a database: it is a part of names in the database.
const LENGTH_MAX: usize = 28;

/// The most databases of a service.
const DATABASES_MAX: usize = 7;

/// A host stands in one site, and once in a role.
fn find_doubles(written: &Written, faults: &mut Vec<Fault>) {
    let mut seen: Vec<(&str, &str, Vec<Role>)> = Vec::new();
    for site in &written.sites {
        for WrittenRole { word, addresses, .. } in &site.keys {
            let roles = roles(word).unwrap_or_default();
            for (address, at) in addresses {
                let Some((_, of, had)) = seen.iter_mut().find(|(known, ..)| known == address) else {
                    seen.push((address, &site.name, roles.to_vec()));
                    continue;
                };
                if *of != site.name {
                    faults.push((
                        at.clone(),
                        format!("{address} stands in [{of}] already; a host is in one site"),
                    ));
                } else if let Some(role) = roles.iter().find(|role| had.contains(role)) {
                    faults.push((at.clone(), format!("{address} is {role} of [{of}] already; name it once")));
                } else {
                    had.extend(roles);
                }
            }
        }
    }
}

/// Where a write counts when nothing is said: as far away as there is a database to confirm it.
fn strongest(topology: &Topology) -> Confirm {
    [Confirm::Abroad, Confirm::Site]
        .into_iter()
        .find(|confirm| topology.confirmers(*confirm) > 0)
        .unwrap_or_default()
}

impl Topology {
    /// Databases that confirm the leading one's writes.
    fn confirmers(&self, confirm: Confirm) -> usize {
        let Some((home, _)) = self.leads() else { return 0 };
        let leader = self.leads().map(|(_, host)| host.address.as_str());
        let others = self.with(Role::Database).filter(|(_, host)| Some(host.address.as_str()) != leader);
        match confirm {
            Confirm::Here => 0,
            Confirm::Site => others.filter(|(site, _)| site.name == home.name).count(),
            Confirm::Abroad => others.filter(|(site, _)| site.name != home.name).count(),
        }
    }
}

/// What fits badly though every word is right.
fn judge(topology: &Topology, written: &Written, faults: &mut Vec<Fault>) {
    let first = written.sites[0].at.clone();
    judge_fronts(topology, written, faults);
    let databases = topology.with(Role::Database).count();
    if databases < 2 {
        let has = if databases == 0 { "no host is `database`" } else { "only one host is `database`" };
        faults.push((
            first,
            format!("{has}: nothing could take over; name two, or none of the sites and [database] address"),
        ));
        return;
    }
    if databases > DATABASES_MAX {
        let what = format!("{databases} hosts are `database`: {DATABASES_MAX} are the most");
        faults.push((first, what));
        return;
    }
    if topology.able().count() < 2 {
        let what = "only one database may become primary, and the others are `replica`: nothing could take over; write `database` for \
                    another one";
        faults.push((first, what.to_owned()));
        return;
    }
    if let Some(setting) = &written.confirm
        && setting.value != Confirm::Here
        && topology.confirmers(setting.value) == 0
    {
        faults.push((setting.at.clone(), unconfirmed(topology, setting.value)));
    }
    if let Some(setting) = &written.reads
        && setting.value == Reads::Replica
        && topology.confirm == Confirm::Here
    {
        let what = "`reads` is \"replica\" and no replica confirms writes, so that none is known to have everything: write confirm = \
                    \"site\" or \"abroad\", or take this line out";
        faults.push((setting.at.clone(), what.to_owned()));
    }
    judge_voters(topology, written, faults);
}

/// A balancer has somebody behind it, a cache somebody who reads in it.
fn judge_fronts(topology: &Topology, written: &Written, faults: &mut Vec<Fault>) {
    let has_web = topology.with(Role::Web).next().is_some();
    for site in &topology.sites {
        let is = |role: Role| site.hosts.iter().any(|host| host.is(role));
        let at =
            |key: &str| place_of(written, &site.name, key).unwrap_or_else(|| written.sites[0].at.clone());
        if is(Role::Balancer) && !has_web {
            let what = format!(
                "[{}] has a balancer and no host of the file is `web`: nobody is behind it; name one",
                site.name
            );
            faults.push((at("balancer"), what));
        }
        if is(Role::Cache) && !is(Role::Web) {
            let what = format!(
                "[{}] has a cache and no `web`: a cache is for the web hosts of its own site, so that nobody would use \
                 it; take this line out, or name a web host here",
                site.name
            );
            faults.push((at("cache"), what));
        }
    }
}

fn unconfirmed(topology: &Topology, confirm: Confirm) -> String {
    let home = topology.leads().map_or("", |(site, _)| site.name.as_str());
    let can = strongest(topology);
    match confirm {
        Confirm::Abroad => format!(
            "`confirm` is \"abroad\" and every database is in [{home}]: name a database in another site, or write \"{can}\""
        ),
        _ => format!(
            "`confirm` is \"site\" and [{home}] has one database: name a second one there, or write \"{can}\""
        ),
    }
}

fn judge_voters(topology: &Topology, written: &Written, faults: &mut Vec<Fault>) {
    let first = written.sites[0].at.clone();
    let witnesses: Vec<(&Site, &Host)> = topology.with(Role::Witness).collect();
    if let Some((site, host)) = witnesses.iter().find(|(_, host)| host.is(Role::Database)) {
        let at = place_of(written, &site.name, "witness").unwrap_or(first);
        let what = format!(
            "{} is `database` and can't be its own witness; the witness is a third machine",
            host.address
        );
        faults.push((at, what));
        return;
    }
    let mut sites: Vec<&str> = topology.with(Role::Database).map(|(site, _)| site.name.as_str()).collect();
    let databases = sites.len();
    sites.dedup();
    match witnesses.len() {
        0 if databases > 2 && sites.len() != 2 => {}
        0 if databases > 2 => faults.push((
            first,
            "databases at two sites and no witness: cut off from each other neither site can know that the other is gone, \
             and the loss of one would stop the other; name a machine at a third site, such as [tokyo] witness = \
             \"192.0.2.5\""
                .into(),
        )),
        0 => faults.push((
            first,
            "two databases and no witness: cut off from each other neither can know that the other is gone, so there \
             would be no automatic takeover; name a third machine, such as [tokyo] witness = \"192.0.2.5\""
                .into(),
        )),
        1 => {}
        n => {
            let at = place_of(written, &witnesses[1].0.name, "witness").unwrap_or(first);
            faults.push((at, format!("{n} hosts are `witness`: one is right, more don't help")));
        }
    }
}

fn place_of(written: &Written, site: &str, key: &str) -> Option<At> {
    let site = written.sites.iter().find(|of| of.name == site)?;
    site.keys.iter().find(|role| role.word == key).map(|role| role.at.clone())
}
