//! The new process's side of a swap.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::channel::{self, Answer, Said, line};
use super::{Sockets, notify};
use crate::failure::Failure;

/// Tells a process that its stdin is the channel to the one before it.
pub(super) const INHERITS: &str = "ONDOL_INHERITS";
/// How long the first word may take: it was sent before this process was started.
const LEGACY_TIME_MAX: Duration = Duration::from_secs(5);

/// A process that takes over from another one.
#[derive(Debug)]
pub(crate) struct Heir {
    channel: UnixStream,
    sockets: Sockets,
    generation: u32,
    is_trial: bool,
    keepsake: serde_json::Value,
}

/// What came of being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It serves now.
    Serve,
    /// It was a trial.
    End,
}

impl Heir {
    /// This process's inheritance, if there is one.
    #[expect(clippy::disallowed_methods, reason = "the process before says it this way")]
    pub(crate) fn take() -> Result<Option<Heir>, Failure> {
        if std::env::var_os(INHERITS).is_none() {
            return Ok(None);
        }
        let unheard = |error| Failure::failed(format!("cannot take over from the process before: {error}"));
        let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(unheard)?;
        let channel = UnixStream::from(stdin);
        channel.set_read_timeout(Some(LEGACY_TIME_MAX)).map_err(unheard)?;
        let (legacy, sockets) = channel::receive(&channel).map_err(unheard)?;
        channel.set_read_timeout(None).map_err(unheard)?;
        let sockets = Sockets::handed(legacy.sockets, sockets);
        let channel::Legacy { generation, is_trial, keepsake, .. } = legacy;
        Ok(Some(Heir { channel, sockets, generation, is_trial, keepsake }))
    }

    /// The listening sockets of the process before.
    pub(crate) fn sockets(&self) -> Sockets {
        self.sockets.clone()
    }

    /// How many swaps there were since the first process.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// What the process before wants remembered.
    pub(crate) fn keepsake(&self) -> &serde_json::Value {
        &self.keepsake
    }

    /// Says that this process could serve, and waits for the word to do it.
    pub(crate) async fn ready(&self) -> Result<Turn, Failure> {
        let unheard = |error| Failure::failed(format!("the process before does not hear: {error}"));
        for address in self.sockets.settle() {
            tracing::info!(%address, "nothing listens here any more: the service file no longer says so");
        }
        self.say(&Said::Ready).map_err(unheard)?;
        let stream = self.channel.try_clone().map_err(unheard)?;
        stream.set_nonblocking(true).map_err(unheard)?;
        let stream = tokio::net::UnixStream::from_std(stream).map_err(unheard)?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await.map_err(unheard)?;
        Ok(match serde_json::from_str(&answer) {
            Ok(Answer::StandDown) => Turn::End,
            // who ended before it could answer serves no longer, and somebody must
            Err(_) if self.is_trial => Turn::End,
            Ok(Answer::Go) | Err(_) => Turn::Serve,
        })
    }

    /// Says why this process can't serve.
    pub(crate) fn fail(&self, failure: &Failure) {
        // whoever hears nothing sees that this process ends
        let _ = self.say(&Said::Failed(failure.lines.join("; ")));
    }

    /// Says that this process leaves in its turn: what the one before still has open is to end.
    pub(crate) fn leave(&self) {
        // it may have ended long ago
        let _ = self.say(&Said::Leaving);
    }

    fn say(&self, word: &Said) -> std::io::Result<()> {
        (&self.channel).write_all(&line(word))
    }
}

/// What systemd is told once this process serves, by itself or in another one's place.
pub(crate) fn serves(heir: Option<&Heir>) {
    match heir {
        Some(_) => notify::tell(&format!("MAINPID={}\nREADY=1\nSTATUS=serves", std::process::id())),
        None => notify::tell("READY=1\nSTATUS=serves"),
    }
}
