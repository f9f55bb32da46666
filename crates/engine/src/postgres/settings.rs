//! The server's settings as text, whole: nothing of what somebody else put there is read.
//!
//! They lie outside the data, so that a clone or a rewind does not bring another host's. Each writing has a number, in a
//! setting of our own; a new session that sees that number proves that the postmaster has read both files.
//!
//! Invariant: no secret is in here.

use std::fmt::Write;
use std::path::Path;

use crate::observation::Confirm;
use crate::order::{Door, Upstream};
use crate::postgres::config::Config;

/// What only we set: what is acknowledged, and how it is followed, rests on it.
pub(crate) const OURS: [&str; 43] = [
    "archive_cleanup_command",
    "cluster_name",
    "config_file",
    "data_directory",
    "data_sync_retry",
    "external_pid_file",
    "fsync",
    "full_page_writes",
    "hba_file",
    "hot_standby",
    "ident_file",
    "ignore_checksum_failure",
    "listen_addresses",
    "logging_collector",
    "max_replication_slots",
    "max_slot_wal_keep_size",
    "max_wal_senders",
    "ondol.generation",
    "port",
    "primary_conninfo",
    "primary_slot_name",
    "promote_trigger_file",
    "recovery_min_apply_delay",
    "recovery_target_action",
    "recovery_target_timeline",
    "restart_after_crash",
    "restore_command",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_key_file",
    "ssl_min_protocol_version",
    "superuser_reserved_connections",
    "synchronous_commit",
    "synchronous_standby_names",
    "unix_socket_directories",
    "wal_level",
    "wal_log_hints",
    "wal_receiver_status_interval",
    "wal_receiver_timeout",
    "wal_sender_timeout",
    "zero_damaged_pages",
    "allow_system_table_mods",
];

/// How replicas are called when they sign in.
pub(crate) const REPLICATOR: &str = "ondol_replicator";
/// The superuser, who comes through the socket in our own folder only.
pub(crate) const SUPERUSER: &str = "postgres";
/// A name that no host has, so that nothing is acknowledged.
const NOBODY: &str = "nobody at all";

/// The files of its papers: who vouches, its own certificate, its key.
pub(super) const PAPERS: [&str; 3] = ["authority.pem", "host.pem", "host.key"];

/// What changes while a server lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The number of this writing.
    pub(crate) generation: u64,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) confirm: Confirm,
    pub(crate) door: Door,
}

/// `postgresql.conf`.
pub(crate) fn main(config: &Config, state: &State) -> String {
    let mut text = "# Written by ondol at every start and change; what is changed here is lost.\n".to_owned();
    let mut set = |name: &str, value: &str| {
        // writing to a text can't fail
        let _ = writeln!(text, "{name} = {}", quoted(value));
    };
    for (name, value) in defaults() {
        set(name, value);
    }
    for (name, value) in &config.settings {
        set(name, value);
    }
    let folder = |name: &str| config.folder.join(name).display().to_string();
    set("ondol.generation", &state.generation.to_string());
    set("data_directory", &folder("data"));
    set("hba_file", &folder("pg_hba.conf"));
    set("ident_file", &folder("pg_ident.conf"));
    set("unix_socket_directories", &folder("run"));
    set("log_directory", &folder("log"));
    set("listen_addresses", &config.listen.join(","));
    set("port", &config.port.to_string());
    set("cluster_name", &config.host);
    set("max_slot_wal_keep_size", &format!("{}kB", config.kept_bytes_max.0 / 1024));
    let silence = format!("{}ms", config.limits.stream_silence_max.as_millis());
    set("wal_sender_timeout", &silence);
    set("wal_receiver_timeout", &silence);
    for (name, value) in firm() {
        set(name, value);
    }
    if config.papers.is_some() {
        let [authority, certificate, key] = PAPERS.map(folder);
        set("ssl", "on");
        set("ssl_min_protocol_version", "TLSv1.2");
        set("ssl_ca_file", &authority);
        set("ssl_cert_file", &certificate);
        set("ssl_key_file", &key);
    }
    set("synchronous_standby_names", &names(&state.confirm));
    let slot = super::slot::name(&config.host);
    set("primary_slot_name", if state.upstream.is_some() { &slot } else { "" });
    let from = state.upstream.as_ref().map(|upstream| conninfo(config, upstream, ""));
    set("primary_conninfo", &from.unwrap_or_default());
    text
}

