//! What becomes of a server that is made primary, and how reigns are told apart.
//!
//! A table of ours has a row for each reign that the data took part in: its number (the timeline), a word of its own, and where
//! the log had come before. The row is the reign's first transaction, written while nobody else may write. So of two servers
//! it can be said where their histories parted: of a reign that both know, where the other one's next began.

use tokio::time::sleep;

use base::moment::Moment;

use crate::error::Error;
use crate::fence::LOOK_EVERY;
use crate::mariadb::link::{Link, Row};
use crate::mariadb::note::Note;
use crate::mariadb::{MariaDb, change, gtid};
use crate::observation::{Bound, Role};
use crate::order::Upstream;
use crate::place::Place;
use crate::program::Process;

/// How long a reign's word is.
const WORD_LENGTH: usize = 20;
/// In place of a word of ours: what these data have is not what another host has.
pub(super) const ANOTHERS: &str = "another's";
/// The question for all reigns.
pub(super) const REIGNS: &str = "SELECT timeline, word, base FROM ondol_keeper.reign ORDER BY timeline";
/// What a replica says when it has applied all that it has.
const IDLE: &str = "Slave has read all relay log";

/// A reign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reign {
    pub(super) timeline: u32,
    pub(super) word: String,
    /// How far the log had come before.
    pub(super) base: u64,
}

/// What a new database has for it. The first row is of no reign: its word is what the data are known by.
pub(super) fn tables(system: &str) -> Vec<String> {
    vec![
        "CREATE DATABASE ondol_keeper;".to_owned(),
        "CREATE TABLE ondol_keeper.reign (timeline INT UNSIGNED PRIMARY KEY, word VARCHAR(40) NOT NULL, base BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB;".to_owned(),
        format!("INSERT INTO ondol_keeper.reign VALUES (1, '{system}', 0);"),
    ]
}

/// Reads them.
pub(super) fn read(rows: &[Row]) -> Result<Vec<Reign>, Error> {
    let reign = |row: &Row| {
        Some(Reign {
            timeline: row.text("timeline").parse().ok()?,
            word: row.text("word").to_owned(),
            base: row.text("base").parse().ok()?,
        })
    };
    let reigns: Option<Vec<Reign>> = rows.iter().map(reign).collect();
    let unread = || Error::Unread { what: "the reigns of the data", said: format!("{rows:?}") };
    reigns.filter(|reigns| !reigns.is_empty()).ok_or_else(unread)
}

/// Where `ours`, that has come to `position`, left what `theirs` has; `None`: it is a beginning of it.
pub(super) fn parted(ours: &[Reign], position: u64, theirs: &[Reign]) -> Option<u64> {
    let common = ours.iter().zip(theirs).take_while(|(one, other)| one == other).count();
    // what ours has beyond the reigns that both know, theirs does not have
    let (our_end, their_end) =
        (ours.get(common).map(|reign| reign.base), theirs.get(common).map(|reign| reign.base));
    match (our_end, their_end) {
        (Some(one), other) => Some(other.map_or(one, |other| one.min(other))),
        (None, Some(end)) if position > end => Some(end),
        (None, _) => None,
    }
}

impl MariaDb {
    /// Makes it primary, if `may` still says so right before that can't be taken back; waits until it is one. One that is
    /// primary already is left so.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] when `may` says no; [`Error::Slow`] and [`Error::Refused`] when what it received can't be applied.
    pub async fn promote(&self, may: impl Fn() -> bool) -> Result<(), Error> {
        let process = self.alive().ok_or(Error::NotRunning)?;
        let limits = self.config.limits;
        let Some(mut link) = self.link_to_replica(&process).await? else { return Ok(()) };
        self.apply_all(&mut link).await?;
        let text = "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL rpl_semi_sync_slave_enabled = OFF, rpl_semi_sync_master_enabled = OFF";
        link.ask("follow nobody", text, limits.promote_time_max).await?;
        let word = base::chance::word(WORD_LENGTH);
        let (tables, at) = self.reigns_of(&mut link).await?;
        let timeline = tables.last().map_or(1, |reign| reign.timeline) + 1;
        let note = Note {
            system_id: tables[0].word.clone(),
            timeline,
            position: at,
            role: Role::Primary,
            is_clean: false,
            is_whole: true,
        };
        let had_led = {
            let word = word.clone();
            let leads = move |place: &Place| {
                let had_led = !place.reigns()?.is_empty();
                place.lead(&word)?;
                note.write(place)?;
                Ok(had_led)
            };
            self.place.change("noting that it leads", limits.disk_time_max, leads).await?
        };
        if !may() {
            if !had_led {
                self.place.change("noting that it does not lead", limits.disk_time_max, Place::fit).await?;
            }
            return Err(Error::NotAllowed);
        }
        // nobody else may write yet, and nobody is waited for
        let text = format!(
            "SET sql_log_bin = 1; INSERT INTO ondol_keeper.reign VALUES ({timeline}, '{word}', {at}); SET sql_log_bin = 0"
        );
        link.ask("write its reign down", &text, limits.answer_time_max).await?;
        let confirm = {
            let mut now = self.now();
            now.upstream = None;
            now.confirm.clone()
        };
        link.ask("wait for its replica", change::semi_sync(&confirm), limits.answer_time_max).await?;
        let from = change::written(&mut link, limits.answer_time_max).await?;
        if !may() {
            return Err(Error::NotAllowed);
        }
        self.now().bound = Some((process.id, Bound { confirm, from }));
        link.ask("take writes", "SET GLOBAL read_only = OFF", limits.answer_time_max).await?;
        self.serve_others(&process);
        Ok(())
    }

