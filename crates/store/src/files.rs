//! Files of records on the local disk: `storage/TABLE/RECORD/NAME`.
//!
//! A file arrives in `storage/.arriving/` and is moved to its record when it is whole, so that what lies at a record is
//! never half a file. What is made from a file (thumbs) lies in `storage/TABLE/RECORD/.made/NAME/VARIANT`.
//!
//! Invariant: a table, a record or a name never leads out of its folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::chance;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::error::Error;

/// Where files lie while they arrive.
const ARRIVING: &str = ".arriving";
/// Where a record's folder holds what was made from its files.
const MADE: &str = ".made";
/// Longest name of a file, in bytes: what common file systems take.
const NAME_BYTES_MAX: usize = 255;
/// Bytes that are remembered of an arriving file's beginning: the kinds of files show themselves within them.
const HEAD_BYTES: usize = 8192;

/// The folder of files.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
    /// Files that arrive have numbers; the word tells processes apart.
    word: Arc<str>,
    count: Arc<AtomicU64>,
}

/// A file that has arrived but belongs to no record yet; its bytes are deleted when it is dropped unkept.
#[derive(Debug)]
pub struct Arrived {
    path: PathBuf,
    file: File,
    size: u64,
    head: Vec<u8>,
    is_kept: bool,
}

impl Files {
    pub(crate) fn new(root: PathBuf) -> Files {
        Files { root, word: chance::word(10).into(), count: Arc::default() }
    }

    /// Deletes what arrived for a process that has ended: all that isn't this one's and hasn't been written to for so long.
    pub(crate) fn clear_arriving(&self, idle: Duration) -> Result<(), Error> {
        let folder = self.root.join(ARRIVING);
        let entries = match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|e| Error::io(&folder, e))?,
        };
        for entry in entries {
            let entry = entry.map_err(|e| Error::io(&folder, e))?;
            let path = entry.path();
            let is_mine = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&*self.word));
            let written = entry.metadata().and_then(|found| found.modified());
            // a time to come is no reason to keep it for ever
            let is_idle = written.is_ok_and(|at| at.elapsed().unwrap_or(idle) >= idle);
            if !is_mine && is_idle {
                std::fs::remove_file(&path).map_err(|e| Error::io(&path, e))?;
            }
        }
        Ok(())
    }

    /// Begins a file of which the bytes arrive one chunk after another.
    pub async fn begin(&self) -> Result<Arrived, Error> {
        let folder = self.root.join(ARRIVING);
        let path = folder.join(format!("{}{}", self.word, self.count.fetch_add(1, Ordering::Relaxed)));
        let file = match File::create_new(&path).await {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&folder).await.map_err(|e| Error::io(&folder, e))?;
                File::create_new(&path).await
            }
            file => file,
        };
        let file = file.map_err(|e| Error::io(&path, e))?;
        Ok(Arrived { path, file, size: 0, head: Vec::new(), is_kept: false })
    }

    /// Gives a finished file to a record under a name, durable on disk when this returns. A file that was there under the
    /// name is replaced.
    pub async fn keep(&self, file: Arrived, table: &str, record: &str, name: &str) -> Result<(), Error> {
        let folder = self.folder(table, record)?;
        self.settle(file, &folder, checked(name)?).await
    }

    /// Where a file of a record lies, if it is there.
    pub async fn find(&self, table: &str, record: &str, name: &str) -> Result<Option<PathBuf>, Error> {
        match (self.folder(table, record), checked(name)) {
            (Ok(folder), Ok(name)) => present(folder.join(name)).await,
            _ => Ok(None),
        }
    }

    /// Keeps what was made from a record's file, such as a thumb, under the name of its variant.
    pub async fn keep_made(
        &self,
        file: Arrived,
        table: &str,
        record: &str,
        name: &str,
        variant: &str,
    ) -> Result<(), Error> {
        let folder = self.folder(table, record)?.join(MADE).join(checked(name)?);
        self.settle(file, &folder, checked(variant)?).await
    }

    /// Where a variant that was made from a record's file lies, if it is there.
    pub async fn find_made(
        &self,
        table: &str,
        record: &str,
        name: &str,
        variant: &str,
    ) -> Result<Option<PathBuf>, Error> {
        match (self.folder(table, record), checked(name), checked(variant)) {
            (Ok(folder), Ok(name), Ok(variant)) => present(folder.join(MADE).join(name).join(variant)).await,
            _ => Ok(None),
        }
    }

    /// Deletes one file of a record with what was made from it (thumbs); nothing happens when it is not there.
    pub async fn remove(&self, table: &str, record: &str, name: &str) -> Result<(), Error> {
        let (folder, name) = (self.folder(table, record)?, checked(name)?);
        let path = folder.join(name);
        unless_missing(fs::remove_file(&path).await).map_err(|e| Error::io(&path, e))?;
        remove_folder(&folder.join(MADE).join(name)).await?;
        // an empty folder goes too; one that is not empty stays, and so does one that cannot be removed
        let _ = fs::remove_dir(folder.join(MADE)).await;
        let _ = fs::remove_dir(&folder).await;
        Ok(())
    }

    /// Deletes all files of a record.
    pub async fn remove_record(&self, table: &str, record: &str) -> Result<(), Error> {
        remove_folder(&self.folder(table, record)?).await
    }

    /// Deletes all files of a table.
    pub async fn remove_table(&self, table: &str) -> Result<(), Error> {
        remove_folder(&self.root.join(checked(table)?)).await
    }

    fn folder(&self, table: &str, record: &str) -> Result<PathBuf, Error> {
        Ok(self.root.join(checked(table)?).join(checked(record)?))
    }

    /// Moves a whole file to its place, with its bytes and its name durable.
    async fn settle(&self, mut file: Arrived, folder: &Path, name: &str) -> Result<(), Error> {
        file.file.flush().await.map_err(|e| Error::io(&file.path, e))?;
        file.file.sync_all().await.map_err(|e| Error::io(&file.path, e))?;
        let (from, to, root, folder) =
            (file.path.clone(), folder.join(name), self.root.clone(), folder.to_owned());
        let at = folder.clone();
        let moved = tokio::task::spawn_blocking(move || {
            make_folder(&root, &folder)?;
            std::fs::rename(&from, &to)?;
            sync(&folder)
        });
        match moved.await {
            Ok(outcome) => outcome.map_err(|e| Error::io(&at, e))?,
            Err(_) => return Err(Error::Broken { what: "the keeping of a file broke off" }),
        }
        file.is_kept = true;
        Ok(())
    }
}

