//! A MariaDB server of this host, as the service file has it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use base::secret::Secret;
use base::unit::Bytes;
use trust::{Papers, Tls};

use crate::error::Error;
use crate::mariadb::settings::OURS;
use crate::order::{Limits, Upstream};

/// The longest name of a host: `report_host` takes 60 characters.
const HOST_LENGTH_MAX: usize = 60;

/// A MariaDB server of this host.
#[derive(Clone, Debug)]
pub struct Config {
    /// This host's name, unique in the service.
    pub host: String,
    /// The addresses that it listens on.
    pub listen: Vec<String>,
    /// Its port. From the next one copies are handed to other hosts.
    pub port: u16,
    /// Everything of it: the data in `data`, its settings, its socket, its log.
    pub folder: PathBuf,
    /// The folder that has MariaDB's programs in its `bin` and `sbin`, such as `/usr`.
    pub programs: PathBuf,
    /// As whom it runs when we are root.
    pub account: String,
    /// What this host shows, and believes the others by: connections are encrypted then, and unencrypted ones refused; whoever
    /// copies the data has to show papers too. `None`: nothing is encrypted.
    pub papers: Option<Papers>,
    /// With what replicas sign in, and we ourselves; the same on all hosts.
    pub replication: Secret,
    /// The service's own user.
    pub user: String,
    /// That user's database.
    pub database: String,
    /// With what that user signs in.
    pub secret: Secret,
    /// From where clients may come, as networks.
    pub clients: Vec<String>,
    /// Settings of MariaDB's own, such as `innodb_buffer_pool_size`; those that safety rests on can't be set.
    pub settings: BTreeMap<String, String>,
    /// The other hosts that may follow this one: they are asked how far they are.
    pub peers: Vec<Upstream>,
    /// How much of the binary log is kept at most; who lacks more must be cloned.
    pub kept_bytes_max: Bytes,
    /// How much of lost history is kept for people to look at, when a host is led back or cloned.
    pub audit_bytes_max: Bytes,
    /// Limits of time.
    pub limits: Limits,
}

impl Config {
    /// The defaults for a host.
    pub fn new(host: &str, folder: PathBuf, programs: PathBuf) -> Config {
        Config {
            host: host.to_owned(),
            listen: vec!["*".to_owned()],
            port: 3306,
            folder,
            programs,
            account: "mysql".to_owned(),
            papers: None,
            replication: Secret::new(""),
            user: "ondol".to_owned(),
            database: "ondol".to_owned(),
            secret: Secret::new(""),
            clients: vec!["0.0.0.0/0".to_owned()],
            settings: BTreeMap::new(),
            peers: Vec::new(),
            kept_bytes_max: Bytes(10 << 30),
            audit_bytes_max: Bytes(1 << 30),
            limits: Limits::default(),
        }
    }

    /// What must be so before anything is done with it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Settings { what });
        if self.host.is_empty() || self.host.len() > HOST_LENGTH_MAX {
            return refuse(format!(
                "the host's name {:?} must have 1 to {HOST_LENGTH_MAX} characters",
                self.host
            ));
        }
        if self.replication.reveal().is_empty() || self.secret.reveal().is_empty() {
            return refuse("the database's two passwords must not be empty".to_owned());
        }
        let plain = |name: &str| name.to_lowercase().replace('-', "_");
        if let Some(name) = self.settings.keys().find(|name| OURS.contains(&plain(name).as_str())) {
            return refuse(format!("{name} can't be set: what was acknowledged would no longer be safe"));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let is_loose = |name: &str| plain(name).starts_with("loose_") || plain(name).starts_with("skip_");
        if let Some(name) =
            self.settings.keys().find(|name| name.is_empty() || is_loose(name) || !name.chars().all(is_name))
        {
            return refuse(format!("{name:?} is not the name of a setting of MariaDB that can be set here"));
        }
        let texts = self.settings.values().chain(&self.listen).chain([&self.user, &self.database]);
        if let Some(text) = texts.into_iter().find(|text| text.contains(['\n', '\r', '\0', '`', '\''])) {
            return refuse(format!("{text:?} has a line break or a quote in it"));
        }
        for network in &self.clients {
            self::pattern(network)?;
        }
        let mut ids: Vec<u32> = self.peers.iter().map(|peer| server_id(&peer.host)).collect();
        ids.push(self.server_id());
        ids.sort_unstable();
        if ids.windows(2).any(|two| two[0] == two[1]) {
            return refuse("two hosts have names that MariaDB could not tell apart: rename one".to_owned());
        }
        Ok(())
    }

    /// By what MariaDB knows this host.
    pub(crate) fn server_id(&self) -> u32 {
        server_id(&self.host)
    }

    /// From where clients may come, as MariaDB writes it.
    pub(crate) fn patterns(&self) -> Vec<String> {
        let mut patterns: Vec<String> = self.clients.iter().filter_map(|it| pattern(it).ok()).collect();
        patterns.sort();
        patterns.dedup();
        patterns
    }

    /// How other hosts are talked with, if that is encrypted.
    pub(crate) fn tls(&self) -> Result<Option<Tls>, Error> {
        let among = self.papers.as_ref().map(Tls::among).transpose();
        among.map_err(|error| Error::Settings { what: base::error::chain(&error) })
    }

    /// Where its papers lie: who vouches, its own certificate, its key.
    pub(crate) fn paper_files(&self) -> [PathBuf; 3] {
        ["authority.pem", "host.pem", "host.key"].map(|name| self.folder.join(name))
    }

    /// Where the socket lies.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("run/mariadb.sock")
    }
}

/// A number of a host's own, made of its name (FNV-1a), never 0.
fn server_id(host: &str) -> u32 {
    let hash =
        host.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

/// A network as the host of an account: `%`, an address, or an address and its mask.
fn pattern(network: &str) -> Result<String, Error> {
    let refuse = || Error::Settings {
        what: format!("{network:?} is no network that MariaDB can tell by, such as 10.0.0.0/8"),
    };
    if matches!(network, "0.0.0.0/0" | "::/0") {
        return Ok("%".to_owned());
    }
    let (address, bits) = network.split_once('/').unwrap_or((network, "32"));
    if let (Ok(address), "128" | "32") = (address.parse::<std::net::Ipv6Addr>(), bits) {
        return Ok(address.to_string());
    }
    let (address, bits): (Ipv4Addr, u32) =
        (address.parse().map_err(|_| refuse())?, bits.parse().map_err(|_| refuse())?);
    let mask = match bits {
        32 => return Ok(address.to_string()),
        1..32 => u32::MAX << (32 - bits),
        _ => return Err(refuse()),
    };
    Ok(format!("{}/{}", Ipv4Addr::from(u32::from(address) & mask), Ipv4Addr::from(mask)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_network_is_the_host_of_an_account() {
        for (network, pattern) in [
            ("0.0.0.0/0", Some("%")),
            ("10.0.0.0/8", Some("10.0.0.0/255.0.0.0")),
            ("10.0.0.7/32", Some("10.0.0.7")),
            ("10.0.0.7", Some("10.0.0.7")),
            ("fd00::1/128", Some("fd00::1")),
            ("fd00::/64", None),
            ("nonsense", None),
        ] {
            assert_eq!(super::pattern(network).ok().as_deref(), pattern, "{network}");
        }
    }
}
