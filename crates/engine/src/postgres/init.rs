//! New data: made, and given the users that the service has, before the server ever listens.
//!
//! That is done in PostgreSQL's single-user mode, so that a new server too starts as a replica and is promoted.

use std::fs;

use tokio::time::timeout;

use crate::error::Error;
use crate::observation::{Observation, Unfinished};
use crate::place::{Place, Turn};
use crate::postgres::Postgres;
use crate::postgres::settings::{REPLICATOR, SUPERUSER, State};
use crate::postgres::{control, life, reign};
use crate::program::Said;

/// What a rewind reads from another server (PostgreSQL, "pg_rewind", Notes).
const REWIND_READS: [&str; 4] = [
    "pg_ls_dir(text, boolean, boolean)",
    "pg_stat_file(text, boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text, bigint, bigint, boolean)",
];

impl Postgres {
    /// Makes new data; what they are known by. Data that are there already stay, unless the making of them broke off.
    ///
    /// # Errors
    /// [`Error::Unfinished`] when it was something else that broke off, and those of the disk and of the programs.
    pub async fn init(&self) -> Result<String, Error> {
        let limits = self.config.limits;
        self.place.rest("making new data", limits.init_time_max).await?;
        match self.observe().await? {
            Observation::Stopped(stopped) => return Ok(stopped.system_id),
            Observation::Running(running) => return Ok(running.system_id),
            Observation::Absent | Observation::Unfinished { what: Unfinished::Init } => {}
            Observation::Unfinished { .. } | Observation::Silent { .. } => self.is_ready_to_work().await?,
        }
        let begun = |place: &Place| {
            place.make()?;
            place.begin(Unfinished::Init)?;
            place.wipe()
        };
        self.place.change("making room for new data", limits.init_time_max, begun).await?;
        let data = self.place.data().display().to_string();
        let init =
            self.program("initdb").args(["-D", &data, "--username", SUPERUSER, "--data-checksums"]).args([
                "--encoding=UTF8",
                "--locale=C",
                "--auth-local=peer",
                "--auth-host=reject",
                "--no-instructions",
            ]);
        self.within_init_time("making new data", async |turn| init.run(turn, String::new(), |_| {}).await)
            .await?;
        self.alone(&self.users(), "making the service's users").await?;
        self.place.change("finishing new data", limits.disk_time_max, Place::finish).await?;
        Ok(control::read(&self.control_data().await?)?.system_id)
    }

    /// Runs the server alone, without a listener: it recovers if it has to, does what each line of `text` says, and ends in
    /// order, as a primary.
    pub(super) async fn alone(&self, text: &str, what: &'static str) -> Result<(), Error> {
        let config = self.config.clone();
        let state = State { generation: self.now().state.generation, ..State::default() };
        let written = move |place: &Place| {
            place.make()?;
            life::write(&config, place, &state, None)?;
            place.write(&place.data().join("postgresql.auto.conf"), "")?;
            // a replica can't be alone
            let signal = place.data().join("standby.signal");
            match fs::remove_file(&signal) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::disk(&signal)(error))
                }
                _ => Ok(()),
            }
        };
        self.place.change("writing the settings", self.config.limits.disk_time_max, written).await?;
        let main = format!("config_file={}", self.config.folder.join("postgresql.conf").display());
        let data = self.place.data().display().to_string();
        let program = self.program("postgres").args(["--single", "-D", &data, "-c", &main]).args([
            "-c",
            "exit_on_error=on",
            "-c",
            "logging_collector=off",
            // a statement that fails is not to be told of with its passwords
            "-c",
            "log_min_error_statement=panic",
            // nobody follows yet
            "-c",
            "synchronous_standby_names=",
            SUPERUSER,
        ]);
        let text = text.to_owned();
        self.within_init_time(what, async |turn| program.run(turn, text, |_| {}).await).await.map(drop)
    }

    async fn within_init_time(
        &self,
        what: &'static str,
        work: impl AsyncFnOnce(Option<Turn>) -> Result<Said, Error>,
    ) -> Result<Said, Error> {
        let limit = self.config.limits.init_time_max;
        let turn = self.place.turn(what, limit).await?;
        timeout(limit, work(Some(turn))).await.map_err(|_| Error::Slow { what: what.to_owned(), limit })?
    }

    /// The service's users and its database, a statement a line.
    fn users(&self) -> String {
        let config = &self.config;
        let (replication, secret) = (literal(config.replication.reveal()), literal(config.secret.reveal()));
        let (user, database) = (name(&config.user), name(&config.database));
        let mut lines = reign::tables();
        lines.push(format!("CREATE ROLE {REPLICATOR} LOGIN REPLICATION PASSWORD {replication};"));
        lines.push(reign::readers());
        lines.extend(
            REWIND_READS.map(|what| format!("GRANT EXECUTE ON FUNCTION pg_catalog.{what} TO {REPLICATOR};")),
        );
        lines.push(format!("CREATE ROLE {user} LOGIN PASSWORD {secret};"));
        lines.push(format!("CREATE DATABASE {database} OWNER {user};"));
        lines.push(format!("REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;"));
        lines.join("\n") + "\n"
    }
}

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
