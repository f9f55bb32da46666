//! What a running server is told: whom to follow, to be primary, what commits wait for, who may come in, what is kept.

use std::collections::BTreeMap;

use base::moment::Moment;
use tokio::time::sleep;

use crate::error::Error;
use crate::observation::{Bound, Confirm};
use crate::order::{Door, Upstream};
use crate::place::Place;
use crate::postgres::link::Link;
use crate::postgres::settings::State;
use crate::postgres::{Postgres, life, lsn, slot};
use crate::program::Process;

/// How often it is looked whether something has come about.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(10);
/// Read by a new session: the settings that the postmaster gave it.
const GENERATION: &str = "SELECT current_setting('ondol.generation')";
/// What is set for roles and databases against the confirmation of commits, and how it is taken back.
const OVERRIDES: &str = "\
SELECT 'ALTER ' || CASE WHEN setrole = 0 AND setdatabase <> 0 THEN 'DATABASE ' || quote_ident(datname)
        ELSE 'ROLE ' || coalesce(quote_ident(rolname), 'ALL')
            || CASE WHEN setdatabase = 0 THEN '' ELSE ' IN DATABASE ' || quote_ident(datname) END END
        || ' RESET synchronous_commit' AS back,
    format('%s was set for %s in %s', setting, coalesce(rolname, 'everybody'), coalesce(datname, 'every database')) AS what
FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole
    LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
WHERE setting ~* '^synchronous_commit=' AND lower(split_part(setting, '=', 2)) NOT IN ('on', 'remote_apply')
    AND (setrole = 0 OR rolname IS NOT NULL) AND (setdatabase = 0 OR datname IS NOT NULL)";

impl Postgres {
    /// Has it follow another host, or nobody.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Uncompared`], and those of changing the settings.
    pub async fn follow(&self, upstream: Option<&Upstream>) -> Result<(), Error> {
        self.may_follow(upstream).await?;
        self.change(|state| state.upstream = upstream.cloned()).await.map(drop)
    }

    /// Lets clients in, or no more of them.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and those of changing the settings.
    pub async fn door(&self, door: Door) -> Result<(), Error> {
        let process = self.alive().ok_or(Error::NotRunning)?;
        if self.in_force(&process).is_some_and(|state| state.door == door) {
            return Ok(());
        }
        self.change(|state| state.door = door).await.map(drop)
    }

    /// Has commits wait for `confirm`. On a primary: gives back once that binds **every** commit, with the place from which on it
    /// does ([`Bound`]). On a replica the order is kept for later, and `None` given back.
    ///
    /// What proves it: a session that was begun after the change has it, so that the postmaster has passed the order on to all.
    /// The checkpointer, which sets the flag that commits look at, has taken it when it has begun a checkpoint anew (the
    /// second; the first may have been on its way). A sender of the log has taken it when the answer to something that was
    /// written after that comes back through it: that is for the caller to see, at `flushed >= from`.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and those of changing the settings and of a checkpoint. Then nothing is proved.
    pub async fn set_confirm(&self, confirm: &Confirm) -> Result<Option<Bound>, Error> {
        let process = self.alive().ok_or(Error::NotRunning)?;
        if let Some(bound) = self.bound(&process).filter(|bound| bound.confirm == *confirm) {
            return Ok(Some(bound));
        }
        self.now().bound = None;
        let link = match self.in_force(&process).filter(|state| state.confirm == *confirm) {
            Some(_) => self.link().await?,
            None => self.change(|state| state.confirm = confirm.clone()).await?,
        };
        let limits = self.config.limits;
        let follows = "SELECT pg_is_in_recovery()";
        if link.cell("say whether it follows", follows, limits.answer_time_max).await? == "t" {
            return Ok(None);
        }
        if *confirm != Confirm::Here {
            for _ in 0..2 {
                link.ask("write a checkpoint", "CHECKPOINT", limits.checkpoint_time_max).await?;
            }
        }
        // ours waits for nobody
        link.ask("write a marker", "SET synchronous_commit = local", limits.answer_time_max).await?;
        let marker = "SELECT pg_logical_emit_message(true, 'ondol', 'confirm')";
        link.ask("write a marker", marker, limits.answer_time_max).await?;
        // after the marker's own commit, so that it is sent at once and not when something else is
        let place =
            link.cell("say where it is", "SELECT pg_current_wal_flush_lsn()", limits.answer_time_max).await?;
        let from = lsn::parse(&place).ok_or(Error::Unread { what: "a place", said: place })?;
        let bound = Bound { confirm: confirm.clone(), from };
        self.now().bound = Some((process.id, bound.clone()));
        Ok(Some(bound))
    }

