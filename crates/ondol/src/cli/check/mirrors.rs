//! The mirrors of the file: what each is for, and whether it can be one.

use std::time::Duration;

use base::time::Timestamp;
use store::Engine;
use store::mirror::{self, Holds, Look, Stage};

use super::LOOK_TIME_MAX;
use crate::cli::{say, short};
use crate::config::{Config, Kept};
use crate::failure::Failure;

/// Looks at all of them; what keeps one from following is a fault.
pub(super) fn look(config: &Config) -> Result<(), Failure> {
    let mut faults = Vec::new();
    for (name, engine) in &config.mirrors {
        say(&format!(
            "  the mirror {name} ({}) follows by its login alone, and never leads by itself: if all databases of the sites were \
             lost, it would lack the writes of the last moments; `ondol takeover --to {name}` lets the service go on from it",
            Kept(engine)
        ))?;
        if let Engine::Postgres(server) | Engine::MariaDb(server) = engine
            && server.tls.is_none()
            && !server.host.starts_with('/')
        {
            say(&format!(
                "  note: what goes to {name} is not encrypted: write tls = \"verify\" there, unless the way is your own"
            ))?;
        }
        let target = store::Config { engine: engine.clone(), primary: None, ..config.store.clone() };
        let time = target.connect_time_max + LOOK_TIME_MAX;
        match short(async { Ok(seen(&target, time).await) })? {
            Ok(look) => match words(name, &look) {
                Ok(words) => say(&words)?,
                Err(why) => faults.push(why),
            },
            Err(why) => faults.push(format!("the mirror {name}: {why}")),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure { lines: faults, code: 3 }) }
}

async fn seen(target: &store::Config, time: Duration) -> Result<Look, String> {
    match tokio::time::timeout(time, mirror::look(target)).await {
        Ok(look) => look.map_err(|error| base::error::chain(&error)),
        Err(_) => Err(format!("it has not answered for {} s", time.as_secs())),
    }
}

/// What one is found to be, or what keeps it from following.
fn words(name: &str, look: &Look) -> Result<String, String> {
    if !look.lacks.is_empty() {
        return Err(format!("the mirror {name}: its login lacks the right to {}", look.lacks.join(", ")));
    }
    let holds = match &look.holds {
        Holds::Nothing => "empty: it is copied once the service runs".to_owned(),
        Holds::Records => {
            return Err(format!(
                "the mirror {name} holds a service's records and is no mirror: name an empty database, or empty it"
            ));
        }
        Holds::Mirror { stage: Stage::Released, .. } => {
            return Err(format!(
                "the mirror {name} was released, and follows nobody: if it is the service's database now, name it in [database] \
                 and take the sites out; else empty it, and it is copied anew"
            ));
        }
        Holds::Mirror { stage: Stage::Following, position, as_of } => {
            format!("it has everything up to change {position}, of {}", Timestamp(*as_of))
        }
        Holds::Mirror { .. } => "it is being copied, or mended".to_owned(),
    };
    Ok(format!("  {name} answers: version {}, {holds}", look.version))
}
