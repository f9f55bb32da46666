//! The store's settings and limits, each with its default.

use std::path::PathBuf;
use std::time::Duration;

/// Where the data lies, and the store's named limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder: `data.db` and `storage/` are in it.
    pub dir: PathBuf,
    /// Connections for reading in place.
    pub readers: usize,
    /// Steps of the database's machine that a read may take in place before it moves to the slow lane.
    pub read_steps_max: u32,
    /// Reads in the slow lane at once; further ones wait.
    pub slow_reads_max: usize,
    /// Longest time for one read; then it is broken off.
    pub read_time_max: Duration,
    /// Writes that may wait for the writer; further ones are refused as busy.
    pub write_queue_max: usize,
    /// Writes that share one commit at the most.
    pub commit_group_max: usize,
    /// Rows that the change log keeps at least; older ones are trimmed.
    pub change_log_rows_max: u64,
}

impl Config {
    /// The defaults, in a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Config {
        Config {
            dir: dir.into(),
            readers: 4,
            read_steps_max: 50_000,
            slow_reads_max: 2,
            read_time_max: Duration::from_secs(30),
            write_queue_max: 10_000,
            commit_group_max: 256,
            change_log_rows_max: 1_000_000,
        }
    }
}
