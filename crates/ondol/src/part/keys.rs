//! What the hosts know each other by, made of the secret that all of them have in the file.
//!
//! It is made anew at each start. On disk it lies for etcd, memcached and the guard, which read it there.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base::error::chain;
use store::Engine;
use trust::{Kin, Papers, Tls};

use super::core::Files;
use crate::config::Config;
use crate::failure::Failure;

/// Who vouches, the certificate, its key: the files' names in `keys`.
const NAMES: [&str; 3] = ["authority.pem", "host.pem", "host.key"];

/// What one of the hosts shows, and believes the others by.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) papers: Papers,
    pub(crate) tls: Tls,
}

impl Keys {
    /// Those of a host, or of somebody who has the file and only asks.
    pub(crate) fn of(config: &Config, host: Option<&str>) -> Result<Keys, Failure> {
        let made = || {
            let kin = Kin::of(secret(config), &config.service)?;
            let papers = kin.papers(host)?;
            let tls = Tls::among(&papers)?;
            Ok(Keys { papers, tls })
        };
        made().map_err(|error: trust::Error| {
            Failure::failed(format!("cannot make this host's keys of [database] secret: {}", chain(&error)))
        })
    }

    /// Has the store talk to the databases of the sites by them.
    pub(crate) fn equip(&self, config: &mut Config) {
        if let Engine::Postgres(server) | Engine::MariaDb(server) = &mut config.store.engine {
            server.tls = Some(self.tls.clone());
        }
    }

    /// Writes them into `keys` under a folder, for this user alone.
    pub(crate) fn write(&self, dir: &Path) -> Result<Files, Failure> {
        let folder = folder(dir);
        let texts = [&self.papers.authority, &self.papers.certificate, &self.papers.key];
        let written = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            NAMES.iter().zip(texts).try_for_each(|(name, text)| write(&folder.join(name), text))
        };
        written().map_err(|error| {
            Failure::failed(format!("cannot write this host's keys into {}: {error}", folder.display()))
        })?;
        let [authority, certificate, key] = NAMES.map(|name| folder.join(name));
        Ok(Files { authority, certificate, key })
    }
}

/// Where they lie under a folder.
pub(crate) fn folder(dir: &Path) -> PathBuf {
    dir.join("keys")
}

/// How the hosts talk, by the keys that lie in a folder; `None` where they can't be read.
pub(crate) fn read(folder: &Path) -> Option<Tls> {
    let [authority, certificate, key] = NAMES.map(|name| fs::read_to_string(folder.join(name)).ok());
    Tls::among(&Papers { authority: authority?, certificate: certificate?, key: key? }).ok()
}

/// The secret that is the same on all hosts; the file is refused without one.
fn secret(config: &Config) -> &str {
    match &config.store.engine {
        Engine::Postgres(server) | Engine::MariaDb(server) => {
            // keys are made of it
            server.secret.as_ref().map_or("", |secret| secret.reveal())
        }
        Engine::Sqlite => "",
    }
}

/// Whole or not at all: whoever reads it may do so at any time.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}
