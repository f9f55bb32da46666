//! An orderly end: nothing that was confirmed is on its way to anybody then.

use std::convert::Infallible;
use std::time::Duration;

use base::moment::Moment;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::ending;
use crate::error::Error;
use crate::fence::LOOK_EVERY;
use crate::mariadb::link::Link;
use crate::mariadb::note::Note;
use crate::mariadb::{MariaDb, change, reign};
use crate::observation::Role;
use crate::order::Door;
use crate::place::Place;
use crate::program::Process;

/// How long a write waits for another's row while the server takes no more writes.
const ROW_WAIT_MAX: Duration = Duration::from_millis(100);
/// Whose statement waits for a row: no commit does.
const WAITING: &str =
    "SELECT trx_mysql_thread_id AS session FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";

impl MariaDb {
    /// Stops it in order. A primary first takes no more writes, which waits for those under way (nothing that nobody confirmed
    /// is answered so), and ends once its replicas have been sent everything; a replica applies what it has received.
    ///
    /// # Errors
    /// [`Error::Slow`] when it is still there at the deadline: fence it.
    pub async fn stop(&self, deadline: Moment) -> Result<(), Error> {
        let Some(process) = self.alive() else { return Ok(()) };
        let stop = async {
            let note = self.settle_down(&process).await?;
            process.signal(Signal::TERM);
            ending::gone(&process, &self.place.data()).await;
            Ok(note)
        };
        let note = ending::by(deadline, stop).await?;
        let noted = move |place: &Place| note.write(place);
        self.place.change("noting how it ended", self.config.limits.disk_time_max, noted).await
    }

    /// Until nothing of it is on its way; what is to be noted once it has ended.
    async fn settle_down(&self, process: &Process) -> Result<Note, Error> {
        let limits = self.config.limits;
        let mut link = self.settled_link(process).await?;
        let is_replica = reign::is_read_only(&mut link, limits.answer_time_max).await?;
        let mut is_whole = true;
        if is_replica {
            is_whole = self.apply_all(&mut link).await.is_ok() && self.now().is_whole;
        } else {
            self.set_door(&mut link, Door::Closed).await?;
            self.end_writes(&mut link).await?;
            self.wait_for_followers(&mut link).await?;
        }
        // it need not write down what its own log has
        link.ask("end soon", "SET GLOBAL innodb_fast_shutdown = 2", limits.answer_time_max).await?;
        let (reigns, position) = self.reigns_of(&mut link).await?;
        Ok(Note {
            system_id: reigns[0].word.clone(),
            timeline: reigns.last().map_or(1, |reign| reign.timeline),
            position,
            role: if is_replica { Role::Replica } else { Role::Primary },
            is_clean: true,
            is_whole,
        })
    }

    /// Until no commit is on its way, and none can come. Statements under way end first, but not those that wait for a row: whose
    /// row it is may itself have to wait until this is over. What they were to write is not done, and was not acknowledged.
    async fn end_writes(&self, link: &mut Link) -> Result<(), Error> {
        let limit = self.config.limits.promote_time_max;
        let ended = link.ask("take no more writes", "SET GLOBAL read_only = ON", limit);
        tokio::select! {
            ended = ended => ended.map(drop),
            never = self.end_those_who_wait() => match never {},
        }
    }

    /// Ends the sessions that wait for a row, again and again, for ever.
    async fn end_those_who_wait(&self) -> Infallible {
        loop {
            sleep(ROW_WAIT_MAX).await;
            let Ok(mut link) = Link::open(&self.config, self.config.limits.answer_time_max).await else {
                continue;
            };
            while self.end_waiting(&mut link).await.is_ok() {
                sleep(ROW_WAIT_MAX).await;
            }
        }
    }

    async fn end_waiting(&self, link: &mut Link) -> Result<(), Error> {
        let limit = self.config.limits.answer_time_max;
        let tables = link.ask("say who waits for a row", WAITING, limit).await?;
        for waiting in tables.first().into_iter().flatten() {
            // not the query alone: should it have come to its commit meanwhile, that would be acknowledged unconfirmed
            let kill = format!("KILL CONNECTION {}", waiting.text("session"));
            // it may have gone by itself
            let _ = link.ask("end who waits for a row", &kill, limit).await;
        }
        Ok(())
    }

    /// Until those who follow have everything; who has gone is not waited for.
    async fn wait_for_followers(&self, link: &mut Link) -> Result<(), Error> {
        let position = change::written(link, self.config.limits.answer_time_max).await?;
        let silence_max = Duration::from_secs(1);
        loop {
            let now = Moment::now();
            let is_awaited = self.now().followers.values().any(|(follower, heard)| {
                follower.is_streaming && now.since(*heard) < silence_max && follower.flushed < position
            });
            if !is_awaited {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
