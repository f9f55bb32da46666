//! The old process's side of a swap.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use web::Stop;

use super::channel::{self, Answer, LINE_BYTES_MAX, Legacy, Said, line};
use super::{Program, Sockets, notify};

/// How long a heir that was only tried out has to end.
const STAND_DOWN_MAX: Duration = Duration::from_secs(5);

/// Who can have this process replaced. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Swapper(Arc<Inner>);

struct Inner {
    program: Program,
    sockets: Sockets,
    stop: Stop,
    generation: u32,
    /// How long the heir may take until it is ready.
    ready_max: Duration,
    /// How long event streams and websockets go on here afterwards.
    linger_max: Duration,
    /// Done before the heir is told to serve.
    before: Box<dyn Fn() + Send + Sync>,
    /// What the heir should remember.
    keepsake: Box<dyn Fn() -> Value + Send + Sync>,
    turn: Mutex<()>,
}

/// A heir that is ready, and waits for a word.
struct Waiting {
    child: Child,
    process: u32,
    channel: BufReader<UnixStream>,
}

impl Swapper {
    /// One that has done nothing yet. `before` is called before a heir is told to serve.
    pub(crate) fn new(
        program: Program,
        sockets: Sockets,
        stop: Stop,
        generation: u32,
        limits: &web::Config,
        before: impl Fn() + Send + Sync + 'static,
    ) -> Swapper {
        Swapper(Arc::new(Inner {
            program,
            sockets,
            stop,
            generation,
            ready_max: limits.handover_time_max.0,
            linger_max: limits.linger_time_max.0,
            before: Box::new(before),
            keepsake: Box::new(|| Value::Null),
            turn: Mutex::new(()),
        }))
    }

    /// The same, whose heir is told something to remember.
    #[must_use]
    pub(crate) fn with_keepsake(mut self, keepsake: impl Fn() -> Value + Send + Sync + 'static) -> Swapper {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.keepsake = Box::new(keepsake);
        }
        self
    }

    /// How many swaps there were since the first process.
    pub(crate) fn generation(&self) -> u32 {
        self.0.generation
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.0.sockets.addresses()
    }

    /// Has the program on disk take over; its process id. An error says why this process goes on.
    pub(crate) async fn swap(&self) -> Result<u32, String> {
        let _turn = self.0.turn.try_lock().map_err(|_| "a swap is under way already".to_owned())?;
        let path = self.0.program.path().display().to_string();
        tracing::info!(program = path, "a swap begins: the program on disk is started");
        notify::reloading();
        let done = self.hand_over().await;
        match &done {
            Ok(process) => tracing::info!(
                process,
                "swapped: the new process serves; this one answers what it has and ends"
            ),
            Err(why) => {
                tracing::error!(program = path, why, "the swap failed; this process goes on as before");
                notify::tell("READY=1\nSTATUS=serves; the last swap failed");
            }
        }
        done
    }

    /// Sees whether the program on disk could take over, and puts it down again.
    pub(crate) async fn try_out(&self) -> Result<(), String> {
        let _turn = self.0.turn.try_lock().map_err(|_| "a swap is under way already".to_owned())?;
        let mut heir = self.start(true).await?;
        let told = heir.channel.get_mut().write_all(&line(&Answer::StandDown)).await;
        let ended = tokio::time::timeout(STAND_DOWN_MAX, heir.child.wait()).await;
        if told.is_err() || ended.is_err() {
            end(&mut heir.child).await;
        }
        Ok(())
    }

    async fn hand_over(&self) -> Result<u32, String> {
        let Inner { stop, sockets, before, linger_max, .. } = &*self.0;
        let mut heir = self.start(false).await?;
        before();
        if let Err(error) = heir.channel.get_mut().write_all(&line(&Answer::Go)).await {
            end(&mut heir.child).await;
            return Err(format!("the new process did not hear that it should serve: {error}"));
        }
        stop.leave.cancel();
        sockets.close();
        let (process, linger_max, soft) = (heir.process, *linger_max, stop.soft.clone());
        #[expect(clippy::disallowed_methods, reason = "the stop waits for what it cancels")]
        tokio::spawn(async move {
            linger(&mut heir, linger_max).await;
            soft.cancel();
        });
        Ok(process)
    }

    /// Starts the program and waits until it is ready; what is not ready is ended.
    async fn start(&self, is_trial: bool) -> Result<Waiting, String> {
        let Inner { program, sockets, stop, generation, ready_max, keepsake, .. } = &*self.0;
        if stop.leave.is_cancelled() {
            return Err("this process is about to end".into());
        }
        if !is_trial && std::process::id() == 1 {
            return Err(
                "this is the first process of a container, which ends with it; replace the container instead"
                    .into(),
            );
        }
        let lost = |error: std::io::Error| format!("the listening sockets can't be handed over: {error}");
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(lost)?;
        let (names, copies) = sockets.copies().map_err(lost)?;
        let legacy = Legacy { generation: generation + 1, is_trial, keepsake: keepsake(), sockets: names };
        let borrowed: Vec<_> = copies.iter().map(AsFd::as_fd).collect();
        channel::send(&ours, &legacy, &borrowed).map_err(lost)?;
        ours.set_nonblocking(true).map_err(lost)?;
        let channel = BufReader::with_capacity(LINE_BYTES_MAX, UnixStream::from_std(ours).map_err(lost)?);
        let child = program
            .start(theirs.into())
            .map_err(|error| format!("{} can't be started: {error}", program.path().display()))?;
        let Some(process) = child.id() else { return Err("the new process ended at once".into()) };
        let mut heir = Waiting { child, process, channel };
        let until = Instant::now() + *ready_max;
        let heard = tokio::select! {
            heard = timeout_at(until, heir.hear()) => heard,
            () = stop.leave.cancelled() => Ok(Err("this process was told to stop meanwhile".into())),
        };
        let why = match heard {
            Ok(Ok(Said::Ready)) => return Ok(heir),
            Ok(Ok(Said::Failed(why))) => why,
            Ok(Ok(Said::Leaving)) => "the new process left before it was ready".into(),
            Ok(Err(why)) => why,
            Err(_) => format!(
                "the new process was not ready within {} (`handover_time_max`), and was killed",
                words(*ready_max)
            ),
        };
        end(&mut heir.child).await;
        Err(why)
    }
}

