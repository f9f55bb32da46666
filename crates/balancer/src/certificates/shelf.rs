//! Where certificates, the account's key and answers to challenges are kept, between two starts and among hosts.
//!
//! A house with a database keeps them there; a lone balancer in a folder, of which this is the code.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use base::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};

use super::Fault;

/// What a shelf answers with.
pub type Kept<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// Keeps texts under names, and turns that end by themselves.
pub trait Shelf: Send + Sync {
    /// The text under a name.
    fn read<'a>(&'a self, name: &'a str) -> Kept<'a, Option<String>>;
    /// Keeps a text under a name, in the place of the one before.
    fn write<'a>(&'a self, name: &'a str, text: &'a str) -> Kept<'a, ()>;
    /// Keeps nothing there any more.
    fn forget<'a>(&'a self, name: &'a str) -> Kept<'a, ()>;
    /// Takes a turn for so long, unless somebody else has it.
    fn claim<'a>(&'a self, name: &'a str, life: Duration) -> Kept<'a, bool>;
}

/// A folder that only its owner reads.
pub struct Folder {
    path: PathBuf,
    clock: Clock,
}

/// A turn as it lies in its file.
#[derive(Deserialize, Serialize)]
struct Turn {
    ends: i64,
}

impl Folder {
    /// A folder at a path; it is made if it isn't there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(path: PathBuf, clock: Clock) -> Result<Folder, Fault> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| Fault(format!("cannot make the folder {}: {error}", path.display())))?;
        Ok(Folder { path, clock })
    }

    fn file(&self, name: &str) -> PathBuf {
        // every other sign as its number: no name leads out of the folder
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let file: String = name
            .chars()
            .map(|c| match c {
                '.' => ".".to_owned(),
                c if is_plain(c) => c.to_string(),
                c => format!("_{:x}_", u32::from(c)),
            })
            .collect();
        self.path.join(format!("{}.json", file.trim_start_matches('.')))
    }

    async fn with<T: Send + 'static>(
        &self,
        what: &'static str,
        name: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let path = self.file(name);
        let shown = path.display().to_string();
        let fault = |error: &dyn std::fmt::Display| Fault(format!("cannot {what} {shown}: {error}"));
        match tokio::task::spawn_blocking(move || work(&path)).await {
            Ok(done) => done.map_err(|error| fault(&error)),
            Err(error) => Err(fault(&error)),
        }
    }
}

impl Shelf for Folder {
    fn read<'a>(&'a self, name: &'a str) -> Kept<'a, Option<String>> {
        Box::pin(self.with("read", name, |path| match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }))
    }

    fn write<'a>(&'a self, name: &'a str, text: &'a str) -> Kept<'a, ()> {
        let text = text.to_owned();
        Box::pin(self.with("write", name, move |path| replace(path, &text)))
    }

    fn forget<'a>(&'a self, name: &'a str) -> Kept<'a, ()> {
        Box::pin(self.with("remove", name, |path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }))
    }

    fn claim<'a>(&'a self, name: &'a str, life: Duration) -> Kept<'a, bool> {
        let (now, lock) = (self.clock.now(), self.path.join("lock"));
        Box::pin(self.with("claim", name, move |path| {
            // two generations of one service look and write one after the other
            let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
            lock.lock()?;
            let held = match fs::read_to_string(path) {
                Ok(text) => serde_json::from_str::<Turn>(&text).is_ok_and(|turn| Timestamp(turn.ends) > now),
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            if !held {
                let turn = Turn { ends: now.after(life).0 };
                replace(path, &serde_json::to_string(&turn).map_err(io::Error::other)?)?;
            }
            Ok(!held)
        }))
    }
}

/// Puts a whole new file in the place of the old one: a reader sees one of the two.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_folder_keeps_what_it_was_given_and_shows_it_to_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Folder::open(dir.path().join("kept"), Clock::System).unwrap();
        assert_eq!(shelf.read("certificate *.b.test").await.unwrap(), None);
        shelf.write("certificate *.b.test", "one").await.unwrap();
        shelf.write("../up", "two").await.unwrap();
        shelf.write("certificate *.b.test", "three").await.unwrap();
        assert_eq!(shelf.read("certificate *.b.test").await.unwrap().as_deref(), Some("three"));
        shelf.forget("../up").await.unwrap();
        shelf.forget("../up").await.unwrap();
        let files: Vec<_> =
            fs::read_dir(dir.path().join("kept")).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.path().join("kept")).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[tokio::test]
    async fn a_turn_is_one_hosts_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Folder::open(dir.path().into(), Clock::System).unwrap();
        let other = Folder::open(dir.path().into(), Clock::System).unwrap();
        assert!(shelf.claim("order", Duration::from_secs(60)).await.unwrap());
        assert!(!other.claim("order", Duration::from_secs(60)).await.unwrap());
        shelf.forget("order").await.unwrap();
        assert!(other.claim("order", Duration::ZERO).await.unwrap());
        assert!(shelf.claim("order", Duration::from_secs(60)).await.unwrap(), "it has ended");
    }
}
