//! The steps, done: each by one call of the database's hands or one transaction in the store.

use base::moment::Moment;
use cluster::layout::{Engine, Position};
use engine::{Confirm, Door, Fit, Hands, Observation, Progress, Running, Upstream};
use tokio::sync::watch;

use crate::agree::Beginning;
use crate::core::name::{Epoch, Host};
use crate::core::reign::first_acks;
use crate::core::step::{Source, Step};
use crate::core::view::{Acks, Lease, Own};
use crate::error::Error;
use crate::keeper::{Keeper, Seen};
use crate::{lineage, sight};

impl Keeper {
    /// Does a step that was decided on `seen`. What lets commits be answered looks at the deadline right before.
    pub(crate) async fn act(&mut self, step: &Step, seen: &Seen) -> Result<(), Error> {
        if !step.may_run(self.lease.standing()) {
            return Err(Error::Doubted);
        }
        match step {
            Step::Fence => self.fence().await,
            Step::Init => Ok(self.database.init().await.map(drop)?),
            Step::Start => self.start(None).await,
            Step::Follow(source) => self.follow(source, &seen.view.own).await,
            Step::Rewind(source) => self.rewind(source).await,
            Step::Clone(source) => self.copy(source).await,
            Step::Secure => self.secure().await,
            Step::Acks(acks) => self.wait_for(acks).await,
            Step::Promote { epoch } => self.promote(*epoch).await,
            Step::Checkpoint => {
                self.begin_checkpoint();
                Ok(())
            }
            Step::Drain => self.drain().await,
            _ => self.agree(step, seen).await,
        }
    }

    async fn agree(&mut self, step: &Step, seen: &Seen) -> Result<(), Error> {
        let read = seen.read.as_ref().ok_or_else(|| moved("the store did not answer"))?;
        let at = |offset| Position { timeline: seen.timeline(), offset };
        let (agreement, lease) = (&self.agreement, &*self.lease);
        match step {
            Step::Establish => {
                let running = self.running().await?;
                let at = Position { timeline: running.timeline, offset: running.received };
                agreement.establish(lease, self.engine(), running.system_id.clone(), at).await
            }
            Step::Acquire { epoch, right } => {
                self.memory.right = *right;
                agreement.acquire(lease, read, *epoch, at(seen.position())).await
            }
            Step::Depose => {
                let (last, _) = seen.pulse.as_ref().ok_or_else(|| moved("no sign of life was read"))?;
                agreement.depose(read, last).await
            }
            Step::Eligible { hosts, position } => agreement.eligible(lease, read, hosts, at(*position)).await,
            Step::Record { epoch, is_rewindable } => {
                let offset = self.memory.base.map_or(0, |base| base.offset);
                let beginning =
                    Beginning { epoch: *epoch, position: at(offset), is_rewindable: *is_rewindable };
                agreement.record(lease, beginning, self.memory.right).await
            }
            Step::Release => agreement.release(lease).await,
            Step::HandOver { to, position } => agreement.hand_over(lease, read, to, at(*position)).await,
            Step::Decline => agreement.decline(read).await,
            Step::MoveJudge { to } => {
                self.courthouse.forget();
                Ok(agreement.cluster.move_leader(*to).await?)
            }
            _ => Err(moved("a step of the database was taken for one of the store")),
        }
    }

    /// Kills the database. Whatever it was, it is no primary any more once this is done.
    pub(crate) async fn fence(&mut self) -> Result<(), Error> {
        let fenced = self.database.fence(Moment::now().after(self.config.limits.fence_time_max)).await?;
        if !fenced.is_in_time {
            tracing::warn!("the database was killed later than it should have been");
        }
        self.has_stopped();
        Ok(())
    }

    /// Stops the database in order, or kills it where that takes too long.
    pub(crate) async fn stop(&mut self) -> Result<(), Error> {
        let end = Moment::now().after(self.config.limits.drain_time_max);
        if let Err(error) = self.database.stop(end).await {
            tracing::warn!("the database is killed: {}", base::error::chain(&error));
            return self.fence().await;
        }
        self.has_stopped();
        Ok(())
    }

    fn has_stopped(&mut self) {
        self.memory.has_stopped();
        // that the guard rests is a courtesy: what is stopped can't be killed
        let _ = self.lease.set_at_stake(false);
    }