impl Waiting {
    /// The heir's next word; an error says in which way there is none.
    async fn hear(&mut self) -> Result<Said, String> {
        let mut line = String::new();
        // a process that ends before it has read what was sent to it resets the connection
        let read = self.channel.read_line(&mut line).await.or_else(|error| match error.kind() {
            std::io::ErrorKind::ConnectionReset => Ok(0),
            _ => Err(error),
        });
        match (read, serde_json::from_str(&line)) {
            (Ok(_), Ok(said)) => Ok(said),
            // its end is known a moment after the end of its line
            (Ok(0), _) => match self.child.wait().await {
                Ok(status) => Err(format!(
                    "the new process ended before it was ready ({status}); its last words are in the log"
                )),
                Err(error) => Err(format!("the new process is lost: {error}")),
            },
            (Ok(_), Err(_)) => {
                Err("the new process speaks another language; is the file another program?".into())
            }
            (Err(error), _) => Err(format!("the new process can't be heard: {error}")),
        }
    }
}

/// Waits for what ends the last streams here: their time, the heir's own leaving, or its end.
async fn linger(heir: &mut Waiting, longest: Duration) {
    let why = match tokio::time::timeout(longest, heir.hear()).await {
        Ok(Ok(_)) => "the next process has taken over in its turn",
        Ok(Err(_)) => "the next process has ended",
        Err(_) => "`linger_time_max` is over",
    };
    tracing::info!(why, "event streams and websockets that are left end now");
}

async fn end(child: &mut Child) {
    // what has ended already needs no killing
    let _ = child.start_kill();
    let _ = child.wait().await;
}

fn words(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// The signal that asks for a swap. From its making on it no longer kills the process.
pub(crate) struct Upgrades(tokio::signal::unix::Signal);

impl Upgrades {
    pub(crate) fn new() -> std::io::Result<Upgrades> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Upgrades(signal(SignalKind::user_defined2())?))
    }

    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
