//! Where a server's data lies: on the disk, or in memory when nothing waits for a disk anyway.
//!
//! A new server's folder is always made in memory, because that syncs a thousand times (MariaDB: 5 seconds on a busy disk,
//! 0.7 in memory), and copied to the disk where commits are to wait for one.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::options::Sync;
use crate::program::{self, User};

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// With less room than this the disk is used: containers are often given 64 MB. Two servers take a tenth of it.
const MEMORY_BYTES_MIN: u64 = 1 << 30;

/// A temporary folder that belongs to `user`, with what `make` puts there.
pub(crate) fn made(name: &str, user: User, sync: Sync, make: impl FnOnce(&Path)) -> TempDir {
    let in_memory = temporary(name, user, &memory());
    make(in_memory.path());
    if sync == Sync::Off {
        return in_memory;
    }
    let on_disk = temporary(name, user, &std::env::temp_dir());
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(in_memory.path().join(".")).arg(on_disk.path());
    program::run(&mut copy).unwrap_or_else(|error| panic!("copy {name}'s folder: {error}"));
    on_disk
}

fn temporary(name: &str, user: User, place: &Path) -> TempDir {
    let folder = tempfile::Builder::new().prefix(&format!("testbed-{name}-")).tempdir_in(place);
    let folder =
        folder.unwrap_or_else(|error| panic!("make a temporary folder in {}: {error}", place.display()));
    user.own(folder.path());
    folder
}

/// Where files are kept in memory, or the disk when there is little of that.
fn memory() -> PathBuf {
    let free = program::run(Command::new("df").args(["--output=avail", "-B1", MEMORY]));
    let bytes: Option<u64> = free.ok().and_then(|said| said.lines().last()?.trim().parse().ok());
    let has_room = bytes.is_some_and(|bytes| bytes >= MEMORY_BYTES_MIN);
    if has_room { PathBuf::from(MEMORY) } else { std::env::temp_dir() }
}
