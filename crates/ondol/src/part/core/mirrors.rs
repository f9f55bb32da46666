//! How the mirrors are, by what the host says of them that looks after them; the same in words.

use std::collections::BTreeMap;
use std::time::Duration;

use base::time::Timestamp;
use cluster::View;
use cluster::layout::MirrorStage;
use console::continuity::{Alarm, Behind, Mirror, MirrorFault, Mirrors};
use serde_json::{Value, json};
use store::Engine;

use crate::config::Kept;

/// How long nothing may be heard of a mirror, in milliseconds: it is told of every ten seconds.
const SILENCE_MAX: i64 = 40_000;
/// How far a mirror that follows may be behind before somebody is to look after it.
const BEHIND_MAX: Duration = Duration::from_secs(60);

/// How those of the file are.
pub(crate) fn mirrors(files: &BTreeMap<String, Engine>, view: &View, now: Timestamp) -> Vec<Mirror> {
    files.iter().map(|(name, engine)| mirror(name, engine, view, now)).collect()
}

fn mirror(name: &str, engine: &Engine, view: &View, now: Timestamp) -> Mirror {
    let place = Kept(engine).to_string();
    let mirror = Mirror { name: name.to_owned(), place, ..Mirror::default() };
    let Some(told) = view.mirrors.get(name).map(|told| &told.what) else { return mirror };
    let done = (told.rows_about > 0).then(|| {
        let part = told.rows.saturating_mul(100) / told.rows_about;
        u8::try_from(part.min(99)).unwrap_or(99)
    });
    let is_silent = now.0 - told.told > SILENCE_MAX && told.stage != MirrorStage::Released;
    let is_known = told.as_of > 0;
    // of one that can't be brought anything, time goes on
    let until = if told.trouble.is_some() || is_silent { now.0 } else { told.told };
    let late = u64::try_from(until - told.as_of).unwrap_or(0);
    let behind = Behind {
        time: is_known.then(|| Duration::from_millis(late)),
        writes: u64::try_from(told.newest - told.position).ok().filter(|_| is_known),
        ..Behind::default()
    };
    Mirror {
        does: match told.stage {
            _ if is_silent => Mirrors::Unheard,
            MirrorStage::Copying => Mirrors::Copied(done),
            MirrorStage::Mending => Mirrors::Mended(done),
            MirrorStage::Following => Mirrors::Follows,
            MirrorStage::Released => Mirrors::Released,
            MirrorStage::Unknown => Mirrors::Unheard,
        },
        behind: if told.stage == MirrorStage::Released { Behind::default() } else { behind },
        position: told.position,
        as_of: if is_known { Timestamp(told.as_of).to_string().replacen(' ', "T", 1) } else { String::new() },
        version: told.version.clone(),
        trouble: told.trouble.clone(),
        ..mirror
    }
}

/// What is not as it should be with one.
pub(super) fn alarm(mirror: &Mirror) -> Option<Alarm> {
    let what = match (&mirror.trouble, mirror.does, mirror.behind.time) {
        (_, Mirrors::Released, _) => MirrorFault::Released,
        (Some(why), ..) => MirrorFault::Stuck(why.clone()),
        (None, Mirrors::Unheard, _) => MirrorFault::Unheard,
        (None, Mirrors::Copied(_) | Mirrors::Mended(_), _) => MirrorFault::Incomplete,
        (None, Mirrors::Follows, Some(time)) if time > BEHIND_MAX => MirrorFault::Late(time),
        (None, Mirrors::Follows, _) => return None,
    };
    Some(Alarm::Mirror { name: mirror.name.clone(), what })
}

/// That in the command's words.
pub(super) fn sentence(name: &str, what: &MirrorFault) -> String {
    match what {
        MirrorFault::Unheard => format!("the mirror {name} is not heard of"),
        MirrorFault::Stuck(why) => format!("the mirror {name} does not go on: {why}"),
        MirrorFault::Late(time) => format!("the mirror {name} is {} s behind", time.as_secs()),
        MirrorFault::Incomplete => format!("the mirror {name} does not have everything yet"),
        MirrorFault::Released => format!(
            "the mirror {name} was released and follows nobody: it is the service's database now, or is to be emptied"
        ),
    }
}

/// Its line on the screen.
pub(super) fn line(mirror: &Mirror) -> String {
    let part = |part: Option<u8>| part.map_or_else(String::new, |part| format!(", {part} %"));
    let behind = || match (mirror.behind.time, mirror.behind.writes) {
        (Some(time), Some(writes)) => {
            format!(", {:.1} s ({writes} writes) behind", time.as_secs_f64())
        }
        _ => String::new(),
    };
    let does = match mirror.does {
        Mirrors::Copied(done) => format!("is being copied{}", part(done)),
        Mirrors::Mended(done) => format!("is being compared and mended{}{}", part(done), behind()),
        Mirrors::Follows if mirror.trouble.is_some() => format!("does not go on{}", behind()),
        Mirrors::Follows => format!("follows{}", behind()),
        Mirrors::Released => "a database of its own now".to_owned(),
        Mirrors::Unheard => format!("not heard of{}", behind()),
    };
    let version = if mirror.version.is_empty() { String::new() } else { format!(" {}", mirror.version) };
    format!("{:<10} {:<15} {does} · {}{version}", mirror.name, "mirror", mirror.place)
}

/// The same for programs.
pub(super) fn json(mirror: &Mirror) -> Value {
    json!({
        "name": mirror.name,
        "place": mirror.place,
        "state": match mirror.does {
            Mirrors::Copied(_) => "copying",
            Mirrors::Mended(_) => "mending",
            Mirrors::Follows if mirror.trouble.is_some() => "away",
            Mirrors::Follows => "following",
            Mirrors::Released => "released",
            Mirrors::Unheard => "unheard",
        },
        "position": mirror.position,
        "as_of": mirror.as_of,
        "behind_seconds": mirror.behind.time.map(|time| time.as_secs_f64()),
        "behind_writes": mirror.behind.writes,
        "version": mirror.version,
        "trouble": mirror.trouble,
    })
}
