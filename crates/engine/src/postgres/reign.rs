//! What becomes of a server that is made primary, and how two reigns on one timeline are told apart.
//!
//! PostgreSQL numbers a timeline one higher than the last that the server knows of. Two servers that are promoted one after
//! the other, of which the second never heard of the first, give their timelines one number, and `pg_rewind` takes one for
//! the other. So each reign writes a word of its own into a table, which followers then have, and keeps it in its folder.
//!
//! A third server that followed the first of them is found out when it is to follow the second, unless it got the timeline
//! and not yet the word.

use base::moment::Moment;
use tokio::time::sleep;

use crate::error::Error;
use crate::order::Upstream;
use crate::place::Place;
use crate::postgres::Postgres;
use crate::postgres::link::Link;
use crate::postgres::settings::REPLICATOR;

/// How often it is looked whether a promotion has come about: writers wait for it.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(2);
/// How long a reign's word is.
const WORD_LENGTH: usize = 20;
/// In place of a word of ours: a timeline of these data is another one than what the primary knows by that number.
const ANOTHERS: &str = "another's";
/// The timeline of a primary.
const TIMELINE: &str = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int";

/// What a new database has for it, in `postgres`.
pub(super) fn tables() -> Vec<String> {
    ["CREATE SCHEMA ondol;", "CREATE TABLE ondol.reign (timeline int PRIMARY KEY, word text NOT NULL);"]
        .map(str::to_owned)
        .to_vec()
}

/// Who may read it.
pub(super) fn readers() -> String {
    format!("GRANT USAGE ON SCHEMA ondol TO {REPLICATOR}; GRANT SELECT ON ondol.reign TO {REPLICATOR};")
}

impl Postgres {
    /// Makes it primary, if `may` still says so right before the order is given; waits until it is one. One that is primary
    /// already is left so.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] when `may` says no; [`Error::Slow`], after which it may yet become primary.
    pub async fn promote(&self, may: impl FnOnce() -> bool) -> Result<(), Error> {
        let limits = self.config.limits;
        let link = self.link().await?;
        if !self.follows(&link).await? {
            return self.note(&link).await;
        }
        let ready = "SELECT pg_wal_replay_resume() WHERE pg_is_wal_replay_paused()";
        link.ask("go on replaying", ready, limits.answer_time_max).await?;
        let leads = |place: &Place| {
            let had_led = !place.reigns()?.is_empty();
            place.lead(&base::chance::word(WORD_LENGTH))?;
            Ok(had_led)
        };
        let had_led = self.place.change("noting that it leads", limits.disk_time_max, leads).await?;
        if !may() {
            if !had_led {
                self.place.change("noting that it does not lead", limits.disk_time_max, Place::fit).await?;
            }
            return Err(Error::NotAllowed);
        }
        link.cell("be promoted", "SELECT pg_promote(false)", limits.answer_time_max).await?;
        let until = Moment::now().after(limits.promote_time_max);
        while self.follows(&link).await? {
            if until.left().is_zero() {
                return Err(Error::Slow { what: "promoting".to_owned(), limit: limits.promote_time_max });
            }
            sleep(LOOK_EVERY).await;
        }
        self.note(&link).await
    }

    async fn follows(&self, link: &Link) -> Result<bool, Error> {
        let limit = self.config.limits.answer_time_max;
        Ok(link.cell("say whether it follows", "SELECT pg_is_in_recovery()", limit).await? == "t")
    }

    /// Writes the reign's word down, once, and waits for nobody with that.
    async fn note(&self, link: &Link) -> Result<(), Error> {
        let limits = self.config.limits;
        let words = self.reigns().await?;
        // letters and digits
        let Some(word) = words.last() else { return Ok(()) };
        link.ask("wait for nobody", "SET synchronous_commit = local", limits.answer_time_max).await?;
        let text = format!("INSERT INTO ondol.reign VALUES ({TIMELINE}, '{word}') ON CONFLICT DO NOTHING");
        link.ask("write its reign down", &text, limits.answer_time_max).await.map(drop)
    }

    /// Data that were a primary's are compared before they follow, and so are those whose past another host knows otherwise.
    pub(super) async fn may_follow(&self, upstream: Option<&Upstream>) -> Result<(), Error> {
        let Some(upstream) = upstream else { return Ok(()) };
        let uncompared = || Err(Error::Uncompared { upstream: upstream.host.clone() });
        if !self.reigns().await?.is_empty() {
            return uncompared();
        }
        if self.alive().is_none() || self.agrees_with(upstream).await? {
            return Ok(());
        }
        let limit = self.config.limits.disk_time_max;
        let doubt = |place: &Place| place.lead(ANOTHERS);
        self.place.change("noting that its past is another one", limit, doubt).await?;
        uncompared()
    }

    /// Whether no timeline of this running server is known to another host by another word. One that is not reached says
    /// nothing against it: it can't be followed either.
    async fn agrees_with(&self, upstream: &Upstream) -> Result<bool, Error> {
        let limit = self.config.limits.answer_time_max;
        let question = "SELECT timeline, word FROM ondol.reign";
        let theirs = match self.reach(upstream).await {
            Ok((link, until)) => link.ask("say its reigns", question, until.left()).await,
            Err(error) => Err(error),
        };
        let Ok(theirs) = theirs else { return Ok(true) };
        let ours = self.link().await?.ask("say its reigns", question, limit).await?;
        let word = |timeline: Option<&str>| {
            let mut rows = theirs.iter().flatten();
            rows.find(|row| row.get(0) == timeline).and_then(|row| row.get(1))
        };
        Ok(ours.iter().flatten().all(|row| word(row.get(0)).is_none_or(|theirs| Some(theirs) == row.get(1))))
    }

    /// Whether another host, that is on timeline `theirs`, had what this one wrote as a primary on `ours`; true if it wrote
    /// nothing.
    pub(super) async fn is_known_to(
        &self,
        upstream: &Upstream,
        ours: u32,
        theirs: u32,
    ) -> Result<bool, Error> {
        let words = self.reigns().await?;
        if words.is_empty() || theirs < ours {
            return Ok(words.is_empty());
        }
        let (link, until) = self.reach(upstream).await?;
        let text = format!("SELECT word FROM ondol.reign WHERE timeline = {ours}");
        let tables = link.ask("say what it knows of a timeline", &text, until.left()).await?;
        let known = tables.first().and_then(|rows| rows.first()?.get(0));
        Ok(known.is_some_and(|known| words.iter().any(|word| word == known)))
    }

    async fn reigns(&self) -> Result<Vec<String>, Error> {
        self.place.look("looking at the data", self.config.limits.disk_time_max, Place::reigns).await
    }
}
