//! What a keeper says of itself and its service: for `ondol status`, the console and the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::exposure::Exposure;
use crate::core::name::{Epoch, Host};
use crate::core::view::{Acks, Handover, Member};

/// How things are, as one keeper saw them last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What this keeper does and why, in a sentence.
    pub sentence: String,
    /// The name of the rule that said so.
    pub rule: &'static str,
    /// What its database is.
    pub state: State,
    /// Who is primary, and in which epoch.
    pub leader: Option<(Host, Epoch)>,
    /// Who has every acknowledged write.
    pub eligible: BTreeSet<Host>,
    /// On the primary: whose confirmation a commit waits for.
    pub acks: Option<Acks>,
    /// The hosts that live, as they describe themselves.
    pub members: BTreeMap<Host, Member>,
    /// A planned change that was asked for.
    pub handover: Option<Handover>,
    /// On the primary: what would be lost if its site vanished now. Nothing while a host of another site is eligible.
    pub exposure: Option<Exposure>,
    /// How long the lease is certain still.
    pub lease_left: Duration,
    /// What the database is busy with, and how far, in a sentence.
    pub work: Option<String>,
    /// What failed last, while it does.
    pub failure: Option<String>,
    /// What a person should know, in sentences.
    pub troubles: Vec<String>,
}

/// What the database of a host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not looked at yet, or it does not answer.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// It does not run.
    Stopped,
    /// It follows, or would.
    Replica,
    /// It takes writes.
    Primary,
}