    /// Has a replica receive no more and apply what it has received, and notes that it has everything then, if it has: what it
    /// had only received a start throws away. A primary is left as it is.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::Slow`] and [`Error::Refused`] when what it received can't be applied.
    pub async fn secure(&self) -> Result<(), Error> {
        let process = self.alive().ok_or(Error::NotRunning)?;
        let limits = self.config.limits;
        let Some(mut link) = self.link_to_replica(&process).await? else { return Ok(()) };
        self.apply_all(&mut link).await?;
        link.ask("follow nobody", "STOP SLAVE", limits.reload_time_max).await?;
        let is_whole = {
            let mut now = self.now();
            now.upstream = None;
            now.is_whole
        };
        if is_whole { self.note_wholeness(true).await } else { Ok(()) }
    }

    /// A session on it, unless it takes writes.
    async fn link_to_replica(&self, process: &Process) -> Result<Option<Link>, Error> {
        let mut link = self.settled_link(process).await?;
        let is_replica = is_read_only(&mut link, self.config.limits.answer_time_max).await?;
        Ok(is_replica.then_some(link))
    }

    /// Stops receiving, and waits until all that was received is applied: what was confirmed is there then.
    pub(super) async fn apply_all(&self, link: &mut Link) -> Result<(), Error> {
        let limits = self.config.limits;
        let until = Moment::now().after(limits.promote_time_max);
        link.ask("receive no more", "STOP SLAVE IO_THREAD", limits.promote_time_max).await?;
        let question = "SELECT @@gtid_current_pos AS applied; SHOW SLAVE STATUS";
        loop {
            let tables = link.ask("say how it follows", question, limits.answer_time_max).await?;
            let Some(row) = tables.get(1).and_then(|rows| rows.first()) else { return Ok(()) };
            let applied = tables[0].first().map_or("", |row| row.text("applied"));
            let (received, state) = (row.text("Gtid_IO_Pos"), row.text("Slave_SQL_Running_State"));
            if row.text("Slave_SQL_Running") != "Yes" {
                // one that never followed since its start has received nothing more
                if gtid::sequence(received)? <= gtid::sequence(applied)? {
                    return Ok(());
                }
                // to start it now would throw away what it has received
                let why = format!("it has stopped: {}", row.text("Last_SQL_Error"));
                return Err(Error::Refused { what: "apply what it received", why });
            }
            if state.starts_with(IDLE) && !received.is_empty() {
                let left = until.left().as_secs_f64().max(0.1);
                let wait = format!("SELECT MASTER_GTID_WAIT('{received}', {left:.1})");
                let done = link.cell("apply what it received", &wait, limits.promote_time_max).await?;
                if done == "0" {
                    return Ok(());
                }
            } else if state.starts_with(IDLE) {
                return Ok(());
            }
            if until.left().is_zero() {
                let what = "applying what it received".to_owned();
                return Err(Error::Slow { what, limit: limits.promote_time_max });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// The reigns that a server's data took part in, and how far it has come.
    pub(super) async fn reigns_of(&self, link: &mut Link) -> Result<(Vec<Reign>, u64), Error> {
        let text = format!("{REIGNS}; SELECT @@gtid_binlog_pos AS written, @@gtid_slave_pos AS applied");
        let tables = link.ask("say its reigns", &text, self.config.limits.answer_time_max).await?;
        let [reigns, places, ..] = &tables[..] else {
            return Err(Error::Unread { what: "the reigns of the data", said: String::new() });
        };
        let place = places.first().cloned().unwrap_or_default();
        let at = gtid::sequence(place.text("written"))?.max(gtid::sequence(place.text("applied"))?);
        Ok((read(reigns)?, at))
    }

    /// Whether this running server's history is a beginning of another host's. One that is not reached says nothing against
    /// it: it can't be followed either.
    pub(super) async fn agrees_with(&self, link: &mut Link, upstream: &Upstream) -> Result<bool, Error> {
        let limit = self.config.limits.answer_time_max;
        let theirs = match Link::reach(&self.config, upstream, limit).await {
            Ok(mut other) => self.reigns_of(&mut other).await,
            Err(error) => Err(error),
        };
        let Ok((theirs, _)) = theirs else { return Ok(true) };
        let (ours, at) = self.reigns_of(link).await?;
        Ok(parted(&ours, at, &theirs).is_none())
    }

    pub(super) async fn reigns(&self) -> Result<Vec<String>, Error> {
        self.place.look("looking at the data", self.config.limits.disk_time_max, Place::reigns).await
    }
}

/// Whether it takes no writes.
pub(super) async fn is_read_only(link: &mut Link, limit: std::time::Duration) -> Result<bool, Error> {
    Ok(link.cell("say whether it follows", "SELECT @@global.read_only", limit).await? != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reigns(of: &[(u32, &str, u64)]) -> Vec<Reign> {
        of.iter()
            .map(|(timeline, word, base)| Reign { timeline: *timeline, word: (*word).into(), base: *base })
            .collect()
    }

    #[test]
    fn histories_part_where_the_first_reign_that_one_does_not_know_began() {
        let base = [(1, "system", 0), (2, "a", 0)];
        let ours = reigns(&base);
        let mut next = base.to_vec();
        next.push((3, "b", 70));
        let theirs = reigns(&next);
        assert_eq!(parted(&ours, 70, &theirs), None, "all that it has was there when the next reign began");
        assert_eq!(parted(&ours, 71, &theirs), Some(70), "one more than that");
        assert_eq!(parted(&theirs, 90, &theirs), None);
        let mut other = base.to_vec();
        other.push((3, "c", 60));
        assert_eq!(parted(&reigns(&other), 65, &theirs), Some(60), "two reigns of one number");
        assert_eq!(parted(&theirs, 90, &ours), Some(70), "a reign that the other knows nothing of");
    }
}
