//! `ondol check`: every mistake of the service file at once, and what the file comes to.

use std::path::{Path, PathBuf};

use super::say;
use crate::config::{self, Config};
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The service file [default: ondol.toml]
    #[arg(value_name = "FILE", conflicts_with = "file")]
    given: Option<PathBuf>,
    /// The service file, as the other verbs take it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let named = args.given.as_deref().or(args.file.as_deref());
    let path = named.unwrap_or(Path::new(config::FILE));
    if named.is_none() && !path.exists() {
        say("There is no service file, and none is needed: `ondol serve` runs with the defaults.")?;
        return Ok(());
    }
    let config = Config::read(path)?;
    crate::house::addresses(&config.listen)?;
    say(&format!("{} is well.", path.display()))?;
    let service = if config.service.is_empty() { "a service without a name yet" } else { &config.service };
    say(&format!("  {service}: dev, one process on one box, SQLite"))?;
    say(&format!("  listens on {}, keeps its data in {}", config.listen, config.store.dir.display()))?;
    say("  lose this box: everything since the last copy of that folder is lost")
}
