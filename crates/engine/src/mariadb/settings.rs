//! The server's settings as text, whole: nothing of what somebody else put there is read; and what of them is verified.
//!
//! Invariant: the only secrets in any files of ours are in the one that `mariadb-backup` reads, and in that of this host's key.

use std::fmt::Write;

use crate::mariadb::Config;
use crate::mariadb::link::Row;

/// We ourselves, through the socket in our own folder only.
pub(crate) const KEEPER: &str = "ondol_keeper";
/// How replicas are called when they sign in.
pub(crate) const REPLICATOR: &str = "ondol_replicator";
/// How long a commit waits for its confirmation: ten years, in milliseconds. Only the keeper lets it go.
const CONFIRM_TIME_MAX_MS: &str = "315360000000";

/// What only we set.
pub(crate) const OURS: [&str; 60] = [
    "basedir",
    "bind_address",
    "binlog_checksum",
    "binlog_format",
    "binlog_row_image",
    "bootstrap",
    "character_set_server",
    "collation_server",
    "datadir",
    "default_storage_engine",
    "default_time_zone",
    "enforce_storage_engine",
    "event_scheduler",
    "gtid_domain_id",
    "gtid_ignore_duplicates",
    "gtid_strict_mode",
    "init_file",
    "init_rpl_role",
    "innodb_doublewrite",
    "innodb_flush_log_at_trx_commit",
    "innodb_flush_method",
    "innodb_force_recovery",
    "innodb_read_only",
    "local_infile",
    "log_bin",
    "log_bin_index",
    "log_error",
    "log_slave_updates",
    "master_verify_checksum",
    "pid_file",
    "plugin_load",
    "plugin_load_add",
    "port",
    "read_only",
    "relay_log",
    "relay_log_recovery",
    "replicate_do_db",
    "replicate_ignore_db",
    "report_host",
    "report_port",
    "require_secure_transport",
    "rpl_semi_sync_master_enabled",
    "rpl_semi_sync_master_timeout",
    "rpl_semi_sync_master_wait_no_slave",
    "rpl_semi_sync_master_wait_point",
    "rpl_semi_sync_slave_enabled",
    "rpl_semi_sync_slave_kill_conn_timeout",
    "server_id",
    "slave_net_timeout",
    "slave_skip_errors",
    "socket",
    "sql_mode",
    "ssl",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "tls_version",
    "sync_binlog",
    "tmpdir",
    "user",
];

/// What is looked at in every round, and how it has to be.
const VERIFIED: [(&str, &str); 12] = [
    ("gtid_strict_mode", "ON"),
    ("log_slave_updates", "ON"),
    ("sync_binlog", "1"),
    ("innodb_flush_log_at_trx_commit", "1"),
    ("innodb_doublewrite", "ON"),
    ("binlog_format", "ROW"),
    ("rpl_semi_sync_master_wait_point", "AFTER_SYNC"),
    ("rpl_semi_sync_master_timeout", CONFIRM_TIME_MAX_MS),
    ("rpl_semi_sync_master_wait_no_slave", "ON"),
    ("gtid_domain_id", "0"),
    ("enforce_storage_engine", "InnoDB"),
    ("event_scheduler", "OFF"),
];

/// As what a server comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// It keeps all that its log has: it may have to lead.
    Keeps,
    /// It drops what it had written and not settled: another leads, and has of it what was acknowledged.
    Drops,
}

/// `my.cnf`.
pub(crate) fn main(config: &Config) -> String {
    let mut text =
        "# Written by ondol at every start; what is changed here is lost.\n[mariadbd]\n".to_owned();
    let mut set = |name: &str, value: &str| {
        // writing to a text can't fail
        let _ = writeln!(text, "{name} = {value}");
    };
    for (name, value) in DEFAULTS {
        set(name, value);
    }
    for (name, value) in &config.settings {
        set(name, &format!("'{value}'"));
    }
    let folder = |name: &str| config.folder.join(name).display().to_string();
    set("datadir", &folder("data"));
    set("tmpdir", &folder("tmp"));
    set("socket", &config.socket().display().to_string());
    set("pid_file", &folder("run/mariadb.pid"));
    set("bind_address", &config.listen.join(","));
    set("port", &config.port.to_string());
    set("server_id", &config.server_id().to_string());
    set("report_host", &config.host);
    set("report_port", &config.port.to_string());
    let silence = config.limits.stream_silence_max.as_secs().max(1).to_string();
    set("slave_net_timeout", &silence);
    for (name, value) in FIRM {
        set(name, value);
    }
    if config.papers.is_some() {
        let [authority, certificate, key] = config.paper_files().map(|path| path.display().to_string());
        set("ssl_ca", &authority);
        set("ssl_cert", &certificate);
        set("ssl_key", &key);
        set("tls_version", "TLSv1.2,TLSv1.3");
        set("require_secure_transport", "ON");
    }
    text
}

/// What may be set otherwise.
const DEFAULTS: [(&str, &str); 8] = [
    ("max_connections", "200"),
    ("innodb_buffer_pool_size", "128M"),
    ("innodb_log_file_size", "96M"),
    ("max_binlog_size", "64M"),
    ("binlog_expire_logs_seconds", "604800"),
    ("slave_parallel_threads", "16"),
    ("slave_parallel_mode", "optimistic"),
    ("log_warnings", "2"),
];

