//! History that is about to be lost, kept aside for people to look at with `mariadb-binlog`.
//!
//! It is bounded twice: so many bytes of each loss, so many losses.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::error::Error;
use crate::place::Place;

/// Losses that are kept; the oldest goes first.
const LOSSES_MAX: usize = 4;

/// Copies the newest files of the binary log, at most so many bytes of them; where they are then.
pub(crate) fn keep(place: &Place, name: &str, bytes_max: u64) -> Result<PathBuf, Error> {
    let folder = place.audit().join(name);
    fs::create_dir_all(&folder).map_err(Error::disk(&folder))?;
    let mut left = bytes_max;
    for (file, bytes) in logs(place).into_iter().rev() {
        let Some(rest) = left.checked_sub(bytes) else { break };
        left = rest;
        let copy = folder.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy).map_err(Error::disk(&copy))?;
    }
    forget(place)?;
    Ok(folder)
}

/// Nothing was lost after all.
pub(crate) fn drop(folder: &PathBuf) -> Result<(), Error> {
    fs::remove_dir_all(folder).map_err(Error::disk(folder))
}

/// The files of the binary log, in order, and how large they are.
pub(crate) fn logs(place: &Place) -> Vec<(PathBuf, u64)> {
    let files = fs::read_dir(place.data()).into_iter().flatten().flatten();
    let mut logs: Vec<(PathBuf, u64)> = files
        .filter(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            name.strip_prefix("binlog.")
                .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .filter_map(|file| Some((file.path(), file.metadata().ok()?.len())))
        .collect();
    logs.sort();
    logs
}

fn forget(place: &Place) -> Result<(), Error> {
    let folder = place.audit();
    let entries = fs::read_dir(&folder).map_err(Error::disk(&folder))?.flatten();
    let age = |path: &PathBuf| {
        fs::metadata(path).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let mut losses: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    losses.sort_by_key(|path| std::cmp::Reverse(age(path)));
    for old in losses.into_iter().skip(LOSSES_MAX) {
        fs::remove_dir_all(&old).map_err(Error::disk(&old))?;
    }
    Ok(())
}
