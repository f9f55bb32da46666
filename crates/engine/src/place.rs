//! The server's folder: what lies where, and writing small files into it, whole or not at all.
//!
//! A disk may hang. Whatever touches it is done by a thread that can be left alone, and is waited for with a limit.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::unit::Bytes;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::account::Account;
use crate::error::Error;
use crate::observation::Unfinished;
use crate::program::SAID_BYTES_MAX;

/// A log that is longer when the server starts is put aside, in place of the one before.
const LOG_BYTES_MAX: u64 = 16 << 20;
/// How much is written to see whether the disk takes it: more than a full one still has in its corners.
const PROBE_BYTES: usize = 64 << 10;
/// What says that the data were made a primary's here, and were not compared with another's since.
const LED: &str = "led";
/// What says that a work began whose half is of no use.
const MARK: &str = "unfinished";

/// The right to change something in the folder.
pub(crate) type Turn = OwnedMutexGuard<()>;

/// The server's folder.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) account: Account,
    /// Held by whoever changes something, also after nobody waits for that any more.
    turn: Arc<Mutex<()>>,
    kind: Kind,
}

/// What differs between servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// A file that is there where there are data.
    pub(crate) mark: &'static str,
    /// Where the server writes what it says.
    pub(crate) log: &'static str,
}

impl Place {
    pub(crate) fn new(folder: PathBuf, account: Account, kind: Kind) -> Place {
        Place { folder, account, turn: Arc::default(), kind }
    }

    /// Waits until nobody changes anything. One who was asked to and is no longer waited for goes on for a while.
    pub(crate) async fn turn(&self, what: &'static str, limit: Duration) -> Result<Turn, Error> {
        let slow = |_| Error::Slow { what: format!("waiting for another work before {what}"), limit };
        timeout(limit, Arc::clone(&self.turn).lock_owned()).await.map_err(slow)
    }

    /// Waits until what nobody waits for any more has ended: what it started would be taken for somebody else's.
    pub(crate) async fn rest(&self, what: &'static str, limit: Duration) -> Result<(), Error> {
        self.turn(what, limit).await.map(drop)
    }

