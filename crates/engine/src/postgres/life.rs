//! A server's life: looked at, started, stopped, fenced, and its death.

use std::sync::Arc;
use std::time::Duration;

use base::moment::Moment;
use base::unit::Bytes;
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::ending;
use crate::error::Error;
use crate::fence::{Fence, LOOK_EVERY};
use crate::inhabitant;
use crate::observation::{Confirm, Observation, Running};
use crate::order::{Door, Fenced, Upstream};
use crate::place::{Place, word};
use crate::postgres::link::Link;
use crate::postgres::settings::{self, State};
use crate::postgres::{Postgres, control, lock, look};
use crate::program::{self, Death, Process};

impl Postgres {
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
        let limit = self.config.limits.answer_time_max;
        let until = Moment::now().after(limit);
        let mut place = self.look.lock().await;
        let link = match place.take() {
            Some((of, link)) if of == process.id => link,
            _ => Link::open(self, limit).await?,
        };
        let tables = link.ask("say how it is", look::QUESTION, until.left()).await;
        if !matches!(tables, Err(Error::Silent { .. })) {
            *place = Some((process.id, link));
        }
        let tables = tables?;
        let mut now = self.now();
        let mut running = look::read(process.id, &tables, &mut now.heard, Moment::now())?;
        let bound = now.bound.as_ref().filter(|(of, _)| *of == process.id);
        running.confirm = bound.map(|(_, bound)| bound.clone());
        Ok(running)
    }

    /// What its files say.
    async fn files(&self) -> Result<Observation, Error> {
        self.forget_the_dead();
        if let Some(process) = inhabitant::of(&self.place.data()).first() {
            let why = "processes that were not started here work in the data; fence them".to_owned();
            return Ok(Observation::Silent { process: *process, is_starting: false, why });
        }
        let limit = self.config.limits.disk_time_max;
        let look = |place: &Place| Ok((place.unfinished()?, place.has_data()));
        let (unfinished, has_data) = self.place.look("looking at the data", limit, look).await?;
        if let Some(what) = unfinished {
            return Ok(Observation::Unfinished { what });
        }
        if !has_data {
            return Ok(Observation::Absent);
        }
        Ok(Observation::Stopped(control::read(&self.control_data().await?)?))
    }

    pub(super) async fn control_data(&self) -> Result<String, Error> {
        let limit = self.config.limits.disk_time_max;
        let asked = self.program("pg_controldata").arg(self.place.data().display().to_string());
        let slow = |_| Error::Slow { what: "reading the control data".to_owned(), limit };
        Ok(timeout(limit, asked.run(None, String::new(), |_| {})).await.map_err(slow)??.output)
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
        let limit = self.config.limits.disk_time_max;
        // held until the process is known: two starts at a time would be two servers
        let turn = self.place.turn("starting the database server", limit).await?;
        if self.alive().is_some() {
            return Ok(());
        }
        self.forget_the_dead();
        self.is_ready_to_work().await?;
        self.may_follow(upstream).await?;
        let state = {
            let mut now = self.now();
            let generation = now.state.generation + 1;
            now.state = State { generation, upstream: upstream.cloned(), confirm: confirm.clone(), door };
            now.bound = None;
            now.state.clone()
        };
        let (config, began_with) = (self.config.clone(), state.clone());
        let written = move |place: &Place| {
            place.make()?;
            write(&config, place, &state, None)?;
            // what ALTER SYSTEM left would be stronger than what we say
            place.write(&place.data().join("postgresql.auto.conf"), "")?;
            place.write(&place.data().join("standby.signal"), "")?;
            place.log()
        };
        let (turn, log) = self.place.change_in(turn, "writing the settings", limit, written).await?;
        let main = format!("config_file={}", self.config.folder.join("postgresql.conf").display());
        let data = self.place.data().display().to_string();
        let program = self.program("postgres").args(["-D", &data, "-c", &main]);
        let now = Arc::clone(&self.now);
        let record = move |process: Process| {
            let mut now = lock(&now);
            now.in_force = Some((process.id, began_with));
            now.process = Some(process);
            drop(turn);
        };
        program.start(log, record).await
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
        if let Some(what) = self.place.look("looking at the data", limit, Place::unfinished).await? {
            return Err(Error::Unfinished { what: word(what) });
        }
        self.wait_buried(limit).await
    }

    /// Waits for a while until nobody has the number that the server's lock file names: one that was killed keeps it until its
    /// parent, or the system, has taken note of its end, and PostgreSQL would take it for a server that runs.
    async fn wait_buried(&self, limit: Duration) -> Result<(), Error> {
        let until = Moment::now().after(limit);
        let lock = |place: &Place| {
            let text = std::fs::read_to_string(place.data().join("postmaster.pid")).unwrap_or_default();
            Ok(text.lines().next().and_then(|number| number.parse().ok()))
        };
        let Some(process) = self.place.look("looking at the data", limit, lock).await? else { return Ok(()) };
        while inhabitant::is_dead_and_listed(process) && !until.left().is_zero() {
            sleep(LOOK_EVERY).await;
        }
        Ok(())
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
    /// [`Postgres::observe`] already.
    pub async fn died(&self) -> Death {
        let process = self.now().process.clone();
        program::death_of(process).await
    }

    /// The end of what it wrote to its logs: why it died, or did not start.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn last_words(&self) -> Result<String, Error> {
        self.place.look("reading the logs", self.config.limits.disk_time_max, Place::last_words).await
    }

    /// Stops it in order ("fast"): open transactions are rolled back, replicas that are connected are sent everything.
    ///
    /// # Errors
    /// [`Error::Slow`] when it is still there at the deadline: fence it.
    pub async fn stop(&self, deadline: Moment) -> Result<(), Error> {
        let Some(process) = self.alive() else { return Ok(()) };
        process.signal(Signal::INT);
        let stop = async {
            ending::gone(&process, &self.place.data()).await;
            Ok(())
        };
        ending::by(deadline, stop).await
    }

    /// Makes certain that it acknowledges nothing more: SIGQUIT, and what is still there soon after is killed, whoever
    /// started it. Goes on trying for a while after the deadline. Touches no disk, and waits for none: what is killed and
    /// hangs in its disk answers nobody any more, though it is still there (and its port with it).
    ///
    /// # Errors
    /// [`Error::Alive`] when something can't be killed.
    pub async fn fence(&self, deadline: Moment) -> Result<Fenced, Error> {
        let (process, data) = (self.alive(), self.place.data());
        let listens = self.config.listen.first().map_or("*", String::as_str);
        let (port, limits) = (self.config.port, self.config.limits);
        let quits_at = Some(Signal::QUIT);
        Fence { process, data: &data, listens, port, quits_at, limits }.close(deadline).await
    }

    fn forget_the_dead(&self) {
        let mut now = self.now();
        if now.process.as_ref().is_some_and(|process| !process.is_alive()) {
            now.process = None;
            now.bound = None;
            now.in_force = None;
        }
    }
}

/// Writes the settings' files; those only that differ from what was in force `before`, since each costs the disk's time.
pub(super) fn write(
    config: &crate::postgres::Config,
    place: &Place,
    state: &State,
    before: Option<&State>,
) -> Result<(), Error> {
    let path = |name: &str| place.folder.join(name);
    if before.is_none() {
        write_papers(config, place)?;
        place.write(&path("pg_ident.conf"), &settings::ident(&place.account.name))?;
    }
    if before.is_none_or(|before| before.door != state.door) {
        place.write(&path("pg_hba.conf"), &settings::hba(config, state.door))?;
    }
    place.write(&path("postgresql.conf"), &settings::main(config, state))
}

/// Writes what this host signs in at others with, and what it shows.
pub(super) fn write_papers(config: &crate::postgres::Config, place: &Place) -> Result<(), Error> {
    place.write(&settings::password_file(&place.folder), &settings::passwords(config))?;
    let Some(papers) = &config.papers else { return Ok(()) };
    let texts = [&papers.authority, &papers.certificate, &papers.key];
    settings::PAPERS
        .iter()
        .zip(texts)
        .try_for_each(|(name, text)| place.write(&place.folder.join(name), text))
}
