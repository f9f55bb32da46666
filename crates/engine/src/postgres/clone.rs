//! A whole copy of another host's server, in place of what is here.

use base::moment::Moment;
use tokio::sync::watch;
use trust::{Encrypt, Tls};

use crate::error::Error;
use crate::observation::{Observation, Unfinished};
use crate::order::{Progress, Upstream};
use crate::place::Place;
use crate::postgres::link::Link;
use crate::postgres::settings::{REPLICATOR, conninfo};
use crate::postgres::{Postgres, audit, life};

impl Postgres {
    /// Copies another host's server here. What is here is taken away first, as soon as it is certain that the other one is
    /// reached and is known by `system_id`. If it breaks off it can be asked for again.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Running`], [`Error::Occupied`], [`Error::Silent`] when the other host is not reached, and
    /// those of the disk and of the program.
    pub async fn clone_of(
        &self,
        upstream: &Upstream,
        system_id: &str,
        progress: watch::Sender<Progress>,
    ) -> Result<(), Error> {
        self.place.rest("a clone", self.config.limits.disk_time_max).await?;
        match self.is_ready_to_work().await {
            Ok(()) | Err(Error::Unfinished { .. }) => {}
            Err(error) => return Err(error),
        }
        self.is_of(upstream, system_id).await?;
        let lost = match self.observe().await? {
            Observation::Stopped(stopped) => Some((stopped.timeline, stopped.checkpoint)),
            _ => None,
        };
        let (config, most) = (self.config.clone(), self.config.audit_segments_max);
        let room = move |place: &Place| {
            place.make()?;
            if let Some((timeline, at)) = lost {
                audit::keep(place, &format!("clone-{timeline}-{at:016X}"), timeline, at, most)?;
            }
            place.begin(Unfinished::Clone)?;
            life::write_papers(&config, place)?;
            place.wipe()
        };
        let limits = self.config.limits;
        self.place.change("making room for a clone", limits.init_time_max, room).await?;
        let program = self
            .program("pg_basebackup")
            .arg(format!("--pgdata={}", self.place.data().display()))
            .arg(format!("--dbname={}", conninfo(&self.config, upstream, "")))
            .args(["--wal-method=stream", "--checkpoint=fast", "--progress", "--no-password"]);
        let hear = move |line: &str| {
            if let Some(now) = read(line) {
                progress.send_replace(now);
            }
        };
        let turn = self.place.turn("a clone", limits.disk_time_max).await?;
        program.run(Some(turn), String::new(), hear).await?;
        self.place.change("finishing a clone", limits.disk_time_max, Place::finish).await
    }

    /// A connection to another host, and until when its first answer is waited for.
    pub(super) async fn reach(&self, upstream: &Upstream) -> Result<(Link, Moment), Error> {
        let limit = self.config.limits.answer_time_max;
        let until = Moment::now().after(limit);
        let mut settings = tokio_postgres::Config::new();
        settings.host(&upstream.address).port(upstream.port).user(REPLICATOR).dbname("postgres");
        // the driver signs in with it
        settings.password(self.config.replication.reveal()).application_name(&self.config.host);
        Ok((Link::connect(settings, self.encrypt()?, &self.tasks, limit).await?, until))
    }

    /// How other hosts are talked with.
    fn encrypt(&self) -> Result<Encrypt, Error> {
        let among = self.config.papers.as_ref().map(Tls::among).transpose();
        among.map(Encrypt).map_err(|error| Error::Settings { what: base::error::chain(&error) })
    }

    /// Whether the other host has the data that it is to have.
    async fn is_of(&self, upstream: &Upstream, expected: &str) -> Result<(), Error> {
        let (link, until) = self.reach(upstream).await?;
        let text = "SELECT system_identifier FROM pg_control_system()";
        let found = link.cell("say what it is", text, until.left()).await?;
        if found == expected { Ok(()) } else { Err(Error::Foreign { found, expected: expected.to_owned() }) }
    }
}

/// A line such as `23456/34567 kB (67%), 0/1 tablespace`.
fn read(line: &str) -> Option<Progress> {
    let (done, rest) = line.trim().split_once('/')?;
    let (all, rest) = rest.split_once(' ')?;
    let bytes = |text: &str| text.parse::<u64>().ok()?.checked_mul(1024);
    rest.starts_with("kB").then_some(Progress { done: bytes(done)?, all: bytes(all)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_and_other_lines_are_not() {
        let progress = Progress { done: 23_456 * 1024, all: 34_567 * 1024 };
        assert_eq!(read("  23456/34567 kB (67%), 0/1 tablespace"), Some(progress));
        assert_eq!(read("waiting for checkpoint"), None);
    }
}
