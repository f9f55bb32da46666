//! The newest reign that the data of this host took part in, kept in a file of the keeper's own.
//!
//! Lines of history are numbered by each database by itself, so that two reigns may write different logs under one number.
//! Epochs are never used twice.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::core::name::Epoch;
use crate::error::Error;

const FILE: &str = "epoch";

/// What was written last; `None`: nothing.
pub(crate) async fn read(folder: &Path, time_max: Duration) -> Result<Option<Epoch>, Error> {
    let file = folder.join(FILE);
    match timeout(time_max, tokio::fs::read_to_string(&file)).await.unwrap_or_else(|_| slow()) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::System { what: format!("read {}", file.display()), source }),
    }
}

/// Writes it, whole or not at all.
pub(crate) async fn write(folder: &Path, epoch: Epoch, time_max: Duration) -> Result<(), Error> {
    let (new, file) = (folder.join("epoch.new"), folder.join(FILE));
    let done = async {
        tokio::fs::create_dir_all(folder).await?;
        tokio::fs::write(&new, format!("{epoch}\n")).await?;
        tokio::fs::File::open(&new).await?.sync_all().await?;
        tokio::fs::rename(&new, &file).await
    };
    timeout(time_max, done)
        .await
        .unwrap_or_else(|_| slow())
        .map_err(|source| Error::System { what: format!("write {}", file.display()), source })
}

/// A disk that hangs is a failure like others.
fn slow<T>() -> io::Result<T> {
    Err(ErrorKind::TimedOut.into())
}
