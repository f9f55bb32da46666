//! New data: made, and given what we need in them, before the server ever listens.
//!
//! That is done in MariaDB's bootstrap mode, without a binary log: a new database has no history.

use tokio::time::timeout;

use crate::error::Error;
use crate::mariadb::note::Note;
use crate::mariadb::settings::{self, KEEPER, literal};
use crate::mariadb::{Config, MariaDb, reign};
use crate::observation::{Observation, Role, Unfinished};
use crate::place::Place;

/// How long the word is that the data are known by.
const WORD_LENGTH: usize = 20;

impl MariaDb {
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
        let config = self.config.clone();
        let begun = move |place: &Place| {
            make(place, &config)?;
            place.begin(Unfinished::Init)?;
            place.wipe()
        };
        self.place.change("making room for new data", limits.init_time_max, begun).await?;
        let data = format!("--datadir={}", self.place.data().display());
        let account = format!("--auth-root-socket-user={}", self.place.account.name);
        let install = self.program("mariadb-install-db").args([
            "--no-defaults",
            &data,
            &account,
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
            "--skip-name-resolve",
        ]);
        self.within_init_time("making new data", install, String::new()).await?;
        let system = base::chance::word(WORD_LENGTH);
        let bootstrap = self
            .program("mariadbd")
            .arg(format!("--defaults-file={}", self.config.folder.join("my.cnf").display()))
            .args(["--bootstrap", "--skip-log-bin", "--silent-startup", "--read-only=0"]);
        let what = "making what the keeper needs";
        self.within_init_time(what, bootstrap, self.first(&system)).await?;
        let note = Note {
            system_id: system.clone(),
            timeline: 1,
            position: 0,
            role: Role::Replica,
            is_clean: true,
            is_whole: true,
        };
        let finish = move |place: &Place| {
            note.write(place)?;
            place.finish()
        };
        self.place.change("finishing new data", limits.disk_time_max, finish).await?;
        Ok(system)
    }

    /// Runs a program to its end; nothing else changes the folder meanwhile.
    pub(super) async fn within_init_time(
        &self,
        what: &'static str,
        program: crate::program::Program,
        input: String,
    ) -> Result<(), Error> {
        let limit = self.config.limits.init_time_max;
        let turn = self.place.turn(what, limit).await?;
        let run = program.run(Some(turn), input, |_| {});
        timeout(limit, run).await.map_err(|_| Error::Slow { what: what.to_owned(), limit })?.map(drop)
    }

    /// The keeper's account, its table, and the service's database, a statement a line.
    fn first(&self, system: &str) -> String {
        let secret = literal(self.config.replication.reveal());
        let mut lines = vec![
            // accounts are not looked at in this mode before
            "FLUSH PRIVILEGES;".to_owned(),
            format!("CREATE USER '{KEEPER}'@'localhost' IDENTIFIED BY {secret};"),
            format!("GRANT ALL ON *.* TO '{KEEPER}'@'localhost' WITH GRANT OPTION;"),
            format!("CREATE DATABASE `{}`;", self.config.database),
        ];
        lines.extend(reign::tables(system));
        lines.join("\n") + "\n"
    }
}

/// Makes the folders that are missing, and writes the settings.
pub(super) fn make(place: &Place, config: &Config) -> Result<(), Error> {
    place.make()?;
    let tmp = place.folder.join("tmp");
    if !tmp.is_dir() {
        std::fs::create_dir(&tmp).map_err(Error::disk(&tmp))?;
        place.account.own(&tmp)?;
    }
    if let Some(papers) = &config.papers {
        let texts = [&papers.authority, &papers.certificate, &papers.key];
        config.paper_files().iter().zip(texts).try_for_each(|(path, text)| place.write(path, text))?;
    }
    place.write(&config.folder.join("backup.cnf"), &settings::backup(config))?;
    place.write(&config.folder.join("my.cnf"), &settings::main(config))
}
