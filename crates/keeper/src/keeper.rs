//! The rounds: look, decide, act step by step, publish.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base::moment::Moment;
use cluster::{Entry, layout};
use engine::{Hands, Observation, Role};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agree::Agreement;
use crate::config::{Config, Mishap, Trip};
use crate::core::decide::{Decision, decide};
use crate::core::exposure::Exposure;
use crate::core::name::Epoch;
use crate::core::step::Step;
use crate::core::view::{Lease as Standing, Own, Replica, View, Wish};
use crate::disk::Disk;
use crate::error::Error;
use crate::herald::Herald;
use crate::judge::Courthouse;
use crate::lease::Lease;
use crate::memory::{Memory, Topic};
use crate::pulse::Pulse;
use crate::report::{Report, State};
use crate::sight;

/// Everything that a round needs.
pub(crate) struct Keeper {
    pub(crate) config: Arc<Config>,
    pub(crate) database: Arc<Hands>,
    pub(crate) agreement: Agreement,
    pub(crate) lease: Rc<Lease>,
    pub(crate) herald: Rc<Herald>,
    pub(crate) courthouse: Rc<Courthouse>,
    pub(crate) pulse: Rc<Pulse>,
    pub(crate) disk: Rc<Disk>,
    pub(crate) memory: Memory,
    pub(crate) report: watch::Sender<Report>,
    pub(crate) wish: watch::Receiver<Option<Wish>>,
    pub(crate) incarnation: String,
    pub(crate) is_leaving: bool,
    pub(crate) tasks: TaskTracker,
    pub(crate) checkpoint: Option<(Epoch, JoinHandle<Result<(), engine::Error>>)>,
    pub(crate) slots_at: Option<Moment>,
    pub(crate) last: Option<Decision>,
    /// What a test has go wrong still.
    pub(crate) trips: Vec<Trip>,
}

/// What was seen in one round.
pub(crate) struct Seen {
    /// As rules see it.
    pub(crate) view: View,
    /// As the store said it.
    pub(crate) read: Option<cluster::View>,
    /// The last sign of life of another leader, and when it was seen first.
    pub(crate) pulse: Option<(Entry, Moment)>,
    /// As the database's hands said it.
    pub(crate) observed: Observation,
}

impl Seen {
    pub(crate) fn timeline(&self) -> u32 {
        self.view.own.place().map_or(0, |place| place.timeline)
    }

    pub(crate) fn position(&self) -> u64 {
        self.view.own.place().map_or(0, |place| place.position)
    }
}

impl Keeper {
    /// Round after round, until it is told to stop and has given everything away.
    pub(crate) async fn rounds(&mut self, stop: &CancellationToken, wake: &Notify) -> Result<(), Error> {
        let mut leave_at = None;
        loop {
            if stop.is_cancelled() && leave_at.is_none() {
                self.is_leaving = true;
                leave_at = Some(Moment::now().after(self.config.limits.leave_time_max));
            }
            let lease = self.lease.clone();
            let rest = tokio::select! {
                biased;
                () = lease.lapsed() => self.lapse().await,
                rest = self.turn() => rest?,
            };
            let has_left = self.is_leaving && self.memory.reign.is_none() && !self.lease.leads();
            if has_left || leave_at.is_some_and(|at| at.left().is_zero()) {
                return Ok(());
            }
            if let Some(rest) = rest {
                self.rest(rest, stop, wake).await;
            }
        }
    }

