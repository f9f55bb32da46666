//! `[database]`: what keeps the records, as it is written, and settled into the store's own words.

use std::fmt;
use std::time::Duration;

use base::unit::Span;
use base::word::nearest;
use serde::{Deserialize, Deserializer, de};
use trust::Tls;

use super::read::Reader;
use super::secret::Written;
use crate::topology::core::{Role, Topology, Without};

/// How long reads and writes wait for a primary of several hosts, when nothing is said.
const TAKEOVER_WAIT: Duration = Duration::from_secs(30);
/// The most hosts with a MariaDB that takes over by itself.
const MARIADB_HOSTS_MAX: usize = 2;
/// Where a server is when nothing is said.
const HOST: &str = "127.0.0.1";

/// `[database]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    engine: Word,
    address: Address,
    name: String,
    user: String,
    secret: Written,
    tls: Wanted,
    clients: Vec<String>,
    connections: usize,
    brief_connections: usize,
    connect_time_max: Span,
    connection_wait_max: Span,
    write_time_max: Span,
    outage_wait_max: Span,
    write_tries_max: u32,
    log_poll_every: Span,
    index_wait_max: Span,
}

/// The name of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Sqlite,
    Postgres,
    MariaDb,
}

/// Whether connections to a server are encrypted: `"off"`, `"verify"`, or `{ file = "…" }` with who vouches for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(pub(super) Option<Tls>);

/// A server's address: host or socket's path, and perhaps a port. Empty when nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Default for Section {
    fn default() -> Section {
        let config = store::Config::new("");
        Section {
            engine: Word::Sqlite,
            address: Address::default(),
            name: "ondol".into(),
            user: "ondol".into(),
            secret: Written::default(),
            tls: Wanted::default(),
            clients: Vec::new(),
            connections: config.connections,
            brief_connections: config.brief_connections,
            connect_time_max: Span(config.connect_time_max),
            connection_wait_max: Span(config.connection_wait_max),
            write_time_max: Span(config.write_time_max),
            outage_wait_max: Span(config.outage_wait_max),
            write_tries_max: config.write_tries_max,
            log_poll_every: Span(config.log_poll_every),
            index_wait_max: Span(config.index_wait_max),
        }
    }
}

impl Section {
    /// Tells the store; what doesn't fit together is told to the reader. Gives the networks from which others may come to the
    /// databases of sites.
    pub(super) fn settle(
        mut self,
        reader: &mut Reader<'_>,
        topology: Option<&Topology>,
        config: &mut store::Config,
    ) -> Vec<String> {
        let has_sites = topology.is_some();
        config.connections = self.connections;
        config.brief_connections = self.brief_connections;
        config.connect_time_max = self.connect_time_max.0;
        config.connection_wait_max = self.connection_wait_max.0;
        config.write_time_max = self.write_time_max.0;
        config.outage_wait_max = self.outage_wait_max.0;
        config.write_tries_max = self.write_tries_max;
        config.log_poll_every = self.log_poll_every.0;
        config.index_wait_max = self.index_wait_max.0;
        // longer than a takeover takes: nobody is to be refused over it
        for (key, time) in [
            ("outage_wait_max", &mut config.outage_wait_max),
            ("connection_wait_max", &mut config.connection_wait_max),
        ] {
            if has_sites && !reader.says("database", key) {
                *time = TAKEOVER_WAIT;
            }
        }
        if let Some(topology) = topology {
            self.engine = self.engine_of_sites(reader, topology);
        } else if !self.clients.is_empty() {
            let what = "`clients` in [database] is for the databases of sites, and the file names none; take this line out";
            reader.blame("database", "clients", what.into());
        }
        let usual_port = match self.engine {
            Word::Sqlite => {
                self.check_embedded(reader);
                return Vec::new();
            }
            Word::Postgres => 5432,
            Word::MariaDb => 3306,
        };
        for (key, text) in [("name", &self.name), ("user", &self.user)] {
            if text.is_empty() {
                reader.blame(
                    "database",
                    key,
                    format!("`{key}` in [database] is empty; leave the line out for ondol"),
                );
            }
        }
        let host = if self.address.host.is_empty() { HOST.to_owned() } else { self.address.host };
        let port = self.address.port.unwrap_or(usual_port);
        let server = store::Server {
            host,
            port,
            user: self.user,
            secret: self.secret.0,
            database: self.name,
            tls: self.tls.0,
        };
        config.engine = match self.engine {
            Word::MariaDb => store::Engine::MariaDb(server),
            _ => store::Engine::Postgres(server),
        };
        self.clients
    }

