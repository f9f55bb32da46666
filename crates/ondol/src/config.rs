//! The service file `ondol.toml`: every room's settings in one place, all of them with defaults.
//!
//! It is read in two steps: as written (TOML with the place of every word), then settled into the rooms' own `Config`s.
//! Everything wrong is reported at once, each fault with its line and the nearest right word. What a room can be told
//! stands in its `Config` and nowhere else: the list of right words is asked from there (see `base::word`).

mod balancer;
mod cache;
mod client;
mod database;
mod mail;
mod mirror;
mod public;
mod read;
mod secret;
mod sign_in;
mod sites;
mod store_section;
mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::secret::Secret;
use records::Limits;
use serde::Deserialize;
use trust::Door;

use crate::failure::Failure;
use crate::topology::core::{Confirm, Reads, Role, Topology, Without};
pub(crate) use database::{Kept, name as engine_name};
use read::Reader;
pub use tls::Tls;

/// The name under which the service file is looked for when none is given.
pub const FILE: &str = "ondol.toml";
/// Where it listens when nothing is said.
pub const LISTEN: &str = "127.0.0.1:8090";
/// Where the data lies when nothing is said.
pub const DIR: &str = "data";
/// Where the team's own pages lie when nothing is said.
pub const PUBLIC: &str = "public";

/// The rooms that have a table of their own.
const ROOMS: [&str; 15] = [
    "log",
    "metrics",
    "web",
    "records",
    "database",
    "store",
    "cache",
    "api",
    "identity",
    sign_in::ROOM,
    client::ROOM,
    "mail",
    mirror::ROOM,
    balancer::ROOM,
    tls::ROOM,
];

/// Everything that one process needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The service's public name; empty when it has none yet.
    pub service: String,
    /// The service's own address on the web, as people reach it: `https://popong.com`, without a slash at the end; empty
    /// when none is known. Links in mails begin with it.
    pub url: String,
    /// The address to listen on: `HOST:PORT`; port 0 takes a free one.
    pub listen: String,
    /// The folder of the team's own pages, served at `/`; it need not be there.
    pub public: PathBuf,
    /// What is logged and how.
    pub log: LogConfig,
    /// Who may read the metrics.
    pub metrics: MetricsConfig,
    /// The HTTP server.
    pub web: web::Config,
    /// The limits of records.
    pub records: Limits,
    /// The HTTP API.
    pub api: api::Config,
    /// Accounts and sign-in.
    pub identity: identity::Config,
    /// The database and its folder.
    pub store: store::Config,
    /// What is kept of a database server's records that were read lately; `None` keeps nothing.
    pub cache: Option<::cache::Config>,
    /// The server that takes its mails; `None` when it sends none.
    pub mail: Option<::mail::Config>,
    /// What a host of sites that caches has for it, in bytes.
    pub(crate) cache_host_bytes_max: u64,
    /// Who stands where; `None` when the file names no sites.
    pub(crate) topology: Option<Topology>,
    /// Databases elsewhere that run nothing of ours and follow by a login alone, by name.
    pub(crate) mirrors: BTreeMap<String, store::Engine>,
    /// Networks from which others than the hosts may come to their databases.
    pub(crate) clients: Vec<String>,
    /// The web servers that this process stands in front of; with them it opens no database.
    pub balancer: Option<::balancer::Config>,
    /// It is a web host behind balancers; `None` where it is one's own.
    pub(crate) behind: Option<Behind>,
    /// How it is reached by https; `None` when it is not.
    pub tls: Option<Tls>,
    /// What could be better in the service file though nothing is wrong in it, with lines.
    pub advice: Vec<String>,
}

/// How a web host behind balancers is reached.
#[derive(Clone, Debug)]
pub(crate) struct Behind {
    /// By whom: the hosts of the service, and nobody else.
    pub(crate) door: Door,
    /// Where visitors reach the service.
    pub(crate) origin: String,
}

/// What is logged and how: `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Least level that is logged (`error`, `warn`, `info`, `debug`), or a filter such as `info,store=debug`.
    pub level: String,
    /// How lines look.
    pub form: LogForm,
}

/// Who may read `/metrics` and all of `/api/health`: `[metrics]`.
#[derive(Clone, Debug, Default)]
pub struct MetricsConfig {
    /// Whoever brings it as `Authorization: Bearer SECRET` may, from anywhere; without one only who is on this machine.
    pub secret: Option<Secret>,
    /// Balancers in front of this web server, `HOST:PORT`: the console asks them how they are, with that secret.
    pub balancers: Vec<String>,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// Text for people.
    Text,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig { level: "info".into(), form: LogForm::Auto }
    }
}