/// What may be set otherwise.
fn defaults() -> [(&'static str, &'static str); 17] {
    [
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("datestyle", "ISO, MDY"),
        ("lc_messages", "C"),
        ("password_encryption", "scram-sha-256"),
        ("max_connections", "200"),
        ("shared_buffers", "128MB"),
        ("dynamic_shared_memory_type", "posix"),
        ("hot_standby_feedback", "on"),
        ("wal_keep_size", "256MB"),
        ("wal_retrieve_retry_interval", "200ms"),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "2"),
        ("tcp_keepalives_count", "3"),
        ("log_filename", "postgres-%a.log"),
        ("log_truncate_on_rotation", "on"),
        ("log_rotation_size", "0"),
    ]
}

/// What may not: it is written last, and the last word counts.
fn firm() -> [(&'static str, &'static str); 20] {
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("wal_level", "replica"),
        // a rewind needs it where there are no checksums
        ("wal_log_hints", "on"),
        ("hot_standby", "on"),
        ("max_wal_senders", "16"),
        ("max_replication_slots", "16"),
        ("superuser_reserved_connections", "5"),
        ("wal_receiver_status_interval", "1s"),
        ("recovery_target_timeline", "latest"),
        ("recovery_min_apply_delay", "0"),
        ("restore_command", ""),
        ("archive_cleanup_command", ""),
        // a server that comes back by itself would come back as a primary
        ("restart_after_crash", "off"),
        ("data_sync_retry", "off"),
        ("ignore_checksum_failure", "off"),
        ("zero_damaged_pages", "off"),
        ("allow_system_table_mods", "off"),
        ("logging_collector", "on"),
    ]
}

/// `synchronous_standby_names`: all of the hosts, or none.
fn names(confirm: &Confirm) -> String {
    let name = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    match confirm {
        Confirm::Here => String::new(),
        Confirm::Nobody => format!("FIRST 1 ({})", name(NOBODY)),
        Confirm::Hosts(hosts) if hosts.is_empty() => format!("FIRST 1 ({})", name(NOBODY)),
        Confirm::Hosts(hosts) => {
            let names: Vec<String> = hosts.iter().map(|host| name(host)).collect();
            format!("FIRST {} ({})", names.len(), names.join(", "))
        }
    }
}

