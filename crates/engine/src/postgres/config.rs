//! A PostgreSQL server of this host, as the service file has it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base::secret::Secret;
use base::unit::Bytes;
use trust::Papers;

use crate::error::Error;
use crate::order::Limits;
use crate::postgres::settings::OURS;

/// The longest name of a host: a slot's name has 63 characters at most.
const HOST_LENGTH_MAX: usize = 28;

/// A PostgreSQL server of this host.
#[derive(Clone, Debug)]
pub struct Config {
    /// This host's name, unique in the service: how replicas are known to their primary.
    pub host: String,
    /// The addresses that it listens on.
    pub listen: Vec<String>,
    /// Its port.
    pub port: u16,
    /// Everything of it: the data in `data`, its settings, its socket, its log.
    pub folder: PathBuf,
    /// Where PostgreSQL's programs lie, such as `/usr/lib/postgresql/15/bin`.
    pub programs: PathBuf,
    /// As whom it runs when we are root.
    pub account: String,
    /// With what replicas sign in; the same on all hosts.
    pub replication: Secret,
    /// The service's own user.
    pub user: String,
    /// That user's database.
    pub database: String,
    /// With what that user signs in.
    pub secret: Secret,
    /// What it shows to others, and believes them by; with it every connection from other machines is encrypted, and replicas
    /// have to show papers too. `None`: nothing is encrypted.
    pub papers: Option<Papers>,
    /// From where clients may come, as networks.
    pub clients: Vec<String>,
    /// Settings of PostgreSQL's own, such as `shared_buffers`; those that safety rests on can't be set.
    pub settings: BTreeMap<String, String>,
    /// How much is kept at most for a host that is away; after that it must be cloned.
    pub kept_bytes_max: Bytes,
    /// How many segments (of 16 MiB) of lost history are kept for people to look at, when a host is led back or cloned.
    pub audit_segments_max: usize,
    /// Limits of time.
    pub limits: Limits,
}

impl Config {
    /// The defaults for a host.
    pub fn new(host: &str, folder: PathBuf, programs: PathBuf) -> Config {
        Config {
            host: host.to_owned(),
            listen: vec!["*".to_owned()],
            port: 5432,
            folder,
            programs,
            account: "postgres".to_owned(),
            replication: Secret::new(""),
            user: "ondol".to_owned(),
            database: "ondol".to_owned(),
            secret: Secret::new(""),
            papers: None,
            clients: vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
            settings: BTreeMap::new(),
            kept_bytes_max: Bytes(10 << 30),
            audit_segments_max: 64,
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
        if let Some(name) = self.settings.keys().find(|name| OURS.contains(&name.to_lowercase().as_str())) {
            return refuse(format!("{name} can't be set: what was acknowledged would no longer be safe"));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        if let Some(name) = self.settings.keys().find(|name| name.is_empty() || !name.chars().all(is_name)) {
            return refuse(format!("{name:?} is not the name of a setting of PostgreSQL"));
        }
        let texts = self
            .settings
            .values()
            .chain(&self.listen)
            .chain(&self.clients)
            .chain([&self.user, &self.database]);
        if let Some(text) = texts.into_iter().find(|text| text.contains(['\n', '\r', '\0'])) {
            return refuse(format!("{text:?} has a line break in it"));
        }
        Ok(())
    }
}