impl Config {
    /// The defaults, with the data in a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Config {
        Config {
            service: String::new(),
            url: String::new(),
            listen: LISTEN.into(),
            public: PUBLIC.into(),
            log: LogConfig::default(),
            metrics: MetricsConfig::default(),
            web: web::Config::default(),
            records: Limits::default(),
            api: api::Config::default(),
            identity: identity::Config::default(),
            store: store::Config::new(dir),
            cache: Some(::cache::Config::in_process(cache::BYTES_MAX)),
            mail: None,
            cache_host_bytes_max: cache::BYTES_MAX,
            topology: None,
            mirrors: BTreeMap::new(),
            clients: Vec::new(),
            balancer: None,
            behind: None,
            tls: None,
            advice: Vec::new(),
        }
    }

    /// Whether `ondol serve` opens a database: a front of other web servers has none.
    pub(crate) fn opens_database(&self) -> bool {
        self.balancer.as_ref().is_none_or(::balancer::Config::has_local)
    }

    /// Reads a service file. The failure names every fault with its line.
    pub fn read(path: &Path) -> Result<Config, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            Failure::usage(match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("there is no file {path}; name the service file with --file")
                }
                std::io::ErrorKind::InvalidData => format!("{path} is not text in UTF-8; save it as UTF-8"),
                _ => format!("cannot read {path}: {error}"),
            })
        })?;
        Config::parse(&path.display().to_string(), &text)
    }

    /// Reads the text of a service file that is called `name`.
    pub fn parse(name: &str, text: &str) -> Result<Config, Failure> {
        let mut reader = Reader::new(name, text);
        let sites = reader.sites(&ROOMS, &sites::RESERVED, sites::is_role);
        let top: Top = reader.top(&ROOMS);
        let mut config = Config::new(if top.dir.is_empty() { DIR } else { &top.dir });
        config.url = public::url(&mut reader, &top.url, &top.service);
        config.service = top.service;
        config.topology = sites::settle(&mut reader, sites, top.confirm, top.without, top.reads);
        let mut listen = top.listen;
        config.tls = tls::read(&mut reader, &mut listen, &config.url);
        config.listen = Some(listen).filter(|listen| !listen.is_empty()).unwrap_or(config.listen);
        if !top.public.is_empty() {
            config.public = top.public.into();
        }
        config.log = reader.room("log");
        let MetricsSection { secret, balancers } = reader.room("metrics");
        config.metrics = MetricsConfig { secret: secret.0, balancers };
        config.web = reader.room("web");
        config.records = reader.room("records");
        config.api = reader.room("api");
        config.identity = reader.room("identity");
        config.identity.providers = sign_in::read(&mut reader, config.identity.may_ask_loopback);
        config.identity.clients = client::read(&mut reader);
        reader.room::<store_section::Section>("store").settle(&mut config.store);
        let database = reader.room::<database::Section>("database");
        config.clients = database.settle(&mut reader, config.topology.as_ref(), &mut config.store);
        config.mirrors = mirror::read(&mut reader, config.topology.as_ref(), &config.store.engine);
        let is_embedded = matches!(config.store.engine, store::Engine::Sqlite);
        let caching = reader.room::<cache::Section>("cache");
        config.cache_host_bytes_max = caching.bytes_max();
        let has_caches =
            config.topology.as_ref().is_some_and(|topology| topology.with(Role::Cache).next().is_some());
        config.cache = caching.settle(&mut reader, is_embedded, has_caches);
        config.mail = reader.room::<mail::Section>("mail").settle(&mut reader, &config.url);
        config.balancer = balancer::read(&mut reader, config.topology.as_ref());
        config.advice = reader.finish()?;
        Ok(config)
    }
}

/// The keys above all tables, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Top {
    service: String,
    url: String,
    listen: String,
    dir: String,
    public: String,
    confirm: Option<Confirm>,
    without: Option<Without>,
    reads: Option<Reads>,
}

/// `[metrics]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MetricsSection {
    secret: secret::Written<{ web::metrics::SECRET_LENGTH_MIN }>,
    balancers: Vec<String>,
}