/// What may not: it is written last, and the last word counts.
const FIRM: [(&str, &str); 26] = [
    ("log_bin", "binlog"),
    ("relay_log", "relay"),
    ("log_slave_updates", "ON"),
    ("gtid_strict_mode", "ON"),
    ("gtid_domain_id", "0"),
    ("sync_binlog", "1"),
    ("innodb_flush_log_at_trx_commit", "1"),
    ("innodb_doublewrite", "ON"),
    ("binlog_format", "ROW"),
    ("rpl_semi_sync_master_enabled", "OFF"),
    ("rpl_semi_sync_master_wait_point", "AFTER_SYNC"),
    ("rpl_semi_sync_master_timeout", CONFIRM_TIME_MAX_MS),
    ("rpl_semi_sync_master_wait_no_slave", "ON"),
    ("rpl_semi_sync_slave_enabled", "ON"),
    // who stops receiving tries for so many seconds to end its session there, and a takeover waits for that
    ("rpl_semi_sync_slave_kill_conn_timeout", "1"),
    ("read_only", "ON"),
    ("skip_slave_start", "ON"),
    ("relay_log_recovery", "ON"),
    ("skip_name_resolve", "ON"),
    ("event_scheduler", "OFF"),
    ("default_storage_engine", "InnoDB"),
    ("enforce_storage_engine", "InnoDB"),
    ("character_set_server", "utf8mb4"),
    ("collation_server", "utf8mb4_bin"),
    ("default_time_zone", "'+00:00'"),
    ("local_infile", "OFF"),
];

/// What the server is told when it is started.
pub(crate) fn options(config: &Config, recovery: Recovery) -> Vec<String> {
    let role = if recovery == Recovery::Keeps { "MASTER" } else { "SLAVE" };
    vec![
        format!("--defaults-file={}", config.folder.join("my.cnf").display()),
        format!("--init-rpl-role={role}"),
    ]
}

/// What `mariadb-backup` reads.
pub(crate) fn backup(config: &Config) -> String {
    let escaped = config.replication.reveal().replace('\\', "\\\\").replace('"', "\\\"");
    let (socket, data) = (config.socket(), config.folder.join("data"));
    format!(
        "# Written by ondol.\n[mariadb-backup]\nuser = {KEEPER}\npassword = \"{escaped}\"\nsocket = {}\ndatadir = {}\n",
        socket.display(),
        data.display()
    )
}

/// The question for what is verified.
pub(crate) fn question() -> String {
    let names: Vec<String> = VERIFIED.iter().map(|(name, _)| format!("'{name}'")).collect();
    format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", names.join(", "))
}

/// What is not as it has to be, in sentences.
pub(crate) fn troubles(rows: &[Row]) -> Vec<String> {
    let found = |name: &str| {
        rows.iter().find(|row| row.text("Variable_name") == name).map_or("unknown", |row| row.text("Value"))
    };
    let wrong = VERIFIED.iter().filter(|(name, value)| !found(name).eq_ignore_ascii_case(value));
    wrong
        .map(|(name, value)| {
            format!(
                "{name} was changed to {}, and must be {value}: what is acknowledged may be lost",
                found(name)
            )
        })
        .collect()
}

/// A text as SQL has it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n").replace('\0', "\\0"))
}

#[cfg(test)]
mod tests {
    use base::secret::Secret;

    use super::*;

    fn config() -> Config {
        let mut config = Config::new("seoul-1", "/srv/ondol".into(), "/usr".into());
        config.replication = Secret::new("geheim:\\");
        config
    }

    #[test]
    fn every_setting_that_is_firm_is_refused_to_others() {
        let text = main(&config());
        let others: Vec<&str> = DEFAULTS.iter().map(|(name, _)| *name).collect();
        let free = ["skip_slave_start", "skip_name_resolve"];
        for name in text.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name) {
            assert_ne!(OURS.contains(&name), others.contains(&name) || free.contains(&name), "{name}");
        }
    }

    #[test]
    fn with_papers_nobody_comes_in_unencrypted() {
        let mut config = config();
        assert!(!main(&config).contains("require_secure_transport"));
        config.papers =
            Some(trust::Papers { authority: "a".into(), certificate: "b".into(), key: "a key".into() });
        let text = main(&config);
        assert!(text.contains("require_secure_transport = ON\n"));
        assert!(text.contains("ssl_key = /srv/ondol/host.key\n") && !text.contains("a key"));
        let others = ["ssl_ca", "ssl_cert", "ssl_key", "tls_version", "require_secure_transport"];
        assert!(others.iter().all(|name| OURS.contains(name)));
    }

    #[test]
    fn a_secret_is_in_the_file_of_backups_only() {
        let texts = [main(&config()), options(&config(), Recovery::Keeps).join(" ")];
        assert!(texts.iter().all(|text| !text.contains("geheim")));
        assert!(backup(&config()).contains("password = \"geheim:\\\\\""));
    }
}