/// How another host's server is reached, as libpq takes it. The password comes from the file that is named.
pub(crate) fn conninfo(config: &Config, upstream: &Upstream, database: &str) -> String {
    let password = password_file(&config.folder).display().to_string();
    let silence = config.limits.stream_silence_max.as_millis().to_string();
    let port = upstream.port.to_string();
    let mut parts = vec![
        ("host", upstream.address.as_str()),
        ("port", &port),
        ("user", REPLICATOR),
        ("passfile", &password),
        ("application_name", &config.host),
        ("connect_timeout", "3"),
        ("tcp_user_timeout", &silence),
        ("keepalives_idle", "2"),
        ("keepalives_interval", "1"),
        ("keepalives_count", "3"),
        ("target_session_attrs", "any"),
    ];
    if !database.is_empty() {
        parts.push(("dbname", database));
    }
    let files = PAPERS.map(|name| config.folder.join(name).display().to_string());
    if config.papers.is_some() {
        let [authority, certificate, key] = &files;
        parts.extend([
            ("sslmode", "verify-full"),
            ("sslrootcert", authority.as_str()),
            ("sslcert", certificate),
            ("sslkey", key),
        ]);
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
    parts.iter().map(|(name, value)| format!("{name}='{}'", escaped(value))).collect::<Vec<_>>().join(" ")
}

/// Where the password of replicas lies.
pub(crate) fn password_file(folder: &Path) -> std::path::PathBuf {
    folder.join("replication.pass")
}

/// What lies there (PostgreSQL, "The Password File"). The only secret in any file of ours.
pub(crate) fn passwords(config: &Config) -> String {
    let escaped = config.replication.reveal().replace('\\', "\\\\").replace(':', "\\:");
    format!("*:*:*:{REPLICATOR}:{escaped}\n")
}

/// `pg_hba.conf`: ourselves through the socket, replicas, and clients while the door is open.
pub(crate) fn hba(config: &Config, door: Door) -> String {
    let mut text = "# Written by ondol.\nlocal all all peer map=ondol\n".to_owned();
    let (line, papers) = match config.papers {
        Some(_) => ("hostssl", " clientcert=verify-ca"),
        None => ("host", ""),
    };
    for database in ["replication", "postgres"] {
        let _ = writeln!(text, "{line} {database} {REPLICATOR} all scram-sha-256{papers}");
    }
    let _ = writeln!(text, "host all {REPLICATOR},{SUPERUSER} all reject");
    if door == Door::Open {
        for network in &config.clients {
            let _ = writeln!(text, "{line} all all {network} scram-sha-256");
        }
    }
    text
}

/// `pg_ident.conf`: root, and the user that the server runs as, are the superuser.
pub(crate) fn ident(account: &str) -> String {
    let mut text = "# Written by ondol.\n".to_owned();
    for user in ["root", account] {
        let _ = writeln!(text, "ondol \"{user}\" {SUPERUSER}");
    }
    text
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use base::secret::Secret;

    use super::*;

    fn config() -> Config {
        let mut config = Config::new("seoul-1", PathBuf::from("/srv/ondol"), PathBuf::from("/usr/bin"));
        config.replication = Secret::new("geheim:\\");
        config
    }

    fn line<'a>(text: &'a str, name: &str) -> &'a str {
        text.lines().rfind(|line| line.starts_with(&format!("{name} ="))).unwrap_or_default()
    }

    #[test]
    fn every_setting_that_is_firm_is_refused_to_others() {
        let text = main(&config(), &State::default());
        let others: Vec<&str> = defaults().iter().map(|(name, _)| *name).collect();
        for name in text.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name) {
            assert_ne!(OURS.contains(&name), others.contains(&name) || name == "log_directory", "{name}");
        }
    }

    #[test]
    fn a_secret_is_in_the_password_file_only() {
        let upstream = Upstream { host: "busan-1".into(), address: "10.0.0.9".into(), port: 5432 };
        let state = State { upstream: Some(upstream), ..State::default() };
        let texts = [main(&config(), &state), hba(&config(), Door::Open), ident("postgres")];
        assert!(texts.iter().all(|text| !text.contains("geheim")));
        assert_eq!(passwords(&config()), "*:*:*:ondol_replicator:geheim\\:\\\\\n");
    }

    #[test]
    fn commits_wait_for_all_hosts_that_are_named() {
        let hosts = |hosts: &[&str]| Confirm::Hosts(hosts.iter().map(|host| (*host).to_owned()).collect());
        for (confirm, names) in [
            (Confirm::Here, "''"),
            (hosts(&["busan-1"]), "'FIRST 1 (\"busan-1\")'"),
            (hosts(&["busan-1", "it's \"x\""]), "'FIRST 2 (\"busan-1\", \"it''s \"\"x\"\"\")'"),
            (hosts(&[]), "'FIRST 1 (\"nobody at all\")'"),
            (Confirm::Nobody, "'FIRST 1 (\"nobody at all\")'"),
        ] {
            let text = main(&config(), &State { confirm, ..State::default() });
            assert_eq!(
                line(&text, "synchronous_standby_names"),
                format!("synchronous_standby_names = {names}")
            );
        }
    }

    #[test]
    fn with_papers_nobody_comes_in_unencrypted_and_replicas_show_theirs() {
        let mut config = config();
        config.papers = Some(trust::Papers {
            authority: String::new(),
            certificate: String::new(),
            key: "the key".to_owned(),
        });
        let open = hba(&config, Door::Open);
        assert!(open.lines().all(|line| !line.starts_with("host ") || line.ends_with("reject")), "{open}");
        assert!(open.contains("hostssl replication ondol_replicator all scram-sha-256 clientcert=verify-ca"));
        let upstream = Upstream { host: "busan-1".into(), address: "10.0.0.9".into(), port: 5432 };
        assert!(conninfo(&config, &upstream, "").contains("sslmode='verify-full'"));
        let text = main(&config, &State::default());
        assert_eq!(line(&text, "ssl"), "ssl = 'on'");
        assert!(!text.contains("the key"));
    }

    #[test]
    fn a_closed_door_lets_replicas_in_and_nobody_else() {
        let closed = hba(&config(), Door::Closed);
        assert!(closed.contains("host replication ondol_replicator all scram-sha-256"));
        assert!(!closed.contains("host all all"));
        assert!(hba(&config(), Door::Open).contains("host all all 0.0.0.0/0 scram-sha-256"));
    }
}
