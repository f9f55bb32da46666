//! What was seen, as a screen for people and as JSON for programs.

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use store::Stage;

use super::Status;

/// Collections on one line.
const COLLECTIONS_PER_LINE: usize = 4;

/// One sentence, then the rest.
pub(super) fn text(status: &Status) -> String {
    let size = status.about.bytes.map(|bytes| format!(", {}", HumanBytes(bytes))).unwrap_or_default();
    let mut lines = vec![
        sentence(status),
        format!("  database     {}: {}{size}", status.about.engine, status.kept),
        format!("  change log   newest position {}", HumanCount(status.position.unsigned_abs())),
        match &status.web {
            Ok(()) => format!("  web          http://{} answers", status.listen),
            Err(why) => format!("  web          http://{}: {why}", status.listen),
        },
    ];
    let held: Vec<String> =
        status.collections.iter().map(|held| format!("{} {}", held.name, HumanCount(held.records))).collect();
    for (place, some) in held.chunks(COLLECTIONS_PER_LINE).enumerate() {
        let title = if place == 0 { "collections" } else { "" };
        lines.push(format!("  {title:<12} {}", some.join(" · ")));
    }
    for (place, (collection, index, stage)) in status.unready.iter().enumerate() {
        let title = if place == 0 { "indexes" } else { "" };
        lines.push(format!("  {title:<12} {collection}: {index} {}", words(stage)));
    }
    lines.join("\n")
}

/// The same for programs.
pub(super) fn json(status: &Status) -> Value {
    let stage = |stage: &Stage| match stage {
        Stage::Building { progress } => json!({ "state": "building", "progress": progress }),
        Stage::Failed { why } => json!({ "state": "failed", "why": why }),
        Stage::Leaving => json!({ "state": "leaving" }),
        Stage::Ready => json!({ "state": "ready" }),
    };
    let index = |(collection, name, of): &(String, String, Stage)| {
        let mut index = stage(of);
        index["collection"] = json!(collection);
        index["name"] = json!(name);
        index
    };
    json!({
        "state": if status.is_well() { "well" } else { "degraded" },
        "sentence": sentence(status),
        "service": status.service,
        "database": { "engine": status.about.engine, "place": status.kept, "bytes": status.about.bytes },
        "position": status.position,
        "web": { "listen": status.listen, "answers": status.web.is_ok(), "why": status.web.as_ref().err() },
        "collections": status.collections.iter()
            .map(|held| json!({ "name": held.name, "records": held.records })).collect::<Vec<_>>(),
        "indexes": status.unready.iter().map(index).collect::<Vec<_>>(),
    })
}

fn sentence(status: &Status) -> String {
    let service = if status.service.is_empty() { "The service" } else { &status.service };
    let mut faults = Vec::new();
    if let Err(why) = &status.web {
        faults.push(format!("the web server at {} can't be asked: {why}", status.listen));
    }
    if let Some((collection, index, stage)) = status.failed().next() {
        faults.push(format!("the index {index} of {collection} {}", words(stage)));
    }
    match faults.is_empty() {
        true => {
            let records = status.collections.iter().map(|held| held.records).sum();
            format!("{service} is well: it answers, and keeps about {} records.", HumanCount(records))
        }
        false => format!("{service} is not as it should be: {}.", faults.join("; ")),
    }
}

fn words(stage: &Stage) -> String {
    match stage {
        Stage::Ready => "is ready".into(),
        Stage::Building { progress: None } => "is being built".into(),
        Stage::Building { progress: Some(part) } => format!("is being built, {:.0} %", part * 100.0),
        Stage::Failed { why } => format!("could not be built: {why}"),
        Stage::Leaving => "is being dropped".into(),
    }
}
