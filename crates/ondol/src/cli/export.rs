//! `ondol export`: a collection to stdout. What it writes, `ondol import` takes.

use std::io::{BufWriter, ErrorKind, stdout};

use api::transfer::{self, Export, Format};
use base::time::Clock;
use clap::ValueEnum;
use records::Records;
use store::Store;

use super::place::Place;
use super::short;
use crate::failure::Failure;
use crate::part::reach;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The collection
    #[arg(value_name = "NAME")]
    name: String,
    /// How it is written
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Form,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Json,
    Jsonl,
    Csv,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut config = args.place.existing()?;
    let format = match args.format {
        Form::Json => Format::Json,
        Form::Jsonl => Format::JsonLines,
        Form::Csv => Format::Csv,
    };
    let wanted = Export { collection: args.name.clone(), format };
    let done = short(async {
        reach::find_primary(&mut config).await?;
        let store = Store::open(config.store, Clock::System).await?;
        let records = Records::open(store.clone(), Clock::System, config.records).await?;
        let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
        let done = transfer::export(&records, &wanted, &mut out, &mut |_| {}).await;
        store.close().await;
        Ok(done)
    })?;
    match done {
        // whoever reads has had enough: `ondol export bills | head`
        Err(transfer::Error::File { source, .. }) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done.map(drop)?),
    }
}
