//! What a server is told after its start, as soon as it answers: its accounts, from where a copy goes on, whom to follow.
//!
//! Each part of it can be done again. Nothing of it is written to the binary log.

use std::time::Duration;

use crate::error::Error;
use crate::mariadb::link::Link;
use crate::mariadb::settings::{KEEPER, REPLICATOR, literal};
use crate::mariadb::{MariaDb, gtid, reign};
use crate::order::{Door, Upstream};
use crate::place::Place;
use crate::program::Process;

/// How often the primary is heard of while nothing is written, in seconds.
const HEARTBEAT_S: &str = "0.5";

impl MariaDb {
    /// A session on it, after it was told everything.
    pub(super) async fn settled_link(&self, process: &Process) -> Result<Link, Error> {
        let mut link = Link::open(&self.config, self.config.limits.answer_time_max).await?;
        let is_settled = self.now().settled == Some(process.id);
        if !is_settled {
            self.settle(&mut link).await?;
            self.now().settled = Some(process.id);
        }
        Ok(link)
    }

    async fn settle(&self, link: &mut Link) -> Result<(), Error> {
        let limits = self.config.limits;
        let (upstream, door) = {
            let now = self.now();
            (now.upstream.clone(), now.door)
        };
        let accounts = self.accounts(link).await?;
        link.ask("make its accounts", &accounts, limits.answer_time_max).await?;
        self.set_door(link, door).await?;
        self.begin_copy(link).await?;
        if let Some(upstream) = upstream {
            self.follow_by(link, &upstream).await?;
        }
        Ok(())
    }

    /// The accounts of replicas and of the service, as they are to be.
    async fn accounts(&self, link: &mut Link) -> Result<String, Error> {
        let config = &self.config;
        let (replication, secret) = (literal(config.replication.reveal()), literal(config.secret.reveal()));
        let user = &config.user;
        let grantee = config.database.replace('_', "\\_");
        let text = format!("SELECT host FROM mysql.global_priv WHERE user = '{user}'");
        let there = link.ask("say its accounts", &text, config.limits.answer_time_max).await?;
        let wanted = config.patterns();
        let mut lines = vec![
            format!("CREATE USER IF NOT EXISTS '{REPLICATOR}'@'%' IDENTIFIED BY {replication}"),
            format!("ALTER USER '{REPLICATOR}'@'%' IDENTIFIED BY {replication}"),
            format!("GRANT REPLICATION SLAVE, SLAVE MONITOR, PROCESS ON *.* TO '{REPLICATOR}'@'%'"),
            format!("GRANT SELECT ON ondol_keeper.* TO '{REPLICATOR}'@'%'"),
        ];
        for row in
            there.first().into_iter().flatten().filter(|row| !wanted.iter().any(|it| it == row.text("host")))
        {
            lines.push(format!("DROP USER '{user}'@{}", literal(row.text("host"))));
        }
        for pattern in &wanted {
            lines.push(format!(
                "CREATE USER IF NOT EXISTS '{user}'@'{pattern}' IDENTIFIED BY {secret} ACCOUNT LOCK"
            ));
            lines.push(format!("ALTER USER '{user}'@'{pattern}' IDENTIFIED BY {secret}"));
            lines.push(format!("GRANT ALL ON `{grantee}`.* TO '{user}'@'{pattern}'"));
            // who reads from a replica looks how far it has come
            lines.push(format!("GRANT SLAVE MONITOR ON *.* TO '{user}'@'{pattern}'"));
        }
        Ok(lines.join("; "))
    }

    /// Lets the service's clients in, or no more of them.
    pub(super) async fn set_door(&self, link: &mut Link, door: Door) -> Result<(), Error> {
        let how = if door == Door::Open { "UNLOCK" } else { "LOCK" };
        let user = &self.config.user;
        let lines: Vec<String> = self
            .config
            .patterns()
            .iter()
            .map(|it| format!("ALTER USER '{user}'@'{it}' ACCOUNT {how}"))
            .collect();
        link.ask("open or close its door", &lines.join("; "), self.config.limits.answer_time_max)
            .await
            .map(drop)
    }

