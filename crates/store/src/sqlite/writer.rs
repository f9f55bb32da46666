//! The writer: one thread that owns the writing connection and lets writes that arrive together share one commit.
//!
//! Invariant: a job is answered well only after the commit that holds it is durable.
//! Invariant: nothing is published that was not committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::error::Error;
use crate::live::Live;
use crate::sqlite::{Job, Tx};
use crate::tx;

/// How often an idle writer looks for commits of other processes.
const FOREIGN_POLL: Duration = Duration::from_millis(250);
/// How long a process that is not the server keeps its hands off after a commit, so that the server's writes get in.
const GUEST_PAUSE: Duration = Duration::from_millis(2);
/// Rows of the change log that are trimmed at once.
const TRIM_STEP: u64 = 1_000;
/// Commits after which a writer that is never idle trims the log all the same.
const TRIM_EVERY: u32 = 100;

/// What the writer's queue holds.
pub(crate) enum Message {
    /// A write.
    Write(Box<dyn Job>),
    /// Look whether the store is stopping.
    Wake,
}

/// The writer's state.
pub(crate) struct Writer {
    tx: tx::Tx,
    queue: Receiver<Message>,
    shared: Shared,
    group_max: usize,
    log_rows_max: u64,
    data_version: i64,
    commits_untrimmed: u32,
}

/// What the writer shares with the store's handles.
#[derive(Clone)]
pub(crate) struct Shared {
    /// What was committed.
    pub(crate) live: Arc<Live>,
    /// The store is stopping: the writer ends once its queue is empty.
    pub(crate) is_stopping: Arc<AtomicBool>,
    /// This process is the server: it keeps the log trimmed.
    pub(crate) is_claimed: Arc<AtomicBool>,
}

impl Writer {
    /// A writer over an open connection.
    pub(crate) fn new(
        tx: Tx,
        queue: Receiver<Message>,
        shared: Shared,
        group_max: usize,
        log_rows_max: u64,
    ) -> Writer {
        let mut writer = Writer {
            tx: tx::Tx::embedded(tx),
            queue,
            shared,
            group_max,
            log_rows_max,
            data_version: 0,
            commits_untrimmed: 0,
        };
        writer.data_version = writer.tx().data_version().unwrap_or(0);
        writer
    }

    /// Works until the store stops, then closes the database.
    pub(crate) fn run(mut self) {
        // a step that panics outside of a job is a mistake in this file; the store goes on
        while catch_unwind(AssertUnwindSafe(|| self.step())).unwrap_or_else(|_| {
            self.tx().roll_back();
            true
        }) {}
        self.tx().checkpoint();
        let Writer { tx, shared, .. } = self;
        drop(tx);
        shared.live.close();
    }

    fn tx(&mut self) -> &mut Tx {
        self.tx.as_embedded().expect("the writer made it over the embedded engine")
    }

    /// Does one group of writes, or what an idle writer does; false when it is time to end.
    fn step(&mut self) -> bool {
        let is_stopping = self.shared.is_stopping.load(Ordering::SeqCst);
        let wait = if is_stopping { Duration::ZERO } else { FOREIGN_POLL };
        match self.queue.recv_timeout(wait) {
            Ok(Message::Write(job)) => self.group(job),
            Ok(Message::Wake) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) if is_stopping => return false,
            Err(RecvTimeoutError::Timeout) => {
                self.look_for_foreign();
                self.trim();
            }
        }
        true
    }

    fn group(&mut self, first: Box<dyn Job>) {
        match self.tx().begin() {
            Err(error) => return answer_badly(vec![first], &error),
            Ok(newest) => self.shared.live.advance(newest),
        }
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            self.job(job, &mut group);
            if !self.tx().is_open() {
                break;
            }
            if group.done.len() + group.failed.len() < self.group_max {
                next = self.queue.try_recv().ok().and_then(|message| match message {
                    Message::Write(job) => Some(job),
                    Message::Wake => None,
                });
            }
        }
        match self.tx().commit() {
            Ok(changes) => {
                self.shared.live.publish(changes);
                group.done.into_iter().chain(group.failed).for_each(|job| job.answer());
            }
            Err(error) => {
                answer_badly(group.done, &error);
                answer_badly(group.failed, &error);
            }
        }
        if !self.shared.is_claimed.load(Ordering::Relaxed) {
            return std::thread::sleep(GUEST_PAUSE);
        }
        self.commits_untrimmed += 1;
        if self.commits_untrimmed >= TRIM_EVERY {
            self.trim();
        }
    }

    /// Runs one job. What failed is undone alone.
    fn job(&mut self, mut job: Box<dyn Job>, group: &mut Group) {
        self.tx().begin_job();
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(&mut self.tx)));
        let end = match outcome {
            Ok(true) => self.tx().end_job(),
            Ok(false) => {
                self.tx().undo_job();
                return group.fail(job);
            }
            Err(_) => Err(Error::Broken { what: "a write panicked" }),
        };
        match end {
            Ok(()) => group.done.push(job),
            Err(error) => {
                self.tx().undo_job();
                job.fail(error);
                group.fail(job);
            }
        }
    }

    fn look_for_foreign(&mut self) {
        match self.tx().data_version() {
            Ok(version) if version == self.data_version => {}
            Ok(version) => {
                self.data_version = version;
                match self.tx().newest() {
                    Ok(newest) => self.shared.live.advance(newest),
                    Err(error) => tracing::warn!("look for foreign changes: {}", base::error::chain(&error)),
                }
            }
            Err(error) => tracing::warn!("look for foreign changes: {}", base::error::chain(&error)),
        }
    }

    /// Trims the log by one small step, if this process is the one to do it.
    fn trim(&mut self) {
        if !self.shared.is_claimed.load(Ordering::Relaxed) {
            return;
        }
        self.commits_untrimmed = 0;
        let keep = self.log_rows_max;
        match self.tx().trim(keep, TRIM_STEP) {
            // the next step follows with the next commit or the next idle moment
            Ok(true) => self.commits_untrimmed = TRIM_EVERY,
            // of a database that was left each write tells
            Ok(false) | Err(Error::Moved { .. }) => {}
            Err(error) => {
                tracing::warn!("trim the change log and the keys of writes: {}", base::error::chain(&error))
            }
        }
    }
}

/// The writes that are committed together.
#[derive(Default)]
struct Group {
    /// Those that are to be committed.
    done: Vec<Box<dyn Job>>,
    /// Those that failed after others were done: what they failed on may not be durable yet, so they are told with them.
    failed: Vec<Box<dyn Job>>,
}

impl Group {
    fn fail(&mut self, job: Box<dyn Job>) {
        if self.done.is_empty() { job.answer() } else { self.failed.push(job) }
    }
}

fn answer_badly(jobs: Vec<Box<dyn Job>>, error: &Error) {
    for mut job in jobs {
        job.fail(error.again());
        job.answer();
    }
}
