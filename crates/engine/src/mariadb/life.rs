//! A server's life: looked at, started, stopped, fenced, and its death.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use base::moment::Moment;
use base::unit::Bytes;
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::fence::{Fence, LOOK_EVERY};
use crate::inhabitant;
use crate::mariadb::link::Link;
use crate::mariadb::note::Note;
use crate::mariadb::settings::{Recovery, options};
use crate::mariadb::{MariaDb, change, init, lock, look, reign};
use crate::observation::{Confirm, Observation, Role, Running};
use crate::order::{Door, Fenced, Upstream};
use crate::place::{Place, word};
use crate::program::{Death, Process};

/// How long a write waits for another's row while the server takes no more writes.
const ROW_WAIT_MAX: Duration = Duration::from_millis(100);
const WAITING: &str =
    "SELECT trx_mysql_thread_id AS session FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";

impl MariaDb {
    /// What the server is seen to be. One that does not answer is [`Observation::Silent`], after
    /// [`answer_time_max`](super::Limits::answer_time_max).
    ///
    /// # Errors
    /// When not even its files could be read.
    pub async fn observe(&self) -> Result<Observation, Error> {
        let Some(process) = self.alive() else { return self.files().await };
        match self.ask(&process).await {
            Ok(running) => Ok(Observation::Running(Box::new(running))),
            Err(_) if !process.is_alive() => self.files().await,
            Err(Error::Silent { why, is_starting }) => {
                Ok(Observation::Silent { process: process.id, is_starting, why })
            }
            Err(error) => {
                let why = base::error::chain(&error);
                Ok(Observation::Silent { process: process.id, is_starting: false, why })
            }
        }
    }

    async fn ask(&self, process: &Process) -> Result<Running, Error> {
        let until = Moment::now().after(self.config.limits.answer_time_max);
        let mut place = self.look.lock().await;
        let mut link = match place.take() {
            Some((of, link)) if of == process.id => link,
            _ => match self.settled_link(process).await {
                // it follows nobody then, which is seen below
                Err(Error::Uncompared { .. }) => {
                    self.now().settled = Some(process.id);
                    self.link().await?
                }
                other => other?,
            },
        };
        let tables = link.ask("say how it is", &look::question(), look::left(until)).await?;
        *place = Some((process.id, link));
        drop(place);
        let mut running = look::read(process.id, &tables, &mut self.now(), Moment::now())?;
        self.find_target(&running, until).await;
        let unfit = look::unfit(&mut self.now(), &running);
        running.unfit = running.unfit.or(unfit);
        Ok(running)
    }

    /// How far the primary is at a moment after this one's start: who has come so far has all that it ever confirmed.
    async fn find_target(&self, running: &Running, until: Moment) {
        let upstream = {
            let now = self.now();
            let is_asked = running.role == Role::Replica && !now.is_whole && now.target.is_none();
            now.upstream.clone().filter(|_| is_asked)
        };
        let receives = running.stream.as_ref().is_some_and(|stream| stream.is_streaming);
        let Some(upstream) = upstream.filter(|_| receives) else { return };
        let limit = look::left(until);
        let found = match Link::reach(&self.config, &upstream, limit).await {
            Ok(mut link) => change::written(&mut link, limit).await,
            Err(error) => Err(error),
        };
        // or at the next look
        if let Ok(target) = found {
            let mut now = self.now();
            if now.upstream.as_ref() == Some(&upstream) {
                now.target = Some(target);
            }
        }
    }

    /// What its files say.
    async fn files(&self) -> Result<Observation, Error> {
        self.forget_the_dead();
        if let Some(process) = inhabitant::of(&self.place.data()).first() {
            let why = "processes that were not started here work in the data; fence them".to_owned();
            return Ok(Observation::Silent { process: *process, is_starting: false, why });
        }
        let limit = self.config.limits.disk_time_max;
        let look = |place: &Place| Ok((place.unfinished()?, place.has_data(), Note::read(place)?));
        let (unfinished, has_data, note) = self.place.look("looking at the data", limit, look).await?;
        Ok(match (unfinished, has_data, note) {
            (Some(what), _, _) => Observation::Unfinished { what },
            (None, true, Some(note)) => Observation::Stopped(note.stopped()),
            (None, true, None) => {
                let what = "the data, of which nothing is noted; were they put there by hand?";
                return Err(Error::Unread { what, said: self.place.data().display().to_string() });
            }
            (None, false, _) => Observation::Absent,
        })
    }

    /// Starts it, as a replica of `upstream`, or of nobody. Gives back as soon as the process runs, which is before it answers.
    /// A server that runs already is left as it is.
    ///
    /// # Errors
    /// [`Error::Occupied`], [`Error::Unfinished`], [`Error::Uncompared`], and those of the disk and of the program.
    pub async fn start(
        &self,
        upstream: Option<&Upstream>,
        confirm: &Confirm,
        door: Door,
    ) -> Result<(), Error> {
        self.may_follow(upstream).await?;
        self.start_as(Recovery::Keeps, upstream, confirm, door, &[]).await
    }