    /// Changes something, after whoever did so before, within a limit. What hangs is left alone, and keeps its turn.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        what: &'static str,
        limit: Duration,
        work: impl FnOnce(&Place) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.turn(what, limit).await?;
        let (_, done) = self.change_in(turn, what, limit, work).await?;
        Ok(done)
    }

    /// The same in a turn that one has; it is given back, or ends with the work.
    pub(crate) async fn change_in<T: Send + 'static>(
        &self,
        turn: Turn,
        what: &'static str,
        limit: Duration,
        work: impl FnOnce(&Place) -> Result<T, Error> + Send + 'static,
    ) -> Result<(Turn, T), Error> {
        let held = move |place: &Place| {
            let done = work(place)?;
            Ok((turn, done))
        };
        self.look(what, limit, held).await
    }

    /// Looks at something, within a limit.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        what: &'static str,
        limit: Duration,
        work: impl FnOnce(&Place) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.clone();
        match timeout(limit, tokio::task::spawn_blocking(move || work(&place))).await {
            Ok(Ok(done)) => done,
            // or it was given up by a runtime that ends
            Ok(Err(_)) | Err(_) => Err(Error::Slow { what: what.to_owned(), limit }),
        }
    }

    /// Writes to the disk, and waits until that is there; how much room is left.
    pub(crate) async fn probe(&self, limit: Duration) -> Result<Bytes, Error> {
        let probe = |place: &Place| {
            place.write(&place.folder.join("probe"), &"\n".repeat(PROBE_BYTES))?;
            place.room()
        };
        self.look("writing to the database's disk", limit, probe).await
    }

    /// Where the data lie.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Where the socket lies.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// Where lost history is kept.
    pub(crate) fn audit(&self) -> PathBuf {
        self.folder.join("audit")
    }

    /// Makes the folders that are missing.
    pub(crate) fn make(&self) -> Result<(), Error> {
        for folder in [self.folder.clone(), self.socket(), self.folder.join("log"), self.audit()] {
            if !folder.is_dir() {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
                made.map_err(Error::disk(&folder))?;
                self.account.own(&folder)?;
            }
        }
        Ok(())
    }

    /// Writes a file that only the server's user may read.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        let new = path.with_extension("new");
        let written = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        written().map_err(Error::disk(&new))?;
        self.account.own(&new)?;
        fs::rename(&new, path).map_err(Error::disk(path))?;
        sync_folder(path.parent().unwrap_or(&self.folder))
    }

    /// How much room is left on the disk that the data lie on; where they lie on another than the rest of the folder, there.
    pub(crate) fn room(&self) -> Result<Bytes, Error> {
        let data = self.data();
        let at = if data.is_dir() { &data } else { &self.folder };
        let told = rustix::fs::statvfs(at).map_err(io::Error::from).map_err(Error::disk(at))?;
        Ok(Bytes(told.f_bavail.saturating_mul(told.f_frsize)))
    }

    /// Whether there are data.
    pub(crate) fn has_data(&self) -> bool {
        self.data().join(self.kind.mark).exists()
    }

    /// Takes the data away.
    pub(crate) fn wipe(&self) -> Result<(), Error> {
        gone(fs::remove_dir_all(self.data())).map_err(Error::disk(&self.data()))?;
        self.fit()?;
        sync_folder(&self.folder)
    }

    /// A work whose half is of no use begins.
    pub(crate) fn begin(&self, what: Unfinished) -> Result<(), Error> {
        self.write(&self.folder.join(MARK), word(what))
    }

    /// It has ended well.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let mark = self.folder.join(MARK);
        gone(fs::remove_file(&mark)).map_err(Error::disk(&mark))?;
        sync_folder(&self.folder)
    }

    /// The work that began and did not end.
    pub(crate) fn unfinished(&self) -> Result<Option<Unfinished>, Error> {
        let mark = self.folder.join(MARK);
        let text = match fs::read_to_string(&mark) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::disk(&mark)(error)),
        };
        // one that is not understood is the worst of them
        let all = [Unfinished::Init, Unfinished::Clone, Unfinished::Rewind];
        Ok(Some(all.into_iter().find(|what| word(*what) == text).unwrap_or(Unfinished::Clone)))
    }

    /// The data are about to be a primary's; `token` is what that reign will be known by.
    pub(crate) fn lead(&self, token: &str) -> Result<(), Error> {
        let before = self.reigns()?;
        self.write(&self.folder.join(LED), &(before.join("\n") + "\n" + token))
    }

    /// They were found to fit to another's, or are a primary's no more.
    pub(crate) fn fit(&self) -> Result<(), Error> {
        let mark = self.folder.join(LED);
        gone(fs::remove_file(&mark)).map_err(Error::disk(&mark))?;
        sync_folder(&self.folder)
    }

    /// What the reigns of these data are known by, since they were compared last; the newest is the last.
    pub(crate) fn reigns(&self) -> Result<Vec<String>, Error> {
        let mark = self.folder.join(LED);
        match fs::read_to_string(&mark) {
            Ok(text) => Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::disk(&mark)(error)),
        }
    }

    /// The end of what was written to the logs lately: to its own, and to what it writes to before that is open.
    pub(crate) fn last_words(&self) -> Result<String, Error> {
        let folder = self.folder.join("log");
        let entries = fs::read_dir(&folder).map_err(Error::disk(&folder))?.flatten();
        let mut logs: Vec<_> = entries
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        logs.sort();
        let newest = logs.iter().skip(logs.len().saturating_sub(2));
        let words: Result<Vec<String>, Error> = newest.map(|(_, path)| end_of(path)).collect();
        Ok(words?.join("\n"))
    }

    /// Where the server writes before its own log is open, and its last words.
    pub(crate) fn log(&self) -> Result<File, Error> {
        let path = self.folder.join("log").join(self.kind.log);
        if fs::metadata(&path).is_ok_and(|file| file.len() > LOG_BYTES_MAX) {
            fs::rename(&path, path.with_extension("old")).map_err(Error::disk(&path))?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        let file = file.map_err(Error::disk(&path))?;
        self.account.own(&path)?;
        Ok(file)
    }
}

/// How a work is called.
pub(crate) fn word(what: Unfinished) -> &'static str {
    match what {
        Unfinished::Init => "init",
        Unfinished::Clone => "clone",
        Unfinished::Rewind => "rewind",
    }
}

fn end_of(path: &Path) -> Result<String, Error> {
    let read = || {
        let mut file = File::open(path)?;
        let begin = file.metadata()?.len().saturating_sub(SAID_BYTES_MAX as u64);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(SAID_BYTES_MAX as u64).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().map_err(Error::disk(path))
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::disk(folder))
}
