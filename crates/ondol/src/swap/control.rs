//! The socket at which a running process is asked: to be replaced, how it is, what it should do.
//!
//! It lies at `DIR/control/PROCESS.sock` in the folder of the data, which only the service's user may enter. One line of JSON
//! is asked, one is answered.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Swapper;

const FOLDER: &str = "control";
/// Bytes of a question.
const ASK_BYTES_MAX: u64 = 4 << 10;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// How long a question may take to come.
const ASK_TIME_MAX: Duration = Duration::from_secs(5);
/// Who may ask at once.
const ASKERS_MAX: usize = 16;
/// Bytes of a socket's path that the system takes.
const PATH_BYTES_MAX: usize = 107;

/// What is asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Who it is.
    Who,
    /// To be replaced by what is on disk.
    Upgrade,
    /// Whether what is on disk could replace it.
    Check,
    /// How it is; of a balancer.
    Status,
    /// That a backend gets nothing new, or gets it again; of a balancer.
    Drain {
        /// Its address.
        backend: String,
        /// False takes it back.
        is_drained: bool,
    },
}

/// A process, as it says itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Who {
    /// Its id.
    pub(crate) process: u32,
    /// Its version.
    pub(crate) version: String,
    /// Where it listens.
    pub(crate) addresses: Vec<String>,
    /// `web` or `balancer`.
    pub(crate) role: String,
    /// How many swaps there were since the first process.
    pub(crate) generation: u32,
}

/// What a process answers of itself beside its swaps.
pub(crate) trait Answers: Send + Sync {
    /// `web` or `balancer`.
    fn role(&self) -> &'static str;
    /// How it is; `None` where that is asked elsewhere.
    fn status(&self) -> Option<Value>;
    /// Lets a backend get nothing new, or again.
    fn drain(&self, backend: &str, is_drained: bool) -> Result<(), String>;
}

/// The socket of this process; taken away when dropped.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
    /// Its folder, held open where the path is too long to be said whole.
    _folder: File,
}

impl Control {
    /// Opens it in the folder of the data.
    pub(crate) fn open(dir: &Path) -> io::Result<Control> {
        let folder = dir.join(FOLDER);
        fs::create_dir_all(dir)?;
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let path = folder.join(format!("{}.sock", std::process::id()));
        let (said, held) = reach(&folder, &path)?;
        // left behind by a process that had this id
        let _ = fs::remove_file(&path);
        Ok(Control { listener: UnixListener::bind(said)?, path, _folder: held })
    }

    /// Answers until it is dropped.
    pub(crate) async fn run(self, swapper: Swapper, answers: Arc<dyn Answers>) {
        let places = Arc::new(Semaphore::new(ASKERS_MAX));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let (swapper, answers) = (swapper.clone(), answers.clone());
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "who asks holds nothing that a stop waits for"
                    )]
                    tokio::spawn(async move {
                        if let Err(error) = answer(stream, &swapper, &*answers).await {
                            tracing::debug!(%error, "who asked at the control socket has gone");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket takes nobody in");
                    tokio::time::sleep(ASK_TIME_MAX).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // one that is gone already is as good
        let _ = fs::remove_file(&self.path);
    }
}

/// A path to a socket that is short enough to be said, and the folder that must stay open while it is used.
fn reach(folder: &Path, path: &Path) -> io::Result<(PathBuf, File)> {
    let held = File::open(folder)?;
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok((path.to_owned(), held));
    }
    let name = path.file_name().unwrap_or_default();
    Ok((PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd())).join(name), held))
}

async fn answer(stream: UnixStream, swapper: &Swapper, answers: &dyn Answers) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(ASK_BYTES_MAX));
    timeout(ASK_TIME_MAX, read.read_line(&mut line)).await??;
    let told = match serde_json::from_str::<Ask>(&line) {
        Err(_) => told(Err("this version does not know that question".into())),
        Ok(Ask::Who) => json!({ "ok": Who {
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            addresses: swapper.addresses().iter().map(ToString::to_string).collect(),
            role: answers.role().into(),
            generation: swapper.generation(),
        } }),
        Ok(Ask::Upgrade) => told(swapper.swap().await.map(|process| json!(process))),
        Ok(Ask::Check) => told(swapper.try_out().await.map(|()| Value::Null)),
        Ok(Ask::Status) => told(answers.status().ok_or_else(|| "that is asked elsewhere".into())),
        Ok(Ask::Drain { backend, is_drained }) => {
            told(answers.drain(&backend, is_drained).map(|()| Value::Null))
        }
    };
    write.write_all(format!("{told}\n").as_bytes()).await
}

fn told(outcome: Result<Value, String>) -> Value {
    match outcome {
        Ok(value) => json!({ "ok": value }),
        Err(why) => json!({ "failed": why }),
    }
}

/// The processes that serve this folder and can be asked, each with its socket; what others left behind is taken away.
pub(crate) async fn processes(dir: &Path) -> io::Result<Vec<(PathBuf, Who)>> {
    let folder = dir.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match ask(&path, &Ask::Who, ASK_TIME_MAX).await {
            Ok(Ok(who)) => found.extend(serde_json::from_value(who).ok().map(|who| (path, who))),
            // its process ended without a word
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => drop(fs::remove_file(&path)),
            // it has just ended, or is of another version
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(_)) => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by_key(|(_, who): &(PathBuf, Who)| who.process);
    Ok(found)
}

/// Asks one process. The inner error is its own word.
pub(crate) async fn ask(path: &Path, ask: &Ask, longest: Duration) -> io::Result<Result<Value, String>> {
    let asking = async {
        let (said, _held) = reach(path.parent().unwrap_or(path), path)?;
        let mut stream = UnixStream::connect(said).await?;
        stream.write_all(format!("{}\n", json!(ask)).as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut answer).await?;
        let mut answer: Value = serde_json::from_str(&answer)?;
        Ok(match answer.get("failed").and_then(Value::as_str) {
            Some(why) => Err(why.to_owned()),
            None => Ok(answer["ok"].take()),
        })
    };
    timeout(longest, asking).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer for {} s", longest.as_secs())))
    })
}
