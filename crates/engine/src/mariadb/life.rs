//! A server's life: looked at, started, fenced, and its death.

use std::sync::Arc;

use base::moment::Moment;
use base::unit::Bytes;

use crate::error::Error;
use crate::fence::Fence;
use crate::inhabitant;
use crate::mariadb::link::Link;
use crate::mariadb::note::Note;
use crate::mariadb::settings::{Recovery, options};
use crate::mariadb::{MariaDb, change, init, lock, look};
use crate::observation::{Confirm, Observation, Role, Running};
use crate::order::{Door, Fenced, Upstream};
use crate::place::{Place, word};
use crate::program::{self, Death, Process};

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
        program::death_of(process).await
    }

    /// The end of what it wrote to its log: why it died, or did not start.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn last_words(&self) -> Result<String, Error> {
        self.place.look("reading the log", self.config.limits.disk_time_max, Place::last_words).await
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
