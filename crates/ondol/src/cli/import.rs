//! `ondol import`: a data file into a collection. Can be interrupted and asked again; works beside a running service.

use std::fs::File;
use std::io::{BufWriter, Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use api::transfer::{self, Bad, Order, Source, Survey, Tally, Watch};
use base::time::Clock;
use indicatif::HumanCount;
use records::Records;
use serde_json::json;
use store::Store;

use super::place::Place;
use super::progress::Progress;
use super::{say, short};
use crate::failure::Failure;
use crate::lifecycle::Signals;
use crate::part::reach;

/// Bad rows that are told on stderr; all of them stand in the report.
const TOLD_MAX: u64 = 10;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A collection that is missing is made: its fields come from all values of the file.
Ids come from --id-from (a key with a different value in each row), else from the key `id`, else from the
file's bytes and the row's place. So the same file again makes no doubles, and an interrupted import goes on when
it is asked again; with --id-from a newer file changes the records instead of adding to them.")]
pub(super) struct Args {
    /// A file of JSON, JSON Lines or CSV, in UTF-8
    #[arg(value_name = "FILE")]
    data: PathBuf,
    /// The collection
    #[arg(long, value_name = "NAME")]
    into: String,
    /// Take each record's id from this key of its row
    #[arg(long, value_name = "FIELD")]
    id_from: Option<String>,
    /// Give the collection the fields that the file has and it has not
    #[arg(long)]
    add_fields: bool,
    /// Where rows that are not taken are reported [default: NAME.rejected.jsonl]
    #[arg(long, value_name = "REPORT")]
    rejected: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut config = args.place.config()?;
    let begun = Instant::now();
    let source = Source::open(&args.data)?;
    let survey = survey(&source)?;
    if survey.rows == 0 && survey.bad == 0 {
        return Err(Failure::failed(format!("there are no rows in {}", args.data.display())));
    }
    let order =
        Order { collection: args.into.clone(), id_from: args.id_from.clone(), adds_fields: args.add_fields };
    let report =
        args.rejected.clone().unwrap_or_else(|| PathBuf::from(format!("{}.rejected.jsonl", args.into)));
    let mut onlooker = Onlooker::new(&args.data, report, survey.rows + survey.bad);
    let tally = short(async {
        let signals =
            Signals::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
        let stopped = onlooker.stopped.clone();
        reach::find_primary(&mut config).await?;
        let store = Store::open(config.store, Clock::System).await?;
        let records = Records::open(store.clone(), Clock::System, config.records).await?;
        let loading = transfer::load(&records, &source, &survey, &order, &mut onlooker);
        let done = tokio::select! {
            done = loading => done,
            () = raise(signals, &stopped) => unreachable!("it waits for ever once the flag is up"),
        };
        store.close().await;
        Ok(done?)
    })?;
    onlooker.finish()?;
    conclude(args, &onlooker, &tally, begun)
}

/// Puts the flag up at the first signal, and waits on.
async fn raise(mut signals: Signals, stopped: &AtomicBool) {
    signals.next().await;
    stopped.store(true, Ordering::Relaxed);
    std::future::pending().await
}

fn survey(source: &Source) -> Result<Survey, Failure> {
    let mut progress = Progress::bytes("reading", source.size());
    let survey = source.survey(&mut || progress.at(source.bytes_read()))?;
    progress.end();
    Ok(survey)
}

/// What is said at the end, and the exit code.
fn conclude(args: &Args, onlooker: &Onlooker, tally: &Tally, begun: Instant) -> Result<(), Failure> {
    let seconds = begun.elapsed().as_secs_f64();
    let (created, updated, same) =
        (HumanCount(tally.created), HumanCount(tally.updated), HumanCount(tally.unchanged));
    say(&format!(
        "{}: {created} made, {updated} changed, {same} the same already, in {seconds:.1} s",
        args.into
    ))?;
    if tally.repeated > 0 {
        let repeated = HumanCount(tally.repeated);
        onlooker
            .tell(&format!("{repeated} rows have the id of an earlier row; of each id the last row counts"));
    }
    let mut lines = Vec::new();
    if tally.bad > 0 {
        lines.push(format!(
            "{} of {} rows were not taken; each stands with its reason in {}",
            HumanCount(tally.bad),
            HumanCount(tally.rows()),
            onlooker.report.display()
        ));
    }
    if onlooker.is_stopped() && tally.rows() < onlooker.rows {
        let (done, rows) = (HumanCount(tally.rows()), HumanCount(onlooker.rows));
        lines.push(format!("stopped after {done} of {rows} rows; say the same again to go on"));
    }
    if lines.is_empty() { Ok(()) } else { Err(Failure { lines, code: 1 }) }
}

/// Shows the progress, tells the first bad rows and reports all of them.
struct Onlooker {
    file: String,
    rows: u64,
    progress: Progress,
    report: PathBuf,
    writer: Option<BufWriter<File>>,
    told: u64,
    stopped: Arc<AtomicBool>,
}

impl Onlooker {
    fn new(file: &Path, report: PathBuf, rows: u64) -> Onlooker {
        let name = file.file_name().unwrap_or(file.as_os_str());
        Onlooker {
            file: name.to_string_lossy().into_owned(),
            rows,
            progress: Progress::rows("writing", rows),
            report,
            writer: None,
            told: 0,
            stopped: Arc::default(),
        }
    }

    fn tell(&self, line: &str) {
        self.progress.aside(|| {
            // when even stderr is gone, the report still has it
            let _ = writeln!(stderr(), "ondol: {line}");
        });
    }

    fn write(&mut self, bad: &Bad) -> std::io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(BufWriter::new(File::create(&self.report)?)),
        };
        let line = json!({ "line": bad.line, "why": bad.why, "row": bad.values });
        writeln!(writer, "{line}")
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.progress.end();
        let flushed = self.writer.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|source| {
            transfer::Error::File { path: self.report.display().to_string(), source }.into()
        })
    }
}

impl Watch for Onlooker {
    fn note(&mut self, sentence: &str) {
        self.tell(sentence);
    }

    fn bad(&mut self, bad: Bad) -> Result<(), transfer::Error> {
        self.told += 1;
        match self.told {
            told if told <= TOLD_MAX => self.tell(&format!("{}:{}: {}", self.file, bad.line, bad.why)),
            told if told == TOLD_MAX + 1 => {
                self.tell("further rows that are not taken stand in the report only")
            }
            _ => {}
        }
        self.write(&bad)
            .map_err(|source| transfer::Error::File { path: self.report.display().to_string(), source })
    }

    fn at(&mut self, tally: &Tally) {
        self.progress.at(tally.rows());
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
