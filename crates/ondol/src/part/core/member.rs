//! The settings of this host's member of etcd, as its command takes them (etcd 3.4 and later).

use std::path::{Path, PathBuf};

use super::Part;

/// Bytes that etcd may keep; what we keep in it is a few KiB.
const KEPT_BYTES_MAX: u64 = 256 << 20;
/// Hours of old revisions that it keeps.
const HISTORY_HOURS: u32 = 1;

/// Where this host's keys lie: who vouches, its certificate, its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// How a member without data comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initial {
    /// With all others, for the first time.
    New,
    /// Beside those that are there.
    Joins,
}

/// A member as the others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: u64,
    /// It has told the others where its clients find it, as each does once it takes part.
    pub(crate) has_begun: bool,
    pub(crate) urls: Vec<String>,
}

/// What is to be done before a member without data is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Nothing: it comes in so.
    Start(Initial),
    /// Its data are gone: the others are to forget the one that had them, and to know a new one.
    Replace { id: u64 },
    /// The others are to know of it.
    Add,
}

/// How a member without data comes in. `others` is what those say that answer; `None` when none does, so that there is
/// nothing to come into yet.
pub(crate) fn initial(own_url: &str, others: Option<&[Known]>) -> Entry {
    let Some(others) = others else { return Entry::Start(Initial::New) };
    match others.iter().find(|known| known.urls.iter().any(|url| url == own_url)) {
        None => Entry::Add,
        Some(known) if known.has_begun => Entry::Replace { id: known.id },
        // the others wait for this one to begin, or have begun without it
        Some(_) => match others.iter().all(|known| !known.has_begun) {
            true => Entry::Start(Initial::New),
            false => Entry::Start(Initial::Joins),
        },
    }
}

/// Whether somebody has removed this host's member from among the others', so that what its data say counts no more: most of the
/// `voters` answer, and none of them knows it. One alone may not have heard of it yet.
pub(crate) fn is_forgotten(own_url: &str, told: &[Vec<Known>], voters: usize) -> bool {
    let is_known = |known: &Known| known.urls.iter().any(|url| url == own_url);
    told.len() * 2 > voters && told.iter().all(|others| !others.is_empty() && !others.iter().any(is_known))
}

/// The arguments of etcd's command. `listen` is where it can listen: its own address, or all where that is somebody else's
/// to translate.
pub(crate) fn arguments(
    part: &Part,
    data: &Path,
    listen: &str,
    initial: Initial,
    files: &Files,
) -> Vec<String> {
    let url = |host: &str, port| format!("https://{}", super::at(host, port));
    let own = |port| url(&part.host, port);
    let client = super::plan::CLIENT_PORT;
    let cluster: Vec<String> =
        part.voters.iter().map(|voter| format!("{voter}={}", Part::peer_url(voter))).collect();
    let file = |path: &Path| path.display().to_string();
    let ms = |time: std::time::Duration| time.as_millis().to_string();
    let settings = [
        ("name", part.host.clone()),
        ("data-dir", data.display().to_string()),
        ("listen-peer-urls", url(listen, super::plan::PEER_PORT)),
        ("initial-advertise-peer-urls", Part::peer_url(&part.host)),
        ("listen-client-urls", url(listen, client)),
        ("advertise-client-urls", own(client)),
        ("initial-cluster", cluster.join(",")),
        ("initial-cluster-token", part.service.clone()),
        ("initial-cluster-state", if initial == Initial::New { "new" } else { "existing" }.to_owned()),
        ("heartbeat-interval", ms(part.timers.heartbeat)),
        ("election-timeout", ms(part.timers.election)),
        // a member that comes back from where it heard nobody asks whether an election is wanted, before it begins one: it would
        // take every lease's time away for nothing (usual from 3.5 on)
        ("pre-vote", "true".to_owned()),
        ("auto-compaction-mode", "periodic".to_owned()),
        ("auto-compaction-retention", HISTORY_HOURS.to_string()),
        ("quota-backend-bytes", KEPT_BYTES_MAX.to_string()),
        // whoever comes shows papers of the hosts' authority, to read as to write
        ("trusted-ca-file", file(&files.authority)),
        ("cert-file", file(&files.certificate)),
        ("key-file", file(&files.key)),
        ("client-cert-auth", "true".to_owned()),
        ("peer-trusted-ca-file", file(&files.authority)),
        ("peer-cert-file", file(&files.certificate)),
        ("peer-key-file", file(&files.key)),
        ("peer-client-cert-auth", "true".to_owned()),
        // a host may come from another address than the one that it is reached at; that it has papers is what counts
        ("experimental-peer-skip-client-san-verification", "true".to_owned()),
        ("logger", "zap".to_owned()),
        ("log-level", "error".to_owned()),
    ];
    settings.into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
}