    async fn start(&mut self, upstream: Option<&Source>) -> Result<(), Error> {
        let (door, told) = match upstream {
            Some(source) => (Door::Open, Some(self.upstream(&source.host)?)),
            None => (Door::Closed, None),
        };
        self.database.start(told.as_ref(), &Confirm::Nobody, door).await?;
        self.memory.has_started(upstream.map(|source| source.host.clone()));
        self.memory.acks = Acks::Blocked;
        Ok(())
    }

    async fn follow(&mut self, source: &Source, own: &Own) -> Result<(), Error> {
        let upstream = self.upstream(&source.host)?;
        let done = match own {
            Own::Stopped(_) => self.start(Some(source)).await,
            _ => self.database.follow(Some(&upstream)).await.map_err(Error::from),
        };
        // it is compared, and led back where needed, before it is asked to follow again
        self.memory.is_former |= matches!(done, Err(Error::Engine(engine::Error::Uncompared { .. })));
        done?;
        self.memory.upstream = Some(source.host.clone());
        if matches!(own, Own::Stopped(_)) {
            return Ok(());
        }
        self.database.door(Door::Open).await?;
        Ok(())
    }

    async fn rewind(&mut self, source: &Source) -> Result<(), Error> {
        let upstream = self.upstream(&source.host)?;
        self.is_leader_still(source).await?;
        self.stop().await?;
        let fit = self.database.rewind(&upstream).await;
        match fit {
            Ok(Fit::Follows | Fit::Diverged { .. }) => {}
            Ok(Fit::Unrelated { why }) => {
                self.memory.failed_rewind = Some(source.epoch);
                return Err(Error::Moved { what: format!("the database can't be rewound: {why}") });
            }
            Err(error) => {
                // of other failures, such as a way that is closed, there may be an end
                let is_final =
                    matches!(error, engine::Error::Program { .. } | engine::Error::Unfinished { .. });
                if is_final {
                    self.memory.failed_rewind = Some(source.epoch);
                }
                return Err(error.into());
            }
        }
        self.memory.is_former = false;
        self.is_leader_still(source).await?;
        self.set_lineage(source.epoch).await?;
        self.start(Some(source)).await
    }

    async fn copy(&mut self, source: &Source) -> Result<(), Error> {
        let upstream = self.upstream(&source.host)?;
        let system = self.is_leader_still(source).await?;
        self.stop().await?;
        let (progress, mut news) = watch::channel(Progress::default());
        let (database, herald) = (self.database.clone(), self.herald.clone());
        let mut copying = std::pin::pin!(database.clone_of(&upstream, &system, progress));
        loop {
            tokio::select! {
                done = &mut copying => break done?,
                Ok(()) = news.changed() => {
                    let text = told(&news.borrow_and_update(), &source.host);
                    self.report.send_modify(|report| report.work = Some(text.clone()));
                    herald.tell_work(Some(text));
                }
            }
        }
        self.memory.is_former = false;
        self.is_leader_still(source).await?;
        self.set_lineage(source.epoch).await?;
        self.start(Some(source)).await
    }

    /// Looks whether `source` is primary of that epoch now; the identity of its data.
    async fn is_leader_still(&self, source: &Source) -> Result<String, Error> {
        let layout = &self.agreement.layout;
        let read = self.agreement.cluster.range(layout.prefix()).await?;
        let read = cluster::View::read(layout, read, Moment::now());
        let leads =
            |it: &cluster::layout::Leader| it.host == source.host.as_str() && it.epoch == source.epoch;
        match (read.leader, read.config) {
            (Some(leader), Some(config)) if leads(&leader.what) => Ok(config.what.system_id),
            _ => Err(moved("the primary has changed")),
        }
    }

    /// Whoever leads next is followed anew.
    async fn secure(&mut self) -> Result<(), Error> {
        self.memory.upstream = None;
        Ok(self.database.secure().await?)
    }

    async fn wait_for(&mut self, acks: &Acks) -> Result<(), Error> {
        self.database.set_confirm(&sight::confirm(acks)).await?;
        self.memory.acks = acks.clone();
        Ok(())
    }

