//! Where the service is: the options that every verb shares.

use std::path::{Path, PathBuf};

use crate::config::{self, Config};
use crate::failure::Failure;

/// The data folder and the service file.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Place {
    /// The folder of the data; of the files, where a server keeps the records [default: data]
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// The service file [default: ondol.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

impl Place {
    /// The settings: those of the file if there is one, and what the command line says above them.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let mut config = match &self.file {
            Some(file) => Config::read(file)?,
            None if Path::new(config::FILE).exists() => Config::read(Path::new(config::FILE))?,
            None => Config::new(config::DIR),
        };
        if let Some(dir) = &self.dir {
            config.store.dir.clone_from(dir);
        }
        Ok(config)
    }

    /// The same for work on data that must be there already: what a server has is seen when it is asked.
    pub(super) fn existing(&self) -> Result<Config, Failure> {
        let config = self.config()?;
        let dir = &config.store.dir;
        if !matches!(config.store.engine, store::Engine::Sqlite) || dir.join("data.db").exists() {
            return Ok(config);
        }
        Err(Failure::failed(format!(
            "there is no data in {}; name the folder with --dir, or make it with `ondol serve`",
            dir.display()
        )))
    }
}