    /// Waits for something to happen.
    async fn rest(&mut self, rest: Duration, stop: &CancellationToken, wake: &Notify) {
        let is_leaving = self.is_leaving;
        let lease = self.lease.clone();
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = wake.notified() => {}
            () = lease.changed.notified() => {}
            () = lease.lapsed() => {}
            _ = self.database.died() => {}
            Ok(()) = self.wish.changed() => {}
            () = stop.cancelled(), if !is_leaving => {}
        }
    }

    /// The deadline has passed while the database may be a primary: what follows from that alone is done now.
    async fn lapse(&mut self) -> Option<Duration> {
        let view = View {
            me: self.config.host.clone(),
            lease: Standing::Doubted,
            reign: self.memory.reign,
            store: None,
            own: Own::Hung { lasting: Duration::ZERO },
            wish: None,
            is_leaving: self.is_leaving,
        };
        let decision = decide(&view, &self.config.policy);
        tracing::warn!(rule = decision.rule, "{}", decision.reason);
        self.report.send_modify(|report| report.sentence.clone_from(&decision.reason));
        if let Err(error) = self.fence().await {
            tracing::error!("the database is not killed yet: {}", base::error::chain(&error));
        }
        Some(self.config.limits.failure_rest)
    }

    /// One round; how long to rest after it, if at all. Only the end that a test asks for is an error.
    async fn turn(&mut self) -> Result<Option<Duration>, Error> {
        let limits = self.config.limits;
        let seen = self.look().await;
        let decision = decide(&seen.view, &self.config.policy);
        self.publish(&seen, &decision);
        let is_news = self.last.as_ref() != Some(&decision);
        for step in &decision.steps {
            if let Err(error) = self.act_or_trip(step, &seen).await {
                if matches!(error, Error::Died) {
                    return Err(error);
                }
                let told = format!("{:?}: {}", step.kind(), base::error::chain(&error));
                tracing::warn!("a step failed: {told}");
                self.report.send_modify(|report| report.failure = Some(told));
                self.last = None;
                return Ok(Some(limits.failure_rest));
            }
        }
        self.report.send_modify(|report| report.failure = None);
        let has_acted = !decision.steps.is_empty();
        self.last = Some(decision);
        if has_acted && is_news {
            return Ok(None);
        }
        if let Err(error) = self.get_ready(&seen).await {
            tracing::debug!("not ready beforehand: {}", base::error::chain(&error));
        }
        self.keep_slots(&seen).await;
        // while things are on their way, they are looked at more often
        let is_moving = matches!(seen.view.own, Own::Hung { lasting } if lasting.is_zero())
            || seen.view.store.as_ref().is_some_and(|store| store.leader.is_none());
        let silent_at =
            seen.pulse.as_ref().map_or(limits.look_every, |(_, at)| at.after(self.config.terms.ttl).left());
        let rest = if is_moving { Duration::ZERO } else { limits.look_every.min(silent_at) };
        Ok(Some(rest.max(limits.renew_again_after)))
    }

    /// Does a step, or has it go wrong where a test asked for that.
    async fn act_or_trip(&mut self, step: &Step, seen: &Seen) -> Result<(), Error> {
        let tripped = || Err(Error::Moved { what: "a test had it fail".to_owned() });
        let at = self.trips.iter().position(|trip| trip.at == step.kind());
        let trip = at.map(|at| self.trips.swap_remove(at).how);
        if trip == Some(Mishap::Fails) {
            return tripped();
        }
        let begun = Moment::now();
        let done = self.act(step, seen).await;
        let took_ms = Moment::now().since(begun).as_millis();
        tracing::debug!(step = ?step.kind(), took_ms, is_done = done.is_ok(), "did a step");
        done?;
        match trip {
            Some(Mishap::Dies) => Err(Error::Died),
            Some(_) => tripped(),
            None => Ok(()),
        }
    }

    /// Looks at the store and at the database, both at once.
    async fn look(&mut self) -> Seen {
        self.end_checkpoint().await;
        let (cluster, layout) = (&self.agreement.cluster, &self.agreement.layout);
        let asked_at = Moment::now();
        let (read, pulse, observed) =
            tokio::join!(cluster.range(layout.prefix()), self.pulse(), self.database.observe());
        let read = match read {
            Ok(snapshot) => Some(cluster::View::read(layout, snapshot, asked_at)),
            Err(error) => {
                tracing::debug!("the store does not answer: {}", base::error::chain(&error));
                None
            }
        };
        let observed = observed.unwrap_or_else(|error| Observation::Silent {
            process: 0,
            is_starting: false,
            why: base::error::chain(&error),
        });
        let (now, memory) = (Moment::now(), &mut self.memory);
        let leader = read.as_ref().and_then(|read| read.leader.as_ref());
        let pulse = pulse.filter(|(pulse, _)| leader.is_some_and(|leader| leader.lease == pulse.lease));
        let is_silent = pulse.as_ref().is_some_and(|(_, at)| self.config.terms.is_over(*at, now));
        let lease = self.lease.id();
        let epoch = leader.map(|leader| leader.what.epoch);
        let own = sight::own(&self.config, &observed, epoch, memory, now);
        // a primary that can't write is as good as one that is silent, where somebody is there who can
        let ails =
            self.disk.fault().is_some() && read.as_ref().is_some_and(|read| has_heir(&self.config, read));
        let ailing = memory.lasting(Topic::Disk, u8::from(ails), now);
        let own = match own {
            Own::Primary(_) if ails => Own::Hung { lasting: ailing },
            Own::Replica(replica) => {
                let unfit = sight::unfit(&self.config, &observed, memory, &self.disk);
                Own::Replica(Replica { unfit, ..replica })
            }
            own => own,
        };
        let mut store = read.as_ref().map(|read| sight::store(read, lease, is_silent, memory, now));
        if let Some(store) = &mut store {
            let leads = store.leader.as_ref().is_some_and(|leader| leader.is_mine);
            self.lease.found_leading(leads);
            store.judge = self.courthouse.seen();
        }
        if let Err(error) = self.lease.set_at_stake(self.memory.reign.is_some()) {
            tracing::warn!("no guard: {}", base::error::chain(&error));
        }
        let asked = read.as_ref().and_then(|read| sight::wish(&self.config.host, read));
        let wish = asked.or_else(|| self.wish.borrow_and_update().clone());
        let view = View {
            me: self.config.host.clone(),
            lease: self.lease.standing(),
            reign: self.memory.reign,
            store,
            own,
            wish,
            is_leaving: self.is_leaving,
        };
        let seen = Seen { view, read, pulse, observed };
        self.remember(&seen, now).await;
        seen
    }

    /// The last sign of life of whoever else leads.
    async fn pulse(&self) -> Option<(Entry, Moment)> {
        if self.lease.leads() {
            return None;
        }
        self.pulse.last().await.ok().flatten()
    }

    /// What a look shows that is to be remembered.
    async fn remember(&mut self, seen: &Seen, now: Moment) {
        let Observation::Running(running) = &seen.observed else { return };
        if running.role == Role::Primary {
            self.memory.track.mark(now.since_start(), running.received, running.commits);
            return;
        }
        let Some(leader) = seen.view.store.as_ref().and_then(|store| store.leader.as_ref()) else { return };
        let follows = self.memory.upstream.as_ref() == Some(&leader.host) && !leader.is_mine;
        if follows && let Some(read) = &seen.read {
            let member = read.members.get(leader.host.as_str()).map(|member| member.what.version.clone());
            self.memory.version = member.filter(|version| !version.is_empty()).or(self.memory.version.take());
        }
        if follows
            && sight::is_streaming(&self.config, running)
            && let Err(error) = self.set_lineage(leader.epoch).await
        {
            tracing::warn!("not remembered: {}", base::error::chain(&error));
        }
    }

    /// Keeps the log for the others, as far as they have come.
    async fn keep_slots(&mut self, seen: &Seen) {
        let (Observation::Running(_), Some(read)) = (&seen.observed, &seen.read) else { return };
        let every = self.config.limits.slots_every;
        let now = Moment::now();
        if self.slots_at.is_some_and(|at| now.since(at) < every) {
            return;
        }
        self.slots_at = Some(now);
        if matches!(seen.view.own, Own::Primary(_)) {
            self.take_back_overrides().await;
        }
        let others = self.config.policy.sites.keys().filter(|host| **host != self.config.host);
        let kept = others.map(|host| {
            let member = read.members.get(host.as_str());
            (host.as_str().to_owned(), member.map(|member| member.what.received.offset).filter(|at| *at > 0))
        });
        if let Err(error) = self.database.keep_slots(&kept.collect()).await {
            tracing::debug!("the log is not kept anew: {}", base::error::chain(&error));
        }
    }

    /// No role and no database is exempt from confirmation.
    async fn take_back_overrides(&self) {
        match self.database.take_back_overrides().await {
            Ok(taken) => {
                for what in taken {
                    tracing::warn!(
                        "{what}, and was taken back: its commits waited for nobody's confirmation"
                    );
                }
            }
            Err(error) => tracing::warn!("overrides are not taken back: {}", base::error::chain(&error)),
        }
    }

    /// Tells the others how this host is, and everybody here how things are.
    fn publish(&self, seen: &Seen, decision: &Decision) {
        if self.last.as_ref().map(|last| &last.reason) != Some(&decision.reason) {
            tracing::info!(rule = decision.rule, "{}", decision.reason);
        }
        self.herald.tell(self.member(seen));
        let store = seen.view.store.as_ref();
        self.report.send_modify(|report| {
            report.sentence.clone_from(&decision.reason);
            report.rule = decision.rule;
            report.state = state(&seen.view.own);
            report.lease_left = self.lease.left();
            report.work = None;
            report.exposure = self.exposure(seen);
            report.acks = match &seen.view.own {
                Own::Primary(primary) => Some(primary.acks.clone()),
                _ => None,
            };
            if let Observation::Running(running) = &seen.observed {
                report.troubles = running.troubles.iter().cloned().chain(self.disk.fault()).collect();
            }
            if let Some(store) = store {
                report.leader = store.leader.as_ref().map(|leader| (leader.host.clone(), leader.epoch));
                report.eligible = store.sync.as_ref().map(|sync| sync.eligible.clone()).unwrap_or_default();
                report.members.clone_from(&store.members);
                report.handover.clone_from(&store.handover);
            }
        });
    }

    /// What the loss of this site would cost: nothing while somebody elsewhere has everything that was acknowledged.
    fn exposure(&self, seen: &Seen) -> Option<Exposure> {
        let Own::Primary(primary) = &seen.view.own else { return None };
        let (me, policy) = (&self.config.host, &self.config.policy);
        let sync = seen.view.store.as_ref().and_then(|store| store.sync.as_ref())?;
        if sync.eligible.iter().any(|host| !policy.is_same_site(me, host)) {
            return Some(Exposure::default());
        }
        let elsewhere = primary.peers.iter().filter(|(host, _)| !policy.is_same_site(me, host));
        let flushed = elsewhere.map(|(_, peer)| peer.flushed).max().unwrap_or(0);
        Some(self.memory.track.exposure(Moment::now().since_start(), flushed))
    }

    fn member(&self, seen: &Seen) -> layout::Member {
        let at = |offset| layout::Position { timeline: seen.timeline(), offset };
        let site = self.config.policy.sites.get(&self.config.host);
        let member = layout::Member {
            address: self.agreement.address.clone(),
            site: site.map(|site| site.as_str().to_owned()).unwrap_or_default(),
            role: layout::Role::Stopped,
            received: at(seen.position()),
            replayed: at(0),
            is_healthy: false,
            unfit: None,
            troubles: Vec::new(),
            version: String::new(),
            system_id: seen
                .view
                .own
                .place()
                .map(|place| place.system.as_str().to_owned())
                .unwrap_or_default(),
            work: None,
            incarnation: self.incarnation.clone(),
        };
        let Observation::Running(running) = &seen.observed else { return member };
        let role = match running.role {
            Role::Primary => layout::Role::Primary,
            Role::Replica => layout::Role::Replica,
        };
        let version = running.version.clone();
        let paused = running.is_replay_paused.then(|| {
            "somebody has paused its replay: a takeover goes on with it first, and takes that much longer"
                .to_owned()
        });
        let troubles = running.troubles.iter().cloned().chain(self.disk.fault()).chain(paused).collect();
        let is_healthy = self.disk.fault().is_none();
        let unfit = match &seen.view.own {
            Own::Replica(replica) => replica.unfit.clone(),
            _ => None,
        };
        layout::Member {
            role,
            replayed: at(running.replayed),
            is_healthy,
            unfit,
            troubles,
            version,
            ..member
        }
    }
}

/// Whether another host is well and may take over: else a primary that can only be read is better than none.
fn has_heir(config: &Config, read: &cluster::View) -> bool {
    let mut eligible = read.sync.iter().flat_map(|sync| &sync.what.eligible);
    eligible.any(|host| {
        let member = read.members.get(host.as_str()).map(|member| &member.what);
        host.as_str() != config.host.as_str()
            && member
                .is_some_and(|it| it.is_healthy && it.role == layout::Role::Replica && it.unfit.is_none())
    })
}

fn state(own: &Own) -> State {
    match own {
        Own::Absent => State::Absent,
        Own::Stopped(_) => State::Stopped,
        Own::Hung { .. } => State::Unknown,
        Own::Replica(_) => State::Replica,
        Own::Primary(_) => State::Primary,
    }
}