    /// What keeps the records of several hosts. Where it is at any time is the keeper's to say.
    fn engine_of_sites(&self, reader: &mut Reader<'_>, topology: &Topology) -> Word {
        if self.address != Address::default() {
            let what =
                "`address` in [database]: the sites' `database` hosts are its addresses; take this line out";
            reader.blame("database", "address", what.into());
        }
        if self.secret.0.is_none() && !reader.is_faulty("database", "secret") {
            let what = "the hosts' databases are reached with a secret, the same on all hosts: add secret = { file = \"db.secret\" } to [database]";
            reader.blame("database", "secret", what.into());
        }
        if reader.says("database", "tls") && !reader.is_faulty("database", "tls") {
            let what = "`tls` in [database]: the hosts of sites always encrypt, by keys that they make of the secret; take this line out";
            reader.blame("database", "tls", what.into());
        }
        let databases = topology.with(Role::Database).count();
        let refused = match self.engine {
            Word::Postgres => return Word::Postgres,
            // not said: of several hosts it is the only one
            Word::Sqlite if !reader.says("database", "engine") => return Word::Postgres,
            Word::Sqlite => {
                "SQLite is one host's alone: write engine = \"postgres\" or \"mariadb\" for several"
                    .to_owned()
            }
            Word::MariaDb if topology.without == Without::Block => {
                "with `without = \"block\"` a MariaDB that lost its replica could never get another: the copy for it waits for \
                 the commits that wait for it; write without = \"go on\", or engine = \"postgres\""
                    .to_owned()
            }
            Word::MariaDb if databases <= MARIADB_HOSTS_MAX => return Word::MariaDb,
            Word::MariaDb => format!(
                "{databases} hosts are `database`, and MariaDB's commits wait for any one replica, not for those that may \
                 take over: name two, or write engine = \"postgres\""
            ),
        };
        reader.blame("database", "engine", format!("`engine` in [database]: {refused}"));
        Word::Postgres
    }

    /// What is said of a server while none is named.
    fn check_embedded(self, reader: &mut Reader<'_>) {
        if reader.is_faulty("database", "engine") {
            return;
        }
        let usual = Section::default();
        let said = [
            ("address", self.address != usual.address),
            ("name", self.name != usual.name),
            ("user", self.user != usual.user),
            ("secret", self.secret.0.is_some()),
            ("tls", self.tls.0.is_some()),
        ];
        for (key, _) in said.into_iter().filter(|(_, is_said)| *is_said) {
            let what = format!(
                "`{key}` in [database] is a server's, and none is named: add engine = \"postgres\" or \"mariadb\""
            );
            reader.blame("database", key, what);
        }
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
        let word = String::deserialize(from)?;
        let near = match word.as_str() {
            "sqlite" => return Ok(Word::Sqlite),
            "postgres" => return Ok(Word::Postgres),
            "mariadb" => return Ok(Word::MariaDb),
            "mysql" | "maria" => "MariaDB is the one of its kind that is known: write \"mariadb\"",
            "postgresql" | "pg" | "pgsql" | "psql" => "did you mean \"postgres\"?",
            "sqlite3" => "did you mean \"sqlite\"?",
            word => match nearest(word, &["sqlite", "postgres", "mariadb"]) {
                Some(near) => return Err(unknown(word, &format!("did you mean \"{near}\"?"))),
                None => "there are \"sqlite\", \"postgres\" and \"mariadb\"",
            },
        };
        Err(unknown(&word, near))
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Wanted, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Word(String),
            File { file: String },
        }
        const FORMS: &str = "write tls = \"verify\", \"off\", or { file = \"ca.pem\" } with the certificate of who vouches for the server";
        match Form::deserialize(from).map_err(|_| de::Error::custom(FORMS))? {
            Form::Word(word) if word == "off" => Ok(Wanted(None)),
            Form::Word(word) if word == "verify" => Ok(Wanted(Some(Tls::public()))),
            Form::Word(word) => Err(de::Error::custom(format!("`{word}` is not known here; {FORMS}"))),
            Form::File { file } => {
                let text = std::fs::read_to_string(&file)
                    .map_err(|error| de::Error::custom(format!("cannot read {file}: {error}")))?;
                let tls = Tls::vouched_by(&text)
                    .map_err(|error| de::Error::custom(format!("{file}: {}", base::error::chain(&error))))?;
                Ok(Wanted(Some(tls)))
            }
        }
    }
}

