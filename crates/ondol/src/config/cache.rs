//! What is kept of the records that were read lately: `[cache]`.

use base::unit::Bytes;
use cache::Config;
use serde::Deserialize;

use super::read::Reader;

/// Bytes that are kept in this process when nothing is said.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// `[cache]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    off: bool,
    bytes_max: Bytes,
    memcached: Vec<String>,
}

impl Default for Section {
    fn default() -> Section {
        Section { off: false, bytes_max: Bytes(BYTES_MAX), memcached: Vec::new() }
    }
}

impl Section {
    /// What is kept at the most: by this process, or by each host that caches for a site.
    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max.0
    }

    /// The settings; `None` where nothing is to be kept. Faults go to the reader: `is_embedded` when SQLite keeps the data,
    /// `has_caches` when the file's sites have hosts that cache.
    pub(super) fn settle(
        self,
        reader: &mut Reader<'_>,
        is_embedded: bool,
        has_caches: bool,
    ) -> Option<Config> {
        if has_caches && !self.memcached.is_empty() {
            let what = "`memcached` in [cache]: the sites' `cache` hosts are its addresses; take this line out, or those";
            reader.blame("cache", "memcached", what.into());
        }
        if self.memcached.is_empty() {
            return (!self.off).then(|| Config::in_process(self.bytes_max.0));
        }
        if is_embedded {
            let what = "`memcached` in [cache] is for the web servers of one database server: SQLite's records are read in \
                        this process; name an engine in [database], or take this line out";
            reader.blame("cache", "memcached", what.into());
        }
        let config = Config::memcached(self.memcached, "");
        if let Err(error) = config.check() {
            reader.blame("cache", "memcached", format!("`memcached` in [cache]: {error}"));
        }
        (!self.off).then_some(config)
    }
}