    pub(super) async fn start_as(
        &self,
        recovery: Recovery,
        upstream: Option<&Upstream>,
        confirm: &Confirm,
        door: Door,
        more: &[&str],
    ) -> Result<(), Error> {
        let limit = self.config.limits.disk_time_max;
        // held until the process is known: two starts at a time would be two servers
        let turn = self.place.turn("starting the database server", limit).await?;
        if self.alive().is_some() {
            return Ok(());
        }
        self.forget_the_dead();
        self.is_ready_to_work().await?;
        let (config, follows) = (Arc::clone(&self.config), upstream.is_some());
        let written = move |place: &Place| {
            init::make(place, &config)?;
            let note = Note::read(place)?.ok_or(Error::Unfinished { what: "init" })?;
            // what a primary confirmed is its own; of a replica's only what it applied outlives its process
            let is_whole = note.role == Role::Primary || note.is_whole || !place.reigns()?.is_empty();
            let stays_whole = is_whole && !follows;
            Note { role: Role::Replica, is_clean: false, is_whole: stays_whole, ..note }.write(place)?;
            Ok((place.log()?, is_whole))
        };
        let (turn, (log, is_whole)) =
            self.place.change_in(turn, "writing the settings", limit, written).await?;
        {
            let mut now = self.now();
            (now.upstream, now.confirm, now.door) = (upstream.cloned(), confirm.clone(), door);
            (now.bound, now.settled, now.heard) = (None, None, None);
            (now.is_whole, now.target) = (is_whole, None);
            now.followers.clear();
        }
        let program = self.program("mariadbd");
        let program = options(&self.config, recovery).into_iter().fold(program, |it, option| it.arg(option));
        let now = Arc::clone(&self.now);
        let record = move |process| {
            lock(&now).process = Some(process);
            drop(turn);
        };
        program.args(more.iter().copied()).start(log, record).await
    }

    /// Nobody works in the data, and they are whole.
    pub(super) async fn is_ready_to_work(&self) -> Result<(), Error> {
        if self.alive().is_some() {
            return Err(Error::Running);
        }
        let processes = inhabitant::of(&self.place.data());
        if !processes.is_empty() {
            return Err(Error::Occupied { folder: self.place.data(), processes });
        }
        let limit = self.config.limits.disk_time_max;
        match self.place.look("looking at the data", limit, Place::unfinished).await? {
            Some(what) => Err(Error::Unfinished { what: word(what) }),
            None => Ok(()),
        }
    }

    /// Writes to the disk that the data lie on, and waits until that is there: a server may answer from memory while its disk
    /// hangs, and from room that it has while its disk is full. How much room is left there.
    ///
    /// # Errors
    /// [`Error::Slow`] and [`Error::Disk`]: what it still acknowledges is in no danger, but it will not get far.
    pub async fn probe_disk(&self) -> Result<Bytes, Error> {
        self.place.probe(self.config.limits.disk_time_max).await
    }

    /// Waits for the death of the server that was started last; for ever, when none was, or when its death was seen by
    /// [`MariaDb::observe`] already.
    pub async fn died(&self) -> Death {
        let process = self.now().process.clone();
        if let Some(mut process) = process
            && let Ok(death) = process.death.wait_for(Option::is_some).await
        {
            return death.clone().expect("it was waited for");
        }
        std::future::pending().await
    }

    /// The end of what it wrote to its log: why it died, or did not start.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn last_words(&self) -> Result<String, Error> {
        self.place.look("reading the log", self.config.limits.disk_time_max, Place::last_words).await
    }

    /// Stops it in order. A primary first takes no more writes, which waits for those under way (nothing that nobody confirmed
    /// is answered so), and ends once its replicas have been sent everything; a replica applies what it has received.
    ///
    /// # Errors
    /// [`Error::Slow`] when it is still there at the deadline: fence it.
    pub async fn stop(&self, deadline: Moment) -> Result<(), Error> {
        let Some(process) = self.alive() else { return Ok(()) };
        let limit = deadline.left();
        let note = timeout(limit, self.settle_down(&process)).await.map_err(|_| slow_stop(limit))??;
        process.signal(Signal::TERM);
        timeout(deadline.left(), process.ended()).await.map_err(|_| slow_stop(limit))?;
        while !inhabitant::of(&self.place.data()).is_empty() {
            if deadline.left().is_zero() {
                return Err(slow_stop(limit));
            }
            sleep(LOOK_EVERY).await;
        }
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
    /// row it is may itself have to wait until this is over. Theirs is the loss of a write that is not done, and a repetition.
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

    /// Makes certain that it acknowledges nothing more: it is killed, whoever started it. Goes on trying for a while after the
    /// deadline. Touches no disk.
    ///
    /// # Errors
    /// [`Error::Alive`] when something can't be killed.
    pub async fn fence(&self, deadline: Moment) -> Result<Fenced, Error> {
        let (process, data) = (self.alive(), self.place.data());
        let listens = self.config.listen.first().map_or("*", String::as_str);
        let (port, limits) = (self.config.port, self.config.limits);
        Fence { process, data: &data, listens, port, quits_at: None, limits }.close(deadline).await
    }

    fn forget_the_dead(&self) {
        let mut now = self.now();
        if now.process.as_ref().is_some_and(|process| !process.is_alive()) {
            (now.process, now.bound, now.settled) = (None, None, None);
        }
    }
}

fn slow_stop(limit: Duration) -> Error {
    Error::Slow { what: "stopping the database server".to_owned(), limit }
}