impl Arrived {
    /// Adds bytes at the end.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).await.map_err(|e| Error::io(&self.path, e))?;
        self.size += bytes.len() as u64;
        let room = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    /// Its first bytes, some thousands, for looking at its kind.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Waits until all bytes that were written can be read at [`path`](Arrived::path).
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.file.flush().await.map_err(|e| Error::io(&self.path, e))
    }

    /// Where its bytes lie now, for looking at its kind; call [`finish`](Arrived::finish) before.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if !self.is_kept {
            // what cannot be deleted now is cleared away when the next server claims the folder
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A name that stays in its folder, and in none of ours.
fn checked(name: &str) -> Result<&str, Error> {
    let is_plain = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0']);
    if is_plain {
        return Ok(name);
    }
    Err(Error::Access { path: name.escape_default().to_string(), source: io::ErrorKind::InvalidInput.into() })
}

async fn present(path: PathBuf) -> Result<Option<PathBuf>, Error> {
    match fs::metadata(&path).await {
        Ok(found) => Ok(found.is_file().then_some(path)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Error::io(&path, e)),
    }
}

async fn remove_folder(path: &Path) -> Result<(), Error> {
    unless_missing(fs::remove_dir_all(path).await).map_err(|e| Error::io(path, e))
}

fn unless_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Makes the folders from the root down, each with its name durable.
fn make_folder(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if folder != root
        && let Some(parent) = folder.parent()
    {
        make_folder(root, parent)?;
    }
    match std::fs::create_dir(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    folder.parent().map_or(Ok(()), sync)
}

fn sync(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}