    /// Keeps what other hosts need, from where each has come to (`None`: not known); what is kept for hosts that are not named is
    /// let go, and what was lost is begun anew.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Refused`].
    pub async fn keep_slots(&self, hosts: &BTreeMap<String, Option<u64>>) -> Result<(), Error> {
        let limit = self.config.limits.answer_time_max;
        let link = self.link().await?;
        let question =
            "SELECT slot_name, active, wal_status FROM pg_replication_slots WHERE slot_type = 'physical'";
        let tables = link.ask("say what it keeps", question, limit).await?;
        let mut kept = Vec::new();
        for row in tables.first().into_iter().flatten() {
            let Some(host) = slot::host(row.get("slot_name").unwrap_or_default()) else { continue };
            let is_wanted = hosts.contains_key(&host) && row.get("wal_status") != Some("lost");
            let is_active = row.get("active") == Some("t");
            if is_wanted || is_active {
                kept.push((host, is_active));
            } else {
                let drop = format!("SELECT pg_drop_replication_slot('{}')", slot::name(&host));
                link.ask("let a slot go", &drop, limit).await?;
            }
        }
        for (host, reached) in hosts {
            let name = slot::name(host);
            match (kept.iter().find(|(kept, _)| kept == host), reached) {
                (None, _) => {
                    let make = format!("SELECT pg_create_physical_replication_slot('{name}', true)");
                    link.ask("make a slot", &make, limit).await?;
                }
                // a host that follows somebody else moves on all the same
                (Some((_, false)), Some(reached)) => {
                    let advance = format!(
                        "SELECT pg_replication_slot_advance(slot_name, least('{}'::pg_lsn, CASE WHEN pg_is_in_recovery()
                         THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END))
                         FROM pg_replication_slots WHERE slot_name = '{name}' AND NOT active
                         AND restart_lsn < least('{0}'::pg_lsn, CASE WHEN pg_is_in_recovery()
                         THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)",
                        lsn::show(*reached)
                    );
                    link.ask("move a slot on", &advance, limit).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes back what `ALTER ROLE` or `ALTER DATABASE` set against the confirmation of commits; what was taken back, in
    /// sentences. Sessions that began under it keep it to their end.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Refused`].
    pub async fn take_back_overrides(&self) -> Result<Vec<String>, Error> {
        let limit = self.config.limits.answer_time_max;
        let link = self.link().await?;
        let tables = link.ask("say what is overridden", OVERRIDES, limit).await?;
        let mut taken = Vec::new();
        for row in tables.first().into_iter().flatten() {
            let (Some(back), Some(what)) = (row.get("back"), row.get("what")) else { continue };
            link.ask("take an override back", back, limit).await?;
            taken.push(what.to_owned());
        }
        Ok(taken)
    }

    /// Writes a checkpoint now, however long that takes.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Silent`].
    pub async fn checkpoint(&self) -> Result<(), Error> {
        let link = self.link().await?;
        link.ask("write a checkpoint", "CHECKPOINT", self.config.limits.checkpoint_time_max).await.map(drop)
    }

    /// Changes the settings, and waits until the postmaster has read them; a session that was begun after that.
    async fn change(&self, change: impl FnOnce(&mut State)) -> Result<Link, Error> {
        let process = self.alive().ok_or(Error::NotRunning)?;
        // one that is not yet there to take the signal would be killed by it
        drop(self.link().await?);
        let state = {
            let mut now = self.now();
            change(&mut now.state);
            now.state.generation += 1;
            now.state.clone()
        };
        let (generation, before, new) = (state.generation, self.in_force(&process), state.clone());
        // until it is known what was read, nothing is
        self.now().in_force = None;
        let (config, limits) = (self.config.clone(), self.config.limits);
        let written = move |place: &Place| life::write(&config, place, &state, before.as_ref());
        self.place.change("writing the settings", limits.disk_time_max, written).await?;
        process.signal(rustix::process::Signal::HUP);
        let until = Moment::now().after(limits.reload_time_max);
        loop {
            let link = self.link().await?;
            let seen = link.cell("say its settings", GENERATION, limits.answer_time_max).await?;
            if seen.parse::<u64>().is_ok_and(|seen| seen >= generation) {
                self.now().in_force = Some((process.id, new));
                return Ok(link);
            }
            if until.left().is_zero() {
                let what = "reading new settings".to_owned();
                return Err(Error::Slow { what, limit: limits.reload_time_max });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What the process has certainly read; `None`: not known.
    fn in_force(&self, process: &Process) -> Option<State> {
        self.now().in_force.clone().filter(|(of, _)| *of == process.id).map(|(_, state)| state)
    }

    fn bound(&self, process: &Process) -> Option<Bound> {
        self.now().bound.clone().filter(|(of, _)| *of == process.id).map(|(_, bound)| bound)
    }

    /// A new session.
    pub(super) async fn link(&self) -> Result<Link, Error> {
        if self.alive().is_none() {
            return Err(Error::NotRunning);
        }
        Link::open(self, self.config.limits.answer_time_max).await
    }
}
