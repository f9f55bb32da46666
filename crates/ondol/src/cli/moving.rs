//! `ondol move`: the records go to another database while the service runs. Can be interrupted without harm.

mod place;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::time::Clock;
use indicatif::HumanCount;
use records::{Limits, Records};
use store::Stage;
use store::moving::{self, Begun, Fault, Handed, Move, Watch};

use super::place::Place;
use super::progress::Progress;
use super::{say, short};
use crate::failure::Failure;
use crate::lifecycle::Signals;

/// Longest time of one read or transaction: tables are read from end to end.
const TIME_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Time between two looks at indexes that are being built.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Tries to hand over before the service is too busy for it.
const TRIES: u32 = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The service goes on meanwhile; writers wait for the moment in which it is handed over. Whatever ends a move before that
leaves everything as it was, and a new one to the same place begins anew. Files stay in the folder's storage/.")]
pub(super) struct Args {
    /// Where to: postgres://USER@HOST/NAME, mariadb://USER@HOST/NAME or sqlite:FOLDER
    #[arg(long, value_name = "PLACE", required_unless_present = "back")]
    to: Option<String>,
    /// Read the secret of that server's user from a file
    #[arg(long, value_name = "FILE", requires = "to")]
    secret_file: Option<PathBuf>,
    /// Use a database again whose data have moved; what was written since to the other one is not in it
    #[arg(long, conflicts_with = "to")]
    back: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = args.place.existing()?;
    if config.topology.is_some() {
        let what = "the records of several hosts can't be moved yet: export and import them, collection by collection";
        return Err(Failure::usage(what));
    }
    let Some(to) = &args.to else {
        let from = moving::place(&config.store);
        short(async { Ok(moving::come_back(config.store, Clock::System).await?) })?;
        return say(&format!("{from} can be used again, as it was when its data moved."));
    };
    let mut target = config.store.clone();
    place::read(to, args.secret_file.as_deref(), &mut target)?;
    let mut source = config.store.clone();
    for side in [&mut source, &mut target] {
        (side.read_time_max, side.write_time_max) = (TIME_MAX, TIME_MAX);
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let (flag, from) = (stopped.clone(), moving::place(&source));
    let done = short(async {
        let mut signals =
            Signals::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
        let raise = async {
            signals.next().await;
            flag.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = travel(source, target.clone(), config.records, &stopped) => Ok(done),
            () = raise => unreachable!("it waits for ever once the flag is up"),
        }
    })?;
    match done {
        Ok(said) => {
            say(&said)?;
            say(&place::advice(&config.store, &target, args.secret_file.as_deref(), &from))
        }
        Err(Fault::Stopped) => Err(Failure::failed(format!(
            "stopped: the data are in {from} as before, and the service goes on there; the same move said again begins anew"
        ))),
        Err(fault) => Err(fault.into()),
    }
}

/// All steps; the sentence that says what was done.
async fn travel(
    source: store::Config,
    target: store::Config,
    limits: Limits,
    stopped: &AtomicBool,
) -> Result<String, Fault> {
    let mut moving = match Move::begin(source, target.clone(), Clock::System, Records::declaring()).await? {
        Begun::Move(moving) => *moving,
        Begun::Done => {
            return Ok(format!("The data are in {} already, all of them.", moving::place(&target)));
        }
    };
    let done = steps(&mut moving, limits, stopped).await;
    moving.close().await;
    done
}

async fn steps(moving: &mut Move, limits: Limits, stopped: &AtomicBool) -> Result<String, Fault> {
    let rows = moving.rows_about().await?;
    let mut copying = Onlooker::new("copying", rows, stopped);
    moving.copy(&mut copying).await?;
    copying.progress.end();
    let mut quiet = Onlooker::new("following", rows, stopped);
    moving.follow(&mut quiet).await?;
    declare(moving, &limits, stopped).await?;
    let mut comparing = Onlooker::new("comparing", rows, stopped);
    moving.compare(&mut comparing).await?;
    comparing.progress.end();
    for _ in 0..TRIES {
        match moving.hand_over(&mut quiet).await? {
            Handed::Over { pause, rows } => {
                return Ok(format!(
                    "The data are in {} now: {} rows; writers waited for {:.3} s.",
                    moving.place(),
                    HumanCount(rows),
                    pause.as_secs_f64()
                ));
            }
            Handed::NotYet => {}
            Handed::Declared => declare(moving, &limits, stopped).await?,
        }
    }
    Err(Fault::Refused(format!(
        "the service is too busy to be handed over: {TRIES} times writers were let in again; move when less is written"
    )))
}

/// Declares indexes and views on the target, and waits until they are built.
async fn declare(moving: &mut Move, limits: &Limits, stopped: &AtomicBool) -> Result<(), Fault> {
    while moving.was_declared() {
        moving.follow(&mut Onlooker::new("following", 0, stopped)).await?;
    }
    let records = Records::open(moving.target().clone(), Clock::System, limits.clone()).await;
    let records = records.map_err(refused)?;
    records.declare().await.map_err(refused)?;
    let mut building: Option<Onlooker<'_>> = None;
    loop {
        let states = moving.target().indexes().await?;
        if let Some((name, why)) = states.iter().find_map(|state| match &state.stage {
            Stage::Failed { why } => Some((&state.name, why)),
            _ => None,
        }) {
            return Err(Fault::Refused(format!("the index {name} can't be built on the target: {why}")));
        }
        let ready = states.iter().filter(|state| matches!(state.stage, Stage::Ready)).count();
        if ready == states.len() {
            building.iter().for_each(|onlooker| onlooker.progress.end());
            return Ok(());
        }
        let onlooker = building.get_or_insert_with(|| Onlooker::new("indexes", states.len() as u64, stopped));
        onlooker.at(ready as u64);
        if onlooker.is_stopped() {
            return Err(Fault::Stopped);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn refused(error: records::Error) -> Fault {
    match error {
        records::Error::Store(error) => error.into(),
        error => Fault::Refused(Failure::from(error).lines.join("; ")),
    }
}

/// Shows how far a step is, and hands on that the move is to end.
struct Onlooker<'a> {
    progress: Progress,
    stopped: &'a AtomicBool,
}

impl<'a> Onlooker<'a> {
    fn new(what: &'static str, rows: u64, stopped: &'a AtomicBool) -> Onlooker<'a> {
        Onlooker { progress: Progress::rows(what, rows), stopped }
    }
}

impl Watch for Onlooker<'_> {
    fn at(&mut self, rows: u64) {
        self.progress.at(rows);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        match fault {
            Fault::Store(error) => error.into(),
            fault => Failure::failed(fault.to_string()),
        }
    }
}
