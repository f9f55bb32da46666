//! How the embedded database is read and written: `[store]`.

use base::unit::Span;
use serde::Deserialize;

/// `[store]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    readers: usize,
    read_steps_max: u32,
    slow_reads_max: usize,
    read_time_max: Span,
    write_queue_max: usize,
    commit_group_max: usize,
    change_log_rows_max: u64,
}

impl Default for Section {
    fn default() -> Section {
        let config = store::Config::new("");
        Section {
            readers: config.readers,
            read_steps_max: config.read_steps_max,
            slow_reads_max: config.slow_reads_max,
            read_time_max: Span(config.read_time_max),
            write_queue_max: config.write_queue_max,
            commit_group_max: config.commit_group_max,
            change_log_rows_max: config.change_log_rows_max,
        }
    }
}

impl Section {
    /// Puts them where the store looks.
    pub(super) fn settle(self, config: &mut store::Config) {
        config.readers = self.readers;
        config.read_steps_max = self.read_steps_max;
        config.slow_reads_max = self.slow_reads_max;
        config.read_time_max = self.read_time_max.0;
        config.write_queue_max = self.write_queue_max;
        config.commit_group_max = self.commit_group_max;
        config.change_log_rows_max = self.change_log_rows_max;
    }
}