    async fn promote(&mut self, epoch: Epoch) -> Result<(), Error> {
        // both at once: writers wait for this
        let limit = self.config.limits.file_time_max;
        let noted = lineage::write(&self.config.folder, epoch, limit);
        let (running, noted) = tokio::join!(self.running(), noted);
        noted?;
        self.memory.lineage = Some(epoch);
        let running = running?;
        self.memory.base = Some(Position { timeline: running.timeline, offset: running.received });
        // from here on a lapse of the lease kills the database, wherever this is interrupted
        (self.memory.reign, self.memory.is_former) = (Some(epoch), true);
        self.lease.set_at_stake(true)?;
        let lease = self.lease.clone();
        self.database.promote(move || lease.standing() == Lease::Held).await?;
        if self.lease.standing() == Lease::Doubted {
            return Err(Error::Doubted);
        }
        self.database.door(Door::Open).await?;
        Ok(())
    }

    /// The pause of the writers begins with the stop; what can be written before it is written before, until little is left: what
    /// came during a long checkpoint is much.
    async fn drain(&mut self) -> Result<(), Error> {
        for _ in 0..self.config.limits.drain_checkpoints_max {
            let begun = Moment::now();
            self.database.checkpoint().await?;
            if Moment::now().since(begun) <= self.config.limits.drain_checkpoint_time {
                break;
            }
        }
        self.stop().await
    }

    /// What a replica can do ahead of a planned change that it may come to lead by. It changes nothing while it follows.
    pub(crate) async fn get_ready(&mut self, seen: &Seen) -> Result<(), Error> {
        let is_asked = seen
            .view
            .store
            .as_ref()
            .and_then(|store| store.handover.as_ref())
            .is_some_and(|asked| asked.to.as_ref().is_none_or(|to| *to == self.config.host));
        let Own::Replica(replica) = &seen.view.own else { return Ok(()) };
        if !is_asked || !replica.is_streaming {
            return Ok(());
        }
        let acks = first_acks(&seen.view, &self.config.policy);
        if self.memory.acks == acks {
            return Ok(());
        }
        self.wait_for(&acks).await
    }

    fn begin_checkpoint(&mut self) {
        if self.checkpoint.is_none() {
            let database = self.database.clone();
            self.checkpoint = self.memory.reign.map(|epoch| {
                let task = self.tasks.spawn_local(async move { database.checkpoint().await });
                (epoch, task)
            });
        }
    }

    /// Takes the end of a checkpoint in, if it has come.
    pub(crate) async fn end_checkpoint(&mut self) {
        let Some((epoch, task)) = self.checkpoint.take_if(|(_, task)| task.is_finished()) else { return };
        match task.await {
            Ok(Ok(())) => self.memory.checkpointed = Some(epoch),
            Ok(Err(error)) => tracing::warn!("no checkpoint: {}", base::error::chain(&error)),
            Err(error) => tracing::warn!("no checkpoint: {error}"),
        }
    }

    pub(crate) async fn set_lineage(&mut self, epoch: Epoch) -> Result<(), Error> {
        if self.memory.lineage != Some(epoch) {
            lineage::write(&self.config.folder, epoch, self.config.limits.file_time_max).await?;
            self.memory.lineage = Some(epoch);
        }
        Ok(())
    }

    async fn running(&self) -> Result<Running, Error> {
        match self.database.observe().await? {
            Observation::Running(running) => Ok(*running),
            _ => Err(moved("the database does not run")),
        }
    }

    fn engine(&self) -> Engine {
        match *self.database {
            Hands::Postgres(_) => Engine::Postgres,
            Hands::MariaDb(_) => Engine::MariaDb,
        }
    }

    fn upstream(&self, host: &Host) -> Result<Upstream, Error> {
        let address = self.config.addresses.get(host).ok_or_else(|| Error::Settings {
            what: format!("the address of {host} is not known: name it in the service file of this host"),
        })?;
        Ok(Upstream { host: host.as_str().to_owned(), address: address.host.clone(), port: address.port })
    }
}

fn moved(what: &str) -> Error {
    Error::Moved { what: what.to_owned() }
}

fn told(progress: &Progress, from: &Host) -> String {
    let mib = |bytes: u64| bytes >> 20;
    match progress.all {
        0 => format!("copies the database of {from}: {} MiB", mib(progress.done)),
        all => format!("copies the database of {from}: {} of {} MiB", mib(progress.done), mib(all)),
    }
}
