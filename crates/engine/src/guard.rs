//! A sibling process that kills a server when nobody holds it any more: at a deadline, or at the death of who held it.
//!
//! Linux kills the first process of a server when its parent dies, but not its backends; and a parent that is merely stopped
//! (or starved, or in a debugger) fences nothing while its lease runs out. The guard knows no lease and no network: only a
//! folder, a pipe, the last moment that was written into it, and a word that it does not understand, to be given back at the end.
//!
//! Invariant: the guard does nothing but wait and kill; it touches no disk.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use base::moment::Moment;

use crate::error::Error;
use crate::inhabitant;

/// How often it is looked whether everything is dead.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long it waits for an order where there is no deadline. Whatever: it then waits again.
const REST: Duration = Duration::from_secs(3600);
/// The word for "no deadline".
const NONE: &str = "rest";
/// The word before what is bequeathed.
const WILL: &str = "bequeath";

/// A guard that runs. It kills what works in its folder when this is dropped: put the server to rest before.
#[derive(Debug)]
pub struct Guard {
    process: Child,
    orders: UnixStream,
}

impl Guard {
    /// Starts a program that runs [`watch_over`] on `folder`, with its standard input.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start(program: &Path, args: &[&str], folder: &Path) -> Result<Guard, Error> {
        let failed = |source| Error::Start { program: program.display().to_string(), source };
        let (orders, theirs) = UnixStream::pair().map_err(failed)?;
        // a guard that stands still is not to hold us up too
        orders.set_nonblocking(true).map_err(failed)?;
        let mut command = Command::new(program);
        command.args(args).arg(folder).current_dir("/").stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        // a signal to the whole terminal is not for it
        let process = command.process_group(0).spawn().map_err(failed)?;
        Ok(Guard { process, orders })
    }

    /// At that moment everything in the folder is killed, unless another is held before. Takes no time worth naming.
    ///
    /// # Errors
    /// When the guard is gone: start another, or fence.
    pub fn hold(&mut self, until: Moment) -> Result<(), Error> {
        self.order(&until.since_start().as_nanos().to_string())
    }

    /// What is to be given back by [`watch_over`] when we end without a word, after everything was killed.
    ///
    /// # Errors
    /// When the guard is gone.
    pub fn bequeath(&mut self, word: &str) -> Result<(), Error> {
        self.order(&format!("{WILL} {word}"))
    }

    /// Nothing is killed before the next [`Guard::hold`], or our death.
    ///
    /// # Errors
    /// When the guard is gone.
    pub fn rest(&mut self) -> Result<(), Error> {
        self.order(NONE)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn order(&mut self, text: &str) -> Result<(), Error> {
        let written = self.orders.write_all(format!("{text}\n").as_bytes());
        written.map_err(|source| Error::Start { program: "the guard (it is gone)".to_owned(), source })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // it ends by itself once the pipe is closed; until then it is nobody's child to wait for
        let _ = self.process.try_wait();
    }
}

/// What an order says.
enum Order {
    Hold(Moment),
    Rest,
    Bequeath(String),
}

/// Kills what works in `folder` at the last deadline that `orders` told, and once they end; gives back after that, with the
/// last word that was bequeathed.
pub fn watch_over(folder: PathBuf, orders: impl Read + Send + 'static) -> Option<String> {
    let (sender, orders_read) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(orders).lines().map_while(Result::ok) {
            // what is not understood is no reason to go on for longer
            let order = match line.split_once(' ') {
                Some((WILL, word)) => Some(Order::Bequeath(word.to_owned())),
                _ if line == NONE => Some(Order::Rest),
                _ => hold(&line),
            };
            if order.is_some_and(|order| sender.send(order).is_err()) {
                return;
            }
        }
    });
    let (mut until, mut will) = (None, None);
    loop {
        let left = until.map_or(REST, Moment::left);
        match orders_read.recv_timeout(left) {
            Ok(Order::Hold(moment)) => until = Some(moment),
            Ok(Order::Rest) => until = None,
            Ok(Order::Bequeath(word)) => will = Some(word),
            Err(RecvTimeoutError::Timeout) if until.is_some_and(|until| until.left().is_zero()) => {
                kill(&folder);
                until = None;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                kill(&folder);
                return will;
            }
        }
    }
}

fn hold(line: &str) -> Option<Order> {
    Some(Order::Hold(Moment::at(Duration::from_nanos(line.parse().ok()?))))
}

/// Until nobody is left.
fn kill(folder: &Path) {
    while inhabitant::kill(folder) > 0 {
        thread::sleep(LOOK_EVERY);
    }
}
