//! What `[tls]` comes to on this machine: certificates, the hook, the ports.

use balancer::certificates::{self, Sight};
use base::time::Clock;

use crate::cli::{say, short};
use crate::config::{Config, Tls};
use crate::failure::Failure;
use crate::house;
use crate::swap::control;

/// Says what is well; gives back what is not.
pub(super) fn look(config: &Config) -> Result<Vec<String>, Failure> {
    let Some(tls) = &config.tls else { return Ok(Vec::new()) };
    let host = config.url.strip_prefix("https://").and_then(|rest| rest.split(['/', ':']).next());
    let host = host.filter(|host| host.contains('.') && host.parse::<std::net::IpAddr>().is_err());
    let mut amiss = Vec::new();
    for sight in certificates::look(&tls.certificates, host, Clock::System.now()) {
        match sight {
            Sight::Well(what) => say(&format!("  {what}"))?,
            Sight::Amiss(what) => amiss.push(format!("[tls]: {what}")),
        }
    }
    // with sites the file may be looked at on any machine
    if config.topology.is_none() {
        amiss.extend(short(ports(config, tls))?);
    }
    Ok(amiss)
}

/// The ports that can't be had: neither free nor the running service's own.
async fn ports(config: &Config, tls: &Tls) -> Result<Vec<String>, Failure> {
    // a folder that may not be read tells of nobody
    let running = control::processes(&config.store.dir).await.unwrap_or_default();
    let port = |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
    let mut amiss = Vec::new();
    for listen in std::iter::once(&config.listen).chain(&tls.plain_listen) {
        let is_own = |addresses: &[String]| addresses.iter().any(|address| port(address) == port(listen));
        if let Some((_, who)) = running.iter().find(|(_, who)| is_own(&who.addresses)) {
            say(&format!("  the running service listens on {listen} (process {})", who.process))?;
            continue;
        }
        match house::bind(listen).await {
            Ok(_) => say(&format!("  {listen} can be listened on"))?,
            Err(failure) => amiss.extend(failure.lines),
        }
    }
    Ok(amiss)
}
