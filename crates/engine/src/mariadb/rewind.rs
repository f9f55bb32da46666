//! Leading a server back onto the primary's history.
//!
//! What is led back over is what a crashed primary had written and not settled, of which the new primary has all that was
//! acknowledged: MariaDB drops it from its log when it starts as a replica. What was settled beyond that can't be taken back:
//! then the data have to be cloned, and the log is kept aside.

use base::moment::Moment;
use tokio::time::sleep;

use crate::error::Error;
use crate::fence::LOOK_EVERY;
use crate::mariadb::link::Link;
use crate::mariadb::settings::Recovery;
use crate::mariadb::{MariaDb, audit, reign};
use crate::observation::{Confirm, Observation};
use crate::order::{Door, Fit, Upstream};
use crate::place::Place;

impl MariaDb {
    /// How this host's stopped server fits to another, after it was led back as far as that can be. It does not run then.
    ///
    /// # Errors
    /// When it runs, when the other host is not reached, or when this one does not come up.
    pub async fn compare(&self, upstream: &Upstream) -> Result<Fit, Error> {
        let limits = self.config.limits;
        self.place.rest("a rewind", limits.disk_time_max).await?;
        self.is_ready_to_work().await?;
        let mut other = Link::reach(&self.config, upstream, limits.answer_time_max).await?;
        let (theirs, _) = self.reigns_of(&mut other).await?;
        let (most, system) = (self.config.audit_bytes_max.0, theirs[0].word.clone());
        let stopped = match self.observe().await? {
            Observation::Stopped(stopped) => stopped,
            Observation::Absent | Observation::Unfinished { .. } => {
                return Err(Error::Unfinished { what: "init" });
            }
            Observation::Running(_) | Observation::Silent { .. } => return Err(Error::Running),
        };
        if stopped.system_id != system {
            return Err(Error::Foreign { found: stopped.system_id, expected: system });
        }
        let name = format!("rewind-{}-{}", stopped.timeline, Moment::now().since_start().as_secs());
        let aside = move |place: &Place| audit::keep(place, &name, most);
        let kept = self.place.change("keeping lost history aside", limits.init_time_max, aside).await?;
        let begun =
            self.start_as(Recovery::Drops, None, &Confirm::Nobody, Door::Closed, &["--skip-networking"]);
        begun.await?;
        let fit = self.compare_running(&theirs).await;
        let ended = match self.stop(Moment::now().after(limits.init_time_max)).await {
            Ok(()) => Ok(()),
            Err(_) => self.fence(Moment::now().after(limits.kill_time_max)).await.map(drop),
        };
        let (fit, ()) = (fit?, ended?);
        if fit == Fit::Follows {
            let done = move |place: &Place| {
                audit::drop(&kept)?;
                place.fit()
            };
            self.place.change("noting that it fits", limits.disk_time_max, done).await?;
        }
        Ok(fit)
    }

    async fn compare_running(&self, theirs: &[reign::Reign]) -> Result<Fit, Error> {
        let limits = self.config.limits;
        let until = Moment::now().after(limits.init_time_max);
        loop {
            match Link::open(&self.config, limits.answer_time_max).await {
                Ok(mut link) => {
                    let (ours, at) = self.reigns_of(&mut link).await?;
                    return Ok(match reign::parted(&ours, at, theirs) {
                        None => Fit::Follows,
                        Some(end) => Fit::Unrelated {
                            why: format!(
                                "it has {} transactions that the primary lacks",
                                at.saturating_sub(end)
                            ),
                        },
                    });
                }
                Err(_) if self.alive().is_none() => {
                    // one that can't drop what it has to (what InnoDB does not keep) ends itself
                    let why = self.last_words().await?;
                    let errors: Vec<&str> = why.lines().filter(|line| line.contains("[ERROR]")).collect();
                    return Ok(Fit::Unrelated { why: errors.join(" ") });
                }
                Err(error) if until.left().is_zero() => return Err(error),
                Err(_) => sleep(LOOK_EVERY * 4).await,
            }
        }
    }

    /// Leads this host's stopped server back to what the other has, if that can be; what was so.
    ///
    /// # Errors
    /// Those of [`MariaDb::compare`].
    pub async fn rewind(&self, upstream: &Upstream) -> Result<Fit, Error> {
        self.compare(upstream).await
    }
}
