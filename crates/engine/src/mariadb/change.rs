//! What a running server is told: whom to follow, what commits wait for, who may come in, what is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use base::moment::Moment;
use tokio::time::sleep;

use crate::error::Error;
use crate::fence::LOOK_EVERY;
use crate::mariadb::link::Link;
use crate::mariadb::note::Note;
use crate::mariadb::{MariaDb, audit, gtid, reign};
use crate::observation::{Bound, Confirm};
use crate::order::{Door, Upstream};
use crate::place::Place;

impl MariaDb {
    /// Has it follow another host, or nobody.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Uncompared`], and those of the server.
    pub async fn follow(&self, upstream: Option<&Upstream>) -> Result<(), Error> {
        let process = self.alive().ok_or(Error::NotRunning)?;
        self.may_follow(upstream).await?;
        let mut link = self.settled_link(&process).await?;
        match upstream {
            Some(upstream) => {
                self.note_wholeness(false).await?;
                self.follow_by(&mut link, upstream).await?;
            }
            None => {
                link.ask("follow nobody", "STOP SLAVE", self.config.limits.reload_time_max).await?;
            }
        }
        let mut now = self.now();
        if now.upstream.as_ref() != upstream {
            // what it has received beyond what it applied is gone
            (now.is_whole, now.target) = (now.is_whole && upstream.is_none(), None);
        }
        now.upstream = upstream.cloned();
        Ok(())
    }

    /// Whether it has, also if its process dies now, all that it ever confirmed: not while it receives.
    pub(super) async fn note_wholeness(&self, is_whole: bool) -> Result<(), Error> {
        let noted = move |place: &Place| {
            let note = Note::read(place)?.ok_or(Error::Unfinished { what: "init" })?;
            if note.is_whole == is_whole { Ok(()) } else { Note { is_whole, ..note }.write(place) }
        };
        self.place.change("noting what it has", self.config.limits.disk_time_max, noted).await
    }

    /// Data that were a primary's are compared before they follow.
    pub(super) async fn may_follow(&self, upstream: Option<&Upstream>) -> Result<(), Error> {
        match upstream {
            Some(upstream) if !self.reigns().await?.is_empty() => {
                Err(Error::Uncompared { upstream: upstream.host.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Lets clients in, or no more of them.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and those of the server.
    pub async fn door(&self, door: Door) -> Result<(), Error> {
        let process = self.alive().ok_or(Error::NotRunning)?;
        let mut link = self.settled_link(&process).await?;
        self.set_door(&mut link, door).await?;
        self.now().door = door;
        Ok(())
    }

    /// Has commits wait for `confirm`. On a primary: gives back once that binds **every** commit, with the place from which on it
    /// does ([`Bound`]). On a replica the order is kept for later, and `None` given back.
    ///
    /// A commit that was written to the log before the order came may not wait; all that come later do, and one replica's
    /// confirmation of one of them says that it has all before. [`Confirm::Nobody`] waits for a replica too: what one that comes
    /// lets go, it has, as has this host, the only one that may lead then.
    ///
    /// # Errors
    /// [`Error::Settings`] for more than one host; [`Error::NotRunning`], and those of the server. Then nothing is proved.
    pub async fn set_confirm(&self, confirm: &Confirm) -> Result<Option<Bound>, Error> {
        if let Confirm::Hosts(hosts) = confirm
            && hosts.len() > 1
        {
            let what = "MariaDB's commits can wait for one other host, not for several".to_owned();
            return Err(Error::Settings { what });
        }
        let process = self.alive().ok_or(Error::NotRunning)?;
        let bound = self.now().bound.clone().filter(|(of, _)| *of == process.id).map(|(_, bound)| bound);
        if let Some(bound) = bound.filter(|bound| bound.confirm == *confirm) {
            return Ok(Some(bound));
        }
        let limit = self.config.limits.answer_time_max;
        let mut link = self.settled_link(&process).await?;
        {
            let mut now = self.now();
            (now.bound, now.confirm) = (None, confirm.clone());
        }
        if reign::is_read_only(&mut link, limit).await? {
            return Ok(None);
        }
        link.ask("wait for its replica", semi_sync(confirm), limit).await?;
        let until = Moment::now().after(self.config.limits.reload_time_max);
        let wanted = if *confirm == Confirm::Here { "OFF" } else { "ON" };
        while status(&mut link, "Rpl_semi_sync_master_status", limit).await? != wanted {
            if until.left().is_zero() {
                let what = "the change of what commits wait for".to_owned();
                return Err(Error::Slow { what, limit: self.config.limits.reload_time_max });
            }
            sleep(LOOK_EVERY).await;
        }
        let from = written(&mut link, limit).await?;
        let bound = Bound { confirm: confirm.clone(), from };
        self.now().bound = Some((process.id, bound.clone()));
        Ok(Some(bound))
    }

    /// Keeps what other hosts need, as far as that is not more than [`kept_bytes_max`](super::Config::kept_bytes_max); and looks
    /// closely at what could take away what is promised.
    ///
    /// # Errors
    /// [`Error::NotRunning`], and those of the server.
    pub async fn keep_slots(&self, _: &BTreeMap<String, Option<u64>>) -> Result<(), Error> {
        let limits = self.config.limits;
        let mut link = self.link().await?;
        let troubles = self.inspect(&mut link, limits.answer_time_max).await?;
        self.now().troubles = troubles;
        let most = self.config.kept_bytes_max.0;
        let oldest = move |place: &Place| {
            let mut kept = 0;
            let mut logs = audit::logs(place).into_iter().rev();
            // the first that is too much, from the newest on: all before the one after it go
            let mut from = None;
            for (file, bytes) in logs.by_ref() {
                kept += bytes;
                if kept > most {
                    return Ok(from);
                }
                from = file.file_name().map(|name| name.to_string_lossy().into_owned());
            }
            Ok(None)
        };
        if let Some(file) = self.place.look("looking at the binary log", limits.disk_time_max, oldest).await?
        {
            link.ask("let old log go", &format!("PURGE BINARY LOGS TO '{file}'"), limits.answer_time_max)
                .await?;
        }
        Ok(())
    }

    /// There is nothing to write down before others can be led back to it.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub async fn checkpoint(&self) -> Result<(), Error> {
        if self.alive().is_some() { Ok(()) } else { Err(Error::NotRunning) }
    }
}

/// What has commits wait, or not.
pub(super) fn semi_sync(confirm: &Confirm) -> &'static str {
    match confirm {
        Confirm::Here => "SET GLOBAL rpl_semi_sync_master_enabled = OFF",
        Confirm::Hosts(_) | Confirm::Nobody => "SET GLOBAL rpl_semi_sync_master_enabled = ON",
    }
}

/// How far its log has come.
pub(super) async fn written(link: &mut Link, limit: Duration) -> Result<u64, Error> {
    gtid::sequence(&link.cell("say where it is", "SELECT @@gtid_binlog_pos", limit).await?)
}

/// A number or word of its status.
async fn status(link: &mut Link, name: &str, limit: Duration) -> Result<String, Error> {
    let tables = link.ask("say how it is", &format!("SHOW GLOBAL STATUS LIKE '{name}'"), limit).await?;
    let row = tables.first().and_then(|rows| rows.first()).cloned().unwrap_or_default();
    Ok(row.text("Value").to_owned())
}
