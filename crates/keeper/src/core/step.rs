//! What can be done, one step at a time. Each step asks first whether it is done already, so that it can be repeated.

use std::collections::BTreeSet;

use super::name::{Epoch, Host, Position};
use super::view::{Acks, Lease};

/// One step. Steps of a decision are done in order; the first that fails ends it, and the world is looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Database: kill it, so that it acknowledges nothing from here on.
    Fence,
    /// Database: make a new, empty one.
    Init,
    /// Database: start it as a replica of nobody.
    Start,
    /// Database: follow this primary; start as its replica where it does not run.
    Follow(Source),
    /// Database: take back what this primary does not have, then follow it.
    Rewind(Source),
    /// Database: replace it by a copy of this primary's, then follow it.
    Clone(Source),
    /// Database: receive no more, and see that what was received outlives the process.
    Secure,
    /// Database: from here on commits wait for these. Done when it binds every commit.
    Acks(Acks),
    /// Database: become primary of this epoch.
    Promote {
        /// The epoch, acquired before.
        epoch: Epoch,
    },
    /// Database: write everything down, so that others can be rewound to it. Does not wait for its end.
    Checkpoint,
    /// Database: stop in order, after every replica that is there has got everything.
    Drain,
    /// Store: the first reign, if the store is empty: identity, leader key, and who has everything.
    Establish,
    /// Store: the leader key with this epoch, and from then on this host alone has everything; if there is no leader and who
    /// has everything is still as it was read. Removes the word about a planned change.
    Acquire {
        /// The new epoch.
        epoch: Epoch,
        /// By which right.
        right: Right,
    },
    /// Store: take the leader key away, if it and the last sign of life of who holds it are still as they were read.
    Depose,
    /// Store: who may become primary, if the leader key is mine and all is still as it was read.
    Eligible {
        /// They, this host among them.
        hosts: BTreeSet<Host>,
        /// How far they have come at least.
        position: Position,
    },
    /// Store: where this reign's line of history began, if the leader key is mine.
    Record {
        /// The reign.
        epoch: Epoch,
        /// Whether others can be rewound to it.
        is_rewindable: bool,
    },
    /// Store: give the leader key back, if it is mine.
    Release,
    /// Store: give the leader key back, and let the other become primary when it has come to this position.
    HandOver {
        /// The other.
        to: Host,
        /// Where this host's database stopped.
        position: Position,
    },
    /// Store: remove the word about a planned change.
    Decline,
    /// Store: let this member lead it.
    MoveJudge {
        /// The member.
        to: u64,
    },
}

/// A primary to follow or to copy: it must be the leader of this epoch before and after.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Who.
    pub host: Host,
    /// Its epoch.
    pub epoch: Epoch,
}

/// By which right a host becomes primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// It has every acknowledged write.
    Eligible,
    /// A person accepted the loss of what it lacks.
    AcceptedLoss,
}

/// What sort of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// [`Step::Fence`].
    Fence,
    /// [`Step::Init`].
    Init,
    /// [`Step::Start`].
    Start,
    /// [`Step::Follow`].
    Follow,
    /// [`Step::Rewind`].
    Rewind,
    /// [`Step::Clone`].
    Clone,
    /// [`Step::Secure`].
    Secure,
    /// [`Step::Acks`].
    Acks,
    /// [`Step::Promote`].
    Promote,
    /// [`Step::Checkpoint`].
    Checkpoint,
    /// [`Step::Drain`].
    Drain,
    /// [`Step::Establish`].
    Establish,
    /// [`Step::Acquire`].
    Acquire,
    /// [`Step::Depose`].
    Depose,
    /// [`Step::Eligible`].
    Eligible,
    /// [`Step::Record`].
    Record,
    /// [`Step::Release`].
    Release,
    /// [`Step::HandOver`].
    HandOver,
    /// [`Step::Decline`].
    Decline,
    /// [`Step::MoveJudge`].
    MoveJudge,
}

impl Step {
    /// What sort of step it is.
    pub fn kind(&self) -> StepKind {
        match self {
            Step::Fence => StepKind::Fence,
            Step::Init => StepKind::Init,
            Step::Start => StepKind::Start,
            Step::Follow(_) => StepKind::Follow,
            Step::Rewind(_) => StepKind::Rewind,
            Step::Clone(_) => StepKind::Clone,
            Step::Secure => StepKind::Secure,
            Step::Acks(_) => StepKind::Acks,
            Step::Promote { .. } => StepKind::Promote,
            Step::Checkpoint => StepKind::Checkpoint,
            Step::Drain => StepKind::Drain,
            Step::Establish => StepKind::Establish,
            Step::Acquire { .. } => StepKind::Acquire,
            Step::Depose => StepKind::Depose,
            Step::Eligible { .. } => StepKind::Eligible,
            Step::Record { .. } => StepKind::Record,
            Step::Release => StepKind::Release,
            Step::HandOver { .. } => StepKind::HandOver,
            Step::Decline => StepKind::Decline,
            Step::MoveJudge { .. } => StepKind::MoveJudge,
        }
    }

    /// Whether it may be done now. What lets commits be answered asks for the lease's deadline right before it is done.
    pub fn may_run(&self, lease: Lease) -> bool {
        match self {
            Step::Promote { .. } | Step::Acks(_) => lease == Lease::Held,
            _ => true,
        }
    }
}
