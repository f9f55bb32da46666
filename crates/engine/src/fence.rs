//! Making certain that a server acknowledges nothing more, whoever started it. Touches no disk.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base::moment::Moment;
use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::inhabitant;
use crate::order::{Fenced, Limits};
use crate::program::Process;

/// How often it is looked whether everything is dead.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Who is killed and still hangs in the disk so long after that is not about to come back from it.
const HANG_PROVEN_AFTER: Duration = Duration::from_secs(1);
/// How long a port may take to refuse.
const REFUSAL_TIME_MAX: Duration = Duration::from_millis(200);

/// What is to be fenced.
pub(crate) struct Fence<'a> {
    /// The server's first process, if it lives.
    pub(crate) process: Option<Process>,
    /// Its data: whoever works there goes too.
    pub(crate) data: &'a Path,
    /// Where it listens.
    pub(crate) listens: &'a str,
    pub(crate) port: u16,
    /// What has it end at once by itself, without acknowledging anything; `None`: nothing does, it is killed.
    pub(crate) quits_at: Option<Signal>,
    pub(crate) limits: Limits,
}

impl Fence<'_> {
    /// Until nobody is left and the port refuses. Goes on trying for a while after the deadline.
    pub(crate) async fn close(self, deadline: Moment) -> Result<Fenced, Error> {
        let begin = Moment::now();
        // half of what is left is for those who don't listen
        let quit_until = begin.after(self.limits.quit_time_max.min(deadline.left() / 2));
        let give_up = deadline.max(begin).after(self.limits.kill_time_max);
        if let (Some(process), Some(signal)) = (&self.process, self.quits_at) {
            process.signal(signal);
        }
        loop {
            let is_late = Moment::now() >= quit_until.after(HANG_PROVEN_AFTER);
            let is_doomed = |process: u32| is_late && inhabitant::is_doomed(process);
            let (doomed, others): (Vec<u32>, Vec<u32>) =
                inhabitant::of(self.data).into_iter().partition(|process| is_doomed(*process));
            let first_hangs = self.process.as_ref().is_some_and(|process| is_doomed(process.id));
            // a port stays open as long as who opened it is there
            let hangs = first_hangs || !doomed.is_empty();
            let is_dead = first_hangs || self.process.as_ref().is_none_or(|process| !process.is_alive());
            if is_dead && others.is_empty() && (hangs || port_refuses(self.listens, self.port).await) {
                let at = Moment::now();
                return Ok(Fenced { at, is_in_time: at <= deadline });
            }
            // whom nobody asked to go, and who did not
            if self.process.is_none() || self.quits_at.is_none() || Moment::now() >= quit_until {
                if let Some(process) = &self.process {
                    process.signal(Signal::KILL);
                }
                inhabitant::kill(self.data);
            }
            if Moment::now() > give_up {
                return Err(Error::Alive { processes: others });
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether nobody listens any more.
async fn port_refuses(listens: &str, port: u16) -> bool {
    let host = if matches!(listens, "*" | "0.0.0.0" | "::") { "127.0.0.1" } else { listens };
    let Ok(address) = format!("{host}:{port}").parse::<SocketAddr>() else { return true };
    !matches!(timeout(REFUSAL_TIME_MAX, TcpStream::connect(address)).await, Ok(Ok(_)) | Err(_))
}
