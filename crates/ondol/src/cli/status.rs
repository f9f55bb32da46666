//! `ondol status`: one sentence, then one screen: what keeps the data, how far the log is, what the collections hold, which
//! indexes are not ready, and whether the web server answers. Of a balancer: the web servers
//! behind it. Of several hosts: who is what, and what would be lost now.

mod balanced;
mod screen;
mod several;

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use base::time::Clock;
use records::Records;
use records::core::collection::Collection;
use records::core::index;
use serde_json::json;
use store::{About, IndexState, Stage, Store};

use several::Onlooker;

use super::place::Place;
use super::{say, short};
use crate::config::{Config, Kept};
use crate::failure::Failure;
use crate::lifecycle::Signals;
use crate::part::reach::answer;

/// Time between two looks of `--watch`.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for the web server's answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);
/// Clears a terminal and goes to its first place.
const CLEAR: &str = "\x1b[2J\x1b[H";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// As one line of JSON
    #[arg(long)]
    json: bool,
    /// Look again every 2 seconds until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

/// What was seen.
struct Status {
    service: String,
    /// What keeps the data, and where.
    kept: String,
    about: About,
    position: i64,
    collections: Vec<Held>,
    /// Indexes that are not ready, each with its collection and its name there.
    unready: Vec<(String, String, Stage)>,
    listen: String,
    /// What the web server answers to `/api/health`; else why it does not.
    web: Result<(), String>,
}

/// A collection and about how many records it has.
struct Held {
    name: String,
    records: u64,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = args.place.config()?;
    let config = if config.opens_database() { args.place.existing()? } else { config };
    short(async {
        let several = config.topology.as_ref().map(|topology| Onlooker::new(&config, topology));
        let mut several = several.transpose()?;
        let mut signals =
            Signals::new().map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
        loop {
            let seen = tokio::select! {
                seen = seen(&config, several.as_mut()) => seen,
                _ = signals.next() => return Ok(()),
            };
            if args.watch && stdout().is_terminal() && !args.json {
                // a terminal that is gone is found out by the next line
                let _ = stdout().lock().write_all(CLEAR.as_bytes());
            }
            let outcome = show(args, seen);
            if !args.watch {
                return outcome;
            }
            if let Err(Failure { lines, .. }) = outcome {
                lines.iter().try_for_each(|line| say(line))?;
            }
            tokio::select! {
                () = tokio::time::sleep(WATCH_EVERY) => {}
                _ = signals.next() => return Ok(()),
            }
        }
    })
}

/// What is shown.
struct Shown {
    text: String,
    json: serde_json::Value,
    is_well: bool,
}

/// Looks once, at this box or at all hosts.
async fn seen(config: &Config, several: Option<&mut Onlooker<'_>>) -> Result<Shown, Failure> {
    if let Some(onlooker) = several {
        let state = onlooker.look().await?;
        let lines = state.lines.iter().map(|line| format!("\n  {line}"));
        let text = std::iter::once(state.sentence).chain(lines).collect();
        return Ok(Shown { text, json: state.json, is_well: state.faults.is_empty() });
    }
    if !config.opens_database() {
        return balanced::look(config).await;
    }
    let status = look(config).await?;
    let shown = Shown { text: screen::text(&status), json: screen::json(&status), is_well: status.is_well() };
    let has_servers = config.balancer.as_ref().is_some_and(balancer::Config::has_servers);
    if !has_servers {
        return Ok(shown);
    }
    match balanced::look(config).await {
        Ok(behind) => Ok(shown.with(behind)),
        // that nobody runs has been told
        Err(_) if status.web.is_err() => Ok(shown),
        Err(failure) => Err(failure),
    }
}

impl Shown {
    /// The same with how the servers behind the routes are; what is not as it should be goes first.
    fn with(self, behind: Shown) -> Shown {
        let Shown { text, mut json, is_well } = self;
        json["balancers"] = behind.json["balancers"].clone();
        let text = if behind.is_well {
            format!("{text}\n{}", behind.text)
        } else {
            for word in ["state", "sentence"] {
                json[word] = behind.json[word].clone();
            }
            format!("{}\n{text}", behind.text)
        };
        Shown { text, json, is_well: is_well && behind.is_well }
    }
}

fn show(args: &Args, seen: Result<Shown, Failure>) -> Result<(), Failure> {
    match (seen, args.json) {
        (Ok(shown), as_json) => {
            say(&if as_json { shown.json.to_string() } else { shown.text })?;
            // what is not as it should be stands in the first sentence already
            if shown.is_well { Ok(()) } else { Err(Failure { lines: Vec::new(), code: 3 }) }
        }
        (Err(failure), true) => {
            let told = json!({ "state": "failed", "sentence": failure.lines.join("; ") });
            say(&told.to_string())?;
            Err(Failure { lines: Vec::new(), code: failure.code })
        }
        (Err(failure), false) => Err(failure),
    }
}

impl Status {
    fn is_well(&self) -> bool {
        self.web.is_ok() && self.failed().next().is_none()
    }

    fn failed(&self) -> impl Iterator<Item = &(String, String, Stage)> {
        self.unready.iter().filter(|(_, _, stage)| matches!(stage, Stage::Failed { .. }))
    }
}

/// Looks at everything once.
async fn look(config: &Config) -> Result<Status, Failure> {
    if !matches!(config.store.engine, store::Engine::Sqlite)
        && super::check::look(&config.store).await?.is_new
    {
        let kept = Kept(&config.store.engine);
        return Err(Failure::failed(format!("{kept} holds nothing yet; `ondol serve` makes what is needed")));
    }
    let store = Store::open(config.store.clone(), Clock::System).await?;
    let seen = look_at(config, &store).await;
    store.close().await;
    seen
}

async fn look_at(config: &Config, store: &Store) -> Result<Status, Failure> {
    let records = Records::open(store.clone(), Clock::System, config.records.clone()).await?;
    let catalog = records.catalog();
    let mut collections = Vec::with_capacity(catalog.all().len());
    for collection in catalog.all() {
        let records = store.count_about(&collection.table()).await?;
        collections.push(Held { name: collection.name.clone(), records });
    }
    let states = store.indexes().await?;
    let kept = match config.store.engine {
        store::Engine::Sqlite => config.store.dir.join("data.db").display().to_string(),
        _ => Kept(&config.store.engine).to_string(),
    };
    Ok(Status {
        service: config.service.clone(),
        kept,
        about: store.about().await?,
        position: store.newest().await?.0,
        collections,
        unready: catalog.all().iter().flat_map(|collection| unready(collection, &states)).collect(),
        listen: config.listen.clone(),
        web: answer::ask(&config.listen, ANSWER_TIME_MAX, "ondol serve").await,
    })
}

/// The indexes of a collection that are not ready.
fn unready(collection: &Collection, states: &[IndexState]) -> Vec<(String, String, Stage)> {
    let of = |declared: &index::Index| {
        let name = index::store_name(declared, collection);
        let found = states.iter().find(|state| state.name == name && state.stage != Stage::Ready)?;
        Some((collection.name.clone(), declared.name.clone(), found.stage.clone()))
    };
    collection.indexes.iter().filter_map(of).collect()
}