fn unknown<E: de::Error>(word: &str, hint: &str) -> E {
    E::custom(format!("there is no engine `{word}`; {hint}"))
}

impl Address {
    /// Reads `10.0.0.5`, `db.example.com:5433`, `[::1]:5432`, or a socket's path.
    fn parse(text: &str) -> Result<Address, String> {
        let hint = "write it as 10.0.0.5, db.example.com:5432, or a socket's path that begins with /";
        if text.contains("://") || text.contains('@') {
            return Err(format!(
                "`{text}` is more than an address: name, user and secret have lines of their own; {hint}"
            ));
        }
        if text.starts_with('/') || text.is_empty() {
            return Ok(Address { host: text.to_owned(), port: None });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
            // more than one colon: an address of the sixth version without a port
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
        let port = port.map(str::parse::<u16>).transpose().ok().filter(|port| *port != Some(0));
        match port {
            Some(port) if is_host => Ok(Address { host: host.to_owned(), port }),
            _ => Err(format!("`{text}` is not an address; {hint}")),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Address, D::Error> {
        Address::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// What keeps the records, in words: `PostgreSQL at 10.0.0.5:5432, database ondol`.
pub(crate) struct Kept<'a>(pub(crate) &'a store::Engine);

/// An engine's name.
pub(crate) fn name(engine: &store::Engine) -> &'static str {
    match engine {
        store::Engine::Sqlite => "SQLite",
        store::Engine::Postgres(_) => "PostgreSQL",
        store::Engine::MariaDb(_) => "MariaDB",
    }
}

impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = name(self.0);
        let server = match self.0 {
            store::Engine::Sqlite => return f.write_str(kind),
            store::Engine::Postgres(server) | store::Engine::MariaDb(server) => server,
        };
        let (host, port) = (&server.host, server.port);
        match host.as_str() {
            path if path.starts_with('/') => write!(f, "{kind} at {path}")?,
            ipv6 if ipv6.contains(':') => write!(f, "{kind} at [{ipv6}]:{port}")?,
            host => write!(f, "{kind} at {host}:{port}")?,
        }
        write!(f, ", database {}", server.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_perhaps_with_a_port_or_a_sockets_path() {
        let of = |text: &str| Address::parse(text).map(|a| (a.host, a.port));
        assert_eq!(of("10.0.0.5"), Ok(("10.0.0.5".into(), None)));
        assert_eq!(of("db.example.com:5433"), Ok(("db.example.com".into(), Some(5433))));
        assert_eq!(of("::1"), Ok(("::1".into(), None)));
        assert_eq!(of("[::1]:5433"), Ok(("::1".into(), Some(5433))));
        assert_eq!(of("/run/postgresql"), Ok(("/run/postgresql".into(), None)));
        for wrong in ["db:", "db:port", "db:0", ":5432", "a b", "db/ondol", "postgres://u:s@db/ondol", "u@db"]
        {
            assert!(of(wrong).is_err_and(|said| said.contains("10.0.0.5")), "{wrong}");
        }
    }
}