#[cfg(test)]
mod tests {
    use base::secret::Secret;
    use base::word::keys;
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, faults: Expect) {
        let lines =
            Config::parse("ondol.toml", text).map_or_else(|f| f.lines.join("\n"), |c| format!("{c:?}"));
        faults.assert_eq(&lines);
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = Config::parse("ondol.toml", "").expect("reads");
        assert_eq!((config.listen.as_str(), config.store.dir.to_str()), (LISTEN, Some(DIR)));
        assert_eq!(config.records, Limits::default());
    }

    #[test]
    fn settings_of_every_room_are_taken() {
        let text = "service = \"popong.com\"\nlisten = \"0.0.0.0:80\"\ndir = \"/srv/ondol\"\n\
                    [log]\nform = \"json\"\n[web]\nconnections_max = 5\n[records]\npage_size_max = 7\n\
                    [store]\nread_time_max = \"5 s\"\n";
        let config = Config::parse("ondol.toml", text).expect("reads");
        assert_eq!((config.service.as_str(), config.listen.as_str()), ("popong.com", "0.0.0.0:80"));
        assert_eq!(config.log.form, LogForm::Json);
        assert_eq!((config.web.connections_max, config.records.page_size_max), (5, 7));
        assert_eq!(config.store.read_time_max, std::time::Duration::from_secs(5));
        assert_eq!(config.store.dir, Path::new("/srv/ondol"));
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_lines() {
        check(
            "servce = \"popong.com\"\n[web]\nconection_max = 5\nidle_time_max = \"soon\"\n\n[recods]\n[store]\nreaders = \"four\"\n",
            expect![[r#"
                ondol.toml:1: unknown key `servce`; did you mean `service`?
                ondol.toml:3: unknown key `conection_max` in [web]; did you mean `connections_max`?
                ondol.toml:4: `idle_time_max` in [web]: `soon` is not a duration: write it as 500 ms, 30 s, 10 min, 2 h or 7 d
                ondol.toml:6: unknown table [recods]; did you mean [records]?
                ondol.toml:8: `readers` in [store]: invalid type: string "four", expected usize"#]],
        );
    }

    #[test]
    fn a_word_that_is_near_to_nothing_gets_the_list() {
        check(
            "[log]\nxyzzy = 1\n",
            expect![["ondol.toml:2: unknown key `xyzzy` in [log]; it knows level, form"]],
        );
    }

    #[test]
    fn a_secret_is_written_plainly_or_lies_in_a_file_and_is_not_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, secret) = (dir.path().join("secret"), "0123456789abcdef");
        std::fs::write(&file, format!("{secret}\n")).expect("a file");
        for text in [format!("\"{secret}\""), format!("{{ file = {file:?} }}")] {
            let config =
                Config::parse("ondol.toml", &format!("[metrics]\nsecret = {text}\n")).expect("reads");
            assert_eq!(config.metrics.secret.as_ref().map(Secret::reveal), Some(secret), "{text}");
            assert!(!format!("{config:?}").contains(secret));
        }
    }

    #[test]
    fn a_secret_that_is_no_good_is_told_with_its_line() {
        check(
            "[metrics]\nsecret = \"short\"\n",
            expect![[
                r#"ondol.toml:2: `secret` in [metrics]: the secret has 5 characters and needs 16: `openssl rand -hex 16` makes one"#
            ]],
        );
        check(
            "[metrics]\nsecret = { file = \"none/at/all\" }\n",
            expect![[
                r#"ondol.toml:2: `secret` in [metrics]: cannot read the secret's file none/at/all: No such file or directory (os error 2)"#
            ]],
        );
        check(
            "[metrics]\nsecret = { path = \"a\" }\n",
            expect![[r#"ondol.toml:2: `secret` in [metrics]: unknown key `path`; did you mean `file`?"#]],
        );
    }

    #[test]
    fn a_server_is_named_with_what_differs_from_the_usual() {
        let text = "[database]\nengine = \"mariadb\"\naddress = \"10.0.0.5:3307\"\nsecret = \"floor\"\n\
                    connections = 5\noutage_wait_max = \"20 s\"\n";
        let config = Config::parse("ondol.toml", text).expect("reads");
        assert_eq!(Kept(&config.store.engine).to_string(), "MariaDB at 10.0.0.5:3307, database ondol");
        let store::Engine::MariaDb(server) = &config.store.engine else { panic!("{config:?}") };
        assert_eq!(
            (server.user.as_str(), server.secret.as_ref().map(Secret::reveal)),
            ("ondol", Some("floor"))
        );
        assert_eq!((config.store.connections, config.store.outage_wait_max.as_secs()), (5, 20));
        let config = Config::parse("ondol.toml", "[database]\nengine = \"postgres\"\n").expect("reads");
        assert_eq!(Kept(&config.store.engine).to_string(), "PostgreSQL at 127.0.0.1:5432, database ondol");
    }

    #[test]
    fn what_is_wrong_about_a_database_is_told_with_what_is_right() {
        check(
            "[database]\naddress = \"10.0.0.5\"\nuser = \"kim\"\n",
            expect![[r#"
                ondol.toml:2: `address` in [database] is a server's, and none is named: add engine = "postgres" or "mariadb"
                ondol.toml:3: `user` in [database] is a server's, and none is named: add engine = "postgres" or "mariadb""#]],
        );
        check(
            "[database]\nengine = \"mysql\"\naddress = \"db:x\"\n\nsecert = \"a\"\nconnections = \"many\"\n",
            expect![[r#"
                ondol.toml:2: `engine` in [database]: there is no engine `mysql`; MariaDB is the one of its kind that is known: write "mariadb"
                ondol.toml:3: `address` in [database]: `db:x` is not an address; write it as 10.0.0.5, db.example.com:5432, or a socket's path that begins with /
                ondol.toml:5: unknown key `secert` in [database]; did you mean `secret`?
                ondol.toml:6: `connections` in [database]: invalid type: string "many", expected usize"#]],
        );
    }

    #[test]
    fn what_was_read_lately_is_kept_in_the_process_in_memcached_or_not_at_all() {
        let kept = |section: &str| {
            let text = format!("[database]\nengine = \"postgres\"\n[cache]\n{section}\n");
            Config::parse("ondol.toml", &text).expect("reads").cache.map(|config| config.back)
        };
        assert!(matches!(kept(""), Some(::cache::Back::InProcess { bytes_max: 0x400_0000 })));
        assert!(matches!(
            kept("bytes_max = \"1 MiB\""),
            Some(::cache::Back::InProcess { bytes_max: 0x10_0000 })
        ));
        let Some(::cache::Back::Memcached(memcached)) = kept("memcached = [\"10.0.0.14:11211\"]") else {
            panic!()
        };
        assert_eq!(memcached.addresses, ["10.0.0.14:11211"]);
        assert!(kept("off = true").is_none());
        check(
            "[cache]\nof = true\nmemcached = [\"10.0.0.14\"]\n",
            expect![[r#"
            ondol.toml:2: unknown key `of` in [cache]; did you mean `off`?
            ondol.toml:3: `memcached` in [cache] is for the web servers of one database server: SQLite's records are read in this process; name an engine in [database], or take this line out
            ondol.toml:3: `memcached` in [cache]: `10.0.0.14` is no address of memcached; write `host:port`, such as 10.0.0.14:11211"#]],
        );
    }

    #[test]
    fn a_secrets_file_lies_beside_the_service_file_and_others_may_not_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let (file, secret) = (dir.path().join("ondol.toml"), dir.path().join("db.secret"));
        std::fs::write(&file, "[database]\nengine = \"postgres\"\nsecret = { file = \"db.secret\" }\n")
            .expect("a file");
        std::fs::write(&secret, "warm floor\n").expect("a file");
        for (mode, advised) in [(0o600, 0), (0o644, 1)] {
            std::fs::set_permissions(&secret, PermissionsExt::from_mode(mode)).expect("ours");
            let config = Config::read(&file).expect("reads");
            let store::Engine::Postgres(server) = &config.store.engine else { panic!("{config:?}") };
            assert_eq!(server.secret.as_ref().map(Secret::reveal), Some("warm floor"));
            assert_eq!(config.advice.len(), advised, "{:?}", config.advice);
            assert!(!format!("{config:?}").contains("warm"));
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        check(
            "service = \"a\"\nlisten = \n[web\n",
            expect![[r#"
                ondol.toml:2: string values must be quoted, expected literal string
                ondol.toml:3: unclosed table, expected `]`"#]],
        );
    }

    #[test]
    fn the_page_shows_every_setting_with_its_default() {
        let page = include_str!("../../../docs/command.md");
        let block =
            page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        let mut shown = Config::parse("docs/command.md", block).expect("reads");
        shown.service.clear();
        shown.url.clear();
        assert_eq!(format!("{shown:#?}"), format!("{:#?}", Config::new(DIR)));
        let words = [
            keys::<Top>(),
            keys::<LogConfig>(),
            keys::<MetricsSection>(),
            keys::<database::Section>(),
            keys::<store_section::Section>(),
            keys::<identity::Config>(),
        ];
        for word in words.into_iter().flatten() {
            let is_shown = block.lines().any(|line| {
                line.trim_start_matches("# ").split('=').next().is_some_and(|key| key.trim() == *word)
            });
            assert!(is_shown, "{word} is missing in docs/command.md");
        }
    }

    #[test]
    fn the_page_of_continuity_shows_a_service_on_several_hosts() {
        let page = include_str!("../../../docs/continuity.md");
        let block =
            page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        let block = block.replace("{ file = \"db.secret\" }", "\"warm floor\"");
        let config = Config::parse("docs/continuity.md", &block).expect("reads");
        assert_eq!(config.topology.expect("sites").sites.len(), 3);
    }

    #[test]
    fn the_page_of_mail_shows_its_settings() {
        let page = include_str!("../../../docs/mail.md");
        let block =
            page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        assert!(Config::parse("docs/mail.md", block).expect("reads").mail.is_some());
        for word in keys::<mail::Section>() {
            let is_shown = |line: &str| {
                line.trim_start_matches("# ").split('=').next().is_some_and(|key| key.trim() == *word)
            };
            assert!(block.lines().any(is_shown), "{word} is missing in docs/mail.md");
        }
    }
}
