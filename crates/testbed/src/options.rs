//! What a test may ask of a server before it starts.

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// As in production: what was acknowledged survives a power cut.
    #[default]
    On,
    /// Faster, and true enough where nothing is killed: what was acknowledged survives a killed server, no power cut.
    Off,
}

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether a commit waits for the disk. memcached has no disk.
    pub sync: Sync,
    /// The server's own settings by name, over ours: PostgreSQL's `-c name=value`, MariaDB's `--name=value`,
    /// memcached's `-name value`.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// The defaults with these settings of the server's own.
    pub fn with(settings: &[(&str, &str)]) -> Options {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Options { settings, ..Options::default() }
    }

    /// What a shared server is started with.
    pub(crate) fn shared() -> Options {
        Options { sync: Sync::Off, ..Options::default() }
    }
}
