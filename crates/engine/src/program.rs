//! Programs that are run: each by a thread of its own, which starts it and waits for its end.
//!
//! So its end is known at once, and no runtime's thread waits. Linux sends the signal at the parent's death when the *thread*
//! that forked ends, and this thread ends after the program. `setpriv` sets that signal without looking whether the
//! parent died before that, so that a line of shell looks after it.
//!
//! Invariant: no secret is an argument or in the environment.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use base::moment::Moment;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use tokio::sync::{oneshot, watch};

use crate::account::Account;
use crate::error::Error;
use crate::place::Turn;

/// How much of what a program says is kept for telling.
pub(crate) const SAID_BYTES_MAX: usize = 4096;

/// Becomes the program, unless the parent (`$0`) has died meanwhile.
const IF_PARENT_LIVES: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// A program and its arguments.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    args: Vec<String>,
    folder: PathBuf,
    account: Account,
    /// In place of pipes of ours.
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
}

/// What a program that ended well had to say.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Its standard output.
    pub(crate) output: String,
    /// The end of its standard error.
    pub(crate) words: String,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// How: `exit status: 1`, `signal: 9 (SIGKILL)`.
    pub how: String,
    /// When.
    pub at: Moment,
}

impl Program {
    /// A program that runs in `folder`.
    pub(crate) fn new(path: PathBuf, folder: &Path, account: &Account) -> Program {
        Program {
            path,
            args: Vec::new(),
            folder: folder.to_owned(),
            account: account.clone(),
            input: None,
            output: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Program {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Program {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// It reads from there.
    pub(crate) fn reading(mut self, from: OwnedFd) -> Program {
        self.input = Some(from);
        self
    }

    /// It writes to there.
    pub(crate) fn writing(mut self, to: OwnedFd) -> Program {
        self.output = Some(to);
        self
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(self.account.options()).args([
            "--pdeathsig=KILL",
            "--",
            "/bin/sh",
            "-c",
            IF_PARENT_LIVES,
        ]);
        command.arg(std::process::id().to_string()).arg(&self.path).args(&self.args);
        command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
        command.current_dir(&self.folder).process_group(0);
        command
    }

    /// Runs it to its end, which holds `turn` until then, whoever waits. Lines of its standard error go to `hear` as they come. It is
    /// killed when the future is dropped.
    pub(crate) async fn run(
        self,
        turn: Option<Turn>,
        input: String,
        hear: impl FnMut(&str) + Send + 'static,
    ) -> Result<Said, Error> {
        let (name, said) = (self.name(), self.name());
        let (done, end) = oneshot::channel();
        let (begun, group) = watch::channel(None);
        let life = move || {
            let end = self.live(&input, hear, &begun);
            drop(turn);
            // whoever waited for it may be gone
            let _ = done.send(end);
        };
        let thread = thread::Builder::new().name(name.clone()).spawn(life);
        thread.map_err(|source| Error::Start { program: name, source })?;
        let reaper = Reaper(group);
        let end =
            end.await.map_err(|_| Error::Program { program: said, said: "its thread broke".to_owned() })?;
        drop(reaper);
        end
    }

    fn live(
        mut self,
        input: &str,
        hear: impl FnMut(&str) + Send + 'static,
        begun: &watch::Sender<Option<Pid>>,
    ) -> Result<Said, Error> {
        let program = self.name();
        let start = |source| Error::Start { program: program.clone(), source };
        let mut command = self.command();
        let stdio = |given: Option<OwnedFd>| given.map_or_else(Stdio::piped, Stdio::from);
        command.stdin(stdio(self.input.take())).stdout(stdio(self.output.take())).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(start)?;
        // what was given to it is closed here, so that its end is seen at the other one
        drop(command);
        begun.send_replace(pid(&child));
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let ear = thread::spawn(move || stderr.map_or_else(String::new, |stderr| listen(stderr, hear)));
        if let Some(mut stdin) = stdin {
            // one that ends without reading all of it says why
            let _ = stdin.write_all(input.as_bytes());
        }
        let mut output = String::new();
        let read = child.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut output));
        // its group can't be taken by others before it is waited for
        let status = child.wait().map_err(start)?;
        begun.send_replace(None);
        read.map_err(start)?;
        let words = ear.join().unwrap_or_default();
        if status.success() {
            return Ok(Said { output, words });
        }
        let said = tail(format!("{status}: {output}{words}").trim());
        Err(Error::Program { program, said })
    }

    /// Starts it, to go on by itself; what it says is added to `log`, until it writes files of its own.
    ///
    /// `record` is given the process as soon as there is one, also when nobody waits for this any more.
    pub(crate) async fn start(
        self,
        log: File,
        record: impl FnOnce(Process) + Send + 'static,
    ) -> Result<(), Error> {
        let (begun, start) = oneshot::channel();
        let name = self.name();
        let life = move || {
            let (died, death) = watch::channel(None);
            let child = log
                .try_clone()
                .and_then(|copy| self.command().stdin(Stdio::null()).stdout(copy).stderr(log).spawn());
            let opened = child.and_then(|child| Ok((pidfd(&child)?, child)));
            let mut child = match opened {
                Ok((handle, child)) => {
                    record(Process { id: child.id(), handle: Arc::new(handle), death });
                    let _ = begun.send(Ok(()));
                    child
                }
                Err(error) => {
                    let _ = begun.send(Err(error));
                    return;
                }
            };
            let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            died.send_replace(Some(Death { how, at: Moment::now() }));
        };
        let failed = |source| Error::Start { program: name.clone(), source };
        thread::Builder::new().name(name.clone()).spawn(life).map_err(failed)?;
        let broken = |_| failed(std::io::Error::other("its thread broke"));
        start.await.map_err(broken)?.map_err(failed)
    }
}

/// A program that goes on by itself. It does not end when this is dropped, but with the process that started it.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    handle: Arc<OwnedFd>,
    /// Its end, as soon as it comes.
    pub(crate) death: watch::Receiver<Option<Death>>,
}

impl Process {
    pub(crate) fn is_alive(&self) -> bool {
        self.death.borrow().is_none()
    }

