//! Leading a server back onto the primary's history, when its own went on beyond where that one branched off.
//!
//! What is led back over is what nobody was promised, or what a person chose to lose; its log is kept aside first.

use crate::error::Error;
use crate::observation::{Confirm, End, Observation, Stopped, Unfinished};
use crate::order::{Door, Fit, Upstream};
use crate::place::{Place, word};
use crate::postgres::settings::conninfo;
use crate::postgres::{Postgres, audit, life, lsn};
use crate::program::Said;

use base::moment::Moment;

impl Postgres {
    /// How this host's stopped server fits to another. One that crashed is let recover first, without listening.
    ///
    /// # Errors
    /// When it runs, when the other host is not reached, when that one has not written its first checkpoint yet
    /// ([`Error::Early`]), or when this one does not recover.
    pub async fn compare(&self, upstream: &Upstream) -> Result<Fit, Error> {
        self.place.rest("a rewind", self.config.limits.disk_time_max).await?;
        self.is_ready_to_work().await?;
        let theirs = self.timeline_of(upstream).await?;
        let config = self.config.clone();
        let papers = move |place: &Place| life::write_papers(&config, place);
        self.place.change("writing its papers", self.config.limits.disk_time_max, papers).await?;
        let ours = self.recover().await?;
        if !self.is_known_to(upstream, ours, theirs).await? {
            // pg_rewind would take one for the other
            let why = format!(
                "this host wrote timeline {ours} as a primary, and {} (on {theirs}) knows nothing of that",
                upstream.host
            );
            return Ok(Fit::Unrelated { why });
        }
        let fit = match self.pg_rewind(upstream, &["--dry-run"]).await {
            Ok(said) => read(&said.words)?,
            Err(Error::Program { said, .. }) if !is_unreached(&said) => Fit::Unrelated { why: said },
            Err(error) => return Err(error),
        };
        if fit == Fit::Follows {
            self.place.change("noting that it fits", self.config.limits.disk_time_max, Place::fit).await?;
        }
        Ok(fit)
    }

    /// The timeline that another host is on.
    async fn timeline_of(&self, upstream: &Upstream) -> Result<u32, Error> {
        let (link, until) = self.reach(upstream).await?;
        let text = "SELECT CASE WHEN pg_is_in_recovery() THEN timeline_id
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END AS timeline, timeline_id
            FROM pg_control_checkpoint()";
        let tables = link.ask("say its timeline", text, until.left()).await?;
        let row = tables.first().and_then(|rows| rows.first());
        let cell = |name| row.and_then(|row| row.get(name)?.parse::<u32>().ok());
        match (cell("timeline"), cell("timeline_id")) {
            (Some(now), Some(written)) if now == written => Ok(now),
            (Some(_), Some(_)) => Err(Error::Early { upstream: upstream.host.clone() }),
            _ => Err(Error::Unread { what: "a timeline", said: String::new() }),
        }
    }

    /// Leads this host's stopped server back to where the other's history branched off, if it has to be; what was so. Before,
    /// the other must have written the first checkpoint of its reign. If this breaks off, the data have to be cloned.
    ///
    /// # Errors
    /// Those of [`Postgres::compare`], and when `pg_rewind` fails half-way.
    pub async fn rewind(&self, upstream: &Upstream) -> Result<Fit, Error> {
        let fit = self.compare(upstream).await?;
        let Fit::Diverged { timeline, at } = fit else { return Ok(fit) };
        let (limits, most) = (self.config.limits, self.config.audit_segments_max);
        let aside = move |place: &Place| {
            audit::keep(place, &format!("rewind-{timeline}-{at:016X}"), timeline, at, most)?;
            place.begin(Unfinished::Rewind)
        };
        self.place.change("keeping lost history aside", limits.init_time_max, aside).await?;
        self.pg_rewind(upstream, &[]).await?;
        let finish = |place: &Place| {
            place.fit()?;
            place.finish()
        };
        self.place.change("finishing a rewind", limits.disk_time_max, finish).await?;
        Ok(fit)
    }

    /// Lets a crashed server recover, so that it has ended in order; the timeline that it is on then.
    async fn recover(&self) -> Result<u32, Error> {
        match self.stopped().await?.end {
            End::Primary | End::Replica => {}
            End::CrashedPrimary => self.alone("", "recovering").await?,
            // alone it would go on as a primary
            End::CrashedReplica => {
                let until = Moment::now().after(self.config.limits.init_time_max);
                self.start(None, &Confirm::Nobody, Door::Closed).await?;
                while !matches!(self.observe().await?, Observation::Running(_)) {
                    if until.left().is_zero() || self.alive().is_none() {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                self.stop(until).await?;
            }
        }
        Ok(self.stopped().await?.timeline)
    }

    async fn stopped(&self) -> Result<Stopped, Error> {
        match self.observe().await? {
            Observation::Stopped(stopped) => Ok(stopped),
            Observation::Absent => Err(Error::Unfinished { what: "init" }),
            Observation::Unfinished { what } => Err(Error::Unfinished { what: word(what) }),
            Observation::Running(_) | Observation::Silent { .. } => Err(Error::Running),
        }
    }

    async fn pg_rewind(&self, upstream: &Upstream, options: &[&str]) -> Result<Said, Error> {
        let program = self
            .program("pg_rewind")
            .arg(format!("--target-pgdata={}", self.place.data().display()))
            .arg(format!("--source-server={}", conninfo(&self.config, upstream, "postgres")))
            .arg(format!("--config-file={}", self.config.folder.join("postgresql.conf").display()))
            .arg("--no-ensure-shutdown")
            .args(options.iter().copied());
        let turn = self.place.turn("a rewind", self.config.limits.disk_time_max).await?;
        program.run(Some(turn), String::new(), |_| {}).await
    }
}

/// Whether it was the way to the other host that failed.
fn is_unreached(said: &str) -> bool {
    said.contains("connection to server")
        || said.contains("could not fetch remote file")
        || said.contains("lost")
}

fn read(words: &str) -> Result<Fit, Error> {
    let diverged = words.lines().find_map(|line| {
        let (_, rest) = line.split_once("servers diverged at WAL location ")?;
        let (place, timeline) = rest.split_once(" on timeline ")?;
        Some((lsn::parse(place)?, timeline.trim().parse().ok()?))
    });
    let needs_none = words.contains("no rewind required") || words.contains("on the same timeline");
    match diverged {
        _ if needs_none => Ok(Fit::Follows),
        Some((at, timeline)) => Ok(Fit::Diverged { timeline, at }),
        None => Err(Error::Unread { what: "what pg_rewind said", said: words.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewind_is_needed_where_histories_parted() {
        let parted = "pg_rewind: servers diverged at WAL location 0/30001A8 on timeline 1\n\
                      pg_rewind: rewinding from last common checkpoint at 0/3000028 on timeline 1\n";
        assert_eq!(read(parted).unwrap(), Fit::Diverged { timeline: 1, at: 0x300_01A8 });
        let follows = "pg_rewind: servers diverged at WAL location 0/30001A8 on timeline 1\n\
                       pg_rewind: no rewind required\n";
        assert_eq!(read(follows).unwrap(), Fit::Follows);
        let same =
            "pg_rewind: source and target cluster are on the same timeline\npg_rewind: no rewind required\n";
        assert_eq!(read(same).unwrap(), Fit::Follows);
        assert!(read("pg_rewind: hello").is_err());
    }
}