    /// A fresh copy goes on from where its primary was.
    async fn begin_copy(&self, link: &mut Link) -> Result<(), Error> {
        let limits = self.config.limits;
        let find = |place: &Place| {
            let path = place.folder.join("copied");
            match std::fs::read_to_string(&path) {
                Ok(text) => Ok(Some(text.trim().to_owned())),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::disk(&path)(error)),
            }
        };
        let Some(from) = self.place.look("looking at a copy", limits.disk_time_max, find).await? else {
            return Ok(());
        };
        gtid::sequence(&from)?;
        let from = literal(&from);
        let text = format!(
            "RESET MASTER; SET GLOBAL gtid_binlog_state = {from}; SET GLOBAL gtid_slave_pos = {from}"
        );
        link.ask("begin where the copy ends", &text, limits.answer_time_max).await?;
        let done = |place: &Place| {
            let path = place.folder.join("copied");
            std::fs::remove_file(&path).map_err(Error::disk(&path))
        };
        self.place.change("noting that a copy has begun", limits.disk_time_max, done).await
    }

    /// Has it follow another host, if its history is a beginning of that one's.
    pub(super) async fn follow_by(&self, link: &mut Link, upstream: &Upstream) -> Result<(), Error> {
        let limits = self.config.limits;
        if !reign::is_read_only(link, limits.answer_time_max).await? {
            return Err(Error::Uncompared { upstream: upstream.host.clone() });
        }
        if !self.agrees_with(link, upstream).await? {
            let doubt = |place: &Place| place.lead(reign::ANOTHERS);
            self.place.change("noting that its past is another one", limits.disk_time_max, doubt).await?;
            return Err(Error::Uncompared { upstream: upstream.host.clone() });
        }
        let (address, secret) = (literal(&upstream.address), literal(self.config.replication.reveal()));
        // what a replica had received of somebody else goes: who leads now has of it what counts
        let text = format!(
            "STOP SLAVE; SET GLOBAL rpl_semi_sync_master_enabled = OFF, rpl_semi_sync_slave_enabled = ON; \
             SET GLOBAL gtid_slave_pos = @@gtid_current_pos; \
             CHANGE MASTER TO MASTER_HOST = {address}, MASTER_PORT = {}, MASTER_USER = '{REPLICATOR}', \
             MASTER_PASSWORD = {secret}, MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1, \
             MASTER_HEARTBEAT_PERIOD = {HEARTBEAT_S}, {}; START SLAVE",
            upstream.port,
            self.encrypted()
        );
        link.ask("follow another", &text, limits.reload_time_max).await.map(drop)
    }

    /// How the stream is encrypted, if it is.
    fn encrypted(&self) -> String {
        if self.config.papers.is_none() {
            return "MASTER_SSL = 0".to_owned();
        }
        let [authority, certificate, key] =
            self.config.paper_files().map(|path| literal(&path.display().to_string()));
        format!(
            "MASTER_SSL = 1, MASTER_SSL_CA = {authority}, MASTER_SSL_CERT = {certificate}, MASTER_SSL_KEY = {key}, \
             MASTER_SSL_VERIFY_SERVER_CERT = 1"
        )
    }

    /// Looks closely: at who may write where nobody should, and at what its log can't undo.
    pub(super) async fn inspect(&self, link: &mut Link, limit: Duration) -> Result<Vec<String>, Error> {
        let account = &self.place.account.name;
        let text = format!(
            "SELECT DISTINCT grantee AS who FROM information_schema.user_privileges \
             WHERE privilege_type IN ('SUPER', 'READ_ONLY ADMIN', 'READ ONLY ADMIN') AND grantee NOT IN \
             (\"'{KEEPER}'@'localhost'\", \"'root'@'localhost'\", \"'{account}'@'localhost'\", \"'mariadb.sys'@'localhost'\"); \
             SELECT CONCAT(table_schema, '.', table_name) AS what, engine FROM information_schema.tables \
             WHERE table_type = 'BASE TABLE' AND engine <> 'InnoDB' \
             AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') LIMIT 10; \
             XA RECOVER"
        );
        let tables = link.ask("say who may do what", &text, limit).await?;
        let rows = |at: usize| tables.get(at).into_iter().flatten();
        let mut troubles: Vec<String> = rows(0)
            .map(|row| {
                format!(
                    "{} may write to a database that is read-only: take SUPER and READ ONLY ADMIN away",
                    row.text("who")
                )
            })
            .collect();
        troubles.extend(rows(1).map(|row| {
            format!(
                "{} is kept by {}, which can't take a write back: ALTER TABLE … ENGINE=InnoDB",
                row.text("what"),
                row.text("engine")
            )
        }));
        if rows(2).next().is_some() {
            troubles.push(
                "an XA transaction is prepared: what it writes may be lost at a takeover; end it".to_owned(),
            );
        }
        Ok(troubles)
    }
}
