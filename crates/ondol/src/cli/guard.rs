//! `ondol guard`: kills the database of a folder at the last deadline that it was told, should its keeper not be able to, and
//! gives a dead keeper's lease back. The keeper starts it; it is not for people.

use std::io::stdin;
use std::path::PathBuf;

use cluster::Cluster;

use crate::failure::Failure;
use crate::part::keys;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Members of etcd, `host:port`
    #[arg(long, value_delimiter = ',')]
    etcd: Vec<String>,
    /// The folder of this host's keys, by which etcd knows it
    #[arg(long)]
    keys: PathBuf,
    /// The database's folder
    folder: PathBuf,
}

#[expect(clippy::unnecessary_wraps, reason = "verbs have one face")]
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (etcd, keys) = (args.etcd.clone(), args.keys.clone());
    let agreement = move || {
        let tls = Some(keys::read(&keys)?);
        (!etcd.is_empty()).then(|| Cluster::etcd(cluster::Config { tls, ..cluster::Config::new(etcd) }))
    };
    keeper::guard::run(args.folder.clone(), stdin(), agreement);
    Ok(())
}