    /// Sends a signal; to one that has ended nothing is sent, and to nobody else either.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) {
        // the sender goes with the thread, after it has told of the end
        let _ = self.death.clone().wait_for(Option::is_some).await;
    }
}

/// Waits for a process's death; for ever where there is none.
pub(crate) async fn death_of(process: Option<Process>) -> Death {
    if let Some(mut process) = process
        && let Ok(death) = process.death.wait_for(Option::is_some).await
    {
        return death.clone().expect("it was waited for");
    }
    std::future::pending().await
}

/// Kills a program's group when nobody waits for it any more.
struct Reaper(watch::Receiver<Option<Pid>>);

impl Drop for Reaper {
    fn drop(&mut self) {
        if let Some(group) = *self.0.borrow() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

fn pidfd(child: &Child) -> std::io::Result<OwnedFd> {
    let pid = pid(child).ok_or_else(|| std::io::Error::other("a process without a number"))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Reads lines to the end (progress comes in lines that return to their beginning); the end of all of it.
fn listen(stderr: impl Read, mut hear: impl FnMut(&str)) -> String {
    let mut said = String::new();
    let mut reader = BufReader::new(stderr);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for line in text.split(['\r', '\n']).filter(|line| !line.trim().is_empty()) {
            hear(line.trim());
            said.push_str(line.trim());
            said.push('\n');
        }
        said = tail(&said);
        bytes.clear();
    }
    said
}

/// The end of a text.
pub(crate) fn tail(text: &str) -> String {
    let from = text.len().saturating_sub(SAID_BYTES_MAX);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text[from..].to_owned()
}
